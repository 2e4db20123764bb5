//! Lists that several threads use: sequenced ones (`SLIST_HEADER`), those under a spin lock, lookaside lists.
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use core::ptr;

use crate::base::{LIST_ENTRY, PVOID, SIZE_T, ULONG, ULONG64, USHORT};
use crate::ntoskrnl::{
    ExQueryDepthSList, ExpInterlockedFlushSList, ExpInterlockedPopEntrySList, ExpInterlockedPushEntrySList,
    POOL_TYPE,
};

/// A link of a list that goes one way.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SINGLE_LIST_ENTRY {
    pub Next: *mut SINGLE_LIST_ENTRY,
}

/// A link of a sequenced list, aligned to 16 bytes.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub struct SLIST_ENTRY {
    pub Next: *mut SLIST_ENTRY,
}

/// The head of a sequenced list. It must not be moved, and is looked into by nobody but the kernel.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub struct SLIST_HEADER {
    /// How many entries there are, in the lowest 16 bits; the rest changes with every change.
    pub Alignment: ULONG64,
    /// The first entry.
    pub Region: *mut SLIST_ENTRY,
}

/// `PALLOCATE_FUNCTION`: makes an entry of a lookaside list.
pub type PALLOCATE_FUNCTION =
    unsafe extern "system" fn(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID;
/// `PFREE_FUNCTION`: frees an entry of a lookaside list.
pub type PFREE_FUNCTION = unsafe extern "system" fn(Buffer: PVOID);
/// `PALLOCATE_FUNCTION_EX`: as [`PALLOCATE_FUNCTION`], for a [`LOOKASIDE_LIST_EX`].
pub type PALLOCATE_FUNCTION_EX = unsafe extern "system" fn(
    PoolType: POOL_TYPE,
    NumberOfBytes: SIZE_T,
    Tag: ULONG,
    Lookaside: *mut LOOKASIDE_LIST_EX,
) -> PVOID;
/// `PFREE_FUNCTION_EX`: as [`PFREE_FUNCTION`], for a [`LOOKASIDE_LIST_EX`].
pub type PFREE_FUNCTION_EX = unsafe extern "system" fn(Buffer: PVOID, Lookaside: *mut LOOKASIDE_LIST_EX);

/// The fewest bytes that an entry of a lookaside list has (a macro of `wdm.h`).
pub const LOOKASIDE_MINIMUM_BLOCK_SIZE: SIZE_T = 8;
/// `Flags` of [`ExInitializeLookasideListEx`](crate::ExInitializeLookasideListEx): an exception, where there is no memory.
pub const EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL: ULONG = 1;
/// `Flags` of [`ExInitializeLookasideListEx`](crate::ExInitializeLookasideListEx), with memory that is charged to a process.
pub const EX_LOOKASIDE_LIST_EX_FLAGS_FAIL_NO_RAISE: ULONG = 2;
/// `Flags` of [`ExInitializeNPagedLookasideList`](crate::ExInitializeNPagedLookasideList): memory that is not executable.
pub const POOL_NX_ALLOCATION: ULONG = 512;

/// What [`NPAGED_LOOKASIDE_LIST`] and [`PAGED_LOOKASIDE_LIST`] consist of.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub struct GENERAL_LOOKASIDE {
    pub ListHead: SLIST_HEADER,
    pub Depth: USHORT,
    pub MaximumDepth: USHORT,
    pub TotalAllocates: ULONG,
    pub AllocateMisses: ULONG,
    pub TotalFrees: ULONG,
    pub FreeMisses: ULONG,
    pub Type: POOL_TYPE,
    pub Tag: ULONG,
    pub Size: ULONG,
    pub Allocate: Option<PALLOCATE_FUNCTION>,
    pub Free: Option<PFREE_FUNCTION>,
    pub ListEntry: LIST_ENTRY,
    pub LastTotalAllocates: ULONG,
    pub LastAllocateMisses: ULONG,
    pub Future: [ULONG; 2],
}

/// A lookaside list of non-paged entries.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct NPAGED_LOOKASIDE_LIST {
    pub L: GENERAL_LOOKASIDE,
}

/// A lookaside list of paged entries. The structure itself is not paged.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PAGED_LOOKASIDE_LIST {
    pub L: GENERAL_LOOKASIDE,
}

/// What [`LOOKASIDE_LIST_EX`] consists of: as [`GENERAL_LOOKASIDE`], with other functions.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GENERAL_LOOKASIDE_POOL {
    pub ListHead: SLIST_HEADER,
    pub Depth: USHORT,
    pub MaximumDepth: USHORT,
    pub TotalAllocates: ULONG,
    pub AllocateMisses: ULONG,
    pub TotalFrees: ULONG,
    pub FreeMisses: ULONG,
    pub Type: POOL_TYPE,
    pub Tag: ULONG,
    pub Size: ULONG,
    pub AllocateEx: Option<PALLOCATE_FUNCTION_EX>,
    pub FreeEx: Option<PFREE_FUNCTION_EX>,
    pub ListEntry: LIST_ENTRY,
    pub LastTotalAllocates: ULONG,
    pub LastAllocateMisses: ULONG,
    pub Future: [ULONG; 2],
}

/// A lookaside list of entries of any pool.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LOOKASIDE_LIST_EX {
    pub L: GENERAL_LOOKASIDE_POOL,
}

impl SINGLE_LIST_ENTRY {
    /// All zero: an empty list, as a head.
    pub const ZERO: SINGLE_LIST_ENTRY = SINGLE_LIST_ENTRY { Next: ptr::null_mut() };
}

impl SLIST_ENTRY {
    /// All zero: in no list.
    pub const ZERO: SLIST_ENTRY = SLIST_ENTRY { Next: ptr::null_mut() };
}

impl SLIST_HEADER {
    /// All zero, to be initialised where it stays.
    pub const ZERO: SLIST_HEADER = SLIST_HEADER { Alignment: 0, Region: ptr::null_mut() };
}

impl LOOKASIDE_LIST_EX {
    /// All zero, to be initialised where it stays.
    pub const ZERO: LOOKASIDE_LIST_EX = LOOKASIDE_LIST_EX {
        L: GENERAL_LOOKASIDE_POOL {
            ListHead: SLIST_HEADER::ZERO,
            Depth: 0,
            MaximumDepth: 0,
            TotalAllocates: 0,
            AllocateMisses: 0,
            TotalFrees: 0,
            FreeMisses: 0,
            Type: 0,
            Tag: 0,
            Size: 0,
            AllocateEx: None,
            FreeEx: None,
            ListEntry: LIST_ENTRY::ZERO,
            LastTotalAllocates: 0,
            LastAllocateMisses: 0,
            Future: [0; 2],
        },
    };
}

/// Puts an entry before the first one, which is returned (a macro of the headers).
///
/// # Safety
/// As of [`ExpInterlockedPushEntrySList`].
pub unsafe fn InterlockedPushEntrySList(
    ListHead: *mut SLIST_HEADER,
    ListEntry: *mut SLIST_ENTRY,
) -> *mut SLIST_ENTRY {
    // SAFETY: this function's own contract.
    unsafe { ExpInterlockedPushEntrySList(ListHead, ListEntry) }
}

/// Takes the first entry; null if there is none (a macro of the headers).
///
/// # Safety
/// As of [`ExpInterlockedPopEntrySList`].
pub unsafe fn InterlockedPopEntrySList(ListHead: *mut SLIST_HEADER) -> *mut SLIST_ENTRY {
    // SAFETY: this function's own contract.
    unsafe { ExpInterlockedPopEntrySList(ListHead) }
}

/// Takes all entries, and returns the first (a macro of the headers).
///
/// # Safety
/// As of [`ExpInterlockedFlushSList`].
pub unsafe fn InterlockedFlushSList(ListHead: *mut SLIST_HEADER) -> *mut SLIST_ENTRY {
    // SAFETY: this function's own contract.
    unsafe { ExpInterlockedFlushSList(ListHead) }
}

/// How many entries there are (another name of [`ExQueryDepthSList`]).
///
/// # Safety
/// As of [`ExQueryDepthSList`].
pub unsafe fn QueryDepthSList(ListHead: *mut SLIST_HEADER) -> USHORT {
    // SAFETY: this function's own contract.
    unsafe { ExQueryDepthSList(ListHead) }
}
