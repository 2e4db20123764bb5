//! The calls of WSK's functions that take an IRP: one place, one function each.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::ptr::{self, NonNull};

use wsk_sys::{
    CMSGHDR, IPPROTO_UDP, IRP, PVOID, SOCK_DGRAM, SOCKADDR, ULONG, WSK_CLIENT_DATAGRAM_DISPATCH,
    WSK_CONTROL_SOCKET_TYPE, WSK_FLAG_DATAGRAM_SOCKET, WSK_PROVIDER_DATAGRAM_DISPATCH, WSK_PROVIDER_NPI,
    WSK_SOCKET, WSK_TRANSPORT_LIST_CHANGE,
};

use crate::addr::Family;
use crate::error::{Error, Result};
use crate::op::arguments::{Arguments, Yield};
use crate::op::payload;
use crate::op::waiters::Parked;
use crate::pool::Shared;
use crate::security::Parameters;

/// What an operation asks for.
#[derive(Debug)]
pub(crate) enum Call {
    /// `WskSocket`, for a datagram socket.
    Create {
        provider: WSK_PROVIDER_NPI,
        family: Family,
        /// What its handler is called with, and by which table.
        events: Option<(PVOID, &'static WSK_CLIENT_DATAGRAM_DISPATCH)>,
        owner: Parameters,
    },
    /// `WskControlClient` with `WSK_TRANSPORT_LIST_CHANGE`, the only one of its requests that takes an IRP.
    TransportListChange { provider: WSK_PROVIDER_NPI },
    /// A function of a datagram socket.
    Socket { socket: NonNull<WSK_SOCKET>, operation: Operation },
    /// No function of WSK: the operation waits for the driver itself.
    Wait(Shared<Parked>),
    /// Nothing: the request was refused before WSK was asked.
    Refused(Error),
}

/// A function of a datagram socket; its pointers are those of the operation's [`Arguments`].
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    /// `WskControlSocket`
    Control {
        /// Set, get or IOCTL.
        kind: WSK_CONTROL_SOCKET_TYPE,
        /// The option's name or the IOCTL's code.
        code: ULONG,
        /// The option's level; zero for an IOCTL.
        level: ULONG,
        /// The number of bytes of input; zero is a null pointer.
        input: usize,
        /// The room for output; zero is a null pointer.
        output: usize,
    },
    /// `WskBind`
    Bind,
    /// `WskGetLocalAddress`
    LocalAddress,
    /// `WskSendTo`
    SendTo {
        /// To the address that the socket has fixed.
        fixed: bool,
        /// The number of bytes of control information; zero is a null pointer.
        control: ULONG,
    },
    /// `WskSendMessages`
    SendMessages {
        /// As for `SendTo`.
        fixed: bool,
        /// As for `SendTo`.
        control: ULONG,
    },
    /// `WskReceiveFrom`
    ReceiveFrom,
    /// `WskCloseSocket`
    Close,
}

impl Call {
    /// What a success leaves in the arguments, and the most that `IoStatus.Information` can tell.
    pub(crate) fn yields(&self, arguments: &Arguments) -> (Yield, usize) {
        match *self {
            // The new socket.
            Call::Create { .. } => (Yield::Nothing, usize::MAX),
            Call::TransportListChange { .. } | Call::Wait(_) | Call::Refused(_) => (Yield::Nothing, 0),
            Call::Socket { operation, .. } => match operation {
                Operation::Control { output: 0, .. } | Operation::Bind | Operation::Close => {
                    (Yield::Nothing, 0)
                }
                Operation::Control { output, .. } => (Yield::Value, output),
                Operation::LocalAddress => (Yield::Address, 0),
                Operation::SendTo { .. } => (Yield::Nothing, arguments.buffer.Length),
                // SAFETY: the request's own preparation has put the list there, whose payload the operation keeps.
                Operation::SendMessages { .. } => (Yield::Nothing, unsafe { payload::total(arguments.list) }),
                Operation::ReceiveFrom => (Yield::Datagram, arguments.buffer.Length),
            },
        }
    }

    /// The number of bytes of input that WSK reads.
    pub(crate) const fn input_length(&self) -> usize {
        match *self {
            Call::Socket { operation: Operation::Control { input, .. }, .. } => input,
            Call::Socket {
                operation: Operation::SendTo { control, .. } | Operation::SendMessages { control, .. },
                ..
            } => control as usize,
            _ => 0,
        }
    }

    /// Makes the call.
    ///
    /// Success: WSK has the IRP, and completes it whatever it returned. That is why the status is not looked at.
    ///
    /// # Errors
    /// WSK was not called: the request was refused before, or
    /// [`NOT_SUPPORTED`](Error::NOT_SUPPORTED), the provider lacks the function.
    ///
    /// # Safety
    /// `arguments` and `irp` are those of an operation in flight, prepared for this call; the IRP has a completion
    /// routine. The socket, or the captured provider, lives at least until the call returns. For `Close`: no call
    /// on the socket is in progress, and none will be made.
    pub(crate) unsafe fn issue(&self, arguments: *mut Arguments, irp: *mut IRP) -> Result {
        match *self {
            Call::Refused(error) => Err(error),
            Call::Wait(_) => Err(Error::NOT_SUPPORTED),
            Call::Create { provider, family, events, owner } => {
                // SAFETY: the provider is captured, so its dispatch table is valid. Only this field is read: the table is
                // shorter in older versions of Windows.
                let create = unsafe { (*provider.Dispatch).WskSocket }.ok_or(Error::NOT_SUPPORTED)?;
                let (kind, flag) = (SOCK_DGRAM, WSK_FLAG_DATAGRAM_SOCKET);
                let none = ptr::null_mut();
                let (context, table) = match events {
                    Some((context, table)) => (context, ptr::from_ref(table).cast()),
                    None => (none, ptr::null()),
                };
                // SAFETY: the client is the captured provider's; the table is constant, and the context a handler that
                // lives until the socket is closed, or both are null; process, thread and descriptor are valid or null, as
                // `Ownership` has it: null is the current process, and no sharing.
                unsafe {
                    create(
                        provider.Client,
                        family.number(),
                        kind,
                        IPPROTO_UDP,
                        flag,
                        context,
                        table,
                        owner.process,
                        owner.thread,
                        owner.security,
                        irp,
                    )
                };
                Ok(())
            }
            Call::TransportListChange { provider } => {
                // SAFETY: as for `WskSocket`.
                let control = unsafe { (*provider.Dispatch).WskControlClient }.ok_or(Error::NOT_SUPPORTED)?;
                let (code, none, size) = (WSK_TRANSPORT_LIST_CHANGE, ptr::null_mut(), ptr::null_mut());
                // SAFETY: the client is the captured provider's; the request has neither input nor output.
                unsafe { control(provider.Client, code, 0, none, 0, none, size, irp) };
                Ok(())
            }
            // SAFETY: passed on.
            Call::Socket { socket, operation } => unsafe { operation.issue(socket, arguments, irp) },
        }
    }
}

impl Operation {
    /// The same send, with so many bytes of control information, which are the arguments' input.
    pub(crate) const fn with_control(self, length: usize) -> Operation {
        #[expect(clippy::cast_possible_truncation, reason = "the input has a few hundred bytes")]
        let control = length as ULONG;
        match self {
            Operation::SendTo { fixed, .. } => Operation::SendTo { fixed, control },
            Operation::SendMessages { fixed, .. } => Operation::SendMessages { fixed, control },
            other => other,
        }
    }

    /// As [`Call::issue`].
    unsafe fn issue(self, socket: NonNull<WSK_SOCKET>, arguments: *mut Arguments, irp: *mut IRP) -> Result {
        let socket = socket.as_ptr();
        // SAFETY: the socket lives; WSK set its dispatch table when it made it.
        let dispatch = unsafe { (*socket).Dispatch }.cast::<WSK_PROVIDER_DATAGRAM_DISPATCH>();
        // This crate makes datagram sockets only, so the table is a datagram socket's. There is no reference to all of
        // it, because its last field is missing in Windows before 8.
        // SAFETY: the arguments live in the operation's block; only addresses are taken.
        let address = unsafe { &raw mut (*arguments).address }.cast::<SOCKADDR>();
        // SAFETY: as above.
        let buffer = unsafe { &raw mut (*arguments).buffer };
        match self {
            Operation::Control { kind, code, level, input, output } => {
                // SAFETY: a field of the socket's table, which lives as long as the socket.
                let control = unsafe { (*dispatch).Basic.WskControlSocket }.ok_or(Error::NOT_SUPPORTED)?;
                // SAFETY: as for the address.
                let from = unsafe { &raw mut (*arguments).input };
                // SAFETY: as for the address.
                let to = unsafe { &raw mut (*arguments).output };
                let from = if input == 0 { ptr::null_mut() } else { from.cast() };
                let to = if output == 0 { ptr::null_mut() } else { to.cast() };
                // SAFETY: the buffers are as large as said (`Arguments`) and live until the IRP completes. With an
                // IRP the number of bytes comes in IoStatus.Information, so OutputSizeReturned is null.
                unsafe { control(socket, kind, code, level, input, from, output, to, ptr::null_mut(), irp) };
            }
            Operation::Bind => {
                // SAFETY: a field of the socket's table, which lives as long as the socket.
                let bind = unsafe { (*dispatch).WskBind }.ok_or(Error::NOT_SUPPORTED)?;
                // SAFETY: the address is of the socket's family and lives until the IRP completes.
                unsafe { bind(socket, address, 0, irp) };
            }
            Operation::LocalAddress => {
                // SAFETY: a field of the socket's table, which lives as long as the socket.
                let local_address = unsafe { (*dispatch).WskGetLocalAddress }.ok_or(Error::NOT_SUPPORTED)?;
                // SAFETY: the address has room for either family and lives until the IRP completes.
                unsafe { local_address(socket, address, irp) };
            }
            Operation::SendTo { fixed, control } => {
                // SAFETY: a field of the socket's table, which lives as long as the socket.
                let send_to = unsafe { (*dispatch).WskSendTo }.ok_or(Error::NOT_SUPPORTED)?;
                let to = if fixed { ptr::null_mut() } else { address };
                // SAFETY: as for the address.
                let info = unsafe { &raw mut (*arguments).input }.cast::<CMSGHDR>();
                let info = if control == 0 { ptr::null_mut() } else { info };
                // SAFETY: the buffer is the payload's (`Payload`) and fits its MDLs, the address of the socket's family,
                // the control information aligned and as long as said; all of it lives until the IRP completes.
                unsafe { send_to(socket, buffer, 0, to, control, info, irp) };
            }
            Operation::SendMessages { fixed, control } => {
                // SAFETY: a field of the socket's table, which lives as long as the socket. Windows before 8 has a
                // shorter table; but an image with this crate's import of ExAllocatePool2 is not loaded there.
                let send_messages = unsafe { (*dispatch).WskSendMessages }.ok_or(Error::NOT_SUPPORTED)?;
                let to = if fixed { ptr::null_mut() } else { address };
                // SAFETY: as for the address.
                let info = unsafe { &raw mut (*arguments).input }.cast::<CMSGHDR>();
                let info = if control == 0 { ptr::null_mut() } else { info };
                // SAFETY: a field of the arguments, which are the submitter's until this call.
                let list = unsafe { (*arguments).list };
                // SAFETY: as for `SendTo`; the list is the payload's (`PayloadList`).
                unsafe { send_messages(socket, list, 0, to, control, info, irp) };
            }
            Operation::ReceiveFrom => {
                // SAFETY: a field of the socket's table, which lives as long as the socket.
                let receive_from = unsafe { (*dispatch).WskReceiveFrom }.ok_or(Error::NOT_SUPPORTED)?;
                // SAFETY: as for the address.
                let length = unsafe { &raw mut (*arguments).control_length };
                // SAFETY: as for the address.
                let flags = unsafe { &raw mut (*arguments).control_flags };
                // SAFETY: as for the address.
                let info = unsafe { &raw mut (*arguments).output }.cast::<CMSGHDR>();
                // SAFETY: as for sending; the room for control information is as large as `control_length` says. Without
                // a length, WSK would ignore the flags as well.
                unsafe { receive_from(socket, buffer, 0, address, length, info, flags, irp) };
            }
            Operation::Close => {
                // SAFETY: a field of the socket's table, which lives as long as the socket.
                let close = unsafe { (*dispatch).Basic.WskCloseSocket }.ok_or(Error::NOT_SUPPORTED)?;
                // SAFETY: nobody calls a function of the socket now or later, by this function's contract.
                unsafe { close(socket, irp) };
            }
        }
        Ok(())
    }
}
