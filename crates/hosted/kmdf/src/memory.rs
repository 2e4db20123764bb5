//! Memory objects: a buffer with a length, and a life like any object's.
#![expect(unsafe_code, reason = "hands out buffers by address")]

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use parking_lot::Mutex;
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, ExAllocatePool2, ExFreePoolWithTag, NTSTATUS, POOL_FLAG_NON_PAGED,
    POOL_FLAG_PAGED, POOL_FLAG_UNINITIALIZED, PVOID, STATUS_ACCESS_VIOLATION, STATUS_BUFFER_TOO_SMALL,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    ULONG,
};

use crate::kernel::shared::Shared;
use crate::object::api::create;
use crate::object::args::{at_most, required, status, store};
use crate::object::client;
use crate::object::kind::Kind;
use crate::object::lookup;
use crate::object::{Body, Kinded, Object, Typed};
use crate::platform::UserPages;
use crate::rules::{self, Broken};
use crate::types::{
    _POOL_TYPE as Pool, POOL_TYPE, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFMEMORY, WDFMEMORY__,
};

/// A block of pool.
///
/// # Invariants
/// It was allocated with this tag, and only this frees it.
struct PoolBlock {
    buffer: Shared<PVOID>,
    tag: ULONG,
}

impl Drop for PoolBlock {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant.
        unsafe { ExFreePoolWithTag(self.buffer.0, self.tag) };
    }
}

/// The body of a WDFMEMORY.
///
/// # Invariants
/// The buffer has `size` bytes: of `block`, or else of the driver or the request.
pub(crate) struct Memory {
    buffer: Mutex<(Shared<PVOID>, usize)>,
    block: Mutex<Option<PoolBlock>>,
    /// Whether it is a buffer of a request, which the driver can neither delete nor exchange.
    of_request: bool,
    preallocated: bool,
    /// The pages of a process that it is.
    user: Mutex<Option<UserPages>>,
    read_only: bool,
}

impl Memory {
    /// A buffer of a request.
    ///
    /// # Safety
    /// `buffer` has `size` bytes until the request is completed, with which the object ends.
    pub(crate) unsafe fn of_request(buffer: PVOID, size: usize) -> Memory {
        // INVARIANT: by the caller's word.
        Memory { of_request: true, ..Memory::new(buffer, size) }
    }

    /// A buffer of `size` bytes, of the driver's.
    fn new(buffer: PVOID, size: usize) -> Memory {
        Memory {
            buffer: Mutex::new((Shared(buffer), size)),
            block: Mutex::default(),
            of_request: false,
            preallocated: false,
            user: Mutex::default(),
            read_only: false,
        }
    }

    /// Locked pages of the process that sent a request, which stay locked until the object is disposed of.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`, if they get no system address.
    pub(crate) fn of_user(pages: UserPages, size: usize, read_only: bool) -> Result<Memory, NTSTATUS> {
        let buffer = pages.map()?;
        // INVARIANT: the system address of that many bytes, which are locked.
        let memory = Memory { of_request: true, read_only, ..Memory::new(buffer, size) };
        *memory.user.lock() = Some(pages);
        Ok(memory)
    }

    /// Whether it is a buffer of a request.
    pub(crate) fn is_of_request(&self) -> bool {
        self.of_request
    }

    fn buffer(&self) -> (PVOID, usize) {
        let buffer = self.buffer.lock();
        (buffer.0.0, buffer.1)
    }

    /// The address of a part of the buffer.
    fn part(&self, offset: usize, length: usize) -> Result<*mut u8, NTSTATUS> {
        let (buffer, size) = self.buffer();
        match offset.checked_add(length) {
            Some(end) if end <= size => Ok(buffer.cast::<u8>().wrapping_add(offset)),
            _ => Err(STATUS_BUFFER_TOO_SMALL),
        }
    }
}

impl Body for Memory {
    /// A process' pages are unlocked before its request is completed.
    fn dispose(&self, _object: &Arc<Object>) -> Result<(), Broken> {
        // Unlocked by its end.
        let _pages = self.user.lock().take();
        Ok(())
    }

    fn destroyed(&self) {
        // Freed by its end: the last reference is gone.
        let _block = self.block.lock().take();
    }

    fn cannot_delete(&self, _object: &Object) -> Option<&'static str> {
        self.of_request.then_some("which the framework deletes")
    }

    fn describe(&self) -> String {
        format!("{} bytes", self.buffer().1)
    }
}

impl Kinded for Memory {
    type Handle = WDFMEMORY__;
    const KIND: &'static Kind = &Kind::new("WDFMEMORY");
}

/// Allocates a buffer with its object.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; <= `APC_LEVEL` for paged pool
///
/// # Errors
/// `STATUS_INVALID_PARAMETER` for no bytes or an unknown pool, `STATUS_INSUFFICIENT_RESOURCES`, and what the attributes
/// are refused with.
pub unsafe extern "C" fn WdfMemoryCreate(
    globals: PWDF_DRIVER_GLOBALS,
    Attributes: PWDF_OBJECT_ATTRIBUTES,
    PoolType: POOL_TYPE,
    PoolTag: ULONG,
    BufferSize: usize,
    Memory: *mut WDFMEMORY,
    Buffer: *mut PVOID,
) -> NTSTATUS {
    const NAME: &str = "WdfMemoryCreate";
    let client = client::calling(NAME, globals);
    let flags = match PoolType {
        Pool::PagedPool => POOL_FLAG_PAGED,
        Pool::NonPagedPool | Pool::NonPagedPoolNx => POOL_FLAG_NON_PAGED,
        _ => return STATUS_INVALID_PARAMETER,
    };
    at_most(NAME, if flags == POOL_FLAG_PAGED { APC_LEVEL } else { DISPATCH_LEVEL });
    required(NAME, "Memory", Memory);
    if BufferSize == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    let tag = if PoolTag == 0 { client.tag() } else { PoolTag };
    let body = || {
        // SAFETY: allocates pool of a kind that the IRQL allows.
        let buffer = unsafe { ExAllocatePool2(flags | POOL_FLAG_UNINITIALIZED, BufferSize, tag) };
        if buffer.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        // INVARIANT: just allocated with this size and tag.
        let block = PoolBlock { buffer: Shared(buffer), tag };
        Ok(self::Memory { block: Mutex::new(Some(block)), ..self::Memory::new(buffer, BufferSize) })
    };
    status(|| {
        // SAFETY: the driver passes null or attributes, and a variable.
        let memory = unsafe { create(NAME, &client, Attributes, Memory, body) }?;
        // SAFETY: null, or the driver's variable.
        unsafe { store(Buffer, memory.buffer().0) };
        Ok(())
    })
}

/// Makes an object for a buffer of the driver's.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_INVALID_PARAMETER` for no bytes, `STATUS_INSUFFICIENT_RESOURCES`, and what the attributes are refused with.
pub unsafe extern "C" fn WdfMemoryCreatePreallocated(
    globals: PWDF_DRIVER_GLOBALS,
    Attributes: PWDF_OBJECT_ATTRIBUTES,
    Buffer: PVOID,
    BufferSize: usize,
    Memory: *mut WDFMEMORY,
) -> NTSTATUS {
    const NAME: &str = "WdfMemoryCreatePreallocated";
    let client = client::calling(NAME, globals);
    at_most(NAME, DISPATCH_LEVEL);
    required(NAME, "Buffer", Buffer);
    required(NAME, "Memory", Memory);
    if BufferSize == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    // INVARIANT: the driver's buffer, of the length that it says.
    let body = self::Memory { preallocated: true, ..self::Memory::new(Buffer, BufferSize) };
    // SAFETY: the driver passes null or attributes, and a variable.
    status(|| unsafe { create(NAME, &client, Attributes, Memory, || Ok(body)) }.map(drop))
}

fn memory(function: &'static str, handle: WDFMEMORY) -> Typed<Memory> {
    at_most(function, DISPATCH_LEVEL);
    lookup::typed::<Memory>(function, handle)
}

/// The address and length of a buffer.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfMemoryGetBuffer(
    _globals: PWDF_DRIVER_GLOBALS,
    Memory: WDFMEMORY,
    BufferSize: *mut usize,
) -> PVOID {
    let (buffer, size) = memory("WdfMemoryGetBuffer", Memory).buffer();
    // SAFETY: null, or the driver's variable.
    unsafe { store(BufferSize, size) };
    buffer
}

/// Exchanges the buffer of an object made for one of the driver's.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_INVALID_PARAMETER` for no bytes, `STATUS_INVALID_DEVICE_REQUEST` for any other object.
pub unsafe extern "C" fn WdfMemoryAssignBuffer(
    _globals: PWDF_DRIVER_GLOBALS,
    Memory: WDFMEMORY,
    Buffer: PVOID,
    BufferSize: usize,
) -> NTSTATUS {
    const NAME: &str = "WdfMemoryAssignBuffer";
    let memory = memory(NAME, Memory);
    required(NAME, "Buffer", Buffer);
    if BufferSize == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    if !memory.preallocated {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    // INVARIANT: the driver's buffer, of the length that it says.
    *memory.buffer.lock() = (Shared(Buffer), BufferSize);
    STATUS_SUCCESS
}

/// Copies out of a buffer.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_BUFFER_TOO_SMALL` beyond its end.
pub unsafe extern "C" fn WdfMemoryCopyToBuffer(
    _globals: PWDF_DRIVER_GLOBALS,
    SourceMemory: WDFMEMORY,
    SourceOffset: usize,
    Buffer: PVOID,
    NumBytesToCopyTo: usize,
) -> NTSTATUS {
    const NAME: &str = "WdfMemoryCopyToBuffer";
    let source = memory(NAME, SourceMemory);
    required(NAME, "Buffer", Buffer);
    status(|| {
        let part = source.part(SourceOffset, NumBytesToCopyTo)?;
        // SAFETY: `part` has that many bytes, by the type's invariant; `Buffer` too, says the driver.
        unsafe { core::ptr::copy(part, Buffer.cast(), NumBytesToCopyTo) };
        Ok(())
    })
}

/// Copies into a buffer.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_BUFFER_TOO_SMALL` beyond its end, `STATUS_ACCESS_VIOLATION` for one that was locked to be read.
pub unsafe extern "C" fn WdfMemoryCopyFromBuffer(
    _globals: PWDF_DRIVER_GLOBALS,
    DestinationMemory: WDFMEMORY,
    DestinationOffset: usize,
    Buffer: PVOID,
    NumBytesToCopyFrom: usize,
) -> NTSTATUS {
    const NAME: &str = "WdfMemoryCopyFromBuffer";
    let destination = memory(NAME, DestinationMemory);
    required(NAME, "Buffer", Buffer);
    if destination.read_only {
        rules::verify(&rules::READ_ONLY_MEMORY, || {
            format!("{NAME} was called for {}, which was locked to be read", destination.object())
        });
        return STATUS_ACCESS_VIOLATION;
    }
    status(|| {
        let part = destination.part(DestinationOffset, NumBytesToCopyFrom)?;
        // SAFETY: `part` has that many bytes, by the type's invariant; `Buffer` too, says the driver.
        unsafe { core::ptr::copy(Buffer.cast(), part, NumBytesToCopyFrom) };
        Ok(())
    })
}
