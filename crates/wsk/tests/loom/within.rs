//! Completions on the thread that has submitted, within its call or after it, while others come.
//!
//! What was broken, and who found it:
//!
//! | mutation | found by |
//! |---|---|
//! | the provider leaves with a plain store on any thread | every model of a request that waits |
//! | the provider leaves with a plain store though a canceller exists | `a_completion_within_the_call_against_a_cancel` and two more |
//! | the provider leaves with a plain store though the timer's DPC may come | `a_completion_after_the_call_against_the_time_limit` |

use hosted_loom::provider::deliver_now;

use super::*;

#[test]
fn a_completion_within_the_call_against_a_cancel() {
    explore(|model| {
        kernel().provider.pends.set(false);
        let op = model.op();
        let canceller = cancel_in_thread(op.canceller());
        let (result, op) = model.wait(model.submit(op));
        assert_eq!(result, Ok(()));
        drop(op);
        canceller.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_completion_within_the_call_against_the_time_limit() {
    explore(|model| {
        kernel().provider.pends.set(false);
        let clock = thread::spawn(tick);
        let (result, op) = model.wait(model.submit_timed(model.op()));
        assert_eq!(result, Ok(()));
        drop(model.submit_again_at_once(op));
        clock.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_completion_after_the_call_against_the_time_limit() {
    explore(|model| {
        let clock = thread::spawn(tick);
        let pending = model.submit_timed(model.op());
        deliver_now();
        let (result, op) = model.wait(pending);
        assert!(matches!(result, Ok(()) | Err(Error::IO_TIMEOUT)), "{result:?}");
        kernel().provider.pends.set(false);
        drop(model.submit_again_at_once(op));
        clock.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_completion_after_the_call_against_a_cancel() {
    explore(|model| {
        let op = model.op();
        let canceller = cancel_in_thread(op.canceller());
        let pending = model.submit(op);
        deliver_now();
        let (result, op) = model.wait(pending);
        is_done_or_cancelled(result);
        drop(op);
        canceller.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_completion_after_the_call_against_a_drop() {
    explore(|model| {
        let pending = model.submit(model.op());
        let other = thread::spawn(move || drop(pending));
        deliver_now();
        other.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_completion_after_the_call_against_a_wait() {
    explore(|model| {
        let pending = model.submit(model.op());
        let other = thread::spawn(move || {
            let (result, op) = pending.wait(&Passive::check().unwrap());
            assert_eq!(result, Ok(()));
            drop(op);
        });
        deliver_now();
        other.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}
