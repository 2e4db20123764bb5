//! The statuses by which the driver itself refuses or ends a request.
//!
//! Any other status is WSK's, or the transport's, as it came.

/// Why the driver ends a request with a status, as a row of [`REFUSALS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The `NTSTATUS`.
    pub status: i32,
    /// Its C name.
    pub name: &'static str,
    /// When a request ends with it.
    pub because: &'static str,
}

macro_rules! refusals {
    ($($name:ident = $status:literal, $because:literal;)*) => {
        /// Every status of the driver's own.
        ///
        /// | status | because |
        /// |---|---|
        $(#[doc = concat!("| `", stringify!($name), "` | ", $because, " |")])*
        pub const REFUSALS: &[Refusal] = &[$(Refusal {
            status: i32::from_ne_bytes(u32::to_ne_bytes($status)),
            name: stringify!($name),
            because: $because,
        }),*];
    };
}

refusals! {
    STATUS_INVALID_DEVICE_REQUEST = 0xC000_0010,
        "the code is unknown; the option cannot be read (set-only) or written (get-only)";
    STATUS_BUFFER_TOO_SMALL = 0xC000_0023,
        "the input is too short, or the output buffer too small";
    STATUS_INVALID_BUFFER_SIZE = 0xC000_0206,
        "the input is longer than the request allows; the lengths of the datagrams are not the payload's";
    STATUS_INVALID_PARAMETER = 0xC000_000D,
        "a reserved field or a flag is not zero, the address family is unknown, an address has not the length of its family; a queue, a number of datagrams or control information that cannot be";
    STATUS_INVALID_ADDRESS_COMPONENT = 0xC000_0207,
        "an address is not of the socket's family; WSK told an address of no family that is known";
    STATUS_INVALID_DEVICE_STATE = 0xC000_0184,
        "the state is wrong: no socket yet, a second create, a second wait for the transports on a handle, a send before bind, an option for before bind after it or the reverse, a second enabling of the receive event, enabling or disabling it while another request does, a drain of an empty queue whose event is not enabled; what needs PASSIVE_LEVEL was asked at a higher IRQL, by another driver";
    STATUS_NOT_SUPPORTED = 0xC000_00BB,
        "the option or IOCTL has no typed row (the raw code may pass it)";
    STATUS_INFO_LENGTH_MISMATCH = 0xC000_0004,
        "the value has not the option's size; WSK told more than there was room for";
    STATUS_INVALID_SECURITY_DESCR = 0xC000_0079,
        "the bytes are no self-relative security descriptor with entries that allow or deny";
    STATUS_ACCESS_DENIED = 0xC000_0022,
        "the request could carry a kernel pointer, or must go without an IRP and has no code of its own; the handle was not opened with the access that the code needs";
    STATUS_FILE_CLOSED = 0xC000_0128,
        "the handle is being closed";
    STATUS_FILE_FORCED_CLOSED = 0xC000_00B6,
        "the socket is no longer functional";
    STATUS_DEVICE_NOT_READY = 0xC000_00A3,
        "the WSK provider is not ready";
    STATUS_NOINTERFACE = 0xC000_02B9,
        "the WSK provider does not offer the version that the driver was made for";
    STATUS_QUOTA_EXCEEDED = 0xC000_0044,
        "the handle's pending requests have as many operations as there may be (`PENDING_MAX`)";
    STATUS_INSUFFICIENT_RESOURCES = 0xC000_009A,
        "memory cannot be allocated, or a buffer not be mapped";
    STATUS_BUFFER_OVERFLOW = 0x8000_0005,
        "a list of addresses or transports kept growing while it was asked for";
    STATUS_REQUEST_NOT_ACCEPTED = 0xC000_00D0,
        "WSK did not do in the call what it is to do without an IRP";
    STATUS_CANCELLED = 0xC000_0120,
        "the request was cancelled";
    STATUS_IO_TIMEOUT = 0xC000_00B5,
        "the time limit passed";
}

/// The row of a status, if it is one of the driver's own.
#[must_use]
pub fn find(status: i32) -> Option<&'static Refusal> {
    REFUSALS.iter().find(|refusal| refusal.status == status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_names() {
        for Refusal { status, name, .. } in REFUSALS {
            let known = wsk_sys::STATUSES.iter().find(|(_, known, _)| known == name);
            assert_eq!(known.map(|known| known.0), Some(*status), "{name}");
            assert_eq!(find(*status).map(|found| found.name), Some(*name), "one row for each");
        }
        assert_eq!(find(0), None);
    }
}
