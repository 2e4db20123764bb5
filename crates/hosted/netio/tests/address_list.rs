//! The local addresses: the list, and the wait for a change of it.
#![allow(missing_docs, reason = "a test")]
#![allow(unsafe_code, reason = "calls WSK's C functions; the contracts are those of their pages")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls follow the pages one by one; Miri checks them"
)]

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr;

use support::{Client, Request, Socket, everywhere, in_memory};
use wsk_sys::*;

/// `SIO_ADDRESS_LIST_QUERY` with so much room: the status, and the size.
fn query(socket: Socket, list: &mut [u64]) -> (NTSTATUS, usize) {
    let control = socket.basic_table().WskControlSocket.unwrap();
    let (mut size, room) = (usize::MAX, size_of_val(list));
    let output = if list.is_empty() { ptr::null_mut() } else { list.as_mut_ptr().cast() };
    let none = ptr::null_mut;
    let code = SIO_ADDRESS_LIST_QUERY;
    let status = unsafe {
        control(socket.0, WskIoctl, code, 0, 0, none(), room, output, &raw mut size, none().cast())
    };
    (status, size)
}

/// The addresses, with exactly as much room as they need.
fn addresses(socket: Socket) -> Vec<SocketAddr> {
    let (status, size) = query(socket, &mut []);
    assert_eq!(status, STATUS_BUFFER_OVERFLOW);
    // Never less than is said, whatever the alignment.
    let mut list = vec![0_u64; size.div_ceil(8)];
    assert_eq!(query(socket, &mut list), (STATUS_SUCCESS, size));
    let list: *const SOCKET_ADDRESS_LIST = list.as_ptr().cast();
    let count = usize::try_from(unsafe { (*list).iAddressCount }).unwrap();
    let first: *const SOCKET_ADDRESS = unsafe { &raw const (*list).Address }.cast();
    let read = |at| {
        let entry = unsafe { first.add(at).read() };
        let v4 = unsafe { entry.lpSockaddr.cast::<SOCKADDR_IN>().read_unaligned() };
        if v4.sin_family == AF_INET {
            assert_eq!(entry.iSockaddrLength, 16);
            return (v4.sin_addr.to_ne_bytes(), v4.sin_port).into();
        }
        assert_eq!((v4.sin_family, entry.iSockaddrLength), (AF_INET6, 28));
        let v6 = unsafe { entry.lpSockaddr.cast::<SOCKADDR_IN6>().read_unaligned() };
        (v6.sin6_addr, v6.sin6_port).into()
    };
    (0..count).map(read).collect()
}

#[test]
fn the_list_has_the_addresses_of_the_sockets_family() {
    everywhere(|world| {
        let client = Client::new();
        for (family, loopback) in
            [(AF_INET, IpAddr::V4(Ipv4Addr::LOCALHOST)), (AF_INET6, IpAddr::V6(Ipv6Addr::LOCALHOST))]
        {
            let socket = client.socket(family);
            let list = addresses(socket);
            assert!(list.iter().all(|address| address.port() == 0));
            assert!(list.iter().all(|address| address.is_ipv4() == loopback.is_ipv4()));
            if world.is_memory() {
                assert_eq!(list.len(), 2);
                assert_eq!(list[0].ip(), loopback);
            }
            // One entry too few.
            let (_, size) = query(socket, &mut []);
            assert_eq!(query(socket, &mut vec![0; size / 8 - 1]), (STATUS_BUFFER_OVERFLOW, size));
            socket.close();
        }
        client.end();
    });
}

fn wait_for_change(socket: Socket) -> Request {
    socket.start_control(WskIoctl, SIO_ADDRESS_LIST_CHANGE, 0, &[], &mut [])
}

#[test]
fn a_change_of_the_addresses_ends_the_wait_for_it() {
    in_memory(|world| {
        let client = Client::new();
        let (one, two) = (client.socket(AF_INET), client.bound("[::1]:0"));
        let waits = [wait_for_change(one), wait_for_change(two)];
        // Two round trips of each socket: the waits have their turn before.
        for socket in [one, two, one, two] {
            socket.set(SOL_SOCKET, SO_BROADCAST, 1);
        }
        let before = addresses(one);
        world.net().add_address("198.51.100.7".parse().unwrap());
        for wait in waits {
            assert_eq!(wait.wait(), (STATUS_SUCCESS, 0));
        }
        let after = addresses(one);
        assert_eq!((after.len(), after[before.len()].ip()), (before.len() + 1, [198, 51, 100, 7].into()));
        // Once: the next wait is for the next change.
        let again = wait_for_change(one);
        one.set(SOL_SOCKET, SO_BROADCAST, 0);
        one.set(SOL_SOCKET, SO_BROADCAST, 1);
        world.net().remove_address("198.51.100.7".parse().unwrap());
        assert_eq!(again.wait(), (STATUS_SUCCESS, 0));
        assert_eq!(addresses(one), before);
        one.close();
        two.close();
        client.end();
    });
}

#[test]
fn a_wait_for_a_change_is_cancelled_and_closed_under() {
    everywhere(|world| {
        let client = Client::new();
        let socket = client.socket(AF_INET);
        let wait = wait_for_change(socket);
        wait.cancel();
        assert_eq!(wait.wait(), (STATUS_CANCELLED, 0));
        let wait = wait_for_change(socket);
        socket.close();
        assert_eq!(wait.wait(), (STATUS_CANCELLED, 0));
        if world.is_memory() {
            // Nobody is left to be told.
            world.net().add_address("198.51.100.7".parse().unwrap());
        }
        client.end();
    });
}

#[test]
fn what_is_wrong_is_refused() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.socket(AF_INET);
        let ioctl = |code, input: &[u8], output: &mut [u8]| socket.control(WskIoctl, code, 0, input, output);
        assert_eq!(ioctl(SIO_ADDRESS_LIST_CHANGE, &[1], &mut []), (STATUS_INVALID_PARAMETER, 0));
        assert_eq!(ioctl(SIO_ADDRESS_LIST_CHANGE, &[], &mut [0; 4]), (STATUS_INVALID_PARAMETER, 0));
        assert_eq!(ioctl(SIO_ADDRESS_LIST_QUERY, &[], &mut [0; 400]), (STATUS_INVALID_PARAMETER, 0));
        assert_eq!(ioctl(SIO_ADDRESS_LIST_SORT, &[0; 8], &mut [0; 8]), (STATUS_NOT_SUPPORTED, 0));
        let change = socket.control_without_irp(WskIoctl, SIO_ADDRESS_LIST_CHANGE, 0);
        assert_eq!(change, STATUS_INVALID_PARAMETER);
        socket.close();
        client.end();
    });
}
