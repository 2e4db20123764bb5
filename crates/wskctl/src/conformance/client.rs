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
use super::options::unknown;
use super::outcome::{Outcome, equal, holds, refused, refused_with, status_is};
use super::raw;
use super::security::{EVERYONE, descriptor, text};
use super::test::{Test, Theme};
use crate::family::Family;

/// Makes a test of each row.
macro_rules! row_tests {
    ($(
        $(#[$attribute:meta])* $Type:ident = $name:ident $input:ident $output:ident $state:ident $irp:ident
            $hosted:ident $handled:tt, $summary:literal;
    )+) => {
        &[$(Test {
            name: client::$name.about().test,
            about: concat!(stringify!($name), ": ", $summary),
            needs: &[],
            run: |lab| row(lab, client::Request::$Type, &client::$name),
        }),+]
    };
}

pub(super) const THEME: Theme = Theme { name: "client", tests: &[wsk_requests::client_requests!(row_tests)] };

fn row(lab: &Lab, request: client::Request, row: &Row) -> Outcome {
    refused_of_a_socket(lab, row)?;
    match request {
        client::Request::TransportListQuery => query(lab),
        client::Request::TransportListChange => change(lab),
        client::Request::CacheSecurity => cache(lab),
        client::Request::ReleaseSecurity => release(lab),
        // The driver makes these by itself, or not at all.
        client::Request::TdiDeviceNameMapping
        | client::Request::StaticEventCallbacks
        | client::Request::TdiBehavior => Ok(()),
    }
}

/// That the request cannot be made as if it were one of a socket.
fn refused_of_a_socket(lab: &Lab, row: &Row) -> Outcome {
    let Kind::Client { code } = row.kind else { return Ok(()) };
    let session = lab.socket(Family::V4)?;
    refused(session.ioctl(code, &[], 64), STATUS_NOT_SUPPORTED, "an IOCTL of that number")?;
    let raw = session.raw(RAW_IOCTL, code, 0, &[], 4);
    refused_with(raw, &unknown(lab), "an IOCTL of that number by the raw code")
}

fn query(lab: &Lab) -> Outcome {
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

fn change(lab: &Lab) -> Outcome {
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

fn cache(lab: &Lab) -> Outcome {
    let session = lab.socket(Family::V4)?;
    session.set_security(&descriptor("O:SYG:BAD:P(D;;0x1;;;AN)(A;;0x3;;;BA)")?)?;
    equal(text(&session)?, "O:SYG:BAD:P(D;;0x1;;;AN)(A;;0x3;;;BA)", "the descriptor")
}

fn release(lab: &Lab) -> Outcome {
    let session = lab.socket(Family::V4)?;
    let everyone = descriptor(EVERYONE)?;
    for _ in 0..20 {
        session.set_security(&everyone)?;
        equal(session.security()?, &everyone[..], "the descriptor")?;
    }
    // Where the kernel is this program's, none is left when the test ends.
    Ok(())
}
