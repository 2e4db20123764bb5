//! The DDI compliance rules for KMDF drivers: what the pages of their rule sets list.

use kmdf::rules as wdf;
use ntos::{io_rules as io, rule};

use super::{Answer, Section};

const POWER: &str = "about power, which the hosted kernel has no requests for";
const TARGET: &str = "about I/O targets and requests that a driver sends, which the hosted framework has not: `FunctionMissing` stops such a driver";
const USB: &str = "about USB, which the hosted framework has not: `FunctionMissing` stops such a driver";
const PDO: &str =
    "about devices of buses, which the hosted framework has not: `FunctionMissing` stops such a driver";
const QUEUE_POWER: &str =
    "`EvtIoStop` and `EvtIoResume` are for queues with power management; a control device has none";
const INTERRUPT: &str =
    "about interrupts, which the hosted framework has not: `FunctionMissing` stops such a driver";
const NO_PNP_DRIVER: &str =
    "about drivers with plug and play; the hosted framework takes control devices only";
const STATIC: &str = "a question to the source, not to a run";
const SYSTEM_BUFFER: &str = "the system buffer is freed pool once the request is complete: what the pool finds out of late reads and writes holds for it";

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn sections() -> Vec<Section> {
    vec![
        Section {
            title: "DDI usage",
            source: "DDI usage rule set (KMDF)",
            rows: vec![
                (
                    "BufAfterReqCompletedRead",
                    Answer::Partly(vec![&rule::POOL_WRITE_AFTER_FREE], SYSTEM_BUFFER),
                ),
                (
                    "BufAfterReqCompletedReadA",
                    Answer::Partly(vec![&rule::POOL_WRITE_AFTER_FREE], SYSTEM_BUFFER),
                ),
                (
                    "BufAfterReqCompletedWrite",
                    Answer::Partly(vec![&rule::POOL_WRITE_AFTER_FREE], SYSTEM_BUFFER),
                ),
                (
                    "BufAfterReqCompletedWriteA",
                    Answer::Partly(vec![&rule::POOL_WRITE_AFTER_FREE], SYSTEM_BUFFER),
                ),
                (
                    "BufAfterReqCompletedIoctl",
                    Answer::Partly(vec![&rule::POOL_WRITE_AFTER_FREE], SYSTEM_BUFFER),
                ),
                (
                    "BufAfterReqCompletedIoctlA",
                    Answer::Partly(vec![&rule::POOL_WRITE_AFTER_FREE], SYSTEM_BUFFER),
                ),
                (
                    "BufAfterReqCompletedIntIoctl",
                    Answer::Partly(vec![&rule::POOL_WRITE_AFTER_FREE], SYSTEM_BUFFER),
                ),
                (
                    "BufAfterReqCompletedIntIoctlA",
                    Answer::Partly(vec![&rule::POOL_WRITE_AFTER_FREE], SYSTEM_BUFFER),
                ),
                ("ChildDeviceInitApi", Answer::No(PDO)),
                ("ControlDeviceDeleted", Answer::No(NO_PNP_DRIVER)),
                ("ControlDeviceInitAPI", Answer::By(vec![&wdf::INIT_IGNORED, &wdf::INIT_GONE])),
                ("CtlDeviceFinishInitDeviceAdd", Answer::No(NO_PNP_DRIVER)),
                ("CtlDeviceFinishInitDrEntry", Answer::By(vec![&wdf::FINISH_INITIALIZING])),
                ("DeviceCreateFail", Answer::No(NO_PNP_DRIVER)),
                ("DeviceInitAllocate", Answer::No(PDO)),
                ("DeviceInitAPI", Answer::No(NO_PNP_DRIVER)),
                ("DoubleDeviceInitFree", Answer::By(vec![&wdf::INIT_GONE])),
                ("DriverCreate", Answer::By(vec![&wdf::DRIVER_CREATE])),
                ("InitFreeDeviceCallback", Answer::No(NO_PNP_DRIVER)),
                ("InitFreeDeviceCreate", Answer::By(vec![&wdf::INIT_LEAK])),
                ("InitFreeDeviceCreateType2", Answer::By(vec![&wdf::INIT_LEAK, &wdf::INIT_GONE])),
                ("InitFreeDeviceCreateType4", Answer::By(vec![&wdf::INIT_LEAK, &wdf::INIT_GONE])),
                ("InitFreeNull", Answer::By(vec![&wdf::INIT_GONE, &wdf::NULL_POINTER])),
                (
                    "MdlAfterReqCompletedRead",
                    Answer::Partly(
                        vec![&rule::MDL_INVALID],
                        "seen when the MDL is handed to the kernel or to WSK again; its memory is freed pool",
                    ),
                ),
                (
                    "MdlAfterReqCompletedReadA",
                    Answer::Partly(
                        vec![&rule::MDL_INVALID],
                        "seen when the MDL is handed to the kernel or to WSK again; its memory is freed pool",
                    ),
                ),
                (
                    "MdlAfterReqCompletedWrite",
                    Answer::Partly(
                        vec![&rule::MDL_INVALID],
                        "seen when the MDL is handed to the kernel or to WSK again; its memory is freed pool",
                    ),
                ),
                (
                    "MdlAfterReqCompletedWriteA",
                    Answer::Partly(
                        vec![&rule::MDL_INVALID],
                        "seen when the MDL is handed to the kernel or to WSK again; its memory is freed pool",
                    ),
                ),
                (
                    "MdlAfterReqCompletedIoctl",
                    Answer::Partly(
                        vec![&rule::MDL_INVALID],
                        "seen when the MDL is handed to the kernel or to WSK again; its memory is freed pool",
                    ),
                ),
                (
                    "MdlAfterReqCompletedIoctlA",
                    Answer::Partly(
                        vec![&rule::MDL_INVALID],
                        "seen when the MDL is handed to the kernel or to WSK again; its memory is freed pool",
                    ),
                ),
                (
                    "MdlAfterReqCompletedIntIoctl",
                    Answer::Partly(
                        vec![&rule::MDL_INVALID],
                        "seen when the MDL is handed to the kernel or to WSK again; its memory is freed pool",
                    ),
                ),
                (
                    "MdlAfterReqCompletedIntIoctlA",
                    Answer::Partly(
                        vec![&rule::MDL_INVALID],
                        "seen when the MDL is handed to the kernel or to WSK again; its memory is freed pool",
                    ),
                ),
                (
                    "MemAfterReqCompletedRead",
                    Answer::By(vec![&wdf::OUTSTANDING_MEMORY, &wdf::INVALID_HANDLE]),
                ),
                (
                    "MemAfterReqCompletedReadA",
                    Answer::By(vec![&wdf::OUTSTANDING_MEMORY, &wdf::INVALID_HANDLE]),
                ),
                (
                    "MemAfterReqCompletedWrite",
                    Answer::By(vec![&wdf::OUTSTANDING_MEMORY, &wdf::INVALID_HANDLE]),
                ),
                (
                    "MemAfterReqCompletedWriteA",
                    Answer::By(vec![&wdf::OUTSTANDING_MEMORY, &wdf::INVALID_HANDLE]),
                ),
                (
                    "MemAfterReqCompletedIoctl",
                    Answer::By(vec![&wdf::OUTSTANDING_MEMORY, &wdf::INVALID_HANDLE]),
                ),
                (
                    "MemAfterReqCompletedIoctlA",
                    Answer::By(vec![&wdf::OUTSTANDING_MEMORY, &wdf::INVALID_HANDLE]),
                ),
                (
                    "MemAfterReqCompletedIntIoctl",
                    Answer::By(vec![&wdf::OUTSTANDING_MEMORY, &wdf::INVALID_HANDLE]),
                ),
                (
                    "MemAfterReqCompletedIntIoctlA",
                    Answer::By(vec![&wdf::OUTSTANDING_MEMORY, &wdf::INVALID_HANDLE]),
                ),
                ("NullCheck", Answer::By(vec![&wdf::NULL_POINTER])),
                ("PdoDeviceInitAPI", Answer::No(PDO)),
                ("PdoInitFreeDeviceCallback", Answer::No(PDO)),
                ("PdoInitFreeDeviceCreate", Answer::No(PDO)),
                ("PdoInitFreeDeviceCreateType2", Answer::No(PDO)),
                ("PdoInitFreeDeviceCreateType4", Answer::No(PDO)),
                ("ControlDeviceInitAllocate", Answer::By(vec![&wdf::INIT_LEAK, &wdf::INIT_GONE])),
                ("InputBufferAPI", Answer::By(vec![&wdf::USER_BUFFER])),
            ],
        },
        Section {
            title: "IrpProcessing",
            source: "IrpProcessing rule set (KMDF)",
            rows: vec![
                (
                    "FwdIrpToIoQueueValid",
                    Answer::No(
                        "about IRPs that a driver's own dispatch routine gives to a queue: `FunctionMissing` stops such a driver",
                    ),
                ),
                ("SetCompletionRoutineFromDispatch", Answer::No(TARGET)),
                (
                    "MiniportOnlyWdmDevice",
                    Answer::No("about miniports: `FunctionMissing` stops such a driver"),
                ),
            ],
        },
        Section {
            title: "Irql",
            source: "Irql rule set (KMDF)",
            rows: vec![
                ("KmdfIrql", Answer::By(vec![&wdf::IRQL])),
                ("KmdfIrql2", Answer::By(vec![&wdf::IRQL])),
                ("UsbKmdfIrql", Answer::No(USB)),
                ("UsbKmdfIrql2", Answer::No(USB)),
                ("UsbKmdfIrqlExplicit", Answer::No(USB)),
                ("WdfRequestSendSyncAtDispatch", Answer::No(TARGET)),
                ("WdfRequestSendSyncAtDispatch2", Answer::No(TARGET)),
            ],
        },
        Section {
            title: "Locking",
            source: "Locking rule set (KMDF)",
            rows: vec![
                (
                    "ParentObjectCheckLock",
                    Answer::No(
                        "an object without a parent is the driver's, which is allowed; it is gone when the driver is",
                    ),
                ),
                ("ReqSendWhileSpinlock", Answer::No(TARGET)),
                ("Spinlock", Answer::By(vec![&rule::SPIN_LOCK_RECURSION, &rule::SPIN_LOCK_AT_RETURN])),
                ("SpinlockDpc", Answer::By(vec![&rule::SPIN_LOCK_AT_DPC, &rule::SPIN_LOCK_FORM])),
                ("SpinlockRelease", Answer::By(vec![&rule::SPIN_LOCK_NOT_OWNED])),
                ("WdfInterruptLock", Answer::No(INTERRUPT)),
                ("WdfInterruptLockRelease", Answer::No(INTERRUPT)),
                ("WdfSpinlock", Answer::By(vec![&wdf::RECURSIVE_LOCK, &wdf::CALLBACK_SPIN_LOCK])),
                ("WdfSpinlockRelease", Answer::By(vec![&wdf::LOCK_NOT_HELD])),
                ("WdfWaitlock", Answer::By(vec![&wdf::RECURSIVE_LOCK, &wdf::CALLBACK_CRITICAL_REGION])),
                ("WdfWaitlockRelease", Answer::By(vec![&wdf::LOCK_NOT_HELD])),
            ],
        },
        Section {
            title: "Miscellaneous",
            source: "Miscellaneous rule set (KMDF)",
            rows: vec![
                ("AccessHardwareKey", Answer::No(NO_PNP_DRIVER)),
                ("AddPdotoStaticChildlist", Answer::No(PDO)),
                ("ChildListConfiguration", Answer::No(PDO)),
                ("Cleanup4CtlDeviceRegistered", Answer::No(NO_PNP_DRIVER)),
                ("NonFDONotPowerPolicyOwnerAPI", Answer::No(NO_PNP_DRIVER)),
                ("NonPnPDrvPowerPolicyOwnerAPI", Answer::By(vec![&wdf::MISSING_FUNCTION])),
            ],
        },
        Section {
            title: "RequestProcessing",
            source: "RequestProcessing rule set (KMDF)",
            rows: vec![
                ("ChangeQueueState", Answer::By(vec![&wdf::QUEUE_STATE])),
                ("CompleteCanceledReq", Answer::By(vec![&wdf::COMPLETE_CANCELED])),
                ("DoubleCompletion", Answer::By(vec![&wdf::DOUBLE_COMPLETION])),
                ("DoubleCompletionLocal", Answer::By(vec![&wdf::DOUBLE_COMPLETION])),
                ("EvtIoStopCancel", Answer::No(QUEUE_POWER)),
                ("EvtIoStopCompleteOrStopAck", Answer::No(QUEUE_POWER)),
                ("EvtSurpriseRemoveNoSuspendQueue", Answer::No(NO_PNP_DRIVER)),
                (
                    "FileObjectConfigured",
                    Answer::No(
                        "`WdfRequestGetFileObject` gives null then, as on Windows; using it is `InvalidHandle`",
                    ),
                ),
                (
                    "InternalIoctlReqs",
                    Answer::Partly(
                        vec![&wdf::NOT_COMPLETED],
                        "hosted sends no internal control requests; the others are looked at",
                    ),
                ),
                ("InvalidReqAccess", Answer::By(vec![&wdf::COMPLETED_ACCESS])),
                ("InvalidReqAccessLocal", Answer::By(vec![&wdf::COMPLETED_ACCESS, &wdf::NOT_OWNED])),
                ("IoctlReqs", Answer::By(vec![&wdf::NOT_COMPLETED])),
                ("MarkCancOnCancReqLocal", Answer::By(vec![&wdf::MARKED_TWICE])),
                ("NoIoQueuePurgeSynchronously", Answer::By(vec![&wdf::QUEUE_WAIT])),
                ("OutputBufferAPI", Answer::By(vec![&wdf::USER_BUFFER, &wdf::UNSAFE_BUFFER])),
                (
                    "ReadReqs",
                    Answer::Partly(
                        vec![&wdf::NOT_COMPLETED],
                        "a process in the hosted kernel sends control requests only",
                    ),
                ),
                ("ReqCompletionRoutine", Answer::No(TARGET)),
                ("ReqDelete", Answer::By(vec![&wdf::CANNOT_DELETE])),
                ("ReqIsCancOnCancReq", Answer::By(vec![&wdf::IS_CANCELED_MARKED])),
                ("ReqMarkCancelableSend", Answer::No(TARGET)),
                ("RequestCompleted", Answer::By(vec![&wdf::NOT_COMPLETED, &io::REQUEST_STUCK])),
                ("RequestFormattedValid", Answer::No(TARGET)),
                ("RequestGetStatusValid", Answer::No(TARGET)),
                ("RequestSendAndForgetNoFormatting", Answer::No(TARGET)),
                ("RequestSendAndForgetNoFormatting2", Answer::No(TARGET)),
                ("StopAckWithinEvtIoStop", Answer::By(vec![&wdf::MISSING_FUNCTION])),
                ("WdfIoQueueFindRequestFailed", Answer::By(vec![&wdf::MISSING_FUNCTION])),
                ("WdfIoQueueRetrieveFoundRequest", Answer::By(vec![&wdf::MISSING_FUNCTION])),
                (
                    "WdfIoQueueRetrieveNextRequest",
                    Answer::By(vec![&wdf::RETRIEVE_SEQUENTIAL, &wdf::NULL_POINTER]),
                ),
                (
                    "WriteReqs",
                    Answer::Partly(
                        vec![&wdf::NOT_COMPLETED],
                        "a process in the hosted kernel sends control requests only",
                    ),
                ),
            ],
        },
        Section {
            title: "Usb",
            source: "Usb rule set (KMDF)",
            rows: vec![
                ("FailD0EntryIoTargetState", Answer::No(USB)),
                ("UsbContReader", Answer::No(USB)),
                ("UsbDeviceCreate", Answer::No(USB)),
                ("UsbDeviceCreateFail", Answer::No(USB)),
                ("UsbDeviceCreateTarget", Answer::No(USB)),
            ],
        },
        Section {
            title: "Warning",
            source: "Warning rule set (KMDF)",
            rows: vec![
                ("DeferredRequestCompleted", Answer::By(vec![&wdf::NOT_COMPLETED, &io::REQUEST_STUCK])),
                ("DriverAttributeChanged", Answer::No(STATIC)),
                ("DrvAckIoStop", Answer::No(QUEUE_POWER)),
                ("EvtIoResumeGetParam", Answer::No(QUEUE_POWER)),
                ("EvtIoStopGetParam", Answer::No(QUEUE_POWER)),
                ("EvtIoStopResume", Answer::No(QUEUE_POWER)),
                ("EvtSurpriseRemoveNoRequestComplete", Answer::No(NO_PNP_DRIVER)),
                ("FDOPowerPolicyOwnerAPI", Answer::No(NO_PNP_DRIVER)),
                ("NoCancelFromEvtSurpriseRemove", Answer::No(NO_PNP_DRIVER)),
                ("PagedCodeAtD0", Answer::No(POWER)),
                (
                    "ParentObjectCheck",
                    Answer::No(
                        "an object without a parent is the driver's, which is allowed; it is gone when the driver is",
                    ),
                ),
                ("ReqNotCanceledLocal", Answer::By(vec![&wdf::STILL_CANCELABLE])),
                ("ReqSendFail", Answer::No(TARGET)),
                ("RequestCompletedLocal", Answer::By(vec![&wdf::NOT_COMPLETED])),
                ("RequestForUrbXrb", Answer::No(USB)),
                ("SyncReqSend", Answer::No(TARGET)),
                ("SyncReqSend2", Answer::No(TARGET)),
            ],
        },
    ]
}
