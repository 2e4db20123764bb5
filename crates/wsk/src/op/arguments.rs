//! What a WSK call points to until its IRP completes: addresses, option values, lengths.
use core::ptr;

use wsk_sys::{
    MSG_TRUNC, NTSTATUS, SOCKADDR_IN6, SOCKADDR_INET, STATUS_BUFFER_OVERFLOW, STATUS_SUCCESS, ULONG, WSK_BUF,
    WSK_BUF_LIST,
};

use crate::call::Call;
use crate::error::{Error, Result, check};
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

/// What a flight that succeeded has left in the arguments, for the owner to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Yield {
    /// Nothing. What is in the arguments is of an earlier flight, or of none.
    Nothing,
    /// An address.
    Address,
    /// The address, the flags and the control information of a datagram.
    Datagram,
    /// A value.
    Value,
}

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
    yields: Yield,
    /// The most that `IoStatus.Information` can tell: how many bytes there are to send, or how much room there is.
    limit: usize,
    /// How much room there is for control information.
    control_room: ULONG,
    /// How much of the input WSK reads.
    input_length: usize,
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
            buffer: NO_BUFFER,
            list: ptr::null_mut(),
            control_length: 0,
            control_flags: 0,
            input: Value([0; CONTROL_MAX]),
            output: Value([0; CONTROL_MAX]),
            socket: None,
            provider: None,
            security: None,
            yields: Yield::Nothing,
            limit: 0,
            control_room: 0,
            input_length: 0,
        }
    }

    /// Notes what a flight that is about to begin can yield. What an earlier one did is forgotten.
    pub(crate) fn begin(&mut self, call: &Call) {
        (self.yields, self.limit) = call.yields(self);
        self.input_length = call.input_length();
        self.control_room = 0;
        if self.yields == Yield::Datagram {
            self.control_room = self.control_length;
            // Should the provider write less than it says, that is not of an earlier flight.
            wipe(&mut self.output, self.control_length as usize);
        }
    }

    /// Ends the flight that ended with this status and `Information`, and keeps none of the pointers that WSK was given.
    ///
    /// What a provider says of lengths is not relied on. A datagram that did not fit may be completed with the warning
    /// `STATUS_BUFFER_OVERFLOW`, as AFD completes it in user mode: what fits is there, so it is a success.
    ///
    /// # Errors
    /// The status; [`INFO_LENGTH_MISMATCH`](Error::INFO_LENGTH_MISMATCH): a value longer than the room for it.
    pub(crate) fn end(&mut self, mut status: NTSTATUS, information: usize) -> Result<usize> {
        if self.yields == Yield::Datagram {
            self.control_length = self.control_length.min(self.control_room);
            if status == STATUS_BUFFER_OVERFLOW {
                status = STATUS_SUCCESS;
                self.control_flags |= MSG_TRUNC;
            }
        }
        (self.buffer, self.list) = (NO_BUFFER, ptr::null_mut());
        wipe(&mut self.input, self.input_length);
        let mut result = check(status).map(|()| information.min(self.limit));
        if self.yields == Yield::Value && result.is_ok() && information > self.limit {
            result = Err(Error::INFO_LENGTH_MISMATCH);
        }
        if result.is_err() {
            self.yields = Yield::Nothing;
        }
        result
    }

    /// What the flight that has ended has yielded.
    pub(crate) const fn yielded(&self) -> Yield {
        self.yields
    }
}

/// Wipes the beginning of a value.
fn wipe(value: &mut Value, length: usize) {
    value.0.iter_mut().take(length).for_each(|byte| *byte = 0);
}

/// No data. WSK's page of `WSK_BUF` allows null for a length of zero.
const NO_BUFFER: WSK_BUF = WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 0 };
