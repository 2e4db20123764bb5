//! `WskReceiveFrom`.
#![expect(unsafe_code, reason = "functions that clients call through a C table; their buffers")]

use std::sync::Arc;

use readings::{ControlTruncatedStatus, Readings, ReceiveTruncated};
use wsk_sys::{
    CMSGHDR, IRP, MSG_BCAST, MSG_CTRUNC, MSG_MCAST, MSG_TRUNC, NTSTATUS, PWSK_SOCKET, SOCKADDR,
    STATUS_BUFFER_OVERFLOW, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_PORT_UNREACHABLE,
    STATUS_SUCCESS, ULONG, WSK_BUF,
};

use crate::call::SocketCall;
use crate::call::buffer;
use crate::call::check;
use crate::call::sockaddr;
use crate::functions::WSK_RECEIVE_FROM;
use crate::net::control_info;
use crate::net::inbox::Datagram;
use crate::platform::Used;
use crate::provider::{Provider, State};
use crate::rules::{self, Broken, Failure};
use crate::run::request::{Outcome, Parked, Request, Work};
use crate::socket::Socket;

/// The flags that say how a datagram was sent.
pub(crate) fn flags_of(datagram: &Datagram) -> ULONG {
    let multicast = datagram.header.to.is_some_and(|to| to.is_multicast());
    (if datagram.broadcast { MSG_BCAST } else { 0 }) | if multicast { MSG_MCAST } else { 0 }
}

const WHAT: &str = WSK_RECEIVE_FROM.name;

/// Where a request puts a datagram: the client's buffers.
pub(crate) struct Buffers {
    socket: Arc<Socket>,
    buffer: *mut WSK_BUF,
    remote_address: *mut SOCKADDR,
    control_length: *mut ULONG,
    control_info: *mut CMSGHDR,
    control_flags: *mut ULONG,
}

// SAFETY: the buffers are the client's, who keeps them valid, for any thread, until the request is completed.
unsafe impl Send for Buffers {}
// SAFETY: the buffers are the client's, who keeps them valid, for any thread, until the request is completed; they are
// written by the one that has completed the wait.
unsafe impl Sync for Buffers {}

/// `WskReceiveFrom`: receives one datagram. `Information` of its IRP is the number of bytes received.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
pub(crate) unsafe extern "system" fn wsk_receive_from(
    socket: PWSK_SOCKET,
    buffer: *mut WSK_BUF,
    flags: ULONG,
    remote_address: *mut SOCKADDR,
    control_length: *mut ULONG,
    control_info: *mut CMSGHDR,
    control_flags: *mut ULONG,
    irp: *mut IRP,
) -> NTSTATUS {
    check::caller(&WSK_RECEIVE_FROM);
    rules::require(check::resident(remote_address, "the remote address", WHAT));
    let call = SocketCall::begin(socket, WHAT);
    let buffers = Buffers {
        socket: Arc::clone(&call.socket),
        buffer,
        remote_address,
        control_length,
        control_info,
        control_flags,
    };
    // SAFETY: the client's buffers, of this call.
    let used = rules::require(unsafe { buffers.used() });
    let work = Work::new(move |provider| {
        // Control information is aligned as its header is. n/d: the status
        let wrong = buffers.buffer.is_null() || !buffers.control_info.is_aligned();
        if wrong || check::flags(provider, flags).is_err() {
            return Outcome::Done(STATUS_INVALID_PARAMETER, 0);
        }
        match buffers.receive(provider) {
            Ok(Some(datagram)) => buffers.fill(&datagram, &provider.config.readings).into(),
            Ok(None) => Outcome::waits(Receive(Arc::new(buffers))),
            Err(status) => Outcome::Done(status, 0),
        }
    });
    // SAFETY: the IRP of this call.
    unsafe { call.submit(irp, WHAT, || used, work) }
}

/// A request that waits for a datagram.
struct Receive(Arc<Buffers>);

impl Parked for Receive {
    fn park(&mut self, provider: &Provider, state: &mut State, number: u64) -> Result<(), NTSTATUS> {
        let socket = &self.0.socket;
        let datagrams = socket.datagram()?;
        if let Some(traffic) = &mut state.functional(socket)?.traffic {
            traffic.receives.insert(number, Arc::clone(&self.0));
        }
        if datagrams.inbox.has(datagrams.remote()) {
            // It has come since the request looked.
            let socket = socket.number;
            provider.engine.schedule(move |provider| provider.deliver(socket));
        }
        Ok(())
    }

    fn unpark(&mut self, state: &mut State, number: u64) {
        if let Some(traffic) = state.traffic(self.0.socket.number) {
            traffic.receives.remove(&number);
        }
    }
}

impl Provider {
    /// Gives a socket's datagrams to the requests that wait for them, on the provider's thread.
    pub(crate) fn complete_receives(self: &Arc<Self>, socket: u64) {
        while let Some((request, buffers, arrived)) = self.next_receive(socket) {
            let filled = arrived.and_then(|datagram| buffers.fill(&datagram, &self.config.readings));
            let (status, information) = filled.unwrap_or_else(|failure| (failure.status(), 0));
            self.complete_at_dispatch(request, status, information);
        }
    }

    /// The first request that waits, and the datagram that it is given, or the failure that it ends with.
    fn next_receive(&self, number: u64) -> Option<(Request, Arc<Buffers>, Result<Datagram, Failure>)> {
        let mut state = self.lock();
        let entry = state.sockets.get(&number).filter(|entry| !entry.closing)?;
        if entry.traffic.as_ref()?.receives.is_empty() {
            return None;
        }
        let socket = Arc::clone(entry.socket.datagram().ok()?);
        let failed = socket.inbox.take_failure();
        let datagram = if failed { None } else { Some(socket.inbox.pop(socket.remote())?) };
        while let Some((request, buffers)) = state.traffic(number)?.receives.pop_first() {
            // A request that is being cancelled at this moment is passed over.
            if let Some(request) = state.claim(request) {
                return Some((request, buffers, datagram.ok_or(STATUS_PORT_UNREACHABLE.into())));
            }
        }
        match datagram {
            Some(datagram) => socket.inbox.put_back(vec![datagram]),
            None => socket.inbox.put_back_failure(),
        }
        None
    }
}

impl Buffers {
    /// Takes the datagram that is there, unless other requests wait for one.
    fn receive(&self, provider: &Provider) -> Result<Option<Datagram>, NTSTATUS> {
        let socket = self.socket.datagram()?;
        if socket.settings().endpoint.is_none() {
            return Err(STATUS_INVALID_DEVICE_STATE);
        }
        let mut state = provider.lock();
        let traffic = &state.functional(&self.socket)?.traffic;
        let is_first = traffic.as_ref().is_some_and(|traffic| traffic.receives.is_empty());
        if !is_first {
            return Ok(None);
        }
        if socket.inbox.take_failure() {
            return Err(STATUS_PORT_UNREACHABLE);
        }
        Ok(socket.inbox.pop(socket.remote()))
    }

    /// The memory that the request uses.
    ///
    /// # Safety
    /// The buffers are those that the client has just passed.
    unsafe fn used(&self) -> Result<Vec<Used>, Broken> {
        // SAFETY: the client's buffer.
        let mut used = unsafe { buffer::used(self.buffer, WHAT) }?;
        used.push(sockaddr::used("the remote address", self.remote_address, self.socket.family));
        used.push(Used::of("the length of the control information", self.control_length));
        used.push(Used::of("the control flags", self.control_flags));
        if !self.control_info.is_null()
            // SAFETY: null, or the client's variable.
            && let Some(capacity) = unsafe { self.control_length.as_ref() }
        {
            used.push(Used::new("the control information", self.control_info, *capacity as usize));
        }
        Ok(used)
    }

    /// Puts a datagram into the client's buffers; returns status and `Information`.
    ///
    /// What does not fit is lost, and `MSG_TRUNC` and `MSG_CTRUNC` tell so; the status is as the readings say.
    fn fill(&self, datagram: &Datagram, readings: &Readings) -> Result<(NTSTATUS, usize), Failure> {
        // SAFETY: the client's buffer, of a request that is not completed.
        let copied = unsafe { buffer::write(self.buffer, &datagram.bytes, WHAT) }?;
        let complete = copied == datagram.bytes.len();
        if !self.remote_address.is_null() {
            // SAFETY: the client's buffer, large enough for an address of the socket's family.
            unsafe { sockaddr::write(self.remote_address, datagram.from) };
        }
        // Without a length there is neither control information nor are there flags.
        let has_control = !self.control_length.is_null();
        let cut = has_control && self.fill_control(datagram, readings);
        if has_control && !self.control_flags.is_null() {
            let truncated = if complete { 0 } else { MSG_TRUNC };
            let cut = if cut { MSG_CTRUNC } else { 0 };
            // SAFETY: the client's variable, of a request that is not completed.
            unsafe { self.control_flags.write(truncated | cut | flags_of(datagram)) };
        }
        let warned = (!complete && readings.of::<ReceiveTruncated>() == ReceiveTruncated::Overflow)
            || (cut && readings.of::<ControlTruncatedStatus>() == ControlTruncatedStatus::Overflow);
        Ok((if warned { STATUS_BUFFER_OVERFLOW } else { STATUS_SUCCESS }, copied))
    }

    /// Puts control information into the client's buffer; tells whether there is more than fits.
    ///
    /// The options that count are those at this moment, not those when the datagram came. n/d
    fn fill_control(&self, datagram: &Datagram, readings: &Readings) -> bool {
        let control = control_info::of(datagram, &self.socket.options().values, readings);
        // SAFETY: the client's variable, of a request that is not completed.
        let capacity = unsafe { self.control_length.read() } as usize;
        let capacity = if self.control_info.is_null() { 0 } else { capacity };
        let (fits, cut) = control_info::fitting(control.as_bytes(), capacity, readings.of());
        if !fits.is_empty() {
            // SAFETY: the client's buffer, which is at least so large.
            unsafe { self.control_info.cast::<u8>().copy_from_nonoverlapping(fits.as_ptr(), fits.len()) };
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most the capacity, which was a ULONG")]
        let length = fits.len() as ULONG;
        // SAFETY: the client's buffer, which is at least so large.
        unsafe { self.control_length.write(length) };
        cut
    }
}
