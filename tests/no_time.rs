//! A time limit of zero: what completes in the call is had, and nothing is waited for.

use std::time::Duration;

use crate::common::{Completion, Rig, status};
use wsk_sys::{SO_BROADCAST, SOL_SOCKET, STATUS_IO_TIMEOUT};
use wskctl::Session;
use wskctl::session::Room;

const LOCAL: &str = "127.0.0.1:0";
const ROUNDS: u8 = 200;
const ROOM: Room = Room { datagrams: 3, payload: 8, control: 0 };

/// The same handle, for requests that wait for nothing.
fn at_once(session: &Session) -> Session {
    session.within(Duration::ZERO)
}

#[test]
fn what_completes_in_the_call_is_never_too_late() {
    let rig = Rig::memory(Completion::Inline);
    let (session, address) = rig.bound(LOCAL);
    let (poll, peer) = (at_once(&session), rig.peer(LOCAL));
    for round in 0..ROUNDS {
        poll.set_option(SOL_SOCKET, SO_BROADCAST, &1_u32.to_ne_bytes()).expect("set at once");
        poll.get_option(SOL_SOCKET, SO_BROADCAST, 4).expect("got at once");
        poll.send(b"x", Some(peer.address())).expect("sent at once");
        assert_eq!(status(poll.receive(8)), STATUS_IO_TIMEOUT, "nothing has come");
        assert_eq!(status(poll.receive_many(ROOM)), STATUS_IO_TIMEOUT, "nothing has come");
        for number in 0..3 {
            peer.send(&[round, number], address);
        }
        assert_eq!(poll.receive(8).expect("received at once").data, [round, 0]);
        let datagrams = poll.receive_many(ROOM).expect("received at once");
        let datagrams: Vec<_> = datagrams.into_iter().map(|message| message.data).collect();
        assert_eq!(datagrams, [[round, 1], [round, 2]]);
    }
    drop((session, poll));
    rig.finish();
}
