//! A socket's handler in memory that WSK may call, and the lists that it has kept.
//!
//! The handler lives in the block of the operation that will close the socket: WSK may call it until that operation has
//! completed, and the block goes when it has. Lists that were retained must be released before the close is sent. So
//! they are counted, with a mark that says that the close was asked for; whoever takes the last step, the closer or the
//! last release, sends it.
#![expect(unsafe_code, reason = "WSK calls the handler through a C function, with a pointer to it")]

use core::any::TypeId;
use core::fmt;
use core::ptr::{self, NonNull};

use wsk_sys::{
    NTSTATUS, PVOID, STATUS_SUCCESS, ULONG, WSK_CLIENT_DATAGRAM_DISPATCH, WSK_DATAGRAM_INDICATION,
    WSK_PROVIDER_DATAGRAM_DISPATCH, WSK_SOCKET,
};

use super::{Answer, Indication, Indications, ReceiveHandler};
use crate::error::Result;
use crate::op::block::{self, Header};
use crate::op::{Op, complete, submit};
use crate::request::close::Close;
use nt::sync::{AtomicPtr, AtomicU32, Ordering};

/// The close was asked for: no list is retained any more.
const CLOSING: u32 = 1 << 31;

/// What keeps a socket from being closed: the lists that its handler has retained.
///
/// # Invariants
/// `close` is the header of the block that this value is in.
pub(crate) struct Hold {
    /// Null until WSK has made the socket, and it is the handler's since.
    socket: AtomicPtr<WSK_SOCKET>,
    /// The number of lists, and `CLOSING`.
    state: AtomicU32,
    close: NonNull<Header>,
}

// SAFETY: the counters are atomic; the header is used by the one who sends the close.
unsafe impl Send for Hold {}
// SAFETY: the counters are atomic; the header is used by the one who sends the close.
unsafe impl Sync for Hold {}

impl Hold {
    fn new(close: NonNull<Header>) -> Hold {
        Hold { socket: AtomicPtr::new(ptr::null_mut()), state: AtomicU32::new(0), close }
    }

    /// Counts a list in; false if the socket is being closed, or if so many are kept, or were forgotten, that no more can
    /// be counted.
    fn enter(&self) -> bool {
        let mut seen = self.state.load(Ordering::Relaxed);
        while seen < CLOSING - 1 {
            // Relaxed: that a list is kept says nothing of other memory; what is done with it, `leave` publishes.
            match self.state.compare_exchange_weak(seen, seen + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Counts a list out, and sends the close if that waited for it.
    ///
    /// # Safety
    /// The caller was counted in. `this` is not used afterwards.
    unsafe fn leave(this: NonNull<Hold>) {
        // SAFETY: what was counted in keeps the close from being sent, and so the block.
        let hold = unsafe { this.as_ref() };
        // Release: the call of WskRelease happens before the close. Acquire: whoever sends it sees all of them.
        if hold.state.fetch_sub(1, Ordering::AcqRel) == CLOSING | 1 {
            // SAFETY: this was the last list, and none is counted in any more.
            unsafe { Hold::send(this) };
        }
    }

    /// Sends the close, or leaves that to the last release.
    ///
    /// # Safety
    /// The caller owns the socket, and no call of it is in progress but those of `WskRelease`; the close was not asked
    /// for before. One handle of the block, beside the caller's, is given up.
    unsafe fn close(this: NonNull<Hold>) {
        // SAFETY: the caller keeps the block.
        let hold = unsafe { this.as_ref() };
        // As in `leave`.
        if hold.state.fetch_or(CLOSING, Ordering::AcqRel) == 0 {
            // SAFETY: no list is retained, and none is counted in any more.
            unsafe { Hold::send(this) };
        }
    }

    /// # Safety
    /// The close was asked for, and no list is retained.
    unsafe fn send(this: NonNull<Hold>) {
        // SAFETY: what `close` was given keeps the block, and its owner from taking it.
        let hold = unsafe { this.as_ref() };
        let header = hold.close;
        let Some(socket) = NonNull::new(hold.socket.load(Ordering::Relaxed)) else {
            // Nobody closes what WSK has not made.
            return;
        };
        // SAFETY: no call on the socket is in progress, and none will be made: neither by its owner nor for a list.
        let close = unsafe { Close::new(socket) };
        // SAFETY: the operation was made for this and never submitted; `close` gave the right to do it. Its owner, who
        // does not know its buffers, takes the result.
        unsafe { submit::submit::<(), Close, Result>(header, &(), close, None, None) };
        // SAFETY: what was reserved ends here. With it the buffers may go, and this value, which is one of them.
        unsafe { complete::leave(header) };
        // SAFETY: counted in before `close`, and not used again.
        unsafe { block::unwatch(header) };
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("state", &self.state).finish_non_exhaustive()
    }
}

/// A handler, where WSK calls it.
struct Listener<H> {
    hold: Hold,
    handler: H,
}

/// The table of a handler's type.
struct Table<H>(H);

impl<H: ReceiveHandler> Table<H> {
    /// In the image's constant data, which outlives every socket.
    const DISPATCH: &'static WSK_CLIENT_DATAGRAM_DISPATCH =
        &WSK_CLIENT_DATAGRAM_DISPATCH { WskReceiveFromEvent: Some(receive_from_event::<H>) };
}

/// `WskReceiveFromEvent` of a socket with a handler of type `H`.
///
/// # Safety
/// Called by WSK for a socket that was made with [`Listening::context`] of such a handler.
unsafe extern "system" fn receive_from_event<H: ReceiveHandler>(
    context: PVOID,
    flags: ULONG,
    list: *mut WSK_DATAGRAM_INDICATION,
) -> NTSTATUS {
    // SAFETY: the context is the handler's, in the block of the socket's close, which has not completed: it waits for
    // this call.
    let listener = unsafe { &*context.cast::<Listener<H>>() };
    let Some(list) = NonNull::new(list) else {
        listener.handler.forced_closed();
        return STATUS_SUCCESS;
    };
    // SAFETY: the list of this call, which returns after the handler has.
    let indication = unsafe { Indication::new(list, flags, &listener.hold) };
    let Answer { status, .. } = listener.handler.receive(indication);
    status
}

/// A socket's handler, of whatever type.
///
/// # Invariants
/// `hold` and `handler` are in the block of the operation that closes the socket, which is not freed before the
/// socket's core has given it up; `handler` is of the type `kind`.
#[derive(Debug)]
pub(crate) struct Listening {
    context: PVOID,
    hold: NonNull<Hold>,
    handler: NonNull<()>,
    kind: TypeId,
    dispatch: &'static WSK_CLIENT_DATAGRAM_DISPATCH,
    is_static: bool,
}

// SAFETY: a handler is `Send` and `Sync`, and so is what counts its lists.
unsafe impl Send for Listening {}
// SAFETY: a handler is `Send` and `Sync`, and so is what counts its lists.
unsafe impl Sync for Listening {}

impl Listening {
    /// Puts a handler into the operation that will close its socket.
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES); the handler is dropped.
    pub(crate) fn new<H: ReceiveHandler>(handler: H, is_static: bool) -> Result<(Listening, Op<()>)> {
        let op = Op::new_with(|header| Listener { hold: Hold::new(header), handler })?;
        let listener = op.address_of_buffers();
        // SAFETY: the operation holds a listener; only the field's address is taken.
        let hold = unsafe { &raw mut (*listener.as_ptr()).hold };
        // SAFETY: the operation holds a listener; only the field's address is taken.
        let handler = unsafe { &raw mut (*listener.as_ptr()).handler };
        // INVARIANT: as written just now; a field's address is not null.
        let listening = Listening {
            context: listener.as_ptr().cast(),
            // SAFETY: a field's address.
            hold: unsafe { NonNull::new_unchecked(hold) },
            // SAFETY: a field's address.
            handler: unsafe { NonNull::new_unchecked(handler) }.cast(),
            kind: TypeId::of::<H>(),
            dispatch: Table::<H>::DISPATCH,
            is_static,
        };
        Ok((listening, op.erase()))
    }

    /// What `WskSocket` is given: the context, and the table.
    pub(crate) fn context(&self) -> (PVOID, &'static WSK_CLIENT_DATAGRAM_DISPATCH) {
        (self.context, self.dispatch)
    }

    /// Whether the event is on, whatever the driver asks for.
    pub(crate) fn is_static(&self) -> bool {
        self.is_static
    }

    /// The handler, if it is of this type.
    pub(crate) fn handler<H: ReceiveHandler>(&self) -> Option<&H> {
        if self.kind != TypeId::of::<H>() {
            return None;
        }
        // SAFETY: by the type's invariant there is a handler of this type, which lives as long as this value.
        Some(unsafe { self.handler.cast::<H>().as_ref() })
    }

    /// Tells the handler's side which socket it is of. WSK calls it when this socket is bound, not before.
    pub(crate) fn adopt(&self, socket: *mut WSK_SOCKET) {
        // SAFETY: by the type's invariant.
        let hold = unsafe { self.hold.as_ref() };
        // Relaxed: the socket's owner binds it, which orders everything.
        hold.socket.store(socket, Ordering::Relaxed);
    }

    /// Sends the close, or leaves that to the last release of a list.
    ///
    /// # Safety
    /// As [`Hold::close`].
    pub(crate) unsafe fn close(self) {
        // SAFETY: passed on.
        unsafe { Hold::close(self.hold) };
    }
}

/// Datagrams that a handler has kept, until this is dropped.
///
/// They are WSK's memory, and with it the network's, which is scarce: copy what takes long. While a list is kept, the
/// close of its socket waits.
///
/// Dropped at IRQL <= `DISPATCH_LEVEL`. It may be dropped before the handler's call has returned.
///
/// # Invariants
/// `list` was retained by a call of the handler that `hold` belongs to, and is counted there.
#[doc(alias = "WskRelease")]
pub struct Retained {
    list: NonNull<WSK_DATAGRAM_INDICATION>,
    hold: NonNull<Hold>,
    flags: ULONG,
}

// SAFETY: WskRelease may be called on any thread, and the datagrams belong to none. It is not `Sync`: reading them maps
// their MDLs.
unsafe impl Send for Retained {}

impl Retained {
    /// Counts a list in; none if the socket is being closed, or no more can be counted.
    ///
    /// # Safety
    /// `list` is that of a call of the handler that `hold` belongs to, which returns `STATUS_PENDING` if there is a
    /// value.
    pub(super) unsafe fn new(
        list: NonNull<WSK_DATAGRAM_INDICATION>,
        flags: ULONG,
        hold: &Hold,
    ) -> Option<Retained> {
        // INVARIANT: counted just now.
        hold.enter().then(|| Retained { list, hold: NonNull::from(hold), flags })
    }

    /// The datagrams.
    #[must_use]
    pub fn datagrams(&self) -> Indications<'_> {
        // SAFETY: by the type's invariant the list is retained, and it is released when this value is dropped.
        unsafe { Indications::new(self.list) }
    }

    /// `MSG_BCAST`, `MSG_MCAST`: how the datagrams were sent.
    #[must_use]
    pub const fn flags(&self) -> u32 {
        self.flags
    }
}

impl Drop for Retained {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant this list is counted, which keeps the block.
        let socket = unsafe { self.hold.as_ref() }.socket.load(Ordering::Relaxed);
        // SAFETY: the socket is not closed while this list is counted; WSK set its table when it made it. There is no
        // reference to all of the table, because its last field is missing in Windows before 8.
        let dispatch = unsafe { (*socket).Dispatch }.cast::<WSK_PROVIDER_DATAGRAM_DISPATCH>();
        // SAFETY: a field of the socket's table, which lives as long as the socket.
        if let Some(release) = unsafe { (*dispatch).WskRelease } {
            // SAFETY: the list was retained by this socket's callback, and is released once. It fails for other lists.
            unsafe { release(socket, self.list.as_ptr()) };
        }
        // SAFETY: counted in by the type's invariant, and not used again.
        unsafe { Hold::leave(self.hold) };
    }
}

impl fmt::Debug for Retained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retained").field("datagrams", &self.datagrams()).finish_non_exhaustive()
    }
}

/// The handler of a socket that was made without one by a client whose events are static: it takes nothing.
#[derive(Debug)]
pub(crate) struct RefuseAll;

crate::dispatch_drop!(RefuseAll {});

impl ReceiveHandler for RefuseAll {
    fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
        indication.refuse()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;
    use std::format;

    use super::{CLOSING, Hold, NonNull, Ordering};
    use crate::event::{Answer, Indication};
    use wsk_sys::{MSG_BCAST, STATUS_DATA_NOT_ACCEPTED, WSK_FLAG_AT_DISPATCH_LEVEL};

    #[test]
    fn the_flags_of_a_call_are_taken_apart() {
        let hold = Hold::new(NonNull::dangling());
        let told = |flags| {
            // SAFETY: no method is called that reads the list.
            let indication = unsafe { Indication::new(NonNull::dangling(), flags, &hold) };
            (indication.flags(), indication.is_at_dispatch())
        };
        assert_eq!(told(MSG_BCAST), (MSG_BCAST, false));
        assert_eq!(told(MSG_BCAST | WSK_FLAG_AT_DISPATCH_LEVEL), (MSG_BCAST, true));
    }

    #[test]
    fn an_answer_and_a_count_are_shown() {
        let answer = Answer::new(STATUS_DATA_NOT_ACCEPTED);
        assert_eq!(format!("{answer:?}"), format!("Answer({STATUS_DATA_NOT_ACCEPTED:#010x})"));
        let hold = Hold::new(NonNull::dangling());
        assert!(hold.enter());
        assert_eq!(format!("{hold:?}"), "Hold { state: 1, .. }");
    }

    #[test]
    fn a_count_of_lists_never_reaches_the_mark() {
        let hold = Hold::new(NonNull::dangling());
        assert!(hold.enter());
        // As if so many had been kept and forgotten.
        hold.state.store(CLOSING - 2, Ordering::Relaxed);
        assert!(hold.enter());
        assert!(!hold.enter());
        assert_eq!(hold.state.load(Ordering::Relaxed), CLOSING - 1, "refused, and not counted");
    }
}
