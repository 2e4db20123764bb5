//! A bounded queue of received datagrams, one per bound socket.

use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wsk_sys::ULONG;

use crate::address::same_peer;

/// A received datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    /// It was sent to the broadcast address.
    pub(crate) broadcast: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) header: Header,
}

/// What the network tells of a datagram beside its sender; the host does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where it was sent to.
    pub(crate) to: Option<IpAddr>,
    /// The index of the interface on which it came; 0 if that is not known.
    pub(crate) interface: ULONG,
    /// The time to live, or the hop limit.
    pub(crate) hops: Option<u8>,
    /// The type of service, or the traffic class.
    pub(crate) traffic_class: Option<u8>,
    /// Whether it must not be fragmented.
    pub(crate) dont_fragment: Option<bool>,
}

/// Called, with no lock held, after a datagram has been queued.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

/// The queue. Its size is that of `SO_RCVBUF`; what does not fit is dropped and counted.
pub(crate) struct Inbox {
    state: Mutex<State>,
    arrived: Condvar,
    wake: Option<Wake>,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Datagram>,
    bytes: usize,
    limit: usize,
    dropped: u64,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().fmt(f)
    }
}

impl Inbox {
    /// An empty queue for `limit` bytes, which calls `wake` after each arrival.
    pub(crate) fn new(limit: usize, wake: Option<Wake>) -> Inbox {
        let state = State { queue: VecDeque::new(), bytes: 0, limit, dropped: 0 };
        Inbox { state: Mutex::new(state), arrived: Condvar::new(), wake }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a datagram, or drops it if the queue is full. An empty queue takes a datagram of any size.
    pub(crate) fn push(&self, datagram: Datagram) {
        let mut state = self.lock();
        if !state.queue.is_empty() && state.bytes + datagram.bytes.len() > state.limit {
            state.dropped += 1;
            return;
        }
        state.bytes += datagram.bytes.len();
        state.queue.push_back(datagram);
        drop(state);
        self.arrived.notify_one();
        if let Some(wake) = &self.wake {
            wake();
        }
    }

    /// Takes the first datagram. With a fixed remote address, what others sent is dropped on the way.
    pub(crate) fn pop(&self, remote: Option<SocketAddr>) -> Option<Datagram> {
        let mut state = self.lock();
        state.drop_others(remote);
        state.pop()
    }

    /// As [`Inbox::pop`], if the first datagram is as wanted.
    pub(crate) fn pop_if(
        &self,
        remote: Option<SocketAddr>,
        wanted: impl FnOnce(&Datagram) -> bool,
    ) -> Option<Datagram> {
        let mut state = self.lock();
        state.drop_others(remote);
        if state.queue.front().is_some_and(wanted) { state.pop() } else { None }
    }

    /// Puts datagrams back that were taken, in front of the others.
    pub(crate) fn put_back(&self, datagrams: Vec<Datagram>) {
        let mut state = self.lock();
        for datagram in datagrams.into_iter().rev() {
            state.bytes += datagram.bytes.len();
            state.queue.push_front(datagram);
        }
    }

    /// Counts datagrams that were taken and then dropped.
    pub(crate) fn count_dropped(&self, datagrams: usize) {
        self.lock().dropped += datagrams as u64;
    }

    /// Drops what others than the fixed remote address have sent: when that address is about to change.
    pub(crate) fn discard(&self, remote: Option<SocketAddr>) {
        self.lock().drop_others(remote);
    }

    /// Whether [`Inbox::pop`] would find a datagram.
    pub(crate) fn has(&self, remote: Option<SocketAddr>) -> bool {
        let mut state = self.lock();
        state.drop_others(remote);
        !state.queue.is_empty()
    }

    /// Takes the first datagram; waits for one, at most so long.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Option<Datagram> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.lock();
        loop {
            if let Some(datagram) = state.pop() {
                return Some(datagram);
            }
            state = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(left) => {
                    self.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Sets the number of bytes that the queue holds. What it has already stays.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.lock().limit = limit;
    }

    /// The number of datagrams dropped: for want of room, or by the fixed remote address.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }
}

impl State {
    fn pop(&mut self) -> Option<Datagram> {
        let datagram = self.queue.pop_front()?;
        self.bytes -= datagram.bytes.len();
        Some(datagram)
    }

    /// Drops what did not come from the fixed remote address.
    fn drop_others(&mut self, remote: Option<SocketAddr>) {
        let Some(remote) = remote else { return };
        let before = self.queue.len();
        self.queue.retain(|datagram| same_peer(remote, datagram.from));
        self.dropped += (before - self.queue.len()) as u64;
        self.bytes = self.queue.iter().map(|datagram| datagram.bytes.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(port: u16, length: usize) -> Datagram {
        let from = ([127, 0, 0, 1], port).into();
        Datagram { from, broadcast: false, bytes: vec![0; length], header: Header::default() }
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let inbox = Inbox::new(10, None);
        inbox.push(datagram(1, 6));
        inbox.push(datagram(2, 6));
        inbox.push(datagram(3, 4));
        assert_eq!(inbox.dropped(), 1);
        assert_eq!(inbox.pop(None), Some(datagram(1, 6)));
        assert_eq!(inbox.pop(None), Some(datagram(3, 4)));
        assert_eq!(inbox.pop(None), None);
    }

    #[test]
    fn an_empty_queue_takes_any_size() {
        let inbox = Inbox::new(0, None);
        inbox.push(datagram(1, 100));
        inbox.push(datagram(2, 1));
        assert_eq!(inbox.pop(None), Some(datagram(1, 100)));
        assert_eq!(inbox.pop(None), None);
        inbox.set_limit(200);
        inbox.push(datagram(1, 100));
        inbox.push(datagram(2, 100));
        assert_eq!(inbox.dropped(), 1);
    }

    #[test]
    fn a_fixed_remote_address_drops_the_others() {
        let inbox = Inbox::new(100, None);
        inbox.push(datagram(1, 1));
        inbox.push(datagram(2, 2));
        inbox.push(datagram(1, 3));
        assert_eq!(inbox.pop(Some(([127, 0, 0, 1], 2).into())), Some(datagram(2, 2)));
        assert_eq!(inbox.pop(Some(([127, 0, 0, 1], 2).into())), None);
        assert_eq!(inbox.dropped(), 2);
        inbox.push(datagram(1, 4));
        inbox.push(datagram(2, 5));
        inbox.discard(Some(([127, 0, 0, 1], 2).into()));
        assert_eq!(
            (inbox.pop(None), inbox.pop(None)),
            (Some(datagram(2, 5)), None),
            "gone before the change"
        );
    }

    #[test]
    fn a_wait_ends_with_the_time_or_the_datagram() {
        let inbox = Inbox::new(100, None);
        assert_eq!(inbox.wait(Some(Duration::from_millis(1))), None);
        std::thread::scope(|scope| {
            scope.spawn(|| inbox.push(datagram(1, 1)));
            assert_eq!(inbox.wait(Some(Duration::from_mins(1))), Some(datagram(1, 1)));
        });
    }
}
