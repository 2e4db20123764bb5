//! A socket's queue of datagrams: filled by the event's handler, drained by requests.
//!
//! ```text
//!  WSK ── Inbox::receive ─▶ ring ──────────────────────────────▶ drain ── output of the request
//!         (DISPATCH_LEVEL)   │ something is there                  ▲
//!                            └──▶ one waiter is woken: it has the turn
//! ```
//!
//! A drain is an operation that waits here until it has the *turn*: until the queue is not empty and nobody else is
//! draining. So what it finds is its own, and it copies without the lock, which writers need; and a drain that has the
//! turn never finds the queue empty.
#![expect(unsafe_code, reason = "the queue's memory has one reader beside its writers")]

use core::iter;
use core::time::Duration;

use nt::SpinLock;
use wsk::event::{self, Answer, Indicated, Indication, ReceiveHandler};
use wsk::{CompletionQueue, DispatchDrop, Error, Op, Result, Shared, Socket, Waiters, dispatch_drop};
use wsk_sys::{MSG_CTRUNC, MSG_TRUNC};
use wskdrv_abi::receive::{control_offset, record_size};
use wskdrv_abi::{Datagrams, Received};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use crate::datagrams::{self, List};
use crate::job::Job;
use crate::ring::Ring;
use crate::switch::{Switched, Switching};
use crate::wdf_request::Uncompleted;

/// A socket's queue of datagrams, which is the handler of its events.
#[derive(Debug)]
pub(crate) struct Inbox {
    waiters: Waiters,
    switching: SpinLock<Switching>,
    inner: SpinLock<Inner>,
}

/// # Invariants
/// The `used` bytes from `head` on are whole records. While there is a turn, only its owner moves `head`.
#[derive(Debug)]
struct Inner {
    /// None before the first time that the event was enabled, and when the handle is closed.
    ring: Option<Shared<Ring>>,
    head: usize,
    used: usize,
    /// Which ring it is: the turn's owner may come back to another one.
    generation: u64,
    phase: Phase,
    turn: bool,
    /// Since the event was enabled.
    dropped: u64,
    /// How many of those dropped, whenever it was, the driver's counters have yet to get.
    unreported: usize,
}

// SAFETY: it is a flag.
unsafe impl DispatchDrop for Switching {}
dispatch_drop!(Inbox { waiters, switching, inner });
dispatch_drop!(Inner { ring, head, used, generation, phase: Copy, turn, dropped, unreported });

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The event is not enabled: what is left can be drained.
    Off,
    /// Datagrams are taken.
    On,
    /// The socket is no longer functional.
    Dead,
    /// The handle is closed.
    Closed,
}

impl Phase {
    /// How a drain of an empty queue ends; it waits if there is nothing.
    const fn end(self) -> Option<Error> {
        match self {
            Phase::On => None,
            Phase::Off => Some(Error::INVALID_DEVICE_STATE),
            Phase::Dead => Some(Error::FILE_FORCED_CLOSED),
            Phase::Closed => Some(Error::CANCELLED),
        }
    }
}

/// What is to be done for those that wait.
enum Next {
    Nothing,
    /// One of them has the turn.
    Turn,
    /// All of them end.
    End(Error),
}

/// What a drain has found.
pub(crate) struct Taken {
    /// The number of bytes of output.
    pub(crate) information: usize,
    pub(crate) datagrams: usize,
    /// Of payload.
    pub(crate) bytes: usize,
    /// Datagrams dropped since the last time that anybody asked.
    pub(crate) dropped: usize,
}

/// The part of the queue that belongs to the turn.
struct View {
    ring: Shared<Ring>,
    head: usize,
    used: usize,
    generation: u64,
    dropped: u64,
}

impl Inbox {
    /// A queue without memory, for a new socket.
    pub(crate) fn new() -> Result<Inbox> {
        let inner = Inner {
            ring: None,
            head: 0,
            used: 0,
            generation: 0,
            phase: Phase::Off,
            turn: false,
            dropped: 0,
            unreported: 0,
        };
        let switching = SpinLock::default();
        Ok(Inbox { waiters: Waiters::new()?, switching, inner: SpinLock::new(inner) })
    }

    /// Makes an empty queue of so many bytes, and takes datagrams from now on. What was in it before is gone.
    fn open(&self, capacity: usize) -> Result {
        let ring = Ring::new(capacity)?;
        // What is replaced is dropped outside the lock.
        let (result, _replaced) = self.inner.with(|inner| match inner.phase {
            Phase::On => (Err(Error::INVALID_DEVICE_STATE), Some(ring)),
            Phase::Closed => (Err(Error::FILE_CLOSED), Some(ring)),
            Phase::Dead => (Err(Error::FILE_FORCED_CLOSED), Some(ring)),
            Phase::Off => {
                inner.phase = Phase::On;
                inner.generation += 1;
                (inner.head, inner.used, inner.dropped) = (0, 0, 0);
                (Ok(()), inner.ring.replace(ring))
            }
        });
        result
    }

    /// Takes no datagrams any more. Drains get what is left, and end when nothing is.
    fn stop(&self) {
        self.inner.with(|inner| {
            if inner.phase == Phase::On {
                inner.phase = Phase::Off;
            }
        });
        self.go_on();
    }

    /// Ends everything: the handle is closed. Gives the number of datagrams dropped that nobody was told of.
    pub(crate) fn close(&self) -> usize {
        let (dropped, _ring) = self.inner.with(|inner| {
            inner.phase = Phase::Closed;
            inner.used = 0;
            (inner.report(), inner.ring.take())
        });
        self.go_on();
        dropped
    }

    /// Lets a drain wait for its turn.
    pub(crate) fn wait(&self, queue: &CompletionQueue<'_, Job>, op: Op<Job>, timeout: Option<Duration>) {
        // What it waits for may be there: then it is not too late, whatever the time limit.
        self.waiters.submit_and_look(queue, op, timeout, || self.go_on());
    }

    /// Does for those that wait what can be done: after every change.
    fn go_on(&self) {
        loop {
            match self.inner.with(Inner::next) {
                Next::Nothing => return,
                Next::End(error) => return self.waiters.fail_all(error),
                Next::Turn if self.waiters.wake_one() => return,
                Next::Turn => {
                    self.inner.with(|inner| inner.turn = false);
                    // One that came between found the turn taken.
                    if self.waiters.is_empty() {
                        return;
                    }
                }
            }
        }
    }

    /// Moves datagrams to the output of a request whose operation has the turn, and ends the turn.
    pub(crate) fn drain(&self, request: &Uncompleted) -> Result<Taken> {
        let drained = self.view().and_then(|view| self.empty(request, &view));
        self.inner.with(|inner| inner.turn = false);
        self.go_on();
        drained
    }

    fn view(&self) -> Result<View> {
        self.inner.with(|inner| {
            let ring = inner.ring.clone().ok_or(Error::CANCELLED)?;
            let &mut Inner { head, used, generation, dropped, .. } = inner;
            Ok(View { ring, head, used, generation, dropped })
        })
    }

    fn empty(&self, request: &Uncompleted, view: &View) -> Result<Taken> {
        let room = request.output_size()?;
        let (mut datagrams, mut bytes, mut consumed) = (0, 0, 0);
        let (mut position, mut information) = (size_of::<Datagrams>(), size_of::<Datagrams>());
        let mut list = List::begin(request)?;
        while consumed < view.used && position + size_of::<Received>() <= room {
            let record = view.record(consumed);
            let mut head = record;
            if !head.fit(room - position) && datagrams != 0 {
                break;
            }
            let (length, control) = (head.length as usize, head.control_length as usize);
            let (payload_at, control_at) =
                (consumed + size_of::<Received>(), consumed + control_offset(record.length as usize));
            request.write_output_at(position, head.as_bytes())?;
            for (from, to, length) in
                [(payload_at, size_of::<Received>(), length), (control_at, control_offset(length), control)]
            {
                let [front, back] = view.read(from, length);
                let at = position + to;
                request.write_output_at(at, front)?;
                request.write_output_at(at + front.len(), back)?;
            }
            list.link(request, position)?;
            information = position + head.size();
            position += record_size(length, control);
            (datagrams, bytes) = (datagrams + 1, bytes + length);
            consumed += record_size(record.length as usize, record.control_length as usize);
        }
        list.end(request, view.dropped)?;
        let dropped = self.inner.with(|inner| {
            if inner.generation == view.generation && inner.used >= consumed {
                inner.head += consumed;
                inner.used -= consumed;
            }
            inner.report()
        });
        Ok(Taken { information, datagrams, bytes, dropped })
    }
}

impl Inner {
    fn next(&mut self) -> Next {
        if self.turn {
            return Next::Nothing;
        }
        if self.used != 0 {
            self.turn = true;
            return Next::Turn;
        }
        self.phase.end().map_or(Next::Nothing, Next::End)
    }

    /// The datagrams dropped since the last report.
    fn report(&mut self) -> usize {
        core::mem::take(&mut self.unreported)
    }

    /// Copies a datagram in; false if it is dropped.
    fn push(&mut self, datagram: Indicated<'_>, flags: u32) -> bool {
        let (Phase::On, Some(ring), Some(from)) = (self.phase, &self.ring, datagram.from()) else {
            return false;
        };
        let (control, length) = (datagram.control_info(), datagram.len());
        let size = record_size(length, control.len());
        if size > ring.capacity() - self.used {
            return false;
        }
        let Ok(head) = datagrams::head(from, flags, length, control.len()) else { return false };
        let start = self.head + self.used;
        let mut at = start;
        for piece in iter::once(Ok(head.as_bytes())).chain(datagram.segments()) {
            // Memory that cannot be mapped now: the datagram is lost, as it is when a network adapter has none.
            let Ok(piece) = piece else { return false };
            // SAFETY: these places are behind the last record, and free: the record fits. The lock is held, and a reader
            // stays before them.
            unsafe { ring.write(at, piece) };
            at += piece.len();
        }
        // SAFETY: as above.
        unsafe { ring.write(start + control_offset(length), control) };
        self.used += size;
        true
    }
}

impl View {
    /// The record at `offset`, which is where one begins.
    fn record(&self, offset: usize) -> Received {
        let mut bytes = [0; size_of::<Received>()];
        let [front, back] = self.read(offset, bytes.len());
        bytes[..front.len()].copy_from_slice(front);
        bytes[front.len()..].copy_from_slice(back);
        Received::read_from_bytes(&bytes).unwrap_or_else(|_| Received::new_zeroed())
    }

    fn read(&self, offset: usize, length: usize) -> [&[u8]; 2] {
        let length = length.min(self.used.saturating_sub(offset));
        // SAFETY: the places are within the records that were there when the turn began. They are nobody's to write until
        // the turn's owner, who has this value, moves the head; another ring is another memory.
        unsafe { self.ring.read(self.head + offset, length) }
    }
}

/// Cutting a datagram to the room for it.
trait Fit {
    /// Cuts what does not fit; true if all of it does.
    fn fit(&mut self, room: usize) -> bool;
}

impl Fit for Received {
    fn fit(&mut self, room: usize) -> bool {
        let mut room = u32::try_from(room - size_of::<Received>()).unwrap_or(u32::MAX);
        let before = (self.control_length, self.length);
        if self.control_length > room {
            self.control_length = 0;
            self.flags |= MSG_CTRUNC;
        }
        if self.control_length != 0 {
            // It begins at a multiple of 8.
            room = (room - self.control_length) & !7;
        }
        if self.length > room {
            self.length = room;
            self.flags |= MSG_TRUNC;
        }
        before == (self.control_length, self.length)
    }
}

/// A socket's event and its queue, to be switched on or off.
pub(crate) struct Reception<'s> {
    socket: &'s Socket<'static>,
    inbox: &'s Inbox,
    /// The memory of a new queue.
    capacity: usize,
}

impl<'s> Reception<'s> {
    /// Of this socket; a queue that is made for it gets so many bytes.
    pub(crate) fn of(socket: &'s Socket<'static>, capacity: usize) -> Result<Reception<'s>> {
        let inbox = socket.handler().ok_or(Error::INVALID_DEVICE_STATE)?;
        Ok(Reception { socket, inbox, capacity })
    }
}

impl Switched for Reception<'_> {
    type Disabled = event::Disabled;

    fn with<R>(&self, f: impl FnOnce(&mut Switching) -> R + Send) -> R {
        self.inbox.switching.with(f)
    }

    fn queue_on(&self) -> Result {
        self.inbox.open(self.capacity)
    }

    fn queue_off(&self) {
        self.inbox.stop();
    }

    fn event_on(&self) -> Result {
        self.socket.enable_receive()
    }

    fn event_off(&self) -> Result<event::Disabled> {
        self.socket.disable_receive_soon()
    }
}

impl ReceiveHandler for Inbox {
    fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
        let flags = indication.flags();
        for datagram in indication.datagrams() {
            // A datagram is not `Send`, so a closure cannot have it.
            // SAFETY: nothing here waits, and there is no other guard.
            let mut inner = unsafe { self.inner.lock() };
            if !inner.push(datagram, flags) {
                inner.dropped += 1;
                inner.unreported += 1;
            }
        }
        self.go_on();
        indication.accept()
    }

    fn forced_closed(&self) {
        self.inner.with(|inner| {
            if inner.phase != Phase::Closed {
                inner.phase = Phase::Dead;
            }
        });
        self.go_on();
    }
}
