//! From submit to result, nothing is allocated; a call that waits allocates its IRP; and what a socket takes.
// Slow under Miri, which sees nothing here that it does not see in other tests: what counts is the kernel's counters.
#![cfg(not(miri))]

use crate::common::{self, Bell, SOON, World, bound, in_every_mode, op_with, run};
use wsk::option::socket::ReceiveBuffer;
use wsk::{Buffer, Completion, LocalAddress, Op, ReceiveFrom, Received, SendTo};

/// Operations in all, over every mode.
const OPERATIONS: usize = 2_000;

/// What was ever allocated: pool blocks, IRPs, MDLs.
fn allocations(world: &World) -> [usize; 3] {
    let counters = world.machine.counters();
    [counters.pool_blocks.total, counters.irps.total, counters.mdls.total]
}

#[test]
fn waiting_allocates_nothing() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let mut op: Op<Buffer> = op_with(b"data");
            // WSK may have things to set up for the first of each.
            for warm in [true, false] {
                let before = allocations(world);
                for _ in 0..if warm { 3 } else { OPERATIONS / common::MODES.len() } {
                    let (result, completed) =
                        socket.submit(op, SendTo(Some(address)), Some(SOON)).wait(passive);
                    assert_eq!(result, Ok(4));
                    let (result, completed) = socket.submit(completed, ReceiveFrom, Some(SOON)).wait(passive);
                    assert_eq!(result.map(|received| received.length), Ok(4));
                    let (result, completed) = socket.submit(completed, LocalAddress, None).wait(passive);
                    assert_eq!(result, Ok(address));
                    op = completed;
                }
                assert!(warm || allocations(world) == before, "{before:?}, then {:?}", allocations(world));
            }
        });
    });
}

#[test]
fn the_queue_allocates_nothing() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let bell = Bell::default();
            let queue = bell.queue(passive);
            let mut op = op_with(b"data");
            for warm in [true, false] {
                let before = allocations(world);
                for _ in 0..if warm { 3 } else { OPERATIONS / common::MODES.len() } {
                    socket.submit_to(&queue, op, SendTo(Some(address)), Some(SOON));
                    let completion;
                    (completion, op) = bell.take_one(&queue);
                    assert!(matches!(completion, Completion::Send(Ok(4))));
                    socket.submit_to(&queue, op, ReceiveFrom, None);
                    let completion;
                    (completion, op) = bell.take_one(&queue);
                    assert!(matches!(completion, Completion::Receive(Ok(Received { length: 4, .. }))));
                }
                assert!(warm || allocations(world) == before, "{before:?}, then {:?}", allocations(world));
            }
            drop(queue);
            drop(bell);
        });
    });
}

#[test]
fn a_blocking_call_allocates_its_irp_only() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let mut buffer = Buffer::new(4).unwrap();
            let mut calls = || {
                socket.set::<ReceiveBuffer>(4096, passive).unwrap();
                socket.get::<ReceiveBuffer>(passive).unwrap();
                socket.send_to(&buffer, address, passive.within(SOON)).unwrap();
                socket.receive_from(&mut buffer, passive.within(SOON)).unwrap();
                socket.local_address(passive).unwrap();
            };
            // WSK may have things to set up for the first of each.
            calls();
            let [pool, irps, mdls] = allocations(world);
            calls();
            assert_eq!(allocations(world), [pool, irps + 5, mdls]);
        });
    });
}

#[test]
fn an_idle_socket_takes_less_than_a_page() {
    const SOCKETS: usize = 1_000;
    run(netio::Completion::Inline, |world| {
        world.with_client(|_, provider, passive| {
            let bytes = || world.machine.counters().pool_bytes.live;
            let mut sockets = vec![bound(provider, "127.0.0.1:0", passive)];
            let first = bytes();
            sockets.extend((1..SOCKETS).map(|_| bound(provider, "127.0.0.1:0", passive)));
            let each = (bytes() - first) / (SOCKETS - 1);
            assert!((1..=4096).contains(&each), "{each} bytes of pool a socket");
            // However many there are.
            let last = bytes();
            sockets.push(bound(provider, "127.0.0.1:0", passive));
            assert_eq!(bytes() - last, each);
            for socket in sockets {
                socket.close(passive).unwrap();
            }
        });
    });
}
