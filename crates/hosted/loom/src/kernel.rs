//! A kernel for loom: every function that the crate calls, with locks and memory that loom watches.
//!
//! Memory is never given back within an execution. A block or IRP that was freed is filled with garbage and marked;
//! whoever touches it afterwards, or at the same time as the one who frees or re-arms it, fails the model. The
//! provider is the least helpful one that WSK's pages allow: it does not look whether an IRP was cancelled before it
//! arrived, so a cancel that comes too early must be asked for again.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use loom::cell::UnsafeCell;
use loom::sync::{Condvar, Mutex};
use wsk_sys::{
    BOOLEAN, CCHAR, DISPATCH_LEVEL, EVENT_TYPE, FALSE, IO_STACK_LOCATION, IO_STATUS_BLOCK, IRP,
    IRP_TAIL_OVERLAY, IoGetNextIrpStackLocation, KDEFERRED_ROUTINE, KDPC, KEVENT, KIRQL, KPROCESSOR_MODE,
    KSPIN_LOCK, KTIMER, KWAIT_REASON, LARGE_INTEGER, LONG, NTSTATUS, NotificationEvent, PASSIVE_LEVEL,
    PETHREAD, PVOID, SIZE_T, STATUS_CANCELLED, STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING,
    STATUS_SUCCESS, STATUS_TIMEOUT, TIMER_TYPE, TRUE, ULONG, ULONG64,
};

use crate::framework::Framework;
use crate::provider::Provider;

thread_local! {
    // loom's threads are coroutines of one thread of the operating system, so this is what they share.
    static KERNEL: RefCell<Option<Rc<Kernel>>> = const { RefCell::new(None) };
}

/// The kernel of one execution.
pub struct Kernel {
    memory: RefCell<BTreeMap<usize, Rc<Memory>>>,
    irps: RefCell<BTreeMap<usize, Rc<Packet>>>,
    events: RefCell<BTreeMap<usize, Rc<Event>>>,
    clock: Clock,
    locks: RefCell<BTreeMap<usize, Rc<Lock>>>,
    pub provider: Provider,
    pub(crate) framework: Framework,
}

/// A spin lock, at which loom's threads wait instead of spinning.
struct Lock {
    held: Mutex<bool>,
    changed: Condvar,
}

/// A block of memory, and who uses it.
struct Memory {
    address: *mut u8,
    layout: Layout,
    uses: UnsafeCell<()>,
    freed: Cell<bool>,
}

/// An IRP, and who uses it. Re-arming and freeing are exclusive uses, completing and cancelling are shared ones.
pub struct Packet {
    memory: Memory,
    pub uses: UnsafeCell<()>,
}

#[repr(C)]
struct PacketLayout {
    irp: IRP,
    location: IO_STACK_LOCATION,
}

struct Event {
    releases_one: bool,
    signalled: Mutex<bool>,
    changed: Condvar,
}

/// The timers that are set, each with its DPC.
struct Clock {
    timers: Mutex<Timers>,
    changed: Condvar,
}

#[derive(Default)]
struct Timers {
    set: Vec<(usize, *mut KDPC)>,
    were_set: bool,
}

impl Memory {
    fn new(layout: Layout) -> Memory {
        // SAFETY: no layout of this file has the size zero.
        let address = unsafe { alloc_zeroed(layout) };
        assert!(!address.is_null(), "out of memory");
        Memory { address, layout, uses: UnsafeCell::new(()), freed: Cell::new(false) }
    }

    fn touch(&self, what: &str) {
        assert!(!self.freed.get(), "{what}: freed memory was used");
        self.uses.with(|_| ());
    }

    fn free(&self, what: &str) {
        assert!(!self.freed.replace(true), "{what}: freed twice");
        self.uses.with_mut(|_| ());
        // SAFETY: the memory is this block's own until the execution ends.
        unsafe { self.address.write_bytes(0xDD, self.layout.size()) };
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout by `new`.
        unsafe { dealloc(self.address, self.layout) };
    }
}

/// Begins an execution.
pub fn boot() {
    let kernel = Kernel {
        memory: RefCell::default(),
        irps: RefCell::default(),
        events: RefCell::default(),
        clock: Clock { timers: Mutex::new(Timers::default()), changed: Condvar::new() },
        locks: RefCell::default(),
        provider: Provider::default(),
        framework: Framework::default(),
    };
    KERNEL.set(Some(Rc::new(kernel)));
}

/// Ends an execution: whatever was allocated has been freed.
pub fn shutdown() {
    let kernel = kernel();
    let kept = kernel.memory.borrow().values().filter(|block| !block.freed.get()).count();
    assert_eq!(kept, 0, "pool blocks were not freed");
    let kept = kernel.irps.borrow().values().filter(|irp| !irp.memory.freed.get()).count();
    assert_eq!(kept, 0, "IRPs were not freed");
    assert!(kernel.clock.timers.lock().unwrap().set.is_empty(), "a timer is still set");
    kernel.provider.shutdown();
    KERNEL.set(None);
}

/// The kernel of this execution.
pub fn kernel() -> Rc<Kernel> {
    KERNEL.with_borrow(Clone::clone).expect("the model calls `boot` first")
}

/// The clock ticks: waits until a timer has been set, and if it still is, runs its DPC.
pub fn tick() {
    let kernel = kernel();
    let mut timers = kernel.clock.timers.lock().unwrap();
    while !timers.were_set {
        timers = kernel.clock.changed.wait(timers).unwrap();
    }
    let due = timers.set.pop();
    drop(timers);
    if let Some((_, dpc)) = due {
        kernel.touch(dpc.addr(), "DPC");
        // SAFETY: touched just now.
        let KDPC { DeferredRoutine, DeferredContext, .. } = unsafe { dpc.read() };
        let routine = DeferredRoutine.expect("the DPC was initialised");
        // SAFETY: called as the kernel calls it.
        unsafe { routine(dpc, DeferredContext, ptr::null_mut(), ptr::null_mut()) };
    }
}

/// Completes an IRP that is the provider's, and touches it no more.
pub(crate) fn complete(irp: *mut IRP, status: NTSTATUS, information: usize) {
    kernel().packet(irp).touch("IoCompleteRequest");
    // SAFETY: touched just now, and the caller has taken it from whoever else might complete it.
    unsafe { (*irp).IoStatus = IO_STATUS_BLOCK { Status: status, Information: information } };
    // SAFETY: touched just now, and the caller has taken it from whoever else might complete it.
    let location = unsafe { IoGetNextIrpStackLocation(irp) };
    // SAFETY: an IRP has one location, where the crate has put its routine.
    let location = unsafe { location.read() };
    let routine = location.CompletionRoutine.expect("an own IRP has a completion routine");
    // SAFETY: called as the I/O manager calls it.
    let disposition = unsafe { routine(ptr::null_mut(), irp, location.Context) };
    assert_eq!(disposition, STATUS_MORE_PROCESSING_REQUIRED);
}

impl Kernel {
    pub(crate) fn touch(&self, address: usize, what: &str) {
        let memory = self.memory.borrow().range(..=address).next_back().map(|(_, block)| Rc::clone(block));
        let memory = memory.filter(|block| address - block.address.addr() < block.layout.size());
        memory.unwrap_or_else(|| panic!("{what}: not in a pool block")).touch(what);
    }

    fn packet(&self, irp: *mut IRP) -> Rc<Packet> {
        Rc::clone(self.irps.borrow().get(&irp.addr()).expect("an IRP from IoAllocateIrp"))
    }

    fn lock(&self, address: usize) -> Rc<Lock> {
        self.touch(address, "spin lock");
        let new = || Rc::new(Lock { held: Mutex::new(false), changed: Condvar::new() });
        Rc::clone(self.locks.borrow_mut().entry(address).or_insert_with(new))
    }

    fn event(&self, address: usize) -> Rc<Event> {
        self.touch(address, "event");
        Rc::clone(self.events.borrow().get(&address).expect("an initialised event"))
    }
}

impl Packet {
    fn touch(&self, what: &str) {
        self.memory.touch(what);
        self.uses.with(|_| ());
    }
}

/// A block of pool, of zeros.
pub(crate) fn allocate(size: usize) -> *mut u8 {
    let memory = Memory::new(Layout::from_size_align(size, 16).unwrap());
    let address = memory.address;
    kernel().memory.borrow_mut().insert(address.addr(), Rc::new(memory));
    address
}

/// Frees a block of pool.
pub(crate) fn free(block: *mut u8) {
    let memory = Rc::clone(kernel().memory.borrow().get(&block.addr()).expect("a pool block"));
    memory.free("a block of pool");
}

#[unsafe(no_mangle)]
extern "system" fn ExAllocatePool2(_flags: ULONG64, size: SIZE_T, _tag: ULONG) -> PVOID {
    allocate(size).cast()
}

#[unsafe(no_mangle)]
extern "system" fn ExFreePoolWithTag(block: PVOID, _tag: ULONG) {
    free(block.cast());
}

#[unsafe(no_mangle)]
extern "system" fn IoAllocateIrp(locations: CCHAR, _charge: BOOLEAN) -> *mut IRP {
    assert_eq!(locations, 1);
    let packet = Packet { memory: Memory::new(Layout::new::<PacketLayout>()), uses: UnsafeCell::new(()) };
    let layout = packet.memory.address.cast::<c_void>().cast::<PacketLayout>();
    // SAFETY: the memory was allocated with this layout.
    let location = unsafe { &raw mut (*layout).location };
    // SAFETY: the memory was allocated with this layout.
    let tail = unsafe { &raw mut (*layout).irp.Tail }.cast::<IRP_TAIL_OVERLAY>();
    // SAFETY: the memory was allocated with this layout; the variant is the one that the inlines use.
    unsafe { (*tail).CurrentStackLocation = location.wrapping_add(1) };
    kernel().irps.borrow_mut().insert(layout.addr(), Rc::new(packet));
    layout.cast()
}

#[unsafe(no_mangle)]
extern "system" fn IoReuseIrp(irp: *mut IRP, _status: NTSTATUS) {
    let packet = kernel().packet(irp);
    packet.memory.touch("IoReuseIrp");
    packet.uses.with_mut(|_| ());
    assert!(!kernel().provider.has(irp), "IoReuseIrp of an IRP that the provider has");
}

#[unsafe(no_mangle)]
extern "system" fn IoFreeIrp(irp: *mut IRP) {
    let packet = kernel().packet(irp);
    packet.uses.with_mut(|_| ());
    assert!(!kernel().provider.has(irp), "IoFreeIrp of an IRP that the provider has");
    packet.memory.free("IoFreeIrp");
}

#[unsafe(no_mangle)]
extern "system" fn IoCancelIrp(irp: *mut IRP) -> BOOLEAN {
    let kernel = kernel();
    let packet = kernel.packet(irp);
    packet.memory.touch("IoCancelIrp");
    // The IRP is in use from the first to the last instruction.
    packet.uses.with(|_| {
        let cancelled = kernel.provider.take(irp);
        if cancelled {
            complete(irp, STATUS_CANCELLED, 0);
        }
        BOOLEAN::from(cancelled)
    })
}

#[unsafe(no_mangle)]
extern "system" fn KeInitializeEvent(event: *mut KEVENT, kind: EVENT_TYPE, state: BOOLEAN) {
    let kernel = kernel();
    kernel.touch(event.addr(), "KeInitializeEvent");
    let event_state = Event {
        releases_one: kind != NotificationEvent,
        signalled: Mutex::new(state != FALSE),
        changed: Condvar::new(),
    };
    kernel.events.borrow_mut().insert(event.addr(), Rc::new(event_state));
}

#[unsafe(no_mangle)]
extern "system" fn KeSetEvent(event: *mut KEVENT, _increment: LONG, _wait: BOOLEAN) -> LONG {
    let kernel = kernel();
    let state = kernel.event(event.addr());
    let mut signalled = state.signalled.lock().unwrap();
    // Whoever has waited for the event may free it then, as one frees an event on its stack: the dispatcher lets go of it
    // before a wait ends.
    kernel.touch(event.addr(), "KeSetEvent");
    state.changed.notify_all();
    LONG::from(std::mem::replace(&mut *signalled, true))
}

#[unsafe(no_mangle)]
extern "system" fn KeClearEvent(event: *mut KEVENT) {
    *kernel().event(event.addr()).signalled.lock().unwrap() = false;
}

#[unsafe(no_mangle)]
extern "system" fn KeReadStateEvent(event: *mut KEVENT) -> LONG {
    LONG::from(*kernel().event(event.addr()).signalled.lock().unwrap())
}

#[unsafe(no_mangle)]
extern "system" fn KeWaitForSingleObject(
    object: PVOID,
    _reason: KWAIT_REASON,
    _mode: KPROCESSOR_MODE,
    _alertable: BOOLEAN,
    timeout: *const LARGE_INTEGER,
) -> NTSTATUS {
    let event = kernel().event(object.addr());
    let mut signalled = event.signalled.lock().unwrap();
    while !*signalled {
        // A limit may pass at any time, and a wait that begins later finds the event signalled.
        if !timeout.is_null() {
            return STATUS_TIMEOUT;
        }
        signalled = event.changed.wait(signalled).unwrap();
    }
    *signalled = !event.releases_one;
    STATUS_SUCCESS
}

#[unsafe(no_mangle)]
extern "system" fn KeInitializeTimerEx(timer: *mut KTIMER, _kind: TIMER_TYPE) {
    kernel().touch(timer.addr(), "KeInitializeTimerEx");
}

#[unsafe(no_mangle)]
extern "system" fn KeInitializeDpc(dpc: *mut KDPC, routine: KDEFERRED_ROUTINE, context: PVOID) {
    kernel().touch(dpc.addr(), "KeInitializeDpc");
    let initialised = KDPC { DeferredRoutine: Some(routine), DeferredContext: context, ..KDPC::ZERO };
    // SAFETY: the memory was touched just now, and is a DPC that nobody uses yet.
    unsafe { dpc.write(initialised) };
}

#[unsafe(no_mangle)]
extern "system" fn KeSetTimerEx(
    timer: *mut KTIMER,
    _due: LARGE_INTEGER,
    _period: LONG,
    dpc: *mut KDPC,
) -> BOOLEAN {
    let kernel = kernel();
    kernel.touch(timer.addr(), "KeSetTimerEx");
    let mut timers = kernel.clock.timers.lock().unwrap();
    assert!(timers.set.iter().all(|(set, _)| *set != timer.addr()), "the timer is set already");
    timers.set.push((timer.addr(), dpc));
    timers.were_set = true;
    kernel.clock.changed.notify_all();
    FALSE
}

#[unsafe(no_mangle)]
extern "system" fn KeCancelTimer(timer: *mut KTIMER) -> BOOLEAN {
    let kernel = kernel();
    kernel.touch(timer.addr(), "KeCancelTimer");
    let mut timers = kernel.clock.timers.lock().unwrap();
    let found = timers.set.iter().position(|(set, _)| *set == timer.addr());
    found.map_or(FALSE, |index| {
        timers.set.remove(index);
        TRUE
    })
}

#[unsafe(no_mangle)]
extern "system" fn KeGetCurrentIrql() -> KIRQL {
    const { assert!(PASSIVE_LEVEL < DISPATCH_LEVEL) };
    PASSIVE_LEVEL
}

loom::thread_local! {
    /// What [`PsGetCurrentThread`] gives the address of.
    static THREAD: Box<u64> = Box::new(0);
}

#[unsafe(no_mangle)]
extern "system" fn PsGetCurrentThread() -> PETHREAD {
    THREAD.with(|thread| ptr::from_ref(&**thread).cast_mut().cast())
}

#[unsafe(no_mangle)]
extern "system" fn KeAcquireSpinLockRaiseToDpc(lock: *mut KSPIN_LOCK) -> KIRQL {
    let lock = kernel().lock(lock.addr());
    let mut held = lock.held.lock().unwrap();
    while *held {
        held = lock.changed.wait(held).unwrap();
    }
    *held = true;
    PASSIVE_LEVEL
}

#[unsafe(no_mangle)]
extern "system" fn KeReleaseSpinLock(lock: *mut KSPIN_LOCK, _irql: KIRQL) {
    let lock = kernel().lock(lock.addr());
    *lock.held.lock().unwrap() = false;
    lock.changed.notify_all();
}

#[unsafe(no_mangle)]
extern "system" fn KeFlushQueuedDpcs() {}

#[unsafe(no_mangle)]
extern "system" fn KeBugCheckEx(code: ULONG, one: usize, two: usize, three: usize, four: usize) -> ! {
    panic!("bug check {code:#x} ({one:#x}, {two:#x}, {three:#x}, {four:#x})");
}

/// What a completion queue's doorbell does.
///
/// # Safety
/// None is needed; the type is that of a doorbell.
pub unsafe fn ring(_context: *mut c_void) {
    kernel().provider.ring();
}

/// The return value of a WSK function that has passed its IRP on.
pub const SENT: NTSTATUS = STATUS_PENDING;
