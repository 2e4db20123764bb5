//! Ten thousand handles at once.

use crate::common::{self, Completion, Rig, eventually};
use wskctl::{Family, Session};

const HANDLES: usize = 10_000;

#[test]
fn ten_thousand_handles_are_served_and_gone_when_closed() {
    let rig = Rig::memory(Completion::Deferred);
    let before = rig.machine.counters();
    let sessions: Vec<Session> = (0..HANDLES).map(|_| rig.open()).collect();
    for session in &sessions {
        session.create(Family::V4).expect("created");
        session.bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
    }
    assert_eq!(rig.netio.sockets(), HANDLES);
    // Each waits for a datagram that will not come.
    let pending: Vec<_> = sessions.iter().map(|session| session.within(None).begin_receive(16)).collect();
    let counts = sessions[0].statistics().expect("counts");
    assert_eq!((counts.handles_open, counts.sockets_open), (HANDLES as u64, HANDLES as u64));
    for session in sessions {
        session.close();
    }
    for pending in pending {
        assert_eq!(common::status(pending.wait()), wsk_sys::STATUS_CANCELLED);
    }
    eventually("every socket is closed", || rig.netio.sockets() == 0);
    eventually("every file is closed", || rig.machine.counters().files.live == before.files.live);
    let after = rig.machine.counters();
    assert_eq!((after.irps.live, after.mdls.live), (before.irps.live, before.mdls.live));
    rig.finish();
}
