//! How datagrams are received: what [`IOCTL_WSKDRV_RECEIVE`](crate::IOCTL_WSKDRV_RECEIVE) asks for, and the form in which
//! it and [`IOCTL_WSKDRV_DRAIN`](crate::IOCTL_WSKDRV_DRAIN) hand datagrams out.
//!
//! The output is a list of records, each of which says where the next one begins: [`list`] reads it.
//!
//! ```text
//!           ┌───────────┬──────────┬─────────┬─────┬─────────────────────┬─────┬──────────┬─────
//!           │ Datagrams │ Received │ payload │ pad │ control information │ pad │ Received │ …
//!           └─ 16 ──────┴─ 48 ─────┴─ length ┴─────┴─ control_length ────┴─────┴──────────┴─────
//!  first ───────────────▶─ next ──────────────────────────────────────────────▶
//! ```
//!
//! Records and control information begin at multiples of 8. What lies between records belongs to none of them, and means
//! nothing. `Information` is where the last record ends.

use core::fmt;
use core::mem::{offset_of, size_of};
use core::net::SocketAddr;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::address::{self, MAX_SOCKADDR_LENGTH};
use crate::send::CONTROL_INFO_MAX;

/// The most datagrams that one request receives.
pub const RECEIVE_MAX: usize = 16;

/// Input of [`IOCTL_WSKDRV_RECEIVE`](crate::IOCTL_WSKDRV_RECEIVE).
///
/// The request waits for the first datagram, and completes with those that have come by then; none is lost.
///
/// Datagrams that WSK joins (`UDP_RECV_MAX_COALESCED_SIZE`) are one record. The message `UDP_COALESCED_INFO` tells their size; builds
/// of Windows are reported that leave it out, and then nothing tells where one ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Receive {
    /// The time limit in milliseconds, or [`NO_TIMEOUT`](crate::NO_TIMEOUT).
    pub timeout_ms: u32,
    /// How many datagrams at most: 1 to [`RECEIVE_MAX`].
    pub count: u32,
    /// The room for the payload of each, in bytes. What does not fit is cut off, and `MSG_TRUNC` tells so.
    pub payload_room: u32,
    /// The room for the control information of each, in bytes: at most [`CONTROL_INFO_MAX`]. What does not fit is cut
    /// off, and `MSG_CTRUNC` tells so.
    pub control_room: u32,
}

impl Receive {
    /// From the beginning of one record to that of the next, if datagrams come for both.
    #[must_use]
    pub const fn slot(&self) -> usize {
        record_size(self.payload_room as usize, self.control_room as usize)
    }

    /// The least size of the output; none if the request is not well formed.
    #[must_use]
    pub const fn size(&self) -> Option<usize> {
        let (count, control_room) = (self.count as usize, self.control_room as usize);
        if count == 0 || count > RECEIVE_MAX || control_room > CONTROL_INFO_MAX {
            return None;
        }
        match self.slot().checked_mul(count) {
            Some(slots) => slots.checked_add(size_of::<Datagrams>()),
            None => None,
        }
    }
}

/// Head of the output of a receive and of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Datagrams {
    /// Where the first record begins, a multiple of 8; 0 if there is none.
    pub first: u32,
    /// Zero.
    pub reserved: u32,
    /// How many datagrams the handle's queue had no room for since the receive event was enabled. A receive, which does
    /// not come from the queue, tells 0.
    pub dropped: u64,
}

/// Head of a record: a received datagram. The payload follows, then the control information.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Received {
    /// From the beginning of this record to that of the next, a multiple of 8; 0 in the last.
    pub next: u32,
    /// `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_BCAST`, `MSG_MCAST`, as WSK gave them.
    pub flags: u32,
    /// How many bytes of payload there are.
    pub length: u32,
    /// How many bytes of control information there are.
    pub control_length: u32,
    /// How many bytes of [`Received::address`] are the sender's address: 16 or 28.
    pub address_length: u32,
    /// The sender.
    pub address: [u8; MAX_SOCKADDR_LENGTH],
}

impl Received {
    /// The record without padding at its end.
    #[must_use]
    pub const fn size(&self) -> usize {
        let (length, control_length) = (self.length as usize, self.control_length as usize);
        match control_length {
            0 => size_of::<Received>().saturating_add(length),
            _ => control_offset(length).saturating_add(control_length),
        }
    }
}

/// Where the control information of a record begins, from the beginning of the record.
#[must_use]
pub const fn control_offset(length: usize) -> usize {
    round_up(size_of::<Received>().saturating_add(length))
}

/// The size of a record with so much payload and control information, up to the next one. The largest number there is,
/// if it is none.
#[must_use]
pub const fn record_size(length: usize, control_length: usize) -> usize {
    round_up(control_offset(length).saturating_add(control_length))
}

/// The next multiple of 8, or the largest there is.
const fn round_up(size: usize) -> usize {
    size.saturating_add(7) & !7
}

/// A datagram of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// [`Received::flags`].
    pub flags: u32,
    /// Its payload, as far as it fitted.
    pub payload: &'a [u8],
    /// Its control information, as far as it fitted.
    pub control: &'a [u8],
}

/// Why some bytes are no list of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Malformed {}

/// Reads an output, as many bytes as `Information` told: its head, and its datagrams. After an error there are no more.
///
/// # Errors
///
/// [`Malformed`]: there is no head.
pub fn list(
    output: &[u8],
) -> Result<(Datagrams, impl Iterator<Item = Result<Datagram<'_>, Malformed>>), Malformed> {
    let (head, _) = Datagrams::read_from_prefix(output).map_err(|_short| Malformed("it has no head"))?;
    let mut rest = output.get(head.first as usize..).filter(|_| head.first != 0);
    // A list that begins behind its end has a datagram that is cut.
    if rest.is_none() && head.first != 0 {
        rest = Some(&[]);
    }
    let records = core::iter::from_fn(move || {
        let bytes = rest.take()?;
        let record = record(bytes);
        if let Ok((next, _)) = record
            && next != 0
        {
            rest = Some(bytes.get(next..).unwrap_or_default());
        }
        Some(record.map(|(_, datagram)| datagram))
    });
    Ok((head, records))
}

/// The datagram at the beginning of these bytes, and how far it is to the next one.
fn record(bytes: &[u8]) -> Result<(usize, Datagram<'_>), Malformed> {
    let cut = Malformed("a datagram is cut");
    let (head, _) = Received::read_from_prefix(bytes).map_err(|_short| cut)?;
    let next = head.next as usize;
    if next != 0 && next < head.size() {
        return Err(Malformed("a datagram begins within another"));
    }
    let range = |from: usize, length| bytes.get(from..)?.get(..length);
    let (length, control_length) = (head.length as usize, head.control_length as usize);
    let payload = range(size_of::<Received>(), length).ok_or(cut)?;
    let control = if control_length == 0 {
        &[][..]
    } else {
        range(control_offset(length), control_length).ok_or(cut)?
    };
    let address = head.address.get(..head.address_length as usize).unwrap_or_default();
    let from = address::decode(address).map_err(|_| Malformed("a sender is no socket address"))?;
    Ok((next, Datagram { from, flags: head.flags, payload, control }))
}

const _: () = {
    assert!(size_of::<Receive>() == 16);
    assert!(offset_of!(Receive, control_room) == 12);
    assert!(size_of::<Datagrams>() == 16);
    assert!(offset_of!(Datagrams, dropped) == 8);
    assert!(size_of::<Received>() == 48);
    assert!(offset_of!(Received, address) == 20);
};

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;
    use std::vec::Vec;

    use super::*;

    const GOOD: Receive = Receive { timeout_ms: 0, count: 3, payload_room: 9, control_room: 20 };

    #[test]
    fn an_output_has_room_for_whole_records() {
        assert_eq!((GOOD.slot(), GOOD.size()), (48 + 16 + 24, Some(16 + 3 * 88)));
        assert_eq!(Receive { payload_room: 0, control_room: 0, ..GOOD }.size(), Some(16 + 3 * 48));
        assert_eq!(Receive { count: 16, control_room: 256, ..GOOD }.size(), Some(16 + 16 * 320));
        for bad in [
            Receive { count: 0, ..GOOD },
            Receive { count: 17, ..GOOD },
            Receive { control_room: 257, ..GOOD },
            Receive { control_room: u32::MAX, ..GOOD },
        ] {
            assert_eq!(bad.size(), None, "{bad:?}");
        }
    }

    #[test]
    fn records_are_whole_numbers_of_eight_bytes() {
        assert_eq!([record_size(0, 0), record_size(1, 0), record_size(8, 23)], [48, 56, 80]);
        assert_eq!(record_size(9, usize::MAX), usize::MAX & !7);
        assert_eq!((control_offset(0), control_offset(1), control_offset(9)), (48, 56, 64));
    }

    #[test]
    fn a_record_ends_with_its_last_byte() {
        let address = [0; MAX_SOCKADDR_LENGTH];
        let record = |length, control_length| Received {
            next: 0,
            flags: 0,
            length,
            control_length,
            address_length: 0,
            address,
        };
        assert_eq!([record(0, 0).size(), record(3, 0).size(), record(3, 5).size()], [48, 51, 61]);
    }

    /// A record from 1.2.3.4:258.
    fn record(next: u32, payload: &[u8], control: &[u8]) -> Vec<u8> {
        let mut address = [0; 28];
        address[..8].copy_from_slice(&[2, 0, 1, 2, 1, 2, 3, 4]);
        let [length, control_length] = [payload, control].map(|bytes| u32::try_from(bytes.len()).unwrap());
        let head = Received { next, flags: 0x100, length, control_length, address_length: 16, address };
        let mut bytes = [head.as_bytes(), payload].concat();
        if !control.is_empty() {
            bytes.resize(control_offset(payload.len()), 0xAA);
            bytes.extend(control);
        }
        bytes
    }

    fn output(first: u32, records: &[u8]) -> Vec<u8> {
        [Datagrams { first, reserved: 0, dropped: 7 }.as_bytes(), records].concat()
    }

    /// The payloads and control information of an output.
    fn read(output: &[u8]) -> Result<Vec<[&[u8]; 2]>, Malformed> {
        let (head, datagrams) = list(output)?;
        assert_eq!(head.dropped, 7);
        datagrams.map(|one| one.map(|one| [one.payload, one.control])).collect()
    }

    #[test]
    fn a_list_is_followed_from_record_to_record() {
        assert_eq!(read(&output(0, &[])), Ok(Vec::new()));
        let mut both = record(96, b"abc", b"control");
        both.resize(96, 0xAA);
        both.extend(record(0, b"", b""));
        let expected = Vec::from([[&b"abc"[..], &b"control"[..]], [&b""[..], &b""[..]]]);
        assert_eq!(read(&output(16, &both)), Ok(expected.clone()));
        let dense = [record(48, b"", b""), record(0, b"x", b"")].concat();
        assert_eq!(read(&output(16, &dense)), Ok(Vec::from([[&b""[..], &b""[..]], [&b"x"[..], &b""[..]]])));
        let apart = [&[0xAA; 8], &both[..]].concat();
        assert_eq!(read(&output(24, &apart)), Ok(expected));
        let (bytes, from) = (output(16, &both), "1.2.3.4:258".parse().unwrap());
        let first = list(&bytes).unwrap().1.next().unwrap().unwrap();
        assert_eq!((first.from, first.flags), (from, 0x100));
    }

    #[test]
    fn what_is_no_list_is_told() {
        let whole = output(16, &record(0, b"abc", b"control"));
        for length in 0..whole.len() {
            let cut = &whole[..length];
            assert!(length < 16 || list(cut).is_ok());
            assert!(
                list(cut).map_or(true, |(_, mut all)| all.next().is_some_and(|one| one.is_err())),
                "{length}"
            );
        }
        assert!(read(&output(4096, &record(0, b"", b""))).is_err(), "it begins behind its end");
        assert!(read(&output(16, &record(56, b"", b""))).is_err(), "its second record is behind its end");
        let within = output(16, &[record(47, b"", b""), record(0, b"", b"")].concat());
        assert_eq!(read(&within).unwrap_err().to_string(), "a datagram begins within another");
        let mut nobody = record(0, b"", b"");
        nobody[16] = 15;
        assert!(read(&output(16, &nobody)).is_err(), "a sender that is cut");
        nobody[16] = 29;
        assert!(read(&output(16, &nobody)).is_err(), "a sender that is too long");
    }
}
