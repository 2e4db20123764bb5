//! Reads and writes: `IRP_MJ_READ` and `IRP_MJ_WRITE`.
#![expect(unsafe_code, reason = "builds IRPs")]

use std::sync::Arc;

use wsk_sys::{IO_STACK_READ_WRITE, IRP_MJ_READ};

use super::{Completed, Request, State};
use crate::io::file_object::FileBody;
use crate::io::irp::call::major_name;
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
        request.send_with(file, irp, transfer);
        request
    }
}
