//! The rules of the kernel interfaces that this crate enforces, each with the code that Windows gives it.
//!
//! Where Windows (its kernel, or Driver Verifier) checks the same thing, code and first parameter are those that
//! Windows reports. Where it checks nothing, or has no number of its own, the code is the nearest in meaning and the
//! parameter is from [`OWN`] on.

pub mod io;

pub use hosted_rule::Rule;
use hosted_rule::rules;

/// The first of the parameters of rules that Windows does not check in this form: with its code, each has its own.
pub const OWN: usize = 0xFFFF_0000;

rules! {
    /// `KfRaiseIrql` to a level below the current one.
    RAISE_TO_LOWER = 0xC4, 0x30, "IrqlKeRaiseLower", "KeRaiseIrql";
    /// `KeLowerIrql` to a level above the current one.
    LOWER_TO_HIGHER = 0xC4, 0x31, "IrqlKeRaiseLower", "KeLowerIrql";
    /// The level lowered below `DISPATCH_LEVEL` while the thread holds a spin lock.
    LOWER_WITH_SPIN_LOCK = 0xC4, OWN, "SpinLockIrql", "Introduction to Spin Locks";
    /// A `Ke` function called above `DISPATCH_LEVEL`.
    IRQL_KE_DISPATCH_LTE = 0xC4, 0x20011, "IrqlKeDispatchLte", "IrqlKeDispatchLte rule (wdm)";
    /// A `Ke` function called above `APC_LEVEL`.
    IRQL_KE_APC_LTE = 0xC4, 0x2000F, "IrqlKeApcLte1", "IrqlKeApcLte1 rule (wdm)";
    /// `KeSetEvent` above `DISPATCH_LEVEL`, or above `APC_LEVEL` with `Wait`.
    IRQL_KE_SET_EVENT = 0xC4, 0x20016, "IrqlKeSetEvent", "IrqlKeSetEvent rule (wdm)";
    /// The level lowered to another one than that from before it was raised.
    LOWER_NOT_SAVED = 0xC4, OWN + 9, "IrqlKeRaiseLower2", "IrqlKeRaiseLower2 rule (wdm)";
    /// A spin lock released at another level than `DISPATCH_LEVEL`.
    IRQL_KE_RELEASE_SPIN_LOCK = 0xC4, 0x20015, "IrqlKeReleaseSpinLock", "IrqlKeReleaseSpinLock rule (wdm)";
    /// An executive function called above `APC_LEVEL`.
    IRQL_EX_APC_LTE = 0xC4, 0x20005, "IrqlExApcLte1", "IrqlExApcLte1 rule (wdm)";
    /// A function of paged lookaside lists called above `APC_LEVEL`.
    IRQL_EX_APC_LTE_2 = 0xC4, 0x20006, "IrqlExApcLte2", "IrqlExApcLte2 rule (wdm)";
    /// A function called above `DISPATCH_LEVEL`.
    IRQL_DISPATCH = 0xC4, 0x20003, "IrqlDispatch", "IrqlDispatch rule (wdm)";
    /// An I/O manager function called above `DISPATCH_LEVEL`.
    IRQL_IO_DISPATCH = 0xC4, 0x20022, "IrqlIoDispatch", "IrqlIoDispatch rule (wdm)";
    /// A memory manager function called above `DISPATCH_LEVEL`.
    IRQL_MM_DISPATCH = 0xC4, 0x2001A, "IrqlMmDispatch", "IrqlMmDispatch rule (wdm)";
    /// A memory manager function on pageable memory called above `APC_LEVEL`.
    IRQL_MM_APC_LTE = 0xC4, 0x20019, "IrqlMmApcLte", "IrqlMmApcLte rule (wdm)";
    /// A process manager function called above `PASSIVE_LEVEL`.
    IRQL_PS_PASSIVE = 0xC4, 0x2001C, "IrqlPsPassive", "IrqlPsPassive rule (wdm)";
    /// A system service called above `PASSIVE_LEVEL`.
    IRQL_ZW_PASSIVE = 0xC4, 0x2001F, "IrqlZwPassive", "IrqlZwPassive rule (wdm)";
    /// A function of the run-time library called above `PASSIVE_LEVEL`.
    IRQL_RTL_PASSIVE = 0xC4, 0x2001E, "IrqlRtlPassive", "IrqlRtlPassive rule (wdm)";
    /// A counted string whose lengths cannot be: longer than its buffer, of half a character, or without a buffer.
    STRING_INVALID = 0xC4, OWN + 0x23, "StringInvalid", "UNICODE_STRING";
    /// A function of the kernel that must be called at `PASSIVE_LEVEL`.
    IRQL_KE_PASSIVE = 0xC4, 0x20008, "IrqlExPassive", "KeFlushQueuedDpcs";

    /// A driver's routine returned at another level than it was called at.
    IRQL_RETURN = 0xC4, 0x2001D, "IrqlReturn", "IrqlReturn rule (wdm)";
    /// A critical region left without being entered, or not left when a routine returned.
    CRITICAL_REGIONS = 0xC4, 0x40003, "CriticalRegions", "CriticalRegions rule (wdm)";
    /// A driver's routine returned with a spin lock held.
    SPIN_LOCK_AT_RETURN = 0xC4, 0x40009, "SpinLock", "SpinLock rule (wdm)";

    /// An allocation of no bytes.
    POOL_ZERO_SIZE = 0xC4, 0x00, "PoolZeroSize", "ExAllocatePool2";
    /// Paged pool allocated above `APC_LEVEL`.
    POOL_PAGED_IRQL = 0xC4, 0x01, "IrqlExAllocatePool", "IrqlExAllocatePool rule (wdm)";
    /// Non-paged pool allocated above `DISPATCH_LEVEL`.
    POOL_NON_PAGED_IRQL = 0xC4, 0x02, "IrqlExAllocatePool", "IrqlExAllocatePool rule (wdm)";
    /// Paged pool freed above `APC_LEVEL`.
    POOL_FREE_PAGED_IRQL = 0xC4, 0x11, "IrqlExFree1", "IrqlExFree1 rule (wdm)";
    /// Non-paged pool freed above `DISPATCH_LEVEL`.
    POOL_FREE_NON_PAGED_IRQL = 0xC4, 0x12, "IrqlExFree2", "IrqlExFree2 rule (wdm)";
    /// An address freed that no allocation returned.
    POOL_BAD_ADDRESS = 0xC2, 0x46, "PoolBadAddress", "Bug Check 0xC2: BAD_POOL_CALLER";
    /// A block freed a second time.
    POOL_DOUBLE_FREE = 0xC2, 0x07, "PoolDoubleFree", "Bug Check 0xC2: BAD_POOL_CALLER";
    /// A block freed under another tag than it was allocated with.
    POOL_WRONG_TAG = 0xC2, 0x0A, "PoolWrongTag", "Bug Check 0xC2: BAD_POOL_CALLER";
    /// Bytes changed after the end, or before the start, of a block.
    POOL_OVERRUN = 0xC1, 0x23, "PoolOverrun", "Bug Check 0xC1: SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION";
    /// A block written to after it was freed.
    POOL_WRITE_AFTER_FREE = 0xC6, OWN, "PoolWriteAfterFree", "Bug Check 0xC6: DRIVER_CAUGHT_MODIFYING_FREED_POOL";
    /// A block read or written after it was freed, in special pool.
    POOL_ACCESS_AFTER_FREE = 0xD5, 0, "PoolAccessAfterFree",
        "Bug Check 0xD5: DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL";
    /// An address read or written beyond the end of a block, in special pool.
    POOL_ACCESS_BEYOND_END = 0xD6, 0, "PoolAccessBeyondEnd",
        "Bug Check 0xD6: DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION";
    /// An address read or written before the start of a block, in special pool.
    POOL_ACCESS_BEFORE_START = 0xD6, OWN, "PoolAccessBeforeStart",
        "Bug Check 0xD6: DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION";
    /// A block freed while an MDL has its pages locked.
    POOL_FREED_LOCKED = 0xC4, OWN + 0x20, "PoolFreedWhileLocked", "MmUnlockPages";
    /// A block left when its driver was unloaded or the machine shut down.
    POOL_LEAK = 0xC4, 0x62, "PoolLeak", "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// A lookaside list initialised again without being deleted.
    LOOKASIDE_INITIALIZED_TWICE = 0xC4, 0xCA, "LookasideInitializedTwice",
        "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// A lookaside list used or deleted that was not initialised, or was deleted.
    LOOKASIDE_NOT_INITIALIZED = 0xC4, 0xCB, "LookasideNotInitialized",
        "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// A block freed with a lookaside list in it that was not deleted.
    LOOKASIDE_FREED = 0xC4, 0xCC, "LookasideFreed", "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// A lookaside list of entries that are too small to be linked.
    LOOKASIDE_SIZE = 0xC4, 0xCD, "LookasideEntrySize", "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// A lookaside list deleted while entries of it are allocated.
    LOOKASIDE_ENTRIES_OUT = 0xC4, OWN + 0x21, "LookasideEntriesOut", "Using Lookaside Lists";
    /// Something freed to a lookaside list that is no allocated entry of it.
    LOOKASIDE_FOREIGN_ENTRY = 0xC4, OWN + 0x22, "LookasideForeignEntry", "ExFreeToLookasideListEx";
    /// A lookaside list left when its driver was unloaded or the machine shut down.
    LOOKASIDE_LEFT = 0xCE, OWN + 7, "LookasideLeft",
        "Bug Check 0xCE: DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS";
    /// A list whose links contradict each other, or an entry inserted that is in the list.
    LIST_CORRUPT = 0x139, 0x3, "ListCorrupt", "Bug Check 0x139: KERNEL_SECURITY_CHECK_FAILURE";
    /// The head or an entry of a sequenced list, or a lookaside list, that is not aligned to 16 bytes.
    LIST_ALIGNMENT = 0x1E, 0x8000_0002, "ListAlignment", "Singly and Doubly Linked Lists";
    /// Executable pool asked for.
    POOL_EXECUTABLE = 0xC4, 0x2000, "PoolExecutable", "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// Paged pool touched by the kernel, for a driver, above `APC_LEVEL`.
    PAGED_AT_DISPATCH = 0x0A, OWN, "PagedAtDispatch", "Bug Check 0xA: IRQL_NOT_LESS_OR_EQUAL";
    /// Paged pool read or written by a driver above `APC_LEVEL`.
    PAGED_ACCESS_AT_DISPATCH = 0xD1, OWN, "PagedAtDispatch", "Bug Check 0xD1: DRIVER_IRQL_NOT_LESS_OR_EQUAL";
    /// An event, semaphore, mutex, timer, DPC or spin lock in paged pool, or what threads wait with.
    OBJECT_IN_PAGED_POOL = 0xC4, 0xE1, "ObjectInPagedPool", "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// A call that reports failure by an exception, which nothing in a Rust driver can catch.
    EXCEPTION = 0x1E, OWN, "UnhandledException", "Bug Check 0x1E: KMODE_EXCEPTION_NOT_HANDLED";
    /// A driver's routine panicked.
    DRIVER_PANIC = 0x1E, OWN + 1, "DriverPanic", "Bug Check 0x1E: KMODE_EXCEPTION_NOT_HANDLED";
    /// A driver used an address where no memory is.
    ACCESS_VIOLATION = 0x1E, 0xC000_0005, "AccessViolation", "Bug Check 0x1E: KMODE_EXCEPTION_NOT_HANDLED";
    /// A block freed while a timer in it is set.
    TIMER_FREED = 0xC7, 0x0, "TimerFreed", "Bug Check 0xC7: TIMER_OR_DPC_INVALID";
    /// A block freed while a DPC in it is queued.
    DPC_FREED = 0xC7, 0x1, "DpcFreed", "Bug Check 0xC7: TIMER_OR_DPC_INVALID";
    /// A block freed while the thread holds a spin lock in it.
    SPIN_LOCK_FREED = 0xC4, 0x100B, "SpinLockFreed", "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";

    /// A wait above `DISPATCH_LEVEL`.
    WAIT_ABOVE_DISPATCH = 0xC4, 0x120, "IrqlKeDispatchLte", "KeWaitForSingleObject";
    /// A wait without limit at `DISPATCH_LEVEL`.
    WAIT_AT_DISPATCH = 0xC4, 0x121, "WaitAtDispatch", "KeWaitForSingleObject";
    /// A wait with a limit other than zero at `DISPATCH_LEVEL`.
    WAIT_AT_DISPATCH_LIMITED = 0xC4, 0x122, "WaitAtDispatch", "KeWaitForSingleObject";
    /// A wait with a spin lock held.
    WAIT_WITH_SPIN_LOCK = 0xB8, OWN, "WaitWithSpinLock", "Introduction to Spin Locks";
    /// A dispatcher object that was never initialised, was moved since, or is of no kind that can be waited for.
    DISPATCHER_OBJECT = 0xC4, OWN + 1, "DispatcherObject", "Defining and Using an Event Object";
    /// A block freed while a thread waits for an object in it, or owns a mutex in it.
    DISPATCHER_OBJECT_FREED = 0xC4, OWN + 5, "DispatcherObjectFreed", "Defining and Using an Event Object";
    /// An event, semaphore or mutex initialised while a thread waits for it or owns it.
    OBJECT_INITIALIZED_IN_USE = 0xC4, OWN + 11, "DispatcherObjectInitializedInUse", "KeInitializeEvent";
    /// A wait that went on past the limit which the test set (`Config::wait_limit`).
    WAIT_TOO_LONG = 0x101, OWN, "WaitTooLong", "KeWaitForSingleObject";
    /// A wait for more objects than there are wait blocks for.
    WAIT_OBJECTS = 0x0C, 0x0, "WaitObjects", "Bug Check 0xC: MAXIMUM_WAIT_OBJECTS_EXCEEDED";
    /// A wait for no objects, for one of them twice and all, or for neither all nor any.
    WAIT_TYPE = 0x0C, OWN, "WaitType", "KeWaitForMultipleObjects";

    /// A semaphore's count raised above its limit, by less than one, or a count or limit at the start that cannot be.
    SEMAPHORE_LIMIT = 0x1E, 0xC000_0047, "SemaphoreLimit", "KeReleaseSemaphore";
    /// A mutex released by a thread that does not own it.
    MUTEX_NOT_OWNED = 0x1E, 0xC000_0046, "MutexNotOwned", "KeReleaseMutex";
    /// A mutex acquired at `DISPATCH_LEVEL` and released below, or the other way round.
    MUTEX_LEVEL = 0x1E, OWN + 2, "MutexLevel", "KeReleaseMutex";
    /// A wait for a mutex in user mode.
    MUTEX_USER_WAIT = 0xC4, OWN + 13, "MutexUserModeWait", "KeWaitForMutexObject";
    /// A fast mutex acquired above `APC_LEVEL`.
    FAST_MUTEX_ACQUIRE_IRQL = 0xC4, 0x33, "FastMutexAcquireIrql", "ExAcquireFastMutex";
    /// A fast mutex released at another level than `APC_LEVEL`.
    FAST_MUTEX_RELEASE_IRQL = 0xC4, 0x34, "FastMutexReleaseIrql", "ExReleaseFastMutex";
    /// A fast mutex acquired by the thread that owns it.
    FAST_MUTEX_RECURSION = 0xC4, 0x1000, "FastMutexRecursion", "Fast Mutexes and Guarded Mutexes";
    /// A fast mutex released by a thread that does not own it.
    FAST_MUTEX_NOT_OWNED = 0xC4, 0x1007, "FastMutexNotOwned", "ExReleaseFastMutex";
    /// A driver's routine returned and its thread owns a mutex that it has acquired.
    MUTEX_AT_RETURN = 0xC4, 0xC5, "MutexAtReturn", "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// A thread ended that owns a mutex.
    MUTEX_OWNER_ENDED = 0x4000_008A, 0x0, "MutexOwnerEnded", "Bug Check 0x4000008A: THREAD_TERMINATE_HELD_MUTEX";
    /// A mutex owned when its driver was unloaded or the machine shut down.
    MUTEX_LEFT = 0xCE, OWN + 6, "MutexLeft",
        "Bug Check 0xCE: DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS";

    /// A spin lock acquired by the thread that holds it.
    SPIN_LOCK_RECURSION = 0x0F, OWN, "SpinLock", "Bug Check 0xF: SPIN_LOCK_ALREADY_OWNED";
    /// A spin lock released by a thread that does not hold it.
    SPIN_LOCK_NOT_OWNED = 0x10, OWN, "SpinLock", "Bug Check 0x10: SPIN_LOCK_NOT_OWNED";
    /// A spin lock acquired by one form and released by the other.
    SPIN_LOCK_FORM = 0xC4, 0x1009, "SpinLockRelease", "SpinlockRelease rule (wdm)";
    /// The form for callers at `DISPATCH_LEVEL`, called below it.
    SPIN_LOCK_AT_DPC = 0xC4, 0x40, "SpinLockDpc", "KeAcquireSpinLockAtDpcLevel";

    /// A spin lock released to another level than the thread came from.
    SPIN_LOCK_OLD_IRQL = 0xC4, OWN + 10, "SpinLockOldIrql", "KeReleaseSpinLock";
    /// A spin lock initialised by the thread that holds it.
    SPIN_LOCK_INITIALIZED_HELD = 0xC4, 0x1005, "SpinLockInitializedHeld",
        "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// Two locks acquired in one order here, and in the other there.
    LOCK_ORDER = 0xC4, 0x1001, "LockOrder", "Deadlock Detection";

    /// A spin lock that was not released in time for who waited for it.
    SPIN_LOCK_STUCK = 0x133, 0x1, "SpinLockNotReleased", "Bug Check 0x133: DPC_WATCHDOG_VIOLATION";
    /// A DPC that did not return in time for who waited for it.
    DPC_STUCK = 0x133, 0x0, "DpcNotReturned", "Bug Check 0x133: DPC_WATCHDOG_VIOLATION";

    /// A DPC or timer that was never initialised.
    DPC_NOT_INITIALIZED = 0xC7, OWN, "DpcNotInitialized", "KeInitializeDpc";
    /// A timer initialised while it is set.
    TIMER_INITIALIZED_SET = 0xC7, OWN + 2, "TimerInitializedSet", "Bug Check 0xC7: TIMER_OR_DPC_INVALID";
    /// A DPC initialised while it is queued.
    DPC_INITIALIZED_QUEUED = 0xC7, OWN + 3, "DpcInitializedQueued", "Bug Check 0xC7: TIMER_OR_DPC_INVALID";
    /// `KeFlushQueuedDpcs` called by a DPC.
    DPC_FLUSH_IN_DPC = 0xC7, OWN + 1, "DpcFlushInDpc", "KeFlushQueuedDpcs";
    /// A timer set, or a DPC queued, when its driver was unloaded or the machine shut down.
    TIMER_LEFT = 0xCE, OWN, "TimerLeft",
        "Bug Check 0xCE: DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS";

    /// A work item freed while it is queued.
    WORK_ITEM_FREED = 0xE4, 0x2, "WorkItemFreedWhileQueued", "Bug Check 0xE4: WORKER_INVALID";
    /// A work item queued while it is queued.
    WORK_ITEM_QUEUED_TWICE = 0xE4, 0x1, "WorkItemQueuedTwice", "Bug Check 0xE4: WORKER_INVALID";
    /// Something used as a work item that `IoAllocateWorkItem` did not return, or that was freed.
    WORK_ITEM_INVALID = 0xE4, 0x3, "WorkItemInvalid", "Bug Check 0xE4: WORKER_INVALID";
    /// A work item queued, or made, for a device that the driver has deleted.
    WORK_ITEM_DEVICE_DELETED = 0xE4, OWN, "WorkItemDeviceDeleted", "IoQueueWorkItem";
    /// A work item left when its driver was unloaded or the machine shut down.
    WORK_ITEM_LEAK = 0xC4, 0x62, "WorkItemLeak", "IoAllocateWorkItem";
    /// A work item still queued or running when its driver was unloaded.
    WORK_ITEM_LEFT = 0xCE, OWN + 1, "WorkItemLeft",
        "Bug Check 0xCE: DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS";

    /// A thread left when its driver was unloaded or the machine shut down.
    THREAD_LEFT = 0xCE, OWN + 2, "ThreadLeft",
        "Bug Check 0xCE: DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS";
    /// `PsTerminateSystemThread` by a thread that `PsCreateSystemThread` did not make.
    THREAD_NOT_SYSTEM = 0xC4, OWN + 2, "ThreadNotSystem", "PsTerminateSystemThread";
    /// A kernel handle that is not open.
    HANDLE_INVALID = 0x93, 0x0, "HandleInvalid", "Bug Check 0x93: INVALID_KERNEL_HANDLE";
    /// A handle left open when its driver was unloaded or the machine shut down.
    HANDLE_LEAK = 0xC4, OWN + 3, "HandleLeak", "ZwClose";

    /// Run-down protection released more often than acquired.
    RUNDOWN_NOT_HELD = 0x18, OWN, "RundownNotHeld", "ExReleaseRundownProtection";

    /// Something used as an MDL that `IoAllocateMdl` did not return, or that was freed, and that is none which the driver
    /// has initialised in non-paged memory of its own.
    MDL_INVALID = 0xC4, OWN + 4, "MdlInvalid", "IoFreeMdl";
    /// An MDL built over memory that is no live block of non-paged pool, or reaches beyond it.
    MDL_NOT_NON_PAGED = 0xC4, 0x7F, "MdlNotNonPagedPool", "MmBuildMdlForNonPagedPool";
    /// An MDL built or locked a second time.
    MDL_BUILT_TWICE = 0xC4, 0xB0, "MdlBuiltTwice", "MmBuildMdlForNonPagedPool";
    /// A buffer of a process locked with the access mode of the kernel, which probes nothing.
    MDL_USER_AS_KERNEL = 0xC4, OWN + 12, "UserAddressAsKernel", "MmProbeAndLockPages";
    /// Pages unlocked that are not locked.
    MDL_NOT_LOCKED = 0xC4, 0x7C, "MdlNotLocked", "MmUnlockPages";
    /// Pages of non-paged pool unlocked.
    MDL_UNLOCK_NON_PAGED = 0xC4, 0x7D, "MdlUnlockNonPagedPool", "MmUnlockPages";
    /// Pages mapped that are neither locked nor non-paged pool.
    MDL_MAP_UNLOCKED = 0xC4, 0x81, "MdlMapUnlocked", "MmMapLockedPagesSpecifyCache";
    /// Pages mapped that have a system address already.
    MDL_MAPPED_TWICE = 0xC4, 0x75, "MdlMappedTwice", "MmMapLockedPagesSpecifyCache";
    /// Pages mapped as code, because the priority lacks `MdlMappingNoExecute`.
    MDL_EXECUTABLE = 0xC4, 0x2002, "MdlExecutableMapping", "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// An MDL freed while its pages are locked.
    MDL_FREED_LOCKED = 0xCB, OWN, "MdlFreedWhileLocked",
        "Bug Check 0xCB: DRIVER_LEFT_LOCKED_PAGES_IN_PROCESS";
    /// An MDL left when its driver was unloaded or the machine shut down.
    MDL_LEAK = 0xC4, 0x62, "MdlLeak", "IoAllocateMdl";
}
