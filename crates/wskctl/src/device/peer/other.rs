//! On other systems no portable function does what the tests need of a socket here.

use std::io::{self, ErrorKind};
use std::net::UdpSocket;

use super::Arrived;

#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
pub(super) fn watch(_: &UdpSocket) -> io::Result<()> {
    Ok(())
}

pub(super) fn mark(_: &UdpSocket, _: u8, _: u8) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

pub(super) fn receive(_: &UdpSocket) -> io::Result<Arrived> {
    Err(ErrorKind::Unsupported.into())
}
