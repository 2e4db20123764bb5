//! Operations that wait for the driver itself: woken in order, cancelled, limited in time, and never lost.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{self, BRIEFLY, Bell, machine};
use wsk::{Error, Op, Passive, Result, Waiters};

/// Calls `test` on a machine, which finds what is left.
fn on_a_machine(test: impl FnOnce(&ntos::Machine, &Passive)) {
    let machine = machine();
    let entered = machine.enter();
    test(&machine, &Passive::check().unwrap());
    drop(entered);
    machine.shutdown();
}

fn op(number: u32) -> Op<u32> {
    Op::new(number).unwrap()
}

#[test]
fn they_are_woken_in_the_order_in_which_they_came() {
    on_a_machine(|_, passive| {
        let (bell, waiters) = (Bell::default(), Waiters::new().unwrap());
        let queue = bell.queue::<_, Result>(passive);
        assert!(waiters.is_empty());
        assert!(!waiters.wake_one());
        for number in 0..3 {
            waiters.submit_to(&queue, op(number), None);
        }
        assert!(!waiters.is_empty());
        assert_eq!(queue.drain().count(), 0);
        for number in 0..3 {
            assert!(waiters.wake_one());
            let (woken, op) = bell.take_one(&queue);
            assert_eq!((woken, *op.buffers()), (Ok(()), number));
        }
        assert!(waiters.is_empty());
        // Once more, with an operation that was submitted before.
        waiters.submit_to(&queue, op(7), None);
        waiters.fail_all(Error::FILE_FORCED_CLOSED);
        let (failed, op) = bell.take_one(&queue);
        assert_eq!(failed, Err(Error::FILE_FORCED_CLOSED));
        waiters.submit_to(&queue, op, None);
        drop(waiters);
        assert_eq!(bell.take_one(&queue).0, Err(Error::CANCELLED));
        drop(queue);
    });
}

#[test]
fn each_can_be_cancelled() {
    on_a_machine(|_, passive| {
        let (bell, waiters) = (Bell::default(), Waiters::new().unwrap());
        let queue = bell.queue::<_, Result>(passive);
        let ops: Vec<_> = (0..3).map(op).collect();
        let cancellers: Vec<_> = ops.iter().map(Op::canceller).collect();
        // Before it is submitted.
        cancellers[0].cancel();
        for op in ops {
            waiters.submit_to(&queue, op, None);
        }
        let (first, op) = bell.take_one(&queue);
        assert_eq!((first, *op.buffers()), (Err(Error::CANCELLED), 0));
        cancellers[2].cancel();
        let (third, op) = bell.take_one(&queue);
        assert_eq!((third, *op.buffers()), (Err(Error::CANCELLED), 2));
        // What is left is whole: the last one was taken out, and another comes.
        waiters.submit_to(&queue, self::op(3), None);
        for number in [1, 3] {
            assert!(waiters.wake_one());
            assert_eq!(*bell.take_one(&queue).1.buffers(), number);
        }
        // Too late.
        cancellers[1].cancel();
        assert!(!waiters.wake_one());
        drop(cancellers);
        drop(queue);
    });
}

#[test]
fn each_has_a_time_limit() {
    on_a_machine(|_, passive| {
        let (bell, waiters) = (Bell::default(), Waiters::new().unwrap());
        let queue = bell.queue::<_, Result>(passive);
        waiters.submit_to(&queue, op(1), Some(BRIEFLY));
        waiters.submit_to(&queue, op(2), Some(Duration::ZERO));
        let ended = bell.take(&queue, 2);
        assert!(ended.iter().all(|(result, _)| *result == Err(Error::IO_TIMEOUT)));
        // Woken in time, the timer is cancelled.
        waiters.submit_to(&queue, op(3), Some(common::SOON));
        assert!(waiters.wake_one());
        assert_eq!(bell.take_one(&queue).0, Ok(()));
        drop(queue);
    });
}

#[test]
fn what_is_there_at_once_does_not_lose_against_no_time() {
    on_a_machine(|_, passive| {
        let (bell, waiters) = (Bell::default(), Waiters::new().unwrap());
        let queue = bell.queue::<_, Result>(passive);
        for number in 0..if cfg!(miri) { 5 } else { 300 } {
            let look = || assert!(waiters.wake_one());
            waiters.submit_and_look(&queue, op(number), Some(Duration::ZERO), look);
            let (woken, op) = queue.drain().next().expect("it ends in the call");
            assert_eq!((woken, *op.buffers()), (Ok(()), number));
            waiters.submit_and_look(&queue, op, Some(Duration::ZERO), || ());
            let (ended, _) = queue.drain().next().expect("it ends in the call");
            assert_eq!(ended, Err(Error::IO_TIMEOUT), "nobody has woken it");
        }
        assert!(waiters.is_empty());
        drop(queue);
    });
}

#[test]
fn wakers_and_cancellers_at_a_time() {
    const ROUNDS: u32 = if cfg!(miri) { 5 } else { 500 };
    on_a_machine(|machine, passive| {
        let (bell, waiters) = (Bell::default(), Arc::new(Waiters::new().unwrap()));
        let queue = bell.queue::<_, Result>(passive);
        for round in 0..ROUNDS {
            let op = op(round);
            let canceller = op.canceller();
            let other = Arc::clone(&waiters);
            let waking = machine.spawn("wake", move || while !other.wake_one() && !other.is_empty() {});
            let cancelling = machine.spawn("cancel", move || canceller.cancel());
            waiters.submit_to(&queue, op, None);
            let (ended, op) = bell.take_one(&queue);
            assert!(matches!(ended, Ok(()) | Err(Error::CANCELLED)));
            assert_eq!(*op.buffers(), round);
            waking.join().unwrap();
            cancelling.join().unwrap();
        }
        drop(queue);
    });
}

/// With a walk for each cancel, so many would take longer than all other tests together.
#[test]
fn cancels_do_not_walk_past_the_others() {
    const COUNT: u32 = if cfg!(miri) { 20 } else { 30_000 };
    on_a_machine(|_, passive| {
        let (bell, waiters) = (Bell::default(), Waiters::new().unwrap());
        let queue = bell.queue::<_, Result>(passive);
        let ops: Vec<_> = (0..COUNT).map(op).collect();
        let mut cancellers: Vec<_> = ops.iter().map(Op::canceller).collect();
        for op in ops {
            waiters.submit_to(&queue, op, None);
        }
        let kept = cancellers.remove(COUNT as usize / 2);
        // The newest first, then the oldest.
        for canceller in
            cancellers.iter().rev().step_by(2).chain(cancellers.iter().rev().skip(1).step_by(2).rev())
        {
            canceller.cancel();
        }
        let mut ended = bell.take(&queue, COUNT as usize - 1);
        assert!(ended.iter().all(|(result, _)| *result == Err(Error::CANCELLED)));
        ended.sort_by_key(|(_, op)| *op.buffers());
        let numbers: Vec<_> = ended.iter().map(|(_, op)| *op.buffers()).collect();
        assert_eq!(numbers, (0..COUNT).filter(|number| *number != COUNT / 2).collect::<Vec<_>>());
        // What is left is whole.
        waiters.submit_to(&queue, op(COUNT), None);
        for number in [COUNT / 2, COUNT] {
            assert!(waiters.wake_one());
            assert_eq!(*bell.take_one(&queue).1.buffers(), number);
        }
        assert!(waiters.is_empty());
        drop((kept, cancellers, ended));
        drop(queue);
    });
}
