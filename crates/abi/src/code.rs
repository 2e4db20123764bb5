//! The control codes, each built as the C macro `CTL_CODE` builds it.
//!
//! A code says how the I/O manager hands over the buffers ([`Method`]) and which access the handle must have been
//! opened with; both are checked before the driver sees the request.

/// The device type in every code; values from 0x8000 are for device types that Microsoft has not defined.
pub const FILE_DEVICE_WSKDRV: u32 = 0x8057;

/// `FILE_READ_ACCESS`: the handle must be open for reading.
pub const FILE_READ_ACCESS: u32 = 1;
/// `FILE_WRITE_ACCESS`: the handle must be open for writing.
pub const FILE_WRITE_ACCESS: u32 = 2;
const READ_WRITE: u32 = FILE_READ_ACCESS | FILE_WRITE_ACCESS;

/// How the I/O manager hands over the buffers of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `METHOD_BUFFERED`: one system buffer, in and out.
    Buffered = 0,
    /// `METHOD_IN_DIRECT`: the input in a system buffer; the output buffer is locked and *read* by the driver.
    InDirect = 1,
    /// `METHOD_OUT_DIRECT`: the input in a system buffer; the output buffer is locked and written by the driver.
    OutDirect = 2,
}

/// `CTL_CODE` for this device.
#[must_use]
pub const fn ctl_code(function: u32, method: Method, access: u32) -> u32 {
    (FILE_DEVICE_WSKDRV << 16) | (access << 14) | (function << 2) | method as u32
}

/// One control code, as a row of [`CODES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The 32 bits.
    pub value: u32,
    /// The name of the constant.
    pub name: &'static str,
    /// How its buffers are handed over.
    pub method: Method,
    /// Which access the handle needs: [`FILE_READ_ACCESS`], [`FILE_WRITE_ACCESS`] or both.
    pub access: u32,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $function:literal, $method:ident, $access:ident;)*) => {
        $(
            $(#[$doc])*
            pub const $name: u32 = ctl_code($function, Method::$method, $access);
        )*

        /// Every control code of the device.
        pub const CODES: &[Code] = &[$(
            Code { value: $name, name: stringify!($name), method: Method::$method, access: $access },
        )*];
    };
}

codes! {
    /// Which version answers: no input; output [`Version`](crate::reply::Version).
    IOCTL_WSKDRV_VERSION = 0x800, Buffered, FILE_READ_ACCESS;
    /// Creates the handle's socket: input [`Create`](crate::request::Create); no output.
    IOCTL_WSKDRV_CREATE = 0x801, Buffered, READ_WRITE;
    /// Binds the socket: input [`Timed`](crate::request::Timed) and a socket address; no output.
    IOCTL_WSKDRV_BIND = 0x802, Buffered, FILE_WRITE_ACCESS;
    /// Where the socket is bound: input [`Timed`](crate::request::Timed); output a socket address.
    IOCTL_WSKDRV_LOCAL_ADDRESS = 0x803, Buffered, FILE_READ_ACCESS;
    /// Reads a socket option: input [`OptionRequest`](crate::request::OptionRequest); output its value.
    IOCTL_WSKDRV_GET_OPTION = 0x804, Buffered, FILE_READ_ACCESS;
    /// Sets a socket option: input [`OptionRequest`](crate::request::OptionRequest) and the value; no output.
    IOCTL_WSKDRV_SET_OPTION = 0x805, Buffered, FILE_WRITE_ACCESS;
    /// A socket IOCTL: input [`IoctlRequest`](crate::request::IoctlRequest) and the IOCTL's input; output the
    /// IOCTL's output.
    IOCTL_WSKDRV_IOCTL = 0x806, Buffered, READ_WRITE;
    /// A control request without a typed row, whose values are smaller than a pointer: input
    /// [`RawRequest`](crate::request::RawRequest) and the request's input; output the request's output.
    IOCTL_WSKDRV_RAW_CONTROL = 0x807, Buffered, READ_WRITE;
    /// Sends datagrams to one address, with control information or without: input [`Send`](crate::send::Send) and what it
    /// says follows; the output buffer is the payloads, one after the other.
    IOCTL_WSKDRV_SEND = 0x808, InDirect, FILE_WRITE_ACCESS;
    /// Receives datagrams with their control information, as many as there are when the first one has come: input
    /// [`Receive`](crate::receive::Receive); output [`Datagrams`](crate::receive::Datagrams) and the datagrams.
    IOCTL_WSKDRV_RECEIVE = 0x809, OutDirect, FILE_READ_ACCESS;
    /// What the driver has counted: no input; output [`Statistics`](crate::reply::Statistics).
    IOCTL_WSKDRV_STATISTICS = 0x80A, Buffered, FILE_READ_ACCESS;
    /// Which versions the WSK provider offers: no input; output [`Provider`](crate::reply::Provider).
    IOCTL_WSKDRV_PROVIDER = 0x80B, Buffered, FILE_READ_ACCESS;
    /// Makes a queue for the handle, which datagrams come to by the receive event: input
    /// [`EnableReceive`](crate::event::EnableReceive); no output.
    IOCTL_WSKDRV_ENABLE_RECEIVE = 0x80E, Buffered, FILE_READ_ACCESS;
    /// Disables the receive event; the queue keeps what it has: input
    /// [`DisableReceive`](crate::event::DisableReceive); output [`Disabled`](crate::event::Disabled).
    IOCTL_WSKDRV_DISABLE_RECEIVE = 0x80F, Buffered, FILE_READ_ACCESS;
    /// Takes datagrams out of the queue, and waits if it is empty: input [`Timed`](crate::request::Timed); output
    /// [`Datagrams`](crate::receive::Datagrams) and the datagrams.
    IOCTL_WSKDRV_DRAIN = 0x810, OutDirect, FILE_READ_ACCESS;
    /// Which transports sockets can be made for: no input; output [`Transport`](crate::reply::Transport)s.
    IOCTL_WSKDRV_TRANSPORTS = 0x811, Buffered, FILE_READ_ACCESS;
    /// Waits until a transport comes or goes: input [`Timed`](crate::request::Timed); no output. The handle needs no
    /// socket.
    IOCTL_WSKDRV_TRANSPORT_CHANGE = 0x812, Buffered, FILE_READ_ACCESS;
    /// Sets the socket's security descriptor, before the bind: input [`Timed`](crate::request::Timed) and a self-relative
    /// security descriptor of at most [`SECURITY_MAX`](crate::request::SECURITY_MAX) bytes; no output.
    IOCTL_WSKDRV_SET_SECURITY = 0x813, Buffered, FILE_WRITE_ACCESS;
    /// Reads the socket's security descriptor: input [`Timed`](crate::request::Timed); output a self-relative security
    /// descriptor.
    IOCTL_WSKDRV_GET_SECURITY = 0x814, Buffered, FILE_READ_ACCESS;
    /// Asks WSK what its pages leave open: input the id of the question, at most [`PROBE_ID_MAX`](crate::reply::PROBE_ID_MAX)
    /// bytes; output [`Probed`](crate::reply::Probed). The handle's socket has no part in it. A driver that was built without
    /// its feature `probe` does not know the code.
    IOCTL_WSKDRV_PROBE = 0x815, Buffered, READ_WRITE;
}

/// The row of a control code, if it is one of this device.
#[must_use]
pub fn find(value: u32) -> Option<&'static Code> {
    CODES.iter().find(|code| code.value == value)
}

/// The name of a control code, if it is one of this device.
#[must_use]
pub fn name(value: u32) -> Option<&'static str> {
    find(value).map(|code| code.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Taken apart by the fields of `CTL_CODE`, not by the function that built them.
    #[test]
    fn codes_come_apart_into_their_fields() {
        // 0x80C and 0x80D were codes of version 1.
        for (function, code) in (0x800..0x80C).chain(0x80E..).zip(CODES) {
            assert_eq!(code.value >> 16, 0x8057, "{}", code.name);
            assert_eq!((code.value >> 14) & 3, code.access, "{}", code.name);
            assert_eq!((code.value >> 2) & 0xFFF, function, "{}", code.name);
            assert_eq!(code.value & 3, code.method as u32, "{}", code.name);
        }
    }

    #[test]
    fn codes_are_those_that_were_published() {
        assert_eq!(CODES.len(), 20, "a new code has its line below");
        assert_eq!(IOCTL_WSKDRV_VERSION, 0x8057_6000);
        assert_eq!(IOCTL_WSKDRV_CREATE, 0x8057_E004);
        assert_eq!(IOCTL_WSKDRV_BIND, 0x8057_A008);
        assert_eq!(IOCTL_WSKDRV_LOCAL_ADDRESS, 0x8057_600C);
        assert_eq!(IOCTL_WSKDRV_GET_OPTION, 0x8057_6010);
        assert_eq!(IOCTL_WSKDRV_SET_OPTION, 0x8057_A014);
        assert_eq!(IOCTL_WSKDRV_IOCTL, 0x8057_E018);
        assert_eq!(IOCTL_WSKDRV_RAW_CONTROL, 0x8057_E01C);
        assert_eq!(IOCTL_WSKDRV_SEND, 0x8057_A021);
        assert_eq!(IOCTL_WSKDRV_RECEIVE, 0x8057_6026);
        assert_eq!(IOCTL_WSKDRV_STATISTICS, 0x8057_6028);
        assert_eq!(IOCTL_WSKDRV_PROVIDER, 0x8057_602C);
        assert_eq!(IOCTL_WSKDRV_ENABLE_RECEIVE, 0x8057_6038);
        assert_eq!(IOCTL_WSKDRV_DISABLE_RECEIVE, 0x8057_603C);
        assert_eq!(IOCTL_WSKDRV_DRAIN, 0x8057_6042);
        assert_eq!(IOCTL_WSKDRV_TRANSPORTS, 0x8057_6044);
        assert_eq!(IOCTL_WSKDRV_TRANSPORT_CHANGE, 0x8057_6048);
        assert_eq!(IOCTL_WSKDRV_SET_SECURITY, 0x8057_A04C);
        assert_eq!(IOCTL_WSKDRV_GET_SECURITY, 0x8057_6050);
        assert_eq!(IOCTL_WSKDRV_PROBE, 0x8057_E054);
    }

    #[test]
    fn names_are_found_by_code() {
        assert_eq!(name(IOCTL_WSKDRV_SEND), Some("IOCTL_WSKDRV_SEND"));
        assert_eq!(name(IOCTL_WSKDRV_SEND ^ 3), None);
    }
}
