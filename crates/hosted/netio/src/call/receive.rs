//! `WskReceiveFrom`.
#![expect(unsafe_code, reason = "functions that clients call through a C table; their buffers")]

use std::fmt;
use std::sync::Arc;

use wsk_sys::{
    CMSGHDR, IRP, MSG_BCAST, MSG_CTRUNC, MSG_MCAST, MSG_TRUNC, NTSTATUS, PWSK_SOCKET, SOCKADDR,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG, WSK_BUF,
};

use crate::call::buffer;
use crate::call::check;
use crate::net::address;
use crate::net::control_info;
use crate::net::inbox::Datagram;
use crate::platform::Used;
use crate::run::completion::{Outcome, Work};
use crate::socket::{Socket, SocketCall};

/// The flags that say how a datagram was sent.
pub(crate) fn flags_of(datagram: &Datagram) -> ULONG {
    let multicast = datagram.header.to.is_some_and(|to| to.is_multicast());
    (if datagram.broadcast { MSG_BCAST } else { 0 }) | if multicast { MSG_MCAST } else { 0 }
}

const WHAT: &str = "WskReceiveFrom";

/// The buffers of a request that waits for a datagram.
pub(crate) struct Slot {
    pub(crate) socket: Arc<Socket>,
    buffer: *mut WSK_BUF,
    remote_address: *mut SOCKADDR,
    control_length: *mut ULONG,
    control_info: *mut CMSGHDR,
    control_flags: *mut ULONG,
}

// SAFETY: the buffers are the client's, who keeps them valid, for any thread, until the request is completed.
unsafe impl Send for Slot {}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("socket", &self.socket.number).finish_non_exhaustive()
    }
}

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
    check::caller(WHAT);
    let call = SocketCall::begin(socket, WHAT);
    let slot = Slot {
        socket: Arc::clone(&call.socket),
        buffer,
        remote_address,
        control_length,
        control_info,
        control_flags,
    };
    // SAFETY: the client's buffers, of this call.
    let used = unsafe { slot.used() };
    let work = Work::new(move |_| {
        // Flags are reserved; control information is aligned as its header is. n/d: the status
        if flags != 0 || slot.buffer.is_null() || !slot.control_info.is_aligned() {
            return Outcome::Done(STATUS_INVALID_PARAMETER, 0);
        }
        let bound = slot.socket.settings().endpoint.is_some();
        if bound { Outcome::Receive(slot) } else { Outcome::Done(STATUS_INVALID_DEVICE_STATE, 0) }
    });
    // SAFETY: the IRP of this call.
    unsafe { call.submit(irp, WHAT, || used, work) }
}

impl Slot {
    /// The memory that the request uses.
    ///
    /// # Safety
    /// The buffers are those that the client has just passed.
    unsafe fn used(&self) -> Vec<Used> {
        // SAFETY: the client's buffer.
        let mut used = unsafe { buffer::used(self.buffer, WHAT) };
        used.push(address::used("the remote address", self.remote_address, self.socket.family));
        used.push(Used::of("the length of the control information", self.control_length));
        used.push(Used::of("the control flags", self.control_flags));
        if !self.control_info.is_null()
            // SAFETY: null, or the client's variable.
            && let Some(room) = unsafe { self.control_length.as_ref() }
        {
            used.push(Used::new("the control information", self.control_info, *room as usize));
        }
        used
    }

    /// Puts a datagram into the client's buffers; returns status and `Information`.
    ///
    /// What does not fit is lost, and `MSG_TRUNC` tells so; the status is `truncation`, if that is so. n/d
    pub(crate) fn fill(self, datagram: &Datagram, truncation: NTSTATUS) -> (NTSTATUS, usize) {
        // SAFETY: the client's buffer, of a request that is not completed.
        let copied = match unsafe { buffer::write(self.buffer, &datagram.bytes, WHAT) } {
            Ok(copied) => copied,
            Err(status) => return (status, 0),
        };
        let whole = copied == datagram.bytes.len();
        let status = if whole { STATUS_SUCCESS } else { truncation };
        if !self.remote_address.is_null() {
            // SAFETY: the client's buffer, large enough for an address of the socket's family.
            unsafe { address::write(self.remote_address, datagram.from) };
        }
        // Without a length there is neither control information nor are there flags.
        if self.control_length.is_null() {
            return (status, copied);
        }
        let cut = self.fill_control(datagram);
        if !self.control_flags.is_null() {
            let truncated = if whole { 0 } else { MSG_TRUNC };
            let cut = if cut { MSG_CTRUNC } else { 0 };
            // SAFETY: the client's variable, of a request that is not completed.
            unsafe { self.control_flags.write(truncated | cut | flags_of(datagram)) };
        }
        (status, copied)
    }

    /// Puts control information into the client's buffer; tells whether there is more than fits.
    ///
    /// The options that count are those at this moment, not those when the datagram came. n/d
    fn fill_control(&self, datagram: &Datagram) -> bool {
        let control = control_info::of(datagram, &self.socket.settings().values);
        // SAFETY: the client's variable, of a request that is not completed.
        let room = unsafe { self.control_length.read() } as usize;
        let room = if self.control_info.is_null() { 0 } else { room };
        let (fits, cut) = control_info::fitting(control.as_bytes(), room);
        if !fits.is_empty() {
            // SAFETY: the client's buffer, with room for at least so much.
            unsafe { self.control_info.cast::<u8>().copy_from_nonoverlapping(fits.as_ptr(), fits.len()) };
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most the room, which was a ULONG")]
        let length = fits.len() as ULONG;
        // SAFETY: as above.
        unsafe { self.control_length.write(length) };
        cut
    }
}
