//! `SIO_WSK_SET_REMOTE_ADDRESS`: who is heard before it is set, while it is set, and after it is cleared.

use std::net::UdpSocket;

use wsk_sys::STATUS_IO_TIMEOUT;

use super::{QUIET, STD, Stage, Trouble, outsider};
use crate::error::Error;
use crate::family::Family;
use crate::session::Session;

pub(super) fn show(stage: &mut Stage<'_>, family: Family) -> Result<(), Trouble> {
    let peer = match outsider(family) {
        Ok(socket) => socket,
        Err(error) if family == Family::V6 => {
            stage.skip("the same as on IPv4", format!("this machine has no IPv6 loopback address: {error}"));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let stranger = outsider(family)?;
    let (session, address) = stage.bound(family)?;
    let (peer_address, stranger_address) = (peer.local_addr()?, stranger.local_addr()?);

    stranger.send_to(b"stranger 1", address)?;
    peer.send_to(b"peer 1", address)?;
    let mut heard = hear(&session, 2)?;
    heard.sort();
    stage.witness(
        format!("before: {address} hears both the peer {peer_address} and the stranger {stranger_address}"),
        STD,
        heard == ["peer 1", "stranger 1"],
        || format!("it heard {heard:?}"),
    );

    session.set_remote_address(Some(peer_address))?;
    stranger.send_to(b"stranger 2", address)?;
    peer.send_to(b"peer 2", address)?;
    let heard = hear(&session, 2)?;
    stage.witness(
        "after it is set to the peer: the stranger's datagram is dropped, the peer's arrives",
        STD,
        heard == ["peer 2"],
        || format!("it heard {heard:?}"),
    );

    session.send(b"to whom it concerns", None)?;
    let (text, from) = take(&peer)?;
    stage.witness(
        "a datagram sent to no address in particular reaches the peer, from the socket's address",
        STD,
        text == "to whom it concerns" && from == Some(address),
        || format!("the peer got {text:?} from {from:?}"),
    );
    stranger.set_read_timeout(Some(QUIET))?;
    let (text, _) = take(&stranger)?;
    stage.witness("and not the stranger", STD, text.is_empty(), || format!("it got {text:?}"));

    session.set_remote_address(None)?;
    stranger.send_to(b"stranger 3", address)?;
    let heard = hear(&session, 2)?;
    stage.witness(
        "after it is cleared: the stranger is heard again, and what was dropped does not come back",
        STD,
        heard == ["stranger 3"],
        || format!("it heard {heard:?}"),
    );
    session.close();
    Ok(())
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
