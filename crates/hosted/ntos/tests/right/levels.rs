//! Levels, critical regions, spin locks.

use std::ptr;
use std::sync::Arc;
use std::sync::mpsc;

use ntos::irql::call_driver;
use ntos::rule;
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, EX_RUNDOWN_REF, ExAcquireRundownProtection, ExInitializeRundownProtection,
    ExReleaseRundownProtection, ExWaitForRundownProtectionRelease, FALSE, IoAllocateIrp, IoFreeIrp,
    KSPIN_LOCK, KTIMER, KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeCancelTimer,
    KeClearEvent, KeDelayExecutionThread, KeEnterCriticalRegion, KeFlushQueuedDpcs, KeGetCurrentIrql,
    KeInitializeSpinLock, KeInitializeTimerEx, KeLeaveCriticalRegion, KeLowerIrql, KeReadStateEvent,
    KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel, KeSetEvent, KeSetTimerEx, KeWaitForSingleObject,
    KernelMode, KfRaiseIrql, NotificationEvent, NotificationTimer, PASSIVE_LEVEL, STATUS_SUCCESS, TRUE,
};

use crate::common::Object;
use crate::objects::{FAR, close, event, nothing_in_a_thread, start_thread};
use crate::{Right, kernel};

/// Calls at a level, and lowers it again.
pub(crate) fn at<T>(level: u8, call: impl FnOnce() -> T) -> T {
    let old = kernel!(KfRaiseIrql(level));
    let result = call();
    kernel!(KeLowerIrql(old));
    result
}

/// Calls with a spin lock held.
pub(crate) fn locked<T>(lock: *mut KSPIN_LOCK, call: impl FnOnce() -> T) -> T {
    let old = kernel!(KeAcquireSpinLockRaiseToDpc(lock));
    let result = call();
    kernel!(KeReleaseSpinLock(lock, old));
    result
}

pub(crate) fn lock() -> Object<KSPIN_LOCK> {
    Object::zeroed()
}

/// Two locks, released in the order of their acquisition, with the levels swapped.
fn releases_in_any_order() {
    let (outer, inner) = (lock(), lock());
    let first = kernel!(KeAcquireSpinLockRaiseToDpc(outer.get()));
    let second = kernel!(KeAcquireSpinLockRaiseToDpc(inner.get()));
    kernel!(KeReleaseSpinLock(outer.get(), second));
    kernel!(KeReleaseSpinLock(inner.get(), first));
    assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
}

fn at_dpc_level() {
    let lock = lock();
    at(DISPATCH_LEVEL, || {
        kernel!(KeAcquireSpinLockAtDpcLevel(lock.get()));
        kernel!(KeReleaseSpinLockFromDpcLevel(lock.get()));
    });
    // By the other form, once it is free.
    locked(lock.get(), || ());
}

fn rundown() -> Object<EX_RUNDOWN_REF> {
    let rundown = Object::zeroed();
    kernel!(ExInitializeRundownProtection(rundown.get()));
    rundown
}

pub(crate) fn rights() -> Vec<Right> {
    let mut rights = levels();
    rights.extend(functions());
    rights.extend(locks());
    rights
}

fn levels() -> Vec<Right> {
    vec![
        (&rule::RAISE_TO_LOWER, |_| at(DISPATCH_LEVEL, || at(DISPATCH_LEVEL, || ()))),
        (&rule::LOWER_TO_HIGHER, |_| kernel!(KeLowerIrql(PASSIVE_LEVEL))),
        (&rule::LOWER_NOT_SAVED, |_| {
            at(APC_LEVEL, || at(DISPATCH_LEVEL, || ()));
            // In two steps, and from a level that was raised twice to the same.
            let (passive, apc) = (kernel!(KfRaiseIrql(APC_LEVEL)), kernel!(KfRaiseIrql(DISPATCH_LEVEL)));
            at(DISPATCH_LEVEL, || ());
            kernel!(KeLowerIrql(apc));
            kernel!(KeLowerIrql(passive));
        }),
        (&rule::LOWER_WITH_SPIN_LOCK, |_| {
            releases_in_any_order();
            // To the level of the lock.
            let lock = lock();
            locked(lock.get(), || at(DISPATCH_LEVEL, || ()));
        }),
        (&rule::IRQL_RETURN, |_| {
            call_driver(PASSIVE_LEVEL, "EvtRaise", || at(DISPATCH_LEVEL, || ()));
            call_driver(DISPATCH_LEVEL, "EvtRaise", || at(DISPATCH_LEVEL, || ()));
        }),
        (&rule::CRITICAL_REGIONS, |_| {
            call_driver(PASSIVE_LEVEL, "EvtEnter", || {
                kernel!(KeEnterCriticalRegion());
                kernel!(KeEnterCriticalRegion());
                kernel!(KeLeaveCriticalRegion());
                kernel!(KeLeaveCriticalRegion());
            });
            // The caller's region is the caller's.
            kernel!(KeEnterCriticalRegion());
            call_driver(PASSIVE_LEVEL, "EvtNothing", || ());
            kernel!(KeLeaveCriticalRegion());
        }),
        (&rule::SPIN_LOCK_AT_RETURN, |_| {
            let (outer, inner) = (lock(), lock());
            // The caller's lock is the caller's.
            locked(outer.get(), || call_driver(DISPATCH_LEVEL, "EvtLock", || locked(inner.get(), || ())));
        }),
    ]
}

fn functions() -> Vec<Right> {
    vec![
        (&rule::IRQL_KE_DISPATCH_LTE, |_| {
            let (event, timer, lock) = (event(NotificationEvent, TRUE), Object::<KTIMER>::zeroed(), lock());
            at(DISPATCH_LEVEL, || {
                kernel!(KeClearEvent(event.get()));
                assert_eq!(kernel!(KeReadStateEvent(event.get())), 0);
                kernel!(KeInitializeTimerEx(timer.get(), NotificationTimer));
                kernel!(KeSetTimerEx(timer.get(), FAR, 0, ptr::null_mut()));
                assert_eq!(kernel!(KeCancelTimer(timer.get())), TRUE);
                locked(lock.get(), || ());
            });
        }),
        (&rule::IRQL_KE_APC_LTE, |_| {
            at(APC_LEVEL, || {
                kernel!(KeEnterCriticalRegion());
                kernel!(KeLeaveCriticalRegion());
                let interval = -1;
                let status = kernel!(KeDelayExecutionThread(KernelMode, FALSE, &raw const interval));
                assert_eq!(status, STATUS_SUCCESS);
            });
        }),
        (&rule::IRQL_KE_SET_EVENT, |_| {
            let event = event(NotificationEvent, FALSE);
            at(DISPATCH_LEVEL, || kernel!(KeSetEvent(event.get(), 0, FALSE)));
            at(APC_LEVEL, || {
                kernel!(KeSetEvent(event.get(), 0, TRUE));
                kernel!(KeWaitForSingleObject(event.get().cast(), 0, 0, FALSE, ptr::null()));
            });
        }),
        (&rule::IRQL_KE_RELEASE_SPIN_LOCK, |_| at(DISPATCH_LEVEL, releases_at_dispatch_level)),
        (&rule::IRQL_EX_APC_LTE, |_| {
            at(APC_LEVEL, || kernel!(ExWaitForRundownProtectionRelease(rundown().get())));
        }),
        (&rule::IRQL_DISPATCH, |_| {
            let rundown = rundown();
            at(DISPATCH_LEVEL, || {
                assert_eq!(kernel!(ExAcquireRundownProtection(rundown.get())), TRUE);
                kernel!(ExReleaseRundownProtection(rundown.get()));
            });
        }),
        (&rule::RUNDOWN_NOT_HELD, |_| {
            let rundown = rundown();
            for _ in 0..2 {
                assert_eq!(kernel!(ExAcquireRundownProtection(rundown.get())), TRUE);
            }
            for _ in 0..2 {
                kernel!(ExReleaseRundownProtection(rundown.get()));
            }
            kernel!(ExWaitForRundownProtectionRelease(rundown.get()));
            // Who does not get it has nothing to release.
            assert_eq!(kernel!(ExAcquireRundownProtection(rundown.get())), FALSE);
        }),
        (&rule::IRQL_IO_DISPATCH, |_| {
            at(DISPATCH_LEVEL, || kernel!(IoFreeIrp(IoAllocateIrp(1, FALSE))));
        }),
        (&rule::IRQL_PS_PASSIVE, |_| {
            at(APC_LEVEL, || ());
            close(start_thread(nothing_in_a_thread, ptr::null_mut()));
        }),
        (&rule::IRQL_ZW_PASSIVE, |_| {
            let handle = start_thread(nothing_in_a_thread, ptr::null_mut());
            at(DISPATCH_LEVEL, || ());
            close(handle);
        }),
        (&rule::IRQL_KE_PASSIVE, |_| {
            at(DISPATCH_LEVEL, || ());
            // A critical region does not raise the level.
            kernel!(KeEnterCriticalRegion());
            kernel!(KeFlushQueuedDpcs());
            kernel!(KeLeaveCriticalRegion());
        }),
    ]
}

fn releases_at_dispatch_level() {
    let lock = lock();
    locked(lock.get(), || ());
    assert_eq!(kernel!(KeGetCurrentIrql()), DISPATCH_LEVEL);
}

/// Orders that look like a deadlock, and are none.
fn lock_orders() {
    let [one, two, three] = [lock(), lock(), lock()].map(Arc::new);
    let nest = |locks: [&Object<KSPIN_LOCK>; 2]| locked(locks[0].get(), || locked(locks[1].get(), || ()));
    // A hierarchy, with and without the lock in the middle.
    nest([&one, &two]);
    nest([&two, &three]);
    nest([&one, &three]);
    // Both orders, but never without a lock that keeps the threads apart.
    let [left, right] = [lock(), lock()];
    locked(one.get(), || nest([&left, &right]));
    locked(one.get(), || nest([&right, &left]));
    // One after the other, not one in the other.
    locked(three.get(), || ());
    locked(one.get(), || ());
    // Another lock at the same address.
    kernel!(KeInitializeSpinLock(three.get()));
    nest([&three, &one]);
}

fn locks() -> Vec<Right> {
    vec![
        (&rule::SPIN_LOCK_RECURSION, |_| {
            let (one, other) = (lock(), lock());
            for _ in 0..2 {
                locked(one.get(), || locked(other.get(), || ()));
            }
        }),
        (&rule::SPIN_LOCK_NOT_OWNED, |_| releases_in_any_order()),
        (&rule::SPIN_LOCK_OLD_IRQL, |_| {
            releases_in_any_order();
            at(DISPATCH_LEVEL, releases_at_dispatch_level);
            at(APC_LEVEL, || locked(lock().get(), || ()));
        }),
        (&rule::SPIN_LOCK_INITIALIZED_HELD, |_| {
            let (one, other) = (lock(), lock());
            locked(one.get(), || kernel!(KeInitializeSpinLock(other.get())));
            kernel!(KeInitializeSpinLock(one.get()));
        }),
        (&rule::LOCK_ORDER, |_| lock_orders()),
        (&rule::SPIN_LOCK_FORM, |_| at_dpc_level()),
        (&rule::SPIN_LOCK_AT_DPC, |_| at_dpc_level()),
        (&rule::SPIN_LOCK_STUCK, |machine| {
            let shared = Arc::new(lock());
            let (held, holds) = mpsc::channel();
            let other = Arc::clone(&shared);
            let holder = machine.spawn("holder", move || {
                locked(other.get(), || {
                    held.send(()).expect("the other thread listens");
                    (0..1000).for_each(|_| std::thread::yield_now());
                });
            });
            holds.recv().expect("the lock is held");
            locked(shared.get(), || ());
            holder.join().expect("the holder returns");
        }),
    ]
}
