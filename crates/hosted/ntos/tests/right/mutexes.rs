//! Semaphores, mutexes, fast mutexes, waits for several objects.

use std::ptr;

use ntos::irql::call_driver;
use ntos::{LeakScope, Machine, Owner, rule};
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, ExAcquireFastMutex, ExFreePool, ExInitializeFastMutex, ExReleaseFastMutex,
    ExTryToAcquireFastMutex, FALSE, FAST_MUTEX, KMUTEX, KSEMAPHORE, KWAIT_BLOCK, KeInitializeMutex,
    KeInitializeSemaphore, KeReleaseMutex, KeReleaseSemaphore, KeWaitForMultipleObjects,
    KeWaitForSingleObject, MAXIMUM_WAIT_OBJECTS, NTSTATUS, NotificationEvent, PASSIVE_LEVEL,
    POOL_FLAG_NON_PAGED, PVOID, PsTerminateSystemThread, STATUS_SUCCESS, STATUS_WAIT_0, THREAD_WAIT_OBJECTS,
    TRUE, UserMode, WaitAll, WaitAny,
};

use crate::common::Object;
use crate::levels::at;
use crate::memory::pool;
use crate::objects::{close, event, start_thread};
use crate::{Right, kernel};

fn mutex() -> Object<KMUTEX> {
    let mutex = Object::zeroed();
    kernel!(KeInitializeMutex(mutex.get(), 0));
    mutex
}

fn acquire(mutex: *mut KMUTEX, timeout: Option<i64>) {
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    assert_eq!(kernel!(KeWaitForSingleObject(mutex.cast(), 0, 0, FALSE, timeout)), STATUS_SUCCESS);
}

fn release(mutex: *mut KMUTEX) {
    kernel!(KeReleaseMutex(mutex, FALSE));
}

/// Acquires a mutex twice, and releases it as often.
fn twice(mutex: *mut KMUTEX) {
    acquire(mutex, None);
    acquire(mutex, None);
    release(mutex);
    release(mutex);
}

fn waits_for(objects: &[PVOID], kind: i32, mode: i8, blocks: Option<&mut [KWAIT_BLOCK]>) -> NTSTATUS {
    let blocks = blocks.map_or(ptr::null_mut(), <[KWAIT_BLOCK]>::as_mut_ptr);
    let (count, array) = (u32::try_from(objects.len()).expect("a few"), objects.as_ptr().cast_mut());
    kernel!(KeWaitForMultipleObjects(count, array, kind, 0, mode, FALSE, ptr::null(), blocks))
}

unsafe extern "system" fn twice_and_returns(mutex: PVOID) {
    twice(mutex.cast());
}

unsafe extern "system" fn twice_and_terminates(mutex: PVOID) {
    twice(mutex.cast());
    kernel!(PsTerminateSystemThread(STATUS_SUCCESS));
}

/// A mutex in pool, owned by two threads one after the other, and freed.
fn mutex_that_ends() {
    let mutex: *mut KMUTEX = pool(POOL_FLAG_NON_PAGED, size_of::<KMUTEX>()).cast();
    kernel!(KeInitializeMutex(mutex, 0));
    twice(mutex);
    kernel!(KeInitializeMutex(mutex, 0));
    twice(mutex);
    kernel!(ExFreePool(mutex.cast()));
}

pub(crate) fn rights() -> Vec<Right> {
    let mut rights = several();
    rights.extend(mutexes());
    rights.extend(fast_mutexes());
    rights
}

fn several() -> Vec<Right> {
    vec![
        (&rule::WAIT_OBJECTS, |_| {
            let events: Vec<_> = (0..MAXIMUM_WAIT_OBJECTS).map(|_| event(NotificationEvent, TRUE)).collect();
            let objects: Vec<PVOID> = events.iter().map(|event| event.get().cast()).collect();
            let mut blocks = [KWAIT_BLOCK::ZERO; MAXIMUM_WAIT_OBJECTS as usize];
            assert_eq!(waits_for(&objects, WaitAll, 0, Some(&mut blocks)), STATUS_SUCCESS);
            let few = &objects[..THREAD_WAIT_OBJECTS as usize];
            assert_eq!(waits_for(few, WaitAny, 0, None), STATUS_WAIT_0);
        }),
        (&rule::WAIT_TYPE, |_| {
            // Twice, but for any of them; and one, for all.
            let object = event(NotificationEvent, TRUE);
            let object = object.get().cast();
            assert_eq!(waits_for(&[object, object], WaitAny, 0, None), STATUS_WAIT_0);
            assert_eq!(waits_for(&[object], WaitAll, 0, None), STATUS_SUCCESS);
        }),
        (&rule::SEMAPHORE_LIMIT, |_| {
            let semaphore = Object::<KSEMAPHORE>::zeroed();
            for count in [0, 3] {
                kernel!(KeInitializeSemaphore(semaphore.get(), count, 3));
            }
            assert_eq!(waits_for(&[semaphore.get().cast()], WaitAll, 0, None), STATUS_SUCCESS);
            assert_eq!(kernel!(KeReleaseSemaphore(semaphore.get(), 0, 1, FALSE)), 2);
        }),
    ]
}

/// Acquires two fast mutexes, one inside the other, and releases them in the other order, twice.
fn nested() {
    let mutexes = [Object::<FAST_MUTEX>::zeroed(), Object::zeroed()];
    let [outer, inner] = [mutexes[0].get(), mutexes[1].get()];
    for mutex in [outer, inner] {
        kernel!(ExInitializeFastMutex(mutex));
    }
    for _ in 0..2 {
        kernel!(ExAcquireFastMutex(outer));
        assert_eq!(kernel!(ExTryToAcquireFastMutex(inner)), TRUE);
        assert_eq!(kernel!(ExTryToAcquireFastMutex(inner)), FALSE);
        kernel!(ExReleaseFastMutex(inner));
        kernel!(ExReleaseFastMutex(outer));
    }
}

fn fast_mutexes() -> Vec<Right> {
    vec![
        (&rule::FAST_MUTEX_ACQUIRE_IRQL, |_| at(APC_LEVEL, nested)),
        (&rule::FAST_MUTEX_RELEASE_IRQL, |_| {
            let mutex = Object::<FAST_MUTEX>::zeroed();
            kernel!(ExInitializeFastMutex(mutex.get()));
            kernel!(ExAcquireFastMutex(mutex.get()));
            // In between, at another level.
            at(DISPATCH_LEVEL, || ());
            kernel!(ExReleaseFastMutex(mutex.get()));
        }),
        (&rule::FAST_MUTEX_RECURSION, |_| nested()),
        (&rule::FAST_MUTEX_NOT_OWNED, |machine| {
            machine.spawn("other", nested).join().expect("it returns");
            nested();
        }),
    ]
}

fn mutexes() -> Vec<Right> {
    vec![
        (&rule::MUTEX_NOT_OWNED, |machine| {
            let mutex = std::sync::Arc::new(mutex());
            for _ in 0..2 {
                let mutex = std::sync::Arc::clone(&mutex);
                machine.spawn("other", move || twice(mutex.get())).join().expect("it returns");
            }
            twice(mutex.get());
        }),
        (&rule::MUTEX_LEVEL, |_| {
            let mutex = mutex();
            at(DISPATCH_LEVEL, || {
                acquire(mutex.get(), Some(0));
                release(mutex.get());
            });
            // In between, at another level.
            acquire(mutex.get(), None);
            at(DISPATCH_LEVEL, || ());
            release(mutex.get());
        }),
        (&rule::MUTEX_USER_WAIT, |_| {
            let (event, mutex) = (event(NotificationEvent, TRUE), mutex());
            assert_eq!(waits_for(&[event.get().cast()], WaitAny, UserMode, None), STATUS_SUCCESS);
            twice(mutex.get());
        }),
        (&rule::MUTEX_AT_RETURN, |_| {
            let mutex = mutex();
            acquire(mutex.get(), None);
            // Owned before and after, and once more in between.
            call_driver(PASSIVE_LEVEL, "a routine", || twice(mutex.get()));
            release(mutex.get());
        }),
        (&rule::MUTEX_OWNER_ENDED, |machine| {
            let mutex = mutex();
            for routine in [twice_and_returns as wsk_sys::KSTART_ROUTINE, twice_and_terminates] {
                close(start_thread(routine, mutex.get().cast()));
            }
            machine.check_leaks(LeakScope::Unload(Owner::current()));
        }),
        (&rule::MUTEX_LEFT, |machine: &Machine| {
            let driver = Owner::new_driver();
            driver.run(mutex_that_ends);
            machine.check_leaks(LeakScope::Unload(driver));
        }),
    ]
}
