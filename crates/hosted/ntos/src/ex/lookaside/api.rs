//! The exported functions of lookaside lists.
//!
//! Those that allocate and free are inlines of the headers before Windows 11, version 22H2, and exported since.
#![expect(unsafe_code, reason = "exports C functions by their names")]

use std::mem;

use wsk_sys::{
    EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE, EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL, LOOKASIDE_LIST_EX,
    NPAGED_LOOKASIDE_LIST, NTSTATUS, NonPagedPool, NonPagedPoolCacheAligned, NonPagedPoolNx,
    NonPagedPoolNxCacheAligned, PAGED_LOOKASIDE_LIST, PALLOCATE_FUNCTION, PALLOCATE_FUNCTION_EX,
    PFREE_FUNCTION, PFREE_FUNCTION_EX, POOL_NX_ALLOCATION, POOL_TYPE, PVOID, PagedPool,
    PagedPoolCacheAligned, SIZE_T, STATUS_INVALID_PARAMETER_4, STATUS_INVALID_PARAMETER_5, STATUS_SUCCESS,
    ULONG, USHORT,
};

use super::{List, Routines, allocate, delete, find, free, initialize, require_level};
use crate::ex::pool;
use crate::machine::Machine;
use crate::machine::bugcheck::{require, violation};
use crate::machine::owner::Owner;
use crate::rule;

/// `POOL_RAISE_IF_ALLOCATION_FAILURE`.
const POOL_RAISE_IF_ALLOCATION_FAILURE: ULONG = 16;

/// The routines of an older list, as its structure has them; the kernel's, where it has none.
pub(super) fn plain(
    allocate: Option<PALLOCATE_FUNCTION>,
    free: Option<PFREE_FUNCTION>,
) -> (PALLOCATE_FUNCTION_EX, PFREE_FUNCTION_EX) {
    let allocate = allocate.unwrap_or(pool::ExAllocatePoolWithTag);
    let free = free.unwrap_or(pool::ExFreePool);
    // SAFETY: the field is a union of both types; who calls what is in an older list does so by the older type.
    let allocate = unsafe { mem::transmute::<PALLOCATE_FUNCTION, PALLOCATE_FUNCTION_EX>(allocate) };
    // SAFETY: the field is a union of both types; who calls what is in an older list does so by the older type.
    let free = unsafe { mem::transmute::<PFREE_FUNCTION, PFREE_FUNCTION_EX>(free) };
    (allocate, free)
}

/// The allocation routine of a [`LOOKASIDE_LIST_EX`] that has none of the driver's.
pub(super) unsafe extern "system" fn allocate_entry(
    pool: POOL_TYPE,
    bytes: SIZE_T,
    tag: ULONG,
    _list: *mut LOOKASIDE_LIST_EX,
) -> PVOID {
    pool::ExAllocatePoolWithTag(pool, bytes, tag)
}

/// The free routine of a [`LOOKASIDE_LIST_EX`] that has none of the driver's.
pub(super) unsafe extern "system" fn free_entry(entry: PVOID, _list: *mut LOOKASIDE_LIST_EX) {
    pool::ExFreePool(entry);
}

/// The allocation routine of a list that was deleted.
pub(super) unsafe extern "system" fn allocate_deleted(
    _pool: POOL_TYPE,
    bytes: SIZE_T,
    _tag: ULONG,
    _list: *mut LOOKASIDE_LIST_EX,
) -> PVOID {
    Machine::kernel();
    violation(
        &rule::LOOKASIDE_NOT_INITIALIZED,
        format!("{bytes} bytes allocated from a lookaside list that was deleted"),
    )
}

/// The free routine of a list that was deleted.
pub(super) unsafe extern "system" fn free_deleted(entry: PVOID, _list: *mut LOOKASIDE_LIST_EX) {
    Machine::kernel();
    violation(
        &rule::LOOKASIDE_NOT_INITIALIZED,
        format!("{:#x} freed to a lookaside list that was deleted", entry.addr()),
    );
}

/// Initialises a lookaside list of non-paged entries. `Flags`: `POOL_NX_ALLOCATION`, without which the entries are
/// executable, and `POOL_RAISE_IF_ALLOCATION_FAILURE`.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Safety
/// `Lookaside` points to non-paged memory for the structure, which stays until the list is deleted. The routines are as
/// their types say.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExInitializeNPagedLookasideList(
    Lookaside: *mut NPAGED_LOOKASIDE_LIST,
    Allocate: Option<PALLOCATE_FUNCTION>,
    Free: Option<PFREE_FUNCTION>,
    Flags: ULONG,
    Size: SIZE_T,
    Tag: ULONG,
    _Depth: USHORT,
) {
    let what = "ExInitializeNPagedLookasideList";
    require_level(false, what);
    let list = List {
        address: Lookaside.expose_provenance(),
        routines: Routines::Plain(Allocate, Free),
        pool: if Flags & POOL_NX_ALLOCATION == 0 { NonPagedPool } else { NonPagedPoolNx },
        size: Size,
        tag: Tag,
        raises: Flags & POOL_RAISE_IF_ALLOCATION_FAILURE != 0,
        owner: Owner::current(),
    };
    // SAFETY: this function's own contract; the structure begins as the other does.
    unsafe { initialize(Lookaside.cast(), list, what) };
}

/// Deletes a list.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Safety
/// `Lookaside` is an initialised list that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExDeleteNPagedLookasideList(Lookaside: *mut NPAGED_LOOKASIDE_LIST) {
    // SAFETY: this function's own contract.
    unsafe { delete(Lookaside.cast(), false, "ExDeleteNPagedLookasideList") };
}

/// Allocates an entry; null if there is no memory.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Safety
/// `Lookaside` is an initialised list, whose routine may be called.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExAllocateFromNPagedLookasideList(
    Lookaside: *mut NPAGED_LOOKASIDE_LIST,
) -> PVOID {
    // SAFETY: this function's own contract.
    unsafe { allocate(Lookaside.addr(), Some(false), "ExAllocateFromNPagedLookasideList") }
}

/// Frees an entry.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Safety
/// As for [`ExAllocateFromNPagedLookasideList`]. Nobody uses the entry any more.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExFreeToNPagedLookasideList(
    Lookaside: *mut NPAGED_LOOKASIDE_LIST,
    Entry: PVOID,
) {
    // SAFETY: this function's own contract.
    unsafe { free(Lookaside.addr(), Some(false), Entry, "ExFreeToNPagedLookasideList") };
}

/// Initialises a lookaside list of paged entries. `Flags`: `POOL_RAISE_IF_ALLOCATION_FAILURE`.
///
/// # IRQL
/// <= `APC_LEVEL`.
///
/// # Safety
/// As for [`ExInitializeNPagedLookasideList`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExInitializePagedLookasideList(
    Lookaside: *mut PAGED_LOOKASIDE_LIST,
    Allocate: Option<PALLOCATE_FUNCTION>,
    Free: Option<PFREE_FUNCTION>,
    Flags: ULONG,
    Size: SIZE_T,
    Tag: ULONG,
    _Depth: USHORT,
) {
    let what = "ExInitializePagedLookasideList";
    require_level(true, what);
    let list = List {
        address: Lookaside.expose_provenance(),
        routines: Routines::Plain(Allocate, Free),
        pool: PagedPool,
        size: Size,
        tag: Tag,
        raises: Flags & POOL_RAISE_IF_ALLOCATION_FAILURE != 0,
        owner: Owner::current(),
    };
    // SAFETY: this function's own contract; the structure begins as the other does.
    unsafe { initialize(Lookaside.cast(), list, what) };
}

/// Deletes a list.
///
/// # IRQL
/// <= `APC_LEVEL`.
///
/// # Safety
/// As for [`ExDeleteNPagedLookasideList`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExDeletePagedLookasideList(Lookaside: *mut PAGED_LOOKASIDE_LIST) {
    // SAFETY: this function's own contract.
    unsafe { delete(Lookaside.cast(), true, "ExDeletePagedLookasideList") };
}

/// Allocates an entry; null if there is no memory.
///
/// # IRQL
/// <= `APC_LEVEL`.
///
/// # Safety
/// As for [`ExAllocateFromNPagedLookasideList`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExAllocateFromPagedLookasideList(
    Lookaside: *mut PAGED_LOOKASIDE_LIST,
) -> PVOID {
    // SAFETY: this function's own contract.
    unsafe { allocate(Lookaside.addr(), Some(true), "ExAllocateFromPagedLookasideList") }
}

/// Frees an entry.
///
/// # IRQL
/// <= `APC_LEVEL`.
///
/// # Safety
/// As for [`ExFreeToNPagedLookasideList`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExFreeToPagedLookasideList(Lookaside: *mut PAGED_LOOKASIDE_LIST, Entry: PVOID) {
    // SAFETY: this function's own contract.
    unsafe { free(Lookaside.addr(), Some(true), Entry, "ExFreeToPagedLookasideList") };
}

/// Initialises a lookaside list of entries of any pool.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Errors
/// `STATUS_INVALID_PARAMETER_4` for a pool that is not known, `STATUS_INVALID_PARAMETER_5` for other flags than one of the
/// two.
///
/// # Safety
/// As for [`ExInitializeNPagedLookasideList`].
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the types bear their C names")]
pub unsafe extern "system" fn ExInitializeLookasideListEx(
    Lookaside: *mut LOOKASIDE_LIST_EX,
    Allocate: Option<PALLOCATE_FUNCTION_EX>,
    Free: Option<PFREE_FUNCTION_EX>,
    PoolType: POOL_TYPE,
    Flags: ULONG,
    Size: SIZE_T,
    Tag: ULONG,
    _Depth: USHORT,
) -> NTSTATUS {
    let what = "ExInitializeLookasideListEx";
    require_level(false, what);
    match PoolType {
        NonPagedPool
        | PagedPool
        | NonPagedPoolCacheAligned
        | PagedPoolCacheAligned
        | NonPagedPoolNx
        | NonPagedPoolNxCacheAligned => (),
        _ => return STATUS_INVALID_PARAMETER_4,
    }
    match Flags {
        0 | EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL | EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE => (),
        _ => return STATUS_INVALID_PARAMETER_5,
    }
    let list = List {
        address: Lookaside.expose_provenance(),
        routines: Routines::Ex(Allocate, Free),
        pool: PoolType,
        size: Size,
        tag: Tag,
        raises: Flags == EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL,
        owner: Owner::current(),
    };
    // SAFETY: this function's own contract.
    unsafe { initialize(Lookaside.cast(), list, what) };
    STATUS_SUCCESS
}

/// Deletes a list.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Safety
/// As for [`ExDeleteNPagedLookasideList`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExDeleteLookasideListEx(Lookaside: *mut LOOKASIDE_LIST_EX) {
    // SAFETY: this function's own contract.
    unsafe { delete(Lookaside.cast(), false, "ExDeleteLookasideListEx") };
}

/// Frees the entries that are not allocated, of which there are none.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Safety
/// `Lookaside` is an initialised list.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExFlushLookasideListEx(Lookaside: *mut LOOKASIDE_LIST_EX) {
    let what = "ExFlushLookasideListEx";
    require_level(false, what);
    require(find(&Machine::kernel(), Lookaside.addr(), what));
}

/// Allocates an entry; null if there is no memory.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; <= `APC_LEVEL` for paged entries.
///
/// # Safety
/// As for [`ExAllocateFromNPagedLookasideList`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExAllocateFromLookasideListEx(Lookaside: *mut LOOKASIDE_LIST_EX) -> PVOID {
    // SAFETY: this function's own contract.
    unsafe { allocate(Lookaside.addr(), None, "ExAllocateFromLookasideListEx") }
}

/// Frees an entry.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; <= `APC_LEVEL` for paged entries.
///
/// # Safety
/// As for [`ExFreeToNPagedLookasideList`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExFreeToLookasideListEx(Lookaside: *mut LOOKASIDE_LIST_EX, Entry: PVOID) {
    // SAFETY: this function's own contract.
    unsafe { free(Lookaside.addr(), None, Entry, "ExFreeToLookasideListEx") };
}
