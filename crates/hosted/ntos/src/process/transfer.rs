//! How the two buffers of a control request reach the driver and come back: the four transfer methods.
#![expect(unsafe_code, reason = "user buffers are handed to drivers by address")]

use std::mem;
use std::ops::Range;
use std::ptr;

use wsk_sys::{
    IO_STATUS_BLOCK, IRP_BUFFERED_IO, IRP_DEALLOCATE_BUFFER, IRP_INPUT_OPERATION, MDL, METHOD_BUFFERED,
    METHOD_FROM_CTL_CODE, METHOD_IN_DIRECT, METHOD_OUT_DIRECT, NTSTATUS, PVOID,
    STATUS_INSUFFICIENT_RESOURCES,
};

use crate::ex::pool;
use crate::ex::pool::registry::{Kind, Request};
use crate::io::irp::packet::Packet;
use crate::machine::Machine;
use crate::machine::owner::Owner;
use crate::mm::in_flight;
use crate::mm::mdl;
use crate::sync::Pointer;

/// The tag under which Windows allocates system buffers.
const TAG: u32 = u32::from_le_bytes(*b"IoSB");

/// Whether a status ends a request without its output: `ntdef.h`'s `NT_ERROR`. Warnings are not errors here.
fn is_error(status: NTSTATUS) -> bool {
    status.cast_unsigned() >> 30 == 3
}

/// A buffer in a process, at an address that does not change: a boxed slice, taken apart.
struct UserBuffer {
    start: Pointer<u8>,
    length: usize,
}

impl UserBuffer {
    fn new(bytes: Vec<u8>) -> UserBuffer {
        let length = bytes.len();
        UserBuffer { start: Pointer(Box::into_raw(bytes.into_boxed_slice()).cast()), length }
    }

    fn len(&self) -> usize {
        self.length
    }

    fn start(&self) -> *mut u8 {
        self.start.0
    }

    /// The address as a driver sees it: null for no buffer.
    fn address(&self) -> PVOID {
        if self.length == 0 { ptr::null_mut() } else { self.start.0.cast() }
    }

    fn take(&mut self) -> Vec<u8> {
        let bytes = mem::replace(self, UserBuffer::new(Vec::new()));
        let slice = ptr::slice_from_raw_parts_mut(bytes.start.0, bytes.length);
        mem::forget(bytes);
        // SAFETY: from `Box::into_raw` with this length, and replaced, so put together once.
        unsafe { Box::from_raw(slice) }.into_vec()
    }
}

impl Drop for UserBuffer {
    fn drop(&mut self) {
        let slice = ptr::slice_from_raw_parts_mut(self.start.0, self.length);
        // SAFETY: from `Box::into_raw` with this length; `take` left an empty one in its place.
        drop(unsafe { Box::from_raw(slice) });
    }
}

/// The buffers of one control request.
pub(crate) struct Transfer {
    input: UserBuffer,
    output: UserBuffer,
    /// `METHOD_BUFFERED`, and the input of the direct methods.
    system: Option<Pointer<u8>>,
    system_size: usize,
    mdl: Option<Pointer<MDL>>,
    buffered_output: bool,
}

impl Transfer {
    /// Sets the IRP up with the buffers, as the code's method wants them.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`; the buffers are given back.
    pub(crate) fn begin(
        machine: &Machine,
        packet: Packet,
        code: u32,
        input: Vec<u8>,
        output: Vec<u8>,
    ) -> Result<Transfer, (NTSTATUS, Vec<u8>)> {
        let method = METHOD_FROM_CTL_CODE(code);
        let mut transfer = Transfer {
            input: UserBuffer::new(input),
            output: UserBuffer::new(output),
            system: None,
            system_size: 0,
            mdl: None,
            buffered_output: method == METHOD_BUFFERED,
        };
        let done = match method {
            METHOD_BUFFERED => transfer.buffered(machine, packet),
            METHOD_IN_DIRECT | METHOD_OUT_DIRECT => {
                transfer.direct(machine, packet, method == METHOD_OUT_DIRECT)
            }
            // The driver gets the addresses, unchecked.
            _ => {
                packet.set_user_buffer(transfer.output.address());
                Ok(())
            }
        };
        match done {
            Ok(()) => Ok(transfer),
            Err(status) => {
                let output = transfer.end(machine, IO_STATUS_BLOCK { Status: status, Information: 0 });
                Err((status, output))
            }
        }
    }

    /// `Type3InputBuffer`: the input's address, which the driver gets with `METHOD_NEITHER` only.
    pub(crate) fn type3_input(&self, code: u32) -> PVOID {
        match METHOD_FROM_CTL_CODE(code) {
            METHOD_BUFFERED | METHOD_IN_DIRECT | METHOD_OUT_DIRECT => ptr::null_mut(),
            _ => self.input.address(),
        }
    }

    fn buffered(&mut self, machine: &Machine, packet: Packet) -> Result<(), NTSTATUS> {
        let size = self.input.len().max(self.output.len());
        packet.set_user_buffer(self.output.address());
        if size == 0 {
            packet.set_flags(0);
            return Ok(());
        }
        let mut flags = IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
        if self.output.len() != 0 {
            flags |= IRP_INPUT_OPERATION;
        }
        packet.set_flags(flags);
        self.copy_in(machine, packet, size)
    }

    fn direct(&mut self, machine: &Machine, packet: Packet, write: bool) -> Result<(), NTSTATUS> {
        if self.input.len() != 0 {
            packet.set_flags(IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER);
            self.copy_in(machine, packet, self.input.len())?;
        }
        if self.output.len() != 0 {
            let length = u32::try_from(self.output.len()).map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
            let mdl = mdl::lock_user(machine, self.output.start(), length, write);
            if mdl.is_null() {
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            self.mdl = Some(Pointer(mdl));
            packet.set_mdl(mdl);
        }
        Ok(())
    }

    /// Makes the system buffer, with the input at its start. The rest is not zero, as nobody promises that it is.
    fn copy_in(&mut self, machine: &Machine, packet: Packet, size: usize) -> Result<(), NTSTATUS> {
        let request =
            Request { kind: Kind::Pool, size, tag: TAG, paged: false, zeroed: false, cache_aligned: false };
        let system = Owner::SYSTEM.run(|| machine.parts.pool.allocate(&request));
        if system.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        self.system = Some(Pointer(system));
        self.system_size = size;
        // SAFETY: the system buffer is at least as large as the input, and new.
        unsafe { ptr::copy_nonoverlapping(self.input.start(), system, self.input.len()) };
        packet.set_system_buffer(system.cast());
        Ok(())
    }

    /// Whether an address range lies in one of the process' two buffers.
    pub(crate) fn has_memory(&self, range: &Range<usize>) -> bool {
        [&self.input, &self.output].iter().any(|buffer| {
            let start = buffer.start().addr();
            start <= range.start && range.end <= start + buffer.len()
        })
    }

    /// Whether a request that ended like this claims more output than there is room for.
    ///
    /// Without an output buffer nothing is copied, and the number may be of something else, such as the bytes of input
    /// that were consumed.
    pub(crate) fn exceeds(&self, outcome: IO_STATUS_BLOCK) -> Option<usize> {
        let length = self.output.len();
        (!is_error(outcome.Status) && length != 0 && outcome.Information > length).then_some(length)
    }

    /// Copies the output back and releases everything; returns the output buffer.
    pub(crate) fn end(mut self, machine: &Machine, outcome: IO_STATUS_BLOCK) -> Vec<u8> {
        if let Some(system) = self.system.take() {
            let what = "the completion of a buffered request";
            let (start, size) = (system.key(), self.system_size);
            in_flight::require_unused(machine, &(start..start + size), || {
                format!("{what}, which frees its system buffer of {size} bytes at {start:#x}")
            });
            if self.buffered_output && !is_error(outcome.Status) {
                let length = outcome.Information.min(self.output.len());
                // SAFETY: both are at least that long; the driver has given the system buffer back.
                unsafe { ptr::copy_nonoverlapping(system.0, self.output.start(), length) };
            }
            pool::release(machine, start, what);
        }
        if let Some(mdl) = self.mdl.take() {
            mdl::unlock_user(machine, mdl.0);
        }
        self.output.take()
    }
}
