//! Owning IRPs, and completing them.

use std::ptr;

use ntos::in_flight::{self, Memory};
use ntos::{io_rules as rules, irp};
use wsk_sys::{
    DEVICE_OBJECT, DISPATCH_LEVEL, FALSE, IRP, IRP_MJ_DEVICE_CONTROL, IoCancelIrp, IoInitializeIrp,
    IoReleaseCancelSpinLock, IoSizeOfIrp, NTSTATUS, POOL_FLAG_NON_PAGED, PVOID, STATUS_BUFFER_OVERFLOW,
    STATUS_CANCELLED, STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING, STATUS_SUCCESS, TRUE,
};

use crate::io::{BUFFERED, complete, mark_pending, open, probe, set_status, system_buffer};
use crate::irp::{
    allocate, call, continue_completion, free, fresh, keep, no_longer_cancelable, reuse, sent, set_cancel,
    step, watch,
};
use crate::levels::{at, lock, locked};
use crate::memory::{self, pool};
use crate::{Right, kernel};

/// Frees the IRP and what its context points to, and says that it is gone.
unsafe extern "system" fn free_all(_: *mut DEVICE_OBJECT, irp: *mut IRP, context: PVOID) -> NTSTATUS {
    free(irp);
    if !context.is_null() {
        memory::free(context);
    }
    STATUS_MORE_PROCESSING_REQUIRED
}

/// Makes its own IRP ready for the next time.
unsafe extern "system" fn reuse_it(_: *mut DEVICE_OBJECT, irp: *mut IRP, _: PVOID) -> NTSTATUS {
    reuse(irp);
    STATUS_MORE_PROCESSING_REQUIRED
}

unsafe extern "system" fn raise_and_lower(_: *mut DEVICE_OBJECT, _: *mut IRP, _: PVOID) -> NTSTATUS {
    at(DISPATCH_LEVEL, || ());
    STATUS_MORE_PROCESSING_REQUIRED
}

/// A middle layer's routine that completes the IRP when it has it back.
unsafe extern "system" fn complete_again(_: *mut DEVICE_OBJECT, irp: *mut IRP, _: PVOID) -> NTSTATUS {
    complete(irp, STATUS_SUCCESS, 0);
    STATUS_MORE_PROCESSING_REQUIRED
}

/// Releases the lock as it must, and completes.
unsafe extern "system" fn cancel(_: *mut DEVICE_OBJECT, irp: *mut IRP) {
    // SAFETY: called with the cancel spin lock held, on a living IRP.
    let irql = unsafe { (*irp).CancelIrql };
    kernel!(IoReleaseCancelSpinLock(irql));
    complete(irp, STATUS_CANCELLED, 0);
}

/// An IRP of one location in pool.
fn in_pool(size: u16) -> *mut IRP {
    let irp: *mut IRP = pool(POOL_FLAG_NON_PAGED, usize::from(size)).cast();
    kernel!(IoInitializeIrp(irp, size, 1));
    irp
}

/// The layer below completes the IRP, which is the sender's again.
fn round(irp: *mut IRP) {
    watch(irp, keep, ptr::null_mut());
    step(irp);
    complete(irp, STATUS_SUCCESS, 0);
}

/// Completes an IRP that was sent to it, and frees it as its sender.
fn complete_and_free(irp: *mut IRP, status: NTSTATUS) {
    complete(irp, status, 0);
    free(irp);
}

/// Sends the probe a request of 8 bytes, there and back.
fn request(machine: &ntos::Machine, handler: crate::io::Handler) -> ntos::IoStatus {
    probe().handle(handler);
    let file = open(machine);
    let result = file.device_io_control(BUFFERED, &[1; 8], &mut [0; 8]);
    file.close();
    result
}

/// A request of a provider's that uses a block of its sender's.
fn submit(block: PVOID, length: usize, routine: wsk_sys::IO_COMPLETION_ROUTINE, context: PVOID) -> *mut IRP {
    let irp = allocate(1);
    watch(irp, routine, context);
    let memory = [Memory::new("the buffer", block, length)];
    in_flight::begin(irp, "WskSendTo on socket #3", memory).expect("the block lives");
    irp::log::sent(irp, "WskSendTo on socket #3");
    step(irp);
    irp
}

pub(crate) fn rights() -> Vec<Right> {
    let mut rights = owning();
    rights.extend(completing());
    rights
}

fn owning() -> Vec<Right> {
    vec![
        (&rules::NOT_AN_IRP, |_| {
            // An IRP that nobody has yet, or has no more: there is nothing to cancel.
            let irp = allocate(1);
            assert_eq!(kernel!(IoCancelIrp(irp)), FALSE);
            reuse(irp);
            round(irp);
            assert_eq!(kernel!(IoCancelIrp(irp)), FALSE);
            free(irp);
            // In the driver's own memory, it is the memory that is freed.
            memory::free(in_pool(IoSizeOfIrp(1)).cast());
        }),
        (&rules::FREE_THREADED_IRP, |machine| {
            let result = request(machine, |irp| {
                // One of the driver's own, while it has the thread's.
                free(allocate(1));
                complete(irp, STATUS_SUCCESS, 0)
            });
            assert_eq!(result, (STATUS_SUCCESS, 0));
        }),
        (&rules::FREE_IN_USE, |_| {
            let irp = allocate(1);
            no_longer_cancelable(irp);
            free(irp);
            // As soon as it is back: in the completion routine.
            complete(sent(free_all), STATUS_SUCCESS, 0);
        }),
        (&rules::IRP_WRITTEN_AFTER_FREE, |_| {
            let irp = sent(keep);
            complete(irp, STATUS_SUCCESS, 0);
            // Back, and not freed yet.
            set_status(irp, STATUS_SUCCESS, 0);
            free(irp);
        }),
        (&rules::IRP_LEAK, |machine| {
            // Freed by the routine of a request that the driver does not wait for.
            let result = request(machine, |irp| {
                complete(sent(free_all), STATUS_SUCCESS, 0);
                complete(irp, STATUS_SUCCESS, 0)
            });
            assert_eq!(result, (STATUS_SUCCESS, 0));
        }),
        (&rules::REUSE_NOT_ALLOCATED, |_| {
            let irp = allocate(1);
            round(irp);
            reuse(irp);
            free(irp);
            // What is in the driver's own memory is initialised anew.
            let own = in_pool(IoSizeOfIrp(1));
            round(own);
            kernel!(IoInitializeIrp(own, IoSizeOfIrp(1), 1));
            memory::free(own.cast());
        }),
        (&rules::REUSE_IN_USE, |_| {
            let irp = sent(reuse_it);
            complete(irp, STATUS_SUCCESS, 0);
            no_longer_cancelable(irp);
            reuse(irp);
            free(irp);
        }),
        (&rules::INITIALIZE_ALLOCATED, |_| {
            // Memory where an IRP of `IoAllocateIrp` was, maybe.
            free(allocate(1));
            memory::free(in_pool(IoSizeOfIrp(1)).cast());
        }),
        (&rules::INITIALIZE_BAD, |_| {
            for size in [IoSizeOfIrp(1), IoSizeOfIrp(1) + 8, IoSizeOfIrp(2)] {
                let irp = in_pool(size);
                round(irp);
                kernel!(IoInitializeIrp(irp, size, 1));
                memory::free(irp.cast());
            }
        }),
        (&rules::FREED_IN_FLIGHT, |machine| {
            // The blocks beside it; then the block itself, in the completion routine.
            let blocks: Vec<PVOID> = (0..32).map(|_| pool(POOL_FLAG_NON_PAGED, 16)).collect();
            let irp = submit(blocks[16], 16, free_all, blocks[16]);
            blocks.iter().filter(|block| **block != blocks[16]).for_each(|block| memory::free(*block));
            complete(irp, STATUS_SUCCESS, 0);
            // The buffer of a request that was sent on, when what uses it is done.
            let result = request(machine, |irp| {
                mark_pending(irp);
                let inner = submit(system_buffer(irp).cast(), 8, keep, ptr::null_mut());
                complete_and_free(inner, STATUS_SUCCESS);
                complete(irp, STATUS_SUCCESS, 0);
                STATUS_PENDING
            });
            assert_eq!(result, (STATUS_SUCCESS, 0));
        }),
        (&rules::CANCEL_FIELD, |machine| {
            let result = request(machine, |irp| {
                mark_pending(irp);
                // As if the process were quicker than the driver.
                kernel!(IoCancelIrp(irp));
                set_cancel(irp, Some(cancel));
                // SAFETY: the IRP lives, as nobody has completed it.
                let cancelled = unsafe { (*irp).Cancel } != FALSE;
                // Who takes the routine back is the one who completes.
                if cancelled && set_cancel(irp, None) {
                    complete(irp, STATUS_CANCELLED, 0);
                }
                STATUS_PENDING
            });
            assert_eq!(result, (STATUS_CANCELLED, 0));
        }),
        (&rules::CANCEL_LOCK_KEPT, |_| {
            let irp = sent(keep);
            set_cancel(irp, Some(cancel));
            assert_eq!(at(DISPATCH_LEVEL, || kernel!(IoCancelIrp(irp))), TRUE);
            free(irp);
        }),
    ]
}

fn completing() -> Vec<Right> {
    vec![
        (&rules::COMPLETE_BAD_IRP, |_| {
            // Of the driver's own memory, as good as any.
            let irp = in_pool(IoSizeOfIrp(1));
            round(irp);
            memory::free(irp.cast());
        }),
        (&rules::COMPLETE_BAD_STATUS, |_| {
            // A warning, and a status that is no name of Microsoft's.
            for status in [STATUS_BUFFER_OVERFLOW, -2, 0x104] {
                complete_and_free(sent(keep), status);
            }
        }),
        (&rules::COMPLETE_CANCELABLE, |_| {
            let irp = sent(keep);
            no_longer_cancelable(irp);
            complete_and_free(irp, STATUS_SUCCESS);
        }),
        (&rules::COMPLETE_IRQL, |_| at(DISPATCH_LEVEL, || complete_and_free(sent(keep), STATUS_SUCCESS))),
        (&rules::COMPLETE_HOLDING_LOCK, |_| {
            let (irp, lock) = (sent(keep), lock());
            at(DISPATCH_LEVEL, || {
                locked(lock.get(), || ());
                complete_and_free(irp, STATUS_SUCCESS);
            });
        }),
        (&rules::COMPLETE_OWN, |_| {
            // The driver is the layer below as well.
            complete_and_free(sent(keep), STATUS_SUCCESS);
        }),
        (&rules::MULTIPLE_COMPLETE, |_| {
            let irp = allocate(1);
            for _ in 0..2 {
                round(irp);
                reuse(irp);
            }
            free(irp);
            // By each of two layers, once: the first takes it back before it completes it on.
            let irp = allocate(2);
            watch(irp, keep, ptr::null_mut());
            step(irp);
            watch(irp, complete_again, ptr::null_mut());
            step(irp);
            complete_and_free(irp, STATUS_SUCCESS);
        }),
        (&rules::OWN_IRP_PAST_TOP, |_| {
            // The layer in the middle lets it go on; the owner does not.
            let irp = allocate(2);
            watch(irp, keep, ptr::null_mut());
            step(irp);
            watch(irp, continue_completion, ptr::null_mut());
            step(irp);
            complete_and_free(irp, STATUS_CANCELLED);
        }),
        (&rules::GONE_IN_ROUTINE, |_| {
            complete(sent(free_all), STATUS_SUCCESS, 0);
        }),
        (&rules::ROUTINE_CHANGED_IRQL, |_| complete_and_free(sent(raise_and_lower), STATUS_SUCCESS)),
        (&rules::OUTPUT_NOT_WRITTEN, |machine| {
            let file = open(machine);
            // All that is claimed is written, be it zero.
            probe().handle(|irp| {
                // SAFETY: the system buffer has 16 bytes.
                unsafe { system_buffer(irp).write_bytes(0, 12) };
                complete(irp, STATUS_SUCCESS, 12)
            });
            assert_eq!(file.device_io_control(BUFFERED, &[1], &mut [0; 16]), (STATUS_SUCCESS, 12));
            // The input, given back.
            probe().handle(|irp| complete(irp, STATUS_SUCCESS, 16));
            assert_eq!(file.device_io_control(BUFFERED, &[1; 16], &mut [0; 16]), (STATUS_SUCCESS, 16));
            // A failure has no output.
            probe().handle(|irp| complete(irp, wsk_sys::STATUS_BUFFER_TOO_SMALL, 16));
            let status = file.device_io_control(BUFFERED, &[], &mut [0; 16]).status;
            assert_eq!(status, wsk_sys::STATUS_BUFFER_TOO_SMALL);
            file.close();
        }),
        (&rules::INFORMATION_TOO_LARGE, |machine| {
            assert_eq!(request(machine, |irp| complete(irp, STATUS_SUCCESS, 8)), (STATUS_SUCCESS, 8));
            // The bytes of the input that were used, where no output is asked for.
            let file = open(machine);
            probe().handle(|irp| complete(irp, STATUS_SUCCESS, 16));
            assert_eq!(file.device_io_control(BUFFERED, &[1; 16], &mut []), (STATUS_SUCCESS, 16));
            // A failure, with what there would have been.
            probe().handle(|irp| complete(irp, wsk_sys::STATUS_BUFFER_TOO_SMALL, 16));
            let status = file.device_io_control(BUFFERED, &[1; 16], &mut [0; 8]).status;
            assert_eq!(status, wsk_sys::STATUS_BUFFER_TOO_SMALL);
            file.close();
        }),
        (&rules::DISPATCH_STATUS_DIFFERS, |_| {
            // A warning is returned as it was completed.
            probe().handle(|irp| complete(irp, STATUS_BUFFER_OVERFLOW, 0));
            let irp = fresh(IRP_MJ_DEVICE_CONTROL);
            assert_eq!(call(irp), STATUS_BUFFER_OVERFLOW);
            free(irp);
        }),
    ]
}
