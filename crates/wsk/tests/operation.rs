//! Operations in flight: wait, cancel, time limit, drop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{self, BRIEFLY, SOON, World, in_every_mode, op_for, op_with};
use ntos::IrpEventKind;
use wsk::ioctl::SetRemoteAddress;
use wsk::option::socket::Broadcast;
use wsk::{
    Canceller, DispatchDrop, Error, Get, IntoWait as _, Ioctl, LocalAddress, Op, ReceiveFrom, SendTo, Set,
};

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < SOON, "{what}: not in time");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Counts its drops.
#[derive(Clone, Default)]
struct Dropped(Arc<AtomicUsize>);

struct Counted(Dropped);

// SAFETY: its drop counts.
#[allow(unsafe_code, reason = "a drop of the test's own")]
unsafe impl DispatchDrop for Counted {}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Dropped {
    fn op(&self) -> Op<(Counted, Vec<u8>)> {
        Op::new((Counted(self.clone()), vec![1, 2, 3])).unwrap()
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn an_operation_flies_many_times() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let irps = world.machine.counters().irps.total;
            let mut op = Op::new(String::from("mine")).unwrap();
            for round in 0..10_u32 {
                let (result, completed) = socket.submit(op, LocalAddress, None).wait(passive);
                assert_eq!(result, Ok(address));
                let even = round % 2 == 0;
                let (result, completed) =
                    socket.submit(completed, Set::<Broadcast>::new(even), None).wait(passive);
                assert_eq!(result, Ok(()));
                let (result, completed) =
                    socket.submit(completed, Get::<Broadcast>::new(), Some(SOON)).wait(passive);
                assert_eq!(result, Ok(even));
                op = completed;
            }
            assert_eq!(op.buffers(), "mine");
            op.buffers_mut().push('!');
            assert_eq!(op.buffers(), "mine!");
            assert_eq!(
                world.machine.counters().irps.total,
                irps + 1,
                "one IRP, prepared for every submission"
            );
        });
    });
}

#[test]
fn a_receive_is_done_when_a_datagram_has_come() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let pending = socket.submit(op_for(10), ReceiveFrom, None);
            thread::sleep(BRIEFLY);
            assert!(!pending.is_done());
            world.peer().send_to(b"now", address).unwrap();
            wait_until("the receive", || pending.is_done());
            let (received, op) = pending.wait(passive);
            assert_eq!(&op.buffers()[..received.unwrap().length], b"now");
        });
    });
}

#[test]
fn a_cancelled_receive_ends_and_its_operation_is_whole() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let pending = socket.submit(op_for(10), ReceiveFrom, None);
            pending.cancel();
            pending.cancel();
            let (result, op) = pending.wait(passive);
            assert_eq!(result, Err(Error::CANCELLED));
            // The cancel was for that submission only.
            world.peer().send_to(b"next", address).unwrap();
            let (result, op) = socket.submit(op, ReceiveFrom, None).wait(passive);
            assert_eq!(&op.buffers()[..result.unwrap().length], b"next");
        });
    });
}

#[test]
fn a_cancel_before_the_submission_takes_effect_with_it() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let mut op = op_for(10);
            let canceller = op.canceller();
            canceller.cancel();
            let (result, completed) = socket.submit(op, ReceiveFrom, None).wait(passive);
            assert_eq!(result, Err(Error::CANCELLED));
            op = completed;
            // Again, but the owner thinks better of it.
            canceller.cancel();
            op.reset();
            let pending = socket.submit(op, ReceiveFrom, None);
            thread::sleep(BRIEFLY);
            assert!(!pending.is_done());
            canceller.cancel();
            assert_eq!(pending.wait(passive).0, Err(Error::CANCELLED));
        });
    });
}

#[test]
fn a_canceller_works_from_any_thread_and_outlives_the_operation() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let dropped = Dropped::default();
            let op = dropped.op();
            let canceller = op.canceller();
            let pending = socket.submit(op_for(10), ReceiveFrom, None);
            let receive = pending;
            let other = {
                let op = op_for(10);
                let canceller = op.canceller();
                let pending = socket.submit(op, ReceiveFrom, None);
                let thread = world.machine.spawn("cancel", move || canceller.cancel());
                assert_eq!(pending.wait(passive).0, Err(Error::CANCELLED));
                thread
            };
            other.join().unwrap();
            receive.cancel();
            assert_eq!(receive.wait(passive).0, Err(Error::CANCELLED));
            let blocks = world.machine.counters().pool_blocks.live;
            drop(op);
            assert_eq!(dropped.count(), 1, "the buffers are gone");
            assert_eq!(world.machine.counters().pool_blocks.live, blocks, "the canceller keeps the memory");
            canceller.cancel();
            drop(canceller);
            assert_eq!(world.machine.counters().pool_blocks.live, blocks - 1);
        });
    });
}

#[test]
fn a_cancel_may_come_too_late() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let pending = socket.submit(Op::new(()).unwrap(), LocalAddress, None);
            wait_until("the request", || pending.is_done());
            pending.cancel();
            assert_eq!(pending.wait(passive).0, Ok(address), "a late success is a success");
        });
    });
}

#[test]
fn the_time_limit_ends_a_receive() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let mut op = op_for(10);
            for limit in [BRIEFLY, Duration::ZERO, Duration::from_nanos(1)] {
                let started = Instant::now();
                let (result, completed) = socket.submit(op, ReceiveFrom, Some(limit)).wait(passive);
                assert_eq!(result, Err(Error::IO_TIMEOUT));
                assert!(started.elapsed() >= limit);
                op = completed;
            }
            // Asked for by the owner, a cancel is a cancel, whatever limit there is.
            let pending = socket.submit(op, ReceiveFrom, Some(SOON));
            pending.cancel();
            let (result, op) = pending.wait(passive);
            assert_eq!(result, Err(Error::CANCELLED));
            // In time.
            world.peer().send_to(b"x", address).unwrap();
            let (result, _) = socket.submit(op, ReceiveFrom, Some(SOON)).wait(passive);
            assert_eq!(result.map(|received| received.length), Ok(1));
        });
    });
}

#[test]
fn blocking_calls_have_time_limits() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let wait = passive.within(SOON);
            assert_eq!((wait.timeout(), passive.into_wait().timeout()), (Some(SOON), None));
            let socket = provider.datagram(wsk::Family::V4, wait).unwrap();
            let Ok(socket) = socket.bind(common::LOOPBACK_V4.parse().unwrap(), wait) else { panic!("bind") };
            assert_eq!(socket.set::<Broadcast>(true, wait), Ok(()));
            assert_eq!(socket.get::<Broadcast>(wait), Ok(true));
            assert!(socket.local_address(wait).is_ok());
            // With no time at all, each is done or cancelled, never both and never in between.
            for _ in 0..if cfg!(miri) { 2 } else { 20 } {
                let now = passive.within(Duration::ZERO);
                match socket.set::<Broadcast>(false, now) {
                    Ok(()) => assert_eq!(socket.get::<Broadcast>(passive), Ok(false)),
                    Err(error) => {
                        assert_eq!(error, Error::IO_TIMEOUT);
                        assert_eq!(socket.get::<Broadcast>(passive), Ok(true));
                    }
                }
                socket.set::<Broadcast>(true, passive).unwrap();
                match provider.datagram(wsk::Family::V4, now) {
                    Ok(other) => assert_eq!(other.close(passive), Ok(())),
                    Err(error) => assert_eq!(error, Error::IO_TIMEOUT),
                }
                assert_eq!(world.netio.sockets(), 1, "no socket is lost when its creation is cancelled");
            }
        });
    });
}

#[test]
fn an_operation_is_dropped_in_flight() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let dropped = Dropped::default();
            // Short ones, which complete by themselves; then one that only the drop ends.
            for _ in 0..5 {
                drop(socket.submit(dropped.op(), LocalAddress, None));
                drop(socket.submit(dropped.op(), LocalAddress, Some(BRIEFLY)));
            }
            let op = dropped.op();
            let canceller = op.canceller();
            drop(socket.submit(op, LocalAddress, None));
            drop(canceller);
            let op = dropped.op();
            let canceller = op.canceller();
            let pending = socket.submit(op, LocalAddress, None);
            drop(canceller);
            drop(pending);
            wait_until("the drops", || dropped.count() == 12);

            drop(socket.submit(op_for(10), ReceiveFrom, None));
            drop(socket.submit(op_for(10), ReceiveFrom, Some(SOON)));
            wait_until("the cancels", || world.netio.pending() == 0);
            // They have taken no datagram with them.
            world.peer().send_to(b"x", address).unwrap();
            assert_eq!(common::receive(&socket, 10, SOON, passive).unwrap().1, b"x");
        });
    });
}

#[test]
fn the_socket_goes_before_or_after_what_is_pending() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, _| {
            let pending = socket.submit(op_for(10), ReceiveFrom, None);
            drop(socket);
            drop(pending);
        });
        world.with_socket(|socket, _, _| {
            let pending = socket.submit(op_for(10), ReceiveFrom, None);
            drop(pending);
            drop(socket);
        });
    });
}

#[test]
fn a_pending_operation_outlives_its_client() {
    in_every_mode(|world| {
        let pending = world.with_socket(|socket, _, _| socket.submit(op_for(10), ReceiveFrom, Some(SOON)));
        // Closed, released, deregistered: the IRP has completed, the result waits.
        assert!(pending.is_done());
        assert_eq!(pending.wait(&world.passive()).0, Err(Error::CANCELLED));
    });
}

#[test]
fn a_thread_waits_for_what_another_submitted() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, _| {
            let pending = socket.submit(op_for(10), ReceiveFrom, None);
            let waiter = world.machine.spawn("wait", move || {
                let (result, op) = pending.wait(&wsk::Passive::check().unwrap());
                op.buffers()[..result.unwrap().length].to_vec()
            });
            world.peer().send_to(b"over there", address).unwrap();
            assert_eq!(waiter.join().unwrap(), b"over there");
        });
    });
}

/// Cancels, time limits and completions at random moments: each operation ends once, in one of the three ways.
#[test]
fn a_storm_of_cancels_time_limits_and_datagrams() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let rounds = if cfg!(miri) { 5 } else { 300 };
            let peer = world.peer();
            let mut op = op_for(10);
            let canceller = op.canceller();
            let (cancels, wishes) = std::sync::mpsc::channel();
            let cancelling = world.machine.spawn("cancel", move || {
                for pause in wishes {
                    thread::sleep(pause);
                    canceller.cancel();
                }
            });
            let mut ends = [0; 3];
            for round in 0..rounds {
                let pause = |odd: u64| Duration::from_micros(round * odd % 400);
                let pending = socket.submit(op, ReceiveFrom, Some(pause(7)));
                cancels.send(pause(13)).unwrap();
                if round % 2 == 0 {
                    peer.send_to(b"x", address).unwrap();
                }
                let (result, completed) = pending.wait(passive);
                op = completed;
                match result {
                    Ok(received) => {
                        assert_eq!(received.length, 1);
                        ends[0] += 1;
                    }
                    Err(Error::CANCELLED) => ends[1] += 1,
                    Err(Error::IO_TIMEOUT) => ends[2] += 1,
                    Err(other) => panic!("{other}"),
                }
            }
            drop(cancels);
            cancelling.join().unwrap();
            assert_eq!(ends.iter().sum::<u64>(), rounds);
        });
    });
}

#[test]
fn refused_requests_come_back_the_usual_way() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            world.machine.clear_irp_log();
            let v6: SocketAddr = "[::1]:1".parse().unwrap();
            let pending =
                socket.submit(Op::new(()).unwrap(), Ioctl::<SetRemoteAddress>::new(Some(v6)), Some(SOON));
            assert!(pending.is_done());
            pending.cancel();
            let (result, op) = pending.wait(passive);
            assert_eq!(result, Err(Error::INVALID_ADDRESS_COMPONENT));
            let sent = |world: &World| {
                let log = world.machine.irp_log();
                log.iter().filter(|event| matches!(event.kind, IrpEventKind::Sent { .. })).count()
            };
            assert_eq!(sent(world), 0, "WSK was not asked");
            drop(socket.submit(op, Ioctl::<SetRemoteAddress>::new(Some(v6)), None));
            let (result, _) = socket.submit(op_with(b"x"), SendTo(Some(address)), None).wait(passive);
            assert_eq!((result, sent(world)), (Ok(1), 1));
        });
    });
}

/// An operation whose buffers can hold its own canceller.
struct Knows {
    itself: Option<Canceller>,
    dropped: Counted,
}

wsk::dispatch_drop!(Knows { itself, dropped });

#[test]
fn an_operation_may_hold_its_own_canceller() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let dropped = Dropped::default();
            let knowing = || {
                let mut op = Op::new(Knows { itself: None, dropped: Counted(dropped.clone()) }).unwrap();
                let itself = op.canceller();
                op.buffers_mut().itself = Some(itself);
                op
            };
            drop(knowing());
            assert_eq!(dropped.count(), 1);
            let (result, op) = socket.submit(knowing(), LocalAddress, None).wait(passive);
            assert!(result.is_ok());
            assert!(op.buffers().itself.is_some());
            drop(op);
            wait_until("the drop", || dropped.count() == 2);
            // Abandoned in flight; what is left is found at shutdown.
            drop(socket.submit(knowing(), LocalAddress, None));
            wait_until("the drop", || dropped.count() == 3);
        });
    });
}
