//! Functions exported by `ntoskrnl.exe`. Microsoft's page of the same name gives each one's IRQL and contract.
#![allow(missing_docs, reason = "each function is documented on Microsoft's page of the same name")]

use core::ffi::{c_char, c_void};

use crate::base::{
    ACCESS_MASK, BOOLEAN, CCHAR, DEVICE_TYPE, GUID, HANDLE, KIRQL, KPROCESSOR_MODE, LARGE_INTEGER,
    LIST_ENTRY, LONG, LONG_PTR, NTSTATUS, PCLIENT_ID, PCUNICODE_STRING, PEPROCESS, PETHREAD,
    POBJECT_ATTRIBUTES, PUNICODE_STRING, PVOID, SIZE_T, ULONG, ULONG_PTR, ULONG64, USHORT, WCHAR,
};
use crate::csq::{
    IO_CSQ, IO_CSQ_IRP_CONTEXT, PIO_CSQ_ACQUIRE_LOCK, PIO_CSQ_COMPLETE_CANCELED_IRP, PIO_CSQ_INSERT_IRP,
    PIO_CSQ_INSERT_IRP_EX, PIO_CSQ_PEEK_NEXT_IRP, PIO_CSQ_RELEASE_LOCK, PIO_CSQ_REMOVE_IRP,
};
use crate::irp::IRP;
use crate::list::{
    LOOKASIDE_LIST_EX, NPAGED_LOOKASIDE_LIST, PAGED_LOOKASIDE_LIST, PALLOCATE_FUNCTION,
    PALLOCATE_FUNCTION_EX, PFREE_FUNCTION, PFREE_FUNCTION_EX, SINGLE_LIST_ENTRY, SLIST_ENTRY, SLIST_HEADER,
};
use crate::mdl::{LOCK_OPERATION, MDL, MEMORY_CACHING_TYPE};
use crate::object::{DEVICE_OBJECT, DRIVER_OBJECT, IO_WORKITEM, IO_WORKITEM_ROUTINE, WORK_QUEUE_TYPE};
use crate::registry::KEY_VALUE_INFORMATION_CLASS;
use crate::rtl::{ANSI_STRING, TIME_FIELDS};
use crate::sync::{
    EVENT_TYPE, EX_RUNDOWN_REF, FAST_MUTEX, KDEFERRED_ROUTINE, KDPC, KEVENT, KMUTEX, KSEMAPHORE, KSPIN_LOCK,
    KTIMER, KWAIT_BLOCK, KWAIT_REASON, TIMER_TYPE, WAIT_TYPE,
};

/// `POOL_FLAG_UNINITIALIZED`: do not zero the block.
pub const POOL_FLAG_UNINITIALIZED: ULONG64 = 0x2;
/// `POOL_FLAG_NON_PAGED`: resident, not executable.
pub const POOL_FLAG_NON_PAGED: ULONG64 = 0x40;
/// `POOL_FLAG_PAGED`: may be paged out; not for `DISPATCH_LEVEL`.
pub const POOL_FLAG_PAGED: ULONG64 = 0x100;

/// `POOL_TYPE`, for [`ExAllocatePoolWithTag`].
pub type POOL_TYPE = i32;
/// `NonPagedPool`: resident, and executable.
pub const NonPagedPool: POOL_TYPE = 0;
/// `PagedPool`: may be paged out; not for `DISPATCH_LEVEL`.
pub const PagedPool: POOL_TYPE = 1;
/// `NonPagedPoolCacheAligned`: resident, executable, at the beginning of a cache line.
pub const NonPagedPoolCacheAligned: POOL_TYPE = 4;
/// `PagedPoolCacheAligned`: may be paged out, at the beginning of a cache line.
pub const PagedPoolCacheAligned: POOL_TYPE = 5;
/// `NonPagedPoolNx`: resident, not executable.
pub const NonPagedPoolNx: POOL_TYPE = 512;
/// `NonPagedPoolNxCacheAligned`: resident, not executable, at the beginning of a cache line.
pub const NonPagedPoolNxCacheAligned: POOL_TYPE = 516;

/// `KSTART_ROUTINE`, the entry of a system thread.
pub type KSTART_ROUTINE = unsafe extern "system" fn(StartContext: PVOID);

/// `THREAD_ALL_ACCESS`.
pub const THREAD_ALL_ACCESS: ACCESS_MASK = 0x001F_FFFF;

unsafe extern "system" {
    // Executive
    pub fn ExAllocatePool2(Flags: ULONG64, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID;
    /// Deprecated, for [`ExAllocatePool2`]; the block is not zeroed.
    pub fn ExAllocatePoolWithTag(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID;
    pub fn ExFreePool(P: PVOID);
    pub fn ExFreePoolWithTag(P: PVOID, Tag: ULONG);
    /// Raises the level to `APC_LEVEL`.
    pub fn ExAcquireFastMutex(FastMutex: *mut FAST_MUTEX);
    /// Raises the level to `APC_LEVEL`, if it returns `TRUE`.
    pub fn ExTryToAcquireFastMutex(FastMutex: *mut FAST_MUTEX) -> BOOLEAN;
    /// Sets the level to that from before the mutex was acquired.
    pub fn ExReleaseFastMutex(FastMutex: *mut FAST_MUTEX);
    pub fn ExInitializeRundownProtection(RunRef: *mut EX_RUNDOWN_REF);
    pub fn ExAcquireRundownProtection(RunRef: *mut EX_RUNDOWN_REF) -> BOOLEAN;
    pub fn ExReleaseRundownProtection(RunRef: *mut EX_RUNDOWN_REF);
    pub fn ExWaitForRundownProtectionRelease(RunRef: *mut EX_RUNDOWN_REF);
    pub fn InitializeSListHead(SListHead: *mut SLIST_HEADER);
    pub fn ExQueryDepthSList(ListHead: *mut SLIST_HEADER) -> USHORT;
    pub fn ExpInterlockedPushEntrySList(
        ListHead: *mut SLIST_HEADER,
        ListEntry: *mut SLIST_ENTRY,
    ) -> *mut SLIST_ENTRY;
    pub fn ExpInterlockedPopEntrySList(ListHead: *mut SLIST_HEADER) -> *mut SLIST_ENTRY;
    pub fn ExpInterlockedFlushSList(ListHead: *mut SLIST_HEADER) -> *mut SLIST_ENTRY;
    /// Returns the entry that was the first; null if there was none.
    pub fn ExInterlockedInsertHeadList(
        ListHead: *mut LIST_ENTRY,
        ListEntry: *mut LIST_ENTRY,
        Lock: *mut KSPIN_LOCK,
    ) -> *mut LIST_ENTRY;
    /// Returns the entry that was the last; null if there was none.
    pub fn ExInterlockedInsertTailList(
        ListHead: *mut LIST_ENTRY,
        ListEntry: *mut LIST_ENTRY,
        Lock: *mut KSPIN_LOCK,
    ) -> *mut LIST_ENTRY;
    pub fn ExInterlockedRemoveHeadList(ListHead: *mut LIST_ENTRY, Lock: *mut KSPIN_LOCK) -> *mut LIST_ENTRY;
    /// Returns the entry that was the first; null if there was none.
    pub fn ExInterlockedPushEntryList(
        ListHead: *mut SINGLE_LIST_ENTRY,
        ListEntry: *mut SINGLE_LIST_ENTRY,
        Lock: *mut KSPIN_LOCK,
    ) -> *mut SINGLE_LIST_ENTRY;
    pub fn ExInterlockedPopEntryList(
        ListHead: *mut SINGLE_LIST_ENTRY,
        Lock: *mut KSPIN_LOCK,
    ) -> *mut SINGLE_LIST_ENTRY;
    /// `Flags` is zero, or [`POOL_NX_ALLOCATION`](crate::POOL_NX_ALLOCATION); `Depth` is zero.
    pub fn ExInitializeNPagedLookasideList(
        Lookaside: *mut NPAGED_LOOKASIDE_LIST,
        Allocate: Option<PALLOCATE_FUNCTION>,
        Free: Option<PFREE_FUNCTION>,
        Flags: ULONG,
        Size: SIZE_T,
        Tag: ULONG,
        Depth: USHORT,
    );
    pub fn ExDeleteNPagedLookasideList(Lookaside: *mut NPAGED_LOOKASIDE_LIST);
    /// An inline of the headers before Windows 11, version 22H2, over [`NPAGED_LOOKASIDE_LIST`]'s fields.
    pub fn ExAllocateFromNPagedLookasideList(Lookaside: *mut NPAGED_LOOKASIDE_LIST) -> PVOID;
    /// An inline of older headers, as [`ExAllocateFromNPagedLookasideList`].
    pub fn ExFreeToNPagedLookasideList(Lookaside: *mut NPAGED_LOOKASIDE_LIST, Entry: PVOID);
    /// `Flags` and `Depth` are zero.
    pub fn ExInitializePagedLookasideList(
        Lookaside: *mut PAGED_LOOKASIDE_LIST,
        Allocate: Option<PALLOCATE_FUNCTION>,
        Free: Option<PFREE_FUNCTION>,
        Flags: ULONG,
        Size: SIZE_T,
        Tag: ULONG,
        Depth: USHORT,
    );
    pub fn ExDeletePagedLookasideList(Lookaside: *mut PAGED_LOOKASIDE_LIST);
    /// An inline of older headers, as [`ExAllocateFromNPagedLookasideList`].
    pub fn ExAllocateFromPagedLookasideList(Lookaside: *mut PAGED_LOOKASIDE_LIST) -> PVOID;
    /// An inline of older headers, as [`ExAllocateFromNPagedLookasideList`].
    pub fn ExFreeToPagedLookasideList(Lookaside: *mut PAGED_LOOKASIDE_LIST, Entry: PVOID);
    /// `Depth` is zero.
    pub fn ExInitializeLookasideListEx(
        Lookaside: *mut LOOKASIDE_LIST_EX,
        Allocate: Option<PALLOCATE_FUNCTION_EX>,
        Free: Option<PFREE_FUNCTION_EX>,
        PoolType: POOL_TYPE,
        Flags: ULONG,
        Size: SIZE_T,
        Tag: ULONG,
        Depth: USHORT,
    ) -> NTSTATUS;
    pub fn ExDeleteLookasideListEx(Lookaside: *mut LOOKASIDE_LIST_EX);
    pub fn ExFlushLookasideListEx(Lookaside: *mut LOOKASIDE_LIST_EX);
    /// An inline of older headers, as [`ExAllocateFromNPagedLookasideList`].
    pub fn ExAllocateFromLookasideListEx(Lookaside: *mut LOOKASIDE_LIST_EX) -> PVOID;
    /// An inline of older headers, as [`ExAllocateFromNPagedLookasideList`].
    pub fn ExFreeToLookasideListEx(Lookaside: *mut LOOKASIDE_LIST_EX, Entry: PVOID);

    // I/O manager
    pub fn IoAllocateIrp(StackSize: CCHAR, ChargeQuota: BOOLEAN) -> *mut IRP;
    pub fn IoFreeIrp(Irp: *mut IRP);
    pub fn IoReuseIrp(Irp: *mut IRP, Iostatus: NTSTATUS);
    pub fn IoInitializeIrp(Irp: *mut IRP, PacketSize: u16, StackSize: CCHAR);
    pub fn IoCancelIrp(Irp: *mut IRP) -> BOOLEAN;
    pub fn IoAcquireCancelSpinLock(Irql: *mut KIRQL);
    pub fn IoReleaseCancelSpinLock(Irql: KIRQL);
    pub fn IoCsqInitialize(
        Csq: *mut IO_CSQ,
        CsqInsertIrp: Option<PIO_CSQ_INSERT_IRP>,
        CsqRemoveIrp: Option<PIO_CSQ_REMOVE_IRP>,
        CsqPeekNextIrp: Option<PIO_CSQ_PEEK_NEXT_IRP>,
        CsqAcquireLock: Option<PIO_CSQ_ACQUIRE_LOCK>,
        CsqReleaseLock: Option<PIO_CSQ_RELEASE_LOCK>,
        CsqCompleteCanceledIrp: Option<PIO_CSQ_COMPLETE_CANCELED_IRP>,
    ) -> NTSTATUS;
    pub fn IoCsqInitializeEx(
        Csq: *mut IO_CSQ,
        CsqInsertIrpEx: Option<PIO_CSQ_INSERT_IRP_EX>,
        CsqRemoveIrp: Option<PIO_CSQ_REMOVE_IRP>,
        CsqPeekNextIrp: Option<PIO_CSQ_PEEK_NEXT_IRP>,
        CsqAcquireLock: Option<PIO_CSQ_ACQUIRE_LOCK>,
        CsqReleaseLock: Option<PIO_CSQ_RELEASE_LOCK>,
        CsqCompleteCanceledIrp: Option<PIO_CSQ_COMPLETE_CANCELED_IRP>,
    ) -> NTSTATUS;
    /// Marks the IRP pending. `Context` may be null.
    pub fn IoCsqInsertIrp(Csq: *mut IO_CSQ, Irp: *mut IRP, Context: *mut IO_CSQ_IRP_CONTEXT);
    /// Marks the IRP pending, unless it returns an error. `Context` may be null.
    pub fn IoCsqInsertIrpEx(
        Csq: *mut IO_CSQ,
        Irp: *mut IRP,
        Context: *mut IO_CSQ_IRP_CONTEXT,
        InsertContext: PVOID,
    ) -> NTSTATUS;
    /// Null, if the IRP is being cancelled.
    pub fn IoCsqRemoveIrp(Csq: *mut IO_CSQ, Context: *mut IO_CSQ_IRP_CONTEXT) -> *mut IRP;
    pub fn IoCsqRemoveNextIrp(Csq: *mut IO_CSQ, PeekContext: PVOID) -> *mut IRP;
    pub fn IofCallDriver(DeviceObject: *mut DEVICE_OBJECT, Irp: *mut IRP) -> NTSTATUS;
    pub fn IofCompleteRequest(Irp: *mut IRP, PriorityBoost: CCHAR);
    pub fn IoAllocateMdl(
        VirtualAddress: PVOID,
        Length: ULONG,
        SecondaryBuffer: BOOLEAN,
        ChargeQuota: BOOLEAN,
        Irp: *mut IRP,
    ) -> *mut MDL;
    pub fn IoFreeMdl(Mdl: *mut MDL);
    pub fn IoCreateDevice(
        DriverObject: *mut DRIVER_OBJECT,
        DeviceExtensionSize: ULONG,
        DeviceName: PCUNICODE_STRING,
        DeviceType: DEVICE_TYPE,
        DeviceCharacteristics: ULONG,
        Exclusive: BOOLEAN,
        DeviceObject: *mut *mut DEVICE_OBJECT,
    ) -> NTSTATUS;
    pub fn IoCreateDeviceSecure(
        DriverObject: *mut DRIVER_OBJECT,
        DeviceExtensionSize: ULONG,
        DeviceName: PCUNICODE_STRING,
        DeviceType: DEVICE_TYPE,
        DeviceCharacteristics: ULONG,
        Exclusive: BOOLEAN,
        DefaultSDDLString: PCUNICODE_STRING,
        DeviceClassGuid: *const GUID,
        DeviceObject: *mut *mut DEVICE_OBJECT,
    ) -> NTSTATUS;
    pub fn IoDeleteDevice(DeviceObject: *mut DEVICE_OBJECT);
    pub fn IoRegisterShutdownNotification(DeviceObject: *mut DEVICE_OBJECT) -> NTSTATUS;
    pub fn IoRegisterLastChanceShutdownNotification(DeviceObject: *mut DEVICE_OBJECT) -> NTSTATUS;
    pub fn IoUnregisterShutdownNotification(DeviceObject: *mut DEVICE_OBJECT);
    pub fn ObfReferenceObject(Object: PVOID) -> LONG_PTR;
    pub fn ObfDereferenceObject(Object: PVOID) -> LONG_PTR;
    pub fn IoCreateSymbolicLink(SymbolicLinkName: PCUNICODE_STRING, DeviceName: PCUNICODE_STRING)
    -> NTSTATUS;
    pub fn IoDeleteSymbolicLink(SymbolicLinkName: PCUNICODE_STRING) -> NTSTATUS;
    pub fn IoAllocateWorkItem(DeviceObject: *mut DEVICE_OBJECT) -> *mut IO_WORKITEM;
    pub fn IoQueueWorkItem(
        IoWorkItem: *mut IO_WORKITEM,
        WorkerRoutine: IO_WORKITEM_ROUTINE,
        QueueType: WORK_QUEUE_TYPE,
        Context: PVOID,
    );
    pub fn IoFreeWorkItem(IoWorkItem: *mut IO_WORKITEM);
    pub fn IoGetRequestorProcessId(Irp: *mut IRP) -> ULONG;
    pub fn IoGetCurrentProcess() -> PEPROCESS;

    // Kernel
    pub fn KeInitializeEvent(Event: *mut KEVENT, Type: EVENT_TYPE, State: BOOLEAN);
    pub fn KeSetEvent(Event: *mut KEVENT, Increment: LONG, Wait: BOOLEAN) -> LONG;
    pub fn KeClearEvent(Event: *mut KEVENT);
    pub fn KeResetEvent(Event: *mut KEVENT) -> LONG;
    pub fn KeReadStateEvent(Event: *mut KEVENT) -> LONG;
    /// `Timeout` is in units of 100 ns: negative for an interval, null for no limit.
    pub fn KeWaitForSingleObject(
        Object: PVOID,
        WaitReason: KWAIT_REASON,
        WaitMode: KPROCESSOR_MODE,
        Alertable: BOOLEAN,
        Timeout: *const LARGE_INTEGER,
    ) -> NTSTATUS;
    /// Up to [`THREAD_WAIT_OBJECTS`](crate::THREAD_WAIT_OBJECTS) objects, or
    /// [`MAXIMUM_WAIT_OBJECTS`](crate::MAXIMUM_WAIT_OBJECTS) with as many wait blocks. `Timeout` as of
    /// [`KeWaitForSingleObject`].
    pub fn KeWaitForMultipleObjects(
        Count: ULONG,
        Object: *mut PVOID,
        WaitType: WAIT_TYPE,
        WaitReason: KWAIT_REASON,
        WaitMode: KPROCESSOR_MODE,
        Alertable: BOOLEAN,
        Timeout: *const LARGE_INTEGER,
        WaitBlockArray: *mut KWAIT_BLOCK,
    ) -> NTSTATUS;
    pub fn KeInitializeSemaphore(Semaphore: *mut KSEMAPHORE, Count: LONG, Limit: LONG);
    /// `Increment` is one of priority.
    pub fn KeReleaseSemaphore(
        Semaphore: *mut KSEMAPHORE,
        Increment: LONG,
        Adjustment: LONG,
        Wait: BOOLEAN,
    ) -> LONG;
    pub fn KeReadStateSemaphore(Semaphore: *mut KSEMAPHORE) -> LONG;
    /// `Level` is zero.
    pub fn KeInitializeMutex(Mutex: *mut KMUTEX, Level: ULONG);
    pub fn KeReleaseMutex(Mutex: *mut KMUTEX, Wait: BOOLEAN) -> LONG;
    pub fn KeReadStateMutex(Mutex: *mut KMUTEX) -> LONG;
    pub fn KeDelayExecutionThread(
        WaitMode: KPROCESSOR_MODE,
        Alertable: BOOLEAN,
        Interval: *const LARGE_INTEGER,
    ) -> NTSTATUS;
    pub fn KeInitializeSpinLock(SpinLock: *mut KSPIN_LOCK);
    pub fn KeAcquireSpinLockRaiseToDpc(SpinLock: *mut KSPIN_LOCK) -> KIRQL;
    pub fn KeReleaseSpinLock(SpinLock: *mut KSPIN_LOCK, NewIrql: KIRQL);
    pub fn KeAcquireSpinLockAtDpcLevel(SpinLock: *mut KSPIN_LOCK);
    pub fn KeReleaseSpinLockFromDpcLevel(SpinLock: *mut KSPIN_LOCK);
    pub fn KeGetCurrentIrql() -> KIRQL;
    pub fn PsGetCurrentThread() -> PETHREAD;
    pub fn KfRaiseIrql(NewIrql: KIRQL) -> KIRQL;
    pub fn KeLowerIrql(NewIrql: KIRQL);
    pub fn KeEnterCriticalRegion();
    pub fn KeLeaveCriticalRegion();
    pub fn KeInitializeDpc(Dpc: *mut KDPC, DeferredRoutine: KDEFERRED_ROUTINE, DeferredContext: PVOID);
    pub fn KeInsertQueueDpc(Dpc: *mut KDPC, SystemArgument1: PVOID, SystemArgument2: PVOID) -> BOOLEAN;
    pub fn KeRemoveQueueDpc(Dpc: *mut KDPC) -> BOOLEAN;
    pub fn KeFlushQueuedDpcs();
    /// As [`KeInitializeTimerEx`], of a notification timer.
    pub fn KeInitializeTimer(Timer: *mut KTIMER);
    pub fn KeInitializeTimerEx(Timer: *mut KTIMER, Type: TIMER_TYPE);
    /// `DueTime` is in units of 100 ns: negative for an interval from now. `Period` is in milliseconds.
    pub fn KeSetTimerEx(Timer: *mut KTIMER, DueTime: LARGE_INTEGER, Period: LONG, Dpc: *mut KDPC) -> BOOLEAN;
    /// As [`KeSetTimerEx`], without a period.
    pub fn KeSetTimer(Timer: *mut KTIMER, DueTime: LARGE_INTEGER, Dpc: *mut KDPC) -> BOOLEAN;
    pub fn KeCancelTimer(Timer: *mut KTIMER) -> BOOLEAN;
    pub fn KeQueryInterruptTime() -> u64;
    pub fn KeBugCheckEx(
        BugCheckCode: ULONG,
        BugCheckParameter1: ULONG_PTR,
        BugCheckParameter2: ULONG_PTR,
        BugCheckParameter3: ULONG_PTR,
        BugCheckParameter4: ULONG_PTR,
    ) -> !;

    // Memory manager
    pub fn MmBuildMdlForNonPagedPool(MemoryDescriptorList: *mut MDL);
    pub fn MmProbeAndLockPages(
        MemoryDescriptorList: *mut MDL,
        AccessMode: KPROCESSOR_MODE,
        Operation: LOCK_OPERATION,
    );
    pub fn MmUnlockPages(MemoryDescriptorList: *mut MDL);
    pub fn MmMapLockedPagesSpecifyCache(
        MemoryDescriptorList: *mut MDL,
        AccessMode: KPROCESSOR_MODE,
        CacheType: MEMORY_CACHING_TYPE,
        RequestedAddress: PVOID,
        BugCheckOnFailure: ULONG,
        Priority: ULONG,
    ) -> PVOID;

    // Processes and objects
    pub fn PsCreateSystemThread(
        ThreadHandle: *mut HANDLE,
        DesiredAccess: ULONG,
        ObjectAttributes: POBJECT_ATTRIBUTES,
        ProcessHandle: HANDLE,
        ClientId: PCLIENT_ID,
        StartRoutine: KSTART_ROUTINE,
        StartContext: PVOID,
    ) -> NTSTATUS;
    pub fn PsTerminateSystemThread(ExitStatus: NTSTATUS) -> NTSTATUS;
    pub fn ZwClose(Handle: HANDLE) -> NTSTATUS;

    // Registry
    pub fn ZwOpenKey(
        KeyHandle: *mut HANDLE,
        DesiredAccess: ACCESS_MASK,
        ObjectAttributes: POBJECT_ATTRIBUTES,
    ) -> NTSTATUS;
    pub fn ZwCreateKey(
        KeyHandle: *mut HANDLE,
        DesiredAccess: ACCESS_MASK,
        ObjectAttributes: POBJECT_ATTRIBUTES,
        TitleIndex: ULONG,
        Class: PUNICODE_STRING,
        CreateOptions: ULONG,
        Disposition: *mut ULONG,
    ) -> NTSTATUS;
    pub fn ZwQueryValueKey(
        KeyHandle: HANDLE,
        ValueName: PUNICODE_STRING,
        KeyValueInformationClass: KEY_VALUE_INFORMATION_CLASS,
        KeyValueInformation: PVOID,
        Length: ULONG,
        ResultLength: *mut ULONG,
    ) -> NTSTATUS;
    pub fn ZwSetValueKey(
        KeyHandle: HANDLE,
        ValueName: PUNICODE_STRING,
        TitleIndex: ULONG,
        Type: ULONG,
        Data: PVOID,
        DataSize: ULONG,
    ) -> NTSTATUS;
    pub fn ZwDeleteValueKey(KeyHandle: HANDLE, ValueName: PUNICODE_STRING) -> NTSTATUS;

    // Run-time library
    /// `SourceString` ends with a zero, or is null.
    pub fn RtlInitUnicodeString(DestinationString: PUNICODE_STRING, SourceString: *const WCHAR);
    /// `SourceString` ends with a zero, or is null.
    pub fn RtlInitAnsiString(DestinationString: *mut ANSI_STRING, SourceString: *const c_char);
    /// What does not fit is left out.
    pub fn RtlCopyUnicodeString(DestinationString: PUNICODE_STRING, SourceString: PCUNICODE_STRING);
    pub fn RtlAppendUnicodeStringToString(Destination: PUNICODE_STRING, Source: PCUNICODE_STRING)
    -> NTSTATUS;
    /// `Source` ends with a zero, or is null.
    pub fn RtlAppendUnicodeToString(Destination: PUNICODE_STRING, Source: *const WCHAR) -> NTSTATUS;
    pub fn RtlCompareUnicodeString(
        String1: PCUNICODE_STRING,
        String2: PCUNICODE_STRING,
        CaseInSensitive: BOOLEAN,
    ) -> LONG;
    pub fn RtlEqualUnicodeString(
        String1: PCUNICODE_STRING,
        String2: PCUNICODE_STRING,
        CaseInSensitive: BOOLEAN,
    ) -> BOOLEAN;
    pub fn RtlPrefixUnicodeString(
        String1: PCUNICODE_STRING,
        String2: PCUNICODE_STRING,
        CaseInSensitive: BOOLEAN,
    ) -> BOOLEAN;
    pub fn RtlUpcaseUnicodeChar(SourceCharacter: WCHAR) -> WCHAR;
    pub fn RtlUnicodeStringToAnsiString(
        DestinationString: *mut ANSI_STRING,
        SourceString: PCUNICODE_STRING,
        AllocateDestinationString: BOOLEAN,
    ) -> NTSTATUS;
    pub fn RtlAnsiStringToUnicodeString(
        DestinationString: PUNICODE_STRING,
        SourceString: *const ANSI_STRING,
        AllocateDestinationString: BOOLEAN,
    ) -> NTSTATUS;
    pub fn RtlFreeUnicodeString(UnicodeString: PUNICODE_STRING);
    pub fn RtlFreeAnsiString(AnsiString: *mut ANSI_STRING);
    /// `Base` is 2, 8, 10 or 16; or zero, for what the string says.
    pub fn RtlUnicodeStringToInteger(String: PCUNICODE_STRING, Base: ULONG, Value: *mut ULONG) -> NTSTATUS;
    /// `Base` is 2, 8, 10 or 16; or zero, for 10.
    pub fn RtlIntegerToUnicodeString(Value: ULONG, Base: ULONG, String: PUNICODE_STRING) -> NTSTATUS;
    /// How many bytes are the same, before the first that differ.
    pub fn RtlCompareMemory(Source1: *const c_void, Source2: *const c_void, Length: SIZE_T) -> SIZE_T;
    pub fn RtlTimeToTimeFields(Time: *mut LARGE_INTEGER, TimeFields: *mut TIME_FIELDS);
    pub fn RtlTimeFieldsToTime(TimeFields: *mut TIME_FIELDS, Time: *mut LARGE_INTEGER) -> BOOLEAN;

    // Debugging
    /// In C this takes further arguments, as `printf` does; here, the format is all there is.
    pub fn DbgPrint(Format: *const c_char) -> ULONG;
}
