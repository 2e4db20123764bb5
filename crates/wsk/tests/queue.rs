//! The completion queue: order, drainers, doorbell, teardown, and sockets made without waiting.
#![cfg(not(loom))]
#![allow(missing_docs, reason = "a test")]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{BRIEFLY, Bell, LOOPBACK_V4, SOON, in_every_mode, op_for, run};
use netio::Completion;
use wsk::option::socket::Broadcast;
use wsk::{
    Bind, Buffer, Error, Family, Get, LocalAddress, Op, Payload, ReceiveFrom, Registration, SendTo, Socket,
    Version,
};
use wsk_sys::WSK_BUF;

/// A buffer with a number.
struct Numbered {
    number: usize,
    buffer: Buffer,
}

// SAFETY: the buffer's own promise.
#[allow(unsafe_code, reason = "the payload is another payload's")]
unsafe impl Payload for Numbered {
    fn buffer(&self) -> WSK_BUF {
        self.buffer.buffer()
    }

    fn room(&self) -> WSK_BUF {
        self.buffer.room()
    }

    fn set_received(&mut self, length: usize) {
        self.buffer.set_received(length);
    }
}

wsk::dispatch_drop!(Numbered { number, buffer });

fn numbered(number: usize) -> Op<Numbered> {
    Op::new(Numbered { number, buffer: Buffer::new(8).unwrap() }).unwrap()
}

const RECEIVES: usize = 8;

#[test]
fn results_come_in_the_order_of_completion() {
    for mode in [Completion::Inline, Completion::Deferred] {
        run(mode, |world| {
            world.with_socket(|socket, address, passive| {
                let bell = Bell::default();
                let queue = bell.queue(passive);
                for number in 0..RECEIVES {
                    socket.submit_to(&queue, numbered(number), ReceiveFrom, None);
                }
                let peer = world.peer();
                for byte in 0..RECEIVES {
                    peer.send_to(&[u8::try_from(byte).unwrap()], address).unwrap();
                }
                for (number, completion) in bell.take(&queue, RECEIVES).iter().enumerate() {
                    assert_eq!(completion.result(), Ok(1));
                    assert_eq!(completion.address(), Some(peer.local_addr().unwrap()));
                    assert_eq!(completion.flags(), 0);
                    assert_eq!(completion.buffers().number, number, "WSK serves receives in their order");
                    assert_eq!(usize::from(completion.buffers().buffer[0]), number);
                }
                assert_eq!(queue.drain().count(), 0);
                drop(queue);
                drop(bell);
            });
        });
    }
}

#[test]
fn a_driver_that_never_waits() {
    // Every operation is submitted again from where its result was taken, as a work item does.
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let rounds = if cfg!(miri) { 4 } else { 100 };
            let bell = Bell::default();
            let queue = bell.queue::<Buffer>(passive);
            let echo = thread::scope(|scope| {
                let peer = scope.spawn(|| {
                    let peer = world.peer();
                    for round in 0..rounds {
                        let bytes = u32::to_ne_bytes(round);
                        peer.send_to(&bytes, address).unwrap();
                        let mut reply = [0; 8];
                        let (length, from) = peer.recv_from(&mut reply).unwrap();
                        assert_eq!((&reply[..length], from), (&bytes[..], address));
                    }
                });
                let mut echoes = 0;
                socket.submit_to(&queue, op_for(4), ReceiveFrom, None);
                while echoes < rounds {
                    bell.listen();
                    for completion in queue.drain() {
                        let result = completion.result();
                        let from = completion.address();
                        let op = completion.into_op();
                        let is_receive = op.buffers().capacity() == 4;
                        match result {
                            Ok(length) if is_receive => {
                                // The answer in a buffer of its own.
                                let mut answer = Buffer::new(5).unwrap();
                                answer.fill(&op.buffers()[..length]).unwrap();
                                socket.submit_to(&queue, Op::new(answer).unwrap(), SendTo(from), Some(SOON));
                                socket.submit_to(&queue, op, ReceiveFrom, None);
                            }
                            Ok(sent) => {
                                assert_eq!(sent, 4);
                                echoes += 1;
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
                peer.join().unwrap();
                echoes
            });
            assert_eq!(echo, rounds);
            // The last receive is still there: the close ends it, and the queue's drop waits for it.
            assert_eq!(socket.close(passive), Ok(()));
            drop(queue);
            drop(bell);
        });
    });
}

#[test]
fn the_doorbell_rings_when_something_arrives_in_an_empty_queue() {
    run(Completion::Inline, |world| {
        world.with_socket(|socket, _, passive| {
            let bell = Bell::default();
            let queue = bell.queue::<()>(passive);
            let submit = || socket.submit_to(&queue, Op::new(()).unwrap(), LocalAddress, None);
            assert_eq!(bell.rings(), 0);
            submit();
            submit();
            submit();
            assert_eq!(bell.rings(), 1, "the first has rung for all three");
            assert_eq!(queue.drain().count(), 3);
            assert_eq!(queue.drain().count(), 0);
            submit();
            assert_eq!(bell.rings(), 2);
            // Not looked at, they are dropped.
            drop(queue.drain());
            drop(queue);
            drop(bell);
        });
    });
}

#[test]
fn several_threads_drain() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let count = if cfg!(miri) { 6 } else { 200 };
            let bell = Bell::default();
            let queue = bell.queue::<Numbered>(passive);
            let taken: Vec<_> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            let done = AtomicBool::new(false);
            let total = AtomicUsize::new(0);
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        let _entered = world.machine.enter();
                        while !done.load(Ordering::SeqCst) {
                            for completion in queue.drain() {
                                assert_eq!(completion.address(), Some(address));
                                taken[completion.buffers().number].fetch_add(1, Ordering::SeqCst);
                                total.fetch_add(1, Ordering::SeqCst);
                            }
                            thread::yield_now();
                        }
                    });
                }
                for number in 0..count {
                    socket.submit_to(&queue, numbered(number), LocalAddress, None);
                }
                queue.run_down(passive);
                // Taken all, looked at soon.
                while total.load(Ordering::SeqCst) < count {
                    thread::sleep(Duration::from_millis(1));
                }
                done.store(true, Ordering::SeqCst);
            });
            assert!(taken.iter().all(|times| times.load(Ordering::SeqCst) == 1), "each went to one thread");
            drop(queue);
            drop(bell);
        });
    });
}

#[test]
fn a_queue_is_dropped_while_operations_are_outstanding() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let bell = Bell::default();
            let queue = bell.queue::<Buffer>(passive);
            for _ in 0..3 {
                socket.submit_to(&queue, op_for(8), ReceiveFrom, Some(BRIEFLY));
                socket.submit_to(&queue, op_for(8), LocalAddress, None);
            }
            drop(queue);
            assert_eq!(world.netio.pending(), 0, "the drop has waited for all of them");
            drop(bell);
        });
    });
}

#[test]
fn queued_operations_are_cancelled_and_time_out() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let bell = Bell::default();
            let queue = bell.queue::<Buffer>(passive);
            let op = op_for(8);
            let canceller = op.canceller();
            socket.submit_to(&queue, op, ReceiveFrom, None);
            canceller.cancel();
            let completion = bell.take(&queue, 1).remove(0);
            assert_eq!(completion.result(), Err(Error::CANCELLED));
            socket.submit_to(&queue, completion.into_op(), ReceiveFrom, Some(BRIEFLY));
            let mut completion = bell.take(&queue, 1).remove(0);
            assert_eq!(completion.result(), Err(Error::IO_TIMEOUT));
            assert!(completion.output().is_empty());
            completion.buffers_mut().set_len(3);
            assert_eq!(completion.buffers().len(), 3);
            assert!(completion.take_socket().is_none());
            drop(completion);
            drop(canceller);
            drop(queue);
            drop(bell);
        });
    });
}

#[test]
fn a_socket_is_made_without_waiting() {
    in_every_mode(|world| {
        let passive = &world.passive();
        let registration = Registration::register(Version::V1_0, passive).unwrap();
        let provider = || registration.try_provider().unwrap();
        let bell = Bell::default();
        let queue = bell.queue::<()>(passive);
        provider().submit_datagram(&queue, Op::new(()).unwrap(), Family::V4, Some(SOON)).unwrap();
        let mut completion = bell.take(&queue, 1).remove(0);
        assert_eq!(completion.result(), Ok(0), "an address of the kernel's is not shown");
        let socket = completion.take_socket().expect("a socket was made");
        assert!(completion.take_socket().is_none(), "there is one");
        assert_eq!((socket.family(), world.netio.sockets()), (Family::V4, 1));

        // The operation goes on, for requests on that socket.
        let bind = Bind(LOOPBACK_V4.parse().unwrap());
        socket.submit_to(&queue, completion.into_op(), bind, None);
        let completion = bell.take(&queue, 1).remove(0);
        assert_eq!(completion.result(), Ok(0));
        socket.submit_to(&queue, completion.into_op(), Get::<Broadcast>::new(), None);
        let completion = bell.take(&queue, 1).remove(0);
        assert_eq!((completion.result(), completion.output()), (Ok(4), &[0; 4][..]));
        drop(socket);
        drop(completion);
        drop(queue);
        drop(bell);
        drop(registration);
        assert_eq!(world.netio.sockets(), 0);
    });
}

#[test]
fn a_socket_that_nobody_takes_is_closed() {
    in_every_mode(|world| {
        let passive = &world.passive();
        let registration = Registration::register(Version::V1_0, passive).unwrap();
        let bell = Bell::default();
        let queue = bell.queue::<()>(passive);
        let submit = |op| {
            let provider = registration.try_provider().unwrap();
            provider.submit_datagram(&queue, op, Family::V6, None).unwrap();
        };
        // Dropped with the completion, although a canceller keeps the operation's memory.
        let op = Op::new(()).unwrap();
        let canceller = op.canceller();
        submit(op);
        drop(bell.take(&queue, 1));
        drop(canceller);
        // Left behind when the operation is taken out.
        submit(Op::new(()).unwrap());
        let op = bell.take(&queue, 1).remove(0).into_op();
        drop(op);
        // Never drained at all; one of them is cancelled before it begins, and may or may not be made.
        let op = Op::new(()).unwrap();
        op.canceller().cancel();
        submit(op);
        submit(Op::new(()).unwrap());
        drop(queue);
        drop(bell);
        drop(registration);
        assert_eq!(world.netio.sockets(), 0);
    });
}

#[test]
fn a_handle_of_a_queue_made_socket_is_one_of_many() {
    in_every_mode(|world| {
        let passive = &world.passive();
        let registration = Registration::register(Version::V1_0, passive).unwrap();
        let bell = Bell::default();
        let queue = bell.queue::<()>(passive);
        let provider = registration.try_provider().unwrap();
        provider.submit_datagram(&queue, Op::new(()).unwrap(), Family::V4, None).unwrap();
        let socket: Socket<'_> = bell.take(&queue, 1).remove(0).take_socket().unwrap();
        let other = socket.clone();
        drop(socket);
        assert_eq!(world.netio.sockets(), 1);
        drop(other);
        drop(queue);
        drop(bell);
        drop(registration);
    });
}

#[test]
fn what_a_forgotten_drain_has_not_given_is_still_in_the_queue() {
    in_every_mode(|world| {
        let passive = &world.passive();
        let registration = Registration::register(Version::V1_0, passive).unwrap();
        let bell = Bell::default();
        let queue = bell.queue::<u32>(passive);
        let submit = |number| {
            let provider = registration.try_provider().unwrap();
            provider.submit_datagram(&queue, Op::new(number).unwrap(), Family::V4, None).unwrap();
        };
        (0..4).for_each(submit);
        let all_have_arrived = || {
            let end = std::time::Instant::now() + SOON;
            while world.netio.pending() != 0 {
                assert!(std::time::Instant::now() < end, "they complete");
                thread::yield_now();
            }
        };
        all_have_arrived();
        let mut drain = queue.drain();
        let first = drain.next();
        core::mem::forget(drain);
        let mut seen: Vec<u32> = first.iter().map(|one| *one.buffers()).collect();
        drop(first);
        // Another one takes what was left, and what has come since.
        submit(4);
        while seen.len() < 4 {
            seen.extend(queue.drain().take(4 - seen.len()).map(|one| *one.buffers()));
        }
        seen.sort_unstable();
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:?}");
        // And the drop of the queue takes what was never asked for again.
        submit(5);
        core::mem::forget(queue.drain());
        drop(queue);
        drop(bell);
        drop(registration);
        assert_eq!(world.netio.sockets(), 0, "none was lost");
    });
}
