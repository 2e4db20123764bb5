//! The transports: the list, the wait for a change of it, and what is asked before the first socket.
#![allow(unsafe_code, reason = "calls WSK's C functions; the contracts are those of their pages")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls follow the pages one by one; Miri checks them"
)]

use std::ptr;

use crate::support::{Client, Request, in_memory};
use wsk_sys::*;

/// `WSK_TRANSPORT_LIST_QUERY` with so many entries: the status, and the size.
fn query(client: &Client, entries: &mut [WSK_TRANSPORT]) -> (NTSTATUS, usize) {
    let control = unsafe { (*client.npi.Dispatch).WskControlClient }.unwrap();
    let (mut size, length, none) = (usize::MAX, size_of_val(entries), ptr::null_mut());
    let output = if entries.is_empty() { none } else { entries.as_mut_ptr().cast() };
    let (code, returned) = (WSK_TRANSPORT_LIST_QUERY, &raw mut size);
    let status =
        unsafe { control(client.npi.Client, code, 0, none, length, output, returned, ptr::null_mut()) };
    (status, size)
}

fn transports(client: &Client) -> Vec<(ADDRESS_FAMILY, USHORT, ULONG)> {
    let (status, size) = query(client, &mut []);
    assert_eq!(status, STATUS_BUFFER_OVERFLOW);
    let mut all = vec![WSK_TRANSPORT::default(); size / size_of::<WSK_TRANSPORT>()];
    assert_eq!(query(client, &mut all), (STATUS_SUCCESS, size));
    assert!(all.iter().all(|one| one.Version == MAKE_WSK_VERSION(1, 0) && one.ProviderId != GUID::default()));
    all.iter().map(|one| (one.AddressFamily, one.SocketType, one.Protocol)).collect()
}

fn wait_for_change(client: &Client) -> Request {
    Request::start(|irp| client.control(WSK_TRANSPORT_LIST_CHANGE, irp))
}

#[test]
fn the_list_has_udp_and_tcp_of_both_families() {
    in_memory(|_| {
        let client = Client::new();
        let udp_and_tcp = |family| [(family, SOCK_DGRAM, IPPROTO_UDP), (family, SOCK_STREAM, 6)];
        assert_eq!(transports(&client), [udp_and_tcp(AF_INET), udp_and_tcp(AF_INET6)].concat());
        let mut one_too_few = [WSK_TRANSPORT::default(); 3];
        assert_eq!(query(&client, &mut one_too_few), (STATUS_BUFFER_OVERFLOW, 4 * 28));
        assert_eq!(one_too_few, [WSK_TRANSPORT::default(); 3]);
        assert_eq!(client.control(WSK_TRANSPORT_LIST_QUERY, ptr::null_mut()), STATUS_INVALID_PARAMETER);
        client.end();
    });
}

#[test]
fn a_change_ends_the_waits_for_it() {
    in_memory(|world| {
        let (client, other) = (Client::new(), Client::new());
        let waits = [wait_for_change(&client), wait_for_change(&other)];
        client.socket(AF_INET6).close();
        world.netio.wait_until_idle();
        assert!(waits.iter().all(|wait| !wait.is_done()));
        assert_eq!(world.netio.pending(), 2);
        world.netio.change_transports(|all| all.retain(|one| one.AddressFamily == AF_INET));
        for wait in waits {
            assert_eq!(wait.wait(), (STATUS_SUCCESS, 0));
        }
        assert_eq!(transports(&client).len(), 2);
        assert!(client.try_socket(AF_INET6).is_err(), "there is no transport for it");
        client.socket(AF_INET).close();
        client.end();
        other.end();
    });
}

#[test]
fn a_wait_is_cancelled_alone_or_by_the_end_of_its_client() {
    in_memory(|_| {
        let (client, other) = (Client::new(), Client::new());
        let cancelled = wait_for_change(&client);
        cancelled.cancel();
        assert_eq!(cancelled.wait(), (STATUS_CANCELLED, 0));
        let waits: Vec<_> = (0..3).map(|_| wait_for_change(&client)).collect();
        let others = wait_for_change(&other);
        client.end();
        for wait in waits {
            assert!(wait.is_done(), "deregistering waits for the requests");
            assert_eq!(wait.wait(), (STATUS_CANCELLED, 0));
        }
        assert!(!others.is_done());
        other.end();
        assert_eq!(others.wait(), (STATUS_CANCELLED, 0));
    });
}

#[test]
fn a_wait_needs_an_irp_and_the_other_requests_must_have_none() {
    in_memory(|_| {
        let client = Client::new();
        assert_eq!(client.control(WSK_TRANSPORT_LIST_CHANGE, ptr::null_mut()), STATUS_INVALID_PARAMETER);
        for code in [WSK_TRANSPORT_LIST_QUERY, WSK_CACHE_SD, WSK_RELEASE_SD, WSK_TDI_BEHAVIOR] {
            let request = Request::start(|irp| client.control(code, irp));
            assert_eq!(request.wait(), (STATUS_INVALID_PARAMETER, 0), "{code}");
        }
        client.end();
    });
}

#[test]
fn tdi_is_gone_past_before_the_first_socket() {
    in_memory(|_| {
        let client = Client::new();
        let behavior = |flags: ULONG| {
            let control = unsafe { (*client.npi.Dispatch).WskControlClient }.unwrap();
            let (input, none) = ((&raw const flags).cast_mut().cast(), ptr::null_mut());
            let (size, irp) = (ptr::null_mut(), ptr::null_mut());
            unsafe { control(client.npi.Client, WSK_TDI_BEHAVIOR, 4, input, 0, none, size, irp) }
        };
        assert_eq!(behavior(WSK_TDI_BEHAVIOR_BYPASS_TDI), STATUS_SUCCESS);
        assert_eq!(behavior(2), STATUS_INVALID_PARAMETER);
        client.socket(AF_INET).close();
        assert_eq!(behavior(WSK_TDI_BEHAVIOR_BYPASS_TDI), STATUS_INVALID_DEVICE_STATE);
        assert_eq!(client.control(WSK_TDI_DEVICENAME_MAPPING, ptr::null_mut()), STATUS_NOT_SUPPORTED);
        client.end();
    });
}

#[test]
fn a_held_request_is_pending_until_it_is_let_go_or_cancelled() {
    in_memory(|world| {
        let client = Client::new();
        let socket = client.socket(AF_INET);
        let hold = world.netio.hold("WskControlSocket");
        let value = 1_u32.to_ne_bytes();
        let set = || socket.start_control(WskSetOption, SO_BROADCAST, SOL_SOCKET, &value, &mut []);
        let (first, second) = (set(), set());
        // Other functions are not held.
        assert_eq!(socket.bind("127.0.0.1:0".parse().unwrap()), STATUS_SUCCESS);
        assert_eq!((first.returned, hold.held(), world.netio.pending()), (STATUS_PENDING, 2, 2));
        first.cancel();
        assert_eq!(first.wait(), (STATUS_CANCELLED, 0));
        assert!(!second.is_done());
        drop(hold);
        assert_eq!(second.wait(), (STATUS_SUCCESS, 0));
        assert_eq!(socket.get(SOL_SOCKET, SO_BROADCAST), Ok(1));
        let hold = world.netio.hold("WskControlSocket");
        let third = set();
        socket.close();
        assert_eq!(third.wait(), (STATUS_CANCELLED, 0));
        drop(hold);
        client.end();
    });
}
