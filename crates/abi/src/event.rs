//! What user mode sends and gets for datagrams that WSK hands over by itself: the receive event and its queue.
//!
//! Enabled, WSK calls the driver with what arrives and no [`IOCTL_WSKDRV_RECEIVE`](crate::IOCTL_WSKDRV_RECEIVE) waits
//! for; the driver copies it into the handle's queue, and [`IOCTL_WSKDRV_DRAIN`](crate::IOCTL_WSKDRV_DRAIN) takes out
//! as much as fits, with one request. What the queue has no room for is dropped and counted: the oldest are kept.
//!
//! One request of a handle at a time enables or disables the event; another meanwhile is refused with
//! `STATUS_INVALID_DEVICE_STATE`. If a disabling fails, as when it is cancelled, WSK may call no more all the same: disable
//! again before the next enabling. What a disabling says of the calls that are left holds for one that has switched the event
//! off: where it was off already, WSK may refuse, and the request ends as if none were left.

use core::mem::size_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The least memory of a queue in bytes.
pub const QUEUE_MIN: usize = 1 << 10;

/// The most memory of a queue in bytes. It is non-paged memory, for each handle.
pub const QUEUE_MAX: usize = 1 << 20;

/// Input of [`IOCTL_WSKDRV_ENABLE_RECEIVE`](crate::IOCTL_WSKDRV_ENABLE_RECEIVE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EnableReceive {
    /// The memory of the queue in bytes: [`QUEUE_MIN`] to [`QUEUE_MAX`], a multiple of 8. Each datagram takes its head,
    /// its payload and its control information, both rounded up to 8: see [`record_size`](crate::receive::record_size).
    pub capacity: u32,
    /// Zero.
    pub reserved: u32,
}

impl EnableReceive {
    /// Whether the queue can have this size.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        let capacity = self.capacity as usize;
        capacity >= QUEUE_MIN && capacity <= QUEUE_MAX && capacity.is_multiple_of(8)
    }
}

/// [`DisableReceive::form`]: with an IRP; the request ends when no call of the event is left.
pub const DISABLE_AND_WAIT: u32 = 0;
/// [`DisableReceive::form`]: without an IRP; the request does not wait, and tells whether calls are left.
pub const DISABLE_SOON: u32 = 1;

/// Input of [`IOCTL_WSKDRV_DISABLE_RECEIVE`](crate::IOCTL_WSKDRV_DISABLE_RECEIVE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DisableReceive {
    /// The time limit in milliseconds, or [`NO_TIMEOUT`](crate::NO_TIMEOUT).
    pub timeout_ms: u32,
    /// [`DISABLE_AND_WAIT`] or [`DISABLE_SOON`].
    pub form: u32,
}

/// Output of [`IOCTL_WSKDRV_DISABLE_RECEIVE`](crate::IOCTL_WSKDRV_DISABLE_RECEIVE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Disabled {
    /// 1 if WSK gave `STATUS_EVENT_PENDING`: calls of the event have not returned yet. Otherwise 0.
    pub pending: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = {
    assert!(size_of::<EnableReceive>() == 8);
    assert!(size_of::<DisableReceive>() == 8);
    assert!(size_of::<Disabled>() == 8);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_bounded() {
        let valid = |capacity| EnableReceive { capacity, reserved: 0 }.is_valid();
        assert!(valid(1024) && valid(1 << 20) && valid(2048 + 8));
        assert!(!valid(0) && !valid(1016) && !valid(1025) && !valid((1 << 20) + 8) && !valid(u32::MAX));
    }
}
