//! `WskSocket`.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use wsk_sys::{
    IPPROTO_UDP, PEPROCESS, PETHREAD, SOCK_DGRAM, ULONG, WSK_FLAG_BASIC_SOCKET, WSK_FLAG_DATAGRAM_SOCKET,
    WSK_PROVIDER_NPI,
};

use super::Completion;
use crate::error::{Error, Result};
use crate::op::request::{FromCompletion, IoStatus, Irp, Request, Submit};
use crate::op::{Destination, Op};
use crate::pool::Shared;
use crate::provider::Captured;
use crate::security::SecurityDescriptor;
use crate::socket::{Category, Core, Socket};
use crate::time::IntoLimit;

/// `WskSocket`: a socket to be made, with the memory for it; a [`Builder`](crate::Builder) makes it.
///
/// It keeps the provider captured until it has completed: WSK's pages do not say whether it may be released earlier.
#[must_use = "the socket is made when this is submitted"]
#[derive(Debug)]
#[doc(alias = "WskSocket")]
pub struct Create<'r> {
    /// The socket that `WskSocket` is to fill.
    core: Shared<Core>,
    /// Captured by whoever waits for the request, or by the request itself.
    provider: WSK_PROVIDER_NPI,
    captured: Option<Captured>,
    owner: Owner,
    security: Option<SecurityDescriptor<'r>>,
}

/// On whose behalf a socket is made: both null is the current process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) process: PEPROCESS,
    pub(crate) thread: PETHREAD,
}

// SAFETY: a captured provider's functions may be called on any thread, and what the pointers are to stays valid, as
// whoever gave them has promised.
unsafe impl Send for Create<'_> {}
// SAFETY: a reference gives nothing.
unsafe impl Sync for Create<'_> {}

impl<'r> Create<'r> {
    /// A request for whoever keeps `captured` until it has completed.
    pub(crate) fn new(
        core: Shared<Core>,
        captured: &Captured,
        owner: Owner,
        security: Option<SecurityDescriptor<'r>>,
    ) -> Create<'r> {
        Create { core, provider: captured.npi(), captured: None, owner, security }
    }

    /// Has the request itself keep the provider.
    pub(crate) fn keep(mut self, captured: Captured) -> Create<'r> {
        self.provider = captured.npi();
        self.captured = Some(captured);
        self
    }

    /// Submits an operation for this; the result goes to `to`, a queue. The queue borrows the registration, as the socket
    /// does: it may be the one that holds it.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn submit_to<'q, B, T, D>(self, to: &D, op: Op<B>, limit: impl IntoLimit) -> D::Submitted
    where
        B: Send + 'static,
        T: FromCompletion<Create<'r>>,
        D: Destination<'q, B, Create<'r>, T>,
    {
        op.submit_to(to, &(), self, limit.into_limit())
    }
}

impl<'r> Request for Create<'r> {
    type Output = Socket<'r>;
}

/// What `WskSocket` takes for a category of sockets: type, protocol, flag.
const fn kind(category: Category) -> (u16, ULONG, ULONG) {
    match category {
        Category::Basic => (SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_BASIC_SOCKET),
        Category::Datagram => (SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET),
    }
}

// SAFETY: a call that is made takes the IRP. The handler that it points to, if there is one, is the socket's, which the
// state has; descriptor and provider are in the state, too; process and thread outlive the socket (`Builder::process`).
unsafe impl<'r, B> Submit<B> for Create<'r> {
    type Target = ();
    type State = Create<'r>;

    fn prepare(self, (): &(), _: &mut B, state: &mut MaybeUninit<Create<'r>>) -> Result {
        state.write(self);
        Ok(())
    }

    unsafe fn call((): &(), state: NonNull<Create<'r>>, irp: Irp) -> Result {
        // SAFETY: the state is this call's, and WSK has no pointer to it.
        let Create { core, provider, owner, security, .. } = unsafe { state.as_ref() };
        // SAFETY: the provider is captured, so its dispatch table is valid. Only this field is read: the table is shorter in
        // older versions of Windows.
        let create = unsafe { (*provider.Dispatch).WskSocket }.ok_or(Error::NOT_SUPPORTED)?;
        let (socket_type, protocol, flag) = kind(core.category());
        let (context, table) = match core.events() {
            Some((context, table)) => (context, ptr::from_ref(table).cast()),
            None => (ptr::null_mut(), ptr::null()),
        };
        let security = security.as_ref().map_or(ptr::null_mut(), SecurityDescriptor::as_raw);
        let (family, Owner { process, thread }) = (core.family().number(), *owner);
        // SAFETY: the client is the captured provider's; the table is constant, and the context a handler that lives
        // until the socket is closed, or both are null; process, thread and descriptor are valid or null: null is the
        // current process, and no sharing.
        unsafe {
            create(
                provider.Client,
                family,
                socket_type,
                protocol,
                flag,
                context,
                table,
                process,
                thread,
                security,
                irp.as_ptr(),
            )
        };
        Ok(())
    }

    fn complete(state: &mut Create<'r>, _: &mut B, status: IoStatus) -> Result<Socket<'r>> {
        status.check()?;
        if let Some(core) = state.core.get_mut() {
            // SAFETY: a successful WskSocket puts the new socket in IoStatus.Information.
            unsafe { core.adopt(ptr::with_exposed_provenance_mut(status.information)) };
        }
        Ok(Socket::new(state.core.clone()))
    }
}

impl<'r> FromCompletion<Create<'r>> for Completion<'r> {
    fn from_completion(result: Result<Socket<'r>>) -> Self {
        Completion::Create(result)
    }
}
