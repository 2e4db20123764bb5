//! Memory descriptor lists and their inlines.
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use core::ptr;

use crate::base::{CSHORT, KernelMode, PVOID, ULONG};
use crate::ntoskrnl::MmMapLockedPagesSpecifyCache;

/// A memory descriptor list. The page frame numbers follow the structure.
#[repr(C)]
#[derive(Debug)]
pub struct MDL {
    pub Next: *mut MDL,
    pub Size: CSHORT,
    pub MdlFlags: CSHORT,
    pub Process: PVOID,
    pub MappedSystemVa: PVOID,
    pub StartVa: PVOID,
    pub ByteCount: ULONG,
    pub ByteOffset: ULONG,
}
pub type PMDL = *mut MDL;

pub const MDL_MAPPED_TO_SYSTEM_VA: CSHORT = 0x0001;
pub const MDL_PAGES_LOCKED: CSHORT = 0x0002;
pub const MDL_SOURCE_IS_NONPAGED_POOL: CSHORT = 0x0004;
pub const MDL_ALLOCATED_FIXED_SIZE: CSHORT = 0x0008;
pub const MDL_PARTIAL: CSHORT = 0x0010;
pub const MDL_PARTIAL_HAS_BEEN_MAPPED: CSHORT = 0x0020;
pub const MDL_IO_PAGE_READ: CSHORT = 0x0040;
pub const MDL_WRITE_OPERATION: CSHORT = 0x0080;

/// `MM_PAGE_PRIORITY`: fail when memory is low, not only when it is gone.
pub const NormalPagePriority: ULONG = 16;
/// Or-ed to a priority: map without execute permission.
pub const MdlMappingNoExecute: ULONG = 0x4000_0000;
/// `MEMORY_CACHING_TYPE`: cached memory.
pub const MmCached: MEMORY_CACHING_TYPE = 1;
pub type MEMORY_CACHING_TYPE = i32;

/// `LOCK_OPERATION`: the pages will be read.
pub const IoReadAccess: LOCK_OPERATION = 0;
/// `LOCK_OPERATION`: the pages will be written.
pub const IoWriteAccess: LOCK_OPERATION = 1;
pub type LOCK_OPERATION = i32;

/// The number of bytes that the MDL describes (an inline of `wdm.h`).
///
/// # Safety
/// `mdl` points to an MDL.
#[must_use]
pub unsafe fn MmGetMdlByteCount(mdl: *const MDL) -> ULONG {
    // SAFETY: the caller passes an MDL; its byte count is set when it is made and never changes.
    unsafe { (*mdl).ByteCount }
}

/// The address that the MDL describes, in the address space it was made for (an inline of `wdm.h`).
///
/// # Safety
/// `mdl` points to an MDL.
#[must_use]
pub unsafe fn MmGetMdlVirtualAddress(mdl: *const MDL) -> PVOID {
    // SAFETY: the caller passes an MDL; the field is set when it is made and never changes.
    let start = unsafe { (*mdl).StartVa };
    // SAFETY: the caller passes an MDL; the field is set when it is made and never changes.
    let offset = unsafe { (*mdl).ByteOffset };
    start.wrapping_byte_add(offset as usize)
}

/// A system address for the pages that the MDL describes, or null when they cannot be mapped (an inline of
/// `wdm.h`). `Priority` is [`NormalPagePriority`], best or-ed with [`MdlMappingNoExecute`].
///
/// # Safety
/// `mdl` points to an MDL whose pages are locked or come from non-paged pool. IRQL <= `DISPATCH_LEVEL`.
// Inline, so that a program which uses only this crate's types and tables has no kernel function to be linked with.
#[inline]
#[must_use]
pub unsafe fn MmGetSystemAddressForMdlSafe(mdl: *mut MDL, priority: ULONG) -> PVOID {
    // SAFETY: the caller passes an MDL.
    let flags = unsafe { (*mdl).MdlFlags };
    if flags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
        // SAFETY: by these flags the field holds the mapping.
        unsafe { (*mdl).MappedSystemVa }
    } else {
        // SAFETY: the pages are locked, says the caller; a kernel-mode mapping that may fail needs nothing else.
        unsafe { MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, ptr::null_mut(), 0, priority) }
    }
}
