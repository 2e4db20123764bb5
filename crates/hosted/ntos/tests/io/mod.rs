//! A small WDM driver for the tests of the I/O manager, and what the tests need around it.
//!
//! What the driver does with a control request is decided by each test: it sets a handler. Everything else is
//! fixed: the device `\Device\Probe`, its link, and a record of the requests that came.
#![expect(unsafe_code, reason = "a driver is written in terms of the kernel's C interface")]
#![allow(dead_code, reason = "each test binary uses a part of this")]

pub(crate) mod csq;

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ntos::{BugCheck, Config, Driver, File, Machine, Rule, SpecialPool, Token};
use wsk_sys::{
    CTL_CODE, DEVICE_OBJECT, DO_BUFFERED_IO, DO_DIRECT_IO, DRIVER_DISPATCH, DRIVER_OBJECT, FILE_ANY_ACCESS,
    FILE_DEVICE_UNKNOWN, IO_NO_INCREMENT, IO_STACK_DEVICE_IO_CONTROL, IO_STACK_READ_WRITE, IO_STATUS_BLOCK,
    IRP, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE,
    IoCreateDevice, IoCreateSymbolicLink, IoDeleteDevice, IoDeleteSymbolicLink, IoGetCurrentIrpStackLocation,
    IoMarkIrpPending, IoSetCancelRoutine, IofCompleteRequest, METHOD_BUFFERED, NTSTATUS, PCUNICODE_STRING,
    PVOID, STATUS_SUCCESS, UNICODE_STRING,
};

pub(crate) const DEVICE: &str = r"\Device\Probe";
pub(crate) const LINK: &str = r"\DosDevices\Probe";
pub(crate) const PATH: &str = r"\\.\Probe";
/// Read and write.
pub(crate) const ACCESS: u32 = 0xC000_0000;
/// A buffered control code without requirements.
pub(crate) const BUFFERED: u32 = CTL_CODE(0x8000, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS);
/// More than any wait here takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Long enough for something that must not happen to happen.
pub(crate) const SHORT: Duration = Duration::from_millis(30);

/// What a test lets the driver do with a control request.
pub(crate) type Handler = fn(*mut IRP) -> NTSTATUS;

/// The driver's state, one per machine.
pub(crate) struct Probe {
    pub(crate) handler: Mutex<Handler>,
    /// The status with which creates are completed.
    pub(crate) create: Mutex<NTSTATUS>,
    /// The major functions that came, in order.
    pub(crate) seen: Mutex<Vec<u8>>,
    pub(crate) unloaded: Mutex<bool>,
    held: Mutex<Vec<Held>>,
    arrived: Condvar,
    pub(crate) device: Mutex<Option<Device>>,
}

/// An IRP that the driver keeps.
struct Held(*mut IRP);
// SAFETY: the list's lock decides who has the IRP.
unsafe impl Send for Held {}

/// The driver's device.
#[derive(Clone, Copy)]
pub(crate) struct Device(pub(crate) *mut DEVICE_OBJECT);
// SAFETY: only the address is used.
unsafe impl Send for Device {}

pub(crate) fn probe() -> Arc<Probe> {
    Machine::current().extension(|| Probe {
        handler: Mutex::new(|irp| complete(irp, STATUS_SUCCESS, 0)),
        create: Mutex::new(STATUS_SUCCESS),
        seen: Mutex::default(),
        unloaded: Mutex::default(),
        held: Mutex::default(),
        arrived: Condvar::new(),
        device: Mutex::default(),
    })
}

impl Probe {
    pub(crate) fn handle(&self, handler: Handler) {
        *self.handler.lock().unwrap() = handler;
    }

    pub(crate) fn seen(&self) -> Vec<u8> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn hold(&self, irp: *mut IRP) {
        self.held.lock().unwrap().push(Held(irp));
        self.arrived.notify_all();
    }

    /// Takes an IRP out of the list, if it is (still) there.
    pub(crate) fn take(&self, irp: *mut IRP) -> bool {
        let mut held = self.held.lock().unwrap();
        let before = held.len();
        held.retain(|entry| entry.0 != irp);
        held.len() != before
    }

    /// The oldest IRP that is held, when there is one.
    pub(crate) fn next_held(&self) -> *mut IRP {
        let held = self.held.lock().unwrap();
        let (mut held, timeout) =
            self.arrived.wait_timeout_while(held, LONG, |held| held.is_empty()).unwrap();
        assert!(!timeout.timed_out(), "no request arrived");
        held.remove(0).0
    }

    /// Takes the oldest IRP that is not being cancelled, as its only owner.
    pub(crate) fn claim(&self) -> Option<*mut IRP> {
        let mut held = self.held.lock().unwrap();
        // SAFETY: an IRP in the list is not complete: whoever completes it takes it out first.
        let index = held.iter().position(|entry| unsafe { IoSetCancelRoutine(entry.0, None) }.is_some())?;
        Some(held.remove(index).0)
    }

    pub(crate) fn held(&self) -> usize {
        self.held.lock().unwrap().len()
    }
}

/// A string for the kernel, which must not outlive the text.
pub(crate) struct Text(Vec<u16>);

impl Text {
    pub(crate) fn new(text: &str) -> Text {
        Text(text.encode_utf16().collect())
    }

    pub(crate) fn raw(&self) -> UNICODE_STRING {
        let bytes = u16::try_from(self.0.len() * 2).unwrap();
        UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: self.0.as_ptr().cast_mut() }
    }
}

/// Makes the probe's device and link.
pub(crate) fn create_device(driver: *mut DRIVER_OBJECT, exclusive: bool) -> NTSTATUS {
    let (name, link) = (Text::new(DEVICE), Text::new(LINK));
    let (name, link) = (name.raw(), link.raw());
    let mut device = std::ptr::null_mut();
    // SAFETY: strings and a variable of this frame.
    let status = unsafe {
        IoCreateDevice(
            driver,
            64,
            &raw const name,
            FILE_DEVICE_UNKNOWN,
            0,
            u8::from(exclusive),
            &raw mut device,
        )
    };
    if status != STATUS_SUCCESS {
        return status;
    }
    // SAFETY: strings of this frame.
    let status = unsafe { IoCreateSymbolicLink(&raw const link, &raw const name) };
    if status != STATUS_SUCCESS {
        // SAFETY: the device made above.
        unsafe { IoDeleteDevice(device) };
        return status;
    }
    *probe().device.lock().unwrap() = Some(Device(device));
    STATUS_SUCCESS
}

pub(crate) fn delete_link() -> NTSTATUS {
    let link = Text::new(LINK);
    let link = link.raw();
    // SAFETY: a string of this frame.
    unsafe { IoDeleteSymbolicLink(&raw const link) }
}

pub(crate) fn delete_device() {
    if let Some(device) = probe().device.lock().unwrap().take() {
        // SAFETY: the device made by `create_device`, once.
        unsafe { IoDeleteDevice(device.0) };
    }
}

pub(crate) fn set_major(driver: *mut DRIVER_OBJECT, major: u8, routine: DRIVER_DISPATCH) {
    // SAFETY: the driver object of a DriverEntry in progress.
    let table = unsafe { &raw mut (*driver).MajorFunction };
    let slot = table.cast::<Option<DRIVER_DISPATCH>>().wrapping_add(usize::from(major));
    // SAFETY: the driver object of a DriverEntry in progress; the major function is one of the table's.
    unsafe { slot.write(Some(routine)) };
}

fn fill(driver: *mut DRIVER_OBJECT) {
    set_major(driver, IRP_MJ_CREATE, create);
    set_major(driver, IRP_MJ_CLEANUP, succeed);
    set_major(driver, IRP_MJ_CLOSE, succeed);
    set_major(driver, IRP_MJ_DEVICE_CONTROL, control);
    // SAFETY: the driver object of a DriverEntry in progress.
    unsafe { (*driver).DriverUnload = Some(unload) };
}

pub(crate) unsafe extern "system" fn entry(driver: *mut DRIVER_OBJECT, _path: PCUNICODE_STRING) -> NTSTATUS {
    fill(driver);
    create_device(driver, false)
}

pub(crate) unsafe extern "system" fn exclusive_entry(
    driver: *mut DRIVER_OBJECT,
    _path: PCUNICODE_STRING,
) -> NTSTATUS {
    fill(driver);
    create_device(driver, true)
}

/// Like `entry`, but the driver cannot be unloaded.
pub(crate) unsafe extern "system" fn permanent_entry(
    driver: *mut DRIVER_OBJECT,
    path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: called with what this was called with.
    let status = unsafe { entry(driver, path) };
    // SAFETY: the driver object of a DriverEntry in progress.
    unsafe { (*driver).DriverUnload = None };
    status
}

/// Like `entry`, for reads and writes, which the handler gets, too; the device has these flags.
fn transfers(driver: *mut DRIVER_OBJECT, flags: u32) -> NTSTATUS {
    fill(driver);
    set_major(driver, IRP_MJ_READ, control);
    set_major(driver, IRP_MJ_WRITE, control);
    let status = create_device(driver, false);
    let device = probe().device.lock().unwrap().expect("the device was made").0;
    // SAFETY: the device made above.
    unsafe { (*device).Flags |= flags };
    status
}

pub(crate) unsafe extern "system" fn buffered_entry(
    driver: *mut DRIVER_OBJECT,
    _path: PCUNICODE_STRING,
) -> NTSTATUS {
    transfers(driver, DO_BUFFERED_IO)
}

pub(crate) unsafe extern "system" fn direct_entry(
    driver: *mut DRIVER_OBJECT,
    _path: PCUNICODE_STRING,
) -> NTSTATUS {
    transfers(driver, DO_DIRECT_IO)
}

pub(crate) unsafe extern "system" fn neither_entry(
    driver: *mut DRIVER_OBJECT,
    _path: PCUNICODE_STRING,
) -> NTSTATUS {
    transfers(driver, 0)
}

/// The parameters of a read or write.
pub(crate) fn transfer(irp: *mut IRP) -> IO_STACK_READ_WRITE {
    // SAFETY: the IRP was sent to the caller.
    let location = unsafe { IoGetCurrentIrpStackLocation(irp) };
    // SAFETY: the IRP was sent to the caller.
    let parameters = unsafe { &raw const (*location).Parameters };
    // SAFETY: the variant of a read or write.
    unsafe { parameters.cast::<IO_STACK_READ_WRITE>().read() }
}

unsafe extern "system" fn unload(_driver: *mut DRIVER_OBJECT) {
    *probe().unloaded.lock().unwrap() = true;
    delete_link();
    delete_device();
}

unsafe extern "system" fn create(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    let probe = probe();
    probe.seen.lock().unwrap().push(IRP_MJ_CREATE);
    let status = *probe.create.lock().unwrap();
    complete(irp, status, 0)
}

unsafe extern "system" fn succeed(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the IRP was sent here.
    let location = unsafe { IoGetCurrentIrpStackLocation(irp) };
    // SAFETY: the IRP was sent here.
    let major = unsafe { (*location).MajorFunction };
    probe().seen.lock().unwrap().push(major);
    complete(irp, STATUS_SUCCESS, 0)
}

unsafe extern "system" fn control(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    let handler = *probe().handler.lock().unwrap();
    handler(irp)
}

/// Completes the IRP, and returns its status.
pub(crate) fn complete(irp: *mut IRP, status: NTSTATUS, information: usize) -> NTSTATUS {
    set_status(irp, status, information);
    // SAFETY: the tests complete what was sent to them, or break a rule that is checked before any access.
    unsafe { IofCompleteRequest(irp, IO_NO_INCREMENT) };
    status
}

pub(crate) fn set_status(irp: *mut IRP, status: NTSTATUS, information: usize) {
    // SAFETY: the IRP is the caller's.
    unsafe { (*irp).IoStatus = IO_STATUS_BLOCK { Status: status, Information: information } };
}

pub(crate) fn mark_pending(irp: *mut IRP) {
    // SAFETY: the IRP was sent to the caller.
    unsafe { IoMarkIrpPending(irp) };
}

/// The parameters of a control request.
pub(crate) fn parameters(irp: *mut IRP) -> IO_STACK_DEVICE_IO_CONTROL {
    // SAFETY: the IRP was sent to the caller.
    let location = unsafe { IoGetCurrentIrpStackLocation(irp) };
    // SAFETY: the IRP was sent to the caller.
    let parameters = unsafe { &raw const (*location).Parameters };
    // SAFETY: the variant of a control request.
    unsafe { parameters.cast::<IO_STACK_DEVICE_IO_CONTROL>().read() }
}

pub(crate) fn system_buffer(irp: *mut IRP) -> *mut u8 {
    // SAFETY: the IRP was sent to the caller.
    let field = unsafe { &raw const (*irp).AssociatedIrp };
    // SAFETY: the variant of a buffered request.
    unsafe { field.cast::<PVOID>().read() }.cast()
}

/// A machine with the probe loaded.
pub(crate) fn boot() -> (Machine, Driver) {
    boot_with(Config::default())
}

/// The same, on a machine with this configuration.
pub(crate) fn boot_with(config: Config) -> (Machine, Driver) {
    let machine = Machine::boot(config);
    let driver = machine.load_driver("probe", entry).expect("the probe loads");
    (machine, driver)
}

pub(crate) fn open(machine: &Machine) -> File {
    machine.process(Token::User).create_file(PATH, ACCESS).expect("the probe opens")
}

/// Ends a test in which nothing went wrong: unloads, and looks for leaks.
pub(crate) fn finish(machine: Machine, driver: Driver) {
    driver.unload_within(LONG).expect("the probe unloads");
    drop(driver);
    machine.shutdown();
}

/// The driver of a machine on which something is about to go wrong.
struct Loaded(Mutex<Option<Driver>>);

/// Unloads that driver.
pub(crate) fn unload_probe(machine: &Machine) {
    let loaded = machine.extension(|| Loaded(Mutex::default()));
    let driver = loaded.0.lock().unwrap().take().expect("the probe is loaded");
    driver.unload().expect("the probe unloads");
}

/// Runs `test` on a machine with the probe loaded, and expects it to break `rule`; `object` must be in the report.
#[track_caller]
pub(crate) fn expect_violation(
    rule: &Rule,
    object: &str,
    test: impl FnOnce(Machine) + Send + 'static,
) -> BugCheck {
    expect_violation_with(SpecialPool::default(), rule, object, test)
}

/// The same, on a machine whose blocks lie where this says.
#[track_caller]
pub(crate) fn expect_violation_with(
    special_pool: SpecialPool,
    rule: &Rule,
    object: &str,
    test: impl FnOnce(Machine) + Send + 'static,
) -> BugCheck {
    let (machine, driver) = boot_with(Config { special_pool, ..Config::default() });
    let inner = machine.clone();
    inner.extension(|| Loaded(Mutex::new(Some(driver))));
    let report =
        machine.catch_bug_check(move || test(inner)).expect_err("the rule was broken and nothing happened");
    assert_eq!(report.rule, *rule, "{report}");
    assert!(report.detail.contains(object), "{object:?} is not in: {report}");
    report
}

/// As `expect_violation`, for a handler of a control request that breaks the rule.
#[track_caller]
pub(crate) fn expect_bad_handler(rule: &Rule, object: &str, handler: Handler) {
    expect_violation(rule, object, move |machine| {
        probe().handle(handler);
        let file = open(&machine);
        file.device_io_control(BUFFERED, &[1; 8], &mut [0; 8]);
    });
}
