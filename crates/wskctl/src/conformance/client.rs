//! What is requested of WSK by the client as a whole: a test for each row of the table.

use wsk_requests::rows::client;
use wsk_requests::{Kind, Row};
use wsk_sys::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED,
};
use wskdrv_abi::{
    AF_INET, IOCTL_WSKDRV_TRANSPORT_CHANGE, IOCTL_WSKDRV_TRANSPORTS, NO_TIMEOUT, RAW_IOCTL, Timed, Transport,
};
use zerocopy::IntoBytes;

use super::lab::Lab;
use super::outcome::{Outcome, equal, holds, refused, status_is};
use super::raw;
use super::security::{EVERYONE, descriptor, text};
use super::test::{Test, Theme};
use crate::family::Family;

macro_rules! tests_of_rows {
    ($($test:ident = $name:ident $about:literal;)+) => {
        &[$(Test {
            name: client::$name.about().test,
            about: concat!(stringify!($name), ": ", $about),
            needs: &[],
            run: |lab| $test(lab, &client::$name),
        }),+]
    };
}

pub(super) const THEME: Theme = Theme {
    name: "client",
    tests: &[tests_of_rows! {
        query = WSK_TRANSPORT_LIST_QUERY "UDP over IPv4 is among the transports, and sockets of it can be made.";
        change = WSK_TRANSPORT_LIST_CHANGE "one request of a handle waits, and another is refused meanwhile.";
        cache = WSK_CACHE_SD "a descriptor is a socket's as it was given, and bytes that are none are refused.";
        release = WSK_RELEASE_SD "descriptors that were set and got are released, however often.";
        no_door = WSK_TDI_DEVICENAME_MAPPING "a handle cannot make it.";
        no_door = WSK_SET_STATIC_EVENT_CALLBACKS "a handle cannot make it.";
        no_door = WSK_TDI_BEHAVIOR "a handle cannot make it.";
    }],
};

/// That the request cannot be made as if it were one of a socket.
fn no_door(lab: &Lab, row: &Row) -> Outcome {
    let Kind::Client { code } = row.kind else { return Ok(()) };
    let session = lab.socket(Family::V4)?;
    refused(session.ioctl(code, &[], 64), STATUS_NOT_SUPPORTED, "an IOCTL of that number")?;
    let raw = session.raw(RAW_IOCTL, code, 0, &[], 4);
    refused(raw, STATUS_NOT_SUPPORTED, "an IOCTL of that number by the raw code")
}

fn query(lab: &Lab, row: &Row) -> Outcome {
    no_door(lab, row)?;
    // It needs no socket.
    let session = lab.open()?;
    let transports = session.transports()?;
    let udp = transports.iter().filter(|one| (one.socket_type, one.protocol) == (2, 17));
    let mut families = udp.map(|one| one.family);
    holds(families.any(|family| [0, AF_INET].contains(&family)), "UDP over IPv4 is a transport")?;
    holds(transports.iter().all(|one| one.version >> 8 == 1 && one.reserved == 0), "all have WSK 1")?;
    session.create(Family::V4)?;
    let room = transports.len() * size_of::<Transport>();
    let (status, bytes) = raw(session.handle(), IOCTL_WSKDRV_TRANSPORTS, &[], room)?;
    status_is(status, 0, "a query with exactly enough room")?;
    equal(bytes.len(), room, "its bytes")?;
    let (status, _) = raw(session.handle(), IOCTL_WSKDRV_TRANSPORTS, &[], room - 1)?;
    status_is(status, STATUS_BUFFER_TOO_SMALL, "a query with less")?;
    let (status, _) = raw(session.handle(), IOCTL_WSKDRV_TRANSPORTS, &[0], room)?;
    status_is(status, STATUS_INVALID_BUFFER_SIZE, "a query with input")
}

fn change(lab: &Lab, row: &Row) -> Outcome {
    no_door(lab, row)?;
    let session = lab.open()?;
    let ask = |input: &[u8]| -> Outcome<_> {
        Ok(raw(session.handle(), IOCTL_WSKDRV_TRANSPORT_CHANGE, input, 0)?.0)
    };
    let head = Timed { timeout_ms: NO_TIMEOUT, reserved: 1 };
    status_is(ask(head.as_bytes())?, STATUS_INVALID_PARAMETER, "a reserved field that is not zero")?;
    status_is(ask(&head.as_bytes()[..7])?, STATUS_BUFFER_TOO_SMALL, "input that is cut")?;
    status_is(ask(&[0; 9])?, STATUS_INVALID_BUFFER_SIZE, "input that is too long")?;
    let waiting = session.within(None).begin_transport_change();
    holds(!waiting.is_done(), "it waits")?;
    refused(session.wait_for_transports(), STATUS_INVALID_DEVICE_STATE, "a second wait of the handle")?;
    // Another handle has its own.
    let other = lab.open()?;
    let others = other.within(None).begin_transport_change();
    holds(!others.is_done() && !waiting.is_done(), "both wait")
}

fn cache(lab: &Lab, row: &Row) -> Outcome {
    no_door(lab, row)?;
    let session = lab.socket(Family::V4)?;
    session.set_security(&descriptor("O:SYG:BAD:P(D;;0x1;;;AN)(A;;0x3;;;BA)")?)?;
    equal(text(&session)?, "O:SYG:BAD:P(D;;0x1;;;AN)(A;;0x3;;;BA)", "the descriptor")
}

fn release(lab: &Lab, row: &Row) -> Outcome {
    no_door(lab, row)?;
    let session = lab.socket(Family::V4)?;
    let everyone = descriptor(EVERYONE)?;
    for _ in 0..20 {
        session.set_security(&everyone)?;
        equal(session.security()?, &everyone[..], "the descriptor")?;
    }
    // Where the kernel is this program's, none is left when the test ends.
    Ok(())
}
