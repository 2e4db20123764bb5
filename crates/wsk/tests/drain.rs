//! A function that is called for each finished operation of a queue.

use std::cell::RefCell;
use std::net::SocketAddr;

use crate::common::{Bell, run};
use netio::Completion as Mode;
use wsk::{LocalAddress, Op, Result};

#[test]
fn a_function_is_called_for_what_has_finished_by_now() {
    run(Mode::Inline, |world| {
        world.with_socket(|socket, _, passive| {
            let bell = Bell::default();
            let queue = bell.queue(passive);
            let submit = |number: u32| socket.submit_to(&queue, Op::new(number).unwrap(), LocalAddress, None);
            let _: &wsk::CompletionQueue<'_, u32, Result<SocketAddr>> = &queue;
            let seen = RefCell::new(Vec::new());
            let take = |_, op: Op<u32>| {
                seen.borrow_mut().push(*op.buffers());
                submit(9);
            };
            queue.drain_with(take);
            assert!(seen.take().is_empty(), "there is nothing");
            (0..3).for_each(submit);
            queue.drain_with(take);
            assert_eq!(seen.take(), [0, 1, 2], "what has come meanwhile is for the next");
            queue.drain_with(|_, op| seen.borrow_mut().push(*op.buffers()));
            assert_eq!(seen.take(), [9, 9, 9]);
            queue.run_down(passive);

            // The function ends early: the rest comes before what has arrived since.
            (0..4).for_each(submit);
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                queue.drain_with(|_, op| {
                    submit(*op.buffers() + 10);
                    assert!(*op.buffers() < 1, "the second");
                });
            }));
            assert!(ended.is_err());
            assert_eq!(
                queue.drain().next().map(|(_, op)| *op.buffers()),
                Some(2),
                "and the drain drops the others"
            );
            queue.run_down(passive);
            assert_eq!(queue.drain().count(), 0);

            (0..2).for_each(submit);
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                queue.drain_with(|_, _| panic!("the first"));
            }));
            assert!(ended.is_err());
            submit(2);
            queue.drain_with(|_, op| seen.borrow_mut().push(*op.buffers()));
            assert_eq!(seen.take(), [1, 2]);
            queue.run_down(passive);
            drop(queue);
            drop(bell);
        });
    });
}

/// However many were taken before, also if another drain has made them ready.
#[test]
fn a_drain_takes_no_more_than_had_finished_when_it_was_made() {
    run(Mode::Inline, |world| {
        world.with_socket(|socket, _, passive| {
            let bell = Bell::default();
            let queue = bell.queue::<u32, Result<SocketAddr>>(passive);
            let submit = |number| socket.submit_to(&queue, Op::new(number).unwrap(), LocalAddress, None);
            (0..3).for_each(submit);
            assert_eq!(queue.drain().count(), 3);
            submit(3);
            let mut first = queue.drain();
            submit(4);
            let second = queue.drain();
            assert_eq!(first.next().map(|(_, op)| *op.buffers()), Some(3));
            assert!(first.next().is_none());
            assert_eq!(second.map(|(_, op)| *op.buffers()).collect::<Vec<_>>(), [4]);
            drop(first);
            drop(queue);
            drop(bell);
        });
    });
}
