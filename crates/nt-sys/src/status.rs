//! The `NTSTATUS` values that the kernel, KMDF, WSK and this project use, with their names and meanings.

use core::fmt;

use crate::base::NTSTATUS;

macro_rules! statuses {
    ($($(#[$attribute:meta])* $name:ident = $value:literal, $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            $(#[$attribute])*
            pub const $name: NTSTATUS = NTSTATUS::from_ne_bytes(u32::to_ne_bytes($value));
        )*

        /// Every status of this module: value, C name, meaning.
        pub const STATUSES: &[(NTSTATUS, &str, &str)] = &[$(($name, stringify!($name), $meaning)),*];
    };
}

statuses! {
    STATUS_SUCCESS = 0x0000_0000, "The operation completed.";
    STATUS_USER_APC = 0x0000_00C0, "A user-mode asynchronous procedure call ended the wait.";
    STATUS_ALERTED = 0x0000_0101, "The thread was alerted.";
    STATUS_TIMEOUT = 0x0000_0102, "The wait ended before the object was signalled.";
    STATUS_PENDING = 0x0000_0103, "The operation has begun and will complete later.";
    STATUS_OBJECT_NAME_EXISTS = 0x4000_0000, "The object existed already and was opened.";
    STATUS_EVENT_PENDING = 0x4000_0013, "The event callback is disabled, but a call of it has not returned yet.";
    STATUS_BUFFER_OVERFLOW = 0x8000_0005, "The data was too large for the buffer; what fitted was returned.";
    STATUS_DEVICE_BUSY = 0x8000_0011, "The device is busy.";
    STATUS_NO_MORE_ENTRIES = 0x8000_001A, "There is no further entry.";
    STATUS_UNSUCCESSFUL = 0xC000_0001, "The operation failed.";
    STATUS_NOT_IMPLEMENTED = 0xC000_0002, "The operation is not implemented.";
    STATUS_INFO_LENGTH_MISMATCH = 0xC000_0004, "The length does not match the kind of information.";
    STATUS_ACCESS_VIOLATION = 0xC000_0005, "An address is not accessible.";
    STATUS_INVALID_HANDLE = 0xC000_0008, "The handle is not valid.";
    STATUS_INVALID_PARAMETER = 0xC000_000D, "A parameter is not valid.";
    STATUS_NO_SUCH_DEVICE = 0xC000_000E, "The device does not exist.";
    STATUS_INVALID_DEVICE_REQUEST = 0xC000_0010, "The device does not know this request.";
    STATUS_END_OF_FILE = 0xC000_0011, "The end of the file was reached.";
    STATUS_MORE_PROCESSING_REQUIRED = 0xC000_0016, "The IRP stays with the completion routine's owner.";
    STATUS_NO_MEMORY = 0xC000_0017, "There is not enough memory, or quota for it.";
    STATUS_ACCESS_DENIED = 0xC000_0022, "The caller has no right to this.";
    STATUS_BUFFER_TOO_SMALL = 0xC000_0023, "The buffer is too small for the data.";
    STATUS_OBJECT_NAME_INVALID = 0xC000_0033, "The object name is not valid.";
    STATUS_OBJECT_NAME_NOT_FOUND = 0xC000_0034, "No object has this name.";
    STATUS_OBJECT_NAME_COLLISION = 0xC000_0035, "An object of this name exists already.";
    STATUS_SHARING_VIOLATION = 0xC000_0043, "Somebody else has it open and does not share it.";
    STATUS_QUOTA_EXCEEDED = 0xC000_0044, "A limit on what one process or handle may use is reached.";
    STATUS_THREAD_IS_TERMINATING = 0xC000_004B, "The thread is ending.";
    STATUS_DELETE_PENDING = 0xC000_0056, "The object is being deleted.";
    STATUS_INVALID_SECURITY_DESCR = 0xC000_0079, "The security descriptor is not valid.";
    STATUS_INTEGER_OVERFLOW = 0xC000_0095, "A number does not fit.";
    STATUS_INSUFFICIENT_RESOURCES = 0xC000_009A, "There is not enough memory.";
    STATUS_WORKING_SET_QUOTA = 0xC000_00A1, "The process may not lock so much memory.";
    STATUS_DEVICE_NOT_READY = 0xC000_00A3, "The device, or the provider of an interface, is not ready yet.";
    STATUS_IO_TIMEOUT = 0xC000_00B5, "The time limit passed, and the operation was cancelled.";
    STATUS_FILE_FORCED_CLOSED = 0xC000_00B6, "The socket is no longer functional and can only be closed.";
    STATUS_NOT_SUPPORTED = 0xC000_00BB, "The request is not supported.";
    STATUS_BAD_NETWORK_PATH = 0xC000_00BE, "No path leads to the remote address.";
    STATUS_REQUEST_NOT_ACCEPTED = 0xC000_00D0, "The request cannot be completed without an IRP.";
    STATUS_INVALID_USER_BUFFER = 0xC000_00E8, "The buffer of the process is not one that the request can use.";
    STATUS_INVALID_PARAMETER_2 = 0xC000_00F0, "The second parameter is not valid.";
    STATUS_INVALID_PARAMETER_4 = 0xC000_00F2, "The fourth parameter is not valid.";
    STATUS_INVALID_PARAMETER_5 = 0xC000_00F3, "The fifth parameter is not valid.";
    STATUS_CANCELLED = 0xC000_0120, "The request was cancelled.";
    STATUS_FILE_CLOSED = 0xC000_0128, "The handle is being closed.";
    STATUS_INVALID_CONNECTION = 0xC000_0140, "There is no connection.";
    STATUS_INVALID_ADDRESS = 0xC000_0141, "The transport address is not valid.";
    STATUS_INVALID_ADDRESS_COMPONENT = 0xC000_0207, "The network address is not valid.";
    STATUS_DRIVER_INTERNAL_ERROR = 0xC000_0183, "The driver met an inconsistent state of its own.";
    STATUS_KEY_DELETED = 0xC000_017C, "The key of the registry was removed.";
    STATUS_INVALID_DEVICE_STATE = 0xC000_0184, "The device, or the socket, is not in the state that the request needs.";
    STATUS_ADDRESS_CLOSED = 0xC000_020B, "The transport address is closed.";
    STATUS_INVALID_BUFFER_SIZE = 0xC000_0206, "The size of the buffer is not what the request needs.";
    STATUS_TOO_MANY_ADDRESSES = 0xC000_0209, "The transport has no room for another address, or no free port.";
    STATUS_ADDRESS_ALREADY_EXISTS = 0xC000_020A, "The local address is in use by another socket.";
    STATUS_CONNECTION_RESET = 0xC000_020D, "The remote host has reset the connection.";
    STATUS_DATA_NOT_ACCEPTED = 0xC000_021B, "The callback did not take the data.";
    STATUS_NOT_FOUND = 0xC000_0225, "The object was not found.";
    STATUS_CONNECTION_REFUSED = 0xC000_0236, "The remote host has refused the connection.";
    STATUS_ADDRESS_ALREADY_ASSOCIATED = 0xC000_0238, "The local address is associated with a socket already.";
    STATUS_ADDRESS_NOT_ASSOCIATED = 0xC000_0239, "The socket has no local address yet.";
    STATUS_NETWORK_UNREACHABLE = 0xC000_023C, "No route leads to the remote network.";
    STATUS_HOST_UNREACHABLE = 0xC000_023D, "The remote host cannot be reached.";
    STATUS_PROTOCOL_UNREACHABLE = 0xC000_023E, "The remote host does not know the protocol.";
    STATUS_PORT_UNREACHABLE = 0xC000_023F, "No socket is bound to the remote port.";
    STATUS_REQUEST_ABORTED = 0xC000_0240, "The request was aborted.";
    STATUS_CONNECTION_ABORTED = 0xC000_0241, "The connection was aborted by this machine.";
    STATUS_NOINTERFACE = 0xC000_02B9, "The provider does not offer the requested interface or version.";
    STATUS_HOPLIMIT_EXCEEDED = 0xC000_A012, "The datagram passed more routers than it was allowed to.";
    STATUS_PROTOCOL_NOT_SUPPORTED = 0xC000_A013, "The protocol is not supported.";
}

/// The C name of a status, if this module has it.
#[must_use]
pub fn status_name(status: NTSTATUS) -> Option<&'static str> {
    STATUSES.iter().find(|row| row.0 == status).map(|row| row.1)
}

/// What a status means, if this module has it.
#[must_use]
pub fn status_meaning(status: NTSTATUS) -> Option<&'static str> {
    STATUSES.iter().find(|row| row.0 == status).map(|row| row.2)
}

/// A status that shows itself by name and number, `STATUS_CANCELLED (0xC0000120)`, or by number alone where this module
/// has no name: as C programmers write it, where an `NTSTATUS` would show itself as a negative number.
///
/// ```
/// use nt_sys::{NamedStatus, STATUS_CANCELLED};
///
/// assert_eq!(format!("{:?}", NamedStatus(STATUS_CANCELLED)), "STATUS_CANCELLED (0xC0000120)");
/// assert_eq!(NamedStatus(-1).to_string(), "0xFFFFFFFF");
/// assert_eq!(NamedStatus(STATUS_CANCELLED), STATUS_CANCELLED);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NamedStatus(pub NTSTATUS);

impl fmt::Display for NamedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match status_name(self.0) {
            Some(name) => write!(f, "{name} (0x{:08X})", self.0),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

impl core::error::Error for NamedStatus {}

impl PartialEq<NTSTATUS> for NamedStatus {
    fn eq(&self, other: &NTSTATUS) -> bool {
        self.0 == *other
    }
}

impl fmt::Debug for NamedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
