//! Control requests under the readings of what the pages leave open.

use std::net::SocketAddr;

use crate::support::{Client, Peer, Socket, World};
use ::netio::memory::Net;
use ::netio::{Completion, Config};
use readings::{
    BooleanValue, ByteBoolean, ClassCongestion, DefaultProtection, DualStackAddresses, FixedAddress,
    ForeignRequest, HeaderOptions, LateOption, LongValue, NoInterface, NoPath, Question, Readings,
    RequestType, ShortValue, StackOptions, TdiMapping, TypeOfService, UnicastInterface, UnknownRequest,
    UnusedBuffer,
};
use wsk_sys::*;

/// Runs a test under a reading of its question.
fn under<Q: Question + PartialEq>(reading: Q, test: impl Fn(&World, &Client)) {
    let readings = Readings::STRICT.with(reading);
    for completion in [Completion::Inline, Completion::Deferred] {
        let config = Config { completion, readings: readings.clone(), ..Config::default() };
        let world = World::with(Some(Net::new()), config);
        let entered = world.machine.enter();
        let client = Client::new();
        test(&world, &client);
        client.end();
        drop(entered);
        world.machine.shutdown();
    }
}

fn set(socket: Socket, name: ULONG, input: &[u8]) -> NTSTATUS {
    socket.control(WskSetOption, name, SOL_SOCKET, input, &mut []).0
}

#[test]
fn what_is_refused_has_the_status_of_the_reading() {
    for (reading, status) in [
        (UnknownRequest::NotSupported, STATUS_NOT_SUPPORTED),
        (UnknownRequest::InvalidParameter, STATUS_INVALID_PARAMETER),
        (UnknownRequest::InvalidRequest, STATUS_INVALID_DEVICE_REQUEST),
    ] {
        under(reading, |_, client| {
            let socket = client.socket(AF_INET);
            assert_eq!(set(socket, 0x7777, &[0; 4]), status);
            assert_eq!(socket.set(IPPROTO_IP, IP_OPTIONS, 0), status);
            assert_eq!(socket.control(WskIoctl, 0x1234_5678, 0, &[], &mut []), (status, 0));
            socket.close();
        });
    }
    for (reading, status) in [
        (ForeignRequest::InvalidRequest, STATUS_INVALID_DEVICE_REQUEST),
        (ForeignRequest::InvalidParameter, STATUS_INVALID_PARAMETER),
        (ForeignRequest::NotSupported, STATUS_NOT_SUPPORTED),
    ] {
        under(reading, |_, client| {
            let socket = client.socket(AF_INET);
            assert_eq!(socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 0), status, "the other family's");
            assert_eq!(socket.set(IPPROTO_IP, IP_MTU, 0), status, "what can be got only");
            let ioctl = socket.control(WskIoctl, SIO_WSK_QUERY_RECEIVE_BACKLOG, 0, &[], &mut []);
            assert_eq!(ioctl, (status, 0), "of connections");
            socket.close();
        });
    }
    for (reading, status) in [
        (RequestType::InvalidParameter, STATUS_INVALID_PARAMETER),
        (RequestType::NotSupported, STATUS_NOT_SUPPORTED),
        (RequestType::InvalidRequest, STATUS_INVALID_DEVICE_REQUEST),
    ] {
        under(reading, |_, client| {
            let socket = client.socket(AF_INET);
            assert_eq!(socket.control(WskControlMax, SO_BROADCAST, SOL_SOCKET, &[], &mut []), (status, 0));
            socket.close();
        });
    }
    for (reading, status) in [
        (TdiMapping::NotSupported, STATUS_NOT_SUPPORTED),
        (TdiMapping::InvalidParameter, STATUS_INVALID_PARAMETER),
        (TdiMapping::InvalidRequest, STATUS_INVALID_DEVICE_REQUEST),
    ] {
        under(reading, |_, client| {
            assert_eq!(client.control(WSK_TDI_DEVICENAME_MAPPING, std::ptr::null_mut()), status);
        });
    }
}

#[test]
fn an_option_is_late_after_the_bind() {
    for (reading, status) in [
        (LateOption::InvalidState, STATUS_INVALID_DEVICE_STATE),
        (LateOption::InvalidParameter, STATUS_INVALID_PARAMETER),
        (LateOption::NoEffect, STATUS_SUCCESS),
    ] {
        under(reading, |_, client| {
            let socket = client.bound("127.0.0.1:0");
            assert_eq!(socket.set(SOL_SOCKET, SO_REUSEADDR, 1), status);
            assert_eq!(socket.get(SOL_SOCKET, SO_REUSEADDR), Ok(0), "nothing has changed");
            let second = client.socket(AF_INET);
            assert_eq!(second.set(SOL_SOCKET, SO_REUSEADDR, 1), STATUS_SUCCESS);
            assert_ne!(second.bind(socket.local_address()), STATUS_SUCCESS, "the address is not shared");
            second.close();
            socket.close();
        });
    }
}

#[test]
fn values_and_room_of_the_wrong_size() {
    for (reading, status) in [
        (ShortValue::BufferTooSmall, STATUS_BUFFER_TOO_SMALL),
        (ShortValue::InvalidParameter, STATUS_INVALID_PARAMETER),
        (ShortValue::LengthMismatch, STATUS_INFO_LENGTH_MISMATCH),
    ] {
        under(reading, |_, client| {
            let socket = client.socket(AF_INET);
            assert_eq!(set(socket, SO_RCVBUF, &[1; 3]), status);
            let got = socket.control(WskGetOption, SO_RCVBUF, SOL_SOCKET, &[], &mut [0; 3]);
            assert_eq!(got, (status, 0));
            socket.close();
        });
    }
    for (reading, status) in [
        (LongValue::InvalidSize, STATUS_INVALID_BUFFER_SIZE),
        (LongValue::InvalidParameter, STATUS_INVALID_PARAMETER),
        (LongValue::Ignored, STATUS_SUCCESS),
    ] {
        under(reading, |_, client| {
            let socket = client.socket(AF_INET);
            assert_eq!(set(socket, SO_RCVBUF, &[0, 0x30, 0, 0, 0xFF]), status);
            let taken = if status == STATUS_SUCCESS { 0x3000 } else { 0x1_0000 };
            assert_eq!(socket.get(SOL_SOCKET, SO_RCVBUF), Ok(taken));
            socket.close();
        });
    }
    for (reading, status) in
        [(UnusedBuffer::InvalidParameter, STATUS_INVALID_PARAMETER), (UnusedBuffer::Ignored, STATUS_SUCCESS)]
    {
        under(reading, |_, client| {
            let socket = client.socket(AF_INET);
            let (value, mut out) = (1_u32.to_ne_bytes(), [0xEE; 4]);
            let set = socket.control(WskSetOption, SO_BROADCAST, SOL_SOCKET, &value, &mut out);
            assert_eq!((set, out), ((status, 0), [0xEE; 4]));
            let get = socket.control(WskGetOption, SO_BROADCAST, SOL_SOCKET, &value, &mut out).0;
            assert_eq!(get, status);
            socket.close();
        });
    }
}

#[test]
fn a_boolean_of_one_byte() {
    under(ByteBoolean::Taken, |_, client| {
        let socket = client.socket(AF_INET);
        let get = |out: &mut [u8]| socket.control(WskGetOption, SO_BROADCAST, SOL_SOCKET, &[], out);
        let mut out = [0xEE; 4];
        assert_eq!(set(socket, SO_BROADCAST, &[1]), STATUS_SUCCESS);
        assert_eq!((get(&mut out), out), ((STATUS_SUCCESS, 1), [1, 0xEE, 0xEE, 0xEE]));
        assert_eq!(set(socket, SO_BROADCAST, &0_u32.to_ne_bytes()), STATUS_SUCCESS);
        assert_eq!((get(&mut out[..1]), out[0]), ((STATUS_SUCCESS, 1), 0));
        assert_eq!(set(socket, SO_BROADCAST, &[]), STATUS_BUFFER_TOO_SMALL);
        assert_eq!(set(socket, SO_RCVBUF, &[1]), STATUS_BUFFER_TOO_SMALL, "no boolean");
        socket.close();
    });
    for (reading, got) in [(BooleanValue::True, 1), (BooleanValue::Kept, 0x500)] {
        under(reading, |_, client| {
            let socket = client.socket(AF_INET);
            assert_eq!(socket.set(IPPROTO_IP, IP_PKTINFO, 0x500), STATUS_SUCCESS);
            assert_eq!(socket.get(IPPROTO_IP, IP_PKTINFO), Ok(got));
            socket.close();
        });
    }
}

#[test]
fn fixed_addresses_that_do_not_fit() {
    let v6: SocketAddr = "[::1]:9".parse().unwrap();
    for (reading, family, longer) in [
        (FixedAddress::InvalidParameter, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER),
        (FixedAddress::InvalidAddress, STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_ADDRESS_COMPONENT),
        (FixedAddress::LargerTaken, STATUS_INVALID_PARAMETER, STATUS_SUCCESS),
    ] {
        under(reading, |_, client| {
            let socket = client.bound("127.0.0.1:0");
            let mut bytes = [0; 28];
            bytes[..2].copy_from_slice(&AF_INET.to_ne_bytes());
            (bytes[2], bytes[4]) = (9, 127);
            let fix =
                |size| socket.control(WskIoctl, SIO_WSK_SET_SENDTO_ADDRESS, 0, &bytes[..size], &mut []).0;
            assert_eq!((fix(15), fix(28)), (family, longer));
            assert_eq!(socket.set_address(SIO_WSK_SET_REMOTE_ADDRESS, Some(v6)), family);
            assert_eq!(fix(16), STATUS_SUCCESS);
            socket.close();
        });
    }
}

#[test]
fn the_options_of_ipv4_on_a_socket_of_ipv6() {
    under(StackOptions::Always, |_, client| {
        let socket = client.socket(AF_INET6);
        assert_eq!(socket.set(IPPROTO_IP, IP_TTL, 9), STATUS_SUCCESS);
        assert_eq!(socket.get(IPPROTO_IP, IP_TTL), Ok(9));
        socket.close();
    });
    for (reading, count) in [(DualStackAddresses::Family, 2), (DualStackAddresses::Mapped, 4)] {
        under(reading, |_, client| {
            let socket = client.socket(AF_INET6);
            let list = || {
                let mut list = [0; 512];
                let query = socket.query_addresses(&mut list);
                assert_eq!(query, STATUS_SUCCESS);
                i32::from_ne_bytes(*list.first_chunk().unwrap())
            };
            assert_eq!(list(), 2, "an IPv6 socket only");
            assert_eq!(socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 0), STATUS_SUCCESS);
            assert_eq!(list(), count);
            socket.close();
        });
    }
}

#[test]
fn values_that_an_option_may_take() {
    for (reading, status, got) in [
        (ClassCongestion::InvalidParameter, STATUS_INVALID_PARAMETER, 0),
        (ClassCongestion::Taken, STATUS_SUCCESS, 0xBB),
        (ClassCongestion::Masked, STATUS_SUCCESS, 0xB8),
    ] {
        under(reading, |_, client| {
            let socket = client.socket(AF_INET6);
            assert_eq!(socket.set(IPPROTO_IPV6, IPV6_TCLASS, 0xBB), status);
            assert_eq!(socket.get(IPPROTO_IPV6, IPV6_TCLASS), Ok(got));
            assert_eq!(socket.set(IPPROTO_IPV6, IPV6_TCLASS, 0x1BB), STATUS_INVALID_PARAMETER);
            socket.close();
        });
    }
    for (reading, status) in [
        (NoInterface::InvalidAddress, STATUS_INVALID_ADDRESS_COMPONENT),
        (NoInterface::InvalidParameter, STATUS_INVALID_PARAMETER),
    ] {
        under(reading, |_, client| {
            let socket = client.socket(AF_INET6);
            assert_eq!(socket.set(IPPROTO_IPV6, IPV6_MULTICAST_IF, 77), status);
            socket.close();
        });
    }
    for (reading, level) in [
        (DefaultProtection::Unspecified, u32::MAX),
        (DefaultProtection::EdgeRestricted, PROTECTION_LEVEL_EDGERESTRICTED),
        (DefaultProtection::Unrestricted, PROTECTION_LEVEL_UNRESTRICTED),
    ] {
        under(reading, |_, client| {
            let socket = client.socket(AF_INET6);
            assert_eq!(socket.get(IPPROTO_IPV6, IPV6_PROTECTION_LEVEL), Ok(level));
            assert_eq!(socket.set(IPPROTO_IPV6, IPV6_PROTECTION_LEVEL, u32::MAX), STATUS_INVALID_PARAMETER);
            socket.close();
        });
    }
    for (reading, status) in [
        (NoPath::InvalidState, STATUS_INVALID_DEVICE_STATE),
        (NoPath::NotConnected, STATUS_INVALID_CONNECTION),
        (NoPath::InvalidParameter, STATUS_INVALID_PARAMETER),
    ] {
        under(reading, |_, client| {
            let socket = client.bound("127.0.0.1:0");
            assert_eq!(socket.get(IPPROTO_IP, IP_MTU), Err(status));
            socket.close();
        });
    }
}

#[test]
fn options_with_and_without_an_effect() {
    for (reading, class) in [(TypeOfService::Set, 0xB8), (TypeOfService::Ignored, 0)] {
        under(reading, |world, client| {
            let socket = client.bound("127.0.0.1:0");
            assert_eq!(socket.set(IPPROTO_IP, IP_TOS, 0xB8), STATUS_SUCCESS);
            assert_eq!(socket.get(IPPROTO_IP, IP_TOS), Ok(0xB8));
            let peer = world.peer("127.0.0.1:0");
            socket.send(b"x", Some(peer.address()));
            let Peer::Memory(peer) = &peer else { unreachable!("the network is in memory") };
            assert_eq!(peer.receive().unwrap().traffic_class, class);
            socket.close();
        });
    }
    for (reading, sent) in [
        (UnicastInterface::Unreachable, Err(STATUS_NETWORK_UNREACHABLE)),
        (UnicastInterface::InvalidAddress, Err(STATUS_INVALID_ADDRESS_COMPONENT)),
        (UnicastInterface::Ignored, Ok(1)),
    ] {
        under(reading, |world, client| {
            let socket = client.bound("127.0.0.1:0");
            assert_eq!(socket.set(IPPROTO_IP, IP_UNICAST_IF, 2_u32.to_be()), STATUS_SUCCESS);
            let peer = world.peer("127.0.0.1:0");
            assert_eq!(socket.try_send(b"x", Some(peer.address())), sent);
            socket.close();
        });
    }
}

#[test]
fn options_of_headers_are_kept() {
    under(HeaderOptions::Kept, |world, client| {
        let (v4, v6) = (client.bound("127.0.0.1:0"), client.bound("[::1]:0"));
        let options = |input: &[u8]| v4.control(WskSetOption, IP_OPTIONS, IPPROTO_IP, input, &mut []).0;
        let mut got = [0; 40];
        assert_eq!(options(&[1, 1, 1, 0]), STATUS_SUCCESS);
        assert_eq!(v4.control(WskGetOption, IP_OPTIONS, IPPROTO_IP, &[], &mut got), (STATUS_SUCCESS, 4));
        assert_eq!(got[..5], [1, 1, 1, 0, 0]);
        assert_eq!((options(&[0; 41]), options(&[])), (STATUS_INVALID_BUFFER_SIZE, STATUS_SUCCESS));
        assert_eq!(v4.control(WskGetOption, IP_OPTIONS, IPPROTO_IP, &[], &mut got), (STATUS_SUCCESS, 0));
        assert_eq!(v6.get(IPPROTO_IPV6, IPV6_HDRINCL), Ok(0));
        assert_eq!(v6.set(IPPROTO_IPV6, IPV6_HDRINCL, 1), STATUS_SUCCESS);
        assert_eq!(v6.get(IPPROTO_IPV6, IPV6_HDRINCL), Ok(1));
        // It has no effect: what is sent is the data.
        let peer = world.peer("[::1]:0");
        v6.send(b"data", Some(peer.address()));
        assert_eq!(peer.receive().unwrap().0, b"data");
        v4.close();
        v6.close();
    });
}
