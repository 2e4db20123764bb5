//! Waits, DPCs and timers, work items, threads and their handles.

use std::ptr;
use std::sync::Arc;

use ntos::{LeakScope, Machine, Owner, rule};
use wsk_sys::{
    APC_LEVEL, DEVICE_OBJECT, DISPATCH_LEVEL, DelayedWorkQueue, ExFreePool, FALSE, HANDLE, IO_WORKITEM,
    IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItem, KDPC, KEVENT, KSTART_ROUTINE, KTIMER, KeCancelTimer,
    KeFlushQueuedDpcs, KeInitializeDpc, KeInitializeEvent, KeInitializeTimerEx, KeInsertQueueDpc,
    KeRemoveQueueDpc, KeSetEvent, KeSetTimerEx, KeWaitForSingleObject, NTSTATUS, NotificationEvent,
    NotificationTimer, POOL_FLAG_NON_PAGED, PVOID, PsCreateSystemThread, PsTerminateSystemThread,
    STATUS_SUCCESS, STATUS_TIMEOUT, SynchronizationEvent, THREAD_ALL_ACCESS, TRUE, ZwClose,
};

use crate::common::{Address, Object};
use crate::levels::{at, lock, locked};
use crate::memory::pool;
use crate::{Right, kernel};

/// A time that no test waits for.
pub(crate) const FAR: i64 = -36_000_000_000;

pub(crate) fn event(kind: i32, state: u8) -> Object<KEVENT> {
    let event = Object::zeroed();
    kernel!(KeInitializeEvent(event.get(), kind, state));
    event
}

fn wait<T>(object: *mut T, timeout: Option<i64>) -> NTSTATUS {
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    kernel!(KeWaitForSingleObject(object.cast(), 0, 0, FALSE, timeout))
}

fn set(event: *mut KEVENT) {
    kernel!(KeSetEvent(event, 0, FALSE));
}

/// Looks at an event without waiting, which is allowed up to `DISPATCH_LEVEL`, with a spin lock held too.
fn only_looks() {
    let (event, lock) = (event(SynchronizationEvent, TRUE), lock());
    assert_eq!(at(DISPATCH_LEVEL, || wait(event.get(), Some(0))), STATUS_SUCCESS);
    assert_eq!(locked(lock.get(), || wait(event.get(), Some(0))), STATUS_TIMEOUT);
}

unsafe extern "system" fn sets_in_a_dpc(_: *mut KDPC, event: PVOID, _: PVOID, _: PVOID) {
    set(event.cast());
}

unsafe extern "system" fn frees_its_dpc(dpc: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
    kernel!(ExFreePool(dpc.cast()));
}

/// A DPC whose routine runs is not queued any more.
unsafe extern "system" fn initialises_its_dpc(dpc: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
    kernel!(KeInitializeDpc(dpc, takes_long, ptr::null_mut()));
}

unsafe extern "system" fn takes_long(_: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
    (0..1000).for_each(|_| std::thread::yield_now());
}

fn insert(dpc: *mut KDPC) -> u8 {
    kernel!(KeInsertQueueDpc(dpc, ptr::null_mut(), ptr::null_mut()))
}

/// A DPC in pool.
fn dpc(routine: wsk_sys::KDEFERRED_ROUTINE, context: PVOID) -> *mut KDPC {
    let dpc: *mut KDPC = pool(POOL_FLAG_NON_PAGED, size_of::<KDPC>()).cast();
    kernel!(KeInitializeDpc(dpc, routine, context));
    dpc
}

fn free_dpc(dpc: *mut KDPC) {
    kernel!(ExFreePool(dpc.cast()));
}

/// A DPC that has run, twice.
fn runs_twice() {
    let dpc = dpc(takes_long, ptr::null_mut());
    for _ in 0..2 {
        assert_eq!(insert(dpc), TRUE);
        kernel!(KeFlushQueuedDpcs());
        assert_eq!(kernel!(KeRemoveQueueDpc(dpc)), FALSE);
    }
    free_dpc(dpc);
}

/// A timer in pool: set far, cancelled, set soon, expired, freed. The event says that its DPC has run.
fn timer_that_ends() {
    let timer: *mut KTIMER = pool(POOL_FLAG_NON_PAGED, size_of::<KTIMER>()).cast();
    kernel!(KeInitializeTimerEx(timer, NotificationTimer));
    let event = event(NotificationEvent, FALSE);
    let dpc = dpc(sets_in_a_dpc, event.get().cast());
    assert_eq!(kernel!(KeSetTimerEx(timer, FAR, 0, ptr::null_mut())), FALSE);
    assert_eq!(kernel!(KeCancelTimer(timer)), TRUE);
    assert_eq!(kernel!(KeSetTimerEx(timer, -1, 0, dpc)), FALSE);
    assert_eq!(wait(event.get(), None), STATUS_SUCCESS);
    kernel!(KeFlushQueuedDpcs());
    kernel!(ExFreePool(timer.cast()));
    free_dpc(dpc);
}

/// What a work item's routine and who queued it share.
struct Work {
    item: *mut IO_WORKITEM,
    again: std::sync::atomic::AtomicBool,
    done: Object<KEVENT>,
}

/// Queues itself once more, then frees its item.
unsafe extern "system" fn twice(_: *mut DEVICE_OBJECT, context: PVOID) {
    let work: *const Work = context.cast();
    // SAFETY: who queued it waits for the event.
    let work = unsafe { &*work };
    if work.again.swap(false, std::sync::atomic::Ordering::SeqCst) {
        kernel!(IoQueueWorkItem(work.item, twice, DelayedWorkQueue, context));
    } else {
        kernel!(IoFreeWorkItem(work.item));
        set(work.done.get());
    }
}

fn works_twice() {
    let device = Object::<DEVICE_OBJECT>::zeroed();
    let item = kernel!(IoAllocateWorkItem(device.get()));
    let work = Work { item, again: true.into(), done: event(NotificationEvent, FALSE) };
    let context = ptr::from_ref(&work).cast_mut().cast();
    kernel!(IoQueueWorkItem(work.item, twice, DelayedWorkQueue, context));
    assert_eq!(wait(work.done.get(), None), STATUS_SUCCESS);
}

/// Does as a driver does that is unloaded then.
fn unloaded_after(machine: &Machine, act: fn()) {
    let driver = Owner::new_driver();
    driver.run(act);
    machine.check_leaks(LeakScope::Unload(driver));
}

pub(crate) unsafe extern "system" fn nothing_in_a_thread(_: PVOID) {}

unsafe extern "system" fn sets_and_terminates(event: PVOID) {
    set(event.cast());
    kernel!(PsTerminateSystemThread(STATUS_SUCCESS));
}

pub(crate) fn start_thread(routine: KSTART_ROUTINE, context: PVOID) -> HANDLE {
    let (mut handle, null) = (ptr::null_mut(), ptr::null_mut());
    let out = &raw mut handle;
    let status =
        kernel!(PsCreateSystemThread(out, THREAD_ALL_ACCESS, ptr::null_mut(), null, null, routine, context));
    assert_eq!(status, STATUS_SUCCESS);
    handle
}

pub(crate) fn close(handle: HANDLE) {
    assert_eq!(kernel!(ZwClose(handle)), STATUS_SUCCESS);
}

/// Closes the handle while the thread may still run, and waits for the thread's word.
fn thread_that_ends() {
    let done = event(NotificationEvent, FALSE);
    close(start_thread(sets_and_terminates, done.get().cast()));
    assert_eq!(wait(done.get(), None), STATUS_SUCCESS);
}

pub(crate) fn rights() -> Vec<Right> {
    let mut rights = waits();
    rights.extend(dpcs());
    rights.extend(workers());
    rights
}

fn waits() -> Vec<Right> {
    vec![
        (&rule::WAIT_ABOVE_DISPATCH, |_| only_looks()),
        (&rule::WAIT_AT_DISPATCH, |_| {
            only_looks();
            let event = event(NotificationEvent, TRUE);
            assert_eq!(at(APC_LEVEL, || wait(event.get(), None)), STATUS_SUCCESS);
        }),
        (&rule::WAIT_AT_DISPATCH_LIMITED, |_| {
            only_looks();
            let event = event(NotificationEvent, FALSE);
            assert_eq!(at(APC_LEVEL, || wait(event.get(), Some(-1))), STATUS_TIMEOUT);
        }),
        (&rule::WAIT_WITH_SPIN_LOCK, |_| only_looks()),
        (&rule::DISPATCHER_OBJECT, |_| {
            let event = event(NotificationEvent, FALSE);
            // Anew, as another kind, and where a timer was.
            kernel!(KeInitializeEvent(event.get(), SynchronizationEvent, TRUE));
            assert_eq!(wait(event.get(), None), STATUS_SUCCESS);
            let timer = Object::<KTIMER>::zeroed();
            kernel!(KeInitializeTimerEx(timer.get(), NotificationTimer));
            assert_eq!(wait(timer.get(), Some(0)), STATUS_TIMEOUT);
            kernel!(KeInitializeEvent(timer.get().cast(), NotificationEvent, TRUE));
            assert_eq!(wait(timer.get(), None), STATUS_SUCCESS);
        }),
        (&rule::DISPATCHER_OBJECT_FREED, |machine| {
            for _ in 0..50 {
                let event: *mut KEVENT = pool(POOL_FLAG_NON_PAGED, size_of::<KEVENT>()).cast();
                kernel!(KeInitializeEvent(event, NotificationEvent, FALSE));
                let shared = Address::new(event);
                let setter = machine.spawn("setter", move || set(shared.get()));
                assert_eq!(wait(event, None), STATUS_SUCCESS);
                // The waiter is the last to need it, though the setter may not have returned.
                kernel!(ExFreePool(event.cast()));
                setter.join().expect("the setter returns");
            }
        }),
        (&rule::OBJECT_INITIALIZED_IN_USE, |machine| {
            let event = Arc::new(event(NotificationEvent, FALSE));
            let shared = Arc::clone(&event);
            let waiter = machine.spawn("waiter", move || wait(shared.get(), None));
            set(event.get());
            assert_eq!(waiter.join().expect("the waiter returns"), STATUS_SUCCESS);
            // The wait is over.
            kernel!(KeInitializeEvent(event.get(), NotificationEvent, FALSE));
            assert_eq!(wait(event.get(), Some(0)), STATUS_TIMEOUT);
        }),
        (&rule::WAIT_TOO_LONG, |_| {
            let event = event(NotificationEvent, FALSE);
            assert_eq!(wait(event.get(), Some(-100)), STATUS_TIMEOUT);
        }),
    ]
}

fn dpcs() -> Vec<Right> {
    vec![
        (&rule::TIMER_FREED, |_| timer_that_ends()),
        (&rule::TIMER_LEFT, |machine| unloaded_after(machine, timer_that_ends)),
        (&rule::TIMER_INITIALIZED_SET, |_| {
            let timer = Object::<KTIMER>::zeroed();
            for _ in 0..2 {
                kernel!(KeInitializeTimerEx(timer.get(), NotificationTimer));
                kernel!(KeSetTimerEx(timer.get(), FAR, 0, ptr::null_mut()));
                assert_eq!(kernel!(KeCancelTimer(timer.get())), TRUE);
            }
        }),
        (&rule::DPC_INITIALIZED_QUEUED, |_| {
            let dpc = dpc(initialises_its_dpc, ptr::null_mut());
            insert(dpc);
            kernel!(KeFlushQueuedDpcs());
            free_dpc(dpc);
        }),
        (&rule::DPC_FREED, |_| {
            runs_twice();
            insert(dpc(frees_its_dpc, ptr::null_mut()));
            kernel!(KeFlushQueuedDpcs());
        }),
        (&rule::DPC_STUCK, |_| runs_twice()),
        (&rule::DPC_NOT_INITIALIZED, |_| {
            runs_twice();
            let timer = Object::<KTIMER>::zeroed();
            kernel!(KeInitializeTimerEx(timer.get(), NotificationTimer));
            // A timer without a DPC.
            kernel!(KeSetTimerEx(timer.get(), -1, 0, ptr::null_mut()));
            assert_eq!(wait(timer.get(), None), STATUS_SUCCESS);
        }),
        (&rule::DPC_FLUSH_IN_DPC, |_| {
            // While one runs, by another thread than the one that runs it.
            let dpc = dpc(takes_long, ptr::null_mut());
            insert(dpc);
            kernel!(KeFlushQueuedDpcs());
            free_dpc(dpc);
        }),
    ]
}

fn workers() -> Vec<Right> {
    vec![
        (&rule::WORK_ITEM_FREED, |_| works_twice()),
        (&rule::WORK_ITEM_QUEUED_TWICE, |_| works_twice()),
        (&rule::WORK_ITEM_INVALID, |_| works_twice()),
        (&rule::WORK_ITEM_LEAK, |machine| unloaded_after(machine, works_twice)),
        (&rule::WORK_ITEM_LEFT, |machine| unloaded_after(machine, works_twice)),
        (&rule::THREAD_LEFT, |machine| unloaded_after(machine, thread_that_ends)),
        (&rule::THREAD_NOT_SYSTEM, |_| thread_that_ends()),
        (&rule::HANDLE_INVALID, |_| {
            // The same number may be another handle.
            for _ in 0..2 {
                close(start_thread(nothing_in_a_thread, ptr::null_mut()));
            }
        }),
        (&rule::HANDLE_LEAK, |machine| unloaded_after(machine, thread_that_ends)),
    ]
}
