//! Handles to devices: `DeviceIoControl`, `ReadFile`, `WriteFile`, `CancelIoEx`, `CloseHandle`.

use std::backtrace::Backtrace;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use wsk_sys::{
    ACCESS_MASK, FILE_READ_ACCESS, FILE_WRITE_ACCESS, IRP_MJ_READ, IRP_MJ_WRITE, STATUS_ACCESS_DENIED,
    STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER,
};

use crate::io::file_object::FileBody;
use crate::machine::frames;
use crate::process::overlapped::Overlapped;
use crate::process::request::{IoStatus, Request};
use crate::process::{self, ProcessBody};
use crate::se::security::{FILE_APPEND_DATA, FILE_READ_DATA, FILE_WRITE_DATA};

/// An entry in a process' handle table.
pub(crate) struct Handle {
    process: Arc<ProcessBody>,
    file: Arc<FileBody>,
    granted: ACCESS_MASK,
    open: Mutex<bool>,
    /// Who opened it, if that is asked for.
    opened: Option<Backtrace>,
}

impl Handle {
    /// Takes over the file's one reference.
    pub(crate) fn new(
        process: Arc<ProcessBody>,
        file: Arc<FileBody>,
        granted: ACCESS_MASK,
        opened: Option<Backtrace>,
    ) -> Handle {
        Handle { process, file, granted, open: Mutex::new(true), opened }
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.open.lock()
    }

    pub(crate) fn path(&self) -> &str {
        self.file.path()
    }

    /// Who opened it, for a report.
    pub(crate) fn opened(&self) -> String {
        frames::caller(self.opened.as_ref(), "opened", &["create_file"])
    }

    /// References the file, if the handle is open.
    fn reference(&self) -> bool {
        let open = self.open.lock();
        if *open {
            self.file.reference();
        }
        *open
    }

    /// `CloseHandle`: cleanup now, close when the last request is done. Requests are not cancelled by it.
    pub(crate) fn close(&self) {
        if !std::mem::replace(&mut *self.open.lock(), false) {
            return;
        }
        let (process, file) = (Arc::clone(&self.process), Arc::clone(&self.file));
        self.process.machine().go_in(move || {
            let _inside = process::enter(&process);
            file.cleanup();
            file.release_now();
        });
    }

    fn begin(&self, code: u32, input: Vec<u8>, output: Vec<u8>) -> Arc<Request> {
        let _inside = process::enter(&self.process);
        let refuse = |status, output| Request::refused(&self.process, status, output);
        if !self.reference() {
            return refuse(STATUS_INVALID_HANDLE, output);
        }
        let lengths = u32::try_from(input.len()).ok().zip(u32::try_from(output.len()).ok());
        let request = if let Some(lengths) = lengths {
            if self.allows(code) {
                Request::control(&self.process, &self.file, code, lengths, input, output)
            } else {
                refuse(STATUS_ACCESS_DENIED, output)
            }
        } else {
            refuse(STATUS_INVALID_PARAMETER, output)
        };
        self.file.release_now();
        request
    }

    /// Begins a read or a write, from an offset.
    fn begin_transfer(&self, major: u8, offset: i64, input: Vec<u8>, output: Vec<u8>) -> Arc<Request> {
        let _inside = process::enter(&self.process);
        let refuse = |status, output| Request::refused(&self.process, status, output);
        if !self.reference() {
            return refuse(STATUS_INVALID_HANDLE, output);
        }
        let right = if major == IRP_MJ_READ { FILE_READ_DATA } else { FILE_WRITE_DATA | FILE_APPEND_DATA };
        let request = if self.granted & right == 0 {
            refuse(STATUS_ACCESS_DENIED, output)
        } else if u32::try_from(input.len().max(output.len())).is_err() || offset < 0 {
            refuse(STATUS_INVALID_PARAMETER, output)
        } else {
            Request::read_write(&self.process, &self.file, major, offset, input, output)
        };
        self.file.release_now();
        request
    }

    /// Whether the handle was opened with the access that a control code requires.
    fn allows(&self, code: u32) -> bool {
        let required = code >> 14;
        let missing = |bit, right| required & bit != 0 && self.granted & right == 0;
        !missing(FILE_READ_ACCESS, FILE_READ_DATA) && !missing(FILE_WRITE_ACCESS, FILE_WRITE_DATA)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // With a dead machine there is nobody to send anything to.
        if !self.process.machine().parts.crash.is_dead() {
            self.close();
        }
    }
}

/// An open handle. A clone is the same handle, for another thread; dropping the last one closes it.
#[derive(Clone)]
pub struct File {
    handle: Arc<Handle>,
}

impl File {
    pub(crate) fn new(handle: Arc<Handle>) -> File {
        File { handle }
    }

    /// `DeviceIoControl`, waiting for the end.
    ///
    /// # Errors
    /// By status: `STATUS_INVALID_HANDLE` if the handle is closed, `STATUS_ACCESS_DENIED` if it was opened without the
    /// access that `code` requires, and the driver's answers.
    pub fn device_io_control(&self, code: u32, input: &[u8], output: &mut [u8]) -> IoStatus {
        let completed = self.begin(code, input.to_vec(), output.to_vec()).wait();
        output.copy_from_slice(&completed.output);
        completed.io_status()
    }

    /// `DeviceIoControl` with an `OVERLAPPED`: begins a request, which keeps the buffers until its end.
    pub fn begin(&self, code: u32, input: Vec<u8>, output: Vec<u8>) -> Overlapped {
        let handle = Arc::clone(&self.handle);
        let request = self.handle.process.machine().go_in(move || handle.begin(code, input, output));
        Overlapped::new(Arc::clone(&self.handle.process), request)
    }

    /// `ReadFile` with an offset, waiting for the end. `IRP_MJ_READ`, with the buffer as the device's flags want it:
    /// `DO_BUFFERED_IO`, `DO_DIRECT_IO`, or neither.
    ///
    /// # Errors
    /// By status: `STATUS_INVALID_HANDLE` if the handle is closed, `STATUS_ACCESS_DENIED` if it was opened without the right to
    /// read, `STATUS_INVALID_PARAMETER` for an offset beyond 2^63, and the driver's answers.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> IoStatus {
        let completed = self.begin_read(offset, buffer.to_vec()).wait();
        buffer.copy_from_slice(&completed.output);
        completed.io_status()
    }

    /// `WriteFile` with an offset, waiting for the end: as [`File::read`], with `IRP_MJ_WRITE`.
    ///
    /// # Errors
    /// As for [`File::read`].
    #[must_use = "what has become of the write is known by it alone"]
    pub fn write(&self, offset: u64, bytes: &[u8]) -> IoStatus {
        self.begin_write(offset, bytes.to_vec()).wait().io_status()
    }

    /// `ReadFile` with an `OVERLAPPED`: begins a read, which keeps the buffer until its end.
    pub fn begin_read(&self, offset: u64, buffer: Vec<u8>) -> Overlapped {
        self.begin_transfer(IRP_MJ_READ, offset, Vec::new(), buffer)
    }

    /// `WriteFile` with an `OVERLAPPED`: begins a write, which keeps the bytes until its end.
    pub fn begin_write(&self, offset: u64, bytes: Vec<u8>) -> Overlapped {
        self.begin_transfer(IRP_MJ_WRITE, offset, bytes, Vec::new())
    }

    fn begin_transfer(&self, major: u8, offset: u64, input: Vec<u8>, output: Vec<u8>) -> Overlapped {
        let handle = Arc::clone(&self.handle);
        // What does not fit is negative, and refused.
        let offset = i64::try_from(offset).unwrap_or(-1);
        let machine = self.handle.process.machine();
        let request = machine.go_in(move || handle.begin_transfer(major, offset, input, output));
        Overlapped::new(Arc::clone(&self.handle.process), request)
    }

    /// `CancelIoEx` without an `OVERLAPPED`: cancels every request on the file that the process has begun.
    pub fn cancel_all(&self) {
        let handle = Arc::clone(&self.handle);
        self.handle.process.machine().go_in(move || {
            let _inside = process::enter(&handle.process);
            if !handle.is_open() {
                return;
            }
            for request in handle.process.pending(Some(&handle.file)) {
                request.cancel();
            }
        });
    }

    /// `CloseHandle`, also for the clones: `IRP_MJ_CLEANUP` now, `IRP_MJ_CLOSE` when the last request on the file is
    /// complete. Requests go on.
    pub fn close(self) {
        self.handle.close();
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.handle.path())
            .field("open", &self.handle.is_open())
            .finish_non_exhaustive()
    }
}
