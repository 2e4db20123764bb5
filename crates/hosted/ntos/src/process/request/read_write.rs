//! Reads and writes: `IRP_MJ_READ` and `IRP_MJ_WRITE`.
#![expect(unsafe_code, reason = "builds IRPs")]

use std::sync::Arc;

use wsk_sys::{IO_STACK_READ_WRITE, IO_STATUS_BLOCK, IRP_MJ_READ, STATUS_INVALID_HANDLE};

use super::{Completed, Request, State};
use crate::io::file_object::FileBody;
use crate::io::irp::call::major_name;
use crate::machine::bugcheck::require;
use crate::process::ProcessBody;
use crate::process::transfer::{Of, Transfer};

impl Request {
    /// Sends a read or a write, of no more bytes than 32 bits can say. The caller keeps a reference to the file over the call.
    pub(crate) fn read_write(
        process: &Arc<ProcessBody>,
        file: &Arc<FileBody>,
        major: u8,
        offset: i64,
        input: Vec<u8>,
        output: Vec<u8>,
    ) -> Arc<Request> {
        let length = input.len().max(output.len());
        let what = format!("{} of {length} bytes at {offset:#x} of {}", major_name(major), file.path());
        let request = Request::new(process, Some(file), what, State::default());
        let machine = file.machine();
        file.reference();
        let (irp, packet, location) = request.make_irp(machine, file, major);
        // SAFETY: the file keeps the device from being deleted; its driver has set the flags when it made the device.
        let flags = unsafe { (*file.device()).Flags };
        let of = if major == IRP_MJ_READ { Of::Read(flags) } else { Of::Write(flags) };
        let transfer = match Transfer::begin(machine, packet, of, input, output) {
            Ok(transfer) => transfer,
            Err((status, output)) => {
                request.abandon(machine, irp, Completed::new(status, 0, output));
                return request;
            }
        };
        let parameters = location.parameters().cast::<IO_STACK_READ_WRITE>();
        // SAFETY: the variant of the union for these major functions, in a location that is still ours.
        unsafe { (*parameters).Length = u32::try_from(length).unwrap_or(u32::MAX) };
        // SAFETY: the variant of the union for these major functions, in a location that is still ours.
        unsafe { (*parameters).ByteOffset = offset };
        let buffers = transfer.buffers();
        request.state.lock().transfer = Some(transfer);
        if request.process.begin(&request, buffers) {
            Request::send(file, irp);
        } else {
            // The process was killed meanwhile.
            let outcome = IO_STATUS_BLOCK { Status: STATUS_INVALID_HANDLE, Information: 0 };
            let transfer = request.state.lock().transfer.take();
            let output = transfer.map_or_else(Vec::new, |transfer| require(transfer.end(machine, outcome)));
            request.abandon(machine, irp, Completed::new(outcome.Status, 0, output));
        }
        request
    }
}
