//! What the documentation promises to a client that keeps the rules: on both networks, in every mode of completion.

use std::net::SocketAddr;

use crate::support::{self, Buffer, Client, Gate, Received, Request, everywhere, in_memory};
use ::netio::Completion;
use wsk_sys::*;

const ANY: [u8; 4] = [0; 4];
const ONE: [u8; 4] = [127, 0, 0, 1];

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

#[test]
fn sockets_come_and_go() {
    everywhere(|world| {
        let client = Client::new();
        assert_eq!(world.netio.registrations(), 1);
        let sockets = [client.socket(AF_INET), client.socket(AF_INET6)];
        assert_eq!(world.netio.sockets(), 2);
        for socket in sockets {
            socket.close();
        }
        assert_eq!(world.netio.sockets(), 0);
        client.end();
    });
}

#[test]
fn datagrams_go_there_and_back() {
    everywhere(|world| {
        let client = Client::new();
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let peer = world.peer(loopback);
            let socket = client.bound(loopback);
            let local = socket.local_address();
            assert_ne!(local.port(), 0);
            socket.send(b"there", Some(peer.address()));
            assert_eq!(peer.receive().unwrap(), (b"there".to_vec(), local));
            peer.send(b"back", local);
            let back = Received { bytes: b"back".to_vec(), from: peer.address(), flags: 0 };
            assert_eq!(socket.receive(100), Ok(back));
            // An empty datagram is one, too.
            peer.send(b"", local);
            assert_eq!(socket.receive(100).unwrap().bytes, b"");
            socket.send(b"", Some(peer.address()));
            assert_eq!(peer.receive().unwrap().0, b"");
            socket.close();
        }
        client.end();
    });
}

#[test]
fn a_wildcard_socket_reaches_the_loopback() {
    everywhere(|world| {
        let client = Client::new();
        let socket = client.bound("0.0.0.0:0");
        let local = socket.local_address();
        assert!(local.ip().is_unspecified());
        let peer = world.peer("127.0.0.1:0");
        socket.send(b"x", Some(peer.address()));
        assert_eq!(peer.receive().unwrap().1, loopback(local.port()));
        peer.send(b"y", loopback(local.port()));
        assert_eq!(socket.receive(1).unwrap().bytes, b"y");
        socket.close();
        client.end();
    });
}

#[test]
fn buffers_may_be_chains_of_mdls() {
    everywhere(|world| {
        let client = Client::new();
        let (peer, socket) = (world.peer("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        let to = support::Address::new(peer.address());
        let mut buffer = Buffer::in_parts(b"abcdefghij", &[4, 1, 5]);
        buffer.wsk.Offset = 2;
        buffer.wsk.Length = 6;
        assert_eq!(socket.start_send(buffer.wsk(), to.pointer()).wait(), (STATUS_SUCCESS, 6));
        assert_eq!(peer.receive().unwrap().0, b"cdefgh");
        let mut buffer = Buffer::in_parts(b"..........", &[4, 1, 5]);
        buffer.wsk.Offset = 3;
        buffer.wsk.Length = 4;
        let receive = socket.start_receive_into(buffer);
        peer.send(b"wxyz", socket.local_address());
        // `Receive` shows the buffer from its beginning.
        assert_eq!(receive.wait().unwrap().bytes, b"...w");
        socket.close();
        client.end();
    });
}

#[test]
fn what_does_not_fit_is_cut_off_and_flagged() {
    everywhere(|world| {
        let client = Client::new();
        let (peer, socket) = (world.peer("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        peer.send(b"too long", socket.local_address());
        let received = socket.receive(3).unwrap();
        assert_eq!((received.bytes.as_slice(), received.flags), (&b"too"[..], MSG_TRUNC));
        peer.send(b"next", socket.local_address());
        let received = socket.receive(4).unwrap();
        assert_eq!((received.bytes.as_slice(), received.flags), (&b"next"[..], 0));
        socket.close();
        client.end();
    });
}

#[test]
fn receives_are_served_in_their_order() {
    everywhere(|world| {
        let client = Client::new();
        let (peer, socket) = (world.peer("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        // With a delay, requests overtake each other before they begin to wait.
        let delayed = matches!(world.mode, Completion::Delayed { .. } | Completion::Mixed { .. });
        let receives: Vec<_> = (0..8).map(|_| socket.start_receive(10)).collect();
        for number in 0..8_u8 {
            peer.send(&[number], socket.local_address());
        }
        let mut numbers: Vec<_> =
            receives.into_iter().map(|receive| receive.wait().unwrap().bytes[0]).collect();
        if delayed {
            numbers.sort_unstable();
        }
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
        socket.close();
        client.end();
    });
}

/// A receive that is called when a datagram has come, but is not yet given to one that waits already.
#[test]
fn a_receive_does_not_overtake_one_that_waits() {
    in_memory(|world| {
        // Elsewhere the second receive begins after the datagram was given away.
        if world.mode != Completion::Inline {
            return;
        }
        let client = Client::new();
        let (peer, gate) = (world.peer("127.0.0.1:0"), Gate::default());
        let (held, socket) = (client.bound("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        let (to_held, to_socket) = (held.local_address(), socket.local_address());
        let first = socket.start_receive(10);
        // The provider's thread is kept in a completion routine when the first datagram comes.
        let request = Request::new();
        request.hold(&gate);
        let holding = held.start_receive_with(request, Buffer::new(&[0]));
        peer.send(b"x", to_held);
        gate.wait();
        peer.send(b"1", to_socket);
        let second = socket.start_receive(10);
        gate.open();
        peer.send(b"2", to_socket);
        assert_eq!(first.wait().unwrap().bytes, b"1");
        assert_eq!(second.wait().unwrap().bytes, b"2");
        holding.wait().unwrap();
        held.close();
        socket.close();
        client.end();
    });
}

#[test]
fn a_socket_must_be_bound_once_before_it_is_used() {
    everywhere(|world| {
        let client = Client::new();
        let peer = world.peer("127.0.0.1:0");
        let socket = client.socket(AF_INET);
        assert_eq!(socket.try_local_address(), Err(STATUS_INVALID_DEVICE_STATE));
        assert_eq!(socket.try_send(b"x", Some(peer.address())), Err(STATUS_INVALID_DEVICE_STATE));
        assert_eq!(socket.receive(1), Err(STATUS_INVALID_DEVICE_STATE));
        for code in [SIO_WSK_SET_REMOTE_ADDRESS, SIO_WSK_SET_SENDTO_ADDRESS] {
            assert_eq!(socket.set_address(code, Some(peer.address())), STATUS_INVALID_DEVICE_STATE);
            assert_eq!(socket.set_address(code, None), STATUS_INVALID_DEVICE_STATE);
        }
        assert_eq!(socket.bind("[::1]:0".parse().unwrap()), STATUS_INVALID_PARAMETER);
        assert_eq!(socket.bind(loopback(0)), STATUS_SUCCESS);
        assert_eq!(socket.bind(loopback(0)), STATUS_INVALID_DEVICE_STATE);
        socket.close();
        client.end();
    });
}

#[test]
fn addresses_are_shared_as_the_table_says() {
    everywhere(|_| {
        let client = Client::new();
        let bind = |options: &[ULONG], ip: [u8; 4], port: u16| {
            let socket = client.socket(AF_INET);
            for option in options {
                assert_eq!(socket.set(SOL_SOCKET, *option, 1), STATUS_SUCCESS);
            }
            let status = socket.bind((ip, port).into());
            (socket, status)
        };
        let (first, status) = bind(&[], ANY, 0);
        assert_eq!(status, STATUS_SUCCESS);
        let port = first.local_address().port();
        let rest = [
            bind(&[], ANY, port),
            bind(&[], ONE, port),
            bind(&[SO_REUSEADDR], ANY, port),
            bind(&[SO_EXCLUSIVEADDRUSE], ANY, port),
        ];
        let statuses = rest.map(|(socket, status)| {
            socket.close();
            status
        });
        let expected = [
            STATUS_ADDRESS_ALREADY_EXISTS,
            STATUS_ACCESS_DENIED,
            STATUS_ACCESS_DENIED,
            STATUS_ADDRESS_ALREADY_EXISTS,
        ];
        assert_eq!(statuses, expected);
        first.close();
        // After the close is complete, the address is free.
        let (specific, status) = bind(&[], ONE, port);
        assert_eq!(status, STATUS_SUCCESS);
        let (wildcard, status) = bind(&[], ANY, port);
        assert_eq!(status, STATUS_SUCCESS);
        specific.close();
        wildcard.close();
        client.end();
    });
}

#[test]
fn a_foreign_socket_keeps_its_address() {
    everywhere(|world| {
        let client = Client::new();
        let peer = world.peer("127.0.0.1:0");
        let socket = client.socket(AF_INET);
        assert_eq!(socket.bind(peer.address()), STATUS_ADDRESS_ALREADY_EXISTS);
        assert_eq!(socket.bind(loopback(0)), STATUS_SUCCESS);
        socket.close();
        client.end();
    });
}

#[test]
fn several_messages_go_in_one_request() {
    everywhere(|world| {
        let client = Client::new();
        let (peer, socket) = (world.peer("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        let to = support::Address::new(peer.address());
        let (one, two) = (Buffer::new(b"one"), Buffer::new(b"three"));
        let mut second = WSK_BUF_LIST { Next: std::ptr::null_mut(), Buffer: *two.wsk };
        let mut first = WSK_BUF_LIST { Next: &raw mut second, Buffer: *one.wsk };
        let send = socket.table().WskSendMessages.unwrap();
        let request = Request::start(|irp| {
            #[allow(unsafe_code, reason = "a WSK call, as its page says")]
            // SAFETY: the socket is open; list, address and IRP are ours until completion.
            unsafe {
                send(socket.0, &raw mut first, 0, to.pointer(), 0, std::ptr::null_mut(), irp)
            }
        });
        assert_eq!(request.wait(), (STATUS_SUCCESS, 8));
        assert_eq!(peer.receive().unwrap().0, b"one");
        assert_eq!(peer.receive().unwrap().0, b"three");
        socket.close();
        client.end();
    });
}

#[test]
fn refused_sends() {
    everywhere(|world| {
        let client = Client::new();
        let (peer, socket) = (world.peer("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        assert_eq!(socket.try_send(b"x", None), Err(STATUS_INVALID_DEVICE_STATE));
        assert_eq!(socket.try_send(b"x", Some("[::1]:9".parse().unwrap())), Err(STATUS_INVALID_PARAMETER));
        assert_eq!(socket.try_send(b"x", Some(loopback(0))), Err(STATUS_INVALID_ADDRESS_COMPONENT));
        if cfg!(miri) {
            // So many bytes take Miri minutes.
            socket.close();
            client.end();
            return;
        }
        let large = vec![7; 65508];
        assert_eq!(socket.try_send(&large, Some(peer.address())), Err(STATUS_INVALID_BUFFER_SIZE));
        assert_eq!(socket.try_send(&large[1..], Some(peer.address())), Ok(65507));
        assert_eq!(peer.receive().unwrap().0.len(), 65507);
        // Nothing has come of those that were refused.
        socket.send(b"last", Some(peer.address()));
        assert_eq!(peer.receive().unwrap().0, b"last");
        socket.close();
        client.end();
    });
}

#[test]
fn broadcast_needs_its_option() {
    everywhere(|world| {
        let client = Client::new();
        let socket = client.bound("0.0.0.0:0");
        let receiver = world.is_memory().then(|| client.bound("0.0.0.0:0"));
        let port = receiver.map_or(9, |receiver| receiver.local_address().port());
        let everyone = SocketAddr::from(([255; 4], port));
        assert_eq!(socket.try_send(b"x", Some(everyone)), Err(STATUS_ACCESS_DENIED));
        assert_eq!(socket.set(SOL_SOCKET, SO_BROADCAST, 1), STATUS_SUCCESS);
        assert_ne!(socket.try_send(b"x", Some(everyone)), Err(STATUS_ACCESS_DENIED));
        if let Some(receiver) = receiver {
            assert_eq!(receiver.receive(10).unwrap().flags, MSG_BCAST);
            receiver.close();
        }
        socket.close();
        client.end();
    });
}

#[test]
fn a_full_receive_buffer_drops() {
    in_memory(|world| {
        let client = Client::new();
        let (peer, socket) = (world.peer("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        assert_eq!(socket.set(SOL_SOCKET, SO_RCVBUF, 10), STATUS_SUCCESS);
        for datagram in [b"123456", b"abcdef", b"ABCDEF"] {
            peer.send(datagram, socket.local_address());
        }
        assert_eq!(socket.receive(10).unwrap().bytes, b"123456");
        let waiting = socket.start_receive(10);
        peer.send(b"next", socket.local_address());
        assert_eq!(waiting.wait().unwrap().bytes, b"next");
        socket.close();
        client.end();
    });
}
