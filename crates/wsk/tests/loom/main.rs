//! Submitted operations, explored: every interleaving of submit, completion, cancel, time limit, wait and drop.
//!
//! The code under test is the crate's own, all of it: its atomics and cells are loom's in this build, and the
//! kernel's functions are those of `hosted-loom`. Each model ends with a check that every block
//! and IRP was freed once, that buffers were dropped once, and that nothing waits any more; a result that is never
//! delivered is a deadlock, which loom reports.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p wsk --profile program --test loom`.
//!
//! That a model finds what it is for was shown by breaking the crate. What was broken, and who found it:
//!
//! | mutation | found by |
//! |---|---|
//! | `Pending`'s drop gives up its handle before it cancels | `a_pending_operation_is_dropped` and two more |
//! | a canceller uses the IRP without being counted | `cancel_against_completion_and_a_second_submission` |
//! | a cancel joins whatever submission is under way when it comes to it | `op::submission::models`, in the crate |
//! | the submitter does not look for a cancel that came too early | `a_cancel_is_not_lost` and four more |
//! | the submitter is not counted | every model |
//! | the timer is not counted | `the_time_limit_ends_a_submission` and three more |
//! | a timer that was cancelled does not leave | `the_time_limit_against_completion` and two more |
//! | whose wait has ended by its limit is still said to wait | `calls::a_wait_with_a_limit_against_completion` |
//! | who has waited in vain does not look whether the event is about to be set | `calls::a_wait_with_a_limit_against_completion` |
//! | the flags of a submission stay for the next | `a_cancel_is_not_lost` and two more |
//! | a submission begins with a plain store though a canceller exists | `a_cancel_is_not_lost` and nine more |
//! | the submitter leaves with a plain store though a canceller exists | `a_cancel_is_not_lost` and six more |
//! | the last leaves with a plain store to a destination though a canceller exists | `handler::a_handler_against_cancel_and_completion` and two more |
//! | `Submission::release` is relaxed | every model |
//! | `Submission::begin` is relaxed, or both steps of `Submission::cancel` | `cancel_against_completion_and_a_second_submission` and one more |
//! | an operation is pushed into the queue relaxed | `drain::a_queue_is_drained_by_two_threads` and two more |
//! | the doorbell rings before the operation is in the queue | `a_queue_delivers_each_operation_once_and_rings` and one more |
//! | who waits for a queue takes no step among those of the bells before it looks | `drain::a_queue_is_drained_by_two_threads` and one more |
//! | the queue's drop does not wait for whoever still rings | `a_queue_is_dropped_while_operations_are_outstanding` and one more |
#![cfg(loom)]
#![allow(unsafe_code, reason = "defines the kernel's functions")]
#![allow(missing_docs, clippy::missing_panics_doc, reason = "a test")]

mod calls;
mod drain;
mod events;
mod handler;
mod within;

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use loom::thread::{self, JoinHandle};
use wsk::ioctl::SetRemoteAddress;
use wsk::{
    Canceller, CompletionHandler, CompletionQueue, Datagram, DispatchDrop, Doorbell, Error, Family,
    HandleCompletion, Ioctl, Op, Passive, Pending, Registration, Result, Version,
};

use hosted_loom::kernel::{self, kernel, tick};
use hosted_loom::provider::deliver;

/// Buffers that count how often they are dropped.
struct Buffers(Arc<AtomicUsize>);

// SAFETY: its drop counts.
unsafe impl DispatchDrop for Buffers {}

impl Drop for Buffers {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a model works with: a bound socket, whose control requests wait until they are delivered or cancelled.
struct Model<'r> {
    socket: Option<Datagram<'r>>,
    passive: Passive,
    dropped: Arc<AtomicUsize>,
}

type Request = Ioctl<SetRemoteAddress>;

impl Model<'_> {
    fn op(&self) -> Op<Buffers> {
        Op::new(Buffers(Arc::clone(&self.dropped))).unwrap()
    }

    fn socket(&self) -> &Datagram<'_> {
        self.socket.as_ref().unwrap()
    }

    fn submit(&self, op: Op<Buffers>) -> Pending<Buffers, ()> {
        self.socket().submit(op, Request::new(None), None)
    }

    fn submit_timed(&self, op: Op<Buffers>) -> Pending<Buffers, ()> {
        self.socket().submit(op, Request::new(None), Some(Duration::from_secs(1)))
    }

    fn wait(&self, pending: Pending<Buffers, ()>) -> (Result, Op<Buffers>) {
        pending.wait(&self.passive)
    }

    /// Submits the operation once more, to a success: nothing of the submission before is left in it.
    fn submit_again(&self, op: Op<Buffers>) -> Op<Buffers> {
        let pending = self.submit(op);
        deliver();
        let (result, op) = self.wait(pending);
        assert_eq!(result, Ok(()));
        op
    }

    /// As [`Model::submit_again`], of a provider that completes within its call.
    fn submit_again_at_once(&self, op: Op<Buffers>) -> Op<Buffers> {
        let (result, op) = self.wait(self.submit(op));
        assert_eq!(result, Ok(()));
        op
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The number of times that a thread is interrupted where it would not wait; more takes minutes, and found no more.
const PREEMPTIONS: usize = 3;

/// Explores every interleaving of `model`'s threads, with so many interruptions at most.
fn explore(model: impl Fn(&mut Model<'_>) + Send + Sync + 'static) {
    explore_with(PREEMPTIONS, model);
}

fn explore_with(preemptions: usize, model: impl Fn(&mut Model<'_>) + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.max_branches = 10_000;
    builder.expect_explicit_explore = true;
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    builder.check(move || {
        kernel::boot();
        let passive = Passive::check().unwrap();
        let registration = Registration::register(Version::V1_0, &passive).unwrap();
        let provider = registration.try_provider().unwrap();
        let socket = provider.datagram(Family::V4, &passive).unwrap();
        let Ok(socket) = socket.bind("127.0.0.1:1".parse().unwrap(), &passive) else {
            panic!("the bind succeeds");
        };
        drop(provider);
        kernel().provider.pends.set(true);
        let mut context = Model { socket: Some(socket), passive, dropped: Arc::default() };
        loom::explore();
        model(&mut context);
        loom::stop_exploring();
        drop(context);
        drop(registration);
        kernel::shutdown();
        count.fetch_add(1, Ordering::Relaxed);
    });
    assert!(executions.load(Ordering::Relaxed) > 1, "there was nothing to explore");
}

fn cancel_in_thread(canceller: Canceller) -> JoinHandle<()> {
    thread::spawn(move || canceller.cancel())
}

fn is_done_or_cancelled(result: Result) {
    assert!(matches!(result, Ok(()) | Err(Error::CANCELLED)), "{result:?}");
}

#[test]
fn completion_against_the_submitter() {
    explore(|model| {
        let network = thread::spawn(deliver);
        let pending = model.submit(model.op());
        let _ = pending.is_done();
        let (result, op) = model.wait(pending);
        assert_eq!(result, Ok(()));
        // The operation is the owner's: it can be freed while the network's thread is still returning.
        drop(op);
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn completion_against_a_second_submission() {
    explore(|model| {
        let network = thread::spawn(deliver);
        let (result, op) = model.wait(model.submit(model.op()));
        assert_eq!(result, Ok(()));
        drop(model.submit_again(op));
        network.join().unwrap();
    });
}

#[test]
fn cancel_against_completion_and_a_second_submission() {
    explore(|model| {
        let op = model.op();
        let canceller = cancel_in_thread(op.canceller());
        let network = thread::spawn(deliver);
        let (result, op) = model.wait(model.submit(op));
        is_done_or_cancelled(result);
        // Whatever is left of the cancel, it finds the IRP re-armed or not at all: it does not meet the re-arming.
        kernel().provider.pends.set(false);
        let (result, op) = model.wait(model.submit(op));
        assert_eq!(result, Ok(()));
        drop(op);
        canceller.join().unwrap();
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_cancel_is_not_lost() {
    explore(|model| {
        let op = model.op();
        // Before, during or after the submission: nothing but the cancel ends the submission.
        let canceller = cancel_in_thread(op.canceller());
        let (result, op) = model.wait(model.submit(op));
        assert_eq!(result, Err(Error::CANCELLED));
        canceller.join().unwrap();
        drop(model.submit_again(op));
    });
}

#[test]
fn two_cancels_at_a_time() {
    explore(|model| {
        let op = model.op();
        let first = cancel_in_thread(op.canceller());
        let second = cancel_in_thread(op.canceller());
        let (result, op) = model.wait(model.submit(op));
        assert_eq!(result, Err(Error::CANCELLED));
        drop(op);
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_cancel_between_two_submissions_meets_the_next() {
    explore(|model| {
        let op = model.op();
        let canceller = op.canceller();
        kernel().provider.pends.set(false);
        let (result, op) = model.wait(model.submit(op));
        assert_eq!(result, Ok(()));
        kernel().provider.pends.set(true);
        // Asked when none is submitted, it concerns the next one, and nothing else would end that.
        let canceller = cancel_in_thread(canceller);
        let (result, op) = model.wait(model.submit(op));
        assert_eq!(result, Err(Error::CANCELLED));
        canceller.join().unwrap();
        drop(model.submit_again(op));
    });
}

#[test]
fn a_pending_operation_is_dropped() {
    explore(|model| {
        let network = thread::spawn(deliver);
        drop(model.submit(model.op()));
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_pending_operation_and_its_canceller_are_dropped() {
    explore(|model| {
        let op = model.op();
        let canceller = op.canceller();
        let network = thread::spawn(deliver);
        let pending = model.submit(op);
        // Either may be the last to keep the memory.
        let canceller = thread::spawn(move || {
            canceller.cancel();
            drop(canceller);
        });
        drop(pending);
        canceller.join().unwrap();
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_pending_operation_moves_to_another_thread() {
    explore(|model| {
        let network = thread::spawn(deliver);
        let pending = model.submit(model.op());
        let owner = thread::spawn(move || {
            pending.cancel();
            let passive = Passive::check().unwrap();
            let (result, op) = pending.wait(&passive);
            is_done_or_cancelled(result);
            drop(op);
        });
        owner.join().unwrap();
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn the_time_limit_ends_a_submission() {
    explore(|model| {
        let clock = thread::spawn(tick);
        let (result, op) = model.wait(model.submit_timed(model.op()));
        assert_eq!(result, Err(Error::IO_TIMEOUT));
        // The DPC may still be returning.
        drop(model.submit_again(op));
        clock.join().unwrap();
    });
}

#[test]
fn the_time_limit_against_completion() {
    explore(|model| {
        let network = thread::spawn(deliver);
        let clock = thread::spawn(tick);
        let (result, op) = model.wait(model.submit_timed(model.op()));
        assert!(matches!(result, Ok(()) | Err(Error::IO_TIMEOUT)), "{result:?}");
        // A timer that is set again, while the DPC of the submission before may still be returning.
        kernel().provider.pends.set(false);
        let (result, op) = model.wait(model.submit_timed(op));
        assert!(matches!(result, Ok(())), "{result:?}");
        drop(op);
        network.join().unwrap();
        clock.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn the_time_limit_of_a_dropped_operation() {
    explore(|model| {
        let clock = thread::spawn(tick);
        drop(model.submit_timed(model.op()));
        clock.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_cancel_against_the_time_limit() {
    explore(|model| {
        let op = model.op();
        let canceller = cancel_in_thread(op.canceller());
        let clock = thread::spawn(tick);
        let (result, op) = model.wait(model.submit_timed(op));
        assert!(matches!(result, Err(Error::CANCELLED | Error::IO_TIMEOUT)), "{result:?}");
        drop(op);
        canceller.join().unwrap();
        clock.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn the_close_cancels_what_is_pending() {
    explore(|model| {
        let network = thread::spawn(deliver);
        let op = model.op();
        let pending = model.submit(op);
        let socket = model.socket.take().unwrap();
        assert_eq!(socket.close(&model.passive), Ok(()));
        let (result, op) = model.wait(pending);
        is_done_or_cancelled(result);
        drop(op);
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

fn queue<'r>(passive: &Passive) -> CompletionQueue<'r, Buffers, Result> {
    // SAFETY: the bell may be rung at any time, by anyone.
    let doorbell = unsafe { Doorbell::new(kernel::ring, ptr::null_mut()) };
    CompletionQueue::new(doorbell, passive).unwrap()
}

#[test]
fn no_time_against_completion() {
    explore(|model| {
        let network = thread::spawn(deliver);
        let pending = model.socket().submit(model.op(), Request::new(None), Some(Duration::ZERO));
        let (result, op) = model.wait(pending);
        assert!(matches!(result, Ok(()) | Err(Error::IO_TIMEOUT)), "{result:?}");
        // There was no timer; nothing of the limit is left for the next submission.
        drop(model.submit_again(op));
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn no_time_is_enough_for_what_is_there_at_once() {
    explore(|model| {
        let op = model.op();
        kernel().provider.pends.set(false);
        // One more reference, which may be there when the submitter looks.
        let canceller = cancel_in_thread(op.canceller());
        let pending = model.socket().submit(op, Request::new(None), Some(Duration::ZERO));
        assert_eq!(model.wait(pending).0, Ok(()));
        canceller.join().unwrap();
    });
}

#[test]
fn the_last_handle_against_a_canceller_that_keeps_the_memory() {
    explore(|model| {
        let op = model.op();
        let canceller = op.canceller();
        let dropping = thread::spawn(move || drop(canceller));
        drop(op);
        assert_eq!(model.dropped(), 1, "the buffers go with the owner");
        dropping.join().unwrap();
    });
}

#[test]
fn a_queue_delivers_each_operation_once_and_rings() {
    // Two operations have many more interleavings than one.
    explore_with(PREEMPTIONS - 1, |model| {
        let queue = queue(&model.passive);
        let network = [thread::spawn(deliver), thread::spawn(deliver)];
        for _ in 0..2 {
            model.socket().submit_to(&queue, model.op(), Request::new(None), None);
        }
        let mut taken = 0;
        while taken < 2 {
            kernel().provider.listen();
            for (result, _) in queue.drain() {
                assert_eq!(result, Ok(()));
                taken += 1;
            }
        }
        drop(queue);
        for thread in network {
            thread.join().unwrap();
        }
        assert_eq!(model.dropped(), 2);
    });
}

#[test]
fn a_queue_is_dropped_while_operations_are_outstanding() {
    explore(|model| {
        let queue = queue(&model.passive);
        let op = model.op();
        let canceller = cancel_in_thread(op.canceller());
        let network = thread::spawn(deliver);
        model.socket().submit_to(&queue, op, Request::new(None), None);
        drop(queue);
        canceller.join().unwrap();
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_queue_is_run_down_while_another_thread_drains() {
    explore(|model| {
        let queue = Arc::new(queue(&model.passive));
        let network = thread::spawn(deliver);
        model.socket().submit_to(&*queue, model.op(), Request::new(None), None);
        let drainer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                kernel().provider.listen();
                queue.drain().count()
            }
        });
        queue.run_down(&model.passive);
        assert_eq!(drainer.join().unwrap(), 1);
        network.join().unwrap();
        drop(queue);
        assert_eq!(model.dropped(), 1);
    });
}
