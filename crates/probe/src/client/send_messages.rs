//! `WskSendMessages`.
#![expect(unsafe_code, reason = "a function of WSK's dispatch table")]

use core::ptr;

use nt::Result;
use wsk_sys::WSK_BUF_LIST;

use super::socket::{Data, described};
use super::{Address, Ended, Socket};

impl Socket<'_> {
    /// `WskSendMessages` of two datagrams, without control information.
    ///
    /// # Errors
    /// There is no memory for the request. [`NOT_SUPPORTED`](nt::Error::NOT_SUPPORTED): WSK has no such function, before Windows 8.
    pub(crate) fn send_two(&self, bytes: [&[u8]; 2], to: &mut Address) -> Result<Ended> {
        // SAFETY: a field of the table of a datagram socket, which lives as long as the socket.
        let send = unsafe { (*self.table()).WskSendMessages }.ok_or(nt::Error::NOT_SUPPORTED)?;
        let mut data = [Data::new(bytes[0].len())?, Data::new(bytes[1].len())?];
        data[0].fill(bytes[0])?;
        data[1].fill(bytes[1])?;
        let mut second = WSK_BUF_LIST { Next: ptr::null_mut(), Buffer: described(&data[1]) };
        let mut list = WSK_BUF_LIST { Next: &raw mut second, Buffer: described(&data[0]) };
        let (list, to) = (&raw mut list, to.as_mut_ptr());
        // SAFETY: an open socket; the list, what it leads to and the address are there until the request has ended; the IRP of this
        // request.
        self.client.request(|irp| unsafe { send(self.pointer, list, 0, to, 0, ptr::null_mut(), irp) })
    }
}
