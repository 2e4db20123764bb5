//! Other hosts do what portable functions can do: control information is refused, and nothing is told of datagrams but
//! by Winsock.

#[cfg(windows)]
mod winsock;

use core::net::{IpAddr, SocketAddr};
use std::io;

use mio::net::UdpSocket;
use socket2::SockRef;
use wsk_requests::Row;
use wsk_sys::ULONG;

use crate::net::control_info::Overrides;
#[cfg(not(windows))]
use crate::net::inbox::{Datagram, Header};
use crate::net::option::Values;

#[cfg(windows)]
pub(super) use winsock::{Reader, prepare};

/// Where nothing is told with a datagram but its sender the filter cannot do anything.
pub(super) const TELLS: bool = false;

/// How often a send that fails is tried again.
pub(super) const ECHOES: u32 = 0;

/// Winsock's `WSAEMSGSIZE`.
const TOO_LONG: i32 = 10040;

/// The buffer that datagrams are received in.
#[cfg(not(windows))]
#[derive(Debug)]
pub(crate) struct Reader(Vec<u8>);

#[cfg(not(windows))]
impl Reader {
    pub(crate) fn new() -> Reader {
        Reader(vec![0; 0x1_0000])
    }

    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<Datagram> {
        let (length, from) = socket.recv_from(&mut self.0)?;
        let bytes = self.0[..length].to_vec();
        Ok(Datagram { from, broadcast: false, bytes, header: Header::default() })
    }

    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(crate) fn error(&mut self, _: &UdpSocket) -> io::Result<Option<Datagram>> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// Sends the first of some datagrams, and returns how many that were.
pub(crate) fn send(
    socket: &UdpSocket,
    _: SocketAddr,
    datagrams: &[&[u8]],
    to: SocketAddr,
    overrides: &Overrides,
) -> io::Result<usize> {
    if overrides.concern_the_network() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let Some(first) = datagrams.first() else { return Ok(0) };
    socket.send_to(first, to).map(|_| 1)
}

#[cfg(not(windows))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
pub(super) fn prepare(_: &SockRef<'_>, _: bool, _: &Values) -> io::Result<()> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
pub(super) fn apply(_: &SockRef<'_>, _: &Row, _: &Values) -> io::Result<()> {
    Ok(())
}

pub(super) fn mtu(_: IpAddr) -> io::Result<ULONG> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn is_too_long(error: &io::Error) -> bool {
    cfg!(windows) && error.raw_os_error() == Some(TOO_LONG)
}
