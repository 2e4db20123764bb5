//! Run-down protection.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{Object, assert_names, bug_check, machine};
use ntos::rule;
use wsk_sys::{
    DISPATCH_LEVEL, EX_RUNDOWN_REF, ExAcquireRundownProtection, ExInitializeRundownProtection,
    ExReleaseRundownProtection, ExWaitForRundownProtectionRelease, FALSE, HIGH_LEVEL, KSPIN_LOCK,
    KeAcquireSpinLockRaiseToDpc, KeLowerIrql, KfRaiseIrql, TRUE,
};

type Rundown = Object<EX_RUNDOWN_REF>;

fn rundown() -> Rundown {
    let rundown = Rundown::zeroed();
    kernel!(ExInitializeRundownProtection(rundown.get()));
    rundown
}

#[test]
fn nobody_gets_in_once_it_is_run_down() {
    let machine = machine();
    let _entered = machine.enter();
    let rundown = rundown();
    let old = kernel!(KfRaiseIrql(DISPATCH_LEVEL));
    assert_eq!(kernel!(ExAcquireRundownProtection(rundown.get())), TRUE);
    assert_eq!(kernel!(ExAcquireRundownProtection(rundown.get())), TRUE);
    kernel!(ExReleaseRundownProtection(rundown.get()));
    kernel!(ExReleaseRundownProtection(rundown.get()));
    kernel!(KeLowerIrql(old));
    kernel!(ExWaitForRundownProtectionRelease(rundown.get()));
    assert_eq!(kernel!(ExAcquireRundownProtection(rundown.get())), FALSE);
    // A second wait returns at once.
    kernel!(ExWaitForRundownProtectionRelease(rundown.get()));
    machine.shutdown();
}

#[test]
fn the_wait_is_for_the_last_user() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 200 };
    let machine = machine();
    let _entered = machine.enter();
    for _ in 0..ROUNDS {
        let rundown = Arc::new(rundown());
        let left = Arc::new([const { AtomicBool::new(false) }; 2]);
        let users: Vec<_> = (0..2)
            .map(|index| {
                assert_eq!(kernel!(ExAcquireRundownProtection(rundown.get())), TRUE);
                let (rundown, left) = (Arc::clone(&rundown), Arc::clone(&left));
                machine.spawn("user", move || {
                    left[index].store(true, Ordering::Relaxed);
                    kernel!(ExReleaseRundownProtection(rundown.get()));
                })
            })
            .collect();
        kernel!(ExWaitForRundownProtectionRelease(rundown.get()));
        assert!(left.iter().all(|left| left.load(Ordering::Relaxed)));
        for user in users {
            user.join().unwrap();
        }
    }
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_release_too_many() {
    let object = Rundown::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(ExReleaseRundownProtection(object.get()));
    });
    assert_names(&report, &rule::RUNDOWN_NOT_HELD, &format!("{name}, which nobody holds"));
    let object = Rundown::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(ExWaitForRundownProtectionRelease(object.get()));
        kernel!(ExReleaseRundownProtection(object.get()));
    });
    assert_names(&report, &rule::RUNDOWN_NOT_HELD, &format!("{name}, which is run down"));
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn calls_at_too_high_a_level() {
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        rundown();
    });
    assert_names(&report, &rule::IRQL_EX_APC_LTE, "ExInitializeRundownProtection");
    let report = bug_check(|| {
        let rundown = rundown();
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(ExWaitForRundownProtectionRelease(rundown.get()));
    });
    assert_names(&report, &rule::IRQL_EX_APC_LTE, "ExWaitForRundownProtectionRelease");
    let report = bug_check(|| {
        let rundown = rundown();
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        kernel!(ExAcquireRundownProtection(rundown.get()));
    });
    assert_names(&report, &rule::IRQL_DISPATCH, "ExAcquireRundownProtection");
    let report = bug_check(|| {
        let rundown = rundown();
        kernel!(ExAcquireRundownProtection(rundown.get()));
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        kernel!(ExReleaseRundownProtection(rundown.get()));
    });
    assert_names(&report, &rule::IRQL_DISPATCH, "ExReleaseRundownProtection");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_wait_with_a_spin_lock_held() {
    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let report = bug_check(move || {
        let rundown = rundown();
        kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        kernel!(ExWaitForRundownProtectionRelease(rundown.get()));
    });
    assert_names(&report, &rule::WAIT_WITH_SPIN_LOCK, &name);
}
