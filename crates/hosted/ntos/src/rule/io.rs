//! The I/O manager's rules: what a driver may not do with IRPs, devices and links.
//!
//! Codes and parameters are chosen as in [`rule`](crate::rule).

use hosted_rule::rules;

use crate::rule::OWN;

rules! {
    /// An I/O manager function called above `PASSIVE_LEVEL`.
    IRQL_IO_PASSIVE = 0xC4, 0x2000A, "IrqlIoPassive1", "IrqlIoPassive1 rule (wdm)";
    /// An I/O manager function called above `APC_LEVEL`.
    IRQL_IO_APC_LTE = 0xC4, 0x20009, "IrqlIoApcLte", "IrqlIoApcLte rule (wdm)";

    /// `IoFreeIrp`, `IoReuseIrp` or `IoCancelIrp` of something else than an IRP, or of one that was freed.
    NOT_AN_IRP = 0xC9, 0x01, "NotAnIrp", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// `IoFreeIrp` of an IRP that belongs to a thread's request.
    FREE_THREADED_IRP = 0xC9, 0x02, "FreeThreadedIrp", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// `IoFreeIrp` while a driver below has the IRP, or a cancel routine is set.
    FREE_IN_USE = 0xC9, 0x20A, "FreeIrpInUse", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// A freed IRP was written to.
    IRP_WRITTEN_AFTER_FREE = 0xCC, OWN, "IrpWrittenAfterFree", "Bug Check 0xCC: PAGE_FAULT_IN_FREED_SPECIAL_POOL";
    /// An IRP from `IoAllocateIrp` left when its driver was unloaded or the machine shut down.
    IRP_LEAK = 0xC4, 0x62, "IoAllocateFree", "IoAllocateFree rule (wdm)";
    /// `IoReuseIrp` of an IRP that `IoAllocateIrp` did not make.
    REUSE_NOT_ALLOCATED = 0xC9, OWN, "IoReuseIrp2", "IoReuseIrp2 rule (wdm)";
    /// `IoReuseIrp` while a driver below has the IRP, or a cancel routine is set.
    REUSE_IN_USE = 0xC9, OWN + 1, "IoReuseIrp", "IoReuseIrp rule (wdm)";
    /// `IoInitializeIrp` on an IRP that is not in the driver's own memory.
    INITIALIZE_ALLOCATED = 0xC9, 0x20D, "InitializeAllocatedIrp", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// `IoInitializeIrp` with less memory than the IRP takes, or on an IRP that a driver below has.
    INITIALIZE_BAD = 0xC9, OWN + 2, "IoInitializeIrp", "IoInitializeIrp";

    /// Memory freed, or given back with a routine's stack, while a request in flight uses it.
    FREED_IN_FLIGHT = 0xC9, OWN + 11, "FreedInFlight", "WskControlSocket, WskSendTo, WskReceiveFrom";

    /// `IofCallDriver` with something else than an IRP.
    CALL_BAD_IRP = 0xC9, 0x03, "CallDriverBadIrp", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// `IofCallDriver` with something else than a device object.
    CALL_BAD_DEVICE = 0xC9, 0x04, "CallDriverBadDevice", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// A dispatch routine returned at another IRQL than it was called at.
    DISPATCH_CHANGED_IRQL = 0xC9, 0x05, "DispatchChangedIrql", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// `IofCallDriver` above `DISPATCH_LEVEL`.
    CALL_IRQL = 0xC9, 0x10, "CallDriverIrql", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// `IofCallDriver` at an IRQL that the request does not allow.
    FORWARDED_AT_BAD_IRQL = 0xC9, 0x23A, "ForwardedAtBadIrql", "ForwardedAtBadIrql rule (wdm)";
    /// An IRP passed on while a cancel routine was set.
    FORWARD_CANCELABLE = 0xC9, 0x203, "ForwardWithCancelRoutine", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// A completed IRP sent again without `IoReuseIrp`.
    SENT_NOT_REUSED = 0xC9, 0x205, "SentWithoutReuse", "Reusing IRPs";
    /// The next stack location's control holds more than the conditions of the completion routine.
    NEXT_LOCATION_DIRTY = 0xC9, 0x206, "NextLocationNotClean", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// A stack location copied down with the upper driver's completion routine.
    LOCATION_COPIED = 0xC9, 0x207, "LocationCopiedWithRoutine", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// `IofCallDriver` without a stack location left.
    NO_LOCATION_LEFT = 0x35, 0x208, "NoMoreStackLocations", "Bug Check 0x35: NO_MORE_IRP_STACK_LOCATIONS";
    /// An own IRP sent without a completion routine for every outcome.
    SENT_WITHOUT_ROUTINE = 0xC9, OWN + 3, "IoAllocateForward", "IoAllocateForward rule (wdm)";

    /// A dispatch routine returned another status than it completed the IRP with.
    DISPATCH_STATUS_DIFFERS = 0xC9, 0x224, "DispatchStatusDiffers", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// A dispatch routine returned a final status for an IRP that it did not complete.
    DISPATCH_NOT_COMPLETED = 0xC9, 0x226, "IrpProcessingComplete", "IrpProcessingComplete rule (wdm)";
    /// A dispatch routine returned `STATUS_PENDING` without marking the IRP pending.
    PENDING_NOT_MARKED = 0xC9, 0x23D, "MarkIrpPending2", "MarkIrpPending2 rule (wdm)";
    /// A dispatch routine marked the IRP pending and returned something else.
    MARKED_NOT_PENDING = 0xC9, 0x23E, "MarkIrpPending", "MarkIrpPending rule (wdm)";

    /// `IofCompleteRequest` with something else than an IRP.
    COMPLETE_BAD_IRP = 0xC9, OWN + 4, "CompleteBadIrp", "IoCompleteRequest";
    /// An IRP completed with `STATUS_PENDING` or -1.
    COMPLETE_BAD_STATUS = 0xC9, 0x06, "CompleteBadStatus", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// An IRP completed while a cancel routine was set.
    COMPLETE_CANCELABLE = 0xC9, 0x07, "CompleteWithCancelRoutine", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// `IofCompleteRequest` above `DISPATCH_LEVEL`.
    COMPLETE_IRQL = 0xC9, 0x0E, "CompleteRequestIrql", "Bug Check 0xC9: DRIVER_VERIFIER_IOMANAGER_VIOLATION";
    /// `IofCompleteRequest` while the thread holds a spin lock.
    COMPLETE_HOLDING_LOCK = 0xC4, OWN + 8, "SpinLockSafe", "SpinLockSafe rule (wdm)";
    /// `IofCompleteRequest` on an IRP of the driver's own, which nobody sent.
    COMPLETE_OWN = 0xC9, 0x239, "IoAllocateComplete", "IoAllocateComplete rule (wdm)";
    /// An IRP completed that is completed already.
    MULTIPLE_COMPLETE = 0x44, 0, "DoubleCompletion", "Bug Check 0x44: MULTIPLE_IRP_COMPLETE_REQUESTS";
    /// The completion routine of an own IRP returned something else than `STATUS_MORE_PROCESSING_REQUIRED`, or none ran.
    OWN_IRP_PAST_TOP = 0xC9, OWN + 6, "OwnIrpPastTop", "Using IRPs with Winsock Kernel Functions";
    /// A completion routine freed or completed the IRP and did not return `STATUS_MORE_PROCESSING_REQUIRED`.
    GONE_IN_ROUTINE = 0xC9, OWN + 7, "IrpGoneInCompletionRoutine", "IO_COMPLETION_ROUTINE callback function";
    /// A completion routine returned at another IRQL than it was called at.
    ROUTINE_CHANGED_IRQL = 0xC4, 0xFA, "CompletionRoutineChangedIrql",
        "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";

    /// A cancel routine returned without releasing the cancel spin lock to `CancelIrql`.
    CANCEL_LOCK_KEPT = 0xC4, OWN + 6, "CancelSpinLock", "CancelSpinLock rule (wdm)";
    /// A cancel routine set on an IRP that was cancelled before, and `Irp->Cancel` not looked at.
    CANCEL_FIELD = 0xC9, OWN + 12, "IrpCancelField", "IrpCancelField rule (wdm)";
    /// A cancelled request did not complete in time.
    CANCEL_IGNORED = 0xC4, 0x135, "CancelledIrpNotCompleted", "Bug Check 0xC4: DRIVER_VERIFIER_DETECTED_VIOLATION";
    /// A cancel-safe queue initialised without all of its routines.
    CSQ_ROUTINES = 0xC9, OWN + 0x20, "CsqRoutines", "IoCsqInitialize";
    /// A cancel-safe queue initialised while there are IRPs in it.
    CSQ_INITIALIZED_IN_USE = 0xC9, OWN + 0x21, "CsqInitializedInUse", "IoCsqInitialize";
    /// A cancel-safe queue used that was not initialised, or a context that is of another queue.
    CSQ_NOT_INITIALIZED = 0xC9, OWN + 0x22, "CsqNotInitialized", "IoCsqInsertIrp";
    /// An IRP put into a cancel-safe queue that is in one, with a context that is in use, or by who does not have it.
    CSQ_INSERTED_TWICE = 0xC9, OWN + 0x23, "CsqInsertedTwice", "IoCsqInsertIrp";
    /// `CsqPeekNextIrp` returned an IRP that is not in the queue.
    CSQ_NOT_IN_QUEUE = 0xC9, OWN + 0x24, "CsqNotInQueue", "IO_CSQ_PEEK_NEXT_IRP callback function";
    /// `CsqAcquireLock` returned while another thread, or its own, had the queue's lock.
    CSQ_LOCK = 0xC9, OWN + 0x25, "CsqLock", "IO_CSQ_ACQUIRE_LOCK callback function";
    /// A cancel-safe queue, or the context of an IRP in it, freed while the IRP is in the queue.
    CSQ_FREED = 0xC9, OWN + 0x26, "CsqFreed", "IoCsqInsertIrp";
    /// `Tail.Overlay.DriverContext[3]` of an IRP changed while it was in a cancel-safe queue.
    CSQ_DRIVER_CONTEXT = 0xC9, OWN + 0x27, "CsqDriverContext", "IoCsqInsertIrp";
    /// A request succeeded with more bytes than its output buffer has, or a write than it has brought.
    INFORMATION_TOO_LARGE = 0xC9, OWN + 8, "InformationTooLarge", "I/O Status Blocks";
    /// A buffered request completed with more output than the driver has written: what was in the memory before goes to
    /// the process.
    OUTPUT_NOT_WRITTEN = 0xC9, OWN + 13, "OutputNotWritten", "Failure to Initialize Output Buffers";

    /// `IoDeleteDevice` of something else than a device object, or twice; a reference to such a thing, or one too many
    /// dropped.
    DELETE_BAD_DEVICE = 0xC9, 0x240, "DeleteDevice", "DeleteDevice rule (wdm)";
    /// A shutdown notification for something else than a device object.
    SHUTDOWN_BAD_DEVICE = 0xC9, OWN + 10, "ShutdownNotification", "IoRegisterShutdownNotification";
    /// A device left when its driver was unloaded or the machine shut down.
    DEVICE_LEAK = 0xCE, OWN + 3, "DeviceLeak", "IoDeleteDevice";
    /// A symbolic link left when its driver was unloaded or the machine shut down.
    LINK_LEAK = 0xCE, OWN + 4, "SymbolicLinkLeak", "IoDeleteSymbolicLink";
    /// `DriverEntry` or `DriverUnload` did not return in time.
    ROUTINE_STUCK = 0x101, OWN + 1, "RoutineNotReturned", "DRIVER_UNLOAD callback function";
    /// A device that was not closed in time for its driver to be unloaded: a handle is open, or a request not completed.
    UNLOAD_STUCK = 0xC4, OWN + 7, "UnloadWaits", "DRIVER_UNLOAD callback function";
    /// A request that its driver did not complete in time for who waited for it.
    REQUEST_STUCK = 0xC9, OWN + 9, "RequestNotCompleted", "IoCompleteRequest";
    /// A handle left open when the machine shut down.
    FILE_LEAK = 0xCE, OWN + 5, "FileLeak", "CloseHandle";
}
