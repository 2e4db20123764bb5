//! `WskControlSocket` with an IRP: the requests of typed options and IOCTLs, and [those](untyped) known at run time only.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

pub(crate) mod untyped;

use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::{self, NonNull};

use wsk_sys::{
    IRP, NTSTATUS, ULONG, WSK_CONTROL_SOCKET_TYPE, WSK_PROVIDER_BASIC_DISPATCH, WSK_SOCKET, WskGetOption,
    WskIoctl, WskSetOption,
};

use super::{Completion, RequestIn};
use crate::addr::Family;
use crate::error::{Error, Result};
use crate::ioctl::SocketIoctl;
use crate::op::request::{FromCompletion, IoStatus, Irp, Request, Submit};
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
    pub(super) unsafe fn submit(&self, socket: &Core, irp: Irp) -> Result {
        let socket = socket.open()?;
        // SAFETY: passed on; the size comes in IoStatus.Information.
        unsafe { self.call(socket, ptr::null_mut(), irp.as_ptr()) }.map(drop)
    }
}

/// A value of an option or IOCTL, aligned for any type that one may have.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct Value([u8; CONTROL_MAX]);

impl Value {
    const ZERO: Value = Value([0; CONTROL_MAX]);
}

/// A value to be read by WSK.
#[derive(Clone, Copy)]
pub struct Input {
    value: Value,
    length: usize,
}

impl Input {
    /// A value that `encode` writes, and tells the length of.
    fn new(encode: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result<Input> {
        let mut value = Value::ZERO;
        encode(&mut value.0).map(|length| Input { value, length })
    }

    /// The parameters of a request with this value, where it is.
    const fn parameters(&mut self, kind: WSK_CONTROL_SOCKET_TYPE, target: Kind) -> Parameters {
        Parameters::new(kind, target).input((&raw const self.value).cast(), self.length)
    }
}

/// What a control request known at run time has put out: its bytes.
#[derive(Clone, Copy)]
pub struct Output {
    value: Value,
    length: usize,
}

impl Output {
    const NONE: Output = Output { value: Value::ZERO, length: 0 };
}

impl Deref for Output {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.value.0.get(..self.length).unwrap_or_default()
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
    type State = Input;

    fn prepare(self, _: &Core, _: &mut B) -> Result<Input> {
        Input::new(|to| self.value.encode(to))
    }

    unsafe fn call(socket: &Core, mut input: NonNull<Input>, irp: Irp) -> Result {
        // SAFETY: the state is this call's.
        let parameters = unsafe { input.as_mut() }.parameters(WskSetOption, O::ROW.kind);
        // SAFETY: the value is the option's, and lives until the IRP completes.
        unsafe { parameters.submit(socket, irp) }
    }

    fn complete(_: &mut Input, _: &mut B, status: IoStatus) -> Result {
        status.check()
    }
}

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

    fn prepare(self, _: &Core, _: &mut B) -> Result<Value> {
        Ok(Value::ZERO)
    }

    unsafe fn call(socket: &Core, value: NonNull<Value>, irp: Irp) -> Result {
        let parameters = Parameters::new(WskGetOption, O::ROW.kind);
        let parameters = parameters.output(value.as_ptr().cast(), size_of_value(O::ROW.value));
        // SAFETY: the value has room for the option's, and lives until the IRP completes.
        unsafe { parameters.submit(socket, irp) }
    }

    fn complete(value: &mut Value, _: &mut B, status: IoStatus) -> Result<O::Value> {
        let length = written(status, size_of_value(O::ROW.value))?;
        O::Value::decode(value.0.get(..length).ok_or(Error::INFO_LENGTH_MISMATCH)?)
    }
}

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
    type State = Input;

    fn prepare(self, socket: &Core, _: &mut B) -> Result<Input> {
        Input::new(|to| I::encode(&self.input, socket.family(), to))
    }

    unsafe fn call(socket: &Core, mut input: NonNull<Input>, irp: Irp) -> Result {
        // SAFETY: the state is this call's.
        let parameters = unsafe { input.as_mut() }.parameters(WskIoctl, I::ROW.kind);
        // SAFETY: the value is the IOCTL's, and lives until the IRP completes.
        unsafe { parameters.submit(socket, irp) }
    }

    fn complete(_: &mut Input, _: &mut B, status: IoStatus) -> Result {
        status.check()
    }
}

impl<I: SocketIoctl, S> RequestIn<S> for Ioctl<I> where I::Rule: Permits<S> {}

impl<I: SocketIoctl> fmt::Debug for Ioctl<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ioctl({})", I::ROW.name)
    }
}

impl<O: SetOption> FromCompletion<Set<O>> for Completion<'_> {
    fn from_completion(result: Result) -> Self {
        Completion::Control(result.map(|()| Output::NONE))
    }
}

impl<I: SocketIoctl> FromCompletion<Ioctl<I>> for Completion<'_> {
    fn from_completion(result: Result) -> Self {
        Completion::Control(result.map(|()| Output::NONE))
    }
}

/// The room for the value that a get yields.
fn size_of_value(value: ValueKind) -> usize {
    value.bounds(Family::V6.address_size()).1.min(CONTROL_MAX)
}
