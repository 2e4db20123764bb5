//! Socket IOCTLs: a test for each row of the table.

use readings::SortUnreachable;
use wsk_requests::Row;
use wsk_requests::rows::ioctl;
use wsk_sys::{
    NamedStatus, STATUS_ACCESS_DENIED, STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED,
    STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_IO_TIMEOUT, STATUS_NOT_SUPPORTED,
};
use wskdrv_abi::{IOCTL_WSKDRV_IOCTL, RAW_IOCTL, address};

use super::fixed::goes_nowhere;
use super::lab::{Lab, ended};
use super::outcome::{Failure, Outcome, equal, holds, refused, status_is};
use super::requests;
use super::test::{Need, Test, Theme};
use crate::family::Family;

/// Makes a test of each row.
macro_rules! row_tests {
    ($(
        $(#[$attribute:meta])* $Type:ident = $name:ident $input:ident $output:ident $state:ident $irp:ident
            $irql:ident $sockets:ident $hosted:ident $source:ident $handled:tt, $summary:literal;
    )+) => {
        &[$(Test {
            name: ioctl::$name.about().test,
            about: concat!(stringify!($name), ": ", $summary),
            needs: &[],
            run: |lab| row(lab, ioctl::Request::$Type, &ioctl::$name),
        }),+]
    };
}

pub(super) const THEME: Theme = Theme { name: "ioctls", tests: &[wsk_requests::socket_ioctls!(row_tests)] };

fn row(lab: &Lab, request: ioctl::Request, row: &Row) -> Outcome {
    match request {
        ioctl::Request::SetRemoteAddress | ioctl::Request::SetSendToAddress => fixed(lab, row),
        ioctl::Request::AddressListChange => change(lab, row),
        ioctl::Request::AddressListQuery => query(lab, row),
        ioctl::Request::AddressListSort => sort(lab, row),
        ioctl::Request::RegisterExtension => pointers(lab, row),
    }
}

fn both(lab: &Lab) -> &'static [Family] {
    if lab.lacks(Need::Ipv6).is_some() { &[Family::V4] } else { &[Family::V4, Family::V6] }
}

fn fixed(lab: &Lab, row: &Row) -> Outcome {
    for family in both(lab) {
        let session = lab.socket(*family)?;
        let peer = lab.peer(*family)?;
        let fix = |bytes: &[u8]| session.ioctl(row.number(), bytes, 0);
        let to = requests::sockaddr(peer.address());
        refused(fix(&to), STATUS_INVALID_DEVICE_STATE, "fixing an address before the bind")?;
        session.bind(family.loopback())?;
        let other = if *family == Family::V4 { Family::V6 } else { Family::V4 };
        let wrong = requests::sockaddr(other.loopback());
        refused(fix(&wrong), STATUS_INVALID_ADDRESS_COMPONENT, "an address of the other family")?;
        fix(&to)?;
        session.send(b"fixed", None)?;
        equal(peer.receive()?.0, b"fixed", "what is sent without an address")?;
        let stranger = lab.peer(*family)?;
        let local = session.local_address()?;
        stranger.send(b"stranger", local)?;
        peer.send(b"friend", local)?;
        let only = row.kind == ioctl::SIO_WSK_SET_REMOTE_ADDRESS.kind;
        let expected: &[u8] = if only { b"friend" } else { b"stranger" };
        equal(session.receive(100)?.data, expected, "the first that is received")?;
        fix(&[])?;
        goes_nowhere(lab, &session)?;
    }
    Ok(())
}

fn query(lab: &Lab, row: &Row) -> Outcome {
    for family in both(lab) {
        let session = lab.socket(*family)?;
        let bytes = session.ioctl(row.number(), &[], 4096)?;
        let addresses: Result<Vec<_>, _> = address::decode_all(&bytes).collect();
        let addresses = addresses.map_err(|error| Failure::new(error.to_string()))?;
        let loopback = family.loopback().ip();
        holds(
            addresses.iter().all(|address| Family::of(address) == *family),
            "the addresses are of the socket's family",
        )?;
        holds(
            addresses.iter().any(|address| address.ip() == loopback),
            format_args!("{loopback} is among them"),
        )?;
        let short = session.ioctl(row.number(), &[], bytes.len() - 1);
        refused(short, STATUS_BUFFER_TOO_SMALL, "room for less than all")?;
        let input = session.ioctl(row.number(), &[0], 4096);
        refused(input, STATUS_INVALID_BUFFER_SIZE, "input, which it does not take")?;
    }
    let raw = lab.socket(Family::V4)?.raw(RAW_IOCTL, row.number(), 0, &[], 264);
    refused(raw, STATUS_ACCESS_DENIED, "the query by the raw code")
}

fn change(lab: &Lab, row: &Row) -> Outcome {
    let session = lab.socket(Family::V4)?;
    let begin =
        || session.handle().begin(IOCTL_WSKDRV_IOCTL, requests::ioctl_with(row.number(), &[]), Vec::new());
    let limit = std::time::Duration::from_millis(20);
    let timed = session.within(limit).ioctl(row.number(), &[], 0);
    refused(timed, STATUS_IO_TIMEOUT, "a wait with a time limit")?;
    refused(
        session.ioctl(row.number(), &[0], 0),
        STATUS_INVALID_BUFFER_SIZE,
        "input, which it does not take",
    )?;
    let wait = begin();
    holds(!wait.is_done(), "it waits")?;
    wait.cancel();
    status_is(ended(wait)?.status, STATUS_CANCELLED, "a wait that was cancelled")?;
    let wait = begin();
    session.close();
    status_is(ended(wait)?.status, STATUS_CANCELLED, "a wait that the handle was closed under")?;
    let raw = lab.socket(Family::V4)?.raw(RAW_IOCTL, row.number(), 0, &[], 0);
    refused(raw, STATUS_ACCESS_DENIED, "the wait by the raw code")
}

fn sort(lab: &Lab, row: &Row) -> Outcome {
    let session = lab.socket(Family::V6)?;
    let list = ["[::1]:0", "[::ffff:127.0.0.1]:0", "[::]:0"]
        .map(|text| text.parse().map_err(|_| Failure::new(text)));
    let list = list.into_iter().collect::<Result<Vec<_>, _>>()?;
    match session.sort_addresses(&list) {
        // By RFC 6724: the loopback address of IPv6 has the highest precedence.
        Ok(sorted) => {
            let reached = if lab.lacks(Need::Ipv6).is_some() { &list[1..2] } else { &list[..2] };
            let (best, others) = sorted.split_at(reached.len().min(sorted.len()));
            equal(best, reached, "the addresses that can be reached, the best first")?;
            let kept = lab.followed::<SortUnreachable>().contains(&SortUnreachable::Last);
            let others = others.iter().all(|other| kept && list.contains(other) && !reached.contains(other));
            holds(others, "none that cannot be reached, or those behind the others")?;
            let turned: Vec<_> = list.iter().rev().copied().collect();
            let sorted = session.sort_addresses(&turned)?;
            equal(&sorted[..reached.len()], reached, "the same, given the other way round")?;
        }
        // WSK's pages name the IOCTL, and say no more.
        Err(error) => {
            holds(!lab.device().is_ours(), "the hosted provider sorts")?;
            equal(
                error.status().map(NamedStatus),
                Some(NamedStatus(STATUS_NOT_SUPPORTED)),
                "the status where it is not supported",
            )?;
        }
    }
    refused(session.ioctl(row.number(), &[7; 28], 64), STATUS_INVALID_PARAMETER, "another family")?;
    let many = requests::sockaddr(list[0]).repeat(wskdrv_abi::SORT_ADDRESSES_MAX + 1);
    refused(session.ioctl(row.number(), &many, 4096), STATUS_INVALID_BUFFER_SIZE, "too many addresses")?;
    let raw = session.raw(RAW_IOCTL, row.number(), 0, &[0; 16], 64);
    refused(raw, STATUS_ACCESS_DENIED, "the IOCTL by the raw code")
}

fn pointers(lab: &Lab, row: &Row) -> Outcome {
    let session = lab.socket(Family::V4)?;
    let (size, _) = row.value.bounds(0);
    refused(session.ioctl(row.number(), &vec![0; size], 64), STATUS_ACCESS_DENIED, "the IOCTL")?;
    let raw = session.raw(RAW_IOCTL, row.number(), 0, &vec![0; size], 64);
    refused(raw, STATUS_ACCESS_DENIED, "the IOCTL by the raw code")
}
