//! Several threads that drain a queue.

use super::*;

#[test]
fn a_queue_is_drained_by_two_threads() {
    explore(|model| {
        let queue = Arc::new(queue(&model.passive));
        let network = thread::spawn(deliver);
        model.socket().submit_to(&*queue, model.op(), Request::new(None), None);
        let other = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.drain().count()
        });
        let here = queue.drain().count();
        let there = other.join().unwrap();
        assert!(here + there <= 1);
        drop(queue);
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}

#[test]
fn a_queue_is_drained_at_once_by_two_threads() {
    explore_with(PREEMPTIONS - 1, |model| {
        let queue = Arc::new(queue(&model.passive));
        let network = thread::spawn(deliver);
        model.socket().submit_to(&*queue, model.op(), Request::new(None), None);
        let take = |queue: &CompletionQueue<'_, _, Result>| {
            let mut count = 0;
            queue.drain_with(|result, _: Op<Buffers>| {
                assert_eq!(result, Ok(()));
                count += 1;
            });
            count
        };
        let other = thread::spawn({
            let queue = Arc::clone(&queue);
            move || take(&queue)
        });
        let here = take(&queue);
        let there = other.join().unwrap();
        assert!(here + there <= 1);
        if here + there == 1 {
            queue.run_down(&model.passive);
        }
        drop(queue);
        network.join().unwrap();
        assert_eq!(model.dropped(), 1);
    });
}
