//! Security descriptors of sockets: set, got back, and asked who may share an address.

use std::net::SocketAddr;

use wsk_descriptor::{Descriptor, sddl};
use wsk_sys::{
    NamedStatus, SO_REUSEADDR, SOL_SOCKET, STATUS_ACCESS_DENIED, STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_SECURITY_DESCR,
};
use wskdrv_abi::{IOCTL_WSKDRV_GET_SECURITY, SECURITY_MAX};

use super::lab::Lab;
use super::outcome::{Failure, Outcome, equal, eventually, refused, status_is};
use super::test::tests;
use super::{raw, requests};
use crate::family::Family;
use crate::session::Session;

tests! { security:
    "A socket's security descriptor is set before the bind, replaced, and got back at any time."
        it_is_set_and_got_back [v4 v6];
    "After the bind it cannot be set, and without a socket neither set nor got." it_is_set_before_the_bind;
    "Bytes that are no security descriptor are refused, and change nothing." other_bytes_are_refused;
    "The first socket's descriptor decides whether another one may share its address." it_decides_who_shares;
    "A security descriptor that is set and got on many handles at once is each handle's own."
        each_handle_has_its_own;
}

/// A descriptor that lets everyone share.
pub(super) const EVERYONE: &str = "D:P(A;;0x1f01ff;;;WD)";
/// A descriptor that lets nobody share.
const NOBODY: &str = "D:P";

/// A descriptor made of text.
pub(super) fn descriptor(text: &str) -> Outcome<Vec<u8>> {
    let mut bytes = vec![0; SECURITY_MAX];
    let size = sddl::encode(text, &mut bytes).map_err(|error| Failure::new(error.to_string()))?;
    bytes.truncate(size);
    Ok(bytes)
}

/// The descriptor of a socket, as text.
pub(super) fn text(session: &Session) -> Outcome<String> {
    let bytes = session.security()?;
    let descriptor = Descriptor::parse(&bytes).map_err(|error| Failure::new(error.to_string()))?;
    Ok(descriptor.to_string())
}

fn it_is_set_and_got_back(lab: &Lab, family: Family) -> Outcome {
    let session = lab.socket(family)?;
    session.set_security(&descriptor(EVERYONE)?)?;
    equal(text(&session)?, EVERYONE, "the descriptor")?;
    session.set_security(&descriptor(NOBODY)?)?;
    equal(text(&session)?, NOBODY, "the descriptor that replaces it")?;
    session.bind(family.loopback())?;
    equal(text(&session)?, NOBODY, "the descriptor after the bind")?;
    let get = |room| raw(session.handle(), IOCTL_WSKDRV_GET_SECURITY, &requests::timed_with(&[]), room);
    let (status, bytes) = get(descriptor(NOBODY)?.len())?;
    status_is(status, 0, "with exactly enough room")?;
    let (status, _) = get(bytes.len() - 1)?;
    status_is(status, STATUS_BUFFER_TOO_SMALL, "with less")
}

fn it_is_set_before_the_bind(lab: &Lab) -> Outcome {
    let everyone = descriptor(EVERYONE)?;
    let without = lab.open()?;
    refused(without.set_security(&everyone), STATUS_INVALID_DEVICE_STATE, "a set without a socket")?;
    refused(without.security(), STATUS_INVALID_DEVICE_STATE, "a get without a socket")?;
    let (session, _) = lab.bound(Family::V4)?;
    let before = text(&session)?;
    refused(session.set_security(&everyone), STATUS_INVALID_DEVICE_STATE, "a set after the bind")?;
    equal(text(&session)?, before, "the descriptor")
}

fn other_bytes_are_refused(lab: &Lab) -> Outcome {
    let session = lab.socket(Family::V4)?;
    let before = text(&session)?;
    let good = descriptor(EVERYONE)?;
    refused(session.set_security(&[]), STATUS_BUFFER_TOO_SMALL, "no bytes")?;
    let long = vec![0; SECURITY_MAX + 1];
    refused(session.set_security(&long), STATUS_INVALID_BUFFER_SIZE, "too many bytes")?;
    for cut in 1..good.len() {
        let what = format!("a descriptor cut to {cut} bytes");
        refused(session.set_security(&good[..cut]), STATUS_INVALID_SECURITY_DESCR, what)?;
    }
    // Absolute, as if the offsets were pointers; with a SACL; with the list far away.
    for (at, byte) in [(3, 0), (2, 0x14), (12, 20), (19, 0xFF)] {
        let mut wrong = good.clone();
        wrong[at] = byte;
        let what = format!("a descriptor whose byte {at} is {byte:#x}");
        refused(session.set_security(&wrong), STATUS_INVALID_SECURITY_DESCR, what)?;
    }
    equal(text(&session)?, before, "the descriptor")
}

fn it_decides_who_shares(lab: &Lab) -> Outcome {
    for (owner, expected) in
        [(None, STATUS_ACCESS_DENIED), (Some(NOBODY), STATUS_ACCESS_DENIED), (Some(EVERYONE), 0)]
    {
        let first = lab.socket(Family::V4)?;
        if let Some(owner) = owner {
            first.set_security(&descriptor(owner)?)?;
        }
        first.bind(Family::V4.wildcard())?;
        let specific = SocketAddr::new(Family::V4.loopback().ip(), first.local_address()?.port());
        // Once more if it is refused: the second one of before, which lets nobody in, may still be on its way out.
        let second_bind = |shares: u32| {
            let second = lab.socket(Family::V4)?;
            second.set_option(SOL_SOCKET, SO_REUSEADDR, &shares.to_ne_bytes())?;
            // The second one's own descriptor does not matter.
            second.set_security(&descriptor(NOBODY)?)?;
            let status = second.bind(specific).err().map_or(Some(0), |error| error.status());
            equal(
                status.map(NamedStatus),
                Some(NamedStatus(expected)),
                format_args!("a second bind where {owner:?} decides"),
            )
        };
        for shares in [0_u32, 1] {
            eventually(|| second_bind(shares))?;
        }
    }
    Ok(())
}

fn each_handle_has_its_own(lab: &Lab) -> Outcome {
    let mut sessions = Vec::new();
    for number in 1..=30_u32 {
        let session = lab.socket(Family::V4)?;
        let own = format!("D:P(A;;{number:#x};;;BA)");
        session.set_security(&descriptor(&own)?)?;
        sessions.push((session, own));
    }
    for (session, own) in &sessions {
        equal(&text(session)?, own, "a handle's own descriptor")?;
    }
    Ok(())
}
