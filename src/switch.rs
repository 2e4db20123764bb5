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

use wsk::{Error, Result, event};

use crate::inbox::{Inbox, Reception};

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

/// Enables the event.
pub(crate) fn enable(reception: &Reception<'_>) -> Result {
    reception.inbox().switching(Switching::begin)?;
    // The queue before the event, so that nothing is lost.
    let result = reception.queue_on().and_then(|()| {
        let enabled = reception.event_on();
        if enabled.is_err() {
            reception.inbox().stop();
        }
        enabled
    });
    reception.inbox().switching(Switching::end);
    result
}

/// Disables the event without waiting.
pub(crate) fn disable_soon(reception: &Reception<'_>) -> Result<event::Disabled> {
    begin_disable(reception)?;
    let result = reception.event_off();
    end_disable(reception.inbox(), result.is_ok());
    result
}

/// Begins to disable the event by an operation; [`end_disable`] follows when that has ended, or was not submitted.
pub(crate) fn begin_disable(reception: &Reception<'_>) -> Result {
    reception.inbox().switching(Switching::begin)
}

/// The event is disabled, or it failed to be.
pub(crate) fn end_disable(inbox: &Inbox, disabled: bool) {
    if disabled {
        inbox.stop();
    }
    inbox.switching(Switching::end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let mut switching = Switching::default();
        assert_eq!(switching.begin(), Ok(()));
        assert_eq!(switching.begin(), Err(Error::INVALID_DEVICE_STATE));
        switching.end();
        assert_eq!(switching.begin(), Ok(()));
    }
}
