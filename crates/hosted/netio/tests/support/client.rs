//! Registration, capture, and the provider's functions.

use std::net::SocketAddr;
use std::ptr;

use wsk_sys::*;

use super::{Request, Socket};

/// A registered client that has captured the provider.
pub struct Client {
    pub registration: *mut WSK_REGISTRATION,
    pub npi: WSK_PROVIDER_NPI,
}

pub static DISPATCH: WSK_CLIENT_DISPATCH =
    WSK_CLIENT_DISPATCH { Version: MAKE_WSK_VERSION(1, 0), Reserved: 0, WskClientEvent: None };

/// A block for a registration, at an address that does not change.
pub fn block() -> *mut WSK_REGISTRATION {
    let empty = WSK_REGISTRATION {
        ReservedRegistrationState: 0,
        ReservedRegistrationContext: ptr::null_mut(),
        ReservedRegistrationLock: 0,
    };
    Box::into_raw(Box::new(empty))
}

pub fn free_block(block: *mut WSK_REGISTRATION) {
    drop(unsafe { Box::from_raw(block) });
}

pub fn register(block: *mut WSK_REGISTRATION, dispatch: &'static WSK_CLIENT_DISPATCH) -> NTSTATUS {
    let mut npi = WSK_CLIENT_NPI { ClientContext: ptr::null_mut(), Dispatch: dispatch };
    unsafe { WskRegister(&raw mut npi, block) }
}

pub fn capture(block: *mut WSK_REGISTRATION, timeout: ULONG) -> Result<WSK_PROVIDER_NPI, NTSTATUS> {
    let mut npi = WSK_PROVIDER_NPI { Client: ptr::null_mut(), Dispatch: ptr::null() };
    match unsafe { WskCaptureProviderNPI(block, timeout, &raw mut npi) } {
        STATUS_SUCCESS => Ok(npi),
        status => Err(status),
    }
}

/// A function of the provider's table that only refuses.
#[derive(Clone, Copy, Debug)]
pub enum Unserved {
    SocketConnect,
    AddressInfo,
    NameInfo,
}

pub const UNSERVED: [Unserved; 3] = [Unserved::SocketConnect, Unserved::AddressInfo, Unserved::NameInfo];

impl Client {
    pub fn new() -> Client {
        Client::try_new().unwrap()
    }

    pub fn try_new() -> Result<Client, NTSTATUS> {
        let registration = block();
        match register(registration, &DISPATCH) {
            STATUS_SUCCESS => {}
            status => {
                free_block(registration);
                return Err(status);
            }
        }
        match capture(registration, WSK_NO_WAIT) {
            Ok(npi) => Ok(Client { registration, npi }),
            Err(status) => {
                unsafe { WskDeregister(registration) };
                free_block(registration);
                Err(status)
            }
        }
    }

    /// The client, for another thread.
    pub fn expose(self) -> Exposed {
        Exposed(self)
    }

    pub fn end(self) {
        unsafe { WskReleaseProviderNPI(self.registration) };
        unsafe { WskDeregister(self.registration) };
        free_block(self.registration);
    }

    pub fn open(&self, family: ADDRESS_FAMILY, kind: USHORT, protocol: ULONG, flags: ULONG) -> Request {
        self.open_with(family, kind, protocol, flags, (ptr::null(), ptr::null_mut()))
    }

    /// As `open`, with a table of callbacks and their context.
    pub fn open_with(
        &self,
        family: ADDRESS_FAMILY,
        kind: USHORT,
        protocol: ULONG,
        flags: ULONG,
        (table, context): (*const WSK_CLIENT_DATAGRAM_DISPATCH, PVOID),
    ) -> Request {
        let open = unsafe { (*self.npi.Dispatch).WskSocket }.unwrap();
        let client = self.npi.Client;
        let table = table.cast();
        let (process, thread, security) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        Request::start(|irp| unsafe {
            open(client, family, kind, protocol, flags, context, table, process, thread, security, irp)
        })
    }

    pub fn try_socket(&self, family: ADDRESS_FAMILY) -> Result<Socket, NTSTATUS> {
        let (status, information) =
            self.open(family, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET).wait();
        if status == STATUS_SUCCESS {
            Ok(Socket(ptr::with_exposed_provenance_mut(information)))
        } else {
            Err(status)
        }
    }

    pub fn socket(&self, family: ADDRESS_FAMILY) -> Socket {
        self.try_socket(family).unwrap()
    }

    /// A socket that is bound to the address.
    pub fn bound(&self, address: &str) -> Socket {
        let address: SocketAddr = address.parse().unwrap();
        let socket = self.socket(if address.is_ipv4() { AF_INET } else { AF_INET6 });
        assert_eq!(socket.bind(address), STATUS_SUCCESS, "{address}");
        socket
    }

    /// A datagram socket with a table of callbacks and their context, bound to the address.
    pub fn listening(
        &self,
        address: &str,
        table: *const WSK_CLIENT_DATAGRAM_DISPATCH,
        context: PVOID,
    ) -> Socket {
        let address: SocketAddr = address.parse().unwrap();
        let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
        let opening =
            self.open_with(family, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, (table, context));
        let (status, information) = opening.wait();
        assert_eq!(status, STATUS_SUCCESS);
        let socket = Socket(ptr::with_exposed_provenance_mut(information));
        assert_eq!(socket.bind(address), STATUS_SUCCESS, "{address}");
        socket
    }

    /// `WSK_SET_STATIC_EVENT_CALLBACKS`
    pub fn set_static(&self, mask: ULONG) -> NTSTATUS {
        let control = unsafe { (*self.npi.Dispatch).WskControlClient }.unwrap();
        let mut events =
            WSK_EVENT_CALLBACK_CONTROL { NpiId: &raw const NPI_WSK_INTERFACE_ID, EventMask: mask };
        let (size, none) = (size_of_val(&events), ptr::null_mut());
        let code = WSK_SET_STATIC_EVENT_CALLBACKS;
        let input = (&raw mut events).cast();
        unsafe { control(self.npi.Client, code, size, input, 0, none, ptr::null_mut(), ptr::null_mut()) }
    }

    /// Calls a function that is there and not served, with nothing but the client and an IRP.
    pub fn unserved(&self, function: Unserved, irp: *mut IRP) -> NTSTATUS {
        type Connect = unsafe extern "system" fn(
            PWSK_CLIENT,
            USHORT,
            ULONG,
            PVOID,
            PVOID,
            ULONG,
            PVOID,
            PVOID,
            PVOID,
            PVOID,
            PVOID,
            *mut IRP,
        ) -> NTSTATUS;
        type Address = unsafe extern "system" fn(
            PWSK_CLIENT,
            PVOID,
            PVOID,
            ULONG,
            PVOID,
            PVOID,
            PVOID,
            PVOID,
            PVOID,
            *mut IRP,
        ) -> NTSTATUS;
        type Name = unsafe extern "system" fn(
            PWSK_CLIENT,
            PVOID,
            ULONG,
            PVOID,
            PVOID,
            ULONG,
            PVOID,
            PVOID,
            *mut IRP,
        ) -> NTSTATUS;
        let (client, table, n) = (self.npi.Client, self.npi.Dispatch, ptr::null_mut());
        match function {
            Unserved::SocketConnect => {
                let f: Connect = unsafe { std::mem::transmute((*table).WskSocketConnect) };
                unsafe { f(client, SOCK_STREAM, IPPROTO_TCP, n, n, 0, n, n, n, n, n, irp) }
            }
            Unserved::AddressInfo => {
                let f: Address = unsafe { std::mem::transmute((*table).WskGetAddressInfo) };
                unsafe { f(client, n, n, 0, n, n, n, n, n, irp) }
            }
            Unserved::NameInfo => {
                let f: Name = unsafe { std::mem::transmute((*table).WskGetNameInfo) };
                unsafe { f(client, n, 0, n, n, 0, n, n, irp) }
            }
        }
    }

    /// `WskFreeAddressInfo` of nothing.
    pub fn free_address_info(&self) {
        type Free = unsafe extern "system" fn(PWSK_CLIENT, PVOID);
        let f: Free = unsafe { std::mem::transmute((*self.npi.Dispatch).WskFreeAddressInfo) };
        unsafe { f(self.npi.Client, ptr::null_mut()) };
    }

    pub fn control(&self, code: ULONG, irp: *mut IRP) -> NTSTATUS {
        let control = unsafe { (*self.npi.Dispatch).WskControlClient }.unwrap();
        let none = ptr::null_mut;
        unsafe { control(self.npi.Client, code, 0, none(), 0, none(), ptr::null_mut(), irp) }
    }
}

/// A client that another thread ends.
pub struct Exposed(Client);

// SAFETY: a registration and its provider belong to no thread.
unsafe impl Send for Exposed {}

impl Exposed {
    pub fn end(self) {
        self.0.end();
    }
}
