//! The steps of the receive event: enabling, disabling, and draining what it has brought.

use std::net::SocketAddr;

use serde::Serialize;

use super::{Done, Failure, MAX_DATAGRAM, hex};
use crate::session::{Message, Session};

/// The room for what one drain brings: the largest datagram, and more than a few small ones.
const ROOM: usize = 2 * MAX_DATAGRAM;

/// A datagram that was drained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drained {
    /// From whom.
    pub from: SocketAddr,
    /// `MSG_TRUNC`, `MSG_BCAST`, `MSG_MCAST`.
    pub flags: u32,
    /// Its payload, as text.
    pub text: String,
    /// Its payload, in hexadecimal.
    pub hex: String,
}

impl From<Message> for Drained {
    fn from(message: Message) -> Self {
        let text = message.data.escape_ascii().to_string();
        Self { from: message.from, flags: message.flags, text, hex: hex(&message.data) }
    }
}

pub(super) fn enable(session: &Session, capacity: u32) -> Result<Done, Failure> {
    session.enable_receive(capacity)?;
    Ok(Done::Enable { capacity })
}

pub(super) fn disable(session: &Session, wait: bool) -> Result<Done, Failure> {
    let pending = if wait {
        session.disable_receive()?;
        false
    } else {
        session.disable_receive_soon()?
    };
    Ok(Done::Disable { pending })
}

/// Drains once; or, if datagrams are given, until as many have come, which must be these.
pub(super) fn drain(session: &Session, expected: &[Vec<u8>]) -> Result<Done, Failure> {
    let mut drain = session.drain(ROOM)?;
    while drain.messages.len() < expected.len() {
        let more = session.drain(ROOM)?;
        drain.dropped = more.dropped;
        drain.messages.extend(more.messages);
    }
    let found: Vec<&[u8]> = drain.messages.iter().map(|message| &message.data[..]).collect();
    if !expected.is_empty() && found != expected {
        let list = |all: &[&[u8]]| {
            all.iter().map(|data| data.escape_ascii().to_string()).collect::<Vec<_>>().join(", ")
        };
        let expected: Vec<&[u8]> = expected.iter().map(Vec::as_slice).collect();
        return Err(Failure::Unexpected {
            expected: format!("the datagrams {}", list(&expected)),
            found: format!("{} came", list(&found)),
        });
    }
    let datagrams = drain.messages.into_iter().map(Drained::from).collect();
    Ok(Done::Drain { datagrams, dropped: drain.dropped })
}
