//! I/O work items.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::{Address, Object, assert_names, bug_check, machine};
use ntos::{Config, Machine, rule};
use wsk_sys::{
    APC_LEVEL, DEVICE_OBJECT, DISPATCH_LEVEL, DelayedWorkQueue, FALSE, HIGH_LEVEL, IO_WORKITEM,
    IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItem, KEVENT, KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc,
    KeEnterCriticalRegion, KeGetCurrentIrql, KeInitializeEvent, KeLowerIrql, KeSetEvent,
    KeWaitForSingleObject, KfRaiseIrql, NotificationEvent, PASSIVE_LEVEL, PVOID,
};

type Device = Object<DEVICE_OBJECT>;

/// What a routine and its test share.
struct Shared {
    device: Device,
    item: *mut IO_WORKITEM,
    calls: AtomicUsize,
    done: Object<KEVENT>,
}

impl Shared {
    fn new() -> Shared {
        let device = Device::zeroed();
        let item = kernel!(IoAllocateWorkItem(device.get()));
        assert!(!item.is_null());
        let done = Object::zeroed();
        kernel!(KeInitializeEvent(done.get(), NotificationEvent, FALSE));
        Shared { device, item, calls: AtomicUsize::new(0), done }
    }

    fn context(&self) -> PVOID {
        ptr::from_ref(self).cast_mut().cast()
    }

    fn wait(&self) {
        kernel!(KeWaitForSingleObject(self.done.get().cast(), 0, 0, FALSE, ptr::null()));
    }
}

fn queue(item: *mut IO_WORKITEM, routine: wsk_sys::IO_WORKITEM_ROUTINE, context: PVOID) {
    kernel!(IoQueueWorkItem(item, routine, DelayedWorkQueue, context));
}

/// Queues itself again until it was called three times, then frees its item.
unsafe extern "system" fn three_times(device: *mut DEVICE_OBJECT, context: PVOID) {
    let shared: *const Shared = context.cast();
    // SAFETY: the test keeps what is shared until the event is set.
    let shared = unsafe { &*shared };
    assert_eq!(device, shared.device.get());
    assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
    if shared.calls.fetch_add(1, Ordering::SeqCst) < 2 {
        queue(shared.item, three_times, context);
    } else {
        kernel!(IoFreeWorkItem(shared.item));
        kernel!(KeSetEvent(shared.done.get(), 0, FALSE));
    }
}

#[test]
fn a_routine_may_queue_and_free_its_item() {
    let machine = machine();
    let _entered = machine.enter();
    let shared = Shared::new();
    assert_eq!(machine.counters().work_items.live, 1);
    let old = kernel!(KfRaiseIrql(DISPATCH_LEVEL));
    queue(shared.item, three_times, shared.context());
    kernel!(KeLowerIrql(old));
    shared.wait();
    assert_eq!(shared.calls.load(Ordering::SeqCst), 3);
    assert_eq!(machine.counters().work_items.live, 0);
    machine.shutdown();
}

#[test]
fn items_that_wait_for_each_other_get_their_own_workers() {
    unsafe extern "system" fn waits(_: *mut DEVICE_OBJECT, context: PVOID) {
        kernel!(KeWaitForSingleObject(context, 0, 0, FALSE, ptr::null()));
    }
    unsafe extern "system" fn sets(_: *mut DEVICE_OBJECT, context: PVOID) {
        kernel!(KeSetEvent(context.cast(), 0, FALSE));
    }
    let machine = machine();
    let _entered = machine.enter();
    let (first, second) = (Shared::new(), Shared::new());
    queue(first.item, waits, first.done.get().cast());
    queue(second.item, sets, first.done.get().cast());
    first.wait();
    kernel!(IoFreeWorkItem(first.item));
    kernel!(IoFreeWorkItem(second.item));
    machine.shutdown();
}

#[test]
fn allocation_is_a_fault_point() {
    let machine = machine();
    let _entered = machine.enter();
    machine.faults().fail_nth(0);
    let device = Device::zeroed();
    assert!(kernel!(IoAllocateWorkItem(device.get())).is_null());
    assert_eq!(machine.faults().fired(), Some("IoAllocateWorkItem"));
    machine.shutdown();
}

/// Does nothing until its machine is dead.
unsafe extern "system" fn never_returns(_: *mut DEVICE_OBJECT, _: PVOID) {
    loop {
        kernel!(KeLowerIrql(PASSIVE_LEVEL));
        std::thread::sleep(Duration::from_millis(1));
    }
}

unsafe extern "system" fn nothing(_: *mut DEVICE_OBJECT, _: PVOID) {}

/// Occupies all workers, so that what is queued stays queued.
fn occupy_workers() {
    for _ in 0..8 {
        let shared = Shared::new();
        queue(shared.item, never_returns, ptr::null_mut());
        std::mem::forget(shared);
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_item_queued_twice() {
    let report = bug_check(|| {
        occupy_workers();
        let shared = Shared::new();
        queue(shared.item, nothing, ptr::null_mut());
        queue(shared.item, nothing, ptr::null_mut());
    });
    assert_names(&report, &rule::WORK_ITEM_QUEUED_TWICE, "work item 0x");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_item_freed_while_it_is_queued() {
    let report = bug_check(|| {
        occupy_workers();
        let shared = Shared::new();
        queue(shared.item, nothing, ptr::null_mut());
        kernel!(IoFreeWorkItem(shared.item));
    });
    assert_names(&report, &rule::WORK_ITEM_FREED, "work item 0x");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn something_that_is_no_work_item() {
    let object = Object::<u64>::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        queue(object.get().cast(), nothing, ptr::null_mut());
    });
    assert_names(&report, &rule::WORK_ITEM_INVALID, &name);
    let report = bug_check(|| {
        let shared = Shared::new();
        kernel!(IoFreeWorkItem(shared.item));
        kernel!(IoFreeWorkItem(shared.item));
    });
    assert_names(&report, &rule::WORK_ITEM_INVALID, "IoFreeWorkItem of 0x");
    let report = bug_check(|| {
        kernel!(IoAllocateWorkItem(ptr::null_mut()));
    });
    assert_names(&report, &rule::WORK_ITEM_INVALID, "without a device object");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn calls_above_dispatch_level() {
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        Shared::new();
    });
    assert_names(&report, &rule::IRQL_IO_DISPATCH, "IoAllocateWorkItem");
    let report = bug_check(|| {
        let shared = Shared::new();
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        queue(shared.item, nothing, ptr::null_mut());
    });
    assert_names(&report, &rule::IRQL_IO_DISPATCH, "IoQueueWorkItem");
    let report = bug_check(|| {
        let shared = Shared::new();
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        kernel!(IoFreeWorkItem(shared.item));
    });
    assert_names(&report, &rule::IRQL_IO_DISPATCH, "IoFreeWorkItem");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_item_left_behind() {
    let machine = machine();
    let other = machine.clone();
    let report = machine.catch_bug_check(move || {
        let shared = Shared::new();
        let device = shared.device.name();
        std::mem::forget(shared);
        other.shutdown();
        device
    });
    assert_names(&report.unwrap_err(), &rule::WORK_ITEM_LEAK, "work item 0x");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_routine_that_runs_when_its_driver_is_unloaded() {
    let config = Config { shutdown_limit: Duration::from_millis(50), ..Config::default() };
    let machine = Machine::boot(config);
    let other = machine.clone();
    let report = machine.catch_bug_check(move || {
        let driver = ntos::Owner::new_driver();
        driver.run(|| {
            let shared = Shared::new();
            queue(shared.item, never_returns, ptr::null_mut());
            std::mem::forget(shared);
        });
        other.check_leaks(ntos::LeakScope::Unload(driver));
    });
    assert_names(&report.unwrap_err(), &rule::WORK_ITEM_LEFT, "work item 0x");
}

/// Runs a wrong routine in a work item.
fn bug_check_in(routine: wsk_sys::IO_WORKITEM_ROUTINE, rule: &ntos::Rule) {
    let machine = machine();
    let other = machine.clone();
    let report = machine.catch_bug_check(move || {
        let shared = Shared::new();
        let item = Address::new(shared.item);
        std::mem::forget(shared);
        queue(item.get(), routine, ptr::null_mut());
        other.shutdown();
    });
    assert_names(&report.unwrap_err(), rule, "the routine of work item 0x");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_routine_that_returns_changed() {
    unsafe extern "system" fn raises(_: *mut DEVICE_OBJECT, _: PVOID) {
        kernel!(KfRaiseIrql(APC_LEVEL));
    }
    unsafe extern "system" fn enters(_: *mut DEVICE_OBJECT, _: PVOID) {
        kernel!(KeEnterCriticalRegion());
    }
    unsafe extern "system" fn locks(_: *mut DEVICE_OBJECT, _: PVOID) {
        static mut LOCK: KSPIN_LOCK = 0;
        kernel!(KeAcquireSpinLockRaiseToDpc(&raw mut LOCK));
    }
    bug_check_in(raises, &rule::IRQL_RETURN);
    bug_check_in(enters, &rule::CRITICAL_REGIONS);
    bug_check_in(locks, &rule::SPIN_LOCK_AT_RETURN);
}
