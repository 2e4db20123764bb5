//! The table: that it is consistent, and complete.
#![allow(missing_docs, reason = "a test")]

use std::collections::HashSet;

use wsk_requests::{
    EXCLUDED, Families, Hosted, IrpRule, Kind, MaxIrql, ROWS, Request, Row, Sockets, StateRule, ValueKind,
    rows,
};

#[test]
fn names_numbers_and_tests_are_unique() {
    let mut names = HashSet::new();
    let mut kinds = HashSet::new();
    let mut tests = HashSet::new();
    for row in ROWS {
        assert!(names.insert(row.name), "{}", row.name);
        assert!(kinds.insert(row.kind), "{}", row.name);
        assert!(tests.insert(row.about().test), "{}", row.about().test);
        let (theme, name) = row.about().test.split_once("::").unwrap();
        assert!(
            theme.chars().chain(name.chars()).all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_')),
            "{name}"
        );
        assert_eq!(name, row.name.to_lowercase().replace('/', "_"));
    }
    for excluded in EXCLUDED {
        assert!(names.insert(excluded.name), "{}", excluded.name);
        assert!(kinds.insert(excluded.kind), "{}", excluded.name);
    }
}

#[test]
fn rows_are_found_by_their_numbers() {
    for row in ROWS {
        let found = match row.kind {
            Kind::Option { level, name } => Row::option(level, name),
            Kind::Ioctl { code } => Row::ioctl(code),
            Kind::Client { code } => Row::client(code),
        };
        assert_eq!(found, Some(row));
    }
    assert_eq!(Row::option(0, 0), None);
    assert_eq!(Row::ioctl(wsk_sys::WSK_CACHE_SD), None, "numbers of another kind");
}

#[test]
fn rows_do_not_contradict_themselves() {
    for row in ROWS {
        assert!(row.get || row.set, "{}", row.name);
        assert!(row.about().summary.ends_with('.'), "{}", row.name);
        assert_eq!(row.sockets == Sockets::None, matches!(row.kind, Kind::Client { .. }), "{}", row.name);
        if row.default.is_some() {
            assert!(row.get && row.value.accepts(4, 16), "{}: a default that cannot be got", row.name);
        }
        if row.is_plain() {
            assert!(row.about().handled_by.is_some(), "{} has a type", row.name);
        }
        if matches!(row.kind, Kind::Option { .. }) && !row.set {
            assert_eq!(row.state, StateRule::AnyTime, "{}: a get has no state rule", row.name);
        }
        assert!(row.permits(true) || row.permits(false));
    }
}

/// As the pages have it; the numbers of options of a level are compared with C headers elsewhere.
#[test]
fn what_the_pages_say() {
    let named = |wanted: fn(&Row) -> bool| -> Vec<_> {
        ROWS.iter().filter(|row| wanted(row)).map(|row| row.name).collect()
    };
    assert_eq!(
        named(|row| row.irp == IrpRule::Null && !matches!(row.kind, Kind::Client { .. })),
        ["SIO_ADDRESS_LIST_QUERY", "SIO_WSK_REGISTER_EXTENSION"]
    );
    assert_eq!(
        named(|row| row.irp == IrpRule::Required && matches!(row.kind, Kind::Client { .. })),
        ["WSK_TRANSPORT_LIST_CHANGE"]
    );
    assert_eq!(
        named(|row| row.max_irql == MaxIrql::Passive),
        ["SIO_ADDRESS_LIST_CHANGE", "SIO_ADDRESS_LIST_QUERY", "SIO_ADDRESS_LIST_SORT"]
    );
    assert_eq!(
        named(|row| row.state == StateRule::BeforeBind && row.sockets != Sockets::None),
        ["SO_REUSEADDR", "SO_EXCLUSIVEADDRUSE", "SO_WSK_SECURITY", "IPV6_V6ONLY"]
    );
    assert_eq!(
        named(|row| row.state == StateRule::AfterBind),
        ["SO_WSK_EVENT_CALLBACK", "SIO_WSK_SET_REMOTE_ADDRESS", "SIO_WSK_SET_SENDTO_ADDRESS"]
    );
    assert_eq!(named(|row| row.get && !row.set), ["IP_GET_IFLIST", "IP_MTU", "IPV6_GET_IFLIST", "IPV6_MTU"]);
    assert_eq!(rows::ipv6::IPV6_V6ONLY.default, Some(1));
    assert_eq!(rows::ip::IP_TTL.families, Families::V4);
    assert_ne!(rows::ip::IP_TTL.about().hosted, Hosted::Refused);
}

/// What a row says of its request when it is asked: the state rule, the level and the number.
#[test]
fn a_row_answers_what_its_fields_say() {
    let states = |row: Row| [row.permits(false), row.permits(true)];
    assert_eq!(states(rows::socket::SO_REUSEADDR), [true, false], "before the bind");
    assert_eq!(states(rows::ioctl::SIO_WSK_SET_REMOTE_ADDRESS), [false, true], "after the bind");
    assert_eq!(states(rows::ip::IP_TTL), [true, true], "at any time");
    for (row, level, number) in [
        (rows::socket::SO_REUSEADDR, Some("SOL_SOCKET"), 4),
        (rows::ip::IP_TTL, Some("IPPROTO_IP"), 4),
        (rows::ipv6::IPV6_UNICAST_HOPS, Some("IPPROTO_IPV6"), 4),
        (rows::udp::UDP_SEND_MSG_SIZE, Some("IPPROTO_UDP"), 2),
        (rows::ioctl::SIO_ADDRESS_LIST_QUERY, None, wsk_sys::SIO_ADDRESS_LIST_QUERY),
        (rows::client::WSK_CACHE_SD, None, wsk_sys::WSK_CACHE_SD),
    ] {
        assert_eq!((row.level_name(), row.number()), (level, number), "{}", row.name);
    }
}

/// A driver may make every other request of bytes that a user chose.
#[test]
fn what_has_a_pointer_or_no_irp_is_not_plain() {
    let plain = |row: &&Row| !row.is_plain() && !matches!(row.kind, Kind::Client { .. });
    let names: Vec<_> = ROWS.iter().filter(plain).map(|row| row.name).collect();
    assert_eq!(
        names,
        [
            "SO_WSK_SECURITY",
            "SO_WSK_EVENT_CALLBACK",
            "SIO_ADDRESS_LIST_QUERY",
            "SIO_ADDRESS_LIST_SORT",
            "SIO_WSK_REGISTER_EXTENSION",
        ]
    );
    assert!(ROWS.iter().all(|row| !(row.is_plain() && matches!(row.kind, Kind::Client { .. }))));
    // Each of the conditions alone is enough.
    let pointer_in = Row { value: ValueKind::SecurityDescriptor, ..rows::ip::IP_TTL };
    let pointer_out = Row { output: ValueKind::AddressList, ..rows::ip::IP_TTL };
    let no_irp = Row { irp: IrpRule::Null, ..rows::ip::IP_TTL };
    assert!(rows::ip::IP_TTL.is_plain());
    assert!(!pointer_in.is_plain() && !pointer_out.is_plain() && !no_irp.is_plain());
}

/// The header's field has eight bits, and 0 would be no hop at all for a unicast datagram.
#[test]
fn numbers_of_eight_bits_have_a_range() {
    let ranges: Vec<_> = ROWS.iter().filter_map(|row| row.range().map(|range| (row.name, range))).collect();
    assert_eq!(
        ranges,
        [
            ("IP_TOS", 0..=255),
            ("IP_TTL", 1..=255),
            ("IP_MULTICAST_TTL", 0..=255),
            ("IPV6_UNICAST_HOPS", 1..=255),
            ("IPV6_MULTICAST_HOPS", 0..=255),
            ("IPV6_TCLASS", 0..=255),
        ]
    );
}

#[test]
fn values_have_their_sizes_and_no_others() {
    let sizes = |kind: ValueKind| (0..=60).filter(|&size| kind.accepts(size, 16)).collect::<Vec<_>>();
    assert_eq!(sizes(ValueKind::Nothing), [0]);
    assert_eq!(sizes(ValueKind::Bool), [4]);
    assert_eq!(sizes(ValueKind::Membership), [8]);
    assert_eq!(sizes(ValueKind::SourceMembership), [12]);
    assert_eq!(sizes(ValueKind::MembershipV6), [20]);
    assert_eq!(sizes(ValueKind::IpOptions), (0..=40).collect::<Vec<_>>());
    assert_eq!(sizes(ValueKind::Address), [0, 16], "none clears it");
    assert_eq!(sizes(ValueKind::Indexes), (0..=60).step_by(4).collect::<Vec<_>>());
    assert_eq!(sizes(ValueKind::Transports), [0, 28, 56]);
    assert_eq!(sizes(ValueKind::AddressList), (4..=60).collect::<Vec<_>>());
    assert_eq!(sizes(ValueKind::ExtensionIn), [24]);
}

/// What `Control` of the crate `wsk` has room for.
#[test]
fn plain_values_are_bounded() {
    for row in ROWS.iter().filter(|row| row.is_plain() && row.value != ValueKind::Indexes) {
        let (_, greatest) = row.value.bounds(28);
        assert!(greatest <= wsk_requests::value::MAX_SIZE, "{}", row.name);
        assert!(row.value.accepts(greatest, 28) && !row.value.accepts(greatest + 1, 28), "{}", row.name);
    }
}

/// An alias must be a literal, so the tables write it out.
#[test]
fn the_documentation_has_the_c_name_as_alias() {
    let mut rows = 0;
    for table in [
        include_str!("../src/table/socket.rs"),
        include_str!("../src/table/ip.rs"),
        include_str!("../src/table/ipv6.rs"),
        include_str!("../src/table/udp.rs"),
        include_str!("../src/table/ioctl.rs"),
    ] {
        let lines: Vec<_> = table.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            let Some((_, row)) =
                pair[1].split_once(" = ").filter(|_| pair[1].ends_with("\";") && !pair[1].starts_with("///"))
            else {
                continue;
            };
            let name = row.split_once(' ').unwrap().0;
            assert_eq!(pair[0], format!("#[doc(alias = \"{name}\")]"));
            rows += 1;
        }
    }
    let client = ROWS.iter().filter(|row| matches!(row.kind, Kind::Client { .. })).count();
    assert_eq!(rows + client, ROWS.len());
}

/// The requests of a table and its rows come from the same tokens, so a request is found again in its row.
#[test]
fn each_row_has_its_own_request_and_what_is_said_of_it() {
    let mut requests = HashSet::new();
    for row in ROWS {
        assert!(requests.insert(row.request), "{:?}", row.request);
        let name = row.name.to_lowercase().replace('/', "_");
        assert!(row.about().test.ends_with(&format!("::{name}")), "{} has {:?}", row.name, row.about());
    }
    assert_eq!(rows::ip::IP_TTL.request, Request::Ip(rows::ip::Request::TimeToLive));
}
