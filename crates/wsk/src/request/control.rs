//! `WskControlSocket` with an IRP: the requests of typed options and IOCTLs, and [those](untyped) known at run time only.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

pub(crate) mod untyped;

use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::ptr::{self, NonNull};

use wsk_sys::{
    IRP, NTSTATUS, ULONG, WSK_CONTROL_SOCKET_TYPE, WSK_PROVIDER_BASIC_DISPATCH, WSK_SOCKET, WskGetOption,
    WskIoctl, WskSetOption,
};

use super::room::Room;
use super::{Completion, RequestIn};
use crate::addr::Family;
use crate::error::{Error, Result};
use crate::ioctl::SocketIoctl;
use crate::op::request::{Abandonable, FromCompletion, IoStatus, Irp, Request, Submit};
use crate::option::{GetOption, SetOption, SocketOption, sealed::Value as _};
use crate::row::{Kind, ValueKind};
use crate::socket::Core;
use crate::state::Permits;

/// The largest value of an option or IOCTL in bytes: `GROUP_SOURCE_REQ`.
pub const CONTROL_MAX: usize = 264;

/// What `WskControlSocket` takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    pub(crate) kind: WSK_CONTROL_SOCKET_TYPE,
    /// The option's name or the IOCTL's code.
    pub(crate) code: ULONG,
    /// The option's level; zero for an IOCTL.
    pub(crate) level: ULONG,
    /// How many bytes at `input`; zero is a null pointer.
    pub(crate) input_size: usize,
    pub(crate) input: *const c_void,
    /// How much room at `output`; zero is a null pointer.
    pub(crate) output_size: usize,
    pub(crate) output: *mut c_void,
}

impl Parameters {
    /// A request with neither input nor output.
    pub(crate) const fn new(kind: WSK_CONTROL_SOCKET_TYPE, target: Kind) -> Parameters {
        let (code, level) = match target {
            Kind::Option { level, name } => (name, level),
            Kind::Ioctl { code } | Kind::Client { code } => (code, 0),
        };
        Parameters {
            kind,
            code,
            level,
            input_size: 0,
            input: ptr::null(),
            output_size: 0,
            output: ptr::null_mut(),
        }
    }

    pub(crate) const fn input(mut self, input: *const c_void, size: usize) -> Parameters {
        (self.input, self.input_size) = (input, size);
        self
    }

    pub(crate) const fn output(mut self, output: *mut c_void, size: usize) -> Parameters {
        (self.output, self.output_size) = (output, size);
        self
    }

    /// Calls `WskControlSocket`, and gives its status. With an IRP the size of the output comes in
    /// `IoStatus.Information`; without, in `size`.
    ///
    /// # Errors
    /// It was not called: [`NOT_SUPPORTED`](Error::NOT_SUPPORTED), the provider lacks the function.
    ///
    /// # Safety
    /// The socket lives until the call returns. The buffers are what WSK's page of the request says, and valid during the
    /// call, with an IRP until it completes; what they point to is valid as long as that page says. IRQL, and IRP or
    /// none, are as it says. `size` is null or valid.
    #[expect(clippy::inline_always, reason = "most of it is constant where it is called")]
    #[inline(always)]
    pub(crate) unsafe fn call(
        &self,
        socket: NonNull<WSK_SOCKET>,
        size: *mut usize,
        irp: *mut IRP,
    ) -> Result<NTSTATUS> {
        let socket = socket.as_ptr();
        // SAFETY: the socket lives; WSK set its dispatch table when it made it. Every category's begins with this one.
        let dispatch = unsafe { (*socket).Dispatch }.cast::<WSK_PROVIDER_BASIC_DISPATCH>();
        // SAFETY: a field of the socket's table, which lives as long as the socket.
        let control = unsafe { (*dispatch).WskControlSocket }.ok_or(Error::NOT_SUPPORTED)?;
        let &Parameters { kind, code, level, input_size, input, output_size, output } = self;
        let input = if input_size == 0 { ptr::null_mut() } else { input.cast_mut() };
        let output = if output_size == 0 { ptr::null_mut() } else { output };
        // SAFETY: this function's contract.
        Ok(unsafe { control(socket, kind, code, level, input_size, input, output_size, output, size, irp) })
    }

    /// Calls `WskControlSocket` with an IRP, which it completes whatever it returns.
    ///
    /// # Errors
    /// It was not called: [`FILE_CLOSED`](Error::FILE_CLOSED); [`NOT_SUPPORTED`](Error::NOT_SUPPORTED).
    ///
    /// # Safety
    /// As [`Parameters::call`]; the IRP has a completion routine.
    #[expect(clippy::inline_always, reason = "most of it is constant where it is called")]
    #[inline(always)]
    pub(super) unsafe fn submit(&self, socket: &Core, irp: Irp) -> Result {
        let socket = socket.open()?;
        // SAFETY: passed on; the size comes in IoStatus.Information.
        unsafe { self.call(socket, ptr::null_mut(), irp.as_ptr()) }.map(drop)
    }
}

/// A value of an option or IOCTL.
pub(crate) type Value = Room<CONTROL_MAX>;

/// Takes a value of at most `most` bytes, which `write` writes, and tells the length of. It stays where it is.
#[inline]
fn encode(value: &mut Value, most: usize, write: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result {
    let length = write(value.zeros(most))?;
    value.truncate(length);
    Ok(())
}

/// The parameters of a request with this value, where it is, as its input.
fn with_input(kind: WSK_CONTROL_SOCKET_TYPE, target: Kind, value: &mut Value) -> Parameters {
    Parameters::new(kind, target).input(value.as_mut_ptr().cast(), value.len())
}

/// What a control request known at run time has put out: its bytes.
#[derive(Clone, Copy)]
pub struct Output(Value);

impl Output {
    fn none() -> Output {
        Output(Value::empty())
    }
}

impl Output {
    /// The value of the option `O`, if a request of its row has put out these bytes: [`Control::get`](crate::Control::get) of
    /// [`O::ROW`](SocketOption::ROW).
    ///
    /// So a queue for any request gives typed values of a [`Socket`](crate::Socket) as well.
    ///
    /// # Errors
    /// [`INFO_LENGTH_MISMATCH`](Error::INFO_LENGTH_MISMATCH), [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): the bytes are no
    /// such value.
    pub fn value<O: GetOption>(&self) -> Result<O::Value> {
        O::Value::decode(self)
    }
}

impl Deref for Output {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Output {
    fn eq(&self, other: &Output) -> bool {
        **self == **other
    }
}

impl Eq for Output {}

/// The length of a value that WSK has written.
///
/// # Errors
/// That of the status; [`INFO_LENGTH_MISMATCH`](Error::INFO_LENGTH_MISMATCH): it is longer than the room for it.
fn written(status: IoStatus, room: usize) -> Result<usize> {
    status.check()?;
    if status.information <= room { Ok(status.information) } else { Err(Error::INFO_LENGTH_MISMATCH) }
}

/// `WskControlSocket` with `WskSetOption`: sets the option `O`.
pub struct Set<O: SocketOption> {
    value: O::Value,
}

impl<O: SetOption> Set<O> {
    /// A request to set the option to a value.
    #[must_use]
    pub const fn new(value: O::Value) -> Set<O> {
        Set { value }
    }
}

impl<O: SetOption> Request for Set<O> {
    type Output = ();
}

// SAFETY: a call that is made takes the IRP; the value is in the state, and no option of this trait points anywhere.
unsafe impl<O: SetOption, B> Submit<B> for Set<O> {
    type Target = Core;
    type State = Value;

    fn prepare(self, _: &Core, _: &mut B, state: &mut MaybeUninit<Value>) -> Result {
        encode(Value::begin(state), const { size_of_value(O::ROW.value) }, |to| self.value.encode(to))
    }

    unsafe fn call(socket: &Core, mut input: NonNull<Value>, irp: Irp) -> Result {
        // SAFETY: the state is this call's.
        let parameters = with_input(WskSetOption, O::ROW.kind, unsafe { input.as_mut() });
        // SAFETY: the value is the option's, and lives until the IRP completes.
        unsafe { parameters.submit(socket, irp) }
    }

    fn complete(_: &mut Value, _: &mut B, status: IoStatus) -> Result {
        status.check()
    }

    unsafe fn wipe(value: &mut MaybeUninit<Value>) {
        Value::wipe(value, const { size_of_value(O::ROW.value) });
    }
}

impl<O: SetOption, B> Abandonable<B> for Set<O> {}

impl<O: SetOption, S> RequestIn<S> for Set<O> where O::SetRule: Permits<S> {}

impl<O: SocketOption> fmt::Debug for Set<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Set({})", O::ROW.name)
    }
}

/// `WskControlSocket` with `WskGetOption`: gets the option `O`.
pub struct Get<O> {
    _option: PhantomData<O>,
}

impl<O: GetOption> Get<O> {
    /// A request to get the option.
    #[must_use]
    pub const fn new() -> Get<O> {
        Get { _option: PhantomData }
    }
}

impl<O: GetOption> Default for Get<O> {
    fn default() -> Get<O> {
        Get::new()
    }
}

impl<O: GetOption> Request for Get<O> {
    type Output = O::Value;
}

// SAFETY: a call that is made takes the IRP; the value is in the state.
unsafe impl<O: GetOption, B> Submit<B> for Get<O> {
    type Target = Core;
    type State = Value;

    fn prepare(self, _: &Core, _: &mut B, state: &mut MaybeUninit<Value>) -> Result {
        Value::begin(state).zeros(const { size_of_value(O::ROW.value) });
        Ok(())
    }

    unsafe fn call(socket: &Core, mut value: NonNull<Value>, irp: Irp) -> Result {
        // SAFETY: the state is this call's.
        let value = unsafe { value.as_mut() };
        let parameters = Parameters::new(WskGetOption, O::ROW.kind);
        let parameters = parameters.output(value.as_mut_ptr().cast(), value.len());
        // SAFETY: the value has room for the option's, and lives until the IRP completes.
        unsafe { parameters.submit(socket, irp) }
    }

    fn complete(value: &mut Value, _: &mut B, status: IoStatus) -> Result<O::Value> {
        value.truncate(written(status, value.len())?);
        O::Value::decode(value.as_slice())
    }

    unsafe fn wipe(value: &mut MaybeUninit<Value>) {
        Value::wipe(value, const { size_of_value(O::ROW.value) });
    }
}

impl<O: GetOption, B> Abandonable<B> for Get<O> {}

// A get changes nothing, so it has no state rule.
impl<O: GetOption, S> RequestIn<S> for Get<O> {}

impl<O: SocketOption> fmt::Debug for Get<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Get({})", O::ROW.name)
    }
}

/// `WskControlSocket` with `WskIoctl`: executes the IOCTL `I`.
pub struct Ioctl<I: SocketIoctl> {
    input: I::Input,
}

impl<I: SocketIoctl> Ioctl<I> {
    /// A request to execute the IOCTL.
    #[must_use]
    pub const fn new(input: I::Input) -> Ioctl<I> {
        Ioctl { input }
    }
}

impl<I: SocketIoctl> Request for Ioctl<I> {
    type Output = ();
}

// SAFETY: a call that is made takes the IRP; the value is in the state, and no IOCTL of this trait points anywhere.
unsafe impl<I: SocketIoctl, B> Submit<B> for Ioctl<I> {
    type Target = Core;
    type State = Value;

    fn prepare(self, socket: &Core, _: &mut B, state: &mut MaybeUninit<Value>) -> Result {
        let write = |to: &mut [u8]| I::encode(&self.input, socket.family(), to);
        encode(Value::begin(state), const { size_of_value(I::ROW.value) }, write)
    }

    unsafe fn call(socket: &Core, mut input: NonNull<Value>, irp: Irp) -> Result {
        // SAFETY: the state is this call's.
        let parameters = with_input(WskIoctl, I::ROW.kind, unsafe { input.as_mut() });
        // SAFETY: the value is the IOCTL's, and lives until the IRP completes.
        unsafe { parameters.submit(socket, irp) }
    }

    fn complete(_: &mut Value, _: &mut B, status: IoStatus) -> Result {
        status.check()
    }

    unsafe fn wipe(value: &mut MaybeUninit<Value>) {
        Value::wipe(value, const { size_of_value(I::ROW.value) });
    }
}

impl<I: SocketIoctl, B> Abandonable<B> for Ioctl<I> {}

impl<I: SocketIoctl, S> RequestIn<S> for Ioctl<I> where I::Rule: Permits<S> {}

impl<I: SocketIoctl> fmt::Debug for Ioctl<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ioctl({})", I::ROW.name)
    }
}

impl<O: SetOption> FromCompletion<Set<O>> for Completion<'_> {
    fn from_completion(result: Result) -> Self {
        Completion::Control(result.map(|()| Output::none()))
    }
}

impl<I: SocketIoctl> FromCompletion<Ioctl<I>> for Completion<'_> {
    fn from_completion(result: Result) -> Self {
        Completion::Control(result.map(|()| Output::none()))
    }
}

/// The room for the value that a get yields.
const fn size_of_value(value: ValueKind) -> usize {
    let most = value.bounds(Family::V6.address_size()).1;
    if most < CONTROL_MAX { most } else { CONTROL_MAX }
}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;
    use std::format;

    use super::{Get, Ioctl, Set};
    use crate::ioctl::SetSendToAddress;
    use crate::option::socket::Broadcast;

    #[test]
    fn a_request_is_shown_by_its_name() {
        assert_eq!(format!("{:?}", Set::<Broadcast>::new(true)), "Set(SO_BROADCAST)");
        assert_eq!(format!("{:?}", Get::<Broadcast>::new()), "Get(SO_BROADCAST)");
        assert_eq!(
            format!("{:?}", Ioctl::<SetSendToAddress>::new(None)),
            "Ioctl(SIO_WSK_SET_SENDTO_ADDRESS)"
        );
    }
}
