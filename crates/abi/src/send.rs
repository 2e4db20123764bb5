//! What user mode sends with [`IOCTL_WSKDRV_SEND`](crate::IOCTL_WSKDRV_SEND): one datagram or several to one address.
//!
//! ```text
//! input    ┌──────┬──────────────────┬──────────────────┬─────────────────────┐
//!          │ Send │ length of each   │ socket address   │ control information │
//!          └─ 24 ─┴─ count × u32 ────┴─ address_length ─┴─ control_length ────┘
//! output   ┌─────────┬─────────┬─────
//!          │ first   │ second  │ …         the payloads: as long as the lengths together
//!          └─────────┴─────────┴─────
//! ```
//!
//! Control information is a sequence of messages as the page of `WSACMSGHDR` describes them, for 64-bit Windows: the
//! crate `wsk-cmsg` reads and builds it.

use core::mem::{offset_of, size_of};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The most datagrams that one request sends.
pub const SEND_MAX: usize = 64;

/// The most control information that a request sends, or has room for with each datagram that it receives, in bytes.
pub const CONTROL_INFO_MAX: usize = 256;

/// Input of [`IOCTL_WSKDRV_SEND`](crate::IOCTL_WSKDRV_SEND); after it come the lengths, the address and the control
/// information. The payloads are the *output* buffer, which they fill.
///
/// All datagrams go to one address with the same control information, by one call of WSK: `WskSendTo` for one,
/// `WskSendMessages` for more. If one of them fails, the request does, and those before it may have been sent; or it succeeds, and
/// `Information` is the bytes of those before it. Which, WSK leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Send {
    /// The time limit in milliseconds, or [`NO_TIMEOUT`](crate::NO_TIMEOUT).
    pub timeout_ms: u32,
    /// Zero: no flag is defined.
    pub flags: u32,
    /// How many datagrams: 1 to [`SEND_MAX`]. So many lengths follow, each a `u32`.
    pub count: u32,
    /// How many bytes of socket address follow the lengths: 16 or 28, or 0 for the address that the socket was fixed to. With 0 and
    /// none fixed, WSK refuses the request with a status that its pages leave open.
    pub address_length: u32,
    /// How many bytes of control information follow the address: at most [`CONTROL_INFO_MAX`].
    pub control_length: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = {
    assert!(size_of::<Send>() == 24);
    assert!(offset_of!(Send, address_length) == 12);
};
