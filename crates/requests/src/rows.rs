//! The rows as constants by their C names, and the requests as enumerations, in a module for each table; and all of them
//! together.

#[cfg(feature = "about")]
use crate::about::{About, Hosted, Source};
use crate::row::{Families, IrpRule, Kind, MaxIrql, Row, Sockets, StateRule, ValueKind};

/// What is in `[directions]`.
macro_rules! has {
    (get get $($rest:ident)*) => { true };
    (set set $($rest:ident)*) => { true };
    ($wanted:ident $other:ident $($rest:ident)*) => { has!($wanted $($rest)*) };
    ($wanted:ident) => { false };
}

/// The name of a test: a name as a constant, in small letters, with underscores.
#[cfg(feature = "about")]
macro_rules! test_name {
    ($($part:tt)+) => {{
        const NAME: &str = concat!($($part)+);
        const BYTES: [u8; NAME.len()] = {
            let mut bytes = [0; NAME.len()];
            let mut at = 0;
            while at < bytes.len() {
                bytes[at] = match NAME.as_bytes()[at] {
                    b'/' => b'_',
                    byte => byte.to_ascii_lowercase(),
                };
                at += 1;
            }
            bytes
        };
        match core::str::from_utf8(&BYTES) {
            Ok(name) => name,
            Err(_) => "",
        }
    }};
}

macro_rules! optional {
    (_) => {
        None
    };
    ($value:literal) => {
        Some($value)
    };
}

macro_rules! irp {
    () => {
        IrpRule::Required
    };
    ($irp:ident) => {
        IrpRule::$irp
    };
}

/// What is said of it, or the type of the same name.
#[cfg(feature = "about")]
macro_rules! handled_by {
    ($module:ident $Type:ident) => {
        Some(concat!("option::", stringify!($module), "::", stringify!($Type)))
    };
    ($handled:literal $module:ident $Type:ident) => {
        Some($handled)
    };
}

/// The requests of a table: an enumeration of them, a row for each, and what else is said of each.
macro_rules! table {
    ($doc:expr; $($Type:ident $name:ident $summary:literal $row:expr, $about:expr;)+) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Request {
            $(
                #[doc = $summary]
                $Type,
            )+
        }

        $(
            #[doc = $summary]
            pub const $name: Row = $row;
        )+

        pub(super) const ALL: &[Row] = &[$($name),+];
        #[cfg(feature = "about")]
        pub(crate) const ABOUT: &[About] = &[$($about),+];
    };
}

/// A table of options. A row without a rule for the IRP requires one, and has a type of the crate `wsk`.
macro_rules! options {
    ([$table:ident $Table:ident $module:ident $level:ident $families:ident $prefix:literal] $(
        $(#[$attribute:meta])* $Type:ident = $name:ident $value:ident [$($direction:ident)+] $state:ident
            $default:tt $hosted:ident $source:ident $($irp:ident $handled:tt)?, $summary:literal;
    )+) => {
        #[doc = concat!("Options of level `", stringify!($level), "`.")]
        pub mod $table {
            use super::*;

            table! { concat!("An option of level `", stringify!($level), "`."); $(
                $Type $name $summary
                Row {
                    request: super::Request::$Table(Request::$Type),
                    name: concat!($prefix, stringify!($name)),
                    kind: Kind::Option { level: wsk_sys::$level, name: wsk_sys::$name },
                    get: has!(get $($direction)+),
                    set: has!(set $($direction)+),
                    value: ValueKind::$value,
                    output: ValueKind::Nothing,
                    default: optional!($default),
                    irp: irp!($($irp)?),
                    state: StateRule::$state,
                    families: Families::$families,
                    sockets: Sockets::Datagram,
                    max_irql: MaxIrql::Dispatch,
                },
                About {
                    hosted: Hosted::$hosted,
                    source: Source::$source,
                    handled_by: handled_by!($($handled)? $module $Type),
                    test: test_name!("options::", $prefix, stringify!($name)),
                    summary: $summary,
                };
            )+ }
        }
    };
}

socket_options!(options);
pointer_options!(options);
ip_options!(options);
ip_group_options!(options);
ipv6_options!(options);
ipv6_group_options!(options);
udp_options!(options);

/// The table of the IOCTLs.
macro_rules! ioctls {
    ($(
        $(#[$attribute:meta])* $Type:ident = $name:ident $input:ident $output:ident $state:ident $irp:ident
            $irql:ident $sockets:ident $hosted:ident $source:ident $handled:tt, $summary:literal;
    )+) => {
        /// Socket IOCTLs.
        pub mod ioctl {
            use super::*;

            table! { "A socket IOCTL."; $(
                $Type $name $summary
                Row {
                    request: super::Request::Ioctl(Request::$Type),
                    name: stringify!($name),
                    kind: Kind::Ioctl { code: wsk_sys::$name },
                    get: false,
                    set: true,
                    value: ValueKind::$input,
                    output: ValueKind::$output,
                    default: None,
                    irp: IrpRule::$irp,
                    state: StateRule::$state,
                    families: Families::Both,
                    sockets: Sockets::$sockets,
                    max_irql: MaxIrql::$irql,
                },
                About {
                    hosted: Hosted::$hosted,
                    source: Source::$source,
                    handled_by: optional!($handled),
                    test: test_name!("ioctls::", stringify!($name)),
                    summary: $summary,
                };
            )+ }
        }
    };
}

socket_ioctls!(ioctls);

/// The table of the client's requests.
macro_rules! client {
    ($(
        $(#[$attribute:meta])* $Type:ident = $name:ident $input:ident $output:ident $state:ident $irp:ident
            $hosted:ident $handled:tt, $summary:literal;
    )+) => {
        /// Requests of the client.
        pub mod client {
            use super::*;

            table! { "A request of the client."; $(
                $Type $name $summary
                Row {
                    request: super::Request::Client(Request::$Type),
                    name: stringify!($name),
                    kind: Kind::Client { code: wsk_sys::$name },
                    get: false,
                    set: true,
                    value: ValueKind::$input,
                    output: ValueKind::$output,
                    default: None,
                    irp: IrpRule::$irp,
                    state: StateRule::$state,
                    families: Families::Both,
                    sockets: Sockets::None,
                    max_irql: MaxIrql::Dispatch,
                },
                About {
                    hosted: Hosted::$hosted,
                    source: Source::Wsk,
                    handled_by: optional!($handled),
                    test: test_name!("client::", stringify!($name)),
                    summary: $summary,
                };
            )+ }
        }
    };
}

client_requests!(client);

/// A control request: a variant for each row, by its table. A `match` over it without `_` does not compile when a request
/// comes to be, and so says where that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Request {
    /// An option of level `SOL_SOCKET`.
    Socket(socket::Request),
    /// An option of level `SOL_SOCKET` whose value has pointers.
    Pointer(pointer::Request),
    /// An option of level `IPPROTO_IP`.
    Ip(ip::Request),
    /// An option of level `IPPROTO_IP` whose name another level has too.
    IpGroup(ip_group::Request),
    /// An option of level `IPPROTO_IPV6`.
    Ipv6(ipv6::Request),
    /// An option of level `IPPROTO_IPV6` whose name another level has too.
    Ipv6Group(ipv6_group::Request),
    /// An option of level `IPPROTO_UDP`.
    Udp(udp::Request),
    /// A socket IOCTL.
    Ioctl(ioctl::Request),
    /// A request of the client.
    Client(client::Request),
}

const TABLES: [&[Row]; 9] = [
    socket::ALL,
    pointer::ALL,
    ip::ALL,
    ip_group::ALL,
    ipv6::ALL,
    ipv6_group::ALL,
    udp::ALL,
    ioctl::ALL,
    client::ALL,
];

const COUNT: usize = {
    let (mut count, mut table) = (0, 0);
    while table < TABLES.len() {
        count += TABLES[table].len();
        table += 1;
    }
    count
};

static ALL: [Row; COUNT] = {
    let mut rows = [socket::SO_REUSEADDR; COUNT];
    let (mut at, mut table) = (0, 0);
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            rows[at] = TABLES[table][row];
            at += 1;
            row += 1;
        }
        table += 1;
    }
    rows
};

/// Every control request of datagram sockets, basic sockets and clients.
pub static ROWS: &[Row] = &ALL;
