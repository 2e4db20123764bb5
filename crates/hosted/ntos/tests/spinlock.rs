//! Spin locks.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::sync::Arc;

use crate::common::{Object, assert_names, bug_check, machine};
use ntos::{Machine, rule};
use wsk_sys::{
    DISPATCH_LEVEL, HIGH_LEVEL, KSPIN_LOCK, KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc,
    KeGetCurrentIrql, KeInitializeSpinLock, KeLowerIrql, KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel,
    KfRaiseIrql, PASSIVE_LEVEL,
};

#[test]
fn a_lock_excludes() {
    const ROUNDS: u64 = if cfg!(miri) { 20 } else { 2000 };
    let machine = machine();
    let _entered = machine.enter();
    let shared = Arc::new((Object::<KSPIN_LOCK>::zeroed(), Object::<u64>::zeroed()));
    kernel!(KeInitializeSpinLock(shared.0.get()));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let shared = Arc::clone(&shared);
            machine.spawn("counter", move || {
                for _ in 0..ROUNDS {
                    let old = kernel!(KeAcquireSpinLockRaiseToDpc(shared.0.get()));
                    assert_eq!(kernel!(KeGetCurrentIrql()), DISPATCH_LEVEL);
                    // SAFETY: the lock is held.
                    let count = unsafe { shared.1.get().read() };
                    // SAFETY: the lock is held.
                    unsafe { shared.1.get().write(count + 1) };
                    kernel!(KeReleaseSpinLock(shared.0.get(), old));
                }
                assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    // SAFETY: the other threads are gone.
    assert_eq!(unsafe { shared.1.get().read() }, 3 * ROUNDS);
    machine.shutdown();
}

#[test]
fn the_form_for_dispatch_level() {
    let machine = machine();
    let _entered = machine.enter();
    let lock = Object::<KSPIN_LOCK>::zeroed();
    let old = kernel!(KfRaiseIrql(DISPATCH_LEVEL));
    kernel!(KeAcquireSpinLockAtDpcLevel(lock.get()));
    kernel!(KeReleaseSpinLockFromDpcLevel(lock.get()));
    kernel!(KeLowerIrql(old));
    // SAFETY: nobody else uses it.
    assert_eq!(unsafe { lock.get().read() }, 0, "a free lock is zero");
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_second_acquisition() {
    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let report = bug_check(move || {
        kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
    });
    assert_names(&report, &rule::SPIN_LOCK_RECURSION, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_release_of_what_is_not_held() {
    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let report = bug_check(move || {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(KeReleaseSpinLock(lock.get(), PASSIVE_LEVEL));
    });
    assert_names(&report, &rule::SPIN_LOCK_NOT_OWNED, &format!("{name}, which is free"));

    let lock = Arc::new(Object::<KSPIN_LOCK>::zeroed());
    let name = lock.name();
    let report = bug_check(move || {
        let old = kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        let other = Arc::clone(&lock);
        let thread = Machine::current().spawn("other", move || {
            kernel!(KfRaiseIrql(DISPATCH_LEVEL));
            kernel!(KeReleaseSpinLock(other.get(), old));
        });
        // The other thread never returns.
        let _ = thread.join();
    });
    assert_names(&report, &rule::SPIN_LOCK_NOT_OWNED, &format!("{name}, which another thread holds"));
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_release_by_the_other_form() {
    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let report = bug_check(move || {
        kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        kernel!(KeReleaseSpinLockFromDpcLevel(lock.get()));
    });
    assert_names(&report, &rule::SPIN_LOCK_FORM, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn calls_at_the_wrong_level() {
    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let report = bug_check(move || {
        kernel!(KeAcquireSpinLockAtDpcLevel(lock.get()));
    });
    assert_names(&report, &rule::SPIN_LOCK_AT_DPC, &name);

    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let report = bug_check(move || {
        kernel!(KeReleaseSpinLock(lock.get(), PASSIVE_LEVEL));
    });
    assert_names(&report, &rule::IRQL_KE_RELEASE_SPIN_LOCK, &name);

    let lock = Object::<KSPIN_LOCK>::zeroed();
    let report = bug_check(move || {
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
    });
    assert_names(&report, &rule::IRQL_KE_DISPATCH_LTE, "KeAcquireSpinLockRaiseToDpc");

    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let report = bug_check(move || {
        kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        kernel!(KeReleaseSpinLock(lock.get(), HIGH_LEVEL));
    });
    assert_names(&report, &rule::LOWER_TO_HIGHER, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_release_to_another_level_than_before() {
    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let report = bug_check(move || {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        // As a routine does that believes to be called at PASSIVE_LEVEL only.
        kernel!(KeReleaseSpinLock(lock.get(), PASSIVE_LEVEL));
    });
    let detail = format!("{name} to PASSIVE_LEVEL, but it was acquired at DISPATCH_LEVEL");
    assert_names(&report, &rule::SPIN_LOCK_OLD_IRQL, &detail);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_held_lock_is_initialised() {
    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let report = bug_check(move || {
        kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        kernel!(KeInitializeSpinLock(lock.get()));
    });
    assert_names(&report, &rule::SPIN_LOCK_INITIALIZED_HELD, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_release_to_a_low_level_with_another_lock_held() {
    let (outer, inner) = (Object::<KSPIN_LOCK>::zeroed(), Object::<KSPIN_LOCK>::zeroed());
    let name = outer.name();
    let report = bug_check(move || {
        kernel!(KeAcquireSpinLockRaiseToDpc(outer.get()));
        kernel!(KeAcquireSpinLockRaiseToDpc(inner.get()));
        kernel!(KeReleaseSpinLock(inner.get(), PASSIVE_LEVEL));
    });
    assert_names(&report, &rule::LOWER_WITH_SPIN_LOCK, &name);
}
