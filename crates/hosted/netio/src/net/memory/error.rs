//! ICMP errors, which tell a sender of datagrams that no socket receives.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use wsk_cmsg::ReceiveError;

use super::{Bound, State, interface_of};
use crate::net::address::Family;
use crate::net::bind_table::Place;
use crate::net::inbox::{Datagram, Header, Inbox};

/// The message of RFC 792, "Destination Unreachable Message": the port.
const V4: ReceiveError = ReceiveError { protocol: 1, info: 0, kind: 3, code: 3 };
/// The message of RFC 4443, "Destination Unreachable Message": the port.
const V6: ReceiveError = ReceiveError { protocol: 58, info: 0, kind: 1, code: 4 };

impl State {
    /// Whether an ICMP error answers a datagram to this address: no socket is bound there. What is sent to many is never
    /// answered so (RFC 1122, 3.2.2).
    pub(super) fn is_unreachable(&self, to: SocketAddr) -> bool {
        let to_many = to.ip().is_multicast() || to.ip() == IpAddr::from([255; 4]);
        !to_many && self.sockets.iter().all(|bound| bound.fit(to) == 0)
    }

    /// Where the sender of a datagram is told of errors, if its options ask for that.
    pub(super) fn told_of_errors(&self, sender: Place, to: SocketAddr) -> Option<(Arc<Inbox>, Family)> {
        let asks = |bound: &&Bound| bound.id == sender && bound.filter.takes_errors(to.is_ipv6());
        self.sockets.iter().find(asks).map(|bound| (Arc::clone(&bound.inbox), bound.family()))
    }
}

/// The error that a datagram caused which no socket received. All of its data comes back, though an ICMP message need not have room
/// for that. n/d
pub(super) fn port_unreachable(to: SocketAddr, source: IpAddr, bytes: &[u8]) -> Datagram {
    let error = if source.is_ipv6() { V6 } else { V4 };
    let interface = interface_of(source);
    // The message has come to where the datagram was sent from.
    let header = Header { to: Some(source), interface, error: Some(error), ..Header::default() };
    Datagram { from: to, broadcast: false, bytes: bytes.to_vec(), header }
}
