//! Deadlock detection: the order in which locks are taken.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::sync::Arc;

use crate::common::{Object, assert_names, bug_check};
use ntos::{Machine, rule};
use wsk_sys::{KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};

type Locks = Arc<[Object<KSPIN_LOCK>; 3]>;

fn locks() -> Locks {
    Arc::new([Object::zeroed(), Object::zeroed(), Object::zeroed()])
}

/// Takes locks, one within the other, and releases them.
fn nest(locks: &[&Object<KSPIN_LOCK>]) {
    if let [first, rest @ ..] = locks {
        let old = kernel!(KeAcquireSpinLockRaiseToDpc(first.get()));
        nest(rest);
        kernel!(KeReleaseSpinLock(first.get(), old));
    }
}

/// The same, in a thread of its own with this name, which has ended when this returns.
fn nest_in_thread(name: &'static str, locks: &Locks, order: &'static [usize]) {
    let locks = Arc::clone(locks);
    let body = move || nest(&order.iter().map(|index| &locks[*index]).collect::<Vec<_>>());
    Machine::current().spawn(name, body).join().expect("it returns");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn two_locks_in_both_orders() {
    let locks = locks();
    let [one, other] = [&locks[0], &locks[1]].map(Object::name);
    let report = bug_check(move || {
        nest_in_thread("sends", &locks, &[0, 1]);
        // Nobody holds a lock any more: that it went well this time is no excuse.
        nest(&[&locks[1], &locks[0]]);
    });
    assert_names(
        &report,
        &rule::LOCK_ORDER,
        &format!("spin lock {one} acquired with spin lock {other} held"),
    );
    assert!(
        report.detail.contains(&format!("before that, spin lock {other} with spin lock {one} held")),
        "{report}"
    );
    assert!(report.detail.contains("\"sends\""), "{report}");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn three_locks_in_a_ring() {
    let locks = locks();
    let name = locks[0].name();
    let report = bug_check(move || {
        nest_in_thread("one", &locks, &[0, 1]);
        nest_in_thread("two", &locks, &[1, 2]);
        nest_in_thread("three", &locks, &[2, 0]);
    });
    assert_names(&report, &rule::LOCK_ORDER, &name);
    assert!(report.detail.contains("\"one\"") && report.detail.contains("\"two\""), "{report}");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn the_cancel_spin_lock_is_a_lock_like_others() {
    use wsk_sys::{IoAcquireCancelSpinLock, IoReleaseCancelSpinLock};
    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let report = bug_check(move || {
        let mut before = 0;
        kernel!(IoAcquireCancelSpinLock(&raw mut before));
        nest(&[&lock]);
        kernel!(IoReleaseCancelSpinLock(before));
        let old = kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        kernel!(IoAcquireCancelSpinLock(&raw mut before));
        kernel!(IoReleaseCancelSpinLock(before));
        kernel!(KeReleaseSpinLock(lock.get(), old));
    });
    assert_names(&report, &rule::LOCK_ORDER, &name);
}
