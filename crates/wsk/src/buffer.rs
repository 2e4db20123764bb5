//! Non-paged memory for datagrams, with the MDL that WSK wants.
#![expect(unsafe_code, reason = "a payload is a promise")]

use core::ptr;

use wsk_sys::WSK_BUF;

use crate::payload::Payload;
use crate::pool::POOL_TAG;

/// Bytes in non-paged pool, with an MDL made once; see [`nt::Buffer`].
///
/// As a slice it is what will be sent, or what was received. A receive has all of the capacity for its data, and sets
/// the length to that of the datagram; one that fails leaves it empty. For what is sent,
/// [`fill`](nt::Buffer::fill) and [`set_len`](nt::Buffer::set_len) set it.
pub type Buffer = nt::Buffer<POOL_TAG>;

// SAFETY: the MDL describes non-paged memory that the value owns, all of its capacity, which the length is within.
unsafe impl Payload for Buffer {
    fn buffer(&self) -> WSK_BUF {
        // Without data there is no MDL: WSK's page of WSK_BUF allows null for a length of zero.
        let mdl = if self.is_empty() { ptr::null_mut() } else { self.mdl().as_ptr() };
        WSK_BUF { Mdl: mdl, Offset: 0, Length: self.len() }
    }

    fn room(&self) -> WSK_BUF {
        WSK_BUF { Mdl: self.mdl().as_ptr(), Offset: 0, Length: self.capacity() }
    }

    fn set_received(&mut self, length: usize) {
        self.set_len(length);
    }
}
