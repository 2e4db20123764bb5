//! Control information of Windows sockets, read and written byte by byte.
//!
//! Beside a datagram's data, WSK hands over *control information*: a buffer of messages, each a header
//! (`WSACMSGHDR`, in the kernel `CMSGHDR`) and its data. A message tells where a datagram came in, with which TTL, in
//! how many segments; or, on the way out, says how to send.
//!
//! ```text
//!  0            8        12       16                    up to a multiple of 8
//! ┌────────────┬────────┬────────┬─────────────────────┬─────────┬──────────
//! │ length u64 │ level  │ type   │ length - 16 bytes   │ padding │ next …
//! └────────────┴────────┴────────┴─────────────────────┴─────────┴──────────
//! ```
//!
//! This is the layout of 64-bit Windows, whatever machine this crate runs on; numbers are in the machine's byte order.
//! [`Messages`] reads it and trusts nothing in it: a length that cannot be, data of the wrong size, bytes left over are
//! errors that say what and where ([`Malformed`]). [`Control`] builds it in place, aligned as WSK wants it.
//!
//! ```
//! use wsk_cmsg::{Control, Message};
//!
//! let mut control = Control::<64>::new();
//! control.push(&Message::TypeOfService(0xB8))?;
//! control.push(&Message::SendMessageSize(1200))?;
//! let read: Result<Vec<_>, _> = control.messages().map(|message| message?.decode()).collect();
//! assert_eq!(read?, [Message::TypeOfService(0xB8), Message::SendMessageSize(1200)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: the page of `WSACMSGHDR`; the macros `WSA_CMSG_LEN`, `WSA_CMSG_SPACE` and `WSA_CMSG_NXTHDR` of `ws2def.h`.
#![no_std]
#![forbid(unsafe_code)]

mod control;
mod error;
pub mod kind;
mod message;
mod parse;

pub use control::{Control, Full};
pub use error::{Fault, Malformed};
pub use message::{Message, ReceiveError};
pub use parse::{Messages, Raw, check};

/// Messages begin at multiples of this many bytes (`MAX_NATURAL_ALIGNMENT` of 64-bit Windows).
pub const ALIGNMENT: usize = 8;

/// The bytes of a message before its data.
pub const HEADER: usize = 16;

/// What a message with so many bytes of data says its length is.
#[doc(alias = "WSA_CMSG_LEN")]
#[must_use]
pub const fn length(data: usize) -> usize {
    HEADER.saturating_add(data)
}

/// The bytes that a message with so much data takes, padding included.
#[doc(alias = "WSA_CMSG_SPACE")]
#[must_use]
pub const fn space(data: usize) -> usize {
    aligned(length(data))
}

/// The next multiple of [`ALIGNMENT`].
const fn aligned(length: usize) -> usize {
    length.saturating_add(ALIGNMENT - 1) & !(ALIGNMENT - 1)
}

#[cfg(test)]
mod tests {
    use super::{length, space};

    #[test]
    fn lengths_are_those_of_the_macros() {
        for (data, len, room) in
            [(0, 16, 16), (1, 17, 24), (4, 20, 24), (8, 24, 24), (12, 28, 32), (20, 36, 40)]
        {
            assert_eq!((length(data), space(data)), (len, room), "{data} bytes");
        }
    }

    #[test]
    fn no_length_overflows() {
        assert_eq!(length(usize::MAX), usize::MAX);
        assert!(space(usize::MAX) > usize::MAX - 8);
    }
}
