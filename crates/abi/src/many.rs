//! What user mode sends to send or receive several datagrams with one request.
//!
//! Both requests take one datagram as well: they are the ones that carry control information.
//!
//! ```text
//! SEND_MANY input     ┌──────────┬──────────────────┬──────────────────┬─────────────────────┐
//!                     │ SendMany │ length of each   │ socket address   │ control information │
//!                     └──────────┴─ count × u32 ────┴─ address_length ─┴─ control_length ────┘
//! SEND_MANY payload   ┌─────────┬─────────┬─────
//!                     │ first   │ second  │ …         as long as the lengths together
//!                     └─────────┴─────────┴─────
//! RECEIVE_MANY output ┌──────────┬─────────────────────┬─────────┬──────────┬─────
//!                     │ Received │ control information │ payload │ Received │ …      count slots
//!                     └─ 48 ─────┴─ control_room ──────┴─────────┴──────────┴─────
//!                     └─ slot ─────────────────────────────────┘
//! ```
//!
//! Control information is a sequence of messages as the page of `WSACMSGHDR` describes them, for 64-bit Windows: the
//! crate `wsk-cmsg` reads and builds it.

use core::mem::size_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::reply::Received;

/// The most datagrams that one request sends.
pub const SEND_MANY_MAX: usize = 64;

/// The most datagrams that one request receives.
pub const RECEIVE_MANY_MAX: usize = 16;

/// The most control information in one request, or in one slot, in bytes.
pub const CONTROL_INFO_MAX: usize = 256;

/// Input of [`IOCTL_WSKDRV_SEND_MANY`](crate::IOCTL_WSKDRV_SEND_MANY); after it come the lengths, the address and the
/// control information. The payloads are the *output* buffer, which they fill.
///
/// All datagrams go to one address with the same control information, by one call of `WskSendMessages`. If one of them
/// fails, the request does; those before it may have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SendMany {
    /// The time limit in milliseconds, or [`NO_TIMEOUT`](crate::NO_TIMEOUT).
    pub timeout_ms: u32,
    /// Zero: no flag is defined.
    pub flags: u32,
    /// How many datagrams: 1 to [`SEND_MANY_MAX`]. So many lengths follow, each a `u32`.
    pub count: u32,
    /// How many bytes of socket address follow the lengths: 16 or 28, or 0 for the address that the socket was fixed to.
    pub address_length: u32,
    /// How many bytes of control information follow the address: at most [`CONTROL_INFO_MAX`].
    pub control_length: u32,
    /// Zero.
    pub reserved: u32,
}

/// Input of [`IOCTL_WSKDRV_RECEIVE_MANY`](crate::IOCTL_WSKDRV_RECEIVE_MANY).
///
/// The output buffer is `count` slots of `slot` bytes. The request waits for the first datagram, and completes with those
/// that have come by then; none is lost. A slot that nothing came for has a head of zeros, and may lie between others.
/// `Information` is the size of all slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ReceiveMany {
    /// The time limit in milliseconds, or [`NO_TIMEOUT`](crate::NO_TIMEOUT).
    pub timeout_ms: u32,
    /// How many slots: 1 to [`RECEIVE_MANY_MAX`].
    pub count: u32,
    /// The size of a slot in bytes: a multiple of 8, with room for its head and control information at least.
    pub slot: u32,
    /// The room for control information in a slot, in bytes: a multiple of 8, at most [`CONTROL_INFO_MAX`]. What does not
    /// fit is cut off, and `MSG_CTRUNC` tells so.
    pub control_room: u32,
}

impl ReceiveMany {
    /// Where the payload begins in a slot.
    #[must_use]
    pub const fn payload(&self) -> usize {
        size_of::<Received>() + self.control_room as usize
    }

    /// The size of all slots; none if the request is not well formed.
    #[must_use]
    pub const fn size(&self) -> Option<usize> {
        let (count, slot, room) = (self.count as usize, self.slot as usize, self.control_room as usize);
        let whole = slot.is_multiple_of(8) && room.is_multiple_of(8);
        let counted = count != 0 && count <= RECEIVE_MANY_MAX;
        if !whole || !counted || room > CONTROL_INFO_MAX || slot < self.payload() {
            return None;
        }
        slot.checked_mul(count)
    }
}

const _: () = {
    assert!(size_of::<SendMany>() == 24);
    assert!(core::mem::offset_of!(SendMany, address_length) == 12);
    assert!(size_of::<ReceiveMany>() == 16);
    assert!(core::mem::offset_of!(ReceiveMany, control_room) == 12);
};

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: ReceiveMany = ReceiveMany { timeout_ms: 0, count: 3, slot: 104, control_room: 40 };

    #[test]
    fn slots_have_a_size_if_they_are_well_formed() {
        assert_eq!((GOOD.payload(), GOOD.size()), (88, Some(312)));
        assert_eq!(ReceiveMany { slot: 88, ..GOOD }.size(), Some(264), "slots without payload");
        assert_eq!(ReceiveMany { count: 16, control_room: 256, slot: 304, ..GOOD }.size(), Some(16 * 304));
        for bad in [
            ReceiveMany { count: 0, ..GOOD },
            ReceiveMany { count: 17, ..GOOD },
            ReceiveMany { slot: 80, ..GOOD },
            ReceiveMany { slot: 103, ..GOOD },
            ReceiveMany { control_room: 41, ..GOOD },
            ReceiveMany { control_room: 264, slot: 1000, ..GOOD },
            ReceiveMany { control_room: u32::MAX - 7, ..GOOD },
        ] {
            assert_eq!(bad.size(), None, "{bad:?}");
        }
    }
}
