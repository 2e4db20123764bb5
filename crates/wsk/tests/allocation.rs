//! From submit to result, nothing is allocated.
#![cfg(not(loom))]
#![allow(missing_docs, reason = "a test")]

mod common;

use common::{Bell, SOON, World, in_every_mode, op_with};
use wsk::{Buffer, Completion, LocalAddress, Op, ReceiveFrom, Received, SendTo};

/// Operations in all, over every mode.
const OPERATIONS: usize = if cfg!(miri) { 20 } else { 10_000 };

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
