//! A bare kernel: each function that `wsk` imports, as short as it can be and still do what its page says. What is left of a
//! call's time is then the client's.
//!
//! - One thread, and no checks: the bench keeps the rules. Memory and IRPs come from free lists, zeroed, as those of Windows
//!   do in the best case.
//! - [WSK](wsk) completes each request inside the call; or, if it is told to ([`later`]), when the thread waits, or
//!   [`deliver`] is called.
//! - A timer is only remembered: it never passes.
#![allow(unsafe_code, reason = "defines the kernel's functions, over memory of one thread")]

pub(crate) mod wsk;

use std::alloc::{Layout, alloc_zeroed};
use std::cell::Cell;
use std::ptr;

use wsk_sys::{
    BOOLEAN, CCHAR, EVENT_TYPE, FALSE, IO_STACK_LOCATION, IO_TYPE_IRP, IRP, IRP_TAIL_OVERLAY,
    IoGetCurrentIrpStackLocation, IoSetNextIrpStackLocation, IoSizeOfIrp, KDEFERRED_ROUTINE, KDPC, KEVENT,
    KIRQL, KPROCESSOR_MODE, KSPIN_LOCK, KTIMER, KWAIT_REASON, LARGE_INTEGER, LONG, MDL, NTSTATUS,
    PASSIVE_LEVEL, PETHREAD, PVOID, SIZE_T, STATUS_SUCCESS, TIMER_TYPE, TRUE, ULONG, ULONG64,
};

/// What the one thread of a bench uses.
pub(crate) struct Single<T>(T);

// SAFETY: a bench has one thread.
unsafe impl<T> Sync for Single<T> {}

impl<T> Single<T> {
    pub(crate) const fn new(value: T) -> Single<T> {
        Single(value)
    }
}

impl<T> std::ops::Deref for Single<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A block of memory that is not in use.
struct Free {
    next: *mut Free,
}

/// The blocks of one size that are not in use.
struct List {
    first: Cell<*mut Free>,
}

impl List {
    const fn new() -> List {
        List { first: Cell::new(ptr::null_mut()) }
    }

    fn take(&self, size: usize) -> PVOID {
        let first = self.first.get();
        if first.is_null() {
            let layout = Layout::from_size_align(size, 16).expect("a size");
            // SAFETY: no size here is zero.
            return unsafe { alloc_zeroed(layout) }.cast();
        }
        // SAFETY: a block that is not in use begins with this.
        self.first.set(unsafe { (*first).next });
        first.cast()
    }

    fn give(&self, block: PVOID) {
        let block = block.cast::<Free>();
        // SAFETY: a block of this list, large enough, which its user gives up.
        unsafe { block.write(Free { next: self.first.get() }) };
        self.first.set(block);
    }
}

/// Before each block of pool: its size. Keeps the alignment.
#[repr(C, align(16))]
struct Size(usize);

const SIZES: usize = 17;
static POOL: Single<[List; SIZES]> = Single::new([const { List::new() }; SIZES]);
static IRPS: Single<List> = Single::new(List::new());
static MDLS: Single<List> = Single::new(List::new());
static IRQL: Single<Cell<KIRQL>> = Single::new(Cell::new(PASSIVE_LEVEL));

/// The list of the blocks that are large enough: of the next power of two.
fn class(size: usize) -> &'static List {
    &POOL[size.next_power_of_two().ilog2() as usize]
}

#[unsafe(no_mangle)]
extern "system" fn ExAllocatePool2(_flags: ULONG64, size: SIZE_T, _tag: ULONG) -> PVOID {
    let all = size + size_of::<Size>();
    let block = class(all).take(all.next_power_of_two());
    // SAFETY: a block has room for its size.
    unsafe { block.cast::<Size>().write(Size(size)) };
    let memory = block.wrapping_byte_add(size_of::<Size>());
    // SAFETY: and for as many bytes beyond.
    unsafe { memory.cast::<u8>().write_bytes(0, size) };
    memory
}

#[unsafe(no_mangle)]
extern "system" fn ExFreePoolWithTag(memory: PVOID, _tag: ULONG) {
    let block = memory.wrapping_byte_sub(size_of::<Size>());
    // SAFETY: the block's size is there.
    let Size(size) = unsafe { block.cast::<Size>().read() };
    class(size + size_of::<Size>()).give(block);
}

/// An IRP with one stack location, which is all that WSK needs.
#[repr(C)]
struct Packet {
    irp: IRP,
    location: IO_STACK_LOCATION,
}

/// Makes the IRP one that was never sent.
fn initialize(irp: *mut IRP) {
    // SAFETY: an IRP of this kernel's, which is its caller's.
    unsafe { irp.cast::<u8>().write_bytes(0, size_of::<Packet>()) };
    // SAFETY: all zeros is an IRP.
    let header = unsafe { &mut *irp };
    (header.Type, header.Size) = (IO_TYPE_IRP, IoSizeOfIrp(1));
    (header.StackCount, header.CurrentLocation) = (1, 2);
    let tail = (&raw mut header.Tail).cast::<IRP_TAIL_OVERLAY>();
    let behind = irp.cast::<Packet>().wrapping_add(1).cast::<IO_STACK_LOCATION>();
    // SAFETY: a field of the IRP.
    unsafe { (*tail).CurrentStackLocation = behind };
}

#[unsafe(no_mangle)]
extern "system" fn IoAllocateIrp(_locations: CCHAR, _charge: BOOLEAN) -> *mut IRP {
    let irp = IRPS.take(size_of::<Packet>()).cast();
    initialize(irp);
    irp
}

#[unsafe(no_mangle)]
extern "system" fn IoFreeIrp(irp: *mut IRP) {
    IRPS.give(irp.cast());
}

#[unsafe(no_mangle)]
extern "system" fn IoReuseIrp(irp: *mut IRP, status: NTSTATUS) {
    initialize(irp);
    // SAFETY: the caller's IRP.
    unsafe { (*irp).IoStatus.Status = status };
}

#[unsafe(no_mangle)]
extern "system" fn IoCancelIrp(_irp: *mut IRP) -> BOOLEAN {
    FALSE
}

/// Completes an IRP that WSK has: calls the client's routine, which keeps the IRP.
fn complete(irp: *mut IRP, status: NTSTATUS, information: usize) {
    // SAFETY: WSK has the IRP, which has a location left.
    unsafe { IoSetNextIrpStackLocation(irp) };
    // SAFETY: the location just entered.
    let location = unsafe { IoGetCurrentIrpStackLocation(irp) };
    // SAFETY: a location of the IRP.
    let &IO_STACK_LOCATION { CompletionRoutine: routine, Context: context, .. } = unsafe { &*location };
    // SAFETY: until it is completed, the IRP is WSK's.
    let result = unsafe { &mut (*irp).IoStatus };
    (result.Status, result.Information) = (status, information);
    if let Some(routine) = routine {
        // SAFETY: called as the I/O manager calls it; the IRP is not touched afterwards.
        unsafe { routine(ptr::null_mut(), irp, context) };
    }
}

#[unsafe(no_mangle)]
extern "system" fn KeInitializeEvent(event: *mut KEVENT, _kind: EVENT_TYPE, state: BOOLEAN) {
    // SAFETY: the caller's event.
    unsafe { (*event).Header.SignalState = LONG::from(state) };
}

#[unsafe(no_mangle)]
extern "system" fn KeSetEvent(event: *mut KEVENT, _increment: LONG, _wait: BOOLEAN) -> LONG {
    // SAFETY: the caller's event.
    std::mem::replace(unsafe { &mut (*event).Header.SignalState }, 1)
}

#[unsafe(no_mangle)]
extern "system" fn KeClearEvent(event: *mut KEVENT) {
    // SAFETY: the caller's event.
    unsafe { (*event).Header.SignalState = 0 };
}

#[unsafe(no_mangle)]
extern "system" fn KeReadStateEvent(event: *mut KEVENT) -> LONG {
    // SAFETY: the caller's event.
    unsafe { (*event).Header.SignalState }
}

#[unsafe(no_mangle)]
extern "system" fn KeWaitForSingleObject(
    object: PVOID,
    _reason: KWAIT_REASON,
    _mode: KPROCESSOR_MODE,
    _alertable: BOOLEAN,
    _timeout: *const LARGE_INTEGER,
) -> NTSTATUS {
    let event = object.cast::<KEVENT>();
    if KeReadStateEvent(event) == 0 {
        wsk::deliver();
        assert_ne!(KeReadStateEvent(event), 0, "nothing is left that could end the wait");
    }
    STATUS_SUCCESS
}

#[unsafe(no_mangle)]
extern "system" fn KeInitializeTimerEx(timer: *mut KTIMER, _kind: TIMER_TYPE) {
    // SAFETY: the caller's timer.
    unsafe { (*timer).DueTime = 0 };
}

#[unsafe(no_mangle)]
extern "system" fn KeInitializeDpc(dpc: *mut KDPC, routine: KDEFERRED_ROUTINE, context: PVOID) {
    // SAFETY: the caller's DPC.
    let dpc = unsafe { &mut *dpc };
    (dpc.DeferredRoutine, dpc.DeferredContext) = (Some(routine), context);
}

#[unsafe(no_mangle)]
extern "system" fn KeSetTimerEx(
    timer: *mut KTIMER,
    due: LARGE_INTEGER,
    _period: LONG,
    _dpc: *mut KDPC,
) -> BOOLEAN {
    // SAFETY: the caller's timer.
    unsafe { (*timer).DueTime = due.unsigned_abs() };
    FALSE
}

#[unsafe(no_mangle)]
extern "system" fn KeCancelTimer(timer: *mut KTIMER) -> BOOLEAN {
    // SAFETY: the caller's timer.
    let due = std::mem::take(unsafe { &mut (*timer).DueTime });
    if due == 0 { FALSE } else { TRUE }
}

#[unsafe(no_mangle)]
extern "system" fn KeGetCurrentIrql() -> KIRQL {
    IRQL.get()
}

#[unsafe(no_mangle)]
extern "system" fn PsGetCurrentThread() -> PETHREAD {
    std::ptr::from_ref(&*IRQL).cast_mut().cast()
}

/// The word of a spin lock.
fn word(lock: *mut KSPIN_LOCK) -> &'static std::sync::atomic::AtomicUsize {
    // SAFETY: the caller's lock, which is a word that is used in this way only.
    unsafe { std::sync::atomic::AtomicUsize::from_ptr(lock) }
}

#[unsafe(no_mangle)]
extern "system" fn KeAcquireSpinLockRaiseToDpc(lock: *mut KSPIN_LOCK) -> KIRQL {
    let before = IRQL.replace(wsk_sys::DISPATCH_LEVEL);
    let held = word(lock).swap(1, std::sync::atomic::Ordering::Acquire);
    assert_eq!(held, 0, "there is one thread");
    before
}

#[unsafe(no_mangle)]
extern "system" fn KeReleaseSpinLock(lock: *mut KSPIN_LOCK, irql: KIRQL) {
    word(lock).store(0, std::sync::atomic::Ordering::Release);
    IRQL.set(irql);
}

#[unsafe(no_mangle)]
extern "system" fn KeFlushQueuedDpcs() {}

#[unsafe(no_mangle)]
extern "system" fn KeBugCheckEx(code: ULONG, one: usize, two: usize, three: usize, four: usize) -> ! {
    eprintln!("bug check {code:#x} ({one:#x}, {two:#x}, {three:#x}, {four:#x})");
    std::process::abort();
}

#[unsafe(no_mangle)]
extern "system" fn IoAllocateMdl(
    address: PVOID,
    length: ULONG,
    _secondary: BOOLEAN,
    _charge: BOOLEAN,
    _irp: *mut IRP,
) -> *mut MDL {
    let mdl = MDLS.take(size_of::<MDL>()).cast::<MDL>();
    // SAFETY: the memory is an MDL's; all zeros is one.
    let mdl = unsafe { &mut *mdl };
    (mdl.MappedSystemVa, mdl.ByteCount) = (address, length);
    mdl
}

#[unsafe(no_mangle)]
extern "system" fn MmBuildMdlForNonPagedPool(_mdl: *mut MDL) {}

#[unsafe(no_mangle)]
extern "system" fn MmMapLockedPagesSpecifyCache(
    mdl: *mut MDL,
    _mode: KPROCESSOR_MODE,
    _cache: i32,
    _address: PVOID,
    _bug_check: ULONG,
    _priority: ULONG,
) -> PVOID {
    // SAFETY: the caller's MDL.
    unsafe { (*mdl).MappedSystemVa }
}

#[unsafe(no_mangle)]
extern "system" fn IoFreeMdl(mdl: *mut MDL) {
    MDLS.give(mdl.cast());
}
