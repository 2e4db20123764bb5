//! How the buffers of a request reach the driver and come back: by the method of a control code, or as a device wants reads and
//! writes.
#![expect(unsafe_code, reason = "user buffers are handed to drivers by address")]

use std::mem;
use std::ops::Range;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use wsk_sys::{
    DO_BUFFERED_IO, DO_DIRECT_IO, IO_STATUS_BLOCK, IRP_BUFFERED_IO, IRP_DEALLOCATE_BUFFER,
    IRP_INPUT_OPERATION, IRP_READ_OPERATION, IRP_WRITE_OPERATION, MDL, METHOD_BUFFERED, METHOD_FROM_CTL_CODE,
    METHOD_IN_DIRECT, METHOD_OUT_DIRECT, NTSTATUS, PVOID, STATUS_INSUFFICIENT_RESOURCES,
};

use crate::ex::pool;
use crate::ex::pool::registry::{Kind, Request};
use crate::io::irp::packet::Packet;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require};
use crate::machine::owner::Owner;
use crate::mm::in_flight;
use crate::mm::mdl;
use crate::sync::Pointer;

/// The tag under which Windows allocates system buffers.
const TAG: [u8; 4] = *b"IoSB";

/// Whether a status ends a request without its output: `ntdef.h`'s `NT_ERROR`. Warnings are not errors here.
fn is_error(status: NTSTATUS) -> bool {
    status.cast_unsigned() >> 30 == 3
}

/// A buffer in a process, at an address that does not change.
///
/// One that the driver gets at, by its address or an MDL, is a block of the machine's: the driver may use its bytes, none more,
/// and not after the request. It has no alignment, as a process may pass any address.
enum UserBuffer {
    /// A boxed slice, taken apart.
    Own {
        start: Pointer<u8>,
        length: usize,
    },
    Block {
        start: Pointer<u8>,
        length: usize,
    },
}

impl UserBuffer {
    /// The buffer, as its driver never sees it.
    fn new(bytes: Vec<u8>) -> UserBuffer {
        let length = bytes.len();
        UserBuffer::Own { start: Pointer(Box::into_raw(bytes.into_boxed_slice()).cast()), length }
    }

    /// The buffer, as its driver may use it; where the host has no memory left, as one that it never sees.
    fn shared(machine: &Machine, bytes: Vec<u8>) -> UserBuffer {
        let length = bytes.len();
        if length == 0 {
            return UserBuffer::new(bytes);
        }
        let request = Request { align: 1, ..Request::zeroed(Kind::User, length, *b"User") };
        let block = Owner::SYSTEM.run(|| machine.parts.pool.allocate(&request));
        if block.is_null() {
            return UserBuffer::new(bytes);
        }
        // SAFETY: a new block of this length.
        unsafe { block.copy_from_nonoverlapping(bytes.as_ptr(), length) };
        UserBuffer::Block { start: Pointer(block), length }
    }

    fn len(&self) -> usize {
        let (UserBuffer::Own { length, .. } | UserBuffer::Block { length, .. }) = self;
        *length
    }

    fn start(&self) -> *mut u8 {
        let (UserBuffer::Own { start, .. } | UserBuffer::Block { start, .. }) = self;
        start.0
    }

    /// The address as a driver sees it: null for no buffer.
    fn address(&self) -> PVOID {
        if self.len() == 0 { ptr::null_mut() } else { self.start().cast() }
    }

    /// Takes the bytes out; the buffer is empty then, and its driver cannot use it any more.
    ///
    /// # Errors
    /// The driver has written next to it.
    fn take(&mut self, machine: &Machine) -> Result<Vec<u8>, Broken> {
        let buffer = mem::replace(self, UserBuffer::new(Vec::new()));
        let bytes = match buffer {
            UserBuffer::Own { start, length } => {
                let slice = ptr::slice_from_raw_parts_mut(start.0, length);
                // SAFETY: from `Box::into_raw` with this length, and forgotten below, so put together once.
                unsafe { Box::from_raw(slice) }.into_vec()
            }
            UserBuffer::Block { start, length } => {
                // SAFETY: a live block of this length, which its driver has given back.
                let bytes = unsafe { slice::from_raw_parts(start.0, length) }.to_vec();
                pool::release(machine, start.key(), "the completion of a request")?;
                bytes
            }
        };
        mem::forget(buffer);
        Ok(bytes)
    }
}

impl Drop for UserBuffer {
    fn drop(&mut self) {
        // A block that was not taken goes with the machine.
        if let UserBuffer::Own { start, length } = *self {
            let slice = ptr::slice_from_raw_parts_mut(start.0, length);
            // SAFETY: from `Box::into_raw` with this length; `take` forgets the one that it has put together.
            drop(unsafe { Box::from_raw(slice) });
        }
    }
}

/// Whose buffers they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// A control request's, with this code.
    Control(u32),
    /// A read's, of a device with these flags.
    Read(u32),
    /// A write's, of a device with these flags.
    Write(u32),
}

/// How they are passed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Buffered,
    Direct,
    Neither,
}

impl Of {
    fn method(self) -> Method {
        match self {
            Of::Control(code) => match METHOD_FROM_CTL_CODE(code) {
                METHOD_BUFFERED => Method::Buffered,
                METHOD_IN_DIRECT | METHOD_OUT_DIRECT => Method::Direct,
                _ => Method::Neither,
            },
            Of::Read(flags) | Of::Write(flags) if flags & DO_BUFFERED_IO != 0 => Method::Buffered,
            Of::Read(flags) | Of::Write(flags) if flags & DO_DIRECT_IO != 0 => Method::Direct,
            Of::Read(_) | Of::Write(_) => Method::Neither,
        }
    }

    /// What the IRP's flags say of it.
    fn operation(self) -> u32 {
        match self {
            Of::Control(_) => 0,
            Of::Read(_) => IRP_READ_OPERATION,
            Of::Write(_) => IRP_WRITE_OPERATION,
        }
    }

    /// Whether the driver may write to the buffer that it has an MDL of.
    fn is_written(self) -> bool {
        match self {
            Of::Control(code) => METHOD_FROM_CTL_CODE(code) == METHOD_OUT_DIRECT,
            Of::Read(_) => true,
            Of::Write(_) => false,
        }
    }
}

/// The buffers of one request.
pub(crate) struct Transfer {
    of: Of,
    input: UserBuffer,
    output: UserBuffer,
    /// `METHOD_BUFFERED`, and the input of the direct methods.
    system: Option<Pointer<u8>>,
    system_size: usize,
    mdl: Option<Pointer<MDL>>,
    buffered_output: bool,
    /// What is in the system buffer beyond the input.
    poison: Poison,
}

/// Bytes that a driver writes only by chance.
#[derive(Clone, Copy)]
struct Poison(u64);

impl Poison {
    /// The fewest bytes that chance does not explain.
    const CERTAIN: usize = 8;
    /// The fewest, if there are no more.
    const LIKELY: usize = 4;

    fn new() -> Poison {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only the number's uniqueness matters.
        Poison(NEXT.fetch_add(1, Ordering::Relaxed) << 32)
    }

    /// The byte at an offset: of `SplitMix64`, from this seed.
    fn at(self, offset: usize) -> u8 {
        let mut word = (self.0 + offset as u64 / 8).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ word >> 31).to_le_bytes()[offset % 8]
    }

    /// The first run of bytes, at these offsets of a buffer, that nobody has written.
    fn find(self, range: Range<usize>, byte: impl Fn(usize) -> u8) -> Option<Range<usize>> {
        let enough =
            if range.len() < Poison::CERTAIN { range.len().max(Poison::LIKELY) } else { Poison::CERTAIN };
        let mut start = range.start;
        for offset in range.clone() {
            if byte(offset) != self.at(offset) {
                if offset - start >= enough {
                    return Some(start..offset);
                }
                start = offset + 1;
            }
        }
        (range.end.saturating_sub(start) >= enough).then_some(start..range.end)
    }
}

impl Transfer {
    /// Sets the IRP up with the buffers, as their method wants them.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`; the buffers are given back.
    pub(crate) fn begin(
        machine: &Machine,
        packet: Packet,
        of: Of,
        input: Vec<u8>,
        output: Vec<u8>,
    ) -> Result<Transfer, (NTSTATUS, Vec<u8>)> {
        let method = of.method();
        // Those that the driver gets at by address or MDL; the input of a direct control request is copied.
        let input_is_shared = match method {
            Method::Buffered => false,
            Method::Direct => matches!(of, Of::Write(_)),
            Method::Neither => true,
        };
        let buffer = |shared: bool, bytes| {
            if shared { UserBuffer::shared(machine, bytes) } else { UserBuffer::new(bytes) }
        };
        let mut transfer = Transfer {
            of,
            input: buffer(input_is_shared, input),
            output: buffer(method != Method::Buffered, output),
            system: None,
            system_size: 0,
            mdl: None,
            buffered_output: method == Method::Buffered,
            poison: Poison(0),
        };
        let done = match method {
            Method::Buffered => transfer.buffered(machine, packet),
            Method::Direct => transfer.direct(machine, packet),
            // The driver gets the addresses, unchecked.
            Method::Neither => {
                packet.set_flags(of.operation());
                packet.set_user_buffer(transfer.main().address());
                Ok(())
            }
        };
        match done {
            Ok(()) => Ok(transfer),
            Err(status) => {
                let outcome = IO_STATUS_BLOCK { Status: status, Information: 0 };
                let output = require(transfer.end(machine, outcome));
                Err((status, output))
            }
        }
    }

    /// The buffer that `Information` counts the bytes of, and that an MDL is of: the input of a write, or the output.
    fn main(&self) -> &UserBuffer {
        if matches!(self.of, Of::Write(_)) { &self.input } else { &self.output }
    }

    /// `Type3InputBuffer`: the input's address, which the driver gets with `METHOD_NEITHER` only.
    pub(crate) fn type3_input(&self) -> PVOID {
        if self.of.method() == Method::Neither { self.input.address() } else { ptr::null_mut() }
    }

    fn buffered(&mut self, machine: &Machine, packet: Packet) -> Result<(), NTSTATUS> {
        let size = self.input.len().max(self.output.len());
        packet.set_user_buffer(self.output.address());
        if size == 0 {
            packet.set_flags(self.of.operation());
            return Ok(());
        }
        let mut flags = self.of.operation() | IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
        if self.output.len() != 0 {
            flags |= IRP_INPUT_OPERATION;
        }
        packet.set_flags(flags);
        self.copy_in(machine, packet, size)
    }

    fn direct(&mut self, machine: &Machine, packet: Packet) -> Result<(), NTSTATUS> {
        packet.set_flags(self.of.operation());
        if matches!(self.of, Of::Control(_)) && self.input.len() != 0 {
            packet.set_flags(IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER);
            self.copy_in(machine, packet, self.input.len())?;
        }
        let (start, length) = (self.main().start(), self.main().len());
        if length != 0 {
            let length = u32::try_from(length).map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
            let mdl = mdl::lock_user(machine, start, length, self.of.is_written());
            if mdl.is_null() {
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            self.mdl = Some(Pointer(mdl));
            packet.set_mdl(mdl);
        }
        Ok(())
    }

    /// Makes the system buffer, with the input at its start. The rest is not zero, as nobody promises that it is, and
    /// differs from request to request, so that it is known again.
    fn copy_in(&mut self, machine: &Machine, packet: Packet, size: usize) -> Result<(), NTSTATUS> {
        let request = Request { zeroed: false, ..Request::zeroed(Kind::Pool, size, TAG) };
        let system = Owner::SYSTEM.run(|| machine.parts.pool.allocate(&request));
        if system.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        self.system = Some(Pointer(system));
        self.system_size = size;
        self.poison = Poison::new();
        for offset in self.input.len()..size {
            // SAFETY: inside the new buffer.
            unsafe { system.wrapping_add(offset).write(self.poison.at(offset)) };
        }
        // SAFETY: the system buffer is at least as large as the input, and new.
        unsafe { ptr::copy_nonoverlapping(self.input.start(), system, self.input.len()) };
        packet.set_system_buffer(system.cast());
        Ok(())
    }

    /// The addresses of the process' two buffers.
    pub(crate) fn buffers(&self) -> [Range<usize>; 2] {
        [&self.input, &self.output].map(|buffer| {
            let start = buffer.start().addr();
            start..start + buffer.len()
        })
    }

    /// Whether a request that ended like this claims more output than there is room for, or that more was written than was there.
    ///
    /// Without a buffer nothing is copied, and the number may be of something else, such as the bytes of input
    /// that were consumed.
    pub(crate) fn exceeds(&self, outcome: IO_STATUS_BLOCK) -> Option<usize> {
        let length = self.main().len();
        (!is_error(outcome.Status) && length != 0 && outcome.Information > length).then_some(length)
    }

    /// Output that the driver claims, in a request that ended like this, and has not written.
    pub(crate) fn unwritten(&self, outcome: IO_STATUS_BLOCK) -> Option<Range<usize>> {
        let system = self.system.filter(|_| self.buffered_output && !is_error(outcome.Status))?;
        let claimed = outcome.Information.min(self.output.len());
        // SAFETY: the system buffer is as long as the output, all of it written; the driver has given it back.
        self.poison.find(self.input.len()..claimed, |offset| unsafe { system.0.wrapping_add(offset).read() })
    }

    /// Copies the output back and releases everything; returns the output buffer.
    ///
    /// # Errors
    /// A request in flight uses what would be released, or the driver has released it.
    pub(crate) fn end(mut self, machine: &Machine, outcome: IO_STATUS_BLOCK) -> Result<Vec<u8>, Broken> {
        if let Some(system) = self.system.take() {
            let what = "the completion of a buffered request";
            let (start, size) = (system.key(), self.system_size);
            in_flight::check_unused(machine, &(start..start + size), || {
                format!("{what}, which frees its system buffer of {size} bytes at {start:#x}")
            })?;
            if self.buffered_output && !is_error(outcome.Status) {
                let length = outcome.Information.min(self.output.len());
                // SAFETY: both are at least that long; the driver has given the system buffer back.
                unsafe { ptr::copy_nonoverlapping(system.0, self.output.start(), length) };
            }
            pool::release(machine, start, what)?;
        }
        if let Some(mdl) = self.mdl.take() {
            mdl::unlock_user(machine, mdl.0)?;
        }
        self.input.take(machine)?;
        self.output.take(machine)
    }
}
