//! Freed IRPs, whose memory stays allocated for some time.
//!
//! Wine's server asks for the cancellation of an IRP by its address, and looks only at whether it has heard of the IRP's completion
//! yet. Where the IRP completes before `ntoskrnl.exe` comes to it, `IoCancelIrp` is called all the same. If the memory is that of
//! another IRP by then, a request is cancelled that nobody has asked to cancel. In an IRP that is only kept, there is no cancel
//! routine any more, and nothing comes of it.
#![expect(unsafe_code, reason = "stands in for HeapFree in Wine's ntoskrnl.exe")]

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Memory::{HEAP_FLAGS, HeapFree, HeapSize};
use windows_sys::core::BOOL;
use wsk_sys::{CSHORT, IO_TYPE_IRP, IRP, USHORT};

use crate::imports;
use crate::table::Entry;

/// So many are kept, which is less than a megabyte. A cancel is late by as many requests as wait for the one thread that serves
/// them all.
const KEPT: usize = 1024;

/// The first fields of an IRP.
#[repr(C)]
struct Start {
    kind: CSHORT,
    size: USHORT,
}

/// A block that was to be freed.
struct Block {
    heap: usize,
    flags: HEAP_FLAGS,
    address: usize,
}

static BLOCKS: Mutex<VecDeque<Block>> = Mutex::new(VecDeque::new());

/// Has the kernel's module keep the IRPs that it frees; whether it does from now on.
#[must_use]
pub fn keep() -> bool {
    let entry = |name| Entry {
        name,
        reason: "gives the memory of a freed IRP to the next one",
        function: free as *const () as usize,
    };
    // Two names for one function.
    imports::supply_to_kernel(&[entry("HeapFree"), entry("RtlFreeHeap")]) != 0
}

/// `HeapFree`, as the kernel's module calls it.
unsafe extern "system" fn free(heap: HANDLE, flags: HEAP_FLAGS, block: *const c_void) -> BOOL {
    // SAFETY: the caller's heap and block.
    if block.is_null() || !unsafe { is_irp(heap, flags, block) } {
        // SAFETY: this function's contract is that of the other.
        return unsafe { HeapFree(heap, flags, block) };
    }
    let mut blocks = BLOCKS.lock().unwrap_or_else(PoisonError::into_inner);
    blocks.push_back(Block { heap: heap.expose_provenance(), flags, address: block.expose_provenance() });
    let oldest = if blocks.len() > KEPT { blocks.pop_front() } else { None };
    drop(blocks);
    let Some(Block { heap, flags, address }) = oldest else { return 1 };
    // SAFETY: a block that its owner has given up, and that is in the list no more.
    unsafe {
        HeapFree(
            std::ptr::with_exposed_provenance_mut(heap),
            flags,
            std::ptr::with_exposed_provenance(address),
        )
    }
}

/// Whether a block begins as an IRP does that fills it.
///
/// # Safety
/// The block is one of the heap.
unsafe fn is_irp(heap: HANDLE, flags: HEAP_FLAGS, block: *const c_void) -> bool {
    // SAFETY: this function's contract.
    let size = unsafe { HeapSize(heap, flags, block) };
    if size < size_of::<IRP>() {
        return false;
    }
    // SAFETY: the block is large enough for an IRP's first fields, which are numbers, and its owner has given it up.
    let Start { kind, size: own } = unsafe { block.cast::<Start>().read() };
    kind == IO_TYPE_IRP && usize::from(own) == size
}
