//! Security descriptors: cached by WSK, given to sockets, got from sockets, released once.
//!
//! A socket's descriptor decides who may share its local address. WSK takes only descriptors that it has cached itself
//! (`WSK_CACHE_SD`), and each that it has cached, or given out (`SO_WSK_SECURITY`), is to be released with
//! `WSK_RELEASE_SD`: not before the request that it was given to has completed, and not by the close of a socket. Here a
//! [`SecurityDescriptor`] is released when its last handle is dropped, and a request in flight has a handle of its own.
//!
//! That is also why requests with descriptors cannot be abandoned: they are waited for, or go to a queue. An abandoned
//! operation would release its descriptor within a completion routine, where WSK must not be called.
#![expect(unsafe_code, reason = "a cached descriptor is WSK's memory behind a pointer")]

use core::ptr::{self, NonNull};
use core::time::Duration;

use wsk_descriptor::Descriptor;
use wsk_sys::{
    PEPROCESS, PETHREAD, PSECURITY_DESCRIPTOR, SO_WSK_SECURITY, SOL_SOCKET, WSK_CACHE_SD, WSK_RELEASE_SD,
    WskGetOption, WskSetOption,
};

use crate::buffer::Buffer;
use crate::call::{Call, Operation};
use crate::client::Request;
use crate::error::{Error, Result, check};
use crate::irql::{Passive, Wait};
use crate::op::arguments::Arguments;
use crate::op::{CompletionQueue, Op, Pending, submit};
use crate::pool::Shared;
use crate::provider::{Captured, Provider};
use crate::registration::Within;
use crate::socket::{Datagram, Socket, Unbound};

const SIZE: usize = size_of::<PSECURITY_DESCRIPTOR>();

/// A cached descriptor, and the provider that it is to be released to.
///
/// # Invariants
/// `raw` is null, or a descriptor that WSK has cached for the client and that nobody has released.
#[derive(Debug)]
pub(crate) struct Cached {
    raw: PSECURITY_DESCRIPTOR,
    captured: Captured,
}

// SAFETY: a cached descriptor is constant memory, and any thread may release it.
unsafe impl Send for Cached {}
// SAFETY: as above.
unsafe impl Sync for Cached {}

impl Cached {
    /// A place for a descriptor that WSK will give out.
    fn empty(captured: Captured) -> Result<Shared<Cached>> {
        // INVARIANT: null.
        Shared::new(Cached { raw: ptr::null_mut(), captured })
    }
}

impl Drop for Cached {
    fn drop(&mut self) {
        if self.raw.is_null() {
            return;
        }
        let request = Request {
            code: WSK_RELEASE_SD,
            input_size: SIZE,
            input: (&raw const self.raw).cast(),
            output_size: 0,
            output: ptr::null_mut(),
        };
        // SAFETY: the input is a variable with a cached descriptor, which by the type's invariant is not released yet,
        // and is not used again. A failure leaves nothing to be done.
        let _ = unsafe { self.captured.control(&request, false) };
    }
}

/// A security descriptor that WSK has cached. Clones are the same one; it is released when the last is dropped.
///
/// # IRQL
/// Its drop: <= `DISPATCH_LEVEL`
#[derive(Clone, Debug)]
pub struct SecurityDescriptor<'r> {
    cached: Shared<Cached>,
    _within: Within<'r>,
}

impl SecurityDescriptor<'_> {
    /// Copies owner, group and DACL to the beginning of `to`, in the self-relative form, and tells their size; which, if
    /// it is more than there is room for, is the size that is needed.
    ///
    /// # Errors
    /// [`INVALID_SECURITY_DESCR`](Error::INVALID_SECURITY_DESCR): a revision that this crate does not know.
    pub fn copy_to(&self, to: &mut [u8]) -> Result<usize> {
        let raw = NonNull::new(self.cached.raw).ok_or(Error::INVALID_SECURITY_DESCR)?;
        // SAFETY: WSK's page of WSK_CACHE_SD: this is a SECURITY_DESCRIPTOR. By the type's invariant it is not released.
        unsafe { wsk_descriptor::copy(raw.cast(), to) }.map_err(|_| Error::INVALID_SECURITY_DESCR)
    }

    fn raw(&self) -> PSECURITY_DESCRIPTOR {
        self.cached.raw
    }
}

impl<'r> Provider<'r> {
    /// Has WSK cache a security descriptor (`WSK_CACHE_SD`), made of the bytes of a self-relative one. The bytes may be
    /// anybody's: they are copied first, and then checked.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`. WSK's page allows `DISPATCH_LEVEL`; the kernel's own functions for descriptors do not.
    ///
    /// # Errors
    /// [`INVALID_SECURITY_DESCR`](Error::INVALID_SECURITY_DESCR): the bytes are none, or have a SACL, or an entry that
    /// neither allows nor denies. What WSK gave; [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES).
    #[doc(alias = "WSK_CACHE_SD")]
    pub fn cache_security(&self, bytes: &[u8], _: &Passive) -> Result<SecurityDescriptor<'r>> {
        let mut copy = Buffer::new(bytes.len().max(1))?;
        copy.fill(bytes)?;
        Descriptor::parse(&copy[..bytes.len()]).map_err(|_| Error::INVALID_SECURITY_DESCR)?;
        let mut cached = Cached::empty(self.captured().again()?)?;
        let uncached: PSECURITY_DESCRIPTOR = copy.as_mut_ptr().cast();
        let mut raw: PSECURITY_DESCRIPTOR = ptr::null_mut();
        let request = Request {
            code: WSK_CACHE_SD,
            input_size: SIZE,
            input: (&raw const uncached).cast(),
            output_size: SIZE,
            output: (&raw mut raw).cast(),
        };
        // SAFETY: both are variables of the type that the page says; the first points to a descriptor in aligned,
        // non-paged memory, checked above and nobody else's. The request is over when the call returns.
        check(unsafe { self.captured().control(&request, false) }?.0)?;
        if let Some(cached) = cached.get_mut() {
            // INVARIANT: cached just now.
            cached.raw = raw;
        }
        Ok(SecurityDescriptor { cached, _within: Within::new() })
    }
}

/// The descriptor of a request in flight.
#[derive(Debug)]
pub(crate) enum Flying {
    /// It is being set.
    Set(#[expect(dead_code, reason = "kept, not read")] Shared<Cached>),
    /// It will be put here.
    Get(Shared<Cached>),
}

impl Flying {
    /// Ends the request, and gives the descriptor that it got.
    ///
    /// # Safety
    /// The request was one of [`get`]'s, if this is `Get`; it has landed, with this result.
    pub(crate) unsafe fn land(
        self,
        result: Result<usize>,
        arguments: &mut Arguments,
    ) -> Option<Shared<Cached>> {
        let Flying::Get(mut cached) = self else { return None };
        let place = (&raw mut arguments.output).cast::<PSECURITY_DESCRIPTOR>();
        // SAFETY: the output has room for a pointer, is aligned for it, and is initialised; nothing of it is to stay.
        let raw = unsafe { place.replace(ptr::null_mut()) };
        if result != Ok(SIZE) {
            return None;
        }
        if let Some(cached) = cached.get_mut() {
            // INVARIANT: cached by WSK for this client, says the page, and to be released.
            cached.raw = raw;
        }
        Some(cached).filter(|_| !raw.is_null())
    }
}

fn operation(kind: wsk_sys::WSK_CONTROL_SOCKET_TYPE, input: usize, output: usize) -> Operation {
    Operation::Control { kind, code: SO_WSK_SECURITY, level: SOL_SOCKET, input, output }
}

/// Prepares a request that sets a descriptor.
fn set(arguments: &mut Arguments, security: &SecurityDescriptor<'_>) -> Operation {
    let place = (&raw mut arguments.input).cast::<PSECURITY_DESCRIPTOR>();
    // SAFETY: the input has room for a pointer, and is aligned for it.
    unsafe { place.write(security.raw()) };
    arguments.security = Some(Flying::Set(security.cached.clone()));
    operation(WskSetOption, SIZE, 0)
}

/// Prepares a request that gets the descriptor.
fn get(arguments: &mut Arguments, place: Shared<Cached>) -> Operation {
    let output = (&raw mut arguments.output).cast::<PSECURITY_DESCRIPTOR>();
    // SAFETY: the output has room for a pointer, and is aligned for it.
    unsafe { output.write(ptr::null_mut()) };
    arguments.security = Some(Flying::Get(place));
    operation(WskGetOption, 0, SIZE)
}

impl<'r> Socket<'r> {
    /// A descriptor that a socket's request got, as the client's own.
    pub(crate) fn adopt_security(cached: Shared<Cached>) -> SecurityDescriptor<'r> {
        SecurityDescriptor { cached, _within: Within::new() }
    }

    fn prepare_security<B>(
        &self,
        op: &Op<B>,
        prepare: impl FnOnce(&mut Arguments) -> Result<Operation>,
    ) -> Call {
        // SAFETY: the operation is not in flight, so its arguments are the owner's, which the caller is.
        let arguments = unsafe { &mut *op.header().arguments.get() };
        match NonNull::new(self.raw()).ok_or(Error::FILE_CLOSED).map(|socket| (socket, prepare(arguments))) {
            Ok((socket, Ok(operation))) => Call::Socket { socket, operation },
            Ok((_, Err(error))) | Err(error) => Call::Refused(error),
        }
    }

    /// Prepares a request that sets a descriptor, which must be the same client's.
    fn set(&self, arguments: &mut Arguments, security: &SecurityDescriptor<'_>) -> Result<Operation> {
        if !security.cached.captured.is_at(self.registration()) {
            return Err(Error::INVALID_PARAMETER);
        }
        Ok(set(arguments, security))
    }

    /// Sets the security descriptor, before the bind (`SO_WSK_SECURITY`); the result goes to `queue`.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn submit_set_security<B: Send + 'static>(
        &self,
        queue: &CompletionQueue<'r, B>,
        op: Op<B>,
        security: &SecurityDescriptor<'r>,
        timeout: Option<Duration>,
    ) {
        let call = self.prepare_security(&op, |arguments| self.set(arguments, security));
        let block = op.into_raw();
        // SAFETY: the operation was the caller's, and not in flight; the call was prepared with its arguments. The
        // socket lives while `self` is borrowed, and the descriptor until the operation has landed.
        unsafe { submit::submit(block.cast(), &call, timeout, Some(queue.expect())) };
    }

    /// Gets the security descriptor (`SO_WSK_SECURITY`); the result goes to `queue`, and the descriptor is taken from it
    /// with [`Completion::take_security`](crate::Completion::take_security).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// The operation comes back: [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
    /// [`DEVICE_NOT_READY`](Error::DEVICE_NOT_READY): the provider is gone.
    pub fn submit_get_security<B: Send + 'static>(
        &self,
        queue: &CompletionQueue<'r, B>,
        op: Op<B>,
        timeout: Option<Duration>,
    ) -> Result<(), (Error, Op<B>)> {
        let place = match self.capture().and_then(Cached::empty) {
            Ok(place) => place,
            Err(error) => return Err((error, op)),
        };
        let call = self.prepare_security(&op, |arguments| Ok(get(arguments, place)));
        let block = op.into_raw();
        // SAFETY: as in `submit_set_security`.
        unsafe { submit::submit(block.cast(), &call, timeout, Some(queue.expect())) };
        Ok(())
    }

    /// Makes a request and waits for it; gives the descriptor that it got.
    fn run_security(
        &self,
        prepare: impl FnOnce(&mut Arguments) -> Result<Operation>,
        wait: Wait<'_>,
    ) -> Result<Option<Shared<Cached>>> {
        // SAFETY: a `Wait` is permission to wait, so this thread is at PASSIVE_LEVEL.
        let passive = unsafe { Passive::assume() };
        let op = Op::new(())?;
        let call = self.prepare_security(&op, prepare);
        let block = op.into_raw();
        // SAFETY: as in `submit_set_security`.
        unsafe { submit::submit(block.cast(), &call, wait.timeout(), None) };
        // SAFETY: submitted just now, without a queue; waited for at once, and so not abandoned.
        let pending = unsafe { Pending::<(), ()>::new(block) };
        let (result, op) = pending.land(&passive);
        // SAFETY: the operation has landed, so its arguments are the owner's, which this function is.
        let arguments = unsafe { &mut *op.header().arguments.get() };
        let flying = arguments.security.take();
        // SAFETY: as above, with the operation's result.
        let got = flying.and_then(|flying| unsafe { flying.land(result, arguments) });
        result.map(|_| got)
    }

    fn security(&self, wait: Wait<'_>) -> Result<SecurityDescriptor<'r>> {
        let place = Cached::empty(self.capture()?)?;
        let got = self.run_security(|arguments| Ok(get(arguments, place)), wait)?;
        got.map(Socket::adopt_security).ok_or(Error::INVALID_SECURITY_DESCR)
    }
}

impl<'r> Unbound<'r> {
    /// Sets the security descriptor (`SO_WSK_SECURITY`), and waits. It replaces the one before.
    ///
    /// It decides who may share the address that the socket will be bound to; without one, nobody may. See the page
    /// "Sharing Transport Addresses".
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// What WSK gave; [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
    /// [`IO_TIMEOUT`](Error::IO_TIMEOUT) when the time limit passed;
    /// [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): the descriptor is another registration's.
    #[doc(alias = "SO_WSK_SECURITY")]
    pub fn set_security<'p>(&self, security: &SecurityDescriptor<'r>, wait: impl Into<Wait<'p>>) -> Result {
        let socket = self.as_socket();
        socket.run_security(|arguments| socket.set(arguments, security), wait.into()).map(drop)
    }

    /// Gets the security descriptor (`SO_WSK_SECURITY`), and waits.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Unbound::set_security`]; [`DEVICE_NOT_READY`](Error::DEVICE_NOT_READY): the provider is gone;
    /// [`INVALID_SECURITY_DESCR`](Error::INVALID_SECURITY_DESCR): WSK gave none.
    #[doc(alias = "SO_WSK_SECURITY")]
    pub fn security<'p>(&self, wait: impl Into<Wait<'p>>) -> Result<SecurityDescriptor<'r>> {
        self.as_socket().security(wait.into())
    }
}

impl<'r> Datagram<'r> {
    /// Gets the security descriptor: [`Unbound::security`].
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Unbound::security`].
    pub fn security<'p>(&self, wait: impl Into<Wait<'p>>) -> Result<SecurityDescriptor<'r>> {
        self.as_socket().security(wait.into())
    }
}

/// On whose behalf a socket is made, and who may share its address. The default: the current process, and nobody.
#[derive(Clone, Copy, Debug)]
pub struct Ownership<'s, 'r> {
    security: Option<&'s SecurityDescriptor<'r>>,
    process: PEPROCESS,
    thread: PETHREAD,
}

impl<'s, 'r> Ownership<'s, 'r> {
    /// The default.
    #[must_use]
    pub const fn new() -> Ownership<'s, 'r> {
        Ownership { security: None, process: ptr::null_mut(), thread: ptr::null_mut() }
    }

    /// With a security descriptor for the address of the socket.
    #[must_use]
    pub const fn security(mut self, security: &'s SecurityDescriptor<'r>) -> Ownership<'s, 'r> {
        self.security = Some(security);
        self
    }

    /// With another process, whose security context counts when the socket wants to share an address (`OwningProcess`).
    ///
    /// # Safety
    /// `process` is null, or a process object that stays referenced until the socket is closed. WSK's page does not say
    /// how long it is used.
    #[must_use]
    pub const unsafe fn process(mut self, process: PEPROCESS) -> Ownership<'s, 'r> {
        self.process = process;
        self
    }

    /// With a thread of that process, whose impersonation counts as well (`OwningThread`).
    ///
    /// # Safety
    /// As for [`Ownership::process`], of a thread object.
    #[must_use]
    pub const unsafe fn thread(mut self, thread: PETHREAD) -> Ownership<'s, 'r> {
        self.thread = thread;
        self
    }

    /// Whether the descriptor, if there is one, is this client's.
    pub(crate) fn is_of(&self, client: &Captured) -> bool {
        self.security.is_none_or(|security| security.cached.captured.is_at(client.registration()))
    }

    /// The parameters of `WskSocket`. The descriptor must be kept until the request has completed.
    pub(crate) fn parameters(&self) -> Parameters {
        let security = self.security.map_or(ptr::null_mut(), SecurityDescriptor::raw);
        Parameters { process: self.process, thread: self.thread, security }
    }
}

/// An [`Ownership`] as `WskSocket` takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    pub(crate) process: PEPROCESS,
    pub(crate) thread: PETHREAD,
    pub(crate) security: PSECURITY_DESCRIPTOR,
}

impl Default for Ownership<'_, '_> {
    fn default() -> Self {
        Ownership::new()
    }
}
