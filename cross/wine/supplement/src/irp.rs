//! A driver's own IRPs. Wine's `IoFreeIrp` frees the MDLs of an IRP too, which are not the IRP's.
#![expect(unsafe_code, reason = "functions of the kernel's C names")]

use std::collections::BTreeSet;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hosted_rule::Broken;
use hosted_rule::report::violation;
use wsk_sys::{BOOLEAN, CCHAR, IRP};

use crate::rules::{IRP_FREED_IN_USE, IRP_FREED_TWICE};

static IRPS: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

fn irps() -> MutexGuard<'static, BTreeSet<usize>> {
    IRPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The IRPs that drivers have not freed.
#[must_use]
pub fn left() -> Vec<String> {
    irps().iter().map(|irp| format!("the IRP at {irp:#x}")).collect()
}

pub(crate) unsafe extern "system" fn IoAllocateIrp(StackSize: CCHAR, ChargeQuota: BOOLEAN) -> *mut IRP {
    // SAFETY: passed on.
    let irp = unsafe { wsk_sys::IoAllocateIrp(StackSize, ChargeQuota) };
    if !irp.is_null() {
        irps().insert(irp.addr());
    }
    irp
}

pub(crate) unsafe extern "system" fn IoFreeIrp(Irp: *mut IRP) {
    if !irps().remove(&Irp.addr()) {
        let detail = format!("IoFreeIrp of {Irp:p}, which is no IRP of a driver, or is free already");
        violation(&Broken::new(&IRP_FREED_TWICE, detail));
    }
    // SAFETY: the caller's IRP.
    let locations = unsafe { (*Irp).StackCount };
    // SAFETY: the caller's IRP.
    let current = unsafe { (*Irp).CurrentLocation };
    if current <= locations {
        let detail = format!("IoFreeIrp of {Irp:p}, which was sent and is not completed");
        violation(&Broken::new(&IRP_FREED_IN_USE, detail));
    }
    // SAFETY: the caller's IRP.
    unsafe { (*Irp).MdlAddress = ptr::null_mut() };
    // SAFETY: the caller's IRP.
    unsafe { wsk_sys::IoFreeIrp(Irp) };
}
