//! Security descriptors: cached by WSK, given to sockets, got from sockets, released once.
//!
//! A socket's descriptor decides who may share its local address. WSK takes only descriptors that it has cached itself
//! (`WSK_CACHE_SD`), and each that it has cached, or given out (`SO_WSK_SECURITY`), is to be released with
//! `WSK_RELEASE_SD`: not before the request that it was given to has completed, and not by the close of a socket. Here a
//! [`SecurityDescriptor`] is released when its last handle is dropped, and a request that has not completed has a handle
//! of its own.
#![expect(unsafe_code, reason = "a cached descriptor is WSK's memory behind a pointer")]

use core::ptr::{self, NonNull};

use wsk_descriptor::Descriptor;
use wsk_sys::{PSECURITY_DESCRIPTOR, WSK_CACHE_SD, WSK_REGISTRATION, WSK_RELEASE_SD};

use crate::buffer::Buffer;
use crate::client::Request;
use crate::error::{Error, Result, check};
use crate::irql::Passive;
use crate::op::IntoCall;
use crate::pool::Shared;
use crate::provider::{Captured, Provider};
use crate::registration::Within;
use crate::request::security::{GetSecurity, SetSecurity};
use crate::socket::{Datagram, Unbound};

pub(crate) const SIZE: usize = size_of::<PSECURITY_DESCRIPTOR>();

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
// SAFETY: a cached descriptor is constant memory, and any thread may release it.
unsafe impl Sync for Cached {}

impl Cached {
    /// A place for a descriptor that WSK will give out.
    pub(crate) fn empty(captured: Captured) -> Result<Shared<Cached>> {
        // INVARIANT: null.
        Shared::new(Cached { raw: ptr::null_mut(), captured })
    }

    /// # Safety
    /// `raw` is null, or a descriptor that WSK has cached for the client and that nobody else releases.
    pub(crate) const unsafe fn adopt(&mut self, raw: PSECURITY_DESCRIPTOR) {
        // INVARIANT: the caller's promise.
        self.raw = raw;
    }

    /// Whether it is of the registration at this place.
    pub(crate) fn is_of(&self, registration: *const WSK_REGISTRATION) -> bool {
        self.captured.is_at(registration)
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

impl<'r> SecurityDescriptor<'r> {
    pub(crate) const fn new(cached: Shared<Cached>) -> SecurityDescriptor<'r> {
        SecurityDescriptor { cached, _within: Within::new() }
    }

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

    pub(crate) fn as_raw(&self) -> PSECURITY_DESCRIPTOR {
        self.cached.raw
    }

    /// Whether it is of the registration at this place.
    pub(crate) fn is_of(&self, registration: *const WSK_REGISTRATION) -> bool {
        self.cached.is_of(registration)
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
            // SAFETY: cached just now.
            unsafe { cached.adopt(raw) };
        }
        Ok(SecurityDescriptor::new(cached))
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
    pub fn set_security<'p>(&self, security: &SecurityDescriptor<'r>, wait: impl IntoCall<'p>) -> Result {
        self.as_socket().run(SetSecurity(security), wait.into_call())
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
    pub fn security<'p>(&self, wait: impl IntoCall<'p>) -> Result<SecurityDescriptor<'r>> {
        let socket = self.as_socket();
        socket.run(GetSecurity::new(socket)?, wait.into_call())
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
    pub fn security<'p>(&self, wait: impl IntoCall<'p>) -> Result<SecurityDescriptor<'r>> {
        let socket = self.as_socket();
        socket.run(GetSecurity::new(socket)?, wait.into_call())
    }
}
