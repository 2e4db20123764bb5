//! `IP_RECVERR` and `IPV6_RECVERR`: ICMP errors of datagrams that no socket receives, on the network in memory.

use std::net::SocketAddr;

use crate::support::{Client, EVENTS, Sink, Socket, World, in_memory, messages};
use wsk_cmsg::{Message, ReceiveError};
use wsk_sys::*;

const V4: Message<'_> = Message::ErrorV4(ReceiveError { protocol: 1, info: 0, kind: 3, code: 3 });
const V6: Message<'_> = Message::ErrorV6(ReceiveError { protocol: 58, info: 0, kind: 1, code: 4 });

/// A socket's address, one that no socket has, what the socket asks by, and what it is told.
type Case = (&'static str, &'static str, (ULONG, ULONG), Message<'static>);

const CASES: [Case; 2] = [
    ("127.0.0.1:0", "127.0.0.1:9", (IPPROTO_IP, IP_RECVERR), V4),
    ("[::1]:0", "[::1]:9", (IPPROTO_IPV6, IPV6_RECVERR), V6),
];

fn set(socket: Socket, (level, name): (ULONG, ULONG), value: ULONG) {
    assert_eq!(socket.set(level, name, value), STATUS_SUCCESS);
}

/// That nothing comes before what a peer sends now.
fn nothing_else(world: &World, socket: Socket) {
    let local = socket.local_address();
    let peer = world.peer(if local.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" });
    peer.send(b"next", local);
    let told = socket.receive_told(100);
    assert_eq!((&told.bytes[..], told.from, &told.control[..]), (&b"next"[..], peer.address(), &[][..]));
}

#[test]
fn an_error_is_told_where_the_option_asks_for_it() {
    in_memory(|world| {
        let client = Client::new();
        for (own, unbound, asking, error) in CASES {
            let (socket, unbound): (_, SocketAddr) = (client.bound(own), unbound.parse().unwrap());
            socket.send(b"lost", Some(unbound));
            nothing_else(world, socket);
            set(socket, asking, 1);
            socket.send(b"lost", Some(unbound));
            let told = socket.receive_told(100);
            assert_eq!((&told.bytes[..], told.from, told.flags), (&b"lost"[..], unbound, 0));
            assert_eq!(told.messages(), [error]);
            // What somebody gets makes none, and the socket goes on.
            let peer = world.peer(own);
            socket.send(b"found", Some(peer.address()));
            assert_eq!(peer.receive().unwrap().0, b"found");
            nothing_else(world, socket);
            set(socket, asking, 0);
            socket.send(b"lost", Some(unbound));
            nothing_else(world, socket);
            socket.close();
        }
        client.end();
    });
}

#[test]
fn packet_information_of_an_error_is_the_senders() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.bound("10.0.0.1:0");
        for name in [IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_RECVECN, IP_RECVERR] {
            set(socket, (IPPROTO_IP, name), 1);
        }
        socket.send(b"lost", Some("10.0.0.2:9".parse().unwrap()));
        let own = Message::PacketInfo { address: [10, 0, 0, 1].into(), interface: 2 };
        assert_eq!(socket.receive_told(100).messages(), [own, V4]);
        socket.close();
        client.end();
    });
}

#[test]
fn a_dual_stack_socket_is_told_by_the_option_of_the_datagrams_family() {
    in_memory(|world| {
        let client = Client::new();
        let socket = client.socket(AF_INET6);
        set(socket, (IPPROTO_IPV6, IPV6_V6ONLY), 0);
        assert_eq!(socket.bind("[::]:0".parse().unwrap()), STATUS_SUCCESS);
        let port = socket.local_address().port();
        let (mapped, v6) = ("[::ffff:127.0.0.1]:9".parse().unwrap(), "[::1]:9".parse().unwrap());
        set(socket, (IPPROTO_IP, IP_RECVERR), 1);
        for to in [v6, mapped] {
            socket.send(b"lost", Some(to));
        }
        let told = socket.receive_told(100);
        assert_eq!((told.from, told.messages()), (mapped, vec![V4]));
        set(socket, (IPPROTO_IP, IP_RECVERR), 0);
        set(socket, (IPPROTO_IPV6, IPV6_RECVERR), 1);
        for to in [mapped, v6] {
            socket.send(b"lost", Some(to));
        }
        let told = socket.receive_told(100);
        assert_eq!((told.from, told.messages()), (v6, vec![V6]));
        let peer = world.peer("[::1]:0");
        peer.send(b"next", (std::net::Ipv6Addr::LOCALHOST, port).into());
        assert_eq!(socket.receive_told(100).bytes, b"next");
        socket.close();
        client.end();
    });
}

#[test]
fn what_is_sent_to_many_makes_no_error() {
    in_memory(|world| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        set(socket, (IPPROTO_IP, IP_RECVERR), 1);
        set(socket, (SOL_SOCKET, SO_BROADCAST), 1);
        for to in ["239.1.2.3:9", "255.255.255.255:9"] {
            socket.send(b"all", Some(to.parse().unwrap()));
        }
        nothing_else(world, socket);
        socket.close();
        client.end();
    });
}

#[test]
fn a_fixed_remote_address_hears_of_its_own_errors_only() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        set(socket, (IPPROTO_IP, IP_RECVERR), 1);
        let (fixed, other) = ("127.0.0.1:9".parse().unwrap(), "127.0.0.1:10".parse().unwrap());
        assert_eq!(socket.set_address(SIO_WSK_SET_REMOTE_ADDRESS, Some(fixed)), STATUS_SUCCESS);
        socket.send(b"other", Some(other));
        socket.send(b"fixed", None);
        let told = socket.receive_told(100);
        assert_eq!((&told.bytes[..], told.from), (&b"fixed"[..], fixed));
        socket.close();
        client.end();
    });
}

#[test]
fn errors_are_indicated_and_are_never_together() {
    in_memory(|_| {
        let client = Client::new();
        let sink = Sink::new();
        let socket = client.listening("127.0.0.1:0", &raw const EVENTS, sink.context());
        let unbound = "127.0.0.1:9".parse().unwrap();
        set(socket, (IPPROTO_IP, IP_RECVERR), 1);
        set(socket, (IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE), 1000);
        // Each segment is a datagram, and causes an error of its own.
        set(socket, (IPPROTO_UDP, UDP_SEND_MSG_SIZE), 3);
        socket.send(b"aaabbb", Some(unbound));
        assert_eq!(socket.event(WSK_EVENT_RECEIVE_FROM), STATUS_SUCCESS);
        socket.send(b"", Some(unbound));
        let indicated = sink.wait_for(3);
        let told: Vec<_> = indicated.iter().map(|one| (&one.bytes[..], one.from)).collect();
        assert_eq!(told, [&b"aaa"[..], b"bbb", b""].map(|bytes| (bytes, unbound)));
        assert!(indicated.iter().all(|one| messages(&one.control) == [V4]), "{indicated:?}");
        socket.close();
        client.end();
    });
}
