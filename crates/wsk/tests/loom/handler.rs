//! Operations that go to a handler.

use super::*;

/// Counts its calls, and ends the operations.
struct Counts(Arc<AtomicUsize>);

// SAFETY: it drops a count.
unsafe impl DispatchDrop for Counts {}

impl HandleCompletion<Buffers, Result> for Counts {
    fn completed(&self, result: Result, op: Op<Buffers>) {
        is_done_or_cancelled(result);
        self.0.fetch_add(1, Ordering::Relaxed);
        drop(op);
    }
}

fn handler(model: &Model<'_>) -> (CompletionHandler<Buffers, Result, Counts>, Arc<AtomicUsize>) {
    let calls = Arc::default();
    (CompletionHandler::new(Counts(Arc::clone(&calls)), &model.passive).unwrap(), calls)
}

#[test]
fn a_result_is_given_back_or_handled() {
    explore(|model| {
        let (handler, calls) = handler(model);
        let network = thread::spawn(deliver);
        let done = model.socket().submit_to(&handler, model.op(), Request::new(None), None);
        let back = usize::from(done.is_some());
        drop(done);
        handler.run_down(&model.passive);
        assert_eq!(back + calls.load(Ordering::Relaxed), 1);
        assert_eq!(model.dropped(), 1);
        network.join().unwrap();
    });
}

#[test]
fn a_handler_against_cancel_and_completion() {
    explore(|model| {
        let (handler, calls) = handler(model);
        let op = model.op();
        let canceller = cancel_in_thread(op.canceller());
        let network = thread::spawn(deliver);
        let done = model.socket().submit_to(&handler, op, Request::new(None), None);
        let back = usize::from(done.is_some());
        drop(done);
        drop(handler);
        assert_eq!(back + calls.load(Ordering::Relaxed), 1);
        canceller.join().unwrap();
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_handler_is_run_down_by_two() {
    explore_with(PREEMPTIONS - 1, |model| {
        let (handler, calls) = handler(model);
        let handler = Arc::new(handler);
        let network = thread::spawn(deliver);
        let done = model.socket().submit_to(&*handler, model.op(), Request::new(None), None);
        let back = usize::from(done.is_some());
        drop(done);
        let other = thread::spawn({
            let handler = Arc::clone(&handler);
            move || handler.run_down(&Passive::check().unwrap())
        });
        handler.run_down(&model.passive);
        other.join().unwrap();
        assert_eq!(back + calls.load(Ordering::Relaxed), 1);
        network.join().unwrap();
        drop(handler);
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_queue_gets_what_is_not_given_back() {
    explore(|model| {
        let queue = queue(&model.passive);
        let network = thread::spawn(deliver);
        let done = model.socket().submit_to(&queue.unless_done(), model.op(), Request::new(None), None);
        let mut taken = usize::from(done.is_some());
        if taken == 0 {
            kernel().provider.listen();
            taken = queue.drain().count();
        }
        drop(done);
        assert_eq!(taken, 1);
        drop(queue);
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}
