//! KMDF for loom: one driver, its control device and its queue, handles, requests, and one work item.
//!
//! It does what the pages of its functions allow and no more: an object's memory is gone with its last reference, a request
//! is completed once and not while it is cancelable, `EvtRequestCancel` runs in the thread that cancels. What is used at the
//! same time as it goes, fails the model.

pub mod functions;
mod object;
mod user;

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

use kmdf::{
    PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL, PFN_WDF_WORKITEM, WDF_FILEOBJECT_CONFIG, WDF_OBJECT_ATTRIBUTES,
};
use loom::sync::{Condvar, Mutex};
use loom::thread::{self, JoinHandle};
use wsk_sys::{NTSTATUS, STATUS_SUCCESS};

use crate::kernel::kernel;
use object::{Object, Part};
pub use user::{Handle, Request};

/// The framework of one execution.
#[derive(Default)]
pub struct Framework {
    /// Never given back within an execution: a handle's number is its place.
    objects: RefCell<Vec<Rc<Object>>>,
    driver: Cell<Option<usize>>,
    device: Cell<Option<usize>>,
    unload: RefCell<kmdf::PFN_WDF_DRIVER_UNLOAD>,
    files: RefCell<Option<(WDF_FILEOBJECT_CONFIG, WDF_OBJECT_ATTRIBUTES)>>,
    requests: RefCell<Option<WDF_OBJECT_ATTRIBUTES>>,
    control: Cell<PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL>,
    routine: Cell<(Option<usize>, PFN_WDF_WORKITEM)>,
    work: Mutex<Work>,
    /// The work item was enqueued or has ended, or a request was completed.
    changed: Condvar,
    /// A thread of the model runs the work item; else those that wait do.
    has_worker: Cell<bool>,
    finished: Cell<bool>,
}

#[derive(Default)]
struct Work {
    enqueued: bool,
    running: usize,
    stopped: bool,
}

/// A driver's `DriverEntry`.
pub type Entry = unsafe extern "system" fn(kmdf::PDRIVER_OBJECT, kmdf::PCUNICODE_STRING) -> NTSTATUS;

/// Loads the driver.
pub fn load(entry: Entry) {
    // SAFETY: DriverEntry's contract; its arguments are only passed on, to `WdfDriverCreate`.
    let status = unsafe { entry(ptr::null_mut(), ptr::null_mut()) };
    assert_eq!(status, STATUS_SUCCESS, "DriverEntry");
    assert!(kernel().framework.finished.get(), "the device was not finished");
}

/// Unloads the driver: every handle is closed.
pub fn unload() {
    let kernel = kernel();
    let framework = &kernel.framework;
    for object in framework.objects.borrow().iter() {
        if let Part::File(file) = &object.part {
            assert_eq!(file.state.lock().unwrap().users, 0, "unloaded with an open handle");
        }
    }
    let driver = framework.driver.get().expect("a driver is loaded");
    let unload = framework.unload.borrow().expect("EvtDriverUnload");
    // SAFETY: called as the framework calls it.
    unsafe { unload(handle(driver)) };
    let mut work = framework.work.lock().unwrap();
    assert!(!work.enqueued && work.running == 0, "the work item outlives the driver");
    work.stopped = true;
    framework.changed.notify_all();
    drop(work);
    if let (Some(item), _) = framework.routine.get() {
        framework.object(item).dereference();
    }
    framework.object(driver).dereference();
    for object in framework.objects.borrow().iter() {
        let goes = !matches!(object.part, Part::Device);
        assert!(!goes || object.is_gone(), "{} outlives the driver", object.kind());
    }
}

/// A thread of the system that runs the work item, until the driver is unloaded.
pub fn spawn_worker() -> JoinHandle<()> {
    kernel().framework.has_worker.set(true);
    thread::spawn(|| {
        let kernel = kernel();
        let framework = &kernel.framework;
        loop {
            let mut work = framework.work.lock().unwrap();
            while !work.enqueued && !work.stopped {
                work = framework.changed.wait(work).unwrap();
            }
            if !work.enqueued {
                return;
            }
            work.enqueued = false;
            work.running += 1;
            drop(work);
            framework.run();
        }
    })
}

impl Framework {
    fn add(&self, part: Part, attributes: Option<&WDF_OBJECT_ATTRIBUTES>) -> usize {
        let mut objects = self.objects.borrow_mut();
        let number = objects.len();
        objects.push(Rc::new(Object::new(number, part, attributes)));
        number
    }

    fn object(&self, number: usize) -> Rc<Object> {
        Rc::clone(self.objects.borrow().get(number).expect("a handle of the framework's"))
    }

    /// Calls the work item's routine, for who has counted that it runs.
    fn run(&self) {
        let (Some(item), Some(routine)) = self.routine.get() else { panic!("there is no work item") };
        // SAFETY: called as the framework calls it.
        unsafe { routine(handle(item)) };
        self.work.lock().unwrap().running -= 1;
        self.changed.notify_all();
    }

    /// Waits until `done`, which is asked under the lock of the work. Without a worker, this thread does its work meanwhile.
    fn wait_until(&self, done: impl Fn(&Work) -> bool) {
        let mut work = self.work.lock().unwrap();
        while !done(&work) {
            if work.enqueued && !self.has_worker.get() {
                work.enqueued = false;
                work.running += 1;
                drop(work);
                self.run();
                work = self.work.lock().unwrap();
            } else {
                work = self.changed.wait(work).unwrap();
            }
        }
    }
}

/// The handle with this number.
fn handle<T>(number: usize) -> *mut T {
    ptr::without_provenance_mut((number + 1) << 4)
}

/// The object of a handle.
fn object<T>(handle: *mut T) -> Rc<Object> {
    let number = (handle.addr() >> 4).checked_sub(1).expect("a handle");
    kernel().framework.object(number)
}
