//! What all of the drivers have, and have right: a device that anybody can open, and a WSK client behind it.
//!
//! It is written as it would be in C, with the names of C. Nothing is checked that does not fail here: a driver would.

use std::ptr;

use wsk_sys::*;

/// What a driver keeps, in its device extension, which is non-paged memory.
#[repr(C)]
pub(super) struct Client {
    pub(super) registration: WSK_REGISTRATION,
    pub(super) provider: WSK_PROVIDER_NPI,
    pub(super) registered: bool,
    /// A datagram socket, bound to a port of 127.0.0.1. Null once it is closed.
    pub(super) socket: PWSK_SOCKET,
    /// The driver's own IRP, for one request after the other, and what its completion routine signals.
    pub(super) irp: *mut IRP,
    pub(super) event: KEVENT,
    /// Where the socket is bound to.
    pub(super) address: SOCKADDR_IN,
}

/// A datagram without a byte.
pub(super) static mut NOTHING: WSK_BUF = WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 0 };

/// Text that the kernel reads: `\Device\Broken`, and the name for it that processes use.
static NAMES: [[u16; 20]; 2] = [units(br"\Device\Broken"), units(br"\DosDevices\Broken")];
pub(super) const USER_PATH: &str = r"\\.\Broken";
static DISPATCH: WSK_CLIENT_DISPATCH =
    WSK_CLIENT_DISPATCH { Version: MAKE_WSK_VERSION(1, 0), Reserved: 0, WskClientEvent: None };
pub(super) const TAG: ULONG = u32::from_le_bytes(*b"Brkn");

const fn units(text: &[u8]) -> [u16; 20] {
    let mut units = [0; 20];
    let mut at = 0;
    while at < text.len() {
        units[at] = text[at] as u16;
        at += 1;
    }
    units
}

fn string(units: &'static [u16; 20]) -> UNICODE_STRING {
    let length = 2 * units.iter().take_while(|unit| **unit != 0).count();
    let length = u16::try_from(length).expect("20 units");
    UNICODE_STRING { Length: length, MaximumLength: length, Buffer: units.as_ptr().cast_mut() }
}

/// `DriverEntry`. The device has the dispatch routine `IRP_MJ_DEVICE_CONTROL` from the lesson.
pub(super) unsafe extern "system" fn driver_entry(
    driver: *mut DRIVER_OBJECT,
    _: PCUNICODE_STRING,
) -> NTSTATUS {
    unsafe {
        let (name, link) = (string(&NAMES[0]), string(&NAMES[1]));
        let mut device = ptr::null_mut();
        let size = u32::try_from(size_of::<Client>()).expect("a few hundred bytes");
        IoCreateDevice(driver, size, &raw const name, FILE_DEVICE_UNKNOWN, 0, FALSE, &raw mut device);
        IoCreateSymbolicLink(&raw const link, &raw const name);
        for major in [IRP_MJ_CREATE, IRP_MJ_CLEANUP, IRP_MJ_CLOSE] {
            (*driver).MajorFunction[usize::from(major)] = Some(succeed);
        }
        (*driver).DriverUnload = Some(unload);

        let client = client(device);
        let mut npi = WSK_CLIENT_NPI { ClientContext: ptr::null_mut(), Dispatch: &raw const DISPATCH };
        WskRegister(&raw mut npi, &raw mut (*client).registration);
        WskCaptureProviderNPI(&raw mut (*client).registration, WSK_NO_WAIT, &raw mut (*client).provider);
        (*client).registered = true;
        (*client).irp = IoAllocateIrp(1, FALSE);
        KeInitializeEvent(&raw mut (*client).event, NotificationEvent, FALSE);
        (*client).socket = open(client);
        STATUS_SUCCESS
    }
}

/// Makes a socket, binds it, and learns where.
unsafe fn open(client: *mut Client) -> PWSK_SOCKET {
    unsafe {
        let provider = (*client).provider;
        let (none, irp) = (ptr::null_mut(), (*client).irp);
        prepare(client);
        (*provider.Dispatch).WskSocket.expect("always there")(
            provider.Client,
            AF_INET,
            SOCK_DGRAM,
            IPPROTO_UDP,
            WSK_FLAG_DATAGRAM_SOCKET,
            none,
            ptr::null(),
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            irp,
        );
        wait(client);
        let socket: PWSK_SOCKET = ptr::with_exposed_provenance_mut((*irp).IoStatus.Information);
        let address = &raw mut (*client).address;
        (*address).sin_family = AF_INET;
        (*address).sin_addr = u32::from_ne_bytes([127, 0, 0, 1]);
        prepare(client);
        table(socket).WskBind.expect("always there")(socket, address.cast(), 0, irp);
        wait(client);
        prepare(client);
        table(socket).WskGetLocalAddress.expect("always there")(socket, address.cast(), irp);
        wait(client);
        socket
    }
}

/// `DriverUnload`
unsafe extern "system" fn unload(driver: *mut DRIVER_OBJECT) {
    unsafe {
        let device = (*driver).DeviceObject;
        let client = client(device);
        if !(*client).socket.is_null() {
            close(client);
        }
        if (*client).registered {
            WskReleaseProviderNPI(&raw mut (*client).registration);
            WskDeregister(&raw mut (*client).registration);
        }
        IoFreeIrp((*client).irp);
        let link = string(&NAMES[1]);
        IoDeleteSymbolicLink(&raw const link);
        IoDeleteDevice(device);
    }
}

/// Closes the socket, and waits until it is closed.
unsafe fn close(client: *mut Client) {
    unsafe {
        let socket = (*client).socket;
        prepare(client);
        table(socket).Basic.WskCloseSocket.expect("always there")(socket, (*client).irp);
        wait(client);
    }
}

pub(super) unsafe fn client(device: *mut DEVICE_OBJECT) -> *mut Client {
    unsafe { (*device).DeviceExtension }.cast()
}

/// The functions of a socket.
pub(super) unsafe fn table(socket: PWSK_SOCKET) -> &'static WSK_PROVIDER_DATAGRAM_DISPATCH {
    unsafe { &*(*socket).Dispatch.cast() }
}

/// The completion routine of the driver's own IRP: lets go on who waits, and keeps the IRP.
pub(super) unsafe extern "system" fn signal(_: *mut DEVICE_OBJECT, _: *mut IRP, event: PVOID) -> NTSTATUS {
    unsafe { KeSetEvent(event.cast(), 0, FALSE) };
    STATUS_MORE_PROCESSING_REQUIRED
}

/// Makes the driver's own IRP ready for a request.
pub(super) unsafe fn prepare(client: *mut Client) {
    unsafe {
        let event = &raw mut (*client).event;
        KeClearEvent(event);
        IoReuseIrp((*client).irp, STATUS_SUCCESS);
        IoSetCompletionRoutine((*client).irp, Some(signal), event.cast(), true, true, true);
    }
}

/// Waits for the request that has the driver's own IRP. Returns its status.
pub(super) unsafe fn wait(client: *mut Client) -> NTSTATUS {
    unsafe {
        KeWaitForSingleObject((&raw mut (*client).event).cast(), Executive, KernelMode, FALSE, ptr::null());
        (*(*client).irp).IoStatus.Status
    }
}

/// Completes the IRP of a process's request.
pub(super) unsafe fn complete(irp: *mut IRP, status: NTSTATUS) -> NTSTATUS {
    unsafe {
        (*irp).IoStatus.Status = status;
        (*irp).IoStatus.Information = 0;
        IofCompleteRequest(irp, IO_NO_INCREMENT);
    }
    status
}

unsafe extern "system" fn succeed(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe { complete(irp, STATUS_SUCCESS) }
}
