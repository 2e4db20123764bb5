//! The memory of an operation: IRP, state, arguments and the caller's buffers in one non-paged block.
#![expect(unsafe_code, reason = "the block is shared with WSK, the timer and the completion routine")]

use core::cell;
use core::ptr::{self, NonNull};

use wsk_sys::{
    FALSE, IO_STATUS_BLOCK, IRP, IoAllocateIrp, IoFreeIrp, KDPC, KEVENT, KTIMER, KeInitializeDpc,
    KeInitializeEvent, KeInitializeTimerEx, NotificationEvent, NotificationTimer,
};

use super::arguments::Arguments;
use super::flight::Flight;
use super::queue::Inner;
use super::submit;
use super::waiters::{Parked, Place};
use crate::error::{Error, Result};
use crate::pool::{self, Shared};
use crate::sync::{AtomicPtr, UnsafeCell};

/// Tells an operation's buffers how many bytes a flight has transferred. Whoever calls it owns the operation.
pub(crate) type Landed = unsafe fn(NonNull<Header>, usize);

/// The part of a block that does not depend on the caller's buffers.
///
/// # Invariants
/// - `irp` was allocated with one stack location, and lives as long as the buffers: until the last handle is gone.
/// - Outside a flight, only the owner of the operation touches the cells. In a flight: `arguments` belongs to the
///   provider; `status` to the completion routine, which also reads `timed`; `queue` to the deliverer; `waiters` is
///   read, until the deliverer takes it; `landed` is the owner's, before and after. `event`,
///   `timer` and `dpc` are the dispatcher's, which has locks of its own.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) irp: NonNull<IRP>,
    pub(crate) flight: Flight,
    pub(crate) status: UnsafeCell<IO_STATUS_BLOCK>,
    pub(crate) event: cell::UnsafeCell<KEVENT>,
    pub(crate) timer: cell::UnsafeCell<KTIMER>,
    pub(crate) timed: UnsafeCell<bool>,
    /// Whether the IRP was sent before, and so must be re-armed.
    pub(crate) flown: UnsafeCell<bool>,
    pub(crate) dpc: cell::UnsafeCell<KDPC>,
    /// Where the result goes; `None` means to whoever waits for the event.
    pub(crate) queue: UnsafeCell<Option<Shared<Inner>>>,
    /// Where the operation waits, if it is not WSK that it waits for. Every party of a flight reads it.
    pub(crate) waiters: cell::UnsafeCell<Option<Shared<Parked>>>,
    /// Its place among the operations that wait there; touched under their lock.
    pub(crate) place: cell::UnsafeCell<Place>,
    /// The next finished operation in the queue.
    pub(crate) next: AtomicPtr<Header>,
    pub(crate) arguments: UnsafeCell<Arguments>,
    /// What is done with the buffers when the result is taken; it is given the number of bytes transferred.
    pub(crate) landed: cell::UnsafeCell<Option<Landed>>,
    clear: unsafe fn(NonNull<Header>),
}

/// A block: the header first, so that a pointer to one is a pointer to the other.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Block<B> {
    pub(crate) header: Header,
    pub(crate) buffers: UnsafeCell<B>,
}

/// Makes a block, with one handle and no flight. The buffers may know where its header will be.
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
        flight: Flight::new(),
        status: UnsafeCell::new(IO_STATUS_BLOCK::default()),
        event: cell::UnsafeCell::new(KEVENT::ZERO),
        timer: cell::UnsafeCell::new(KTIMER::ZERO),
        timed: UnsafeCell::new(false),
        flown: UnsafeCell::new(false),
        dpc: cell::UnsafeCell::new(KDPC::ZERO),
        queue: UnsafeCell::new(None),
        waiters: cell::UnsafeCell::new(None),
        place: cell::UnsafeCell::new(Place::NONE),
        next: AtomicPtr::new(ptr::null_mut()),
        arguments: UnsafeCell::new(Arguments::new()),
        landed: cell::UnsafeCell::new(None),
        clear: clear::<B>,
    };
    let content = Block { header, buffers: UnsafeCell::new(buffers(block.cast())) };
    // SAFETY: the block is new, large and aligned enough.
    unsafe { block.write(content) };
    // SAFETY: the block was written just now.
    let header = unsafe { block.cast::<Header>().as_ref() };
    // SAFETY: the event is in non-paged memory that stays where it is.
    unsafe { KeInitializeEvent(header.event.get(), NotificationEvent, FALSE) };
    // SAFETY: as above.
    unsafe { KeInitializeTimerEx(header.timer.get(), NotificationTimer) };
    // SAFETY: as above; the context is the block itself, which outlives the timer's flight (`Flight`).
    unsafe { KeInitializeDpc(header.dpc.get(), submit::time_out, block.as_ptr().cast()) };
    Ok(block)
}

/// Drops what is in a block: the IRP and the buffers.
///
/// # Safety
/// `header` is the header of a `Block<B>` with no handle left and no flight.
unsafe fn clear<B>(header: NonNull<Header>) {
    // SAFETY: the block is valid until the handles' own watcher is gone, which is the caller's.
    let block = unsafe { header.cast::<Block<B>>().as_ref() };
    // SAFETY: by the header's invariant the IRP came from IoAllocateIrp; with no flight nobody uses it.
    unsafe { IoFreeIrp(block.header.irp.as_ptr()) };
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
    if block.flight.release() {
        let clear = block.clear;
        // SAFETY: `clear` is that of the block's own type; the last handle is gone, and a flight would hold one.
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
    if unsafe { header.as_ref() }.flight.unwatch() {
        // SAFETY: nobody else is left. The buffers went with the last handle.
        unsafe { header.drop_in_place() };
        // SAFETY: the block came from `pool::allocate`, and its content is gone.
        unsafe { pool::free(header, pool::POOL_TAG) };
    }
}
