//! Socket options: a test for each row of the table. Every option has its default, takes another value, says so, keeps
//! it through the bind, refuses wrong sizes, directions and states, and has its effect.

use readings::UnknownRequest;
use wsk_requests::rows::pointer::SO_WSK_SECURITY;
use wsk_requests::rows::socket::SO_RCVBUF;
use wsk_requests::{Families, Hosted, Row, StateRule, ValueKind};
use wsk_sys::{
    NTSTATUS, SOL_SOCKET, STATUS_ACCESS_DENIED, STATUS_BUFFER_TOO_SMALL, STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
};
use wskdrv_abi::{RAW_GET_OPTION, RAW_SET_OPTION};

use super::lab::Lab;
use super::outcome::{Failure, Outcome, equal, holds, refused, refused_with};
use super::test::{Need, Test, Theme};
use super::{options_effect, options_group, security};
use crate::error::Error;
use crate::family::Family;
use crate::session::Session;
pub(super) use crate::step::numbers;

/// What a table's tests need.
macro_rules! needs {
    (V6) => {
        &[Need::Ipv6]
    };
    ($families:ident) => {
        &[]
    };
}

/// Makes a test of each row of a table.
macro_rules! row_tests {
    ([$table:ident $Table:ident $module:ident $level:ident $families:ident $prefix:literal] $(
        $(#[$attribute:meta])* $Type:ident = $name:ident $value:ident [$($direction:ident)+] $state:ident
            $default:tt $hosted:ident $source:ident $($more:ident $handled:tt)?, $summary:literal;
    )+) => {
        mod $table {
            use super::{Need, Test};
            use wsk_requests::rows::$table::*;

            pub(super) const TESTS: &[Test] = &[$(Test {
                name: $name.about().test,
                about: concat!($prefix, stringify!($name), ": ", $summary),
                needs: needs!($families) as &[Need],
                run: |lab| super::row(lab, &$name),
            }),+];
        }
    };
}

wsk_requests::socket_options!(row_tests);
wsk_requests::pointer_options!(row_tests);
wsk_requests::ip_options!(row_tests);
wsk_requests::ip_group_options!(row_tests);
wsk_requests::ipv6_options!(row_tests);
wsk_requests::ipv6_group_options!(row_tests);
wsk_requests::udp_options!(row_tests);

pub(super) const THEME: Theme = Theme {
    name: "options",
    tests: &[
        socket::TESTS,
        pointer::TESTS,
        ip::TESTS,
        ip_group::TESTS,
        ipv6::TESTS,
        ipv6_group::TESTS,
        udp::TESTS,
    ],
};

/// The families whose sockets know the row, of those that there are here.
pub(super) fn families(lab: &Lab, row: &Row) -> &'static [Family] {
    match row.families {
        Families::V4 => &[Family::V4],
        Families::V6 => &[Family::V6],
        Families::Both if lab.lacks(Need::Ipv6).is_some() => &[Family::V4],
        Families::Both => &[Family::V4, Family::V6],
    }
}

pub(super) fn set(session: &Session, row: &Row, value: &[u8]) -> Result<(), Error> {
    let (level, name) = numbers(row);
    session.set_option(level, name, value)
}

pub(super) fn set_number(session: &Session, row: &Row, value: u32) -> Result<(), Error> {
    set(session, row, &value.to_ne_bytes())
}

pub(super) fn get_number(session: &Session, row: &Row) -> Outcome<u32> {
    let (level, name) = numbers(row);
    let bytes = session.get_option(level, name, 4)?;
    let four =
        bytes.try_into().map_err(|bytes: Vec<u8>| Failure::new(format!("{} bytes of 4", bytes.len())))?;
    Ok(u32::from_ne_bytes(four))
}

fn row(lab: &Lab, row: &Row) -> Outcome {
    if !row.is_plain() {
        return pointer(lab, row);
    }
    for family in families(lab, row) {
        let session = lab.socket(*family)?;
        there(lab, &session, row)?;
        shape(&session, row)?;
        if row.about().hosted == Hosted::Refused {
            return unsupported(lab, &session, row);
        }
        if row.get && row.set && row.value.accepts(4, 0) {
            number(lab, *family, session, row)?;
        }
    }
    options_effect::effect(lab, row)
}

/// Whether the option is there at all: each came with some build of Windows. The provider of this project has those of
/// its rows.
fn there(lab: &Lab, session: &Session, row: &Row) -> Outcome {
    const MISSING: [NTSTATUS; 3] =
        [STATUS_NOT_SUPPORTED, STATUS_INVALID_PARAMETER, STATUS_INVALID_DEVICE_REQUEST];
    if lab.device().is_ours() || !row.get || row.about().hosted == Hosted::Refused {
        return Ok(());
    }
    let (level, name) = numbers(row);
    let (_, greatest) = row.value.bounds(0);
    match session.get_option(level, name, greatest.min(264)) {
        Err(error) if error.status().is_some_and(|status| MISSING.contains(&status)) => {
            Err(Failure::NotApplicable(format!("this system has no {}: {error}", row.name)))
        }
        _ => Ok(()),
    }
}

/// Sizes and directions that the option has not.
fn shape(session: &Session, row: &Row) -> Outcome {
    let (level, name) = numbers(row);
    let (least, greatest) = row.value.bounds(0);
    if row.set {
        let long = vec![0; greatest + 1];
        refused(set(session, row, &long), STATUS_INFO_LENGTH_MISMATCH, "a value that is too long")?;
        if least != 0 {
            let short = &long[..least - 1];
            refused(set(session, row, short), STATUS_INFO_LENGTH_MISMATCH, "a value that is too short")?;
        }
    } else {
        let result = set(session, row, &[0; 4]);
        refused(result, STATUS_INVALID_DEVICE_REQUEST, "setting what can be got only")?;
    }
    if !row.get {
        let result = session.get_option(level, name, greatest.min(264));
        return refused(result, STATUS_INVALID_DEVICE_REQUEST, "getting what can be set only");
    }
    if least != 0 {
        let result = session.get_option(level, name, least - 1);
        refused(result, STATUS_BUFFER_TOO_SMALL, "getting with too little room")?;
    }
    Ok(())
}

/// The statuses with which WSK may refuse what it does not know.
pub(super) fn unknown(lab: &Lab) -> Vec<NTSTATUS> {
    let status = |reading| match reading {
        UnknownRequest::NotSupported => STATUS_NOT_SUPPORTED,
        UnknownRequest::InvalidParameter => STATUS_INVALID_PARAMETER,
        UnknownRequest::InvalidRequest => STATUS_INVALID_DEVICE_REQUEST,
    };
    lab.followed().into_iter().map(status).collect()
}

/// An option that the hosted provider has not: whatever has it may take it.
fn unsupported(lab: &Lab, session: &Session, row: &Row) -> Outcome {
    let (least, _) = row.value.bounds(0);
    match set(session, row, &vec![0; least]) {
        Ok(()) => Ok(()),
        refusal => refused_with(refusal, &unknown(lab), "setting an option that is not supported"),
    }
}

/// An option with a number: its default, another value, and that one through the bind.
fn number(lab: &Lab, family: Family, session: Session, row: &Row) -> Outcome {
    let (set_to, expected) = {
        let old = get_number(&session, row)?;
        if let Some(default) = row.default {
            equal(old, default, "the default")?;
        }
        let other = other(lab, row, old)?;
        holds(other.1 != old, "the test sets something new")?;
        other
    };
    set_number(&session, row, set_to)?;
    equal(get_number(&session, row)?, expected, "the value that was set")?;
    session.bind(family.loopback())?;
    equal(get_number(&session, row)?, expected, "the value after the bind")?;
    session.close();
    let (late, _) = lab.bound(family)?;
    if row.state == StateRule::BeforeBind {
        let old = get_number(&late, row)?;
        refused(set_number(&late, row, set_to), STATUS_INVALID_DEVICE_STATE, "setting it after the bind")?;
        return equal(get_number(&late, row)?, old, "the value, which nobody could set");
    }
    set_number(&late, row, set_to)?;
    equal(get_number(&late, row)?, expected, "the value that was set after the bind")
}

/// A value that differs from `old`: as it is set, and as it is got.
fn other(lab: &Lab, row: &Row, old: u32) -> Outcome<(u32, u32)> {
    let same = |value| Ok((value, value));
    match row.value {
        ValueKind::Bool => same(1 - old),
        ValueKind::Index => same(options_group::loopback(lab)?),
        ValueKind::NetworkIndex => {
            let index = options_group::loopback(lab)?;
            Ok((index.to_be(), index))
        }
        ValueKind::MulticastInterface => {
            Ok((u32::from_ne_bytes([127, 0, 0, 1]), options_group::loopback(lab)?))
        }
        ValueKind::MtuDiscovery => same(2),
        ValueKind::Protection => same(30),
        _ if row.kind == SO_RCVBUF.kind => same(12_288),
        // A hop limit, a traffic class without the bits that are congestion control's, a size.
        _ => same(if old == 76 { 80 } else { 76 }),
    }
}

/// An option whose value is a pointer: it cannot be made of bytes, by no code.
fn pointer(lab: &Lab, row: &Row) -> Outcome {
    let (level, name) = numbers(row);
    equal(level, SOL_SOCKET, "the level")?;
    for family in families(lab, row) {
        let session = lab.socket(*family)?;
        let (size, _) = row.value.bounds(0);
        let value = vec![0; size];
        refused(set(&session, row, &value), STATUS_ACCESS_DENIED, "setting it")?;
        let raw = session.raw(RAW_SET_OPTION, name, level, &value, 0);
        refused(raw, STATUS_ACCESS_DENIED, "setting it by the raw code")?;
        if row.get {
            refused(session.get_option(level, name, size), STATUS_ACCESS_DENIED, "getting it")?;
            let raw = session.raw(RAW_GET_OPTION, name, level, &[], size);
            refused(raw, STATUS_ACCESS_DENIED, "getting it by the raw code")?;
        }
        if *row == SO_WSK_SECURITY {
            // It has codes of its own, which carry the descriptor itself.
            let descriptor = security::descriptor(security::EVERYONE)?;
            session.set_security(&descriptor)?;
            equal(session.security()?, descriptor, "the descriptor")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use wsk_requests::ROWS;

    use crate::conformance::SUITE;

    /// The names in the table, and so in `docs/options.md`, are those of tests that there are.
    #[test]
    fn every_row_has_its_test() {
        let names: Vec<_> =
            SUITE.iter().flat_map(|theme| theme.tests).copied().flatten().map(|test| test.name).collect();
        for row in ROWS {
            let found = names.iter().filter(|name| **name == row.about().test).count();
            assert_eq!(found, 1, "{}: {}", row.name, row.about().test);
        }
    }
}
