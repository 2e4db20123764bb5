//! Types of the run-time library: strings of bytes, and times by the calendar.
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use crate::base::{CSHORT, USHORT};

/// A string in the ANSI code page of the system.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct STRING {
    /// In bytes, without a terminator.
    pub Length: USHORT,
    /// In bytes.
    pub MaximumLength: USHORT,
    pub Buffer: *mut i8,
}
pub type ANSI_STRING = STRING;

/// A time by the calendar.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TIME_FIELDS {
    /// From 1601 on.
    pub Year: CSHORT,
    /// From 1 on.
    pub Month: CSHORT,
    /// From 1 on.
    pub Day: CSHORT,
    pub Hour: CSHORT,
    pub Minute: CSHORT,
    pub Second: CSHORT,
    pub Milliseconds: CSHORT,
    /// 0 is Sunday.
    pub Weekday: CSHORT,
}

impl STRING {
    /// All zero: empty.
    pub const ZERO: STRING = STRING { Length: 0, MaximumLength: 0, Buffer: core::ptr::null_mut() };
}
