//! The table of control requests: what WSK's pages say of each, as data.
//!
//! The typed requests ([`option`](mod@crate::option), [`ioctl`]) are made from these rows, and so is
//! everything that handles requests by number: a driver's front door, a harness, a page of documentation.

use wsk_sys::ULONG;

use crate::{ioctl, option};

/// A control request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The C name.
    pub name: &'static str,
    /// The numbers by which WSK knows it.
    pub kind: Kind,
    /// Whether the value can be got. An IOCTL has no get of its own.
    pub get: bool,
    /// Whether the value can be set; of an IOCTL, whether it takes input.
    pub set: bool,
    /// The kind of value, and so its size.
    pub value: ValueKind,
    /// Whether `WskControlSocket` takes an IRP for it.
    pub irp: IrpRule,
    /// When it can be set, or executed.
    pub state: StateRule,
    /// The address families of the sockets that know it.
    pub families: Families,
    /// The highest IRQL of the call.
    pub max_irql: MaxIrql,
    /// What it does, in a sentence.
    pub summary: &'static str,
}

/// The numbers by which WSK knows a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A socket option.
    Option {
        /// `SOL_SOCKET` or the number of a protocol.
        level: ULONG,
        /// The option; unique within its level only.
        name: ULONG,
    },
    /// A socket IOCTL.
    Ioctl {
        /// The `SIO_` code.
        code: ULONG,
    },
}

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A `ULONG` that is 0 or 1.
    Bool,
    /// A `ULONG`.
    U32,
    /// A socket address of the socket's family; none clears it.
    Address,
}

impl ValueKind {
    /// Whether a value may have `size` bytes, on a socket whose addresses have `address_size`.
    #[must_use]
    pub const fn accepts(self, size: usize, address_size: usize) -> bool {
        match self {
            ValueKind::Bool | ValueKind::U32 => size == 4,
            ValueKind::Address => size == 0 || size == address_size,
        }
    }
}

/// Whether `WskControlSocket` takes an IRP for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IrpRule {
    /// The IRP is null, and the request completes in the call.
    Null,
    /// An IRP is required.
    Required,
    /// With an IRP or without.
    Either,
}

/// When a request can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateRule {
    /// Before the socket is bound.
    BeforeBind,
    /// After the socket is bound.
    AfterBind,
    /// At any time.
    AnyTime,
}

/// The address families of the sockets that know a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
    /// Both.
    Both,
}

/// The highest IRQL of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxIrql {
    /// `PASSIVE_LEVEL`
    Passive,
    /// `DISPATCH_LEVEL`
    Dispatch,
}

impl Row {
    /// The row of an option, if there is one.
    #[must_use]
    pub fn option(level: ULONG, name: ULONG) -> Option<&'static Row> {
        Row::of(Kind::Option { level, name })
    }

    /// The row of an IOCTL, if there is one.
    #[must_use]
    pub fn ioctl(code: ULONG) -> Option<&'static Row> {
        Row::of(Kind::Ioctl { code })
    }

    fn of(kind: Kind) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.kind == kind)
    }

    /// Whether the rule permits the request on a socket that is bound, or is not.
    #[must_use]
    pub fn permits(&self, bound: bool) -> bool {
        match self.state {
            StateRule::BeforeBind => !bound,
            StateRule::AfterBind => bound,
            StateRule::AnyTime => true,
        }
    }
}

/// Every control request that has a type in this crate.
pub const ROWS: &[Row] = &[
    option::socket::ExclusiveAddressUse::ROW,
    option::socket::ReuseAddress::ROW,
    option::socket::Broadcast::ROW,
    option::socket::ReceiveBuffer::ROW,
    option::ipv6::V6Only::ROW,
    ioctl::SetRemoteAddress::ROW,
    ioctl::SetSendToAddress::ROW,
];
