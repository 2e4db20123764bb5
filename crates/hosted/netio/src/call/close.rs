//! `WskCloseSocket`.
#![expect(unsafe_code, reason = "a function that clients call through C tables")]

use std::sync::Arc;

use wsk_sys::{
    IRP, NTSTATUS, PWSK_SOCKET, STATUS_CANCELLED, STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::call::check;
use crate::functions::WSK_CLOSE_SOCKET;
use crate::platform;
use crate::provider::Provider;
use crate::rules::{self, Broken, CLOSE_DURING_CALL, RETAINED_AT_CLOSE};
use crate::run::engine::Job;
use crate::run::request::{Request, Target};
use crate::socket::Socket;

/// `WskCloseSocket`: cancels what is pending, and completes its IRP when the last request is completed.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
pub(crate) unsafe extern "system" fn wsk_close_socket(socket: PWSK_SOCKET, irp: *mut IRP) -> NTSTATUS {
    const WHAT: &str = WSK_CLOSE_SOCKET.name;
    check::caller(&WSK_CLOSE_SOCKET);
    if irp.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: not null, and the caller's.
    rules::require(unsafe { check::irp(irp, WHAT) });
    let provider = platform::provider();
    let (socket, cancelled) = rules::require(begin_close(&provider, socket, WHAT));
    let target = Target { client: socket.client, socket: None };
    let name = format!("{WHAT} of socket #{}", socket.number);
    // SAFETY: the client has just passed it, and it was checked.
    let close = rules::require(unsafe { Request::take(irp, target, &name, Vec::new) });
    for request in cancelled {
        if provider.engine.runs_in_call() {
            provider.complete(request, STATUS_CANCELLED, 0);
        } else {
            provider.complete_later(request, STATUS_CANCELLED);
        }
    }
    let status = end_close(&provider, socket.number, close);
    // The call, counted by `begin_close`, is over.
    if let Some(registration) = provider.lock().registrations.get_mut(&socket.client) {
        registration.calls = registration.calls.saturating_sub(1);
    }
    provider.notify();
    status
}

/// Closes the socket to all further calls, and takes out of the tables what waits.
fn begin_close(
    provider: &Provider,
    socket: PWSK_SOCKET,
    what: &str,
) -> Result<(Arc<Socket>, Vec<Request>), Broken> {
    let mut state = provider.lock();
    let entry = state.open_socket(socket, what)?;
    if entry.calls != 0 {
        let detail = format!("{what} of {} with {} calls in progress", entry.describe(), entry.calls);
        return Err(Broken::new(&CLOSE_DURING_CALL, detail));
    }
    if entry.traffic.as_ref().is_some_and(|traffic| traffic.events.indications.retained() != 0) {
        return Err(Broken::new(&RETAINED_AT_CLOSE, format!("{what} of {}", entry.describe())));
    }
    entry.closing = true;
    let numbers = entry.requests.clone();
    let socket = Arc::clone(&entry.socket);
    if let Some(registration) = state.registrations.get_mut(&socket.client) {
        registration.calls += 1;
    }
    state.count(Target { client: socket.client, socket: None }, 1);
    // In the order in which they came.
    let cancelled = numbers.into_iter().filter_map(|number| state.claim(number)).collect();
    Ok((socket, cancelled))
}

/// Completes the close if nothing is in flight, or leaves that to the last request.
fn end_close(provider: &Arc<Provider>, socket: u64, close: Request) -> NTSTATUS {
    let mut state = provider.lock();
    let entry = state.sockets.get_mut(&socket).filter(|entry| entry.in_flight != 0);
    if entry.is_none() && provider.engine.runs_in_call() {
        drop(state);
        release(provider, socket);
        provider.complete(close, STATUS_SUCCESS, 0);
        return STATUS_SUCCESS;
    }
    close.irp.mark_pending();
    let finish: Job = Box::new(move |provider| {
        release(provider, socket);
        provider.complete_at_dispatch(close, STATUS_SUCCESS, 0);
    });
    match entry {
        Some(entry) => entry.close = Some(finish),
        None => provider.engine.schedule(finish),
    }
    STATUS_PENDING
}

/// Takes a closed socket out of the tables, unbinds it and frees its memory.
fn release(provider: &Provider, number: u64) {
    let mut state = provider.lock();
    let Some(entry) = state.sockets.remove(&number) else { return };
    let address = entry.memory.address();
    state.by_address.remove(&address);
    state.remember_closed(address, format!("socket #{number}, which is closed"));
    drop(state);
    entry.socket.unbind();
    drop(entry);
}
