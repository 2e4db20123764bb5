//! The order in which locks are taken: Driver Verifier's deadlock detection.
//!
//! A graph says which lock a thread has acquired while it held which other. A cycle in it is a deadlock that waits for its
//! timing, and is reported at the acquire that closes it, whether or not anybody holds the lock at that moment.
//!
//! A cycle is none if all its ways lead through one more lock, which keeps the threads apart. A lock that is tried, or
//! waited for with a limit, ends no thread, and is nobody's successor.

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::thread;

use parking_lot::Mutex;

use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, complain};
use crate::machine::frames;
use crate::rule;

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

#[derive(Debug, Default)]
struct Edges {
    known: BTreeMap<Between, Vec<Edge>>,
    /// Between which two there are edges of which a lock at this address is a part.
    parts: BTreeMap<usize, BTreeSet<Between>>,
}

/// The lock that was held, and the one that was acquired.
type Between = (Lock, Lock);

/// An acquisition while another lock was held.
#[derive(Debug)]
struct Edge {
    between: Between,
    /// The other locks that the thread held.
    guards: BTreeSet<Lock>,
    thread: String,
    /// The exported function, if a driver has called one, and who called it, if that is asked for.
    export: &'static str,
    frames: Option<Backtrace>,
}

impl Edge {
    /// All locks of it: the two, and the guards.
    fn parts(&self) -> impl Iterator<Item = Lock> {
        self.guards.iter().copied().chain(<[Lock; 2]>::from(self.between))
    }

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
        let new: Vec<Lock> = {
            let edges = self.edges.lock();
            held.iter().filter(|from| **from != to && !edges.has((**from, to), held)).copied().collect()
        };
        for from in new {
            let guards = held.iter().copied().filter(|other| *other != from).collect();
            let thread = thread::current().name().unwrap_or("unnamed").to_owned();
            // Captured outside of the lock: it takes as long as the stack is deep.
            let edge = Edge { between: (from, to), guards, thread, export, frames: frames::capture() };
            let mut edges = self.edges.lock();
            let detail = edges.way(to, from, &edge.guards).map(|way| describe(&edge, &way));
            edges.insert(edge);
            if let Some(detail) = detail {
                return Err(Broken::new(&rule::LOCK_ORDER, detail));
            }
        }
        Ok(())
    }

    /// Forgets the locks in `range`, whose memory is about to be used for something else.
    pub(crate) fn forget(&self, range: &Range<usize>) {
        self.edges.lock().forget(range);
    }
}

/// A lock that is before all others from this address on.
const fn lowest(key: usize) -> Lock {
    Lock { key, kind: "" }
}

impl Edges {
    /// Whether an acquisition has been seen with no more guards than there are now, when these are held.
    fn has(&self, between: Between, held: &[Lock]) -> bool {
        let mut known = self.known.get(&between).into_iter().flatten();
        known.any(|edge| edge.guards.iter().all(|guard| held.contains(guard)))
    }

    fn insert(&mut self, edge: Edge) {
        for part in edge.parts() {
            self.parts.entry(part.key).or_default().insert(edge.between);
        }
        self.known.entry(edge.between).or_default().push(edge);
    }

    /// Between which two there are edges of which a lock in `range` is a part. However many others there are, they are not
    /// looked at.
    fn touching(&self, range: &Range<usize>) -> impl Iterator<Item = Between> {
        self.parts.range(range.start..range.end.max(range.start)).flat_map(|(_, pairs)| pairs.iter().copied())
    }

    /// Takes out the edges of which a lock in `range` is a part.
    fn forget(&mut self, range: &Range<usize>) {
        let touching: BTreeSet<Between> = self.touching(range).collect();
        for between in touching {
            let edges = self.known.remove(&between).unwrap_or_default();
            for part in edges.iter().flat_map(Edge::parts) {
                if let Entry::Occupied(mut pairs) = self.parts.entry(part.key) {
                    pairs.get_mut().remove(&between);
                    if pairs.get().is_empty() {
                        pairs.remove();
                    }
                }
            }
            let is_left = |edge: &Edge| !edge.parts().any(|part| range.contains(&part.key));
            edges.into_iter().filter(is_left).for_each(|edge| self.insert(edge));
        }
    }

    /// The edges from a lock.
    fn after(&self, from: Lock) -> impl Iterator<Item = &Edge> {
        let known = self.known.range((from, lowest(0))..);
        known.take_while(move |(between, _)| between.0 == from).flat_map(|(_, edges)| edges)
    }

    /// The way from one lock to another, by acquisitions that no common lock keeps apart from each other or from `guards`.
    fn way(&self, from: Lock, to: Lock, guards: &BTreeSet<Lock>) -> Option<Vec<&Edge>> {
        self.go(to, guards, &mut vec![from])
    }

    fn go(&self, to: Lock, guards: &BTreeSet<Lock>, path: &mut Vec<Lock>) -> Option<Vec<&Edge>> {
        for edge in self.after(*path.last()?).filter(|edge| edge.guards.is_disjoint(guards)) {
            let next = edge.between.1;
            if next == to {
                return Some(vec![edge]);
            }
            if path.contains(&next) {
                continue;
            }
            path.push(next);
            let rest = self.go(to, &guards.union(&edge.guards).copied().collect(), path);
            path.pop();
            if let Some(mut rest) = rest {
                rest.insert(0, edge);
                return Some(rest);
            }
        }
        None
    }
}

fn describe(closing: &Edge, way: &[&Edge]) -> String {
    let (from, to) = closing.between;
    let earlier = |edge: &&Edge| {
        let (from, to) = edge.between;
        format!("{to} with {from} held, by {}", edge.who())
    };
    let earlier: Vec<String> = way.iter().map(earlier).collect();
    format!("{to} acquired with {from} held, by {}; before that, {}", closing.who(), earlier.join("; "))
}

/// Before the calling thread acquires a lock, for which it waits as long as it must. `export` is the function that the
/// driver has called, or empty.
pub fn acquiring(lock: Lock, export: &'static str) {
    let noted = HELD.with_borrow(|held| {
        if held.is_empty() { Ok(()) } else { Machine::here().parts.lock_order.note(lock, export, held) }
    });
    if let Err(Broken { rule, detail }) = noted {
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
        // Nearly always the last one.
        if held.pop_if(|lock| lock.key == key).is_none()
            && let Some(index) = held.iter().rposition(|lock| lock.key == key)
        {
            held.remove(index);
        }
    });
}

/// The locks in a range of memory are no more, or are new ones.
pub fn forget(range: &Range<usize>) {
    if let Some(machine) = Machine::try_here() {
        machine.parts.lock_order.forget(range);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "spin lock";

    fn lock(key: usize) -> Lock {
        Lock { key, kind: KIND }
    }

    fn edge(from: usize, to: usize, guards: &[usize]) -> Edge {
        Edge {
            between: (lock(from), lock(to)),
            guards: guards.iter().copied().map(lock).collect(),
            thread: String::new(),
            export: "",
            frames: None,
        }
    }

    #[test]
    fn what_is_forgotten_is_what_the_memory_had_a_part_in() {
        let mut edges = Edges::default();
        for one in [edge(10, 20, &[]), edge(10, 20, &[30]), edge(20, 40, &[30]), edge(40, 50, &[])] {
            edges.insert(one);
        }
        let is_way = |edges: &Edges, from, to| edges.way(lock(from), lock(to), &BTreeSet::new()).is_some();
        assert!(is_way(&edges, 10, 50));
        edges.forget(&(21..30));
        edges.forget(&(30..30));
        assert!(is_way(&edges, 10, 50) && edges.touching(&(0..100)).count() != 0);
        edges.forget(&(30..31));
        assert!(is_way(&edges, 10, 20) && is_way(&edges, 40, 50) && !is_way(&edges, 20, 40));
        edges.forget(&(20..21));
        assert!(!is_way(&edges, 10, 20) && is_way(&edges, 40, 50));
        edges.forget(&(45..51));
        assert!(edges.known.is_empty() && edges.parts.is_empty(), "nothing is left of it: {edges:?}");
    }

    #[test]
    fn how_many_other_locks_there_are_does_not_matter() {
        let mut edges = Edges::default();
        for number in 1..=10_000 {
            edges.insert(edge(1, number * 10, &[2]));
        }
        assert_eq!(edges.touching(&(500..510)).count(), 1);
        assert_eq!(edges.touching(&(501..510)).count(), 0);
        edges.forget(&(500..510));
        assert_eq!(edges.known.len(), 9_999);
        edges.forget(&(2..3));
        assert!(edges.known.is_empty() && edges.parts.is_empty());
    }
}
