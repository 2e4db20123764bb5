//! The contract between the `wskdrv` driver and whoever opens its device.
//!
//! Both sides are compiled against this crate, and a client in another language can be written from it: names
//! ([`device`]), control codes ([`code`]), the layout of each request ([`request`], [`send`], [`receive`], [`event`]) and
//! of each reply ([`reply`], [`receive`]), and the bytes of a socket address ([`address`]). All layouts are asserted at
//! compile time.
//!
//! # One handle is one socket
//!
//! | step | code | the handle afterwards |
//! |---|---|---|
//! | `CreateFile(\\.\WskDrv)` | | has no socket |
//! | create | [`IOCTL_WSKDRV_CREATE`] | has an unbound datagram socket |
//! | bind | [`IOCTL_WSKDRV_BIND`] | has a bound socket: it can send and receive |
//! | `CloseHandle` | | everything pending is cancelled and the socket is closed |
//!
//! [`IOCTL_WSKDRV_SEND`] sends one datagram or several, [`IOCTL_WSKDRV_RECEIVE`] receives them. A bound socket can also have a
//! queue that datagrams come to by themselves: see [`event`]. However they come, user mode gets them in one form, which is
//! in [`receive`]. WSK may end a receive with `STATUS_PORT_UNREACHABLE`, when a datagram that was sent before found nobody:
//! the socket is as it was, and the next receive may bring a datagram.
//!
//! What a handle takes of the machine's non-paged memory is bounded: its queue has at most [`QUEUE_MAX`] bytes, and its
//! pending requests at most [`PENDING_MAX`] operations, of some 2 KiB each.
//!
//! Options and IOCTLs go in between, each where WSK allows it. A request that waits can be cancelled
//! (`CancelIoEx`), and carries a time limit of its own: see [`NO_TIMEOUT`].
//!
//! # Who answers
//!
//! The status of a request is the one that WSK gave, unchanged, except where the driver itself refuses: with what, and
//! why, is the table [`status::REFUSALS`]. Where Microsoft's pages leave a status open, so does this contract: an option that
//! the transport lacks, a value that it does not take or a group that is joined twice is refused, and with what depends on the
//! system.
//!
//! A value that [`IOCTL_WSKDRV_GET_OPTION`] gets is as long as the option's is, even if WSK has written less of it, as Windows
//! does with booleans; the rest is zero. [`IOCTL_WSKDRV_RAW_CONTROL`] hands out what WSK has written.
//!
//! # Versions
//!
//! [`ABI_MAJOR`] changes when a code or a layout that exists changes its meaning; [`ABI_MINOR`] when something is
//! added: a code, or a meaning for a reserved field or flag, of which zero always keeps what it did before. So a
//! client works with a driver of the same major version and at least the minor version it was built for
//! ([`reply::Version::serves`]); it asks with [`IOCTL_WSKDRV_VERSION`], which no version will change.
#![no_std]
#![forbid(unsafe_code)]

pub mod code;
pub mod device;
pub mod event;
pub mod receive;
pub mod reply;
pub mod request;
pub mod send;
pub mod status;

pub use wsk_sockaddr as address;

pub use address::{
    AF_INET, AF_INET6, AddressError, MAX_SOCKADDR_LENGTH, SOCKADDR_IN_LENGTH, SOCKADDR_IN6_LENGTH,
};
pub use code::{
    FILE_DEVICE_WSKDRV, IOCTL_WSKDRV_BIND, IOCTL_WSKDRV_CREATE, IOCTL_WSKDRV_DISABLE_RECEIVE,
    IOCTL_WSKDRV_DRAIN, IOCTL_WSKDRV_ENABLE_RECEIVE, IOCTL_WSKDRV_GET_OPTION, IOCTL_WSKDRV_GET_SECURITY,
    IOCTL_WSKDRV_IOCTL, IOCTL_WSKDRV_LOCAL_ADDRESS, IOCTL_WSKDRV_PROBE, IOCTL_WSKDRV_PROVIDER,
    IOCTL_WSKDRV_RAW_CONTROL, IOCTL_WSKDRV_RECEIVE, IOCTL_WSKDRV_SEND, IOCTL_WSKDRV_SET_OPTION,
    IOCTL_WSKDRV_SET_SECURITY, IOCTL_WSKDRV_STATISTICS, IOCTL_WSKDRV_TRANSPORT_CHANGE,
    IOCTL_WSKDRV_TRANSPORTS, IOCTL_WSKDRV_VERSION,
};
pub use device::{DEVICE_NAME, LINK_NAME, SDDL, SERVICE_NAME, USER_PATH};
pub use event::{
    DISABLE_AND_WAIT, DISABLE_SOON, DisableReceive, Disabled, EnableReceive, QUEUE_MAX, QUEUE_MIN,
};
pub use receive::{Datagram, Datagrams, RECEIVE_MAX, Receive, Received};
pub use reply::{PROBE_ID_MAX, Probed, Provider, Statistics, Transport, Version};
pub use request::{
    Create, IoctlRequest, NO_TIMEOUT, OptionRequest, PENDING_MAX, RAW_GET_OPTION, RAW_IOCTL, RAW_SET_OPTION,
    RAW_VALUE_MAX, RawRequest, SECURITY_MAX, SORT_ADDRESSES_MAX, Timed,
};
pub use send::{CONTROL_INFO_MAX, SEND_MAX, Send};

/// The major version of this contract.
pub const ABI_MAJOR: u16 = 2;
/// The minor version of this contract.
pub const ABI_MINOR: u16 = 0;
