//! The callbacks for Plug and Play and power, which a driver may set and no control device gets.
#![allow(missing_docs, reason = "Microsoft's page of the EVT_WDF name is the contract of each callback")]

use wsk_sys::{BOOLEAN, NTSTATUS, PVOID, ULONG};

use super::WDFDEVICE;

/// A callback that tells the driver something.
pub type PFN_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP = Option<unsafe extern "C" fn(Device: WDFDEVICE)>;
pub type PFN_WDF_DEVICE_SELF_MANAGED_IO_FLUSH = PFN_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP;
pub type PFN_WDF_DEVICE_SURPRISE_REMOVAL = PFN_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP;
/// A callback that may fail.
pub type PFN_WDF_DEVICE_SELF_MANAGED_IO_INIT = Option<unsafe extern "C" fn(Device: WDFDEVICE) -> NTSTATUS>;
pub type PFN_WDF_DEVICE_SELF_MANAGED_IO_SUSPEND = PFN_WDF_DEVICE_SELF_MANAGED_IO_INIT;
pub type PFN_WDF_DEVICE_SELF_MANAGED_IO_RESTART = PFN_WDF_DEVICE_SELF_MANAGED_IO_INIT;
pub type PFN_WDF_DEVICE_QUERY_REMOVE = PFN_WDF_DEVICE_SELF_MANAGED_IO_INIT;
pub type PFN_WDF_DEVICE_QUERY_STOP = PFN_WDF_DEVICE_SELF_MANAGED_IO_INIT;
/// A callback for a change of the device's power state, a `WDF_POWER_DEVICE_STATE`.
pub type PFN_WDF_DEVICE_D0_ENTRY = Option<unsafe extern "C" fn(Device: WDFDEVICE, State: i32) -> NTSTATUS>;
pub type PFN_WDF_DEVICE_D0_ENTRY_POST_INTERRUPTS_ENABLED = PFN_WDF_DEVICE_D0_ENTRY;
pub type PFN_WDF_DEVICE_D0_EXIT = PFN_WDF_DEVICE_D0_ENTRY;
pub type PFN_WDF_DEVICE_D0_EXIT_PRE_INTERRUPTS_DISABLED = PFN_WDF_DEVICE_D0_ENTRY;
/// The lists are `WDFCMRESLIST`.
pub type PFN_WDF_DEVICE_PREPARE_HARDWARE = Option<
    unsafe extern "C" fn(Device: WDFDEVICE, ResourcesRaw: PVOID, ResourcesTranslated: PVOID) -> NTSTATUS,
>;
/// The list is a `WDFCMRESLIST`.
pub type PFN_WDF_DEVICE_RELEASE_HARDWARE =
    Option<unsafe extern "C" fn(Device: WDFDEVICE, ResourcesTranslated: PVOID) -> NTSTATUS>;
/// The type is a `WDF_SPECIAL_FILE_TYPE`.
pub type PFN_WDF_DEVICE_USAGE_NOTIFICATION =
    Option<unsafe extern "C" fn(Device: WDFDEVICE, NotificationType: i32, IsInNotificationPath: BOOLEAN)>;
pub type PFN_WDF_DEVICE_USAGE_NOTIFICATION_EX = Option<
    unsafe extern "C" fn(Device: WDFDEVICE, NotificationType: i32, IsInNotificationPath: BOOLEAN) -> NTSTATUS,
>;
/// The type is a `DEVICE_RELATION_TYPE`.
pub type PFN_WDF_DEVICE_RELATIONS_QUERY = Option<unsafe extern "C" fn(Device: WDFDEVICE, RelationType: i32)>;

/// A driver's callbacks for Plug and Play and power. Zeroes are no callbacks, but for `Size`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct _WDF_PNPPOWER_EVENT_CALLBACKS {
    pub Size: ULONG,
    pub EvtDeviceD0Entry: PFN_WDF_DEVICE_D0_ENTRY,
    pub EvtDeviceD0EntryPostInterruptsEnabled: PFN_WDF_DEVICE_D0_ENTRY_POST_INTERRUPTS_ENABLED,
    pub EvtDeviceD0Exit: PFN_WDF_DEVICE_D0_EXIT,
    pub EvtDeviceD0ExitPreInterruptsDisabled: PFN_WDF_DEVICE_D0_EXIT_PRE_INTERRUPTS_DISABLED,
    pub EvtDevicePrepareHardware: PFN_WDF_DEVICE_PREPARE_HARDWARE,
    pub EvtDeviceReleaseHardware: PFN_WDF_DEVICE_RELEASE_HARDWARE,
    pub EvtDeviceSelfManagedIoCleanup: PFN_WDF_DEVICE_SELF_MANAGED_IO_CLEANUP,
    pub EvtDeviceSelfManagedIoFlush: PFN_WDF_DEVICE_SELF_MANAGED_IO_FLUSH,
    pub EvtDeviceSelfManagedIoInit: PFN_WDF_DEVICE_SELF_MANAGED_IO_INIT,
    pub EvtDeviceSelfManagedIoSuspend: PFN_WDF_DEVICE_SELF_MANAGED_IO_SUSPEND,
    pub EvtDeviceSelfManagedIoRestart: PFN_WDF_DEVICE_SELF_MANAGED_IO_RESTART,
    pub EvtDeviceSurpriseRemoval: PFN_WDF_DEVICE_SURPRISE_REMOVAL,
    pub EvtDeviceQueryRemove: PFN_WDF_DEVICE_QUERY_REMOVE,
    pub EvtDeviceQueryStop: PFN_WDF_DEVICE_QUERY_STOP,
    pub EvtDeviceUsageNotification: PFN_WDF_DEVICE_USAGE_NOTIFICATION,
    pub EvtDeviceRelationsQuery: PFN_WDF_DEVICE_RELATIONS_QUERY,
    pub EvtDeviceUsageNotificationEx: PFN_WDF_DEVICE_USAGE_NOTIFICATION_EX,
}
pub type WDF_PNPPOWER_EVENT_CALLBACKS = _WDF_PNPPOWER_EVENT_CALLBACKS;
pub type PWDF_PNPPOWER_EVENT_CALLBACKS = *mut _WDF_PNPPOWER_EVENT_CALLBACKS;
