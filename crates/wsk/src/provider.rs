//! The provider that a registration captures, and the sockets that it makes.
#![expect(unsafe_code, reason = "the provider's functions are C functions behind pointers")]

use core::ptr::{self, NonNull};

use wsk_sys::{
    ULONG, WSK_NO_WAIT, WSK_PROVIDER_NPI, WSK_REGISTRATION, WskCaptureProviderNPI, WskReleaseProviderNPI,
};

use crate::addr::Family;
use crate::error::{Result, check};
use crate::op::IntoCall;
use crate::registration::{Version, Within};
use crate::socket::{Builder, Unbound};

/// A captured NPI, released when it is dropped.
///
/// # Invariants
/// `npi` was captured with `registration`, which is valid at least until the NPI is released: `WskDeregister`, before
/// which it is not freed, waits for that.
#[derive(Debug)]
pub struct Captured {
    npi: WSK_PROVIDER_NPI,
    registration: NonNull<WSK_REGISTRATION>,
    /// That of the registration.
    static_events: bool,
}

// SAFETY: the functions of a captured provider may be called on any thread, by several at a time.
unsafe impl Send for Captured {}
// SAFETY: the functions of a captured provider may be called on any thread, by several at a time.
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

    /// That of the registration.
    pub(crate) const fn has_static_events(&self) -> bool {
        self.static_events
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

    /// Makes a datagram socket of the current process, without a handler, and waits.
    ///
    /// For anything more: [`Provider::socket`].
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Builder::datagram`].
    pub fn datagram<'p>(&self, family: Family, wait: impl IntoCall<'p>) -> Result<Unbound<'r>> {
        self.socket(family).datagram(wait)
    }

    /// A socket to be made.
    pub const fn socket(&self, family: Family) -> Builder<'_, 'r> {
        Builder::new(self, family)
    }

    pub(crate) const fn captured(&self) -> &Captured {
        &self.captured
    }
}
