//! Sequenced lists: `SLIST_HEADER` and its functions, which need no lock of the driver's.
//!
//! Windows changes the head with one instruction of 16 bytes. Here a lock of the kernel's keeps the threads apart.
#![expect(unsafe_code, reason = "exports C functions by their names; the lists are the driver's")]

use std::ptr;

use parking_lot::Mutex;
use wsk_sys::{SLIST_ENTRY, SLIST_HEADER, ULONG64, USHORT};

use crate::ex::pool;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require};
use crate::rule;

/// `MEMORY_ALLOCATION_ALIGNMENT`.
pub(crate) const ALIGNMENT: usize = 16;
/// Of how many entries a push looks whether they are the one that is pushed.
const LOOKED_AT: usize = 64;

/// Who changes a list.
static CHANGE: Mutex<()> = Mutex::new(());

/// Checks that a part of a sequenced list is where it can be.
///
/// # Errors
/// [`rule::LIST_ALIGNMENT`].
pub(crate) fn check_aligned(address: usize, what: &str) -> Result<(), Broken> {
    if address.is_multiple_of(ALIGNMENT) && address != 0 {
        return Ok(());
    }
    let detail = format!("{what} of {address:#x}, which is not aligned to {ALIGNMENT} bytes");
    Err(Broken::new(&rule::LIST_ALIGNMENT, detail))
}

/// Checks a head.
fn check_head(head: *mut SLIST_HEADER, what: &str) {
    let machine = Machine::kernel();
    require(check_aligned(head.addr(), what));
    pool::require_non_paged(&machine, head.addr(), what);
}

/// The depth after a change, with the number of changes behind it.
fn changed(alignment: ULONG64, depth: USHORT) -> ULONG64 {
    ((alignment >> 16).wrapping_add(1) << 16) | ULONG64::from(depth)
}

/// How many entries a head counts.
#[expect(clippy::cast_possible_truncation, reason = "the lowest 16 bits")]
fn depth(head: SLIST_HEADER) -> USHORT {
    head.Alignment as USHORT
}

/// Makes an empty list.
///
/// # IRQL
/// Any.
///
/// # Safety
/// `SListHead` points to resident memory for a head that nobody uses yet.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn InitializeSListHead(SListHead: *mut SLIST_HEADER) {
    check_head(SListHead, "InitializeSListHead");
    // SAFETY: this function's own contract.
    unsafe { SListHead.write(SLIST_HEADER::ZERO) };
}

/// How many entries there are.
///
/// # IRQL
/// Any.
///
/// # Safety
/// `ListHead` is an initialised head.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExQueryDepthSList(ListHead: *mut SLIST_HEADER) -> USHORT {
    check_head(ListHead, "ExQueryDepthSList");
    let _change = CHANGE.lock();
    // SAFETY: this function's own contract.
    depth(unsafe { ListHead.read() })
}

/// Makes an entry the first; returns the one that was, or null.
///
/// # IRQL
/// Any, if the entries are resident.
///
/// # Safety
/// `ListHead` is an initialised head, `ListEntry` an entry that is in no list.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExpInterlockedPushEntrySList(
    ListHead: *mut SLIST_HEADER,
    ListEntry: *mut SLIST_ENTRY,
) -> *mut SLIST_ENTRY {
    let what = "ExpInterlockedPushEntrySList";
    check_head(ListHead, what);
    require(check_aligned(ListEntry.addr(), what));
    require(pool::check_resident(&Machine::kernel(), ListEntry.addr(), what));
    // SAFETY: this function's own contract.
    require(unsafe { push(ListHead, ListEntry, what) })
}

/// # Errors
/// [`rule::LIST_CORRUPT`]: the entry is in the list.
///
/// # Safety
/// As for [`ExpInterlockedPushEntrySList`].
unsafe fn push(
    list: *mut SLIST_HEADER,
    entry: *mut SLIST_ENTRY,
    what: &str,
) -> Result<*mut SLIST_ENTRY, Broken> {
    let _change = CHANGE.lock();
    // SAFETY: this function's own contract.
    let head = unsafe { list.read() };
    let mut next = head.Region;
    for _ in 0..LOOKED_AT {
        if next.is_null() {
            break;
        }
        if ptr::eq(next, entry) {
            let detail = format!("{what} of the entry at {:#x}, which is in the list", entry.addr());
            return Err(Broken::new(&rule::LIST_CORRUPT, detail));
        }
        // SAFETY: an entry of the list, which its owner keeps.
        next = unsafe { (*next).Next };
    }
    // SAFETY: this function's own contract.
    unsafe { (*entry).Next = head.Region };
    let alignment = changed(head.Alignment, depth(head).wrapping_add(1));
    // SAFETY: this function's own contract.
    unsafe { list.write(SLIST_HEADER { Alignment: alignment, Region: entry }) };
    Ok(head.Region)
}

/// Takes the first entry; null if there is none.
///
/// # IRQL
/// As for [`ExpInterlockedPushEntrySList`].
///
/// # Safety
/// `ListHead` is an initialised head.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExpInterlockedPopEntrySList(ListHead: *mut SLIST_HEADER) -> *mut SLIST_ENTRY {
    check_head(ListHead, "ExpInterlockedPopEntrySList");
    let _change = CHANGE.lock();
    // SAFETY: this function's own contract.
    let head = unsafe { ListHead.read() };
    let first = head.Region;
    if !first.is_null() {
        // SAFETY: an entry of the list, which its owner keeps.
        let next = unsafe { (*first).Next };
        let alignment = changed(head.Alignment, depth(head).wrapping_sub(1));
        // SAFETY: this function's own contract.
        unsafe { ListHead.write(SLIST_HEADER { Alignment: alignment, Region: next }) };
    }
    first
}

/// Takes all entries, and returns the first; null if there is none.
///
/// # IRQL
/// As for [`ExpInterlockedPushEntrySList`].
///
/// # Safety
/// `ListHead` is an initialised head.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExpInterlockedFlushSList(ListHead: *mut SLIST_HEADER) -> *mut SLIST_ENTRY {
    check_head(ListHead, "ExpInterlockedFlushSList");
    let _change = CHANGE.lock();
    // SAFETY: this function's own contract.
    let head = unsafe { ListHead.read() };
    let empty = SLIST_HEADER { Alignment: changed(head.Alignment, 0), Region: ptr::null_mut() };
    // SAFETY: this function's own contract.
    unsafe { ListHead.write(empty) };
    head.Region
}
