//! ICMP errors: what a socket is told of datagrams that nobody has received.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use readings::PortUnreachable;
use wsk_cmsg::{Message, ReceiveError};
use wsk_sys::{IP_RECVERR, IPPROTO_IP, IPPROTO_IPV6, IPV6_RECVERR, STATUS_PORT_UNREACHABLE};

use super::lab::Lab;
use super::outcome::{Failure, Outcome, SOON, equal, holds};
use super::test::tests;
use crate::error::Error;
use crate::family::Family;
use crate::session::{Datagram, Room, Session};

tests! { network_errors:
    "IP_RECVERR and IPV6_RECVERR tell of a datagram that found nobody: where it was sent to, and why."
        an_error_is_told [v4 v6];
    "Without the option a datagram that finds nobody fails at most one receive each, and that by its own status."
        nothing_is_told_without_the_option [v4 v6];
    "Errors come by the event, too, among the datagrams." the_queue_tells_of_errors [v4 v6];
    "A socket that was told of errors sends and receives as before." the_socket_goes_on [v4 v6];
    "With a fixed remote address, errors of datagrams to it are told." errors_of_the_fixed_address_are_told [v4 v6];
}

const ROOM: Room = Room { datagrams: 1, payload: 64, control: 256 };
/// How long an error is awaited before the datagram is sent again: ICMP messages may be dropped.
const AGAIN: Duration = Duration::from_secs(1);
/// How often that is done where nothing says that errors are told.
const TRIES: u32 = 2;
/// How many datagrams are sent that must make no error.
const SENT: usize = 3;

fn set(session: &Session, family: Family, on: u32) -> Outcome {
    let (level, name) = match family {
        Family::V4 => (IPPROTO_IP, IP_RECVERR),
        Family::V6 => (IPPROTO_IPV6, IPV6_RECVERR),
    };
    Ok(session.set_option(level, name, &on.to_ne_bytes())?)
}

/// An address that nobody is bound to, and another one: ports that no system gives to a socket that asks for any, and
/// that belong to services which hardly anybody has.
fn nobodies(family: Family) -> [SocketAddr; 2] {
    [1, 2].map(|port| SocketAddr::new(family.loopback().ip(), port))
}

/// Whether errors must be told: in memory, and of the host's sockets where the provider asks the host for them.
fn must_tell(lab: &Lab) -> bool {
    lab.device().delivers_at_once() || (lab.device().is_ours() && cfg!(target_os = "linux"))
}

/// The error that a datagram reports; none of an ordinary one.
fn error_of(datagram: &Datagram, family: Family) -> Outcome<Option<ReceiveError>> {
    let messages = datagram.controls().map_err(|malformed| Failure::new(malformed.to_string()))?;
    match (family, &messages[..]) {
        (_, []) => Ok(None),
        (Family::V4, &[Message::ErrorV4(error)]) | (Family::V6, &[Message::ErrorV6(error)]) => {
            Ok(Some(error))
        }
        (_, other) => Err(Failure::new(format!("an error alone was expected, not {other:?}"))),
    }
}

/// That a datagram is the report that `data` found nobody at `to`.
fn is_report(datagram: &Datagram, family: Family, data: &[u8], to: SocketAddr) -> Outcome {
    let error = error_of(datagram, family)?.ok_or_else(|| Failure::new("expected: an error is reported"))?;
    let unreachable = match family {
        Family::V4 => (1, 3, 3),
        Family::V6 => (58, 1, 4),
    };
    equal(
        (error.protocol, error.kind, error.code),
        unreachable,
        "protocol, type and code of the ICMP message",
    )?;
    equal(datagram.from, to, "where the datagram was sent to")?;
    // How much of it an ICMP message has is the network's choice.
    holds(data.starts_with(&datagram.data), format_args!("{:?} is the datagram's data", datagram.data))
}

/// Sends to nobody, again and again, until `receive` brings something.
fn report(
    lab: &Lab,
    mut send: impl FnMut() -> Outcome,
    receive: impl Fn() -> Result<Vec<Datagram>, Error>,
) -> Outcome<Datagram> {
    let end = Instant::now() + SOON;
    for tries in 1.. {
        send()?;
        match receive() {
            Ok(found) => {
                return found
                    .into_iter()
                    .next()
                    .ok_or_else(|| Failure::new("a receive that succeeds brings one"));
            }
            Err(error) if error.status() != Some(wsk_sys::STATUS_IO_TIMEOUT) => return Err(error.into()),
            Err(_) if must_tell(lab) && Instant::now() < end => {}
            Err(error) if must_tell(lab) => return Err(error.into()),
            Err(_) if tries < TRIES => {}
            Err(_) => break,
        }
    }
    let reason = "the option is taken, but what is below WSK here tells nothing of ICMP errors";
    Err(Failure::NotApplicable(reason.to_owned()))
}

fn an_error_is_told(lab: &Lab, family: Family) -> Outcome {
    let (session, _) = lab.bound(family)?;
    let [nobody, _] = nobodies(family);
    set(&session, family, 1)?;
    let send = || Ok(session.send(b"lost", Some(nobody)).map(drop)?);
    let datagram = report(lab, send, || session.within(AGAIN).receive_many(ROOM))?;
    is_report(&datagram, family, b"lost", nobody)?;
    equal(datagram.flags, 0, "its flags")
}

fn nothing_is_told_without_the_option(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let ([nobody, _], peer) = (nobodies(family), lab.peer(family)?);
    let may_fail = lab.followed().contains(&PortUnreachable::Receive);
    let receive = || {
        let failed = |error: &Error| may_fail && error.status() == Some(STATUS_PORT_UNREACHABLE);
        let mut received = session.receive_many(ROOM);
        for _ in 0..SENT {
            received = received
                .or_else(|error| if failed(&error) { session.receive_many(ROOM) } else { Err(error) });
        }
        received
    };
    let quiet = || {
        for _ in 0..SENT {
            equal(session.send(b"lost", Some(nobody))?, 4, "bytes sent to nobody")?;
        }
        // Until errors have had time to come.
        lab.settle();
        peer.send(b"next", address)?;
        let datagram = receive()?;
        let found = datagram.first().map(|next| (&next.data[..], next.from, next.control.len()));
        equal(
            found,
            Some((&b"next"[..], peer.address(), 0)),
            "the only datagram, without control information",
        )
    };
    quiet()?;
    set(&session, family, 1)?;
    set(&session, family, 0)?;
    quiet()
}

fn the_queue_tells_of_errors(lab: &Lab, family: Family) -> Outcome {
    let (session, _) = lab.bound(family)?;
    let [nobody, _] = nobodies(family);
    set(&session, family, 1)?;
    session.enable_receive(1 << 16)?;
    let send = || Ok(session.send(b"lost", Some(nobody)).map(drop)?);
    let datagram = report(lab, send, || Ok(session.within(AGAIN).drain(1 << 12)?.datagrams))?;
    is_report(&datagram, family, b"lost", nobody)
}

fn the_socket_goes_on(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let ([nobody, _], peer) = (nobodies(family), lab.peer(family)?);
    set(&session, family, 1)?;
    for round in 0..4_u8 {
        for _ in 0..3 {
            equal(session.send(b"lost", Some(nobody))?, 4, "bytes sent to nobody")?;
        }
        equal(session.send(&[round], Some(peer.address()))?, 1, "bytes sent to somebody")?;
        equal(peer.receive()?, (vec![round], address), "what somebody receives")?;
        peer.send(&[round], address)?;
    }
    // What the peer has sent comes, in order, between the errors.
    let mut round = 0;
    while round < 4 {
        for datagram in session.receive_many(ROOM)? {
            if error_of(&datagram, family)?.is_some() {
                is_report(&datagram, family, b"lost", nobody)?;
            } else {
                equal(
                    (&datagram.data[..], datagram.from),
                    (&[round][..], peer.address()),
                    "what comes next",
                )?;
                round += 1;
            }
        }
    }
    Ok(())
}

fn errors_of_the_fixed_address_are_told(lab: &Lab, family: Family) -> Outcome {
    let (session, _) = lab.bound(family)?;
    let [fixed, other] = nobodies(family);
    session.set_remote_address(Some(fixed))?;
    set(&session, family, 1)?;
    let send = || {
        session.send(b"others", Some(other))?;
        Ok(session.send(b"fixed", None).map(drop)?)
    };
    let datagram = report(lab, send, || session.within(AGAIN).receive_many(ROOM))?;
    is_report(&datagram, family, b"fixed", fixed)
}
