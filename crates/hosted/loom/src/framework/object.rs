//! Objects: their references, and their contexts, which are blocks of pool.

use std::cell::{Cell, RefCell};

use kmdf::{PFN_WDF_OBJECT_CONTEXT_DESTROY, PFN_WDF_REQUEST_CANCEL, WDF_OBJECT_ATTRIBUTES};
use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};
use wsk_sys::NTSTATUS;

use super::handle;
use crate::kernel::{self, kernel};

pub(super) struct Object {
    pub(super) part: Part,
    context: Option<*mut u8>,
    references: AtomicUsize,
    destroy: PFN_WDF_OBJECT_CONTEXT_DESTROY,
    gone: Cell<bool>,
    number: usize,
}

/// What an object is.
pub(super) enum Part {
    Driver,
    Device,
    WorkItem,
    File(File),
    Request(Packet),
}

#[derive(Default)]
pub(super) struct File {
    pub(super) state: Mutex<FileState>,
}

#[derive(Default)]
pub(super) struct FileState {
    /// The handle, and the requests that have not come back to the process. The last sends `IRP_MJ_CLOSE`.
    pub(super) users: usize,
}

/// A request.
pub(super) struct Packet {
    pub(super) file: usize,
    pub(super) code: u32,
    /// Of input and output.
    pub(super) lengths: Cell<(usize, usize)>,
    pub(super) buffers: RefCell<Buffers>,
    /// Who reads and writes the output.
    pub(super) output: UnsafeCell<()>,
    pub(super) cancel: Mutex<Cancel>,
    /// Completing is an exclusive use of the request, all else a shared one.
    uses: UnsafeCell<()>,
    pub(super) result: Cell<Option<(NTSTATUS, usize)>>,
}

/// As the I/O manager hands them over.
pub(super) struct Buffers {
    pub(super) input: Vec<u8>,
    /// None if it is the same memory as the input.
    pub(super) output: Option<Vec<u8>>,
}

#[derive(Default)]
pub(super) struct Cancel {
    /// `Irp->Cancel`
    pub(super) asked: bool,
    /// Set while the request is cancelable.
    pub(super) routine: PFN_WDF_REQUEST_CANCEL,
    /// `EvtRequestCancel` has been called, or will be.
    pub(super) called: bool,
}

impl Object {
    pub(super) fn new(number: usize, part: Part, attributes: Option<&WDF_OBJECT_ATTRIBUTES>) -> Object {
        let context = attributes.map(|attributes| kernel::allocate(attributes.ContextSizeOverride));
        Object {
            part,
            context,
            references: AtomicUsize::new(1),
            destroy: attributes.and_then(|attributes| attributes.EvtDestroyCallback),
            gone: Cell::new(false),
            number,
        }
    }

    pub(super) const fn number(&self) -> usize {
        self.number
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.get()
    }

    pub(super) const fn kind(&self) -> &'static str {
        match self.part {
            Part::Driver => "the driver",
            Part::Device => "the device",
            Part::WorkItem => "the work item",
            Part::File(_) => "a file",
            Part::Request(_) => "a request",
        }
    }

    /// `WdfObjectGetTypedContext`
    pub(super) fn context(&self) -> *mut u8 {
        let context = self.context.expect("the object has a context");
        kernel().touch(context.addr(), self.kind());
        context
    }

    pub(super) fn reference(&self) {
        assert_ne!(self.references.fetch_add(1, Ordering::AcqRel), 0, "{} is gone", self.kind());
    }

    /// Gives a reference up; the last one destroys the object.
    pub(super) fn dereference(&self) {
        let before = self.references.fetch_sub(1, Ordering::AcqRel);
        assert_ne!(before, 0, "{} is gone", self.kind());
        if before != 1 {
            return;
        }
        if let Some(destroy) = self.destroy {
            // SAFETY: called as the framework calls it, once.
            unsafe { destroy(handle(self.number)) };
        }
        self.gone.set(true);
        if let Some(context) = self.context {
            kernel::free(context);
        }
    }

    pub(super) fn file(&self) -> &File {
        match &self.part {
            Part::File(file) => file,
            _ => panic!("{} is no file", self.kind()),
        }
    }

    /// The request, which is not completed.
    pub(super) fn packet(&self) -> &Packet {
        let packet = self.any_packet();
        assert!(packet.result.get().is_none(), "the request is completed");
        packet.uses.with(|_| ());
        packet
    }

    pub(super) fn any_packet(&self) -> &Packet {
        match &self.part {
            Part::Request(packet) => packet,
            _ => panic!("{} is no request", self.kind()),
        }
    }
}

impl Packet {
    pub(super) fn new(file: usize, code: u32, buffers: Buffers) -> Packet {
        Packet {
            file,
            code,
            lengths: Cell::default(),
            buffers: RefCell::new(buffers),
            output: UnsafeCell::new(()),
            cancel: Mutex::default(),
            uses: UnsafeCell::new(()),
            result: Cell::new(None),
        }
    }

    pub(super) fn complete(&self, status: NTSTATUS, information: usize) {
        assert!(self.result.get().is_none(), "a request is completed twice");
        self.uses.with_mut(|_| ());
        self.result.set(Some((status, information)));
    }
}
