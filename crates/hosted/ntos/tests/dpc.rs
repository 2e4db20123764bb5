//! Deferred procedure calls.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{Address, Object, assert_names, bug_check, machine, tag};
use ntos::rule;
use wsk_sys::{
    DISPATCH_LEVEL, ExAllocatePool2, ExFreePool, FALSE, HIGH_LEVEL, KDPC, KEVENT, KSPIN_LOCK,
    KeAcquireSpinLockAtDpcLevel, KeFlushQueuedDpcs, KeGetCurrentIrql, KeInitializeDpc, KeInitializeEvent,
    KeInsertQueueDpc, KeReadStateEvent, KeRemoveQueueDpc, KeSetEvent, KeWaitForSingleObject, KfRaiseIrql,
    NotificationEvent, PASSIVE_LEVEL, POOL_FLAG_NON_PAGED, PVOID, TRUE,
};

/// Counts its calls in its context, and demands the arguments that `count_dpc` and the tests pass.
unsafe extern "system" fn count(dpc: *mut KDPC, context: PVOID, one: PVOID, two: PVOID) {
    assert!(!dpc.is_null());
    assert_eq!(kernel!(KeGetCurrentIrql()), DISPATCH_LEVEL);
    assert_eq!((one.addr(), two.addr()), (1, 2));
    let counter: *mut AtomicUsize = context.cast();
    // SAFETY: the test keeps the counter until the DPC has run.
    unsafe { &*counter }.fetch_add(1, Ordering::SeqCst);
}

fn insert(dpc: *mut KDPC) -> u8 {
    let (one, two) = (ptr::without_provenance_mut(1), ptr::without_provenance_mut(2));
    kernel!(KeInsertQueueDpc(dpc, one, two))
}

/// Two events: the DPC says that it runs, and waits to be let go.
struct Gate {
    entered: Object<KEVENT>,
    open: Object<KEVENT>,
}

impl Gate {
    fn new() -> Gate {
        let gate = Gate { entered: Object::zeroed(), open: Object::zeroed() };
        kernel!(KeInitializeEvent(gate.entered.get(), NotificationEvent, FALSE));
        kernel!(KeInitializeEvent(gate.open.get(), NotificationEvent, FALSE));
        gate
    }

    fn wait_until_entered(&self) {
        kernel!(KeWaitForSingleObject(self.entered.get().cast(), 0, 0, FALSE, ptr::null()));
    }

    fn open(&self) {
        kernel!(KeSetEvent(self.open.get(), 0, FALSE));
    }
}

/// Stays until the gate in its context is open.
unsafe extern "system" fn stay(_: *mut KDPC, context: PVOID, _: PVOID, _: PVOID) {
    let gate: *const Gate = context.cast();
    // SAFETY: the test keeps the gate until the DPC has run.
    let gate = unsafe { &*gate };
    kernel!(KeSetEvent(gate.entered.get(), 0, FALSE));
    while kernel!(KeReadStateEvent(gate.open.get())) == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_dpc_runs_at_dispatch_level() {
    let machine = machine();
    let _entered = machine.enter();
    let counter = AtomicUsize::new(0);
    let dpc = Object::<KDPC>::zeroed();
    kernel!(KeInitializeDpc(dpc.get(), count, ptr::from_ref(&counter).cast_mut().cast()));
    for round in 1..=3 {
        assert_eq!(insert(dpc.get()), TRUE);
        kernel!(KeFlushQueuedDpcs());
        assert_eq!(counter.load(Ordering::SeqCst), round);
    }
    machine.shutdown();
}

#[test]
fn a_queued_dpc_is_not_queued_again() {
    let machine = machine();
    let _entered = machine.enter();
    let gate = Gate::new();
    let first = Object::<KDPC>::zeroed();
    kernel!(KeInitializeDpc(first.get(), stay, ptr::from_ref(&gate).cast_mut().cast()));
    insert(first.get());
    gate.wait_until_entered();
    // Nothing else can run now.
    let counter = AtomicUsize::new(0);
    let second = Object::<KDPC>::zeroed();
    kernel!(KeInitializeDpc(second.get(), count, ptr::from_ref(&counter).cast_mut().cast()));
    assert_eq!(insert(second.get()), TRUE);
    assert_eq!(insert(second.get()), FALSE);
    assert_eq!(kernel!(KeRemoveQueueDpc(second.get())), TRUE);
    assert_eq!(kernel!(KeRemoveQueueDpc(second.get())), FALSE);
    // One that runs is not queued.
    assert_eq!(kernel!(KeRemoveQueueDpc(first.get())), FALSE);
    assert_eq!(insert(second.get()), TRUE);
    gate.open();
    kernel!(KeFlushQueuedDpcs());
    assert_eq!(counter.load(Ordering::SeqCst), 1);
    machine.shutdown();
}

#[test]
fn shutdown_waits_for_queued_dpcs() {
    unsafe extern "system" fn takes_long(_: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let machine = machine();
    let _entered = machine.enter();
    let counter = AtomicUsize::new(0);
    let (first, second) = (Object::<KDPC>::zeroed(), Object::<KDPC>::zeroed());
    kernel!(KeInitializeDpc(first.get(), takes_long, ptr::null_mut()));
    kernel!(KeInitializeDpc(second.get(), count, ptr::from_ref(&counter).cast_mut().cast()));
    insert(first.get());
    insert(second.get());
    machine.shutdown();
    assert_eq!(counter.load(Ordering::SeqCst), 1);
}

/// Frees its own object, which is in pool.
unsafe extern "system" fn free_itself(dpc: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
    kernel!(ExFreePool(dpc.cast()));
}

#[test]
fn a_dpc_may_free_itself() {
    let machine = machine();
    let _entered = machine.enter();
    let dpc: *mut KDPC =
        kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, size_of::<KDPC>(), tag(*b"Dpc "))).cast();
    kernel!(KeInitializeDpc(dpc, free_itself, ptr::null_mut()));
    insert(dpc);
    kernel!(KeFlushQueuedDpcs());
    assert_eq!(machine.counters().pool_blocks.live, 0);
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_dpc_that_was_never_initialised() {
    let dpc = Object::<KDPC>::zeroed();
    let name = dpc.name();
    let report = bug_check(move || {
        insert(dpc.get());
    });
    assert_names(&report, &rule::DPC_NOT_INITIALIZED, &name);
}

/// Runs a wrong routine as a DPC.
fn bug_check_in(routine: wsk_sys::KDEFERRED_ROUTINE, rule: &ntos::Rule) {
    let dpc = Object::<KDPC>::zeroed();
    let name = dpc.name();
    let report = bug_check(move || {
        kernel!(KeInitializeDpc(dpc.get(), routine, ptr::null_mut()));
        insert(dpc.get());
        kernel!(KeFlushQueuedDpcs());
    });
    assert_eq!(report.rule, *rule, "{report}");
    if *rule != rule::DPC_FLUSH_IN_DPC && *rule != rule::WAIT_AT_DISPATCH {
        assert_names(&report, rule, &name);
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_routine_that_breaks_the_rules() {
    unsafe extern "system" fn raises(_: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
        kernel!(KfRaiseIrql(HIGH_LEVEL));
    }
    unsafe extern "system" fn keeps_a_lock(_: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
        static mut LOCK: KSPIN_LOCK = 0;
        kernel!(KeAcquireSpinLockAtDpcLevel(&raw mut LOCK));
    }
    unsafe extern "system" fn flushes(_: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
        kernel!(KeFlushQueuedDpcs());
    }
    unsafe extern "system" fn waits(_: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
        let event = Object::<KEVENT>::zeroed();
        kernel!(KeInitializeEvent(event.get(), NotificationEvent, FALSE));
        kernel!(KeWaitForSingleObject(event.get().cast(), 0, 0, FALSE, ptr::null()));
    }
    bug_check_in(raises, &rule::IRQL_RETURN);
    bug_check_in(keeps_a_lock, &rule::SPIN_LOCK_AT_RETURN);
    bug_check_in(flushes, &rule::DPC_FLUSH_IN_DPC);
    bug_check_in(waits, &rule::WAIT_AT_DISPATCH);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_flush_at_dispatch_level() {
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(KeFlushQueuedDpcs());
    });
    assert_names(&report, &rule::IRQL_KE_PASSIVE, "KeFlushQueuedDpcs");
    assert_eq!(PASSIVE_LEVEL, kernel!(KeGetCurrentIrql()));
}

/// Keeps the processor busy until its machine is dead.
unsafe extern "system" fn never_returns(_: *mut KDPC, _: PVOID, _: PVOID, _: PVOID) {
    loop {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        std::thread::yield_now();
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_block_freed_with_a_queued_dpc_in_it() {
    let report = bug_check(|| {
        let busy = Object::<KDPC>::zeroed();
        kernel!(KeInitializeDpc(busy.get(), never_returns, ptr::null_mut()));
        insert(busy.get());
        let block: *mut KDPC = kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, tag(*b"Dpc "))).cast();
        kernel!(KeInitializeDpc(block, count, ptr::null_mut()));
        insert(block);
        kernel!(ExFreePool(block.cast()));
    });
    assert_names(&report, &rule::DPC_FREED, "tag 'Dpc '");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_dpc_queued_when_its_driver_is_unloaded() {
    let machine = machine();
    let other = machine.clone();
    let dpc = Object::<KDPC>::zeroed();
    let name = dpc.name();
    let report = machine.catch_bug_check(move || {
        let busy = Object::<KDPC>::zeroed();
        kernel!(KeInitializeDpc(busy.get(), never_returns, ptr::null_mut()));
        insert(busy.get());
        let driver = ntos::Owner::new_driver();
        kernel!(KeInitializeDpc(dpc.get(), count, ptr::null_mut()));
        let address = Address::new(dpc.get());
        driver.run(|| insert(address.get()));
        other.check_leaks(ntos::LeakScope::Unload(driver));
    });
    assert_names(&report.unwrap_err(), &rule::TIMER_LEFT, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_dpc_is_initialised_while_it_is_queued() {
    let report = bug_check(|| {
        let busy = Object::<KDPC>::zeroed();
        kernel!(KeInitializeDpc(busy.get(), never_returns, ptr::null_mut()));
        insert(busy.get());
        let dpc = Object::<KDPC>::zeroed();
        kernel!(KeInitializeDpc(dpc.get(), count, ptr::null_mut()));
        insert(dpc.get());
        kernel!(KeInitializeDpc(dpc.get(), count, ptr::null_mut()));
    });
    assert_names(&report, &rule::DPC_INITIALIZED_QUEUED, "DPC 0x");
}
