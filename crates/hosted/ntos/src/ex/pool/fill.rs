//! What memory is filled with that nobody has written to: bytes that look random, so that none of them is a likely value.
//!
//! None is zero. They follow from the number of the block, so two runs that allocate in the same order see the same.
#![expect(unsafe_code, reason = "fills memory by address")]

use std::ops::Range;
use std::slice;

/// After how many bytes they come again.
const PERIOD: usize = 4096;

static BYTES: [u8; PERIOD] = bytes();

const fn bytes() -> [u8; PERIOD] {
    let mut bytes = [0; PERIOD];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut index = 0;
    while index < PERIOD {
        // Marsaglia's xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [byte, ..] = state.to_be_bytes();
        if byte != 0 {
            bytes[index] = byte;
            index += 1;
        }
    }
    bytes
}

/// The bytes of one block's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill(usize);

impl Fill {
    /// Those of the block with this number.
    pub(super) fn new(number: usize) -> Fill {
        // Odd, so that blocks with numbers near each other have others at the same place.
        Fill(number.wrapping_mul(1237))
    }

    /// The bytes for a part of the memory, in pieces that follow each other.
    fn pieces(self, part: Range<usize>) -> impl Iterator<Item = (usize, &'static [u8])> {
        let mut next = part.start;
        std::iter::from_fn(move || {
            let from = self.0.wrapping_add(next) % PERIOD;
            let length = (part.end - next).min(PERIOD - from);
            let piece = (length != 0).then(|| (next, &BYTES[from..from + length]));
            next += length;
            piece
        })
    }

    /// Fills a part of the memory at `base`.
    ///
    /// # Safety
    /// That part is the caller's, to write to.
    pub(super) unsafe fn write(self, base: *mut u8, part: Range<usize>) {
        for (offset, bytes) in self.pieces(part) {
            let start = base.wrapping_add(offset);
            // SAFETY: inside the part, which is the caller's; the table is elsewhere.
            unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
    }

    /// Whether a part of the memory at `base` is as it was filled.
    ///
    /// # Safety
    /// That part can be read, and nobody may write to it now.
    pub(super) unsafe fn is_whole(self, base: *const u8, part: Range<usize>) -> bool {
        self.pieces(part).all(|(offset, bytes)| {
            let start = base.wrapping_add(offset);
            // SAFETY: inside the part, which can be read.
            let found = unsafe { slice::from_raw_parts(start, bytes.len()) };
            found == bytes
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_long_part_counts() {
        let mut memory = vec![0_u8; 3 * PERIOD + 100];
        let part = 7..memory.len() - 5;
        let fill = Fill::new(3);
        // SAFETY: a part of the vector.
        unsafe { fill.write(memory.as_mut_ptr(), part.clone()) };
        // SAFETY: a part of the vector.
        let is_whole = |memory: &[u8]| unsafe { fill.is_whole(memory.as_ptr(), part.clone()) };
        assert!(is_whole(&memory));
        assert!(memory[..7].iter().chain(&memory[memory.len() - 5..]).all(|&byte| byte == 0));
        for index in [7, PERIOD, 2 * PERIOD + 1, memory.len() - 6] {
            memory[index] ^= 1;
            assert!(!is_whole(&memory), "{index}");
            memory[index] ^= 1;
        }
    }

    #[test]
    fn no_byte_is_zero_and_none_is_frequent() {
        let mut counts = [0; 256];
        for byte in BYTES {
            counts[usize::from(byte)] += 1;
        }
        assert_eq!(counts[0], 0);
        assert!(counts[1..].iter().all(|&count| (1..64).contains(&count)), "{counts:?}");
    }
}
