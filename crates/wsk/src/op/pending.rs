//! A submitted operation whose result goes to the thread that waits for it.
#![expect(unsafe_code, reason = "the block is shared while the operation is submitted")]

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::time::Duration;

use super::block::{self, Block, Header};
use super::{Op, submit, wait};
use crate::error::Result;
use crate::fatal;
use crate::irql::Passive;

/// A submitted operation, whose result is a `Result<O>`.
///
/// Dropped, it is cancelled, and frees itself when WSK has let go of it.
///
/// # Invariants
/// The owner's handle of `block` is this value's. It was or will be submitted for a `Result<O>`.
#[must_use = "dropping a pending operation cancels it"]
#[derive(Debug)]
pub struct Pending<B, O> {
    block: NonNull<Block<B>>,
    _output: PhantomData<(B, fn() -> O)>,
}

// SAFETY: the buffers go where the handle goes, and everything else behind it is made for several threads.
unsafe impl<B: Send, O> Send for Pending<B, O> {}
// SAFETY: `&Pending` gives no access to the buffers.
unsafe impl<B: Send, O> Sync for Pending<B, O> {}

impl<B, O> Pending<B, O> {
    /// # Safety
    /// The caller owns the operation, has submitted it without a queue and for a `Result<O>`, or has seen to it that
    /// somebody will, and gives it up.
    pub(crate) unsafe fn new(block: NonNull<Block<B>>) -> Pending<B, O> {
        // INVARIANT: the caller's promise.
        Pending { block, _output: PhantomData }
    }

    /// Whether the result is there, so that [`Pending::wait`] would not wait.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.header().submission.is_delivered()
    }

    /// Asks for the cancellation. The result comes all the same, and may be a success.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn cancel(&self) {
        // SAFETY: the block is kept.
        unsafe { submit::cancel(self.block.cast()) };
    }

    fn header(&self) -> &Header {
        // SAFETY: by the type's invariant the block is kept; the header is its beginning.
        unsafe { self.block.cast::<Header>().as_ref() }
    }

    /// Leaves the operation to itself: not cancelled, it frees itself when it completes.
    pub(crate) fn detach(self) {
        let pending = core::mem::ManuallyDrop::new(self);
        // SAFETY: the handle is this value's own; the value is not used again, and not dropped.
        unsafe { abandon(pending.block.cast()) };
    }

    /// Waits for the result, and gives it with the operation, ready to be submitted again.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// What WSK gave. [`CANCELLED`](crate::Error::CANCELLED) after a cancel,
    /// [`IO_TIMEOUT`](crate::Error::IO_TIMEOUT) when the time limit passed.
    pub fn wait(self, _: &Passive) -> (Result<O>, Op<B>) {
        fatal::unless_it_can_wait();
        let block = core::mem::ManuallyDrop::new(self).block;
        // SAFETY: PASSIVE_LEVEL is proven; by the type's invariant the operation was or will be submitted, without a queue.
        unsafe { wait::until_delivered(block.cast()) };
        // SAFETY: the result was delivered: by the type's invariant a `Result<O>`. The owner's handle was this value's.
        unsafe { Op::take(block) }
    }
}

/// A wait that may end before there is a result.
impl<B, O> Pending<B, O> {
    /// Waits for the result as [`Pending::wait`] does, but no longer than `limit`. The operation is not cancelled by that: it
    /// goes on, and comes back as it was, to be waited for again, cancelled or dropped.
    ///
    /// ```
    /// use core::time::Duration;
    ///
    /// use wsk::{Buffer, Error, Op, ReceiveFrom};
    ///
    /// # use wsk::{Family, Passive, Registration, Version};
    /// # fn main() {
    /// #     let machine = ntos::Machine::boot(ntos::Config::default());
    /// #     let network = netio::Network::Memory(netio::memory::Net::new());
    /// #     netio::install(&machine, netio::Config { network, ..Default::default() });
    /// #     let entered = machine.enter();
    /// #     client().unwrap();
    /// #     drop(entered);
    /// #     machine.shutdown();
    /// # }
    /// # fn client() -> wsk::Result {
    /// # let passive = &Passive::check().unwrap();
    /// # let registration = Registration::register(Version::V1_0, passive)?;
    /// # let provider = registration.provider(passive)?;
    /// # let socket = provider.datagram(Family::V4, passive)?;
    /// # let socket = socket.bind("127.0.0.1:0".parse().unwrap(), passive)?;
    /// let pending = socket.submit(Op::new(Buffer::new(1500)?)?, ReceiveFrom, None);
    /// let pending = match pending.wait_for(Duration::from_millis(1), passive) {
    ///     Ok((received, _op)) => return received.map(drop),
    ///     Err(pending) => pending, // nothing has come yet, and may still come
    /// };
    /// pending.cancel();
    /// assert_eq!(pending.wait(passive).0.map(drop), Err(Error::CANCELLED));
    /// # socket.close(passive)
    /// # }
    /// ```
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// The operation, still pending: the limit has passed. The result has errors of its own, as that of [`Pending::wait`].
    pub fn wait_for(self, limit: Duration, passive: &Passive) -> Result<(Result<O>, Op<B>), Pending<B, O>> {
        fatal::unless_it_can_wait();
        // SAFETY: PASSIVE_LEVEL is proven; by the type's invariant the operation was or will be submitted, without a queue.
        if unsafe { wait::at_most(self.block.cast(), limit) } {
            // The result is there: this does not wait.
            Ok(self.wait(passive))
        } else {
            Err(self)
        }
    }
}

impl<B, O> Drop for Pending<B, O> {
    fn drop(&mut self) {
        // In this order: a cancel after the handle is gone could meet freed memory.
        self.cancel();
        // SAFETY: the handle is this value's own, and is not used again.
        unsafe { abandon(self.block.cast()) };
    }
}

/// Gives the owner's handle to the submission, which frees the block when it ends; or frees it now, if it has ended.
///
/// # Safety
/// The handle is the caller's, who does not use it afterwards.
unsafe fn abandon(header: NonNull<Header>) {
    // SAFETY: the caller's handle keeps the block.
    if !unsafe { header.as_ref() }.submission.abandon() {
        // SAFETY: the result is there, and the handle is the caller's.
        unsafe { block::free(header) };
    }
}
