//! The buffers of requests: what drivers must write to, and what they must not trust.

use std::ptr;

use ntos::{Machine, io_rules as rules, rule};
use wsk_sys::{IRP, IoAllocateMdl, KernelMode, MmProbeAndLockPages, STATUS_BUFFER_OVERFLOW, STATUS_SUCCESS};

use crate::io::{BUFFERED, complete, open, probe, system_buffer};

/// Writes the first bytes of the output.
fn fill(irp: *mut IRP, length: usize) {
    // SAFETY: the system buffer of the test's request is longer.
    unsafe { system_buffer(irp).write_bytes(7, length) };
}

/// Sends one request to the probe with this handler.
fn request(machine: &Machine, input: &[u8], output: &mut [u8], handler: crate::io::Handler) {
    probe().handle(handler);
    open(machine).device_io_control(BUFFERED, input, output);
}

violations! {
    output_not_written: &rules::OUTPUT_NOT_WRITTEN, "bytes 4..16 of its output", |machine| {
        request(&machine, &[1; 2], &mut [0; 16], |irp| {
            // The header of an answer, and nothing behind it.
            fill(irp, 4);
            complete(irp, STATUS_SUCCESS, 16)
        });
    };
    padding_not_written: &rules::OUTPUT_NOT_WRITTEN, "bytes 8..16 of its output", |machine| {
        request(&machine, &[], &mut [0; 24], |irp| {
            fill(irp, 8);
            // SAFETY: the system buffer has 24 bytes.
            unsafe { system_buffer(irp).wrapping_add(16).write_bytes(7, 8) };
            complete(irp, STATUS_SUCCESS, 24)
        });
    };
    four_bytes_of_output_not_written: &rules::OUTPUT_NOT_WRITTEN, "bytes 0..4 of its output", |machine| {
        request(&machine, &[], &mut [0; 4], |irp| complete(irp, STATUS_BUFFER_OVERFLOW, 4));
    };
    locks_a_buffer_of_the_process_as_the_kernels: &rule::MDL_USER_AS_KERNEL, "a buffer of the process", |machine| {
        probe().handle(|irp| {
            // SAFETY: the IRP was sent here.
            let buffer = unsafe { (*irp).UserBuffer };
            // SAFETY: no IRP is given.
            let mdl = unsafe { IoAllocateMdl(buffer, 8, 0, 0, ptr::null_mut()) };
            // SAFETY: a buffer of the process, as long as the request. 2 is `IoModifyAccess`.
            unsafe { MmProbeAndLockPages(mdl, KernelMode, 2) };
            STATUS_SUCCESS
        });
        let neither = BUFFERED | 3;
        open(&machine).device_io_control(neither, &[], &mut [0; 8]);
    };
}
