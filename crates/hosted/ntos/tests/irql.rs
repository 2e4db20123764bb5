//! Levels and critical regions.
#![expect(unsafe_code, reason = "tests play the driver")]

use crate::common::{assert_names, bug_check, machine};
use ntos::irql::{CallState, call_driver};
use ntos::rule;
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeEnterCriticalRegion,
    KeGetCurrentIrql, KeLeaveCriticalRegion, KeLowerIrql, KeReleaseSpinLock, KfRaiseIrql, PASSIVE_LEVEL,
};

#[test]
fn the_level_belongs_to_the_thread() {
    let machine = machine();
    let _entered = machine.enter();
    assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
    assert_eq!(kernel!(KfRaiseIrql(DISPATCH_LEVEL)), PASSIVE_LEVEL);
    let other = machine.spawn("other", || kernel!(KeGetCurrentIrql()));
    assert_eq!(other.join().unwrap(), PASSIVE_LEVEL);
    assert_eq!(kernel!(KfRaiseIrql(DISPATCH_LEVEL)), DISPATCH_LEVEL);
    kernel!(KeLowerIrql(PASSIVE_LEVEL));
    assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
    machine.shutdown();
}

#[test]
fn critical_regions_nest() {
    let machine = machine();
    let _entered = machine.enter();
    let before = CallState::now();
    kernel!(KeEnterCriticalRegion());
    kernel!(KeEnterCriticalRegion());
    assert_eq!(CallState::now().critical_regions(), 2);
    kernel!(KeLeaveCriticalRegion());
    kernel!(KeLeaveCriticalRegion());
    before.check("the test");
    machine.shutdown();
}

#[test]
fn a_routine_is_called_at_its_level() {
    let machine = machine();
    let _entered = machine.enter();
    let level = call_driver(DISPATCH_LEVEL, "a routine", || kernel!(KeGetCurrentIrql()));
    assert_eq!(level, DISPATCH_LEVEL);
    assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn raising_to_a_lower_level() {
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(KfRaiseIrql(APC_LEVEL));
    });
    assert_names(&report, &rule::RAISE_TO_LOWER, "from DISPATCH_LEVEL to APC_LEVEL");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn lowering_to_a_higher_level() {
    let report = bug_check(|| {
        kernel!(KeLowerIrql(APC_LEVEL));
    });
    assert_names(&report, &rule::LOWER_TO_HIGHER, "from PASSIVE_LEVEL to APC_LEVEL");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn lowering_to_another_level_than_before() {
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(APC_LEVEL));
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(KeLowerIrql(PASSIVE_LEVEL));
    });
    let detail = "to PASSIVE_LEVEL, at DISPATCH_LEVEL, which was raised from APC_LEVEL";
    assert_names(&report, &rule::LOWER_NOT_SAVED, detail);
    let report = bug_check(|| {
        call_driver(DISPATCH_LEVEL, "a DPC", || kernel!(KeLowerIrql(PASSIVE_LEVEL)));
    });
    assert_names(&report, &rule::LOWER_NOT_SAVED, "which this routine has not raised");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn lowering_with_a_spin_lock_held() {
    let report = bug_check(|| {
        let mut lock: KSPIN_LOCK = 0;
        kernel!(KeAcquireSpinLockRaiseToDpc(&raw mut lock));
        kernel!(KeLowerIrql(PASSIVE_LEVEL));
    });
    assert_names(&report, &rule::LOWER_WITH_SPIN_LOCK, "0x");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn leaving_a_critical_region_that_was_not_entered() {
    let report = bug_check(|| {
        kernel!(KeLeaveCriticalRegion());
    });
    assert_names(&report, &rule::CRITICAL_REGIONS, "KeLeaveCriticalRegion");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_critical_region_above_apc_level() {
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(KeEnterCriticalRegion());
    });
    assert_names(&report, &rule::IRQL_KE_APC_LTE, "KeEnterCriticalRegion");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_routine_that_returns_changed() {
    let report = bug_check(|| {
        call_driver(PASSIVE_LEVEL, "EvtRaise", || {
            kernel!(KfRaiseIrql(APC_LEVEL));
        });
    });
    assert_names(
        &report,
        &rule::IRQL_RETURN,
        "EvtRaise was called at PASSIVE_LEVEL and returned at APC_LEVEL",
    );
    let report = bug_check(|| {
        call_driver(PASSIVE_LEVEL, "EvtEnter", || {
            kernel!(KeEnterCriticalRegion());
        });
    });
    assert_names(&report, &rule::CRITICAL_REGIONS, "EvtEnter");
    let report = bug_check(|| {
        static mut LOCK: KSPIN_LOCK = 0;
        call_driver(PASSIVE_LEVEL, "EvtLock", || {
            kernel!(KeAcquireSpinLockRaiseToDpc(&raw mut LOCK));
        });
    });
    assert_names(&report, &rule::SPIN_LOCK_AT_RETURN, "EvtLock");
}

#[test]
fn nested_locks_may_be_released_in_any_order() {
    let machine = machine();
    let _entered = machine.enter();
    let (mut outer, mut inner): (KSPIN_LOCK, KSPIN_LOCK) = (0, 0);
    let first = kernel!(KeAcquireSpinLockRaiseToDpc(&raw mut outer));
    let second = kernel!(KeAcquireSpinLockRaiseToDpc(&raw mut inner));
    assert_eq!((first, second), (PASSIVE_LEVEL, DISPATCH_LEVEL));
    // Released in the order of their acquisition, with the levels swapped: allowed.
    kernel!(KeReleaseSpinLock(&raw mut outer, second));
    kernel!(KeReleaseSpinLock(&raw mut inner, first));
    assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
    machine.shutdown();
}
