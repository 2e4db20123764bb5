//! What a receive has room for, and what its buffer is afterwards; and what is there at once against no time at all.

use std::net::SocketAddr;
use std::time::Duration;

use crate::common::{Bell, SOON, World, in_every_mode, op_for, op_with, run, send};
use netio::Completion as Mode;
use wsk::option::socket::Broadcast;
use wsk::{Buffer, Completion, Datagram, Error, Get, Op, Passive, ReceiveFrom, Received, SendTo, Set};

/// Receives a datagram and sends it back, with one operation, by calls that wait.
fn echo_waiting(socket: &Datagram<'_>, op: Op<Buffer>, passive: &Passive) -> Op<Buffer> {
    let (received, op) = socket.submit(op, ReceiveFrom, Some(SOON)).wait(passive);
    let received = received.unwrap();
    assert_eq!(received.length, op.buffers().len());
    let (sent, op) = socket.submit(op, SendTo(Some(received.from)), Some(SOON)).wait(passive);
    assert_eq!(sent, Ok(received.length));
    op
}

/// The same by a queue.
fn echo_queued(socket: &Datagram<'_>, op: Op<Buffer>, passive: &Passive) -> Op<Buffer> {
    let bell = Bell::default();
    let queue = bell.queue(passive);
    socket.submit_to(&queue, op, ReceiveFrom, Some(SOON));
    let (Completion::Receive(Ok(received)), op) = bell.take_one(&queue) else {
        panic!("a datagram was received");
    };
    assert_eq!(received.length, op.buffers().len());
    socket.submit_to(&queue, op, SendTo(Some(received.from)), Some(SOON));
    let (Completion::Send(sent), op) = bell.take_one(&queue) else { panic!("that was a send") };
    assert_eq!(sent, Ok(received.length));
    op
}

/// A way to echo one datagram.
type Echo = fn(&Datagram<'_>, Op<Buffer>, &Passive) -> Op<Buffer>;

const ENTRY_POINTS: [Echo; 2] = [echo_waiting, echo_queued];

#[test]
fn an_echo_sends_one_client_nothing_of_what_another_has_sent() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            for echo in ENTRY_POINTS {
                let (first, second) = (world.peer(), world.peer());
                let mut op = op_for(64);
                first.send_to(&[b'S'; 48], address).unwrap();
                op = echo(&socket, op, passive);
                assert_eq!(first.receive().unwrap().bytes, [b'S'; 48]);
                second.send_to(b"hello", address).unwrap();
                op = echo(&socket, op, passive);
                assert_eq!(second.receive().unwrap().bytes, b"hello");
                // Nothing is a datagram, too.
                second.send_to(b"", address).unwrap();
                op = echo(&socket, op, passive);
                assert_eq!(second.receive().unwrap().bytes, b"");
                assert_eq!((op.buffers().len(), op.buffers().capacity()), (0, 64));
            }
        });
    });
}

#[test]
fn a_receive_has_the_whole_capacity_whatever_was_sent_before() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            for echo in ENTRY_POINTS {
                let peer = world.peer();
                let mut op = op_for(64);
                for content in [&b"ping"[..], b""] {
                    op.buffers_mut().fill(content).unwrap();
                    peer.send_to(b"longer than that", address).unwrap();
                    op = echo(&socket, op, passive);
                    assert_eq!(peer.receive().unwrap().bytes, b"longer than that");
                }
            }
        });
    });
}

#[test]
fn a_receive_that_fails_leaves_nothing_to_send() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let (result, op) =
                socket.submit(op_with(b"mine"), ReceiveFrom, Some(Duration::ZERO)).wait(passive);
            assert_eq!((result.map(drop), op.buffers().len()), (Err(Error::IO_TIMEOUT), 0));
            let bell = Bell::default();
            let queue = bell.queue(passive);
            socket.submit_to(&queue, op_with(b"mine"), ReceiveFrom, Some(Duration::ZERO));
            let (ended, op) = bell.take_one(&queue);
            assert_eq!((ended, op.buffers().len()), (Err::<Received, _>(Error::IO_TIMEOUT), 0));
            drop(op);
            // Other requests leave the content alone.
            let (result, op) = socket.submit(op_with(b"mine"), Get::<Broadcast>::new(), None).wait(passive);
            assert_eq!((result, &op.buffers()[..]), (Ok(false), &b"mine"[..]));
            drop(queue);
        });
    });
}

const ROUNDS: u32 = if cfg!(miri) { 5 } else { 300 };

/// A request of each kind, without time, which has what it wants at once.
fn ask(world: &World, socket: &Datagram<'_>, address: SocketAddr, passive: &Passive) {
    let bell = Bell::default();
    let queue = bell.queue::<_, wsk::Result<Received>>(passive);
    let (peer, now) = (world.peer(), Some(Duration::ZERO));
    for round in 0..ROUNDS {
        peer.send_to(b"there", address).unwrap();
        let (result, op) = socket.submit(op_for(8), ReceiveFrom, now).wait(passive);
        assert_eq!(result.map(|received| received.length), Ok(5), "round {round}");
        peer.send_to(b"there", address).unwrap();
        socket.submit_to(&queue, op, ReceiveFrom, now);
        let (ended, op) = queue.drain().next().expect("it ends in the call");
        let length = ended.map(|received: Received| received.length);
        assert_eq!((length, &op.buffers()[..]), (Ok(5), &b"there"[..]), "round {round}");
        assert_eq!(socket.set::<Broadcast>(true, passive.within(Duration::ZERO)), Ok(()));
        let (result, _) = socket.submit(op, Set::<Broadcast>::new(false), now).wait(passive);
        assert_eq!(result, Ok(()));
        // And nothing is there.
        let (result, _) = socket.submit(op_for(8), ReceiveFrom, now).wait(passive);
        assert_eq!(result.map(drop), Err(Error::IO_TIMEOUT));
    }
    drop(queue);
}

#[test]
fn what_is_there_at_once_never_loses_against_no_time() {
    run(Mode::Inline, |world| {
        world.with_socket(|socket, address, passive| ask(world, &socket, address, passive));
    });
}

#[test]
fn without_time_a_request_that_completes_later_is_done_or_cancelled_and_nothing_is_lost() {
    for mode in [Mode::Deferred, Mode::Delayed { seed: 1 }] {
        run(mode, |world| {
            world.with_socket(|socket, address, passive| {
                let peer = world.peer();
                for round in 0..ROUNDS.min(50) {
                    peer.send_to(&round.to_ne_bytes(), address).unwrap();
                    let (result, op) =
                        socket.submit(op_for(8), ReceiveFrom, Some(Duration::ZERO)).wait(passive);
                    let op = match result {
                        Ok(_) => op,
                        Err(error) => {
                            assert_eq!(error, Error::IO_TIMEOUT);
                            socket.submit(op, ReceiveFrom, Some(SOON)).wait(passive).1
                        }
                    };
                    assert_eq!(
                        op.buffers()[..],
                        round.to_ne_bytes(),
                        "no datagram goes with a cancelled receive"
                    );
                }
                assert_eq!(send(&socket, b"x", Some(address), passive), Ok(1));
            });
        });
    }
}
