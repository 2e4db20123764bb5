//! What a request to send asks for, read from its bytes.

use core::net::SocketAddr;

use wsk::{Error, Result, cmsg};
use wskdrv_abi::{CONTROL_INFO_MAX, SEND_MAX};

use crate::decode::{nothing, socket_address};

const _: () = assert!(CONTROL_INFO_MAX == wsk::CONTROL_INFO_MAX, "what is let through fits an operation");

/// Datagrams for one address.
#[derive(Debug)]
pub(crate) struct Send<'a> {
    /// Where to; none for the fixed address.
    pub(crate) to: Option<SocketAddr>,
    /// How long each is, as the input's bytes.
    lengths: &'a [[u8; 4]],
    /// What each is sent with: at most as much as a request takes, and well formed.
    pub(crate) control: &'a [u8],
}

impl Send<'_> {
    /// The number of datagrams.
    pub(crate) const fn count(&self) -> usize {
        self.lengths.len()
    }

    /// The length of each.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.lengths.iter().map(|length| u32::from_ne_bytes(*length) as usize)
    }
}

/// Reads what follows the head of the request.
///
/// # Errors
/// The driver's refusals, as `wskdrv_abi` lists them.
pub(crate) fn decode<'a>(head: &wskdrv_abi::Send, rest: &'a [u8], payload: usize) -> Result<Send<'a>> {
    let count = head.count as usize;
    if !(1..=SEND_MAX).contains(&count) || head.control_length as usize > CONTROL_INFO_MAX {
        return Err(Error::INVALID_PARAMETER);
    }
    let (lengths, rest) = take(rest, count * 4)?;
    let (to, rest) = take(rest, head.address_length as usize)?;
    let (control, rest) = take(rest, head.control_length as usize)?;
    nothing(rest)?;
    let to = if to.is_empty() { None } else { Some(socket_address(to)?) };
    cmsg::check(control).map_err(|_| Error::INVALID_PARAMETER)?;
    let many = Send { to, lengths: lengths.as_chunks().0, control };
    // At most 64 numbers of 32 bits: no overflow.
    if many.lengths().sum::<usize>() != payload {
        return Err(Error::INVALID_BUFFER_SIZE);
    }
    Ok(many)
}

fn take(bytes: &[u8], count: usize) -> Result<(&[u8], &[u8])> {
    bytes.split_at_checked(count).ok_or(Error::BUFFER_TOO_SMALL)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use zerocopy::IntoBytes;

    use super::*;

    const HEAD: wskdrv_abi::Send = wskdrv_abi::Send {
        timeout_ms: 0,
        flags: 0,
        count: 3,
        address_length: 16,
        control_length: 24,
        reserved: 0,
    };

    /// Three lengths, the address 1.2.3.4:258, and a type of service.
    fn rest() -> Vec<u8> {
        let mut rest: Vec<u8> = [3_u32, 0, 4].as_bytes().to_vec();
        rest.extend([2, 0, 1, 2, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut control = cmsg::Control::<24>::new();
        control.push(&cmsg::Message::TypeOfService(8)).unwrap();
        rest.extend(control.as_bytes());
        rest
    }

    fn refusal(head: &wskdrv_abi::Send, rest: &[u8], payload: usize) -> Option<Error> {
        decode(head, rest, payload).err()
    }

    #[test]
    fn all_parts_are_found() {
        let rest = rest();
        let many = decode(&HEAD, &rest, 7).unwrap();
        assert_eq!((many.count(), many.lengths().collect()), (3, Vec::from([3, 0, 4])));
        assert_eq!(many.to, Some("1.2.3.4:258".parse().unwrap()));
        assert_eq!(many.control, &rest[28..]);
        let short = wskdrv_abi::Send { count: 1, address_length: 0, control_length: 0, ..HEAD };
        let many = decode(&short, &rest[..4], 3).unwrap();
        assert_eq!((many.to, many.control), (None, &[][..]));
    }

    #[test]
    fn every_byte_is_accounted_for() {
        let rest = rest();
        for length in 0..rest.len() {
            assert_eq!(refusal(&HEAD, &rest[..length], 7), Some(Error::BUFFER_TOO_SMALL), "{length}");
        }
        let longer = [&rest[..], &[0]].concat();
        assert_eq!(refusal(&HEAD, &longer, 7), Some(Error::INVALID_BUFFER_SIZE));
        for payload in [0, 6, 8] {
            assert_eq!(refusal(&HEAD, &rest, payload), Some(Error::INVALID_BUFFER_SIZE), "{payload}");
        }
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let (rest, parameter) = (rest(), Some(Error::INVALID_PARAMETER));
        for count in [0, 65, u32::MAX] {
            assert_eq!(refusal(&wskdrv_abi::Send { count, ..HEAD }, &rest, 7), parameter, "{count}");
        }
        for control_length in [257, u32::MAX] {
            let head = wskdrv_abi::Send { control_length, ..HEAD };
            assert_eq!(refusal(&head, &rest, 7), parameter, "{control_length}");
        }
        let head = wskdrv_abi::Send { address_length: u32::MAX, ..HEAD };
        assert_eq!(refusal(&head, &rest, 7), Some(Error::BUFFER_TOO_SMALL));
        // An address that is cut, the control information taking the rest of it.
        let head = wskdrv_abi::Send { address_length: 15, control_length: 25, ..HEAD };
        assert_eq!(refusal(&head, &rest, 7), parameter);
        let mut malformed = rest.clone();
        malformed[28] = 23;
        assert_eq!(refusal(&HEAD, &malformed, 7), parameter, "a type of service of three bytes");
        malformed[28] = 25;
        assert_eq!(refusal(&HEAD, &malformed, 7), parameter, "a message beyond the end");
    }
}
