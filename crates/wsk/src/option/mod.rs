//! Socket options, each a type.
//!
//! The type says all there is to know of an option: its numbers, its value, whether it can be got and set, and
//! when. A set of a get-only option, a value of another type, a pre-bind option after the bind: none compiles.
//!
//! ```no_run
//! # fn example(socket: wsk::Unbound<'_>, passive: &wsk::Passive) -> wsk::Result {
//! use wsk::option::socket::{ExclusiveAddressUse, ReceiveBuffer};
//!
//! socket.set::<ExclusiveAddressUse>(true, passive)?;
//! let bytes: u32 = socket.get::<ReceiveBuffer>(passive)?;
//! # Ok(())
//! # }
//! ```

pub mod ipv6;
pub mod socket;

use crate::error::{Error, Result};
use crate::row::{Row, ValueKind};

/// An option of a datagram socket. The types of this module implement it; no others can.
pub trait SocketOption: sealed::Option {
    /// The type of the value.
    type Value: Value;
    /// When the option can be set: [`BeforeBind`](crate::state::BeforeBind) or
    /// [`AnyTime`](crate::state::AnyTime).
    type SetRule;
    /// What WSK's pages say of it.
    const ROW: Row;
}

/// An option that can be got.
pub trait GetOption: SocketOption {}

/// An option that can be set.
pub trait SetOption: SocketOption {}

/// The value of an option.
pub trait Value: sealed::Value {
    /// Its kind, in the table.
    const KIND: ValueKind;
}

pub(crate) mod sealed {
    use super::Result;

    pub trait Option {}

    pub trait Value: Sized {
        /// Writes the C form at the beginning of `to`, and tells its size.
        fn encode(&self, to: &mut [u8]) -> Result<usize>;
        /// Reads the C form, which may be shorter than expected: what is missing is zero.
        fn decode(from: &[u8]) -> Result<Self>;
    }
}

impl Value for u32 {
    const KIND: ValueKind = ValueKind::U32;
}

impl sealed::Value for u32 {
    fn encode(&self, to: &mut [u8]) -> Result<usize> {
        let bytes = self.to_ne_bytes();
        to.get_mut(..bytes.len()).ok_or(Error::BUFFER_TOO_SMALL)?.copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn decode(from: &[u8]) -> Result<u32> {
        let mut bytes = [0; 4];
        bytes.get_mut(..from.len()).ok_or(Error::INFO_LENGTH_MISMATCH)?.copy_from_slice(from);
        Ok(u32::from_ne_bytes(bytes))
    }
}

impl Value for bool {
    const KIND: ValueKind = ValueKind::Bool;
}

impl sealed::Value for bool {
    fn encode(&self, to: &mut [u8]) -> Result<usize> {
        u32::from(*self).encode(to)
    }

    fn decode(from: &[u8]) -> Result<bool> {
        u32::decode(from).map(|value| value != 0)
    }
}

/// Declares options, one row each: type, level and name, value, directions, rule, families, summary.
macro_rules! socket_options {
    ($(
        $(#[$attribute:meta])*
        $Type:ident = $level:ident / $name:ident: $Value:ty,
        [$($direction:ident),+], $rule:ident, $families:ident, $summary:literal;
    )+) => {$(
        #[doc = $summary]
        ///
        #[doc = concat!("`", stringify!($name), "`, level `", stringify!($level), "`. Needs an IRP; IRQL <= `DISPATCH_LEVEL`.")]
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        pub enum $Type {}

        impl $crate::option::sealed::Option for $Type {}

        impl $crate::option::SocketOption for $Type {
            type Value = $Value;
            type SetRule = $crate::state::$rule;
            const ROW: $crate::row::Row = $Type::ROW;
        }

        $($crate::option::direction!($direction $Type);)+

        impl $Type {
            /// What WSK's pages say of the option.
            pub const ROW: $crate::row::Row = $crate::row::Row {
                name: stringify!($name),
                kind: $crate::row::Kind::Option { level: wsk_sys::$level, name: wsk_sys::$name },
                get: $crate::option::has!(get $($direction)+),
                set: $crate::option::has!(set $($direction)+),
                value: <$Value as $crate::option::Value>::KIND,
                irp: $crate::row::IrpRule::Required,
                state: $crate::row::StateRule::$rule,
                families: $crate::row::Families::$families,
                max_irql: $crate::row::MaxIrql::Dispatch,
                summary: $summary,
            };
        }
    )+};
}

macro_rules! direction {
    (get $Type:ident) => {
        impl $crate::option::GetOption for $Type {}
    };
    (set $Type:ident) => {
        impl $crate::option::SetOption for $Type {}
    };
}

macro_rules! has {
    (get get $($rest:ident)*) => { true };
    (set set $($rest:ident)*) => { true };
    ($wanted:ident $other:ident $($rest:ident)*) => { $crate::option::has!($wanted $($rest)*) };
    ($wanted:ident) => { false };
}

pub(crate) use {direction, has, socket_options};

#[cfg(test)]
mod tests {
    use super::sealed::Value;

    #[test]
    fn a_value_is_a_ulong() {
        let mut buffer = [0xAA; 6];
        assert_eq!(0x0102_0304_u32.encode(&mut buffer), Ok(4));
        assert_eq!((u32::decode(&buffer[..4]), &buffer[4..]), (Ok(0x0102_0304), &[0xAA, 0xAA][..]));
        assert_eq!(true.encode(&mut buffer), Ok(4));
        assert_eq!(bool::decode(&buffer[..4]), Ok(true));
    }

    #[test]
    fn a_short_reply_is_a_value_and_a_long_one_is_not() {
        assert_eq!(u32::decode(&[7]), Ok(u32::from_ne_bytes([7, 0, 0, 0])));
        assert_eq!(u32::decode(&[0; 5]), Err(crate::Error::INFO_LENGTH_MISMATCH));
        assert_eq!(7_u32.encode(&mut [0; 3]), Err(crate::Error::BUFFER_TOO_SMALL));
    }
}
