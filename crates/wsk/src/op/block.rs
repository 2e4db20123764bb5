//! The memory of an operation: IRP, counters, the request's state and the caller's buffers in one non-paged block.
#![expect(unsafe_code, reason = "the block is shared with WSK, the timer and the completion routine")]

use core::cell;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use wsk_sys::{
    FALSE, IO_STATUS_BLOCK, IRP, IoAllocateIrp, IoFreeIrp, KDPC, KEVENT, KTIMER, KeInitializeDpc,
    KeInitializeEvent, KeInitializeTimerEx, NotificationEvent, NotificationTimer,
};

use super::queue::Inner;
use super::submission::Submission;
use super::submit::{self, Functions};
use crate::error::{Error, Result};
use crate::pool::{self, Shared};
use crate::sync::{AtomicPtr, UnsafeCell};

/// The room for a request's state: as much as the largest has, which is that of a control request.
const AREA: usize = 640;

/// Memory for the state of any request.
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct Area(MaybeUninit<[u8; AREA]>);

impl Area {
    /// Asserts, where it is compiled, that a request's state fits.
    pub(crate) const fn fits<S>() {
        const {
            assert!(size_of::<S>() <= AREA, "the state of a request is larger than a block's room for one");
            assert!(align_of::<S>() <= align_of::<Area>());
        }
    }
}

/// The part of a block that does not depend on the caller's buffers.
///
/// # Invariants
/// - `irp` was allocated with one stack location, and lives as long as the buffers: until the last handle is gone.
/// - Outside a submission, only the owner of the operation touches the cells. In a submission: `state` belongs to the
///   request's call and what it has called; `status` to the completion routine, which also reads `timed`; `queue` to the
///   deliverer; `refused` and `functions` are read. `event`, `timer` and `dpc` are the dispatcher's, which has locks of
///   its own.
/// - `functions` is there from the submission until its result is taken; then `state` is a state of the request that they
///   are of, unless `refused` is there.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) irp: NonNull<IRP>,
    pub(crate) submission: Submission,
    pub(crate) status: UnsafeCell<IO_STATUS_BLOCK>,
    pub(crate) event: cell::UnsafeCell<KEVENT>,
    pub(crate) timer: cell::UnsafeCell<KTIMER>,
    pub(crate) timed: UnsafeCell<bool>,
    /// Whether the IRP was sent before, and so must be re-armed.
    pub(crate) sent: UnsafeCell<bool>,
    pub(crate) dpc: cell::UnsafeCell<KDPC>,
    /// Where the result goes; `None` means to whoever waits for the event.
    pub(crate) queue: UnsafeCell<Option<Shared<Inner>>>,
    /// The next finished operation in the queue.
    pub(crate) next: AtomicPtr<Header>,
    /// What is done with the request that the operation was submitted for.
    pub(crate) functions: cell::UnsafeCell<Option<&'static Functions>>,
    /// Why the request was refused before WSK was called.
    pub(crate) refused: cell::UnsafeCell<Option<Error>>,
    pub(crate) state: cell::UnsafeCell<Area>,
    clear: unsafe fn(NonNull<Header>),
}

/// A block: the header first, so that a pointer to one is a pointer to the other.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Block<B> {
    pub(crate) header: Header,
    pub(crate) buffers: UnsafeCell<B>,
}

/// Makes a block, with one handle and not submitted. The buffers may know where its header will be.
///
/// # Errors
/// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES); `buffers` is dropped.
pub(crate) fn new<B>(buffers: impl FnOnce(NonNull<Header>) -> B) -> Result<NonNull<Block<B>>> {
    // SAFETY: IRQL <= DISPATCH_LEVEL, as `Op::new` demands. WSK needs one stack location, and the client none.
    let irp = unsafe { IoAllocateIrp(1, FALSE) };
    let irp = NonNull::new(irp).ok_or(Error::INSUFFICIENT_RESOURCES)?;
    let block = match pool::allocate::<Block<B>>() {
        Ok(block) => block,
        Err(error) => {
            // SAFETY: the IRP was allocated just now and has not been used.
            unsafe { IoFreeIrp(irp.as_ptr()) };
            return Err(error);
        }
    };
    let header = Header {
        irp,
        submission: Submission::new(),
        status: UnsafeCell::new(IO_STATUS_BLOCK::default()),
        event: cell::UnsafeCell::new(KEVENT::ZERO),
        timer: cell::UnsafeCell::new(KTIMER::ZERO),
        timed: UnsafeCell::new(false),
        sent: UnsafeCell::new(false),
        dpc: cell::UnsafeCell::new(KDPC::ZERO),
        queue: UnsafeCell::new(None),
        next: AtomicPtr::new(ptr::null_mut()),
        functions: cell::UnsafeCell::new(None),
        refused: cell::UnsafeCell::new(None),
        state: cell::UnsafeCell::new(Area(MaybeUninit::uninit())),
        clear: clear::<B>,
    };
    let content = Block { header, buffers: UnsafeCell::new(buffers(block.cast())) };
    // SAFETY: the block is new, large and aligned enough.
    unsafe { block.write(content) };
    // SAFETY: the block was written just now.
    let header = unsafe { block.cast::<Header>().as_ref() };
    // SAFETY: the event is in non-paged memory that stays where it is.
    unsafe { KeInitializeEvent(header.event.get(), NotificationEvent, FALSE) };
    // SAFETY: the timer is in the same memory.
    unsafe { KeInitializeTimerEx(header.timer.get(), NotificationTimer) };
    // SAFETY: so is the DPC; its context is the block itself, which a timer that is set keeps (`Submission`).
    unsafe { KeInitializeDpc(header.dpc.get(), submit::time_out, block.as_ptr().cast()) };
    Ok(block)
}

/// Drops what is in a block: the IRP, the state of a request whose result nobody has taken, and the buffers.
///
/// # Safety
/// `header` is the header of a `Block<B>` with no handle left, which is not submitted.
unsafe fn clear<B>(header: NonNull<Header>) {
    // SAFETY: the block is valid until the handles' own watcher is gone, which is the caller's.
    let block = unsafe { header.cast::<Block<B>>().as_ref() };
    // SAFETY: by the header's invariant the IRP came from IoAllocateIrp; nobody uses it outside a submission.
    unsafe { IoFreeIrp(block.header.irp.as_ptr()) };
    // SAFETY: the operation is not submitted, and nobody else owns it any more.
    unsafe { submit::discard(header) };
    // SAFETY: no handle is left, so nobody uses the buffers any more, nor will.
    unsafe { block.buffers.get().drop_in_place() };
}

/// Drops one handle of a block; the last one takes the buffers with it, and the memory, unless a canceller keeps that.
///
/// # Safety
/// The caller holds a handle, and does not use it after this call.
pub(crate) unsafe fn release(header: NonNull<Header>) {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    if block.submission.drop_handle() {
        let clear = block.clear;
        // SAFETY: `clear` is that of the block's own type; the last handle is gone, and a submission would hold one.
        unsafe { clear(header) };
        // SAFETY: the handles' own watcher, which nothing uses any more.
        unsafe { unwatch(header) };
    }
}

/// Drops one of those that keep the memory, and frees it if that was the last.
///
/// # Safety
/// The caller is counted among them, and does not use the block after this call.
pub(crate) unsafe fn unwatch(header: NonNull<Header>) {
    // SAFETY: the caller is counted, which keeps the block.
    if unsafe { header.as_ref() }.submission.unwatch() {
        // SAFETY: nobody else is left. The buffers went with the last handle.
        unsafe { header.drop_in_place() };
        // SAFETY: the block came from `pool::allocate`, and its content is gone.
        unsafe { pool::free(header, pool::POOL_TAG) };
    }
}
