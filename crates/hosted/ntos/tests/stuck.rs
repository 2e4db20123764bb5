//! Waits that do not end: each is a bug check that names what was waited for, and what is in flight.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::common::{self, Object, assert_names};
use crate::io::{self, ACCESS, BUFFERED, PATH, complete, entry, mark_pending, open, probe};
use ntos::io_rules as rules;
use ntos::{BugCheck, Config, Driver, Machine, Token, rule};
use wsk_sys::{
    DEVICE_OBJECT, DRIVER_OBJECT, DelayedWorkQueue, FALSE, IRP, IoAllocateWorkItem, IoQueueWorkItem, KDPC,
    KEVENT, KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeDelayExecutionThread, KeFlushQueuedDpcs,
    KeGetCurrentIrql, KeInitializeDpc, KeInitializeEvent, KeInsertQueueDpc, KeReleaseSpinLock,
    KeWaitForSingleObject, NTSTATUS, NamedStatus, NotificationEvent, PCUNICODE_STRING, PVOID,
    STATUS_IO_TIMEOUT, STATUS_PENDING, STATUS_SUCCESS,
};

const LIMIT: Duration = Duration::from_millis(50);

fn impatient() -> Machine {
    Machine::boot(Config { hang_limit: LIMIT, request_limit: LIMIT, ..Config::default() })
}

fn load(machine: &Machine) -> Driver {
    machine.load_driver("probe", entry).expect("the probe loads")
}

/// The bug check of an impatient machine with the probe loaded.
fn stuck(test: impl FnOnce(Machine, Driver) + Send + 'static) -> BugCheck {
    stuck_on(&impatient(), test)
}

/// The bug check of the machine with the probe loaded.
fn stuck_on(machine: &Machine, test: impl FnOnce(Machine, Driver) + Send + 'static) -> BugCheck {
    let inner = machine.clone();
    let result = machine.catch_bug_check(move || {
        let driver = load(&inner);
        test(inner, driver);
    });
    result.expect_err("the wait does not end")
}

/// Keeps the request, and tells nobody.
fn keep(irp: *mut IRP) -> NTSTATUS {
    mark_pending(irp);
    probe().hold(irp);
    STATUS_PENDING
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_unload_names_the_request_that_its_driver_forgot() {
    let report = stuck(|machine, driver| {
        probe().handle(keep);
        let file = open(&machine);
        drop(file.begin(BUFFERED, vec![], vec![]));
        file.close();
        let _ = driver.unload();
    });
    assert_names(&report, &rules::UNLOAD_STUCK, "the unload of probe");
    assert!(report.detail.contains(r"IRP_MJ_DEVICE_CONTROL 0x80002000 to \\.\Probe"), "{report}");
    assert!(!report.detail.contains("a handle"), "the handle is closed: {report}");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_unload_names_the_handle_that_is_open() {
    let report = stuck(|machine, driver| {
        let process = machine.process(Token::User);
        let _file = process.create_file(PATH, ACCESS).expect("the probe opens");
        let _ = driver.unload();
    });
    assert_names(&report, &rules::UNLOAD_STUCK, r"a handle to \\.\Probe in process 8");
}

#[test]
fn an_unload_with_a_limit_of_its_own_gives_up() {
    let machine = impatient();
    let driver = load(&machine);
    let file = open(&machine);
    assert_eq!(driver.unload_within(LIMIT), Err(NamedStatus(STATUS_IO_TIMEOUT)));
    file.close();
    // No time on the host's clock is so far away: this is without a limit.
    assert_eq!(driver.unload_within(Duration::MAX), Ok(()));
    machine.shutdown();
}

#[test]
fn an_unload_waits_for_a_handle_that_is_closed_in_time() {
    let (machine, driver) = io::boot();
    let file = open(&machine);
    let (begun, begins) = mpsc::channel();
    let closer = machine.spawn("closer", move || {
        begins.recv().expect("the unload begins");
        file.close();
    });
    begun.send(()).expect("the closer waits");
    assert_eq!(driver.unload(), Ok(()));
    closer.join().expect("the closer returns");
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_process_names_the_request_that_it_waits_for() {
    fn kept(machine: &Machine) -> ntos::File {
        probe().handle(keep);
        open(machine)
    }
    // Patient with the driver, which may take its time on a busy host.
    let machine = || Machine::boot(Config { request_limit: LIMIT, ..Config::default() });
    let report = stuck_on(&machine(), |machine, _driver| {
        kept(&machine).device_io_control(BUFFERED, &[], &mut []);
    });
    assert_names(&report, &rules::REQUEST_STUCK, r"IRP_MJ_DEVICE_CONTROL 0x80002000 to \\.\Probe");
    let report = stuck_on(&machine(), |machine, _driver| {
        let _ = kept(&machine).begin(BUFFERED, vec![], vec![]).wait();
    });
    assert_names(&report, &rules::REQUEST_STUCK, r"IRP_MJ_DEVICE_CONTROL 0x80002000 to \\.\Probe");
}

#[test]
fn a_request_with_a_limit_of_its_own_is_given_back() {
    let machine = impatient();
    let driver = load(&machine);
    let _entered = machine.enter();
    probe().handle(keep);
    let file = open(&machine);
    let request = file.begin(BUFFERED, vec![], vec![]);
    let request = request.wait_for(LIMIT).expect_err("nobody completes it");
    complete(probe().next_held(), STATUS_SUCCESS, 0);
    assert_eq!(request.wait().status, STATUS_SUCCESS);
    file.close();
    io::finish(machine.clone(), driver);
}

/// An event in its initial state, which stays.
fn event() -> Object<KEVENT> {
    let event = Object::zeroed();
    kernel!(KeInitializeEvent(event.get(), NotificationEvent, FALSE));
    event
}

fn wait(event: *mut KEVENT) {
    kernel!(KeWaitForSingleObject(event.cast(), 0, 0, FALSE, ptr::null()));
}

unsafe extern "system" fn waits_in_unload(_driver: *mut DRIVER_OBJECT) {
    wait(event().get());
}

unsafe extern "system" fn entry_of_waiter(driver: *mut DRIVER_OBJECT, _path: PCUNICODE_STRING) -> NTSTATUS {
    // SAFETY: the driver object of a DriverEntry in progress.
    unsafe { (*driver).DriverUnload = Some(waits_in_unload) };
    STATUS_SUCCESS
}

unsafe extern "system" fn delays_in_entry(_driver: *mut DRIVER_OBJECT, _path: PCUNICODE_STRING) -> NTSTATUS {
    kernel!(KeDelayExecutionThread(0, FALSE, ptr::null()))
}

unsafe extern "system" fn waits_in_entry(_driver: *mut DRIVER_OBJECT, _path: PCUNICODE_STRING) -> NTSTATUS {
    wait(event().get());
    STATUS_SUCCESS
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_routine_that_does_not_return_is_named_with_its_wait() {
    let machine = impatient();
    let inner = machine.clone();
    let report = machine.catch_bug_check(move || {
        let driver = inner.load_driver("waiter", entry_of_waiter).expect("it loads");
        let _ = driver.unload();
    });
    let report = report.unwrap_err();
    assert_names(&report, &rules::ROUTINE_STUCK, "DriverUnload of waiter");
    assert!(report.detail.contains("thread \"system\" in KeWaitForSingleObject on 0x"), "{report}");

    let machine = impatient();
    let inner = machine.clone();
    let report = machine.catch_bug_check(move || inner.load_driver("waiter", waits_in_entry).map(drop));
    assert_names(&report.unwrap_err(), &rules::ROUTINE_STUCK, "DriverEntry of waiter");

    let machine = impatient();
    let inner = machine.clone();
    let report = machine.catch_bug_check(move || inner.load_driver("waiter", delays_in_entry).map(drop));
    assert_names(&report.unwrap_err(), &rules::ROUTINE_STUCK, "in KeDelayExecutionThread on 0x");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_spin_lock_that_is_not_released_is_named() {
    let lock = Object::<KSPIN_LOCK>::zeroed();
    let name = lock.name();
    let machine = impatient();
    let inner = machine.clone();
    let report = machine.catch_bug_check(move || {
        let address = lock.name();
        let lock = std::sync::Arc::new(lock);
        let other = std::sync::Arc::clone(&lock);
        let forgets = move || kernel!(KeAcquireSpinLockRaiseToDpc(other.get()));
        inner.spawn("forgets", forgets).join().expect("the thread ends, and keeps the lock");
        kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        address
    });
    assert_names(&report.unwrap_err(), &rule::SPIN_LOCK_STUCK, &name);
}

#[test]
fn a_spin_lock_is_waited_for_as_long_as_it_takes() {
    let machine = common::machine();
    let lock = std::sync::Arc::new(Object::<KSPIN_LOCK>::zeroed());
    let (held, holds) = mpsc::channel();
    let other = std::sync::Arc::clone(&lock);
    let holder = machine.spawn("holder", move || {
        let irql = kernel!(KeAcquireSpinLockRaiseToDpc(other.get()));
        held.send(()).expect("the other thread listens");
        for _ in 0..1000 {
            std::thread::yield_now();
        }
        kernel!(KeReleaseSpinLock(other.get(), irql));
    });
    holds.recv().expect("the lock is held");
    let _entered = machine.enter();
    let irql = kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
    kernel!(KeReleaseSpinLock(lock.get(), irql));
    holder.join().expect("the holder returns");
    machine.clone().shutdown();
}

/// Goes on until the flag in its context is set.
unsafe extern "system" fn goes_on(_: *mut KDPC, context: PVOID, _: PVOID, _: PVOID) {
    let stop: *const AtomicBool = context.cast();
    // SAFETY: a static.
    let stop = unsafe { &*stop };
    while !stop.load(Ordering::Relaxed) {
        kernel!(KeGetCurrentIrql());
        std::thread::yield_now();
    }
}

fn start_dpc(stop: &'static AtomicBool) -> Object<KDPC> {
    let dpc = Object::<KDPC>::zeroed();
    kernel!(KeInitializeDpc(dpc.get(), goes_on, ptr::from_ref(stop).cast_mut().cast()));
    kernel!(KeInsertQueueDpc(dpc.get(), ptr::null_mut(), ptr::null_mut()));
    dpc
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_dpc_that_does_not_return_is_named() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let machine = impatient();
    let (name, named) = mpsc::channel();
    let report = machine.catch_bug_check(move || {
        let dpc = start_dpc(&STOP);
        name.send(dpc.name()).expect("the test listens");
        std::mem::forget(dpc);
        kernel!(KeFlushQueuedDpcs());
    });
    let name = named.recv().expect("the DPC is queued");
    assert_names(&report.unwrap_err(), &rule::DPC_STUCK, &name);
    STOP.store(true, Ordering::Relaxed);
}

/// Goes on until the flag is set, as [`goes_on`].
unsafe extern "system" fn works_on(_device: *mut DEVICE_OBJECT, stop: PVOID) {
    // SAFETY: as there.
    unsafe { goes_on(ptr::null_mut(), stop, ptr::null_mut(), ptr::null_mut()) };
}

#[test]
fn a_lenient_machine_ends_beside_a_work_item_that_goes_on() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let machine = Machine::boot(Config { strict: false, shutdown_limit: LIMIT, ..Config::default() });
    let entered = machine.enter();
    let device = Object::<DEVICE_OBJECT>::zeroed();
    let item = kernel!(IoAllocateWorkItem(device.get()));
    let context = ptr::from_ref(&STOP).cast_mut().cast();
    kernel!(IoQueueWorkItem(item, works_on, DelayedWorkQueue, context));
    drop(entered);
    let log = machine.clone();
    machine.shutdown();
    STOP.store(true, Ordering::Relaxed);
    let said = log.debug_log().iter().any(|line| line.contains("work item 0x") && line.contains("running"));
    assert!(said, "{:?}", log.debug_log());
}
