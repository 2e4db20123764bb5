//! A socket to be made: of which family and category, on whose behalf, who may share its address, what handles its events.
#![expect(unsafe_code, reason = "whoever names a process promises for it")]

use core::ptr;

use wsk_sys::{PEPROCESS, PETHREAD};

use super::{Basic, Category, Core, Unbound};
use crate::addr::Family;
use crate::error::{Error, Result};
use crate::event::ReceiveHandler;
use crate::event::listener::{Listening, RefuseAll};
use crate::op::{IntoCall, Op, blocking};
use crate::pool::Shared;
use crate::provider::Provider;
use crate::request::create::{Create, Owner};
use crate::security::SecurityDescriptor;

/// A socket to be made: [`Provider::socket`].
///
/// Unless said otherwise it is made on behalf of the current process, nobody shares its address, and it has no handler.
#[must_use = "the socket is made by a method that ends the building"]
#[derive(Debug)]
pub struct Builder<'p, 'r> {
    provider: &'p Provider<'r>,
    family: Family,
    owner: Owner,
    security: Option<SecurityDescriptor<'r>>,
    /// The handler, and the operation of the close that it is in; or that there was no memory for it.
    listening: Option<Result<(Listening, Op<()>)>>,
}

impl<'p, 'r> Builder<'p, 'r> {
    pub(crate) const fn new(provider: &'p Provider<'r>, family: Family) -> Builder<'p, 'r> {
        let owner = Owner { process: ptr::null_mut(), thread: ptr::null_mut() };
        Builder { provider, family, owner, security: None, listening: None }
    }

    /// With a security descriptor, which decides who may share the socket's address.
    pub fn security(mut self, security: &SecurityDescriptor<'r>) -> Builder<'p, 'r> {
        self.security = Some(security.clone());
        self
    }

    /// With another process, whose security context counts when the socket wants to share an address (`OwningProcess`).
    ///
    /// # Safety
    /// `process` is null, or a process object that stays referenced until the socket is closed. WSK's page does not say
    /// how long it is used.
    pub const unsafe fn process(mut self, process: PEPROCESS) -> Builder<'p, 'r> {
        self.owner.process = process;
        self
    }

    /// With a thread of that process, whose impersonation counts as well (`OwningThread`).
    ///
    /// # Safety
    /// As for [`Builder::process`], of a thread object.
    pub const unsafe fn thread(mut self, thread: PETHREAD) -> Builder<'p, 'r> {
        self.owner.thread = thread;
        self
    }

    /// With a handler for its events. That there is no memory for it is said when the socket is made.
    ///
    /// The handler is not called before [`Datagram::enable_receive`](crate::Datagram::enable_receive), unless the events
    /// are [static](crate::Registration::register_static). It lives until the socket is closed, and is dropped if it is
    /// not made.
    pub fn handler<H: ReceiveHandler>(mut self, handler: H) -> Builder<'p, 'r> {
        self.listening = Some(Listening::new(handler, self.provider.captured().has_static_events()));
        self
    }

    /// Makes a datagram socket (`WskSocket`), and waits.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// What WSK gave; [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
    /// [`IO_TIMEOUT`](Error::IO_TIMEOUT) when the time limit passed;
    /// [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): the security descriptor is another registration's.
    pub fn datagram<'w>(self, wait: impl IntoCall<'w>) -> Result<Unbound<'r>> {
        let create = self.request(Category::Datagram)?;
        blocking::call(&(), create, &mut (), wait.into_call()).map(Unbound)
    }

    /// Makes a basic socket (`WskSocket` with `WSK_FLAG_BASIC_SOCKET`), and waits. See [`Basic`].
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Builder::datagram`]; [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): a basic socket has no events, and so
    /// no handler.
    pub fn basic<'w>(self, wait: impl IntoCall<'w>) -> Result<Basic<'r>> {
        let create = self.request(Category::Basic)?;
        blocking::call(&(), create, &mut (), wait.into_call()).map(Basic)
    }

    /// A request for a datagram socket: to be submitted, without waiting.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
    /// [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): the security descriptor is another registration's.
    pub fn create(self) -> Result<Create<'r>> {
        let captured = self.provider.captured().again()?;
        Ok(self.request(Category::Datagram)?.keep(captured))
    }

    fn request(self, category: Category) -> Result<Create<'r>> {
        let Builder { provider, family, owner, security, listening } = self;
        let captured = provider.captured();
        if security.as_ref().is_some_and(|security| !security.is_of(captured.registration())) {
            return Err(Error::INVALID_PARAMETER);
        }
        let (listening, close) = match (category, listening.transpose()?) {
            (Category::Basic, Some(_)) => return Err(Error::INVALID_PARAMETER),
            (Category::Datagram, Some((listening, close))) => (Some(listening), close),
            // What WSK does with a socket that has no function for its static events is not documented.
            (Category::Datagram, None) if captured.has_static_events() => {
                let (listening, close) = Listening::new(RefuseAll, true)?;
                (Some(listening), close)
            }
            (Category::Basic | Category::Datagram, None) => (None, Op::new(())?),
        };
        let core = Core::new(family, category, captured.registration(), listening, close);
        Ok(Create::new(Shared::new(core)?, captured, owner, security))
    }
}
