//! Lookaside lists: entries of one size, with a list of free ones.
//!
//! Here no list keeps a free entry: each comes from its allocation routine and goes back to its free routine at once, so that
//! special pool finds what is done to an entry after it was freed. The structures say so, too, by a depth of zero, to drivers
//! whose headers have the functions of allocation and free as inlines.
#![expect(unsafe_code, reason = "writes the drivers' structures, and calls their routines")]

mod api;

pub use api::*;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use parking_lot::Mutex;
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, GENERAL_LOOKASIDE_POOL, LIST_ENTRY, LOOKASIDE_LIST_EX,
    LOOKASIDE_MINIMUM_BLOCK_SIZE, PALLOCATE_FUNCTION, PALLOCATE_FUNCTION_EX, PFREE_FUNCTION,
    PFREE_FUNCTION_EX, POOL_TYPE, PVOID, PagedPool, SIZE_T, SLIST_HEADER, ULONG,
};

use crate::ex::pool;
use crate::ex::pool::registry::{Lookup, TagName};
use crate::ex::slist;
use crate::ke::irql::{self, at_most, call_driver};
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require, violation};
use crate::machine::owner::{LeakScope, Owner, leak_report};
use crate::rule;

/// The routines of a list; none for those of the kernel.
#[derive(Clone, Copy, Debug)]
enum Routines {
    Plain(Option<PALLOCATE_FUNCTION>, Option<PFREE_FUNCTION>),
    Ex(Option<PALLOCATE_FUNCTION_EX>, Option<PFREE_FUNCTION_EX>),
}

/// A list that was initialised and not deleted.
#[derive(Clone, Copy, Debug)]
struct List {
    address: usize,
    routines: Routines,
    pool: POOL_TYPE,
    size: SIZE_T,
    tag: ULONG,
    /// A failed allocation is an exception.
    raises: bool,
    owner: Owner,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let List { address, size, tag, .. } = self;
        write!(f, "lookaside list {address:#x} of entries of {size} bytes, tag {}", TagName(*tag))
    }
}

/// The lists of a machine.
#[derive(Default)]
struct Lookasides(Mutex<State>);

#[derive(Default)]
struct State {
    lists: BTreeMap<usize, List>,
    /// The allocated entries, each with its list.
    out: HashMap<usize, usize>,
}

impl State {
    fn out_of(&self, list: usize) -> impl Iterator<Item = usize> {
        self.out.iter().filter(move |(_, of)| **of == list).map(|(entry, _)| *entry)
    }
}

fn of(machine: &Machine) -> Arc<Lookasides> {
    machine.extension::<Lookasides>(|| {
        machine.on_leak_check(check_leaks);
        Lookasides::default()
    })
}

fn check_leaks(machine: &Machine, scope: LeakScope) -> Vec<Broken> {
    let lists = of(machine);
    let state = lists.0.lock();
    let left: Vec<String> =
        state.lists.values().filter(|list| scope.covers(list.owner)).map(ToString::to_string).collect();
    drop(state);
    leak_report(&rule::LOOKASIDE_LEFT, "lookaside lists", scope, left).into_iter().collect()
}

/// A list in this memory that is not deleted, for a report.
pub(crate) fn active_in(machine: &Machine, range: &Range<usize>) -> Option<String> {
    let lists = of(machine);
    let state = lists.0.lock();
    state.lists.range(range.clone()).next().map(|(_, list)| list.to_string())
}

/// Requires the level of a list's functions: that of its pool.
fn require_level(paged: bool, what: &str) {
    if paged {
        at_most(APC_LEVEL, &rule::IRQL_EX_APC_LTE_2, what);
    } else {
        at_most(DISPATCH_LEVEL, &rule::IRQL_DISPATCH, what);
    }
}

/// Makes a list active, and writes what drivers may look at into its structure.
///
/// # Safety
/// `list.address` is that of `structure`, which points to writable memory for the structure.
unsafe fn initialize(structure: *mut GENERAL_LOOKASIDE_POOL, list: List, what: &str) {
    let machine = Machine::kernel();
    let address = list.address;
    require(slist::check_aligned(address, what));
    pool::require_non_paged(&machine, address, what);
    if list.size < LOOKASIDE_MINIMUM_BLOCK_SIZE {
        violation(
            &rule::LOOKASIDE_SIZE,
            format!("{what} of {list}; {LOOKASIDE_MINIMUM_BLOCK_SIZE} bytes is the least"),
        );
    }
    let lists = of(&machine);
    let before = {
        let mut state = lists.0.lock();
        let before = state.lists.get(&address).copied();
        if before.is_none() {
            state.lists.insert(address, list);
        }
        before
    };
    if let Some(before) = before {
        violation(&rule::LOOKASIDE_INITIALIZED_TWICE, format!("{what} of {before}, which is not deleted"));
    }
    let (allocate, free) = match list.routines {
        Routines::Plain(allocate, free) => api::plain(allocate, free),
        Routines::Ex(allocate, free) => {
            (allocate.unwrap_or(api::allocate_entry), free.unwrap_or(api::free_entry))
        }
    };
    // SAFETY: this function's own contract.
    unsafe { structure.write(structure_of(&list, allocate, free)) };
}

/// The structure of a list without entries.
fn structure_of(
    list: &List,
    allocate: PALLOCATE_FUNCTION_EX,
    free: PFREE_FUNCTION_EX,
) -> GENERAL_LOOKASIDE_POOL {
    GENERAL_LOOKASIDE_POOL {
        ListHead: SLIST_HEADER::ZERO,
        Type: list.pool,
        Tag: list.tag,
        // n/d: a size beyond the field's is none that a driver can have memory for.
        Size: ULONG::try_from(list.size).unwrap_or(ULONG::MAX),
        AllocateEx: Some(allocate),
        FreeEx: Some(free),
        ListEntry: LIST_ENTRY::ZERO,
        ..LOOKASIDE_LIST_EX::ZERO.L
    }
}

/// The list at an address.
///
/// # Errors
/// [`rule::LOOKASIDE_NOT_INITIALIZED`].
fn find(machine: &Machine, address: usize, what: &str) -> Result<List, Broken> {
    let found = of(machine).0.lock().lists.get(&address).copied();
    found.ok_or_else(|| {
        let place = pool::place_of(machine, address);
        let detail = format!("{what} of {address:#x}{place}, where no lookaside list is initialised");
        Broken::new(&rule::LOOKASIDE_NOT_INITIALIZED, detail)
    })
}

/// Allocates an entry.
///
/// # Safety
/// As of the exported functions: the list's routine may be called.
unsafe fn allocate(address: usize, paged: Option<bool>, what: &'static str) -> PVOID {
    let machine = Machine::kernel();
    let list = require(find(&machine, address, what));
    require_level(paged.unwrap_or(is_paged(list.pool)), what);
    let List { pool, size, tag, .. } = list;
    let called = format_args!("the allocation routine of {list}").to_string();
    let structure: *mut LOOKASIDE_LIST_EX = ptr::with_exposed_provenance_mut(address);
    let entry = match list.routines {
        Routines::Plain(Some(routine), _) => {
            // SAFETY: the driver's routine, called as documented.
            call_driver(irql::current(), called, || unsafe { routine(pool, size, tag) })
        }
        Routines::Ex(Some(routine), _) => {
            // SAFETY: the driver's routine, called as documented.
            call_driver(irql::current(), called, || unsafe { routine(pool, size, tag, structure) })
        }
        Routines::Plain(None, _) | Routines::Ex(None, _) => pool::ExAllocatePoolWithTag(pool, size, tag),
    };
    if !entry.is_null() {
        of(&machine).0.lock().out.insert(entry.addr(), address);
    } else if list.raises {
        let detail = format!("{what} of {list}: STATUS_INSUFFICIENT_RESOURCES raised");
        violation(&rule::EXCEPTION, detail);
    }
    entry
}

/// Frees an entry.
///
/// # Safety
/// As of the exported functions: the list's routine may be called.
unsafe fn free(address: usize, paged: Option<bool>, entry: PVOID, what: &'static str) {
    let machine = Machine::kernel();
    let list = require(find(&machine, address, what));
    require_level(paged.unwrap_or(is_paged(list.pool)), what);
    require(take_back(&machine, &list, entry.addr(), what));
    let called = format_args!("the free routine of {list}").to_string();
    let structure: *mut LOOKASIDE_LIST_EX = ptr::with_exposed_provenance_mut(address);
    match list.routines {
        Routines::Plain(_, Some(routine)) => {
            // SAFETY: the driver's routine, called as documented.
            call_driver(irql::current(), called, || unsafe { routine(entry) });
        }
        Routines::Ex(_, Some(routine)) => {
            // SAFETY: the driver's routine, called as documented.
            call_driver(irql::current(), called, || unsafe { routine(entry, structure) });
        }
        Routines::Plain(_, None) | Routines::Ex(_, None) => pool::ExFreePool(entry),
    }
}

/// Takes an entry off those that are allocated.
///
/// # Errors
/// [`rule::LOOKASIDE_FOREIGN_ENTRY`], [`rule::POOL_DOUBLE_FREE`].
fn take_back(machine: &Machine, list: &List, entry: usize, what: &str) -> Result<(), Broken> {
    let lists = of(machine);
    let mut state = lists.0.lock();
    let of = state.out.get(&entry).copied();
    if of == Some(list.address) {
        state.out.remove(&entry);
        return Ok(());
    }
    let other = of.and_then(|other| state.lists.get(&other)).map(ToString::to_string);
    drop(state);
    let (rule, why) = match (other, machine.parts.pool.lookup(entry)) {
        (Some(other), _) => (&rule::LOOKASIDE_FOREIGN_ENTRY, format!("which is an entry of {other}")),
        (None, Lookup::Freed(block)) => {
            (&rule::POOL_DOUBLE_FREE, format!("which is {block} and free already"))
        }
        (None, Lookup::Live(block)) => {
            (&rule::LOOKASIDE_FOREIGN_ENTRY, format!("which is {block} and no allocated entry"))
        }
        (None, Lookup::Unknown) => (&rule::LOOKASIDE_FOREIGN_ENTRY, "which is no allocated entry".to_owned()),
    };
    Err(Broken::new(rule, format!("{what} of {entry:#x} to {list}, {why}")))
}

/// Ends a list.
///
/// # Safety
/// The structure at `address` is the caller's, if a list is there.
unsafe fn delete(structure: *mut GENERAL_LOOKASIDE_POOL, paged: bool, what: &str) {
    let machine = Machine::kernel();
    let address = structure.addr();
    require_level(paged, what);
    let list = require(find(&machine, address, what));
    let lists = of(&machine);
    let mut state = lists.0.lock();
    let mut out: Vec<usize> = state.out_of(address).collect();
    if out.is_empty() {
        state.lists.remove(&address);
    }
    drop(state);
    out.sort_unstable();
    if let Some(first) = out.first() {
        let detail =
            format!("{what} of {list}, of which {} entries are allocated: {first:#x}, ...", out.len());
        violation(&rule::LOOKASIDE_ENTRIES_OUT, detail);
    }
    // Who goes on with the structure by inlines comes to these.
    let deleted = structure_of(&list, api::allocate_deleted, api::free_deleted);
    // SAFETY: this function's own contract.
    unsafe { structure.write(deleted) };
}

/// Whether entries of this pool are paged.
fn is_paged(pool: POOL_TYPE) -> bool {
    // `POOL_TYPE`'s lowest bit.
    pool & PagedPool != 0
}
