//! Control requests that are known at run time only: numbers and bytes.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use wsk_sys::{
    IOC_WSK, SOL_SOCKET, ULONG, WSK_CONTROL_SOCKET_TYPE, WSK_SO_BASE, WskGetOption, WskIoctl, WskSetOption,
};

use super::{CONTROL_MAX, Output, Value, encode, size_of_value, with_input, written};
use crate::error::{Error, Result};
use crate::op::request::{Abandonable, FromCompletion, IoStatus, Irp, Request, Submit};
use crate::request::Completion;
use crate::row::{Kind, MaxIrql, Row, ValueKind};
use crate::socket::Core;

/// A control request that is known at run time only: numbers and bytes, checked when it is made.
///
/// Its value must fit [`CONTROL_MAX`] bytes.
pub struct Control<'a> {
    kind: WSK_CONTROL_SOCKET_TYPE,
    target: Kind,
    /// What the value must be, if there is a row for it.
    value: Option<ValueKind>,
    input: &'a [u8],
    output: usize,
    /// What a boolean that is got has at least: what WSK leaves out of it is zero.
    least: usize,
}

impl<'a> Control<'a> {
    /// A request to set the option of a row, or to execute its IOCTL.
    ///
    /// # Errors
    /// [`INVALID_DEVICE_REQUEST`](Error::INVALID_DEVICE_REQUEST): it cannot be set.
    /// [`ACCESS_DENIED`](Error::ACCESS_DENIED): it is not one to be made of bytes ([`Row::is_plain`]), or one for
    /// `PASSIVE_LEVEL`. The length of the value is checked with the socket's family:
    /// [`INFO_LENGTH_MISMATCH`](Error::INFO_LENGTH_MISMATCH) is the result then.
    pub fn set(row: &Row, value: &'a [u8]) -> Result<Control<'a>> {
        if !row.set {
            return Err(Error::INVALID_DEVICE_REQUEST);
        }
        if !is_for_bytes(row) {
            return Err(Error::ACCESS_DENIED);
        }
        let kind = match row.kind {
            Kind::Option { .. } => WskSetOption,
            Kind::Ioctl { .. } | Kind::Client { .. } => WskIoctl,
        };
        Ok(Control { kind, target: row.kind, value: Some(row.value), input: value, output: 0, least: 0 })
    }

    /// A request to get the option of a row.
    ///
    /// A boolean that WSK writes with one byte, as Windows does with some, is completed with zeros.
    ///
    /// # Errors
    /// [`INVALID_DEVICE_REQUEST`](Error::INVALID_DEVICE_REQUEST): it cannot be got.
    /// [`ACCESS_DENIED`](Error::ACCESS_DENIED): the value is not one to be handed on as bytes ([`Row::is_plain`]).
    pub fn get(row: &Row) -> Result<Control<'static>> {
        if !row.get {
            return Err(Error::INVALID_DEVICE_REQUEST);
        }
        if !is_for_bytes(row) {
            return Err(Error::ACCESS_DENIED);
        }
        let output = size_of_value(row.value);
        let least = if row.value == ValueKind::Bool { output } else { 0 };
        Ok(Control { kind: WskGetOption, target: row.kind, value: None, input: &[], output, least })
    }

    /// A request that has no row, or one that is asked as if it had none: whatever the transport makes of it.
    ///
    /// Refused is what could make WSK follow a pointer from the bytes, or put one among them, and what WSK's pages want
    /// without an IRP. A row says what its value is. A value without a row must be smaller than a pointer, on either way:
    /// `SIO_SET_QOS` is one of those whose structures have pointers, and nobody knows all of them.
    ///
    /// # Errors
    /// [`ACCESS_DENIED`](Error::ACCESS_DENIED): one of those. [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): not a
    /// request type. [`INVALID_BUFFER_SIZE`](Error::INVALID_BUFFER_SIZE): more than [`CONTROL_MAX`] bytes, or
    /// input to a get, or output of a set.
    pub fn raw(
        kind: WSK_CONTROL_SOCKET_TYPE,
        code: ULONG,
        level: ULONG,
        input: &'a [u8],
        output: usize,
    ) -> Result<Control<'a>> {
        // Which target the request has, and whether its buffers go the right way.
        let (target, fits) = if kind == WskIoctl {
            (Kind::Ioctl { code }, true)
        } else if kind == WskSetOption {
            (Kind::Option { level, name: code }, output == 0)
        } else if kind == WskGetOption {
            (Kind::Option { level, name: code }, input.is_empty())
        } else {
            return Err(Error::INVALID_PARAMETER);
        };
        if is_denied(target, input.len().max(output)) {
            return Err(Error::ACCESS_DENIED);
        }
        if !fits || input.len() > CONTROL_MAX || output > CONTROL_MAX {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        Ok(Control { kind, target, value: None, input, output, least: 0 })
    }
}

impl Control<'_> {
    /// The largest output in bytes.
    #[must_use]
    pub const fn output(&self) -> usize {
        self.output
    }
}

/// Whether a request can be made of bytes, at any IRQL that WSK allows.
fn is_for_bytes(row: &Row) -> bool {
    row.is_plain() && row.max_irql == MaxIrql::Dispatch
}

/// Whether a request, with values of at most `size` bytes, must not be made of bytes that somebody else chose.
///
/// What has no row is taken to have pointers, if its values are large enough for one. WSK's own options and IOCTLs may
/// also want no IRP, so of them an unknown one is refused whatever its size.
fn is_denied(target: Kind, size: usize) -> bool {
    const VENDOR: ULONG = 0x0F00_0000;
    if let Some(row) = Row::find(target) {
        return !is_for_bytes(row);
    }
    if size >= size_of::<*const ()>() {
        return true;
    }
    match target {
        Kind::Option { level, name } => {
            level == SOL_SOCKET && (WSK_SO_BASE..WSK_SO_BASE + 0x1000).contains(&name)
        }
        Kind::Ioctl { code } => code & VENDOR == IOC_WSK,
        Kind::Client { .. } => true,
    }
}

/// What must live until a request that is known at run time has completed.
#[derive(Clone, Copy)]
pub struct Controlling {
    kind: WSK_CONTROL_SOCKET_TYPE,
    target: Kind,
    input: Value,
    /// As long as there is room for.
    output: Value,
    least: usize,
}

impl Request for Control<'_> {
    /// The output; empty if it has none.
    type Output = Output;
}

// SAFETY: a call that is made takes the IRP; both values are in the state, and hold no pointers (`is_denied`).
unsafe impl<B> Submit<B> for Control<'_> {
    type Target = Core;
    type State = Controlling;

    fn prepare(self, socket: &Core, _: &mut B, state: &mut MaybeUninit<Controlling>) -> Result {
        let size = self.input.len();
        if self.value.is_some_and(|value| !value.accepts(size, socket.family().address_size())) {
            return Err(Error::INFO_LENGTH_MISMATCH);
        }
        let Control { kind, target, least, .. } = self;
        let (input, output) = (Value::empty(), Value::empty());
        let state = state.write(Controlling { kind, target, input, output, least });
        state.output.zeros(self.output);
        encode(&mut state.input, size, |to| {
            to.get_mut(..size).ok_or(Error::INVALID_BUFFER_SIZE)?.copy_from_slice(self.input);
            Ok(size)
        })
    }

    unsafe fn call(socket: &Core, mut state: NonNull<Controlling>, irp: Irp) -> Result {
        // SAFETY: the state is this call's.
        let state = unsafe { state.as_mut() };
        let parameters = with_input(state.kind, state.target, &mut state.input);
        let parameters = parameters.output(state.output.as_mut_ptr().cast(), state.output.len());
        // SAFETY: the values are as large as said (`Control`), and live until the IRP completes.
        unsafe { parameters.submit(socket, irp) }
    }

    fn complete(state: &mut Controlling, _: &mut B, status: IoStatus) -> Result<Output> {
        // Without output, what `Information` says of its length says nothing.
        let room = state.output.len();
        let length = if room == 0 { status.transferred(0) } else { written(status, room) }?;
        state.output.truncate(length.max(state.least));
        Ok(Output(state.output))
    }
}

impl<B> Abandonable<B> for Control<'_> {}

impl fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("target", &self.target).finish_non_exhaustive()
    }
}

impl FromCompletion<Control<'_>> for Completion<'_> {
    fn from_completion(result: Result<Output>) -> Self {
        Completion::Control(result)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use wsk_sys::{
        IPPROTO_IP, SIO_ADDRESS_LIST_QUERY, SIO_WSK_REGISTER_EXTENSION, SIO_WSK_SET_REMOTE_ADDRESS,
        SO_BROADCAST, SO_WSK_EVENT_CALLBACK, SO_WSK_SECURITY, SOL_SOCKET, WSK_SO_BASE, WskControlMax,
        WskGetOption, WskIoctl, WskSetOption,
    };

    use wsk_requests::rows::{ip, pointer, socket};

    use super::Control;
    use crate::Error;

    #[test]
    fn pointers_are_not_made_of_bytes() {
        for name in [SO_WSK_SECURITY, SO_WSK_EVENT_CALLBACK, 0x4003] {
            for kind in [WskSetOption, WskGetOption] {
                let refused = Control::raw(kind, name, SOL_SOCKET, &[], 0).unwrap_err();
                assert_eq!(refused, Error::ACCESS_DENIED, "option {name:#x}");
            }
        }
        for code in [SIO_WSK_REGISTER_EXTENSION, SIO_ADDRESS_LIST_QUERY, 0x8F00_0008] {
            assert_eq!(
                Control::raw(WskIoctl, code, 0, &[], 0).unwrap_err(),
                Error::ACCESS_DENIED,
                "{code:#x}"
            );
        }
        // Winsock's, whose structures have pointers or handles: QOS, and a SOCKET.
        let (set_qos, get_qos, update_accept_context) = (0x8800_000B, 0x4800_0007, 0x700B);
        for (kind, code, level, input, output) in [
            (WskIoctl, set_qos, 0, 104, 0),
            (WskIoctl, get_qos, 0, 0, 104),
            (WskSetOption, update_accept_context, SOL_SOCKET, 8, 0),
            (WskGetOption, 0x7777, IPPROTO_IP, 0, 8),
        ] {
            let refused = Control::raw(kind, code, level, &[0; 104][..input], output).unwrap_err();
            assert_eq!(refused, Error::ACCESS_DENIED, "{code:#x}");
        }
        // Values without a row that are too small for a pointer.
        assert!(Control::raw(WskIoctl, 0x9800_000C, 0, &[0; 4], 0).is_ok());
        assert!(Control::raw(WskGetOption, 0x7777, IPPROTO_IP, &[], 7).is_ok());
        // Beyond the numbers of WSK's own.
        assert!(Control::raw(WskSetOption, WSK_SO_BASE + 0x1000, SOL_SOCKET, &[0; 4], 0).is_ok());
        // The same numbers are something else at another level.
        assert!(Control::raw(WskSetOption, SO_WSK_SECURITY, IPPROTO_IP, &[0; 4], 0).is_ok());
        assert!(Control::raw(WskIoctl, SIO_WSK_SET_REMOTE_ADDRESS, 0, &[], 0).is_ok());
    }

    #[test]
    fn raw_requests_fit_their_direction_and_the_buffers() {
        let refusal =
            |kind, input: &[u8], output| Control::raw(kind, SO_BROADCAST, SOL_SOCKET, input, output).err();
        assert_eq!(refusal(WskSetOption, &[0; 4], 0), None);
        assert_eq!(refusal(WskSetOption, &[0; 4], 1), Some(Error::INVALID_BUFFER_SIZE));
        assert_eq!(refusal(WskGetOption, &[0; 1], 4), Some(Error::INVALID_BUFFER_SIZE));
        assert_eq!(refusal(WskSetOption, &[0; super::CONTROL_MAX], 0), None);
        assert_eq!(refusal(WskGetOption, &[], super::CONTROL_MAX), None);
        assert_eq!(refusal(WskSetOption, &[0; super::CONTROL_MAX + 1], 0), Some(Error::INVALID_BUFFER_SIZE));
        assert_eq!(refusal(WskGetOption, &[], super::CONTROL_MAX + 1), Some(Error::INVALID_BUFFER_SIZE));
        assert_eq!(refusal(WskControlMax, &[], 0), Some(Error::INVALID_PARAMETER));
        assert_eq!(refusal(-1, &[], 0), Some(Error::INVALID_PARAMETER));
    }

    #[test]
    fn a_row_says_what_can_be_asked_of_it() {
        let error = |control: crate::Result<Control<'_>>| control.map(drop).unwrap_err();
        assert_eq!(error(Control::set(&ip::IP_MTU, &[0; 4])), Error::INVALID_DEVICE_REQUEST, "get only");
        assert_eq!(error(Control::get(&ip::IP_ADD_MEMBERSHIP)), Error::INVALID_DEVICE_REQUEST, "set only");
        assert_eq!(error(Control::set(&pointer::SO_WSK_SECURITY, &[0; 8])), Error::ACCESS_DENIED);
        assert_eq!(error(Control::get(&pointer::SO_WSK_SECURITY)), Error::ACCESS_DENIED);
        let room =
            |control: crate::Result<Control<'_>>| control.map(|one| (one.output(), one.least)).unwrap();
        let shown = format!("{:?}", Control::get(&ip::IP_TTL).unwrap());
        assert!(shown.starts_with("Control { target: Option {"), "{shown}");
        assert_eq!(room(Control::set(&ip::IP_TTL, &[0; 4])), (0, 0));
        assert_eq!(room(Control::get(&ip::IP_TTL)), (4, 0));
        assert_eq!(room(Control::get(&socket::SO_REUSEADDR)), (4, 4), "a boolean is completed");
    }
}
