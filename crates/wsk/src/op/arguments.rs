//! What a WSK call points to until its IRP completes: addresses, option values, lengths.
use core::ptr;

use wsk_sys::{SOCKADDR_IN6, SOCKADDR_INET, ULONG, WSK_BUF, WSK_BUF_LIST};

use crate::pool::Shared;
use crate::provider::Captured;
use crate::security::Flying;
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
    /// For several datagrams: the payload's own list.
    pub(crate) list: *mut WSK_BUF_LIST,
    /// For a receive: the room for control information, then how much there is.
    pub(crate) control_length: ULONG,
    pub(crate) control_flags: ULONG,
    /// What WSK reads: a value to set, or the control information of a send.
    pub(crate) input: Value,
    /// What WSK writes: a value that was got, or the control information of a receive.
    pub(crate) output: Value,
    /// The socket that `WskSocket` is to fill.
    pub(crate) socket: Option<Shared<Core>>,
    /// The provider whose `WskSocket` was called.
    pub(crate) provider: Option<Captured>,
    /// The security descriptor that the call sets or gets.
    pub(crate) security: Option<Flying>,
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
            list: ptr::null_mut(),
            control_length: 0,
            control_flags: 0,
            input: Value([0; CONTROL_MAX]),
            output: Value([0; CONTROL_MAX]),
            socket: None,
            provider: None,
            security: None,
        }
    }
}
