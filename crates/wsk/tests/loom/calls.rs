//! Waits that end before there is a result, and calls in an operation that they were lent.

use std::time::Duration;

use loom::thread;
use wsk::ioctl::SetRemoteAddress;
use wsk::{Error, Op};

use super::{cancel_in_thread, explore};
use hosted_loom::kernel::kernel;
use hosted_loom::provider::deliver;

#[test]
fn a_wait_with_a_limit_against_completion() {
    explore(|model| {
        let network = thread::spawn(deliver);
        let pending = model.submit(model.op());
        let (result, op) = match pending.wait_for(Duration::from_secs(1), &model.passive) {
            Ok(done) => done,
            Err(pending) => model.wait(pending),
        };
        assert_eq!(result, Ok(()));
        drop(model.submit_again(op));
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_wait_with_a_limit_and_then_a_drop() {
    explore(|model| {
        let network = thread::spawn(deliver);
        let pending = model.submit(model.op());
        drop(pending.wait_for(Duration::from_secs(1), &model.passive));
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_call_in_a_lent_operation_is_cancelled() {
    explore(|model| {
        let mut op = Op::new(()).unwrap();
        // Before, during or after the submission: nothing but the cancel ends the call.
        let canceller = cancel_in_thread(op.canceller());
        let ended = model.socket().ioctl::<SetRemoteAddress>(None, op.call(&model.passive));
        assert_eq!(ended, Err(Error::CANCELLED));
        // Nothing of it is left for the next call.
        kernel().provider.pends.set(false);
        assert_eq!(model.socket().ioctl::<SetRemoteAddress>(None, op.call(&model.passive)), Ok(()));
        drop(op);
        canceller.join().unwrap();
    });
}
