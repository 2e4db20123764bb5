//! What an operation carries while it flies: the request it serves, and the request's data.
#![expect(unsafe_code, reason = "the data is described by an MDL of the I/O manager")]

use core::ptr;

use wsk::Payload;
use wsk_sys::{MDL, WSK_BUF};

use crate::request::Request;

/// What kind of request an operation serves, and so what becomes of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: the operation is spare.
    Idle,
    /// A socket is being made.
    Create,
    /// The socket is being bound.
    Bind,
    /// The local address was asked for.
    LocalAddress,
    /// A control request.
    Control,
    /// A datagram is being sent.
    Send,
    /// A datagram is awaited.
    Receive,
}

/// The buffers of an operation.
#[derive(Debug)]
pub(crate) struct Job {
    /// The kind of the request.
    pub(crate) kind: Kind,
    /// The request; none while the operation is spare.
    pub(crate) request: Option<Request>,
    data: WSK_BUF,
}

// SAFETY: the MDL belongs to the request's IRP, which any thread may handle.
unsafe impl Send for Job {}

// SAFETY: `with_data` has the promise that the pages stay locked until the request is completed; the driver completes
// it when the operation has landed, never before.
unsafe impl Payload for Job {
    fn buffer(&self) -> WSK_BUF {
        self.data
    }
}

impl Job {
    /// The content of a spare operation.
    pub(crate) const IDLE: Job =
        Job { kind: Kind::Idle, request: None, data: WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 0 } };

    /// A job without data.
    pub(crate) const fn new(kind: Kind, request: Request) -> Job {
        Job { kind, request: Some(request), ..Job::IDLE }
    }

    /// A job with `length` bytes of data, at `offset` of the range that an MDL describes.
    ///
    /// # Safety
    /// The MDL describes at least `offset + length` bytes, locked until the request is completed; or `length` is zero.
    pub(crate) const unsafe fn with_data(
        kind: Kind,
        request: Request,
        mdl: *mut MDL,
        offset: u32,
        length: usize,
    ) -> Job {
        let data = if length == 0 {
            // WSK's page of WSK_BUF: without data the MDL may be null.
            Job::IDLE.data
        } else {
            WSK_BUF { Mdl: mdl, Offset: offset, Length: length }
        };
        Job { kind, request: Some(request), data }
    }
}
