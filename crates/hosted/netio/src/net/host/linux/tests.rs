//! Datagrams through Linux, between two sockets of the provider, or one and a foreign one.
#![cfg(not(miri))]

use core::net::{IpAddr, SocketAddr};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use wsk_cmsg::{Control, Message, ReceiveError};
use wsk_requests::rows::{ip, ipv6, socket};
use wsk_sys::{
    NTSTATUS, STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_BUFFER_SIZE, STATUS_NETWORK_UNREACHABLE,
};

use crate::net::Endpoint as _;
use crate::net::bind_table::{Binding, Share};
use crate::net::control_info::Overrides;
use crate::net::guard::Guard;
use crate::net::host::{Endpoint, Poller, bind};
use crate::net::inbox::{Datagram, Inbox};
use crate::net::multicast::{Change, Group, Memberships};
use crate::net::option::{Outgoing, Values};

/// Long enough for what will come.
const LIMIT: Option<Duration> = Some(Duration::from_mins(1));

/// A socket of the provider, on a poller of its own.
struct Own {
    poller: Poller,
    endpoint: Option<Endpoint>,
    inbox: Arc<Inbox>,
    values: Values,
    groups: Memberships,
}

impl Own {
    fn bound(address: &str, values: Values) -> Own {
        let poller = Poller::default();
        let inbox = Arc::new(Inbox::new(1 << 20, None));
        let address: SocketAddr = address.parse().unwrap();
        let dual = address.is_ipv6() && !values.v6_only();
        let binding = Binding { address, dual, share: Share::None, guard: Guard::default() };
        let groups = Memberships::default();
        let endpoint = bind(&poller, binding, &values, &groups, &inbox).unwrap();
        Own { poller, endpoint: Some(endpoint), inbox, values, groups }
    }

    fn endpoint(&self) -> &Endpoint {
        self.endpoint.as_ref().unwrap()
    }

    /// Where it is reached by this address.
    fn at(&self, address: &str) -> SocketAddr {
        (address.parse::<IpAddr>().unwrap(), self.endpoint().local().port()).into()
    }

    fn set(&mut self, row: &wsk_requests::Row, value: u32) {
        self.values.set(row, value);
        self.endpoint().changed(row, &self.values, &self.groups).unwrap();
    }

    fn send(&self, bytes: &[u8], to: SocketAddr, messages: &[Message<'_>]) -> Result<(), NTSTATUS> {
        let ip = crate::net::address::canonical(to).ip();
        let mut control = Control::<256>::new();
        for message in messages {
            control.push(message).unwrap();
        }
        let mut overrides = Overrides::read(control.as_bytes(), ip, &readings::Readings::STRICT).unwrap();
        let mut outgoing = self.values.outgoing(ip);
        overrides.apply(&mut outgoing);
        self.endpoint().send(bytes, to, &outgoing, &overrides)
    }

    fn received(&self) -> Datagram {
        self.inbox.wait(LIMIT).expect("a datagram")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.endpoint = None;
        self.poller.stop();
    }
}

fn dual_stack() -> Values {
    let mut values = Values::default();
    values.set(&ipv6::IPV6_V6ONLY, 0);
    values
}

fn loopback() -> u32 {
    let of_it = |interface: if_addrs::Interface| interface.is_loopback().then_some(interface.index).flatten();
    if_addrs::get_if_addrs().unwrap().into_iter().find_map(of_it).unwrap()
}

#[test]
fn all_is_told_of_what_comes() {
    let sockets = [
        ("127.0.0.1:0", Values::default(), "127.0.0.1"),
        ("[::1]:0", Values::default(), "::1"),
        ("[::]:0", dual_stack(), "127.0.0.1"),
        ("[::]:0", dual_stack(), "::1"),
    ];
    for (address, values, reached) in sockets {
        let own = Own::bound(address, values);
        let to = own.at(reached);
        let foreign = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).unwrap();
        if to.is_ipv4() {
            SockRef::from(&foreign).set_ttl_v4(77).unwrap();
            SockRef::from(&foreign).set_tos_v4(0xBA).unwrap();
        } else {
            SockRef::from(&foreign).set_unicast_hops_v6(77).unwrap();
            SockRef::from(&foreign).set_tclass_v6(0xBA).unwrap();
        }
        foreign.send_to(b"told", to).unwrap();
        let Datagram { from, bytes, header, broadcast } = own.received();
        assert_eq!((&bytes[..], broadcast), (&b"told"[..], false), "{address} {reached}");
        assert!(crate::net::address::same_peer(from, foreign.local_addr().unwrap()));
        assert_eq!(
            from.is_ipv6(),
            address.contains(':') && address.starts_with('['),
            "as its family shows it"
        );
        assert_eq!(header.to, Some(to.ip()), "{address}");
        assert_eq!((header.interface, header.hops, header.traffic_class), (loopback(), Some(77), Some(0xBA)));
        assert_eq!((header.error, header.segment), (None, None));
    }
}

/// Whatever goes down together, each is a datagram of its own, in its place.
#[test]
fn many_datagrams_come_as_they_were_sent() {
    for (own, reached) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1"), ("[::]:0", "127.0.0.1")] {
        let own = Own::bound(own, dual_stack());
        let foreign = UdpSocket::bind(SocketAddr::new(reached.parse().unwrap(), 0)).unwrap();
        foreign.set_read_timeout(LIMIT).unwrap();
        SockRef::from(&foreign).set_recv_buffer_size(4 << 20).unwrap();
        let mut to = foreign.local_addr().unwrap();
        if let (IpAddr::V4(v4), true) = (to.ip(), own.endpoint().local().is_ipv6()) {
            to.set_ip(v4.to_ipv6_mapped().into());
        }
        let lengths = [[1200; 70].as_slice(), &[700, 0, 700, 700, 3, 3], &[40_000; 2]].concat();
        let data: Vec<Vec<u8>> = (0_u8..).zip(&lengths).map(|(at, length)| vec![at; *length]).collect();
        let parts: Vec<&[u8]> = data.iter().map(AsRef::as_ref).collect();
        let outgoing = own.values.outgoing(to.ip());
        let sent = own.endpoint().send_all(&parts, to, &outgoing, &Overrides::default());
        assert_eq!(sent, (data.len(), Ok(())), "{reached}");
        for expected in &data {
            let mut buffer = vec![0; 65_536];
            let length = foreign.recv(&mut buffer).unwrap();
            assert!(buffer[..length] == expected[..], "{length} of {} bytes", expected.len());
        }
    }
}

#[test]
fn a_broadcast_is_known_and_can_be_refused() {
    let mut own = Own::bound("0.0.0.0:0", Values::default());
    let foreign = UdpSocket::bind("127.0.0.1:0").unwrap();
    foreign.set_broadcast(true).unwrap();
    foreign.send_to(b"all", own.at("127.255.255.255")).unwrap();
    assert!(own.received().broadcast);
    own.set(&ip::IP_RECEIVE_BROADCAST, 0);
    foreign.send_to(b"all", own.at("127.255.255.255")).unwrap();
    foreign.send_to(b"one", own.at("127.0.0.1")).unwrap();
    let datagram = own.received();
    assert_eq!((&datagram.bytes[..], datagram.broadcast), (&b"one"[..], false));
}

#[test]
fn only_interfaces_of_the_list_are_heard() {
    let mut own = Own::bound("127.0.0.1:0", Values::default());
    own.set(&ip::IP_IFLIST, 1);
    let foreign = UdpSocket::bind("127.0.0.1:0").unwrap();
    foreign.send_to(b"no interface", own.at("127.0.0.1")).unwrap();
    assert_eq!(own.inbox.wait(Some(Duration::from_millis(50))), None);
    own.values.list_mut(false).insert(loopback());
    own.set(&ip::IP_IFLIST, 1);
    foreign.send_to(b"heard", own.at("127.0.0.1")).unwrap();
    assert_eq!(own.received().bytes, b"heard");
}

#[test]
fn a_send_goes_out_as_it_says_and_the_next_as_before() {
    let sockets = [
        ("0.0.0.0:0", Values::default(), "127.0.0.1", "127.0.0.7"),
        ("[::]:0", Values::default(), "::1", "::1"),
        ("[::]:0", dual_stack(), "127.0.0.1", "127.0.0.7"),
        ("[::]:0", dual_stack(), "::1", "::1"),
    ];
    for (address, values, reached, source) in sockets {
        let witness =
            Own::bound(&SocketAddr::new(reached.parse().unwrap(), 0).to_string(), Values::default());
        let sender = Own::bound(address, values);
        let source: IpAddr = source.parse().unwrap();
        let v6 = source.is_ipv6();
        let messages = [
            Message::PacketInfo { address: source, interface: loopback() },
            if v6 { Message::HopLimit(9) } else { Message::TimeToLive(9) },
            if v6 { Message::TrafficClass(0xB8) } else { Message::TypeOfService(0xB8) },
            if v6 { Message::EcnV6(1) } else { Message::EcnV4(1) },
        ];
        let family = if address.starts_with('[') {
            crate::net::address::Family::V6
        } else {
            crate::net::address::Family::V4
        };
        let to = crate::net::address::in_family(witness.at(reached), family);
        sender.send(b"said", to, &messages).unwrap();
        let datagram = witness.received();
        assert_eq!((&datagram.bytes[..], datagram.from.ip()), (&b"said"[..], source), "{address} {reached}");
        assert_eq!((datagram.header.hops, datagram.header.traffic_class), (Some(9), Some(0xB9)));
        sender.send(b"plain", to, &[]).unwrap();
        let datagram = witness.received();
        assert_eq!((datagram.header.hops, datagram.header.traffic_class), (Some(128), Some(0)), "{address}");
    }
}

#[test]
fn what_cannot_be_sent_so_is_refused() {
    let own = Own::bound("127.0.0.1:0", Values::default());
    let to = own.at("127.0.0.1");
    let from = |address: [u8; 4], interface| Message::PacketInfo { address: address.into(), interface };
    for (message, status) in [
        (from([127, 0, 0, 2], 0), STATUS_INVALID_ADDRESS_COMPONENT),
        (from([0; 4], 0x7FFF_FFFF), STATUS_NETWORK_UNREACHABLE),
        (from([0; 4], u32::MAX), STATUS_NETWORK_UNREACHABLE),
    ] {
        assert_eq!(own.send(b"never", to, &[message]), Err(status), "{message:?}");
    }
    let own = Own::bound("0.0.0.0:0", Values::default());
    let nobodys = own.send(b"never", to, &[from([203, 0, 113, 9], 0)]);
    assert_eq!(nobodys, Err(STATUS_INVALID_ADDRESS_COMPONENT));
    let own = Own::bound("[::]:0", Values::default());
    let message = Message::PacketInfo { address: "2001:db8::9".parse().unwrap(), interface: 0 };
    let nobodys = own.send(b"never", own.at("::1"), &[message]);
    assert_eq!(nobodys, Err(STATUS_INVALID_ADDRESS_COMPONENT));
}

#[test]
fn a_datagram_that_must_not_be_fragmented_is_refused() {
    let mut own = Own::bound("[::1]:0", Values::default());
    let to = own.at("::1");
    let path = own.endpoint().mtu(to.ip()).unwrap();
    // The largest that IPv6 has, with its headers, is a little larger than Linux' loopback interface takes.
    let bytes = vec![0; 65527];
    assert!((1280..=65575).contains(&path), "{path}");
    assert!((576..=65535).contains(&own.endpoint().mtu([127, 0, 0, 1].into()).unwrap()));
    own.set(&ipv6::IPV6_DONTFRAG, 1);
    if path < 65575 {
        assert_eq!(own.send(&bytes, to, &[]), Err(STATUS_INVALID_BUFFER_SIZE));
    }
    own.set(&ipv6::IPV6_USER_MTU, 1280);
    assert_eq!(own.send(&bytes[..1233], to, &[]), Err(STATUS_INVALID_BUFFER_SIZE));
    assert_eq!(own.send(&bytes[..1232], to, &[]), Ok(()));
}

/// An address of this machine that no socket is bound to.
fn unbound(address: &str) -> SocketAddr {
    let socket = UdpSocket::bind((address.parse::<IpAddr>().unwrap(), 0)).unwrap();
    socket.local_addr().unwrap()
}

#[test]
fn errors_are_told_to_those_who_ask() {
    let v4 = ReceiveError { protocol: 1, info: 0, kind: 3, code: 3 };
    let v6 = ReceiveError { protocol: 58, info: 0, kind: 1, code: 4 };
    for (address, values, reached, row, error) in [
        ("127.0.0.1:0", Values::default(), "127.0.0.1", &ip::IP_RECVERR, v4),
        ("[::1]:0", Values::default(), "::1", &ipv6::IPV6_RECVERR, v6),
        ("[::]:0", dual_stack(), "127.0.0.1", &ip::IP_RECVERR, v4),
        ("[::]:0", dual_stack(), "::1", &ipv6::IPV6_RECVERR, v6),
    ] {
        let mut own = Own::bound(address, values);
        let family = if address.starts_with('[') {
            crate::net::address::Family::V6
        } else {
            crate::net::address::Family::V4
        };
        let (closed, witness) = (unbound(reached), UdpSocket::bind((reached, 0)).unwrap());
        witness.set_read_timeout(LIMIT).unwrap();
        let to = crate::net::address::in_family(closed, family);
        let alive = crate::net::address::in_family(witness.local_addr().unwrap(), family);
        own.send(b"not told", to, &[]).unwrap();
        own.set(row, 1);
        // No error is in the way of the sends that follow.
        for bytes in [&b"one"[..], b"two", b"three"] {
            own.send(bytes, to, &[]).unwrap();
            own.send(bytes, alive, &[]).unwrap();
            let datagram = own.received();
            assert_eq!((&datagram.bytes[..], datagram.from), (bytes, to), "{address} {reached}");
            let header = datagram.header;
            assert_eq!((header.error, header.to), (Some(error), Some(closed.ip())), "{address} {reached}");
            assert_eq!((header.interface, header.hops, header.traffic_class), (loopback(), None, None));
            let mut buffer = [0; 8];
            assert_eq!(witness.recv(&mut buffer).unwrap(), bytes.len());
        }
        own.set(row, 0);
        own.send(b"not told any more", to, &[]).unwrap();
        witness.send_to(b"next", own.at(reached)).unwrap();
        assert_eq!(own.received().bytes, b"next");
    }
}

#[test]
fn sources_of_groups_are_filtered() {
    let group = Group { address: "239.77.9.1".parse().unwrap(), interface: loopback() };
    let mut own = Own::bound("0.0.0.0:0", Values::default());
    let change = |own: &mut Own, change, source: Option<IpAddr>| {
        own.groups.change(&readings::Readings::STRICT, change, group, source).unwrap();
        own.endpoint().changed_group(&own.values, &own.groups, change, group, source).unwrap();
    };
    change(&mut own, Change::Join, None);
    let sources = ["127.0.0.1", "127.0.0.2"].map(|address| UdpSocket::bind((address, 0)).unwrap());
    let to = own.at("239.77.9.1");
    let all = |own: &Own| {
        for source in &sources {
            SockRef::from(source).set_multicast_if_v4(&"127.0.0.1".parse().unwrap()).unwrap();
            source.send_to(b"group", to).unwrap();
        }
        sources[1].send_to(b"end", own.at("127.0.0.1")).unwrap();
        let mut from = Vec::new();
        loop {
            let datagram = own.received();
            if datagram.bytes == b"end" {
                return from;
            }
            from.push(datagram.from);
        }
    };
    let [one, two] = [0, 1].map(|at: usize| sources[at].local_addr().unwrap());
    assert_eq!(all(&own), [one, two]);
    change(&mut own, Change::Block, Some(one.ip()));
    assert_eq!(all(&own), [two]);
    change(&mut own, Change::Unblock, Some(one.ip()));
    assert_eq!(all(&own), [one, two]);
}

#[test]
fn a_broadcast_needs_leave() {
    let mut own = Own::bound("127.0.0.1:0", Values::default());
    let to = SocketAddr::from(([127, 255, 255, 255], 9));
    assert_eq!(own.send(b"all", to, &[]), Err(wsk_sys::STATUS_ACCESS_DENIED));
    own.set(&socket::SO_BROADCAST, 1);
    assert_eq!(own.send(b"all", to, &[]), Ok(()));
}

/// Whether a socket of this machine has joined an IPv6 group on the loopback interface.
fn is_joined(group: IpAddr) -> bool {
    let IpAddr::V6(group) = group else { return false };
    let digits = format!("{:032x}", group.to_bits());
    let table = std::fs::read_to_string("/proc/net/igmp6").unwrap();
    let interface = loopback().to_string();
    table.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some(&*interface) && words.any(|word| word == digits)
    })
}

/// Linux' loopback interface has no route for multicast datagrams of IPv6: that none but the sources' come is the
/// filter's.
#[test]
fn the_group_of_single_sources_is_joined_once() {
    let group = Group { address: "ff35::77:9:1".parse().unwrap(), interface: loopback() };
    let mut own = Own::bound("[::]:0", Values::default());
    for (change, source, joined) in [
        (Change::JoinSource, "::1", true),
        (Change::JoinSource, "::2", true),
        (Change::LeaveSource, "::1", true),
        (Change::LeaveSource, "::2", false),
        (Change::JoinSource, "::1", true),
    ] {
        let source = Some(source.parse().unwrap());
        own.groups.change(&readings::Readings::STRICT, change, group, source).unwrap();
        own.endpoint().changed_group(&own.values, &own.groups, change, group, source).unwrap();
        assert_eq!(is_joined(group.address), joined, "{change:?} {source:?}");
    }
}

#[test]
fn several_are_sent_up_to_the_first_that_cannot_be() {
    let (own, other) =
        (Own::bound("127.0.0.1:0", Values::default()), Own::bound("127.0.0.1:0", Values::default()));
    let to = other.at("127.0.0.1");
    let outgoing = own.values.outgoing(to.ip());
    let long = vec![0; 70_000];
    // With control information too, where each has a call of its own.
    let mut source = Overrides::default();
    source.source = Some(IpAddr::from([127, 0, 0, 1]));
    for overrides in [Overrides::default(), source] {
        let send =
            |datagrams: &[&[u8]], outgoing| own.endpoint().send_all(datagrams, to, outgoing, &overrides);
        assert_eq!(send(&[], &outgoing), (0, Ok(())));
        assert_eq!(send(&[b"1", b"", b"3"], &outgoing), (3, Ok(())));
        // What Linux refuses, and what a bound of ours does.
        assert_eq!(send(&[b"4", b"5", &long, b"6"], &outgoing), (2, Err(STATUS_INVALID_BUFFER_SIZE)));
        let bounded = Outgoing { dont_fragment: true, user_mtu: 100, ..outgoing };
        assert_eq!(send(&[b"7", &long[..73], b"8"], &bounded), (1, Err(STATUS_INVALID_BUFFER_SIZE)));
        for expected in [&b"1"[..], b"", b"3", b"4", b"5", b"7"] {
            assert_eq!(other.received().bytes, expected);
        }
        // More than Linux takes at once.
        assert_eq!(send(&vec![&[0][..]; 1500], &outgoing), (1500, Ok(())));
        while other.inbox.wait(Some(Duration::from_millis(200))).is_some() {}
    }
}
