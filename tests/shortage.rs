//! A call that fails for want of memory takes nothing with it.

use crate::common::{Completion, Rig, status};
use wsk_sys::{NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};
use wskctl::{Error, Family};
use wskdrv_abi::PENDING_MAX;

const LOCAL: &str = "127.0.0.1:0";

/// The status of a request whose `n`th call that can fail fails, and the name of that call.
fn failing<T>(
    rig: &Rig,
    n: u64,
    request: impl FnOnce() -> Result<T, Error>,
) -> (NTSTATUS, Option<&'static str>) {
    let faults = rig.machine.faults();
    faults.fail_nth(n);
    let status = status(request());
    faults.disarm();
    (status, faults.fired())
}

#[test]
fn operations_that_could_not_be_made_do_not_count_as_pending() {
    let rig = Rig::memory(Completion::Inline);
    let session = rig.open();
    let create = |n| failing(&rig, n, || session.create(Family::V4));
    let no_irp = (STATUS_INSUFFICIENT_RESOURCES, Some("IoAllocateIrp"));
    // The request's own is the first.
    let n = (0..).filter(|n| create(*n) == no_irp).nth(1).expect("the operation has an IRP");
    for _ in 0..PENDING_MAX {
        assert_eq!(create(n), no_irp);
    }
    session.create(Family::V4).expect("created");
    drop(session);
    rig.finish();
}

/// An empty one: nobody else has a reason to map the output.
#[test]
fn a_receive_whose_output_cannot_be_mapped_leaves_the_datagram() {
    let rig = Rig::memory(Completion::Inline);
    let (session, address) = rig.bound(LOCAL);
    rig.peer(LOCAL).send(&[], address);
    let not_mapped = (0..)
        .map(|n| failing(&rig, n, || session.receive(100)))
        .inspect(|(status, fired)| assert_ne!(*status, STATUS_SUCCESS, "{fired:?}"))
        .find(|(_, fired)| *fired == Some("MmMapLockedPagesSpecifyCache"));
    assert_eq!(not_mapped.map(|(status, _)| status), Some(STATUS_INSUFFICIENT_RESOURCES));
    assert!(session.receive(100).expect("the datagram").data.is_empty());
    drop(session);
    rig.finish();
}
