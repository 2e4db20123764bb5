//! Static events, dead sockets, everything at a time, and everything that can fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::events::{Event, accept, accepting, event, handler, listening, retaining, with_handler};
use crate::common::{self, LOOPBACK_V4, SOON, World, in_every_mode, run, run_as_read};
use netio::Completion;
use readings::{Readings, StaticSwitched};
use wsk::{Error, Family, Registration, Result, SendTo, Version, Waiters};

#[test]
fn static_events_are_always_on() {
    in_every_mode(|world| {
        let passive = &world.passive();
        let registration = Registration::register_static(Version::V1_0, passive).unwrap();
        assert!(registration.has_static_events());
        let provider = registration.provider(passive).unwrap();
        let calls = AtomicUsize::new(0);
        let (socket, address, watch) = listening(
            &provider,
            LOOPBACK_V4,
            passive,
            accepting(move |indication| {
                if calls.fetch_add(1, Ordering::Relaxed) == 0 {
                    indication.refuse()
                } else {
                    indication.accept()
                }
            }),
        );
        let peer = world.peer();
        peer.send_to(b"lost", address).unwrap();
        assert_eq!(watch.bytes(), b"lost");
        peer.send_to(b"taken", address).unwrap();
        assert_eq!(watch.bytes(), b"taken");
        assert_eq!(socket.enable_receive(), Err(Error::INVALID_DEVICE_REQUEST));
        assert_eq!(socket.disable_receive(passive), Err(Error::INVALID_DEVICE_REQUEST));
        assert_eq!(socket.disable_receive_soon(), Err(Error::INVALID_DEVICE_REQUEST));
        // A socket without a handler gets what it waits for.
        let quiet = common::bound(&provider, LOOPBACK_V4, passive);
        let receive = quiet.submit(common::op_for(10), wsk::ReceiveFrom, Some(SOON));
        quiet.local_address(passive).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        peer.send_to(b"quiet", quiet.local_address(passive).unwrap()).unwrap();
        assert_eq!(receive.wait(passive).0.unwrap().length, 5);
        quiet.close(passive).unwrap();
        socket.close(passive).unwrap();
    });
}

/// Whatever WSK would say.
#[test]
fn static_events_are_not_switched() {
    run_as_read(Readings::STRICT.with(StaticSwitched::InvalidParameter), |world| {
        let passive = &world.passive();
        let registration = Registration::register_static(Version::V1_0, passive).unwrap();
        let provider = registration.provider(passive).unwrap();
        let (socket, ..) = listening(&provider, LOOPBACK_V4, passive, accept);
        assert_eq!(socket.enable_receive(), Err(Error::INVALID_DEVICE_REQUEST));
        assert_eq!(socket.disable_receive(passive), Err(Error::INVALID_DEVICE_REQUEST));
        assert_eq!(socket.disable_receive_soon(), Err(Error::INVALID_DEVICE_REQUEST));
        socket.close(passive).unwrap();
    });
}

#[test]
fn a_dead_socket_refuses_and_closes() {
    in_every_mode(|world| {
        let (act, kept) = retaining();
        with_handler(world, act, |socket, address, watch, passive| {
            world.peer().send_to(b"kept", address).unwrap();
            watch.next();
            let retained = kept.recv_timeout(SOON).unwrap();
            let waiting = socket.submit(common::op_for(10), wsk::ReceiveFrom, None);
            socket.local_address(passive).unwrap();
            world.netio.kill_sockets();
            assert_eq!(watch.next(), Event::ForcedClosed);
            assert_eq!(waiting.wait(passive).0.map(drop), Err(Error::FILE_FORCED_CLOSED));
            let sent = socket.submit(common::op_with(b"x"), SendTo(Some(address)), None).wait(passive).0;
            assert_eq!(sent, Err(Error::FILE_FORCED_CLOSED));
            assert_eq!(socket.local_address(passive), Err(Error::FILE_FORCED_CLOSED));
            assert_eq!(socket.enable_receive(), Err(Error::FILE_FORCED_CLOSED));
            assert_eq!(socket.disable_receive(passive), Err(Error::FILE_FORCED_CLOSED));
            let read: Vec<_> = retained.datagrams().map(event).collect();
            assert_eq!(read.len(), 1);
            drop(retained);
            assert_eq!(socket.close(passive), Ok(()));
            watch.gone();
        });
        // Others are made, and work.
        world.with_socket(|socket, address, passive| {
            assert_eq!(common::send(&socket, b"x", Some(address), passive), Ok(1));
            assert_eq!(common::receive(&socket, 10, SOON, passive).unwrap().1, b"x");
        });
    });
}

/// Senders, a handler that retains some and hands them to another thread, and a close in the midst of it.
#[test]
fn everything_at_a_time() {
    const ROUNDS: usize = if cfg!(miri) { 2 } else { 40 };
    for round in 0..ROUNDS {
        for mode in common::modes() {
            run(*mode, |world| {
                let (act, kept) = retaining();
                let handled = AtomicUsize::new(0);
                let act = accepting(move |indication| {
                    if handled.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
                        indication.accept()
                    } else {
                        act(indication)
                    }
                });
                let machine = world.machine.clone();
                let releasing = machine.spawn("release", move || kept.into_iter().for_each(drop));
                with_handler(world, act, |socket, address, _, passive| {
                    std::thread::scope(|scope| {
                        for _ in 0..2 {
                            let (machine, net) = (world.machine.clone(), world.net.clone());
                            scope.spawn(move || {
                                let _entered = machine.enter();
                                let peer = net.peer(LOOPBACK_V4.parse().unwrap()).unwrap();
                                for _ in 0..20 {
                                    peer.send_to(b"x", address).unwrap();
                                }
                            });
                        }
                        std::thread::sleep(Duration::from_micros(round as u64 * 5));
                        if round.is_multiple_of(2) {
                            socket.close(passive).unwrap();
                        } else {
                            drop(socket);
                        }
                    });
                });
                // The handler is gone, and with it the sender of what was retained.
                releasing.join().unwrap();
            });
        }
    }
}

/// All that can fail; ends at the first failure.
fn scenario(world: &World) -> Result {
    let passive = &world.passive();
    let registration = Registration::register_static(Version::V1_0, passive)?;
    let provider = registration.provider(passive)?;
    provider.datagram(Family::V4, passive)?.close(passive)?;
    drop(provider);
    drop(registration);
    let registration = Registration::register(Version::V1_0, passive)?;
    let provider = registration.provider(passive)?;
    let (handler, _watch) = handler(accept);
    let socket = provider.socket(Family::V4).handler(handler).datagram(passive)?;
    let socket = socket.bind(LOOPBACK_V4.parse().unwrap(), passive)?;
    socket.enable_receive()?;
    socket.disable_receive(passive)?;
    let _ = socket.disable_receive_soon()?;
    Waiters::new().map(drop)?;
    socket.close(passive)
}

#[test]
fn every_failure_is_clean() {
    // Miri is slow: some of them will do.
    const STEP: usize = if cfg!(miri) { 9 } else { 1 };
    let struck = common::each_failure(Completion::Deferred, STEP, scenario);
    if STEP > 1 {
        assert!(!struck.is_empty());
        return;
    }
    for expected in ["ExAllocatePool2", "IoAllocateIrp", "WskControlClient", "WskControlSocket"] {
        assert!(struck.contains(&expected), "{expected} is not among {struck:?}");
    }
}
