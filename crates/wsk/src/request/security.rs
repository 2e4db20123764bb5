//! `SO_WSK_SECURITY`: a socket's security descriptor.
//!
//! A request has a handle of the descriptor of its own until its result is taken. That is why these requests cannot be
//! abandoned: they are waited for, or go to a queue. An abandoned operation would release its descriptor within a
//! completion routine, where WSK must not be called.
#![expect(unsafe_code, reason = "a cached descriptor is WSK's memory behind a pointer")]

use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use wsk_sys::{PSECURITY_DESCRIPTOR, SO_WSK_SECURITY, SOL_SOCKET, WskGetOption, WskSetOption};

use super::control::Parameters;
use super::{Completion, RequestIn};
use crate::error::{Error, Result};
use crate::op::request::{FromCompletion, IoStatus, Irp, Request, Submit};
use crate::pool::Shared;
use crate::registration::Within;
use crate::row::Kind;
use crate::security::{Cached, SIZE, SecurityDescriptor};
use crate::socket::{Core, Socket};
use crate::state::Unbound;

const OPTION: Kind = Kind::Option { level: SOL_SOCKET, name: SO_WSK_SECURITY };

/// Sets the security descriptor, before the bind (`SO_WSK_SECURITY`). It replaces the one before.
///
/// A descriptor of another registration is refused with [`INVALID_PARAMETER`](Error::INVALID_PARAMETER).
#[derive(Clone, Copy, Debug)]
#[doc(alias = "SO_WSK_SECURITY")]
pub struct SetSecurity<'s, 'r>(pub &'s SecurityDescriptor<'r>);

/// A descriptor that is being set.
pub struct Setting<'r> {
    raw: PSECURITY_DESCRIPTOR,
    _keeps: SecurityDescriptor<'r>,
}

impl Request for SetSecurity<'_, '_> {
    type Output = ();
}

// SAFETY: a call that is made takes the IRP; the pointer is in the state, and the state keeps what it points to.
unsafe impl<'r, B> Submit<B> for SetSecurity<'_, 'r> {
    type Target = Core;
    type State = Setting<'r>;

    fn prepare(self, socket: &Core, _: &mut B, state: &mut MaybeUninit<Setting<'r>>) -> Result {
        if !self.0.is_of(socket.registration()) {
            return Err(Error::INVALID_PARAMETER);
        }
        state.write(Setting { raw: self.0.as_raw(), _keeps: self.0.clone() });
        Ok(())
    }

    unsafe fn call(socket: &Core, state: NonNull<Setting<'r>>, irp: Irp) -> Result {
        // SAFETY: a field's address.
        let raw = unsafe { &raw const (*state.as_ptr()).raw };
        // SAFETY: the value is a pointer to a cached descriptor; both live until the IRP completes.
        unsafe { Parameters::new(WskSetOption, OPTION).input(raw.cast(), SIZE).submit(socket, irp) }
    }

    fn complete(_: &mut Setting<'r>, _: &mut B, status: IoStatus) -> Result {
        status.check()
    }
}

impl RequestIn<Unbound> for SetSecurity<'_, '_> {}

/// Gets the security descriptor (`SO_WSK_SECURITY`), which is the client's to release.
///
/// It has the memory for it, and the provider to release it to.
#[derive(Debug)]
#[doc(alias = "SO_WSK_SECURITY")]
pub struct GetSecurity<'r> {
    place: Shared<Cached>,
    _within: Within<'r>,
}

impl<'r> GetSecurity<'r> {
    /// A request for a socket's descriptor.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
    /// [`DEVICE_NOT_READY`](Error::DEVICE_NOT_READY): the provider is gone.
    pub fn new(socket: &Socket<'r>) -> Result<GetSecurity<'r>> {
        let place = Cached::empty(socket.core().capture()?)?;
        Ok(GetSecurity { place, _within: Within::new() })
    }
}

/// A descriptor that WSK will give.
pub struct Getting<'r> {
    raw: PSECURITY_DESCRIPTOR,
    request: GetSecurity<'r>,
}

impl<'r> Request for GetSecurity<'r> {
    /// [`INVALID_SECURITY_DESCR`](Error::INVALID_SECURITY_DESCR), if WSK gave none.
    type Output = SecurityDescriptor<'r>;
}

// SAFETY: a call that is made takes the IRP; the place for the pointer is in the state.
unsafe impl<'r, B> Submit<B> for GetSecurity<'r> {
    type Target = Core;
    type State = Getting<'r>;

    fn prepare(self, socket: &Core, _: &mut B, state: &mut MaybeUninit<Getting<'r>>) -> Result {
        if !self.place.is_of(socket.registration()) {
            return Err(Error::INVALID_PARAMETER);
        }
        state.write(Getting { raw: ptr::null_mut(), request: self });
        Ok(())
    }

    unsafe fn call(socket: &Core, state: NonNull<Getting<'r>>, irp: Irp) -> Result {
        // SAFETY: a field's address.
        let raw = unsafe { &raw mut (*state.as_ptr()).raw };
        // SAFETY: the output is a pointer to a descriptor, and lives until the IRP completes.
        unsafe { Parameters::new(WskGetOption, OPTION).output(raw.cast(), SIZE).submit(socket, irp) }
    }

    fn complete(state: &mut Getting<'r>, _: &mut B, status: IoStatus) -> Result<SecurityDescriptor<'r>> {
        status.check()?;
        if !is_given(state.raw, status.information) {
            return Err(Error::INVALID_SECURITY_DESCR);
        }
        if let Some(place) = state.request.place.get_mut() {
            // SAFETY: says the page, WSK has cached it for this client, which is to release it.
            unsafe { place.adopt(state.raw) };
        }
        Ok(SecurityDescriptor::new(state.request.place.clone()))
    }
}

impl<S> RequestIn<S> for GetSecurity<'_> {}

impl FromCompletion<SetSecurity<'_, '_>> for Completion<'_> {
    fn from_completion(result: Result) -> Self {
        Completion::SetSecurity(result)
    }
}

impl<'r> FromCompletion<GetSecurity<'r>> for Completion<'r> {
    fn from_completion(result: Result<SecurityDescriptor<'r>>) -> Self {
        Completion::GetSecurity(result)
    }
}

/// Whether WSK has given a descriptor: all of a pointer, and not null.
fn is_given(descriptor: PSECURITY_DESCRIPTOR, written: usize) -> bool {
    written == SIZE && !descriptor.is_null()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{SIZE, is_given, ptr};

    #[test]
    fn a_descriptor_is_given_by_a_whole_pointer() {
        assert!(is_given(ptr::dangling_mut(), SIZE));
        assert!(!is_given(ptr::dangling_mut(), 0));
        assert!(!is_given(ptr::null_mut(), SIZE));
    }
}
