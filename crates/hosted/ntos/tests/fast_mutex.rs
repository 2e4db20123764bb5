//! Fast mutexes.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::sync::Arc;

use crate::common::{Address, Object, assert_names, bug_check, count_apart, machine, tag};
use ntos::irql::call_driver;
use ntos::{LeakScope, Machine, Owner, rule};
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, ExAcquireFastMutex, ExAllocatePool2, ExFreePool, ExInitializeFastMutex,
    ExReleaseFastMutex, ExTryToAcquireFastMutex, FALSE, FAST_MUTEX, KeGetCurrentIrql, KeLowerIrql,
    KfRaiseIrql, PASSIVE_LEVEL, POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED, TRUE,
};

type Mutex = Object<FAST_MUTEX>;

fn mutex() -> Mutex {
    let mutex = Mutex::zeroed();
    kernel!(ExInitializeFastMutex(mutex.get()));
    mutex
}

fn acquire(mutex: &Mutex) {
    kernel!(ExAcquireFastMutex(mutex.get()));
}

fn try_to_acquire(mutex: &Mutex) -> u8 {
    kernel!(ExTryToAcquireFastMutex(mutex.get()))
}

fn release(mutex: &Mutex) {
    kernel!(ExReleaseFastMutex(mutex.get()));
}

#[test]
fn it_raises_the_level_and_lowers_it() {
    let machine = machine();
    let _entered = machine.enter();
    let (outer, inner) = (mutex(), mutex());
    acquire(&outer);
    assert_eq!(kernel!(KeGetCurrentIrql()), APC_LEVEL);
    assert_eq!(try_to_acquire(&inner), TRUE);
    release(&inner);
    assert_eq!(kernel!(KeGetCurrentIrql()), APC_LEVEL, "where the thread was before it");
    release(&outer);
    assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
    let old = kernel!(KfRaiseIrql(APC_LEVEL));
    acquire(&outer);
    release(&outer);
    assert_eq!(kernel!(KeGetCurrentIrql()), APC_LEVEL);
    kernel!(KeLowerIrql(old));
    machine.shutdown();
}

#[test]
fn a_try_does_not_wait() {
    let machine = machine();
    let _entered = machine.enter();
    let mutex = Arc::new(mutex());
    acquire(&mutex);
    assert_eq!(try_to_acquire(&mutex), FALSE, "nor for itself");
    let shared = Arc::clone(&mutex);
    let other = machine.spawn("other", move || (try_to_acquire(&shared), kernel!(KeGetCurrentIrql())));
    assert_eq!(other.join().unwrap(), (FALSE, PASSIVE_LEVEL));
    release(&mutex);
    machine.shutdown();
}

#[test]
fn one_thread_at_a_time_has_it() {
    let machine = machine();
    let _entered = machine.enter();
    let mutex = Arc::new(mutex());
    count_apart(&machine, &mutex, acquire, release);
    // SAFETY: nobody else uses it any more.
    let count = unsafe { (*mutex.get()).Count };
    assert_eq!(count, 1, "nobody owns it, nobody waits");
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn acquired_above_apc_level() {
    for acquire in [acquire as fn(&Mutex), |mutex| _ = try_to_acquire(mutex)] {
        let report = bug_check(move || {
            let mutex = mutex();
            kernel!(KfRaiseIrql(DISPATCH_LEVEL));
            acquire(&mutex);
        });
        assert_names(&report, &rule::FAST_MUTEX_ACQUIRE_IRQL, "AcquireFastMutex called at DISPATCH_LEVEL");
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn released_at_another_level() {
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(ExInitializeFastMutex(object.get()));
        acquire(&object);
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        release(&object);
    });
    assert_names(&report, &rule::FAST_MUTEX_RELEASE_IRQL, &name);
    // In the order of their acquisition, which the levels do not survive.
    let inner = Mutex::zeroed();
    let name = inner.name();
    let report = bug_check(move || {
        let outer = mutex();
        kernel!(ExInitializeFastMutex(inner.get()));
        acquire(&outer);
        acquire(&inner);
        release(&outer);
        release(&inner);
    });
    assert_names(&report, &rule::FAST_MUTEX_RELEASE_IRQL, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn acquired_by_its_owner() {
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(ExInitializeFastMutex(object.get()));
        acquire(&object);
        acquire(&object);
    });
    assert_names(&report, &rule::FAST_MUTEX_RECURSION, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn released_by_who_does_not_own_it() {
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(ExInitializeFastMutex(object.get()));
        kernel!(KfRaiseIrql(APC_LEVEL));
        release(&object);
    });
    assert_names(&report, &rule::FAST_MUTEX_NOT_OWNED, &name);
    assert!(report.detail.contains("which nobody owns"), "{report}");
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(ExInitializeFastMutex(object.get()));
        let shared = Address::new(object.get());
        acquire(&object);
        let other = Machine::current().spawn("other", move || {
            kernel!(KfRaiseIrql(APC_LEVEL));
            kernel!(ExReleaseFastMutex(shared.get()));
        });
        other.join().unwrap();
    });
    assert_names(&report, &rule::FAST_MUTEX_NOT_OWNED, &name);
    assert!(report.detail.contains("which thread"), "{report}");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn owned_when_it_must_not_be() {
    let object = Mutex::zeroed();
    let name = format!("fast mutex {}", object.name());
    let report = bug_check(move || {
        kernel!(ExInitializeFastMutex(object.get()));
        acquire(&object);
        kernel!(ExInitializeFastMutex(object.get()));
    });
    assert_names(&report, &rule::OBJECT_INITIALIZED_IN_USE, &name);
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(ExInitializeFastMutex(object.get()));
        call_driver(PASSIVE_LEVEL, "DispatchRead", || acquire(&object));
    });
    assert_names(&report, &rule::MUTEX_AT_RETURN, &name);
    let report = bug_check(|| {
        let size = size_of::<FAST_MUTEX>();
        let mutex: *mut FAST_MUTEX =
            kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, size, tag(*b"Fast"))).cast();
        kernel!(ExInitializeFastMutex(mutex));
        kernel!(ExAcquireFastMutex(mutex));
        kernel!(ExFreePool(mutex.cast()));
    });
    assert_names(&report, &rule::DISPATCHER_OBJECT_FREED, "'Fast'");
    let object = Mutex::zeroed();
    let name = format!("fast mutex {}", object.name());
    let report = bug_check(move || {
        let driver = Owner::new_driver();
        driver.run(|| {
            kernel!(ExInitializeFastMutex(object.get()));
            acquire(&object);
        });
        Machine::current().check_leaks(LeakScope::Unload(driver));
    });
    assert_names(&report, &rule::MUTEX_LEFT, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn two_in_both_orders() {
    let (one, two) = (Mutex::zeroed(), Mutex::zeroed());
    let names = [one.name(), two.name()];
    let report = bug_check(move || {
        for mutex in [&one, &two] {
            kernel!(ExInitializeFastMutex(mutex.get()));
        }
        for [first, second] in [[&one, &two], [&two, &one]] {
            acquire(first);
            acquire(second);
            release(second);
            release(first);
        }
    });
    for name in names {
        assert_names(&report, &rule::LOCK_ORDER, &format!("fast mutex {name}"));
    }
}

#[test]
fn the_order_of_new_ones_in_the_same_place_is_another() {
    let machine = machine();
    let _entered = machine.enter();
    let (one, two) = (mutex(), mutex());
    for [first, second] in [[&one, &two], [&two, &one]] {
        acquire(first);
        acquire(second);
        release(second);
        release(first);
        for mutex in [&one, &two] {
            kernel!(ExInitializeFastMutex(mutex.get()));
        }
    }
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn one_that_is_none() {
    let object = Mutex::zeroed();
    let report = bug_check(move || acquire(&object));
    assert_names(&report, &rule::DISPATCHER_OBJECT, "never initialised");
    let report = bug_check(|| kernel!(ExAcquireFastMutex(std::ptr::null_mut())));
    assert_names(&report, &rule::DISPATCHER_OBJECT, "no address of an object");
    let report = bug_check(|| {
        let block: *mut FAST_MUTEX = kernel!(ExAllocatePool2(POOL_FLAG_PAGED, 64, tag(*b"Page"))).cast();
        kernel!(ExInitializeFastMutex(block));
    });
    assert_names(&report, &rule::OBJECT_IN_PAGED_POOL, "tag 'Page', which is paged");
}
