//! Datagram sockets.
//!
//! A socket is [`Unbound`] first, and [`Datagram`] once it is bound; each has the calls that WSK allows in its
//! state. [`Socket`] is the same without the state in its type, for drivers that serve requests made at run time.
#![expect(unsafe_code, reason = "a socket is WSK's memory behind a pointer")]

use core::net::SocketAddr;
use core::ptr::{self, NonNull};
use core::time::Duration;

use wsk_sys::{PVOID, WSK_CLIENT_DATAGRAM_DISPATCH, WSK_NO_WAIT, WSK_REGISTRATION, WSK_SOCKET};

use crate::addr::Family;
use crate::call::{Call, Operation};
use crate::control::{Get, Ioctl, Set};
use crate::error::{Error, Result};
use crate::event::ReceiveHandler;
use crate::event::listener::Listening;
use crate::immediate::AddressList;
use crate::ioctl::SocketIoctl;
use crate::irql::{Passive, Wait};
use crate::op::{CompletionQueue, Op, Pending, submit};
use crate::option::{GetOption, SetOption};
use crate::pool::Shared;
use crate::provider::Captured;
use crate::registration::Within;
use crate::request::{Bind, LocalAddress, Request, RequestIn};
use crate::state;

/// A socket, and what its close will need.
///
/// # Invariants
/// `raw` is null, or a socket that WSK made and that nobody has closed. Then `close` is there.
#[derive(Debug)]
pub(crate) struct Core {
    raw: *mut WSK_SOCKET,
    family: Family,
    /// Whose client made it.
    registration: *const WSK_REGISTRATION,
    /// The operation of the close, made with the socket: a close cannot fail for lack of memory.
    close: Option<Op<()>>,
    /// The handler of its events, which is in that operation's block.
    listening: Option<Listening>,
}

// SAFETY: WSK's socket functions may be called on any thread, by several at a time; the rest is plain data.
unsafe impl Send for Core {}
// SAFETY: as above.
unsafe impl Sync for Core {}

impl Core {
    /// A place for a socket to be.
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub(crate) fn prepare(family: Family, registration: *const WSK_REGISTRATION) -> Result<Shared<Core>> {
        Core::with(family, registration, None, Op::new(())?)
    }

    /// A place for a socket with a handler to be.
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub(crate) fn prepare_with<H: ReceiveHandler>(
        family: Family,
        registration: *const WSK_REGISTRATION,
        handler: H,
        is_static: bool,
    ) -> Result<Shared<Core>> {
        let (listening, close) = Listening::new(handler, is_static)?;
        Core::with(family, registration, Some(listening), close)
    }

    fn with(
        family: Family,
        registration: *const WSK_REGISTRATION,
        listening: Option<Listening>,
        close: Op<()>,
    ) -> Result<Shared<Core>> {
        // INVARIANT: null.
        Shared::new(Core { raw: ptr::null_mut(), family, registration, close: Some(close), listening })
    }

    /// What `WskSocket` is given for the events.
    pub(crate) fn events(&self) -> Option<(PVOID, &'static WSK_CLIENT_DATAGRAM_DISPATCH)> {
        self.listening.as_ref().map(Listening::context)
    }

    /// Takes the socket that WSK made.
    ///
    /// # Safety
    /// `raw` is a socket that nobody has closed, and that nobody else will close.
    pub(crate) unsafe fn adopt(&mut self, raw: *mut WSK_SOCKET) {
        // INVARIANT: the caller's promise; `close` has been there since `prepare`.
        self.raw = raw;
        if let Some(listening) = &self.listening {
            listening.adopt(raw);
        }
    }

    /// Sends the close down, and gives the operation; `None` if there is no socket.
    fn close(&mut self) -> Option<Pending<(), ()>> {
        // INVARIANT: null from here on, so the socket is closed once.
        let raw = NonNull::new(core::mem::replace(&mut self.raw, ptr::null_mut()))?;
        let op = self.close.take()?;
        let call = Call::Socket { socket: raw, operation: Operation::Close };
        if let Some(listening) = self.listening.take() {
            op.header().flight.retain();
            let block = op.into_raw();
            // SAFETY: as below; but lists may be retained, and then the last release sends the close. The handle given
            // up is the one just made.
            unsafe { listening.close() };
            // SAFETY: the close is or will be submitted, without a queue.
            return Some(unsafe { Pending::new(block) });
        }
        let block = op.into_raw();
        // SAFETY: the operation was this core's own and never flew. The core is borrowed exclusively, and every call
        // in progress holds a reference to it, so no call is in progress; the null above rules out later ones.
        unsafe { submit::submit(block.cast(), &call, None, None) };
        // SAFETY: submitted just now, without a queue.
        Some(unsafe { Pending::new(block) })
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(closing) = self.close() {
            closing.detach();
        }
    }
}

/// A handle to a datagram socket whose state is known at run time only.
///
/// It takes every request; what WSK does with one that the socket's state forbids is mostly undocumented, so the
/// owner keeps track, with the help of [`Row::state`](crate::row::Row::state). Handles are cloned; when the last one
/// is dropped, at IRQL <= `DISPATCH_LEVEL`, the socket's close is sent and finishes on its own: pending requests are
/// cancelled, and `WskDeregister` waits for it.
#[derive(Clone, Debug)]
pub struct Socket<'r> {
    core: Shared<Core>,
    _within: Within<'r>,
}

impl<'r> Socket<'r> {
    pub(crate) fn new(core: Shared<Core>) -> Socket<'r> {
        Socket { core, _within: Within::new() }
    }

    /// The family of the socket's addresses.
    #[must_use]
    pub fn family(&self) -> Family {
        self.core.family
    }

    /// Moves an operation into flight; its result goes to whoever waits for it.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn submit<B, R>(&self, op: Op<B>, request: R, timeout: Option<Duration>) -> Pending<B, R>
    where
        B: Send + 'static,
        R: Request<B>,
    {
        let call = self.prepare(&op, request);
        let block = op.into_raw();
        // SAFETY: the operation was the caller's, and not in flight; the call was prepared with its arguments. The
        // socket lives while `self` is borrowed.
        unsafe { submit::submit(block.cast(), &call, timeout, None) };
        // SAFETY: submitted just now, without a queue.
        unsafe { Pending::new(block) }
    }

    /// Moves an operation into flight; its result goes to `queue`.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn submit_to<B, R>(
        &self,
        queue: &CompletionQueue<'_, B>,
        op: Op<B>,
        request: R,
        timeout: Option<Duration>,
    ) where
        B: Send + 'static,
        R: Request<B>,
    {
        let call = self.prepare(&op, request);
        let block = op.into_raw();
        // SAFETY: as in `submit`; the caller's handle goes to the queue.
        unsafe { submit::submit(block.cast(), &call, timeout, Some(queue.expect())) };
    }

    /// WSK's socket, which this handle keeps; null if it is not there.
    pub(crate) fn raw(&self) -> *mut WSK_SOCKET {
        self.core.raw
    }

    /// Where the client's registration is; only to be compared.
    pub(crate) fn registration(&self) -> *const WSK_REGISTRATION {
        self.core.registration
    }

    /// Captures the provider of the socket's client.
    pub(crate) fn capture(&self) -> Result<Captured> {
        let registration = NonNull::new(self.core.registration.cast_mut()).ok_or(Error::FILE_CLOSED)?;
        // SAFETY: the socket's lifetime is within that of the registration, which deregisters when it is dropped: and
        // then it waits for what is captured.
        unsafe { Captured::capture(registration, WSK_NO_WAIT, false) }
    }

    pub(crate) fn listening(&self) -> Option<&Listening> {
        self.core.listening.as_ref()
    }

    fn prepare<B, R: Request<B>>(&self, op: &Op<B>, request: R) -> Call {
        // SAFETY: the operation is not in flight, so its arguments are the owner's, which the caller is.
        let arguments = unsafe { &mut *op.header().arguments.get() };
        // SAFETY: as above; the operation has these buffers.
        unsafe { submit::tell::<B, R>(op.place_of_header()) };
        match (NonNull::new(self.core.raw), request.prepare(self.core.family, arguments, op.buffers())) {
            (Some(socket), Ok(operation)) => Call::Socket { socket, operation },
            (_, Err(error)) => Call::Refused(error),
            (None, Ok(_)) => Call::Refused(Error::FILE_CLOSED),
        }
    }

    /// Makes a request and waits for its result.
    pub(crate) fn run<R: Request<()>>(&self, request: R, wait: Wait<'_>) -> Result<R::Output> {
        // SAFETY: a `Wait` is permission to wait, so this thread is at PASSIVE_LEVEL.
        let passive = unsafe { Passive::assume() };
        self.submit(Op::new(())?, request, wait.timeout()).wait(&passive).0
    }

    fn close(mut self, passive: &Passive) -> Result {
        // The states' own types do not clone their handle, so this one is the only one.
        match self.core.get_mut().and_then(Core::close) {
            Some(closing) => closing.land(passive).0.map(drop),
            None => Ok(()),
        }
    }
}

macro_rules! state_common {
    ($Type:ident, $State:ty) => {
        impl<'r> $Type<'r> {
            /// The family of the socket's addresses.
            #[must_use]
            pub fn family(&self) -> Family {
                self.0.family()
            }

            pub(crate) fn as_socket(&self) -> &Socket<'r> {
                &self.0
            }

            /// Sets an option, and waits.
            ///
            /// # IRQL
            /// `PASSIVE_LEVEL`
            ///
            /// # Errors
            /// What WSK gave; [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
            /// [`IO_TIMEOUT`](Error::IO_TIMEOUT) when the time limit passed.
            pub fn set<'p, O>(&self, value: O::Value, wait: impl Into<Wait<'p>>) -> Result
            where
                O: SetOption,
                Set<O>: RequestIn<$State>,
            {
                self.0.run(Set::<O>::new(value), wait.into())
            }

            /// Gets an option, and waits.
            ///
            /// # IRQL
            /// `PASSIVE_LEVEL`
            ///
            /// # Errors
            /// As for `set`; [`INFO_LENGTH_MISMATCH`](Error::INFO_LENGTH_MISMATCH) if the reply is not a value.
            pub fn get<'p, O>(&self, wait: impl Into<Wait<'p>>) -> Result<O::Value>
            where
                O: GetOption,
            {
                self.0.run(Get::<O>::new(), wait.into())
            }

            /// Executes an IOCTL, and waits.
            ///
            /// # IRQL
            /// `PASSIVE_LEVEL`
            ///
            /// # Errors
            /// As for `set`.
            pub fn ioctl<'p, I>(&self, input: I::Input, wait: impl Into<Wait<'p>>) -> Result
            where
                I: SocketIoctl,
                Ioctl<I>: RequestIn<$State>,
            {
                self.0.run(Ioctl::<I>::new(input), wait.into())
            }

            /// The local addresses of the socket's family: [`Socket::address_list`].
            ///
            /// # IRQL
            /// `PASSIVE_LEVEL`
            ///
            /// # Errors
            /// As for [`Socket::address_list`].
            pub fn address_list(&self, passive: &Passive) -> Result<AddressList> {
                self.0.address_list(passive)
            }

            /// Moves an operation into flight; its result goes to whoever waits for it.
            ///
            /// # IRQL
            /// <= `DISPATCH_LEVEL`
            pub fn submit<B, R>(&self, op: Op<B>, request: R, timeout: Option<Duration>) -> Pending<B, R>
            where
                B: Send + 'static,
                R: Request<B> + RequestIn<$State>,
            {
                self.0.submit(op, request, timeout)
            }

            /// Moves an operation into flight; its result goes to `queue`.
            ///
            /// # IRQL
            /// <= `DISPATCH_LEVEL`
            pub fn submit_to<B, R>(
                &self,
                queue: &CompletionQueue<'_, B>,
                op: Op<B>,
                request: R,
                timeout: Option<Duration>,
            ) where
                B: Send + 'static,
                R: Request<B> + RequestIn<$State>,
            {
                self.0.submit_to(queue, op, request, timeout);
            }

            /// Closes the socket, and waits until it is closed: its address is free, every operation that was pending
            /// has been cancelled and completed, and its handler is not called any more.
            ///
            /// If lists of datagrams are [retained](crate::event::Retained), the close waits for their release first.
            ///
            /// Dropping the socket closes it as well, without waiting.
            ///
            /// # IRQL
            /// `PASSIVE_LEVEL`
            ///
            /// # Errors
            /// What WSK gave; whatever it was, the socket is gone.
            pub fn close(self, passive: &Passive) -> Result {
                self.0.close(passive)
            }
        }

        impl<'r> From<$Type<'r>> for Socket<'r> {
            fn from(socket: $Type<'r>) -> Socket<'r> {
                socket.0
            }
        }
    };
}

/// A datagram socket without a local address.
#[derive(Debug)]
pub struct Unbound<'r>(Socket<'r>);

state_common!(Unbound, state::Unbound);

impl<'r> Unbound<'r> {
    pub(crate) fn new(core: Shared<Core>) -> Unbound<'r> {
        Unbound(Socket::new(core))
    }

    /// Binds the socket to a local address, and waits.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// The socket comes back, still unbound, with what WSK gave:
    /// [`ADDRESS_ALREADY_EXISTS`](Error::ADDRESS_ALREADY_EXISTS) or [`ACCESS_DENIED`](Error::ACCESS_DENIED) if
    /// another socket has the address and does not share it (the page "Sharing Transport Addresses" has the table);
    /// [`INVALID_ADDRESS_COMPONENT`](Error::INVALID_ADDRESS_COMPONENT) for an address of another family.
    pub fn bind<'p>(
        self,
        address: SocketAddr,
        wait: impl Into<Wait<'p>>,
    ) -> Result<Datagram<'r>, (Error, Unbound<'r>)> {
        match self.0.run(Bind(address), wait.into()) {
            Ok(()) => Ok(Datagram(self.0)),
            Err(error) => Err((error, self)),
        }
    }
}

/// A datagram socket that is bound to a local address.
#[derive(Debug)]
pub struct Datagram<'r>(Socket<'r>);

state_common!(Datagram, state::Bound);

impl Datagram<'_> {
    /// The local address, with the port that the stack chose if port 0 was asked for.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Datagram::set`].
    pub fn local_address<'p>(&self, wait: impl Into<Wait<'p>>) -> Result<SocketAddr> {
        self.0.run(LocalAddress, wait.into())
    }
}
