//! A request that the calling thread waits for: what an operation has in its block is on the thread's stack, but for the IRP;
//! unless the caller lends an operation.
//!
//! The stack of a thread that waits in kernel mode stays resident, so WSK and the completion routine may use it, at any IRQL.
//! The thread returns when nobody uses it any more: when the last reference to the submission is gone, or, if it waits, when
//! that one has set the event and touches nothing else.
#![expect(unsafe_code, reason = "the frame is shared with WSK, the timer and the completion routine")]

use core::cell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::time::Duration;

use wsk_sys::{IRP, IoFreeIrp};

use super::block::{self, Area, Header, STATE, WAITS, WaitsCell};
use super::call::Call;
use super::request::{Irp, Submit};
use super::submit::{self, Functions};
use super::wait;
use crate::error::Result;
use crate::fatal;

/// What is on the stack: as the beginning of a block.
#[repr(C)]
struct Frame<S> {
    header: Header,
    waits: WaitsCell,
    state: State<S>,
}

/// Aligned as the state in a block.
#[repr(C, align(16))]
struct State<S>(cell::UnsafeCell<MaybeUninit<S>>);

/// An IRP that is freed.
struct Own(NonNull<IRP>);

impl Drop for Own {
    fn drop(&mut self) {
        // SAFETY: the IRP came from IoAllocateIrp, and was not sent or has completed.
        unsafe { IoFreeIrp(self.0.as_ptr()) };
    }
}

/// Makes a request, and waits for its result.
///
/// # Errors
/// [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES): no IRP. What the request or WSK gave.
pub(crate) fn call<B, R: Submit<B>>(
    target: &R::Target,
    request: R,
    buffers: &mut B,
    call: Call<'_>,
) -> Result<R::Output> {
    const { assert!(core::mem::offset_of!(Frame<R::State>, waits) == WAITS) };
    const { assert!(core::mem::offset_of!(Frame<R::State>, state) == STATE) };
    Area::fits::<R::State>();
    fatal::unless_it_can_wait();
    let limit = call.wait.timeout();
    let mut place = Place::<Frame<R::State>>::new()?;
    let (header, own) = if let Some(op) = call.lent {
        (op.address(), None)
    } else {
        let irp = Own(block::allocate_irp()?);
        let header = place.get().cast::<Header>();
        // SAFETY: nobody else has the frame.
        unsafe { header.write(Header::new(irp.0, |_| ())) };
        (header, Some(irp))
    };
    // One call for both, which the compiler makes a part of this function.
    // SAFETY: nobody else has the operation, borrowed or written just now; it has room for the state.
    let result = unsafe { run(header, target, request, buffers, limit) };
    if own.is_some() {
        // SAFETY: the submission has ended, and the header is not used again.
        unsafe { header.drop_in_place() };
    } else {
        // SAFETY: the submission has ended.
        unsafe { submit::forget::<R::State>(header) };
    }
    result
}

/// Submits a request, and waits for its result.
///
/// # Safety
/// The caller owns the operation, which is not submitted and has no state, but room for one. `PASSIVE_LEVEL` is proven.
#[inline]
unsafe fn run<B, R: Submit<B>>(
    header: NonNull<Header>,
    target: &R::Target,
    request: R,
    buffers: &mut B,
    limit: Option<Duration>,
) -> Result<R::Output> {
    // SAFETY: the room for the state.
    let mut state = unsafe { header.byte_add(STATE) }.cast::<R::State>();
    // SAFETY: outside a submission it is the owner's.
    request.prepare(target, buffers, unsafe { state.cast::<MaybeUninit<R::State>>().as_mut() })?;
    // SAFETY: the caller's handle keeps the header.
    let functions = unsafe { header.as_ref() }.functions.get();
    // SAFETY: outside a submission the cell is the owner's.
    unsafe { functions.write(Some(Functions::waited::<B, R>())) };
    // SAFETY: the operation is this thread's, and prepared.
    unsafe { submit::begin(header, limit, None) };
    // SAFETY: prepared above with this target, and submitted just now. The state is the call's from here on.
    if let Err(error) = unsafe { R::call(target, state, Irp::new(header)) } {
        // SAFETY: the provider's reference was not given to WSK: it is this thread's.
        unsafe { submit::complete_with(header, error.status()) };
    }
    // SAFETY: the call has returned; the submitter's reference is not used any more.
    if unsafe { submit::end(header, limit) }.is_none() {
        // SAFETY: the operation is this thread's, which is at PASSIVE_LEVEL by the caller's promise.
        unsafe { wait::until_delivered(header) };
    }
    // SAFETY: the result is there.
    let status = unsafe { submit::status(header) };
    // SAFETY: the submission has ended, so the state, which is there, is this thread's.
    let ended = unsafe { state.as_mut() };
    let mut result = MaybeUninit::uninit();
    R::complete_to(ended, buffers, status, &mut result);
    // SAFETY: so it is still, and it is not used again.
    unsafe { state.drop_in_place() };
    // SAFETY: it is written.
    unsafe { result.assume_init() }
}

/// Room on the stack.
#[cfg(not(loom))]
struct Place<T>(MaybeUninit<T>);

#[cfg(not(loom))]
impl<T> Place<T> {
    #[expect(clippy::unnecessary_wraps, reason = "in the other build it allocates")]
    const fn new() -> Result<Place<T>> {
        Ok(Place(MaybeUninit::uninit()))
    }

    const fn get(&mut self) -> NonNull<T> {
        NonNull::from_mut(&mut self.0).cast()
    }
}

#[cfg(loom)]
use explored::Place;

#[cfg(loom)]
mod explored {
    use super::{NonNull, Result};
    use crate::pool;

    /// A block of pool in its place: loom's kernel sees who touches it after its end.
    pub(super) struct Place<T>(NonNull<T>);

    impl<T> Place<T> {
        pub(super) fn new() -> Result<Place<T>> {
            pool::allocate().map(Place)
        }

        pub(super) fn get(&mut self) -> NonNull<T> {
            self.0
        }
    }

    impl<T> Drop for Place<T> {
        fn drop(&mut self) {
            // SAFETY: allocated by `new`, and its content was dropped, or never there.
            unsafe { pool::free(self.0, pool::POOL_TAG) };
        }
    }
}
