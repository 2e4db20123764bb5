//! Semaphores.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::common::{Object, assert_names, bug_check, machine, tag};
use ntos::rule;
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, ExAllocatePool2, Executive, FALSE, HIGH_LEVEL, KEVENT, KSEMAPHORE,
    KeInitializeEvent, KeInitializeSemaphore, KeLowerIrql, KeReadStateSemaphore, KeReleaseSemaphore,
    KeSetEvent, KeWaitForSingleObject, KernelMode, KfRaiseIrql, NTSTATUS, NotificationEvent, POOL_FLAG_PAGED,
    STATUS_SUCCESS, STATUS_TIMEOUT, TRUE,
};

type Semaphore = Object<KSEMAPHORE>;

fn semaphore(count: i32, limit: i32) -> Semaphore {
    let semaphore = Semaphore::zeroed();
    kernel!(KeInitializeSemaphore(semaphore.get(), count, limit));
    semaphore
}

fn wait(semaphore: &Semaphore, timeout: Option<i64>) -> NTSTATUS {
    let timeout: *const i64 = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    kernel!(KeWaitForSingleObject(semaphore.get().cast(), Executive, KernelMode, FALSE, timeout))
}

fn release(semaphore: &Semaphore, by: i32) -> i32 {
    kernel!(KeReleaseSemaphore(semaphore.get(), 0, by, FALSE))
}

fn read(semaphore: &Semaphore) -> i32 {
    kernel!(KeReadStateSemaphore(semaphore.get()))
}

#[test]
fn a_wait_takes_one() {
    let machine = machine();
    let _entered = machine.enter();
    let semaphore = semaphore(2, 3);
    assert_eq!(wait(&semaphore, None), STATUS_SUCCESS);
    assert_eq!(read(&semaphore), 1);
    // At DISPATCH_LEVEL, only looking is allowed, and it takes one, too.
    let old = kernel!(KfRaiseIrql(DISPATCH_LEVEL));
    assert_eq!(wait(&semaphore, Some(0)), STATUS_SUCCESS);
    assert_eq!(wait(&semaphore, Some(0)), STATUS_TIMEOUT);
    assert_eq!(release(&semaphore, 3), 0);
    assert_eq!(read(&semaphore), 3);
    kernel!(KeLowerIrql(old));
    assert_eq!(wait(&semaphore, Some(-1)), STATUS_SUCCESS);
    assert_eq!(release(&semaphore, 1), 2);
    machine.shutdown();
}

#[test]
fn as_many_waits_end_as_the_count_goes_up() {
    let machine = machine();
    let _entered = machine.enter();
    let semaphore = Arc::new(semaphore(0, 10));
    let done = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (semaphore, done) = (Arc::clone(&semaphore), Arc::clone(&done));
            machine.spawn("waiter", move || {
                assert_eq!(wait(&semaphore, None), STATUS_SUCCESS);
                done.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    for (by, expected) in [(1, 1), (2, 3)] {
        release(&semaphore, by);
        while done.load(Ordering::SeqCst) < expected {
            std::thread::yield_now();
        }
        // Time for another one to be released, wrongly.
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(done.load(Ordering::SeqCst), expected);
        assert_eq!(read(&semaphore), 0);
    }
    release(&semaphore, 2);
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(read(&semaphore), 1, "one more than there were waiters");
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_count_beyond_the_limit() {
    for (count, limit, by) in [(1, 1, 1), (0, 2, 3), (1, i32::MAX, i32::MAX), (1, 5, 0), (1, 5, -1)] {
        let object = Semaphore::zeroed();
        let name = object.name();
        let report = bug_check(move || {
            kernel!(KeInitializeSemaphore(object.get(), count, limit));
            release(&object, by);
        });
        assert_names(&report, &rule::SEMAPHORE_LIMIT, &name);
        assert!(report.detail.contains("KeReleaseSemaphore"), "{report}");
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_count_or_limit_that_cannot_be() {
    for (count, limit) in [(2, 1), (-1, 1), (0, 0), (-2, -1)] {
        let object = Semaphore::zeroed();
        let name = object.name();
        let report = bug_check(move || kernel!(KeInitializeSemaphore(object.get(), count, limit)));
        assert_names(&report, &rule::SEMAPHORE_LIMIT, &name);
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn functions_above_their_level() {
    let report = bug_check(|| {
        let object = Semaphore::zeroed();
        kernel!(KfRaiseIrql(APC_LEVEL));
        kernel!(KeInitializeSemaphore(object.get(), 0, 1));
    });
    assert_names(&report, &rule::IRQL_KE_PASSIVE, "KeInitializeSemaphore");
    let report = bug_check(|| {
        let semaphore = semaphore(0, 1);
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        release(&semaphore, 1);
    });
    assert_names(&report, &rule::IRQL_KE_DISPATCH_LTE, "KeReleaseSemaphore");
    let report = bug_check(|| {
        let semaphore = semaphore(0, 1);
        kernel!(KfRaiseIrql(APC_LEVEL));
        kernel!(KeReleaseSemaphore(semaphore.get(), 0, 1, TRUE));
    });
    assert_names(&report, &rule::IRQL_KE_DISPATCH_LTE, "KeReleaseSemaphore");
    let report = bug_check(|| {
        let semaphore = semaphore(0, 1);
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        read(&semaphore);
    });
    assert_names(&report, &rule::IRQL_KE_DISPATCH_LTE, "KeReadStateSemaphore");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_object_of_another_kind() {
    let object = Object::<KSEMAPHORE>::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeEvent(object.get().cast(), NotificationEvent, FALSE));
        release(&object, 1);
    });
    assert_names(&report, &rule::DISPATCHER_OBJECT, &name);
    let object = Semaphore::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeSemaphore(object.get(), 0, 1));
        kernel!(KeSetEvent(object.get().cast::<KEVENT>(), 0, FALSE));
    });
    assert_names(&report, &rule::DISPATCHER_OBJECT, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_semaphore_in_paged_pool() {
    let report = bug_check(|| {
        let block: *mut KSEMAPHORE = kernel!(ExAllocatePool2(POOL_FLAG_PAGED, 64, tag(*b"Page"))).cast();
        kernel!(KeInitializeSemaphore(block, 0, 1));
    });
    assert_names(&report, &rule::OBJECT_IN_PAGED_POOL, "tag 'Page', which is paged");
}
