//! What is built is read back, and what is read is never more than what is there.
#![allow(missing_docs, reason = "a test")]

use core::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use wsk_cmsg::{Control, Message, Messages, ReceiveError, check, length, space};
use wsk_sys::{CMSGHDR, IN_PKTINFO, IN6_PKTINFO};

/// A message that owns its data.
#[derive(Clone, Debug)]
enum Owned {
    Known(Message<'static>),
    Other(i32, i32, Vec<u8>),
}

impl Owned {
    fn message(&self) -> Message<'_> {
        match self {
            Owned::Known(message) => *message,
            Owned::Other(level, kind, data) => Message::Other { level: *level, kind: *kind, data },
        }
    }
}

fn error() -> impl Strategy<Value = ReceiveError> {
    any::<(u32, u32, u8, u8)>().prop_map(|(protocol, info, kind, code)| ReceiveError {
        protocol,
        info,
        kind,
        code,
    })
}

fn message() -> impl Strategy<Value = Owned> {
    let known = prop_oneof![
        any::<(Ipv4Addr, u32)>()
            .prop_map(|(address, interface)| Message::PacketInfo { address: address.into(), interface }),
        any::<(Ipv6Addr, u32)>()
            .prop_map(|(address, interface)| Message::PacketInfo { address: address.into(), interface }),
        any::<i32>().prop_map(Message::TimeToLive),
        any::<i32>().prop_map(Message::HopLimit),
        any::<i32>().prop_map(Message::TypeOfService),
        any::<i32>().prop_map(Message::TrafficClass),
        any::<i32>().prop_map(Message::EcnV4),
        any::<i32>().prop_map(Message::EcnV6),
        any::<u32>().prop_map(Message::InterfaceV4),
        any::<u32>().prop_map(Message::InterfaceV6),
        any::<u32>().prop_map(Message::ArrivalInterfaceV4),
        any::<u32>().prop_map(Message::ArrivalInterfaceV6),
        error().prop_map(Message::ErrorV4),
        error().prop_map(Message::ErrorV6),
        any::<u32>().prop_map(Message::SendMessageSize),
        any::<u32>().prop_map(Message::CoalescedInfo),
    ];
    prop_oneof![
        4 => known.prop_map(Owned::Known),
        // A level that no known type has.
        1 => (1..17_i32, any::<i32>(), vec(any::<u8>(), 0..40)).prop_map(|(l, k, data)| Owned::Other(l, k, data)),
    ]
}

/// Under Miri few cases, and no file of those that failed: it opens none.
fn config() -> ProptestConfig {
    if cfg!(miri) {
        ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() }
    } else {
        ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_built_is_read_back(messages in vec(message(), 0..8)) {
        let mut control = Control::<512>::new();
        for message in &messages {
            control.push(&message.message()).unwrap();
        }
        prop_assert_eq!(control.as_bytes().len() % 8, 0);
        prop_assert_eq!(check(control.as_bytes()), Ok(()));
        let read: Vec<_> = control.messages().map(|raw| raw.unwrap().decode().unwrap()).collect();
        let built: Vec<_> = messages.iter().map(Owned::message).collect();
        prop_assert_eq!(read, built);
    }

    /// Cut anywhere, built control information yields its whole messages and then at most one error, at the cut.
    #[test]
    fn a_cut_loses_what_is_cut_and_no_more(messages in vec(message(), 1..6), cut in 0..512_usize) {
        let mut control = Control::<512>::new();
        for message in &messages {
            control.push(&message.message()).unwrap();
        }
        let bytes = control.as_bytes();
        let cut = &bytes[..cut.min(bytes.len())];
        let whole = control
            .messages()
            .map(Result::unwrap)
            .take_while(|raw| raw.offset + length(raw.data.len()) <= cut.len());
        let read: Vec<_> = Messages::new(cut).collect();
        let good: Vec<_> = read.iter().copied().filter_map(Result::ok).collect();
        prop_assert_eq!(good, whole.collect::<Vec<_>>());
        if let Some(Err(malformed)) = read.last() {
            prop_assert!(malformed.offset < cut.len());
        }
        prop_assert!(read.iter().filter(|item| item.is_err()).count() <= 1);
    }

    /// Whatever the bytes, the parser ends, stays inside, and steps from one boundary to the next.
    #[test]
    fn any_bytes_are_read_without_harm(
        mut bytes in vec(any::<u8>(), 0..200),
        lengths in vec((0..25_usize, 0..64_u64), 0..6),
    ) {
        // Small lengths here and there, so that more than the first message is reached.
        for (place, length) in lengths {
            if let Some(field) = bytes.get_mut(place * 8..place * 8 + 8) {
                field.copy_from_slice(&length.to_ne_bytes());
            }
        }
        let mut expected = 0;
        for item in Messages::new(&bytes) {
            match item {
                Ok(raw) => {
                    prop_assert_eq!(raw.offset, expected);
                    prop_assert!(raw.offset + 16 + raw.data.len() <= bytes.len());
                    expected += space(raw.data.len());
                    let _ = raw.decode();
                }
                Err(malformed) => {
                    prop_assert_eq!(malformed.offset, expected);
                    expected = usize::MAX;
                }
            }
        }
    }
}

/// The layout agrees with the C structures, as far as those are declared.
#[test]
fn the_layout_is_that_of_the_c_structures() {
    assert_eq!(wsk_cmsg::HEADER, size_of::<CMSGHDR>());
    let address = Ipv4Addr::new(192, 0, 2, 1);
    let mut control = Control::<64>::new();
    control.push(&Message::PacketInfo { address: address.into(), interface: 0x0102_0304 }).unwrap();
    let raw = control.messages().next().unwrap().unwrap();
    let bytes = control.as_bytes();
    assert_eq!(bytes[..8], (16 + size_of::<IN_PKTINFO>()).to_ne_bytes());
    assert_eq!(raw.data.len(), size_of::<IN_PKTINFO>());
    assert_eq!(raw.data[..4], address.octets());
    assert_eq!(raw.data[core::mem::offset_of!(IN_PKTINFO, ipi_ifindex)..], 0x0102_0304_u32.to_ne_bytes());
    let mut control = Control::<64>::new();
    let address = Ipv6Addr::LOCALHOST;
    control.push(&Message::PacketInfo { address: address.into(), interface: 5 }).unwrap();
    let raw = control.messages().next().unwrap().unwrap();
    assert_eq!((raw.level, raw.kind, raw.data.len()), (41, 19, size_of::<IN6_PKTINFO>()));
    assert_eq!(raw.data[core::mem::offset_of!(IN6_PKTINFO, ipi6_ifindex)..], 5_u32.to_ne_bytes());
}
