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
use wsk::event::{Answer, Disabled, Indication, ReceiveHandler, Retained};
use wsk::{
    CompletionQueue, Datagram, DispatchDrop, Doorbell, Error, Family, Op, Passive, Registration, Version,
    Waiters,
};

use hosted_loom::kernel::{self, kernel, tick};
use hosted_loom::provider::indicate;

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
        socket.enable_receive().unwrap();
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

#[test]
fn no_call_runs_when_the_event_is_disabled() {
    explore(|model| {
        let kept = Arc::clone(&model.kept);
        let network = thread::spawn(indicate);
        assert_eq!(model.socket.as_ref().unwrap().disable_receive(&model.passive), Ok(()));
        // The call keeps its list before it returns, so a call that comes after this would leave one.
        let last = kept.lock().unwrap().take();
        let was_called = last.is_some();
        drop(last);
        assert_eq!(network.join().unwrap(), was_called);
        assert!(kept.lock().unwrap().is_none());
        assert_eq!(model.socket.take().unwrap().close(&model.passive), Ok(()));
    });
}

#[test]
fn disabling_against_a_datagram_without_waiting() {
    explore(|model| {
        let kept = Arc::clone(&model.kept);
        let network = thread::spawn(indicate);
        let disabled = model.socket.as_ref().unwrap().disable_receive_soon().unwrap();
        if disabled == Disabled::Now {
            let was_called = kept.lock().unwrap().is_some();
            assert_eq!(network.join().unwrap(), was_called);
        } else {
            assert!(network.join().unwrap());
        }
        assert!(!indicate(), "no more calls come");
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

#[test]
fn a_wait_looks_whether_it_is_there() {
    wait_with(|waiters, op, queue| {
        // What the operation waits for: whoever comes second finds the other.
        let there = Arc::new(Mutex::new(false));
        let (other, set) = (Arc::clone(waiters), Arc::clone(&there));
        let bringing = thread::spawn(move || {
            *set.lock().unwrap() = true;
            let _ = other.wake_one();
        });
        let look = || {
            let there = *there.lock().unwrap();
            if there {
                let _ = waiters.wake_one();
            }
        };
        waiters.submit_and_look(queue, op, None, look);
        assert_eq!(result(queue), Ok(()));
        bringing.join().unwrap();
    });
}

#[test]
fn no_time_to_wait() {
    wait_with(|waiters, op, queue| {
        let other = Arc::clone(waiters);
        let waking = thread::spawn(move || other.wake_one());
        waiters.submit_to(queue, op, Some(Duration::ZERO));
        let result = result(queue);
        let woken = waking.join().unwrap();
        assert_eq!(result, if woken { Ok(()) } else { Err(Error::IO_TIMEOUT) });
    });
}

#[test]
fn the_end_of_the_waiters_against_a_cancel() {
    wait_with(|waiters, op, queue| {
        let canceller = op.canceller();
        let other = Arc::clone(waiters);
        waiters.submit_to(queue, op, None);
        let cancelling = thread::spawn(move || canceller.cancel());
        let ending = thread::spawn(move || other.fail_all(Error::FILE_FORCED_CLOSED));
        let result = result(queue);
        assert!(matches!(result, Err(Error::CANCELLED | Error::FILE_FORCED_CLOSED)), "{result:?}");
        cancelling.join().unwrap();
        ending.join().unwrap();
    });
}

#[test]
fn two_wake_ups_wake_two() {
    wait_with(|waiters, op, queue| {
        let second = Op::new(()).unwrap();
        waiters.submit_to(queue, op, None);
        waiters.submit_to(queue, second, None);
        let threads = [(); 2].map(|()| {
            let waiters = Arc::clone(waiters);
            thread::spawn(move || waiters.wake_one())
        });
        assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
        assert_eq!(queue.drain().count(), 2);
        assert!(!waiters.wake_one());
    });
}
