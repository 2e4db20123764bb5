//! File objects: what a handle stands for, and what every request on it holds.
//!
//! A file object has a reference for its open handle and one for each IRP. The last handle's closing sends
//! `IRP_MJ_CLEANUP`; the last reference's going sends `IRP_MJ_CLOSE` and frees the object.
#![expect(unsafe_code, reason = "owns file objects, which drivers hold by address")]

use std::alloc::{self, Layout};
use std::mem;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use readings::CloseThread;
use wsk_sys::{
    ACCESS_MASK, DEVICE_OBJECT, FILE_OBJECT, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, NT_SUCCESS,
    NTSTATUS, PASSIVE_LEVEL,
};

use crate::ex::pool;
use crate::ex::pool::block::{self, Kind};
use crate::io::device::table::{self, Opened};
use crate::io::unicode::OwnedUnicode;
use crate::ke::{irql, spinlock};
use crate::machine::Machine;
use crate::machine::bugcheck::require;
use crate::process::request::Request;
use crate::se::security::{FILE_READ_DATA, FILE_WRITE_DATA};
use crate::sync::{Pointer, count_reference};

/// `IO_TYPE_FILE`.
const IO_TYPE_FILE: i16 = 5;
/// The tag under which Windows allocates file objects.
const TAG: [u8; 4] = *b"File";
/// `FO_HANDLE_CREATED`.
const FO_HANDLE_CREATED: u32 = 0x0004_0000;

/// A file object and what belongs to it.
pub(crate) struct FileBody {
    machine: Machine,
    /// A block of the machine's; freed after `IRP_MJ_CLOSE`, when the count of references is zero for good.
    object: Pointer<FILE_OBJECT>,
    device: Pointer<DEVICE_OBJECT>,
    stack_size: i8,
    path: String,
    /// What `FileName` points to.
    _name: OwnedUnicode,
    references: AtomicUsize,
}

impl FileBody {
    /// Makes the file object of a device that was just opened, and asks the driver with `IRP_MJ_CREATE`. The one
    /// reference is the handle's.
    ///
    /// # Errors
    /// The driver's status. No cleanup and no close follow then.
    pub(crate) fn create(machine: &Machine, path: &str, opened: &Opened) -> Result<Arc<FileBody>, NTSTATUS> {
        let name = match OwnedUnicode::new(&opened.rest) {
            Ok(name) => name,
            Err(status) => {
                table::of(machine).close(machine, opened.device.0);
                return Err(status);
            }
        };
        // SAFETY: integers, pointers and lists of them: all zeros is a valid file object.
        let mut object: FILE_OBJECT = unsafe { mem::zeroed() };
        object.Type = IO_TYPE_FILE;
        object.Size = i16::try_from(mem::size_of::<FILE_OBJECT>()).unwrap_or(i16::MAX);
        object.DeviceObject = opened.device.0;
        object.FileName = name.as_raw();
        object.ReadAccess = flag(opened.granted, FILE_READ_DATA);
        object.WriteAccess = flag(opened.granted, FILE_WRITE_DATA);
        let block = block::Request::zeroed(Kind::File, mem::size_of::<FILE_OBJECT>(), TAG);
        let place: *mut FILE_OBJECT = machine.parts.pool.allocate(&block).cast();
        if place.is_null() {
            alloc::handle_alloc_error(Layout::for_value(&object));
        }
        // SAFETY: a new block of this size, aligned to 16 bytes.
        unsafe { place.write(object) };
        let file = Arc::new(FileBody {
            machine: machine.clone(),
            object: Pointer(place),
            device: opened.device,
            stack_size: opened.stack_size,
            path: path.to_owned(),
            _name: name,
            references: AtomicUsize::new(1),
        });
        machine.parts.gauges.files.add(1);
        let status = Request::plain(&file, IRP_MJ_CREATE);
        if !NT_SUCCESS(status) {
            file.references.store(0, Ordering::Relaxed);
            file.destroy();
            return Err(status);
        }
        // SAFETY: the object lives; the driver does not write its flags.
        unsafe { (*file.object.0).Flags |= FO_HANDLE_CREATED };
        Ok(file)
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(crate) fn object(&self) -> *mut FILE_OBJECT {
        self.object.0
    }

    pub(crate) fn device(&self) -> *mut DEVICE_OBJECT {
        self.device.0
    }

    pub(crate) fn stack_size(&self) -> i8 {
        self.stack_size
    }

    /// As it was given to `CreateFile`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Takes a reference, by someone who knows of another that stays.
    pub(crate) fn reference(&self) {
        if !count_reference(&self.references) {
            process::abort();
        }
    }

    /// Gives up a reference; the last one closes the file, in the calling thread, which must be at `PASSIVE_LEVEL`
    /// and outside of the driver.
    pub(crate) fn release_now(self: &Arc<FileBody>) {
        if self.is_last() {
            self.close();
        }
    }

    /// Gives up a reference, in any thread; the last one closes the file: in a system thread, or in this one if that is the
    /// reading and it may call the driver.
    pub(crate) fn release_later(self: &Arc<FileBody>) {
        if self.is_last() {
            let free = irql::current() == PASSIVE_LEVEL && spinlock::held_count() == 0;
            if free && self.machine.reading::<CloseThread>() == CloseThread::Completing {
                return self.close();
            }
            let file = Arc::clone(self);
            // The thread ends by itself; shutdown waits for it.
            drop(self.machine.spawn("close", move || file.close()));
        }
    }

    fn is_last(&self) -> bool {
        // Release and acquire: whoever closes has seen what all the others did with the object.
        self.references.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// The last handle is closed.
    pub(crate) fn cleanup(self: &Arc<FileBody>) {
        Request::plain(self, IRP_MJ_CLEANUP);
    }

    fn close(self: &Arc<FileBody>) {
        // The request takes a reference of its own, which must not close the file again.
        self.references.store(1, Ordering::Relaxed);
        Request::plain(self, IRP_MJ_CLOSE);
        self.references.store(0, Ordering::Relaxed);
        self.destroy();
    }

    fn destroy(&self) {
        // No reference is left, so this comes once.
        require(pool::release(&self.machine, self.object.key(), "the close of a file"));
        self.machine.parts.gauges.files.remove(1);
        table::of(&self.machine).close(&self.machine, self.device.0);
    }
}

fn flag(granted: ACCESS_MASK, bit: ACCESS_MASK) -> u8 {
    u8::from(granted & bit != 0)
}
