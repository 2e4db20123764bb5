//! What one handle may have pending, and how it ends.

mod common;

use std::time::Duration;

use common::{Completion, Rig, status};
use wsk_sys::{STATUS_CANCELLED, STATUS_QUOTA_EXCEEDED};
use wskctl::session::Room;
use wskdrv_abi::PENDING_MAX;

const LOCAL: &str = "127.0.0.1:0";

#[test]
fn a_handle_has_no_more_pending_than_the_limit() {
    let rig = Rig::memory(Completion::Deferred);
    let (session, _) = rig.bound(LOCAL);
    let (other, _) = rig.bound(LOCAL);
    session.enable_receive(1024).expect("enabled");
    let endless = session.within(None);
    let drains: Vec<_> = (0..PENDING_MAX - 2).map(|_| endless.begin_drain(4096)).collect();
    let many =
        |datagrams| session.within(Duration::ZERO).receive_many(Room { datagrams, payload: 8, control: 0 });
    assert_eq!(status(many(3)), STATUS_QUOTA_EXCEEDED, "three slots take three");
    let receives = [endless.begin_receive(8), endless.begin_receive(8)];
    for refused in [status(session.local_address()), status(session.receive(8)), status(session.drain(4096))]
    {
        assert_eq!(refused, STATUS_QUOTA_EXCEEDED);
    }
    other.local_address().expect("another handle has its own limit");
    session.disable_receive_soon().expect("what is done in the call takes none");
    for drain in drains {
        drop(drain.into_pending().wait());
    }
    session.local_address().expect("there is room again");
    session.handle().cancel_all();
    for receive in receives {
        assert_eq!(status(receive.wait()), STATUS_CANCELLED);
    }
    let counts = session.statistics().expect("counts");
    assert_eq!(counts.operations_submitted, counts.operations_completed);
    drop((session, endless, other));
    rig.finish();
}

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
