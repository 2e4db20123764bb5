//! What came of a step, for people and as data.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

use super::{Arrived, Changing, Transport};
use crate::family::Family;
use crate::rows::Value;

/// What came of a step that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    /// A socket was created.
    Create {
        /// Its family.
        family: Family,
    },
    /// It was bound.
    Bind {
        /// Where: the address asked for, with the port that it got.
        address: SocketAddr,
    },
    /// Its local address.
    Local {
        /// The address.
        address: SocketAddr,
    },
    /// An option was read.
    Get {
        /// Its name.
        option: &'static str,
        /// Its value.
        value: Value,
    },
    /// An option was set.
    Set {
        /// Its name.
        option: &'static str,
        /// The value given.
        value: Value,
    },
    /// An IOCTL was carried out.
    Ioctl {
        /// Its name.
        ioctl: &'static str,
        /// The address it was given; none cleared it.
        address: Option<SocketAddr>,
    },
    /// An IOCTL was carried out that gives something.
    Query {
        /// Its name.
        ioctl: &'static str,
        /// What it gave.
        value: Value,
    },
    /// A datagram was sent.
    Send {
        /// How many bytes.
        bytes: usize,
        /// To whom; none is the fixed address.
        to: Option<SocketAddr>,
    },
    /// A datagram was received.
    Receive {
        /// From whom.
        from: SocketAddr,
        /// `MSG_TRUNC`, `MSG_BCAST`, `MSG_MCAST`.
        flags: u32,
        /// Its payload, as text.
        text: String,
        /// Its payload, in hexadecimal.
        hex: String,
    },
    /// Datagrams were sent with one request.
    SendMany {
        /// How many.
        datagrams: usize,
        /// How many bytes, over all of them.
        bytes: usize,
        /// To whom; none is the fixed address.
        to: Option<SocketAddr>,
    },
    /// Datagrams were received with one request.
    ReceiveMany {
        /// The datagrams.
        datagrams: Vec<Arrived>,
    },
    /// The receive event was enabled.
    Enable {
        /// The memory of the queue in bytes.
        capacity: u32,
    },
    /// It was disabled.
    Disable {
        /// `STATUS_EVENT_PENDING`: something may still come.
        pending: bool,
    },
    /// Datagrams were taken out of the queue.
    Drain {
        /// The datagrams, the oldest first.
        datagrams: Vec<Arrived>,
        /// How many were dropped since the event was enabled.
        dropped: u64,
    },
    /// The transports were asked for.
    Transports {
        /// Those that there are.
        transports: Vec<Transport>,
    },
    /// There was a change.
    Wait {
        /// Of what.
        changed: Changing,
    },
    /// Addresses were sorted.
    Sort {
        /// The best first.
        addresses: Vec<SocketAddr>,
    },
    /// The security descriptor was set.
    SetSecurity {
        /// As it was given.
        security: String,
    },
    /// The security descriptor was read.
    Security {
        /// In the security descriptor definition language.
        security: String,
    },
    /// Time passed.
    Sleep {
        /// How much, in milliseconds.
        ms: u128,
    },
    /// A step ended as expected.
    Expect {
        /// The status, by name.
        status: String,
    },
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { family } => write!(f, "created a datagram socket, {family}"),
            Self::Bind { address } => write!(f, "bound to {address}"),
            Self::Local { address } => write!(f, "local address {address}"),
            Self::Get { option, value } => write!(f, "{option} is {value}"),
            Self::Set { option, value } => write!(f, "{option} set to {value}"),
            Self::Ioctl { ioctl, address: Some(address) } => write!(f, "{ioctl} set to {address}"),
            Self::Ioctl { ioctl, address: None } => write!(f, "{ioctl} cleared"),
            Self::Query { ioctl, value } => write!(f, "{ioctl} gives {value}"),
            Self::Send { bytes, to: Some(to) } => write!(f, "sent {bytes} bytes to {to}"),
            Self::Send { bytes, to: None } => write!(f, "sent {bytes} bytes to the fixed address"),
            Self::Receive { from, text, hex, .. } => {
                write!(f, "received {} bytes from {from}: {text}", hex.len() / 2)
            }
            Self::SendMany { datagrams, bytes, to } => {
                let to = to.map_or_else(|| "the fixed address".to_owned(), |to| to.to_string());
                write!(f, "sent {datagrams} datagrams, {bytes} bytes, to {to}")
            }
            Self::ReceiveMany { datagrams } => {
                let all: Vec<String> = datagrams.iter().map(ToString::to_string).collect();
                write!(f, "received {} datagrams: {}", datagrams.len(), all.join("; "))
            }
            Self::Enable { capacity } => write!(f, "datagrams go to a queue of {capacity} bytes"),
            Self::Disable { pending: false } => write!(f, "no datagrams go to the queue any more"),
            Self::Disable { pending: true } => {
                write!(f, "no more datagrams go to the queue but those on their way")
            }
            Self::Drain { datagrams, dropped } => {
                let all: Vec<String> = datagrams.iter().map(ToString::to_string).collect();
                write!(f, "drained {} datagrams: {}", datagrams.len(), all.join("; "))?;
                write!(f, " ({dropped} dropped since the queue was enabled)")
            }
            Self::Transports { transports } => {
                let all: Vec<String> = transports.iter().map(ToString::to_string).collect();
                write!(f, "transports: {}", all.join(", "))
            }
            Self::Wait { changed } => write!(f, "the {changed} have changed"),
            Self::Sort { addresses } => {
                let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                write!(f, "sorted: {}", all.join(" "))
            }
            Self::SetSecurity { security } => write!(f, "security descriptor set to {security}"),
            Self::Security { security } => write!(f, "security descriptor {security}"),
            Self::Sleep { ms } => write!(f, "slept {ms} ms"),
            Self::Expect { status } => write!(f, "refused with {status}, as expected"),
        }
    }
}
