//! Several datagrams with one call of Linux.

use core::net::SocketAddr;
use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use socket2::SockAddr;

/// Sends datagrams to an address, up to the first that cannot be sent; returns how many were, one at least. Why one was not,
/// who tries it again is told.
///
/// # Errors
/// What Linux says of the first.
pub(super) fn send(socket: &UdpSocket, datagrams: &[&[u8]], to: SocketAddr) -> io::Result<usize> {
    let to = SockAddr::from(to);
    let mut parts: Vec<IoSlice<'_>> = datagrams.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let message = |part: &mut IoSlice<'_>| {
        // SAFETY: numbers and pointers, which may be zero; some systems' have fields of padding, which must be.
        let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
        message.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
        message.msg_hdr.msg_namelen = to.len();
        // It is an iovec, by its documentation.
        message.msg_hdr.msg_iov = (&raw mut *part).cast();
        message.msg_hdr.msg_iovlen = 1;
        message
    };
    let mut messages: Vec<libc::mmsghdr> = parts.iter_mut().map(message).collect();
    // It takes a thousand or so, and says how many it took.
    let count = messages.len().try_into().unwrap_or(libc::c_uint::MAX);
    // SAFETY: so many messages, of one part each; address, parts and data live until the call returns, which writes to the
    // messages only.
    let sent =
        unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, libc::MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
