//! A socket's queue of datagrams: filled by the event's handler, drained by requests.
//!
//! ```text
//!  WSK ── Inbox::receive ─▶ ring ──────────────────────────────▶ drain ── output of the request
//!         (DISPATCH_LEVEL)   │ something is there                  ▲
//!                            └──▶ one drain that waits is woken ───┘
//! ```
//!
//! A drain is an operation that waits here until the queue is not empty and no other drain takes from it. So what it finds
//! is its own: a drain that was woken never finds the queue empty, unless that was closed or made anew.
//!
//! Datagrams are copied in and out under the queue's lock, one at a time: either side waits for the copy of one.

#![expect(unsafe_code, reason = "a lock's guard is for code that does not wait")]

use core::time::Duration;

use nt::SpinLock;
use wsk::event::{self, Answer, Indicated, Indication, ReceiveHandler};
use wsk::{Error, Op, Result, Shared, Socket, Waiters, dispatch_drop};
use wsk_sys::{MSG_CTRUNC, MSG_TRUNC};
use wskdrv_abi::receive::{control_offset, record_size};
use wskdrv_abi::{Datagrams, Received};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use crate::datagrams::{self, List};
use crate::operation::Buffers;
use crate::request::{Handler, Submitted, Uncompleted};
use crate::ring::Ring;
use crate::switch::Switching;

/// What a socket's events go to: its queue.
#[derive(Debug)]
pub(crate) struct Events(Shared<Inbox>);

/// A socket's queue of datagrams. A request has it beside the socket: a completion routine is no place to drop a socket, whose
/// close is a call of WSK.
#[derive(Debug)]
pub(crate) struct Inbox {
    waiters: Waiters,
    switching: SpinLock<Switching>,
    inner: SpinLock<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The records of the datagrams, one behind the other. None before the first time that the event was enabled, and when
    /// the handle is closed.
    ring: Option<Ring>,
    phase: Phase,
    /// A drain was woken, and is not done.
    draining: bool,
    /// Somebody wakes drains.
    waking: bool,
    /// Since the event was enabled.
    dropped: u64,
    /// How many of those dropped, whenever it was, the driver's counters have yet to get.
    unreported: usize,
}

dispatch_drop!(Events(inbox));
dispatch_drop!(Inbox { waiters, switching, inner });
dispatch_drop!(Inner { ring, phase: Copy, draining, waking, dropped, unreported });

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

/// What is to be done for the drains that wait.
enum Next {
    Nothing,
    WakeOne,
    RefuseAll(Error),
}

/// What a drain has found.
#[derive(Default)]
pub(crate) struct Taken {
    /// The number of bytes of output.
    pub(crate) information: usize,
    pub(crate) datagrams: usize,
    /// Of payload.
    pub(crate) bytes: usize,
    /// Datagrams dropped since the last time that anybody asked.
    pub(crate) dropped: usize,
}

impl Inbox {
    /// That of a socket: every one of the driver's has one.
    pub(crate) fn of<'s>(socket: &'s Socket<'static>) -> Result<&'s Shared<Inbox>> {
        let Events(inbox) = socket.handler().ok_or(Error::INVALID_DEVICE_STATE)?;
        Ok(inbox)
    }

    /// Calls `f` with who switches, under a lock.
    pub(crate) fn switching<R>(&self, f: impl FnOnce(&mut Switching) -> R + Send) -> R {
        self.switching.with(f)
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
                (inner.phase, inner.dropped) = (Phase::On, 0);
                (Ok(()), inner.ring.replace(ring))
            }
        });
        result
    }

    /// Takes no datagrams any more. Drains get what is left, and end when nothing is.
    pub(crate) fn stop(&self) {
        self.inner.with(|inner| {
            if inner.phase == Phase::On {
                inner.phase = Phase::Off;
            }
        });
        self.wake_drains();
    }

    /// Ends everything: the handle is closed. Gives the number of datagrams dropped that nobody was told of.
    pub(crate) fn close(&self) -> usize {
        let (dropped, _ring) = self.inner.with(|inner| {
            inner.phase = Phase::Closed;
            (inner.report(), inner.ring.take())
        });
        self.wake_drains();
        dropped
    }

    /// Lets a drain wait until it is woken.
    pub(crate) fn wait(&self, handler: &Handler, op: Op<Buffers>, limit: Option<Duration>) -> Submitted {
        // What it waits for may be there: then it is not too late, whatever the time limit.
        self.waiters.submit_and_look(handler, op, limit, || self.wake_drains())
    }

    /// Does for the drains that wait what can be done: after every change.
    ///
    /// One thread at a time does it: the drain that it wakes may drain before that call returns, and comes here again. Then it is
    /// one turn of this loop, and not one more level of a recursion.
    fn wake_drains(&self) {
        while self.inner.with(Inner::begin_waking) {
            loop {
                match self.inner.with(Inner::next) {
                    Next::Nothing => return,
                    Next::RefuseAll(error) => break self.waiters.fail_all(error),
                    Next::WakeOne if self.waiters.wake_one() => {}
                    Next::WakeOne => break self.inner.with(|inner| inner.draining = false),
                }
            }
            self.inner.with(|inner| inner.waking = false);
            // One that came between found another waking.
            if self.waiters.is_empty() {
                return;
            }
        }
    }

    /// Moves datagrams to the output of a request whose drain was woken.
    ///
    /// # Errors
    /// [`CANCELLED`](Error::CANCELLED): the handle is closed.
    pub(crate) fn drain(&self, request: &mut Uncompleted) -> Result<Taken> {
        let taken = self.take(request);
        self.inner.with(|inner| inner.draining = false);
        self.wake_drains();
        taken
    }

    fn take(&self, request: &mut Uncompleted) -> Result<Taken> {
        let room = request.output_len();
        let (mut list, mut taken) = (List::begin(request)?, Taken::default());
        let mut position = size_of::<Datagrams>();
        taken.information = position;
        while position + size_of::<Received>() <= room {
            let (left, cut) = (room - position, taken.datagrams == 0);
            let moved = self.inner.with(|inner| {
                inner.pop(left, cut, |offset, piece| {
                    request.write_output_at(position + offset, piece).map(|_| ())
                })
            })?;
            let Some(head) = moved else { break };
            list.link(request, position)?;
            taken.information = position + head.size();
            taken.datagrams += 1;
            taken.bytes += head.length as usize;
            position += record_size(head.length as usize, head.control_length as usize);
        }
        let (dropped, unreported) = self.inner.with(|inner| (inner.dropped, inner.report()));
        taken.dropped = unreported;
        list.end(request, dropped)?;
        Ok(taken)
    }
}

impl Inner {
    /// True: nobody else wakes drains.
    fn begin_waking(&mut self) -> bool {
        !core::mem::replace(&mut self.waking, true)
    }

    /// What is to be done by who wakes drains; with nothing, that has ended.
    fn next(&mut self) -> Next {
        let next = if self.draining {
            Next::Nothing
        } else if self.ring.as_ref().is_some_and(|ring| ring.used() != 0) {
            self.draining = true;
            Next::WakeOne
        } else {
            self.phase.end().map_or(Next::Nothing, Next::RefuseAll)
        };
        self.waking = !matches!(next, Next::Nothing);
        next
    }

    /// The datagrams dropped since the last report.
    fn report(&mut self) -> usize {
        core::mem::take(&mut self.unreported)
    }

    /// Takes the oldest datagram out, with `write`, which is told where each piece of the record belongs. There is none, or it
    /// does not fit `room`: nothing. If it may be `cut`, it fits.
    fn pop(
        &mut self,
        room: usize,
        cut: bool,
        mut write: impl FnMut(usize, &[u8]) -> Result,
    ) -> Result<Option<Received>> {
        let ring = self.ring.as_mut().ok_or(Error::CANCELLED)?;
        if ring.used() == 0 {
            return Ok(None);
        }
        let record = head(ring);
        let mut head = record;
        if !fit(&mut head, room) && !cut {
            return Ok(None);
        }
        write(0, head.as_bytes())?;
        let (length, control_length) = (head.length as usize, head.control_length as usize);
        for (from, to, length) in [
            (size_of::<Received>(), size_of::<Received>(), length),
            (control_offset(record.length as usize), control_offset(length), control_length),
        ] {
            let mut at = to;
            for piece in ring.read(from, length) {
                if !piece.is_empty() {
                    write(at, piece)?;
                }
                at += piece.len();
            }
        }
        ring.pop(record_size(record.length as usize, record.control_length as usize));
        Ok(Some(head))
    }

    /// Copies a datagram in; false if it is dropped.
    fn push(&mut self, datagram: Indicated<'_>, flags: u32) -> bool {
        let (Phase::On, Some(ring), Some(from)) = (self.phase, &mut self.ring, datagram.from()) else {
            return false;
        };
        let (control, length) = (datagram.control_info(), datagram.len());
        let size = record_size(length, control.len());
        let Ok(head) = datagrams::head(from, flags, length, control.len()) else { return false };
        if size > ring.free() || !ring.write(0, head.as_bytes()) {
            return false;
        }
        let mut offset = size_of::<Received>();
        for segment in datagram.segments() {
            // Memory that cannot be mapped now: the datagram is lost, as it is when a network adapter has none.
            let Ok(segment) = segment else { return false };
            if !ring.write(offset, segment) {
                return false;
            }
            offset += segment.len();
        }
        if !ring.write(control_offset(length), control) {
            return false;
        }
        ring.push(size);
        true
    }
}

/// The head of the oldest record.
fn head(ring: &Ring) -> Received {
    let mut bytes = [0; size_of::<Received>()];
    let [front, back] = ring.read(0, bytes.len());
    bytes[..front.len()].copy_from_slice(front);
    bytes[front.len()..][..back.len()].copy_from_slice(back);
    Received::read_from_bytes(&bytes).unwrap_or_else(|_| Received::new_zeroed())
}

/// Cuts a datagram to the room for its record; true if all of it fits.
fn fit(head: &mut Received, room: usize) -> bool {
    let mut room = u32::try_from(room.saturating_sub(size_of::<Received>())).unwrap_or(u32::MAX);
    let before = (head.control_length, head.length);
    if head.control_length > room {
        head.control_length = 0;
        head.flags |= MSG_CTRUNC;
    }
    if head.control_length != 0 {
        // It begins at a multiple of 8.
        room = (room - head.control_length) & !7;
    }
    if head.length > room {
        head.length = room;
        head.flags |= MSG_TRUNC;
    }
    before == (head.control_length, head.length)
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
        Ok(Reception { socket, inbox: Inbox::of(socket)?, capacity })
    }

    pub(crate) const fn inbox(&self) -> &'s Inbox {
        self.inbox
    }

    /// Has the queue take datagrams. It refuses if it does so already.
    pub(crate) fn queue_on(&self) -> Result {
        self.inbox.open(self.capacity)
    }

    /// Has WSK call.
    pub(crate) fn event_on(&self) -> Result {
        self.socket.enable_receive()
    }

    /// Has WSK call no more, without waiting for calls that have begun.
    pub(crate) fn event_off(&self) -> Result<event::Disabled> {
        off_in_any_case(self.socket.disable_receive_soon(), event::Disabled::Now)
    }
}

/// What disabling the event came to. Whether WSK disables what is not enabled, or refuses that, is not documented; it is off
/// in any case.
pub(crate) fn off_in_any_case<T>(disabled: Result<T>, off: T) -> Result<T> {
    match disabled {
        Err(Error::INVALID_DEVICE_STATE) => Ok(off),
        disabled => disabled,
    }
}

impl Events {
    /// A queue without memory, for a new socket.
    pub(crate) fn new() -> Result<Events> {
        let (ring, phase) = (None, Phase::Off);
        let inner = Inner { ring, phase, draining: false, waking: false, dropped: 0, unreported: 0 };
        let (waiters, switching) = (Waiters::new()?, SpinLock::default());
        Shared::new(Inbox { waiters, switching, inner: SpinLock::new(inner) }).map(Events)
    }
}

impl ReceiveHandler for Events {
    fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
        let Events(inbox) = self;
        let flags = indication.flags();
        for datagram in indication.datagrams() {
            // A datagram is not `Send`, so a closure cannot have it.
            // SAFETY: nothing here waits, and there is no other guard.
            let mut inner = unsafe { inbox.inner.lock() };
            if !inner.push(datagram, flags) {
                inner.dropped += 1;
                inner.unreported += 1;
            }
        }
        inbox.wake_drains();
        indication.accept()
    }

    fn forced_closed(&self) {
        let Events(inbox) = self;
        inbox.inner.with(|inner| {
            if inner.phase != Phase::Closed {
                inner.phase = Phase::Dead;
            }
        });
        inbox.wake_drains();
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use ntos::{Config, Machine};
    use wskdrv_abi::receive;

    use super::*;

    const PAYLOAD: &[u8] = b"9 letters";
    const CONTROL: &[u8] = &[7; 24];

    /// A queue with one datagram, which begins so many bytes from the beginning of its memory.
    fn queue(head: usize) -> Inner {
        let mut ring = Ring::new(1024).unwrap();
        ring.push(head);
        ring.pop(head);
        let from = "1.2.3.4:5".parse().unwrap();
        let head = datagrams::head(from, 0, PAYLOAD.len(), CONTROL.len()).unwrap();
        assert!(ring.write(0, head.as_bytes()) && ring.write(size_of::<Received>(), PAYLOAD));
        assert!(ring.write(control_offset(PAYLOAD.len()), CONTROL));
        ring.push(record_size(PAYLOAD.len(), CONTROL.len()));
        Inner { ring: Some(ring), phase: Phase::On, draining: true, waking: false, dropped: 0, unreported: 0 }
    }

    /// What a drain with this room for it reads: payload, control information and flags.
    fn drained(room: usize, cut: bool) -> Option<(Vec<u8>, Vec<u8>, u32)> {
        drained_of(queue(0), room, cut)
    }

    fn drained_of(mut inner: Inner, room: usize, cut: bool) -> Option<(Vec<u8>, Vec<u8>, u32)> {
        let mut output = Datagrams { first: 16, reserved: 0, dropped: 0 }.as_bytes().to_vec();
        output.resize(16 + room, 0xAA);
        let write = |offset: usize, piece: &[u8]| {
            output[16..][offset..][..piece.len()].copy_from_slice(piece);
            Ok(())
        };
        let head = inner.pop(room, cut, write).unwrap();
        let left = inner.ring.map_or(0, |ring| ring.used());
        assert_eq!(left == 0, head.is_some(), "all of it is taken, or nothing");
        output.truncate(16 + head?.size());
        let datagram = receive::list(&output).unwrap().1.next().unwrap().unwrap();
        Some((datagram.payload.to_vec(), datagram.control.to_vec(), datagram.flags))
    }

    #[test]
    fn a_datagram_is_cut_to_the_room_for_it_its_payload_first() {
        let machine = Machine::boot(Config::default());
        let _entered = machine.enter();
        let whole = Some((PAYLOAD.to_vec(), CONTROL.to_vec(), 0));
        assert_eq!([drained(500, false), drained(48 + 16 + 24, false)], [whole.clone(), whole]);
        assert_eq!(drained(48 + 16 + 23, false), None);
        let cut = (b"9 letter".to_vec(), CONTROL.to_vec(), MSG_TRUNC);
        assert_eq!(drained(48 + 16 + 23, true), Some(cut));
        assert_eq!(drained(48 + 24, true), Some((Vec::new(), CONTROL.to_vec(), MSG_TRUNC)));
        for room in [9, 23] {
            assert_eq!(drained(48 + room, true), Some((PAYLOAD.to_vec(), Vec::new(), MSG_CTRUNC)));
        }
        assert_eq!(drained(48 + 2, true), Some((b"9 ".to_vec(), Vec::new(), MSG_TRUNC | MSG_CTRUNC)));
    }

    #[test]
    fn a_datagram_is_read_across_the_end_of_the_memory() {
        let machine = Machine::boot(Config::default());
        let _entered = machine.enter();
        let whole = Some((PAYLOAD.to_vec(), CONTROL.to_vec(), 0));
        for head in 1024 - 96..1024 {
            assert_eq!(drained_of(queue(head), 500, false), whole, "from {head} on");
        }
    }

    #[test]
    fn one_thread_at_a_time_wakes_drains() {
        let machine = Machine::boot(Config::default());
        let _entered = machine.enter();
        let mut inner = queue(0);
        assert!(inner.begin_waking() && !inner.begin_waking());
    }
}
