//! What an operation carries until it has completed: the request that it serves, and the request's data.
#![expect(unsafe_code, reason = "the data is described by an MDL of the I/O manager")]

use core::ptr;

use wsk::{BufferList, Canceller, Op, Payload, PayloadList, Shared, dispatch_drop};
use wsk_sys::{MDL, ULONG, WSK_BUF, WSK_BUF_LIST};

use crate::batch::Batch;
use crate::driver::Driver;
use crate::file::File;
use crate::inbox::Inbox;

/// A request with operations.
pub(crate) type InFlight = wdf::InFlight<Driver>;

/// What a cancel of a request goes to. The request is completed when its operations have completed.
#[derive(Debug)]
pub(crate) enum Cancel {
    /// Its operation.
    One(Canceller),
    /// Its operations, which come back with it.
    Many(Shared<Batch>),
}

impl wdf::Cancel<Driver> for Cancel {
    /// The operation, if it is one.
    type Outcome = Option<Op<Buffers>>;

    fn cancel(&self) {
        match self {
            Cancel::One(canceller) => canceller.cancel(),
            Cancel::Many(batch) => batch.cancel(),
        }
    }

    fn end(self, file: &File, op: Option<Op<Buffers>>) {
        // Nobody cancels any more: once the operation can serve another request, a cancel would meet that one.
        match self {
            Cancel::One(canceller) => drop(canceller),
            Cancel::Many(batch) => batch.give_back(file),
        }
        if let Some(op) = op {
            file.keep_op(op);
        }
    }
}

/// The buffers of an operation.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// None while the operation is spare, and if it is one of a batch, which has the request.
    pub(crate) request: Option<InFlight>,
    pub(crate) data: Data,
    /// The other operations of the request, and this one's place among them.
    pub(crate) batch: Option<(Shared<Batch>, usize)>,
}

/// The data of an operation, in the request's locked memory.
#[derive(Debug, Default)]
pub(crate) enum Data {
    /// There is none.
    #[default]
    None,
    /// A datagram, or the room for one.
    One(Locked),
    /// Several datagrams.
    List(BufferList<Locked>),
    /// None: the queue that the request is of, which is there even if the socket is not any more.
    Queue(Shared<Inbox>),
}

impl Data {
    /// How many datagrams so many bytes are, which were sent.
    pub(crate) fn datagrams(&self, sent: usize) -> usize {
        match self {
            Data::None | Data::Queue(_) => 0,
            Data::One(_) => 1,
            Data::List(list) => list.count_within(sent),
        }
    }
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
    pub(crate) const unsafe fn new(mdl: *mut MDL, offset: usize, length: usize) -> Locked {
        if length == 0 {
            // WSK's page of WSK_BUF: without data the MDL may be null.
            return Locked::NONE;
        }
        #[expect(clippy::cast_possible_truncation, reason = "an offset in a buffer whose length is a ULONG")]
        let offset = offset as ULONG;
        Locked(WSK_BUF { Mdl: mdl, Offset: offset, Length: length })
    }

    /// `length` bytes of this from `offset` on; none, if there are not as many.
    pub(crate) const fn part(self, offset: usize, length: usize) -> Locked {
        let WSK_BUF { Mdl, Offset, Length } = self.0;
        match Length.checked_sub(offset) {
            // SAFETY: a part of what this value has the promise for.
            Some(rest) if length <= rest => unsafe { Locked::new(Mdl, Offset as usize + offset, length) },
            _ => Locked::NONE,
        }
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

    // The record in the request's output says how much was received.
    fn set_received(&mut self, _: usize) {}
}

// SAFETY: the memory is that of `Locked`. The driver completes the request when the operation has completed, never before.
unsafe impl Payload for Buffers {
    fn buffer(&self) -> WSK_BUF {
        match self.data {
            Data::One(data) => data.buffer(),
            Data::None | Data::List(_) | Data::Queue(_) => Locked::NONE.buffer(),
        }
    }

    fn room(&self) -> WSK_BUF {
        self.buffer()
    }

    fn set_received(&mut self, _: usize) {}
}

// SAFETY: the list is this value's own, of memory that is locked until the request is completed.
unsafe impl PayloadList for Buffers {
    fn list(&self) -> *mut WSK_BUF_LIST {
        match &self.data {
            Data::List(list) => list.list(),
            Data::None | Data::One(_) | Data::Queue(_) => ptr::null_mut(),
        }
    }
}

// SAFETY: a buffer's description, and a list and a queue that may be dropped at DISPATCH_LEVEL.
unsafe impl wsk::DispatchDrop for Data {}
dispatch_drop!(Locked(buffer: Copy));
dispatch_drop!(Buffers { request, data, batch });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_within_the_whole() {
        let mdl = ptr::dangling_mut();
        let whole = Locked(WSK_BUF { Mdl: mdl, Offset: 4, Length: 10 });
        let part = |offset, length| {
            let part = whole.part(offset, length).buffer();
            (part.Mdl, part.Offset, part.Length)
        };
        let none = (ptr::null_mut(), 0, 0);
        assert_eq!([part(0, 10), part(3, 7)], [(mdl, 4, 10), (mdl, 7, 7)]);
        for (offset, length) in [(3, 8), (0, 11), (10, 1), (11, 1), (usize::MAX, 2), (3, 0)] {
            assert_eq!(part(offset, length), none, "{length} bytes at {offset}");
        }
    }
}
