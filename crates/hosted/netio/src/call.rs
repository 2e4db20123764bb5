//! The functions that clients call with an IRP, a file for each request: its checks, what it does when it runs, what it
//! is while it waits, and how it completes.
#![expect(unsafe_code, reason = "takes the IRPs of clients over")]

mod address_change;
pub(crate) mod bind;
pub(crate) mod buffer;
pub(crate) mod check;
pub(crate) mod close;
pub(crate) mod control;
pub(crate) mod create;
mod destination;
mod disable_receive;
pub(crate) mod event_callback;
pub(crate) mod local_address;
pub(crate) mod receive;
pub(crate) mod release;
pub(crate) mod security;
pub(crate) mod send;
pub(crate) mod sockaddr;
pub(crate) mod transport_change;
pub(crate) mod unsupported;

use std::sync::Arc;

use wsk_sys::{IRP, NTSTATUS, PWSK_SOCKET, STATUS_INVALID_PARAMETER};

use crate::platform::{self, Used};
use crate::provider::Provider;
use crate::rules;
use crate::run::request::{Request, Target, Work};
use crate::socket::Socket;
use crate::socket::dead::DEAD;

/// A thread's stay in a function of a socket.
pub(crate) struct SocketCall {
    pub(crate) provider: Arc<Provider>,
    pub(crate) socket: Arc<Socket>,
}

impl SocketCall {
    /// Enters a function of a socket. On anything else than an open socket, this is a bug check.
    pub(crate) fn begin(socket: PWSK_SOCKET, what: &str) -> SocketCall {
        let provider = platform::provider();
        let mut state = provider.lock();
        let entered = state.open_socket(socket, what).map(|entry| {
            entry.calls += 1;
            Arc::clone(&entry.socket)
        });
        drop(state);
        let socket = rules::require(entered);
        SocketCall { provider, socket }
    }

    /// Takes over the IRP of the call, and runs the request, now or later. What it uses is the client's memory, which
    /// must stay until it is completed.
    ///
    /// # Safety
    /// `irp` is the one that the client has passed to this call.
    pub(crate) unsafe fn submit(
        &self,
        irp: *mut IRP,
        what: &'static str,
        used: impl FnOnce() -> Vec<Used>,
        work: Work,
    ) -> NTSTATUS {
        if irp.is_null() {
            return STATUS_INVALID_PARAMETER;
        }
        // SAFETY: not null, and the caller's.
        rules::require(unsafe { check::irp(irp, what) });
        let work = if self.socket.is_dead() { Work::refuse(DEAD) } else { work };
        let target = Target { client: self.socket.client, socket: Some(self.socket.number) };
        let name = format!("{what} on socket #{}", self.socket.number);
        // SAFETY: the client has just passed it, and it was checked.
        let request = rules::require(unsafe { Request::take(irp, target, &name, used) });
        self.provider.submit(request, what, work)
    }
}

impl Drop for SocketCall {
    fn drop(&mut self) {
        if let Some(entry) = self.provider.lock().sockets.get_mut(&self.socket.number) {
            entry.calls -= 1;
        }
        self.provider.notify();
    }
}
