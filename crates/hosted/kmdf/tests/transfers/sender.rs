//! A driver above the echo driver: it sends reads, writes and internal device controls as IRPs of its own.
#![allow(dead_code, reason = "each test binary uses a part of this")]
#![allow(unsafe_code, reason = "a driver is written in terms of the kernel's C interface")]

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use ntos::Machine;
use wsk_sys::{
    DEVICE_OBJECT, DO_BUFFERED_IO, DO_DIRECT_IO, ExAllocatePool2, ExFreePool, FILE_OBJECT,
    IO_STACK_DEVICE_IO_CONTROL, IO_STACK_LOCATION, IO_STACK_PARAMETERS, IO_STACK_READ_WRITE, IRP,
    IRP_MJ_CREATE, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE, IoAllocateIrp, IoAllocateMdl,
    IoCancelIrp, IoFreeIrp, IoFreeMdl, IoGetNextIrpStackLocation, IoSetCompletionRoutine, IofCallDriver, MDL,
    METHOD_BUFFERED, METHOD_FROM_CTL_CODE, METHOD_NEITHER, MmBuildMdlForNonPagedPool, NTSTATUS,
    POOL_FLAG_NON_PAGED, PVOID, STATUS_MORE_PROCESSING_REQUIRED, STATUS_SUCCESS,
};

use crate::common::{Made, trace, until, wdf};

/// The device object, which `DriverEntry` gives to the sender.
#[derive(Default)]
struct Below(AtomicPtr<DEVICE_OBJECT>);

pub(crate) fn below() -> *mut DEVICE_OBJECT {
    // Relaxed: stored before the driver was loaded, by a thread that was waited for.
    Machine::current().extension(Below::default).0.load(Ordering::Relaxed)
}

pub(crate) fn remember(made: &Made) -> NTSTATUS {
    let device = wdf::device_object(made.device);
    Machine::current().extension(Below::default).0.store(device, Ordering::Relaxed);
    STATUS_SUCCESS
}

/// The offset that reads and writes are sent with.
pub(crate) const OFFSET: i64 = 0x1234_5678_9ABC;

const TAG: u32 = u32::from_le_bytes(*b"Sndr");

/// Bytes in non-paged pool; null for none.
struct Memory {
    address: *mut u8,
    length: usize,
}

impl Memory {
    fn new(bytes: &[u8]) -> Memory {
        if bytes.is_empty() {
            return Memory { address: ptr::null_mut(), length: 0 };
        }
        // SAFETY: at PASSIVE_LEVEL, with bytes to allocate.
        let address = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes.len() as _, TAG) }.cast::<u8>();
        assert!(!address.is_null());
        // SAFETY: a fresh block of this length.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), address, bytes.len()) };
        Memory { address, length: bytes.len() }
    }

    fn bytes(&self) -> Vec<u8> {
        if self.length == 0 {
            return Vec::new();
        }
        // SAFETY: the block has this length, and no request uses it any more.
        unsafe { std::slice::from_raw_parts(self.address, self.length) }.to_vec()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if !self.address.is_null() {
            // SAFETY: allocated by `new`.
            unsafe { ExFreePool(self.address.cast()) };
        }
    }
}

/// A request on its way.
pub(crate) struct Sent {
    irp: *mut IRP,
    /// Null without an MDL.
    mdl: *mut MDL,
    input: Memory,
    output: Memory,
    done: Box<AtomicBool>,
}

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) status: NTSTATUS,
    pub(crate) information: usize,
    /// What is in the output buffer.
    pub(crate) output: Vec<u8>,
}

unsafe extern "system" fn completed(_device: *mut DEVICE_OBJECT, _irp: *mut IRP, done: PVOID) -> NTSTATUS {
    // SAFETY: the flag of a `Sent`, which waits for it.
    let done = unsafe { &*done.cast::<AtomicBool>() };
    trace("the IRP is completed");
    // Release: what the driver wrote comes before it.
    done.store(true, Ordering::Release);
    STATUS_MORE_PROCESSING_REQUIRED
}

impl Sent {
    fn new(input: &[u8], output: usize) -> Sent {
        // SAFETY: nothing is asked of the caller.
        let irp = unsafe { IoAllocateIrp(1, 0) };
        assert!(!irp.is_null());
        let (input, output) = (Memory::new(input), Memory::new(&vec![0; output]));
        Sent { irp, mdl: ptr::null_mut(), input, output, done: Box::new(AtomicBool::new(false)) }
    }

    fn location(&self) -> *mut IO_STACK_LOCATION {
        // SAFETY: a fresh IRP with a location left.
        unsafe { IoGetNextIrpStackLocation(self.irp) }
    }

    fn parameters(&self) -> *mut IO_STACK_PARAMETERS {
        let location = self.location();
        // SAFETY: the next location of a living IRP; only the field's address is taken.
        unsafe { &raw mut (*location).Parameters }
    }

    fn set_system_buffer(&self, memory: *mut u8) {
        // SAFETY: the IRP lives; only the field's address is taken.
        let system_buffer = unsafe { &raw mut (*self.irp).AssociatedIrp };
        // SAFETY: every variant of the union is a pointer or lies in one.
        unsafe { system_buffer.cast::<PVOID>().write(memory.cast()) };
    }

    fn set_mdl(&mut self, memory: *mut u8, length: usize) {
        if length == 0 {
            return;
        }
        let length = u32::try_from(length).expect("a small buffer");
        // SAFETY: a block of this length.
        self.mdl = unsafe { IoAllocateMdl(memory.cast(), length, 0, 0, ptr::null_mut()) };
        assert!(!self.mdl.is_null());
        // SAFETY: the MDL of a block of non-paged pool.
        unsafe { MmBuildMdlForNonPagedPool(self.mdl) };
        // SAFETY: the IRP lives.
        unsafe { (*self.irp).MdlAddress = self.mdl };
    }

    /// Passes the memory as the flags of the device say.
    fn attach(&mut self, device: *mut DEVICE_OBJECT, memory: *mut u8, length: usize) {
        if length == 0 {
            return;
        }
        let flags = flags(device);
        if flags & DO_BUFFERED_IO != 0 {
            self.set_system_buffer(memory);
        } else if flags & DO_DIRECT_IO != 0 {
            self.set_mdl(memory, length);
        } else {
            // SAFETY: the IRP lives.
            unsafe { (*self.irp).UserBuffer = memory.cast() };
        }
    }

    fn transfer(mut self, device: *mut DEVICE_OBJECT, major: u8, length: usize) -> Sent {
        let memory = if major == IRP_MJ_READ { self.output.address } else { self.input.address };
        self.attach(device, memory, length);
        let parameters = self.parameters().cast::<IO_STACK_READ_WRITE>();
        // SAFETY: the variant of a read or write.
        unsafe { (*parameters).Length = u32::try_from(length).expect("a small buffer") };
        // SAFETY: the variant of a read or write.
        unsafe { (*parameters).ByteOffset = OFFSET };
        self.send(device, major)
    }

    fn send(self, device: *mut DEVICE_OBJECT, major: u8) -> Sent {
        let location = self.location();
        // SAFETY: the next location of the IRP.
        unsafe { (*location).MajorFunction = major };
        let done = ptr::from_ref(&*self.done).cast_mut();
        // SAFETY: the flag lives until the request is done.
        unsafe { IoSetCompletionRoutine(self.irp, Some(completed), done.cast(), true, true, true) };
        // SAFETY: an IRP with its parameters, to a living device.
        unsafe { IofCallDriver(device, self.irp) };
        self
    }

    pub(crate) fn is_done(&self) -> bool {
        // Acquire: what the driver wrote is seen after it.
        self.done.load(Ordering::Acquire)
    }

    pub(crate) fn cancel(&self) {
        // SAFETY: the IRP is not freed before it is done.
        unsafe { IoCancelIrp(self.irp) };
    }

    /// Waits for the completion.
    pub(crate) fn wait(self) -> Ended {
        until(|| self.is_done(), "the request is completed");
        // SAFETY: completed, and ours again.
        let outcome = unsafe { (*self.irp).IoStatus };
        if !self.mdl.is_null() {
            // SAFETY: allocated by `attach`; the request is done.
            unsafe { IoFreeMdl(self.mdl) };
        }
        // SAFETY: allocated by `new`; the request is done.
        unsafe { IoFreeIrp(self.irp) };
        Ended { status: outcome.Status, information: outcome.Information, output: self.output.bytes() }
    }
}

/// The flags of a device.
pub(crate) fn flags(device: *mut DEVICE_OBJECT) -> u32 {
    // SAFETY: the device lives.
    unsafe { (*device).Flags }
}

/// `IRP_MJ_READ`
pub(crate) fn read(device: *mut DEVICE_OBJECT, length: usize) -> Sent {
    Sent::new(&[], length).transfer(device, IRP_MJ_READ, length)
}

/// `IRP_MJ_WRITE`
pub(crate) fn write(device: *mut DEVICE_OBJECT, bytes: &[u8]) -> Sent {
    Sent::new(bytes, 0).transfer(device, IRP_MJ_WRITE, bytes.len())
}

/// `IRP_MJ_WRITE` on behalf of a process.
pub(crate) fn write_of_a_process(device: *mut DEVICE_OBJECT, bytes: &[u8]) -> Sent {
    let sent = Sent::new(bytes, 0);
    // SAFETY: the IRP lives.
    unsafe { (*sent.irp).RequestorMode = wsk_sys::UserMode };
    sent.transfer(device, IRP_MJ_WRITE, bytes.len())
}

/// `IRP_MJ_INTERNAL_DEVICE_CONTROL`, with its buffers where the method of the code has them.
pub(crate) fn internal_control(device: *mut DEVICE_OBJECT, code: u32, input: &[u8], output: usize) -> Sent {
    prepared(code, input, output).send(device, IRP_MJ_INTERNAL_DEVICE_CONTROL)
}

/// The same, cancelled before it is sent.
pub(crate) fn cancelled_internal_control(device: *mut DEVICE_OBJECT, code: u32) -> Sent {
    let sent = prepared(code, &[], 0);
    sent.cancel();
    sent.send(device, IRP_MJ_INTERNAL_DEVICE_CONTROL)
}

fn prepared(code: u32, input: &[u8], output: usize) -> Sent {
    let method = METHOD_FROM_CTL_CODE(code);
    // With `METHOD_BUFFERED` both are in one buffer, the larger of the two.
    let size = if method == METHOD_BUFFERED { input.len().max(output) } else { output };
    let mut sent = Sent::new(input, size);
    let (from, to) = (sent.input.address, sent.output.address);
    let parameters = sent.parameters().cast::<IO_STACK_DEVICE_IO_CONTROL>();
    // SAFETY: the variant of a device control.
    unsafe { (*parameters).InputBufferLength = u32::try_from(input.len()).expect("a small buffer") };
    // SAFETY: the variant of a device control.
    unsafe { (*parameters).OutputBufferLength = u32::try_from(output).expect("a small buffer") };
    // SAFETY: the variant of a device control.
    unsafe { (*parameters).IoControlCode = code };
    match method {
        METHOD_NEITHER => {
            // SAFETY: the variant of a device control.
            unsafe { (*parameters).Type3InputBuffer = from.cast() };
            // SAFETY: the IRP lives.
            unsafe { (*sent.irp).UserBuffer = to.cast() };
        }
        METHOD_BUFFERED => {
            if !input.is_empty() {
                // SAFETY: the output is as large as the input at least.
                unsafe { ptr::copy_nonoverlapping(from, to, input.len()) };
            }
            sent.set_system_buffer(to);
        }
        _ => {
            sent.set_system_buffer(from);
            sent.set_mdl(to, output);
        }
    }
    sent
}

/// A request of a file, which the sender keeps until it has ended.
pub(crate) fn of_file(device: *mut DEVICE_OBJECT, major: u8, file: &mut FILE_OBJECT) -> Sent {
    let sent = Sent::new(&[], 0);
    let location = sent.location();
    // SAFETY: the next location of the IRP.
    unsafe { (*location).FileObject = file };
    sent.send(device, major)
}

/// A create of a file, cancelled before it is sent.
pub(crate) fn cancelled_create(device: *mut DEVICE_OBJECT, file: &mut FILE_OBJECT) -> Sent {
    let sent = Sent::new(&[], 0);
    sent.cancel();
    let location = sent.location();
    // SAFETY: the next location of the IRP.
    unsafe { (*location).FileObject = file };
    sent.send(device, IRP_MJ_CREATE)
}

/// A file object that only the sender knows.
pub(crate) fn file_object() -> Box<FILE_OBJECT> {
    let file = std::mem::MaybeUninit::<FILE_OBJECT>::zeroed();
    // SAFETY: a structure of numbers and pointers, for all of which zero is a value.
    Box::new(unsafe { file.assume_init() })
}
