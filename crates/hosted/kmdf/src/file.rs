//! File objects: one for each handle that is open on a device.
#![expect(unsafe_code, reason = "reads the kernel's file object")]

use alloc::format;
use alloc::string::String;

use wsk_sys::{DISPATCH_LEVEL, FILE_OBJECT, PASSIVE_LEVEL, PFILE_OBJECT, PUNICODE_STRING, ULONG};

use crate::kernel::shared::Shared;
use crate::object::args::at_most;
use crate::object::kind::Kind;
use crate::object::lookup;
use crate::object::{Body, Kinded, Object};
use crate::types::{PWDF_DRIVER_GLOBALS, WDFDEVICE, WDFFILEOBJECT, WDFFILEOBJECT__};

/// The body of a WDFFILEOBJECT.
///
/// # Invariants
/// `file_object` lives as long as the WDFFILEOBJECT: until its close request is completed.
pub(crate) struct File {
    file_object: Shared<*mut FILE_OBJECT>,
    process: u32,
}

impl File {
    /// A file, opened by a process.
    ///
    /// # Safety
    /// `file_object` lives until the WDFFILEOBJECT is deleted.
    pub(crate) unsafe fn new(file_object: *mut FILE_OBJECT, process: u32) -> File {
        // INVARIANT: by the caller's word.
        File { file_object: Shared(file_object), process }
    }
}

impl Body for File {
    fn cannot_delete(&self, _object: &Object) -> Option<&'static str> {
        Some("which the framework deletes")
    }

    fn describe(&self) -> String {
        format!("opened by process {}", self.process)
    }
}

impl Kinded for File {
    type Handle = WDFFILEOBJECT__;
    const KIND: &'static Kind = &Kind::new("WDFFILEOBJECT");
}

/// The device that a file is open on.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfFileObjectGetDevice(
    _globals: PWDF_DRIVER_GLOBALS,
    FileObject: WDFFILEOBJECT,
) -> WDFDEVICE {
    const NAME: &str = "WdfFileObjectGetDevice";
    at_most(NAME, DISPATCH_LEVEL);
    let file = lookup::typed::<File>(NAME, FileObject);
    file.object().parent().map_or(core::ptr::null_mut(), |device| device.as_handle())
}

/// The name under which a file was opened, relative to its device.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfFileObjectGetFileName(
    _globals: PWDF_DRIVER_GLOBALS,
    FileObject: WDFFILEOBJECT,
) -> PUNICODE_STRING {
    const NAME: &str = "WdfFileObjectGetFileName";
    at_most(NAME, PASSIVE_LEVEL);
    let file = lookup::typed::<File>(NAME, FileObject);
    // SAFETY: by the type's invariant the file object lives; only the field's address is taken.
    unsafe { &raw mut (*file.file_object.0).FileName }
}

/// The flags of the kernel's file object.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfFileObjectGetFlags(
    _globals: PWDF_DRIVER_GLOBALS,
    FileObject: WDFFILEOBJECT,
) -> ULONG {
    const NAME: &str = "WdfFileObjectGetFlags";
    at_most(NAME, DISPATCH_LEVEL);
    let file = lookup::typed::<File>(NAME, FileObject);
    // SAFETY: by the type's invariant the file object lives.
    unsafe { (*file.file_object.0).Flags }
}

/// The kernel's file object.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfFileObjectWdmGetFileObject(
    _globals: PWDF_DRIVER_GLOBALS,
    FileObject: WDFFILEOBJECT,
) -> PFILE_OBJECT {
    const NAME: &str = "WdfFileObjectWdmGetFileObject";
    at_most(NAME, DISPATCH_LEVEL);
    lookup::typed::<File>(NAME, FileObject).file_object.0
}

/// The id of the process that opened the file.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfFileObjectGetInitiatorProcessId(
    _globals: PWDF_DRIVER_GLOBALS,
    FileObject: WDFFILEOBJECT,
) -> ULONG {
    const NAME: &str = "WdfFileObjectGetInitiatorProcessId";
    at_most(NAME, DISPATCH_LEVEL);
    lookup::typed::<File>(NAME, FileObject).process
}
