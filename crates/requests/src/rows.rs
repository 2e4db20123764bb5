//! The rows as constants by their C names, in a module for each table, and all of them together.

use crate::row::{Families, Hosted, IrpRule, Kind, MaxIrql, Row, Sockets, Source, StateRule, ValueKind};

/// What is in `[directions]`.
macro_rules! has {
    (get get $($rest:ident)*) => { true };
    (set set $($rest:ident)*) => { true };
    ($wanted:ident $other:ident $($rest:ident)*) => { has!($wanted $($rest)*) };
    ($wanted:ident) => { false };
}

/// The name of a test: a name as a constant, in small letters, with underscores.
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

macro_rules! options {
    ([$table:ident $module:ident $level:ident $families:ident $prefix:literal] $(
        $(#[$attribute:meta])* $Type:ident = $name:ident $value:ident [$($direction:ident)+] $state:ident
            $default:tt $hosted:ident $source:ident, $summary:literal;
    )+) => {
        #[doc = concat!("Options of level `", stringify!($level), "`.")]
        pub mod $table {
            use super::*;

            $(
                #[doc = $summary]
                pub const $name: Row = Row {
                    name: concat!($prefix, stringify!($name)),
                    kind: Kind::Option { level: wsk_sys::$level, name: wsk_sys::$name },
                    get: has!(get $($direction)+),
                    set: has!(set $($direction)+),
                    value: ValueKind::$value,
                    output: ValueKind::Nothing,
                    default: optional!($default),
                    irp: IrpRule::Required,
                    state: StateRule::$state,
                    families: Families::$families,
                    sockets: Sockets::Datagram,
                    max_irql: MaxIrql::Dispatch,
                    hosted: Hosted::$hosted,
                    source: Source::$source,
                    handled_by: Some(concat!("option::", stringify!($module), "::", stringify!($Type))),
                    test: test_name!("options::", $prefix, stringify!($name)),
                    summary: $summary,
                };
            )+

            pub(super) const ALL: &[Row] = &[$($name),+];
        }
    };
}

socket_options!(options);
ip_options!(options);
ip_group_options!(options);
ipv6_options!(options);
ipv6_group_options!(options);
udp_options!(options);

macro_rules! pointer_options_rows {
    ([$table:ident $module:ident $level:ident $families:ident $prefix:literal] $(
        $(#[$attribute:meta])* $Type:ident = $name:ident $value:ident [$($direction:ident)+] $state:ident
            $default:tt $hosted:ident $source:ident $irp:ident $handled:tt, $summary:literal;
    )+) => {
        #[doc = concat!("Options of level `", stringify!($level), "` whose values have pointers.")]
        pub mod $table {
            use super::*;

            $(
                #[doc = $summary]
                pub const $name: Row = Row {
                    name: stringify!($name),
                    kind: Kind::Option { level: wsk_sys::$level, name: wsk_sys::$name },
                    get: has!(get $($direction)+),
                    set: has!(set $($direction)+),
                    value: ValueKind::$value,
                    output: ValueKind::Nothing,
                    default: optional!($default),
                    irp: IrpRule::$irp,
                    state: StateRule::$state,
                    families: Families::$families,
                    sockets: Sockets::Datagram,
                    max_irql: MaxIrql::Dispatch,
                    hosted: Hosted::$hosted,
                    source: Source::$source,
                    handled_by: optional!($handled),
                    test: test_name!("options::", stringify!($name)),
                    summary: $summary,
                };
            )+

            pub(super) const ALL: &[Row] = &[$($name),+];
        }
    };
}

pointer_options!(pointer_options_rows);

macro_rules! ioctls {
    ($(
        $(#[$attribute:meta])* $Type:ident = $name:ident $input:ident $output:ident $state:ident $irp:ident
            $irql:ident $sockets:ident $hosted:ident $source:ident $handled:tt, $summary:literal;
    )+) => {
        /// Socket IOCTLs.
        pub mod ioctl {
            use super::*;

            $(
                #[doc = $summary]
                pub const $name: Row = Row {
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
                    hosted: Hosted::$hosted,
                    source: Source::$source,
                    handled_by: optional!($handled),
                    test: test_name!("ioctls::", stringify!($name)),
                    summary: $summary,
                };
            )+

            pub(super) const ALL: &[Row] = &[$($name),+];
        }
    };
}

socket_ioctls!(ioctls);

macro_rules! client {
    ($(
        $(#[$attribute:meta])* $Type:ident = $name:ident $input:ident $output:ident $state:ident $irp:ident
            $hosted:ident $handled:tt, $summary:literal;
    )+) => {
        /// Requests of the client.
        pub mod client {
            use super::*;

            $(
                #[doc = $summary]
                pub const $name: Row = Row {
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
                    hosted: Hosted::$hosted,
                    source: Source::Wsk,
                    handled_by: optional!($handled),
                    test: test_name!("client::", stringify!($name)),
                    summary: $summary,
                };
            )+

            pub(super) const ALL: &[Row] = &[$($name),+];
        }
    };
}

client_requests!(client);

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
