//! The completion handler: code of the driver that runs in the completion itself.
#![expect(unsafe_code, reason = "an operation is handed on as a pointer to its block")]

use core::cell;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use nt::sync::{AtomicUsize, Ordering};
use wsk_sys::{
    Executive, FALSE, KEVENT, KeInitializeEvent, KeSetEvent, KeWaitForSingleObject, KernelMode,
    SynchronizationEvent,
};

use super::Op;
use super::block::{Block, Header};
use crate::dispatch_drop::DispatchDrop;
use crate::error::Result;
use crate::fatal;
use crate::irql::Passive;
use crate::pool::{PoolBox, Shared};
/// What a [`CompletionHandler`] calls.
pub trait HandleCompletion<B, T>: DispatchDrop + Send + Sync + 'static {
    /// A request has ended, with this result. The operation is the handler's, which may submit it again.
    ///
    /// It runs within the completion of the IRP, within a cancel, or in the timer of a time limit; on any thread, several at
    /// a time. It does not wait. WSK's pages advise against calls of WSK in a completion routine: a driver that goes on with
    /// one, as a server does that answers, has a [`CompletionQueue`](super::CompletionQueue).
    ///
    /// # IRQL
    /// Called at <= `DISPATCH_LEVEL`
    fn completed(&self, result: T, op: Op<B>);
}

/// A request whose result may be taken and dropped in a completion routine: nothing of it is to be released by a call of WSK,
/// or at `PASSIVE_LEVEL`.
pub trait AtDispatch {}

/// The part of a handler that submitted operations keep.
///
/// # Invariants
/// `call` may be called with `context`, for an operation that was submitted to this handler, until `outstanding` has counted
/// that operation down.
#[derive(Debug)]
pub struct Handling {
    /// The operations that are submitted or handled; and [`WAITING`]. Each is a block of memory, so the number stays below.
    outstanding: AtomicUsize,
    /// Set when there is none and somebody waits for that.
    ended: cell::UnsafeCell<KEVENT>,
    call: unsafe fn(*const (), NonNull<Header>),
    context: *const (),
}

/// Somebody has waited for the end.
const WAITING: usize = 1 << (usize::BITS - 1);

// SAFETY: the count is atomic, the event is the dispatcher's, and the handler may be called on any thread.
unsafe impl Send for Handling {}
// SAFETY: the count is atomic, the event is the dispatcher's, and the handler may be called by several threads at a time.
unsafe impl Sync for Handling {}

impl Handling {
    /// Calls the handler.
    ///
    /// # Safety
    /// `header` is that of an operation that was submitted to this handler and has finished, with the owner's handle.
    pub(super) unsafe fn call(&self, header: NonNull<Header>) {
        // SAFETY: by the type's invariant; the caller's promise.
        unsafe { (self.call)(self.context, header) };
        self.step();
    }

    /// Counts an operation down.
    pub(super) fn step(&self) {
        // Release: what the handler did is seen by whoever drops it.
        if self.outstanding.fetch_sub(1, Ordering::Release) == WAITING | 1 {
            // SAFETY: the event was initialised with the value, which the caller keeps.
            unsafe { KeSetEvent(self.ended.get(), 0, FALSE) };
        }
    }
}

/// A value in a block, also if it has no size.
#[derive(Debug)]
struct Place<H> {
    handler: H,
    _size: u8,
}

/// What operations with the buffers `B` go to when they have completed: code that is called in the completion itself, with the
/// operation and a `T`, made of the result of its request. See [`FromCompletion`](super::FromCompletion).
///
/// No thread is switched to, and nothing is queued. What WSK has completed when its function returns, the handler is not called
/// for: the call that submits gives it back, so a handler that submits again is never called within itself by the operation
/// that it submits. Everything else comes to the handler once.
///
/// A result that is to be released by a call of WSK, such as a socket, goes to a [`CompletionQueue`](super::CompletionQueue)
/// instead: WSK's functions are not for completion routines.
///
/// Dropping it waits for every operation that was submitted to it, so it is dropped at `PASSIVE_LEVEL`, after the
/// sockets whose close cancels what is pending. At `DISPATCH_LEVEL` the drop is a bug check.
///
/// # Invariants
/// `handler` is what `handling` calls.
#[derive(Debug)]
pub struct CompletionHandler<B: Send + 'static, T, H> {
    handling: Shared<Handling>,
    _handler: PoolBox<Place<H>>,
    /// What goes in comes out.
    _operations: PhantomData<fn(Op<B>) -> Op<B>>,
    _results: PhantomData<fn(T) -> T>,
}

impl<B: Send + 'static, T: 'static, H: HandleCompletion<B, T>> CompletionHandler<B, T, H> {
    /// Makes one of a handler.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES)
    pub fn new(handler: H, _: &Passive) -> Result<CompletionHandler<B, T, H>> {
        let handler = PoolBox::new(Place { handler, _size: 0 })?;
        // INVARIANT: the block stays where it is, and is freed when all operations are counted down; or never, if the value is
        // leaked.
        let handling = Shared::new(Handling {
            outstanding: AtomicUsize::new(0),
            ended: cell::UnsafeCell::new(KEVENT::ZERO),
            call: call::<B, T, H>,
            context: ptr::from_ref(&handler.handler).cast(),
        })?;
        // SAFETY: the event is in non-paged memory that stays where it is.
        unsafe { KeInitializeEvent(handling.ended.get(), SynchronizationEvent, FALSE) };
        Ok(CompletionHandler { handling, _handler: handler, _operations: PhantomData, _results: PhantomData })
    }
}

impl<B: Send + 'static, T, H> CompletionHandler<B, T, H> {
    /// A handle for an operation that is about to be submitted.
    pub(super) fn expect(&self) -> Shared<Handling> {
        // Relaxed: the count orders nothing until an operation is counted down.
        self.handling.outstanding.fetch_add(1, Ordering::Relaxed);
        self.handling.clone()
    }

    /// Waits until every operation that was submitted to the handler has been handled, and the handler has returned.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    pub fn run_down(&self, _: &Passive) {
        self.wait();
    }

    fn wait(&self) {
        fatal::unless_it_can_wait();
        // Acquire: pairs with each step.
        while self.handling.outstanding.fetch_or(WAITING, Ordering::Acquire) & !WAITING != 0 {
            let event = self.handling.ended.get();
            // SAFETY: PASSIVE_LEVEL, as `run_down` has proven and the drop's documentation demands; the event lives in the
            // value. It is set by the last operation, which sees that somebody waits.
            unsafe { KeWaitForSingleObject(event.cast(), Executive, KernelMode, FALSE, ptr::null()) };
        }
        // The event releases one waiter at a time: on to the next.
        // SAFETY: the event was initialised with the value.
        unsafe { KeSetEvent(self.handling.ended.get(), 0, FALSE) };
    }
}

impl<B: Send + 'static, T, H> Drop for CompletionHandler<B, T, H> {
    fn drop(&mut self) {
        self.wait();
    }
}

/// Takes an operation's result and calls the handler with it.
///
/// # Safety
/// `context` is an `H`. The operation, with the buffers `B`, was submitted for a `T` and has finished; the caller has the
/// owner's handle, and gives it up.
unsafe fn call<B: Send + 'static, T, H: HandleCompletion<B, T>>(context: *const (), header: NonNull<Header>) {
    // SAFETY: the caller's promise.
    let handler = unsafe { &*context.cast::<H>() };
    // SAFETY: passed on.
    let (result, op) = unsafe { Op::take(header.cast::<Block<B>>()) };
    handler.completed(result, op);
}
