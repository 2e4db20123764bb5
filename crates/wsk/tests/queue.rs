//! The completion queue: order, drainers, doorbell, teardown, and sockets made without waiting.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::common::{BRIEFLY, Bell, LOOPBACK_V4, SOON, in_every_mode, op_for, run};
use netio::Completion as Mode;
use wsk::option::socket::Broadcast;
use wsk::{
    Bind, Buffer, Completion, Control, Error, Family, FromCompletion, Get, LocalAddress, Op, Payload,
    ReceiveFrom, Received, Registration, Result, SendTo, Set, Socket, Version,
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
    for mode in [Mode::Inline, Mode::Deferred] {
        run(mode, |world| {
            world.with_socket(|socket, address, passive| {
                let bell = Bell::default();
                let queue = bell.queue::<_, Result<Received>>(passive);
                for number in 0..RECEIVES {
                    socket.submit_to(&queue, numbered(number), ReceiveFrom, None);
                }
                let peer = world.peer();
                for byte in 0..RECEIVES {
                    peer.send_to(&[u8::try_from(byte).unwrap()], address).unwrap();
                }
                for (number, (received, op)) in bell.take(&queue, RECEIVES).into_iter().enumerate() {
                    let Received { length, from, flags, .. } = received.unwrap();
                    assert_eq!((length, from, flags), (1, peer.local_addr().unwrap(), 0));
                    assert_eq!(op.buffers().number, number, "WSK serves receives in their order");
                    assert_eq!(usize::from(op.buffers().buffer[0]), number);
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
            let queue = bell.queue(passive);
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
                    for (completion, op) in queue.drain() {
                        match completion {
                            Completion::Receive(received) => {
                                let Received { length, from, .. } = received.unwrap();
                                // The answer in a buffer of its own.
                                let mut answer = Buffer::new(5).unwrap();
                                answer.fill(&op.buffers()[..length]).unwrap();
                                let (answer, to) = (Op::new(answer).unwrap(), SendTo(Some(from)));
                                socket.submit_to(&queue, answer, to, Some(SOON));
                                socket.submit_to(&queue, op, ReceiveFrom, None);
                            }
                            Completion::Send(sent) => {
                                assert_eq!(sent, Ok(4));
                                echoes += 1;
                            }
                            other => panic!("nobody asked for {other:?}"),
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
    run(Mode::Inline, |world| {
        world.with_socket(|socket, _, passive| {
            let bell = Bell::default();
            let queue = bell.queue(passive);
            let submit = || socket.submit_to(&queue, Op::new(()).unwrap(), LocalAddress, None);
            let _: &wsk::CompletionQueue<'_, (), Result<SocketAddr>> = &queue;
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

/// One whose operations another one has taken: those that are ready later are the other one's, too, and its drop leaves them.
#[test]
fn a_drain_that_has_ended_drops_nothing() {
    run(Mode::Inline, |world| {
        world.with_socket(|socket, address, passive| {
            let bell = Bell::default();
            let queue = bell.queue::<(), Result<SocketAddr>>(passive);
            let submit = || socket.submit_to(&queue, Op::new(()).unwrap(), LocalAddress, None);
            submit();
            submit();
            let mut overtaken = queue.drain();
            assert_eq!(queue.drain().count(), 2);
            assert!(overtaken.next().is_none());
            submit();
            let mut later = queue.drain();
            assert!(overtaken.next().is_none(), "it has ended");
            drop(overtaken);
            assert_eq!(later.next().map(|(result, _)| result), Some(Ok(address)));
            drop(later);
            drop(queue);
            drop(bell);
        });
    });
}

#[test]
fn a_run_down_waits_for_what_is_pending() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let bell = Bell::default();
            let queue = bell.queue::<_, Result<Received>>(passive);
            let op = op_for(8);
            let canceller = op.canceller();
            socket.submit_to(&queue, op, ReceiveFrom, None);
            thread::scope(|scope| {
                let cancelling = scope.spawn(|| {
                    let _entered = world.machine.enter();
                    thread::sleep(BRIEFLY);
                    canceller.cancel();
                    assert_eq!(bell.take_one(&queue).0, Err(Error::CANCELLED));
                    drop(canceller);
                });
                queue.run_down(passive);
                assert_eq!(world.netio.pending(), 0, "the run-down has waited");
                cancelling.join().unwrap();
            });
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
            let queue = bell.queue::<_, Result<SocketAddr>>(passive);
            let taken: Vec<_> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            let done = AtomicBool::new(false);
            let total = AtomicUsize::new(0);
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        let _entered = world.machine.enter();
                        while !done.load(Ordering::SeqCst) {
                            for (result, op) in queue.drain() {
                                assert_eq!(result, Ok(address));
                                let op: Op<Numbered> = op;
                                taken[op.buffers().number].fetch_add(1, Ordering::SeqCst);
                                total.fetch_add(1, Ordering::SeqCst);
                            }
                            // Under Miri threads take turns on one processor: those that find nothing leave it to the others.
                            if cfg!(miri) { thread::sleep(BRIEFLY) } else { thread::yield_now() }
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
            let queue = bell.queue(passive);
            let _: &wsk::CompletionQueue<'_, Buffer, Completion<'_>> = &queue;
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
            let queue = bell.queue(passive);
            let op = op_for(8);
            let canceller = op.canceller();
            socket.submit_to(&queue, op, ReceiveFrom, None);
            canceller.cancel();
            let (received, op): (Result<Received>, _) = bell.take_one(&queue);
            assert_eq!(received, Err(Error::CANCELLED));
            socket.submit_to(&queue, op, ReceiveFrom, Some(BRIEFLY));
            let (received, mut op) = bell.take_one(&queue);
            assert_eq!(received, Err(Error::IO_TIMEOUT));
            op.buffers_mut().set_len(3);
            assert_eq!(op.buffers().len(), 3);
            drop(op);
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
        let queue = bell.queue(passive);
        let create = provider().socket(Family::V4).create().unwrap();
        create.submit_to(&queue, Op::new(()).unwrap(), Some(SOON));
        let (Completion::Create(Ok(socket)), op) = bell.take_one(&queue) else { panic!("a socket was made") };
        assert_eq!((socket.family(), world.netio.sockets()), (Family::V4, 1));

        // The operation goes on, for requests on that socket.
        let bind = Bind(LOOPBACK_V4.parse().unwrap());
        socket.submit_to(&queue, op, bind, None);
        let (completion, op) = bell.take_one(&queue);
        assert!(matches!(completion, Completion::Bind(Ok(()))));
        drop(completion);
        socket.submit_to(&queue, op, Control::get(Broadcast::ROW).unwrap(), None);
        let (completion, op) = bell.take_one(&queue);
        assert!(matches!(&completion, Completion::Control(Ok(output)) if **output == [0; 4]));
        drop(completion);
        drop(socket);
        drop(op);
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
        let queue = bell.queue(passive);
        let submit = |op| {
            let provider = registration.try_provider().unwrap();
            provider.socket(Family::V6).create().unwrap().submit_to(&queue, op, None);
        };
        let _: &wsk::CompletionQueue<'_, (), Completion<'_>> = &queue;
        // Dropped with the completion, although a canceller keeps the operation's memory.
        let op = Op::new(()).unwrap();
        let canceller = op.canceller();
        submit(op);
        drop(bell.take(&queue, 1));
        drop(canceller);
        // Left behind when the operation is taken.
        submit(Op::new(()).unwrap());
        let (_, op) = bell.take_one(&queue);
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
        let queue = bell.queue(passive);
        let create = registration.try_provider().unwrap().socket(Family::V4).create().unwrap();
        create.submit_to(&queue, Op::new(()).unwrap(), None);
        let (socket, _): (Result<Socket<'_>>, _) = bell.take_one(&queue);
        let socket = socket.unwrap();
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
        let queue = bell.queue(passive);
        let submit = |number| {
            let provider = registration.try_provider().unwrap();
            let op = Op::new(number).unwrap();
            provider.socket(Family::V4).create().unwrap().submit_to(&queue, op, None);
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
        let mut seen: Vec<u32> = first.iter().map(|(_, op)| *op.buffers()).collect();
        let _: &Option<(Result<Socket<'_>>, _)> = &first;
        drop(first);
        // Another one takes what was left, and what has come since.
        submit(4);
        while seen.len() < 4 {
            seen.extend(queue.drain().take(4 - seen.len()).map(|(_, op)| *op.buffers()));
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

/// What a driver of its own makes of results: one counter for each request, and no more.
#[derive(Debug, PartialEq)]
enum Told {
    Sent(usize),
    Value(bool),
    Failed(Error),
}

impl FromCompletion<SendTo> for Told {
    fn from_completion(sent: Result<usize>) -> Told {
        sent.map_or_else(Told::Failed, Told::Sent)
    }
}

impl FromCompletion<Get<Broadcast>> for Told {
    fn from_completion(value: Result<bool>) -> Told {
        value.map_or_else(Told::Failed, Told::Value)
    }
}

#[test]
fn a_queue_gives_what_a_driver_makes_of_results() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let bell = Bell::default();
            let queue = bell.queue::<_, Told>(passive);
            socket.submit_to(&queue, op_for(3), SendTo(Some(address)), None);
            let (told, op) = bell.take_one(&queue);
            assert_eq!(told, Told::Sent(3));
            socket.submit_to(&queue, op, Get::<Broadcast>::new(), None);
            let (told, op) = bell.take_one(&queue);
            assert_eq!(told, Told::Value(false));
            socket.submit_to(&queue, op, SendTo(Some("[::1]:1".parse().unwrap())), None);
            let (told, _) = bell.take_one(&queue);
            assert_eq!(told, Told::Failed(Error::INVALID_ADDRESS_COMPONENT));
            drop(queue);
        });
    });
}

#[test]
fn a_queue_of_any_request_gives_the_value_of_an_option() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let bell = Bell::default();
            let queue = bell.queue::<_, Completion<'_>>(passive);
            let socket = Socket::from(socket);
            let mut outputs = Vec::new();
            for value in [true, false] {
                let set = Set::<Broadcast>::new(value);
                socket.submit(Op::new(()).unwrap(), set, None).wait(passive).0.unwrap();
                let got = Control::get(Broadcast::ROW).unwrap();
                socket.submit_to(&queue, Op::new(()).unwrap(), got, None);
                let (Completion::Control(Ok(output)), _) = bell.take_one(&queue) else { panic!("it is got") };
                assert_eq!(output.value::<Broadcast>(), Ok(value));
                assert_eq!(format!("{output:?}"), format!("[{}, 0, 0, 0]", u8::from(value)));
                outputs.push(output);
            }
            assert_eq!(outputs[0], outputs[0]);
            assert_ne!(outputs[0], outputs[1]);
            drop(queue);
        });
    });
}
