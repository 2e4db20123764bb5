//! Control information: what receives report, what sends override, and what is refused.
#![allow(unsafe_code, reason = "calls WSK's functions through its table")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the calls follow the pages one by one; Miri checks them"
)]

use std::net::{IpAddr, SocketAddr};
use std::ptr;

use crate::support::{
    Address, Buffer, Client, Info, LIMIT, MODES, Pinned, Request, Socket, World, everywhere, in_memory, info,
    messages,
};
use ::netio::memory::{Net, Peer};
use ::netio::{Completion, Config};
use readings::{Readings, ReceiveInterface};
use wsk_cmsg::Message;
use wsk_sys::*;

/// Sends the parts as datagrams, one of them by `WskSendTo`, several by `WskSendMessages`.
fn send(socket: Socket, parts: &[&[u8]], to: SocketAddr, info: &Info) -> Result<usize, NTSTATUS> {
    socket.send_parts(parts, Some(to), info)
}

/// Receives a datagram with a buffer of `capacity` bytes for control information: what came of it, and the flags.
fn receive(socket: Socket, capacity: ULONG) -> (Vec<u8>, ULONG) {
    let (status, told) = socket.receive_into(8, capacity);
    assert_eq!(status, STATUS_SUCCESS);
    (told.control, told.flags)
}

/// A peer of the network in memory.
fn peer(net: &Net, address: &str) -> Peer {
    let peer = net.peer(address.parse().unwrap()).unwrap();
    peer.set_read_timeout(Some(LIMIT)).unwrap();
    peer
}

/// Runs `test` in every mode with the network's own handle.
fn with_net(test: impl Fn(&Net, Completion)) {
    for &mode in MODES {
        let net = Net::new();
        let world = World::new(Some(net.clone()), mode);
        let entered = world.machine.enter();
        test(&net, mode);
        drop(entered);
        world.machine.shutdown();
    }
}

const ASKING: [[(ULONG, ULONG); 4]; 2] = [
    [(IPPROTO_IP, IP_PKTINFO), (IPPROTO_IP, IP_RECVTTL), (IPPROTO_IP, IP_RECVTOS), (IPPROTO_IP, IP_RECVECN)],
    [
        (IPPROTO_IPV6, IPV6_PKTINFO),
        (IPPROTO_IPV6, IPV6_HOPLIMIT),
        (IPPROTO_IPV6, IPV6_RECVTCLASS),
        (IPPROTO_IPV6, IPV6_RECVECN),
    ],
];

#[test]
fn interfaces_are_told_to_who_asks() {
    for (reading, told) in [(ReceiveInterface::Index, true), (ReceiveInterface::Nothing, false)] {
        let readings = Readings::STRICT.with(reading);
        let world = World::with(Some(Net::new()), Config { readings, ..Config::default() });
        let entered = world.machine.enter();
        let client = Client::new();
        for (local, level) in [("127.0.0.1:0", IPPROTO_IP), ("[::1]:0", IPPROTO_IPV6)] {
            let socket = client.bound(local);
            let (came, arrived) = if level == IPPROTO_IP {
                (Message::InterfaceV4(1), Message::ArrivalInterfaceV4(1))
            } else {
                (Message::InterfaceV6(1), Message::ArrivalInterfaceV6(1))
            };
            // The numbers are those of both levels.
            let ask = |name| {
                assert_eq!(socket.set(level, name, 1), STATUS_SUCCESS);
                world.peer(local).send(b"x", socket.local_address());
                receive(socket, 256).0
            };
            let expected = [came, arrived];
            let skipped = usize::from(!told);
            assert_eq!(ask(IP_RECVIF), info(&expected[skipped..1]).as_bytes());
            assert_eq!(ask(IP_ORIGINAL_ARRIVAL_IF), info(&expected[skipped..]).as_bytes());
            socket.close();
        }
        client.end();
        drop(entered);
        world.machine.shutdown();
    }
}

#[test]
fn each_option_brings_its_own_message() {
    with_net(|net, _| {
        let client = Client::new();
        let addresses = ["127.0.0.1", "::1"].map(|address| address.parse::<IpAddr>().unwrap());
        for (address, asking) in addresses.into_iter().zip(ASKING) {
            let any = SocketAddr::new(address, 0).to_string();
            let (socket, peer) = (client.bound(&any), peer(net, &any));
            peer.set_ttl(77).unwrap();
            peer.set_traffic_class(0xBA).unwrap();
            let to = SocketAddr::new(address, socket.local_address().port());
            let v6 = address.is_ipv6();
            let expected = [
                Message::PacketInfo { address, interface: 1 },
                if v6 { Message::HopLimit(77) } else { Message::TimeToLive(77) },
                if v6 { Message::TrafficClass(0xBA) } else { Message::TypeOfService(0xBA) },
                if v6 { Message::EcnV6(2) } else { Message::EcnV4(2) },
            ];
            peer.send_to(b"x", to).unwrap();
            assert_eq!(receive(socket, 256), (Vec::new(), 0), "nothing without being asked");
            for ((level, name), message) in asking.into_iter().zip(expected) {
                assert_eq!(socket.set(level, name, 1), STATUS_SUCCESS, "{level}, {name}");
                peer.send_to(b"x", to).unwrap();
                let (control, flags) = receive(socket, 256);
                assert_eq!((messages(&control), flags), (vec![message], 0), "{level}, {name}");
                assert_eq!(socket.set(level, name, 0), STATUS_SUCCESS);
            }
            for (level, name) in asking {
                assert_eq!(socket.set(level, name, 1), STATUS_SUCCESS);
            }
            peer.send_to(b"x", to).unwrap();
            assert_eq!(messages(&receive(socket, 256).0), expected, "all together");
            socket.close();
        }
        client.end();
    });
}

#[test]
fn too_little_room_is_told() {
    with_net(|net, _| {
        let client = Client::new();
        let (socket, peer) = (client.bound("127.0.0.1:0"), peer(net, "127.0.0.1:0"));
        for (level, name) in ASKING[0] {
            assert_eq!(socket.set(level, name, 1), STATUS_SUCCESS);
        }
        for (capacity, complete) in [(0, 0), (23, 0), (24, 1), (60, 2), (95, 3), (96, 4)] {
            peer.send_to(b"x", socket.local_address()).unwrap();
            let (control, flags) = receive(socket, capacity);
            assert_eq!(messages(&control).len(), complete, "{capacity} bytes");
            assert_eq!(flags, if complete < 4 { MSG_CTRUNC } else { 0 }, "{capacity} bytes");
        }
        // Data and control information are cut independently of each other.
        peer.send_to(b"too long for it", socket.local_address()).unwrap();
        assert_eq!(receive(socket, 0).1, MSG_TRUNC | MSG_CTRUNC);
        socket.close();
        client.end();
    });
}

#[test]
fn a_dual_stack_socket_tells_what_the_datagrams_family_asks_for() {
    with_net(|net, _| {
        let client = Client::new();
        let socket = client.socket(AF_INET6);
        assert_eq!(socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 0), STATUS_SUCCESS);
        assert_eq!(socket.bind("[::]:0".parse().unwrap()), STATUS_SUCCESS);
        assert_eq!(socket.set(IPPROTO_IP, IP_PKTINFO, 1), STATUS_SUCCESS);
        let port = socket.local_address().port();
        for (from, told) in [("10.0.0.9:0", vec!["10.0.0.7".parse().unwrap()]), ("[fd00::9]:0", vec![])] {
            let peer = peer(net, from);
            let to = if peer.local_addr().unwrap().is_ipv4() { "10.0.0.7" } else { "fd00::7" };
            peer.send_to(b"x", SocketAddr::new(to.parse().unwrap(), port)).unwrap();
            let told = told.into_iter().map(|address| Message::PacketInfo { address, interface: 2 });
            assert_eq!(messages(&receive(socket, 256).0), told.collect::<Vec<_>>(), "from {from}");
        }
        socket.close();
        client.end();
    });
}

#[test]
fn sends_go_out_as_their_control_information_says() {
    with_net(|net, _| {
        let client = Client::new();
        for (any, own, other) in
            [("0.0.0.0:0", "10.1.2.3", "10.0.0.9:0"), ("[::]:0", "fd00::3", "[fd00::9]:0")]
        {
            let (socket, peer) = (client.bound(any), peer(net, other));
            let (to, source): (_, IpAddr) = (peer.local_addr().unwrap(), own.parse().unwrap());
            let v6 = source.is_ipv6();
            let packet = Message::PacketInfo { address: source, interface: 2 };
            let hops = if v6 { Message::HopLimit(9) } else { Message::TimeToLive(9) };
            let class = if v6 { Message::TrafficClass(0xB8) } else { Message::TypeOfService(0xB8) };
            let ecn = if v6 { Message::EcnV6(1) } else { Message::EcnV4(1) };
            assert_eq!(send(socket, &[b"one"], to, &info(&[packet, hops, class, ecn])), Ok(3));
            let arrived = peer.receive().unwrap();
            assert_eq!((arrived.from.ip(), arrived.hops, arrived.traffic_class), (source, 9, 0xB9));
            // It is for that datagram only; and for each of a list.
            assert_eq!(send(socket, &[b"two", b"three"], to, &info(&[])), Ok(8));
            for bytes in ["two", "three"] {
                let arrived = peer.receive().unwrap();
                assert_eq!(
                    (&arrived.bytes[..], arrived.hops, arrived.traffic_class),
                    (bytes.as_bytes(), 128, 0)
                );
                assert!(arrived.from.ip().is_loopback());
            }
            assert_eq!(send(socket, &[b"four", b""], to, &info(&[hops])), Ok(4));
            for bytes in ["four", ""] {
                let arrived = peer.receive().unwrap();
                assert_eq!((&arrived.bytes[..], arrived.hops), (bytes.as_bytes(), 9));
            }
            socket.close();
        }
        client.end();
    });
}

#[test]
fn sends_that_cannot_be_as_they_say_are_refused() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, peer) = (client.bound("10.0.0.1:0"), world.peer("10.0.0.9:0"));
        let to = peer.address();
        let from = |address: [u8; 4], interface| Message::PacketInfo { address: address.into(), interface };
        for (message, status) in [
            (from([10, 0, 0, 2], 0), STATUS_INVALID_ADDRESS_COMPONENT),
            (from([10, 0, 0, 1], 1), STATUS_NETWORK_UNREACHABLE),
            (from([0; 4], 7), STATUS_NETWORK_UNREACHABLE),
            (Message::TimeToLive(0), STATUS_INVALID_PARAMETER),
            (Message::HopLimit(3), STATUS_INVALID_PARAMETER),
            (Message::EcnV4(3), STATUS_INVALID_PARAMETER),
            (Message::Other { level: 0, kind: 60, data: &[] }, STATUS_NOT_SUPPORTED),
        ] {
            assert_eq!(send(socket, &[b"x"], to, &info(&[message])), Err(status), "{message:?}");
            assert_eq!(send(socket, &[b"x", b"y"], to, &info(&[message])), Err(status), "{message:?}");
        }
        let complete = info(&[Message::TimeToLive(3)]);
        // Cut in its data, and in its padding.
        for length in [19, 20, 23] {
            let cut = Info::copied(&complete.as_bytes()[..length]).unwrap();
            assert_eq!(send(socket, &[b"x"], to, &cut), Err(STATUS_INVALID_PARAMETER), "{length} bytes");
        }
        // Neither none that has a length, nor one that is not aligned.
        let (address, buffer, place) = (Address::new(to), Buffer::new(b"x"), Pinned::new(complete));
        let call = socket.table().WskSendTo.unwrap();
        let control: *mut CMSGHDR = place.pointer().cast();
        for (length, control) in [(24, ptr::null_mut()), (16, control.wrapping_byte_add(4))] {
            let request = Request::start(|irp| unsafe {
                call(socket.0, buffer.wsk(), 0, address.pointer(), length, control, irp)
            });
            assert_eq!(request.wait(), (STATUS_INVALID_PARAMETER, 0), "{length}, {control:?}");
        }
        peer.set_timeout(std::time::Duration::from_millis(1));
        peer.receive().unwrap_err();
        socket.close();
        client.end();
    });
}

#[test]
fn a_buffer_without_control_information_is_none() {
    everywhere(|world| {
        let client = Client::new();
        let (socket, peer) = (client.bound("127.0.0.1:0"), world.peer("127.0.0.1:0"));
        let (address, buffer, place) =
            (Address::new(peer.address()), Buffer::new(b"x"), Pinned::new(info(&[])));
        let call = socket.table().WskSendTo.unwrap();
        let control: *mut CMSGHDR = place.pointer().cast();
        let request = Request::start(|irp| unsafe {
            call(socket.0, buffer.wsk(), 0, address.pointer(), 0, control, irp)
        });
        assert_eq!(request.wait(), (STATUS_SUCCESS, 1));
        assert_eq!(peer.receive().unwrap().0, b"x");
        socket.close();
        client.end();
    });
}

#[test]
fn packet_information_goes_with_an_empty_list_of_options() {
    with_net(|net, _| {
        let client = Client::new();
        let options = Message::Other { level: 0, kind: 1, data: &[] };
        let routing = Message::Other { level: 41, kind: 32, data: &[] };
        for (any, own, other, empty) in
            [("0.0.0.0:0", "10.1.2.3", "10.0.0.9:0", options), ("[::]:0", "fd00::3", "[fd00::9]:0", routing)]
        {
            let (socket, peer) = (client.bound(any), peer(net, other));
            let (to, source): (_, IpAddr) = (peer.local_addr().unwrap(), own.parse().unwrap());
            let packet = Message::PacketInfo { address: source, interface: 2 };
            assert_eq!(send(socket, &[b"one"], to, &info(&[packet, empty])), Ok(3));
            assert_eq!(peer.receive().unwrap().from.ip(), source);
            socket.close();
        }
        client.end();
    });
}

#[test]
fn data_goes_out_in_segments() {
    everywhere(|world| {
        let client = Client::new();
        let (socket, peer) = (client.bound("127.0.0.1:0"), world.peer("127.0.0.1:0"));
        let to = peer.address();
        let arrives = |parts: &[&str]| {
            for part in parts {
                assert_eq!(peer.receive().unwrap().0, part.as_bytes());
            }
        };
        assert_eq!(send(socket, &[b"aaabbbcc"], to, &info(&[Message::SendMessageSize(3)])), Ok(8));
        arrives(&["aaa", "bbb", "cc"]);
        assert_eq!(socket.set(IPPROTO_UDP, UDP_SEND_MSG_SIZE, 2), STATUS_SUCCESS);
        assert_eq!(send(socket, &[b"aabb", b"c", b""], to, &info(&[])), Ok(5));
        arrives(&["aa", "bb", "c", ""]);
        // Control information overrides the option; 0 is no segments.
        assert_eq!(send(socket, &[b"aaaa"], to, &info(&[Message::SendMessageSize(0)])), Ok(4));
        arrives(&["aaaa"]);
        socket.close();
        client.end();
    });
}
