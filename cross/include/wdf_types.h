/* The framework's handles, enumerations and callbacks: what a driver for a control device uses of them. */
#ifndef CROSS_WDF_TYPES_H
#define CROSS_WDF_TYPES_H

/* A handle points to a structure that nobody ever reads. */
#define CROSS_WDF_HANDLE(name) typedef struct name##__ { int unused; } *name

typedef PVOID WDFOBJECT;
typedef PVOID WDFCONTEXT;
CROSS_WDF_HANDLE(WDFDRIVER);
CROSS_WDF_HANDLE(WDFDEVICE);
CROSS_WDF_HANDLE(WDFQUEUE);
CROSS_WDF_HANDLE(WDFREQUEST);
CROSS_WDF_HANDLE(WDFFILEOBJECT);
CROSS_WDF_HANDLE(WDFWORKITEM);
CROSS_WDF_HANDLE(WDFTIMER);
CROSS_WDF_HANDLE(WDFSPINLOCK);

typedef struct WDFDEVICE_INIT WDFDEVICE_INIT, *PWDFDEVICE_INIT;

typedef enum _WDF_TRI_STATE {
    WdfFalse = 0,
    WdfTrue = 1,
    WdfUseDefault = 2,
} WDF_TRI_STATE;

typedef enum _WDF_EXECUTION_LEVEL {
    WdfExecutionLevelInvalid = 0,
    WdfExecutionLevelInheritFromParent = 1,
    WdfExecutionLevelPassive = 2,
    WdfExecutionLevelDispatch = 3,
} WDF_EXECUTION_LEVEL;

typedef enum _WDF_SYNCHRONIZATION_SCOPE {
    WdfSynchronizationScopeInvalid = 0,
    WdfSynchronizationScopeInheritFromParent = 1,
    WdfSynchronizationScopeDevice = 2,
    WdfSynchronizationScopeQueue = 3,
    WdfSynchronizationScopeNone = 4,
} WDF_SYNCHRONIZATION_SCOPE;

typedef enum _WDF_DRIVER_INIT_FLAGS {
    WdfDriverInitNonPnpDriver = 0x01,
    WdfDriverInitNoDispatchOverride = 0x02,
    WdfVerifyOn = 0x04,
    WdfVerifierOn = 0x08,
    WdfDriverInitCompanion = 0x10,
} WDF_DRIVER_INIT_FLAGS;

typedef enum _WDF_FILEOBJECT_CLASS {
    WdfFileObjectInvalid = 0,
    WdfFileObjectNotRequired = 1,
    WdfFileObjectWdfCanUseFsContext = 2,
    WdfFileObjectWdfCanUseFsContext2 = 3,
    WdfFileObjectWdfCannotUseFsContexts = 4,
    WdfFileObjectCanBeOptional = (int)0x80000000,
} WDF_FILEOBJECT_CLASS;

typedef enum _WDF_IO_QUEUE_DISPATCH_TYPE {
    WdfIoQueueDispatchInvalid = 0,
    WdfIoQueueDispatchSequential = 1,
    WdfIoQueueDispatchParallel = 2,
    WdfIoQueueDispatchManual = 3,
    WdfIoQueueDispatchMax = 4,
} WDF_IO_QUEUE_DISPATCH_TYPE;

struct _WDF_OBJECT_CONTEXT_TYPE_INFO;
typedef const struct _WDF_OBJECT_CONTEXT_TYPE_INFO *PCWDF_OBJECT_CONTEXT_TYPE_INFO;

/* Callbacks. */
typedef NTSTATUS (*PFN_WDF_DRIVER_DEVICE_ADD)(WDFDRIVER Driver, PWDFDEVICE_INIT DeviceInit);
typedef VOID (*PFN_WDF_DRIVER_UNLOAD)(WDFDRIVER Driver);
typedef VOID (*PFN_WDF_OBJECT_CONTEXT_CLEANUP)(WDFOBJECT Object);
typedef VOID (*PFN_WDF_OBJECT_CONTEXT_DESTROY)(WDFOBJECT Object);
typedef PCWDF_OBJECT_CONTEXT_TYPE_INFO (*PFN_GET_UNIQUE_CONTEXT_TYPE)(VOID);
typedef VOID (*PFN_WDF_DEVICE_FILE_CREATE)(WDFDEVICE Device, WDFREQUEST Request, WDFFILEOBJECT FileObject);
typedef VOID (*PFN_WDF_FILE_CLOSE)(WDFFILEOBJECT FileObject);
typedef VOID (*PFN_WDF_FILE_CLEANUP)(WDFFILEOBJECT FileObject);
typedef VOID (*PFN_WDF_IO_QUEUE_IO_DEFAULT)(WDFQUEUE Queue, WDFREQUEST Request);
typedef VOID (*PFN_WDF_IO_QUEUE_IO_READ)(WDFQUEUE Queue, WDFREQUEST Request, size_t Length);
typedef VOID (*PFN_WDF_IO_QUEUE_IO_WRITE)(WDFQUEUE Queue, WDFREQUEST Request, size_t Length);
typedef VOID (*PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL)(
    WDFQUEUE Queue, WDFREQUEST Request, size_t OutputBufferLength, size_t InputBufferLength, ULONG IoControlCode);
typedef VOID (*PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL)(
    WDFQUEUE Queue, WDFREQUEST Request, size_t OutputBufferLength, size_t InputBufferLength, ULONG IoControlCode);
typedef VOID (*PFN_WDF_IO_QUEUE_IO_STOP)(WDFQUEUE Queue, WDFREQUEST Request, ULONG ActionFlags);
typedef VOID (*PFN_WDF_IO_QUEUE_IO_RESUME)(WDFQUEUE Queue, WDFREQUEST Request);
typedef VOID (*PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE)(WDFQUEUE Queue, WDFREQUEST Request);
typedef VOID (*PFN_WDF_REQUEST_CANCEL)(WDFREQUEST Request);
typedef VOID (*PFN_WDF_WORKITEM)(WDFWORKITEM WorkItem);
typedef VOID (*PFN_WDF_TIMER)(WDFTIMER Timer);

#endif
