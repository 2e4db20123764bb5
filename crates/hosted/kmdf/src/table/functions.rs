//! The framework's functions, under their C names.
//!
//! Each has the signature of its entry in the function table; the first argument is the driver's globals, which
//! [`call_unsafe_wdf_function_binding!`](crate::call_unsafe_wdf_function_binding) passes. A driver that calls a function of
//! the table that is not here is stopped with the function's name.
//!
//! - Driver: [`WdfDriverCreate`], [`WdfDriverGetRegistryPath`], [`WdfDriverWdmGetDriverObject`],
//!   [`WdfDriverRetrieveVersionString`], [`WdfDriverIsVersionAvailable`]
//! - Device, before it is made: [`WdfControlDeviceInitAllocate`], [`WdfControlDeviceInitSetShutdownNotification`],
//!   [`WdfDeviceInitFree`], [`WdfDeviceInitSetPnpPowerEventCallbacks`], [`WdfDeviceInitSetIoType`],
//!   [`WdfDeviceInitSetExclusive`], [`WdfDeviceInitSetDeviceType`], [`WdfDeviceInitAssignName`],
//!   [`WdfDeviceInitAssignSDDLString`], [`WdfDeviceInitSetCharacteristics`], [`WdfDeviceInitSetFileObjectConfig`],
//!   [`WdfDeviceInitSetRequestAttributes`], [`WdfDeviceInitSetIoInCallerContextCallback`]
//! - Device: [`WdfControlFinishInitializing`], [`WdfDeviceWdmGetDeviceObject`], [`WdfDeviceGetDriver`],
//!   [`WdfDeviceCreate`], [`WdfDeviceCreateDeviceInterface`], [`WdfDeviceCreateSymbolicLink`],
//!   [`WdfDeviceEnqueueRequest`], [`WdfDeviceGetDefaultQueue`], [`WdfDeviceConfigureRequestDispatching`]
//! - File: [`WdfFileObjectGetFileName`], [`WdfFileObjectGetFlags`], [`WdfFileObjectGetDevice`],
//!   [`WdfFileObjectWdmGetFileObject`], [`WdfFileObjectGetInitiatorProcessId`]
//! - Queue: [`WdfIoQueueCreate`], [`WdfIoQueueGetState`], [`WdfIoQueueStart`], [`WdfIoQueueStop`],
//!   [`WdfIoQueueStopSynchronously`], [`WdfIoQueueGetDevice`], [`WdfIoQueueRetrieveNextRequest`],
//!   [`WdfIoQueueRetrieveRequestByFileObject`], [`WdfIoQueueDrainSynchronously`], [`WdfIoQueueDrain`],
//!   [`WdfIoQueuePurgeSynchronously`], [`WdfIoQueuePurge`], [`WdfIoQueueStopAndPurge`],
//!   [`WdfIoQueueStopAndPurgeSynchronously`]
//! - Request: [`WdfRequestGetStatus`], [`WdfRequestMarkCancelable`], [`WdfRequestUnmarkCancelable`],
//!   [`WdfRequestIsCanceled`], [`WdfRequestIsFrom32BitProcess`], [`WdfRequestComplete`],
//!   [`WdfRequestCompleteWithPriorityBoost`], [`WdfRequestCompleteWithInformation`], [`WdfRequestGetParameters`],
//!   [`WdfRequestRetrieveInputMemory`], [`WdfRequestRetrieveOutputMemory`], [`WdfRequestRetrieveInputBuffer`],
//!   [`WdfRequestRetrieveOutputBuffer`], [`WdfRequestRetrieveInputWdmMdl`], [`WdfRequestRetrieveOutputWdmMdl`],
//!   [`WdfRequestRetrieveUnsafeUserInputBuffer`], [`WdfRequestRetrieveUnsafeUserOutputBuffer`],
//!   [`WdfRequestSetInformation`], [`WdfRequestGetInformation`], [`WdfRequestGetFileObject`],
//!   [`WdfRequestProbeAndLockUserBufferForRead`], [`WdfRequestProbeAndLockUserBufferForWrite`],
//!   [`WdfRequestGetRequestorMode`], [`WdfRequestForwardToIoQueue`], [`WdfRequestGetIoQueue`], [`WdfRequestRequeue`],
//!   [`WdfRequestWdmGetIrp`], [`WdfRequestMarkCancelableEx`], [`WdfRequestGetRequestorProcessId`]
//! - Memory: [`WdfMemoryCreate`], [`WdfMemoryCreatePreallocated`], [`WdfMemoryGetBuffer`], [`WdfMemoryAssignBuffer`],
//!   [`WdfMemoryCopyToBuffer`], [`WdfMemoryCopyFromBuffer`]
//! - String: [`WdfStringCreate`], [`WdfStringGetUnicodeString`]
//! - Spin lock: [`WdfSpinLockCreate`], [`WdfSpinLockAcquire`], [`WdfSpinLockRelease`]
//! - Wait lock: [`WdfWaitLockCreate`], [`WdfWaitLockAcquire`], [`WdfWaitLockRelease`]
//! - Work item: [`WdfWorkItemCreate`], [`WdfWorkItemEnqueue`], [`WdfWorkItemGetParentObject`], [`WdfWorkItemFlush`]
//! - Timer: [`WdfTimerCreate`], [`WdfTimerStart`], [`WdfTimerStop`], [`WdfTimerGetParentObject`]
//! - DPC: [`WdfDpcCreate`], [`WdfDpcEnqueue`], [`WdfDpcCancel`], [`WdfDpcGetParentObject`], [`WdfDpcWdmGetDpc`]
//! - Any object: [`WdfObjectGetTypedContextWorker`], [`WdfObjectAllocateContext`], [`WdfObjectContextGetObject`],
//!   [`WdfObjectReferenceActual`], [`WdfObjectDereferenceActual`], [`WdfObjectCreate`], [`WdfObjectDelete`],
//!   [`WdfObjectAcquireLock`], [`WdfObjectReleaseLock`]
//! - Verifier: [`WdfVerifierDbgBreakPoint`], [`WdfVerifierKeBugCheck`]
//!
//! `tests/counter.rs` in this crate is a small driver that uses most kinds of objects, as it would be written for Windows.

pub use crate::deferred::dpc::{
    WdfDpcCancel, WdfDpcCreate, WdfDpcEnqueue, WdfDpcGetParentObject, WdfDpcWdmGetDpc,
};
pub use crate::deferred::timer::{WdfTimerCreate, WdfTimerGetParentObject, WdfTimerStart, WdfTimerStop};
pub use crate::deferred::work_item::{
    WdfWorkItemCreate, WdfWorkItemEnqueue, WdfWorkItemFlush, WdfWorkItemGetParentObject,
};
pub use crate::device::api::{
    WdfControlFinishInitializing, WdfDeviceCreate, WdfDeviceCreateSymbolicLink, WdfDeviceGetDriver,
    WdfDeviceWdmGetDeviceObject,
};
pub use crate::device::caller_context::{WdfDeviceEnqueueRequest, WdfDeviceInitSetIoInCallerContextCallback};
pub use crate::device::init::{
    WdfDeviceInitAssignName, WdfDeviceInitAssignSDDLString, WdfDeviceInitFree,
    WdfDeviceInitSetCharacteristics, WdfDeviceInitSetDeviceType, WdfDeviceInitSetExclusive,
    WdfDeviceInitSetFileObjectConfig, WdfDeviceInitSetIoType, WdfDeviceInitSetRequestAttributes,
};
pub use crate::device::pnp::{WdfDeviceCreateDeviceInterface, WdfDeviceInitSetPnpPowerEventCallbacks};
pub use crate::device::queues::{
    WdfDeviceConfigureRequestDispatching, WdfDeviceGetDefaultQueue, WdfIoQueueCreate,
};
pub use crate::device::shutdown::WdfControlDeviceInitSetShutdownNotification;
pub use crate::driver::WdfDriverCreate;
pub use crate::driver::api::{
    WdfControlDeviceInitAllocate, WdfDriverGetRegistryPath, WdfDriverIsVersionAvailable,
    WdfDriverRetrieveVersionString, WdfDriverWdmGetDriverObject,
};
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
pub use crate::object::api::{
    WdfObjectAcquireLock, WdfObjectAllocateContext, WdfObjectContextGetObject, WdfObjectCreate,
    WdfObjectDelete, WdfObjectDereferenceActual, WdfObjectGetTypedContextWorker, WdfObjectReferenceActual,
    WdfObjectReleaseLock,
};
pub use crate::queue::api::{
    WdfIoQueueDrain, WdfIoQueueDrainSynchronously, WdfIoQueueGetDevice, WdfIoQueueGetState, WdfIoQueuePurge,
    WdfIoQueuePurgeSynchronously, WdfIoQueueRetrieveNextRequest, WdfIoQueueRetrieveRequestByFileObject,
    WdfIoQueueStart, WdfIoQueueStop, WdfIoQueueStopAndPurge, WdfIoQueueStopAndPurgeSynchronously,
    WdfIoQueueStopSynchronously,
};
pub use crate::queue::ownership::{
    WdfRequestForwardToIoQueue, WdfRequestGetIoQueue, WdfRequestIsCanceled, WdfRequestMarkCancelable,
    WdfRequestMarkCancelableEx, WdfRequestRequeue, WdfRequestUnmarkCancelable,
};
pub use crate::request::api::{
    WdfRequestComplete, WdfRequestCompleteWithInformation, WdfRequestCompleteWithPriorityBoost,
    WdfRequestGetFileObject, WdfRequestGetInformation, WdfRequestGetParameters, WdfRequestGetRequestorMode,
    WdfRequestGetRequestorProcessId, WdfRequestGetStatus, WdfRequestIsFrom32BitProcess,
    WdfRequestSetInformation, WdfRequestWdmGetIrp,
};
pub use crate::request::buffers::{
    WdfRequestRetrieveInputBuffer, WdfRequestRetrieveInputMemory, WdfRequestRetrieveInputWdmMdl,
    WdfRequestRetrieveOutputBuffer, WdfRequestRetrieveOutputMemory, WdfRequestRetrieveOutputWdmMdl,
};
pub use crate::request::user_buffers::{
    WdfRequestProbeAndLockUserBufferForRead, WdfRequestProbeAndLockUserBufferForWrite,
    WdfRequestRetrieveUnsafeUserInputBuffer, WdfRequestRetrieveUnsafeUserOutputBuffer,
};
pub use crate::string::{WdfStringCreate, WdfStringGetUnicodeString};
pub use crate::table::verifier::{WdfVerifierDbgBreakPoint, WdfVerifierKeBugCheck};
