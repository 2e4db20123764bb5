//! `SO_EXCLUSIVEADDRUSE`: what it refuses, and that the same is allowed without it.
//!
//! The statuses are those of the table in "Sharing Transport Addresses": a second socket with `SO_REUSEADDR` may
//! share a specific address with another that has it, and is denied one that is held exclusively.

use std::net::{SocketAddr, UdpSocket};

use wsk_sys::{SO_EXCLUSIVEADDRUSE, SO_REUSEADDR, SOL_SOCKET, STATUS_ACCESS_DENIED, STATUS_IO_TIMEOUT};

use super::{Demo, Failure, PATIENCE, QUIET, STD};
use crate::error::Error;
use crate::family::Family;
use crate::rows::Value;
use crate::session::Session;
use crate::step::status_name;

const ON: Value = Value::Bool(true);
const MESSAGE: &[u8] = b"from outside";

pub(super) fn show(demo: &mut Demo<'_>) -> Result<(), Failure> {
    let (first, address) = bound_with(demo, SO_EXCLUSIVEADDRUSE, Family::V4.loopback())?;
    let value = first.get_option(SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 4)?;
    demo.check(
        format!("socket A sets SO_EXCLUSIVEADDRUSE, is bound to {address}, and the option reads 1"),
        value == ON.encode(),
        || format!("it reads {value:?}"),
    );
    let sender = super::outsider(Family::V4)?;
    sender.send_to(MESSAGE, address)?;
    let from = hears(&first)?;
    demo.seen_by(
        "a datagram sent to that address reaches socket A",
        STD,
        from == Some(sender.local_addr()?),
        || format!("what arrived came from {from:?}"),
    );
    let outside = UdpSocket::bind(address);
    demo.seen_by("and no socket outside the driver can be bound there", STD, outside.is_err(), || {
        format!("one was bound to {address}")
    });

    let denied = bound_with(demo, SO_REUSEADDR, address);
    demo.check(
        format!(
            "socket B, with SO_REUSEADDR, is refused the address with {}",
            status_name(STATUS_ACCESS_DENIED)
        ),
        matches!(&denied, Err(Failure::Driver(error)) if error.status() == Some(STATUS_ACCESS_DENIED)),
        || match &denied {
            Ok(_) => "it was bound".to_owned(),
            Err(failure) => failure.to_string(),
        },
    );
    first.close();
    let free = eventually_free(address);
    demo.seen_by("once socket A is closed, the address is free again", STD, free, || {
        format!("{address} is still taken")
    });

    let (third, shared) = bound_with(demo, SO_REUSEADDR, Family::V4.loopback())?;
    let fourth = bound_with(demo, SO_REUSEADDR, shared);
    demo.check(
        format!("without exclusive use, sockets C and D, both with SO_REUSEADDR, share {shared}"),
        matches!(&fourth, Ok((_, address)) if *address == shared),
        || {
            fourth
                .as_ref()
                .map_or_else(ToString::to_string, |(_, address)| format!("D is bound to {address}"))
        },
    );
    if let Ok((fourth, _)) = fourth {
        let sender = super::outsider(Family::V4)?;
        sender.send_to(MESSAGE, shared)?;
        // Which of the two gets it is for the transport to choose.
        let heard = [&third, &fourth].map(|session| hears(&session.within(QUIET)));
        let [by_third, by_fourth] = heard;
        let (by_third, by_fourth) = (by_third?, by_fourth?);
        demo.seen_by(
            "a datagram sent to the shared address reaches one of the two",
            STD,
            by_third.is_some() != by_fourth.is_some(),
            || format!("C got {by_third:?}, D got {by_fourth:?}"),
        );
        fourth.close();
    }
    third.close();
    Ok(())
}

/// A socket with an option set, bound to an address.
fn bound_with(
    demo: &mut Demo<'_>,
    option: u32,
    address: SocketAddr,
) -> Result<(Session, SocketAddr), Failure> {
    let session = demo.session()?;
    session.create(Family::of(&address))?;
    session.set_option(SOL_SOCKET, option, &ON.encode())?;
    session.bind(address)?;
    let address = session.local_address()?;
    demo.used.push(address);
    Ok((session, address))
}

/// Who sent the message that arrives, if it does.
fn hears(session: &Session) -> Result<Option<SocketAddr>, Error> {
    match session.receive(64) {
        Ok(datagram) => Ok((datagram.data == MESSAGE).then_some(datagram.from)),
        Err(error) if error.status() == Some(STATUS_IO_TIMEOUT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an address can be bound, now or shortly: closing a handle ends before the last of the close is done.
pub(super) fn eventually_free(address: SocketAddr) -> bool {
    super::eventually(PATIENCE, || UdpSocket::bind(address).is_ok())
}
