//! What Driver Verifier and the framework's verifier report at run time.

use kmdf::rules as wdf;
use ntos::{io_rules as io, rule};

use super::{Answer, Section};

const PNP: &str = "about devices of hardware, which the hosted kernel has none of: no plug and play";
const POWER: &str = "about power, which the hosted kernel has no requests for";
const ABSENT: &str =
    "about functions that the hosted kernel does not have: a driver that calls one does not link";
const BELOW: &str = "about a driver above another one, whose requests it passes on; a client of WSK sends IRPs of its own only";
const HARDWARE: &str = "about hardware, or other kinds of drivers";
const READY: &str = "the fault points of the hosted kernel do it: `Faults` makes the n-th fallible call fail";

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn sections() -> Vec<Section> {
    vec![
        Section {
            title: "Options of Driver Verifier",
            source: "Driver Verifier Options",
            rows: vec![
                (
                    "Special Pool",
                    Answer::By(vec![
                        &rule::POOL_ACCESS_AFTER_FREE,
                        &rule::POOL_ACCESS_BEYOND_END,
                        &rule::POOL_ACCESS_BEFORE_START,
                        &rule::POOL_OVERRUN,
                        &rule::POOL_WRITE_AFTER_FREE,
                        &rule::POOL_DOUBLE_FREE,
                        &rule::POOL_BAD_ADDRESS,
                        &rule::ACCESS_VIOLATION,
                    ]),
                ),
                ("Pool Tracking", Answer::By(vec![&rule::POOL_LEAK, &rule::POOL_WRONG_TAG])),
                (
                    "Force IRQL Checking",
                    Answer::By(vec![&rule::PAGED_ACCESS_AT_DISPATCH, &rule::PAGED_AT_DISPATCH]),
                ),
                (
                    "I/O Verification",
                    Answer::By(vec![
                        &io::CALL_BAD_IRP,
                        &io::FREE_IN_USE,
                        &io::MULTIPLE_COMPLETE,
                        &io::DISPATCH_STATUS_DIFFERS,
                    ]),
                ),
                (
                    "Deadlock Detection",
                    Answer::By(vec![
                        &rule::LOCK_ORDER,
                        &rule::SPIN_LOCK_RECURSION,
                        &rule::SPIN_LOCK_NOT_OWNED,
                        &rule::SPIN_LOCK_FREED,
                        &rule::SPIN_LOCK_INITIALIZED_HELD,
                    ]),
                ),
                ("DMA Checking", Answer::No(HARDWARE)),
                (
                    "Security Checks",
                    Answer::Partly(
                        vec![&rule::MDL_USER_AS_KERNEL],
                        "handles and strings of a process do not reach the functions that the hosted kernel has",
                    ),
                ),
                (
                    "Miscellaneous Checks",
                    Answer::By(vec![
                        &rule::TIMER_FREED,
                        &rule::DPC_FREED,
                        &rule::DISPATCHER_OBJECT_FREED,
                        &rule::WORK_ITEM_FREED,
                        &rule::HANDLE_INVALID,
                        &rule::HANDLE_LEAK,
                    ]),
                ),
                (
                    "DDI compliance checking",
                    Answer::Partly(
                        vec![&rule::IRQL_KE_DISPATCH_LTE, &rule::IRQL_KE_APC_LTE],
                        "rule by rule above",
                    ),
                ),
                (
                    "DDI compliance checking (additional)",
                    Answer::Partly(vec![&rule::SPIN_LOCK_NOT_OWNED], "rule by rule above"),
                ),
                ("Invariant MDL Checking for Stack", Answer::No("hosted's WSK changes no MDL of a client")),
                (
                    "Invariant MDL Checking for Driver",
                    Answer::No("about a driver above another one, whose MDLs it passes on"),
                ),
                (
                    "Force Pending I/O Requests",
                    Answer::No(
                        "no rule: a completion mode of the hosted WSK, as are completions inside the call and at `DISPATCH_LEVEL`",
                    ),
                ),
                ("IRP Logging", Answer::No("no rule: the log of IRPs is part of reports")),
                ("Randomized low resources simulation", Answer::No(READY)),
                ("Systematic low resources simulation", Answer::No(READY)),
                (
                    "Kernel synchronization delay fuzzing",
                    Answer::No("no rule: seeded delays of completions, and loom over what is shared"),
                ),
                ("Code integrity checks", Answer::By(vec![&rule::POOL_EXECUTABLE, &rule::MDL_EXECUTABLE])),
                ("Power framework delay fuzzing", Answer::No(POWER)),
                ("Port/miniport interface checking", Answer::No(HARDWARE)),
                ("NDIS/WIFI verification", Answer::No(HARDWARE)),
                ("VM switch verification", Answer::No(HARDWARE)),
                (
                    "Driver isolation checks",
                    Answer::No("about packages on a disk: `cargo xtask inf` checks the INF"),
                ),
            ],
        },
        Section {
            title: "Pool, levels, waits and locks",
            source: "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION",
            rows: vec![
                ("0x00", Answer::By(vec![&rule::POOL_ZERO_SIZE])),
                ("0x01", Answer::By(vec![&rule::POOL_PAGED_IRQL])),
                ("0x02", Answer::By(vec![&rule::POOL_NON_PAGED_IRQL])),
                (
                    "0x10, 0x13, 0x14, 0x16",
                    Answer::By(vec![&rule::POOL_BAD_ADDRESS, &rule::POOL_DOUBLE_FREE]),
                ),
                ("0x11", Answer::By(vec![&rule::POOL_FREE_PAGED_IRQL])),
                ("0x12", Answer::By(vec![&rule::POOL_FREE_NON_PAGED_IRQL])),
                ("0x30", Answer::By(vec![&rule::RAISE_TO_LOWER])),
                ("0x31", Answer::By(vec![&rule::LOWER_TO_HIGHER])),
                ("0x32", Answer::By(vec![&rule::IRQL_KE_RELEASE_SPIN_LOCK])),
                (
                    "0x33, 0x34: fast mutexes",
                    Answer::By(vec![&rule::FAST_MUTEX_ACQUIRE_IRQL, &rule::FAST_MUTEX_RELEASE_IRQL]),
                ),
                ("0x35, 0x36", Answer::By(vec![&rule::IRQL_KE_RELEASE_SPIN_LOCK])),
                ("0x37 to 0x3A: resources, fast mutexes", Answer::No(ABSENT)),
                ("0x3B, 0x120", Answer::By(vec![&rule::WAIT_ABOVE_DISPATCH])),
                ("0x121", Answer::By(vec![&rule::WAIT_AT_DISPATCH])),
                ("0x122", Answer::By(vec![&rule::WAIT_AT_DISPATCH_LIMITED])),
                (
                    "0x123: a user-mode wait for an object on the stack",
                    Answer::No("n/d: hosted does not know which memory is a stack"),
                ),
                ("0x3E, 0x11A, 0x11B", Answer::By(vec![&rule::CRITICAL_REGIONS, &rule::IRQL_KE_APC_LTE])),
                ("0x3F: a reference dropped that nobody has", Answer::By(vec![&io::DELETE_BAD_DEVICE])),
                ("0x40", Answer::By(vec![&rule::SPIN_LOCK_AT_DPC])),
                ("0x41, 0x42", Answer::By(vec![&rule::IRQL_KE_DISPATCH_LTE])),
                ("0x51 to 0x54, 0x59", Answer::By(vec![&rule::POOL_OVERRUN])),
                ("0x60 to 0x62", Answer::By(vec![&rule::POOL_LEAK])),
                ("0x80", Answer::By(vec![&rule::IRQL_KE_SET_EVENT])),
                ("0x91: a driver switches stacks", Answer::No("no function for it is here")),
                ("0xC5, 0xFB", Answer::By(vec![&rule::CRITICAL_REGIONS, &rule::MUTEX_AT_RETURN])),
                ("0xFA", Answer::By(vec![&io::ROUTINE_CHANGED_IRQL])),
                (
                    "0xCA: a lookaside list initialised again",
                    Answer::By(vec![&rule::LOOKASIDE_INITIALIZED_TWICE]),
                ),
                (
                    "0xCB: a lookaside list deleted that is none",
                    Answer::By(vec![&rule::LOOKASIDE_NOT_INITIALIZED]),
                ),
                ("0xCC: a lookaside list in freed pool", Answer::By(vec![&rule::LOOKASIDE_FREED])),
                ("0xCD: a lookaside list's entry size", Answer::By(vec![&rule::LOOKASIDE_SIZE])),
                ("0xDD: trace providers", Answer::No(ABSENT)),
                (
                    "0xDF, 0x140: objects in pageable memory",
                    Answer::By(vec![&rule::OBJECT_IN_PAGED_POOL, &rule::MDL_NOT_NON_PAGED]),
                ),
                ("0xE1: a thread ends inside a wait or region", Answer::No("n/d")),
                ("0xF5, 0xF6, 0xF7: handles", Answer::By(vec![&rule::HANDLE_INVALID])),
                (
                    "0x105",
                    Answer::Partly(
                        vec![&rule::POOL_BAD_ADDRESS],
                        "an IRP is no block of pool here, so freeing one as such is a bad address",
                    ),
                ),
                ("0x115", Answer::By(vec![&io::UNLOAD_STUCK])),
                (
                    "0x130, 0x131: work items in pageable memory",
                    Answer::No("`IoAllocateWorkItem` makes all there are"),
                ),
                ("0x135", Answer::By(vec![&io::CANCEL_IGNORED])),
                ("0x1000", Answer::By(vec![&rule::SPIN_LOCK_RECURSION, &rule::FAST_MUTEX_RECURSION])),
                ("0x1001", Answer::By(vec![&rule::LOCK_ORDER])),
                (
                    "0x1002",
                    Answer::No(
                        "a spin lock of zero is an initialised one; n/d for events and DPCs, which `DispatcherObject` and `DpcNotInitialized` are for",
                    ),
                ),
                (
                    "0x1003",
                    Answer::No(
                        "locks may be released in any order: no page of a spin lock's functions forbids it; the levels must be right (`SpinLockOldIrql`)",
                    ),
                ),
                (
                    "0x1004, 0x1007",
                    Answer::By(vec![
                        &rule::SPIN_LOCK_NOT_OWNED,
                        &rule::MUTEX_NOT_OWNED,
                        &rule::FAST_MUTEX_NOT_OWNED,
                    ]),
                ),
                ("0x1005", Answer::By(vec![&rule::SPIN_LOCK_INITIALIZED_HELD])),
                ("0x1008, 0x1009", Answer::By(vec![&rule::SPIN_LOCK_FORM, &rule::SPIN_LOCK_AT_DPC])),
                ("0x100A", Answer::By(vec![&rule::SPIN_LOCK_AT_RETURN, &rule::MUTEX_OWNER_ENDED])),
                ("0x100B", Answer::By(vec![&rule::SPIN_LOCK_FREED])),
            ],
        },
        Section {
            title: "Memory descriptor lists",
            source: "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION",
            rows: vec![
                ("0x6F, 0x70, 0x78", Answer::By(vec![&rule::IRQL_MM_DISPATCH, &rule::IRQL_MM_APC_LTE])),
                ("0x74 to 0x77, 0x81", Answer::By(vec![&rule::MDL_MAP_UNLOCKED, &rule::MDL_MAPPED_TWICE])),
                ("0x7C", Answer::By(vec![&rule::MDL_NOT_LOCKED])),
                ("0x7D", Answer::By(vec![&rule::MDL_UNLOCK_NON_PAGED])),
                ("0x7F", Answer::By(vec![&rule::MDL_NOT_NON_PAGED])),
                ("0xB0 to 0xB6", Answer::By(vec![&rule::MDL_BUILT_TWICE, &rule::MDL_INVALID])),
                ("0xB8, 0xCB", Answer::By(vec![&rule::MDL_FREED_LOCKED, &rule::MDL_LEAK])),
                ("0x2000 to 0x2005", Answer::By(vec![&rule::POOL_EXECUTABLE, &rule::MDL_EXECUTABLE])),
            ],
        },
        Section {
            title: "IRPs",
            source: "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION",
            rows: vec![
                ("0x01", Answer::By(vec![&io::NOT_AN_IRP])),
                ("0x02, 0x20C", Answer::By(vec![&io::FREE_THREADED_IRP])),
                ("0x03", Answer::By(vec![&io::CALL_BAD_IRP])),
                ("0x04", Answer::By(vec![&io::CALL_BAD_DEVICE])),
                ("0x05", Answer::By(vec![&io::DISPATCH_CHANGED_IRQL])),
                ("0x06, 0x21B, 0x225", Answer::By(vec![&io::COMPLETE_BAD_STATUS])),
                ("0x07, 0x23C", Answer::By(vec![&io::COMPLETE_CANCELABLE])),
                ("0x203", Answer::By(vec![&io::FORWARD_CANCELABLE])),
                (
                    "0x0C, 0x0D: a status block or event on a stack that is gone",
                    Answer::No("about IRPs of `IoBuild`..., which the hosted kernel has not"),
                ),
                ("0x0E", Answer::By(vec![&io::COMPLETE_IRQL])),
                ("0x10 to 0x12", Answer::By(vec![&io::CALL_IRQL])),
                ("0x205, 0x209", Answer::By(vec![&io::SENT_NOT_REUSED, &io::MULTIPLE_COMPLETE])),
                ("0x206", Answer::By(vec![&io::NEXT_LOCATION_DIRTY])),
                ("0x207", Answer::By(vec![&io::LOCATION_COPIED])),
                ("0x208", Answer::By(vec![&io::NO_LOCATION_LEFT])),
                ("0x20A, 0x20B", Answer::By(vec![&io::FREE_IN_USE])),
                ("0x20D, 0x238", Answer::By(vec![&io::INITIALIZE_ALLOCATED, &io::INITIALIZE_BAD])),
                ("0x224", Answer::By(vec![&io::DISPATCH_STATUS_DIFFERS])),
                ("0x226", Answer::By(vec![&io::DISPATCH_NOT_COMPLETED])),
                ("0x23D", Answer::By(vec![&io::PENDING_NOT_MARKED])),
                ("0x23E", Answer::By(vec![&io::MARKED_NOT_PENDING])),
                ("0x227: a completion routine in pageable code", Answer::No("no code here is pageable")),
                ("0x228", Answer::No(BELOW)),
                ("0x239", Answer::By(vec![&io::COMPLETE_OWN])),
                ("0x23A", Answer::By(vec![&io::FORWARDED_AT_BAD_IRQL])),
                ("0x240", Answer::By(vec![&io::DELETE_BAD_DEVICE])),
                (
                    "0x243: `DO_DEVICE_INITIALIZING` left set",
                    Answer::No("a device that has it cannot be opened, as on Windows"),
                ),
                ("0x24A", Answer::No(ABSENT)),
            ],
        },
        Section {
            title: "Freed or left in use",
            source: "Bug Check 0xC7, 0xCE, 0xE4",
            rows: vec![
                (
                    "0xC7: a timer or DPC freed, or initialised, in use",
                    Answer::By(vec![
                        &rule::TIMER_FREED,
                        &rule::DPC_FREED,
                        &rule::TIMER_INITIALIZED_SET,
                        &rule::DPC_INITIALIZED_QUEUED,
                    ]),
                ),
                (
                    "0xCE: unloaded with operations pending",
                    Answer::By(vec![
                        &rule::TIMER_LEFT,
                        &rule::WORK_ITEM_LEFT,
                        &rule::THREAD_LEFT,
                        &io::DEVICE_LEAK,
                        &io::LINK_LEAK,
                    ]),
                ),
                (
                    "0xE4: a work item queued twice or freed",
                    Answer::By(vec![
                        &rule::WORK_ITEM_QUEUED_TWICE,
                        &rule::WORK_ITEM_FREED,
                        &rule::WORK_ITEM_INVALID,
                    ]),
                ),
            ],
        },
        Section {
            title: "The framework's verifier",
            source: "Bug Check 0x10D: WDF_VIOLATION",
            rows: vec![
                ("0x1: a time limit of power", Answer::No(POWER)),
                ("0x2", Answer::By(vec![&wdf::RECURSIVE_LOCK])),
                ("0x3", Answer::By(vec![&wdf::OUTSTANDING_MEMORY])),
                ("0x4", Answer::By(vec![&wdf::NULL_POINTER])),
                ("0x5", Answer::By(vec![&wdf::INVALID_HANDLE, &wdf::WRONG_TYPE])),
                ("0x6", Answer::By(vec![&wdf::INFORMATION, &wdf::DOUBLE_COMPLETION, &wdf::NOT_OWNED])),
                ("0x7", Answer::By(vec![&wdf::LAST_REFERENCE])),
                ("0x8: DMA", Answer::No(HARDWARE)),
                ("0xA", Answer::By(vec![&wdf::QUEUE_STATE])),
                ("0xB", Answer::By(vec![&wdf::NO_LOCK, &wdf::LOCK_NOT_HELD])),
                ("0xC, 0xD: states of plug and play and power", Answer::No(PNP)),
                ("0xE", Answer::By(vec![&wdf::CALLBACK_IRQL])),
                ("0xF", Answer::By(vec![&wdf::CALLBACK_CRITICAL_REGION, &wdf::CALLBACK_SPIN_LOCK])),
                ("0x10", Answer::By(vec![&wdf::MISSING_FUNCTION])),
                ("a function above its highest IRQL", Answer::By(vec![&wdf::IRQL])),
                ("a request that the driver does not own", Answer::By(vec![&wdf::NOT_OWNED])),
                ("a request completed while marked cancelable", Answer::By(vec![&wdf::STILL_CANCELABLE])),
                (
                    "marked twice, unmarked when not marked",
                    Answer::By(vec![&wdf::MARKED_TWICE, &wdf::NOT_MARKED]),
                ),
                ("`WdfRequestIsCanceled` of a marked request", Answer::By(vec![&wdf::IS_CANCELED_MARKED])),
                ("`WdfRequestStopAcknowledge` outside `EvtIoStop`", Answer::By(vec![&wdf::MISSING_FUNCTION])),
                ("a request outside the caller's context", Answer::By(vec![&wdf::CALLER_CONTEXT])),
                ("forwarded to the same queue, or to another device's", Answer::By(vec![&wdf::FORWARD])),
                (
                    "retrieved from a sequential queue with nothing outstanding",
                    Answer::By(vec![&wdf::RETRIEVE_SEQUENTIAL]),
                ),
                ("requeued, from no manual queue", Answer::By(vec![&wdf::REQUEUE])),
                ("`WdfIoQueueReadyNotify` set twice", Answer::By(vec![&wdf::MISSING_FUNCTION])),
                ("a timer waits for itself", Answer::By(vec![&wdf::TIMER_WAIT])),
                ("a work item flushed by itself", Answer::By(vec![&wdf::WORK_ITEM_FLUSH])),
                ("enqueued after the delete", Answer::By(vec![&wdf::INVALID_HANDLE])),
                (
                    "a memory object of no bytes",
                    Answer::No("`WdfMemoryCreate` refuses it with a status, as on Windows"),
                ),
                ("pool left when the driver is gone", Answer::By(vec![&rule::POOL_LEAK])),
                ("a child of a request that needs `PASSIVE_LEVEL`", Answer::By(vec![&wdf::PASSIVE_CHILD])),
                (
                    "a user's buffer by `METHOD_NEITHER`",
                    Answer::By(vec![&wdf::USER_BUFFER, &wdf::UNSAFE_BUFFER, &wdf::READ_ONLY_MEMORY]),
                ),
                (
                    "more objects than the limit of leaks",
                    Answer::Partly(
                        vec![&wdf::OBJECT_LEAK],
                        "what is left is reported, not how many there are",
                    ),
                ),
            ],
        },
    ]
}
