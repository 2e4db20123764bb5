//! A socket: what it is, and what it has.
#![expect(unsafe_code, reason = "clients have pointers to sockets")]

pub(crate) mod basic;
pub(crate) mod datagram;
pub(crate) mod dead;
pub(crate) mod listening;

use core::ffi::c_void;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};
use wsk_sys::{
    ExAllocatePool2, ExFreePoolWithTag, NTSTATUS, POOL_FLAG_NON_PAGED, PWSK_SOCKET, STATUS_CANCELLED,
    STATUS_INVALID_DEVICE_REQUEST, ULONG, WSK_SOCKET,
};

use crate::net::Endpoint;
use crate::net::address::Family;
use crate::net::multicast::Memberships;
use crate::net::option::Values;
use crate::platform::{self, Owner};
use crate::provider::State;
use crate::rules::{Broken, SOCKET_CLOSED};
use crate::run::engine::Job;
use crate::socket::datagram::{DatagramSocket, Traffic};
use crate::socket::dead::DEAD;

/// The pool tag of `WSK_SOCKET`s.
const TAG: ULONG = u32::from_le_bytes(*b"WskS");

/// A socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) number: u64,
    /// The number of its registration.
    pub(crate) client: u64,
    pub(crate) family: Family,
    dead: AtomicBool,
    options: Mutex<Options>,
    pub(crate) body: Body,
}

/// What the sockets of a category have beside what all have.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Nothing: control requests only.
    Basic,
    /// Nothing: it cannot be bound.
    Listening,
    Datagram(Arc<DatagramSocket>),
}

/// What options are set to.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) values: Values,
    /// The multicast groups that the socket has joined.
    pub(crate) groups: Memberships,
    /// `IP_OPTIONS`.
    pub(crate) header: Vec<u8>,
}

/// A socket, and what is going on with it: what the lock of the state guards.
pub(crate) struct Entry {
    pub(crate) socket: Arc<Socket>,
    pub(crate) memory: Memory,
    /// Threads inside a function of the socket, `WskCloseSocket` not counted.
    pub(crate) calls: usize,
    /// Requests that were taken and whose completion routine has not returned, and calls of a callback.
    pub(crate) in_flight: usize,
    /// `WskCloseSocket` was called.
    pub(crate) closing: bool,
    /// What finishes the close, while it waits for the last request.
    pub(crate) close: Option<Job>,
    /// The requests that wait, by number.
    pub(crate) requests: BTreeSet<u64>,
    /// Of a datagram socket.
    pub(crate) traffic: Option<Traffic>,
}

/// The `WSK_SOCKET` that the client has a pointer to.
#[derive(Debug)]
pub(crate) struct Memory(*mut WSK_SOCKET);

// SAFETY: a block of pool belongs to no thread.
unsafe impl Send for Memory {}

impl Memory {
    pub(crate) fn allocate(dispatch: *const c_void) -> Option<Memory> {
        let memory = platform::on_behalf_of(Owner::SYSTEM, || {
            // SAFETY: a valid size, one pool, and a tag.
            unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size_of::<WSK_SOCKET>(), TAG) }
        });
        let memory: *mut WSK_SOCKET = memory.cast();
        if memory.is_null() {
            return None;
        }
        // SAFETY: a fresh block of this size.
        unsafe { memory.write(WSK_SOCKET { Dispatch: dispatch }) };
        Some(Memory(memory))
    }

    pub(crate) fn address(&self) -> usize {
        self.0.addr()
    }

    /// The address as `Information` of the IRP that makes the socket: an integer, from which the client makes the
    /// pointer again.
    pub(crate) fn information(&self) -> usize {
        self.0.expose_provenance()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: from ExAllocatePool2 with this tag, and freed nowhere else.
        unsafe { ExFreePoolWithTag(self.0.cast(), TAG) };
    }
}

impl Socket {
    pub(crate) fn new(number: u64, client: u64, family: Family, values: Values, body: Body) -> Socket {
        let options = Mutex::new(Options { values, groups: Memberships::default(), header: Vec::new() });
        let dead = AtomicBool::new(false);
        Socket { number, client, family, dead, options, body }
    }

    pub(crate) fn options(&self) -> MutexGuard<'_, Options> {
        self.options.lock()
    }

    /// What it has if it is a datagram socket.
    ///
    /// # Errors
    /// `STATUS_INVALID_DEVICE_REQUEST`: it is another. n/d
    pub(crate) fn datagram(&self) -> Result<&Arc<DatagramSocket>, NTSTATUS> {
        match &self.body {
            Body::Datagram(datagram) => Ok(datagram),
            Body::Basic | Body::Listening => Err(STATUS_INVALID_DEVICE_REQUEST),
        }
    }

    /// The way to the network, once the socket is bound.
    pub(crate) fn endpoint(&self) -> Option<Arc<dyn Endpoint>> {
        self.datagram().ok()?.settings().endpoint.clone()
    }

    /// Unbinds it.
    pub(crate) fn unbind(&self) {
        let endpoint = self.datagram().ok().and_then(|datagram| datagram.settings().endpoint.take());
        drop(endpoint);
    }

    /// Whether it is no longer functional.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Makes it dead; false if it was.
    pub(crate) fn mark_dead(&self) -> bool {
        !self.dead.swap(true, Ordering::AcqRel)
    }
}

impl Entry {
    /// Whether a thread that the client need not wait for may be about to close the socket: one in its callback.
    pub(crate) fn may_close(&self) -> bool {
        self.traffic.as_ref().is_some_and(|traffic| traffic.events.may_close())
    }

    /// What reports say of the socket.
    pub(crate) fn describe(&self) -> String {
        let socket = &self.socket;
        let local = socket.endpoint().map(|endpoint| endpoint.local());
        let local = local.map_or("not bound".to_owned(), |local| format!("bound to {local}"));
        let (kind, dropped) = match &socket.body {
            Body::Basic => ("basic", 0),
            Body::Listening => ("listening", 0),
            Body::Datagram(datagram) => ("datagram", datagram.inbox.dropped()),
        };
        let dropped = match dropped {
            0 => String::new(),
            datagrams => format!(", {datagrams} datagrams dropped"),
        };
        let retained = self.traffic.as_ref().map(|traffic| &traffic.events.indications);
        let retained = retained.filter(|indications| indications.retained() != 0);
        let retained = retained.map_or(String::new(), |indications| format!(", {indications}"));
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
    ///
    /// # Errors
    /// [`SOCKET_CLOSED`].
    pub(crate) fn open_socket(&mut self, socket: PWSK_SOCKET, what: &str) -> Result<&mut Entry, Broken> {
        let address = socket.addr();
        let Some(entry) = self.by_address.get(&address).and_then(|number| self.sockets.get_mut(number))
        else {
            let former = self.closed.iter().rev().find(|closed| closed.0 == address);
            let former = former.map_or("an address that is no socket", |closed| &closed.1);
            return Err(Broken::new(&SOCKET_CLOSED, format!("{what} called on {former}")));
        };
        if entry.closing {
            return Err(Broken::new(&SOCKET_CLOSED, format!("{what} called on {}", entry.describe())));
        }
        Ok(entry)
    }

    /// What goes on with a datagram socket, while it is in the table.
    pub(crate) fn traffic(&mut self, socket: u64) -> Option<&mut Traffic> {
        self.sockets.get_mut(&socket)?.traffic.as_mut()
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
