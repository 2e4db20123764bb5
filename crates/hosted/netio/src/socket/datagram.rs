//! Datagram sockets: their functions, and what they have beside what every socket has.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use wsk_sys::WSK_PROVIDER_DATAGRAM_DISPATCH;

use crate::call::bind::wsk_bind;
use crate::call::local_address::wsk_get_local_address;
use crate::call::receive::{Buffers, wsk_receive_from};
use crate::call::release::wsk_release;
use crate::call::send::{wsk_send_messages, wsk_send_to};
use crate::event::{Callback, Events};
use crate::net::Endpoint;
use crate::net::guard::Who;
use crate::net::inbox::Inbox;
use crate::socket::basic;

pub(crate) static DISPATCH: WSK_PROVIDER_DATAGRAM_DISPATCH = WSK_PROVIDER_DATAGRAM_DISPATCH {
    Basic: basic::DISPATCH,
    WskBind: Some(wsk_bind),
    WskSendTo: Some(wsk_send_to),
    WskReceiveFrom: Some(wsk_receive_from),
    WskRelease: Some(wsk_release),
    WskGetLocalAddress: Some(wsk_get_local_address),
    WskSendMessages: Some(wsk_send_messages),
};

/// What a datagram socket has beside what every socket has.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    /// What `WskSocket` was given for its events.
    pub(crate) callback: Callback,
    pub(crate) inbox: Arc<Inbox>,
    /// Its security context.
    pub(crate) who: Who,
    /// It was made as `SOCK_RAW`: no network here has packets for it.
    pub(crate) raw: bool,
    settings: Mutex<Settings>,
}

/// What the bind and control requests change.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// The way to the network, once the socket is bound.
    pub(crate) endpoint: Option<Arc<dyn Endpoint>>,
    /// `SIO_WSK_SET_REMOTE_ADDRESS`.
    pub(crate) remote: Option<SocketAddr>,
    /// `SIO_WSK_SET_SENDTO_ADDRESS`.
    pub(crate) send_to: Option<SocketAddr>,
    /// The security descriptor, self-relative, if it was given one.
    pub(crate) security: Option<Arc<[u8]>>,
}

/// What is going on with a datagram socket: what the lock of the state guards.
pub(crate) struct Traffic {
    /// Requests that wait for a datagram, by number, first come first served.
    pub(crate) receives: BTreeMap<u64, Arc<Buffers>>,
    pub(crate) events: Events,
}

impl DatagramSocket {
    pub(crate) fn new(
        callback: Callback,
        inbox: Inbox,
        who: Who,
        security: Option<Arc<[u8]>>,
        raw: bool,
    ) -> DatagramSocket {
        let settings = Mutex::new(Settings { security, ..Settings::default() });
        DatagramSocket { callback, inbox: Arc::new(inbox), who, raw, settings }
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock()
    }

    /// The fixed remote address, which filters what is received.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.settings().remote
    }
}
