//! The reading of a port that is unreachable by which it ends a receive, in memory and on the host's network.
#![allow(unsafe_code, reason = "calls WSK's C functions; the contracts are those of their pages")]
#![allow(clippy::undocumented_unsafe_blocks, reason = "the calls follow the pages one by one")]

use std::net::SocketAddr;

use crate::support::{Client, with_reading};
use readings::PortUnreachable;
use wsk_sys::*;

/// A port of the network in memory that nobody is bound to.
const CLOSED: &str = "127.0.0.1:9";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn a_port_that_is_unreachable_ends_one_receive() {
    with_reading(PortUnreachable::Receive, |world| {
        let client = Client::new();
        let (peer, socket) = (world.peer("127.0.0.1:0"), client.bound("127.0.0.1:0"));
        let receiving = socket.start_receive(10);
        world.netio.wait_until_idle();
        socket.send(b"lost", Some(address(CLOSED)));
        assert_eq!(receiving.wait(), Err(STATUS_PORT_UNREACHABLE));
        // The next one, and once.
        socket.send(b"lost", Some(address(CLOSED)));
        socket.send(b"lost", Some(address(CLOSED)));
        peer.send(b"found", socket.local_address());
        assert_eq!(socket.receive(10), Err(STATUS_PORT_UNREACHABLE));
        assert_eq!(socket.receive(10).unwrap().bytes, b"found");
        // Who asks for errors gets them as datagrams.
        assert_eq!(socket.set(IPPROTO_IP, IP_RECVERR, 1), STATUS_SUCCESS);
        socket.send(b"lost", Some(address(CLOSED)));
        assert_eq!(socket.receive_told(10).from, address(CLOSED));
        socket.close();
        client.end();
    });
}

/// A receive that is being cancelled at that moment is passed over, and the next one ends so.
#[test]
fn a_port_that_is_unreachable_does_not_end_what_is_being_cancelled() {
    with_reading(PortUnreachable::Receive, |world| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let receiving = socket.start_receive(10);
        world.netio.wait_until_idle();
        // As IoCancelIrp does before it calls the routine.
        let routine = unsafe { IoSetCancelRoutine(receiving.request.irp, None) };
        assert!(routine.is_some());
        socket.send(b"lost", Some(address(CLOSED)));
        world.netio.wait_until_idle();
        unsafe { IoSetCancelRoutine(receiving.request.irp, routine) };
        assert!(receiving.request.cancel());
        assert_eq!(receiving.wait(), Err(STATUS_CANCELLED));
        assert_eq!(socket.receive(10), Err(STATUS_PORT_UNREACHABLE));
        socket.close();
        client.end();
    });
}

/// The errors of the host's own network end receives as well, where the host tells them.
#[cfg(target_os = "linux")]
#[cfg_attr(miri, ignore = "Miri has no UDP sockets")]
#[test]
fn a_port_of_the_host_that_is_unreachable_ends_one_receive() {
    for own in ["127.0.0.1:0", "[::1]:0"] {
        let readings = readings::Readings::STRICT.with(PortUnreachable::Receive);
        let world =
            crate::support::World::with(None, ::netio::Config { readings, ..::netio::Config::default() });
        let entered = world.machine.enter();
        let client = Client::new();
        let (closed, socket) = (world.peer(own).address(), client.bound(own));
        let receiving = socket.start_receive(10);
        socket.send(b"lost", Some(closed));
        assert_eq!(receiving.wait(), Err(STATUS_PORT_UNREACHABLE), "{own}");
        // Once, and the socket goes on.
        let peer = world.peer(own);
        peer.send(b"found", socket.local_address());
        assert_eq!(socket.receive(10).unwrap().bytes, b"found");
        socket.close();
        client.end();
        drop(entered);
        world.machine.shutdown();
    }
}
