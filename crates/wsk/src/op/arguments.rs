//! What a WSK call points to until its IRP completes: addresses, option values, lengths.
#![expect(unsafe_code, reason = "the payload trait promises what WSK relies on")]

use core::ptr;

use wsk_sys::{SOCKADDR_IN6, SOCKADDR_INET, ULONG, WSK_BUF};

use crate::pool::Shared;
use crate::registration::Captured;
use crate::socket::Core;

/// The largest value of an option or IOCTL in bytes: `GROUP_SOURCE_REQ`.
pub const CONTROL_MAX: usize = 264;

/// A value of an option or IOCTL, aligned for any type that one may have.
#[repr(C, align(8))]
#[derive(Debug)]
pub(crate) struct Value(pub(crate) [u8; CONTROL_MAX]);

/// The arguments of one WSK call.
pub struct Arguments {
    pub(crate) address: SOCKADDR_INET,
    pub(crate) buffer: WSK_BUF,
    pub(crate) control_length: ULONG,
    pub(crate) control_flags: ULONG,
    pub(crate) input: Value,
    pub(crate) output: Value,
    /// The socket that `WskSocket` is to fill.
    pub(crate) socket: Option<Shared<Core>>,
    /// The provider whose `WskSocket` was called.
    pub(crate) provider: Option<Captured>,
}

impl core::fmt::Debug for Arguments {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Arguments").finish_non_exhaustive()
    }
}

impl Arguments {
    pub(crate) const fn new() -> Arguments {
        Arguments {
            address: SOCKADDR_INET {
                Ipv6: SOCKADDR_IN6 {
                    sin6_family: 0,
                    sin6_port: 0,
                    sin6_flowinfo: 0,
                    sin6_addr: [0; 16],
                    sin6_scope_id: 0,
                },
            },
            buffer: WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 0 },
            control_length: 0,
            control_flags: 0,
            input: Value([0; CONTROL_MAX]),
            output: Value([0; CONTROL_MAX]),
            socket: None,
            provider: None,
        }
    }
}

/// The data of a datagram: part of a chain of MDLs.
///
/// # Safety
/// While the value lives, `buffer` describes memory that is locked or non-paged, `Offset` lies in the first MDL,
/// `Offset` and `Length` together stay within the chain, and the data may be read and written by WSK while an
/// operation with this value is in flight.
pub unsafe trait Payload {
    /// The bytes to send, or the room for those to receive.
    fn buffer(&self) -> WSK_BUF;
}
