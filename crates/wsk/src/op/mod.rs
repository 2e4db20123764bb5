//! Operations: an IRP with everything it needs, made once and submitted many times.
//!
//! An [`Op`] is an IRP, its state and the caller's buffers in one non-paged block. A socket's `submit` submits it for a
//! request, which allocates nothing and cannot fail: whatever WSK returns, it completes the IRP, so the result has one
//! way to come. It comes with the operation itself, to be submitted again, for whatever request:
//!
//! - from [`Pending::wait`], for a thread that may wait;
//! - from a [`CompletionQueue`], for a driver whose threads never do;
//! - by a [`CompletionHandler`], in the completion itself.
//!
//! A call that waits for a request itself needs no such block: what it has of one is on its stack (`blocking`). It can be lent
//! one, to be cancelled by others: [`Op::call`].
//!
//! ```text
//!            submit               the last reference is dropped           take
//!   Op ────────────────▶ submitted ──────────────────────▶ delivered ────────────▶ Op
//!   ▲                     │                          (event, queue, or handler)     │
//!   │                     ├─ Canceller::cancel, the time limit: IoCancelIrp         │
//!   │                     └─ Pending dropped: cancel, and free when delivered       │
//!   └───────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The completion routine copies the IRP's status, drops the provider's reference and returns
//! `STATUS_MORE_PROCESSING_REQUIRED`. It runs no user code but a handler's, and calls no WSK function.
//!
//! ```
//! use core::time::Duration;
//!
//! use wsk::{Buffer, Error, Op, ReceiveFrom, SendTo};
//!
//! # use wsk::{Family, Passive, Registration, Version};
//! # fn main() { hosted(|| client().unwrap()); }
//! # fn hosted(driver: impl FnOnce()) {
//! #     let machine = ntos::Machine::boot(ntos::Config::default());
//! #     let network = netio::Network::Memory(netio::memory::Net::new());
//! #     netio::install(&machine, netio::Config { network, ..Default::default() });
//! #     let entered = machine.enter();
//! #     driver();
//! #     drop(entered);
//! #     machine.shutdown();
//! # }
//! # fn client() -> wsk::Result {
//! # let passive = &Passive::check().unwrap();
//! # let registration = Registration::register(Version::V1_0, passive)?;
//! # let provider = registration.provider(passive)?;
//! # let socket = provider.datagram(Family::V4, passive)?;
//! # let socket = socket.bind("127.0.0.1:0".parse().unwrap(), passive)?;
//! # let address = socket.local_address(passive)?;
//! let mut op = Op::new(Buffer::new(1500)?)?;
//! let canceller = op.canceller(); // for any thread, in all of the submissions to come
//! op.buffers_mut().fill(b"hello")?;
//! let (sent, op) = socket.submit(op, SendTo(Some(address)), None).wait(passive);
//! assert_eq!(sent?, 5);
//!
//! // The same IRP and the same buffer, for another request.
//! let (received, op) = socket.submit(op, ReceiveFrom, Duration::from_secs(1)).wait(passive);
//! assert_eq!((received?.from, &op.buffers()[..]), (address, &b"hello"[..]));
//!
//! // Nothing comes, and somebody cancels. The operation comes back in this case, too.
//! let pending = socket.submit(op, ReceiveFrom, None);
//! canceller.cancel();
//! let (received, _op) = pending.wait(passive);
//! assert_eq!(received.map(drop), Err(Error::CANCELLED));
//! # socket.close(passive)
//! # }
//! ```
//!
//! What an operation is submitted for, this module does not know: a [`Request`] prepares itself, calls WSK, and reads its
//! own result, out of a state that lies in the block until then and is gone afterwards.
#![expect(unsafe_code, reason = "handles are raw pointers to a block that several threads share")]

mod batch;
pub(crate) mod block;
pub(crate) mod blocking;
mod call;
pub(crate) mod complete;
pub(crate) mod destination;
pub(crate) mod handler;
pub(crate) mod pending;
pub(crate) mod queue;
pub(crate) mod request;
pub(crate) mod submission;
pub(crate) mod submit;
#[cfg(all(test, not(loom)))]
mod tests;
mod wait;

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::time::Duration;

use block::{Block, Header};

use crate::dispatch_drop::DispatchDrop;
use crate::error::Result;

pub use call::{Call, IntoCall};
pub use destination::{Destination, UnlessDone};
pub use handler::{CompletionHandler, HandleCompletion};
pub use pending::Pending;
pub use queue::{CompletionQueue, Doorbell, Drain};
pub(crate) use request::{Abandonable, Submit};
pub use request::{FromCompletion, Request};

/// An operation that is not submitted, with the buffers `B` that it carries.
///
/// # Invariants
/// The operation is not submitted, and this is its owner: the handle that may submit it.
#[derive(Debug)]
pub struct Op<B> {
    block: NonNull<Block<B>>,
    _owns: PhantomData<B>,
}

// SAFETY: an `Op` is its block; nobody else touches the block's content while it is not submitted.
unsafe impl<B: Send> Send for Op<B> {}
// SAFETY: `&Op` gives `&B` only.
unsafe impl<B: Sync> Sync for Op<B> {}

impl<B: Send + 'static> Op<B> {
    /// Allocates an operation: one IRP, one non-paged block.
    ///
    /// The buffers go into the block and stay at one address. If the operation is abandoned while it is submitted, they
    /// are dropped when it completes, at IRQL <= `DISPATCH_LEVEL`, possibly within the completion of the IRP: so they
    /// hold nothing that waits or calls WSK when it is dropped, which is what [`DispatchDrop`] says.
    ///
    /// Another operation may be among them. It is dropped within the drop of this one, as a box in a box is: whoever chains
    /// many takes the chain apart from its head, as the kernel's stack is small.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES)
    pub fn new(buffers: B) -> Result<Op<B>>
    where
        B: DispatchDrop,
    {
        Op::new_with(|_| buffers)
    }

    /// The same operation, for owners that do not know its buffers. They are dropped with it.
    pub(crate) fn erase(self) -> Op<()> {
        // INVARIANT: the owner is the same. The header is the beginning of the block, and all that such an owner uses;
        // whoever frees the block does it by the type that it was made with.
        Op { block: self.into_raw().cast(), _owns: PhantomData }
    }

    /// A handle that can cancel this operation from anywhere, in this submission and in later ones. It keeps the memory of
    /// the operation, but neither IRP nor buffers: so it may be among the buffers itself.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.header().submission.watch();
        // INVARIANT: counted just now.
        Canceller { header: self.block.cast() }
    }
}

impl<B> Op<B> {
    /// As [`Op::new`], with buffers that know the header of their block, or are not abandoned.
    pub(crate) fn new_with(buffers: impl FnOnce(NonNull<Header>) -> B) -> Result<Op<B>> {
        // INVARIANT: the block is new, so this is its only handle.
        Ok(Op { block: block::new(buffers)?, _owns: PhantomData })
    }

    /// Forgets a cancel that was asked for after the result was delivered, so that the next submission begins
    /// afresh.
    ///
    /// For owners that use an operation again for something else, once every [`Canceller`] of the old one is gone.
    pub fn reset(&mut self) {
        self.header().submission.reset();
    }

    /// The buffers.
    #[must_use]
    pub fn buffers(&self) -> &B {
        // SAFETY: the block lives as long as this handle.
        let block = unsafe { self.block.as_ref() };
        // SAFETY: by the type's invariant nobody else touches the buffers, and the borrow of `self` guards them.
        unsafe { &*block.buffers.get() }
    }

    /// The buffers, to change.
    #[must_use]
    pub fn buffers_mut(&mut self) -> &mut B {
        // SAFETY: the block lives as long as this handle.
        let block = unsafe { self.block.as_ref() };
        // SAFETY: by the type's invariant nobody else touches the buffers, and the borrow of `self` is exclusive.
        unsafe { &mut *block.buffers.get() }
    }

    /// Where the buffers are, for as long as the block exists.
    pub(crate) fn address_of_buffers(&self) -> NonNull<B> {
        // SAFETY: the block lives as long as this handle.
        let buffers = unsafe { self.block.as_ref() }.buffers.get();
        // SAFETY: a field's address.
        unsafe { NonNull::new_unchecked(buffers) }
    }

    /// Where the header is, which is the beginning of the block: as long as this handle.
    fn address(&mut self) -> NonNull<Header> {
        self.block.cast()
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the header is the beginning of the block, which lives as long as this handle.
        unsafe { self.block.cast::<Header>().as_ref() }
    }

    /// The handle as a pointer, which now owns the operation.
    pub(crate) fn into_raw(self) -> NonNull<Block<B>> {
        core::mem::ManuallyDrop::new(self).block
    }

    /// # Safety
    /// The caller owns the operation, which is not submitted, and gives it up.
    pub(crate) unsafe fn from_raw(block: NonNull<Block<B>>) -> Op<B> {
        // INVARIANT: the caller's promise.
        Op { block, _owns: PhantomData }
    }
}

/// Submission, for the modules that know requests. It allocates nothing, and a refusal is the request's result.
impl<B> Op<B> {
    /// Submits the operation; the result goes to whoever waits for it. Nobody need do so: the state owns nothing.
    pub(crate) fn submit<R>(
        self,
        target: &R::Target,
        request: R,
        limit: Option<Duration>,
    ) -> Pending<B, R::Output>
    where
        B: Send + 'static,
        R: Abandonable<B>,
    {
        let block = self.into_raw();
        // SAFETY: the operation was the caller's, and is not submitted; its result is taken by `Pending`, which looks for it.
        unsafe { submit::submit::<B, R, Result<R::Output>>(block.cast(), target, request, limit, None) };
        // SAFETY: submitted just now, without a queue.
        unsafe { Pending::new(block) }
    }

    /// Submits the operation; the result goes where `to` says: a queue is gone before what the state borrows is, and what a
    /// handler takes borrows nothing.
    pub(crate) fn submit_to<'r, R, T, D>(
        self,
        to: &D,
        target: &R::Target,
        request: R,
        limit: Option<Duration>,
    ) -> D::Submitted
    where
        B: Send + 'static,
        R: Submit<B>,
        T: FromCompletion<R>,
        D: Destination<'r, B, R, T>,
    {
        let (block, to) = (self.into_raw(), Some(to.target()));
        let header = block.cast();
        // SAFETY: the operation was the caller's, and is not submitted; the destination takes its result, and its handle, or
        // it is taken below.
        let ended = unsafe { submit::submit::<B, R, T>(header, target, request, limit, to) };
        let Some(owner) = ended else { return D::submitted(None) };
        if !D::KEEPS {
            // SAFETY: the submission has ended, and nothing is touched afterwards.
            unsafe { complete::deliver(header, owner) };
            return D::submitted(None);
        }
        // SAFETY: the submission has ended, and was directed.
        unsafe { complete::destination(header) }.forget();
        // SAFETY: the result is this call's to take, as is the handle.
        D::submitted(Some(unsafe { Op::take(block) }))
    }

    /// Takes the result of a submission that was delivered, and the operation.
    ///
    /// # Safety
    /// The owner's handle is the caller's, who gives it up. The result, a `T`, has been delivered and was not taken.
    #[inline]
    pub(crate) unsafe fn take<T>(block: NonNull<Block<B>>) -> (T, Op<B>) {
        let mut taken = MaybeUninit::<(T, Op<B>)>::uninit();
        // SAFETY: a field's address.
        let result = unsafe { &raw mut (*taken.as_mut_ptr()).0 };
        // SAFETY: the caller's promise. The result is written where it is to be: it may be large.
        unsafe { submit::take(block.cast(), result) };
        // SAFETY: a field's address.
        let place = unsafe { &raw mut (*taken.as_mut_ptr()).1 };
        // SAFETY: the caller's promise: the operation is not submitted any more.
        let op = unsafe { Op::from_raw(block) };
        // SAFETY: a field of a variable.
        unsafe { place.write(op) };
        // SAFETY: both are written.
        unsafe { taken.assume_init() }
    }
}

impl<B> Drop for Op<B> {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant this is the owner's handle, and the operation is not submitted.
        unsafe { block::free(self.block.cast()) };
    }
}

/// A handle that cancels an operation, whatever its state.
///
/// Cancelling only asks: the result still comes the usual way, and may be a success. Asked before the operation is
/// submitted, it takes effect as soon as it is; asked when the result is there and has not been taken, it goes with that.
/// So what is several submissions one after the other has a flag beside it, which is set before the cancel, and looked
/// at before each submission. For calls that wait, see [`Op::call`].
///
/// # Invariants
/// `header` is kept: this value is counted among its watchers.
#[derive(Debug)]
pub struct Canceller {
    header: NonNull<Header>,
}

// SAFETY: `cancel` may be called on any thread (`Submission`), and the memory may be freed on any.
unsafe impl Send for Canceller {}
// SAFETY: `cancel` may be called on any thread (`Submission`), and the memory may be freed on any.
unsafe impl Sync for Canceller {}

impl Canceller {
    /// Asks for the operation's cancellation.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn cancel(&self) {
        // SAFETY: by the type's invariant the block is kept.
        unsafe { submit::cancel(self.header) };
    }
}

impl Drop for Canceller {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant this value is counted, and it does not use the block again.
        unsafe { block::unwatch(self.header) };
    }
}
