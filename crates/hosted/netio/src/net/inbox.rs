//! A bounded queue of received datagrams, one per bound socket.

use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use readings::{CoalescedRefused, Coalescing, ErrorData, PortUnreachable, Readings};
use wsk_cmsg::ReceiveError;
use wsk_sys::ULONG;

use crate::net::address::same_peer;

/// How much data datagrams have together, at most: as much as the length field of one can say.
const LARGEST: usize = 0xFFFF - 8;

/// A received datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    /// It was sent to the broadcast address.
    pub(crate) broadcast: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) header: Header,
}

/// What the network tells of a datagram beside its sender; of hosts, only Linux does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Where it was sent to; of an error, where the message about it was.
    pub(crate) to: Option<IpAddr>,
    /// The index of the interface on which it came; 0 if that is not known.
    pub(crate) interface: ULONG,
    /// The time to live, or the hop limit.
    pub(crate) hops: Option<u8>,
    /// The type of service, or the traffic class.
    pub(crate) traffic_class: Option<u8>,
    /// Whether it must not be fragmented.
    pub(crate) dont_fragment: Option<bool>,
    /// The size of the datagrams whose data this is; none of one that came alone.
    pub(crate) segment: Option<ULONG>,
    /// What an ICMP message said of a datagram that was sent: the data is what was sent, `from` is where to.
    pub(crate) error: Option<ReceiveError>,
}

impl Datagram {
    /// Whether the data of `next` may follow this one's, of datagrams that have `size` bytes each.
    ///
    /// As on network adapters that do it ("UDP Receive Segment Coalescing Offload"): the same sender, everything that
    /// is told of the two is the same, and so is the size, but for the last one's, which may be less. None is empty,
    /// broadcast or multicast.
    fn may_be_joined_by(&self, next: &Datagram, size: usize) -> bool {
        self.from == next.from
            && !self.broadcast
            && !next.broadcast
            && !self.header.to.is_some_and(|to| to.is_multicast())
            && self.header.segment.is_none()
            && self.header.error.is_none()
            && self.header == next.header
            && (1..=size).contains(&next.bytes.len())
    }

    /// The datagrams whose data this is.
    fn apart(self) -> Vec<Datagram> {
        let Some(size) = self.header.segment else { return vec![self] };
        let header = Header { segment: None, ..self.header };
        let one = |bytes: &[u8]| Datagram { bytes: bytes.to_vec(), header, ..self };
        self.bytes.chunks(size as usize).map(one).collect()
    }

    /// How many datagrams' data this is.
    fn count(&self) -> u64 {
        self.header.segment.map_or(1, |size| self.bytes.len().div_ceil(size as usize) as u64)
    }
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
    /// How much data datagrams have that come together, at most; 0 if each comes alone.
    together: usize,
    dropped: u64,
    /// A receive is to fail, as a port is unreachable.
    failed: bool,
    readings: Readings,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().fmt(f)
    }
}

impl Inbox {
    /// An empty queue for `limit` bytes, which calls `wake` after each arrival. The readings are the strict ones.
    pub(crate) fn new(limit: usize, wake: Option<Wake>) -> Inbox {
        let (queue, failed, readings) = (VecDeque::new(), false, Readings::STRICT);
        let state = State { queue, bytes: 0, limit, together: 0, dropped: 0, failed, readings };
        Inbox { state: Mutex::new(state), arrived: Condvar::new(), wake }
    }

    /// This queue, with other readings.
    pub(crate) fn with_readings(self, readings: Readings) -> Inbox {
        self.lock().readings = readings;
        self
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Queues a datagram, or drops it if the queue is full. An empty queue takes a datagram of any size.
    pub(crate) fn push(&self, mut datagram: Datagram) {
        let mut state = self.lock();
        if datagram.header.error.is_some() {
            datagram.bytes.truncate(match state.readings.of() {
                ErrorData::All => usize::MAX,
                ErrorData::Eight => 8,
                ErrorData::Nothing => 0,
            });
        }
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

    /// Takes the first datagram, or the first ones together. With a fixed remote address, what others sent is dropped
    /// on the way.
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
        let refused: CoalescedRefused = state.readings.of();
        let single = |taken: Datagram| match refused {
            CoalescedRefused::Apart => taken.apart(),
            CoalescedRefused::Together => vec![taken],
        };
        for datagram in datagrams.into_iter().rev().flat_map(|taken| single(taken).into_iter().rev()) {
            state.bytes += datagram.bytes.len();
            state.queue.push_front(datagram);
        }
    }

    /// Counts datagrams that were taken and then dropped.
    pub(crate) fn count_dropped(&self, datagrams: &[Datagram]) {
        self.lock().dropped += datagrams.iter().map(Datagram::count).sum::<u64>();
    }

    /// Drops what others than the fixed remote address have sent: when that address is about to change.
    pub(crate) fn discard(&self, remote: Option<SocketAddr>) {
        self.lock().drop_others(remote);
    }

    /// The number of datagrams in the queue.
    #[cfg(feature = "hosted")]
    pub(crate) fn len(&self) -> usize {
        self.lock().queue.len()
    }

    /// A port is unreachable that was sent to: a receive is to fail, if the reading is so.
    pub(crate) fn fail(&self) {
        let mut state = self.lock();
        if state.readings.of::<PortUnreachable>() == PortUnreachable::Silent {
            return;
        }
        state.failed = true;
        drop(state);
        if let Some(wake) = &self.wake {
            wake();
        }
    }

    /// Whether a receive is to fail, which is then done.
    pub(crate) fn take_failure(&self) -> bool {
        std::mem::take(&mut self.lock().failed)
    }

    /// A receive is to fail after all: the one that was to is being cancelled. Wakes nobody, as [`Inbox::put_back`].
    pub(crate) fn put_back_failure(&self) {
        self.lock().failed = true;
    }

    /// Whether [`Inbox::pop`] would find a datagram, or a receive is to fail.
    pub(crate) fn has(&self, remote: Option<SocketAddr>) -> bool {
        let mut state = self.lock();
        state.drop_others(remote);
        state.failed || !state.queue.is_empty()
    }

    /// Takes the first datagram; waits for one, at most so long.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Option<Datagram> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.lock();
        loop {
            if let Some(datagram) = state.pop() {
                return Some(datagram);
            }
            match deadline {
                None => self.arrived.wait(&mut state),
                Some(deadline) if self.arrived.wait_until(&mut state, deadline).timed_out() => {
                    return state.pop();
                }
                Some(_) => {}
            }
        }
    }

    /// Sets the number of bytes that the queue holds. What it has already stays.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.lock().limit = limit;
    }

    /// Sets how much data datagrams have that come together, at most; 0 has each come alone.
    pub(crate) fn set_together(&self, bytes: usize) {
        self.lock().together = bytes.min(LARGEST);
    }

    /// The number of datagrams dropped: because the queue was full, or by the fixed remote address.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }
}

impl State {
    /// Takes the first datagram, and joins those to it that may come together with it.
    fn pop(&mut self) -> Option<Datagram> {
        let mut first = self.queue.pop_front()?;
        self.bytes -= first.bytes.len();
        let size = first.bytes.len();
        let most = match self.readings.of() {
            Coalescing::UpTo64 => 64,
            Coalescing::UpTo255 => 255,
            Coalescing::Never => 1,
        };
        let mut count = 1;
        // A shorter one is the last.
        while count < most && first.bytes.len() == count * size {
            let left = self.together.saturating_sub(first.bytes.len());
            let fits = |next: &Datagram| first.may_be_joined_by(next, size) && next.bytes.len() <= left;
            if !self.queue.front().is_some_and(fits) {
                break;
            }
            let Some(next) = self.queue.pop_front() else { break };
            self.bytes -= next.bytes.len();
            first.bytes.extend(next.bytes);
            count += 1;
        }
        if count > 1 {
            first.header.segment = ULONG::try_from(size).ok();
        }
        Some(first)
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

    fn inbox(together: usize, lengths: &[usize]) -> Inbox {
        let inbox = Inbox::new(1 << 20, None);
        inbox.set_together(together);
        for length in lengths {
            inbox.push(datagram(1, *length));
        }
        inbox
    }

    /// The size of each that is taken, and of the datagrams in it.
    fn taken(inbox: &Inbox) -> Vec<(usize, Option<ULONG>)> {
        let all = std::iter::from_fn(|| inbox.pop(None));
        let sizes = all.map(|one| (one.bytes.len(), one.header.segment)).collect();
        assert_eq!(inbox.lock().bytes, 0, "no bytes are left");
        sizes
    }

    #[test]
    fn equal_datagrams_come_together_if_that_is_wanted() {
        let alone = |length| (length, None);
        for (together, lengths, expected) in [
            (0, &[4, 4][..], vec![alone(4), alone(4)]),
            (100, &[4, 4, 4], vec![(12, Some(4))]),
            (100, &[4, 4, 3, 3], vec![(11, Some(4)), alone(3)]),
            (100, &[3, 4, 4, 4], vec![alone(3), (12, Some(4))]),
            (11, &[4, 4, 4], vec![(8, Some(4)), alone(4)]),
            (11, &[4, 4, 3], vec![(11, Some(4))]),
            (7, &[4, 4], vec![alone(4), alone(4)]),
            (3, &[4, 4], vec![alone(4), alone(4)]),
            (100, &[0, 0, 4, 0, 4], vec![alone(0), alone(0), alone(4), alone(0), alone(4)]),
            (100, &[1; 65], vec![(64, Some(1)), alone(1)]),
            (usize::MAX, &[40_000, 40_000], vec![alone(40_000), alone(40_000)]),
            (usize::MAX, &[30_000, 30_000, 5_527], vec![(65_527, Some(30_000))]),
        ] {
            assert_eq!(taken(&inbox(together, lengths)), expected, "{lengths:?}, at most {together}");
        }
    }

    #[test]
    fn what_differs_in_more_than_its_data_comes_alone() {
        let hops = Header { hops: Some(3), ..Header::default() };
        let group = Header { to: Some(IpAddr::from([239, 1, 2, 3])), ..Header::default() };
        let error = ReceiveError { protocol: 1, info: 0, kind: 3, code: 3 };
        let error = Header { error: Some(error), ..Header::default() };
        let (joined, alone) = (vec![(8, Some(4)); 2], vec![(8, Some(4)), (4, None), (4, None)]);
        for (different, expected) in [
            (datagram(2, 4), &joined),
            (Datagram { broadcast: true, ..datagram(1, 4) }, &alone),
            (Datagram { header: group, ..datagram(1, 4) }, &alone),
            (Datagram { header: hops, ..datagram(1, 4) }, &joined),
            (Datagram { header: error, ..datagram(1, 4) }, &alone),
        ] {
            let inbox = inbox(100, &[4, 4]);
            inbox.push(different.clone());
            inbox.push(different.clone());
            assert_eq!(taken(&inbox), *expected, "{different:?}");
        }
    }

    #[test]
    fn what_is_put_back_is_single_again() {
        let inbox = inbox(100, &[4, 4, 3, 5]);
        let first = inbox.pop(None).unwrap();
        assert_eq!((first.bytes.len(), first.count()), (11, 3));
        let second = inbox.pop(None).unwrap();
        inbox.count_dropped(&[first.clone(), second.clone()]);
        assert_eq!(inbox.dropped(), 4);
        inbox.put_back(vec![first, second]);
        assert_eq!(inbox.lock().bytes, 16);
        inbox.set_together(0);
        assert_eq!(taken(&inbox), [4, 4, 3, 5].map(|length| (length, None)));
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
