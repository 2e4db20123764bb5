//! The builder: control information of a bounded size, in place.

use core::error::Error;
use core::fmt;

use crate::message::Message;
use crate::parse::Messages;
use crate::{HEADER, length, space};

/// Control information of at most `N` bytes.
///
/// The bytes are aligned as a `WSACMSGHDR` is, so that they can be handed to WSK where they are. Padding is zero.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Control<const N: usize> {
    bytes: [u8; N],
    /// At most `N`.
    length: usize,
}

/// There is no room for more control information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// How many bytes there should have been.
    pub needed: usize,
    /// How many there are.
    pub left: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "control information: {} bytes do not fit, as {} are left", self.needed, self.left)
    }
}

impl Error for Full {}

impl<const N: usize> Control<N> {
    /// Without messages.
    #[must_use]
    pub const fn new() -> Control<N> {
        Control { bytes: [0; N], length: 0 }
    }

    /// A copy of control information, which is not looked at: [`Control::messages`] and [`check`](crate::check) do.
    ///
    /// # Errors
    /// [`Full`]: it has more than `N` bytes.
    pub fn copied(bytes: &[u8]) -> Result<Control<N>, Full> {
        let mut control = Control::new();
        let place = control.bytes.get_mut(..bytes.len());
        place.ok_or(Full { needed: bytes.len(), left: N })?.copy_from_slice(bytes);
        control.length = bytes.len();
        Ok(control)
    }

    /// The same with the padding of its last message, which may have been left out, and which WSK wants.
    ///
    /// Nothing changes where `N` leaves no room for it.
    #[must_use]
    pub fn padded(mut self) -> Control<N> {
        let length = crate::aligned(self.length);
        if length <= N {
            // What is not used of the bytes is zero.
            self.length = length;
        }
        self
    }

    /// Adds a message.
    ///
    /// # Errors
    /// [`Full`]: it does not fit, and nothing is changed.
    pub fn push(&mut self, message: &Message<'_>) -> Result<(), Full> {
        let encoded = message.encode();
        let data = encoded.data();
        // What was copied in may lack the padding of its last message.
        let start = crate::aligned(self.length);
        let left = N.saturating_sub(start);
        let needed = space(data.len());
        let place = self.bytes.get_mut(start..).and_then(|rest| rest.get_mut(..needed));
        let place = place.ok_or(Full { needed, left })?;
        place.fill(0);
        place[..8].copy_from_slice(&(length(data.len()) as u64).to_ne_bytes());
        place[8..12].copy_from_slice(&encoded.level.to_ne_bytes());
        place[12..HEADER].copy_from_slice(&encoded.kind.to_ne_bytes());
        place[HEADER..HEADER + data.len()].copy_from_slice(data);
        self.length = start + needed;
        Ok(())
    }

    /// The bytes, as WSK takes them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The messages.
    #[must_use]
    pub fn messages(&self) -> Messages<'_> {
        Messages::new(self.as_bytes())
    }

    /// Whether there is no message.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl<const N: usize> Default for Control<N> {
    fn default() -> Control<N> {
        Control::new()
    }
}

impl<const N: usize> PartialEq for Control<N> {
    fn eq(&self, other: &Control<N>) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl<const N: usize> Eq for Control<N> {}

impl<const N: usize> fmt::Debug for Control<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.messages().map(|message| message.and_then(|raw| raw.decode()))).finish()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;
    use std::string::ToString;

    use super::*;

    #[test]
    fn it_is_empty_until_there_is_a_message_and_equal_by_its_messages() {
        let mut control = Control::<48>::new();
        assert!(control.is_empty());
        control.push(&Message::TimeToLive(7)).unwrap();
        assert!(!control.is_empty());
        assert_ne!(control, Control::new());
        assert_eq!(control, Control::copied(control.as_bytes()).unwrap());
    }

    #[test]
    fn it_is_shown_by_its_messages_and_its_error_by_its_numbers() {
        let mut control = Control::<24>::new();
        assert_eq!(format!("{control:?}"), "[]");
        control.push(&Message::TimeToLive(7)).unwrap();
        assert_eq!(format!("{control:?}"), "[Ok(TimeToLive(7))]");
        let full = control.push(&Message::HopLimit(1)).unwrap_err();
        assert_eq!(full.to_string(), "control information: 24 bytes do not fit, as 0 are left");
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let mut control = Control::<47>::new();
        control.push(&Message::TimeToLive(7)).unwrap();
        let before = control;
        assert_eq!(control.push(&Message::TimeToLive(8)), Err(Full { needed: 24, left: 23 }));
        assert_eq!(control, before);
        control.push(&Message::Other { level: 1, kind: 2, data: &[] }).unwrap();
        assert_eq!(control.as_bytes().len(), 40);
    }

    #[test]
    fn a_copy_is_continued_at_the_next_boundary() {
        let mut first = Control::<64>::new();
        first.push(&Message::TypeOfService(1)).unwrap();
        let mut control = Control::<64>::copied(&first.as_bytes()[..20]).unwrap();
        control.push(&Message::EcnV4(2)).unwrap();
        assert_eq!(control.messages().map(|raw| raw.unwrap().offset).max(), Some(24));
        assert_eq!(Control::<8>::copied(&[0; 9]), Err(Full { needed: 9, left: 8 }));
    }

    #[test]
    fn padding_is_added_where_it_was_left_out() {
        let mut whole = Control::<24>::new();
        whole.push(&Message::TypeOfService(1)).unwrap();
        let cut = Control::<24>::copied(&whole.as_bytes()[..20]).unwrap();
        assert_eq!(cut.as_bytes().len(), 20);
        assert_eq!(cut.padded(), whole);
        assert_eq!(whole.padded(), whole);
        assert_eq!(Control::<24>::new().padded(), Control::new());
        let narrow = Control::<20>::copied(cut.as_bytes()).unwrap();
        assert_eq!(narrow.padded(), narrow, "there is no room");
    }

    #[test]
    fn bytes_are_aligned() {
        assert_eq!(align_of::<Control<3>>() % crate::ALIGNMENT, 0);
        let controls = [Control::<3>::new(); 3];
        assert!(controls.iter().all(|control| control.bytes.as_ptr().addr() % crate::ALIGNMENT == 0));
    }
}
