//! MDLs: all memory is the process's own, so that locking and mapping are notes in the flags.
//!
//! Wine's functions do nothing, or return null, and leave the flags and the mapped address as they are.
#![expect(unsafe_code, reason = "functions of the kernel's C names")]

use wsk_sys::{
    KPROCESSOR_MODE, LOCK_OPERATION, MDL, MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_PARTIAL,
    MDL_SOURCE_IS_NONPAGED_POOL, MEMORY_CACHING_TYPE, MmGetMdlVirtualAddress, PAGE_SIZE, PVOID, ULONG,
};

/// Sets flags, and clears others.
///
/// # Safety
/// `mdl` is a living MDL that nobody else touches now.
unsafe fn change(mdl: *mut MDL, set: i16, clear: i16) {
    // SAFETY: this function's contract.
    let flags = unsafe { (*mdl).MdlFlags };
    // SAFETY: this function's contract.
    unsafe { (*mdl).MdlFlags = flags & !clear | set };
}

/// Makes the address that the MDL describes its mapping.
///
/// # Safety
/// As [`change`].
unsafe fn map(mdl: *mut MDL) -> PVOID {
    // SAFETY: this function's contract.
    let address = unsafe { MmGetMdlVirtualAddress(mdl) };
    // SAFETY: this function's contract.
    unsafe { (*mdl).MappedSystemVa = address };
    address
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn MmBuildMdlForNonPagedPool(mdl: *mut MDL) {
    // SAFETY: the caller's MDL.
    unsafe { map(mdl) };
    // SAFETY: the caller's MDL.
    unsafe { change(mdl, MDL_SOURCE_IS_NONPAGED_POOL, 0) };
}

pub(crate) unsafe extern "system" fn MmProbeAndLockPages(
    mdl: *mut MDL,
    _AccessMode: KPROCESSOR_MODE,
    _Operation: LOCK_OPERATION,
) {
    // SAFETY: the caller's MDL.
    unsafe { change(mdl, MDL_PAGES_LOCKED, 0) };
}

pub(crate) unsafe extern "system" fn MmUnlockPages(mdl: *mut MDL) {
    // SAFETY: the caller's MDL.
    unsafe { change(mdl, 0, MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA) };
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn MmMapLockedPagesSpecifyCache(
    mdl: *mut MDL,
    _AccessMode: KPROCESSOR_MODE,
    _CacheType: MEMORY_CACHING_TYPE,
    _RequestedAddress: PVOID,
    _BugCheckOnFailure: ULONG,
    _Priority: ULONG,
) -> PVOID {
    // The flag stays unset: two threads may map the same MDL at once, and both get the same address.
    // SAFETY: the caller's MDL.
    unsafe { MmGetMdlVirtualAddress(mdl) }
}

/// A length of zero means up to the end of the source.
pub(crate) unsafe extern "system" fn IoBuildPartialMdl(
    SourceMdl: *mut MDL,
    TargetMdl: *mut MDL,
    VirtualAddress: PVOID,
    Length: ULONG,
) {
    // SAFETY: the caller's source, which it does not change meanwhile.
    let source = unsafe { SourceMdl.read() };
    let start = source.StartVa.addr() + source.ByteOffset as usize;
    let rest = (start + source.ByteCount as usize).saturating_sub(VirtualAddress.addr());
    let page_offset = VirtualAddress.addr() % PAGE_SIZE;
    // SAFETY: the caller's target, large enough for the part by the caller's contract.
    let target = unsafe { &mut *TargetMdl };
    target.Process = source.Process;
    target.StartVa = VirtualAddress.wrapping_byte_sub(page_offset);
    // Neither is more than a `ULONG` holds: a page's size, and the source's length.
    target.ByteOffset = ULONG::try_from(page_offset).unwrap_or(0);
    target.ByteCount = if Length == 0 { ULONG::try_from(rest).unwrap_or(0) } else { Length };
    target.MappedSystemVa = VirtualAddress;
    target.MdlFlags |= MDL_PARTIAL | source.MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL);
}
