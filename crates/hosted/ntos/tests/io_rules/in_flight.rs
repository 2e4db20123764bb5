//! Memory freed while a request in flight uses it, and memory freed just in time.

use std::ptr;
use std::sync::mpsc;

use ntos::in_flight::{self, Memory};
use ntos::{Config, Machine, io_rules as rules, irp};
use wsk_sys::{
    DEVICE_OBJECT, ExAllocatePool2, ExFreePool, ExFreePoolWithTag, IRP, IoAllocateMdl, IoFreeMdl,
    IoInitializeIrp, IoReadAccess, IoSizeOfIrp, KernelMode, MDL, MmBuildMdlForNonPagedPool,
    MmProbeAndLockPages, MmUnlockPages, NTSTATUS, POOL_FLAG_NON_PAGED, PVOID,
    STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING, STATUS_SUCCESS,
};

use super::irp::{allocate, free, keep, sent, step, watch};
use crate::io::{BUFFERED, complete, mark_pending, open, probe, system_buffer};

const TAG: u32 = u32::from_le_bytes(*b"Used");

fn pool(size: usize) -> PVOID {
    // SAFETY: nothing is asked of the caller.
    let block = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG) };
    assert!(!block.is_null());
    block
}

fn free_pool(block: PVOID) {
    // SAFETY: the kernel looks the address up before it touches anything.
    unsafe { ExFreePool(block) };
}

fn mdl(address: PVOID, length: u32) -> *mut MDL {
    // SAFETY: no IRP is given.
    let mdl = unsafe { IoAllocateMdl(address, length, 0, 0, ptr::null_mut()) };
    assert!(!mdl.is_null());
    mdl
}

fn free_mdl(mdl: *mut MDL) {
    // SAFETY: the kernel looks the address up before it touches anything.
    unsafe { IoFreeMdl(mdl) };
}

/// A request of a provider's that uses some memory of its sender's.
fn submit(memory: impl IntoIterator<Item = Memory>) -> *mut IRP {
    submit_with(keep, memory)
}

fn submit_with(
    routine: wsk_sys::IO_COMPLETION_ROUTINE,
    memory: impl IntoIterator<Item = Memory>,
) -> *mut IRP {
    let irp = allocate(1);
    watch(irp, routine);
    in_flight::begin(irp, "WskSendTo on socket #3", memory).expect("nothing is freed");
    irp::log::sent(irp, "WskSendTo on socket #3");
    step(irp);
    irp
}

fn buffer(block: PVOID, length: usize) -> [Memory; 1] {
    [Memory::new("the buffer", block, length)]
}

/// Sends from a buffer on its own stack, which is gone when it returns.
unsafe extern "system" fn send_from_the_stack(
    _device: *mut DEVICE_OBJECT,
    _irp: *mut IRP,
    context: PVOID,
) -> NTSTATUS {
    let address = [0_u8; 16];
    let inner = submit([Memory::of("the remote address", &raw const address)]);
    if !context.is_null() {
        complete(inner, STATUS_SUCCESS, 0);
        free(inner);
    }
    STATUS_MORE_PROCESSING_REQUIRED
}

violations! {
    a_buffer: &rules::FREED_IN_FLIGHT, "while WskSendTo on socket #3, IRP #1 at 0x", |_| {
        let block = pool(64);
        submit(buffer(block, 64));
        free_pool(block);
    };
    the_last_byte_of_a_block: &rules::FREED_IN_FLIGHT, "the buffer, 1 bytes at 0x", |_| {
        let block = pool(64);
        submit(buffer(block.wrapping_byte_add(63), 1));
        // SAFETY: as in `free_pool`.
        unsafe { ExFreePoolWithTag(block, TAG) };
    };
    a_buffer_of_two_requests_of_which_one_is_done: &rules::FREED_IN_FLIGHT, "IRP #2 at 0x", |_| {
        let block = pool(64);
        let first = submit(buffer(block, 64));
        submit(buffer(block, 64));
        complete(first, STATUS_SUCCESS, 0);
        free_pool(block);
    };
    the_second_of_several_kinds: &rules::FREED_IN_FLIGHT, "the control information, 24 bytes", |_| {
        let (data, control) = (pool(8), pool(24));
        let memory = [Memory::new("the buffer", data, 8), Memory::new("the control information", control, 24)];
        submit(memory);
        free_pool(control);
    };
    an_mdl: &rules::FREED_IN_FLIGHT, "IoFreeMdl of MDL", |_| {
        let block = pool(64);
        let mdl = mdl(block, 64);
        // SAFETY: the MDL describes a block of non-paged pool.
        unsafe { MmBuildMdlForNonPagedPool(mdl) };
        submit([Memory::of("an MDL of the buffer", mdl)]);
        free_mdl(mdl);
    };
    locked_pages: &rules::FREED_IN_FLIGHT, "MmUnlockPages of MDL", |_| {
        let block = pool(64);
        let mdl = mdl(block, 64);
        // SAFETY: memory of the kernel's.
        unsafe { MmProbeAndLockPages(mdl, KernelMode, IoReadAccess) };
        submit(buffer(block, 64));
        // SAFETY: locked above.
        unsafe { MmUnlockPages(mdl) };
    };
    the_system_buffer_of_a_request: &rules::FREED_IN_FLIGHT, "which frees its system buffer of 8 bytes", |machine| {
        probe().handle(|irp| {
            submit(buffer(system_buffer(irp).cast(), 8));
            complete(irp, STATUS_SUCCESS, 0)
        });
        open(&machine).device_io_control(BUFFERED, &[1; 8], &mut []);
    };
    a_device_extension: &rules::FREED_IN_FLIGHT, "with its device extension, while WskSendTo", |_| {
        let device = probe().device.lock().unwrap().expect("the probe has a device").0;
        // SAFETY: the probe's device.
        let extension = unsafe { (*device).DeviceExtension };
        submit(buffer(extension, 8));
        crate::io::delete_device();
    };
    an_irp_in_pool: &rules::FREE_IN_USE, "while a driver below has IRP #1", |_| {
        let block = pool(usize::from(IoSizeOfIrp(1)));
        let irp: *mut IRP = block.cast();
        // SAFETY: the block is as large as the IRP.
        unsafe { IoInitializeIrp(irp, IoSizeOfIrp(1), 1) };
        watch(irp, keep);
        step(irp);
        free_pool(block);
    };
}

#[test]
#[cfg_attr(miri, ignore = "there, the variables of a stack have no order")]
fn a_variable_of_a_routine_that_returned() {
    let object = "the completion routine of IRP #1 returned, and with it went its stack, while WskSendTo";
    crate::io::expect_violation(&rules::FREED_IN_FLIGHT, object, |_| {
        complete(sent(send_from_the_stack), STATUS_SUCCESS, 0);
    });
}

#[test]
fn a_routine_that_waits_for_its_request_may_lend_its_stack() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let irp = allocate(1);
    // SAFETY: a fresh IRP; the context is only compared with null.
    unsafe {
        wsk_sys::IoSetCompletionRoutine(
            irp,
            Some(send_from_the_stack),
            ptr::dangling_mut(),
            true,
            true,
            true,
        );
    };
    step(irp);
    complete(irp, STATUS_SUCCESS, 0);
    free(irp);
    machine.shutdown();
}

/// Calls a routine of another driver while a request uses the stack of this one.
#[test]
fn a_routine_that_is_still_running_may_lend_its_stack_to_what_outlives_others() {
    unsafe extern "system" fn outer(
        _device: *mut DEVICE_OBJECT,
        _irp: *mut IRP,
        _context: PVOID,
    ) -> NTSTATUS {
        let address = [0_u8; 16];
        let submitted = submit([Memory::of("the remote address", &raw const address)]);
        let other = sent(keep);
        complete(other, STATUS_SUCCESS, 0);
        free(other);
        complete(submitted, STATUS_SUCCESS, 0);
        free(submitted);
        STATUS_MORE_PROCESSING_REQUIRED
    }
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let irp = sent(outer);
    complete(irp, STATUS_SUCCESS, 0);
    free(irp);
    machine.shutdown();
}

#[test]
fn the_memory_beside_what_is_used_may_be_freed() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let blocks: Vec<PVOID> = (0..32).map(|_| pool(16)).collect();
    let used = blocks[16];
    let irp = submit(buffer(used, 16));
    assert_eq!(in_flight::count(), 1);
    blocks.into_iter().filter(|block| *block != used).for_each(free_pool);
    complete(irp, STATUS_SUCCESS, 0);
    assert_eq!(in_flight::count(), 0);
    free_pool(used);
    free(irp);
    machine.shutdown();
}

#[test]
fn a_completion_routine_may_free_what_its_request_used() {
    unsafe extern "system" fn free_all(
        _device: *mut DEVICE_OBJECT,
        irp: *mut IRP,
        context: PVOID,
    ) -> NTSTATUS {
        free_pool(context);
        free(irp);
        STATUS_MORE_PROCESSING_REQUIRED
    }
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let block = pool(64);
    let irp = allocate(1);
    // SAFETY: a fresh IRP, and the context is the routine's.
    unsafe { wsk_sys::IoSetCompletionRoutine(irp, Some(free_all), block, true, true, true) };
    in_flight::begin(irp, "WskSendTo on socket #3", buffer(block, 64)).expect("nothing is freed");
    step(irp);
    complete(irp, STATUS_SUCCESS, 0);
    machine.shutdown();
}

#[test]
fn a_provider_may_end_the_use_before_the_completion() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let block = pool(64);
    let irp = submit(buffer(block, 64));
    in_flight::end(irp);
    free_pool(block);
    complete(irp, STATUS_SUCCESS, 0);
    free(irp);
    machine.shutdown();
}

#[test]
fn no_bytes_and_null_are_no_memory() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let block = pool(64);
    let irp = submit([Memory::new("the buffer", block, 0), Memory::of::<MDL>("an MDL", ptr::null())]);
    assert_eq!(in_flight::count(), 0);
    free_pool(block);
    complete(irp, STATUS_SUCCESS, 0);
    free(irp);
    machine.shutdown();
}

#[test]
fn an_irp_in_pool_may_be_freed_when_it_is_back() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let block = pool(usize::from(IoSizeOfIrp(1)));
    let irp: *mut IRP = block.cast();
    // SAFETY: the block is as large as the IRP.
    unsafe { IoInitializeIrp(irp, IoSizeOfIrp(1), 1) };
    watch(irp, keep);
    step(irp);
    complete(irp, STATUS_SUCCESS, 0);
    free_pool(block);
    // The address is no IRP any more.
    assert_eq!(ntos::irp::state(irp), None);
    machine.shutdown();
}

#[test]
fn a_request_may_be_completed_when_what_used_its_buffer_is_done() {
    let (machine, driver) = crate::io::boot();
    let entered = machine.enter();
    probe().handle(|irp| {
        mark_pending(irp);
        let inner = submit(buffer(system_buffer(irp).cast(), 8));
        complete(inner, STATUS_SUCCESS, 0);
        free(inner);
        complete(irp, STATUS_SUCCESS, 0);
        STATUS_PENDING
    });
    let file = open(&machine);
    assert_eq!(file.device_io_control(BUFFERED, &[1; 8], &mut []), (STATUS_SUCCESS, 0));
    drop(file);
    drop(entered);
    crate::io::finish(machine, driver);
}

#[test]
fn another_thread_that_completes_hands_the_memory_back() {
    let machine = Machine::boot(Config::default());
    let _entered = machine.enter();
    let block = pool(64);
    let irp = submit(buffer(block, 64));
    let (done, wait) = mpsc::channel();
    let address = irp.expose_provenance();
    let thread = machine.spawn("provider", move || {
        complete(ptr::with_exposed_provenance_mut(address), STATUS_SUCCESS, 0);
        done.send(()).expect("the test waits");
    });
    wait.recv().expect("the provider completes");
    free_pool(block);
    free(irp);
    thread.join().expect("the provider ends");
    machine.shutdown();
}
