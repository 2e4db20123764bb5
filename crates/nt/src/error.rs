//! The error type: an `NTSTATUS` that is not a success.

use core::fmt;
use core::num::NonZeroI32;

use nt_sys::{NT_SUCCESS, NTSTATUS, status_meaning, status_name};

/// A failed `NTSTATUS`, unchanged as the kernel gave it.
///
/// # Invariants
/// `NT_SUCCESS` is false of the value. Warnings such as `STATUS_BUFFER_OVERFLOW` are failures by this rule, and
/// `STATUS_PENDING` is not: it can never be an `Error`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Error(NonZeroI32);

/// The result of a call of the kernel.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

macro_rules! errors {
    ($($name:ident = $status:ident;)*) => {
        impl Error {
            $(
                #[doc = concat!("`", stringify!($status), "`")]
                pub const $name: Error = Error::constant(nt_sys::$status);
            )*
        }
    };
}

errors! {
    ACCESS_DENIED = STATUS_ACCESS_DENIED;
    ADDRESS_ALREADY_EXISTS = STATUS_ADDRESS_ALREADY_EXISTS;
    BUFFER_OVERFLOW = STATUS_BUFFER_OVERFLOW;
    BUFFER_TOO_SMALL = STATUS_BUFFER_TOO_SMALL;
    CANCELLED = STATUS_CANCELLED;
    DEVICE_NOT_READY = STATUS_DEVICE_NOT_READY;
    FILE_CLOSED = STATUS_FILE_CLOSED;
    FILE_FORCED_CLOSED = STATUS_FILE_FORCED_CLOSED;
    INFO_LENGTH_MISMATCH = STATUS_INFO_LENGTH_MISMATCH;
    INSUFFICIENT_RESOURCES = STATUS_INSUFFICIENT_RESOURCES;
    INVALID_ADDRESS_COMPONENT = STATUS_INVALID_ADDRESS_COMPONENT;
    INVALID_BUFFER_SIZE = STATUS_INVALID_BUFFER_SIZE;
    INVALID_DEVICE_REQUEST = STATUS_INVALID_DEVICE_REQUEST;
    INVALID_DEVICE_STATE = STATUS_INVALID_DEVICE_STATE;
    INVALID_PARAMETER = STATUS_INVALID_PARAMETER;
    INVALID_SECURITY_DESCR = STATUS_INVALID_SECURITY_DESCR;
    IO_TIMEOUT = STATUS_IO_TIMEOUT;
    NOINTERFACE = STATUS_NOINTERFACE;
    NOT_SUPPORTED = STATUS_NOT_SUPPORTED;
    QUOTA_EXCEEDED = STATUS_QUOTA_EXCEEDED;
    REQUEST_NOT_ACCEPTED = STATUS_REQUEST_NOT_ACCEPTED;
    UNSUCCESSFUL = STATUS_UNSUCCESSFUL;
}

impl Error {
    const fn constant(status: NTSTATUS) -> Error {
        assert!(!NT_SUCCESS(status), "an error constant is a failure code");
        match NonZeroI32::new(status) {
            // INVARIANT: asserted above.
            Some(status) => Error(status),
            None => unreachable!(),
        }
    }

    /// The error of a status, or `None` if it is a success or informational code.
    #[must_use]
    pub fn from_status(status: NTSTATUS) -> Option<Error> {
        // INVARIANT: `check` fails for failures only.
        check(status).err()
    }

    /// The `NTSTATUS` itself.
    #[must_use]
    pub const fn status(self) -> NTSTATUS {
        self.0.get()
    }
}

/// Whether `status` is a success or informational code.
///
/// # Errors
/// The status itself, if it is a warning or an error.
pub fn check(status: NTSTATUS) -> Result {
    match NonZeroI32::new(status) {
        // INVARIANT: the guard.
        Some(status) if !NT_SUCCESS(status.get()) => Err(Error(status)),
        _ => Ok(()),
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match status_name(self.status()) {
            Some(name) => f.write_str(name),
            None => write!(f, "NTSTATUS {:#010X}", self.status()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")?;
        match status_meaning(self.status()) {
            Some(meaning) => write!(f, ": {meaning}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;
    use std::{format, string::ToString};

    use super::{Error, check};

    #[test]
    fn failures_and_warnings_are_errors_and_nothing_else() {
        for success in [nt_sys::STATUS_SUCCESS, nt_sys::STATUS_PENDING, 0x4000_0000] {
            assert_eq!((check(success), Error::from_status(success)), (Ok(()), None), "{success:#x}");
        }
        for failure in [nt_sys::STATUS_BUFFER_OVERFLOW, nt_sys::STATUS_CANCELLED, -1] {
            let error = Error::from_status(failure).unwrap();
            assert_eq!((check(failure), error.status()), (Err(error), failure));
        }
    }

    #[test]
    fn an_error_has_its_c_name_and_says_what_it_means() {
        assert_eq!(format!("{:?}", Error::IO_TIMEOUT), "STATUS_IO_TIMEOUT");
        let text = Error::IO_TIMEOUT.to_string();
        assert_eq!(text, "STATUS_IO_TIMEOUT: The time limit passed, and the operation was cancelled.");
        let unknown = Error::from_status(-2).unwrap();
        assert_eq!((format!("{unknown:?}"), unknown.to_string()), {
            let number = "NTSTATUS 0xFFFFFFFE".to_string();
            (number.clone(), number)
        });
    }
}
