//! The memory of a queue: bytes that are written at one end and read at the other, in a circle.

use wsk::{Buffer, Result, dispatch_drop};

/// A ring of bytes in non-paged memory.
///
/// `used` bytes from `head` on are there to be read; what is written comes behind them.
#[derive(Debug)]
pub(crate) struct Ring {
    bytes: Buffer,
    head: usize,
    used: usize,
}

dispatch_drop!(Ring { bytes, head, used });

impl Ring {
    /// An empty ring of so many bytes.
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](wsk::Error::INSUFFICIENT_RESOURCES)
    pub(crate) fn new(capacity: usize) -> Result<Ring> {
        Ok(Ring { bytes: Buffer::new(capacity)?, head: 0, used: 0 })
    }

    /// The number of bytes that can be read.
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// The number of bytes that can be written.
    pub(crate) fn free(&self) -> usize {
        self.bytes.len() - self.used
    }

    /// Copies bytes in, `offset` bytes behind those that can be read; false if they have no room there. They can be read when
    /// they are [pushed](Ring::push).
    #[must_use]
    pub(crate) fn write(&mut self, offset: usize, piece: &[u8]) -> bool {
        if offset.checked_add(piece.len()).is_none_or(|end| end > self.free()) {
            return false;
        }
        let (at, straight) = self.at(self.used + offset);
        let (front, back) = piece.split_at(straight.min(piece.len()));
        self.bytes[at..][..front.len()].copy_from_slice(front);
        self.bytes[..back.len()].copy_from_slice(back);
        true
    }

    /// Adds the next `count` bytes to those that can be read: at most as many as are free.
    pub(crate) fn push(&mut self, count: usize) {
        self.used += count.min(self.free());
    }

    /// The bytes from `offset` on, in one piece or two: as many of `length` as can be read.
    pub(crate) fn read(&self, offset: usize, length: usize) -> [&[u8]; 2] {
        let length = length.min(self.used.saturating_sub(offset));
        let (at, straight) = self.at(offset);
        let first = straight.min(length);
        [&self.bytes[at..][..first], &self.bytes[..length - first]]
    }

    /// Drops the first `count` bytes: at most as many as can be read.
    pub(crate) fn pop(&mut self, count: usize) {
        let count = count.min(self.used);
        (self.head, _) = self.at(count);
        self.used -= count;
    }

    /// Where the byte at `offset` from the head is, and how many there are from it to the end of the memory.
    fn at(&self, offset: usize) -> (usize, usize) {
        // Not empty: `QUEUE_MIN`.
        let at = (self.head + offset) % self.bytes.len().max(1);
        (at, self.bytes.len() - at)
    }
}

#[cfg(test)]
mod tests {
    use ntos::{Config, Machine};

    use super::*;

    fn push(ring: &mut Ring, bytes: &[u8]) -> bool {
        let written = ring.write(0, bytes);
        if written {
            ring.push(bytes.len());
        }
        written
    }

    #[test]
    fn what_is_written_is_read_across_the_end_of_the_memory() {
        let machine = Machine::boot(Config::default());
        let _entered = machine.enter();
        let mut ring = Ring::new(8).unwrap();
        assert!(push(&mut ring, b"abcdef"));
        ring.pop(4);
        assert!(push(&mut ring, b"ghijk"), "three of them behind the end");
        assert_eq!((ring.used(), ring.free()), (7, 1));
        assert_eq!(ring.read(0, 7).concat(), b"efghijk");
        assert_eq!(ring.read(3, 100).concat(), b"hijk");
        assert_eq!(ring.read(8, 1).concat(), b"");
        assert!(!push(&mut ring, b"lm"), "there is room for one");
        ring.pop(100);
        assert_eq!((ring.used(), ring.free()), (0, 8));
    }

    #[test]
    fn pieces_are_written_in_any_order_and_read_when_pushed() {
        let machine = Machine::boot(Config::default());
        let _entered = machine.enter();
        let mut ring = Ring::new(8).unwrap();
        assert!(ring.write(4, b"ef") && ring.write(0, b"abcd"));
        assert_eq!(ring.read(0, 8).concat(), b"");
        ring.push(6);
        assert_eq!(ring.read(0, 8).concat(), b"abcdef");
        assert!(!ring.write(2, b"x") && !ring.write(usize::MAX, b"x"));
    }
}
