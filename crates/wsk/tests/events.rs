//! Event callbacks: a handler gets datagrams, accepts, refuses or retains them, and outlives the socket's close.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::events::{
    Event, Handler, accept, accepting, event, handler, held, listening, retaining, with_handler,
};
use crate::common::{self, LOOPBACK_V4, LOOPBACK_V6, SOON, in_every_mode, run};
use netio::Completion;
use wsk::event::{Answer, DisableReceive, Disabled, Indication, ReceiveHandler, Retained};
use wsk::{DispatchDrop, Error, Family, Op, Socket};
use wsk_sys::{MSG_BCAST, WSK_FLAG_AT_DISPATCH_LEVEL};

#[test]
fn datagrams_go_to_the_handler() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            for loopback in [LOOPBACK_V4, LOOPBACK_V6] {
                let (socket, address, watch) = listening(provider, loopback, passive, accept);
                let peer = world.net.peer(loopback.parse().unwrap()).unwrap();
                peer.send_to(b"before", address).unwrap();
                watch.nothing();
                socket.enable_receive().unwrap();
                for bytes in [&b"one"[..], b"", b"3"] {
                    peer.send_to(bytes, address).unwrap();
                }
                for bytes in [&b"before"[..], b"one", b"", b"3"] {
                    assert_eq!(watch.next(), Event::Datagram(bytes.to_vec(), peer.local_addr().ok()));
                }
                assert_eq!(socket.close(passive), Ok(()));
                watch.gone();
            }
        });
    });
}

/// Tells how the datagrams of an indication were sent, and keeps them.
struct Teller(Mutex<Sender<(u32, String, Retained)>>);

// SAFETY: what it has is the host's memory, which can be freed anywhere.
#[allow(unsafe_code, reason = "the trait is a promise")]
unsafe impl DispatchDrop for Teller {}

impl ReceiveHandler for Teller {
    fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
        let (flags, text) = (indication.flags(), format!("{indication:?} {:?}", indication.datagrams()));
        let (retained, answer) = indication.retain().expect("the socket is open");
        self.0.lock().unwrap().send((flags, text, retained)).unwrap();
        answer
    }
}

#[test]
fn an_indication_says_how_the_datagrams_were_sent() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let (teller, told) = channel();
            let teller = Teller(Mutex::new(teller));
            let socket = provider.socket(Family::V4).handler(teller).datagram(passive).unwrap();
            let Ok(socket) = socket.bind("0.0.0.0:0".parse().unwrap(), passive) else { panic!("any port") };
            socket.enable_receive().unwrap();
            let port = socket.local_address(passive).unwrap().port();
            let peer = world.peer();
            peer.set_broadcast(true).unwrap();
            for (to, flags) in [(Ipv4Addr::LOCALHOST, 0), (Ipv4Addr::BROADCAST, MSG_BCAST)] {
                peer.send_to(b"sent", (to, port).into()).unwrap();
                let from = peer.local_addr().unwrap();
                let list = format!("[Indicated {{ from: Some({from}), len: 4 }}]");
                let (seen, text, retained) = told.recv_timeout(SOON).unwrap();
                let raw = flags | WSK_FLAG_AT_DISPATCH_LEVEL;
                assert_eq!((seen, text), (flags, format!("Indication {{ flags: {raw}, .. }} {list}")));
                assert_eq!(retained.flags(), flags);
                assert_eq!(format!("{retained:?}"), format!("Retained {{ datagrams: {list}, .. }}"));
                let segments = retained.datagrams().next().unwrap().segments();
                assert_eq!(format!("{segments:?}"), "Segments { left: 4, .. }");
            }
            socket.close(passive).unwrap();
        });
    });
}

#[test]
fn what_is_refused_waits() {
    in_every_mode(|world| {
        let refusals = AtomicUsize::new(0);
        let act = accepting(move |indication| match refusals.fetch_add(1, Ordering::Relaxed) {
            0 => indication.refuse(),
            _ => indication.accept(),
        });
        with_handler(world, act, |socket, address, watch, passive| {
            let peer = world.peer();
            peer.send_to(b"first", address).unwrap();
            assert_eq!(watch.bytes(), b"first");
            peer.send_to(b"second", address).unwrap();
            watch.nothing();
            socket.enable_receive().unwrap();
            assert_eq!((watch.bytes(), watch.bytes()), (b"first".to_vec(), b"second".to_vec()));
            socket.close(passive).unwrap();
        });
    });
}

#[test]
fn what_is_retained_can_be_read_until_it_is_dropped() {
    in_every_mode(|world| {
        let (act, kept) = retaining();
        with_handler(world, act, |socket, address, watch, passive| {
            let peer = world.peer();
            peer.send_to(b"kept", address).unwrap();
            assert_eq!(watch.bytes(), b"kept");
            let retained = kept.recv_timeout(SOON).unwrap();
            let read: Vec<_> = retained.datagrams().map(event).collect();
            assert_eq!(read, [Event::Datagram(b"kept".to_vec(), peer.local_addr().ok())]);
            assert_eq!(retained.flags(), 0);
            // Dropped on another thread.
            world.machine.spawn("release", move || drop(retained)).join().unwrap();
            socket.close(passive).unwrap();
        });
    });
}

#[test]
fn a_close_waits_for_what_is_retained() {
    in_every_mode(|world| {
        let (act, kept) = retaining();
        with_handler(world, act, |socket, address, watch, passive| {
            world.peer().send_to(b"kept", address).unwrap();
            watch.next();
            let retained = kept.recv_timeout(SOON).unwrap();
            let releasing = world.machine.spawn("release", move || {
                std::thread::sleep(Duration::from_millis(10));
                drop(retained);
            });
            assert_eq!(socket.close(passive), Ok(()));
            watch.gone();
            releasing.join().unwrap();
        });
    });
}

#[test]
fn the_last_release_closes_a_socket_that_was_dropped() {
    in_every_mode(|world| {
        let (act, kept) = retaining();
        let retained = Mutex::new(Vec::new());
        with_handler(world, act, |socket, address, watch, _| {
            for bytes in [b"1", b"2"] {
                world.peer().send_to(bytes, address).unwrap();
                watch.next();
                retained.lock().unwrap().push(kept.recv_timeout(SOON).unwrap());
            }
            drop(socket);
            assert_eq!(watch.drops(), 0, "the handler is there as long as the socket");
            assert_eq!(world.netio.sockets(), 1);
            // Deregistering, which follows, waits for the close that the second release sends.
            for retained in retained.lock().unwrap().drain(..) {
                assert_eq!(watch.drops(), 0);
                drop(retained);
            }
        });
    });
}

#[test]
fn nothing_is_retained_once_the_close_was_asked_for() {
    in_every_mode(|world| {
        let retained = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&retained);
        let (act, is_in, go_on) = held(accepting(move |indication| match indication.retain() {
            Ok((list, answer)) => {
                count.fetch_add(1, Ordering::Relaxed);
                drop(list);
                answer
            }
            Err(indication) => indication.accept(),
        }));
        with_handler(world, act, |socket, address, watch, _| {
            let peer = world.peer();
            // A thread that is in no kernel: the callback is not on its stack.
            std::thread::scope(|scope| {
                scope.spawn(|| peer.send_to(b"x", address).unwrap());
            });
            is_in.recv_timeout(SOON).unwrap();
            drop(socket);
            go_on.send(()).unwrap();
            watch.next();
        });
        assert_eq!(retained.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_list_may_be_released_in_the_call() {
    in_every_mode(|world| {
        let act = accepting(|indication| match indication.retain() {
            Ok((retained, answer)) => {
                drop(retained);
                answer
            }
            Err(indication) => indication.accept(),
        });
        with_handler(world, act, |socket, address, watch, passive| {
            world.peer().send_to(b"x", address).unwrap();
            assert_eq!(watch.bytes(), b"x");
            socket.close(passive).unwrap();
        });
    });
}

#[test]
fn disabling_waits_or_tells_that_it_does_not() {
    in_every_mode(|world| {
        let (act, is_in, go_on) = held(accepting(accept));
        with_handler(world, act, |socket, address, watch, passive| {
            let peer = world.peer();
            std::thread::scope(|scope| {
                scope.spawn(|| peer.send_to(b"x", address).unwrap());
            });
            is_in.recv_timeout(SOON).unwrap();
            assert_eq!(socket.disable_receive_soon(), Ok(Disabled::Soon));
            let disabling = socket.submit(Op::new(()).unwrap(), DisableReceive, None);
            std::thread::sleep(Duration::from_millis(5));
            assert!(!disabling.is_done());
            go_on.send(()).unwrap();
            assert_eq!(disabling.wait(passive).0, Ok(()));
            assert_eq!(watch.bytes(), b"x");
            assert_eq!(socket.disable_receive_soon(), Ok(Disabled::Now));
            assert_eq!(socket.disable_receive(passive), Ok(()));
            peer.send_to(b"y", address).unwrap();
            watch.nothing();
            socket.close(passive).unwrap();
        });
    });
}

#[test]
fn a_disable_has_a_time_limit() {
    run(Completion::Inline, |world| {
        let (act, is_in, go_on) = held(accepting(accept));
        with_handler(world, act, |socket, address, watch, passive| {
            let peer = world.peer();
            std::thread::scope(|scope| {
                scope.spawn(|| peer.send_to(b"x", address).unwrap());
            });
            is_in.recv_timeout(SOON).unwrap();
            let limited = socket.disable_receive(passive.within(common::BRIEFLY));
            assert_eq!(limited, Err(Error::IO_TIMEOUT));
            go_on.send(()).unwrap();
            watch.next();
            socket.close(passive).unwrap();
        });
    });
}

#[test]
fn the_handler_is_found_by_its_type() {
    run(Completion::Inline, |world| {
        with_handler(world, accept, |socket, address, _, passive| {
            struct Other;
            wsk::dispatch_drop!(Other {});
            impl ReceiveHandler for Other {
                fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
                    indication.accept()
                }
            }
            assert!(socket.handler::<Other>().is_none());
            assert!(socket.handler::<Handler>().is_some());
            let socket = Socket::from(socket);
            let clone = socket.clone();
            drop(socket);
            assert!(clone.handler::<Handler>().is_some());
            assert_eq!(clone.disable_receive_soon(), Ok(Disabled::Now));
            assert_eq!(clone.enable_receive(), Ok(()));
            let _ = (address, passive);
        });
    });
}

#[test]
fn without_a_handler_there_is_nothing_to_enable() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            assert_eq!(socket.enable_receive(), Err(Error::INVALID_DEVICE_REQUEST));
            assert_eq!(socket.disable_receive_soon(), Ok(Disabled::Now));
            assert!(socket.handler::<Handler>().is_none());
            socket.close(passive).unwrap();
        });
    });
}

#[test]
fn a_handler_goes_even_if_no_socket_was_made() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let (handler, watch) = handler(accept);
            let unbound = provider.socket(Family::V4).handler(handler).datagram(passive).unwrap();
            assert!(unbound.handler::<Handler>().is_some());
            drop(unbound);
            watch.gone();
            let (handler, watch) = self::handler(accept);
            world.netio.detach();
            let refused = provider.socket(Family::V4).handler(handler).datagram(passive).map(drop);
            assert_eq!(refused, Err(Error::DEVICE_NOT_READY));
            watch.gone();
        });
    });
}
