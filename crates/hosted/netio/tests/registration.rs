//! The functions that `netio.sys` exports.
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "WSK calls, as their pages say"
)]

use std::ptr;
use std::sync::mpsc;

use crate::support::{self, Client, SHORT, block, capture, free_block, in_memory, register};
use ::netio::memory::Net;
use ::netio::{Config, Network};
use ntos::Machine;
use wsk_sys::*;

fn characteristics(block: *mut WSK_REGISTRATION) -> Result<(u16, u16), NTSTATUS> {
    let mut characteristics = WSK_PROVIDER_CHARACTERISTICS::default();
    match unsafe { WskQueryProviderCharacteristics(block, &raw mut characteristics) } {
        STATUS_SUCCESS => Ok((characteristics.LowestVersion, characteristics.HighestVersion)),
        status => Err(status),
    }
}

#[test]
fn a_capture_waits_for_the_provider_as_long_as_it_is_told() {
    in_memory(|world| {
        let block = block();
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        world.netio.set_ready(false);
        assert_eq!(capture(block, WSK_NO_WAIT).unwrap_err(), STATUS_DEVICE_NOT_READY);
        assert_eq!(capture(block, 1).unwrap_err(), STATUS_DEVICE_NOT_READY);
        assert_eq!(characteristics(block), Err(STATUS_DEVICE_NOT_READY));
        let (send, received) = mpsc::channel();
        let address = block.expose_provenance();
        let waiting = world.machine.spawn("waiting", move || {
            let npi = capture(ptr::with_exposed_provenance_mut(address), WSK_INFINITE_WAIT);
            send.send(npi.map(drop)).unwrap();
        });
        received.recv_timeout(SHORT).unwrap_err();
        world.netio.set_ready(true);
        assert_eq!(received.recv_timeout(support::LIMIT), Ok(Ok(())));
        waiting.join().unwrap();
        assert!(capture(block, 10_000).is_ok());
        unsafe { WskReleaseProviderNPI(block) };
        unsafe { WskReleaseProviderNPI(block) };
        unsafe { WskDeregister(block) };
        free_block(block);
    });
}

#[test]
fn deregistering_ends_the_waiting() {
    in_memory(|world| {
        let block = block();
        world.netio.set_ready(false);
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        let (send, received) = mpsc::channel();
        let address = block.expose_provenance();
        let waiting = world.machine.spawn("waiting", move || {
            let npi = capture(ptr::with_exposed_provenance_mut(address), WSK_INFINITE_WAIT);
            send.send(npi.map(drop)).unwrap();
        });
        received.recv_timeout(SHORT).unwrap_err();
        unsafe { WskDeregister(block) };
        assert_eq!(received.recv_timeout(support::LIMIT), Ok(Err(STATUS_DEVICE_NOT_READY)));
        waiting.join().unwrap();
        // Later captures fail the same way, and the block may be registered again.
        world.netio.set_ready(true);
        assert_eq!(capture(block, WSK_INFINITE_WAIT).unwrap_err(), STATUS_DEVICE_NOT_READY);
        assert_eq!(characteristics(block), Err(STATUS_DEVICE_NOT_READY));
        assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
        assert!(capture(block, WSK_NO_WAIT).is_ok());
        unsafe { WskReleaseProviderNPI(block) };
        unsafe { WskDeregister(block) };
        free_block(block);
    });
}

#[test]
fn versions_are_compared_by_major_and_minor() {
    static NEWER: WSK_CLIENT_DISPATCH =
        WSK_CLIENT_DISPATCH { Version: MAKE_WSK_VERSION(1, 3), Reserved: 0, WskClientEvent: None };
    static OTHER: WSK_CLIENT_DISPATCH =
        WSK_CLIENT_DISPATCH { Version: MAKE_WSK_VERSION(2, 0), Reserved: 0, WskClientEvent: None };
    static RESERVED: WSK_CLIENT_DISPATCH =
        WSK_CLIENT_DISPATCH { Version: MAKE_WSK_VERSION(1, 0), Reserved: 1, WskClientEvent: None };
    let machine = Machine::boot(ntos::Config::default());
    let config = Config {
        network: Network::Memory(Net::new()),
        versions: MAKE_WSK_VERSION(1, 0)..=MAKE_WSK_VERSION(1, 2),
        ..Config::default()
    };
    ::netio::install(&machine, config);
    let entered = machine.enter();
    let block = block();
    for dispatch in [&NEWER, &OTHER] {
        assert_eq!(register(block, dispatch), STATUS_SUCCESS);
        assert_eq!(capture(block, WSK_NO_WAIT).unwrap_err(), STATUS_NOINTERFACE);
        assert_eq!(characteristics(block), Ok((MAKE_WSK_VERSION(1, 0), MAKE_WSK_VERSION(1, 2))));
        unsafe { WskDeregister(block) };
    }
    assert_eq!(register(block, &RESERVED), STATUS_INVALID_PARAMETER);
    assert_eq!(register(block, &support::DISPATCH), STATUS_SUCCESS);
    let npi = capture(block, WSK_NO_WAIT).unwrap();
    assert_eq!(unsafe { (*npi.Dispatch).Version }, MAKE_WSK_VERSION(1, 2));
    unsafe { WskReleaseProviderNPI(block) };
    unsafe { WskDeregister(block) };
    free_block(block);
    drop(entered);
    machine.shutdown();
}

#[test]
fn several_clients_do_not_see_each_other() {
    in_memory(|world| {
        let (one, two) = (Client::new(), Client::new());
        let (first, second) = (one.bound("127.0.0.1:0"), two.bound("127.0.0.1:0"));
        assert_eq!(world.netio.registrations(), 2);
        first.send(b"hello", Some(second.local_address()));
        assert_eq!(second.receive(10).unwrap().bytes, b"hello");
        first.close();
        one.end();
        second.send(b"x", Some(second.local_address()));
        assert_eq!(second.receive(10).unwrap().bytes, b"x");
        second.close();
        two.end();
    });
}

#[test]
fn the_provider_may_be_released_before_its_sockets_are_closed() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        unsafe { WskReleaseProviderNPI(client.registration) };
        socket.send(b"x", Some(socket.local_address()));
        assert_eq!(socket.receive(10).unwrap().bytes, b"x");
        socket.close();
        unsafe { WskDeregister(client.registration) };
        free_block(client.registration);
    });
}

#[test]
fn deregistering_waits_for_a_close_that_is_on_its_way() {
    in_memory(|_| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        let receive = socket.start_receive(10);
        let close = socket.start_close();
        unsafe { WskReleaseProviderNPI(client.registration) };
        unsafe { WskDeregister(client.registration) };
        assert!(close.is_done());
        assert_eq!(close.wait(), (STATUS_SUCCESS, 0));
        assert_eq!(receive.wait(), Err(STATUS_CANCELLED));
        free_block(client.registration);
    });
}

#[test]
fn machines_do_not_share_providers_but_may_share_a_net() {
    let net = Net::new();
    let worlds = [0, 1].map(|_| support::World::new(Some(net.clone()), ::netio::Completion::Deferred));
    let entered = worlds[0].machine.enter();
    let client = Client::new();
    let socket = client.bound("10.0.0.1:7");
    drop(entered);
    assert_eq!((worlds[0].netio.sockets(), worlds[1].netio.sockets()), (1, 0));
    let entered = worlds[1].machine.enter();
    let other = Client::new();
    let sender = other.bound("10.0.0.2:7");
    sender.send(b"across", Some("10.0.0.1:7".parse().unwrap()));
    sender.close();
    other.end();
    drop(entered);
    let entered = worlds[0].machine.enter();
    let received = socket.receive(10).unwrap();
    assert_eq!((received.bytes.as_slice(), received.from), (&b"across"[..], "10.0.0.2:7".parse().unwrap()));
    socket.close();
    client.end();
    drop(entered);
    for world in worlds {
        world.machine.shutdown();
    }
}
