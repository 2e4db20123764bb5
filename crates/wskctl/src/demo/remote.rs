//! `SIO_WSK_SET_REMOTE_ADDRESS`: who is heard before it is set, while it is set, and after it is cleared.

use std::net::UdpSocket;

use wsk_sys::STATUS_IO_TIMEOUT;

use super::{Demo, Failure, QUIET, STD, outsider};
use crate::error::Error;
use crate::family::Family;
use crate::session::Session;

pub(super) fn show(demo: &mut Demo<'_>, family: Family) -> Result<(), Failure> {
    let peer = match outsider(family) {
        Ok(socket) => socket,
        Err(error) if family == Family::V6 => {
            demo.skip("the same as on IPv4", format!("this machine has no IPv6 loopback address: {error}"));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let stranger = outsider(family)?;
    let (session, address) = demo.bound(family)?;
    let (peer_address, stranger_address) = (peer.local_addr()?, stranger.local_addr()?);

    stranger.send_to(b"stranger 1", address)?;
    peer.send_to(b"peer 1", address)?;
    let mut heard = hear(&session, 2)?;
    heard.sort();
    heard_are(
        demo,
        format!("before: {address} hears both the peer {peer_address} and the stranger {stranger_address}"),
        &heard,
        &["peer 1", "stranger 1"],
    );

    session.set_remote_address(Some(peer_address))?;
    stranger.send_to(b"stranger 2", address)?;
    peer.send_to(b"peer 2", address)?;
    let heard = hear(&session, 2)?;
    heard_are(
        demo,
        "after it is set to the peer: the stranger's datagram is dropped, the peer's arrives",
        &heard,
        &["peer 2"],
    );

    session.send(b"to whom it concerns", None)?;
    let (text, from) = take(&peer)?;
    demo.seen_by(
        "a datagram sent to no address in particular reaches the peer, from the socket's address",
        STD,
        text == "to whom it concerns" && from == Some(address),
        || format!("the peer got {text:?} from {from:?}"),
    );
    stranger.set_read_timeout(Some(QUIET))?;
    let (text, _) = take(&stranger)?;
    demo.seen_by("and not the stranger", STD, text.is_empty(), || format!("it got {text:?}"));

    session.set_remote_address(None)?;
    stranger.send_to(b"stranger 3", address)?;
    let heard = hear(&session, 2)?;
    heard_are(
        demo,
        "after it is cleared: the stranger is heard again, and what was dropped does not come back",
        &heard,
        &["stranger 3"],
    );
    session.close();
    Ok(())
}

/// That the driver's socket has heard this and nothing else.
fn heard_are(demo: &mut Demo<'_>, claim: impl Into<String>, heard: &[String], expected: &[&str]) {
    demo.seen_by(claim, STD, heard == expected, || format!("it heard {heard:?}"));
}

/// What a socket receives: waits for the first datagram, and then a short while for each further one, of which
/// there should be no more than `at_most`.
fn hear(session: &Session, at_most: usize) -> Result<Vec<String>, Error> {
    let mut heard = Vec::new();
    while heard.len() <= at_most {
        let patience = if heard.is_empty() { super::PATIENCE } else { QUIET };
        match session.within(patience).receive(64) {
            Ok(datagram) => heard.push(String::from_utf8_lossy(&datagram.data).into_owned()),
            Err(error) if error.status() == Some(STATUS_IO_TIMEOUT) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(heard)
}

/// What a socket outside the driver receives; nothing, if nothing comes in time.
fn take(socket: &UdpSocket) -> std::io::Result<(String, Option<std::net::SocketAddr>)> {
    let mut buffer = [0; 64];
    match socket.recv_from(&mut buffer) {
        Ok((length, from)) => Ok((String::from_utf8_lossy(&buffer[..length]).into_owned(), Some(from))),
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
        {
            Ok((String::new(), None))
        }
        Err(error) => Err(error),
    }
}
