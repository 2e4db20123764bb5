//! Event callbacks and waiting operations: retaining, releasing and closing; waking, cancelling and the time limit.
//!
//! | mutation | found by |
//! |---|---|
//! | a list can be retained when the close was asked for | `retaining_against_the_close` |
//! | the last release does not send the close | `retaining_against_the_close`, `a_list_outlives_its_call` |
//! | the close is sent though lists are retained | the same |
//! | a cancel does not look for a waiting operation | `waking_against_cancelling` and one more |

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use loom::sync::Mutex;
use loom::thread;
use wsk::event::{Answer, Indication, ReceiveHandler, Retained};
use wsk::{
    CompletionQueue, Datagram, DispatchDrop, Doorbell, Error, Family, Op, Passive, Registration, Version,
    Waiters,
};

use crate::kernel::{self, kernel, tick};
use crate::provider::indicate;

/// Retains what it can, and keeps one list.
struct Keeper {
    kept: Arc<Mutex<Option<Retained>>>,
    drops: Arc<AtomicUsize>,
}

impl ReceiveHandler for Keeper {
    fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
        match indication.retain() {
            Ok((retained, answer)) => {
                // The one before, if there is one, is released here.
                drop(self.kept.lock().unwrap().replace(retained));
                answer
            }
            Err(indication) => indication.accept(),
        }
    }
}

// SAFETY: the lists that it keeps are released by the models, before the socket is closed.
unsafe impl DispatchDrop for Keeper {}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

struct Model<'r> {
    socket: Option<Datagram<'r>>,
    passive: Passive,
    kept: Arc<Mutex<Option<Retained>>>,
}

fn explore(model: impl Fn(&mut Model<'_>) + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(super::PREEMPTIONS));
    builder.max_branches = 10_000;
    builder.expect_explicit_explore = true;
    builder.check(move || {
        kernel::boot();
        let passive = Passive::check().unwrap();
        let registration = Registration::register(Version::V1_0, &passive).unwrap();
        let provider = registration.try_provider().unwrap();
        let (kept, drops) = (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)));
        let keeper = Keeper { kept: Arc::clone(&kept), drops: Arc::clone(&drops) };
        let socket = provider.socket(Family::V4).handler(keeper).datagram(&passive).unwrap();
        let Ok(socket) = socket.bind("127.0.0.1:1".parse().unwrap(), &passive) else {
            panic!("the bind succeeds");
        };
        drop(provider);
        let mut context = Model { socket: Some(socket), passive, kept };
        loom::explore();
        model(&mut context);
        loom::stop_exploring();
        drop(context);
        drop(registration);
        assert_eq!(drops.load(Ordering::Relaxed), 1, "the handler is dropped once");
        kernel::shutdown();
    });
}

#[test]
fn retaining_against_the_close() {
    explore(|model| {
        let kept = Arc::clone(&model.kept);
        let network = thread::spawn(move || {
            indicate();
            let last = kept.lock().unwrap().take();
            drop(last);
        });
        // The one who asks for the close, or the release, sends it.
        assert_eq!(model.socket.take().unwrap().close(&model.passive), Ok(()));
        network.join().unwrap();
    });
}

#[test]
fn a_list_outlives_its_call() {
    explore(|model| {
        indicate();
        let kept = Arc::clone(&model.kept);
        let releasing = thread::spawn(move || {
            let last = kept.lock().unwrap().take();
            drop(last);
        });
        // Not waited for: it is sent by whoever comes last.
        drop(model.socket.take());
        releasing.join().unwrap();
    });
}

#[test]
fn two_calls_at_a_time() {
    explore(|model| {
        let kept = Arc::clone(&model.kept);
        let network = thread::spawn(indicate);
        indicate();
        network.join().unwrap();
        let last = kept.lock().unwrap().take();
        drop(last);
        assert_eq!(model.socket.take().unwrap().close(&model.passive), Ok(()));
    });
}

fn wait_with(
    ends: impl Fn(&Arc<Waiters>, Op<()>, &CompletionQueue<'_, (), wsk::Result>) + Send + Sync + 'static,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(super::PREEMPTIONS));
    builder.max_branches = 10_000;
    builder.check(move || {
        kernel::boot();
        let passive = Passive::check().unwrap();
        // SAFETY: the bell is the kernel's, which outlives the queue.
        let doorbell = unsafe { Doorbell::new(kernel::ring, std::ptr::null_mut()) };
        let queue = CompletionQueue::new(doorbell, &passive).unwrap();
        let waiters = Arc::new(Waiters::new().unwrap());
        ends(&waiters, Op::new(()).unwrap(), &queue);
        drop(waiters);
        drop(queue);
        kernel::shutdown();
    });
}

fn result(queue: &CompletionQueue<'_, (), wsk::Result>) -> wsk::Result {
    kernel().provider.listen();
    queue.drain().next().unwrap().0
}

#[test]
fn waking_against_cancelling() {
    wait_with(|waiters, op, queue| {
        let canceller = op.canceller();
        let cancelling = thread::spawn(move || canceller.cancel());
        let other = Arc::clone(waiters);
        let waking = thread::spawn(move || {
            let _ = other.wake_one();
        });
        waiters.submit_to(queue, op, None);
        let result = result(queue);
        assert!(matches!(result, Ok(()) | Err(Error::CANCELLED)), "{result:?}");
        cancelling.join().unwrap();
        waking.join().unwrap();
    });
}

#[test]
fn the_time_limit_of_a_waiting_operation() {
    wait_with(|waiters, op, queue| {
        let clock = thread::spawn(tick);
        let other = Arc::clone(waiters);
        let waking = thread::spawn(move || {
            let _ = other.wake_one();
        });
        waiters.submit_to(queue, op, Some(Duration::from_secs(1)));
        let result = result(queue);
        assert!(matches!(result, Ok(()) | Err(Error::IO_TIMEOUT)), "{result:?}");
        clock.join().unwrap();
        waking.join().unwrap();
    });
}

#[test]
fn cancelling_two_that_wait() {
    wait_with(|waiters, op, queue| {
        let other = Op::new(()).unwrap();
        let cancellers = [op.canceller(), other.canceller()];
        waiters.submit_to(queue, op, None);
        waiters.submit_to(queue, other, None);
        let threads = cancellers.map(|canceller| thread::spawn(move || canceller.cancel()));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let ended: Vec<_> = queue.drain().map(|(result, _)| result).collect();
        assert_eq!(ended, [Err(Error::CANCELLED); 2]);
        assert!(waiters.is_empty());
    });
}
