//! A datagram socket, and the calls of its table.
#![expect(unsafe_code, reason = "functions of WSK's dispatch table")]

use core::ptr;

use nt::{Buffer, Error, PoolBox, Result};
use wsk_cmsg::Control;
use wsk_sys::{
    IRP, NTSTATUS, PVOID, PWSK_SOCKET, SIZE_T, ULONG, WSK_BUF, WSK_CONTROL_SOCKET_TYPE,
    WSK_PROVIDER_DATAGRAM_DISPATCH, WskIoctl,
};

use super::event::Seen;
use super::{Address, Call, Client, Ended, TAG};

/// The most control information of a datagram.
pub(crate) const CONTROL: usize = 64;

/// The bytes of a datagram.
pub(crate) type Data = Buffer<TAG>;

/// What a receive has brought.
#[derive(Debug)]
pub(crate) struct Received {
    /// How it ended.
    pub(crate) ended: Ended,
    /// The control flags.
    pub(crate) flags: ULONG,
    pub(crate) data: Data,
    /// The control information, as long as it is said to be, and as there was room for.
    pub(crate) control: Control<CONTROL>,
    /// How long it is said to be.
    pub(crate) told: ULONG,
}

/// A datagram socket. Closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Socket<'c> {
    pub(super) client: &'c Client<'c>,
    pub(super) pointer: PWSK_SOCKET,
    /// What its event has brought, if it was made with one; WSK has the address until the socket is closed.
    pub(super) seen: Option<PoolBox<Seen, TAG>>,
    /// The request that closes it: `WskDeregister` would wait for ever for a socket that cannot be closed for want of memory.
    close: Option<Call>,
}

impl<'c> Socket<'c> {
    /// A socket that `WskSocket` has given, and the request that will close it, which was not sent.
    ///
    /// # Safety
    /// It is a socket of this client's, and nobody else closes it. If it is not a datagram socket, it is closed only, or is a
    /// listening one, which is also bound.
    pub(crate) unsafe fn new(client: &'c Client<'c>, pointer: PWSK_SOCKET, close: Call) -> Socket<'c> {
        Socket { client, pointer, seen: None, close: Some(close) }
    }

    /// Its functions. The tables of other sockets are shorter, and begin with the same ones: no reference to all of it.
    pub(super) fn table(&self) -> *const WSK_PROVIDER_DATAGRAM_DISPATCH {
        // SAFETY: an open socket.
        (unsafe { (*self.pointer).Dispatch }).cast()
    }

    /// `WskBind`.
    ///
    /// # Errors
    /// There is no memory for the request.
    pub(crate) fn bind(&self, address: &mut Address) -> Result<Ended> {
        self.bind_with(address, 0)
    }

    /// `WskBind` with these flags.
    ///
    /// # Errors
    /// There is no memory for the request.
    pub(crate) fn bind_with(&self, address: &mut Address, flags: ULONG) -> Result<Ended> {
        // SAFETY: a field of the table, which lives as long as the socket.
        let bind = unsafe { (*self.table()).WskBind }.expect("every datagram socket has it");
        let address = address.as_mut_ptr();
        // SAFETY: an open socket; the address is there until the request has ended; the IRP of this request.
        self.client.request(|irp| unsafe { bind(self.pointer, address, flags, irp) })
    }

    /// `WskControlSocket` with an IRP, and these buffers as input and output.
    ///
    /// # Errors
    /// There is no memory for the request.
    pub(crate) fn control(
        &self,
        request: WSK_CONTROL_SOCKET_TYPE,
        code: ULONG,
        level: ULONG,
        input: &mut [u8],
        output: &mut [u8],
    ) -> Result<Ended> {
        let (input, output) = (buffer(input), buffer(output));
        let (what, returned) = ((request, code, level), ptr::null_mut());
        // SAFETY: buffers that are there until the request has ended; the IRP of this request.
        self.client.request(|irp| unsafe { self.control_raw(what, input, output, returned, irp) })
    }

    /// `WskControlSocket` with `WskIoctl`, without an IRP and input: the status, and the size that it returned.
    pub(crate) fn ioctl_without_irp(&self, code: ULONG, output: &mut [u8]) -> (NTSTATUS, SIZE_T) {
        let (none, output, mut size) = ((0, ptr::null_mut()), buffer(output), 0);
        let (what, returned) = ((WskIoctl, code, 0), &raw mut size);
        // SAFETY: buffer and size are there during the call, in which a request without an IRP ends.
        let status = unsafe { self.control_raw(what, none, output, returned, ptr::null_mut()) };
        (status, size)
    }

    /// `WskControlSocket` for a request: its type, code and level.
    ///
    /// # Safety
    /// The buffers, sizes and addresses, are those that the request asks for, and there until it has ended; the IRP was not sent,
    /// or is null.
    pub(super) unsafe fn control_raw(
        &self,
        (request, code, level): (WSK_CONTROL_SOCKET_TYPE, ULONG, ULONG),
        input: (SIZE_T, PVOID),
        output: (SIZE_T, PVOID),
        returned: *mut SIZE_T,
        irp: *mut IRP,
    ) -> NTSTATUS {
        // SAFETY: a field of the table, which lives as long as the socket.
        let control = unsafe { (*self.table()).Basic.WskControlSocket }.expect("every socket has it");
        // SAFETY: an open socket; the rest is this function's contract.
        unsafe {
            control(self.pointer, request, code, level, input.0, input.1, output.0, output.1, returned, irp)
        }
    }

    /// `WskGetLocalAddress`.
    ///
    /// # Errors
    /// That of the request.
    pub(crate) fn local_address(&self) -> Result<Address> {
        // SAFETY: a field of the table, which lives as long as the socket.
        let get = unsafe { (*self.table()).WskGetLocalAddress }.expect("every datagram socket has it");
        let mut local = Address::loopback();
        let address = local.as_mut_ptr();
        // SAFETY: an open socket; the address is there until the request has ended; the IRP of this request.
        let ended = self.client.request(|irp| unsafe { get(self.pointer, address, irp) })?;
        nt::check(ended.status()).map(|()| local)
    }

    /// `WskSendTo` of these bytes, without control information.
    ///
    /// # Errors
    /// There is no memory for the request.
    pub(crate) fn send_to(&self, bytes: &[u8], to: Option<&mut Address>) -> Result<Ended> {
        self.send_with(bytes, to, &Control::new())
    }

    /// `WskSendTo` of these bytes, with control information.
    ///
    /// # Errors
    /// There is no memory for the request.
    pub(crate) fn send_with(
        &self,
        bytes: &[u8],
        to: Option<&mut Address>,
        control: &Control<CONTROL>,
    ) -> Result<Ended> {
        let padded = control.padded();
        self.send_raw(bytes, to, Some(padded.as_bytes()).filter(|control| !control.is_empty()))
    }

    /// The same with control information as it is: also a pointer to none of it, and without padding.
    ///
    /// # Errors
    /// There is no memory for the request.
    pub(crate) fn send_raw(
        &self,
        bytes: &[u8],
        to: Option<&mut Address>,
        control: Option<&[u8]>,
    ) -> Result<Ended> {
        // SAFETY: a field of the table, which lives as long as the socket.
        let send = unsafe { (*self.table()).WskSendTo }.expect("every datagram socket has it");
        let to = to.map_or(ptr::null_mut(), Address::as_mut_ptr);
        let mut data = Data::new(bytes.len())?;
        data.fill(bytes)?;
        let mut buffer = described(&data);
        let buffer = &raw mut buffer;
        #[expect(clippy::cast_possible_truncation, reason = "at most as much as it has room for")]
        let length = control.map_or(0, <[u8]>::len) as ULONG;
        let control = control.map_or(ptr::null_mut(), |control| control.as_ptr().cast_mut().cast());
        // SAFETY: an open socket; buffer, address and control information are there until the request has ended; the IRP of this
        // request.
        self.client.request(|irp| unsafe { send(self.pointer, buffer, 0, to, length, control, irp) })
    }

    /// `WskReceiveFrom` of at most so many bytes, and so many of control information.
    ///
    /// # Errors
    /// There is no memory for the request.
    pub(crate) fn receive_with(&self, capacity: usize, room: usize) -> Result<Received> {
        // SAFETY: a field of the table, which lives as long as the socket.
        let receive = unsafe { (*self.table()).WskReceiveFrom }.expect("every datagram socket has it");
        let mut data = Data::new(capacity.max(1))?;
        data.set_len(capacity);
        let (mut words, bytes) = ([0_u64; CONTROL / 8], room.min(CONTROL));
        #[expect(clippy::cast_possible_truncation, reason = "at most CONTROL")]
        let (mut buffer, mut told, mut flags) = (described(&data), bytes as ULONG, 0);
        let (buffer, told_at, flags_at) = (&raw mut buffer, &raw mut told, &raw mut flags);
        let from = ptr::null_mut();
        let control = if bytes == 0 { ptr::null_mut() } else { words.as_mut_ptr().cast() };
        // SAFETY: an open socket; what the buffers and pointers lead to is there until the request has ended; the IRP of this
        // request.
        let ended = self.client.request(|irp| unsafe {
            receive(self.pointer, buffer, 0, from, told_at, control, flags_at, irp)
        })?;
        data.set_len(ended.information());
        // Of an error the variable is what it was; a warning tells of what did not fit.
        let told = if ended.status().cast_unsigned() < 0xC000_0000 { told } else { 0 };
        let control = words.map(u64::to_ne_bytes);
        let control = control.as_flattened().get(..bytes.min(told as usize)).unwrap_or_default();
        let control = Control::copied(control).map_err(|_full| Error::BUFFER_TOO_SMALL)?;
        Ok(Received { ended, flags, data, control, told })
    }

    /// `WskReceiveFrom`, which is cancelled when `meanwhile` has returned. What that returned, and how it ended.
    ///
    /// # Errors
    /// There is no memory for the request, or that of `meanwhile`.
    pub(crate) fn receive_while<T>(&self, meanwhile: impl FnOnce(&Call) -> Result<T>) -> Result<(T, Ended)> {
        self.receive_and(|call| {
            let seen = meanwhile(call);
            if !call.is_done(self.client.passive) {
                call.cancel();
            }
            seen
        })
    }

    /// The same, but it is cancelled only if it takes too long.
    ///
    /// # Errors
    /// There is no memory for the request, or that of `meanwhile`.
    pub(crate) fn receive_until(&self, meanwhile: impl FnOnce(&Call) -> Result) -> Result<Ended> {
        Ok(self.receive_and(meanwhile)?.1)
    }

    fn receive_and<T>(&self, meanwhile: impl FnOnce(&Call) -> Result<T>) -> Result<(T, Ended)> {
        // SAFETY: a field of the table, which lives as long as the socket.
        let receive = unsafe { (*self.table()).WskReceiveFrom }.expect("every datagram socket has it");
        let data = Data::new(16)?;
        let mut buffer = described(&data);
        let buffer = &raw mut buffer;
        let (none, length) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: an open socket; the buffer is there until the request has ended; the IRP of this request.
        let call = Call::new()?.send(|irp| unsafe {
            receive(self.pointer, buffer, 0, ptr::null_mut(), length, none, ptr::null_mut(), irp)
        });
        let seen = meanwhile(&call);
        if seen.is_err() && !call.is_done(self.client.passive) {
            call.cancel();
        }
        let ended = call.end(self.client.passive);
        Ok((seen?, ended))
    }
}

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        let Some(call) = self.close.take() else { return };
        // SAFETY: a field of the table, which lives as long as the socket.
        let close = unsafe { (*self.table()).Basic.WskCloseSocket }.expect("every socket has it");
        // SAFETY: an open socket, which nobody uses from here on; the IRP of this request.
        let _ended = call.send(|irp| unsafe { close(self.pointer, irp) }).end(self.client.passive);
    }
}

/// Size and address, as WSK takes a buffer: null if it is empty.
fn buffer(bytes: &mut [u8]) -> (SIZE_T, PVOID) {
    if bytes.is_empty() { (0, ptr::null_mut()) } else { (bytes.len(), bytes.as_mut_ptr().cast()) }
}

/// All of the bytes, as WSK takes them.
pub(super) fn described(data: &Data) -> WSK_BUF {
    WSK_BUF { Mdl: data.mdl().as_ptr(), Offset: 0, Length: data.len() }
}
