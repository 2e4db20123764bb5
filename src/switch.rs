//! Enabling and disabling the receive event of a socket, together with the queue that it fills.
//!
//! Event and queue are switched one after the other, and so two requests of one handle could each switch a half: both
//! would succeed, with the event on and the queue off, and every datagram lost. So one request at a time does it, from
//! before its first half until after its second, and another meanwhile is refused.
//!
//! ```text
//!  enable        begin ─ queue on ─ event on ─ end
//!  disable soon  begin ─ event off ─ queue off ─ end
//!  disable       begin ─ event off ... the IRP completes ─ queue off ─ end
//! ```
//!
//! Nothing here is the driver's own: a test includes the file, and explores how threads interleave.

use wsk::{Error, Result};

/// Whether somebody is switching. It lives under a lock of its owner's.
#[derive(Debug, Default)]
pub(crate) struct Switching(bool);

wsk::dispatch_drop!(Switching(switching));

impl Switching {
    /// Begins.
    ///
    /// # Errors
    /// [`INVALID_DEVICE_STATE`](Error::INVALID_DEVICE_STATE): another has begun and has not ended.
    fn begin(&mut self) -> Result {
        if core::mem::replace(&mut self.0, true) { Err(Error::INVALID_DEVICE_STATE) } else { Ok(()) }
    }

    fn end(&mut self) {
        self.0 = false;
    }
}

/// What is switched: the event, and the queue that it fills.
pub(crate) trait Switched {
    /// What WSK tells when the event was disabled without waiting.
    type Disabled;

    /// Calls `f` under the lock.
    fn with<R>(&self, f: impl FnOnce(&mut Switching) -> R + Send) -> R;

    /// Has the queue take datagrams. It refuses if it does so already.
    fn queue_on(&self) -> Result;

    /// Has it take none any more.
    fn queue_off(&self);

    /// Has WSK call.
    fn event_on(&self) -> Result;

    /// Has WSK call no more, without waiting for calls that have begun.
    fn event_off(&self) -> Result<Self::Disabled>;
}

/// Enables the event.
pub(crate) fn enable(switched: &impl Switched) -> Result {
    switched.with(Switching::begin)?;
    // The queue before the event, so that nothing is lost.
    let result = switched.queue_on().and_then(|()| {
        let enabled = switched.event_on();
        if enabled.is_err() {
            switched.queue_off();
        }
        enabled
    });
    switched.with(Switching::end);
    result
}

/// Disables the event without waiting.
pub(crate) fn disable_soon<S: Switched>(switched: &S) -> Result<S::Disabled> {
    begin_disable(switched)?;
    let result = switched.event_off();
    end_disable(switched, result.is_ok());
    result
}

/// Begins to disable the event by an operation; [`end_disable`] follows when that has ended, or was not submitted.
pub(crate) fn begin_disable(switched: &impl Switched) -> Result {
    switched.with(Switching::begin)
}

/// The event is disabled, or it failed to be.
pub(crate) fn end_disable(switched: &impl Switched, disabled: bool) {
    if disabled {
        switched.queue_off();
    }
    switched.with(Switching::end);
}
