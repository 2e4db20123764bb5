//! What user mode sends: fixed heads, some followed by a socket address or by a value.
//!
//! Fields are in the machine's byte order, as in every Windows structure; reserved fields are zero.

use core::mem::size_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// No time limit. Any other value of `timeout_ms` is the limit in milliseconds.
///
/// With 0 nothing is waited for: the driver asks WSK, or looks into the queue, and what has not completed when that
/// returns is cancelled. A result that is there at once never loses against the limit; one that a provider brings later,
/// however soon, may.
pub const NO_TIMEOUT: u32 = u32::MAX;

/// The most operations that the pending requests of one handle take: one each, and
/// [`IOCTL_WSKDRV_RECEIVE`](crate::IOCTL_WSKDRV_RECEIVE) one for each datagram that it has room for. A request beyond that is refused with
/// `STATUS_QUOTA_EXCEEDED`, until others have ended.
pub const PENDING_MAX: usize = 1024;

/// The largest security descriptor of [`IOCTL_WSKDRV_SET_SECURITY`](crate::IOCTL_WSKDRV_SET_SECURITY) in bytes, and so
/// the room that [`IOCTL_WSKDRV_GET_SECURITY`](crate::IOCTL_WSKDRV_GET_SECURITY) needs at most for one that was set so.
pub const SECURITY_MAX: usize = 4096;

/// The most addresses that `SIO_ADDRESS_LIST_SORT` takes by [`IOCTL_WSKDRV_IOCTL`](crate::IOCTL_WSKDRV_IOCTL).
pub const SORT_ADDRESSES_MAX: usize = 32;

/// `WskSetOption` as [`RawRequest::request_type`].
pub const RAW_SET_OPTION: u32 = 0;
/// `WskGetOption` as [`RawRequest::request_type`].
pub const RAW_GET_OPTION: u32 = 1;
/// `WskIoctl` as [`RawRequest::request_type`].
pub const RAW_IOCTL: u32 = 2;

/// The most bytes of input, and of output, of a [`RawRequest`] that has no row: a pointer has one more.
pub const RAW_VALUE_MAX: usize = 7;

/// Input of [`IOCTL_WSKDRV_CREATE`](crate::IOCTL_WSKDRV_CREATE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Create {
    /// The time limit in milliseconds, or [`NO_TIMEOUT`].
    pub timeout_ms: u32,
    /// [`AF_INET`](crate::AF_INET) or [`AF_INET6`](crate::AF_INET6).
    pub family: u16,
    /// Zero.
    pub reserved: u16,
}

/// Input of a request that has nothing to say but its time limit; for
/// [`IOCTL_WSKDRV_BIND`](crate::IOCTL_WSKDRV_BIND) the local address follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Timed {
    /// The time limit in milliseconds, or [`NO_TIMEOUT`].
    pub timeout_ms: u32,
    /// Zero.
    pub reserved: u32,
}

/// Input of [`IOCTL_WSKDRV_GET_OPTION`](crate::IOCTL_WSKDRV_GET_OPTION) and
/// [`IOCTL_WSKDRV_SET_OPTION`](crate::IOCTL_WSKDRV_SET_OPTION); for the latter the value follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OptionRequest {
    /// The time limit in milliseconds, or [`NO_TIMEOUT`].
    pub timeout_ms: u32,
    /// `SOL_SOCKET` or a protocol number.
    pub level: u32,
    /// The option's number, `SO_...`.
    pub name: u32,
    /// Zero.
    pub reserved: u32,
}

/// Input of [`IOCTL_WSKDRV_IOCTL`](crate::IOCTL_WSKDRV_IOCTL); the IOCTL's own input follows.
///
/// For `SIO_WSK_SET_REMOTE_ADDRESS` and `SIO_WSK_SET_SENDTO_ADDRESS` that input is a socket address, or nothing to
/// clear the address. For `SIO_ADDRESS_LIST_QUERY` and `SIO_ADDRESS_LIST_CHANGE` there is none; the output of the query is
/// socket addresses of the socket's family, one after the other
/// ([`address::decode_all`](crate::address::decode_all)), where WSK's list has pointers. For `SIO_ADDRESS_LIST_SORT` input
/// and output are socket addresses in this way, of `AF_INET6` and at most [`SORT_ADDRESSES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct IoctlRequest {
    /// The time limit in milliseconds, or [`NO_TIMEOUT`].
    pub timeout_ms: u32,
    /// The IOCTL's code, `SIO_...`.
    pub code: u32,
}

/// Input of [`IOCTL_WSKDRV_RAW_CONTROL`](crate::IOCTL_WSKDRV_RAW_CONTROL); the request's own input follows.
///
/// The transport of a kernel socket trusts its caller, and follows the pointers that a structure has. So user mode gets
/// through only what cannot have one: what `docs/options.md` has a row for, if its value is no pointer and has none; and
/// without a row what has at most [`RAW_VALUE_MAX`] bytes of input and of output. Everything else is refused with
/// `STATUS_ACCESS_DENIED`, as are WSK's own options and IOCTLs without a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RawRequest {
    /// The time limit in milliseconds, or [`NO_TIMEOUT`].
    pub timeout_ms: u32,
    /// [`RAW_SET_OPTION`], [`RAW_GET_OPTION`] or [`RAW_IOCTL`].
    pub request_type: u32,
    /// The option's number or the IOCTL's code.
    pub code: u32,
    /// The option's level; zero for an IOCTL.
    pub level: u32,
}

const _: () = {
    assert!(size_of::<Create>() == 8);
    assert!(size_of::<Timed>() == 8);
    assert!(size_of::<OptionRequest>() == 16);
    assert!(size_of::<IoctlRequest>() == 8);
    assert!(size_of::<RawRequest>() == 16);
    assert!(core::mem::offset_of!(Create, family) == 4);
    assert!(core::mem::offset_of!(OptionRequest, name) == 8);
    assert!(core::mem::offset_of!(RawRequest, code) == 8);
};
