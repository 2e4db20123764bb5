//! A small WSK client, written as a driver would be: raw calls, an event, a completion routine.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(unsafe_code, reason = "calls the kernel's C functions; the contracts are those of their pages")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls follow the pages one by one; Miri checks them"
)]

use std::net::{SocketAddr, UdpSocket};
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use std::{io, ptr};

use ::netio::memory::{self, Net};
use ::netio::{Completion, Config, Netio, Network};
use ntos::Machine;
use wsk_sys::*;

/// How long a test waits for something that must happen.
pub const LIMIT: Duration = Duration::from_secs(30);
/// How long a test waits for something that must not happen.
pub const SHORT: Duration = Duration::from_millis(50);

pub const MODES: [Completion; 4] = [
    Completion::Inline,
    Completion::Deferred,
    Completion::Delayed { seed: 1 },
    Completion::Delayed { seed: 2 },
];

/// A machine with a provider, and the other end of its network.
pub struct World {
    pub machine: Machine,
    pub netio: Netio,
    pub mode: Completion,
    net: Option<Net>,
}

/// A user-mode socket at the other end.
pub enum Peer {
    Memory(memory::Peer),
    Host(UdpSocket),
}

impl World {
    pub fn new(network: Option<Net>, mode: Completion) -> World {
        let machine = Machine::boot(ntos::Config::default());
        let config = Config {
            network: network.clone().map_or(Network::Host, Network::Memory),
            completion: mode,
            ..Config::default()
        };
        let netio = ::netio::install(&machine, config);
        World { machine, netio, mode, net: network }
    }

    pub fn peer(&self, address: &str) -> Peer {
        let address = address.parse().unwrap();
        let peer = match &self.net {
            Some(net) => Peer::Memory(net.peer(address).unwrap()),
            None => Peer::Host(UdpSocket::bind(address).unwrap()),
        };
        peer.set_timeout(LIMIT);
        peer
    }

    pub fn is_memory(&self) -> bool {
        self.net.is_some()
    }
}

impl Peer {
    pub fn set_timeout(&self, timeout: Duration) {
        match self {
            Peer::Memory(peer) => peer.set_read_timeout(Some(timeout)).unwrap(),
            Peer::Host(peer) => peer.set_read_timeout(Some(timeout)).unwrap(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Peer::Memory(peer) => peer.local_addr().unwrap(),
            Peer::Host(peer) => peer.local_addr().unwrap(),
        }
    }

    pub fn send(&self, bytes: &[u8], to: SocketAddr) {
        let sent = match self {
            Peer::Memory(peer) => peer.send_to(bytes, to),
            Peer::Host(peer) => peer.send_to(bytes, to),
        };
        assert_eq!(sent.unwrap(), bytes.len());
    }

    pub fn receive(&self) -> io::Result<(Vec<u8>, SocketAddr)> {
        let mut buffer = vec![0; 0x1_0000];
        let (length, from) = match self {
            Peer::Memory(peer) => peer.recv_from(&mut buffer),
            Peer::Host(peer) => peer.recv_from(&mut buffer),
        }?;
        buffer.truncate(length);
        Ok((buffer, from))
    }
}

/// Runs `test` in every mode, on a network in memory.
pub fn in_memory(test: impl Fn(&World)) {
    for mode in MODES {
        run(World::new(Some(Net::new()), mode), &test);
    }
}

/// Runs `test` in every mode, on a network in memory and on the host's.
pub fn everywhere(test: impl Fn(&World)) {
    in_memory(&test);
    if !cfg!(miri) {
        for mode in MODES {
            run(World::new(None, mode), &test);
        }
    }
}

fn run(world: World, test: &impl Fn(&World)) {
    let entered = world.machine.enter();
    test(&world);
    drop(entered);
    assert_eq!((world.netio.sockets(), world.netio.registrations()), (0, 0));
    world.machine.shutdown();
}

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

    pub fn end(self) {
        unsafe { WskReleaseProviderNPI(self.registration) };
        unsafe { WskDeregister(self.registration) };
        free_block(self.registration);
    }

    pub fn open(&self, family: ADDRESS_FAMILY, kind: USHORT, protocol: ULONG, flags: ULONG) -> Request {
        let open = unsafe { (*self.npi.Dispatch).WskSocket }.unwrap();
        let client = self.npi.Client;
        let (context, table) = (ptr::null_mut(), ptr::null());
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

    pub fn control(&self, code: ULONG, irp: *mut IRP) -> NTSTATUS {
        let control = unsafe { (*self.npi.Dispatch).WskControlClient }.unwrap();
        let none = ptr::null_mut;
        unsafe { control(self.npi.Client, code, 0, none(), 0, none(), ptr::null_mut(), irp) }
    }
}

/// A request on its way: its IRP, its event, and what the function returned.
pub struct Request {
    pub irp: *mut IRP,
    pub returned: NTSTATUS,
    context: *mut Context,
}

// An IRP belongs to no thread.
unsafe impl Send for Request {}

/// What the completion routine is given.
struct Context {
    event: KEVENT,
    irql: KIRQL,
    /// The number of this completion among all of this process.
    place: usize,
}

static COMPLETIONS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

unsafe extern "system" fn routine(_device: *mut DEVICE_OBJECT, _irp: *mut IRP, context: PVOID) -> NTSTATUS {
    let context: *mut Context = context.cast();
    unsafe { (*context).irql = KeGetCurrentIrql() };
    let place = COMPLETIONS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    unsafe { (*context).place = place };
    unsafe { KeSetEvent(&raw mut (*context).event, 0, FALSE) };
    STATUS_MORE_PROCESSING_REQUIRED
}

/// What `allocate` makes; tries again if that was made to fail, as the faults of interest are the provider's.
fn sure<T>(allocate: impl Fn() -> *mut T) -> *mut T {
    let first = allocate();
    if first.is_null() { allocate() } else { first }
}

fn pool<T>(size: usize) -> *mut T {
    let tag = u32::from_le_bytes(*b"test");
    sure(|| unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size, tag) }).cast()
}

/// An IRP with one location.
pub fn irp() -> *mut IRP {
    sure(|| unsafe { IoAllocateIrp(1, FALSE) })
}

impl Request {
    /// A request that was not sent yet.
    pub fn new() -> Request {
        let context: *mut Context = pool(size_of::<Context>());
        unsafe { KeInitializeEvent(&raw mut (*context).event, NotificationEvent, FALSE) };
        let irp = irp();
        unsafe { IoSetCompletionRoutine(irp, Some(routine), context.cast(), true, true, true) };
        Request { irp, returned: STATUS_PENDING, context }
    }

    pub fn start(call: impl FnOnce(*mut IRP) -> NTSTATUS) -> Request {
        let mut request = Request::new();
        request.returned = call(request.irp);
        request
    }

    pub fn is_done(&self) -> bool {
        unsafe { KeReadStateEvent(&raw mut (*self.context).event) != 0 }
    }

    pub fn cancel(&self) -> bool {
        unsafe { IoCancelIrp(self.irp) != 0 }
    }

    /// Waits for the completion; frees nothing.
    pub fn wait_only(&self) -> (NTSTATUS, usize) {
        let limit = -(i64::try_from(LIMIT.as_nanos()).unwrap() / 100);
        let event: PVOID = unsafe { &raw mut (*self.context).event }.cast();
        let status = unsafe { KeWaitForSingleObject(event, Executive, KernelMode, FALSE, &raw const limit) };
        assert_eq!(status, STATUS_SUCCESS, "the request did not complete");
        let result = unsafe { (*self.irp).IoStatus };
        if self.returned != STATUS_PENDING {
            assert_eq!(self.returned, result.Status, "the function returned something else");
        }
        (result.Status, result.Information)
    }

    /// Waits for the completion; returns status and information.
    pub fn wait(self) -> (NTSTATUS, usize) {
        let result = self.wait_only();
        self.free();
        result
    }

    /// Waits, and returns the IRQL and the place of the completion.
    pub fn wait_for_circumstances(self) -> (KIRQL, usize) {
        self.wait_only();
        let circumstances = unsafe { ((*self.context).irql, (*self.context).place) };
        self.free();
        circumstances
    }

    pub fn free(self) {
        unsafe { IoFreeIrp(self.irp) };
        unsafe { ExFreePool(self.context.cast()) };
    }

    /// Waits, and makes the IRP ready for another call.
    pub fn reuse(&self) {
        self.wait_only();
        unsafe { KeClearEvent(&raw mut (*self.context).event) };
        unsafe { IoReuseIrp(self.irp, STATUS_SUCCESS) };
        self.arm();
    }

    pub fn arm(&self) {
        unsafe { IoSetCompletionRoutine(self.irp, Some(routine), self.context.cast(), true, true, true) };
    }
}

/// A value at an address that stays valid wherever its owner goes, as a kernel's memory does.
pub struct Place<T>(*mut T);

// Whoever has the place has the value.
unsafe impl<T: Send> Send for Place<T> {}

impl<T> Place<T> {
    pub fn new(value: T) -> Place<T> {
        Place(Box::into_raw(Box::new(value)))
    }

    pub fn pointer(&self) -> *mut T {
        self.0
    }
}

impl<T> Deref for Place<T> {
    type Target = T;

    fn deref(&self) -> &T {
        unsafe { &*self.0 }
    }
}

impl<T> DerefMut for Place<T> {
    fn deref_mut(&mut self) -> &mut T {
        unsafe { &mut *self.0 }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// A buffer in non-paged pool, with an MDL for each of its parts.
pub struct Buffer {
    pool: *mut u8,
    length: usize,
    mdls: Vec<*mut MDL>,
    pub wsk: Place<WSK_BUF>,
}

// Pool belongs to no thread.
unsafe impl Send for Buffer {}

impl Buffer {
    pub fn new(bytes: &[u8]) -> Buffer {
        Buffer::in_parts(bytes, &[bytes.len()])
    }

    /// A buffer with MDLs of these lengths.
    pub fn in_parts(bytes: &[u8], parts: &[usize]) -> Buffer {
        let size = bytes.len().max(1);
        let pool: *mut u8 = pool(size);
        unsafe { pool.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        let mut mdls: Vec<*mut MDL> = Vec::new();
        let mut offset = 0;
        for part in parts.iter().copied().filter(|part| *part != 0) {
            let length = part.try_into().unwrap();
            let address = pool.wrapping_add(offset).cast();
            let mdl = sure(|| unsafe { IoAllocateMdl(address, length, FALSE, FALSE, ptr::null_mut()) });
            unsafe { MmBuildMdlForNonPagedPool(mdl) };
            if let Some(last) = mdls.last() {
                unsafe { (**last).Next = mdl };
            }
            mdls.push(mdl);
            offset += part;
        }
        let first = mdls.first().copied().unwrap_or(ptr::null_mut());
        let wsk = Place::new(WSK_BUF { Mdl: first, Offset: 0, Length: bytes.len() });
        Buffer { pool, length: bytes.len(), mdls, wsk }
    }

    pub fn wsk(&self) -> *mut WSK_BUF {
        self.wsk.pointer()
    }

    pub fn bytes(&self) -> Vec<u8> {
        unsafe { std::slice::from_raw_parts(self.pool, self.length) }.to_vec()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        for mdl in &self.mdls {
            unsafe { IoFreeMdl(*mdl) };
        }
        unsafe { ExFreePool(self.pool.cast()) };
    }
}

/// A `SOCKADDR` of either family.
pub struct Address(Place<Sockaddr>);

#[repr(C, align(8))]
struct Sockaddr([u8; 32]);

impl Address {
    pub fn empty() -> Address {
        Address(Place::new(Sockaddr([0; 32])))
    }

    pub fn new(address: SocketAddr) -> Address {
        let mut bytes = [0; 32];
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        match address {
            SocketAddr::V4(address) => {
                bytes[..2].copy_from_slice(&AF_INET.to_ne_bytes());
                bytes[4..8].copy_from_slice(&address.ip().octets());
            }
            SocketAddr::V6(address) => {
                bytes[..2].copy_from_slice(&AF_INET6.to_ne_bytes());
                bytes[8..24].copy_from_slice(&address.ip().octets());
            }
        }
        Address(Place::new(Sockaddr(bytes)))
    }

    fn bytes(&self) -> &[u8; 32] {
        let Sockaddr(bytes) = &*self.0;
        bytes
    }

    pub fn get(&self) -> SocketAddr {
        let bytes = self.bytes();
        let port = u16::from_be_bytes([bytes[2], bytes[3]]);
        match u16::from_ne_bytes([bytes[0], bytes[1]]) {
            AF_INET => (<[u8; 4]>::try_from(&bytes[4..8]).unwrap(), port).into(),
            AF_INET6 => (<[u8; 16]>::try_from(&bytes[8..24]).unwrap(), port).into(),
            other => panic!("family {other}"),
        }
    }

    pub fn pointer(&self) -> *mut SOCKADDR {
        self.0.pointer().cast()
    }

    pub fn size(&self) -> usize {
        if self.get().is_ipv4() { 16 } else { 28 }
    }
}

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
    control_length: Place<ULONG>,
    flags: Place<ULONG>,
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
#[derive(Clone, Copy)]
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

    pub fn bind(self, address: SocketAddr) -> NTSTATUS {
        let address = Address::new(address);
        let bind = self.table().WskBind.unwrap();
        let request = Request::start(|irp| unsafe { bind(self.0, address.pointer(), 0, irp) });
        let (status, information) = request.wait();
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
        let from = Address::empty();
        let control_length = Place::new(0);
        let flags = Place::new(0);
        let receive = self.table().WskReceiveFrom.unwrap();
        let (control, flag) = (control_length.pointer(), flags.pointer());
        let request = Request::start(|irp| unsafe {
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

    /// Sets or clears an address by an IOCTL.
    pub fn set_address(self, code: ULONG, address: Option<SocketAddr>) -> NTSTATUS {
        let address = address.map(Address::new);
        let bytes = address.as_ref().map_or(&[][..], |address| &address.bytes()[..address.size()]);
        self.control(WskIoctl, code, 0, bytes, &mut []).0
    }
}
