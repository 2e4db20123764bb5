//! The local addresses: the list, and the wait for a change of it.
#![allow(unsafe_code, reason = "calls WSK's C functions; the contracts are those of their pages")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls follow the pages one by one; Miri checks them"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr;

use crate::support::{Address, Client, Request, Socket, everywhere, in_memory};
use wsk_sys::*;

/// `SIO_ADDRESS_LIST_QUERY` with so large a buffer: the status, and the size.
fn query(socket: Socket, list: &mut [u64]) -> (NTSTATUS, usize) {
    let control = socket.basic_table().WskControlSocket.unwrap();
    let (mut size, capacity) = (usize::MAX, size_of_val(list));
    let output = if list.is_empty() { ptr::null_mut() } else { list.as_mut_ptr().cast() };
    let none = ptr::null_mut;
    let code = SIO_ADDRESS_LIST_QUERY;
    let status = unsafe {
        control(socket.0, WskIoctl, code, 0, 0, none(), capacity, output, &raw mut size, none().cast())
    };
    (status, size)
}

/// The addresses, in a buffer of exactly their size.
fn addresses(socket: Socket) -> Vec<SocketAddr> {
    let (status, size) = query(socket, &mut []);
    assert_eq!(status, STATUS_BUFFER_OVERFLOW);
    // Never less than is said, whatever the alignment.
    let mut list = vec![0_u64; size.div_ceil(8)];
    assert_eq!(query(socket, &mut list), (STATUS_SUCCESS, size));
    read(&list)
}

/// The addresses of a list.
fn read(list: &[u64]) -> Vec<SocketAddr> {
    let list: *const SOCKET_ADDRESS_LIST = list.as_ptr().cast();
    let count = usize::try_from(unsafe { (*list).iAddressCount }).unwrap();
    let first: *const SOCKET_ADDRESS = unsafe { &raw const (*list).Address }.cast();
    let read = |at| {
        let entry = unsafe { first.add(at).read() };
        let v4 = unsafe { entry.lpSockaddr.cast::<SOCKADDR_IN>().read_unaligned() };
        if v4.sin_family == AF_INET {
            assert_eq!(entry.iSockaddrLength, 16);
            return (v4.sin_addr.to_ne_bytes(), u16::from_be(v4.sin_port)).into();
        }
        assert_eq!((v4.sin_family, entry.iSockaddrLength), (AF_INET6, 28));
        let v6 = unsafe { entry.lpSockaddr.cast::<SOCKADDR_IN6>().read_unaligned() };
        (v6.sin6_addr, u16::from_be(v6.sin6_port)).into()
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

/// `SIO_ADDRESS_LIST_SORT` of these addresses, in a list whose entries are `length` bytes long; in place, or elsewhere
/// with so large a buffer.
fn sort(
    socket: Socket,
    list: &[&str],
    length: LONG,
    capacity: Option<usize>,
) -> (NTSTATUS, usize, Vec<SocketAddr>) {
    let places: Vec<Address> = list.iter().map(|text| Address::new(text.parse().unwrap())).collect();
    let mut words = vec![list.len() as u64];
    for place in &places {
        words.push(place.pointer().expose_provenance() as u64);
        words.push(u64::from(length.cast_unsigned()));
    }
    let input = size_of_val(&words[..]);
    // In place the buffer has the size for the addresses as well.
    words.resize(words.len() + list.len() * 4, 0);
    let mut other = vec![0_u64; capacity.unwrap_or(0).div_ceil(8)];
    let from = words.as_mut_ptr().cast();
    let (output, capacity) = match capacity {
        Some(capacity) => (other.as_mut_ptr().cast(), capacity),
        None => (from, size_of_val(&words[..])),
    };
    let control = socket.basic_table().WskControlSocket.unwrap();
    let (mut size, code) = (usize::MAX, SIO_ADDRESS_LIST_SORT);
    let (sized, irp) = (&raw mut size, ptr::null_mut());
    let status = unsafe { control(socket.0, WskIoctl, code, 0, input, from, capacity, output, sized, irp) };
    let sorted = if output == from { words } else { other };
    (status, size, if status == STATUS_SUCCESS { read(&sorted) } else { Vec::new() })
}

#[test]
fn addresses_are_sorted_by_how_well_they_are_reached() {
    everywhere(|world| {
        let client = Client::new();
        for socket in [client.socket(AF_INET6), client.socket(AF_INET)] {
            // What nobody can reach, and what everybody reaches from itself.
            let list = ["[::ffff:127.0.0.1]:5", "[::]:7", "[::1]:6"];
            let expected = ["[::1]:6", "[::ffff:127.0.0.1]:5"].map(|text| text.parse().unwrap());
            for capacity in [None, Some(8 + 2 * (16 + 28))] {
                assert_eq!(sort(socket, &list, 28, capacity), (STATUS_SUCCESS, 96, expected.to_vec()));
            }
            let short = sort(socket, &list, 28, Some(95));
            assert_eq!(short, (STATUS_BUFFER_OVERFLOW, 96, Vec::new()));
            if world.is_memory() {
                // A machine with 2001:db8::1 and 192.0.2.1: its own network first, tunnels and private ones last.
                let list = [
                    "[fd00::1]:1",
                    "[::ffff:192.0.2.9]:2",
                    "[2001:db8:7::1]:3",
                    "[2001:db8::9]:4",
                    "[2002:c000:201::1]:5",
                ];
                let (.., sorted) = sort(socket, &list, 28, None);
                let ports: Vec<u16> = sorted.iter().map(SocketAddr::port).collect();
                assert_eq!(ports, [4, 3, 2, 5, 1]);
            }
            assert_eq!(sort(socket, &[], 28, None), (STATUS_SUCCESS, 8, Vec::new()));
            socket.close();
        }
        client.end();
    });
}

#[test]
fn lists_that_cannot_be_sorted_are_refused() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.socket(AF_INET6);
        let refused = (STATUS_INVALID_PARAMETER, 0, Vec::new());
        assert_eq!(sort(socket, &["[::1]:1", "127.0.0.1:1"], 28, None), refused, "another family");
        assert_eq!(sort(socket, &["[::1]:1"], 16, None), refused, "an address that is too short");
        assert_eq!(sort(socket, &["[::1]:1"], -1, None), refused, "an address of no length");
        let ioctl = |input: &[u8]| socket.control(WskIoctl, SIO_ADDRESS_LIST_SORT, 0, input, &mut [0; 96]);
        let entry = |count: i32, entries: usize| {
            let mut list = [&i64::from(count).to_ne_bytes()[..], &[0; 64]].concat();
            list.truncate(8 + entries * 16);
            list
        };
        for (list, what) in [
            (Vec::new(), "nothing"),
            (vec![1; 3], "less than a count"),
            (entry(-1, 1), "a negative count"),
            (entry(2, 1), "fewer entries than it says"),
            (entry(i32::MAX, 1), "far fewer"),
            (entry(1, 1), "null for an address"),
        ] {
            assert_eq!(ioctl(&list), (STATUS_INVALID_PARAMETER, 0), "{what}");
        }
        assert_eq!(ioctl(&entry(0, 0)), (STATUS_SUCCESS, 8), "with an IRP, which it need not have");
        socket.close();
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

/// Runs `ip address`, whose changes are the host's.
#[cfg(target_os = "linux")]
fn ip_address(verb: &str) {
    let arguments = ["address", verb, "127.77.1.2/32", "dev", "lo"];
    assert!(std::process::Command::new("ip").args(arguments).status().unwrap().success());
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "gives the host's loopback interface one more address for a moment: to be run as root, with iproute2"]
fn the_hosts_changes_are_seen() {
    let world = crate::support::World::new(None, ::netio::Completion::Deferred);
    let _entered = world.machine.enter();
    let client = Client::new();
    let socket = client.socket(AF_INET);
    let quiet = wait_for_change(socket);
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert!(!quiet.is_done());
    let before = addresses(socket);
    for verb in ["add", "del"] {
        let wait = wait_for_change(socket);
        ip_address(verb);
        assert_eq!(wait.wait(), (STATUS_SUCCESS, 0), "{verb}");
    }
    assert_eq!(addresses(socket), before);
    assert_eq!(quiet.wait(), (STATUS_SUCCESS, 0));
    socket.close();
    client.end();
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
        let change = socket.control_without_irp(WskIoctl, SIO_ADDRESS_LIST_CHANGE, 0);
        assert_eq!(change, STATUS_INVALID_PARAMETER);
        socket.close();
        client.end();
    });
}
