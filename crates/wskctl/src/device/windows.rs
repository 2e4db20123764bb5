//! The device of the running Windows system.
//!
//! Requests go through `NtDeviceIoControlFile`, not `DeviceIoControl`: the latter turns the status into a Win32
//! error, and several statuses into the same one, while the point here is to see the status unchanged.
#![expect(unsafe_code, reason = "calls of the Windows API")]

use std::ffi::c_void;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use std::{cell::UnsafeCell, io};

use windows_sys::Wdk::System::IO::NtDeviceIoControlFile;
use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE, WAIT_OBJECT_0};
use windows_sys::Win32::Storage::FileSystem::{CreateFileW, FILE_FLAG_OVERLAPPED, OPEN_EXISTING};
use windows_sys::Win32::System::IO::{CancelIoEx, IO_STATUS_BLOCK, OVERLAPPED};
use windows_sys::Win32::System::Threading::{CreateEventW, INFINITE, WaitForSingleObject};
use wsk_sys::{
    NT_SUCCESS, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER,
    STATUS_PENDING,
};

use super::{Completed, File, Kind, OpenError, Request};

/// How long a dropped request may take to be cancelled before its buffers are left to the kernel for good.
const CANCEL_LIMIT: Duration = Duration::from_secs(10);

/// A device by its path.
pub(super) struct Path(String);

impl Path {
    pub(super) fn new(path: &str) -> Path {
        Path(path.to_owned())
    }
}

impl Kind for Path {
    fn describe(&self) -> String {
        self.0.clone()
    }

    fn path(&self) -> Option<&str> {
        Some(&self.0)
    }

    fn open(&self) -> Result<Arc<dyn File>, OpenError> {
        let wide: Vec<u16> = self.0.encode_utf16().chain([0]).collect();
        let access = GENERIC_READ | GENERIC_WRITE;
        // SAFETY: `wide` ends with a zero and outlives the call; the optional pointers are null.
        let raw = unsafe {
            CreateFileW(
                wide.as_ptr(),
                access,
                0,
                ptr::null(),
                OPEN_EXISTING,
                FILE_FLAG_OVERLAPPED,
                ptr::null_mut(),
            )
        };
        if raw == INVALID_HANDLE_VALUE {
            return Err(OpenError::Path { path: self.0.clone(), source: io::Error::last_os_error() });
        }
        // SAFETY: `CreateFileW` has just made this handle and nobody else has it.
        let handle = unsafe { OwnedHandle::from_raw_handle(raw) };
        Ok(Arc::new(OpenFile(Arc::new(RwLock::new(Some(handle))))))
    }
}

/// The handle, until it is closed. Whoever uses it holds the lock for reading, so it cannot be closed, and its
/// number given to another file, in the middle of a call.
type Shared = Arc<RwLock<Option<OwnedHandle>>>;

struct OpenFile(Shared);

impl File for OpenFile {
    fn begin(&self, code: u32, input: Vec<u8>, output: Vec<u8>) -> Box<dyn Request> {
        match InFlight::start(&self.0, code, input, output) {
            Ok(in_flight) => Box::new(in_flight),
            Err((status, output)) => Box::new(Completed { status, information: 0, output }),
        }
    }

    fn cancel_all(&self) {
        cancel(&self.0, ptr::null());
    }

    fn close(&self) {
        drop(self.0.write().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// `CancelIoEx`; that there was nothing to cancel is no error to anyone.
fn cancel(file: &Shared, overlapped: *const OVERLAPPED) {
    if let Some(handle) = &*file.read().unwrap_or_else(PoisonError::into_inner) {
        // SAFETY: the handle is open while the lock is held; `CancelIoEx` only compares the second pointer.
        unsafe { CancelIoEx(handle.as_raw_handle(), overlapped) };
    }
}

/// Everything that the kernel may write until a request is over; it stays where it is on the heap.
struct Shelf {
    /// Its first two fields are the request's `IO_STATUS_BLOCK`, as for every overlapped request.
    overlapped: UnsafeCell<OVERLAPPED>,
    event: OwnedHandle,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// A request that the kernel has.
///
/// # Invariants
///
/// `shelf` came from `Box::into_raw` and is freed at most once, in [`InFlight::take`], after the event was seen
/// signalled; the kernel writes to it until then and not afterwards.
struct InFlight {
    file: Shared,
    shelf: *mut Shelf,
}

// SAFETY: the shelf is reached only through this value, the kernel's part of it is bound to no thread, and an event
// may be waited for from any.
unsafe impl Send for InFlight {}

impl InFlight {
    /// Issues the request. A request that the kernel did not take gives its status and the output buffer back.
    fn start(
        file: &Shared,
        code: u32,
        input: Vec<u8>,
        output: Vec<u8>,
    ) -> Result<InFlight, (NTSTATUS, Vec<u8>)> {
        let (Ok(input_length), Ok(output_length)) = (u32::try_from(input.len()), u32::try_from(output.len()))
        else {
            return Err((STATUS_INVALID_PARAMETER, output));
        };
        // SAFETY: null is allowed for both pointers: default security, no name.
        let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
        if event.is_null() {
            return Err((STATUS_INSUFFICIENT_RESOURCES, output));
        }
        // SAFETY: `CreateEventW` has just made this handle and nobody else has it.
        let event = unsafe { OwnedHandle::from_raw_handle(event) };
        let raw_event = event.as_raw_handle();
        let guard = file.read().unwrap_or_else(PoisonError::into_inner);
        let Some(handle) = &*guard else {
            return Err((STATUS_INVALID_HANDLE, output));
        };
        let mut shelf =
            Box::new(Shelf { overlapped: UnsafeCell::new(OVERLAPPED::default()), event, input, output });
        let from = shelf.input.as_ptr().cast::<c_void>();
        let to = shelf.output.as_mut_ptr().cast::<c_void>();
        // INVARIANT: from here on the shelf is the kernel's as well.
        let in_flight = InFlight { file: Arc::clone(file), shelf: Box::into_raw(shelf) };
        let block = in_flight.overlapped().cast::<IO_STATUS_BLOCK>();
        // SAFETY: the handle is open while the lock is held; block, event and both buffers are on the shelf, which
        // outlives the request by the invariant of `InFlight`, and the lengths are those of the buffers.
        let status = unsafe {
            NtDeviceIoControlFile(
                handle.as_raw_handle(),
                raw_event,
                None,
                ptr::null(),
                block,
                code,
                from,
                input_length,
                to,
                output_length,
            )
        };
        if !NT_SUCCESS(status) && status.cast_unsigned() >> 30 == 3 {
            // An error returned at once: the request was never queued, and neither block nor event is written.
            let shelf = in_flight.forget();
            // SAFETY: the pointer came from `Box::into_raw` above, and the kernel has let go of it.
            let shelf = unsafe { Box::from_raw(shelf) };
            return Err((status, shelf.output));
        }
        Ok(in_flight)
    }

    /// Where the kernel writes the status, and by which it knows the request.
    fn overlapped(&self) -> *mut OVERLAPPED {
        // SAFETY: by the invariant of `InFlight` the shelf is alive; only the field's address is taken.
        let cell = unsafe { &raw const (*self.shelf).overlapped };
        UnsafeCell::raw_get(cell)
    }

    /// The shelf, no longer watched over.
    fn forget(self) -> *mut Shelf {
        let shelf = self.shelf;
        let mut this = std::mem::ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so its file is dropped here and only here.
        unsafe { ptr::drop_in_place(&raw mut this.file) };
        shelf
    }

    /// Waits for the event; `None` for ever.
    fn wait_event(&self, limit: Option<Duration>) -> bool {
        let milliseconds = limit.map_or(INFINITE, |limit| {
            u32::try_from(limit.as_millis()).unwrap_or(INFINITE - 1).min(INFINITE - 1)
        });
        // SAFETY: by the invariant of `InFlight` the shelf is alive; the event in it is never written.
        let event = unsafe { &(*self.shelf).event };
        // SAFETY: the event is open as long as its `OwnedHandle`.
        let answer = unsafe { WaitForSingleObject(event.as_raw_handle(), milliseconds) };
        answer == WAIT_OBJECT_0
    }

    /// The answer of a request whose event was seen signalled.
    fn take(self) -> Completed {
        let shelf = self.forget();
        // SAFETY: the pointer came from `Box::into_raw`, and after the event the kernel no longer uses the shelf.
        let shelf = unsafe { Box::from_raw(shelf) };
        let Shelf { overlapped, output, .. } = *shelf;
        let OVERLAPPED { Internal: status, InternalHigh: information, .. } = overlapped.into_inner();
        #[expect(clippy::cast_possible_truncation, reason = "the status is the low half of the field")]
        let status = (status as u32).cast_signed();
        debug_assert_ne!(status, STATUS_PENDING, "the event was signalled");
        Completed { status, information: information.min(output.len()), output }
    }
}

impl Request for InFlight {
    fn cancel(&self) {
        cancel(&self.file, self.overlapped());
    }

    fn is_done(&self) -> bool {
        self.wait_event(Some(Duration::ZERO))
    }

    fn wait(self: Box<Self>) -> Completed {
        while !self.wait_event(None) {}
        self.take()
    }

    fn wait_for(self: Box<Self>, limit: Duration) -> Result<Completed, Box<dyn Request>> {
        if self.wait_event(Some(limit)) { Ok(self.take()) } else { Err(self) }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.cancel();
        if self.wait_event(Some(CANCEL_LIMIT)) {
            // SAFETY: the pointer came from `Box::into_raw`, and after the event the kernel no longer uses the shelf.
            drop(unsafe { Box::from_raw(self.shelf) });
        }
        // Otherwise the shelf is leaked: the kernel may still write to it.
    }
}
