//! What can be under way when a process ends: one table, for the tests and for the process that they kill.
//!
//! Some requests wait until something comes from outside, and so stay pending as long as one likes. Others end by
//! themselves; of those, one is under way at nearly any moment if they are sent again and again.

use std::fmt;
use std::net::SocketAddr;

use wskdrv_abi as abi;

use crate::device::Pending;
use crate::error::Error;
use crate::session::{Room, Session};

/// Room for a datagram that does not come.
const CAPACITY: usize = 16;
/// The same for several.
const ROOM: Room = Room { datagrams: 4, payload: 32, control: 0 };
/// The memory of a queue.
pub(super) const QUEUE: u32 = 1 << 16;

/// A kind of request that a process can have under way when it ends.
pub struct Kind {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its control code.
    pub code: u32,
    /// How it is kept under way.
    pub(super) way: Way,
}

/// How requests of a kind are kept under way.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// They wait. Of each handle at most so many can.
    Waits(fn(&Session) -> Pending, usize),
    /// A thread makes them one after the other, to this address.
    Repeats(fn(&Session, SocketAddr) -> Result<usize, Error>),
}

/// A receive of one datagram.
pub(super) static RECEIVE: Kind = Kind {
    name: "receive",
    code: abi::IOCTL_WSKDRV_RECEIVE,
    way: Way::Waits(|session| session.begin_receive(CAPACITY).into_pending(), usize::MAX),
};

/// A receive of several.
pub(super) static RECEIVE_MANY: Kind = Kind {
    name: "receive-many",
    code: abi::IOCTL_WSKDRV_RECEIVE,
    way: Way::Waits(|session| session.begin_receive_many(ROOM).into_pending(), usize::MAX),
};

/// A drain of a queue that is empty.
pub(super) static DRAIN: Kind = Kind {
    name: "drain",
    code: abi::IOCTL_WSKDRV_DRAIN,
    way: Way::Waits(|session| session.begin_drain(4096).into_pending(), usize::MAX),
};

/// A wait for a change of the local addresses.
pub(super) static ADDRESS_CHANGE: Kind = Kind {
    name: "address-change",
    code: abi::IOCTL_WSKDRV_IOCTL,
    way: Way::Waits(|session| session.begin_address_change().into_pending(), usize::MAX),
};

/// A wait for a change of the transports, of which a handle can have one.
pub(super) static TRANSPORT_CHANGE: Kind = Kind {
    name: "transport-change",
    code: abi::IOCTL_WSKDRV_TRANSPORT_CHANGE,
    way: Way::Waits(|session| session.begin_transport_change().into_pending(), 1),
};

/// Sends of one datagram.
pub(super) static SEND: Kind = Kind {
    name: "send",
    code: abi::IOCTL_WSKDRV_SEND,
    way: Way::Repeats(|session, to| session.send(b"x", Some(to))),
};

/// Sends of several.
pub(super) static SEND_MANY: Kind = Kind {
    name: "send-many",
    code: abi::IOCTL_WSKDRV_SEND,
    way: Way::Repeats(|session, to| session.send_many(&["one", "", "three"], Some(to), &[])),
};

/// Every kind.
pub const KINDS: &[&Kind] =
    &[&RECEIVE, &RECEIVE_MANY, &DRAIN, &ADDRESS_CHANGE, &TRANSPORT_CHANGE, &SEND, &SEND_MANY];

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Kind {
    /// The kind of this name.
    ///
    /// # Errors
    ///
    /// A sentence with all names.
    pub fn named(name: &str) -> Result<&'static Kind, String> {
        KINDS.iter().copied().find(|kind| kind.name == name).ok_or_else(|| {
            let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
            format!("{name} is no kind of request; the kinds are {}", names.join(", "))
        })
    }

    /// Whether its requests wait until something comes from outside.
    #[must_use]
    pub const fn waits(&self) -> bool {
        matches!(self.way, Way::Waits(..))
    }

    /// Whether it is the same row.
    pub(super) fn is(&self, other: &Kind) -> bool {
        self.name == other.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_names() {
        for kind in KINDS {
            assert!(Kind::named(kind.name).unwrap().is(kind), "{kind:?}");
        }
        let error = Kind::named("receives").unwrap_err();
        assert!(error.contains("receive, receive-many, drain, address-change,"), "{error}");
    }
}
