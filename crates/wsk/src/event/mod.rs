//! Event callbacks: datagrams that WSK hands over by itself, without an IRP.
//!
//! A socket that was made with a handler ([`Builder::handler`](crate::Builder::handler)) can have WSK
//! call it: [`Datagram::enable_receive`](crate::Datagram::enable_receive) turns that on, once the socket is bound.
//! The handler gets an [`Indication`], a list of datagrams in WSK's own memory, and answers in one of three ways:
//!
//! | answer | the datagrams |
//! |---|---|
//! | [`Indication::accept`] | are done with; what is to be kept was copied |
//! | [`Indication::refuse`] | stay with WSK, which calls no more until the event is enabled again; with static events they are lost |
//! | [`Indication::retain`] | are the driver's, as [`Retained`], until that is dropped |
//!
//! The handler is the only code of the driver that this crate calls on WSK's threads. What holds for it is not what
//! holds anywhere else in the crate:
//!
//! - It is called at any IRQL up to `DISPATCH_LEVEL`, so it does not wait, and what it touches is not paged.
//! - WSK's page does not say that calls come one at a time: it may be called on several processors at once, and it may
//!   be called again on the same stack, when it sends to a socket of this machine.
//! - It may submit operations and enable or disable the event; it must not wait for any of it.
//! - It lives as long as the socket, and beyond: WSK calls it until the close has completed, and then it is dropped, at
//!   IRQL <= `DISPATCH_LEVEL`, possibly within the completion of the close. So it owns nothing that waits or calls WSK
//!   when it is dropped: that is what [`DispatchDrop`] says.
//!
//! Pending receives come first: WSK calls the handler with what no [`ReceiveFrom`](crate::ReceiveFrom) waits for, but
//! for races, which only disabling excludes.
//!
//! ```
//! use core::sync::atomic::{AtomicUsize, Ordering};
//! use core::time::Duration;
//!
//! use wsk::event::{Answer, Indication, ReceiveHandler};
//! use wsk::{Family, Passive, Registration, Shared, Version, dispatch_drop};
//! # use wsk::Buffer;
//!
//! # fn main() { hosted(|| client().unwrap()); }
//! # fn hosted(driver: impl FnOnce()) {
//! #     let machine = ntos::Machine::boot(ntos::Config::default());
//! #     let network = netio::Network::Memory(netio::memory::Net::new());
//! #     netio::install(&machine, netio::Config { network, ..Default::default() });
//! #     let entered = machine.enter();
//! #     driver();
//! #     drop(entered);
//! #     machine.shutdown();
//! # }
//! /// Counts the bytes that come; the driver has another handle of the count.
//! struct Counter {
//!     bytes: Shared<AtomicUsize>,
//! }
//! dispatch_drop!(Counter { bytes });
//!
//! impl ReceiveHandler for Counter {
//!     fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
//!         for datagram in indication.datagrams() {
//!             self.bytes.fetch_add(datagram.len(), Ordering::Relaxed);
//!         }
//!         indication.accept()
//!     }
//! }
//!
//! fn client() -> wsk::Result {
//!     let passive = &Passive::check().expect("this may wait");
//!     let registration = Registration::register(Version::V1_0, passive)?;
//!     let provider = registration.provider(passive)?;
//!     let bytes = Shared::new(AtomicUsize::new(0))?;
//!     let socket = provider.socket(Family::V4).handler(Counter { bytes: bytes.clone() }).datagram(passive)?;
//!     let socket = socket.bind("127.0.0.1:0".parse().unwrap(), passive)?;
//!     socket.enable_receive()?;
//! #   let mut buffer = Buffer::new(5)?;
//! #   buffer.fill(b"hello")?;
//! #   socket.send_to(&buffer, socket.local_address(passive)?, passive)?;
//! #   while bytes.load(Ordering::Relaxed) == 0 { std::thread::yield_now(); }
//!
//!     // ... and when no more are wanted: waits for calls that are under way.
//!     socket.disable_receive(passive.within(Duration::from_secs(1)))?;
//!     assert_eq!(bytes.load(Ordering::Relaxed), 5);
//!     socket.close(passive)
//! }
//! ```
#![expect(unsafe_code, reason = "indications are WSK's memory behind pointers")]

pub(crate) mod control;
pub(crate) mod indicated;
pub(crate) mod listener;

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use wsk_sys::{
    NTSTATUS, STATUS_DATA_NOT_ACCEPTED, STATUS_PENDING, STATUS_SUCCESS, ULONG, WSK_DATAGRAM_INDICATION,
    WSK_FLAG_AT_DISPATCH_LEVEL,
};

use crate::dispatch_drop::DispatchDrop;

pub use crate::request::disable_receive::DisableReceive;
pub use control::Disabled;
pub use indicated::{Indicated, Indications, Segments};
use listener::Hold;
pub use listener::Retained;

/// What WSK calls when datagrams arrive.
///
/// See [the module](self) for what an implementation may do.
#[doc(alias = "WskReceiveFromEvent")]
#[doc(alias = "WSK_CLIENT_DATAGRAM_DISPATCH")]
pub trait ReceiveHandler: Send + Sync + DispatchDrop + 'static {
    /// Datagrams have arrived.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c>;

    /// The socket is no longer functional: it is to be closed as soon as possible, but not from here.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    fn forced_closed(&self) {}
}

/// Datagrams that WSK offers to a handler, in one of its calls.
///
/// # Invariants
/// `list` is the list of the call `'c`, which has not returned.
pub struct Indication<'c> {
    list: NonNull<WSK_DATAGRAM_INDICATION>,
    flags: ULONG,
    hold: &'c Hold,
    /// Of this call only: an answer to one call is no answer to another.
    _call: PhantomData<fn(&'c ()) -> &'c ()>,
}

impl<'c> Indication<'c> {
    /// # Safety
    /// `list` is the list that WSK calls the handler with, in a call that outlives `'c`; `hold` is the socket's.
    unsafe fn new(list: NonNull<WSK_DATAGRAM_INDICATION>, flags: ULONG, hold: &'c Hold) -> Indication<'c> {
        // INVARIANT: the caller's promise.
        Indication { list, flags, hold, _call: PhantomData }
    }

    /// The datagrams.
    #[must_use]
    pub fn datagrams(&self) -> Indications<'_> {
        // SAFETY: by the type's invariant the list is there, and with it everything that it points to. It is WSK's to
        // take back when the handler has answered, which consumes this value.
        unsafe { Indications::new(self.list) }
    }

    /// `MSG_BCAST`, `MSG_MCAST`: how the datagrams were sent.
    #[must_use]
    pub const fn flags(&self) -> u32 {
        self.flags & !WSK_FLAG_AT_DISPATCH_LEVEL
    }

    /// Whether the handler is known to run at `DISPATCH_LEVEL`. If not, it runs there or below.
    #[must_use]
    pub const fn is_at_dispatch(&self) -> bool {
        self.flags & WSK_FLAG_AT_DISPATCH_LEVEL != 0
    }

    /// Gives all of the datagrams back: they have been copied, or are not wanted.
    pub fn accept(self) -> Answer<'c> {
        Answer::new(STATUS_SUCCESS)
    }

    /// Accepts none of them (`STATUS_DATA_NOT_ACCEPTED`).
    ///
    /// WSK keeps them if the transport can, and does not call again before
    /// [`Datagram::enable_receive`](crate::Datagram::enable_receive). With static events they are lost, and WSK goes
    /// on calling.
    pub fn refuse(self) -> Answer<'c> {
        Answer::new(STATUS_DATA_NOT_ACCEPTED)
    }

    /// Keeps the datagrams beyond the call (`STATUS_PENDING`), without copying them.
    ///
    /// What is kept is the network's memory: it is to be released soon.
    ///
    /// # Errors
    /// The indication comes back, to be answered otherwise: the socket is being closed; or 2^31 - 1 lists are retained.
    pub fn retain(self) -> Result<(Retained, Answer<'c>), Indication<'c>> {
        // SAFETY: the list is this call's, which answers that it is kept.
        match unsafe { Retained::new(self.list, self.flags(), self.hold) } {
            Some(retained) => Ok((retained, Answer::new(STATUS_PENDING))),
            None => Err(self),
        }
    }
}

impl fmt::Debug for Indication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indication").field("flags", &self.flags).finish_non_exhaustive()
    }
}

/// What a handler answers to one indication.
#[must_use = "the handler returns it"]
pub struct Answer<'c> {
    status: NTSTATUS,
    _call: PhantomData<fn(&'c ()) -> &'c ()>,
}

impl Answer<'_> {
    const fn new(status: NTSTATUS) -> Self {
        Answer { status, _call: PhantomData }
    }
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({:#010x})", self.status)
    }
}
