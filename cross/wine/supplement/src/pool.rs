//! Tagged pool. Wine 8 has no `ExAllocatePool2`, and its pool forgets the tags.
#![expect(unsafe_code, reason = "functions of the kernel's C names")]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hosted_rule::Broken;
use hosted_rule::report::violation;
use wsk_sys::{POOL_FLAG_UNINITIALIZED, PVOID, SIZE_T, ULONG, ULONG64};

use crate::rules::{POOL_BAD_ADDRESS, POOL_WRONG_TAG};

/// The alignment of pool.
const ALIGNMENT: usize = 16;
/// What a fresh block holds whose owner wants it uninitialised, and what a freed one holds.
const FRESH: u8 = 0xCD;
const FREED: u8 = 0xDD;
/// The tag of a block that was allocated without one.
const NO_TAG: ULONG = u32::from_le_bytes(*b"None");

#[derive(Clone, Copy)]
struct Block {
    size: usize,
    tag: ULONG,
}

static BLOCKS: Mutex<BTreeMap<usize, Block>> = Mutex::new(BTreeMap::new());

fn blocks() -> MutexGuard<'static, BTreeMap<usize, Block>> {
    BLOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn name(tag: ULONG) -> String {
    String::from_utf8_lossy(&tag.to_le_bytes()).into_owned()
}

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size, ALIGNMENT).ok().filter(|layout| layout.size() != 0)
}

/// The blocks that drivers have not freed.
#[must_use]
pub fn left() -> Vec<String> {
    let blocks = blocks();
    blocks
        .iter()
        .map(|(at, block)| format!("{} bytes at {at:#x}, tag '{}'", block.size, name(block.tag)))
        .collect()
}

fn allocate(size: usize, tag: ULONG, zeroed: bool) -> PVOID {
    let Some(layout) = layout(size) else { return ptr::null_mut() };
    let block = if zeroed {
        // SAFETY: the size is not zero.
        unsafe { alloc_zeroed(layout) }
    } else {
        // SAFETY: the size is not zero.
        let block = unsafe { alloc(layout) };
        if !block.is_null() {
            // SAFETY: so many bytes were just allocated.
            unsafe { block.write_bytes(FRESH, size) };
        }
        block
    };
    if !block.is_null() {
        blocks().insert(block.addr(), Block { size, tag });
    }
    block.cast()
}

#[unsafe(no_mangle)]
pub(crate) extern "system" fn ExAllocatePool2(Flags: ULONG64, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID {
    allocate(NumberOfBytes, Tag, Flags & POOL_FLAG_UNINITIALIZED == 0)
}

pub(crate) extern "system" fn ExAllocatePool(PoolType: c_int, NumberOfBytes: SIZE_T) -> PVOID {
    ExAllocatePoolWithTag(PoolType, NumberOfBytes, NO_TAG)
}

/// A block of no bytes is one too, as the older functions have it.
pub(crate) extern "system" fn ExAllocatePoolWithTag(
    _PoolType: c_int,
    NumberOfBytes: SIZE_T,
    Tag: ULONG,
) -> PVOID {
    allocate(NumberOfBytes.max(1), Tag, false)
}

/// The quota is nobody's, and memory that lacks is told by null even where an exception was wanted.
pub(crate) extern "system" fn ExAllocatePoolWithQuotaTag(
    PoolType: c_int,
    NumberOfBytes: SIZE_T,
    Tag: ULONG,
) -> PVOID {
    ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag)
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExFreePool(P: PVOID) {
    // SAFETY: this function's own contract.
    unsafe { ExFreePoolWithTag(P, 0) };
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExFreePoolWithTag(P: PVOID, Tag: ULONG) {
    let block = blocks().remove(&P.addr());
    let Some((block, layout)) = block.and_then(|block| Some((block, layout(block.size)?))) else {
        let detail = format!("{P:p} is no block of the pool, or is free already");
        violation(&Broken::new(&POOL_BAD_ADDRESS, detail));
    };
    if Tag != 0 && Tag != block.tag {
        let detail = format!("{P:p} has the tag '{}', and is freed with '{}'", name(block.tag), name(Tag));
        violation(&Broken::new(&POOL_WRONG_TAG, detail));
    }
    let memory: *mut u8 = P.cast();
    // SAFETY: a block of this size, which was in the table and now is nobody's.
    unsafe { memory.write_bytes(FREED, block.size) };
    // SAFETY: allocated with this layout.
    unsafe { dealloc(memory, layout) };
}
