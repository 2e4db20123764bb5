//! Mutexes.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::Arc;
use std::sync::mpsc;

use crate::common::{Address, Object, assert_names, bug_check, count_apart, machine, tag};
use ntos::irql::call_driver;
use ntos::{LeakScope, Machine, Owner, rule};
use wsk_sys::{
    DISPATCH_LEVEL, ExAllocatePool2, ExFreePool, Executive, FALSE, HANDLE, HIGH_LEVEL, KMUTEX,
    KSTART_ROUTINE, KeInitializeMutex, KeLowerIrql, KeReadStateMutex, KeReleaseMutex, KeWaitForSingleObject,
    KernelMode, KfRaiseIrql, NTSTATUS, PASSIVE_LEVEL, POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED, PVOID,
    PsCreateSystemThread, PsTerminateSystemThread, STATUS_SUCCESS, STATUS_TIMEOUT, THREAD_ALL_ACCESS, TRUE,
    UserMode,
};

type Mutex = Object<KMUTEX>;

fn mutex() -> Mutex {
    let mutex = Mutex::zeroed();
    kernel!(KeInitializeMutex(mutex.get(), 0));
    mutex
}

fn wait_at(mutex: *mut KMUTEX, timeout: Option<i64>) -> NTSTATUS {
    let timeout: *const i64 = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    kernel!(KeWaitForSingleObject(mutex.cast(), Executive, KernelMode, FALSE, timeout))
}

fn wait(mutex: &Mutex, timeout: Option<i64>) -> NTSTATUS {
    wait_at(mutex.get(), timeout)
}

fn acquire(mutex: &Mutex) {
    assert_eq!(wait(mutex, None), STATUS_SUCCESS);
}

fn release(mutex: &Mutex) -> i32 {
    kernel!(KeReleaseMutex(mutex.get(), FALSE))
}

fn read(mutex: &Mutex) -> i32 {
    kernel!(KeReadStateMutex(mutex.get()))
}

/// What the closure gives in another thread of the machine.
fn elsewhere<R: Send + 'static>(machine: &Machine, act: impl FnOnce() -> R + Send + 'static) -> R {
    machine.spawn("other", act).join().expect("the other thread returns")
}

#[test]
fn its_owner_acquires_it_again_and_others_do_not() {
    let machine = machine();
    let _entered = machine.enter();
    let mutex = Arc::new(mutex());
    let other = {
        let mutex = Arc::clone(&mutex);
        let machine = machine.clone();
        move || {
            let mutex = Arc::clone(&mutex);
            elsewhere(&machine, move || wait(&mutex, Some(0)))
        }
    };
    assert_eq!(read(&mutex), 1);
    acquire(&mutex);
    assert_eq!(read(&mutex), 0);
    acquire(&mutex);
    assert_eq!(read(&mutex), -1);
    assert_eq!(other(), STATUS_TIMEOUT);
    assert_eq!(release(&mutex), -1);
    assert_eq!(other(), STATUS_TIMEOUT);
    assert_eq!(release(&mutex), 0);
    assert_eq!(read(&mutex), 1);
    machine.shutdown();
}

#[test]
fn one_thread_at_a_time_has_it() {
    let machine = machine();
    let _entered = machine.enter();
    let mutex = Arc::new(mutex());
    count_apart(&machine, &mutex, acquire, |mutex| _ = release(mutex));
    machine.shutdown();
}

#[test]
fn it_is_acquired_and_released_at_dispatch_level() {
    let machine = machine();
    let _entered = machine.enter();
    let mutex = mutex();
    let old = kernel!(KfRaiseIrql(DISPATCH_LEVEL));
    assert_eq!(wait(&mutex, Some(0)), STATUS_SUCCESS);
    assert_eq!(release(&mutex), 0);
    kernel!(KeLowerIrql(old));
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_release_by_who_does_not_own_it() {
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeMutex(object.get(), 0));
        acquire(&object);
        release(&object);
        release(&object);
    });
    assert_names(&report, &rule::MUTEX_NOT_OWNED, &name);
    assert!(report.detail.contains("which nobody owns"), "{report}");
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeMutex(object.get(), 0));
        let shared = Address::new(object.get());
        acquire(&object);
        elsewhere(&Machine::current(), move || kernel!(KeReleaseMutex(shared.get(), FALSE)));
    });
    assert_names(&report, &rule::MUTEX_NOT_OWNED, &name);
    assert!(report.detail.contains("which thread"), "{report}");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_release_at_another_level_than_the_acquisition() {
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeMutex(object.get(), 0));
        acquire(&object);
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        release(&object);
    });
    assert_names(&report, &rule::MUTEX_LEVEL, &name);
    let report = bug_check(|| {
        let mutex = mutex();
        let old = kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        wait(&mutex, Some(0));
        kernel!(KeLowerIrql(old));
        release(&mutex);
    });
    assert_names(&report, &rule::MUTEX_LEVEL, "acquired at DISPATCH_LEVEL");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn functions_above_their_level() {
    let report = bug_check(|| {
        let mutex = mutex();
        acquire(&mutex);
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(KeReleaseMutex(mutex.get(), TRUE));
    });
    assert_names(&report, &rule::IRQL_KE_DISPATCH_LTE, "KeReleaseMutex");
    let report = bug_check(|| {
        let mutex = mutex();
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        read(&mutex);
    });
    assert_names(&report, &rule::IRQL_KE_DISPATCH_LTE, "KeReadStateMutex");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_wait_for_a_mutex_in_user_mode() {
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeMutex(object.get(), 0));
        let mutex = object.get().cast();
        kernel!(KeWaitForSingleObject(mutex, Executive, UserMode, FALSE, ptr::null()));
    });
    assert_names(&report, &rule::MUTEX_USER_WAIT, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_routine_returns_and_its_thread_owns_a_mutex() {
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeMutex(object.get(), 0));
        call_driver(PASSIVE_LEVEL, "DispatchRead", || acquire(&object));
    });
    assert_names(&report, &rule::MUTEX_AT_RETURN, &name);
}

unsafe extern "system" fn acquires_and_returns(mutex: PVOID) {
    assert_eq!(wait_at(mutex.cast(), None), STATUS_SUCCESS);
}

unsafe extern "system" fn acquires_and_terminates(mutex: PVOID) {
    assert_eq!(wait_at(mutex.cast(), None), STATUS_SUCCESS);
    kernel!(PsTerminateSystemThread(STATUS_SUCCESS));
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_thread_ends_and_owns_a_mutex() {
    for routine in [acquires_and_returns as KSTART_ROUTINE, acquires_and_terminates] {
        let object = Mutex::zeroed();
        let name = object.name();
        let report = bug_check(move || {
            kernel!(KeInitializeMutex(object.get(), 0));
            let (mut handle, null): (HANDLE, HANDLE) = (ptr::null_mut(), ptr::null_mut());
            let (out, context) = (&raw mut handle, object.get().cast());
            kernel!(PsCreateSystemThread(out, THREAD_ALL_ACCESS, null.cast(), null, null, routine, context));
            loop {
                read(&object);
                std::thread::yield_now();
            }
        });
        assert_names(&report, &rule::MUTEX_OWNER_ENDED, &name);
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_driver_is_unloaded_and_a_thread_owns_its_mutex() {
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        let driver = Owner::new_driver();
        driver.run(|| {
            kernel!(KeInitializeMutex(object.get(), 0));
            acquire(&object);
        });
        Machine::current().check_leaks(LeakScope::Unload(driver));
    });
    assert_names(&report, &rule::MUTEX_LEFT, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_mutex_is_initialised_or_freed_while_a_thread_owns_it() {
    let object = Mutex::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeMutex(object.get(), 0));
        acquire(&object);
        kernel!(KeInitializeMutex(object.get(), 0));
    });
    assert_names(&report, &rule::OBJECT_INITIALIZED_IN_USE, &name);
    let report = bug_check(|| {
        let mutex: *mut KMUTEX = kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, 0x38, tag(*b"Mutx"))).cast();
        kernel!(KeInitializeMutex(mutex, 0));
        assert_eq!(wait_at(mutex, None), STATUS_SUCCESS);
        kernel!(ExFreePool(mutex.cast()));
    });
    assert_names(&report, &rule::DISPATCHER_OBJECT_FREED, "'Mutx'");
    assert!(report.detail.contains("owned by thread"), "{report}");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn two_mutexes_in_both_orders() {
    let (one, two) = (Mutex::zeroed(), Mutex::zeroed());
    let names = [one.name(), two.name()];
    let report = bug_check(move || {
        for mutex in [&one, &two] {
            kernel!(KeInitializeMutex(mutex.get(), 0));
        }
        for [first, second] in [[&one, &two], [&two, &one]] {
            acquire(first);
            acquire(second);
            release(second);
            release(first);
        }
    });
    for name in names {
        assert_names(&report, &rule::LOCK_ORDER, &format!("mutex {name}"));
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_mutex_in_paged_pool() {
    let report = bug_check(|| {
        let block: *mut KMUTEX = kernel!(ExAllocatePool2(POOL_FLAG_PAGED, 64, tag(*b"Page"))).cast();
        kernel!(KeInitializeMutex(block, 0));
    });
    assert_names(&report, &rule::OBJECT_IN_PAGED_POOL, "tag 'Page', which is paged");
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
        // As new ones in the same place.
        kernel!(KeInitializeMutex(one.get(), 0));
        kernel!(KeInitializeMutex(two.get(), 0));
    }
    machine.shutdown();
}

#[test]
fn a_waiter_gets_it_from_its_owner() {
    let machine = machine();
    let _entered = machine.enter();
    let mutex = Arc::new(mutex());
    let (sender, receiver) = mpsc::channel();
    acquire(&mutex);
    let waiter = {
        let mutex = Arc::clone(&mutex);
        machine.spawn("waiter", move || {
            acquire(&mutex);
            sender.send(read(&mutex)).unwrap();
            // Twice, and released as often.
            acquire(&mutex);
            assert_eq!(release(&mutex), -1);
            assert_eq!(release(&mutex), 0);
        })
    };
    assert!(receiver.try_recv().is_err());
    release(&mutex);
    assert_eq!(receiver.recv().unwrap(), 0);
    waiter.join().unwrap();
    assert_eq!(read(&mutex), 1);
    machine.shutdown();
}
