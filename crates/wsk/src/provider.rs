//! The provider that a registration captures, and the sockets that it makes.
#![expect(unsafe_code, reason = "the provider's functions are C functions behind pointers")]

use core::ptr::{self, NonNull};
use core::time::Duration;

use wsk_sys::{
    ULONG, WSK_NO_WAIT, WSK_PROVIDER_NPI, WSK_REGISTRATION, WskCaptureProviderNPI, WskReleaseProviderNPI,
};

use crate::addr::Family;
use crate::call::Call;
use crate::error::{Error, Result, check};
use crate::event::ReceiveHandler;
use crate::event::listener::Nobody;
use crate::irql::{Passive, Wait};
use crate::op::{CompletionQueue, Op, Pending, submit};
use crate::pool::Shared;
use crate::registration::{Version, Within};
use crate::security::Ownership;
use crate::socket::{Core, Unbound};

/// A captured NPI, released when it is dropped.
///
/// # Invariants
/// `npi` was captured with `registration`, which is valid at least until the NPI is released: `WskDeregister`, before
/// which it is not freed, waits for that.
#[derive(Debug)]
pub(crate) struct Captured {
    npi: WSK_PROVIDER_NPI,
    registration: NonNull<WSK_REGISTRATION>,
    /// That of the registration.
    static_events: bool,
}

// SAFETY: the functions of a captured provider may be called on any thread, by several at a time.
unsafe impl Send for Captured {}
// SAFETY: as above.
unsafe impl Sync for Captured {}

impl Captured {
    /// Captures the provider of a registration.
    ///
    /// # Safety
    /// The registration is registered, and not deregistered before the result is dropped, if there is one. With a
    /// time-out other than `WSK_NO_WAIT` the thread is at `PASSIVE_LEVEL`.
    pub(crate) unsafe fn capture(
        registration: NonNull<WSK_REGISTRATION>,
        timeout: ULONG,
        static_events: bool,
    ) -> Result<Captured> {
        let mut npi = WSK_PROVIDER_NPI { Client: ptr::null_mut(), Dispatch: ptr::null() };
        // SAFETY: this function's contract; the output is this frame's.
        check(unsafe { WskCaptureProviderNPI(registration.as_ptr(), timeout, &raw mut npi) })?;
        // INVARIANT: captured just now; the registration is freed after WskDeregister only.
        Ok(Captured { npi, registration, static_events })
    }

    /// Captures the provider once more.
    pub(crate) fn again(&self) -> Result<Captured> {
        // SAFETY: by the type's invariant the registration is valid, and it is not deregistered before everything
        // that was captured is released.
        unsafe { Captured::capture(self.registration, WSK_NO_WAIT, self.static_events) }
    }

    /// Whether it was captured with the registration at this place.
    pub(crate) fn is_at(&self, registration: *const WSK_REGISTRATION) -> bool {
        ptr::eq(self.registration.as_ptr(), registration)
    }

    /// Where the registration is.
    pub(crate) const fn registration(&self) -> *const WSK_REGISTRATION {
        self.registration.as_ptr()
    }

    /// Client and functions of the provider.
    pub(crate) const fn npi(&self) -> WSK_PROVIDER_NPI {
        self.npi
    }

    /// A place for a socket to be.
    fn prepare(&self, family: Family) -> Result<Shared<Core>> {
        if self.static_events {
            // What WSK does with a socket that has no function for its static events is not documented.
            return self.prepare_with(family, Nobody);
        }
        Core::prepare(family, self.registration.as_ptr())
    }

    /// A place for a socket with a handler to be.
    fn prepare_with<H: ReceiveHandler>(&self, family: Family, handler: H) -> Result<Shared<Core>> {
        Core::prepare_with(family, self.registration.as_ptr(), handler, self.static_events)
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        // SAFETY: captured by the type's invariant, and no call through the provider is in progress: each borrows it.
        unsafe { WskReleaseProviderNPI(self.registration.as_ptr()) };
    }
}

/// The captured provider; dropping it releases it.
///
/// Sockets made with it stay open: they have functions of their own.
#[derive(Debug)]
pub struct Provider<'r> {
    captured: Captured,
    _within: Within<'r>,
}

impl<'r> Provider<'r> {
    pub(crate) const fn new(captured: Captured) -> Provider<'r> {
        Provider { captured, _within: Within::new() }
    }

    /// The provider's version; its minor part may be higher than the client's.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    #[must_use]
    pub fn version(&self) -> Version {
        // SAFETY: by the type's invariant the provider is captured, so its dispatch table is valid.
        Version::from_raw(unsafe { (*self.captured.npi.Dispatch).Version })
    }

    /// Makes a datagram socket (`WskSocket`), and waits.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// What WSK gave; [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
    /// [`IO_TIMEOUT`](Error::IO_TIMEOUT) when the time limit passed.
    pub fn datagram<'p>(&self, family: Family, wait: impl Into<Wait<'p>>) -> Result<Unbound<'r>> {
        self.datagram_owned(family, &Ownership::new(), wait)
    }

    /// Makes a datagram socket on somebody's behalf, and waits.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Provider::datagram`]; [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): the security descriptor is
    /// another registration's.
    pub fn datagram_owned<'p>(
        &self,
        family: Family,
        owner: &Ownership<'_, 'r>,
        wait: impl Into<Wait<'p>>,
    ) -> Result<Unbound<'r>> {
        self.create(self.captured.prepare(family)?, family, owner, wait.into())
    }

    /// Makes a datagram socket with a handler for its events, and waits.
    ///
    /// The handler is not called before [`Datagram::enable_receive`](crate::Datagram::enable_receive), unless the events
    /// are [static](crate::Registration::register_static). It lives until the socket is closed.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Provider::datagram`]; the handler is dropped.
    pub fn datagram_with<'p, H: ReceiveHandler>(
        &self,
        family: Family,
        handler: H,
        wait: impl Into<Wait<'p>>,
    ) -> Result<Unbound<'r>> {
        self.datagram_with_owned(family, handler, &Ownership::new(), wait)
    }

    /// Makes a datagram socket with a handler for its events, on somebody's behalf, and waits.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Provider::datagram_owned`]; the handler is dropped.
    pub fn datagram_with_owned<'p, H: ReceiveHandler>(
        &self,
        family: Family,
        handler: H,
        owner: &Ownership<'_, 'r>,
        wait: impl Into<Wait<'p>>,
    ) -> Result<Unbound<'r>> {
        self.create(self.captured.prepare_with(family, handler)?, family, owner, wait.into())
    }

    pub(crate) const fn captured(&self) -> &Captured {
        &self.captured
    }

    fn create(
        &self,
        mut core: Shared<Core>,
        family: Family,
        owner: &Ownership<'_, 'r>,
        wait: Wait<'_>,
    ) -> Result<Unbound<'r>> {
        // SAFETY: a `Wait` is permission to wait, so this thread is at PASSIVE_LEVEL.
        let passive = unsafe { Passive::assume() };
        if !owner.is_of(&self.captured) {
            return Err(Error::INVALID_PARAMETER);
        }
        // The borrow keeps the descriptor, if there is one, until the operation has landed, below.
        let owner = owner.parameters();
        let call = Call::Create { provider: self.captured.npi, family, events: core.events(), owner };
        let block = Op::new(())?.into_raw();
        // SAFETY: the operation is new; the provider is captured while `self` is borrowed.
        unsafe { submit::submit(block.cast(), &call, wait.timeout(), None) };
        // SAFETY: submitted just now, without a queue. It is waited for below, whatever happens, so that a socket made
        // late is not lost.
        let creating = unsafe { Pending::<(), ()>::new(block) };
        let information = creating.land(&passive).0?;
        if let Some(core) = core.get_mut() {
            // SAFETY: a successful WskSocket puts the new socket in IoStatus.Information.
            unsafe { core.adopt(ptr::with_exposed_provenance_mut(information)) };
        }
        Ok(Unbound::new(core))
    }

    /// Makes a datagram socket without waiting: the result goes to `queue`, and the socket is taken from it with
    /// [`Completion::take_socket`](crate::Completion::take_socket). The queue borrows the registration from then on, as the
    /// socket does: it may be the one that holds it.
    ///
    /// The provider is kept until the operation has finished: WSK's pages do not say whether it may be released
    /// earlier.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// The operation comes back: [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub fn submit_datagram<B: Send + 'static>(
        self,
        queue: &CompletionQueue<'r, B>,
        op: Op<B>,
        family: Family,
        timeout: Option<Duration>,
    ) -> Result<(), (Error, Op<B>)> {
        match self.captured.prepare(family) {
            Ok(core) => self.submit_create(core, queue, op, family, timeout),
            Err(error) => return Err((error, op)),
        }
        Ok(())
    }

    /// Makes a datagram socket with a handler for its events, without waiting: [`Provider::submit_datagram`] and
    /// [`Provider::datagram_with`] in one.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// The operation comes back, and the handler is dropped:
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub fn submit_datagram_with<B: Send + 'static, H: ReceiveHandler>(
        self,
        queue: &CompletionQueue<'r, B>,
        op: Op<B>,
        family: Family,
        handler: H,
        timeout: Option<Duration>,
    ) -> Result<(), (Error, Op<B>)> {
        match self.captured.prepare_with(family, handler) {
            Ok(core) => self.submit_create(core, queue, op, family, timeout),
            Err(error) => return Err((error, op)),
        }
        Ok(())
    }

    fn submit_create<B: Send + 'static>(
        self,
        core: Shared<Core>,
        queue: &CompletionQueue<'r, B>,
        op: Op<B>,
        family: Family,
        timeout: Option<Duration>,
    ) {
        let events = core.events();
        let Provider { captured, .. } = self;
        // SAFETY: the operation is not in flight, so its arguments are the owner's, which the caller is.
        let arguments = unsafe { &mut *op.header().arguments.get() };
        arguments.socket = Some(core);
        let provider = arguments.provider.insert(captured).npi;
        let owner = Ownership::new().parameters();
        let call = Call::Create { provider, family, events, owner };
        let block = op.into_raw();
        // SAFETY: as above; the provider stays captured in the operation's arguments until it has finished.
        unsafe { submit::submit(block.cast(), &call, timeout, Some(queue.expect())) };
    }
}
