//! What counts as pending on a handle. That there is a limit is a test of the conformance suite.

use crate::common::{Completion, Rig, status};
use wskdrv_abi::PENDING_MAX;

#[test]
fn refused_requests_do_not_count_as_pending() {
    let rig = Rig::memory(Completion::Inline);
    let session = rig.open();
    // Refused after the operation was taken.
    for _ in 0..2 * PENDING_MAX {
        assert_eq!(status(session.local_address()), wsk_sys::STATUS_INVALID_DEVICE_STATE);
    }
    session.create(wskctl::Family::V4).expect("created");
    drop(session);
    rig.finish();
}
