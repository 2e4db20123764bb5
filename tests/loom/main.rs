//! The driver, all of it, explored: every interleaving of requests, their completion, cancel and time limit, of datagrams,
//! and of a handle's close and the driver's unload.
//!
//! The code under test is what ships, down to `nt` and `wdf`; the kernel, WSK and the framework are those of
//! `hosted-loom`. Each model ends with the driver unloaded, and a check that every block, IRP and object was freed once.
//! A request that never completes is a deadlock, which loom reports.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p wskdrv --profile program --test loom`.
//!
//! What was broken to see a model find it:
//!
//! | mutation | found by |
//! |---|---|
//! | the switch lets two begin at a time | `enabling_against_disabling_soon` and one more |
//! | a queue that stops wakes nobody | `the_end_of_the_event_ends_a_drain` |
//! | a drain that ends does not wake the next | `two_drains_against_two_datagrams` |
//! | a drain that begins to wait does not look | `a_drain_gets_the_datagram` and eight more |
//! | who woke nobody does not look whether one came between | `a_drain_gets_the_datagram` |
//! | a disabling that waits stops the queue before the event | `what_came_before_a_disabling_that_waits_is_in_the_queue` |
//! | the close leaves a wait for the transports | `the_close_against_a_wait_that_no_socket_has` and one more |
//! | such a wait can begin after the close | `the_close_against_a_wait_that_no_socket_has` |
//! | the close leaves the making of a socket | `the_close_ends_the_making_of_a_socket` |
//! | a socket that is made after the close stays | `the_close_against_a_socket_that_is_being_made` and one more |
//! | a closed handle keeps operations | `the_close_against_a_bind` and many more |
//! | the next drain may begin before this one has taken | `two_drains_against_two_datagrams` |
//! | what ends a receive is read and then written | `the_first_datagram_ends_a_receive_of_two` |
//! | the submitter does not look whether one has ended; or who ends, whether all are submitted | the same |
//! | operations of a receive are counted down relaxed | the same |
//! | the submitter of a receive is not counted | `two_datagrams_against_a_receive_of_two` and three more |
//! | a request that was cancelled is completed at once | `the_close_against_a_cancel` and one more |
//! | the stage of a request is relaxed, or read and then written | `the_close_against_a_cancel` and more |
//! | the unload does not wait for the work item | `the_unload_waits_for_the_work_item` |
//! | the unload does not wait for the handler | `the_unload_waits_for_the_completion` |
//! | a spin lock is not taken | `a_drain_gets_the_datagram` and many more |
#![cfg(loom)]
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::missing_panics_doc, reason = "a test")]

mod events;
mod handles;
mod requests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hosted_loom::framework::{self, Handle};
use hosted_loom::kernel::{self, kernel};
use loom::thread::{self, JoinHandle};
use wsk::Error;
use wsk_sys::{NTSTATUS, STATUS_SUCCESS};
use wskdrv_abi::{
    AF_INET, Create, DISABLE_AND_WAIT, DISABLE_SOON, Datagrams, EnableReceive, IOCTL_WSKDRV_BIND,
    IOCTL_WSKDRV_CREATE, IOCTL_WSKDRV_DISABLE_RECEIVE, IOCTL_WSKDRV_DRAIN, IOCTL_WSKDRV_ENABLE_RECEIVE,
    IOCTL_WSKDRV_STATISTICS, NO_TIMEOUT, QUEUE_MIN, Received, Statistics, Timed, receive,
};
use zerocopy::{FromBytes, IntoBytes};

/// The number of times that a thread is interrupted where it would not wait; one more takes minutes.
const PREEMPTIONS: usize = 3;

/// How far the handle of a model has come.
#[derive(Clone, Copy)]
enum Begin {
    Opened,
    Created,
    Bound,
    /// And the receive event is enabled.
    Enabled,
}

/// What a model has left to do.
enum End {
    Open,
    Closed,
    Unloaded,
}

/// Explores every interleaving of a model's threads, with so many interruptions at most. Its requests wait until they are
/// delivered, or cancelled.
fn explore(begin: Begin, model: impl Fn(Handle) -> End + Send + Sync + 'static) {
    explore_with(PREEMPTIONS, false, begin, model);
}

/// The same with a thread of the system that runs the work item, and one interruption less. Elsewhere who waits runs it.
fn explore_with_worker(begin: Begin, model: impl Fn(Handle) -> End + Send + Sync + 'static) {
    explore_with(PREEMPTIONS - 1, true, begin, model);
}

fn explore_with(
    preemptions: usize,
    worker: bool,
    begin: Begin,
    model: impl Fn(Handle) -> End + Send + Sync + 'static,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.max_branches = 20_000;
    builder.expect_explicit_explore = true;
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    builder.check(move || {
        kernel::boot();
        framework::load(wskdrv::driver_entry);
        let handle = opened(begin);
        kernel().provider.pends.set(true);
        loom::explore();
        let worker = worker.then(framework::spawn_worker);
        let end = model(handle);
        loom::stop_exploring();
        if let End::Open = end {
            handle.close();
        }
        if !matches!(end, End::Unloaded) {
            nothing_is_left();
            framework::unload();
        }
        if let Some(worker) = worker {
            worker.join().unwrap();
        }
        kernel::shutdown();
        count.fetch_add(1, Ordering::Relaxed);
    });
    let executions = executions.load(Ordering::Relaxed);
    assert!(executions > 1, "there was nothing to explore");
    println!("{executions} interleavings");
}

/// What the driver has counted, when every handle is closed and another is opened.
fn nothing_is_left() {
    let handle = Handle::open();
    let (status, output) = handle.call(IOCTL_WSKDRV_STATISTICS, &[], size_of::<Statistics>());
    assert_eq!(status, STATUS_SUCCESS);
    let counted = Statistics::read_from_bytes(&output).unwrap();
    assert_eq!((counted.handles_open, counted.sockets_open), (1, 0));
    assert_eq!(counted.operations_submitted, counted.operations_completed);
    assert_eq!(counted.irps_allocated, counted.irps_freed);
    handle.close();
}

fn opened(begin: Begin) -> Handle {
    let handle = Handle::open();
    if !matches!(begin, Begin::Opened) {
        assert_eq!(handle.call(IOCTL_WSKDRV_CREATE, &create(), 0).0, STATUS_SUCCESS);
    }
    if matches!(begin, Begin::Bound | Begin::Enabled) {
        assert_eq!(handle.call(IOCTL_WSKDRV_BIND, &bind(), 0).0, STATUS_SUCCESS);
    }
    if matches!(begin, Begin::Enabled) {
        assert_eq!(enable(handle), STATUS_SUCCESS);
    }
    handle
}

fn create() -> Vec<u8> {
    Create { timeout_ms: NO_TIMEOUT, family: AF_INET, reserved: 0 }.as_bytes().to_vec()
}

/// Without a time limit.
fn timed() -> Vec<u8> {
    Timed { timeout_ms: NO_TIMEOUT, reserved: 0 }.as_bytes().to_vec()
}

fn bind() -> Vec<u8> {
    [&timed()[..], &[2, 0, 0, 0, 127, 0, 0, 1], &[0; 8]].concat()
}

fn enable(handle: Handle) -> NTSTATUS {
    #[expect(clippy::cast_possible_truncation, reason = "a kilobyte")]
    let input = EnableReceive { capacity: QUEUE_MIN as u32, reserved: 0 };
    handle.call(IOCTL_WSKDRV_ENABLE_RECEIVE, input.as_bytes(), 0).0
}

fn disable(handle: Handle, form: u32) -> NTSTATUS {
    handle.call(IOCTL_WSKDRV_DISABLE_RECEIVE, [NO_TIMEOUT, form].as_bytes(), 8).0
}

fn disable_soon(handle: Handle) -> NTSTATUS {
    disable(handle, DISABLE_SOON)
}

fn disable_and_wait(handle: Handle) -> NTSTATUS {
    disable(handle, DISABLE_AND_WAIT)
}

fn drain_request(handle: Handle, timeout_ms: u32) -> framework::Request {
    let input = Timed { timeout_ms, reserved: 0 };
    let output = size_of::<Datagrams>() + 2 * size_of::<Received>();
    handle.request(IOCTL_WSKDRV_DRAIN, input.as_bytes(), output)
}

/// How a request for datagrams ended, and how many it brought.
fn datagrams(request: framework::Request) -> (NTSTATUS, usize) {
    let (status, output) = request.wait();
    if status != STATUS_SUCCESS {
        return (status, 0);
    }
    let count = receive::list(&output).unwrap().1.count();
    assert_ne!(count, 0, "a success brings something");
    (status, count)
}

/// What a drain finds that does not wait.
fn drain_now(handle: Handle) -> (NTSTATUS, usize) {
    let drain = drain_request(handle, 0);
    drain.send();
    datagrams(drain)
}

fn spawn<R: 'static>(f: impl FnOnce() -> R + 'static) -> JoinHandle<R> {
    thread::spawn(f)
}

fn is_one_of(status: NTSTATUS, errors: &[Error]) {
    let fits = status == STATUS_SUCCESS || errors.iter().any(|error| error.status() == status);
    assert!(fits, "{status:#x}");
}
