//! The memory that requests in flight use, which their senders must not free before the requests are completed.
//!
//! A provider says what a request uses with [`begin`] before the request can complete; `IofCompleteRequest` ends it,
//! or [`end`]. Whoever frees some of that memory meanwhile is told at the free, and not when the provider reads what is
//! no longer there: a block of pool, an MDL or its locked pages, the buffers of a request from user mode. Memory on the
//! stack of a driver's routine is given back when the routine returns. Memory of the host, as from `Box`, is not seen.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::hint::black_box;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, ThreadId};

use wsk_sys::IRP;

use crate::ex::pool;
use crate::io::irp;
use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::machine::routine;
use crate::rule::Rule;
use crate::rule::io::FREED_IN_FLIGHT;
use crate::sync::lock;

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
    /// What uses it: a request, or what else holds it.
    user: Arc<str>,
    /// The address of the request's IRP, or of what else holds it.
    key: usize,
    /// The thread, if the memory is on the stack of a driver's routine that it ran.
    stack: Option<ThreadId>,
}

#[derive(Debug, Default)]
struct Table {
    /// By start and number.
    uses: BTreeMap<(usize, u64), Use>,
    /// The keys of each user's, by its own.
    requests: HashMap<usize, Vec<(usize, u64)>>,
    last: u64,
    /// The longest range that was ever in use: a range that touches an address begins no further below it.
    longest: usize,
}

/// What the requests of a machine use.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<Table>);

impl InFlight {
    fn lock(&self) -> MutexGuard<'_, Table> {
        lock(&self.0)
    }
}

thread_local! {
    /// Whether a request was given memory on this thread's stack.
    static GIVEN: Cell<bool> = const { Cell::new(false) };
}

impl Table {
    fn begin(&mut self, start: usize, used: Use) {
        self.last += 1;
        self.longest = self.longest.max(used.end - start);
        let place = (start, self.last);
        self.requests.entry(used.key).or_default().push(place);
        self.uses.insert(place, used);
    }

    fn end(&mut self, key: usize) {
        for key in self.requests.remove(&key).into_iter().flatten() {
            self.uses.remove(&key);
        }
    }

    /// The first use of some of the memory.
    fn find(&self, memory: &Range<usize>) -> Option<(usize, &Use)> {
        let from = memory.start.saturating_sub(self.longest);
        let mut near = self.uses.range((from, 0)..(memory.end, 0));
        near.find(|((_, _), used)| used.end > memory.start).map(|((start, _), used)| (*start, used))
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
    Machine::current().parts.in_flight.lock().end(key.addr());
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
    let machine = Machine::current();
    let memory: Vec<Memory> = memory.into_iter().filter(|memory| !memory.range.is_empty()).collect();
    for Memory { role, range } in &memory {
        if let Some(block) = pool::freed_block(&machine, range.start) {
            let (length, start) = (range.len(), range.start);
            let detail =
                format!("{user} was given {role}, {length} bytes at {start:#x} in {block}, which is freed");
            return Err(Broken::new(rule, detail));
        }
    }
    let user: Arc<str> = user.into();
    let mut any_on_stack = false;
    let lowest = address_of_frame();
    let on_stack =
        |memory: &Memory| lowest < memory.range.start && memory.range.end <= routine::top_of_stack();
    let mut table = machine.parts.in_flight.lock();
    for memory in memory {
        // Miri gives no order to the variables of a stack.
        let stack = (!cfg!(miri) && on_stack(&memory)).then(|| thread::current().id());
        if stack.is_some() {
            GIVEN.set(true);
            any_on_stack = true;
        }
        let Memory { role, range: Range { start, end } } = memory;
        table.begin(start, Use { role, end, rule, user: Arc::clone(&user), key, stack });
    }
    Ok(any_on_stack)
}

/// Takes note that a request is over, and its memory is its sender's again.
pub fn end(irp: *mut IRP) {
    end_on(&Machine::current(), irp);
}

pub(crate) fn end_on(machine: &Machine, irp: *mut IRP) {
    machine.parts.in_flight.lock().end(irp.addr());
}

/// How many requests use memory now.
#[must_use]
pub fn count() -> usize {
    Machine::current().parts.in_flight.lock().requests.len()
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
    let found = found.clone();
    drop(table);
    Err(used(&what(), start, &found))
}

fn used(what: &str, start: usize, found: &Use) -> Broken {
    let Use { role, end, rule, user, key, .. } = found;
    let length = end - start;
    let user = if **rule == FREED_IN_FLIGHT {
        let number = irp::id(std::ptr::without_provenance_mut(*key));
        let number = number.map_or_else(String::new, |number| format!(" #{number}"));
        format!("{user}, IRP{number} at {key:#x}, is in flight and")
    } else {
        user.to_string()
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
    let own = |used: &Use| used.stack == Some(thread);
    let found = table.uses.iter().find(|(_, used)| own(used) && used.end <= top);
    let Some((&(start, _), found)) = found else {
        GIVEN.set(table.uses.values().any(own));
        return Ok(());
    };
    let found = found.clone();
    drop(table);
    Err(used(&format!("{what} returned, and with it went its stack"), start, &found))
}
