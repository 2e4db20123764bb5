//! The framework's functions, under their C names.
//!
//! Each has the signature of its entry in the function table; the first argument is the driver's globals, which
//! [`call_unsafe_wdf_function_binding!`](crate::call_unsafe_wdf_function_binding) passes.

pub use crate::buffers::{
    WdfRequestRetrieveInputBuffer, WdfRequestRetrieveInputMemory, WdfRequestRetrieveInputWdmMdl,
    WdfRequestRetrieveOutputBuffer, WdfRequestRetrieveOutputMemory, WdfRequestRetrieveOutputWdmMdl,
};
pub use crate::caller_context::{WdfDeviceEnqueueRequest, WdfDeviceInitSetIoInCallerContextCallback};
pub use crate::device_api::{
    WdfControlFinishInitializing, WdfDeviceConfigureRequestDispatching, WdfDeviceCreate,
    WdfDeviceCreateSymbolicLink, WdfDeviceGetDefaultQueue, WdfDeviceGetDriver, WdfDeviceWdmGetDeviceObject,
};
pub use crate::device_init::{
    WdfControlDeviceInitAllocate, WdfDeviceInitAssignName, WdfDeviceInitAssignSDDLString, WdfDeviceInitFree,
    WdfDeviceInitSetCharacteristics, WdfDeviceInitSetDeviceType, WdfDeviceInitSetExclusive,
    WdfDeviceInitSetFileObjectConfig, WdfDeviceInitSetIoType, WdfDeviceInitSetRequestAttributes,
};
pub use crate::dpc::{WdfDpcCancel, WdfDpcCreate, WdfDpcEnqueue, WdfDpcGetParentObject, WdfDpcWdmGetDpc};
pub use crate::driver::{WdfDriverCreate, WdfDriverGetRegistryPath, WdfDriverWdmGetDriverObject};
pub use crate::file::{
    WdfFileObjectGetDevice, WdfFileObjectGetFileName, WdfFileObjectGetFlags,
    WdfFileObjectGetInitiatorProcessId, WdfFileObjectWdmGetFileObject,
};
pub use crate::locks::{
    WdfSpinLockAcquire, WdfSpinLockCreate, WdfSpinLockRelease, WdfWaitLockAcquire, WdfWaitLockCreate,
    WdfWaitLockRelease,
};
pub use crate::memory::{
    WdfMemoryAssignBuffer, WdfMemoryCopyFromBuffer, WdfMemoryCopyToBuffer, WdfMemoryCreate,
    WdfMemoryCreatePreallocated, WdfMemoryGetBuffer,
};
pub use crate::object_api::{
    WdfObjectAcquireLock, WdfObjectAllocateContext, WdfObjectContextGetObject, WdfObjectCreate,
    WdfObjectDelete, WdfObjectDereferenceActual, WdfObjectGetTypedContextWorker, WdfObjectReferenceActual,
    WdfObjectReleaseLock,
};
pub use crate::pnp::{WdfDeviceCreateDeviceInterface, WdfDeviceInitSetPnpPowerEventCallbacks};
pub use crate::queue_api::{
    WdfIoQueueDrain, WdfIoQueueDrainSynchronously, WdfIoQueueGetDevice, WdfIoQueueGetState, WdfIoQueuePurge,
    WdfIoQueuePurgeSynchronously, WdfIoQueueRetrieveNextRequest, WdfIoQueueRetrieveRequestByFileObject,
    WdfIoQueueStart, WdfIoQueueStop, WdfIoQueueStopAndPurge, WdfIoQueueStopAndPurgeSynchronously,
    WdfIoQueueStopSynchronously,
};
pub use crate::queue_create::WdfIoQueueCreate;
pub use crate::request_api::{
    WdfRequestComplete, WdfRequestCompleteWithInformation, WdfRequestCompleteWithPriorityBoost,
    WdfRequestGetFileObject, WdfRequestGetInformation, WdfRequestGetIoQueue, WdfRequestGetParameters,
    WdfRequestGetRequestorMode, WdfRequestGetRequestorProcessId, WdfRequestGetStatus,
    WdfRequestIsFrom32BitProcess, WdfRequestSetInformation, WdfRequestWdmGetIrp,
};
pub use crate::request_owner::{
    WdfRequestForwardToIoQueue, WdfRequestIsCanceled, WdfRequestMarkCancelable, WdfRequestMarkCancelableEx,
    WdfRequestRequeue, WdfRequestUnmarkCancelable,
};
pub use crate::shutdown::WdfControlDeviceInitSetShutdownNotification;
pub use crate::string::{WdfStringCreate, WdfStringGetUnicodeString};
pub use crate::timer::{WdfTimerCreate, WdfTimerGetParentObject, WdfTimerStart, WdfTimerStop};
pub use crate::user_buffers::{
    WdfRequestProbeAndLockUserBufferForRead, WdfRequestProbeAndLockUserBufferForWrite,
    WdfRequestRetrieveUnsafeUserInputBuffer, WdfRequestRetrieveUnsafeUserOutputBuffer,
};
pub use crate::verifier::{WdfVerifierDbgBreakPoint, WdfVerifierKeBugCheck};
pub use crate::version::{WdfDriverIsVersionAvailable, WdfDriverRetrieveVersionString};
pub use crate::work_item::{
    WdfWorkItemCreate, WdfWorkItemEnqueue, WdfWorkItemFlush, WdfWorkItemGetParentObject,
};
