//! Each reading of the questions on datagrams that is not the strict one.

use std::net::{IpAddr, SocketAddr};

use crate::support::{self, Client, Info, Peer, Socket, Told, World, info, messages, under, with_reading};
use readings::*;
use wsk_cmsg::{Message, Messages};
use wsk_sys::*;

/// A client with a socket bound to an address, and a peer on the loopback interface or, for another address, on the wire.
fn with_socket(world: &World, address: &str, test: impl FnOnce(Socket, &Peer)) {
    let client = Client::new();
    let (socket, peer) = (client.bound(address), world.peer(&address.replace("10.0.0.1", "10.0.0.9")));
    test(socket, &peer);
    socket.close();
    client.end();
}

const V4: &str = "127.0.0.1:0";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn a_send_without_an_address() {
    for (reading, status) in [
        (SendWithoutAddress::InvalidConnection, STATUS_INVALID_CONNECTION),
        (SendWithoutAddress::InvalidParameter, STATUS_INVALID_PARAMETER),
    ] {
        with_reading(reading, |world| {
            with_socket(world, V4, |socket, _| assert_eq!(socket.try_send(b"x", None), Err(status)));
        });
    }
}

#[test]
fn two_fixed_addresses() {
    with_reading(TwoFixedAddresses::Remote, |world| {
        with_socket(world, V4, |socket, remote| {
            let destination = world.peer(V4);
            let (one, other) = (Some(destination.address()), Some(remote.address()));
            assert_eq!(socket.set_address(SIO_WSK_SET_SENDTO_ADDRESS, one), STATUS_SUCCESS);
            assert_eq!(socket.set_address(SIO_WSK_SET_REMOTE_ADDRESS, other), STATUS_SUCCESS);
            socket.send(b"x", None);
            assert_eq!(remote.receive().unwrap().0, b"x");
        });
    });
}

#[test]
fn destinations_that_nobody_can_have() {
    with_reading(WildcardDestination::InvalidParameter, |world| {
        with_socket(world, V4, |socket, _| {
            assert_eq!(socket.try_send(b"x", Some(address("0.0.0.0:7"))), Err(STATUS_INVALID_PARAMETER));
        });
    });
    for (reading, result) in
        [(PortZero::InvalidParameter, Err(STATUS_INVALID_PARAMETER)), (PortZero::Sent, Ok(1))]
    {
        with_reading(reading, |world| {
            with_socket(world, V4, |socket, _| {
                assert_eq!(socket.try_send(b"x", Some(address("127.0.0.1:0"))), result);
            });
        });
    }
    with_reading(MappedDestination::AddressComponent, |world| {
        with_socket(world, "[::1]:0", |socket, _| {
            let sent = socket.try_send(b"x", Some(address("[::ffff:127.0.0.1]:7")));
            assert_eq!(sent, Err(STATUS_INVALID_ADDRESS_COMPONENT));
        });
    });
}

#[test]
fn a_datagram_that_is_too_long() {
    with_reading(DatagramTooLong::BufferOverflow, |world| {
        with_socket(world, V4, |socket, peer| {
            let long = vec![0; 65_508];
            assert_eq!(socket.try_send(&long, Some(peer.address())), Err(STATUS_BUFFER_OVERFLOW));
        });
    });
}

#[test]
fn a_bind_to_the_broadcast_address() {
    let everyone = address("255.255.255.255:0");
    for (reading, status) in
        [(BroadcastBind::AccessDenied, STATUS_ACCESS_DENIED), (BroadcastBind::Bound, STATUS_SUCCESS)]
    {
        with_reading(reading, |_| {
            let client = Client::new();
            let sockets = [client.socket(AF_INET), client.socket(AF_INET)];
            assert_eq!(sockets[0].bind(everyone), status);
            assert_eq!(sockets[1].set(SOL_SOCKET, SO_BROADCAST, 1), STATUS_SUCCESS);
            assert_eq!(sockets[1].bind(everyone), STATUS_SUCCESS);
            sockets.into_iter().for_each(Socket::close);
            client.end();
        });
    }
}

/// Sends one byte with that control information, and what has come of it.
fn send(socket: Socket, peer: &Peer, control: &Info) -> Result<usize, NTSTATUS> {
    let sent = socket.send_parts(&[b"x"], Some(peer.address()), control);
    if sent.is_ok() {
        assert_eq!(peer.receive().unwrap().0, b"x");
    }
    sent
}

#[test]
fn control_information_of_a_send() {
    let other = |level, kind, data| info(&[Message::Other { level, kind, data }]);
    let (options, hops) = (other(0, 1, &[1; 4]), other(41, 1, &[0; 8]));
    let (stamp, unknown) = (other(0xFFFF, 0x300B, &[7, 0, 0, 0]), other(0, 1000, &[]));
    let parameter = Err(STATUS_INVALID_PARAMETER);
    with_reading(SendControlFamily::Ignored, |world| {
        with_socket(world, V4, |socket, peer| {
            assert_eq!(send(socket, peer, &info(&[Message::HopLimit(3), Message::TimeToLive(3)])), Ok(1));
            assert_eq!(send(socket, peer, &info(&[Message::CoalescedInfo(3)])), parameter, "of receives");
        });
    });
    with_reading(SendControlPadding::Taken, |world| {
        with_socket(world, V4, |socket, peer| {
            let complete = info(&[Message::TimeToLive(3)]);
            for (length, result) in [(20, Ok(1)), (23, Ok(1)), (19, parameter)] {
                let cut = Info::copied(&complete.as_bytes()[..length]).unwrap();
                assert_eq!(send(socket, peer, &cut), result, "{length} bytes");
            }
        });
    });
    with_reading(SendEcnThree::Sent, |world| {
        with_socket(world, V4, |socket, peer| {
            assert_eq!(send(socket, peer, &info(&[Message::EcnV4(3)])), Ok(1));
            assert_eq!(send(socket, peer, &info(&[Message::EcnV4(4)])), parameter);
        });
    });
    with_reading(SendControlKnown::Ignored, |world| {
        with_socket(world, V4, |socket, peer| {
            assert_eq!(send(socket, peer, &options), Ok(1));
            assert_eq!(send(socket, peer, &stamp), Ok(1));
            assert_eq!(send(socket, peer, &hops), Err(STATUS_NOT_SUPPORTED), "of the other family");
            assert_eq!(send(socket, peer, &unknown), Err(STATUS_NOT_SUPPORTED));
        });
        with_socket(world, "[::1]:0", |socket, peer| {
            assert_eq!(send(socket, peer, &hops), Ok(1));
            assert_eq!(send(socket, peer, &options), Err(STATUS_NOT_SUPPORTED), "of the other family");
        });
    });
    for (reading, result) in
        [(SendControlUnknown::InvalidParameter, parameter), (SendControlUnknown::Ignored, Ok(1))]
    {
        with_reading(reading, |world| {
            with_socket(world, V4, |socket, peer| {
                assert_eq!(send(socket, peer, &unknown), result);
                assert_eq!(send(socket, peer, &stamp), Err(STATUS_NOT_SUPPORTED), "one that pages name");
            });
        });
    }
    with_reading(SegmentAlone::Refused, |world| {
        with_socket(world, V4, |socket, peer| {
            for (size, result) in [(1, parameter), (9, parameter), (0, Ok(1))] {
                assert_eq!(send(socket, peer, &info(&[Message::SendMessageSize(size)])), result, "{size}");
            }
            let two =
                socket.send_parts(&[b"aabb"], Some(peer.address()), &info(&[Message::SendMessageSize(2)]));
            assert_eq!((two, peer.receive().unwrap().0), (Ok(4), b"aa".to_vec()));
            assert_eq!(peer.receive().unwrap().0, b"bb");
            assert_eq!(socket.set(IPPROTO_UDP, UDP_SEND_MSG_SIZE, 9), STATUS_SUCCESS);
            assert_eq!(send(socket, peer, &info(&[])), Ok(1), "the option is for all that is sent");
        });
    });
}

#[test]
fn a_foreign_source_and_a_foreign_interface() {
    let from = |address: [u8; 4], interface| {
        info(&[Message::PacketInfo { address: IpAddr::from(address), interface }])
    };
    let unreachable = Err(STATUS_NETWORK_UNREACHABLE);
    for (reading, result) in
        [(ForeignSource::InvalidParameter, Err(STATUS_INVALID_PARAMETER)), (ForeignSource::Ignored, Ok(1))]
    {
        with_reading(reading, |world| {
            with_socket(world, "10.0.0.1:0", |socket, peer| {
                assert_eq!(send(socket, peer, &from([10, 0, 0, 2], 0)), result);
                assert_eq!(send(socket, peer, &from([10, 0, 0, 1], 0)), Ok(1), "its own");
                assert_eq!(send(socket, peer, &from([0; 4], 1)), unreachable);
            });
        });
    }
    let component = Err(STATUS_INVALID_ADDRESS_COMPONENT);
    // The same status for another reason is not the source's.
    let elsewhere =
        Readings::STRICT.with(ForeignSource::InvalidParameter).with(UnicastInterface::InvalidAddress);
    under(&elsewhere, |world| {
        with_socket(world, "10.0.0.1:0", |socket, peer| {
            assert_eq!(socket.set(IPPROTO_IP, IP_UNICAST_IF, 1_u32.to_be()), STATUS_SUCCESS);
            assert_eq!(send(socket, peer, &from([10, 0, 0, 1], 0)), component);
        });
    });
    for (reading, result) in
        [(ForeignInterface::AddressComponent, component), (ForeignInterface::Ignored, Ok(1))]
    {
        with_reading(reading, |world| {
            with_socket(world, "10.0.0.1:0", |socket, peer| {
                assert_eq!(send(socket, peer, &from([0; 4], 1)), result);
                assert_eq!(send(socket, peer, &from([10, 0, 0, 2], 0)), component);
            });
        });
    }
    under(&Readings::STRICT.with(ForeignSource::Ignored).with(ForeignInterface::Ignored), |world| {
        with_socket(world, "10.0.0.1:0", |socket, peer| {
            let control = from([10, 0, 0, 2], 1);
            assert_eq!(socket.send_parts(&[b"x"], Some(peer.address()), &control), Ok(1));
            assert_eq!(peer.receive().unwrap().1.ip(), IpAddr::from([10, 0, 0, 1]));
        });
    });
}

#[test]
fn an_empty_control_information_with_a_pointer() {
    with_reading(SendControlEmpty::Refused, |world| {
        with_socket(world, V4, |socket, peer| {
            let (buffer, to) = (support::Buffer::new(b"x"), support::Address::new(peer.address()));
            let control = support::Pinned::new(info(&[]));
            let call = socket.table().WskSendTo.unwrap();
            #[expect(unsafe_code, clippy::undocumented_unsafe_blocks, reason = "a call as its page has it")]
            let request = support::Request::start(|irp| unsafe {
                call(socket.0, buffer.wsk(), 0, to.pointer(), 0, control.pointer().cast(), irp)
            });
            assert_eq!(request.wait(), (STATUS_INVALID_PARAMETER, 0));
            assert_eq!(send(socket, peer, &info(&[])), Ok(1), "without a pointer");
        });
    });
}

#[test]
fn a_list_of_which_one_cannot_be_sent() {
    let long = vec![0; 65_508];
    for (reading, result) in
        [(SendMessagesFails::Fails, Err(STATUS_INVALID_BUFFER_SIZE)), (SendMessagesFails::Partial, Ok(3))]
    {
        with_reading(reading, |world| {
            with_socket(world, V4, |socket, peer| {
                let to = Some(peer.address());
                assert_eq!(socket.send_parts(&[b"", b"abc", &long, b"never"], to, &info(&[])), result);
                for bytes in [&b""[..], b"abc"] {
                    assert_eq!(peer.receive().unwrap().0, bytes);
                }
                let first = socket.send_parts(&[&long, b"never"], to, &info(&[]));
                assert_eq!(first, Err(STATUS_INVALID_BUFFER_SIZE), "nothing is sent");
                peer.set_timeout(std::time::Duration::from_millis(1));
                peer.receive().unwrap_err();
            });
        });
    }
}

/// A datagram of one byte with its hops and its type of service, whose control information has this room; of 48 bytes.
fn told(world: &World, room: ULONG) -> (NTSTATUS, Told) {
    let mut found = None;
    with_socket(world, V4, |socket, peer| {
        for name in [IP_RECVTTL, IP_RECVTOS] {
            assert_eq!(socket.set(IPPROTO_IP, name, 1), STATUS_SUCCESS);
        }
        peer.send(b"x", socket.local_address());
        found = Some(socket.receive_into(8, room));
    });
    found.unwrap()
}

#[test]
fn control_information_of_a_receive() {
    with_reading(ReceiveControlOrder::Reversed, |world| {
        let (_, told) = told(world, 256);
        assert_eq!(told.messages(), [Message::TypeOfService(0), Message::TimeToLive(128)]);
    });
    with_reading(ReceiveControlMissing::Absent, |world| {
        let (status, told) = told(world, 256);
        assert_eq!((status, told.flags, &told.control[..]), (STATUS_SUCCESS, 0, &[][..]));
    });
    with_reading(ControlTruncatedStatus::Overflow, |world| {
        let (status, cut) = told(world, 24);
        assert_eq!((status, cut.flags, &cut.bytes[..]), (STATUS_BUFFER_OVERFLOW, MSG_CTRUNC, &b"x"[..]));
        assert_eq!(cut.messages(), [Message::TimeToLive(128)]);
        let (status, complete) = told(world, 48);
        assert_eq!((status, complete.flags), (STATUS_SUCCESS, 0));
    });
    with_reading(ControlTruncatedBytes::Cut, |world| {
        let (status, cut) = told(world, 30);
        assert_eq!((status, cut.flags, cut.control.len()), (STATUS_SUCCESS, MSG_CTRUNC, 30));
        let mut messages = Messages::new(&cut.control);
        assert!(messages.next().unwrap().is_ok() && messages.next().unwrap().is_err(), "half a message");
    });
    with_reading(ControlTruncatedBytes::Nothing, |world| {
        let (_, cut) = told(world, 40);
        assert_eq!((cut.flags, cut.control.len()), (MSG_CTRUNC, 0));
    });
}

#[test]
fn a_datagram_larger_than_its_buffer() {
    with_reading(ReceiveTruncated::Overflow, |world| {
        with_socket(world, V4, |socket, peer| {
            for (bytes, status, flags) in
                [(&b"too long"[..], STATUS_BUFFER_OVERFLOW, MSG_TRUNC), (b"fits", STATUS_SUCCESS, 0)]
            {
                peer.send(bytes, socket.local_address());
                let (found, told) = socket.receive_into(4, 0);
                assert_eq!((found, told.flags, &told.bytes[..]), (status, flags, &bytes[..4]));
            }
        });
    });
}

/// The data of a receive, and the size of the datagrams in it, as far as it is told.
fn joined(socket: Socket) -> (usize, Option<u32>) {
    let told = socket.receive_told(1000);
    let size = told.messages().into_iter().find_map(|message| match message {
        Message::CoalescedInfo(size) => Some(size),
        _ => None,
    });
    (told.bytes.len(), size)
}

/// A socket that has got so many datagrams of two bytes, and wants them together.
fn with_many(world: &World, count: usize, test: impl FnOnce(Socket)) {
    with_socket(world, V4, |socket, peer| {
        assert_eq!(socket.set(IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, 1000), STATUS_SUCCESS);
        for _ in 0..count {
            peer.send(b"xx", socket.local_address());
        }
        test(socket);
    });
}

#[test]
fn datagrams_that_come_together() {
    with_reading(Coalescing::UpTo255, |world| {
        with_many(world, 256, |socket| {
            assert_eq!((joined(socket), joined(socket)), ((510, Some(2)), (2, None)));
        });
    });
    with_reading(Coalescing::Never, |world| {
        with_many(world, 2, |socket| {
            assert_eq!((joined(socket), joined(socket)), ((2, None), (2, None)));
        });
    });
    with_reading(CoalescedSize::Missing, |world| {
        with_many(world, 2, |socket| assert_eq!(joined(socket), (4, None)));
    });
    for (reading, first) in [(CoalescedRefused::Apart, (2, None)), (CoalescedRefused::Together, (4, Some(2)))]
    {
        with_reading(reading, |world| {
            let client = Client::new();
            let sink = support::Sink::new();
            let socket = client.listening(V4, &raw const support::EVENTS, sink.context());
            let peer = world.peer(V4);
            assert_eq!(socket.set(IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, 1000), STATUS_SUCCESS);
            sink.answer(&[STATUS_DATA_NOT_ACCEPTED]);
            peer.send(b"xx", socket.local_address());
            peer.send(b"yy", socket.local_address());
            assert_eq!(socket.event(WSK_EVENT_RECEIVE_FROM), STATUS_SUCCESS);
            assert_eq!(messages(&sink.wait_for(1)[0].control), [Message::CoalescedInfo(2)]);
            // The call has returned when a disable that waits for it has.
            let off = socket.start_event(WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE);
            assert_eq!(off.wait(), (STATUS_SUCCESS, 0));
            assert_eq!(socket.set(IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, 0), STATUS_SUCCESS);
            assert_eq!(joined(socket), first);
            socket.close();
            client.end();
        });
    }
}

#[test]
fn the_data_of_an_error() {
    for (reading, data) in [(ErrorData::Eight, &b"12345678"[..]), (ErrorData::Nothing, b"")] {
        with_reading(reading, |world| {
            with_socket(world, V4, |socket, _| {
                assert_eq!(socket.set(IPPROTO_IP, IP_RECVERR, 1), STATUS_SUCCESS);
                socket.send(b"123456789", Some(address("127.0.0.1:9")));
                let told = socket.receive_told(100);
                assert_eq!((&told.bytes[..], told.flags), (data, 0));
                assert!(matches!(told.messages()[..], [Message::ErrorV4(_)]));
            });
        });
    }
}

#[test]
fn the_first_that_must_not_be_fragmented_is_lost() {
    with_reading(FragmentForbidden::FirstLost, |world| {
        let client = Client::new();
        let (socket, large) = (client.bound("10.0.0.1:0"), vec![0; 2000]);
        let [near, far, other] = ["127.0.0.1:0", "10.0.0.2:7", "10.0.0.3:7"].map(|at| world.peer(at));
        assert_eq!(socket.set(IPPROTO_IP, IP_DONTFRAGMENT, 1), STATUS_SUCCESS);
        let send = |to: &support::Peer, bytes: &[u8]| socket.try_send(bytes, Some(to.address()));
        assert_eq!(send(&near, &large), Ok(2000), "over the loopback interface it fits");
        assert_eq!(near.receive().unwrap().0.len(), 2000);
        for to in [&far, &other] {
            assert_eq!(send(to, &large), Ok(2000));
            assert_eq!(send(to, &large), Err(STATUS_INVALID_BUFFER_SIZE), "the path is known");
            assert_eq!(send(to, b"small"), Ok(5));
            assert_eq!(to.receive().unwrap().0, b"small", "the first is lost");
        }
        // A bound of the socket's own is known from the beginning.
        assert_eq!(socket.set(IPPROTO_IP, IP_USER_MTU, 1000), STATUS_SUCCESS);
        assert_eq!(send(&near, &large), Err(STATUS_INVALID_BUFFER_SIZE));
        socket.close();
        client.end();
    });
}
