//! The bytes of values, and their text.
#![allow(missing_docs, reason = "a test")]

use wsk_requests::{Interface, Multicast, PathMtuDiscovery, ProtectionLevel, ValueKind};

fn bytes(kind: ValueKind, text: &str) -> Option<Vec<u8>> {
    let mut bytes = [0xEE; 300];
    let size = text.parse::<Multicast>().unwrap().encode(kind, &mut bytes)?;
    assert!(bytes[size..].iter().all(|byte| *byte == 0xEE), "not beyond the value");
    Some(bytes[..size].to_vec())
}

#[test]
fn groups_lie_where_c_has_them() {
    assert_eq!(bytes(ValueKind::Membership, "239.1.2.3,on=127.0.0.1").unwrap(), [239, 1, 2, 3, 127, 0, 0, 1]);
    assert_eq!(bytes(ValueKind::Membership, "239.1.2.3,on=258").unwrap(), [239, 1, 2, 3, 0, 0, 1, 2]);
    assert_eq!(
        bytes(ValueKind::SourceMembership, "232.1.2.3,on=2,from=10.0.0.1").unwrap(),
        [232, 1, 2, 3, 10, 0, 0, 1, 0, 0, 0, 2]
    );
    let v6 = bytes(ValueKind::MembershipV6, "ff02::7,on=3").unwrap();
    assert_eq!((v6.len(), &v6[..2], v6[15]), (20, &[0xFF, 2][..], 7));
    assert_eq!(v6[16..], 3_u32.to_ne_bytes());
    let group = bytes(ValueKind::Group, "239.1.2.3,on=3").unwrap();
    assert_eq!((group.len(), &group[..4]), (136, &3_u32.to_ne_bytes()[..]));
    assert_eq!((&group[8..10], &group[12..16]), (&2_u16.to_ne_bytes()[..], &[239, 1, 2, 3][..]));
    let source = bytes(ValueKind::GroupSource, "ff3e::1,from=2001:db8::5").unwrap();
    assert_eq!((source.len(), &source[8..10]), (264, &23_u16.to_ne_bytes()[..]));
    assert_eq!((source[31], &source[136..138], source[159]), (1, &23_u16.to_ne_bytes()[..], 5));
}

#[test]
fn groups_survive_the_way_through_bytes_and_text() {
    for (kind, text) in [
        (ValueKind::Membership, "239.1.2.3"),
        (ValueKind::Membership, "239.1.2.3,on=127.0.0.1"),
        (ValueKind::SourceMembership, "239.1.2.3,on=7,from=10.0.0.1"),
        (ValueKind::MembershipV6, "ff02::1:3,on=7"),
        (ValueKind::Group, "ff02::1:3,on=7"),
        (ValueKind::Group, "239.1.2.3"),
        (ValueKind::GroupSource, "239.1.2.3,from=10.0.0.1"),
        (ValueKind::GroupSource, "ff3e::1,on=1,from=fe80::1"),
    ] {
        let multicast: Multicast = text.parse().unwrap();
        assert_eq!(multicast.to_string(), text);
        let bytes = bytes(kind, text).unwrap();
        assert_eq!(Multicast::decode(kind, &bytes), Some(multicast), "{text}");
        assert_eq!(Multicast::decode(kind, &bytes[1..]), None);
        assert_eq!(multicast.encode(kind, &mut vec![0; bytes.len() - 1]), None);
    }
}

#[test]
fn what_a_structure_has_no_room_for_is_refused() {
    for (kind, text) in [
        (ValueKind::Membership, "ff02::1"),
        (ValueKind::Membership, "239.1.2.3,from=10.0.0.1"),
        (ValueKind::Membership, "239.1.2.3,on=16777216"),
        (ValueKind::SourceMembership, "239.1.2.3"),
        (ValueKind::MembershipV6, "ff02::1,on=10.0.0.1"),
        (ValueKind::GroupSource, "239.1.2.3,from=::1"),
        (ValueKind::Bool, "239.1.2.3"),
    ] {
        assert_eq!(bytes(kind, text), None, "{kind:?} {text}");
    }
    assert_eq!(Multicast::decode(ValueKind::Group, &[0; 136]), None, "no family");
    let [mut one, other] = ["239.1.2.3,from=10.0.0.1", "ff3e::1,from=2001:db8::5"]
        .map(|text| bytes(ValueKind::GroupSource, text).unwrap());
    one[136..].copy_from_slice(&other[136..]);
    assert_eq!(Multicast::decode(ValueKind::GroupSource, &one), None, "two families");
    for text in ["", "239.1.2", "239.1.2.3,", "239.1.2.3,at=1", "239.1.2.3,on=x", "239.1.2.3,from="] {
        text.parse::<Multicast>().unwrap_err();
    }
}

#[test]
fn an_interface_is_an_address_or_an_index() {
    assert_eq!(Interface::from_network([0, 0, 0, 0]), Interface::Any);
    assert_eq!(Interface::from_network([0, 0, 1, 2]), Interface::Index(258));
    assert_eq!(Interface::from_network([10, 0, 0, 1]), "10.0.0.1".parse().unwrap());
    assert_eq!("0.0.0.5".parse(), Ok(Interface::Index(5)));
    assert_eq!(Interface::Index(1 << 24).to_network(), None);
    assert_eq!((Interface::Any.index(), Interface::Index(3).index()), (Some(0), Some(3)));
    assert_eq!(Interface::Address([10, 0, 0, 1].into()).index(), None);
}

#[test]
fn numbers_of_states_and_levels() {
    for state in [0, 1, 2, 3] {
        assert_eq!(PathMtuDiscovery::from_number(state).unwrap() as u32, state);
    }
    assert_eq!(
        PathMtuDiscovery::from_number(wsk_sys::IP_PMTUDISC_DO.cast_unsigned()),
        Some(PathMtuDiscovery::Do)
    );
    for level in [
        wsk_sys::PROTECTION_LEVEL_UNRESTRICTED,
        wsk_sys::PROTECTION_LEVEL_EDGERESTRICTED,
        wsk_sys::PROTECTION_LEVEL_RESTRICTED,
        u32::MAX,
    ] {
        assert_eq!(ProtectionLevel::from_number(level).unwrap() as u32, level);
    }
    assert_eq!((PathMtuDiscovery::from_number(4), ProtectionLevel::from_number(0)), (None, None));
}
