//! A driver's lists under its spin lock: `ExInterlockedInsertHeadList` and the others.
//!
//! They may be called at any level, so the thread is at `DISPATCH_LEVEL` for as long as it takes.
#![expect(unsafe_code, reason = "exports C functions by their names; the lists are the driver's")]

use std::ptr;

use wsk_sys::{
    DISPATCH_LEVEL, KSPIN_LOCK, KeAcquireSpinLockAtDpcLevel, KeReleaseSpinLockFromDpcLevel, LIST_ENTRY,
    SINGLE_LIST_ENTRY,
};

use crate::ex::pool;
use crate::ke::irql;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require};
use crate::rule;

/// Calls `f` with the driver's spin lock held.
///
/// # Safety
/// `lock` points to an initialised spin lock.
unsafe fn under<R>(lock: *mut KSPIN_LOCK, f: impl FnOnce() -> Result<R, Broken>) -> R {
    let before = irql::set(DISPATCH_LEVEL);
    // SAFETY: this function's own contract.
    unsafe { KeAcquireSpinLockAtDpcLevel(lock) };
    let result = f();
    // SAFETY: this function's own contract; acquired above.
    unsafe { KeReleaseSpinLockFromDpcLevel(lock) };
    irql::set(before);
    require(result)
}

/// The links of an entry, which must be those of a list.
///
/// # Errors
/// [`rule::LIST_CORRUPT`], [`rule::PAGED_AT_DISPATCH`].
///
/// # Safety
/// `entry` points to an entry of a list, or its head.
unsafe fn links(entry: *mut LIST_ENTRY, what: &str) -> Result<LIST_ENTRY, Broken> {
    let machine = Machine::kernel();
    pool::check_resident(&machine, entry.addr(), what)?;
    // SAFETY: this function's own contract.
    let links = unsafe { entry.read() };
    let corrupt = |why: &str| {
        Err(Broken::new(&rule::LIST_CORRUPT, format!("{what} of the list at {:#x}, {why}", entry.addr())))
    };
    if links.Flink.is_null() || links.Blink.is_null() {
        return corrupt("which is not initialised");
    }
    // SAFETY: what a link points to is another entry, whose owner keeps it while it is in the list.
    let back = unsafe { (*links.Flink).Blink };
    // SAFETY: what a link points to is another entry, whose owner keeps it while it is in the list.
    let forth = unsafe { (*links.Blink).Flink };
    if !ptr::eq(back, entry) || !ptr::eq(forth, entry) {
        return corrupt("whose neighbours do not point back to it");
    }
    Ok(links)
}

/// Puts an entry between two neighbours.
///
/// # Safety
/// Both are of one list, next to each other; the entry is in none.
unsafe fn link(before: *mut LIST_ENTRY, entry: *mut LIST_ENTRY, after: *mut LIST_ENTRY) {
    // SAFETY: the caller's entry.
    unsafe { entry.write(LIST_ENTRY { Flink: after, Blink: before }) };
    // SAFETY: this function's own contract.
    unsafe { (*after).Blink = entry };
    // SAFETY: this function's own contract.
    unsafe { (*before).Flink = entry };
}

/// What an insertion returns: the neighbour, if that is no head.
fn neighbour(entry: *mut LIST_ENTRY, head: *mut LIST_ENTRY) -> *mut LIST_ENTRY {
    if ptr::eq(entry, head) { ptr::null_mut() } else { entry }
}

/// An entry that is next to the head cannot be inserted there.
fn check_out(entry: *mut LIST_ENTRY, head: LIST_ENTRY, what: &str) -> Result<(), Broken> {
    if ptr::eq(entry, head.Flink) || ptr::eq(entry, head.Blink) {
        let detail = format!("{what} of the entry at {:#x}, which is in the list", entry.addr());
        return Err(Broken::new(&rule::LIST_CORRUPT, detail));
    }
    Ok(())
}

/// Makes an entry the first of a list; returns the one that was, or null.
///
/// # IRQL
/// Any.
///
/// # Safety
/// `ListHead` is the head of a list in resident memory, `ListEntry` an entry that is in none, `Lock` the list's spin lock.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExInterlockedInsertHeadList(
    ListHead: *mut LIST_ENTRY,
    ListEntry: *mut LIST_ENTRY,
    Lock: *mut KSPIN_LOCK,
) -> *mut LIST_ENTRY {
    let what = "ExInterlockedInsertHeadList";
    let insert = || {
        // SAFETY: this function's own contract.
        let head = unsafe { links(ListHead, what) }?;
        check_out(ListEntry, head, what)?;
        // SAFETY: this function's own contract; the links were looked at.
        unsafe { link(ListHead, ListEntry, head.Flink) };
        Ok(neighbour(head.Flink, ListHead))
    };
    // SAFETY: this function's own contract.
    unsafe { under(Lock, insert) }
}

/// Makes an entry the last of a list; returns the one that was, or null.
///
/// # IRQL
/// Any.
///
/// # Safety
/// As for [`ExInterlockedInsertHeadList`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExInterlockedInsertTailList(
    ListHead: *mut LIST_ENTRY,
    ListEntry: *mut LIST_ENTRY,
    Lock: *mut KSPIN_LOCK,
) -> *mut LIST_ENTRY {
    let what = "ExInterlockedInsertTailList";
    let insert = || {
        // SAFETY: this function's own contract.
        let head = unsafe { links(ListHead, what) }?;
        check_out(ListEntry, head, what)?;
        // SAFETY: this function's own contract; the links were looked at.
        unsafe { link(head.Blink, ListEntry, ListHead) };
        Ok(neighbour(head.Blink, ListHead))
    };
    // SAFETY: this function's own contract.
    unsafe { under(Lock, insert) }
}

/// Takes the first entry out of a list; null if there is none.
///
/// # IRQL
/// Any.
///
/// # Safety
/// `ListHead` is the head of a list in resident memory, `Lock` the list's spin lock.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExInterlockedRemoveHeadList(
    ListHead: *mut LIST_ENTRY,
    Lock: *mut KSPIN_LOCK,
) -> *mut LIST_ENTRY {
    let what = "ExInterlockedRemoveHeadList";
    let remove = || {
        // SAFETY: this function's own contract.
        let first = unsafe { links(ListHead, what) }?.Flink;
        if ptr::eq(first, ListHead) {
            return Ok(ptr::null_mut());
        }
        // SAFETY: an entry of the list.
        let next = unsafe { links(first, what) }?.Flink;
        // SAFETY: this function's own contract.
        unsafe { (*ListHead).Flink = next };
        // SAFETY: an entry of the list, or its head.
        unsafe { (*next).Blink = ListHead };
        Ok(first)
    };
    // SAFETY: this function's own contract.
    unsafe { under(Lock, remove) }
}

/// Makes an entry the first of a list that goes one way; returns the one that was, or null.
///
/// # IRQL
/// Any.
///
/// # Safety
/// As for [`ExInterlockedInsertHeadList`], with a head whose `Next` is null or an entry.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExInterlockedPushEntryList(
    ListHead: *mut SINGLE_LIST_ENTRY,
    ListEntry: *mut SINGLE_LIST_ENTRY,
    Lock: *mut KSPIN_LOCK,
) -> *mut SINGLE_LIST_ENTRY {
    let what = "ExInterlockedPushEntryList";
    let push = || {
        pool::check_resident(&Machine::kernel(), ListHead.addr(), what)?;
        // SAFETY: this function's own contract.
        let first = unsafe { (*ListHead).Next };
        if ptr::eq(first, ListEntry) {
            let detail = format!("{what} of the entry at {:#x}, which is in the list", ListEntry.addr());
            return Err(Broken::new(&rule::LIST_CORRUPT, detail));
        }
        // SAFETY: this function's own contract.
        unsafe { (*ListEntry).Next = first };
        // SAFETY: this function's own contract.
        unsafe { (*ListHead).Next = ListEntry };
        Ok(first)
    };
    // SAFETY: this function's own contract.
    unsafe { under(Lock, push) }
}

/// Takes the first entry out of a list that goes one way; null if there is none.
///
/// # IRQL
/// Any.
///
/// # Safety
/// As for [`ExInterlockedPushEntryList`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExInterlockedPopEntryList(
    ListHead: *mut SINGLE_LIST_ENTRY,
    Lock: *mut KSPIN_LOCK,
) -> *mut SINGLE_LIST_ENTRY {
    let pop = || {
        pool::check_resident(&Machine::kernel(), ListHead.addr(), "ExInterlockedPopEntryList")?;
        // SAFETY: this function's own contract.
        let first = unsafe { (*ListHead).Next };
        if !first.is_null() {
            // SAFETY: an entry of the list.
            let next = unsafe { (*first).Next };
            // SAFETY: this function's own contract.
            unsafe { (*ListHead).Next = next };
        }
        Ok(first)
    };
    // SAFETY: this function's own contract.
    unsafe { under(Lock, pop) }
}
