//! Registration with WSK.
#![expect(unsafe_code, reason = "WSK keeps pointers to the registration")]

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::{PhantomData, PhantomPinned};
use core::ops::RangeInclusive;
use core::ptr::{self, NonNull};

use wsk_sys::{
    KeFlushQueuedDpcs, MAKE_WSK_VERSION, ULONG, WSK_CLIENT_DISPATCH, WSK_CLIENT_NPI, WSK_INFINITE_WAIT,
    WSK_NO_WAIT, WSK_PROVIDER_CHARACTERISTICS, WSK_REGISTRATION, WskDeregister,
    WskQueryProviderCharacteristics, WskRegister,
};

use crate::error::{Error, Result, check};
use crate::fatal;
use crate::irql::{IntoWait, Passive};
use crate::pool::PoolBox;
use crate::provider::{Captured, Provider};
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
/// It owns what WSK keeps pointers to, in non-paged memory that never moves. Providers, sockets, descriptors and the
/// queues that make them borrow it, so it cannot be dropped before them: `WskDeregister`, which waits for every captured
/// provider, every open socket and every call, then waits for closes that were sent already, and for nothing else.
///
/// Drop it at `PASSIVE_LEVEL`, before the driver's unload routine returns. At `DISPATCH_LEVEL`, where it cannot wait, the
/// drop is a bug check.
///
/// # Invariants
/// `pinned` was registered, and is deregistered once, by `drop`.
#[derive(Debug)]
pub struct Registration {
    pinned: PoolBox<Pinned>,
    static_events: bool,
}

// SAFETY: WSK guards a registration with a lock of its own (`ReservedRegistrationLock`); its functions may be called
// on any thread.
unsafe impl Send for Registration {}
// SAFETY: WSK guards a registration with a lock of its own (`ReservedRegistrationLock`); its functions may be called on
// any thread.
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
        Ok(Registration { pinned, static_events: false })
    }

    /// Registers a client whose sockets' handlers are called always (`WSK_SET_STATIC_EVENT_CALLBACKS`): from the bind to
    /// the close, without being enabled, and faster. Waits for the provider.
    ///
    /// This is for all of the client's sockets, and must come before the first of them; so it is part of the
    /// registration. What a handler refuses is lost, and a socket without a handler gets only what a receive waits for.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`; not in `DriverEntry` without a time limit
    ///
    /// # Errors
    /// As for [`Registration::register`] and [`Registration::provider`]; what WSK gave.
    #[doc(alias = "WSK_SET_STATIC_EVENT_CALLBACKS")]
    pub fn register_static<'p>(version: Version, wait: impl IntoWait<'p>) -> Result<Registration> {
        let wait = wait.into_wait();
        // SAFETY: a `Wait` is permission to wait, so this thread is at PASSIVE_LEVEL.
        let passive = unsafe { Passive::assume() };
        let mut registration = Registration::register(version, &passive)?;
        registration.provider(wait)?.captured().set_static_events()?;
        registration.static_events = true;
        Ok(registration)
    }

    /// Whether the sockets' handlers are called always; see [`Registration::register_static`].
    #[must_use]
    pub fn has_static_events(&self) -> bool {
        self.static_events
    }

    /// Registers with the highest version of a range that the provider offers too, waiting for the provider.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`; not in `DriverEntry` without a time limit
    ///
    /// # Errors
    /// [`NOINTERFACE`](Error::NOINTERFACE): no version of the range is offered.
    /// [`DEVICE_NOT_READY`](Error::DEVICE_NOT_READY): the provider was not ready in time. What WSK gave.
    pub fn negotiate<'p>(versions: RangeInclusive<Version>, wait: impl IntoWait<'p>) -> Result<Registration> {
        if versions.is_empty() {
            return Err(Error::NOINTERFACE);
        }
        let wait = wait.into_wait();
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
    pub fn provider<'p>(&self, wait: impl IntoWait<'p>) -> Result<Provider<'_>> {
        let timeout = wait.into_wait().timeout().map_or(WSK_INFINITE_WAIT, time::milliseconds);
        if timeout != WSK_NO_WAIT {
            fatal::unless_it_can_wait();
        }
        self.capture(timeout)
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

    fn capture(&self, timeout: ULONG) -> Result<Provider<'_>> {
        let registration = NonNull::from(&self.pinned.registration).cast();
        // SAFETY: by the type's invariant the registration is valid. The callers see to the IRQL: a time-out other than
        // WSK_NO_WAIT comes from permission to wait.
        let captured = unsafe { Captured::capture(registration, timeout, self.static_events) }?;
        Ok(Provider::new(captured))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        fatal::unless_it_can_wait();
        // SAFETY: registered by the type's invariant, and at PASSIVE_LEVEL, as the type's documentation demands.
        // Providers borrow the registration, so none is captured by now, but for what was forgotten.
        unsafe { WskDeregister(self.pinned.registration.get()) };
        // Every IRP has completed, but a completion routine or the DPC of a time limit may be at its last instructions
        // on another processor, and after the driver's unload routine its code is gone.
        // SAFETY: at PASSIVE_LEVEL, as the type's documentation demands.
        unsafe { KeFlushQueuedDpcs() };
    }
}

/// In a type whose drop ends what keeps a registration from being deregistered.
///
/// For the compiler a drop is a use of the borrow only if the type that is dropped says so: a socket's memory, which has
/// no lifetime, could otherwise be dropped after the registration. `PhantomData` does not say it, a `Drop` does.
#[derive(Clone, Debug)]
pub(crate) struct Within<'r>(PhantomData<&'r Registration>);

impl Within<'_> {
    pub(crate) const fn new() -> Self {
        Within(PhantomData)
    }
}

impl Drop for Within<'_> {
    fn drop(&mut self) {}
}
