//! The parser: from a buffer to messages.

use core::iter::FusedIterator;

use crate::error::{Fault, Malformed};
use crate::{HEADER, aligned};

/// A control message: what its header says, and its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    /// Where it begins, in bytes from the start of the buffer: a multiple of [`ALIGNMENT`](crate::ALIGNMENT).
    pub offset: usize,
    /// `cmsg_level`: the protocol that the type is one of.
    pub level: i32,
    /// `cmsg_type`
    pub kind: i32,
    /// The data, without padding.
    pub data: &'a [u8],
}

/// The messages of a buffer, in their order.
///
/// A malformed message is yielded as an error and is the last item: where the next one would begin nobody can say.
/// Bytes are copied out of the buffer, never referred to as integers, so the buffer may lie at any address; within it,
/// messages lie at multiples of [`ALIGNMENT`](crate::ALIGNMENT).
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Messages<'a> {
    /// The messages in `bytes`, which is as long as the sender of it says.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Messages<'a> {
        Messages { bytes, offset: 0 }
    }

    fn read(&self) -> Result<Raw<'a>, Fault> {
        // The caller has seen that there is something left.
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let left = rest.len();
        let cut = Fault::Header { left };
        let (length, fields) = rest.split_first_chunk().ok_or(cut)?;
        let (level, fields) = fields.split_first_chunk().ok_or(cut)?;
        let (kind, _) = fields.split_first_chunk().ok_or(cut)?;
        let length = u64::from_ne_bytes(*length);
        let data = match usize::try_from(length) {
            Ok(length) if length < HEADER => return Err(Fault::Short { length: length as u64 }),
            Ok(length) => rest.get(HEADER..length),
            Err(_) => None,
        };
        let data = data.ok_or(Fault::Long { length, left })?;
        let (level, kind) = (i32::from_ne_bytes(*level), i32::from_ne_bytes(*kind));
        Ok(Raw { offset: self.offset, level, kind, data })
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Raw<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.bytes.len() {
            return None;
        }
        let offset = self.offset;
        let message = self.read();
        // The padding of the last message may be missing: `WSA_CMSG_LEN` is a legal size for it.
        self.offset = match &message {
            Ok(message) => offset.saturating_add(aligned(HEADER + message.data.len())),
            Err(_) => self.bytes.len(),
        };
        Some(message.map_err(|fault| Malformed { offset, fault }))
    }
}

impl FusedIterator for Messages<'_> {}

/// Checks a buffer: every message is whole, and data of a known type has its size.
///
/// # Errors
/// The first message that is not.
pub fn check(bytes: &[u8]) -> Result<(), Malformed> {
    Messages::new(bytes).try_for_each(|message| message?.decode().map(drop))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;
    use std::vec::Vec;

    use super::*;

    fn message(length: u64, level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
        [&length.to_ne_bytes()[..], &level.to_ne_bytes(), &kind.to_ne_bytes(), data].concat()
    }

    fn faults(bytes: &[u8]) -> Vec<Malformed> {
        Messages::new(bytes).filter_map(Result::err).collect()
    }

    #[test]
    fn messages_are_found_behind_padding() {
        let mut bytes = message(17, 1, 2, &[7]);
        bytes.extend([0xFF; 7]);
        bytes.extend(message(16, -3, i32::MAX, &[]));
        let read: Vec<_> = Messages::new(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!(
            read,
            [
                Raw { offset: 0, level: 1, kind: 2, data: &[7] },
                Raw { offset: 24, level: -3, kind: i32::MAX, data: &[] },
            ]
        );
        assert!(Messages::new(&[]).next().is_none());
    }

    #[test]
    fn the_last_message_may_lack_its_padding() {
        let bytes = message(19, 0, 0, &[1, 2, 3]);
        assert_eq!(Messages::new(&bytes).next().unwrap().unwrap().data, [1, 2, 3]);
        assert_eq!(faults(&bytes), []);
    }

    #[test]
    fn a_header_that_is_cut_is_reported() {
        let whole = message(16, 0, 0, &[]);
        for left in 1..HEADER {
            let fault = Fault::Header { left };
            assert_eq!(faults(&whole[..left]), [Malformed { offset: 0, fault }]);
            let two = [&whole[..], &whole[..left]].concat();
            assert_eq!(faults(&two), [Malformed { offset: 16, fault }]);
        }
    }

    /// With the macros of the headers, the first of these loops for ever and the others read what is not there.
    #[test]
    fn lengths_that_cannot_be_are_reported() {
        for length in 0..16 {
            let bytes = [message(length, 0, 0, &[]), message(16, 0, 0, &[])].concat();
            assert_eq!(faults(&bytes), [Malformed { offset: 0, fault: Fault::Short { length } }]);
        }
        for length in [21, 24, 1 << 32, u64::MAX - 7, u64::MAX] {
            let bytes = [message(16, 0, 0, &[]), message(length, 0, 0, &[1, 2, 3, 4])].concat();
            let fault = Fault::Long { length, left: 20 };
            assert_eq!(faults(&bytes), [Malformed { offset: 16, fault }]);
            assert_eq!(check(&bytes), Err(Malformed { offset: 16, fault }));
        }
    }

    #[test]
    fn errors_say_what_and_where() {
        let bytes = message(15, 0, 0, &[]);
        let text = check(&bytes).unwrap_err().to_string();
        assert_eq!(
            text,
            "control information, message at byte 0: its length is 15, less than that of its header, 16"
        );
        let text = check(&message(17, 0, 19, &[0])).unwrap_err().to_string();
        assert!(text.ends_with("level 0, type 19 has 1 bytes of data instead of 8"), "{text}");
    }
}
