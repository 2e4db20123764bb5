//! What the handles of a socket share: WSK's socket, and what its close will need.
#![expect(unsafe_code, reason = "a socket is WSK's memory behind a pointer")]

use core::net::SocketAddr;
use core::ptr::{self, NonNull};

use wsk_sys::{
    PVOID, SOCKADDR_INET, WSK_CLIENT_DATAGRAM_DISPATCH, WSK_NO_WAIT, WSK_PROVIDER_DATAGRAM_DISPATCH,
    WSK_REGISTRATION, WSK_SOCKET,
};

use crate::addr::{self, Family};
use crate::error::{Error, Result};
use crate::event::listener::Listening;
use crate::op::{Op, Pending};
use crate::provider::Captured;
use crate::request::close::Close;

/// A category of sockets, which decides what functions they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    /// `WSK_FLAG_BASIC_SOCKET`: control requests.
    Basic,
    /// `WSK_FLAG_DATAGRAM_SOCKET`
    Datagram,
}

/// A socket, and what its close will need.
///
/// # Invariants
/// `raw` is null, or a socket of the category that WSK made and that nobody has closed. Then `close` is there.
#[derive(Debug)]
pub struct Core {
    raw: *mut WSK_SOCKET,
    family: Family,
    category: Category,
    /// Whose client made it.
    registration: *const WSK_REGISTRATION,
    /// The operation of the close, made with the socket: a close cannot fail for lack of memory.
    close: Option<Op<()>>,
    /// The handler of its events, which is in that operation's block.
    listening: Option<Listening>,
}

// SAFETY: WSK's socket functions may be called on any thread, by several at a time; the rest is plain data.
unsafe impl Send for Core {}
// SAFETY: a reference gives the same.
unsafe impl Sync for Core {}

impl Core {
    /// A place for a socket to be.
    pub(crate) const fn new(
        family: Family,
        category: Category,
        registration: *const WSK_REGISTRATION,
        listening: Option<Listening>,
        close: Op<()>,
    ) -> Core {
        // INVARIANT: null.
        Core { raw: ptr::null_mut(), family, category, registration, close: Some(close), listening }
    }

    pub(crate) const fn family(&self) -> Family {
        self.family
    }

    pub(crate) const fn category(&self) -> Category {
        self.category
    }

    /// What `WskSocket` is given for the events.
    pub(crate) fn events(&self) -> Option<(PVOID, &'static WSK_CLIENT_DATAGRAM_DISPATCH)> {
        self.listening.as_ref().map(Listening::context)
    }

    pub(crate) const fn listening(&self) -> Option<&Listening> {
        self.listening.as_ref()
    }

    /// Where the client's registration is; only to be compared.
    pub(crate) const fn registration(&self) -> *const WSK_REGISTRATION {
        self.registration
    }

    /// Captures the provider of the socket's client.
    pub(crate) fn capture(&self) -> Result<Captured> {
        let registration = NonNull::new(self.registration.cast_mut()).ok_or(Error::FILE_CLOSED)?;
        // SAFETY: the socket's lifetime is within that of the registration, which deregisters when it is dropped: and
        // then it waits for what is captured.
        unsafe { Captured::capture(registration, WSK_NO_WAIT, false) }
    }

    /// The C form of an address, which must be of the socket's family.
    ///
    /// # Errors
    /// [`INVALID_ADDRESS_COMPONENT`](Error::INVALID_ADDRESS_COMPONENT)
    #[inline]
    pub(crate) fn encode(&self, address: &SocketAddr) -> Result<SOCKADDR_INET> {
        if Family::of(address) != self.family {
            return Err(Error::INVALID_ADDRESS_COMPONENT);
        }
        Ok(addr::encode(address))
    }

    /// WSK's socket.
    ///
    /// # Errors
    /// [`FILE_CLOSED`](Error::FILE_CLOSED): it is not there.
    pub(crate) fn open(&self) -> Result<NonNull<WSK_SOCKET>> {
        NonNull::new(self.raw).ok_or(Error::FILE_CLOSED)
    }

    /// WSK's socket and its functions, if it is a datagram socket.
    ///
    /// There is no reference to all of the table, because its last field is missing in Windows before 8.
    ///
    /// # Errors
    /// [`FILE_CLOSED`](Error::FILE_CLOSED): it is not there.
    /// [`NOT_SUPPORTED`](Error::NOT_SUPPORTED): it is of another category, which has no such functions.
    pub(crate) fn datagram(&self) -> Result<(*mut WSK_SOCKET, *const WSK_PROVIDER_DATAGRAM_DISPATCH)> {
        let socket = self.open()?.as_ptr();
        if self.category != Category::Datagram {
            return Err(Error::NOT_SUPPORTED);
        }
        // SAFETY: by the type's invariant the socket is open; WSK set its dispatch table, that of a datagram socket, when it
        // made it.
        Ok((socket, unsafe { (*socket).Dispatch }.cast()))
    }

    /// Takes the socket that WSK made.
    ///
    /// # Safety
    /// `raw` is a socket of the category that nobody has closed, and that nobody else will close.
    pub(crate) unsafe fn adopt(&mut self, raw: *mut WSK_SOCKET) {
        // INVARIANT: the caller's promise; `close` has been there since `new`.
        self.raw = raw;
        if let Some(listening) = &self.listening {
            listening.adopt(raw);
        }
    }

    /// Sends the close down, and gives the operation; `None` if there is no socket.
    pub(crate) fn close(&mut self) -> Option<Pending<(), ()>> {
        // INVARIANT: null from here on, so the socket is closed once.
        let raw = NonNull::new(core::mem::take(&mut self.raw))?;
        let op = self.close.take()?;
        if let Some(listening) = self.listening.take() {
            // It has begun, for whoever waits; and until it is sent, the memory is kept.
            op.header().submission.reserve();
            op.header().submission.watch();
            let block = op.into_raw();
            // SAFETY: no call is in progress, as below; but lists may be retained, and then the last release sends the
            // close. What was reserved just now is given up.
            unsafe { listening.close() };
            // SAFETY: the close is or will be submitted, without a queue.
            return Some(unsafe { Pending::new(block) });
        }
        // SAFETY: the core is borrowed exclusively, and every call in progress holds a reference to it, so no call is in
        // progress; the null above rules out later ones.
        Some(op.submit(&(), unsafe { Close::new(raw) }, None))
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(closing) = self.close() {
            closing.detach();
        }
    }
}
