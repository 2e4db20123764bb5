//! Owning IRPs: allocation, freeing, reuse, cancellation.

use std::ptr;

use ntos::io_rules as rules;
use ntos::rule;
use wsk_sys::{
    DEVICE_OBJECT, HIGH_LEVEL, IRP, IoAllocateIrp, IoCancelIrp, IoFreeIrp, IoInitializeIrp, IoReuseIrp,
    IoSetCancelRoutine, IoSetCompletionRoutine, IoSetNextIrpStackLocation, IoSizeOfIrp, KfRaiseIrql,
    NTSTATUS, PVOID, STATUS_MORE_PROCESSING_REQUIRED, STATUS_SUCCESS,
};

use crate::io::{BUFFERED, complete, open, probe};

pub(crate) fn allocate(stack_size: i8) -> *mut IRP {
    // SAFETY: nothing is asked of the caller.
    unsafe { IoAllocateIrp(stack_size, 0) }
}

pub(crate) fn free(irp: *mut IRP) {
    // SAFETY: the kernel looks the address up before it touches anything.
    unsafe { IoFreeIrp(irp) };
}

pub(crate) fn reuse(irp: *mut IRP) {
    // SAFETY: the kernel looks the address up before it touches anything.
    unsafe { IoReuseIrp(irp, STATUS_SUCCESS) };
}

pub(crate) unsafe extern "system" fn keep(
    _device: *mut DEVICE_OBJECT,
    _irp: *mut IRP,
    _context: PVOID,
) -> NTSTATUS {
    STATUS_MORE_PROCESSING_REQUIRED
}

pub(crate) fn watch(irp: *mut IRP, routine: wsk_sys::IO_COMPLETION_ROUTINE) {
    // SAFETY: a fresh IRP with a location left.
    unsafe { IoSetCompletionRoutine(irp, Some(routine), ptr::null_mut(), true, true, true) };
}

pub(crate) fn step(irp: *mut IRP) {
    // SAFETY: a fresh IRP with a location left.
    unsafe { IoSetNextIrpStackLocation(irp) };
}

/// An IRP that a layer below has.
pub(crate) fn sent(routine: wsk_sys::IO_COMPLETION_ROUTINE) -> *mut IRP {
    let irp = allocate(1);
    watch(irp, routine);
    step(irp);
    irp
}

pub(crate) unsafe extern "system" fn no_cancel(_device: *mut DEVICE_OBJECT, _irp: *mut IRP) {}

pub(crate) fn set_cancel(irp: *mut IRP) {
    // SAFETY: the IRP is the test's.
    unsafe { IoSetCancelRoutine(irp, Some(no_cancel)) };
}

/// Allocates an IRP in the driver's code, so that it is the driver's.
fn leak(irp: *mut IRP) -> NTSTATUS {
    allocate(1);
    complete(irp, STATUS_SUCCESS, 0)
}

violations! {
    freed_twice: &rules::NOT_AN_IRP, "IoFreeIrp of IRP #1, which was freed", |_| {
        let irp = allocate(1);
        free(irp);
        free(irp);
    };
    freed_and_no_irp: &rules::NOT_AN_IRP, "an address that is no IRP", |_| free(ptr::dangling_mut());
    reused_after_free: &rules::NOT_AN_IRP, "IoReuseIrp of IRP #1", |_| {
        let irp = allocate(1);
        free(irp);
        reuse(irp);
    };
    cancelled_after_free: &rules::NOT_AN_IRP, "IoCancelIrp of IRP #1", |_| {
        let irp = allocate(1);
        free(irp);
        // SAFETY: the kernel looks the address up before it touches anything.
        unsafe { IoCancelIrp(irp) };
    };
    freed_while_below: &rules::FREE_IN_USE, "IRP #1 freed", |_| free(sent(keep));
    freed_with_a_cancel_routine: &rules::FREE_IN_USE, "IRP #1 freed", |_| {
        let irp = allocate(1);
        set_cancel(irp);
        free(irp);
    };
    freed_after_netio_took_it: &rules::FREE_IN_USE, "IRP #1 freed", |_| {
        let irp = allocate(1);
        ntos::irp::log::sent(irp, "a provider that has not stepped yet");
        free(irp);
    };
    freed_a_request: &rules::FREE_THREADED_IRP, "IRP #2 freed", |machine| {
        probe().handle(|irp| {
            free(irp);
            STATUS_SUCCESS
        });
        open(&machine).device_io_control(BUFFERED, &[], &mut []);
    };
    left_at_unload: &rules::IRP_LEAK, "1 IRPs left after DriverUnload: IRP #3", |machine| {
        probe().handle(leak);
        open(&machine).device_io_control(BUFFERED, &[], &mut []);
        crate::io::unload_probe(&machine);
    };
    left_at_shutdown: &rules::IRP_LEAK, "1 IRPs left at shutdown: IRP #1 (Idle)", |machine| {
        allocate(1);
        crate::io::delete_link();
        crate::io::delete_device();
        machine.shutdown();
    };
    reused_a_request: &rules::REUSE_NOT_ALLOCATED, "IRP #2 reused", |machine| {
        probe().handle(|irp| {
            reuse(irp);
            STATUS_SUCCESS
        });
        open(&machine).device_io_control(BUFFERED, &[], &mut []);
    };
    reused_while_below: &rules::REUSE_IN_USE, "IRP #1", |_| reuse(sent(keep));
    initialised_an_allocated_irp: &rules::INITIALIZE_ALLOCATED, "IRP #1", |_| {
        let irp = allocate(1);
        // SAFETY: the rule is checked before the memory is written.
        unsafe { IoInitializeIrp(irp, IoSizeOfIrp(1), 1) };
    };
    initialised_in_too_little_memory: &rules::INITIALIZE_BAD, "2 locations in 280 bytes", |_| {
        let mut memory = Box::new([0_u64; 64]);
        // SAFETY: the rule is checked before the memory is written.
        unsafe { IoInitializeIrp(memory.as_mut_ptr().cast(), IoSizeOfIrp(1), 2) };
    };
    initialised_while_below: &rules::INITIALIZE_BAD, "IRP #1", |_| {
        let memory = Box::leak(Box::new([0_u64; 64])).as_mut_ptr().cast();
        for _ in 0..2 {
            // SAFETY: the memory is larger than the IRP.
            unsafe { IoInitializeIrp(memory, IoSizeOfIrp(1), 1) };
            watch(memory, keep);
            step(memory);
        }
    };
    cancel_routine_keeps_the_lock: &rules::CANCEL_LOCK_KEPT, "the cancel routine of IRP #1", |_| {
        let irp = sent(keep);
        set_cancel(irp);
        // SAFETY: the IRP lives.
        unsafe { IoCancelIrp(irp) };
    };
    allocated_above_dispatch_level: &rule::IRQL_IO_DISPATCH, "IoAllocateIrp called at", |_| {
        // SAFETY: the level is above the current one.
        unsafe { KfRaiseIrql(HIGH_LEVEL) };
        allocate(1);
    };
}

/// Not under Miri, which refuses the late write itself.
#[test]
#[cfg_attr(miri, ignore = "the write is undefined behaviour, as Miri says")]
fn written_after_free() {
    let off = ntos::SpecialPool::Off;
    crate::io::expect_violation_with(off, &rules::IRP_WRITTEN_AFTER_FREE, "IRP #1", |machine| {
        let irp = allocate(1);
        free(irp);
        crate::io::set_status(irp, STATUS_SUCCESS, 0);
        crate::io::delete_link();
        crate::io::delete_device();
        machine.check_leaks(ntos::LeakScope::Shutdown);
    });
}
