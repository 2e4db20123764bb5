//! The memory that requests in flight use, which their senders must not free before the requests are completed.
//!
//! A provider says what a request uses with [`begin`] before the request can complete; `IofCompleteRequest` ends it,
//! or [`end`]. Whoever frees some of that memory meanwhile is told at the free, and not when the provider reads what is
//! no longer there: a block of pool, an MDL or its locked pages, the buffers of a request from user mode. Memory on the
//! stack of a driver's routine is given back when the routine returns. Memory of the host, as from `Box`, is not seen.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::hint::black_box;
use std::iter;
use std::ops::Range;
use std::thread::{self, ThreadId};

use parking_lot::{Mutex, MutexGuard};
use wsk_sys::IRP;

use crate::ex::pool;
use crate::io::irp;
use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::machine::routine;
use crate::rule::Rule;
use crate::rule::io::FREED_IN_FLIGHT;

/// Some memory that a request uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    role: &'static str,
    range: Range<usize>,
}

impl Memory {
    /// `length` bytes, which the request uses as its `role`: "the remote address", "the buffer".
    ///
    /// No bytes at all may be named; they are never in use.
    #[must_use]
    pub fn new<T>(role: &'static str, start: *const T, length: usize) -> Memory {
        let start = start.addr();
        Memory { role, range: start..start.saturating_add(length) }
    }

    /// The memory of one object.
    #[must_use]
    pub fn of<T>(role: &'static str, object: *const T) -> Memory {
        Memory::new(role, object, if object.is_null() { 0 } else { size_of::<T>() })
    }
}

/// Memory in use.
#[derive(Clone, Debug)]
struct Use {
    role: &'static str,
    end: usize,
    /// What freeing it breaks.
    rule: &'static Rule,
    /// The address of the request's IRP, or of what else holds it.
    key: usize,
    /// The thread, if the memory is on the stack of a driver's routine that it ran.
    stack: Option<ThreadId>,
}

/// A request, or what else holds memory.
#[derive(Debug, Default)]
struct User {
    name: String,
    places: Vec<Place>,
}

/// Where a use is in a [`Table`]: the class of its length, its start, its number.
type Place = (u32, usize, u64);

#[derive(Debug, Default)]
struct Table {
    uses: BTreeMap<Place, Use>,
    /// Who uses memory, by its key.
    users: HashMap<usize, User>,
    /// The places of those on stacks, by the thread.
    stacks: HashMap<ThreadId, BTreeSet<Place>>,
    last: u64,
}

/// What the requests of a machine use.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<Table>);

impl InFlight {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock()
    }
}

thread_local! {
    /// Whether a request was given memory on this thread's stack.
    static GIVEN: Cell<bool> = const { Cell::new(false) };
}

/// The class of a length: how many bits it has. None of a class is as long as two of the shortest in it.
fn class_of(length: usize) -> u32 {
    usize::BITS - length.leading_zeros()
}

impl Table {
    /// Adds uses of memory, each with where it begins.
    fn begin(&mut self, key: usize, name: &str, memory: impl IntoIterator<Item = (usize, Use)>) {
        let user = self.users.entry(key).or_default();
        name.clone_into(&mut user.name);
        for (start, used) in memory {
            self.last += 1;
            let place = (class_of(used.end - start), start, self.last);
            user.places.push(place);
            if let Some(thread) = used.stack {
                self.stacks.entry(thread).or_default().insert(place);
            }
            self.uses.insert(place, used);
        }
    }

    fn end(&mut self, key: usize) {
        for place in self.users.remove(&key).unwrap_or_default().places {
            let Some(thread) = self.uses.remove(&place).and_then(|used| used.stack) else { continue };
            if let Some(stack) = self.stacks.get_mut(&thread) {
                stack.remove(&place);
                if stack.is_empty() {
                    self.stacks.remove(&thread);
                }
            }
        }
    }

    /// The first use of some of the memory, by where it begins.
    fn find(&self, memory: &Range<usize>) -> Option<(usize, &Use)> {
        let touching = self.near(memory).filter(|(_, used)| used.end > memory.start);
        let first = touching.min_by_key(|((_, start, number), _)| (*start, *number));
        first.map(|((_, start, _), used)| (*start, used))
    }

    /// The uses that may be of some of the memory: of each class those that begin in it, or below it by less than the
    /// longest of the class.
    fn near(&self, memory: &Range<usize>) -> impl Iterator<Item = (&Place, &Use)> {
        let (mut next, Range { start, end }) = (0, memory.clone());
        iter::from_fn(move || {
            let ((class, ..), _) = self.uses.range((next, 0, 0)..).next()?;
            next = class + 1;
            // No range in use is empty, so the class is at least 1.
            let from = start.saturating_sub(usize::MAX >> (usize::BITS - class));
            Some(self.uses.range((*class, from, 0)..(*class, end.max(from), 0)))
        })
        .flatten()
    }

    /// A use, with what reports call its user.
    fn named(&self, used: &Use) -> (Use, String) {
        (used.clone(), self.users.get(&used.key).map(|user| user.name.clone()).unwrap_or_default())
    }

    /// The uses of memory on a thread's stack.
    fn on_stack(&self, thread: ThreadId) -> impl Iterator<Item = (&Place, &Use)> {
        let places = self.stacks.get(&thread).into_iter().flatten();
        places.filter_map(|place| self.uses.get_key_value(place))
    }
}

/// Takes note that a request uses memory of its sender's from now on, until it is completed.
///
/// `request` is what reports call it: "`WskSendTo` on socket #3". Call it before the request can complete. What the IRP
/// was registered with before stays. Returns whether some of it is on the stack of a driver's routine that the calling
/// thread runs.
///
/// # Errors
/// [`FREED_IN_FLIGHT`]: some of it is in a block of pool that is freed already.
pub fn begin(irp: *mut IRP, request: &str, memory: impl IntoIterator<Item = Memory>) -> Result<bool, Broken> {
    enter(irp.addr(), &FREED_IN_FLIGHT, request, memory)
}

/// Takes note that something else than a request uses memory, until [`let_go`]: to free it before breaks `rule`.
///
/// `holder` is what reports call it: "registration #3". It is known by an address of its own.
///
/// # Errors
/// `rule`: some of it is in a block of pool that is freed already.
pub fn hold<T>(
    key: *const T,
    rule: &'static Rule,
    holder: &str,
    memory: impl IntoIterator<Item = Memory>,
) -> Result<(), Broken> {
    enter(key.addr(), rule, holder, memory)?;
    Ok(())
}

/// Takes note that the memory of a [`hold`] is its owner's again.
pub fn let_go<T>(key: *const T) {
    Machine::here().parts.in_flight.lock().end(key.addr());
}

/// As [`begin`].
///
/// # Errors
/// As [`hold`].
fn enter(
    key: usize,
    rule: &'static Rule,
    user: &str,
    memory: impl IntoIterator<Item = Memory>,
) -> Result<bool, Broken> {
    let machine = Machine::here();
    let memory: Vec<Memory> = memory.into_iter().filter(|memory| !memory.range.is_empty()).collect();
    for Memory { role, range } in &memory {
        if let Some(block) = pool::freed_block(&machine, range.start) {
            let (length, start) = (range.len(), range.start);
            let detail =
                format!("{user} was given {role}, {length} bytes at {start:#x} in {block}, which is freed");
            return Err(Broken::new(rule, detail));
        }
    }
    let memory = joined(memory);
    if memory.is_empty() {
        return Ok(false);
    }
    let lowest = address_of_frame();
    let on_stack =
        |memory: &Memory| lowest < memory.range.start && memory.range.end <= routine::top_of_stack();
    let mut any_on_stack = false;
    let all = memory.into_iter().map(|memory| {
        // Miri gives no order to the variables of a stack.
        let stack = (!cfg!(miri) && on_stack(&memory)).then(|| thread::current().id());
        any_on_stack |= stack.is_some();
        let Memory { role, range: Range { start, end } } = memory;
        (start, Use { role, end, rule, key, stack })
    });
    machine.parts.in_flight.lock().begin(key, user, all);
    if any_on_stack {
        GIVEN.set(true);
    }
    Ok(any_on_stack)
}

/// The memory with that of the same role in one where one begins at the other's end, as the data of many datagrams does.
fn joined(mut memory: Vec<Memory>) -> Vec<Memory> {
    memory.sort_unstable_by_key(|memory| (memory.role.as_ptr(), memory.range.start));
    memory.dedup_by(|next, last| {
        let joins = (last.role, last.range.end) == (next.role, next.range.start);
        if joins {
            last.range.end = next.range.end;
        }
        joins
    });
    memory
}

/// Takes note that a request is over, and its memory is its sender's again.
pub fn end(irp: *mut IRP) {
    end_on(&Machine::here(), irp);
}

pub(crate) fn end_on(machine: &Machine, irp: *mut IRP) {
    machine.parts.in_flight.lock().end(irp.addr());
}

/// How many requests use memory now.
#[must_use]
pub fn count() -> usize {
    Machine::here().parts.in_flight.lock().users.len()
}

/// Checks that no request in flight uses some of `memory`, which `what` is about to give back.
///
/// # Errors
/// The rule of who uses it.
pub(crate) fn check_unused(
    machine: &Machine,
    memory: &Range<usize>,
    what: impl FnOnce() -> String,
) -> Result<(), Broken> {
    let table = machine.parts.in_flight.lock();
    let Some((start, found)) = table.find(memory) else { return Ok(()) };
    let (found, name) = table.named(found);
    drop(table);
    Err(used(&what(), start, &found, &name))
}

fn used(what: &str, start: usize, found: &Use, name: &str) -> Broken {
    let Use { role, end, rule, key, .. } = found;
    let length = end - start;
    let user = if **rule == FREED_IN_FLIGHT {
        let number = irp::id(std::ptr::without_provenance_mut(*key));
        let number = number.map_or_else(String::new, |number| format!(" #{number}"));
        format!("{name}, IRP{number} at {key:#x}, is in flight and")
    } else {
        name.to_owned()
    };
    Broken::new(rule, format!("{what}, while {user} uses it: {role}, {length} bytes at {start:#x}"))
}

/// An address below everything that the caller has on the stack.
#[inline(never)]
fn address_of_frame() -> usize {
    let mark = 0_u8;
    black_box(&raw const mark).addr()
}

/// Checks that no request in flight uses what the calling thread had on its stack below `top`, where the routine named
/// `what` has returned to.
///
/// # Errors
/// The rule of who uses it.
pub(crate) fn check_stack_unused(machine: &Machine, top: usize, what: &dyn Display) -> Result<(), Broken> {
    if !GIVEN.get() {
        return Ok(());
    }
    let thread = thread::current().id();
    let table = machine.parts.in_flight.lock();
    let found = table.on_stack(thread).find(|(_, used)| used.end <= top);
    let Some((&(_, start, _), found)) = found else {
        GIVEN.set(table.on_stack(thread).next().is_some());
        return Ok(());
    };
    let (found, name) = table.named(found);
    drop(table);
    Err(used(&format!("{what} returned, and with it went its stack"), start, &found, &name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(start: usize, length: usize, key: usize, stack: Option<ThreadId>) -> Use {
        Use { role: "", end: start + length, rule: &FREED_IN_FLIGHT, key, stack }
    }

    fn begin(table: &mut Table, start: usize, length: usize, key: usize) {
        table.begin(key, "", [(start, used(start, length, key, None))]);
    }

    #[test]
    fn the_first_use_that_touches_is_found() {
        let mut table = Table::default();
        for (start, length, key) in [(100, 50, 1), (120, 4, 2), (90, 100, 3), (200, 1, 4)] {
            begin(&mut table, start, length, key);
        }
        let key =
            |table: &Table, range: Range<usize>| table.find(&range).map(|(start, used)| (start, used.key));
        assert_eq!(key(&table, 122..123), Some((90, 3)));
        assert_eq!(key(&table, 189..200), Some((90, 3)));
        assert_eq!(key(&table, 190..200), None);
        assert_eq!(key(&table, 190..201), Some((200, 4)));
        assert_eq!(key(&table, 0..90), None);
        table.end(3);
        assert_eq!(key(&table, 122..123), Some((100, 1)));
        table.end(1);
        assert_eq!(key(&table, 123..124), Some((120, 2)));
        assert_eq!(key(&table, 124..200), None);
    }

    #[test]
    fn memory_of_one_role_is_joined_where_it_has_no_gap() {
        const ROLES: [&str; 2] = ["data", "MDL"];
        let memory = |role: usize, start, end| Memory { role: ROLES[role], range: start..end };
        let given = [(0, 20, 30), (1, 30, 40), (0, 10, 20), (0, 31, 40), (1, 90, 95)];
        let mut joined = joined(given.map(|(role, start, end)| memory(role, start, end)).into());
        joined.sort_by_key(|memory| (memory.role, memory.range.start));
        let expected = [memory(1, 30, 40), memory(1, 90, 95), memory(0, 10, 30), memory(0, 31, 40)];
        assert_eq!(joined, expected);
    }

    #[test]
    fn how_many_requests_there_are_does_not_matter() {
        let mut table = Table::default();
        // A long one, which reaches over many short ones, and below all of them.
        begin(&mut table, 0x1_0000, 0x1_0000, 0);
        for number in 1..=10_000 {
            begin(&mut table, 0x2_0000 + number * 32, 24, number);
        }
        let last = 0x2_0000 + 10_000 * 32;
        assert_eq!(table.find(&(last..last + 8)).map(|(_, used)| used.key), Some(10_000));
        assert!(table.near(&(last..last + 8)).count() <= 2, "only those that are as near as they are long");
    }

    #[test]
    fn a_stack_is_looked_at_for_its_own_uses() {
        let (mine, other) =
            (thread::current().id(), thread::spawn(|| thread::current().id()).join().unwrap());
        let mut table = Table::default();
        for number in 0..1000 {
            let thread = if number % 2 == 0 { Some(other) } else { None };
            table.begin(number, "", [(number, used(number, 1, number, thread))]);
        }
        assert_eq!((table.on_stack(mine).count(), table.on_stack(other).count()), (0, 500));
        table.begin(5000, "", [(5000, used(5000, 1, 5000, Some(mine)))]);
        assert_eq!(table.on_stack(mine).map(|(place, _)| place.1).collect::<Vec<_>>(), [5000]);
        table.end(5000);
        table.end(0);
        assert_eq!((table.on_stack(mine).count(), table.on_stack(other).count()), (0, 499));
    }
}
