//! WSK for loom: requests complete at once, or wait until a thread of the model delivers or cancels them.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use loom::sync::{Condvar, Mutex, MutexGuard};
use wsk_sys::{
    ADDRESS_FAMILY, AF_INET, CMSGHDR, IRP, MAKE_WSK_VERSION, NTSTATUS, PEPROCESS, PETHREAD,
    PFN_WSK_RECEIVE_FROM_EVENT, PSECURITY_DESCRIPTOR, PVOID, PWSK_CLIENT, PWSK_SOCKET, SIZE_T,
    SO_WSK_EVENT_CALLBACK, SOCKADDR, SOCKADDR_IN, SOL_SOCKET, STATUS_CANCELLED, STATUS_EVENT_PENDING,
    STATUS_PENDING, STATUS_SUCCESS, ULONG, USHORT, WSK_BUF, WSK_CLIENT_DATAGRAM_DISPATCH, WSK_CLIENT_NPI,
    WSK_CONTROL_SOCKET_TYPE, WSK_DATAGRAM_INDICATION, WSK_EVENT_CALLBACK_CONTROL, WSK_EVENT_DISABLE,
    WSK_PROVIDER_BASIC_DISPATCH, WSK_PROVIDER_CHARACTERISTICS, WSK_PROVIDER_DATAGRAM_DISPATCH,
    WSK_PROVIDER_DISPATCH, WSK_PROVIDER_NPI, WSK_REGISTRATION, WSK_SOCKET, WSK_TRANSPORT_LIST_CHANGE,
    WskSetOption,
};

use crate::kernel::{SENT, complete, kernel};

/// The provider of one execution.
#[derive(Default)]
pub struct Provider {
    requests: Mutex<Requests>,
    arrived: Condvar,
    bell: Mutex<bool>,
    rung: Condvar,
    /// Whether requests wait for `deliver`.
    pub pends: Cell<bool>,
    sockets: Cell<usize>,
    captures: Cell<usize>,
    events: Mutex<Events>,
}

/// The callback of the model's socket.
#[derive(Default)]
struct Events {
    callback: Option<(PVOID, PFN_WSK_RECEIVE_FROM_EVENT)>,
    enabled: bool,
    running: usize,
    /// Lists that calls have kept, less those that were released: below zero while calls run that will keep theirs.
    retained: isize,
    closed: bool,
    /// The IRPs that complete when no call is running: of the close, and of who disables the event.
    waiting: Vec<*mut IRP>,
}

#[derive(Default)]
struct Requests {
    waiting: Vec<Waiting>,
    arrivals: usize,
    deliveries: usize,
}

/// A request that waits.
struct Waiting {
    irp: *mut IRP,
    /// Makes what its `Information` tells.
    succeed: Box<dyn FnOnce() -> usize>,
}

impl Provider {
    pub fn shutdown(&self) {
        assert!(self.requests.lock().unwrap().waiting.is_empty(), "a request is still waiting");
        assert_eq!(self.sockets.get(), 0, "a socket was not closed");
        assert_eq!(self.captures.get(), 0, "a capture was not released");
        assert_eq!(self.events.lock().unwrap().retained, 0, "a list was not released once");
    }

    /// Takes a request back from the provider, if it still waits.
    pub fn take(&self, irp: *mut IRP) -> bool {
        let waiting = &mut self.requests.lock().unwrap().waiting;
        let found = waiting.iter().position(|waits| waits.irp == irp);
        found.map(|index| waiting.remove(index)).is_some()
    }

    pub fn has(&self, irp: *mut IRP) -> bool {
        self.requests.lock().unwrap().waiting.iter().any(|waits| waits.irp == irp)
    }

    /// Rings the bell of the model's completion queue.
    pub fn ring(&self) {
        *self.bell.lock().unwrap() = true;
        self.rung.notify_all();
    }

    /// Waits until the bell was rung.
    pub fn listen(&self) {
        let mut rung = self.bell.lock().unwrap();
        while !*rung {
            rung = self.rung.wait(rung).unwrap();
        }
        *rung = false;
    }

    fn request(&self, irp: *mut IRP, succeed: impl FnOnce() -> usize + 'static) -> NTSTATUS {
        if !self.pends.get() {
            complete(irp, STATUS_SUCCESS, succeed());
            return STATUS_SUCCESS;
        }
        let mut requests = self.requests.lock().unwrap();
        requests.waiting.push(Waiting { irp, succeed: Box::new(succeed) });
        requests.arrivals += 1;
        self.arrived.notify_all();
        SENT
    }
}

/// Something happens on the network: waits for one more request to arrive, and completes it if it still waits.
pub fn deliver() {
    let kernel = kernel();
    let mut requests = kernel.provider.requests.lock().unwrap();
    requests.deliveries += 1;
    let turn = requests.deliveries;
    while requests.arrivals < turn {
        requests = kernel.provider.arrived.wait(requests).unwrap();
    }
    succeed_first(requests);
}

/// Something happens on the network: completes a request, if one waits now.
pub fn deliver_now() {
    let kernel = kernel();
    succeed_first(kernel.provider.requests.lock().unwrap());
}

fn succeed_first(mut requests: MutexGuard<'_, Requests>) {
    let first = if requests.waiting.is_empty() { None } else { Some(requests.waiting.remove(0)) };
    drop(requests);
    if let Some(Waiting { irp, succeed }) = first {
        complete(irp, STATUS_SUCCESS, succeed());
    }
}

/// Dispatch tables have pointers that they do not use, and are constant.
struct Table<T>(T);

// SAFETY: nobody writes to a table.
unsafe impl<T> Sync for Table<T> {}

static CLIENT_TABLE: Table<WSK_PROVIDER_DISPATCH> = Table(WSK_PROVIDER_DISPATCH {
    Version: MAKE_WSK_VERSION(1, 0),
    Reserved: 0,
    WskSocket: Some(wsk_socket),
    WskSocketConnect: ptr::null_mut(),
    WskControlClient: Some(wsk_control_client),
    WskGetAddressInfo: ptr::null_mut(),
    WskFreeAddressInfo: ptr::null_mut(),
    WskGetNameInfo: ptr::null_mut(),
});

static SOCKET_TABLE: Table<WSK_PROVIDER_DATAGRAM_DISPATCH> = Table(WSK_PROVIDER_DATAGRAM_DISPATCH {
    Basic: WSK_PROVIDER_BASIC_DISPATCH {
        WskControlSocket: Some(wsk_control_socket),
        WskCloseSocket: Some(wsk_close_socket),
    },
    WskBind: Some(wsk_bind),
    WskSendTo: None,
    WskReceiveFrom: Some(wsk_receive_from),
    WskRelease: Some(wsk_release),
    WskGetLocalAddress: None,
    WskSendMessages: None,
});

#[unsafe(no_mangle)]
extern "system" fn WskRegister(
    _client: *mut WSK_CLIENT_NPI,
    _registration: *mut WSK_REGISTRATION,
) -> NTSTATUS {
    STATUS_SUCCESS
}

#[unsafe(no_mangle)]
extern "system" fn WskDeregister(_registration: *mut WSK_REGISTRATION) {
    assert_eq!(kernel().provider.sockets.get(), 0, "WskDeregister with an open socket");
    assert_eq!(kernel().provider.captures.get(), 0, "WskDeregister with a captured provider");
}

#[unsafe(no_mangle)]
unsafe extern "system" fn WskCaptureProviderNPI(
    _registration: *mut WSK_REGISTRATION,
    _timeout: ULONG,
    npi: *mut WSK_PROVIDER_NPI,
) -> NTSTATUS {
    let captures = &kernel().provider.captures;
    captures.set(captures.get() + 1);
    // SAFETY: the caller's variable.
    unsafe { npi.write(WSK_PROVIDER_NPI { Client: ptr::null_mut(), Dispatch: &raw const CLIENT_TABLE.0 }) };
    STATUS_SUCCESS
}

#[unsafe(no_mangle)]
extern "system" fn WskReleaseProviderNPI(_registration: *mut WSK_REGISTRATION) {
    let captures = &kernel().provider.captures;
    captures.set(captures.get() - 1);
}

#[unsafe(no_mangle)]
unsafe extern "system" fn WskQueryProviderCharacteristics(
    _registration: *mut WSK_REGISTRATION,
    offered: *mut WSK_PROVIDER_CHARACTERISTICS,
) -> NTSTATUS {
    let version = MAKE_WSK_VERSION(1, 0);
    // SAFETY: the caller's variable.
    unsafe {
        offered.write(WSK_PROVIDER_CHARACTERISTICS { HighestVersion: version, LowestVersion: version });
    }
    STATUS_SUCCESS
}

unsafe extern "system" fn wsk_socket(
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
    // SAFETY: null, or the table of the crate, which is constant.
    let table = unsafe { dispatch.cast::<WSK_CLIENT_DATAGRAM_DISPATCH>().as_ref() };
    let callback = table.and_then(|table| Some((context, table.WskReceiveFromEvent?)));
    kernel().provider.request(irp, move || {
        let provider = &kernel().provider;
        provider.sockets.set(provider.sockets.get() + 1);
        provider.events.lock().unwrap().callback = callback;
        let socket = Box::new(WSK_SOCKET { Dispatch: (&raw const SOCKET_TABLE.0).cast() });
        Box::into_raw(socket).expose_provenance()
    })
}

unsafe extern "system" fn wsk_bind(
    _socket: PWSK_SOCKET,
    _address: *mut SOCKADDR,
    _flags: ULONG,
    irp: *mut IRP,
) -> NTSTATUS {
    kernel().provider.request(irp, || 0)
}

unsafe extern "system" fn wsk_control_client(
    _client: PWSK_CLIENT,
    code: ULONG,
    _input_size: SIZE_T,
    _input: PVOID,
    _output_size: SIZE_T,
    _output: PVOID,
    _output_returned: *mut SIZE_T,
    irp: *mut IRP,
) -> NTSTATUS {
    assert_eq!(code, WSK_TRANSPORT_LIST_CHANGE, "the only request of the client");
    kernel().provider.request(irp, || 0)
}

unsafe extern "system" fn wsk_receive_from(
    _socket: PWSK_SOCKET,
    _buffer: *mut WSK_BUF,
    _flags: ULONG,
    from: *mut SOCKADDR,
    control_length: *mut ULONG,
    _control: *mut CMSGHDR,
    _control_flags: *mut ULONG,
    irp: *mut IRP,
) -> NTSTATUS {
    kernel().provider.request(irp, move || {
        // SAFETY: the caller's, until the request completes; large enough for every address.
        unsafe { from.cast::<SOCKADDR_IN>().write_unaligned(SENDER) };
        if !control_length.is_null() {
            // SAFETY: the caller's, until the request completes.
            unsafe { control_length.write(0) };
        }
        0
    })
}

unsafe extern "system" fn wsk_control_socket(
    _socket: PWSK_SOCKET,
    kind: WSK_CONTROL_SOCKET_TYPE,
    code: ULONG,
    level: ULONG,
    _input_size: SIZE_T,
    input: PVOID,
    _output_size: SIZE_T,
    _output: PVOID,
    _output_returned: *mut SIZE_T,
    irp: *mut IRP,
) -> NTSTATUS {
    if (kind, level, code) != (WskSetOption, SOL_SOCKET, SO_WSK_EVENT_CALLBACK) {
        return kernel().provider.request(irp, || 0);
    }
    // SAFETY: the value of this option.
    let mask = unsafe { (*input.cast::<WSK_EVENT_CALLBACK_CONTROL>()).EventMask };
    let kernel = kernel();
    let mut events = kernel.provider.events.lock().unwrap();
    events.enabled = mask & WSK_EVENT_DISABLE == 0;
    let done = events.enabled || events.running == 0;
    if irp.is_null() {
        return if done { STATUS_SUCCESS } else { STATUS_EVENT_PENDING };
    }
    if done {
        drop(events);
        complete(irp, STATUS_SUCCESS, 0);
    } else {
        events.waiting.push(irp);
    }
    STATUS_PENDING
}

unsafe extern "system" fn wsk_close_socket(socket: PWSK_SOCKET, irp: *mut IRP) -> NTSTATUS {
    let kernel = kernel();
    let waiting = std::mem::take(&mut kernel.provider.requests.lock().unwrap().waiting);
    for request in waiting {
        complete(request.irp, STATUS_CANCELLED, 0);
    }
    // SAFETY: made by `wsk_socket`, and closed once.
    drop(unsafe { Box::from_raw(socket) });
    kernel.provider.sockets.set(kernel.provider.sockets.get() - 1);
    let mut events = kernel.provider.events.lock().unwrap();
    assert!(events.retained <= 0, "WskCloseSocket with a list retained");
    events.callback = None;
    events.closed = true;
    if events.running != 0 {
        events.waiting.push(irp);
        return SENT;
    }
    drop(events);
    complete(irp, STATUS_SUCCESS, 0);
    STATUS_SUCCESS
}

unsafe extern "system" fn wsk_release(_socket: PWSK_SOCKET, _list: *mut WSK_DATAGRAM_INDICATION) -> NTSTATUS {
    let kernel = kernel();
    let mut events = kernel.provider.events.lock().unwrap();
    assert!(!events.closed, "WskRelease after the close");
    events.retained -= 1;
    STATUS_SUCCESS
}

/// Who sends every datagram.
const SENDER: SOCKADDR_IN =
    SOCKADDR_IN { sin_family: AF_INET, sin_port: 1, sin_addr: 0x0100_007F, sin_zero: [0; 8] };

/// A datagram without data arrives: calls the callback, if the socket is open and the event enabled. Tells whether it did.
pub fn indicate() -> bool {
    let mut from = SENDER;
    let mut list = WSK_DATAGRAM_INDICATION {
        Next: ptr::null_mut(),
        Buffer: WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 0 },
        ControlInfo: ptr::null_mut(),
        ControlInfoLength: 0,
        RemoteAddress: (&raw mut from).cast(),
    };
    call(&raw mut list)
}

/// The socket is no longer functional: calls the callback without a list.
pub fn indicate_forced_close() -> bool {
    call(ptr::null_mut())
}

fn call(list: *mut WSK_DATAGRAM_INDICATION) -> bool {
    let kernel = kernel();
    let mut events = kernel.provider.events.lock().unwrap();
    let Some((context, callback)) = events.callback.filter(|_| events.enabled) else { return false };
    events.running += 1;
    drop(events);
    // SAFETY: called as WSK calls it; what keeps the list does not read it after the call.
    let status = unsafe { callback(context, 0, list) };
    let mut events = kernel.provider.events.lock().unwrap();
    if status == STATUS_PENDING {
        events.retained += 1;
        // Released by now, or somebody still may.
        assert!(!events.closed || events.retained <= 0, "a list was retained that nobody can release");
    }
    events.running -= 1;
    let waiting = if events.running == 0 { std::mem::take(&mut events.waiting) } else { Vec::new() };
    drop(events);
    for irp in waiting {
        complete(irp, STATUS_SUCCESS, 0);
    }
    true
}
