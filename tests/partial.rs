//! A provider that succeeds with the datagrams that it could send, where one of several cannot be sent.

use crate::common::{Completion, Rig, SOON};
use netio::{Config, Network};
use readings::{Readings, SendMessagesFails};

#[test]
fn what_was_sent_is_counted() {
    let net = netio::memory::Net::new();
    let readings = Readings::STRICT.with(SendMessagesFails::Partial);
    let (network, completion) = (Network::Memory(net.clone()), Completion::Deferred);
    let rig = Rig::boot(Config { network, completion, readings, ..Config::default() }, Some(net));
    let (handle, _) = rig.bound("127.0.0.1:0");
    let (session, peer) = (handle.within(SOON), rig.peer("127.0.0.1:0"));
    // More than a datagram's length can say.
    let long = "x".repeat(65_508);
    let sent = session.send_many(&["ab", "", "cde", &long, "never"], Some(peer.address()), &[]);
    assert_eq!(sent.expect("those before the long one"), 5);
    let counts = session.statistics().expect("counts");
    assert_eq!((counts.datagrams_sent, counts.bytes_sent), (3, 5));
    drop((handle, session));
    rig.finish();
}
