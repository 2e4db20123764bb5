//! What is said of a request beside what a driver needs: for documentation, tests and the hosted provider.
//!
//! The feature `about` has it, so that none of it is in a driver's image.

use crate::Row;
use crate::rows::{Request, client, ioctl, ip, ip_group, ipv6, ipv6_group, pointer, socket, udp};

/// What is said of a request beside what a driver needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// What the hosted provider does with it.
    pub hosted: Hosted,
    /// Where it is documented.
    pub source: Source,
    /// What makes it in the crate `wsk`; `None` if nothing does yet.
    pub handled_by: Option<&'static str>,
    /// Its test in the conformance suite.
    pub test: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
}

/// What the hosted provider does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosted {
    /// It has its effect, on the network in memory and on the host's.
    Honoured,
    /// It has its effect on the network in memory, and on the host's if that is Linux; elsewhere it is kept and reported.
    Linux,
    /// It is kept and reported.
    Stored,
    /// It fails with `STATUS_NOT_SUPPORTED`.
    Refused,
}

/// Where a request is documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// On WSK's page of the same name.
    Wsk,
    /// On Winsock's page of the options of the level. WSK's pages leave it to the transport, and say nothing of the
    /// IRP; every known driver passes one.
    Winsock,
    /// On no page: in the header `ws2ipdef.h`, and in drivers that use it.
    Header,
}

impl Row {
    /// What else is said of the request.
    #[must_use]
    pub const fn about(&self) -> &'static About {
        match self.request {
            Request::Socket(request) => &socket::ABOUT[request as usize],
            Request::Pointer(request) => &pointer::ABOUT[request as usize],
            Request::Ip(request) => &ip::ABOUT[request as usize],
            Request::IpGroup(request) => &ip_group::ABOUT[request as usize],
            Request::Ipv6(request) => &ipv6::ABOUT[request as usize],
            Request::Ipv6Group(request) => &ipv6_group::ABOUT[request as usize],
            Request::Udp(request) => &udp::ABOUT[request as usize],
            Request::Ioctl(request) => &ioctl::ABOUT[request as usize],
            Request::Client(request) => &client::ABOUT[request as usize],
        }
    }
}
