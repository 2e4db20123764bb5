//! The letters: a list in pool, under the mailbox's lock. Nothing here is unsafe.

use nt::{Error, PoolBox, Result, SpinLock};

/// A block of the driver's pool, by whose tag the verifier and the debugger know it.
type Block<T> = PoolBox<T, { nt::pool::tag(b"Mail") }>;

/// The longest letter.
pub(crate) const LETTER_MAX: usize = 256;
/// The most letters.
const LETTERS_MAX: usize = 16;

/// A letter, and the one that was put in after it.
pub(crate) struct Letter {
    length: usize,
    bytes: [u8; LETTER_MAX],
    next: Option<Block<Letter>>,
}

impl Letter {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The letters, the oldest first. There are few, so that the list is walked to its end, and its drop does not go deep.
pub(crate) struct Letters {
    first: Option<Block<Letter>>,
}

impl Letters {
    pub(crate) const fn new() -> Letters {
        Letters { first: None }
    }

    /// The place of the next letter.
    fn end(&mut self) -> Option<&mut Option<Block<Letter>>> {
        let mut place = &mut self.first;
        for _ in 0..LETTERS_MAX {
            match place {
                Some(letter) => place = &mut letter.next,
                None => return Some(place),
            }
        }
        None
    }
}

/// Puts a letter in.
pub(crate) fn put(mailbox: &SpinLock<Letters>, bytes: &[u8]) -> Result {
    let mut letter = Block::new(Letter { length: bytes.len(), bytes: [0; LETTER_MAX], next: None })?;
    letter.bytes.get_mut(..bytes.len()).ok_or(Error::INVALID_PARAMETER)?.copy_from_slice(bytes);
    // What does not fit is dropped outside the lock.
    let surplus = mailbox.with(|letters| match letters.end() {
        Some(place) => place.replace(letter),
        None => Some(letter),
    });
    if surplus.is_some() { Err(Error::QUOTA_EXCEEDED) } else { Ok(()) }
}

/// Takes the oldest letter out, if there is room for it.
pub(crate) fn take(mailbox: &SpinLock<Letters>, room: usize) -> Result<Block<Letter>> {
    mailbox.with(|letters| {
        let fits = letters.first.as_ref().ok_or(Error::INVALID_DEVICE_STATE)?.length <= room;
        if !fits {
            return Err(Error::BUFFER_TOO_SMALL);
        }
        let mut letter = letters.first.take().ok_or(Error::INVALID_DEVICE_STATE)?;
        letters.first = letter.next.take();
        Ok(letter)
    })
}
