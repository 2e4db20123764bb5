//! The thread in which a driver is asked to close a file.
#![expect(unsafe_code, reason = "the driver's side is written in terms of the kernel's C interface")]

use std::sync::Mutex;
use std::thread::{self, ThreadId};

use crate::io::{self, BUFFERED, LONG, complete, finish, mark_pending, open, probe};
use ntos::Config;
use readings::{CloseThread, Readings};
use wsk_sys::{
    DEVICE_OBJECT, DISPATCH_LEVEL, IRP, IRP_MJ_CLOSE, KeLowerIrql, KfRaiseIrql, NTSTATUS, PASSIVE_LEVEL,
    STATUS_PENDING, STATUS_SUCCESS,
};

/// Keeps a request pending.
fn hold(irp: *mut IRP) -> NTSTATUS {
    mark_pending(irp);
    probe().hold(irp);
    STATUS_PENDING
}

/// The thread in which the driver was asked to close.
static CLOSER: Mutex<Option<ThreadId>> = Mutex::new(None);

unsafe extern "system" fn close(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    *CLOSER.lock().unwrap() = Some(thread::current().id());
    complete(irp, STATUS_SUCCESS, 0)
}

/// The thread that completes the last request of a closed file closes it, where that is the reading; but above
/// `PASSIVE_LEVEL` none may.
#[test]
fn the_thread_of_a_close_is_that_of_the_reading() {
    for (reading, irql, own) in [
        (CloseThread::System, PASSIVE_LEVEL, false),
        (CloseThread::Completing, PASSIVE_LEVEL, true),
        (CloseThread::Completing, DISPATCH_LEVEL, false),
    ] {
        let readings = Readings::STRICT.with(reading);
        let (machine, driver) = io::boot_with(Config { readings, ..Config::default() });
        let entered = machine.enter();
        io::set_major(driver.object(), IRP_MJ_CLOSE, close);
        probe().handle(hold);
        let file = open(&machine);
        let request = file.begin(BUFFERED, vec![0; 4], vec![0; 4]);
        file.close();
        // SAFETY: the level is lowered again below.
        let previous = unsafe { KfRaiseIrql(irql) };
        complete(probe().next_held(), STATUS_SUCCESS, 0);
        // SAFETY: the level that it was.
        unsafe { KeLowerIrql(previous) };
        assert_eq!(request.wait_for(LONG).expect("completed").status, STATUS_SUCCESS);
        drop(entered);
        finish(machine, driver);
        let closer = CLOSER.lock().unwrap().take().expect("the driver was asked");
        assert_eq!(closer == thread::current().id(), own, "{reading:?} at IRQL {irql}");
    }
}
