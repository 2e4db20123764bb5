//! WSK over no network: what it is asked for, it says is done.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;

use wsk_sys::{
    ADDRESS_FAMILY, AF_INET, CMSGHDR, IRP, MAKE_WSK_VERSION, NTSTATUS, PEPROCESS, PETHREAD,
    PSECURITY_DESCRIPTOR, PVOID, PWSK_CLIENT, PWSK_SOCKET, SIZE_T, SOCKADDR, SOCKADDR_IN, STATUS_PENDING,
    STATUS_SUCCESS, ULONG, USHORT, WSK_BUF, WSK_CLIENT_DATAGRAM_DISPATCH, WSK_CLIENT_NPI,
    WSK_CONTROL_SOCKET_TYPE, WSK_DATAGRAM_INDICATION, WSK_PROVIDER_BASIC_DISPATCH,
    WSK_PROVIDER_CHARACTERISTICS, WSK_PROVIDER_DATAGRAM_DISPATCH, WSK_PROVIDER_DISPATCH, WSK_PROVIDER_NPI,
    WSK_REGISTRATION, WSK_SOCKET,
};

use super::{Single, complete};

static LATER: Single<Cell<bool>> = Single::new(Cell::new(false));
static PENDING: Single<RefCell<Vec<(*mut IRP, usize)>>> = Single::new(RefCell::new(Vec::new()));
/// The table and the context of the last socket that was made with a callback.
static CALLBACK: Single<Cell<(PVOID, *const WSK_CLIENT_DATAGRAM_DISPATCH)>> =
    Single::new(Cell::new((ptr::null_mut(), ptr::null())));

/// Whether requests complete later, not in their calls.
pub(crate) fn later(is: bool) {
    LATER.set(is);
}

/// Completes what is pending, in the order of its arrival.
pub(crate) fn deliver() {
    // Room for all that a bench has in flight, and no allocation but the first.
    let mut pending = PENDING.take();
    for (irp, information) in pending.drain(..) {
        complete(irp, STATUS_SUCCESS, information);
    }
    PENDING.replace(pending);
}

/// Calls the callback of the last socket that was made with one.
pub(crate) fn indicate(list: *mut WSK_DATAGRAM_INDICATION) -> NTSTATUS {
    let (context, table) = CALLBACK.get();
    // SAFETY: the table is the client's, which has a socket.
    let callback = unsafe { (*table).WskReceiveFromEvent }.expect("a callback");
    // SAFETY: called as WSK calls it.
    unsafe { callback(context, 0, list) }
}

#[inline]
fn end(irp: *mut IRP, information: usize) -> NTSTATUS {
    if LATER.get() {
        PENDING.borrow_mut().push((irp, information));
        return STATUS_PENDING;
    }
    complete(irp, STATUS_SUCCESS, information);
    STATUS_SUCCESS
}

/// Who sends every datagram.
pub(crate) const SENDER: SOCKADDR_IN =
    SOCKADDR_IN { sin_family: AF_INET, sin_port: 9, sin_addr: 0x0100_007F, sin_zero: [0; 8] };

unsafe extern "system" fn control_socket(
    _socket: PWSK_SOCKET,
    _kind: WSK_CONTROL_SOCKET_TYPE,
    _code: ULONG,
    _level: ULONG,
    input_size: SIZE_T,
    input: PVOID,
    output_size: SIZE_T,
    output: PVOID,
    _output_returned: *mut SIZE_T,
    irp: *mut IRP,
) -> NTSTATUS {
    if input_size != 0 {
        // SAFETY: the client's input.
        std::hint::black_box(unsafe { input.cast::<u8>().read() });
    }
    let written = output_size.min(4);
    if written != 0 {
        // SAFETY: the client's output has room.
        unsafe { output.cast::<u32>().write_unaligned(1) };
    }
    if irp.is_null() { STATUS_SUCCESS } else { end(irp, written) }
}

unsafe extern "system" fn close_socket(_socket: PWSK_SOCKET, irp: *mut IRP) -> NTSTATUS {
    complete(irp, STATUS_SUCCESS, 0);
    STATUS_SUCCESS
}

unsafe extern "system" fn bind(_: PWSK_SOCKET, _: *mut SOCKADDR, _: ULONG, irp: *mut IRP) -> NTSTATUS {
    complete(irp, STATUS_SUCCESS, 0);
    STATUS_SUCCESS
}

unsafe extern "system" fn send_to(
    _socket: PWSK_SOCKET,
    buffer: *mut WSK_BUF,
    _flags: ULONG,
    _address: *mut SOCKADDR,
    _control_length: ULONG,
    _control: *mut CMSGHDR,
    irp: *mut IRP,
) -> NTSTATUS {
    // SAFETY: the client's description of its data.
    end(irp, unsafe { (*buffer).Length })
}

unsafe extern "system" fn receive_from(
    _socket: PWSK_SOCKET,
    _buffer: *mut WSK_BUF,
    _flags: ULONG,
    from: *mut SOCKADDR,
    control_length: *mut ULONG,
    _control: *mut CMSGHDR,
    _control_flags: *mut ULONG,
    irp: *mut IRP,
) -> NTSTATUS {
    // SAFETY: the client's address, large enough for any.
    unsafe { from.cast::<SOCKADDR_IN>().write_unaligned(SENDER) };
    if !control_length.is_null() {
        // SAFETY: the client's variable.
        unsafe { control_length.write(0) };
    }
    end(irp, 64)
}

unsafe extern "system" fn release(_: PWSK_SOCKET, _: *mut WSK_DATAGRAM_INDICATION) -> NTSTATUS {
    STATUS_SUCCESS
}

/// Tables have pointers that nobody uses.
static SOCKET_TABLE: Single<WSK_PROVIDER_DATAGRAM_DISPATCH> = Single::new(WSK_PROVIDER_DATAGRAM_DISPATCH {
    Basic: WSK_PROVIDER_BASIC_DISPATCH {
        WskControlSocket: Some(control_socket),
        WskCloseSocket: Some(close_socket),
    },
    WskBind: Some(bind),
    WskSendTo: Some(send_to),
    WskReceiveFrom: Some(receive_from),
    WskRelease: Some(release),
    WskGetLocalAddress: None,
    WskSendMessages: None,
});

static CLIENT_TABLE: Single<WSK_PROVIDER_DISPATCH> = Single::new(WSK_PROVIDER_DISPATCH {
    Version: MAKE_WSK_VERSION(1, 0),
    Reserved: 0,
    WskSocket: Some(socket),
    WskSocketConnect: ptr::null_mut(),
    WskControlClient: None,
    WskGetAddressInfo: ptr::null_mut(),
    WskFreeAddressInfo: ptr::null_mut(),
    WskGetNameInfo: ptr::null_mut(),
});

static SOCKET: Single<Cell<WSK_SOCKET>> = Single::new(Cell::new(WSK_SOCKET { Dispatch: ptr::null() }));

/// The only socket there is, for whoever calls its functions as C does.
pub(crate) fn raw_socket() -> PWSK_SOCKET {
    SOCKET.set(WSK_SOCKET { Dispatch: (&raw const *SOCKET_TABLE).cast() });
    SOCKET.as_ptr()
}

unsafe extern "system" fn socket(
    _client: PWSK_CLIENT,
    _family: ADDRESS_FAMILY,
    _kind: USHORT,
    _protocol: ULONG,
    _flags: ULONG,
    context: PVOID,
    dispatch: *const c_void,
    _process: PEPROCESS,
    _thread: PETHREAD,
    _descriptor: PSECURITY_DESCRIPTOR,
    irp: *mut IRP,
) -> NTSTATUS {
    if !dispatch.is_null() {
        CALLBACK.set((context, dispatch.cast()));
    }
    complete(irp, STATUS_SUCCESS, raw_socket().expose_provenance());
    STATUS_SUCCESS
}

#[unsafe(no_mangle)]
extern "system" fn WskRegister(_: *mut WSK_CLIENT_NPI, _: *mut WSK_REGISTRATION) -> NTSTATUS {
    STATUS_SUCCESS
}

#[unsafe(no_mangle)]
extern "system" fn WskDeregister(_: *mut WSK_REGISTRATION) {}

#[unsafe(no_mangle)]
unsafe extern "system" fn WskCaptureProviderNPI(
    _registration: *mut WSK_REGISTRATION,
    _timeout: ULONG,
    npi: *mut WSK_PROVIDER_NPI,
) -> NTSTATUS {
    // SAFETY: the client's variable.
    unsafe { npi.write(WSK_PROVIDER_NPI { Client: ptr::null_mut(), Dispatch: &raw const *CLIENT_TABLE }) };
    STATUS_SUCCESS
}

#[unsafe(no_mangle)]
extern "system" fn WskReleaseProviderNPI(_: *mut WSK_REGISTRATION) {}

#[unsafe(no_mangle)]
unsafe extern "system" fn WskQueryProviderCharacteristics(
    _registration: *mut WSK_REGISTRATION,
    offered: *mut WSK_PROVIDER_CHARACTERISTICS,
) -> NTSTATUS {
    let version = MAKE_WSK_VERSION(1, 0);
    let all = WSK_PROVIDER_CHARACTERISTICS { HighestVersion: version, LowestVersion: version };
    // SAFETY: the client's variable.
    unsafe { offered.write(all) };
    STATUS_SUCCESS
}
