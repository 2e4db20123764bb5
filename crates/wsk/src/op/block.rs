//! The memory of an operation: IRP, counters, the request's state and the caller's buffers in one non-paged block.
#![expect(unsafe_code, reason = "the block is shared with WSK, the timer and the completion routine")]

use core::cell;
use core::mem::{self, MaybeUninit};
use core::ptr::{self, NonNull};

use wsk_sys::{
    FALSE, IRP, IoAllocateIrp, IoFreeIrp, KDPC, KEVENT, KTIMER, KeInitializeDpc, KeInitializeTimerEx,
    NotificationTimer, PETHREAD,
};

use super::complete;
use super::destination::Target;
use super::submission::Submission;
use super::submit::{self, Functions};
use crate::error::{Error, Result};
use crate::pool;
use nt::sync::{AtomicPtr, UnsafeCell};

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

/// Timer and DPC of a time limit. The timer first, so that a pointer to one is a pointer to the other.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Alarm {
    pub(crate) timer: KTIMER,
    pub(crate) dpc: KDPC,
}

/// The part of a block that does not depend on the caller's buffers.
///
/// # Invariants
/// - `irp` was allocated with one stack location, and lives as long as the buffers: until the owner is gone.
/// - Outside a submission, only the owner of the operation touches the cells and the IRP. In a submission: the IRP belongs to
///   the provider, and the state behind the header to the request's call and what it has called; `functions` and `submitter`
///   are read.
/// - `functions` is there from the submission until its result is taken; then the state behind the header is one of the request
///   that they are of, unless they are those of a refused one.
/// - `to` is there from the beginning of a submission that is `directed` until whoever ends it takes it out.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) irp: NonNull<IRP>,
    pub(crate) submission: Submission,
    /// The thread that has submitted it.
    pub(crate) submitter: cell::UnsafeCell<PETHREAD>,
    /// What loom is told when the IRP completes, and when its status is read. Otherwise nothing.
    pub(crate) completed: UnsafeCell<()>,
    alarmed: cell::UnsafeCell<bool>,
    /// Whether the IRP was sent before, and so must be re-armed.
    pub(crate) sent: UnsafeCell<bool>,
    /// Where the result goes, if it does not go to the owner, who may wait for the event.
    pub(crate) to: cell::UnsafeCell<MaybeUninit<Target>>,
    /// The next finished operation in the queue.
    pub(crate) next: AtomicPtr<Header>,
    /// What is done with the request that the operation was submitted for.
    pub(crate) functions: cell::UnsafeCell<Option<&'static Functions>>,
    clear: unsafe fn(NonNull<Header>),
}

impl Header {
    /// The header of an operation that is not submitted. `clear` drops what is in its block, once the owner is gone.
    pub(crate) fn new(irp: NonNull<IRP>, clear: unsafe fn(NonNull<Header>)) -> Header {
        Header {
            irp,
            submission: Submission::new(),
            submitter: cell::UnsafeCell::new(ptr::null_mut()),
            completed: UnsafeCell::new(()),
            alarmed: cell::UnsafeCell::new(false),
            sent: UnsafeCell::new(false),
            to: cell::UnsafeCell::new(MaybeUninit::uninit()),
            next: AtomicPtr::new(ptr::null_mut()),
            functions: cell::UnsafeCell::new(None),
            clear,
        }
    }

    /// The event, as the kernel takes it.
    ///
    /// # Safety
    /// The block is kept.
    pub(crate) unsafe fn event(header: NonNull<Header>) -> *mut KEVENT {
        // SAFETY: the block goes on behind the header.
        let waits = unsafe { header.byte_add(WAITS) }.cast::<Waits>().as_ptr();
        // SAFETY: a field's address.
        unsafe { &raw mut (*waits).event }
    }

    /// Timer and DPC, as the kernel takes them: a pointer to the timer is one to both.
    ///
    /// # Safety
    /// The block is kept.
    pub(crate) unsafe fn alarm(header: NonNull<Header>) -> *mut Alarm {
        // SAFETY: the block goes on behind the header.
        let waits = unsafe { header.byte_add(WAITS) }.cast::<Waits>().as_ptr();
        // SAFETY: a field's address.
        unsafe { &raw mut (*waits).alarm }
    }

    /// The same; the first time they are initialised.
    ///
    /// # Safety
    /// The caller owns the operation, which is not submitted.
    pub(crate) unsafe fn initialized_alarm(header: NonNull<Header>) -> *mut Alarm {
        // SAFETY: the caller's handle keeps the block.
        let alarm = unsafe { Header::alarm(header) };
        // SAFETY: so it does here.
        let alarmed = unsafe { header.as_ref() }.alarmed.get();
        // SAFETY: outside a submission the cell is the owner's.
        if unsafe { alarmed.replace(true) } {
            return alarm;
        }
        // SAFETY: so is this one.
        unsafe { alarm.write(Alarm { timer: KTIMER::ZERO, dpc: KDPC::ZERO }) };
        // SAFETY: a field's address.
        let timer = unsafe { &raw mut (*alarm).timer };
        // SAFETY: a field's address.
        let dpc = unsafe { &raw mut (*alarm).dpc };
        // SAFETY: the timer is in non-paged memory that stays where it is.
        unsafe { KeInitializeTimerEx(timer, NotificationTimer) };
        // SAFETY: so is the DPC; its context is the operation itself, which a timer that is set keeps (`Submission`): the
        // pointer to all of it, and not to its header.
        unsafe { KeInitializeDpc(dpc, complete::time_out, header.as_ptr().cast()) };
        alarm
    }
}

/// What the dispatcher has of an operation, under locks of its own: behind the header, as most requests need none of it.
///
/// # Invariants
/// `event` is initialised when its owner waits for it, and `alarm` when it is first set: the header's `alarmed` says so.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Waits {
    event: KEVENT,
    alarm: Alarm,
}

/// Room for what the dispatcher may have.
pub(crate) type WaitsCell = cell::UnsafeCell<MaybeUninit<Waits>>;

/// A block: the header first, so that a pointer to one is a pointer to the other; then the request's state.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Block<B> {
    pub(crate) header: Header,
    pub(crate) waits: WaitsCell,
    pub(crate) state: cell::UnsafeCell<Area>,
    pub(crate) buffers: UnsafeCell<B>,
}

/// Where that is which the dispatcher has, in bytes from the header.
pub(crate) const WAITS: usize = mem::offset_of!(Block<()>, waits);

/// Where a request's state is, in bytes from the header: the alignment of an [`Area`] is that of any state.
pub(crate) const STATE: usize = mem::offset_of!(Block<()>, state);

/// Allocates an IRP for WSK.
///
/// # Errors
/// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
pub(crate) fn allocate_irp() -> Result<NonNull<IRP>> {
    // SAFETY: IRQL <= DISPATCH_LEVEL, as everywhere in this crate. WSK needs one stack location, and the client none.
    let irp = unsafe { IoAllocateIrp(1, FALSE) };
    NonNull::new(irp).ok_or(Error::INSUFFICIENT_RESOURCES)
}

/// Makes a block, with its owner's handle and not submitted. The buffers may know where its header will be.
///
/// # Errors
/// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES); `buffers` is dropped.
pub(crate) fn new<B>(buffers: impl FnOnce(NonNull<Header>) -> B) -> Result<NonNull<Block<B>>> {
    let irp = allocate_irp()?;
    let block = match pool::allocate::<Block<B>>() {
        Ok(block) => block,
        Err(error) => {
            // SAFETY: the IRP was allocated just now and has not been used.
            unsafe { IoFreeIrp(irp.as_ptr()) };
            return Err(error);
        }
    };
    let (header, buffers) = (Header::new(irp, clear::<B>), UnsafeCell::new(buffers(block.cast())));
    // Each where it stays, and no more: the room for the rest is zeros, and may be large.
    // SAFETY: the block, which is new, large and aligned enough, begins with the header.
    unsafe { block.cast::<Header>().write(header) };
    // SAFETY: the address of a field of it.
    let place = unsafe { block.byte_add(mem::offset_of!(Block<B>, buffers)) };
    // SAFETY: that field.
    unsafe { place.cast::<UnsafeCell<B>>().write(buffers) };
    Ok(block)
}

/// Drops what is in a block: the IRP, the state of a request whose result nobody has taken, and the buffers.
///
/// # Safety
/// `header` is the header of a `Block<B>` whose owner is gone, and which is not submitted.
unsafe fn clear<B>(header: NonNull<Header>) {
    // SAFETY: the block is valid until the owner's watcher is gone, which is the caller's.
    let block = unsafe { header.cast::<Block<B>>().as_ref() };
    // SAFETY: by the header's invariant the IRP came from IoAllocateIrp; nobody uses it outside a submission.
    unsafe { IoFreeIrp(block.header.irp.as_ptr()) };
    // SAFETY: the operation is not submitted, and nobody else owns it any more.
    unsafe { submit::discard(header) };
    // SAFETY: the owner is gone, so nobody uses the buffers any more, nor will.
    unsafe { block.buffers.get().drop_in_place() };
}

/// Drops the owner's handle of a block, and the buffers with it; and frees the memory, unless a canceller keeps that.
///
/// # Safety
/// The owner's handle is the caller's, the operation is not submitted, and the caller does not use it after this call.
pub(crate) unsafe fn free(header: NonNull<Header>) {
    // SAFETY: the caller's handle keeps the block.
    let clear = unsafe { header.as_ref() }.clear;
    // SAFETY: `clear` is that of the block's own type; the owner's handle is given up, and nothing is submitted.
    unsafe { clear(header) };
    // SAFETY: the owner's watcher, which nothing uses any more.
    unsafe { unwatch(header) };
}

/// Drops one of those that keep the memory, and frees it if that was the last.
///
/// # Safety
/// The caller is counted among them, and does not use the block after this call.
pub(crate) unsafe fn unwatch(header: NonNull<Header>) {
    // SAFETY: the caller is counted, which keeps the block.
    if unsafe { header.as_ref() }.submission.unwatch() {
        // SAFETY: nobody else is left. The buffers went with the owner.
        unsafe { header.drop_in_place() };
        // SAFETY: the block came from `pool::allocate`, and its content is gone.
        unsafe { pool::free(header, pool::POOL_TAG) };
    }
}
