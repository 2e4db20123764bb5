//! What a process asks, as bytes.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use nt::{Error, Result, dispatch_drop};
use wdf::Request;

use crate::{DATAGRAM_MAX, Prober};

/// Any local address, and a port that the stack chooses.
pub(crate) const ANY: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Whom to ask, how often, and how long to wait each time. The query follows its [`SIZE`](Question::SIZE) bytes.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    to: SocketAddr,
    attempts: u16,
    limit: Duration,
}

dispatch_drop!(Question { to, attempts, limit });

impl Question {
    /// The size of a question: address, port, attempts, milliseconds, in the order of the wire.
    pub const SIZE: usize = 12;

    /// A question. There is at least one attempt.
    #[must_use]
    pub fn new(to: (Ipv4Addr, u16), attempts: u16, limit: Duration) -> Question {
        Question { to: to.into(), attempts, limit }
    }

    /// The bytes of the question, for the process that asks.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Question::SIZE] {
        let SocketAddr::V4(to) = self.to else { unreachable!("made of an IPv4 address") };
        let milliseconds = u32::try_from(self.limit.as_millis()).unwrap_or(u32::MAX);
        let mut bytes = [0; Question::SIZE];
        bytes[..4].copy_from_slice(&to.ip().octets());
        bytes[4..6].copy_from_slice(&to.port().to_be_bytes());
        bytes[6..8].copy_from_slice(&self.attempts.to_be_bytes());
        bytes[8..].copy_from_slice(&milliseconds.to_be_bytes());
        bytes
    }

    /// The question of a request.
    pub(crate) fn of(request: &Request<Prober>) -> Result<Question> {
        let input = request.input()?;
        let Some((&[a, b, c, d, p, q, m, n, r, s, t, u], query)) = input.split_first_chunk() else {
            return Err(Error::INVALID_PARAMETER);
        };
        let (port, attempts) = (u16::from_be_bytes([p, q]), u16::from_be_bytes([m, n]));
        if port == 0 || attempts == 0 || query.len() > DATAGRAM_MAX {
            return Err(Error::INVALID_PARAMETER);
        }
        let limit = Duration::from_millis(u32::from_be_bytes([r, s, t, u]).into());
        Ok(Question::new((Ipv4Addr::new(a, b, c, d), port), attempts, limit))
    }

    /// The query that follows a question.
    pub(crate) fn query(input: &[u8]) -> &[u8] {
        input.get(Question::SIZE..).unwrap_or_default()
    }

    pub(crate) const fn to(&self) -> SocketAddr {
        self.to
    }

    pub(crate) const fn limit(&self) -> Duration {
        self.limit
    }

    /// Counts an attempt that got no answer, and tells whether there is another.
    pub(crate) const fn try_again(&mut self) -> bool {
        self.attempts -= 1;
        self.attempts > 0
    }
}
