//! Registration with WSK, and the provider that it gives.
#![expect(unsafe_code, reason = "WSK keeps pointers to the registration")]

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::{PhantomData, PhantomPinned};
use core::ops::RangeInclusive;
use core::ptr::{self, NonNull};
use core::time::Duration;

use wsk_sys::{
    KeFlushQueuedDpcs, MAKE_WSK_VERSION, ULONG, WSK_CLIENT_DISPATCH, WSK_CLIENT_NPI, WSK_INFINITE_WAIT,
    WSK_NO_WAIT, WSK_PROVIDER_CHARACTERISTICS, WSK_PROVIDER_NPI, WSK_REGISTRATION, WskCaptureProviderNPI,
    WskDeregister, WskQueryProviderCharacteristics, WskRegister, WskReleaseProviderNPI,
};

use crate::addr::Family;
use crate::call::Call;
use crate::error::{Error, Result, check};
use crate::irql::{Passive, Wait};
use crate::op::{CompletionQueue, Op, Pending, submit};
use crate::pool::PoolBox;
use crate::socket::{Core, Unbound};
use crate::time;

/// A version of the WSK interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u16);

impl Version {
    /// WSK 1.0, which every Windows since Vista offers.
    pub const V1_0: Version = Version::new(1, 0);

    /// A version by its parts.
    #[must_use]
    pub const fn new(major: u8, minor: u8) -> Version {
        Version(MAKE_WSK_VERSION(major, minor))
    }

    /// A version in its C form, `MAKE_WSK_VERSION(major, minor)`.
    #[must_use]
    pub const fn from_raw(raw: u16) -> Version {
        Version(raw)
    }

    /// The C form.
    #[must_use]
    pub const fn as_raw(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor] = self.0.to_be_bytes();
        write!(f, "{major}.{minor}")
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What WSK keeps pointers to, from `WskRegister` to the return of `WskDeregister`.
#[derive(Debug)]
struct Pinned {
    registration: UnsafeCell<WSK_REGISTRATION>,
    dispatch: WSK_CLIENT_DISPATCH,
    _pin: PhantomPinned,
}

/// A registration as a WSK client.
///
/// It owns what WSK keeps pointers to, in non-paged memory that never moves. Providers and sockets borrow it, so it
/// cannot be dropped before them: `WskDeregister`, which waits for every captured provider, every open socket and
/// every call, then waits for closes that were sent already, and for nothing else.
///
/// Drop it at `PASSIVE_LEVEL`, before the driver's unload routine returns.
///
/// # Invariants
/// `pinned` was registered, and is deregistered once, by `drop`.
#[derive(Debug)]
pub struct Registration {
    pinned: PoolBox<Pinned>,
}

// SAFETY: WSK guards a registration with a lock of its own (`ReservedRegistrationLock`); its functions may be called
// on any thread.
unsafe impl Send for Registration {}
// SAFETY: as above.
unsafe impl Sync for Registration {}

impl Registration {
    /// Registers a client of the given WSK version (`WskRegister`). The provider need not be ready yet.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// What WSK gave; [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub fn register(version: Version, _: &Passive) -> Result<Registration> {
        let pinned = PoolBox::new(Pinned {
            registration: UnsafeCell::new(WSK_REGISTRATION {
                ReservedRegistrationState: 0,
                ReservedRegistrationContext: ptr::null_mut(),
                ReservedRegistrationLock: 0,
            }),
            // No client event is defined, so there is no function for them.
            dispatch: WSK_CLIENT_DISPATCH { Version: version.as_raw(), Reserved: 0, WskClientEvent: None },
            _pin: PhantomPinned,
        })?;
        let mut npi = WSK_CLIENT_NPI { ClientContext: ptr::null_mut(), Dispatch: &raw const pinned.dispatch };
        // SAFETY: PASSIVE_LEVEL is proven. Registration and dispatch table are in non-paged memory that does not move
        // and is freed after WskDeregister only.
        check(unsafe { WskRegister(&raw mut npi, pinned.registration.get()) })?;
        // INVARIANT: registered just now.
        Ok(Registration { pinned })
    }

    /// Registers with the highest version of a range that the provider offers too, waiting for the provider.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`; not in `DriverEntry` without a time limit
    ///
    /// # Errors
    /// [`NOINTERFACE`](Error::NOINTERFACE): no version of the range is offered.
    /// [`DEVICE_NOT_READY`](Error::DEVICE_NOT_READY): the provider was not ready in time. What WSK gave.
    pub fn negotiate<'p>(
        versions: RangeInclusive<Version>,
        wait: impl Into<Wait<'p>>,
    ) -> Result<Registration> {
        if versions.is_empty() {
            return Err(Error::NOINTERFACE);
        }
        let wait = wait.into();
        // SAFETY: a `Wait` is permission to wait, so this thread is at PASSIVE_LEVEL.
        let passive = unsafe { Passive::assume() };
        let registration = Registration::register(*versions.end(), &passive)?;
        match registration.provider(wait).map(drop) {
            Err(Error::NOINTERFACE) => {}
            result => return result.map(|()| registration),
        }
        let offered = registration.characteristics()?;
        let highest = (*versions.end()).min(*offered.end());
        if highest < *versions.start() || highest < *offered.start() {
            return Err(Error::NOINTERFACE);
        }
        // The version is part of the registration: another one takes its place.
        drop(registration);
        let registration = Registration::register(highest, &passive)?;
        registration.provider(wait).map(drop)?;
        Ok(registration)
    }

    /// The version that the client was registered with.
    #[must_use]
    pub fn version(&self) -> Version {
        Version::from_raw(self.pinned.dispatch.Version)
    }

    /// Captures the provider, waiting until it is ready.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`; not in `DriverEntry` without a time limit, which would hold up the start of other drivers
    ///
    /// # Errors
    /// [`DEVICE_NOT_READY`](Error::DEVICE_NOT_READY): not ready in time.
    /// [`NOINTERFACE`](Error::NOINTERFACE): the version is not offered; see [`Registration::characteristics`].
    pub fn provider<'p>(&self, wait: impl Into<Wait<'p>>) -> Result<Provider<'_>> {
        self.capture(wait.into().timeout().map_or(WSK_INFINITE_WAIT, time::milliseconds))
    }

    /// Captures the provider if it is ready (`WSK_NO_WAIT`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`DEVICE_NOT_READY`](Error::DEVICE_NOT_READY): try again later.
    /// [`NOINTERFACE`](Error::NOINTERFACE): the version is not offered; see [`Registration::characteristics`].
    pub fn try_provider(&self) -> Result<Provider<'_>> {
        self.capture(WSK_NO_WAIT)
    }

    /// The versions that the provider offers (`WskQueryProviderCharacteristics`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`DEVICE_NOT_READY`](Error::DEVICE_NOT_READY): try again later.
    pub fn characteristics(&self) -> Result<RangeInclusive<Version>> {
        let mut offered = WSK_PROVIDER_CHARACTERISTICS::default();
        // SAFETY: by the type's invariant the registration is valid; the output is this frame's.
        check(unsafe { WskQueryProviderCharacteristics(self.pinned.registration.get(), &raw mut offered) })?;
        Ok(Version::from_raw(offered.LowestVersion)..=Version::from_raw(offered.HighestVersion))
    }

    /// What WSK knows the registration by; only to be compared.
    pub(crate) fn as_raw(&self) -> *const WSK_REGISTRATION {
        self.pinned.registration.get()
    }

    fn capture(&self, timeout: ULONG) -> Result<Provider<'_>> {
        let mut npi = WSK_PROVIDER_NPI { Client: ptr::null_mut(), Dispatch: ptr::null() };
        // SAFETY: by the type's invariant the registration is valid; the output is this frame's. The callers see to
        // the IRQL: a time-out other than WSK_NO_WAIT comes from permission to wait.
        check(unsafe { WskCaptureProviderNPI(self.pinned.registration.get(), timeout, &raw mut npi) })?;
        let registration = NonNull::from(&self.pinned.registration).cast();
        // INVARIANT: captured just now; the registration is freed after WskDeregister only.
        Ok(Provider { captured: Captured { npi, registration }, _registration: PhantomData })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: registered by the type's invariant, and at PASSIVE_LEVEL, as the type's documentation demands.
        // Providers borrow the registration, so none is captured by now.
        unsafe { WskDeregister(self.pinned.registration.get()) };
        // Every IRP has completed, but a completion routine or the DPC of a time limit may be at its last instructions
        // on another processor, and after the driver's unload routine its code is gone.
        // SAFETY: PASSIVE_LEVEL, as above.
        unsafe { KeFlushQueuedDpcs() };
    }
}

/// A captured NPI, released when it is dropped.
///
/// # Invariants
/// `npi` was captured with `registration`, which is valid at least until the NPI is released: `WskDeregister`, before
/// which it is not freed, waits for that.
#[derive(Debug)]
pub(crate) struct Captured {
    npi: WSK_PROVIDER_NPI,
    registration: NonNull<WSK_REGISTRATION>,
}

// SAFETY: the functions of a captured provider may be called on any thread, by several at a time.
unsafe impl Send for Captured {}
// SAFETY: as above.
unsafe impl Sync for Captured {}

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
    _registration: PhantomData<&'r Registration>,
}

impl<'r> Provider<'r> {
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
        let wait = wait.into();
        // SAFETY: a `Wait` is permission to wait, so this thread is at PASSIVE_LEVEL.
        let passive = unsafe { Passive::assume() };
        let mut core = Core::prepare(family, self.captured.registration.as_ptr())?;
        let call = Call::Create { provider: self.captured.npi, family };
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
    /// [`Completion::take_socket`](crate::Completion::take_socket).
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
        queue: &CompletionQueue<B>,
        op: Op<B>,
        family: Family,
        timeout: Option<Duration>,
    ) -> Result<(), (Error, Op<B>)> {
        let core = match Core::prepare(family, self.captured.registration.as_ptr()) {
            Ok(core) => core,
            Err(error) => return Err((error, op)),
        };
        // SAFETY: the operation is not in flight, so its arguments are the owner's, which the caller is.
        let arguments = unsafe { &mut *op.header().arguments.get() };
        arguments.socket = Some(core);
        let provider = arguments.provider.insert(self.captured).npi;
        let call = Call::Create { provider, family };
        let block = op.into_raw();
        // SAFETY: as above; the provider stays captured in the operation's arguments until it has finished.
        unsafe { submit::submit(block.cast(), &call, timeout, Some(queue.expect())) };
        Ok(())
    }
}
