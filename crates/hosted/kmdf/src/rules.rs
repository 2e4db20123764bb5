//! The rules of the framework, each with the code that Windows gives it.
//!
//! The bug check is `WDF_VIOLATION` (0x10D); its first parameter tells what was violated. What Windows' verifier
//! reports by a break into the debugger, without a number, has a parameter from 0xFFFF0000 on here, each its own.

use alloc::string::String;

pub(crate) use hosted_rule::Broken;
use hosted_rule::{Rule, rules};

use crate::platform;

/// `WDF_VIOLATION`.
const WDF_VIOLATION: u32 = 0x10D;
/// The first of the parameters of the rules to which Windows gives no number.
const OWN: usize = 0xFFFF_0000;

rules! {
    code WDF_VIOLATION;

    /// A lock acquired by the thread that holds it.
    RECURSIVE_LOCK = 0x2, "WdfLockRecursion", "Bug Check 0x10D: WDF_VIOLATION";
    /// A request completed while the driver holds a reference to one of its memory objects.
    OUTSTANDING_MEMORY = 0x3, "MemAfterReqCompleted", "Bug Check 0x10D: WDF_VIOLATION";
    /// A null pointer where a value is required.
    NULL_POINTER = 0x4, "NullParameter", "Bug Check 0x10D: WDF_VIOLATION";
    /// A handle that is null, unknown, or of an object that is gone.
    INVALID_HANDLE = 0x5, "InvalidHandle", "Bug Check 0x10D: WDF_VIOLATION";
    /// A handle of an object of another type.
    WRONG_TYPE = 0x5, "HandleType", "Bug Check 0x10D: WDF_VIOLATION";
    /// More bytes reported than the buffer holds.
    INFORMATION = 0x6, "InformationTooLarge", "WdfRequestCompleteWithInformation";
    /// The last reference dropped of an object that was not deleted.
    LAST_REFERENCE = 0x7, "ObjectDereference", "WdfObjectDereferenceActual";
    /// A queue's state changed while an earlier change still waits for its callback.
    QUEUE_STATE = 0xA, "ChangeQueueState", "ChangeQueueState rule (kmdf)";
    /// A lock of an object that has none.
    NO_LOCK = 0xB, "ObjectHasNoLock", "WdfObjectAcquireLock";
    /// A lock released by a thread that does not hold it.
    LOCK_NOT_HELD = 0xB, "WdfSpinlockRelease", "WdfSpinlockRelease rule (kmdf)";
    /// A callback returned at another IRQL than it was called at.
    CALLBACK_IRQL = 0xE, "IrqlReturn", "Bug Check 0x10D: WDF_VIOLATION";
    /// A callback returned inside a critical region: with a wait lock held.
    CALLBACK_CRITICAL_REGION = 0xF, "WdfWaitlock", "WdfWaitlock rule (kmdf)";
    /// A callback returned with a spin lock, or an object's lock, held.
    CALLBACK_SPIN_LOCK = OWN, "WdfSpinlock", "WdfSpinlock rule (kmdf)";
    /// A function that this framework does not have.
    MISSING_FUNCTION = 0x10, "FunctionMissing", "Bug Check 0x10D: WDF_VIOLATION";
    /// A structure to be filled in whose size is not set.
    STRUCTURE_SIZE = OWN + 1, "StructureSize", "WDF_REQUEST_PARAMETERS_INIT";
    /// A function called above its highest IRQL.
    IRQL = OWN + 2, "KmdfIrql", "KmdfIrql2 rule (kmdf)";
    /// A request completed twice.
    DOUBLE_COMPLETION = OWN + 3, "DoubleCompletion", "DoubleCompletion rule (kmdf)";
    /// A request completed after its cancellation went to `EvtRequestCancel`, which has not run yet.
    COMPLETE_CANCELED = OWN + 4, "CompleteCanceledReq", "CompleteCanceledReq rule (kmdf)";
    /// A request used after it was completed.
    COMPLETED_ACCESS = OWN + 5, "InvalidReqAccess", "InvalidReqAccess rule (kmdf)";
    /// A request used that the driver does not own.
    NOT_OWNED = OWN + 6, "RequestNotOwned", "Request Ownership";
    /// A request completed, or given away, while marked cancelable.
    STILL_CANCELABLE = OWN + 7, "ReqNotCanceledLocal", "ReqNotCanceledLocal rule (kmdf)";
    /// A request marked cancelable twice.
    MARKED_TWICE = OWN + 8, "MarkCancOnCancReqLocal", "MarkCancOnCancReqLocal rule (kmdf)";
    /// A request unmarked that is not marked.
    NOT_MARKED = OWN + 9, "UnmarkNotMarked", "WdfRequestUnmarkCancelable";
    /// `WdfRequestIsCanceled` on a request marked cancelable.
    IS_CANCELED_MARKED = OWN + 10, "ReqIsCancOnCancReq", "ReqIsCancOnCancReq rule (kmdf)";
    /// A request that the driver never completed.
    NOT_COMPLETED = OWN + 11, "RequestCompleted", "RequestCompleted rule (kmdf)";
    /// A callback that did not return in time for who waited for it.
    CALLBACK_STUCK = OWN + 12, "CallbackNotReturned", "WdfWorkItemFlush";
    /// The lock of a device or queue that was not released in time for who waited for it.
    LOCK_STUCK = OWN + 13, "LockNotReleased", "WdfObjectAcquireLock";
    /// A request forwarded to its own queue, or to another device's.
    FORWARD = OWN + 14, "ForwardToIoQueue", "WdfRequestForwardToIoQueue";
    /// A request requeued that did not come from a manual queue.
    REQUEUE = OWN + 15, "Requeue", "WdfRequestRequeue";
    /// A retrieval of a user buffer that the device passes unread, outside the caller's context.
    USER_BUFFER = OWN + 16, "InputBufferAPI", "WdfRequestRetrieveInputBuffer";
    /// The queue of a create that `EvtDeviceFileCreate` has, which is the framework's own.
    CREATE_QUEUE = OWN + 17, "GetIoQueueOfCreate", "WdfRequestGetIoQueue";
    /// A request retrieved from a sequential queue while the driver has none of its requests.
    RETRIEVE_SEQUENTIAL = OWN + 18, "RetrieveFromSequential", "WdfIoQueueRetrieveNextRequest";
    /// A request that `EvtIoInCallerContext` does not have, where it must.
    CALLER_CONTEXT = OWN + 19, "InCallerContext", "WdfDeviceEnqueueRequest";
    /// A request enqueued where no queue takes it, or through another device.
    ENQUEUE = OWN + 20, "EnqueueRequest", "WdfDeviceEnqueueRequest";
    /// The user address asked for of a buffer that is not passed by address.
    UNSAFE_BUFFER = OWN + 21, "UnsafeUserBuffer", "WdfRequestRetrieveUnsafeUserInputBuffer";
    /// A memory object written to that was locked to be read.
    READ_ONLY_MEMORY = OWN + 22, "ReadOnlyMemory", "WdfRequestProbeAndLockUserBufferForRead";
    /// A wait for a queue in one of the queue's own callbacks.
    QUEUE_WAIT = OWN + 23, "QueueWaitsForItself", "WdfIoQueuePurgeSynchronously";
    /// A timer stopped with waiting, or deleted, in its own callback.
    TIMER_WAIT = OWN + 24, "TimerWaitsForItself", "WdfTimerStop";
    /// A work item flushed in its own callback.
    WORK_ITEM_FLUSH = OWN + 25, "WorkItemWaitsForItself", "WdfWorkItemFlush";
    /// An object that needs `PASSIVE_LEVEL` to be disposed of, left to a request that completes above it.
    PASSIVE_CHILD = OWN + 26, "RequestChildNeedsPassive", "Framework Object Life Cycle";
    /// A second `WdfDriverCreate`, or one outside `DriverEntry`.
    DRIVER_CREATE = OWN + 27, "DriverCreate", "DriverCreate rule (kmdf)";
    /// A control device that was not finished when its creator returned.
    FINISH_INITIALIZING = OWN + 28, "CtlDeviceFinishInitDrEntry", "CtlDeviceFinishInitDrEntry rule (kmdf)";
    /// A device description neither used nor freed when its creator returned.
    INIT_LEAK = OWN + 29, "InitFreeDeviceCreate", "InitFreeDeviceCreate rule (kmdf)";
    /// A device description used after it was freed or used up.
    INIT_GONE = OWN + 30, "DoubleDeviceInitFree", "DoubleDeviceInitFree rule (kmdf)";
    /// A device description given a configuration that the framework ignores.
    INIT_IGNORED = OWN + 31, "ControlDeviceInitAPI", "ControlDeviceInitAPI rule (kmdf)";
    /// An object that cannot be deleted by the driver; among them a queue to which requests are sent.
    CANNOT_DELETE = OWN + 32, "CannotDelete", "WdfObjectDelete";
    /// An object that the driver kept a reference to when it was unloaded.
    OBJECT_LEAK = OWN + 33, "ObjectReferenceLeak", "Framework Object Life Cycle";
}

/// Raises a broken rule, which stops the machine; or gives the value. For the function that a driver has called, or what calls
/// the driver.
pub(crate) fn require<T>(result: Result<T, Broken>) -> T {
    result.unwrap_or_else(|broken| platform::violation(broken.rule, broken.detail))
}

/// What only the verifier checks. In a lenient machine it is no error: the caller takes Windows' way out.
///
/// # Errors
/// The rule, in a strict machine.
pub(crate) fn check(rule: &'static Rule, detail: impl FnOnce() -> String) -> Result<(), Broken> {
    if platform::strict() { Err(Broken::new(rule, detail())) } else { Ok(()) }
}

/// Reports what only the verifier checks. Returns in a lenient machine, where the caller takes Windows' way out.
pub(crate) fn verify(rule: &'static Rule, detail: impl FnOnce() -> String) {
    require(check(rule, detail));
}
