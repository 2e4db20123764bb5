//! The completion handler: what it is called for, where, and what is given back instead.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use netio::Completion as Mode;
use wsk::{
    Buffer, Canceller, Completion, CompletionHandler, DispatchDrop, Error, HandleCompletion, LocalAddress,
    Op, ReceiveFrom, SendTo, Waiters,
};

use crate::common::{Bell, SOON, World, in_every_mode, op_for, op_with, run};

type Done = (Completion<'static>, Op<Buffer>);

/// What the handler was called with.
static LOG: Mutex<Vec<Done>> = Mutex::new(Vec::new());
/// The tests of the log run one at a time.
static ALONE: Mutex<()> = Mutex::new(());

struct Logged;

// SAFETY: there is nothing to drop.
#[allow(unsafe_code, reason = "the trait is a promise")]
unsafe impl DispatchDrop for Logged {}

impl HandleCompletion<Buffer, Completion<'static>> for Logged {
    fn completed(&self, completion: Completion<'static>, op: Op<Buffer>) {
        LOG.lock().unwrap().push((completion, op));
    }
}

type Handler = CompletionHandler<Buffer, Completion<'static>, Logged>;

fn taken() -> Vec<Done> {
    std::mem::take(&mut *LOG.lock().unwrap())
}

/// Waits for the next.
fn handled() -> Done {
    let begun = Instant::now();
    loop {
        if let Some(done) = taken().pop() {
            return done;
        }
        assert!(begun.elapsed() < SOON, "the handler was not called");
        thread::yield_now();
    }
}

#[test]
fn what_is_done_at_once_is_given_back_and_the_rest_is_handled() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let handler = Handler::new(Logged, passive).unwrap();
            let mut op = op_for(4);
            for _ in 0..20 {
                let done = socket.submit_to(&handler, op, LocalAddress, None);
                let (completion, back) = done.unwrap_or_else(handled);
                op = back;
                assert!(matches!(completion, Completion::LocalAddress(Ok(found)) if found == address));
            }
            handler.run_down(passive);
            assert!(taken().is_empty(), "each came once");
            drop(handler);
        });
    });
}

#[test]
fn inline_only_what_pends_reaches_the_handler() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    run(Mode::Inline, |world| {
        world.with_socket(|socket, address, passive| {
            let handler = Handler::new(Logged, passive).unwrap();
            let sent = socket.submit_to(&handler, op_with(b"x"), SendTo(Some(address)), None);
            assert!(matches!(sent, Some((Completion::Send(Ok(1)), _))));
            let received = socket.submit_to(&handler, op_for(4), ReceiveFrom, None);
            let (received, _) = received.unwrap_or_else(handled);
            assert!(matches!(received, Completion::Receive(Ok(received)) if received.length == 1));
            assert!(socket.submit_to(&handler, op_for(4), ReceiveFrom, None).is_none());
            world.peer().send_to(b"y", address).unwrap();
            assert!(matches!(handled().0, Completion::Receive(Ok(_))));
            drop(handler);
        });
    });
}

#[test]
fn a_refusal_a_time_limit_and_a_cancel_come_as_results() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let handler = Handler::new(Logged, passive).unwrap();
            let elsewhere = SendTo(Some("[::1]:9".parse().unwrap()));
            let refused = socket.submit_to(&handler, op_with(b"x"), elsewhere, None);
            let Some((Completion::Send(result), op)) = refused else { panic!("it is known at once") };
            assert_eq!(result, Err(Error::INVALID_ADDRESS_COMPONENT));
            // No time at all: a question, answered at once or in the cancel.
            let none = Some(Duration::ZERO);
            let (completion, op) = socket.submit_to(&handler, op, ReceiveFrom, none).unwrap_or_else(handled);
            assert_eq!(completion.error(), Some(Error::IO_TIMEOUT));
            let limit = Some(Duration::from_millis(5));
            // On a busy machine it is over in the call.
            let (completion, op) = socket.submit_to(&handler, op, ReceiveFrom, limit).unwrap_or_else(handled);
            assert_eq!(completion.error(), Some(Error::IO_TIMEOUT));
            let canceller = op.canceller();
            assert!(socket.submit_to(&handler, op, ReceiveFrom, None).is_none());
            canceller.cancel();
            assert_eq!(handled().0.error(), Some(Error::CANCELLED));
            drop(handler);
        });
    });
}

#[test]
fn what_is_submitted_again_and_done_at_once_is_a_loop() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    run(Mode::Inline, |world| {
        world.with_client(|_, _, passive| {
            let handler = Handler::new(Logged, passive).unwrap();
            let waiters = Waiters::new().unwrap();
            let mut op = op_for(1);
            // A recursion of as many levels would be more than the stack has.
            for _ in 0..if cfg!(miri) { 10 } else { 100_000 } {
                let look = || assert!(waiters.wake_one());
                let done = waiters.submit_and_look(&handler, op, None, look);
                let Some((Completion::Wait(Ok(())), back)) = done else { panic!("woken in the call") };
                op = back;
            }
            drop(handler);
        });
    });
}

#[test]
fn the_drop_and_a_run_down_wait_for_what_is_pending() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let submitted = |handler: &Handler| {
                let op = op_for(1);
                let canceller = op.canceller();
                assert!(socket.submit_to(handler, op, ReceiveFrom, None).is_none());
                canceller
            };
            let handler = Handler::new(Logged, passive).unwrap();
            let canceller = submitted(&handler);
            thread::scope(|scope| {
                scope.spawn(|| cancel_soon(world, canceller));
                handler.run_down(passive);
                assert_eq!(taken().len(), 1, "handled before the run-down returned");
            });
            let canceller = submitted(&handler);
            thread::scope(|scope| {
                scope.spawn(|| cancel_soon(world, canceller));
                drop(handler);
                assert_eq!(taken().len(), 1, "handled before the drop returned");
            });
        });
    });
}

fn cancel_soon(world: &World, canceller: Canceller) {
    let _entered = world.machine.enter();
    thread::sleep(Duration::from_millis(10));
    canceller.cancel();
    // In the machine: it may be the last that keeps the memory.
    drop(canceller);
}

#[test]
fn a_queue_gets_only_what_is_not_done_at_once() {
    run(Mode::Inline, |world| {
        world.with_socket(|socket, address, passive| {
            let bell = Bell::default();
            let queue = bell.queue::<Buffer, Completion<'_>>(passive);
            let done = socket.submit_to(&queue.unless_done(), op_for(1), LocalAddress, None);
            assert!(matches!(done, Some((Completion::LocalAddress(Ok(found)), _)) if found == address));
            assert_eq!((bell.rings(), queue.drain().count()), (0, 0));
            let later = socket.submit_to(&queue.unless_done(), op_for(1), ReceiveFrom, None);
            assert!(later.is_none());
            world.peer().send_to(b"x", address).unwrap();
            let (completion, _) = bell.take_one(&queue);
            assert!(matches!(completion, Completion::Receive(Ok(_))));
            drop(queue);
            drop(bell);
        });
    });
}
