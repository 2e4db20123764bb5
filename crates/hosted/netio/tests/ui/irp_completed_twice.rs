//! An IRP is completed once. The provider's modules are its own, so this one is a module of this program here.
#![allow(dead_code, missing_docs, unfulfilled_lint_expectations, unsafe_code, reason = "only some of it is used")]

#[path = "../../src/run/irp.rs"]
mod irp;

use irp::Irp;

fn completed_twice(irp: Irp) {
    irp.complete(0, 0);
    irp.complete(0, 0);
}

fn completed_and_marked(irp: Irp) {
    irp.complete(0, 0);
    irp.mark_pending();
}

fn completed_and_kept(irp: Irp) -> Irp {
    irp.complete(0, 0);
    irp
}

fn completed_by_a_copy(irp: &Irp) {
    irp.clone().complete(0, 0);
}

fn completed_by_one_who_borrows(irp: &Irp) {
    irp.complete(0, 0);
}

fn main() {}
