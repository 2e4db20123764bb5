//! A driver that asks a UDP server: it sends a query, waits for the answer, and asks again if none comes.
//!
//! A handle to the device has a socket, and one question at a time. A question is an operation of WSK's, which carries the
//! process' request: sent, it waits for a datagram; with each step it comes back by the queue, to a work item. A cancel of the
//! request cancels the operation, whatever step it is at; closing the handle closes the socket, which does the same.
#![no_std]

mod question;

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use nt::SpinLock;
use nt_sys::{CTL_CODE, FILE_ANY_ACCESS, FILE_DEVICE_UNKNOWN, METHOD_BUFFERED, NTSTATUS};
use wdf::raw::{PCUNICODE_STRING, PDRIVER_OBJECT};
use wdf::{ControlDevice, Device, InFlight, Refused, Request, WorkItem};
use wsk::{
    Buffer, Canceller, Completion, CompletionQueue, Doorbell, Error, Family, Op, Passive, ReceiveFrom,
};
use wsk::{Registration, Result, SendTo, Shared, Socket, Version, dispatch_drop};

pub use question::Question;

// What the driver imports: hosted, from this crate; else from the kernel.
#[cfg(feature = "hosted")]
use hosted as _;
#[cfg(feature = "kernel")]
extern crate wdk_panic;
/// For crates that allocate; the driver's own code does not use it.
#[cfg(feature = "kernel")]
#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;

/// Asks. In: a [`Question`], then the query. Out: the answer.
pub const ASK: u32 = CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS);

/// The longest query and answer.
const DATAGRAM_MAX: usize = 1500;

/// The driver, from its load to its unload. Dropped in this order: the queue first, as the registration waits for all else.
pub struct Prober {
    queue: CompletionQueue<'static, (Buffer, Option<Asking>), Completion<'static>>,
    registration: Registration,
}

/// What an operation carries beside its buffer: the request that it is for, and what is left to do.
struct Asking {
    request: InFlight<Prober>,
    question: Question,
    cancelled: Shared<AtomicBool>,
}

dispatch_drop!(Asking { request, question, cancelled });

/// A handle to the device.
pub struct Handle {
    /// None once the handle is closed.
    socket: SpinLock<Option<Socket<'static>>>,
    asking: AtomicBool,
}

/// What the cancel of a request goes to.
pub struct Cancel {
    operation: Canceller,
    /// For a cancel between two steps, when there is nothing in the operation to cancel.
    asked: Shared<AtomicBool>,
}

impl wdf::Driver for Prober {
    const DEVICE: ControlDevice = ControlDevice {
        name: &wdf::utf16(br"\Device\Prober"),
        link: &wdf::utf16(br"\DosDevices\Prober"),
        sddl: &wdf::utf16(b"D:P(A;;GA;;;SY)(A;;GA;;;BA)"),
    };
    type File = Handle;
    type Cancel = Cancel;

    fn create(device: &Device<'_, Prober>, passive: &Passive) -> Result<Prober> {
        let work_item = WorkItem::new(device, Prober::step)?;
        // SAFETY: a work item may be enqueued at IRQL <= DISPATCH_LEVEL on any thread, until all of the driver's code has run.
        let doorbell = unsafe { Doorbell::new(wdf::enqueue_raw, work_item.as_raw()) };
        let queue = CompletionQueue::new(doorbell, passive)?;
        Ok(Prober { queue, registration: Registration::register(Version::V1_0, passive)? })
    }

    fn device_control(&self, request: Request<Prober>) {
        let refused = match request.code() {
            ASK => self.ask(request).err(),
            _ => Some((Error::INVALID_DEVICE_REQUEST, request)),
        };
        if let Some((error, request)) = refused {
            request.complete(Err(error));
        }
    }

    fn unload(&self, passive: &Passive) {
        self.queue.run_down(passive);
    }
}

impl wdf::File<Prober> for Handle {
    fn create(driver: &Prober) -> Result<Handle> {
        // SAFETY: the driver is there until every handle is closed, and every work item has run.
        let driver: &'static Prober = unsafe { &*ptr::from_ref(driver) };
        let passive = &Passive::check().ok_or(Error::INVALID_DEVICE_STATE)?;
        let provider = driver.registration.provider(passive.within(Duration::from_secs(1)))?;
        let socket = provider.datagram(Family::V4, passive)?.bind(question::ANY, passive)?;
        Ok(Handle { socket: SpinLock::new(Some(socket.into())), asking: AtomicBool::new(false) })
    }

    fn cleanup(&self, _: &Prober) {
        // Its last reference closes the socket, outside the lock: what is pending ends with STATUS_CANCELLED.
        drop(self.socket.with(Option::take));
    }
}

impl wdf::Cancel<Prober> for Cancel {
    type Outcome = ();

    fn cancel(&self) {
        // Release: seen by the step that takes the operation after the cancel. Pairs with the load by `socket`.
        self.asked.store(true, Ordering::Release);
        self.operation.cancel();
    }

    fn end(self, handle: &Handle, (): ()) {
        // Release: the next question comes after this one. Pairs with the swap by `ask`.
        handle.asking.store(false, Ordering::Release);
    }
}

impl Prober {
    /// Begins a question.
    fn ask(&self, request: Request<Prober>) -> Result<(), Refused<Prober>> {
        let (question, cancelled, mut op) = match Question::of(&request).and_then(|question| {
            let buffer = Buffer::new(DATAGRAM_MAX)?;
            Ok((question, Shared::new(AtomicBool::new(false))?, Op::new((buffer, None))?))
        }) {
            Ok(prepared) => prepared,
            Err(error) => return Err((error, request)),
        };
        let handle = request.file();
        if handle.asking.swap(true, Ordering::Acquire) {
            return Err((Error::INVALID_DEVICE_STATE, request));
        }
        let cancel = Cancel { operation: op.canceller(), asked: cancelled.clone() };
        match request.mark_cancelable(cancel) {
            Ok(request) => op.buffers_mut().1 = Some(Asking { request, question, cancelled }),
            Err(refused) => {
                handle.asking.store(false, Ordering::Release);
                return Err(refused);
            }
        }
        self.send(op);
        Ok(())
    }

    /// The work item's routine: takes each operation that has completed a step, and goes on with it.
    fn step(&self, _: &Passive) {
        for (completion, mut op) in self.queue.drain() {
            let Some(Asking { question, .. }) = &mut op.buffers_mut().1 else { continue };
            match completion {
                Completion::Send(Ok(_)) => self.receive(op),
                Completion::Receive(Ok(answer)) if answer.from == question.to() => finish(op, Ok(())),
                // A stranger's.
                Completion::Receive(Ok(_)) => self.receive(op),
                Completion::Receive(Err(Error::IO_TIMEOUT)) if question.try_again() => self.send(op),
                failed => finish(op, Err(failed.error().unwrap_or(Error::CANCELLED))),
            }
        }
    }

    fn send(&self, mut op: Op<(Buffer, Option<Asking>)>) {
        let (buffer, Some(asking)) = op.buffers_mut() else { return };
        let filled = asking.request.input().and_then(|input| buffer.fill(Question::query(input)));
        let to = asking.question.to();
        match (filled, socket(asking)) {
            (Ok(()), Some(socket)) => socket.submit_to(&self.queue, op, SendTo(Some(to)), None),
            (Err(error), _) => finish(op, Err(error)),
            (_, None) => finish(op, Err(Error::CANCELLED)),
        }
    }

    fn receive(&self, op: Op<(Buffer, Option<Asking>)>) {
        let Some(asking) = &op.buffers().1 else { return };
        let limit = asking.question.limit();
        match socket(asking) {
            Some(socket) => socket.submit_to(&self.queue, op, ReceiveFrom, limit),
            None => finish(op, Err(Error::CANCELLED)),
        }
    }
}

/// The socket that a question is asked by; none if its handle is closed, or if it was cancelled.
fn socket(asking: &Asking) -> Option<Socket<'static>> {
    if asking.cancelled.load(Ordering::Acquire) {
        return None;
    }
    asking.request.file().socket.with(|socket| socket.clone())
}

/// Ends a question: with what is in the buffer, or with an error.
fn finish(mut op: Op<(Buffer, Option<Asking>)>, result: Result) {
    let (buffer, asking) = op.buffers_mut();
    let Some(Asking { mut request, .. }) = asking.take() else { return };
    let result = result.and_then(|()| request.write_output(buffer));
    request.finish((), result);
}

/// `DriverEntry`
///
/// # Safety
/// Called once by the system for each load, at `PASSIVE_LEVEL`, with these arguments.
#[cfg_attr(feature = "kernel", unsafe(export_name = "DriverEntry"))]
pub unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own contract.
    unsafe { wdf::driver_entry::<Prober>(driver, path) }
}
