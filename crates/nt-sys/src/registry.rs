//! The registry: what is asked for, and what comes back.
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use crate::base::{ACCESS_MASK, UCHAR, ULONG, WCHAR};

pub const KEY_QUERY_VALUE: ACCESS_MASK = 0x0001;
pub const KEY_SET_VALUE: ACCESS_MASK = 0x0002;
pub const KEY_READ: ACCESS_MASK = 0x0002_0019;
pub const KEY_WRITE: ACCESS_MASK = 0x0002_0006;
pub const KEY_ALL_ACCESS: ACCESS_MASK = 0x000F_003F;

/// A string that ends with a zero.
pub const REG_SZ: ULONG = 1;
pub const REG_BINARY: ULONG = 3;
/// A number of 32 bits.
pub const REG_DWORD: ULONG = 4;
/// Strings that end with zeros, and one zero more.
pub const REG_MULTI_SZ: ULONG = 7;

/// `CreateOptions` of [`ZwCreateKey`](crate::ZwCreateKey): the key stays when the machine ends.
pub const REG_OPTION_NON_VOLATILE: ULONG = 0;
/// `Disposition` of [`ZwCreateKey`](crate::ZwCreateKey): the key is new.
pub const REG_CREATED_NEW_KEY: ULONG = 1;
/// `Disposition` of [`ZwCreateKey`](crate::ZwCreateKey): the key was there.
pub const REG_OPENED_EXISTING_KEY: ULONG = 2;

/// `OBJECT_ATTRIBUTES`' `Attributes`: the case of names does not count.
pub const OBJ_CASE_INSENSITIVE: ULONG = 0x40;
/// `OBJECT_ATTRIBUTES`' `Attributes`: a handle that processes cannot use.
pub const OBJ_KERNEL_HANDLE: ULONG = 0x200;

/// `KEY_VALUE_INFORMATION_CLASS`: name and type.
pub const KeyValueBasicInformation: KEY_VALUE_INFORMATION_CLASS = 0;
/// `KEY_VALUE_INFORMATION_CLASS`: name, type and data.
pub const KeyValueFullInformation: KEY_VALUE_INFORMATION_CLASS = 1;
/// `KEY_VALUE_INFORMATION_CLASS`: type and data.
pub const KeyValuePartialInformation: KEY_VALUE_INFORMATION_CLASS = 2;
pub type KEY_VALUE_INFORMATION_CLASS = i32;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KEY_VALUE_BASIC_INFORMATION {
    pub TitleIndex: ULONG,
    pub Type: ULONG,
    /// In bytes.
    pub NameLength: ULONG,
    pub Name: [WCHAR; 1],
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KEY_VALUE_FULL_INFORMATION {
    pub TitleIndex: ULONG,
    pub Type: ULONG,
    /// From the start of the structure.
    pub DataOffset: ULONG,
    pub DataLength: ULONG,
    /// In bytes.
    pub NameLength: ULONG,
    pub Name: [WCHAR; 1],
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KEY_VALUE_PARTIAL_INFORMATION {
    pub TitleIndex: ULONG,
    pub Type: ULONG,
    pub DataLength: ULONG,
    pub Data: [UCHAR; 1],
}
