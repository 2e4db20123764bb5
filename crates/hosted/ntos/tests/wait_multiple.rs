//! Waits for several objects.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{Address, Object, assert_names, bug_check, bug_check_with, machine, tag};
use ntos::{Config, Machine, SpecialPool, rule};
use wsk_sys::{
    DISPATCH_LEVEL, ExAllocatePool2, ExFreePool, Executive, FALSE, HIGH_LEVEL, KEVENT, KMUTEX, KSEMAPHORE,
    KSPIN_LOCK, KTIMER, KWAIT_BLOCK, KeAcquireSpinLockRaiseToDpc, KeInitializeEvent, KeInitializeMutex,
    KeInitializeSemaphore, KeInitializeTimer, KeLowerIrql, KeReadStateEvent, KeReadStateMutex,
    KeReadStateSemaphore, KeReleaseMutex, KeReleaseSemaphore, KeSetEvent, KeSetTimer,
    KeWaitForMultipleObjects, KernelMode, KfRaiseIrql, MAXIMUM_WAIT_OBJECTS, NTSTATUS, NotificationEvent,
    POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED, PVOID, STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_WAIT_0,
    SynchronizationEvent, THREAD_WAIT_OBJECTS, TRUE, UserMode, WAIT_TYPE, WaitAll, WaitAny,
};

fn event(kind: i32, state: u8) -> Object<KEVENT> {
    let event = Object::zeroed();
    kernel!(KeInitializeEvent(event.get(), kind, state));
    event
}

fn mutex() -> Object<KMUTEX> {
    let mutex = Object::zeroed();
    kernel!(KeInitializeMutex(mutex.get(), 0));
    mutex
}

fn semaphore(count: i32) -> Object<KSEMAPHORE> {
    let semaphore = Object::zeroed();
    kernel!(KeInitializeSemaphore(semaphore.get(), count, 10));
    semaphore
}

fn wait_with(objects: &[PVOID], kind: WAIT_TYPE, timeout: Option<i64>, blocks: *mut KWAIT_BLOCK) -> NTSTATUS {
    let timeout: *const i64 = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let count = u32::try_from(objects.len()).expect("a few");
    let array = objects.as_ptr().cast_mut();
    kernel!(KeWaitForMultipleObjects(count, array, kind, Executive, KernelMode, FALSE, timeout, blocks))
}

fn wait(objects: &[PVOID], kind: WAIT_TYPE, timeout: Option<i64>) -> NTSTATUS {
    wait_with(objects, kind, timeout, ptr::null_mut())
}

fn set(event: &Object<KEVENT>) {
    kernel!(KeSetEvent(event.get(), 0, FALSE));
}

#[test]
fn any_of_several() {
    let machine = machine();
    let _entered = machine.enter();
    let (event, semaphore) = (event(SynchronizationEvent, FALSE), semaphore(0));
    let objects = [event.get().cast(), semaphore.get().cast()];
    assert_eq!(wait(&objects, WaitAny, Some(0)), STATUS_TIMEOUT);
    kernel!(KeReleaseSemaphore(semaphore.get(), 0, 2, FALSE));
    assert_eq!(wait(&objects, WaitAny, None), STATUS_WAIT_0 + 1);
    set(&event);
    // The first of them, and no other loses its signal.
    assert_eq!(wait(&objects, WaitAny, None), STATUS_WAIT_0);
    assert_eq!(kernel!(KeReadStateSemaphore(semaphore.get())), 1);
    assert_eq!(kernel!(KeReadStateEvent(event.get())), 0);
    machine.shutdown();
}

#[test]
fn any_of_several_once_one_is_signalled() {
    let machine = machine();
    let _entered = machine.enter();
    let events: Arc<Vec<_>> = Arc::new((0..3).map(|_| event(SynchronizationEvent, FALSE)).collect());
    for (index, event) in (0..).zip(&*events) {
        let shared = Arc::clone(&events);
        let waiter = machine.spawn("waiter", move || {
            let objects: Vec<PVOID> = shared.iter().map(|event| event.get().cast()).collect();
            wait(&objects, WaitAny, None)
        });
        set(event);
        assert_eq!(waiter.join().unwrap(), STATUS_WAIT_0 + index);
        // It waits for none of the others any more.
        assert_eq!(kernel!(KeReadStateEvent(event.get())), 0);
    }
    for event in &*events {
        set(event);
        assert_eq!(kernel!(KeReadStateEvent(event.get())), 1, "nobody waits");
    }
    machine.shutdown();
}

#[test]
fn all_of_several_are_taken_together() {
    let machine = machine();
    let _entered = machine.enter();
    let (one, two) = (Arc::new(event(SynchronizationEvent, FALSE)), Arc::new(semaphore(0)));
    let waiter = {
        let (one, two) = (Arc::clone(&one), Arc::clone(&two));
        machine.spawn("waiter", move || wait(&[one.get().cast(), two.get().cast()], WaitAll, None))
    };
    // While only one of them is signalled, its signal is there for others.
    for _ in 0..20 {
        set(&one);
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(kernel!(KeReadStateEvent(one.get())), 1);
        assert_eq!(wait(&[one.get().cast()], WaitAny, Some(0)), STATUS_SUCCESS);
    }
    kernel!(KeReleaseSemaphore(two.get(), 0, 1, FALSE));
    assert_eq!(kernel!(KeReadStateSemaphore(two.get())), 1);
    set(&one);
    assert_eq!(waiter.join().unwrap(), STATUS_SUCCESS);
    assert_eq!(kernel!(KeReadStateEvent(one.get())), 0);
    assert_eq!(kernel!(KeReadStateSemaphore(two.get())), 0);
    machine.shutdown();
}

#[test]
fn who_waits_for_more_lets_others_pass() {
    let machine = machine();
    let _entered = machine.enter();
    let (one, two) =
        (Arc::new(event(SynchronizationEvent, FALSE)), Arc::new(event(NotificationEvent, FALSE)));
    let spawn = |kind, objects: [usize; 2], count: usize| {
        let events = [Arc::clone(&one), Arc::clone(&two)];
        machine.spawn("waiter", move || {
            let objects = objects.map(|index| events[index].get().cast());
            wait(&objects[..count], kind, None)
        })
    };
    let all = spawn(WaitAll, [0, 1], 2);
    while machine.counters().switches.waits == 0 {
        std::thread::yield_now();
    }
    let single = spawn(WaitAny, [0, 1], 1);
    set(&one);
    assert_eq!(single.join().unwrap(), STATUS_SUCCESS, "the other one waits for two");
    assert!(!all.is_finished());
    set(&two);
    set(&one);
    assert_eq!(all.join().unwrap(), STATUS_SUCCESS);
    machine.shutdown();
}

#[test]
fn mutexes_are_acquired_by_it() {
    let machine = machine();
    let _entered = machine.enter();
    let (one, two) = (mutex(), mutex());
    let objects = [one.get().cast(), two.get().cast()];
    let states = || [one.get(), two.get()].map(|mutex| kernel!(KeReadStateMutex(mutex)));
    assert_eq!(wait(&objects, WaitAll, None), STATUS_SUCCESS);
    assert_eq!(states(), [0, 0]);
    assert_eq!(wait(&objects, WaitAny, None), STATUS_WAIT_0);
    assert_eq!(states(), [-1, 0], "of any, only one");
    for mutex in [one.get(), two.get(), one.get()] {
        kernel!(KeReleaseMutex(mutex, FALSE));
    }
    assert_eq!(states(), [1, 1]);
    machine.shutdown();
}

#[test]
fn a_timer_among_others_and_a_limit() {
    let machine = machine();
    let _entered = machine.enter();
    let (event, timer) = (event(NotificationEvent, FALSE), Object::<KTIMER>::zeroed());
    kernel!(KeInitializeTimer(timer.get()));
    let objects = [event.get().cast(), timer.get().cast()];
    kernel!(KeSetTimer(timer.get(), -10_000, ptr::null_mut()));
    assert_eq!(wait(&objects, WaitAny, None), STATUS_WAIT_0 + 1);
    let start = Instant::now();
    assert_eq!(wait(&objects, WaitAll, Some(-200_000)), STATUS_TIMEOUT);
    assert!(start.elapsed() >= Duration::from_millis(20));
    // The wait that timed out takes no signal.
    set(&event);
    assert_eq!(kernel!(KeReadStateEvent(event.get())), 1);
    machine.shutdown();
}

#[test]
fn as_many_as_there_are_wait_blocks_for() {
    let machine = machine();
    let _entered = machine.enter();
    let events: Vec<_> = (0..MAXIMUM_WAIT_OBJECTS).map(|_| event(NotificationEvent, TRUE)).collect();
    let objects: Vec<PVOID> = events.iter().map(|event| event.get().cast()).collect();
    let mut blocks = [KWAIT_BLOCK::ZERO; MAXIMUM_WAIT_OBJECTS as usize];
    assert_eq!(wait_with(&objects, WaitAll, None, blocks.as_mut_ptr()), STATUS_SUCCESS);
    assert_eq!(wait(&objects[..THREAD_WAIT_OBJECTS as usize], WaitAll, None), STATUS_SUCCESS);
    // At DISPATCH_LEVEL, only looking is allowed.
    let old = kernel!(KfRaiseIrql(DISPATCH_LEVEL));
    assert_eq!(wait(&objects[..1], WaitAll, Some(0)), STATUS_SUCCESS);
    kernel!(KeLowerIrql(old));
    machine.shutdown();
}

#[test]
fn a_waiter_may_free_the_objects_at_once() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 200 };
    let machine = machine();
    let _entered = machine.enter();
    for round in 0..ROUNDS {
        let kind = if round % 2 == 0 { WaitAny } else { WaitAll };
        let events =
            [event(NotificationEvent, FALSE), event(SynchronizationEvent, u8::from(kind == WaitAll))];
        let objects = [events[0].get().cast(), events[1].get().cast()];
        let address = Address::new(events[0].get());
        let setter = machine.spawn("setter", move || kernel!(KeSetEvent(address.get(), 0, FALSE)));
        assert_eq!(wait(&objects, kind, None), STATUS_SUCCESS);
        drop(events);
        setter.join().unwrap();
    }
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn more_objects_than_wait_blocks() {
    for (count, with_blocks) in [(THREAD_WAIT_OBJECTS + 1, false), (MAXIMUM_WAIT_OBJECTS + 1, true)] {
        let report = bug_check(move || {
            let events: Vec<_> = (0..count).map(|_| event(NotificationEvent, TRUE)).collect();
            let objects: Vec<PVOID> = events.iter().map(|event| event.get().cast()).collect();
            let mut blocks = vec![KWAIT_BLOCK::ZERO; count as usize];
            let blocks = if with_blocks { blocks.as_mut_ptr() } else { ptr::null_mut() };
            wait_with(&objects, WaitAny, None, blocks);
        });
        assert_names(&report, &rule::WAIT_OBJECTS, &format!("{count} objects"));
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_wait_that_means_nothing() {
    let report = bug_check(|| {
        wait(&[], WaitAny, None);
    });
    assert_names(&report, &rule::WAIT_TYPE, "no objects");
    let twice = Object::<KEVENT>::zeroed();
    let name = twice.name();
    let report = bug_check(move || {
        kernel!(KeInitializeEvent(twice.get(), NotificationEvent, TRUE));
        let object = twice.get().cast();
        wait(&[object, object], WaitAll, None);
    });
    assert_names(&report, &rule::WAIT_TYPE, &name);
    let report = bug_check(|| {
        let event = event(NotificationEvent, TRUE);
        wait(&[event.get().cast()], 7, None);
    });
    assert_names(&report, &rule::WAIT_TYPE, "a wait type of 7");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_wait_at_a_level_where_none_is_allowed() {
    for (level, timeout, rule) in [
        (DISPATCH_LEVEL, None, &rule::WAIT_AT_DISPATCH),
        (DISPATCH_LEVEL, Some(-1), &rule::WAIT_AT_DISPATCH_LIMITED),
        (HIGH_LEVEL, Some(0), &rule::WAIT_ABOVE_DISPATCH),
    ] {
        let report = bug_check(move || {
            let event = event(NotificationEvent, TRUE);
            kernel!(KfRaiseIrql(level));
            wait(&[event.get().cast()], WaitAll, timeout);
        });
        assert_names(&report, rule, "KeWaitForMultipleObjects");
    }
    let report = bug_check(|| {
        let (event, lock) = (event(NotificationEvent, TRUE), Object::<KSPIN_LOCK>::zeroed());
        kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        wait(&[event.get().cast()], WaitAll, None);
    });
    assert_names(&report, &rule::WAIT_WITH_SPIN_LOCK, "KeWaitForMultipleObjects");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn wait_blocks_in_paged_pool_or_too_few() {
    let report = bug_check(|| {
        let event = event(NotificationEvent, TRUE);
        let blocks = kernel!(ExAllocatePool2(POOL_FLAG_PAGED, size_of::<KWAIT_BLOCK>(), tag(*b"Page")));
        wait_with(&[event.get().cast()], WaitAll, None, blocks.cast());
    });
    assert_names(&report, &rule::OBJECT_IN_PAGED_POOL, "wait blocks");
    // Where no guard page is behind the block, the damage is found when it is freed. It must not reach beyond what the pool keeps
    // behind it: that memory is somebody's.
    let report = bug_check_with(SpecialPool::Off, || {
        let events = [event(NotificationEvent, TRUE), event(NotificationEvent, TRUE)];
        let objects = [events[0].get().cast(), events[1].get().cast()];
        let size = 2 * size_of::<KWAIT_BLOCK>() - 8;
        let blocks = kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, size, tag(*b"Bloc")));
        wait_with(&objects, WaitAll, None, blocks.cast());
        kernel!(ExFreePool(blocks));
    });
    assert_names(&report, &rule::POOL_OVERRUN, "'Bloc'");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_mutex_among_others_in_user_mode() {
    let object = Object::<KMUTEX>::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeMutex(object.get(), 0));
        let mut objects = [object.get().cast()];
        let (array, null) = (objects.as_mut_ptr(), ptr::null_mut());
        kernel!(KeWaitForMultipleObjects(1, array, WaitAny, Executive, UserMode, FALSE, ptr::null(), null));
    });
    assert_names(&report, &rule::MUTEX_USER_WAIT, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_wait_that_takes_too_long_names_the_objects() {
    let config = Config { wait_limit: Some(Duration::from_millis(50)), ..Config::default() };
    let events = [Object::<KEVENT>::zeroed(), Object::<KEVENT>::zeroed()];
    let names = format!("{} and {}", events[0].name(), events[1].name());
    let report = Machine::boot(config).catch_bug_check(move || {
        for event in &events {
            kernel!(KeInitializeEvent(event.get(), NotificationEvent, FALSE));
        }
        set(&events[1]);
        wait(&[events[0].get().cast(), events[1].get().cast()], WaitAll, None);
    });
    assert_names(&report.unwrap_err(), &rule::WAIT_TOO_LONG, &names);
}
