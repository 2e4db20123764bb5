//! A system whose sockets take one datagram with each call.

use std::net::SocketAddr;

use super::Socket;
use crate::bench::Error;

/// There is no limit that a process could raise.
pub(in crate::bench) const fn allow_many_sockets() {}

/// Sends a datagram several times with one call: not here.
pub(in crate::bench) struct Sender;

impl Sender {
    pub(in crate::bench) const NAME: Option<&'static str> = None;
    pub(in crate::bench) const DIVIDED: Option<&'static str> = None;

    pub(in crate::bench) const fn new(_: &Socket, _: &[u8], _: SocketAddr, _: usize) -> Sender {
        Sender
    }

    #[expect(clippy::unnecessary_wraps, reason = "others fail")]
    pub(in crate::bench) const fn send(&mut self) -> Result<(), Error> {
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "others fail")]
    pub(in crate::bench) const fn send_divided(&self, _: u16) -> Result<(), Error> {
        Ok(())
    }
}

/// Receives several datagrams with one call: not here.
pub(in crate::bench) struct Receiver;

impl Receiver {
    pub(in crate::bench) const NAME: Option<&'static str> = None;

    pub(in crate::bench) const fn new(_: &Socket, _: usize, _: usize) -> Receiver {
        Receiver
    }

    #[expect(clippy::unnecessary_wraps, reason = "others fail")]
    pub(in crate::bench) const fn receive(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
