//! What an operation carries while it flies: the request it serves, and the request's data.
#![expect(unsafe_code, reason = "the data is described by an MDL of the I/O manager")]

use core::ptr;

use wsk::{BufferList, Payload, PayloadList, Shared, dispatch_drop};
use wsk_sys::{MDL, WSK_BUF, WSK_BUF_LIST};

use crate::batch::Batch;
use crate::wdf_request::InFlight;

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
    /// Datagrams are being sent.
    Send,
    /// A datagram is awaited: one of those of a batch.
    Receive,
    /// The receive event is being disabled.
    DisableReceive,
    /// The queue's turn is awaited.
    Drain,
    /// A change of the transports is awaited.
    TransportChange,
    /// The security descriptor was asked for.
    GetSecurity,
}

/// The buffers of an operation.
#[derive(Debug)]
pub(crate) struct Job {
    /// The kind of the request.
    pub(crate) kind: Kind,
    /// The request; none while the operation is spare, and if the request has several: then the batch has it.
    request: Option<InFlight>,
    data: Locked,
    /// The data divided into datagrams, if there are several.
    list: Option<BufferList<Locked>>,
    /// The request's other operations, and this one's place among them.
    batch: Option<(Shared<Batch>, usize)>,
}

/// Locked memory of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Locked(WSK_BUF);

// SAFETY: the MDL belongs to the request's IRP, which any thread may handle.
unsafe impl Send for Locked {}

impl Locked {
    const NONE: Locked = Locked(WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 0 });

    /// `length` bytes at `offset` of the range that an MDL describes.
    ///
    /// # Safety
    /// The range is locked until the request that the MDL is of is completed, and the value is gone by then; or
    /// `length` is zero.
    pub(crate) const unsafe fn new(mdl: *mut MDL, offset: u32, length: usize) -> Locked {
        // WSK's page of WSK_BUF: without data the MDL may be null.
        if length == 0 { Locked::NONE } else { Locked(WSK_BUF { Mdl: mdl, Offset: offset, Length: length }) }
    }
}

// SAFETY: `Locked::new` has the promise that the pages stay locked while the value lives.
unsafe impl Payload for Locked {
    fn buffer(&self) -> WSK_BUF {
        self.0
    }

    fn room(&self) -> WSK_BUF {
        self.0
    }

    // The request's `Information` says how much was received.
    fn set_received(&mut self, _: usize) {}
}

// SAFETY: as for `Locked`. The driver completes the request when the operation has landed, never before.
unsafe impl Payload for Job {
    fn buffer(&self) -> WSK_BUF {
        self.data.buffer()
    }

    fn room(&self) -> WSK_BUF {
        self.data.room()
    }

    fn set_received(&mut self, length: usize) {
        self.data.set_received(length);
    }
}

// SAFETY: the list is this value's own, of locked memory as above.
unsafe impl PayloadList for Job {
    fn list(&self) -> *mut WSK_BUF_LIST {
        self.list.as_ref().map_or(ptr::null_mut(), PayloadList::list)
    }
}

dispatch_drop!(Locked(buffer: Copy));
dispatch_drop!(Job { kind: Copy, request, data, list, batch });

impl Job {
    /// The content of a spare operation.
    pub(crate) const IDLE: Job =
        Job { kind: Kind::Idle, request: None, data: Locked::NONE, list: None, batch: None };

    /// A job without data.
    pub(crate) fn new(kind: Kind, request: InFlight) -> Job {
        Job { kind, request: Some(request), ..Job::IDLE }
    }

    /// A job with data.
    pub(crate) fn with_data(kind: Kind, request: InFlight, data: Locked) -> Job {
        Job { kind, request: Some(request), data, ..Job::IDLE }
    }

    /// A job that sends several datagrams.
    pub(crate) fn with_list(request: InFlight, list: BufferList<Locked>) -> Job {
        Job { kind: Kind::Send, request: Some(request), list: Some(list), ..Job::IDLE }
    }

    /// A job that is one of several of its request.
    pub(crate) fn with_batch(data: Locked, batch: Shared<Batch>, place: usize) -> Job {
        Job { kind: Kind::Receive, data, batch: Some((batch, place)), ..Job::IDLE }
    }

    /// Takes the request out, to end it.
    pub(crate) fn take_request(&mut self) -> Option<InFlight> {
        self.request.take()
    }

    /// The number of datagrams that are sent.
    pub(crate) fn datagrams(&self) -> usize {
        self.list.as_ref().map_or(1, BufferList::len)
    }

    /// Takes the reference to the request's other operations out, which must not keep itself alive through this one.
    pub(crate) fn take_batch(&mut self) -> Option<(Shared<Batch>, usize)> {
        self.batch.take()
    }
}
