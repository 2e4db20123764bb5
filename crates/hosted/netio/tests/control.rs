//! `WskControlSocket` and `WskControlClient`: options, fixed addresses, what is refused.
#![allow(unsafe_code, reason = "calls functions of the provider's tables")]
#![allow(clippy::undocumented_unsafe_blocks, reason = "the calls follow the pages")]

use std::net::SocketAddr;
use std::ptr;

use crate::support::{self, Address, Buffer, Client, Request, Socket, everywhere, in_memory};
use wsk_sys::*;

const BOOLEANS: [(ULONG, ULONG); 4] = [
    (SOL_SOCKET, SO_EXCLUSIVEADDRUSE),
    (SOL_SOCKET, SO_REUSEADDR),
    (SOL_SOCKET, SO_BROADCAST),
    (IPPROTO_IPV6, IPV6_V6ONLY),
];

#[test]
fn options_keep_their_values() {
    everywhere(|_| {
        let client = Client::new();
        let socket = client.socket(AF_INET6);
        for (level, name) in BOOLEANS {
            let default = ULONG::from(name == IPV6_V6ONLY);
            assert_eq!(socket.get(level, name), Ok(default), "{name:#x}");
            assert_eq!(socket.set(level, name, 1 - default), STATUS_SUCCESS, "{name:#x}");
            assert_eq!(socket.get(level, name), Ok(1 - default), "{name:#x}");
            assert_eq!(socket.set(level, name, default), STATUS_SUCCESS, "{name:#x}");
        }
        assert_eq!(socket.set(SOL_SOCKET, SO_RCVBUF, 12345), STATUS_SUCCESS);
        assert_eq!(socket.get(SOL_SOCKET, SO_RCVBUF), Ok(12345));
        socket.close();
        client.end();
    });
}

#[test]
fn some_options_are_for_unbound_sockets_only() {
    everywhere(|_| {
        let client = Client::new();
        let socket = client.bound("[::1]:0");
        for (level, name) in BOOLEANS {
            let (before, expected) = match name {
                SO_BROADCAST => (1, STATUS_SUCCESS),
                _ => (socket.get(level, name).unwrap(), STATUS_INVALID_DEVICE_STATE),
            };
            assert_eq!(socket.set(level, name, 1), expected, "{name:#x}");
            assert_eq!(socket.get(level, name), Ok(before), "{name:#x}");
        }
        assert_eq!(socket.set(SOL_SOCKET, SO_RCVBUF, 100_000), STATUS_SUCCESS);
        socket.close();
        client.end();
    });
}

#[test]
fn wrong_buffers_are_refused() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.socket(AF_INET);
        let mut out = [0xEE; 8];
        let mut control = |kind, input: &[u8], size: usize| {
            socket.control(kind, SO_BROADCAST, SOL_SOCKET, input, &mut out[..size])
        };
        assert_eq!(control(WskSetOption, &[1, 0], 0), (STATUS_BUFFER_TOO_SMALL, 0));
        assert_eq!(control(WskSetOption, &[1, 0, 0, 0, 0, 0, 0, 0], 0), (STATUS_INVALID_BUFFER_SIZE, 0));
        assert_eq!(control(WskSetOption, &[1, 0, 0, 0], 4), (STATUS_INVALID_PARAMETER, 0));
        assert_eq!(control(WskGetOption, &[], 3), (STATUS_BUFFER_TOO_SMALL, 0));
        assert_eq!(control(WskGetOption, &[1, 0, 0, 0], 4), (STATUS_INVALID_PARAMETER, 0));
        assert_eq!(control(WskGetOption, &[], 8), (STATUS_SUCCESS, 4));
        assert_eq!(control(WskControlMax, &[], 4), (STATUS_INVALID_PARAMETER, 0));
        assert_eq!(out, [0, 0, 0, 0, 0xEE, 0xEE, 0xEE, 0xEE]);
        socket.close();
        client.end();
    });
}

#[test]
fn what_is_not_supported_is_refused_and_completed() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.socket(AF_INET);
        let value = [0; 4];
        let set = |name, level| socket.control(WskSetOption, name, level, &value, &mut []).0;
        assert_eq!(set(SO_KEEPALIVE, SOL_SOCKET), STATUS_NOT_SUPPORTED);
        assert_eq!(set(0x7777, SOL_SOCKET), STATUS_NOT_SUPPORTED);
        // Of the other family.
        assert_eq!(set(IPV6_V6ONLY, IPPROTO_IPV6), STATUS_INVALID_DEVICE_REQUEST);
        // One that can only be set.
        let get = socket.control(WskGetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, &[], &mut [0; 16]).0;
        assert_eq!(get, STATUS_INVALID_DEVICE_REQUEST);
        let ioctl = |code| socket.control(WskIoctl, code, 0, &[], &mut []).0;
        assert_eq!(ioctl(0x1234_5678), STATUS_NOT_SUPPORTED);
        assert_eq!(ioctl(SIO_WSK_QUERY_RECEIVE_BACKLOG), STATUS_INVALID_DEVICE_REQUEST);
        // No IRP may come with these.
        for code in [SIO_WSK_REGISTER_EXTENSION, SIO_WSK_QUERY_INSPECT_ID, SIO_ADDRESS_LIST_QUERY] {
            assert_eq!(ioctl(code), STATUS_INVALID_PARAMETER, "{code:#x}");
        }
        let ioctl = |code| socket.control_without_irp(WskIoctl, code, 0);
        assert_eq!(ioctl(SIO_WSK_REGISTER_EXTENSION), STATUS_NOT_SUPPORTED);
        assert_eq!(ioctl(SIO_WSK_QUERY_INSPECT_ID), STATUS_INVALID_DEVICE_REQUEST);
        // One must come with these.
        assert_eq!(ioctl(SIO_WSK_SET_REMOTE_ADDRESS), STATUS_INVALID_PARAMETER);
        let get = socket.control_without_irp(WskGetOption, SO_BROADCAST, SOL_SOCKET);
        assert_eq!(get, STATUS_INVALID_PARAMETER);
        socket.close();
        client.end();
    });
}

#[test]
fn sockets_that_do_not_exist() {
    in_memory(|world| {
        let client = Client::new();
        let open = |family, kind, protocol, flags| client.open(family, kind, protocol, flags).wait();
        let udp = |flags| open(AF_INET, SOCK_DGRAM, IPPROTO_UDP, flags);
        assert_eq!(udp(WSK_FLAG_LISTEN_SOCKET), (STATUS_NOT_SUPPORTED, 0));
        assert_eq!(udp(WSK_FLAG_LISTEN_SOCKET | WSK_FLAG_DATAGRAM_SOCKET), (STATUS_INVALID_PARAMETER, 0));
        assert_eq!(
            open(AF_INET, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_DATAGRAM_SOCKET),
            (STATUS_NOT_SUPPORTED, 0)
        );
        assert_eq!(open(77, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET), (STATUS_NOT_SUPPORTED, 0));
        // No type of socket has a protocol of its own choice.
        for protocol in [0, IPPROTO_TCP, 99] {
            let made = open(AF_INET6, SOCK_DGRAM, protocol, WSK_FLAG_DATAGRAM_SOCKET);
            assert_eq!(made, (STATUS_PROTOCOL_UNREACHABLE, 0), "{protocol}");
        }
        assert_eq!(world.netio.sockets(), 0);
        client.end();
    });
}

fn basic(client: &Client, family: ADDRESS_FAMILY) -> Socket {
    let request = client.open(family, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_BASIC_SOCKET);
    let (status, information) = request.wait();
    assert_eq!(status, STATUS_SUCCESS);
    Socket(ptr::with_exposed_provenance_mut(information))
}

#[test]
fn a_basic_socket_answers_the_options_of_its_transport() {
    in_memory(|_| {
        let client = Client::new();
        let (v4, v6) = (basic(&client, AF_INET), basic(&client, AF_INET6));
        for socket in [v4, v6] {
            assert_eq!(socket.get(IPPROTO_UDP, UDP_SEND_MSG_SIZE), Ok(0));
            assert_eq!(socket.get(IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE), Ok(0));
            assert_eq!(socket.set(IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, 1500), STATUS_SUCCESS);
        }
        assert_eq!(v4.set(IPPROTO_IP, IP_RECVTOS, 1), STATUS_SUCCESS);
        assert_eq!(v6.set(IPPROTO_IPV6, IPV6_RECVTCLASS, 1), STATUS_SUCCESS);
        assert_eq!(v6.get(IPPROTO_IPV6, IPV6_RECVTCLASS), Ok(1));
        assert_eq!(v4.get(IPPROTO_IPV6, IPV6_RECVTCLASS), Err(STATUS_INVALID_DEVICE_REQUEST));
        v4.close();
        v6.close();
        client.end();
    });
}

#[test]
fn addresses_are_shared_or_exclusive() {
    everywhere(|_| {
        let client = Client::new();
        for [first, second] in [[SO_REUSEADDR, SO_EXCLUSIVEADDRUSE], [SO_EXCLUSIVEADDRUSE, SO_REUSEADDR]] {
            let socket = client.socket(AF_INET);
            assert_eq!(socket.set(SOL_SOCKET, first, 1), STATUS_SUCCESS);
            assert_eq!(socket.set(SOL_SOCKET, second, 1), STATUS_INVALID_PARAMETER, "{second:#x}");
            assert_eq!(socket.get(SOL_SOCKET, second), Ok(0));
            // Not both at a time; one after the other, and off at any time.
            assert_eq!(socket.set(SOL_SOCKET, second, 0), STATUS_SUCCESS);
            assert_eq!(socket.set(SOL_SOCKET, first, 0), STATUS_SUCCESS);
            assert_eq!(socket.set(SOL_SOCKET, second, 1), STATUS_SUCCESS);
            socket.close();
        }
        client.end();
    });
}

#[test]
fn a_traffic_class_leaves_congestion_alone() {
    everywhere(|_| {
        let client = Client::new();
        for (family, level, name) in [(AF_INET, IPPROTO_IP, IP_TOS), (AF_INET6, IPPROTO_IPV6, IPV6_TCLASS)] {
            let socket = client.socket(family);
            for value in [1, 2, 3, 0xB9, 0x100] {
                assert_eq!(socket.set(level, name, value), STATUS_INVALID_PARAMETER, "{value:#x}");
            }
            assert_eq!(socket.set(level, name, 0xB8), STATUS_SUCCESS);
            assert_eq!(socket.get(level, name), Ok(0xB8));
            socket.close();
        }
        client.end();
    });
}

#[test]
fn connections_and_names_are_not_served_and_the_irp_is_completed() {
    in_memory(|_| {
        let client = Client::new();
        for function in support::UNSERVED {
            let request = Request::start(|irp| client.unserved(function, irp));
            assert_eq!(request.wait(), (STATUS_NOT_SUPPORTED, 0), "{function:?}");
            assert_eq!(client.unserved(function, ptr::null_mut()), STATUS_INVALID_PARAMETER);
        }
        client.free_address_info();
        client.end();
    });
}

#[test]
fn a_basic_socket_can_be_controlled_and_closed() {
    in_memory(|_| {
        let client = Client::new();
        let socket = basic(&client, AF_INET);
        assert_eq!(socket.set(SOL_SOCKET, SO_BROADCAST, 1), STATUS_INVALID_DEVICE_REQUEST);
        assert_eq!(socket.control_without_irp(WskIoctl, SIO_WSK_REGISTER_EXTENSION, 0), STATUS_NOT_SUPPORTED);
        socket.close();
        client.end();
    });
}

/// The functions are those of another socket: its own table has none.
#[test]
fn a_basic_socket_has_no_datagram_functions() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, datagram) = (basic(&client, AF_INET), client.socket(AF_INET));
        let table = datagram.table();
        let (bind, send) = (table.WskBind.unwrap(), table.WskSendTo.unwrap());
        let (get, receive) = (table.WskGetLocalAddress.unwrap(), table.WskReceiveFrom.unwrap());
        let address = Address::new("127.0.0.1:9".parse().unwrap());
        let (buffer, none) = (Buffer::new(b"x"), ptr::null_mut());
        let to = address.pointer();
        let refused = |request: Request| {
            assert_eq!(request.wait(), (STATUS_INVALID_DEVICE_REQUEST, 0), "{}", world.mode);
        };
        refused(Request::start(|irp| unsafe { bind(socket.0, to, 0, irp) }));
        refused(Request::start(|irp| unsafe { get(socket.0, to, irp) }));
        refused(Request::start(|irp| unsafe { send(socket.0, buffer.wsk(), 0, to, 0, none, irp) }));
        refused(Request::start(|irp| unsafe {
            receive(socket.0, buffer.wsk(), 0, ptr::null_mut(), ptr::null_mut(), none, ptr::null_mut(), irp)
        }));
        datagram.close();
        socket.close();
        client.end();
    });
}

#[test]
fn client_control_codes_that_are_not_supported() {
    in_memory(|_| {
        let client = Client::new();
        for code in [WSK_TDI_DEVICENAME_MAPPING, 99] {
            assert_eq!(client.control(code, ptr::null_mut()), STATUS_NOT_SUPPORTED);
            let request = Request::start(|irp| client.control(code, irp));
            assert_eq!(request.wait(), (STATUS_INVALID_PARAMETER, 0));
        }
        client.end();
    });
}

#[test]
fn missing_irps_and_clients() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let table = socket.table();
        let none = ptr::null_mut();
        #[allow(unsafe_code, clippy::multiple_unsafe_ops_per_block, reason = "WSK calls, as their pages say")]
        // SAFETY: without an IRP the functions refuse and read nothing else.
        unsafe {
            assert_eq!(table.WskBind.unwrap()(socket.0, ptr::null_mut(), 0, none), STATUS_INVALID_PARAMETER);
            assert_eq!(
                table.WskGetLocalAddress.unwrap()(socket.0, ptr::null_mut(), none),
                STATUS_INVALID_PARAMETER
            );
            assert_eq!(table.Basic.WskCloseSocket.unwrap()(socket.0, none), STATUS_INVALID_PARAMETER);
            assert_eq!(table.WskRelease.unwrap()(socket.0, ptr::null_mut()), STATUS_INVALID_PARAMETER);
        }
        let nobody = Client { npi: WSK_PROVIDER_NPI { Client: ptr::null_mut(), ..client.npi }, ..client };
        let open = |irp: *mut IRP| {
            let request = |_: *mut IRP| nobody.control(WSK_CACHE_SD, irp);
            request(irp)
        };
        assert_eq!(open(ptr::null_mut()), STATUS_INVALID_HANDLE);
        let refused = nobody.open(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET);
        assert_eq!(refused.returned, STATUS_INVALID_HANDLE);
        assert_eq!(refused.wait(), (STATUS_INVALID_HANDLE, 0));
        socket.close();
        nobody.end();
    });
}

#[test]
fn a_fixed_destination_is_a_default_and_no_filter() {
    everywhere(|world| {
        let client = Client::new();
        let (one, two) = (world.peer("127.0.0.1:0"), world.peer("127.0.0.1:0"));
        let socket = client.bound("127.0.0.1:0");
        let local = socket.local_address();
        assert_eq!(socket.set_address(SIO_WSK_SET_SENDTO_ADDRESS, Some(one.address())), STATUS_SUCCESS);
        socket.send(b"default", None);
        assert_eq!(one.receive().unwrap().0, b"default");
        socket.send(b"explicit", Some(two.address()));
        assert_eq!(two.receive().unwrap().0, b"explicit");
        two.send(b"reply", local);
        assert_eq!(socket.receive(10).unwrap().from, two.address());
        assert_eq!(socket.set_address(SIO_WSK_SET_SENDTO_ADDRESS, None), STATUS_SUCCESS);
        assert_eq!(socket.try_send(b"x", None), Err(STATUS_INVALID_DEVICE_STATE));
        socket.close();
        client.end();
    });
}

#[test]
fn a_fixed_remote_address_filters() {
    everywhere(|world| {
        let client = Client::new();
        let (one, two) = (world.peer("127.0.0.1:0"), world.peer("127.0.0.1:0"));
        let socket = client.bound("127.0.0.1:0");
        let local = socket.local_address();
        // Of what is queued already, only the peer's is delivered.
        two.send(b"queued", local);
        assert_eq!(socket.set_address(SIO_WSK_SET_REMOTE_ADDRESS, Some(one.address())), STATUS_SUCCESS);
        let receive = socket.start_receive(10);
        socket.send(b"default", None);
        assert_eq!(one.receive().unwrap().0, b"default");
        // An explicit destination gets its datagram, but its reply is dropped.
        socket.send(b"explicit", Some(two.address()));
        assert_eq!(two.receive().unwrap().0, b"explicit");
        two.send(b"reply", local);
        one.send(b"from one", local);
        assert_eq!(receive.wait().unwrap().bytes, b"from one");
        assert_eq!(socket.set_address(SIO_WSK_SET_REMOTE_ADDRESS, None), STATUS_SUCCESS);
        two.send(b"now", local);
        assert_eq!(socket.receive(10).unwrap().bytes, b"now");
        socket.send(b"last", Some(two.address()));
        assert_eq!(two.receive().unwrap().0, b"last");
        socket.close();
        client.end();
    });
}

#[test]
fn fixed_addresses_must_fit_the_socket() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let v6: SocketAddr = "[::1]:9".parse().unwrap();
        assert_eq!(socket.set_address(SIO_WSK_SET_REMOTE_ADDRESS, Some(v6)), STATUS_INVALID_PARAMETER);
        // The right family in a buffer of the wrong size.
        let mut bytes = [0; 128];
        bytes[..2].copy_from_slice(&AF_INET.to_ne_bytes());
        bytes[2] = 9;
        for size in [15, 28, 128] {
            let set = socket.control(WskIoctl, SIO_WSK_SET_SENDTO_ADDRESS, 0, &bytes[..size], &mut []);
            assert_eq!(set, (STATUS_INVALID_PARAMETER, 0), "{size}");
        }
        // An output buffer, which the request has not.
        let set = socket.control(WskIoctl, SIO_WSK_SET_SENDTO_ADDRESS, 0, &bytes[..16], &mut [0; 4]);
        assert_eq!(set, (STATUS_INVALID_PARAMETER, 0));
        socket.close();
        client.end();
    });
}

#[test]
fn a_dual_stack_socket_has_mapped_addresses() {
    everywhere(|world| {
        let client = Client::new();
        let socket = client.socket(AF_INET6);
        assert_eq!(socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 0), STATUS_SUCCESS);
        assert_eq!(socket.bind("[::]:0".parse().unwrap()), STATUS_SUCCESS);
        let port = socket.local_address().port();
        let peer = world.peer("127.0.0.1:0");
        peer.send(b"hello", ([127, 0, 0, 1], port).into());
        let received = socket.receive(10).unwrap();
        let mapped = SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), peer.address().port());
        assert_eq!(received.from, mapped);
        socket.send(b"hello yourself", Some(mapped));
        assert_eq!(peer.receive().unwrap().1, ([127, 0, 0, 1], port).into());
        socket.close();
        client.end();
    });
}
