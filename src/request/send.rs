//! Send: sends the output buffer's bytes as datagrams, by one call of WSK.

use core::net::SocketAddr;
use core::time::Duration;

use wsk::{BufferList, ControlInfo, Error, Result, SendMessages, SendTo, cmsg};
use wskdrv_abi as abi;
use wskdrv_abi::{CONTROL_INFO_MAX, SEND_MAX};

use super::{Call, Command, Disposition, Finished};
use crate::input::{ensure_empty, ensure_zero, read_prefix, socket_address, split, time_limit};
use crate::operation::Data;

const _: () = assert!(CONTROL_INFO_MAX == wsk::CONTROL_INFO_MAX, "what is let through fits an operation");

/// Datagrams for one address.
#[derive(Debug)]
pub(super) struct Send<'a> {
    /// Where to; none for the fixed address.
    to: Option<SocketAddr>,
    /// How long each is, as the input's bytes.
    lengths: &'a [[u8; 4]],
    /// What each is sent with: at most as much as a request takes, and well formed.
    control: &'a [u8],
    limit: Option<Duration>,
}

impl Send<'_> {
    /// The length of each.
    fn lengths(&self) -> impl Iterator<Item = usize> {
        self.lengths.iter().map(|length| u32::from_ne_bytes(*length) as usize)
    }
}

impl<'a> Command<'a> for Send<'a> {
    fn decode(input: &'a [u8], payload: usize) -> Result<Send<'a>> {
        let (head, rest) = read_prefix::<abi::Send>(input)?;
        ensure_zero(head.flags)?;
        ensure_zero(head.reserved)?;
        let count = head.count as usize;
        if !(1..=SEND_MAX).contains(&count) || head.control_length as usize > CONTROL_INFO_MAX {
            return Err(Error::INVALID_PARAMETER);
        }
        let (lengths, rest) = split(rest, count * 4)?;
        let (to, rest) = split(rest, head.address_length as usize)?;
        let (control, rest) = split(rest, head.control_length as usize)?;
        ensure_empty(rest)?;
        let to = if to.is_empty() { None } else { Some(socket_address(to)?) };
        cmsg::check(control).map_err(|_| Error::INVALID_PARAMETER)?;
        let send = Send { to, lengths: lengths.as_chunks().0, control, limit: time_limit(head.timeout_ms) };
        // At most 64 numbers of 32 bits: no overflow.
        if send.lengths().sum::<usize>() != payload {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        Ok(send)
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let socket = call.file.bound_socket()?;
        // What was let through fits. WSK wants the padding of the last message, too.
        let control = ControlInfo::copied(self.control).unwrap_or_default().padded();
        let data = call.locked()?;
        if self.lengths.len() == 1 {
            return call.submit(self.limit, Data::One(data), |driver, op, limit| {
                socket.submit_to(&driver.handler, op, SendTo(self.to).with(control), limit)
            });
        }
        let mut list = BufferList::new(data, self.lengths.len())?;
        list.divide(self.lengths())?;
        call.submit(self.limit, Data::List(list), |driver, op, limit| {
            socket.submit_to(&driver.handler, op, SendMessages(self.to).with(control), limit)
        })
    }
}

pub(super) fn finish(finished: &mut Finished<'_>, data: &Data, result: Result<usize>) -> Result<usize> {
    let sent = result?;
    // Of several, WSK may have sent the first only.
    let counters = &finished.file.driver().counters;
    counters.datagrams_sent.add(data.datagrams(sent));
    counters.bytes_sent.add(sent);
    Ok(sent)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use zerocopy::IntoBytes;

    use super::*;

    const HEAD: abi::Send =
        abi::Send { timeout_ms: 0, flags: 0, count: 3, address_length: 16, control_length: 24, reserved: 0 };

    /// Three lengths, the address 1.2.3.4:258, and a type of service.
    fn rest() -> Vec<u8> {
        let mut rest: Vec<u8> = [3_u32, 0, 4].as_bytes().to_vec();
        rest.extend([2, 0, 1, 2, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut control = cmsg::Control::<24>::new();
        control.push(&cmsg::Message::TypeOfService(8)).unwrap();
        rest.extend(control.as_bytes());
        rest
    }

    fn input(head: &abi::Send, rest: &[u8]) -> Vec<u8> {
        [head.as_bytes(), rest].concat()
    }

    fn refusal(head: &abi::Send, rest: &[u8], payload: usize) -> Option<Error> {
        Send::decode(&input(head, rest), payload).err()
    }

    #[test]
    fn all_parts_are_found() {
        let rest = rest();
        let all = input(&HEAD, &rest);
        let send = Send::decode(&all, 7).unwrap();
        assert_eq!(send.lengths().collect::<Vec<_>>(), [3, 0, 4]);
        assert_eq!(send.to, Some("1.2.3.4:258".parse().unwrap()));
        assert_eq!(send.control, &rest[28..]);
        let short = abi::Send { count: 1, address_length: 0, control_length: 0, ..HEAD };
        let all = input(&short, &rest[..4]);
        let send = Send::decode(&all, 3).unwrap();
        assert_eq!((send.to, send.control), (None, &[][..]));
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
            assert_eq!(refusal(&abi::Send { count, ..HEAD }, &rest, 7), parameter, "{count}");
        }
        for control_length in [257, u32::MAX] {
            let head = abi::Send { control_length, ..HEAD };
            assert_eq!(refusal(&head, &rest, 7), parameter, "{control_length}");
        }
        let most = abi::Send { control_length: 256, ..HEAD };
        assert_eq!(refusal(&most, &rest, 7), Some(Error::BUFFER_TOO_SMALL));
        let head = abi::Send { address_length: u32::MAX, ..HEAD };
        assert_eq!(refusal(&head, &rest, 7), Some(Error::BUFFER_TOO_SMALL));
        // An address that is cut, the control information taking the rest of it.
        let head = abi::Send { address_length: 15, control_length: 25, ..HEAD };
        assert_eq!(refusal(&head, &rest, 7), parameter);
        let mut malformed = rest.clone();
        malformed[28] = 23;
        assert_eq!(refusal(&HEAD, &malformed, 7), parameter, "a type of service of three bytes");
        malformed[28] = 25;
        assert_eq!(refusal(&HEAD, &malformed, 7), parameter, "a message beyond the end");
    }
}
