//! Which of the crate's values may be dropped at `DISPATCH_LEVEL`.
#![expect(unsafe_code, reason = "the trait is a promise")]

pub(crate) use nt::DispatchDrop;

use crate::{
    AddressList, BufferList, Canceller, Doorbell, Family, Op, Pending, Received, Transports, Version, Waiters,
};

macro_rules! plain {
    ($($Type:ty),* $(,)?) => {$(
        // SAFETY: there is nothing to drop.
        unsafe impl DispatchDrop for $Type {}
    )*};
}

plain!(Doorbell, Family, Received, Version);

// SAFETY: its drop frees pool and an MDL, at any IRQL <= DISPATCH_LEVEL.
unsafe impl DispatchDrop for AddressList {}
// SAFETY: its drop frees pool and an MDL, at any IRQL <= DISPATCH_LEVEL.
unsafe impl DispatchDrop for Transports {}
// SAFETY: its drop frees pool, at any IRQL <= DISPATCH_LEVEL, and drops the payload.
unsafe impl<P: DispatchDrop> DispatchDrop for BufferList<P> {}
// SAFETY: an operation is made with buffers that have the trait (`Op::new`); beside them its drop frees an IRP and pool.
unsafe impl<B> DispatchDrop for Op<B> {}
// SAFETY: its drop cancels, which `IoCancelIrp` does at DISPATCH_LEVEL without a wait, and then drops as an `Op`'s.
unsafe impl<B, R> DispatchDrop for Pending<B, R> {}
// SAFETY: its drop frees the memory of an operation, at most.
unsafe impl DispatchDrop for Canceller {}
// SAFETY: its drop ends the waits of operations, whose results go to queues: no code of WSK or of a driver runs but the
// doorbell, for which `Doorbell::new` has the same promise.
unsafe impl DispatchDrop for Waiters {}
