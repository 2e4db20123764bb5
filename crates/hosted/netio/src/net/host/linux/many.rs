//! Several datagrams with one call of Linux.

use core::net::SocketAddr;
use std::io::{self, IoSlice};
use std::mem;
use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use socket2::SockAddr;

/// How many datagrams go down as one, at most, and how many bytes they have together: what Linux takes.
const SEGMENTS: usize = 64;
const TOGETHER: usize = 65_507;

/// Sends datagrams to an address, up to the first that cannot be sent; returns how many were, one at least. Why one was not,
/// who tries it again is told.
///
/// # Errors
/// What Linux says of the first.
pub(super) fn send(socket: &UdpSocket, datagrams: &[&[u8]], to: SocketAddr) -> io::Result<usize> {
    let alike = alike(datagrams);
    if alike > 1 && !to.ip().is_multicast() {
        match segmented(socket, &datagrams[..alike], to) {
            Ok(()) => return Ok(alike),
            // Longer than a packet may be, or what this route or socket cannot do: one by one then.
            Err(Errno::EINVAL | Errno::EMSGSIZE | Errno::EIO | Errno::EOPNOTSUPP | Errno::ENOPROTOOPT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    one_by_one(socket, datagrams, to)
}

/// How many of the first datagrams are as long as the first, but for the last of them, which may be shorter.
fn alike(datagrams: &[&[u8]]) -> usize {
    let size = datagrams.first().map_or(0, |first| first.len());
    if size == 0 {
        return 0;
    }
    let most = SEGMENTS.min(TOGETHER / size);
    let equal = datagrams.iter().take(most).take_while(|bytes| bytes.len() == size).count();
    let shorter = datagrams.get(equal).is_some_and(|bytes| (1..size).contains(&bytes.len()));
    equal + usize::from(shorter && equal < most)
}

/// Sends datagrams, all or none, as one that Linux divides (`UDP_SEGMENT`).
fn segmented(socket: &UdpSocket, datagrams: &[&[u8]], to: SocketAddr) -> nix::Result<()> {
    let size = datagrams.first().and_then(|first| u16::try_from(first.len()).ok()).ok_or(Errno::EINVAL)?;
    let parts: Vec<IoSlice<'_>> = datagrams.iter().map(|bytes| IoSlice::new(bytes)).collect();
    let (to, control) = (SockaddrStorage::from(to), [ControlMessage::UdpGsoSegments(&size)]);
    sendmsg(socket.as_raw_fd(), &parts, &control, MsgFlags::MSG_NOSIGNAL, Some(&to)).map(drop)
}

/// Sends datagrams with one call, each as its own.
fn one_by_one(socket: &UdpSocket, datagrams: &[&[u8]], to: SocketAddr) -> io::Result<usize> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_of_one_size_go_together_and_a_shorter_one_ends_them() {
        for (lengths, expected) in [
            (&[][..], 0),
            (&[0, 0], 0),
            (&[5], 1),
            (&[5, 5, 5], 3),
            (&[5, 5, 3, 5], 3),
            (&[5, 5, 0, 5], 2),
            (&[5, 5, 6], 2),
            (&[5, 3, 3], 2),
            (&[1200; 64], 54),
            (&[1; 65], 64),
            (&[40_000, 40_000], 1),
        ] {
            let data: Vec<Vec<u8>> = lengths.iter().map(|length| vec![7; *length]).collect();
            let data: Vec<&[u8]> = data.iter().map(AsRef::as_ref).collect();
            assert_eq!(alike(&data), expected, "{lengths:?}");
        }
    }
}
