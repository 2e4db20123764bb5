//! The base types of the C headers: integers, `NTSTATUS`, strings, lists.
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use core::ffi::c_void;

pub type BOOLEAN = u8;
pub type UCHAR = u8;
pub type CCHAR = i8;
pub type SHORT = i16;
pub type CSHORT = i16;
pub type USHORT = u16;
pub type LONG = i32;
pub type ULONG = u32;
pub type LONGLONG = i64;
/// In C, a union of the number and its two halves; it is passed as the number is.
pub type LARGE_INTEGER = i64;
pub type ULONG64 = u64;
pub type SIZE_T = usize;
pub type ULONG_PTR = usize;
/// A signed integer as wide as a pointer.
pub type LONG_PTR = isize;
pub type WCHAR = u16;
pub type PVOID = *mut c_void;
pub type HANDLE = *mut c_void;
/// `NTSTATUS`: negative values are warnings and errors.
pub type NTSTATUS = i32;
/// An interrupt request level; see [`PASSIVE_LEVEL`].
pub type KIRQL = u8;
/// [`KernelMode`] or [`UserMode`].
pub type KPROCESSOR_MODE = CCHAR;
pub type ACCESS_MASK = ULONG;
pub type DEVICE_TYPE = ULONG;

pub const TRUE: BOOLEAN = 1;
pub const FALSE: BOOLEAN = 0;

/// Threads run here; everything may be paged, everything may wait.
pub const PASSIVE_LEVEL: KIRQL = 0;
/// Like passive, but for asynchronous procedure calls, which are held back.
pub const APC_LEVEL: KIRQL = 1;
/// The scheduler is held back: no waiting, no pageable code or data.
pub const DISPATCH_LEVEL: KIRQL = 2;
/// The highest level.
pub const HIGH_LEVEL: KIRQL = 15;

pub const KernelMode: KPROCESSOR_MODE = 0;
pub const UserMode: KPROCESSOR_MODE = 1;

/// `PAGE_SIZE` on x64 and ARM64.
pub const PAGE_SIZE: usize = 0x1000;

/// Whether a status is a success or informational code, by `ntdef.h`'s `NT_SUCCESS`.
///
/// `STATUS_PENDING` and `STATUS_EVENT_PENDING` are successes by this rule; `STATUS_BUFFER_OVERFLOW` is not.
#[must_use]
pub const fn NT_SUCCESS(status: NTSTATUS) -> bool {
    status >= 0
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct UNICODE_STRING {
    /// In bytes, without a terminator.
    pub Length: USHORT,
    /// In bytes.
    pub MaximumLength: USHORT,
    pub Buffer: *mut WCHAR,
}
pub type PUNICODE_STRING = *mut UNICODE_STRING;
pub type PCUNICODE_STRING = *const UNICODE_STRING;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LIST_ENTRY {
    pub Flink: *mut LIST_ENTRY,
    pub Blink: *mut LIST_ENTRY,
}

impl LIST_ENTRY {
    /// All zero: not in a list.
    pub const ZERO: LIST_ENTRY = LIST_ENTRY { Flink: core::ptr::null_mut(), Blink: core::ptr::null_mut() };
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GUID {
    pub Data1: u32,
    pub Data2: u16,
    pub Data3: u16,
    pub Data4: [u8; 8],
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OBJECT_ATTRIBUTES {
    pub Length: ULONG,
    pub RootDirectory: HANDLE,
    pub ObjectName: PUNICODE_STRING,
    pub Attributes: ULONG,
    pub SecurityDescriptor: PVOID,
    pub SecurityQualityOfService: PVOID,
}
pub type POBJECT_ATTRIBUTES = *mut OBJECT_ATTRIBUTES;

/// An executive process object (`EPROCESS`); opaque.
#[repr(C)]
#[derive(Debug)]
pub struct EPROCESS {
    _opaque: [u8; 0],
}
pub type PEPROCESS = *mut EPROCESS;

/// An executive thread object (`ETHREAD`); opaque.
#[repr(C)]
#[derive(Debug)]
pub struct ETHREAD {
    _opaque: [u8; 0],
}
pub type PETHREAD = *mut ETHREAD;

/// A process and a thread id; only ever null here.
pub type PCLIENT_ID = PVOID;

pub type PSECURITY_DESCRIPTOR = PVOID;
