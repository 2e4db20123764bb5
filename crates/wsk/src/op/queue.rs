//! The completion queue: where finished operations wait for a driver whose threads never do.
#![expect(unsafe_code, reason = "the queue is an intrusive list of operations")]

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::net::SocketAddr;
use core::ptr::{self, NonNull};

use wsk_sys::{
    Executive, FALSE, KEVENT, KeInitializeEvent, KeSetEvent, KeWaitForSingleObject, KernelMode,
    SynchronizationEvent, WSK_SOCKET,
};

use super::arguments::{Arguments, Yield};
use super::block::{Block, Header};
use super::{Op, submit};
use crate::addr;
use crate::error::Result;
use crate::irql::Passive;
use crate::pool::Shared;
use crate::receive;
use crate::registration::Registration;
use crate::security::{Cached, SecurityDescriptor};
use crate::socket::{Core, Socket};
use crate::sync::{AtomicPtr, AtomicUsize, Ordering};

/// What a queue does when something arrives in it while it is empty: typically, it enqueues a work item.
///
/// It can ring again before what it started has run, and ring late, after somebody else has drained the queue. So
/// what it starts must bear both. `WdfWorkItemEnqueue` does: a work item that is enqueued already stays so. With
/// `IoQueueWorkItem`, which does not, ring through a flag that the work item clears before it drains.
#[derive(Clone, Copy, Debug)]
pub struct Doorbell {
    ring: unsafe fn(*mut c_void),
    context: *mut c_void,
}

impl Doorbell {
    /// A doorbell that calls `ring(context)`.
    ///
    /// # Safety
    /// While the queue lives, `ring(context)` may be called at any IRQL <= `DISPATCH_LEVEL`, on any thread, by
    /// several threads at a time. It does not wait and calls no WSK function. A queue that is leaked lives for ever.
    #[must_use]
    pub const unsafe fn new(ring: unsafe fn(*mut c_void), context: *mut c_void) -> Doorbell {
        Doorbell { ring, context }
    }
}

/// The part of a queue that operations in flight keep.
#[derive(Debug)]
pub(crate) struct Inner {
    /// The finished operations, the last one first.
    head: AtomicPtr<Header>,
    /// Two for each operation submitted to the queue: one until it has arrived, one until it is taken.
    outstanding: AtomicUsize,
    /// Set at every step that `outstanding` counts.
    stepped: UnsafeCell<KEVENT>,
    doorbell: Doorbell,
}

// SAFETY: the list and the count are atomic, the event has the dispatcher's lock, and the doorbell may be rung on
// any thread (`Doorbell::new`).
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Inner {
    /// Puts a finished operation in the queue, and rings the doorbell if the queue was empty.
    ///
    /// # Safety
    /// `header` is that of an operation whose result is being delivered to this queue, with the owner's handle.
    pub(crate) unsafe fn push(this: &Shared<Inner>, header: NonNull<Header>) {
        // SAFETY: the caller has the owner's handle.
        let next = unsafe { &header.as_ref().next };
        let mut first = this.head.load(Ordering::Relaxed);
        loop {
            next.store(first, Ordering::Relaxed);
            // Release: the result, and `next`, are seen by whoever takes the list. From then on the operation is theirs.
            match this.head.compare_exchange_weak(
                first,
                header.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => first = now,
            }
        }
        if first.is_null() {
            // SAFETY: the queue lives, so the doorbell may be rung here (`Doorbell::new`): whoever drops it waits
            // for the step that follows.
            unsafe { (this.doorbell.ring)(this.doorbell.context) };
        }
        this.step();
    }

    /// Counts down one of an operation's two steps.
    fn step(&self) {
        // Release: what was done until now is seen by whoever drops the queue.
        self.outstanding.fetch_sub(1, Ordering::Release);
        // SAFETY: the event was initialised with the queue, which the caller keeps.
        unsafe { KeSetEvent(self.stepped.get(), 0, FALSE) };
    }

    /// Takes every finished operation: a list in the order of completion.
    fn take(&self) -> *mut Header {
        // Acquire: pairs with the release of each push.
        let mut last = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        let mut first = ptr::null_mut();
        while let Some(header) = NonNull::new(last) {
            // SAFETY: the operations of the list are the taker's.
            let next = unsafe { &header.as_ref().next };
            last = next.swap(first, Ordering::Relaxed);
            first = header.as_ptr();
        }
        first
    }
}

/// Where operations with the buffers `B` go when they have finished, to be taken in the order of their completion.
///
/// The doorbell is rung whenever something arrives in an empty queue; what it starts, a work item, takes everything
/// there is with [`CompletionQueue::drain`]. Several threads may drain at a time; each operation goes to one.
///
/// Dropping the queue waits for every operation that was submitted to it, so it is dropped at `PASSIVE_LEVEL`,
/// after the sockets whose close cancels what is pending.
#[derive(Debug)]
pub struct CompletionQueue<B: Send + 'static> {
    inner: Shared<Inner>,
    _operations: PhantomData<fn(Op<B>) -> Op<B>>,
}

impl<B: Send + 'static> CompletionQueue<B> {
    /// Makes a queue.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES)
    pub fn new(doorbell: Doorbell, _: &Passive) -> Result<CompletionQueue<B>> {
        let inner = Shared::new(Inner {
            head: AtomicPtr::new(ptr::null_mut()),
            outstanding: AtomicUsize::new(0),
            stepped: UnsafeCell::new(KEVENT::ZERO),
            doorbell,
        })?;
        // SAFETY: the event is in non-paged memory that stays where it is.
        unsafe { KeInitializeEvent(inner.stepped.get(), SynchronizationEvent, FALSE) };
        Ok(CompletionQueue { inner, _operations: PhantomData })
    }

    /// Takes the operations that have finished by now, in the order of their completion.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    #[must_use]
    pub fn drain(&self) -> Drain<'_, B> {
        Drain { queue: self, first: self.inner.take() }
    }

    /// Waits until every operation that was submitted to the queue has been taken from it, and the doorbell has rung
    /// for the last time. Somebody else does the taking.
    ///
    /// For a driver that unloads: afterwards, what the doorbell started can be flushed, and the queue dropped.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    pub fn run_down(&self, _: &Passive) {
        // Acquire: pairs with each step.
        while self.inner.outstanding.load(Ordering::Acquire) != 0 {
            let event = self.inner.stepped.get();
            // SAFETY: PASSIVE_LEVEL is proven; the event lives in the queue. It is set at every step, so the wait ends
            // when there is less to wait for.
            unsafe { KeWaitForSingleObject(event.cast(), Executive, KernelMode, FALSE, ptr::null()) };
        }
        // The event releases one waiter at a time: on to the next.
        // SAFETY: the event was initialised with the queue.
        unsafe { KeSetEvent(self.inner.stepped.get(), 0, FALSE) };
    }

    /// A handle for an operation that is about to be submitted.
    pub(crate) fn expect(&self) -> Shared<Inner> {
        // Relaxed: the count orders nothing until a step is taken.
        self.inner.outstanding.fetch_add(2, Ordering::Relaxed);
        self.inner.clone()
    }
}

impl<B: Send + 'static> Drop for CompletionQueue<B> {
    fn drop(&mut self) {
        loop {
            drop(self.drain());
            // Acquire: pairs with each step.
            if self.inner.outstanding.load(Ordering::Acquire) == 0 {
                return;
            }
            let event = self.inner.stepped.get();
            // SAFETY: the queue is dropped at PASSIVE_LEVEL, as its documentation demands; the event lives in it. It
            // is set at every step, so the wait ends when there is something to drain or nothing to wait for.
            unsafe { KeWaitForSingleObject(event.cast(), Executive, KernelMode, FALSE, ptr::null()) };
        }
    }
}

/// The operations taken from a queue. Those not looked at are dropped with it.
#[derive(Debug)]
pub struct Drain<'q, B: Send + 'static> {
    queue: &'q CompletionQueue<B>,
    first: *mut Header,
}

impl<B: Send + 'static> Iterator for Drain<'_, B> {
    type Item = Completion<B>;

    fn next(&mut self) -> Option<Completion<B>> {
        let header = NonNull::new(self.first)?;
        // SAFETY: the operations of the list are the taker's.
        let next = unsafe { &header.as_ref().next };
        self.first = next.load(Ordering::Relaxed);
        // SAFETY: the result was delivered to the queue, with the owner's handle.
        let result = unsafe { submit::land(header) };
        // SAFETY: as above. Only operations with the buffers `B` are submitted to this queue.
        let op = unsafe { Op::from_raw(header.cast::<Block<B>>()) };
        self.queue.inner.step();
        // SAFETY: as above.
        Some(unsafe { Completion::new(op, result) })
    }
}

impl<B: Send + 'static> Drop for Drain<'_, B> {
    fn drop(&mut self) {
        while self.next().is_some() {}
    }
}

/// A finished operation and its result.
#[must_use = "a finished operation carries its result"]
#[derive(Debug)]
pub struct Completion<B: Send + 'static> {
    op: Op<B>,
    result: Result<usize>,
    /// The socket that a creation made.
    socket: Option<Shared<Core>>,
    /// The security descriptor that was got.
    security: Option<Shared<Cached>>,
}

impl<B: Send + 'static> Completion<B> {
    /// Takes the socket that a creation made, and releases the provider that made it.
    ///
    /// # Safety
    /// `result` is that of the operation's last flight.
    unsafe fn new(op: Op<B>, mut result: Result<usize>) -> Completion<B> {
        // SAFETY: the operation has landed, so its arguments are the owner's, which this function is.
        let arguments = unsafe { &mut *op.header().arguments.get() };
        drop(arguments.provider.take());
        let security = arguments.security.take().and_then(|flying| {
            let landed = result;
            // A kernel address, which is nobody's business.
            result = result.map(|_| 0);
            // SAFETY: the operation has landed, with this result.
            unsafe { flying.land(landed, arguments) }
        });
        let mut socket = arguments.socket.take();
        if let Some(core) = &mut socket {
            if let (Ok(information), Some(core)) = (result, core.get_mut()) {
                let raw = ptr::with_exposed_provenance_mut::<WSK_SOCKET>(information);
                // SAFETY: a successful WskSocket puts the new socket in IoStatus.Information.
                unsafe { core.adopt(raw) };
            }
            // A kernel address, which is nobody's business.
            result = result.map(|_| 0);
        }
        Completion { op, result, socket: socket.filter(|_| result.is_ok()), security }
    }

    /// The result: the number of bytes that were sent, received or put out, which is no more than there was room for;
    /// zero for a request that transfers none.
    ///
    /// # Errors
    /// What WSK gave. [`CANCELLED`](crate::Error::CANCELLED) after a cancel,
    /// [`IO_TIMEOUT`](crate::Error::IO_TIMEOUT) when the time limit passed.
    pub const fn result(&self) -> Result<usize> {
        self.result
    }

    fn arguments(&self) -> &Arguments {
        // SAFETY: the operation has landed, so its arguments are the owner's.
        unsafe { &*self.op.header().arguments.get() }
    }

    /// The output of a successful control request; empty after any other.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        let arguments = self.arguments();
        match (arguments.yielded(), self.result) {
            (Yield::Value, Ok(length)) => arguments.output.0.get(..length).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The address that a local-address request yielded, or the sender of a received datagram; none after any other
    /// request, and after one that failed.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let arguments = self.arguments();
        match arguments.yielded() {
            Yield::Address | Yield::Datagram => addr::decode(&arguments.address),
            Yield::Nothing | Yield::Value => None,
        }
    }

    /// The control information of a received datagram, which WSK has written: yet to be checked. Empty after any other
    /// request.
    #[must_use]
    pub fn control(&self) -> &[u8] {
        let arguments = self.arguments();
        if arguments.yielded() == Yield::Datagram { receive::control(arguments) } else { &[] }
    }

    /// The flags of a received datagram; see [`Received::flags`](crate::Received::flags). Zero after any other request.
    #[must_use]
    pub fn flags(&self) -> u32 {
        let arguments = self.arguments();
        if arguments.yielded() == Yield::Datagram { arguments.control_flags } else { 0 }
    }

    /// The socket that a creation made, if it was made with this registration. Not taken, it is closed when the
    /// completion is dropped or the operation taken out of it.
    pub fn take_socket<'r>(&mut self, registration: &'r Registration) -> Option<Socket<'r>> {
        let core = self.socket.take_if(|core| core.is_of(registration))?;
        Some(Socket::new(core))
    }

    /// The security descriptor that a request got, if it was made with this registration. Not taken, it is released
    /// with the completion.
    pub fn take_security<'r>(&mut self, registration: &'r Registration) -> Option<SecurityDescriptor<'r>> {
        self.security.take_if(|cached| cached.is_of(registration)).map(Socket::adopt_security)
    }

    /// The operation, ready for another flight.
    #[must_use]
    pub fn into_op(self) -> Op<B> {
        self.op
    }

    /// The operation's buffers.
    #[must_use]
    pub fn buffers(&self) -> &B {
        self.op.buffers()
    }

    /// The operation's buffers, to change.
    #[must_use]
    pub fn buffers_mut(&mut self) -> &mut B {
        self.op.buffers_mut()
    }
}
