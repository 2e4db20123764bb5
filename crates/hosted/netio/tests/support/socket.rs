//! Sockets, and all that can be asked of them.

use std::net::SocketAddr;
use std::ptr;

use wsk_sys::*;

use super::memory::{Address, Buffer, Pinned};
use super::request::{Request, at_level};

/// A datagram that was received.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    pub bytes: Vec<u8>,
    pub from: SocketAddr,
    pub flags: ULONG,
}

/// A receive on its way, with its buffers.
pub struct Receive {
    pub request: Request,
    buffer: Buffer,
    from: Address,
    control_length: Pinned<ULONG>,
    flags: Pinned<ULONG>,
}

impl Receive {
    pub fn wait(self) -> Result<Received, NTSTATUS> {
        let Receive { request, buffer, from, control_length, flags } = self;
        match request.wait() {
            (STATUS_SUCCESS, length) => {
                assert_eq!(*control_length, 0);
                let mut bytes = buffer.bytes();
                bytes.truncate(length);
                Ok(Received { bytes, from: from.get(), flags: *flags })
            }
            (status, information) => {
                assert_eq!(information, 0);
                Err(status)
            }
        }
    }
}

/// A socket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Socket(pub *mut WSK_SOCKET);

// A socket belongs to no thread.
unsafe impl Send for Socket {}

impl Socket {
    pub fn table(self) -> WSK_PROVIDER_DATAGRAM_DISPATCH {
        unsafe { (*self.0).Dispatch.cast::<WSK_PROVIDER_DATAGRAM_DISPATCH>().read() }
    }

    pub fn basic_table(self) -> WSK_PROVIDER_BASIC_DISPATCH {
        unsafe { (*self.0).Dispatch.cast::<WSK_PROVIDER_BASIC_DISPATCH>().read() }
    }

    pub fn start_close(self) -> Request {
        let close = self.basic_table().WskCloseSocket.unwrap();
        Request::start(|irp| unsafe { close(self.0, irp) })
    }

    pub fn close(self) {
        assert_eq!(self.start_close().wait(), (STATUS_SUCCESS, 0));
    }

    pub fn start_bind(self, address: &Address) -> Request {
        let bind = self.table().WskBind.unwrap();
        Request::start(|irp| unsafe { bind(self.0, address.pointer(), 0, irp) })
    }

    pub fn bind(self, address: SocketAddr) -> NTSTATUS {
        let address = Address::new(address);
        let (status, information) = self.start_bind(&address).wait();
        assert_eq!(information, 0);
        status
    }

    pub fn start_local_address(self, address: &Address) -> Request {
        let get = self.table().WskGetLocalAddress.unwrap();
        Request::start(|irp| unsafe { get(self.0, address.pointer(), irp) })
    }

    pub fn try_local_address(self) -> Result<SocketAddr, NTSTATUS> {
        let address = Address::empty();
        match self.start_local_address(&address).wait() {
            (STATUS_SUCCESS, _) => Ok(address.get()),
            (status, _) => Err(status),
        }
    }

    pub fn local_address(self) -> SocketAddr {
        self.try_local_address().unwrap()
    }

    pub fn start_send(self, buffer: *mut WSK_BUF, to: *mut SOCKADDR) -> Request {
        let send = self.table().WskSendTo.unwrap();
        Request::start(|irp| unsafe { send(self.0, buffer, 0, to, 0, ptr::null_mut(), irp) })
    }

    pub fn try_send(self, bytes: &[u8], to: Option<SocketAddr>) -> Result<usize, NTSTATUS> {
        let buffer = Buffer::new(bytes);
        let to = to.map(Address::new);
        let pointer = to.as_ref().map_or(ptr::null_mut(), Address::pointer);
        match self.start_send(buffer.wsk(), pointer).wait() {
            (STATUS_SUCCESS, sent) => Ok(sent),
            (status, _) => Err(status),
        }
    }

    pub fn send(self, bytes: &[u8], to: Option<SocketAddr>) {
        assert_eq!(self.try_send(bytes, to), Ok(bytes.len()));
    }

    /// Starts a receive with an IRP that is kept beyond it.
    pub fn start_receive(self, size: usize) -> Receive {
        let buffer = Buffer::new(&vec![0; size]);
        self.start_receive_into(buffer)
    }

    pub fn start_receive_into(self, buffer: Buffer) -> Receive {
        self.start_receive_with(Request::new(), buffer)
    }

    pub fn start_receive_with(self, mut request: Request, buffer: Buffer) -> Receive {
        let from = Address::empty();
        let control_length = Pinned::new(0);
        let flags = Pinned::new(0);
        let receive = self.table().WskReceiveFrom.unwrap();
        let (control, flag) = (control_length.pointer(), flags.pointer());
        let irp = request.irp;
        request.returned = at_level(|| unsafe {
            receive(self.0, buffer.wsk(), 0, from.pointer(), control, ptr::null_mut(), flag, irp)
        });
        Receive { request, buffer, from, control_length, flags }
    }

    pub fn receive(self, size: usize) -> Result<Received, NTSTATUS> {
        self.start_receive(size).wait()
    }

    /// `WskControlSocket`, in all its generality.
    pub fn start_control(
        self,
        kind: i32,
        code: ULONG,
        level: ULONG,
        input: &[u8],
        output: &mut [u8],
    ) -> Request {
        let control = self.basic_table().WskControlSocket.unwrap();
        let from = if input.is_empty() { ptr::null_mut() } else { input.as_ptr().cast_mut().cast() };
        let to = if output.is_empty() { ptr::null_mut() } else { output.as_mut_ptr().cast() };
        let (input, output) = (input.len(), output.len());
        Request::start(|irp| unsafe {
            control(self.0, kind, code, level, input, from, output, to, ptr::null_mut(), irp)
        })
    }

    pub fn control(
        self,
        kind: i32,
        code: ULONG,
        level: ULONG,
        input: &[u8],
        output: &mut [u8],
    ) -> (NTSTATUS, usize) {
        self.start_control(kind, code, level, input, output).wait()
    }

    pub fn control_without_irp(self, kind: i32, code: ULONG, level: ULONG) -> NTSTATUS {
        let control = self.basic_table().WskControlSocket.unwrap();
        let none = ptr::null_mut;
        unsafe { control(self.0, kind, code, level, 0, none(), 0, none(), ptr::null_mut(), ptr::null_mut()) }
    }

    pub fn set(self, level: ULONG, name: ULONG, value: ULONG) -> NTSTATUS {
        self.control(WskSetOption, name, level, &value.to_ne_bytes(), &mut []).0
    }

    pub fn get(self, level: ULONG, name: ULONG) -> Result<ULONG, NTSTATUS> {
        let mut value = [0; 4];
        match self.control(WskGetOption, name, level, &[], &mut value) {
            (STATUS_SUCCESS, 4) => Ok(ULONG::from_ne_bytes(value)),
            (STATUS_SUCCESS, other) => panic!("{other} bytes"),
            (status, _) => Err(status),
        }
    }

    /// `SIO_ADDRESS_LIST_QUERY`.
    pub fn query_addresses(self, list: &mut [u8]) -> NTSTATUS {
        let control = self.basic_table().WskControlSocket.unwrap();
        let (none, code, size) = (ptr::null_mut, SIO_ADDRESS_LIST_QUERY, list.len());
        let list = list.as_mut_ptr().cast();
        unsafe { control(self.0, WskIoctl, code, 0, 0, none(), size, list, ptr::null_mut(), ptr::null_mut()) }
    }

    /// Sets or clears an address by an IOCTL.
    pub fn set_address(self, code: ULONG, address: Option<SocketAddr>) -> NTSTATUS {
        let address = address.map(Address::new);
        let bytes = address.as_ref().map_or(&[][..], |address| &address.bytes()[..address.size()]);
        self.control(WskIoctl, code, 0, bytes, &mut []).0
    }
}
