//! The same requests as a driver in C makes them, which is what `wsk` is compared with: the functions of the dispatch table,
//! and an IRP with a completion routine. Nothing is checked that the pages' samples do not check.
#![allow(unsafe_code, reason = "C's way")]

use std::hint::black_box;
use std::ptr;

use wsk_sys::{
    FALSE, IRP, IoAllocateIrp, IoFreeIrp, IoReuseIrp, IoSetCompletionRoutine, NTSTATUS, PVOID, PWSK_SOCKET,
    SO_EXCLUSIVEADDRUSE, SOCKADDR_IN, SOL_SOCKET, STATUS_MORE_PROCESSING_REQUIRED, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL, ULONG, WSK_BUF, WSK_DATAGRAM_INDICATION, WSK_PROVIDER_DATAGRAM_DISPATCH,
    WskGetOption, WskIoctl, WskSetOption,
};

use crate::bare::wsk;

/// What a request points to, and its IRP: what C calls the context.
pub(crate) struct Context {
    irp: *mut IRP,
    socket: PWSK_SOCKET,
    value: ULONG,
    address: SOCKADDR_IN,
    flags: ULONG,
    control_length: ULONG,
    buffer: WSK_BUF,
    status: NTSTATUS,
}

/// A function that makes one request.
pub(crate) type Call = fn(&mut Context, *mut IRP);

impl Context {
    pub(crate) fn new() -> Context {
        Context {
            // SAFETY: this kernel's.
            irp: unsafe { IoAllocateIrp(1, FALSE) },
            socket: wsk::raw_socket(),
            value: 1,
            address: wsk::SENDER,
            flags: 0,
            control_length: 0,
            buffer: WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 64 },
            status: 0,
        }
    }

    fn table(&self) -> &'static WSK_PROVIDER_DATAGRAM_DISPATCH {
        // SAFETY: the socket is open.
        let table = unsafe { (*self.socket).Dispatch };
        // SAFETY: a datagram socket's.
        unsafe { &*table.cast() }
    }

    /// The documented sequence: allocate an IRP, set the routine, call; the routine frees the IRP.
    pub(crate) fn as_documented(&mut self, call: Call) {
        // SAFETY: this kernel's.
        let irp = unsafe { IoAllocateIrp(1, FALSE) };
        let context = ptr::from_mut(self).cast();
        // SAFETY: a new IRP.
        unsafe { IoSetCompletionRoutine(irp, Some(frees), context, true, true, true) };
        call(self, irp);
    }

    /// With an IRP that is used again.
    pub(crate) fn reusing(&mut self, call: Call) {
        let irp = self.irp;
        // SAFETY: the context's own IRP, which has completed.
        unsafe { IoReuseIrp(irp, STATUS_UNSUCCESSFUL) };
        let context = ptr::from_mut(self).cast();
        // SAFETY: re-armed just now.
        unsafe { IoSetCompletionRoutine(irp, Some(keeps), context, true, true, true) };
        call(self, irp);
    }
}

unsafe extern "system" fn frees(_: *mut wsk_sys::DEVICE_OBJECT, irp: *mut IRP, context: PVOID) -> NTSTATUS {
    // SAFETY: the I/O manager passes the IRP.
    let status = unsafe { (*irp).IoStatus.Status };
    // SAFETY: the context of `as_documented`.
    unsafe { (*context.cast::<Context>()).status = status };
    // SAFETY: the client's own.
    unsafe { IoFreeIrp(irp) };
    STATUS_MORE_PROCESSING_REQUIRED
}

unsafe extern "system" fn keeps(_: *mut wsk_sys::DEVICE_OBJECT, irp: *mut IRP, context: PVOID) -> NTSTATUS {
    // SAFETY: the I/O manager passes the IRP.
    let status = unsafe { (*irp).IoStatus.Status };
    // SAFETY: the context of `reusing`.
    unsafe { (*context.cast::<Context>()).status = status };
    STATUS_MORE_PROCESSING_REQUIRED
}

pub(crate) fn set(context: &mut Context, irp: *mut IRP) {
    let control = context.table().Basic.WskControlSocket.expect("a function");
    let value = (&raw mut context.value).cast();
    let (level, name) = (SOL_SOCKET, SO_EXCLUSIVEADDRUSE);
    let (socket, none) = (context.socket, ptr::null_mut());
    // SAFETY: as WSK's page of the function says.
    unsafe { control(socket, WskSetOption, name, level, 4, value, 0, none, none.cast(), irp) };
}

pub(crate) fn get(context: &mut Context, irp: *mut IRP) {
    let control = context.table().Basic.WskControlSocket.expect("a function");
    let value = (&raw mut context.value).cast();
    let (level, name) = (SOL_SOCKET, SO_EXCLUSIVEADDRUSE);
    let (socket, none) = (context.socket, ptr::null_mut());
    // SAFETY: as WSK's page of the function says.
    unsafe { control(socket, WskGetOption, name, level, 0, none, 4, value, none.cast(), irp) };
}

pub(crate) fn ioctl(context: &mut Context, irp: *mut IRP) {
    let control = context.table().Basic.WskControlSocket.expect("a function");
    let (value, size) = ((&raw mut context.address).cast(), size_of::<SOCKADDR_IN>());
    let (socket, none) = (context.socket, ptr::null_mut());
    let code = wsk_sys::SIO_WSK_SET_REMOTE_ADDRESS;
    // SAFETY: as WSK's page of the function says.
    unsafe { control(socket, WskIoctl, code, 0, size, value, 0, none, none.cast(), irp) };
}

pub(crate) fn send(context: &mut Context, irp: *mut IRP) {
    let send_to = context.table().WskSendTo.expect("a function");
    let (buffer, address) = (&raw mut context.buffer, (&raw mut context.address).cast());
    // SAFETY: as WSK's page of the function says.
    unsafe { send_to(context.socket, buffer, 0, address, 0, ptr::null_mut(), irp) };
}

pub(crate) fn receive(context: &mut Context, irp: *mut IRP) {
    let receive_from = context.table().WskReceiveFrom.expect("a function");
    let (buffer, address) = (&raw mut context.buffer, (&raw mut context.address).cast());
    let (length, flags) = (&raw mut context.control_length, &raw mut context.flags);
    // SAFETY: as WSK's page of the function says.
    unsafe { receive_from(context.socket, buffer, 0, address, length, ptr::null_mut(), flags, irp) };
}

/// The callback of a socket: takes what comes.
pub(crate) unsafe extern "system" fn callback(
    _: PVOID,
    _: ULONG,
    list: *mut WSK_DATAGRAM_INDICATION,
) -> NTSTATUS {
    let mut at = list;
    // SAFETY: the list of this call.
    while let Some(datagram) = unsafe { at.as_ref() } {
        black_box(datagram.Buffer.Length);
        at = datagram.Next;
    }
    STATUS_SUCCESS
}
