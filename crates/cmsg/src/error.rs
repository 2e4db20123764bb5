//! What is wrong with control information, and where.

use core::error::Error;
use core::fmt;

use crate::HEADER;

/// Control information that is not what it says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where the message that is wrong begins, in bytes from the start of the buffer.
    pub offset: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a control message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The bytes that are left are too few for a header.
    Header {
        /// How many there are.
        left: usize,
    },
    /// The length that it states is less than that of its own header.
    Short {
        /// The length.
        length: u64,
    },
    /// The length that it states goes beyond the end of the buffer.
    Long {
        /// The length.
        length: u64,
        /// How many bytes there are.
        left: usize,
    },
    /// Its data has not the size that data of its type has.
    Data {
        /// Its level.
        level: i32,
        /// Its type.
        kind: i32,
        /// How many bytes of data it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "control information, message at byte {}: ", self.offset)?;
        match self.fault {
            Fault::Header { left } => write!(f, "{left} bytes are left, and a header has {HEADER}"),
            Fault::Short { length } => {
                write!(f, "its length is {length}, less than that of its header, {HEADER}")
            }
            Fault::Long { length, left } => write!(f, "its length is {length}, but {left} bytes are left"),
            Fault::Data { level, kind, found, expected } => {
                write!(f, "level {level}, type {kind} has {found} bytes of data instead of {expected}")
            }
        }
    }
}

impl Error for Malformed {}
