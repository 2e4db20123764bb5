//! What a fault is, in words.

use std::fmt::Write as _;

use wsk_sys::APC_LEVEL;

use crate::ex::pool;
use crate::ke::irql::{self, level_name};
use crate::machine::Machine;
use crate::machine::bugcheck::{self, Broken, BugCheck};
use crate::machine::{frames, routine};

/// How many of the last events of IRPs a report has.
const EVENTS: usize = 8;

/// What was done to an address.
#[derive(Clone, Copy)]
pub(super) enum Access {
    Read,
    Write,
    /// The processor or the host does not say.
    Unknown,
}

impl Access {
    fn verb(self) -> &'static str {
        match self {
            Access::Read => "read",
            Access::Write => "wrote to",
            Access::Unknown => "accessed",
        }
    }
}

/// What the calling thread does after a fault.
pub(super) enum Next {
    /// The same again: the memory can be accessed now.
    Retry,
    /// Nothing more, as its machine has ended.
    Stop,
    /// What it would do without special pool.
    Unknown,
}

/// What follows from a fault of the calling thread's, which is in `machine`.
pub(super) fn look(machine: &Machine, address: usize, access: Access) -> Next {
    if irql::current() <= APC_LEVEL && machine.parts.pool.paged().reopen(address) {
        return Next::Retry;
    }
    let Some(Broken { rule, detail }) = pool::access::at(machine, address) else { return Next::Unknown };
    if !machine.is_dead() {
        let place = frames::capture().map_or_else(String::new, |frames| frames::faulted_in(&frames));
        let what = format!("{} {detail}", access.verb());
        let detail = describe(machine, &format!("{what}{place}"));
        let parameters = [rule.parameter, address, 0, 0];
        bugcheck::end(machine, BugCheck::new(rule, parameters, detail));
    }
    Next::Stop
}

/// Who did `what`, at which level, and what came before.
pub(super) fn describe(machine: &Machine, what: &str) -> String {
    let who =
        routine::running().unwrap_or_else(|| "a thread of the test's, in no driver's routine,".to_owned());
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("unnamed");
    let level = level_name(irql::current());
    let mut text = format!("{who} {what}. Thread \"{name}\", at {level}.");
    let events = machine.irp_log();
    for event in events.iter().skip(events.len().saturating_sub(EVENTS)) {
        let _ = write!(text, "\n            IRP #{} {:?}", event.irp, event.kind);
    }
    text
}
