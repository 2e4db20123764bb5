//! What the driver does for those who use it as its contract says, in every completion mode.

mod common;

use common::{Rig, SOON, eventually, status};
use wsk_sys::{
    MSG_TRUNC, SO_BROADCAST, SO_EXCLUSIVEADDRUSE, SO_RCVBUF, SO_REUSEADDR, SOL_SOCKET, STATUS_ACCESS_DENIED,
    STATUS_ADDRESS_ALREADY_EXISTS, STATUS_INVALID_DEVICE_STATE, STATUS_IO_TIMEOUT,
};
use wskctl::Family;

in_every_mode! {
    the_driver_tells_its_version_and_the_providers
    a_socket_is_created_bound_and_closed
    options_that_differ_are_set_and_got_back
    datagrams_go_out_and_come_in
    an_empty_datagram_is_a_datagram
    a_datagram_that_is_too_large_is_cut_and_says_so
    a_fixed_remote_address_keeps_strangers_out_until_it_is_cleared
    a_fixed_destination_lets_strangers_in
    exclusive_use_refuses_the_second_bind_that_sharing_would_allow
    a_failed_bind_leaves_the_socket_to_be_bound_again
    a_receive_ends_when_its_time_has_passed
    what_the_driver_counts_adds_up
}

fn the_driver_tells_its_version_and_the_providers(rig: &Rig) {
    let session = rig.open();
    let version = session.version().expect("a version");
    assert!(version.serves(wskdrv_abi::ABI_MAJOR, wskdrv_abi::ABI_MINOR));
    assert_eq!(version.driver[..3], [0, 1, 0], "the version of the package");
    let provider = session.provider().expect("versions");
    assert_eq!((provider.lowest_version, provider.highest_version), (0x0100, 0x0100));
}

fn a_socket_is_created_bound_and_closed(rig: &Rig) {
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let (session, address) = rig.bound(local);
        assert_ne!(address.port(), 0, "the stack has chosen a port");
        assert_eq!(rig.netio.sockets(), 1);
        session.close();
        eventually("the socket is closed", || rig.netio.sockets() == 0);
    }
}

fn options_that_differ_are_set_and_got_back(rig: &Rig) {
    let get = |session: &wskctl::Session, level, name| {
        let bytes = session.get_option(level, name, 4).expect("a value");
        u32::from_ne_bytes(bytes.try_into().expect("four bytes"))
    };
    let (v4, v6) = (Family::V4, Family::V6);
    let socket = SOL_SOCKET;
    for (family, level, name, default, value) in [
        (v4, socket, SO_EXCLUSIVEADDRUSE, Some(0), 1),
        (v6, socket, SO_EXCLUSIVEADDRUSE, Some(0), 1),
        (v4, socket, SO_REUSEADDR, Some(0), 1),
        (v4, socket, SO_BROADCAST, Some(0), 1),
        (v4, socket, SO_RCVBUF, None, 12_288),
        (v6, wsk_sys::IPPROTO_IPV6, wsk_sys::IPV6_V6ONLY, Some(1), 0),
    ] {
        let session = rig.open();
        session.create(family).expect("created");
        let before = get(&session, level, name);
        assert!(default.is_none_or(|default| default == before), "{name:#x} is {before} by default");
        assert_ne!(before, value, "{name:#x}: the test sets something new");
        session.set_option(level, name, &value.to_ne_bytes()).expect("set");
        assert_eq!(get(&session, level, name), value, "{name:#x}");
    }
}

fn datagrams_go_out_and_come_in(rig: &Rig) {
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let (session, address) = rig.bound(local);
        let peer = rig.peer(local);
        assert_eq!(session.send(b"out", Some(peer.address())).expect("sent"), 3);
        assert_eq!(peer.receive(), (b"out".to_vec(), address));
        peer.send(b"and in", address);
        let datagram = session.receive(100).expect("received");
        assert_eq!((&datagram.data[..], datagram.from, datagram.flags), (&b"and in"[..], peer.address(), 0));
    }
}

fn an_empty_datagram_is_a_datagram(rig: &Rig) {
    let (session, address) = rig.bound("127.0.0.1:0");
    let peer = rig.peer("127.0.0.1:0");
    assert_eq!(session.send(b"", Some(peer.address())).expect("sent"), 0);
    assert_eq!(peer.receive(), (vec![], address));
    peer.send(b"", address);
    let datagram = session.receive(100).expect("received");
    assert_eq!((datagram.data.len(), datagram.from), (0, peer.address()));
}

fn a_datagram_that_is_too_large_is_cut_and_says_so(rig: &Rig) {
    let (session, address) = rig.bound("127.0.0.1:0");
    let peer = rig.peer("127.0.0.1:0");
    peer.send(b"twelve bytes", address);
    let datagram = session.receive(6).expect("received");
    assert_eq!((&datagram.data[..], datagram.flags & MSG_TRUNC), (&b"twelve"[..], MSG_TRUNC));
}

fn a_fixed_remote_address_keeps_strangers_out_until_it_is_cleared(rig: &Rig) {
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let (session, address) = rig.bound(local);
        let (peer, stranger) = (rig.peer(local), rig.peer(local));
        session.set_remote_address(Some(peer.address())).expect("fixed");
        stranger.send(b"stranger", address);
        peer.send(b"peer", address);
        assert_eq!(session.receive(100).expect("received").data, b"peer", "the stranger's is dropped");
        session.send(b"to the fixed one", None).expect("sent");
        assert_eq!(peer.receive().0, b"to the fixed one");
        if rig.net.is_some() {
            // Discarded for good. The network in memory delivers at once; this computer's may still have it.
            stranger.send(b"under the filter", address);
        }
        session.set_remote_address(None).expect("cleared");
        stranger.send(b"stranger again", address);
        assert_eq!(session.receive(100).expect("received").data, b"stranger again");
    }
}

fn a_fixed_destination_lets_strangers_in(rig: &Rig) {
    let (session, address) = rig.bound("127.0.0.1:0");
    let (peer, stranger) = (rig.peer("127.0.0.1:0"), rig.peer("127.0.0.1:0"));
    session.set_sendto_address(Some(peer.address())).expect("fixed");
    session.send(b"default", None).expect("sent");
    assert_eq!(peer.receive(), (b"default".to_vec(), address));
    stranger.send(b"hello", address);
    let datagram = session.receive(100).expect("received");
    assert_eq!((&datagram.data[..], datagram.from), (&b"hello"[..], stranger.address()));
    session.set_sendto_address(None).expect("cleared");
    assert_eq!(status(session.send(b"nowhere", None)), STATUS_INVALID_DEVICE_STATE);
}

fn exclusive_use_refuses_the_second_bind_that_sharing_would_allow(rig: &Rig) {
    let on = 1_u32.to_ne_bytes();
    let bind_twice = |first_option, second_option| {
        let first = rig.open();
        first.create(Family::V4).expect("created");
        first.set_option(SOL_SOCKET, first_option, &on).expect("set");
        first.bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
        let address = first.local_address().expect("an address");
        let second = rig.open();
        second.create(Family::V4).expect("created");
        second.set_option(SOL_SOCKET, second_option, &on).expect("set");
        status(second.bind(address))
    };
    assert_eq!(bind_twice(SO_REUSEADDR, SO_REUSEADDR), 0, "both share");
    assert_eq!(bind_twice(SO_EXCLUSIVEADDRUSE, SO_REUSEADDR), STATUS_ACCESS_DENIED, "the first does not");
    assert_eq!(
        bind_twice(SO_REUSEADDR, SO_EXCLUSIVEADDRUSE),
        STATUS_ADDRESS_ALREADY_EXISTS,
        "the second does not"
    );
}

fn a_failed_bind_leaves_the_socket_to_be_bound_again(rig: &Rig) {
    let (_first, taken) = rig.bound("127.0.0.1:0");
    let second = rig.open();
    second.create(Family::V4).expect("created");
    assert_eq!(status(second.bind(taken)), STATUS_ADDRESS_ALREADY_EXISTS);
    assert_eq!(status(second.local_address()), STATUS_INVALID_DEVICE_STATE, "still unbound");
    second.bind("127.0.0.1:0".parse().expect("an address")).expect("bound elsewhere");
    assert_ne!(second.local_address().expect("an address"), taken);
}

fn a_receive_ends_when_its_time_has_passed(rig: &Rig) {
    let (session, address) = rig.bound("127.0.0.1:0");
    for limit in [std::time::Duration::ZERO, std::time::Duration::from_millis(20)] {
        assert_eq!(status(session.within(limit).receive(10)), STATUS_IO_TIMEOUT);
    }
    // Nothing of the timed-out receives is left to swallow a datagram.
    rig.peer("127.0.0.1:0").send(b"later", address);
    assert_eq!(session.within(SOON).receive(10).expect("received").data, b"later");
}

fn what_the_driver_counts_adds_up(rig: &Rig) {
    let watcher = rig.open();
    let before = watcher.statistics().expect("counts");
    assert_eq!((before.handles_open, before.sockets_open), (1, 0));
    let (session, address) = rig.bound("127.0.0.1:0");
    let peer = rig.peer("127.0.0.1:0");
    session.send(b"four", Some(peer.address())).expect("sent");
    peer.send(b"sixsix", address);
    session.receive(10).expect("received");
    assert_eq!(status(session.within(std::time::Duration::ZERO).receive(10)), STATUS_IO_TIMEOUT);
    let now = watcher.statistics().expect("counts");
    assert_eq!((now.handles_open, now.sockets_open), (2, 1));
    assert_eq!((now.datagrams_sent, now.bytes_sent), (1, 4));
    assert_eq!((now.datagrams_received, now.bytes_received), (1, 6));
    // create, bind, local address, send, receive, receive
    assert_eq!((now.operations_submitted, now.operations_completed), (6, 6));
    assert_eq!((now.operations_failed, now.operations_timed_out, now.operations_cancelled), (1, 1, 0));
    assert_eq!(now.irps_allocated + now.irps_reused, 6, "each operation has an IRP, new or reused");
    session.close();
    eventually("the handle is closed", || watcher.statistics().is_ok_and(|now| now.handles_open == 1));
    let now = watcher.statistics().expect("counts");
    assert_eq!((now.sockets_open, now.irps_freed), (0, now.irps_allocated));
}
