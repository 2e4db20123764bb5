//! `SO_EXCLUSIVEADDRUSE`: what it refuses, and that the same is allowed without it.
//!
//! The statuses are those of the table in "Sharing Transport Addresses": a second socket with `SO_REUSEADDR` may
//! share a specific address with another that has it, and is denied one that is held exclusively.

use std::net::{SocketAddr, UdpSocket};

use socket2::{Domain, SockAddr, Socket, Type};
use wsk_sys::{SO_EXCLUSIVEADDRUSE, SO_REUSEADDR, SOL_SOCKET, STATUS_ACCESS_DENIED};

use super::{PATIENCE, Stage, Trouble};
use crate::error::Error;
use crate::family::Family;
use crate::rows::Value;
use crate::session::Session;
use crate::step::status_name;

const ON: Value = Value::Bool(true);

pub(super) fn show(stage: &mut Stage<'_>) -> Result<(), Trouble> {
    let (first, address) = bound_with(stage, SO_EXCLUSIVEADDRUSE, Family::V4.loopback())?;
    let value = first.get_option(SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 4)?;
    stage.check(
        format!("socket A sets SO_EXCLUSIVEADDRUSE, is bound to {address}, and the option reads 1"),
        value == ON.encode(),
        || format!("it reads {value:?}"),
    );
    let arrived = reaches(&first, address)?;
    stage.witness("a datagram sent to that address reaches socket A", "std::net", arrived, || {
        "it did not arrive".to_owned()
    });
    let outside = shared_bind(address);
    stage.witness(
        "a socket outside the driver cannot take the address, not even with SO_REUSEADDR",
        "socket2",
        outside.is_err(),
        || format!("it was bound to {address}"),
    );

    let denied = bound_with(stage, SO_REUSEADDR, address);
    stage.check(
        format!(
            "socket B, with SO_REUSEADDR, is refused the address with {}",
            status_name(STATUS_ACCESS_DENIED)
        ),
        matches!(&denied, Err(Trouble::Driver(error)) if error.status() == Some(STATUS_ACCESS_DENIED)),
        || match &denied {
            Ok(_) => "it was bound".to_owned(),
            Err(trouble) => trouble.to_string(),
        },
    );
    first.close();
    let free = eventually_free(address);
    stage.witness("once socket A is closed, the address is free again", "std::net", free, || {
        format!("{address} is still taken")
    });

    let (third, shared) = bound_with(stage, SO_REUSEADDR, Family::V4.loopback())?;
    let fourth = bound_with(stage, SO_REUSEADDR, shared);
    stage.check(
        format!("without exclusive use, sockets C and D, both with SO_REUSEADDR, share {shared}"),
        matches!(&fourth, Ok((_, address)) if *address == shared),
        || {
            fourth
                .as_ref()
                .map_or_else(ToString::to_string, |(_, address)| format!("D is bound to {address}"))
        },
    );
    let outside = shared_bind(shared);
    stage.witness(
        "and a socket outside the driver with SO_REUSEADDR can be bound there too",
        "socket2",
        outside.is_ok(),
        || format!("{:?}", outside.as_ref().err()),
    );
    drop(outside);
    third.close();
    if let Ok((fourth, _)) = fourth {
        fourth.close();
    }
    Ok(())
}

/// A socket with an option set, bound to an address.
fn bound_with(
    stage: &mut Stage<'_>,
    option: u32,
    address: SocketAddr,
) -> Result<(Session, SocketAddr), Trouble> {
    let session = stage.session()?;
    session.create(Family::of(&address))?;
    session.set_option(SOL_SOCKET, option, &ON.encode())?;
    session.bind(address)?;
    let address = session.local_address()?;
    stage.used.push(address);
    Ok((session, address))
}

/// Whether a datagram from outside arrives.
fn reaches(session: &Session, address: SocketAddr) -> Result<bool, Trouble> {
    let sender = super::outsider(Family::of(&address))?;
    sender.send_to(b"from outside", address)?;
    match session.receive(64) {
        Ok(datagram) => Ok(datagram.data == b"from outside" && datagram.from == sender.local_addr()?),
        Err(error @ Error::Refused(_)) if error.status() == Some(wsk_sys::STATUS_IO_TIMEOUT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Binds a socket outside the driver, willing to share.
fn shared_bind(address: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// Whether an address can be bound, now or shortly: closing a handle ends before the last of the close is done.
pub(super) fn eventually_free(address: SocketAddr) -> bool {
    super::eventually(PATIENCE, || UdpSocket::bind(address).is_ok())
}
