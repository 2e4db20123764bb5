//! Timers.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Object, assert_names, bug_check, machine};
use ntos::rule;
use wsk_sys::{
    DISPATCH_LEVEL, FALSE, HIGH_LEVEL, KDPC, KEVENT, KTIMER, KeCancelTimer, KeFlushQueuedDpcs,
    KeGetCurrentIrql, KeInitializeDpc, KeInitializeEvent, KeInitializeTimer, KeInitializeTimerEx,
    KeQueryInterruptTime, KeSetTimer, KeSetTimerEx, KeWaitForSingleObject, KfRaiseIrql, NTSTATUS,
    NotificationEvent, NotificationTimer, PVOID, STATUS_SUCCESS, STATUS_TIMEOUT, SynchronizationTimer, TRUE,
};

/// A time that no test waits for.
const FAR: i64 = -36_000_000_000;
/// 10 ms.
const SOON: i64 = -100_000;
/// Longer than what comes takes.
const MINUTE: i64 = -600_000_000;

type Timer = Object<KTIMER>;

fn timer(kind: i32) -> Timer {
    let timer = Timer::zeroed();
    kernel!(KeInitializeTimerEx(timer.get(), kind));
    timer
}

fn set(timer: &Timer, due: i64, period: i32, dpc: *mut KDPC) -> u8 {
    kernel!(KeSetTimerEx(timer.get(), due, period, dpc))
}

fn wait(timer: &Timer, timeout: Option<i64>) -> NTSTATUS {
    let timeout: *const i64 = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    kernel!(KeWaitForSingleObject(timer.get().cast(), 0, 0, FALSE, timeout))
}

unsafe extern "system" fn count(_: *mut KDPC, context: PVOID, _: PVOID, _: PVOID) {
    assert_eq!(kernel!(KeGetCurrentIrql()), DISPATCH_LEVEL);
    let counter: *mut AtomicUsize = context.cast();
    // SAFETY: the test keeps the counter until the DPC has run.
    unsafe { &*counter }.fetch_add(1, Ordering::SeqCst);
}

#[test]
fn a_timer_expires_after_its_time() {
    let machine = machine();
    let _entered = machine.enter();
    let counter = AtomicUsize::new(0);
    let dpc = Object::<KDPC>::zeroed();
    kernel!(KeInitializeDpc(dpc.get(), count, ptr::from_ref(&counter).cast_mut().cast()));
    let timer = timer(NotificationTimer);
    let start = Instant::now();
    assert_eq!(set(&timer, SOON, 0, dpc.get()), FALSE);
    assert_eq!(wait(&timer, None), STATUS_SUCCESS);
    assert!(start.elapsed() >= Duration::from_millis(10));
    kernel!(KeFlushQueuedDpcs());
    assert_eq!(counter.load(Ordering::SeqCst), 1);
    // It stays signalled, and setting it takes the signal back.
    assert_eq!(wait(&timer, Some(0)), STATUS_SUCCESS);
    assert_eq!(kernel!(KeCancelTimer(timer.get())), FALSE);
    assert_eq!(set(&timer, FAR, 0, ptr::null_mut()), FALSE);
    assert_eq!(wait(&timer, Some(0)), STATUS_TIMEOUT);
    assert_eq!(kernel!(KeCancelTimer(timer.get())), TRUE);
    machine.shutdown();
}

#[test]
fn a_timer_comes_in_time_whatever_the_processor_sleeps_for() {
    let machine = machine();
    let _entered = machine.enter();
    let [far, soon, next] = [(); 3].map(|()| timer(SynchronizationTimer));
    set(&far, FAR, 0, ptr::null_mut());
    // It sleeps for that one by then.
    thread::sleep(Duration::from_millis(20));
    set(&soon, SOON, 0, ptr::null_mut());
    assert_eq!(wait(&soon, Some(MINUTE)), STATUS_SUCCESS);
    // What it sleeps for is cancelled: it looks too early for the next.
    set(&soon, SOON, 0, ptr::null_mut());
    kernel!(KeCancelTimer(soon.get()));
    set(&next, 3 * SOON, 0, ptr::null_mut());
    assert_eq!(wait(&next, Some(MINUTE)), STATUS_SUCCESS);
    assert_eq!(kernel!(KeCancelTimer(far.get())), TRUE);
    machine.shutdown();
}

#[test]
fn cancel_says_whether_the_timer_was_set() {
    let machine = machine();
    let _entered = machine.enter();
    let timer = timer(SynchronizationTimer);
    assert_eq!(kernel!(KeCancelTimer(timer.get())), FALSE);
    assert_eq!(set(&timer, FAR, 0, ptr::null_mut()), FALSE);
    assert_eq!(set(&timer, FAR, 0, ptr::null_mut()), TRUE);
    assert_eq!(kernel!(KeCancelTimer(timer.get())), TRUE);
    assert_eq!(kernel!(KeCancelTimer(timer.get())), FALSE);
    machine.shutdown();
}

#[test]
fn a_synchronization_timer_releases_one_wait() {
    let machine = machine();
    let _entered = machine.enter();
    let timer = timer(SynchronizationTimer);
    set(&timer, SOON, 0, ptr::null_mut());
    assert_eq!(wait(&timer, None), STATUS_SUCCESS);
    assert_eq!(wait(&timer, Some(0)), STATUS_TIMEOUT);
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "reads the time of day")]
#[test]
fn a_timer_set_to_a_time_long_past_is_due_at_once() {
    let machine = machine();
    let _entered = machine.enter();
    let timer = timer(NotificationTimer);
    set(&timer, 1, 0, ptr::null_mut());
    assert_eq!(wait(&timer, None), STATUS_SUCCESS);
    machine.shutdown();
}

#[test]
fn a_periodic_timer_expires_until_it_is_cancelled() {
    let machine = machine();
    let _entered = machine.enter();
    let counter = AtomicUsize::new(0);
    let dpc = Object::<KDPC>::zeroed();
    kernel!(KeInitializeDpc(dpc.get(), count, ptr::from_ref(&counter).cast_mut().cast()));
    let timer = timer(NotificationTimer);
    set(&timer, SOON, 1, dpc.get());
    while counter.load(Ordering::SeqCst) < 3 {
        std::thread::yield_now();
    }
    assert_eq!(kernel!(KeCancelTimer(timer.get())), TRUE, "a periodic timer is always set");
    kernel!(KeFlushQueuedDpcs());
    let count = counter.load(Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(counter.load(Ordering::SeqCst), count);
    machine.shutdown();
}

#[test]
fn interrupt_time_counts_from_boot() {
    let machine = machine();
    let _entered = machine.enter();
    let before = kernel!(KeQueryInterruptTime());
    std::thread::sleep(Duration::from_millis(5));
    let after = kernel!(KeQueryInterruptTime());
    assert!(after - before >= 50_000, "{before} {after}");
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn something_that_is_no_timer() {
    let object = Timer::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeCancelTimer(object.get()));
    });
    assert_names(&report, &rule::DISPATCHER_OBJECT, &name);
    let object = Timer::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(KeInitializeEvent(object.get().cast::<KEVENT>(), NotificationEvent, FALSE));
        set(&object, FAR, 0, ptr::null_mut());
    });
    assert_names(&report, &rule::DISPATCHER_OBJECT, &format!("{name} of type 0, which is no timer"));
    let dpc = Object::<KDPC>::zeroed();
    let name = dpc.name();
    let report = bug_check(move || {
        set(&timer(NotificationTimer), FAR, 0, dpc.get());
    });
    assert_names(&report, &rule::DPC_NOT_INITIALIZED, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn calls_above_dispatch_level() {
    let report = bug_check(|| {
        let timer = timer(NotificationTimer);
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        set(&timer, FAR, 0, ptr::null_mut());
    });
    assert_names(&report, &rule::IRQL_KE_DISPATCH_LTE, "KeSetTimerEx");
    let report = bug_check(|| {
        let timer = timer(NotificationTimer);
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        kernel!(KeCancelTimer(timer.get()));
    });
    assert_names(&report, &rule::IRQL_KE_DISPATCH_LTE, "KeCancelTimer");
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        timer(NotificationTimer);
    });
    assert_names(&report, &rule::IRQL_KE_DISPATCH_LTE, "KeInitializeTimerEx");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_timer_left_set() {
    let machine = machine();
    let other = machine.clone();
    let object = Timer::zeroed();
    let name = object.name();
    let report = machine.catch_bug_check(move || {
        kernel!(KeInitializeTimerEx(object.get(), NotificationTimer));
        set(&object, FAR, 0, ptr::null_mut());
        other.shutdown();
    });
    assert_names(&report.unwrap_err(), &rule::TIMER_LEFT, &name);
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_timer_is_initialised_while_it_is_set() {
    let timer = Timer::zeroed();
    let name = timer.name();
    let report = bug_check(move || {
        kernel!(KeInitializeTimerEx(timer.get(), NotificationTimer));
        set(&timer, FAR, 0, ptr::null_mut());
        kernel!(KeInitializeTimerEx(timer.get(), NotificationTimer));
    });
    assert_names(&report, &rule::TIMER_INITIALIZED_SET, &name);
}

#[test]
fn the_short_forms_make_a_notification_timer_that_expires_once() {
    let machine = machine();
    let _entered = machine.enter();
    let timer = Timer::zeroed();
    kernel!(KeInitializeTimer(timer.get()));
    assert_eq!(kernel!(KeSetTimer(timer.get(), FAR, ptr::null_mut())), FALSE);
    assert_eq!(kernel!(KeSetTimer(timer.get(), SOON, ptr::null_mut())), TRUE, "it was set");
    assert_eq!(wait(&timer, None), STATUS_SUCCESS);
    // A synchronization timer's signal would be gone, and one with a period would be set.
    assert_eq!(wait(&timer, Some(0)), STATUS_SUCCESS);
    assert_eq!(kernel!(KeSetTimer(timer.get(), FAR, ptr::null_mut())), FALSE);
    kernel!(wsk_sys::KeCancelTimer(timer.get()));
}
