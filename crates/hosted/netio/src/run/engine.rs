//! The provider's thread: a queue of jobs, in the order of their times.
#![expect(unsafe_code, reason = "starts a system thread, which the kernel calls")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use wsk_sys::{HANDLE, NT_SUCCESS, NTSTATUS, PVOID, PsCreateSystemThread, THREAD_ALL_ACCESS, ZwClose};

use crate::Completion;
use crate::platform::{self, Owner};
use crate::provider::Provider;

/// The longest delay of [`Completion::Delayed`] and [`Completion::Mixed`].
const LONGEST_DELAY: Duration = Duration::from_micros(400);

/// Something for the provider's thread to do.
pub(crate) type Job = Box<dyn FnOnce(&Arc<Provider>) + Send>;

/// The queue of the provider's thread.
pub(crate) struct Engine {
    mode: Completion,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    jobs: BinaryHeap<Reverse<Due>>,
    last: u64,
    random: fastrand::Rng,
    thread: Thread,
    /// The thread does a job.
    busy: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    None,
    Running,
    Stopping,
}

/// A job, ordered by its time and then by its place in the line.
struct Due(Instant, u64, Job);

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.1 == other.1
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

impl Engine {
    pub(crate) fn new(mode: Completion) -> Engine {
        let seed = match mode {
            Completion::Delayed { seed } | Completion::Mixed { seed } => seed,
            Completion::Inline | Completion::Deferred => 0,
        };
        let random = fastrand::Rng::with_seed(seed);
        let queue = Queue { jobs: BinaryHeap::new(), last: 0, random, thread: Thread::None, busy: false };
        Engine { mode, queue: Mutex::new(queue), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }

    /// Whether a request, or a call of a callback, runs in the call that brings it: to be asked once for each.
    ///
    /// Never under the caller's spin lock, which the client's routine might want.
    pub(crate) fn runs_in_call(&self) -> bool {
        if platform::spin_locks_held() != 0 {
            return false;
        }
        match self.mode {
            Completion::Inline => true,
            Completion::Deferred | Completion::Delayed { .. } => false,
            Completion::Mixed { .. } => self.lock().random.bool(),
        }
    }

    /// Gives the thread something to do. Takes no lock but the queue's.
    pub(crate) fn schedule(&self, job: impl FnOnce(&Arc<Provider>) + Send + 'static) {
        self.schedule_later(Duration::ZERO, job);
    }

    /// Gives the thread something to do, this much later than it would be otherwise.
    pub(super) fn schedule_later(&self, by: Duration, job: impl FnOnce(&Arc<Provider>) + Send + 'static) {
        self.schedule_in(self.delay() + by, job);
    }

    fn delay(&self) -> Duration {
        let random = &mut self.lock().random;
        match self.mode {
            Completion::Mixed { .. } if random.bool() => Duration::ZERO,
            Completion::Delayed { .. } | Completion::Mixed { .. } => LONGEST_DELAY.mul_f64(random.f64()),
            Completion::Inline | Completion::Deferred => Duration::ZERO,
        }
    }

    /// Gives the thread something to do after a while.
    pub(crate) fn schedule_in(&self, delay: Duration, job: impl FnOnce(&Arc<Provider>) + Send + 'static) {
        let mut queue = self.lock();
        queue.last += 1;
        let place = queue.last;
        queue.jobs.push(Reverse(Due(Instant::now() + delay, place, Box::new(job))));
        drop(queue);
        self.changed.notify_all();
    }

    /// The next job, in its time; none when the thread is to end.
    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        queue.busy = false;
        self.changed.notify_all();
        loop {
            let now = Instant::now();
            match queue.jobs.peek().map(|Reverse(due)| due.0) {
                Some(time) if time <= now => {
                    queue.busy = true;
                    return queue.jobs.pop().map(|Reverse(due)| due.2);
                }
                _ if queue.thread == Thread::Stopping => return None,
                Some(time) => drop(self.changed.wait_until(&mut queue, time)),
                None => self.changed.wait(&mut queue),
            }
        }
    }

    /// Starts the thread, if it does not run.
    ///
    /// # Errors
    /// That of `PsCreateSystemThread`.
    pub(crate) fn start(&self) -> Result<(), NTSTATUS> {
        if mem::replace(&mut self.lock().thread, Thread::Running) == Thread::Running {
            return Ok(());
        }
        let mut handle: HANDLE = ptr::null_mut();
        // The thread serves all clients, so it is not that of the driver that happens to be the first.
        let status = platform::on_behalf_of(Owner::SYSTEM, || {
            // SAFETY: the handle is written to a local; the routine takes no context; no attributes are given.
            unsafe {
                PsCreateSystemThread(
                    &raw mut handle,
                    THREAD_ALL_ACCESS,
                    ptr::null_mut(),
                    ptr::null_mut(),
                    ptr::null_mut(),
                    engine_thread,
                    ptr::null_mut(),
                )
            }
        });
        if !NT_SUCCESS(status) {
            self.lock().thread = Thread::None;
            return Err(status);
        }
        // SAFETY: the handle that was just made; the thread does not need it.
        unsafe { ZwClose(handle) };
        Ok(())
    }

    /// Stops the thread, and waits until it does nothing any more; whether that came within the limit.
    pub(crate) fn stop(&self, limit: Duration) -> bool {
        let mut queue = self.lock();
        if queue.thread == Thread::Running {
            queue.thread = Thread::Stopping;
            self.changed.notify_all();
        }
        // What is left is for requests and sockets that are gone.
        queue.jobs.clear();
        let runs = |queue: &mut Queue| queue.thread != Thread::None;
        !self.changed.wait_while_for(&mut queue, runs, limit).timed_out()
    }
}

#[cfg(feature = "hosted")]
impl Engine {
    /// Waits until the thread has nothing to do; whether that came within the limit.
    pub(crate) fn wait_until_idle(&self, limit: Duration) -> bool {
        let works = |queue: &mut Queue| queue.busy || !queue.jobs.is_empty();
        !self.changed.wait_while_for(&mut self.lock(), works, limit).timed_out()
    }
}

unsafe extern "system" fn engine_thread(_context: PVOID) {
    let provider = platform::provider();
    while let Some(job) = provider.engine.next() {
        job(&provider);
    }
    provider.engine.lock().thread = Thread::None;
    provider.engine.changed.notify_all();
}
