//! The hosted kernel: a machine of crate `ntos`, the calling thread's.

use alloc::string::String;
use alloc::sync::Arc;

use hosted_rule::Rule;

use crate::entry;
use crate::framework::Framework;
use crate::irp::Irp;

/// Whether the I/O manager sends `IRP_MJ_CLEANUP` when the last handle of a file is closed, and `IRP_MJ_CLOSE` when
/// the last request of the file is done.
pub(crate) const CLEANUP_COMES: bool = true;

/// Whether the I/O manager opens a file whose create request was refused.
pub(crate) const REFUSED_CREATES_OPEN: bool = false;

/// Stops the machine with a report that names the rule and the object.
pub(crate) fn violation(rule: &'static Rule, detail: String) -> ! {
    ntos::violation(rule, detail)
}

/// Whether what only the framework's verifier checks is an error too.
pub(crate) fn strict() -> bool {
    ntos::Machine::current().config().strict
}

/// Whether the call named `what` must fail now, as if memory had run out.
pub(crate) fn fault(what: &'static str) -> bool {
    ntos::fault::point(what)
}

/// The framework of the calling thread's machine.
pub(crate) fn framework() -> Arc<Framework> {
    let machine = ntos::Machine::current();
    machine.extension(|| {
        machine.on_stuck(entry::in_flight);
        Framework::default()
    })
}

/// An IRP has come; nothing is left to be done to it.
pub(crate) fn arrived(_irp: Irp) {}
