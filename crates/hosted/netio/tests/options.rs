//! Socket options, row by row of `wsk_requests`, and their effects on the networks.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::support::{Client, LIMIT, Peer, Socket, World, everywhere, in_memory};
use ::netio::memory::Arrived;
use wsk_requests::rows::{ip, ipv6, socket as level, udp};
use wsk_requests::{Families, Hosted, Kind, Multicast, ROWS, Row, StateRule, ValueKind};
use wsk_sys::*;

fn numbers(row: &Row) -> (ULONG, ULONG) {
    let Kind::Option { level, name } = row.kind else { panic!("{} is no option", row.name) };
    (level, name)
}

fn set(socket: Socket, row: &Row, value: ULONG) -> NTSTATUS {
    let (level, name) = numbers(row);
    socket.set(level, name, value)
}

fn get(socket: Socket, row: &Row) -> Result<ULONG, NTSTATUS> {
    let (level, name) = numbers(row);
    socket.get(level, name)
}

/// Joins or leaves a group, written as text.
fn change(socket: Socket, row: &Row, text: &str) -> NTSTATUS {
    let mut bytes = [0; 264];
    let size = text.parse::<Multicast>().unwrap().encode(row.value, &mut bytes).expect(text);
    let (level, name) = numbers(row);
    socket.control(WskSetOption, name, level, &bytes[..size], &mut []).0
}

/// The options whose value is a number, got and set.
fn plain(family: Families) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| {
        matches!(row.kind, Kind::Option { .. })
            && row.is_plain()
            && row.get
            && row.set
            && row.about().hosted != Hosted::Refused
            && (row.families == family || row.families == Families::Both)
    })
}

/// A value that differs from `old`: as it is set, and as it is got.
fn other(row: &Row, old: ULONG) -> (ULONG, ULONG) {
    let same = |value| (value, value);
    match row.value {
        ValueKind::Bool => same(1 - old),
        ValueKind::Index => same(1),
        ValueKind::NetworkIndex => (1_u32.to_be(), 1),
        ValueKind::MulticastInterface => (u32::from_ne_bytes([127, 0, 0, 1]), 1),
        ValueKind::MtuDiscovery => same(IP_PMTUDISC_DONT.cast_unsigned()),
        ValueKind::Protection => same(PROTECTION_LEVEL_RESTRICTED),
        ValueKind::U32 if row.kind == level::SO_RCVBUF.kind => same(12345),
        ValueKind::U32 => same(76),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_option_has_its_default_and_keeps_its_value_through_the_bind() {
    everywhere(|_| {
        let client = Client::new();
        for (family, number, local) in
            [(Families::V4, AF_INET, "127.0.0.1:0"), (Families::V6, AF_INET6, "[::1]:0")]
        {
            let (early, late) = (client.socket(number), client.bound(local));
            let mut values = Vec::new();
            for row in plain(family) {
                for socket in [early, late] {
                    let old = get(socket, row).unwrap();
                    assert_eq!(old, row.default.unwrap_or(old), "{}", row.name);
                    let (value, got) = other(row, old);
                    assert_ne!(old, got, "{}", row.name);
                    if socket == late && row.state == StateRule::BeforeBind {
                        assert_eq!(set(socket, row, value), STATUS_INVALID_DEVICE_STATE, "{}", row.name);
                        assert_eq!(get(socket, row), Ok(old), "{}", row.name);
                        continue;
                    }
                    assert_eq!(set(socket, row, value), STATUS_SUCCESS, "{}", row.name);
                    assert_eq!(get(socket, row), Ok(got), "{}", row.name);
                    if row.kind == level::SO_REUSEADDR.kind {
                        // The next one is its opposite.
                        assert_eq!(set(socket, row, old), STATUS_SUCCESS);
                        continue;
                    }
                    values.push((row, got));
                }
            }
            // What was set early gets to the network now.
            assert_eq!(early.bind(local.parse().unwrap()), STATUS_SUCCESS);
            for (row, got) in values {
                assert_eq!(get(early, row), Ok(got), "{}", row.name);
            }
            early.close();
            late.close();
        }
        client.end();
    });
}

#[test]
fn wrong_sizes_directions_and_families_are_refused() {
    in_memory(|_| {
        let client = Client::new();
        let (v4, v6) = (client.socket(AF_INET), client.socket(AF_INET6));
        for row in ROWS.iter().filter(|row| row.is_plain() && matches!(row.kind, Kind::Option { .. })) {
            let (level, name) = numbers(row);
            let (right, wrong) = if row.families == Families::V6 { (v6, v4) } else { (v4, v6) };
            let (least, greatest) = row.value.bounds(0);
            let bytes = [0; 300];
            let set =
                |socket: Socket, size| socket.control(WskSetOption, name, level, &bytes[..size], &mut []).0;
            let get = |socket: Socket, size| {
                socket.control(WskGetOption, name, level, &[], &mut [0; 300][..size]).0
            };
            if row.about().hosted == Hosted::Refused {
                assert_eq!(set(right, least), STATUS_NOT_SUPPORTED, "{}", row.name);
                assert_eq!(get(right, greatest), STATUS_NOT_SUPPORTED, "{}", row.name);
                continue;
            }
            if row.set {
                assert_eq!(set(right, least - 1), STATUS_BUFFER_TOO_SMALL, "{}", row.name);
                assert_eq!(set(right, greatest + 1), STATUS_INVALID_BUFFER_SIZE, "{}", row.name);
            } else {
                assert_eq!(set(right, 4), STATUS_INVALID_DEVICE_REQUEST, "{}", row.name);
            }
            if !row.get {
                assert_eq!(get(right, greatest), STATUS_INVALID_DEVICE_REQUEST, "{}", row.name);
            } else if row.value != ValueKind::Indexes && row.set {
                assert_eq!(get(right, 3), STATUS_BUFFER_TOO_SMALL, "{}", row.name);
            }
            if row.families != Families::Both {
                assert_eq!(set(wrong, least.max(1)), STATUS_INVALID_DEVICE_REQUEST, "{}", row.name);
            }
        }
        // A socket that serves IPv4 too has IPv4's options.
        assert_eq!(set(v6, &ip::IP_TTL, 9), STATUS_INVALID_DEVICE_REQUEST);
        assert_eq!(set(v6, &ipv6::IPV6_V6ONLY, 0), STATUS_SUCCESS);
        assert_eq!((set(v6, &ip::IP_TTL, 9), get(v6, &ip::IP_TTL)), (STATUS_SUCCESS, Ok(9)));
        v4.close();
        v6.close();
        client.end();
    });
}

#[test]
fn values_out_of_range_are_refused() {
    in_memory(|_| {
        let client = Client::new();
        let (v4, v6) = (client.socket(AF_INET), client.socket(AF_INET6));
        for (socket, row, value, status) in [
            (v4, &ip::IP_TTL, 0, STATUS_INVALID_PARAMETER),
            (v4, &ip::IP_TTL, 256, STATUS_INVALID_PARAMETER),
            (v4, &ip::IP_MULTICAST_TTL, 256, STATUS_INVALID_PARAMETER),
            (v4, &ip::IP_MULTICAST_TTL, 0, STATUS_SUCCESS),
            (v4, &ip::IP_TOS, 256, STATUS_INVALID_PARAMETER),
            (v6, &ipv6::IPV6_UNICAST_HOPS, 256, STATUS_INVALID_PARAMETER),
            (v4, &ip::IP_MTU_DISCOVER, 4, STATUS_INVALID_PARAMETER),
            (v4, &ip::IP_PROTECTION_LEVEL, 11, STATUS_INVALID_PARAMETER),
            (v4, &ip::IP_UNICAST_IF, 1, STATUS_INVALID_ADDRESS_COMPONENT),
            (v4, &ip::IP_MULTICAST_IF, u32::from_ne_bytes([10, 9, 8, 7]), STATUS_INVALID_ADDRESS_COMPONENT),
            (v6, &ipv6::IPV6_MULTICAST_IF, 77, STATUS_INVALID_ADDRESS_COMPONENT),
            // Any number but 0 is true.
            (v4, &ip::IP_PKTINFO, 5, STATUS_SUCCESS),
        ] {
            assert_eq!(set(socket, row, value), status, "{} {value}", row.name);
        }
        assert_eq!(get(v4, &ip::IP_PKTINFO), Ok(1));
        v4.close();
        v6.close();
        client.end();
    });
}

fn arrived(peer: &Peer) -> Arrived {
    let Peer::Memory(peer) = peer else { panic!("a peer in memory") };
    peer.receive().unwrap()
}

fn nothing(peer: &Peer) {
    // In memory a datagram has come when its send is over: nothing is waited for.
    peer.set_timeout(Duration::from_nanos(1));
    peer.receive().unwrap_err();
    peer.set_timeout(LIMIT);
}

/// Makes a socket with options that are set before the bind, or after it.
fn with_options(client: &Client, local: &str, early: bool, options: &[(&Row, ULONG)]) -> Socket {
    let address: SocketAddr = local.parse().unwrap();
    let socket = client.socket(if address.is_ipv4() { AF_INET } else { AF_INET6 });
    let set_all =
        || options.iter().for_each(|(row, value)| assert_eq!(set(socket, row, *value), STATUS_SUCCESS));
    if early {
        set_all();
    }
    assert_eq!(socket.bind(address), STATUS_SUCCESS);
    if !early {
        set_all();
    }
    socket
}

#[test]
fn hops_and_traffic_class_are_those_of_the_datagram() {
    in_memory(|world| {
        let client = Client::new();
        for early in [true, false] {
            let v4 = [(&ip::IP_TTL, 7), (&ip::IP_TOS, 0x28), (&ip::IP_MULTICAST_TTL, 9)];
            let v6 = [(&ipv6::IPV6_UNICAST_HOPS, 8), (&ipv6::IPV6_TCLASS, 0x2C)];
            for (local, options, hops, class) in
                [("127.0.0.1:0", &v4[..], 7, 0x28), ("[::1]:0", &v6[..], 8, 0x2C)]
            {
                let socket = with_options(&client, local, early, options);
                let peer = world.peer(local);
                socket.send(b"x", Some(peer.address()));
                let arrived = arrived(&peer);
                assert_eq!((arrived.hops, arrived.traffic_class), (hops, class), "{local}");
                socket.close();
            }
        }
        client.end();
    });
}

#[test]
fn a_datagram_that_must_not_be_fragmented_fits_the_path_or_is_refused() {
    in_memory(|world| {
        let client = Client::new();
        let (near, far) = (world.peer("127.0.0.1:0"), world.peer("10.0.0.1:9"));
        let discover = IP_PMTUDISC_PROBE.cast_unsigned();
        for options in [&[(&ip::IP_DONTFRAGMENT, 1)], &[(&ip::IP_MTU_DISCOVER, discover)]] {
            let socket = with_options(&client, "0.0.0.0:0", false, options);
            assert_eq!(socket.try_send(&[0; 1472], Some(far.address())), Ok(1472));
            assert!(arrived(&far).dont_fragment);
            assert_eq!(socket.try_send(&[0; 1473], Some(far.address())), Err(STATUS_INVALID_BUFFER_SIZE));
            socket.send(&[0; 9000], Some(near.address()));
            assert_eq!(set(socket, &ip::IP_USER_MTU, 1000), STATUS_SUCCESS);
            assert_eq!(socket.try_send(&[0; 973], Some(near.address())), Err(STATUS_INVALID_BUFFER_SIZE));
            assert_eq!(set(socket, options[0].0, 0), STATUS_SUCCESS);
            socket.send(&[0; 973], Some(far.address()));
            assert!(!arrived(&far).dont_fragment);
            socket.close();
        }
        let v6 = with_options(&client, "[::]:0", true, &[(&ipv6::IPV6_DONTFRAG, 1)]);
        let far = world.peer("[2001:db8::9]:9");
        assert_eq!(v6.try_send(&[0; 1453], Some(far.address())), Err(STATUS_INVALID_BUFFER_SIZE));
        v6.send(&[0; 1452], Some(far.address()));
        v6.close();
        client.end();
    });
}

#[test]
fn the_mtu_is_that_of_the_path_to_the_fixed_remote_address() {
    everywhere(|world| {
        let client = Client::new();
        let socket = client.bound("0.0.0.0:0");
        assert_eq!(get(socket, &ip::IP_MTU), Err(STATUS_INVALID_DEVICE_STATE));
        let far = if world.is_memory() { "10.0.0.1:9" } else { "127.0.0.1:9" };
        let far = Some(far.parse().unwrap());
        assert_eq!(socket.set_address(SIO_WSK_SET_REMOTE_ADDRESS, far), STATUS_SUCCESS);
        let path = get(socket, &ip::IP_MTU);
        if world.is_memory() {
            assert_eq!(path, Ok(1500));
        } else if cfg!(target_os = "linux") {
            assert!(path.is_ok_and(|mtu| mtu > 1279), "{path:?}");
        } else {
            assert_eq!(path, Err(STATUS_NOT_SUPPORTED));
        }
        assert_eq!(set(socket, &ip::IP_USER_MTU, 1279), STATUS_SUCCESS);
        assert_eq!(get(socket, &ip::IP_MTU), path.map(|_| 1279));
        socket.close();
        client.end();
    });
}

#[test]
fn broadcast_is_received_only_if_wanted() {
    in_memory(|world| {
        let client = Client::new();
        let socket = client.bound("0.0.0.0:0");
        let peer = world.peer("0.0.0.0:0");
        let Peer::Memory(memory) = &peer else { unreachable!() };
        memory.set_broadcast(true).unwrap();
        let port = socket.local_address().port();
        let everyone = SocketAddr::from(([255; 4], port));
        peer.send(b"one", everyone);
        assert_eq!(socket.receive(10).unwrap().flags, MSG_BCAST);
        assert_eq!(set(socket, &ip::IP_RECEIVE_BROADCAST, 0), STATUS_SUCCESS);
        peer.send(b"two", everyone);
        peer.send(b"three", ([127, 0, 0, 1], port).into());
        assert_eq!(socket.receive(10).unwrap().bytes, b"three");
        socket.close();
        client.end();
    });
}

#[test]
fn an_interface_list_restricts_reception() {
    in_memory(|world| {
        let client = Client::new();
        let socket = client.bound("0.0.0.0:0");
        let peer = world.peer("10.0.0.1:9");
        let port = socket.local_address().port();
        let (near, far) = (SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([10, 0, 0, 2], port)));
        let list = || {
            let mut bytes = [0; 8];
            let (level, name) = numbers(&ip::IP_GET_IFLIST);
            let (status, size) = socket.control(WskGetOption, name, level, &[], &mut bytes);
            assert_eq!(status, STATUS_SUCCESS);
            bytes[..size].to_vec()
        };
        assert_eq!(set(socket, &ip::IP_IFLIST, 1), STATUS_SUCCESS);
        peer.send(b"nowhere", near);
        assert_eq!(set(socket, &ip::IP_ADD_IFLIST, 1), STATUS_SUCCESS);
        assert_eq!(set(socket, &ip::IP_ADD_IFLIST, 77), STATUS_INVALID_ADDRESS_COMPONENT);
        assert_eq!(list(), 1_u32.to_ne_bytes());
        peer.send(b"far", far);
        peer.send(b"near", near);
        assert_eq!(socket.receive(10).unwrap().bytes, b"near");
        assert_eq!(set(socket, &ip::IP_DEL_IFLIST, 1), STATUS_SUCCESS);
        assert_eq!(set(socket, &ip::IP_DEL_IFLIST, 1), STATUS_INVALID_ADDRESS_COMPONENT);
        assert_eq!(set(socket, &ip::IP_ADD_IFLIST, 2), STATUS_SUCCESS);
        peer.send(b"near", near);
        peer.send(b"far", far);
        assert_eq!(socket.receive(10).unwrap().bytes, b"far");
        assert_eq!(set(socket, &ip::IP_IFLIST, 0), STATUS_SUCCESS);
        peer.send(b"near", near);
        assert_eq!(socket.receive(10).unwrap().bytes, b"near");
        socket.close();
        client.end();
    });
}

fn to_group(socket: Socket, group: &str) -> SocketAddr {
    SocketAddr::new(group.parse::<IpAddr>().unwrap(), socket.local_address().port())
}

/// What was sent before has not come: what is sent now comes first.
fn hears_nothing(socket: Socket, sender: Socket) {
    sender.send(b"last", Some(to_group(socket, "127.0.0.1")));
    assert_eq!(socket.receive(10).unwrap().bytes, b"last");
}

/// On both networks, over the loopback interface; the host's may have no other.
#[test]
fn a_group_is_heard_while_it_is_joined() {
    everywhere(|_| {
        let client = Client::new();
        let (receiver, sender) = (client.bound("0.0.0.0:0"), client.bound("127.0.0.1:0"));
        assert_eq!(set(sender, &ip::IP_MULTICAST_IF, u32::from_ne_bytes([127, 0, 0, 1])), STATUS_SUCCESS);
        let to = to_group(receiver, "239.77.1.2");
        let member = "239.77.1.2,on=127.0.0.1";
        assert_eq!(change(receiver, &ip::IP_DROP_MEMBERSHIP, member), STATUS_INVALID_PARAMETER);
        assert_eq!(change(receiver, &ip::IP_ADD_MEMBERSHIP, member), STATUS_SUCCESS);
        assert_eq!(change(receiver, &ip::IP_ADD_MEMBERSHIP, member), STATUS_INVALID_PARAMETER);
        assert_eq!(change(receiver, &ip::IP_ADD_MEMBERSHIP, "10.0.0.1"), STATUS_INVALID_PARAMETER);
        sender.send(b"joined", Some(to));
        let got = receiver.receive(10).unwrap();
        assert_eq!((&got.bytes[..], got.from), (&b"joined"[..], sender.local_address()));
        assert_eq!(change(receiver, &ip::IP_DROP_MEMBERSHIP, member), STATUS_SUCCESS);
        sender.send(b"left", Some(to));
        hears_nothing(receiver, sender);
        // For one source; joined before the bind, this time.
        let early = client.socket(AF_INET);
        let ours = format!("{member},from=127.0.0.1");
        assert_eq!(change(early, &ip::IP_ADD_SOURCE_MEMBERSHIP, &ours), STATUS_SUCCESS);
        assert_eq!(early.bind("0.0.0.0:0".parse().unwrap()), STATUS_SUCCESS);
        sender.send(b"source", Some(to_group(early, "239.77.1.2")));
        assert_eq!(early.receive(10).unwrap().bytes, b"source");
        assert_eq!(change(early, &ip::IP_DROP_SOURCE_MEMBERSHIP, &ours), STATUS_SUCCESS);
        sender.send(b"left", Some(to_group(early, "239.77.1.2")));
        hears_nothing(early, sender);
        [receiver, sender, early].into_iter().for_each(Socket::close);
        client.end();
    });
}

#[test]
fn groups_by_index_and_of_ipv6() {
    in_memory(|world| {
        let client = Client::new();
        for (local, join, leave, group) in [
            (
                "0.0.0.0:0",
                &wsk_requests::rows::ip_group::MCAST_JOIN_GROUP,
                &wsk_requests::rows::ip_group::MCAST_LEAVE_GROUP,
                "239.1.2.3",
            ),
            (
                "[::]:0",
                &wsk_requests::rows::ipv6_group::MCAST_JOIN_GROUP,
                &wsk_requests::rows::ipv6_group::MCAST_LEAVE_GROUP,
                "ff3e::7",
            ),
            ("[::]:0", &ipv6::IPV6_JOIN_GROUP, &ipv6::IPV6_LEAVE_GROUP, "ff3e::8"),
        ] {
            let socket = client.bound(local);
            let peer = world.peer(local);
            let on = |index| format!("{group},on={index}");
            assert_eq!(change(socket, join, &on(1)), STATUS_SUCCESS);
            assert_eq!(change(socket, join, &on(77)), STATUS_INVALID_ADDRESS_COMPONENT);
            let to = to_group(socket, group);
            // The peer sends on the wire, unless told otherwise.
            peer.send(b"wire", to);
            assert_eq!(change(socket, join, group), STATUS_SUCCESS, "on the default interface");
            peer.send(b"wire", to);
            let received = socket.receive(10).unwrap();
            assert_eq!((&received.bytes[..], received.flags), (&b"wire"[..], MSG_MCAST));
            assert_eq!(change(socket, leave, &on(2)), STATUS_SUCCESS);
            peer.send(b"wire", to);
            let Peer::Memory(memory) = &peer else { unreachable!() };
            memory.set_multicast_interface(1).unwrap();
            peer.send(b"loopback", to);
            assert_eq!(socket.receive(10).unwrap().bytes, b"loopback");
            socket.close();
        }
        // A structure can name the other family's group; a socket cannot join it.
        let socket = client.bound("0.0.0.0:0");
        let join = &wsk_requests::rows::ip_group::MCAST_JOIN_GROUP;
        assert_eq!(change(socket, join, "ff3e::7"), STATUS_INVALID_PARAMETER);
        socket.close();
        client.end();
    });
}

#[test]
fn sources_are_blocked_and_hops_and_loops_heeded() {
    in_memory(|world| {
        let client = Client::new();
        let socket = client.bound("0.0.0.0:0");
        let (one, two) = (world.peer("10.0.0.1:9"), world.peer("10.0.0.2:9"));
        let to = to_group(socket, "239.1.2.3");
        assert_eq!(change(socket, &ip::IP_ADD_MEMBERSHIP, "239.1.2.3"), STATUS_SUCCESS);
        let first = "239.1.2.3,from=10.0.0.1";
        assert_eq!(change(socket, &ip::IP_BLOCK_SOURCE, first), STATUS_SUCCESS);
        one.send(b"one", to);
        two.send(b"two", to);
        assert_eq!(socket.receive(10).unwrap().bytes, b"two");
        assert_eq!(change(socket, &ip::IP_UNBLOCK_SOURCE, first), STATUS_SUCCESS);
        one.send(b"one", to);
        assert_eq!(socket.receive(10).unwrap().bytes, b"one");
        // Loopback is the receiver's: what this machine has sent, not what others have.
        assert_eq!(set(socket, &ip::IP_MULTICAST_LOOP, 0), STATUS_SUCCESS);
        let own = client.bound("0.0.0.0:0");
        own.send(b"own", Some(to));
        two.send(b"two", to);
        assert_eq!(socket.receive(10).unwrap().bytes, b"two");
        assert_eq!(set(socket, &ip::IP_MULTICAST_LOOP, 1), STATUS_SUCCESS);
        own.send(b"own", Some(to));
        assert_eq!(socket.receive(10).unwrap().bytes, b"own");
        // Without hops it stays in the machine.
        let Peer::Memory(memory) = &one else { unreachable!() };
        memory.join_multicast("239.1.2.4".parse().unwrap(), 0).unwrap();
        let theirs = SocketAddr::from(([239, 1, 2, 4], 9));
        assert_eq!(set(own, &ip::IP_MULTICAST_TTL, 0), STATUS_SUCCESS);
        own.send(b"here", Some(theirs));
        own.send(b"here", Some(to));
        assert_eq!(socket.receive(10).unwrap().bytes, b"here");
        nothing(&one);
        assert_eq!(set(own, &ip::IP_MULTICAST_TTL, 5), STATUS_SUCCESS);
        own.send(b"there", Some(theirs));
        assert_eq!(arrived(&one).hops, 5);
        memory.leave_multicast("239.1.2.4".parse().unwrap(), 0).unwrap();
        own.send(b"left", Some(theirs));
        nothing(&one);
        own.close();
        socket.close();
        client.end();
    });
}

#[test]
fn offloads_are_kept() {
    everywhere(|_| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        for row in [&udp::UDP_SEND_MSG_SIZE, &udp::UDP_RECV_MAX_COALESCED_SIZE] {
            assert_eq!((set(socket, row, 1200), get(socket, row)), (STATUS_SUCCESS, Ok(1200)));
        }
        socket.close();
        client.end();
    });
}

#[test]
fn worlds_have_both_networks() {
    let networks: std::sync::Mutex<Vec<bool>> = std::sync::Mutex::default();
    everywhere(|world: &World| networks.lock().unwrap().push(world.is_memory()));
    let networks = networks.into_inner().unwrap();
    assert!(networks.contains(&true) && (cfg!(miri) || networks.contains(&false)));
}
