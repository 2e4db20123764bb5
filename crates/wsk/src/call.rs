//! The calls of WSK's functions that take an IRP: one place, one function each.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::ptr::{self, NonNull};

use wsk_sys::{
    IPPROTO_UDP, IRP, SOCK_DGRAM, SOCKADDR, ULONG, WSK_CONTROL_SOCKET_TYPE, WSK_FLAG_DATAGRAM_SOCKET,
    WSK_PROVIDER_DATAGRAM_DISPATCH, WSK_PROVIDER_NPI, WSK_SOCKET,
};

use crate::addr::Family;
use crate::error::{Error, Result};
use crate::op::arguments::Arguments;

/// What an operation asks for.
#[derive(Debug)]
pub(crate) enum Call {
    /// `WskSocket`, for a datagram socket.
    Create { provider: WSK_PROVIDER_NPI, family: Family },
    /// A function of a datagram socket.
    Socket { socket: NonNull<WSK_SOCKET>, operation: Operation },
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
    },
    /// `WskReceiveFrom`
    ReceiveFrom,
    /// `WskCloseSocket`
    Close,
}

impl Call {
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
            Call::Create { provider, family } => {
                // SAFETY: the provider is captured, so its dispatch table is valid. Only this field is read: the table is
                // shorter in older versions of Windows.
                let create = unsafe { (*provider.Dispatch).WskSocket }.ok_or(Error::NOT_SUPPORTED)?;
                let (kind, flag) = (SOCK_DGRAM, WSK_FLAG_DATAGRAM_SOCKET);
                let none = ptr::null_mut();
                // SAFETY: the client is the captured provider's; there are no callbacks, so context and table are
                // null; a null owner means the current process, a null descriptor no sharing.
                unsafe {
                    create(
                        provider.Client,
                        family.number(),
                        kind,
                        IPPROTO_UDP,
                        flag,
                        none,
                        none,
                        none.cast(),
                        none.cast(),
                        none,
                        irp,
                    )
                };
                Ok(())
            }
            // SAFETY: passed on.
            Call::Socket { socket, operation } => unsafe { operation.issue(socket, arguments, irp) },
        }
    }
}

impl Operation {
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
            Operation::SendTo { fixed } => {
                // SAFETY: a field of the socket's table, which lives as long as the socket.
                let send_to = unsafe { (*dispatch).WskSendTo }.ok_or(Error::NOT_SUPPORTED)?;
                let to = if fixed { ptr::null_mut() } else { address };
                // SAFETY: the buffer is the payload's (`Payload`), the address of the socket's family; both live
                // until the IRP completes. There is no control information.
                unsafe { send_to(socket, buffer, 0, to, 0, ptr::null_mut(), irp) };
            }
            Operation::ReceiveFrom => {
                // SAFETY: a field of the socket's table, which lives as long as the socket.
                let receive_from = unsafe { (*dispatch).WskReceiveFrom }.ok_or(Error::NOT_SUPPORTED)?;
                // SAFETY: as for the address.
                let length = unsafe { &raw mut (*arguments).control_length };
                // SAFETY: as for the address.
                let flags = unsafe { &raw mut (*arguments).control_flags };
                // SAFETY: as for sending; the length is zero, so there is no control information to store. It is
                // given all the same, because without it WSK ignores the flags.
                unsafe { receive_from(socket, buffer, 0, address, length, ptr::null_mut(), flags, irp) };
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
