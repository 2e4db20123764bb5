//! A provider that ends the receive of a datagram that does not fit with a warning: the datagram is not lost.

use crate::common::{Completion, Rig, SOON};
use netio::{Config, Network};
use readings::{Readings, ReceiveTruncated};
use wsk_sys::MSG_TRUNC;
use wskctl::session::Room;

const LOCAL: &str = "127.0.0.1:0";

#[test]
fn a_warning_of_truncation_is_taken_as_truncation() {
    for completion in [Completion::Inline, Completion::Deferred, Completion::Delayed { seed: 2 }] {
        let net = netio::memory::Net::new();
        let (network, readings) =
            (Network::Memory(net.clone()), Readings::STRICT.with(ReceiveTruncated::Overflow));
        let rig = Rig::boot(Config { network, completion, readings, ..Config::default() }, Some(net));
        let (handle, address) = rig.bound(LOCAL);
        let (session, peer) = (handle.within(SOON), rig.peer(LOCAL));
        peer.send(b"too long", address);
        let cut = session.receive(3).expect("what fits");
        assert_eq!(
            (&cut.data[..], cut.flags & MSG_TRUNC, cut.from),
            (&b"too"[..], MSG_TRUNC, peer.address())
        );
        peer.send(b"too long as well", address);
        let datagrams =
            session.receive_many(Room { datagrams: 2, payload: 8, control: 0 }).expect("what fits");
        assert_eq!(datagrams.len(), 1);
        let cut = &datagrams[0];
        assert_eq!(
            (&cut.data[..], cut.flags & MSG_TRUNC, cut.from),
            (&b"too long"[..], MSG_TRUNC, peer.address())
        );
        peer.send(b"fits", address);
        let whole = session.receive(4).expect("all of it");
        assert_eq!((&whole.data[..], whole.flags & MSG_TRUNC), (&b"fits"[..], 0));
        let counts = session.statistics().expect("counts");
        assert_eq!((counts.operations_failed, counts.datagrams_received, counts.bytes_received), (1, 3, 15));
        drop((handle, session));
        rig.finish();
    }
}
