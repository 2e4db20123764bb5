//! The order in which locks are taken: Driver Verifier's deadlock detection.
//!
//! A graph says which lock a thread has acquired while it held which other. A cycle in it is a deadlock that waits for its
//! timing, and is reported at the acquire that closes it, whether or not anybody holds the lock at that moment.
//!
//! A cycle is none if all its ways lead through one more lock, which keeps the threads apart. A lock that is tried, or
//! waited for with a limit, ends no thread, and is nobody's successor.

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::thread;

use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, complain};
use crate::machine::frames;
use crate::rule;
use crate::sync::lock;

/// A lock, as the graph knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lock {
    /// Its address, or what else no other lock has.
    pub key: usize,
    /// What it is, for a report.
    pub kind: &'static str,
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#x}", self.kind, self.key)
    }
}

thread_local! {
    /// The locks that the calling thread holds, in the order in which it took them.
    static HELD: RefCell<Vec<Lock>> = const { RefCell::new(Vec::new()) };
}

/// What was acquired while another lock was held, on one machine, by that lock.
#[derive(Debug, Default)]
pub(crate) struct LockOrder {
    edges: Mutex<Edges>,
}

type Edges = BTreeMap<Lock, Vec<Edge>>;

/// An acquisition while another lock was held.
#[derive(Debug)]
struct Edge {
    to: Lock,
    /// The other locks that the thread held.
    guards: BTreeSet<Lock>,
    thread: String,
    /// The exported function, if a driver has called one, and who called it, if that is asked for.
    export: &'static str,
    frames: Option<Backtrace>,
}

impl Edge {
    /// Who acquired the lock, for a report.
    fn who(&self) -> String {
        let caller = if self.export.is_empty() {
            String::new()
        } else {
            frames::caller(self.frames.as_ref(), "acquired", &[self.export])
        };
        format!("thread \"{}\"{caller}", self.thread)
    }
}

impl LockOrder {
    /// Takes note that the thread acquires a lock while it holds others.
    ///
    /// # Errors
    /// [`rule::LOCK_ORDER`].
    fn note(&self, to: Lock, export: &'static str, held: &[Lock]) -> Result<(), Broken> {
        let new: Vec<(Lock, BTreeSet<Lock>)> = {
            let edges = lock(&self.edges);
            let guarded = held.iter().filter(|from| **from != to).map(|from| {
                let guards = held.iter().copied().filter(|other| other != from).collect();
                (*from, guards)
            });
            guarded.filter(|(from, guards)| !is_known(&edges, *from, to, guards)).collect()
        };
        for (from, guards) in new {
            let thread = thread::current().name().unwrap_or("unnamed").to_owned();
            // Captured outside of the lock: it takes as long as the stack is deep.
            let edge = Edge { to, guards, thread, export, frames: frames::capture() };
            let mut edges = lock(&self.edges);
            let detail = way(&edges, to, from, &edge.guards).map(|way| describe(from, &edge, &way));
            edges.entry(from).or_default().push(edge);
            if let Some(detail) = detail {
                return Err(Broken::new(&rule::LOCK_ORDER, detail));
            }
        }
        Ok(())
    }

    /// Forgets the locks in `range`, whose memory is about to be used for something else.
    pub(crate) fn forget(&self, range: &Range<usize>) {
        lock(&self.edges).retain(|from, edges| {
            edges.retain(|edge| {
                !range.contains(&edge.to.key) && !edge.guards.iter().any(|guard| range.contains(&guard.key))
            });
            !range.contains(&from.key) && !edges.is_empty()
        });
    }
}

/// Whether an acquisition with no more guards than these has been seen.
fn is_known(edges: &Edges, from: Lock, to: Lock, guards: &BTreeSet<Lock>) -> bool {
    let known = edges.get(&from).into_iter().flatten();
    known.filter(|edge| edge.to == to).any(|edge| edge.guards.is_subset(guards))
}

/// The way from one lock to another, by acquisitions that no common lock keeps apart from each other or from `guards`.
fn way<'a>(edges: &'a Edges, from: Lock, to: Lock, guards: &BTreeSet<Lock>) -> Option<Vec<(Lock, &'a Edge)>> {
    fn go<'a>(
        edges: &'a Edges,
        to: Lock,
        guards: &BTreeSet<Lock>,
        path: &mut Vec<Lock>,
    ) -> Option<Vec<(Lock, &'a Edge)>> {
        let at = *path.last()?;
        for edge in edges.get(&at)?.iter().filter(|edge| edge.guards.is_disjoint(guards)) {
            if edge.to == to {
                return Some(vec![(at, edge)]);
            }
            if path.contains(&edge.to) {
                continue;
            }
            path.push(edge.to);
            let rest = go(edges, to, &guards.union(&edge.guards).copied().collect(), path);
            path.pop();
            if let Some(mut rest) = rest {
                rest.insert(0, (at, edge));
                return Some(rest);
            }
        }
        None
    }
    go(edges, to, guards, &mut vec![from])
}

fn describe(from: Lock, closing: &Edge, way: &[(Lock, &Edge)]) -> String {
    let earlier: Vec<String> =
        way.iter().map(|(from, edge)| format!("{} with {from} held, by {}", edge.to, edge.who())).collect();
    format!(
        "{} acquired with {from} held, by {}; before that, {}",
        closing.to,
        closing.who(),
        earlier.join("; ")
    )
}

/// Before the calling thread acquires a lock, for which it waits as long as it must. `export` is the function that the
/// driver has called, or empty.
pub fn acquiring(lock: Lock, export: &'static str) {
    let held = HELD.with_borrow(Clone::clone);
    if held.is_empty() {
        return;
    }
    if let Err(Broken { rule, detail }) = Machine::current().parts.lock_order.note(lock, export, &held) {
        complain(rule, detail);
    }
}

/// The calling thread has the lock from here on.
pub fn acquired(lock: Lock) {
    HELD.with_borrow_mut(|held| held.push(lock));
}

/// The calling thread has released the lock with this key.
pub fn released(key: usize) {
    HELD.with_borrow_mut(|held| {
        if let Some(index) = held.iter().rposition(|lock| lock.key == key) {
            held.remove(index);
        }
    });
}

/// The locks in a range of memory are no more, or are new ones.
pub fn forget(range: &Range<usize>) {
    if let Some(machine) = Machine::try_current() {
        machine.parts.lock_order.forget(range);
    }
}
