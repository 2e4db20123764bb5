//! The `WskReceiveFromEvent` of a socket: the calls of it, and what they bring.
//!
//! A callback is off when its socket is made, and turned on and off by the client; or it is on from the beginning and
//! always, for the sockets of a client that has asked for that before it made any.
#![expect(unsafe_code, reason = "reads the client's table")]

pub(crate) mod indicated;
pub(crate) mod indication;

use core::net::SocketAddr;
use std::collections::BTreeSet;

use wsk_sys::{PVOID, WSK_CLIENT_DATAGRAM_DISPATCH};

use crate::call::release::Indications;

/// What `WskSocket` was given for the callbacks of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callback {
    pub(crate) function: Option<wsk_sys::PFN_WSK_RECEIVE_FROM_EVENT>,
    pub(crate) context: PVOID,
}

// SAFETY: the context is the client's, who is called with it on any thread.
unsafe impl Send for Callback {}
// SAFETY: the context is the client's, who is called with it on any thread.
unsafe impl Sync for Callback {}

impl Callback {
    /// Reads the client's table. n/d: when WSK does. It is static, or at least as lasting as the socket.
    ///
    /// # Safety
    /// `dispatch` is null or the client's table.
    pub(crate) unsafe fn read(dispatch: *const WSK_CLIENT_DATAGRAM_DISPATCH, context: PVOID) -> Callback {
        // SAFETY: this function's contract.
        let table = unsafe { dispatch.as_ref() };
        Callback { function: table.and_then(|table| table.WskReceiveFromEvent), context }
    }
}

/// Whether the callback is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// No.
    #[default]
    Off,
    /// Until the client turns it off, or accepts no data.
    On,
    /// Always.
    Static,
}

/// The events of a socket.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) mode: Mode,
    /// Calls of the callback that have not returned.
    pub(crate) running: usize,
    /// Who has sent what these calls were given. What else they have sent waits, so that it comes in its order.
    pub(crate) senders: Vec<SocketAddr>,
    /// What the client knows of.
    pub(crate) indications: Indications,
    /// Some were retained.
    pub(crate) has_retained: bool,
    /// Requests, by number, that wait for the calls to return.
    pub(crate) disables: BTreeSet<u64>,
}

impl Events {
    pub(crate) fn new(always: bool) -> Events {
        Events { mode: if always { Mode::Static } else { Mode::Off }, ..Events::default() }
    }

    /// Whether a thread that the client need not wait for may be about to close the socket: one that releases
    /// indications, or a call that may retain some.
    pub(crate) fn may_close(&self) -> bool {
        self.has_retained || self.running != 0
    }
}
