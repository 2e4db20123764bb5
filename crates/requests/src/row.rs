//! What is said of a request, and the ways to find it.

use core::ops::RangeInclusive;

use wsk_sys::{IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP, SOL_SOCKET, ULONG};

use crate::{ROWS, Request};

/// What a driver needs to know of a control request. [`About`](crate::About) has the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which request it is.
    pub request: Request,
    /// The C name; with the level's in front, `IPPROTO_IP/MCAST_JOIN_GROUP`, where two levels have the same.
    pub name: &'static str,
    /// The numbers by which WSK knows it.
    pub kind: Kind,
    /// Whether the value of an option can be got. Other requests have no get of their own.
    pub get: bool,
    /// Whether the value of an option can be set; of another request, whether it can be made, which is always.
    pub set: bool,
    /// The value of an option; the input of another request.
    pub value: ValueKind,
    /// The output of an IOCTL or a client request.
    pub output: ValueKind,
    /// The documented value of an option that nobody has set.
    pub default: Option<ULONG>,
    /// Whether an IRP goes with it.
    pub irp: IrpRule,
    /// When it can be set, or executed. A get has no such rule.
    pub state: StateRule,
    /// The address families of the sockets that know it.
    pub families: Families,
    /// The categories of the sockets that know it.
    pub sockets: Sockets,
    /// The highest IRQL of the call.
    pub max_irql: MaxIrql,
}

/// The numbers by which WSK knows a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A socket option: `WskControlSocket` with `WskSetOption` or `WskGetOption`.
    Option {
        /// `SOL_SOCKET` or the number of a protocol.
        level: ULONG,
        /// The option; unique within its level only.
        name: ULONG,
    },
    /// A socket IOCTL: `WskControlSocket` with `WskIoctl`.
    Ioctl {
        /// The `SIO_` code.
        code: ULONG,
    },
    /// A request of the client as a whole: `WskControlClient`.
    Client {
        /// The control code.
        code: ULONG,
    },
}

/// What can be done with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Get only.
    Get,
    /// Set only.
    Set,
    /// Both.
    Both,
}

/// The kind of a value, and so its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// Nothing.
    Nothing,
    /// A `ULONG` that is 0 or 1.
    Bool,
    /// A `ULONG`.
    U32,
    /// The index of an interface, a `ULONG`.
    Index,
    /// The index of an interface: set in network byte order, got in the machine's.
    NetworkIndex,
    /// The interface of multicast datagrams: set as one of its IPv4 addresses or as its index, both in network byte
    /// order; got as its index, in the machine's.
    MulticastInterface,
    /// `PMTUD_STATE`
    MtuDiscovery,
    /// A `PROTECTION_LEVEL_` number.
    Protection,
    /// `IP_MREQ`: a group and an interface.
    Membership,
    /// `IP_MREQ_SOURCE`: a group, an interface and a source.
    SourceMembership,
    /// `IPV6_MREQ`: a group and an interface.
    MembershipV6,
    /// `GROUP_REQ`: a group of either family and an interface.
    Group,
    /// `GROUP_SOURCE_REQ`: a group of either family, an interface and a source.
    GroupSource,
    /// The options of an IPv4 header, as they go on the wire: at most 40 bytes. None clears them.
    IpOptions,
    /// The indexes of interfaces, each a `ULONG`.
    Indexes,
    /// A socket address of the socket's family; none clears it.
    Address,
    /// `SOCKET_ADDRESS_LIST`, with pointers to the addresses.
    AddressList,
    /// A pointer to a security descriptor that WSK has cached.
    SecurityDescriptor,
    /// `WSK_EVENT_CALLBACK_CONTROL`, with a pointer to the NPI's identifier.
    EventCallback,
    /// `WSK_EXTENSION_CONTROL_IN`, with pointers.
    ExtensionIn,
    /// `WSK_EXTENSION_CONTROL_OUT`, with pointers.
    ExtensionOut,
    /// `WSK_TRANSPORT`s, 28 bytes each.
    Transports,
    /// `WSK_TDI_MAP_INFO`, with a pointer to the map.
    TdiMap,
}

impl ValueKind {
    /// The least and the greatest number of bytes, on a socket whose addresses have `address_size`. A list has no
    /// greatest number: [`usize::MAX`].
    #[must_use]
    pub const fn bounds(self, address_size: usize) -> (usize, usize) {
        match self {
            ValueKind::Nothing => (0, 0),
            ValueKind::Bool
            | ValueKind::U32
            | ValueKind::Index
            | ValueKind::NetworkIndex
            | ValueKind::MulticastInterface
            | ValueKind::MtuDiscovery
            | ValueKind::Protection => (4, 4),
            ValueKind::Membership => exactly(size_of::<wsk_sys::IP_MREQ>()),
            ValueKind::SourceMembership => exactly(size_of::<wsk_sys::IP_MREQ_SOURCE>()),
            ValueKind::MembershipV6 => exactly(size_of::<wsk_sys::IPV6_MREQ>()),
            ValueKind::Group => exactly(size_of::<wsk_sys::GROUP_REQ>()),
            ValueKind::GroupSource => exactly(size_of::<wsk_sys::GROUP_SOURCE_REQ>()),
            ValueKind::IpOptions => (0, 40),
            ValueKind::Address => (0, address_size),
            ValueKind::Indexes | ValueKind::Transports => (0, usize::MAX),
            ValueKind::AddressList => (4, usize::MAX),
            ValueKind::SecurityDescriptor => (8, 8),
            ValueKind::EventCallback | ValueKind::ExtensionOut | ValueKind::TdiMap => (16, 16),
            ValueKind::ExtensionIn => (24, 24),
        }
    }

    /// Whether a value may have `size` bytes, on a socket whose addresses have `address_size`.
    #[must_use]
    pub const fn accepts(self, size: usize, address_size: usize) -> bool {
        let (least, greatest) = self.bounds(address_size);
        match self {
            ValueKind::Address => size == 0 || size == address_size,
            ValueKind::Indexes => size.is_multiple_of(4),
            ValueKind::Transports => size.is_multiple_of(28),
            _ => least <= size && size <= greatest,
        }
    }

    /// Whether the bytes are, or contain, pointers: then they are never those of somebody else.
    #[must_use]
    pub const fn has_pointers(self) -> bool {
        matches!(
            self,
            ValueKind::AddressList
                | ValueKind::SecurityDescriptor
                | ValueKind::EventCallback
                | ValueKind::ExtensionIn
                | ValueKind::ExtensionOut
                | ValueKind::TdiMap
        )
    }
}

const fn exactly(size: usize) -> (usize, usize) {
    (size, size)
}

/// Whether an IRP goes with a request.
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
    /// Before the socket is bound; of a client request, before there is a socket.
    BeforeBind,
    /// After the socket is bound.
    AfterBind,
    /// At any time.
    AnyTime,
}

/// The address families of the sockets that know a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// IPv4, and IPv6 sockets that serve IPv4 too (`IPV6_V6ONLY` off).
    V4,
    /// IPv6 only.
    V6,
    /// Both.
    Both,
}

/// The categories of the sockets that know a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sockets {
    /// Datagram sockets, and maybe other ones that are not basic.
    Datagram,
    /// All, basic sockets included.
    All,
    /// None: it is made of the client.
    None,
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
        Row::find(Kind::Option { level, name })
    }

    /// The row of an IOCTL, if there is one.
    #[must_use]
    pub fn ioctl(code: ULONG) -> Option<&'static Row> {
        Row::find(Kind::Ioctl { code })
    }

    /// The row of a client request, if there is one.
    #[must_use]
    pub fn client(code: ULONG) -> Option<&'static Row> {
        Row::find(Kind::Client { code })
    }

    /// The row of a request, if there is one.
    #[must_use]
    pub fn find(kind: Kind) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.kind == kind)
    }

    /// What can be done with it.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        match (self.get, self.set) {
            (true, true) => Direction::Both,
            (true, false) => Direction::Get,
            (false, _) => Direction::Set,
        }
    }

    /// Whether the rule permits the request on a socket that is bound, or is not.
    #[must_use]
    pub const fn permits(&self, bound: bool) -> bool {
        match self.state {
            StateRule::BeforeBind => !bound,
            StateRule::AfterBind => bound,
            StateRule::AnyTime => true,
        }
    }

    /// Whether a driver may make it of bytes that somebody else chose: it takes an IRP, and no pointer is in it.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        matches!(self.irp, IrpRule::Required)
            && !self.value.has_pointers()
            && !self.output.has_pointers()
            && !matches!(self.kind, Kind::Client { .. })
    }

    /// The least and the greatest number that an option takes, where not every `ULONG` is one for it.
    #[must_use]
    pub const fn range(&self) -> Option<RangeInclusive<ULONG>> {
        match self.kind {
            Kind::Option { level: IPPROTO_IP, name: wsk_sys::IP_TTL }
            | Kind::Option { level: IPPROTO_IPV6, name: wsk_sys::IPV6_UNICAST_HOPS } => Some(1..=255),
            Kind::Option { level: IPPROTO_IP, name: wsk_sys::IP_MULTICAST_TTL | wsk_sys::IP_TOS }
            | Kind::Option {
                level: IPPROTO_IPV6,
                name: wsk_sys::IPV6_MULTICAST_HOPS | wsk_sys::IPV6_TCLASS,
            } => Some(0..=255),
            _ => None,
        }
    }

    /// The C name of an option's level.
    #[must_use]
    pub const fn level_name(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Option { level: SOL_SOCKET, .. } => Some("SOL_SOCKET"),
            Kind::Option { level: IPPROTO_IP, .. } => Some("IPPROTO_IP"),
            Kind::Option { level: IPPROTO_IPV6, .. } => Some("IPPROTO_IPV6"),
            Kind::Option { level: IPPROTO_UDP, .. } => Some("IPPROTO_UDP"),
            Kind::Option { .. } | Kind::Ioctl { .. } | Kind::Client { .. } => None,
        }
    }

    /// The number of the option, or the code.
    #[must_use]
    pub const fn number(&self) -> ULONG {
        match self.kind {
            Kind::Option { name, .. } => name,
            Kind::Ioctl { code } | Kind::Client { code } => code,
        }
    }
}
