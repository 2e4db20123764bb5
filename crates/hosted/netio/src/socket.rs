//! A socket: what it is, and what it has.
#![expect(unsafe_code, reason = "clients have pointers to sockets")]

pub(crate) mod datagram;
pub(crate) mod dead;

use core::ffi::c_void;
use core::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wsk_sys::{
    ExAllocatePool2, ExFreePoolWithTag, NTSTATUS, POOL_FLAG_NON_PAGED, PWSK_SOCKET, STATUS_CANCELLED, ULONG,
    WSK_SOCKET,
};

use crate::event::Callback;
use crate::net::Endpoint;
use crate::net::address::Family;
use crate::net::guard::Who;
use crate::net::inbox::Inbox;
use crate::net::multicast::Memberships;
use crate::net::option::Values;
use crate::platform::{self, Owner};
use crate::provider::{Entry, State};
use crate::socket::dead::DEAD;

/// The pool tag of `WSK_SOCKET`s.
const TAG: ULONG = u32::from_le_bytes(*b"WskS");

/// What kind of socket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    /// For control only.
    Basic,
    /// For datagrams.
    Datagram,
}

/// A socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) number: u64,
    /// The number of its registration.
    pub(crate) client: u64,
    pub(crate) category: Category,
    pub(crate) family: Family,
    /// What `WskSocket` was given for its events.
    pub(crate) callback: Callback,
    pub(crate) inbox: Arc<Inbox>,
    /// Its security context.
    pub(crate) who: Who,
    pub(crate) dead: AtomicBool,
    pub(crate) settings: Mutex<Settings>,
}

/// What control requests and the bind change.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) values: Values,
    /// The multicast groups that the socket has joined.
    pub(crate) groups: Memberships,
    /// The way to the network, once the socket is bound.
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    /// `SIO_WSK_SET_REMOTE_ADDRESS`.
    pub(crate) remote: Option<SocketAddr>,
    /// `SIO_WSK_SET_SENDTO_ADDRESS`.
    pub(crate) send_to: Option<SocketAddr>,
    /// The security descriptor, self-relative, if it was given one.
    pub(crate) security: Option<Arc<[u8]>>,
}

/// The `WSK_SOCKET` that the client has a pointer to.
#[derive(Debug)]
pub(crate) struct Memory(pub(crate) *mut WSK_SOCKET);

// SAFETY: a block of pool belongs to no thread.
unsafe impl Send for Memory {}

impl Memory {
    pub(crate) fn allocate(dispatch: *const c_void) -> Option<Memory> {
        let place = platform::on_behalf_of(Owner::SYSTEM, || {
            // SAFETY: a valid size, one pool, and a tag.
            unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size_of::<WSK_SOCKET>(), TAG) }
        });
        let place: *mut WSK_SOCKET = place.cast();
        if place.is_null() {
            return None;
        }
        // SAFETY: a fresh block of this size.
        unsafe { place.write(WSK_SOCKET { Dispatch: dispatch }) };
        Some(Memory(place))
    }

    pub(crate) fn address(&self) -> usize {
        self.0.addr()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: from ExAllocatePool2 with this tag, and freed nowhere else.
        unsafe { ExFreePoolWithTag(self.0.cast(), TAG) };
    }
}

impl Socket {
    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is no longer functional.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Makes it dead; false if it was.
    pub(crate) fn mark_dead(&self) -> bool {
        !self.dead.swap(true, Ordering::AcqRel)
    }

    /// The fixed remote address, which filters what is received.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.settings().remote
    }
}

impl Entry {
    /// What reports say of the socket.
    pub(crate) fn describe(&self) -> String {
        let socket = &self.socket;
        let local = socket.settings().endpoint.as_ref().map(|endpoint| endpoint.local());
        let local = local.map_or("not bound".to_owned(), |local| format!("bound to {local}"));
        let kind = match socket.category {
            Category::Basic => "basic",
            Category::Datagram => "datagram",
        };
        let dropped = match socket.inbox.dropped() {
            0 => String::new(),
            datagrams => format!(", {datagrams} datagrams dropped"),
        };
        let retained = match self.events.indications.retained() {
            0 => String::new(),
            _ => format!(", {}", self.events.indications),
        };
        let closing = if self.closing { ", being closed" } else { "" };
        format!(
            "socket #{} ({} {kind}, {local}, {} requests in flight{dropped}{retained}{closing})",
            socket.number,
            socket.family.name(),
            self.in_flight,
        )
    }
}

impl State {
    /// The socket at an address, if it is open.
    pub(crate) fn open_socket(&mut self, socket: PWSK_SOCKET, what: &str) -> Result<&mut Entry, String> {
        let address = socket.addr();
        let Some(entry) = self.by_address.get(&address).and_then(|number| self.sockets.get_mut(number))
        else {
            let former = self.closed.iter().rev().find(|closed| closed.0 == address);
            let former = former.map_or("an address that is no socket", |closed| &closed.1);
            return Err(format!("{what} called on {former}"));
        };
        if entry.closing {
            return Err(format!("{what} called on {}", entry.describe()));
        }
        Ok(entry)
    }

    /// The entry of a socket that serves requests.
    ///
    /// # Errors
    /// `STATUS_CANCELLED`: it is being closed. [`DEAD`].
    pub(crate) fn functional(&mut self, socket: &Socket) -> Result<&mut Entry, NTSTATUS> {
        let entry = self.sockets.get_mut(&socket.number).filter(|entry| !entry.closing);
        let entry = entry.ok_or(STATUS_CANCELLED)?;
        if socket.is_dead() { Err(DEAD) } else { Ok(entry) }
    }
}
