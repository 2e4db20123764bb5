//! One request from user mode: its IRP, its buffers, and who waits for it.
#![expect(unsafe_code, reason = "builds IRPs and sends them")]

mod read_write;

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wsk_sys::{
    DEVICE_OBJECT, IO_STACK_CREATE, IO_STACK_DEVICE_IO_CONTROL, IO_STATUS_BLOCK, IRP, IRP_MJ_CREATE,
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_SHUTDOWN, NTSTATUS, NamedStatus, PETHREAD, STATUS_INVALID_HANDLE, UserMode,
};

use crate::io::file_object::FileBody;
use crate::io::irp::call::{IofCallDriver, major_name};
use crate::io::irp::cancel::IoCancelIrp;
use crate::io::irp::packet::{Location, Packet};
use crate::io::irp::registry::{self, Origin};
use crate::machine::Machine;
use crate::machine::bugcheck::{complain, require};
use crate::machine::stuck;
use crate::process::transfer::{Of, Transfer};
use crate::process::{self, ProcessBody};
use crate::rule::io::{INFORMATION_TOO_LARGE, OUTPUT_NOT_WRITTEN, REQUEST_STUCK};
use crate::sync::Pointer;

/// How a request ended: its `IO_STATUS_BLOCK`, which compares to a pair of status and number, and shows the status by its
/// name.
///
/// ```
/// # use ntos::IoStatus;
/// use wsk_sys::{NamedStatus, STATUS_CANCELLED};
///
/// let cancelled = IoStatus { status: NamedStatus(STATUS_CANCELLED), information: 0 };
/// assert_eq!(cancelled, (STATUS_CANCELLED, 0));
/// assert_eq!(format!("{cancelled:?}"), "IoStatus { status: STATUS_CANCELLED (0xC0000120), information: 0 }");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoStatus {
    /// The final status.
    pub status: NamedStatus,
    /// The number of bytes, by most requests' meaning of it.
    pub information: usize,
}

impl PartialEq<(NTSTATUS, usize)> for IoStatus {
    fn eq(&self, other: &(NTSTATUS, usize)) -> bool {
        (self.status.0, self.information) == *other
    }
}

/// How a request ended, and what is in its output buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// The final status.
    pub status: NamedStatus,
    /// The number of bytes, by most requests' meaning of it.
    pub information: usize,
    /// The whole output buffer, also what the driver did not write to.
    pub output: Vec<u8>,
}

impl Completed {
    /// How the request ended, without the buffer.
    #[must_use]
    pub fn io_status(&self) -> IoStatus {
        IoStatus { status: self.status, information: self.information }
    }

    fn new(status: NTSTATUS, information: usize, output: Vec<u8>) -> Completed {
        Completed { status: NamedStatus(status), information, output }
    }
}

/// A request from user mode.
pub(crate) struct Request {
    what: String,
    process: Arc<ProcessBody>,
    /// None for a request that failed before there was an IRP.
    file: Option<Arc<FileBody>>,
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// The IRP, until it is freed.
    irp: Option<Pointer<IRP>>,
    /// Cancellers that hold the IRP's memory.
    pins: u32,
    /// The IRP is complete, and freed by the last to unpin it.
    finished: bool,
    transfer: Option<Transfer>,
    /// The request is over. The outcome may be taken already.
    done: bool,
    outcome: Option<Completed>,
}

thread_local! {
    /// What `Irp->Tail.Overlay.Thread` points to: opaque, and different for each thread.
    static THREAD: Cell<u64> = const { Cell::new(0) };
}

/// The calling thread, as an IRP knows it.
pub(crate) fn current_thread() -> PETHREAD {
    THREAD.with(Cell::as_ptr).cast()
}

/// Frees the IRP of a request that is over.
fn free(machine: &Machine, irp: *mut IRP) {
    require(registry::of(machine).free(machine, irp));
}

impl Request {
    fn new(
        process: &Arc<ProcessBody>,
        file: Option<&Arc<FileBody>>,
        what: String,
        state: State,
    ) -> Arc<Request> {
        Arc::new(Request {
            what,
            process: Arc::clone(process),
            file: file.cloned(),
            state: Mutex::new(state),
            done: Condvar::new(),
        })
    }

    /// A request that the I/O manager refused.
    pub(crate) fn refused(process: &Arc<ProcessBody>, status: NTSTATUS, output: Vec<u8>) -> Arc<Request> {
        let outcome = Some(Completed::new(status, 0, output));
        Request::new(
            process,
            None,
            "a refused request".to_owned(),
            State { done: true, outcome, ..State::default() },
        )
    }

    /// Sends a control request. The caller keeps a reference to the file over the call.
    pub(crate) fn control(
        process: &Arc<ProcessBody>,
        file: &Arc<FileBody>,
        code: u32,
        lengths: (u32, u32),
        input: Vec<u8>,
        output: Vec<u8>,
    ) -> Arc<Request> {
        let what = format!("{} {code:#010x} to {}", major_name(IRP_MJ_DEVICE_CONTROL), file.path());
        let request = Request::new(process, Some(file), what, State::default());
        let machine = file.machine();
        file.reference();
        let (irp, packet, location) = request.make_irp(machine, file, IRP_MJ_DEVICE_CONTROL);
        let transfer = match Transfer::begin(machine, packet, Of::Control(code), input, output) {
            Ok(transfer) => transfer,
            Err((status, output)) => {
                request.abandon(machine, irp, Completed::new(status, 0, output));
                return request;
            }
        };
        let parameters = location.parameters().cast::<IO_STACK_DEVICE_IO_CONTROL>();
        // SAFETY: the variant of the union for this major function, in a location that is still ours.
        unsafe { (*parameters).OutputBufferLength = lengths.1 };
        // SAFETY: the variant of the union for this major function, in a location that is still ours.
        unsafe { (*parameters).InputBufferLength = lengths.0 };
        // SAFETY: the variant of the union for this major function, in a location that is still ours.
        unsafe { (*parameters).IoControlCode = code };
        let type3 = transfer.type3_input();
        // SAFETY: the variant of the union for this major function, in a location that is still ours.
        unsafe { (*parameters).Type3InputBuffer = type3 };
        request.send_with(file, irp, transfer);
        request
    }

    /// Sends the IRP, which is built, with these buffers; or ends the request, if its process was killed meanwhile.
    fn send_with(self: &Arc<Request>, file: &FileBody, irp: *mut IRP, transfer: Transfer) {
        let buffers = transfer.buffers();
        self.state.lock().transfer = Some(transfer);
        if self.process.begin(self, buffers) {
            Request::send(file, irp);
            return;
        }
        let machine = file.machine();
        let outcome = IO_STATUS_BLOCK { Status: STATUS_INVALID_HANDLE, Information: 0 };
        let transfer = self.state.lock().transfer.take();
        let output = transfer.map_or_else(Vec::new, |transfer| require(transfer.end(machine, outcome)));
        self.abandon(machine, irp, Completed::new(outcome.Status, 0, output));
    }

    /// Sends a request without buffers (create, cleanup, close) and waits for it. These are never refused for lack
    /// of memory: there would be no other way to end what was begun.
    pub(crate) fn plain(file: &Arc<FileBody>, major: u8) -> NTSTATUS {
        let process = process::current(file.machine());
        let what = format!("{} to {}", major_name(major), file.path());
        let request = Request::new(&process, Some(file), what, State::default());
        file.reference();
        let (irp, _, location) = request.make_irp(file.machine(), file, major);
        if major == IRP_MJ_CREATE {
            /// `FILE_OPEN`, in the upper eight bits: what `OPEN_EXISTING` becomes.
            const FILE_OPEN: u32 = 1 << 24;
            let parameters = location.parameters().cast::<IO_STACK_CREATE>();
            // SAFETY: the variant of the union for this major function, in a location that is still ours.
            unsafe { (*parameters).Options = FILE_OPEN };
        }
        Request::send(file, irp);
        request.wait(file.machine().config().hang_limit).status.0
    }

    /// Sends `IRP_MJ_SHUTDOWN` to a device that the caller keeps, and waits for it.
    pub(crate) fn shutdown(machine: &Machine, device: *mut DEVICE_OBJECT, name: &str, stack_size: i8) {
        let process = process::system(machine);
        let what = format!("{} to {name}", major_name(IRP_MJ_SHUTDOWN));
        let request = Request::new(&process, None, what, State::default());
        let registry = registry::of(machine);
        let irp =
            registry.allocate(machine, stack_size, Origin::System, Some(Arc::clone(&request)), process.id());
        request.state.lock().irp = Some(Pointer(irp));
        // SAFETY: allocated above; it is freed when the request is finished, which nobody can do yet.
        let packet = unsafe { Packet::new(irp) };
        packet.set_thread(current_thread());
        packet.next().expect("a device's stack size is at least one").set_major(IRP_MJ_SHUTDOWN);
        // SAFETY: built above; the caller keeps the device from being deleted.
        unsafe { IofCallDriver(device, irp) };
        request.wait(machine.config().hang_limit);
    }

    fn make_irp(
        self: &Arc<Request>,
        machine: &Machine,
        file: &FileBody,
        major: u8,
    ) -> (*mut IRP, Packet, Location) {
        let registry = registry::of(machine);
        let request = Some(Arc::clone(self));
        let process = self.process.id();
        let irp = registry.allocate(machine, file.stack_size(), Origin::System, request, process);
        self.state.lock().irp = Some(Pointer(irp));
        // SAFETY: allocated above; it is freed when the request is finished, which nobody can do yet.
        let packet = unsafe { Packet::new(irp) };
        packet.set_requestor_mode(UserMode);
        packet.set_thread(current_thread());
        packet.set_original_file(file.object());
        let location = packet.next().expect("a device's stack size is at least one");
        location.set_major(major);
        location.set_file(file.object());
        (irp, packet, location)
    }

    fn send(file: &FileBody, irp: *mut IRP) {
        // SAFETY: built by `make_irp`; the file keeps the device from being deleted, the request keeps the buffers.
        unsafe { IofCallDriver(file.device(), irp) };
    }

    /// Ends a request whose IRP was not sent.
    fn abandon(&self, machine: &Machine, irp: *mut IRP, outcome: Completed) {
        self.state.lock().irp = None;
        free(machine, irp);
        if let Some(file) = &self.file {
            file.release_now();
        }
        self.end(outcome);
    }

    /// Lets whoever waits go on.
    fn end(&self, outcome: Completed) {
        let mut state = self.state.lock();
        state.done = true;
        state.outcome = Some(outcome);
        self.done.notify_all();
    }

    /// The I/O manager's part of the completion, in whatever thread, at or below `DISPATCH_LEVEL`.
    pub(crate) fn finish(request: &Arc<Request>, machine: &Machine, packet: Packet) {
        let outcome = packet.io_status();
        let transfer = request.state.lock().transfer.take();
        let output = transfer.map_or_else(Vec::new, |transfer| {
            request.process.release(&transfer.buffers());
            if let Some(length) = transfer.exceeds(outcome) {
                complain(
                    &INFORMATION_TOO_LARGE,
                    format!(
                        "{} completed with {} and Information {}, but its buffer has {length} bytes",
                        request.what,
                        NamedStatus(outcome.Status),
                        outcome.Information
                    ),
                );
            }
            if let Some(unwritten) = transfer.unwritten(outcome) {
                complain(
                    &OUTPUT_NOT_WRITTEN,
                    format!(
                        "{} completed with Information {}, but the driver has not written bytes {unwritten:?} of its \
                         output, which are what was in the memory before",
                        request.what, outcome.Information
                    ),
                );
            }
            require(transfer.end(machine, outcome))
        });
        packet.set_mdl(ptr::null_mut());
        request.process.end(request);
        let unpinned = {
            let mut state = request.state.lock();
            state.finished = true;
            if state.pins == 0 { state.irp.take() } else { None }
        };
        if let Some(irp) = unpinned {
            free(machine, irp.0);
        }
        if let Some(file) = &request.file {
            file.release_later();
        }
        // Last: whoever waits may unload the driver and look for leaks.
        request.end(Completed::new(outcome.Status, outcome.Information, output));
    }

    /// `IoCancelIrp`, if the request is not complete yet.
    pub(crate) fn cancel(&self) {
        let irp = {
            let mut state = self.state.lock();
            if state.finished {
                return;
            }
            let Some(irp) = state.irp else { return };
            // One for each thread that cancels at this moment.
            state.pins = state.pins.checked_add(1).expect("there are fewer threads than numbers");
            irp
        };
        // SAFETY: pinned, so not freed; the driver that set a cancel routine is ready for it.
        unsafe { IoCancelIrp(irp.0) };
        let freed = {
            let mut state = self.state.lock();
            state.pins -= 1;
            if state.finished && state.pins == 0 { state.irp.take() } else { None }
        };
        if let Some(irp) = freed {
            let machine = self.process.machine();
            free(machine, irp.0);
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state.lock().done
    }

    /// Whether this is a request on that file.
    pub(crate) fn is_on(&self, file: &Arc<FileBody>) -> bool {
        self.file.as_ref().is_some_and(|own| Arc::ptr_eq(own, file))
    }

    /// For a report.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Waits until the request is complete, and takes its outcome. It is a bug check if that takes longer than `limit`.
    pub(crate) fn wait(&self, limit: Duration) -> Completed {
        if self.wait_within(limit)
            && let Some(outcome) = self.state.lock().outcome.take()
        {
            return outcome;
        }
        // The waiting thread may be outside of the kernel.
        let machine = self.process.machine();
        let _entered = machine.enter();
        let what = format!("{} was not completed", self.what);
        require(Err(stuck::broken(machine, &REQUEST_STUCK, &what, limit)))
    }

    /// Waits until the request is complete; tells whether that came within the limit.
    pub(crate) fn wait_within(&self, limit: Duration) -> bool {
        let deadline = stuck::deadline(limit);
        let mut state = self.state.lock();
        while !state.done {
            match deadline {
                None => self.done.wait(&mut state),
                Some(deadline) if self.done.wait_until(&mut state, deadline).timed_out() => break,
                Some(_) => {}
            }
        }
        state.done
    }
}
