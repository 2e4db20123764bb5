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
//!
//! The types are made from the rows of [`row::ROWS`](crate::row::ROWS), one for each row whose value has no pointers.
//!
//! # IRQL
//! An option can be got and set at IRQL <= `DISPATCH_LEVEL`, by submitting [`Get`](crate::Get) or [`Set`](crate::Set);
//! always with an IRP.
//!
//! # Errors
//! WSK's pages name no status for an option that the transport does not have, nor for one at the wrong time, and the
//! hosted provider's choices are its own: [`NOT_SUPPORTED`](crate::Error::NOT_SUPPORTED) and
//! [`INVALID_DEVICE_STATE`](crate::Error::INVALID_DEVICE_STATE). Whatever WSK gives is handed on unchanged.

mod value;

pub use value::{
    Group, GroupSource, InterfaceIndex, InterfaceIndexes, IpOptions, Membership, MembershipV6,
    SourceMembership,
};
pub use wsk_requests::{Interface, PathMtuDiscovery, ProtectionLevel};

use crate::row::Row;

/// An option of a datagram socket. The types of this module implement it; no others can.
pub trait SocketOption: sealed::Option {
    /// The type of the value.
    type Value: Value;
    /// When the option can be set: [`BeforeBind`](crate::state::BeforeBind) or
    /// [`AnyTime`](crate::state::AnyTime).
    type SetRule;
    /// What is documented of it.
    const ROW: &'static Row;
}

/// An option that can be got.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be got", note = "its row says so: `Row::get`")]
pub trait GetOption: SocketOption {}

/// An option that can be set.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be set", note = "its row says so: `Row::set`")]
pub trait SetOption: SocketOption {}

/// The value of an option.
pub trait Value: sealed::Value {}

impl<T: sealed::Value> Value for T {}

pub(crate) mod sealed {
    use crate::error::Result;

    pub trait Option {}

    pub trait Value: Sized {
        /// Writes the C form at the beginning of `to`, and tells its size.
        fn encode(&self, to: &mut [u8]) -> Result<usize>;
        /// Reads the C form, which may be shorter than expected: what is missing is zero.
        fn decode(from: &[u8]) -> Result<Self>;
    }
}

/// Makes the types of a table of `wsk_requests`.
macro_rules! typed {
    ([$table:ident $Table:ident $module:ident $level:ident $families:ident $prefix:literal] $(
        $(#[$attribute:meta])* $Type:ident = $name:ident $value:ident [$($direction:ident)+] $state:ident
            $default:tt $hosted:ident $source:ident, $summary:literal;
    )+) => {$(
        #[doc = $summary]
        ///
        #[doc = concat!("`", stringify!($name), "`, level `", stringify!($level), "`. Needs an IRP; IRQL <= `DISPATCH_LEVEL`;")]
        #[doc = $crate::option::about!(state $state)]
        #[doc = $crate::option::about!(default $default)]
        $(#[$attribute])*
        ///
        #[doc = $crate::option::about!(source $source $name $level)]
        #[derive(Clone, Copy, Debug)]
        pub enum $Type {}

        impl $crate::option::sealed::Option for $Type {}

        impl $crate::option::SocketOption for $Type {
            type Value = $crate::option::value_type!($value);
            type SetRule = $crate::state::$state;
            const ROW: &'static $crate::row::Row = $Type::ROW;
        }

        $($crate::option::direction!($direction $Type);)+

        impl $Type {
            /// What is documented of the option.
            pub const ROW: &'static $crate::row::Row = &wsk_requests::rows::$table::$name;
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

/// What the documentation says of a column.
macro_rules! about {
    (state BeforeBind) => {
        "to be set before the bind."
    };
    (state AnyTime) => {
        "at any time."
    };
    (default 0) => {
        "Default: 0."
    };
    (default 1) => {
        "Default: 1."
    };
    (default 0xFFFF_FFFF) => {
        "Default: no bound."
    };
    (default _) => {
        ""
    };
    (source Wsk $name:ident $level:ident) => {
        concat!("Source: WSK's page \"`", stringify!($name), "`\".")
    };
    (source Winsock $name:ident $level:ident) => {
        concat!("Source: Winsock's page \"`", stringify!($level), "` Socket Options\".")
    };
    (source Header $name:ident $level:ident) => {
        "Source: the header `ws2ipdef.h`; no page describes it."
    };
}

/// The Rust type of a kind of value.
macro_rules! value_type {
    (Bool) => {
        bool
    };
    (U32) => {
        u32
    };
    (Index) => {
        u32
    };
    (NetworkIndex) => {
        $crate::option::InterfaceIndex
    };
    (MulticastInterface) => {
        $crate::option::Interface
    };
    (MtuDiscovery) => {
        $crate::option::PathMtuDiscovery
    };
    (Protection) => {
        $crate::option::ProtectionLevel
    };
    (Membership) => {
        $crate::option::Membership
    };
    (SourceMembership) => {
        $crate::option::SourceMembership
    };
    (MembershipV6) => {
        $crate::option::MembershipV6
    };
    (Group) => {
        $crate::option::Group
    };
    (GroupSource) => {
        $crate::option::GroupSource
    };
    (IpOptions) => {
        $crate::option::IpOptions
    };
    (Indexes) => {
        $crate::option::InterfaceIndexes
    };
}

pub(crate) use {about, direction, value_type};

pub mod ip;
pub mod ipv6;
pub mod socket;
pub mod udp;
