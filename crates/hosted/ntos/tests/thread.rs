//! System threads and their handles.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::time::Duration;

use crate::common::{Object, assert_names, bug_check, machine};
use ntos::{Config, Machine, rule};
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, FALSE, HANDLE, KEVENT, KSTART_ROUTINE, KeEnterCriticalRegion,
    KeGetCurrentIrql, KeInitializeEvent, KeLowerIrql, KeSetEvent, KeWaitForSingleObject, KfRaiseIrql,
    NTSTATUS, NotificationEvent, PASSIVE_LEVEL, PVOID, PsCreateSystemThread, PsTerminateSystemThread,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    THREAD_ALL_ACCESS, ZwClose,
};

fn create(handle: *mut HANDLE, routine: KSTART_ROUTINE, context: PVOID) -> NTSTATUS {
    let null = ptr::null_mut();
    kernel!(PsCreateSystemThread(handle, THREAD_ALL_ACCESS, ptr::null_mut(), null, null, routine, context))
}

fn start(routine: KSTART_ROUTINE, context: PVOID) -> HANDLE {
    let mut handle = ptr::null_mut();
    assert_eq!(create(&raw mut handle, routine, context), STATUS_SUCCESS);
    assert!(!handle.is_null());
    handle
}

fn close(handle: HANDLE) -> NTSTATUS {
    kernel!(ZwClose(handle))
}

unsafe extern "system" fn set_event(context: PVOID) {
    assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
    assert!(Machine::try_current().is_some());
    kernel!(KeSetEvent(context.cast(), 0, FALSE));
}

unsafe extern "system" fn set_event_and_terminate(context: PVOID) {
    kernel!(KeSetEvent(context.cast(), 0, FALSE));
    kernel!(PsTerminateSystemThread(STATUS_SUCCESS));
    unreachable!("the thread has ended");
}

fn run(routine: KSTART_ROUTINE) {
    let machine = machine();
    let _entered = machine.enter();
    let event = Object::<KEVENT>::zeroed();
    kernel!(KeInitializeEvent(event.get(), NotificationEvent, FALSE));
    let handle = start(routine, event.get().cast());
    assert_eq!(close(handle), STATUS_SUCCESS);
    kernel!(KeWaitForSingleObject(event.get().cast(), 0, 0, FALSE, ptr::null()));
    machine.clone().shutdown();
    let threads = machine.counters().threads;
    assert_eq!((threads.live, threads.total), (0, 1));
}

#[test]
fn a_thread_ends_when_its_routine_returns() {
    run(set_event);
}

#[cfg_attr(miri, ignore = "the host's thread stays")]
#[test]
fn a_thread_ends_itself() {
    run(set_event_and_terminate);
}

#[test]
fn creation_is_a_fault_point() {
    let machine = machine();
    let _entered = machine.enter();
    machine.faults().fail_nth(0);
    let mut handle = ptr::null_mut();
    let status = create(&raw mut handle, set_event, ptr::null_mut());
    assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES);
    assert_eq!(machine.faults().fired(), Some("PsCreateSystemThread"));
    assert_eq!(create(ptr::null_mut(), set_event, ptr::null_mut()), STATUS_INVALID_PARAMETER);
    machine.shutdown();
}

#[test]
fn a_lenient_machine_returns_an_error_for_a_wrong_handle() {
    let config = Config { strict: false, ..Config::default() };
    let machine = Machine::boot(config);
    let _entered = machine.enter();
    assert_eq!(close(ptr::without_provenance_mut(0x40)), STATUS_INVALID_HANDLE);
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_handle_that_is_not_open() {
    let report = bug_check(|| {
        close(ptr::without_provenance_mut(0x40));
    });
    assert_names(&report, &rule::HANDLE_INVALID, "0x40");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_handle_left_open() {
    unsafe extern "system" fn nothing(_: PVOID) {}
    let machine = machine();
    let other = machine.clone();
    let report = machine.catch_bug_check(move || {
        start(nothing, ptr::null_mut());
        other.shutdown();
    });
    assert_names(&report.unwrap_err(), &rule::HANDLE_LEAK, "handle 0x4");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_thread_left_running() {
    unsafe extern "system" fn never_returns(_: PVOID) {
        loop {
            kernel!(KeLowerIrql(PASSIVE_LEVEL));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let config = Config { shutdown_limit: Duration::from_millis(50), ..Config::default() };
    let machine = Machine::boot(config);
    let other = machine.clone();
    let report = machine.catch_bug_check(move || {
        close(start(never_returns, ptr::null_mut()));
        other.shutdown();
    });
    assert_names(&report.unwrap_err(), &rule::THREAD_LEFT, "system thread 1");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_thread_that_ends_changed() {
    unsafe extern "system" fn raises(_: PVOID) {
        kernel!(KfRaiseIrql(APC_LEVEL));
    }
    unsafe extern "system" fn enters_and_terminates(_: PVOID) {
        kernel!(KeEnterCriticalRegion());
        kernel!(PsTerminateSystemThread(STATUS_SUCCESS));
    }
    for (routine, rule) in
        [(raises as KSTART_ROUTINE, &rule::IRQL_RETURN), (enters_and_terminates, &rule::CRITICAL_REGIONS)]
    {
        let machine = machine();
        let other = machine.clone();
        let report = machine.catch_bug_check(move || {
            close(start(routine, ptr::null_mut()));
            other.shutdown();
        });
        assert_names(&report.unwrap_err(), rule, "system thread 1");
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_thread_that_is_not_the_systems() {
    let report = bug_check(|| {
        kernel!(PsTerminateSystemThread(STATUS_SUCCESS));
    });
    assert_names(&report, &rule::THREAD_NOT_SYSTEM, "PsTerminateSystemThread");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn calls_above_passive_level() {
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(APC_LEVEL));
        start(set_event, ptr::null_mut());
    });
    assert_names(&report, &rule::IRQL_PS_PASSIVE, "PsCreateSystemThread");
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        close(ptr::null_mut());
    });
    assert_names(&report, &rule::IRQL_ZW_PASSIVE, "ZwClose");
}
