//! Events and waits.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{self, Object, assert_names, bug_check, machine, tag};
use ntos::{Config, Machine, rule};
use wsk_sys::{
    DISPATCH_LEVEL, ExAllocatePool2, Executive, FALSE, HIGH_LEVEL, KEVENT, KSPIN_LOCK,
    KeAcquireSpinLockRaiseToDpc, KeClearEvent, KeDelayExecutionThread, KeInitializeEvent, KeLowerIrql,
    KeReadStateEvent, KeResetEvent, KeSetEvent, KeWaitForSingleObject, KernelMode, KfRaiseIrql, NTSTATUS,
    NotificationEvent, POOL_FLAG_PAGED, STATUS_SUCCESS, STATUS_TIMEOUT, SynchronizationEvent, TRUE,
};

type Event = Object<KEVENT>;

fn event(kind: i32, state: u8) -> Event {
    let event = Event::zeroed();
    kernel!(KeInitializeEvent(event.get(), kind, state));
    event
}

fn wait(event: &Event, timeout: Option<i64>) -> NTSTATUS {
    let timeout: *const i64 = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    kernel!(KeWaitForSingleObject(event.get().cast(), Executive, KernelMode, FALSE, timeout))
}

fn set(event: &Event) -> i32 {
    kernel!(KeSetEvent(event.get(), 0, FALSE))
}

#[test]
fn a_notification_event_stays_set() {
    let machine = machine();
    let _entered = machine.enter();
    let event = event(NotificationEvent, FALSE);
    assert_eq!(wait(&event, Some(0)), STATUS_TIMEOUT);
    assert_eq!(set(&event), 0);
    assert_eq!(set(&event), 1);
    assert_eq!(wait(&event, None), STATUS_SUCCESS);
    assert_eq!(wait(&event, Some(0)), STATUS_SUCCESS);
    assert_eq!(kernel!(KeReadStateEvent(event.get())), 1);
    assert_eq!(kernel!(KeResetEvent(event.get())), 1);
    assert_eq!(kernel!(KeResetEvent(event.get())), 0);
    set(&event);
    kernel!(KeClearEvent(event.get()));
    assert_eq!(kernel!(KeReadStateEvent(event.get())), 0);
    machine.shutdown();
}

#[test]
fn a_synchronization_event_releases_one() {
    let machine = machine();
    let _entered = machine.enter();
    let event = event(SynchronizationEvent, TRUE);
    assert_eq!(wait(&event, None), STATUS_SUCCESS);
    assert_eq!(wait(&event, Some(0)), STATUS_TIMEOUT);
    let event = Arc::new(event);
    let done = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (event, done) = (Arc::clone(&event), Arc::clone(&done));
            machine.spawn("waiter", move || {
                assert_eq!(wait(&event, None), STATUS_SUCCESS);
                done.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            })
        })
        .collect();
    for released in 1..=3 {
        assert_eq!(kernel!(KeReadStateEvent(event.get())), 0, "who was released has taken the signal");
        set(&event);
        while done.load(std::sync::atomic::Ordering::SeqCst) < released {
            std::thread::yield_now();
        }
        // Time for another one to be released, wrongly.
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(done.load(std::sync::atomic::Ordering::SeqCst), released);
    }
    for thread in threads {
        thread.join().unwrap();
    }
    machine.shutdown();
}

#[test]
fn a_notification_event_releases_all() {
    let machine = machine();
    let _entered = machine.enter();
    let event = Arc::new(event(NotificationEvent, FALSE));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let event = Arc::clone(&event);
            machine.spawn("waiter", move || wait(&event, None))
        })
        .collect();
    // At DISPATCH_LEVEL, as from a completion routine.
    let old = kernel!(KfRaiseIrql(DISPATCH_LEVEL));
    set(&event);
    kernel!(KeLowerIrql(old));
    for thread in threads {
        assert_eq!(thread.join().unwrap(), STATUS_SUCCESS);
    }
    machine.shutdown();
}

#[test]
fn a_waiter_may_free_the_event_at_once() {
    const ROUNDS: usize = if cfg!(miri) { 10 } else { 500 };
    let machine = machine();
    let _entered = machine.enter();
    for _ in 0..ROUNDS {
        let event = event(NotificationEvent, FALSE);
        let address = common::Address::new(event.get());
        let setter = machine.spawn("setter", move || kernel!(KeSetEvent(address.get(), 0, FALSE)));
        assert_eq!(wait(&event, None), STATUS_SUCCESS);
        drop(event);
        setter.join().unwrap();
    }
    machine.shutdown();
}

#[test]
fn a_wait_ends_after_its_time() {
    let machine = machine();
    let _entered = machine.enter();
    let event = event(NotificationEvent, FALSE);
    let start = Instant::now();
    assert_eq!(wait(&event, Some(-200_000)), STATUS_TIMEOUT);
    assert!(start.elapsed() >= Duration::from_millis(20));
    // At DISPATCH_LEVEL, only looking is allowed.
    let old = kernel!(KfRaiseIrql(DISPATCH_LEVEL));
    assert_eq!(wait(&event, Some(0)), STATUS_TIMEOUT);
    kernel!(KeLowerIrql(old));
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "reads the time of day")]
#[test]
fn a_positive_timeout_is_a_time_of_day() {
    let machine = machine();
    let _entered = machine.enter();
    let event = event(NotificationEvent, FALSE);
    assert_eq!(wait(&event, Some(1)), STATUS_TIMEOUT);
    machine.shutdown();
}

#[test]
fn a_delay_takes_its_time() {
    let machine = machine();
    let _entered = machine.enter();
    let start = Instant::now();
    let interval = -200_000;
    assert_eq!(kernel!(KeDelayExecutionThread(KernelMode, FALSE, &raw const interval)), STATUS_SUCCESS);
    assert!(start.elapsed() >= Duration::from_millis(20));
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_wait_at_dispatch_level() {
    for (timeout, rule) in [
        (None, &rule::WAIT_AT_DISPATCH),
        (Some(-1), &rule::WAIT_AT_DISPATCH_LIMITED),
        (Some(1), &rule::WAIT_AT_DISPATCH_LIMITED),
    ] {
        let object = Event::zeroed();
        let name = object.name();
        let report = bug_check(move || {
            kernel!(KeInitializeEvent(object.get(), NotificationEvent, TRUE));
            kernel!(KfRaiseIrql(DISPATCH_LEVEL));
            wait(&object, timeout);
        });
        assert_names(&report, rule, &name);
    }
    let object = Event::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeEvent(object.get(), NotificationEvent, TRUE));
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        wait(&object, Some(0));
    });
    assert_names(&report, &rule::WAIT_ABOVE_DISPATCH, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_wait_with_a_spin_lock_held() {
    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let report = bug_check(move || {
        let event = event(NotificationEvent, TRUE);
        kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        wait(&event, None);
    });
    assert_names(&report, &rule::WAIT_WITH_SPIN_LOCK, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_delay_at_dispatch_level() {
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        let interval = -1;
        kernel!(KeDelayExecutionThread(KernelMode, FALSE, &raw const interval));
    });
    assert_names(&report, &rule::IRQL_KE_APC_LTE, "KeDelayExecutionThread");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn event_calls_above_dispatch_level() {
    let report = bug_check(|| {
        let event = event(NotificationEvent, FALSE);
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        set(&event);
    });
    assert_names(&report, &rule::IRQL_KE_SET_EVENT, "KeSetEvent called at IRQL 15");
    let report = bug_check(|| {
        let event = event(NotificationEvent, FALSE);
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(KeSetEvent(event.get(), 0, TRUE));
    });
    assert_names(&report, &rule::IRQL_KE_SET_EVENT, "KeSetEvent called at DISPATCH_LEVEL");
    let report = bug_check(|| {
        let event = event(NotificationEvent, FALSE);
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        kernel!(KeClearEvent(event.get()));
    });
    assert_names(&report, &rule::IRQL_KE_DISPATCH_LTE, "KeClearEvent");
    let report = bug_check(|| {
        let event = event(NotificationEvent, FALSE);
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        kernel!(KeReadStateEvent(event.get()));
    });
    assert_names(&report, &rule::IRQL_KE_DISPATCH_LTE, "KeReadStateEvent");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_event_that_was_never_initialised_or_moved() {
    let object = Event::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        set(&object);
    });
    assert_names(&report, &rule::DISPATCHER_OBJECT, &name);

    let (first, second) = (Event::zeroed(), Event::zeroed());
    let name = second.name();
    let report = bug_check(move || {
        kernel!(KeInitializeEvent(first.get(), NotificationEvent, FALSE));
        // SAFETY: both are events of the test.
        unsafe { ptr::copy(first.get(), second.get(), 1) };
        wait(&second, None);
    });
    assert_names(
        &report,
        &rule::DISPATCHER_OBJECT,
        &format!("{name}, which was never initialised, or moved"),
    );

    let report = bug_check(|| {
        kernel!(KeSetEvent(ptr::null_mut(), 0, FALSE));
    });
    assert_names(&report, &rule::DISPATCHER_OBJECT, "0x0");

    let object = Event::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeEvent(object.get(), NotificationEvent, FALSE));
        // SAFETY: an event of the test.
        unsafe { (*object.get()).Header.Type = 4 };
        wait(&object, None);
    });
    assert_names(&report, &rule::DISPATCHER_OBJECT, &format!("{name} of type 4"));
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_event_in_paged_pool() {
    let report = bug_check(|| {
        let block: *mut KEVENT = kernel!(ExAllocatePool2(POOL_FLAG_PAGED, 64, tag(*b"Page"))).cast();
        kernel!(KeInitializeEvent(block, NotificationEvent, FALSE));
    });
    assert_names(&report, &rule::OBJECT_IN_PAGED_POOL, "64 bytes, tag 'Page', which is paged");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_wait_that_takes_too_long() {
    let config = Config { wait_limit: Some(Duration::from_millis(50)), ..Config::default() };
    let machine = Machine::boot(config);
    let object = Event::zeroed();
    let name = object.name();
    let report = machine.catch_bug_check(move || {
        kernel!(KeInitializeEvent(object.get(), NotificationEvent, FALSE));
        wait(&object, None);
    });
    assert_names(&report.unwrap_err(), &rule::WAIT_TOO_LONG, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_event_is_initialised_while_a_thread_waits_for_it() {
    let object = Event::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeEvent(object.get(), NotificationEvent, FALSE));
        let shared = common::Address::new(object.get());
        let _waiter = Machine::current().spawn("waiter", move || {
            kernel!(KeWaitForSingleObject(shared.get().cast(), Executive, KernelMode, FALSE, ptr::null()))
        });
        loop {
            // As often as it takes until the thread waits.
            kernel!(KeInitializeEvent(object.get(), NotificationEvent, FALSE));
            std::thread::yield_now();
        }
    });
    assert_names(&report, &rule::OBJECT_INITIALIZED_IN_USE, &name);
}
