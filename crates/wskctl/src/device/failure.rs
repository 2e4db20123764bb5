//! Why a device was not opened, or a request refused, and what to do about it.

use std::error::Error;
use std::{fmt, io};

use wsk_sys::{self as sys, NTSTATUS, NamedStatus};

use super::Hosted;

/// What is said of a status that `wsk_sys` has no name for.
const UNKNOWN: &str = "This status is not in the table of NTSTATUS values.";

/// A request that ended with a status other than success.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The status, as the driver gave it.
    pub status: NTSTATUS,
    /// The control code of the request.
    pub code: u32,
}

impl Refused {
    /// The refusal of a request of this control code.
    #[must_use]
    pub const fn new(status: NTSTATUS, code: u32) -> Refused {
        Refused { status, code }
    }

    /// The status' C name, or its number.
    #[must_use]
    pub fn name(&self) -> String {
        sys::status_name(self.status).map_or_else(|| self.number(), str::to_owned)
    }

    /// The status as C headers write it.
    #[must_use]
    pub fn number(&self) -> String {
        format!("0x{:08X}", self.status)
    }

    /// What the status means.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        sys::status_meaning(self.status).unwrap_or(UNKNOWN)
    }

    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        if (self.code, self.status) == (wskdrv_abi::IOCTL_WSKDRV_PROBE, sys::STATUS_INVALID_DEVICE_REQUEST) {
            return Some(
                "The driver was built without the feature `probe`: load one of `cargo xtask cross --probe`.",
            );
        }
        ADVICE.iter().find(|row| row.0 == self.status).map(|row| row.1)
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code =
            wskdrv_abi::code::name(self.code).map_or_else(|| format!("{:#X}", self.code), str::to_owned);
        f.debug_struct("Refused")
            .field("status", &NamedStatus(self.status))
            .field("code", &format_args!("{code}"))
            .finish()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = wskdrv_abi::code::name(self.code).unwrap_or("the request");
        write!(f, "{request} was refused with {} ({}): {}", self.name(), self.number(), self.meaning())
    }
}

impl Error for Refused {}

/// What to do about a status, whatever was asked for. What depends on the request is said of the step (`Step::advice`).
const ADVICE: &[(NTSTATUS, &str)] = &[
    (
        sys::STATUS_INVALID_DEVICE_REQUEST,
        "The driver does not know the request: it is older than this program (see `wskctl info`).",
    ),
    (sys::STATUS_NOT_SUPPORTED, "The transport does not offer this; `wskctl options` lists what is known."),
    (sys::STATUS_INFO_LENGTH_MISMATCH, "Give a value of the size that `wskctl options` lists."),
    (sys::STATUS_DEVICE_NOT_READY, "The WSK provider has not started yet: try again in a moment."),
    (sys::STATUS_IO_TIMEOUT, "It did not end within its time limit: raise that, or give none."),
    (sys::STATUS_INSUFFICIENT_RESOURCES, "The kernel is out of memory: close something and try again."),
    (sys::STATUS_QUOTA_EXCEEDED, "The handle has as many requests pending as it may: let some end first."),
    (sys::STATUS_FILE_FORCED_CLOSED, "The transport is gone: close the handle and start anew."),
    (sys::STATUS_NETWORK_UNREACHABLE, "No route leads there: check the address and the routing table."),
    (sys::STATUS_HOST_UNREACHABLE, "The host does not answer: check the address."),
    (sys::STATUS_PORT_UNREACHABLE, "Nothing listens on the remote port: start the peer first."),
];

/// Why a device could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// This system has no device paths.
    NoDevices {
        /// The path that was asked for.
        path: String,
    },
    /// This build has no hosted driver in it.
    NotHosted {
        /// How it was to be booted.
        config: Hosted,
    },
    /// `CreateFile` failed.
    Path {
        /// The path that was asked for.
        path: String,
        /// The system's word.
        source: io::Error,
    },
    /// The hosted kernel refused to load the driver or to open the device.
    Hosted {
        /// What was being done.
        doing: &'static str,
        /// With which status it ended.
        status: NamedStatus,
    },
}

impl OpenError {
    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::NoDevices { .. } => {
                Some("Only Windows has device paths: use `--device hosted`, the driver inside this program.")
            }
            Self::Path { source, .. } => match source.kind() {
                io::ErrorKind::NotFound if cfg!(feature = "hosted") => Some(
                    "The driver is not running: `wskctl driver install PATH-TO-SYS`, then `wskctl driver start`. Or \
                     use `--device hosted`, the driver inside this program, which needs no installation.",
                ),
                io::ErrorKind::NotFound => Some(
                    "The driver is not running: `wskctl driver install PATH-TO-SYS`, then `wskctl driver start`.",
                ),
                io::ErrorKind::PermissionDenied if cfg!(feature = "hosted") => Some(
                    "The device is for Administrators: run this from an elevated prompt, or use `--device hosted`, \
                     the driver inside this program.",
                ),
                io::ErrorKind::PermissionDenied => {
                    Some("The device is for Administrators: run this from an elevated prompt.")
                }
                _ => None,
            },
            Self::NotHosted { .. } => Some("Give the path of a device, or build with the feature `hosted`."),
            Self::Hosted { .. } => None,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDevices { path } => write!(f, "cannot open {path} on this system"),
            Self::NotHosted { .. } => f.write_str("this program has no hosted driver in it"),
            Self::Path { path, source } => write!(f, "cannot open {path}: {source}"),
            Self::Hosted { doing, status } => {
                let meaning = sys::status_meaning(status.0).unwrap_or(UNKNOWN);
                write!(f, "{doing} ended with {status}: {meaning}")
            }
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Path { source, .. } => Some(source),
            Self::NoDevices { .. } | Self::NotHosted { .. } | Self::Hosted { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_request_name_number_and_meaning() {
        let refused = Refused::new(sys::STATUS_ACCESS_DENIED, wskdrv_abi::IOCTL_WSKDRV_BIND);
        assert_eq!(
            refused.to_string(),
            "IOCTL_WSKDRV_BIND was refused with STATUS_ACCESS_DENIED (0xC0000022): The caller has no right to this."
        );
        // What to do depends on what was asked for.
        assert_eq!(refused.advice(), None);
    }

    #[test]
    fn a_driver_without_the_probes_is_no_older_one() {
        let advice = |code| Refused::new(sys::STATUS_INVALID_DEVICE_REQUEST, code).advice().unwrap();
        assert!(advice(wskdrv_abi::IOCTL_WSKDRV_PROBE).contains("--probe"));
        assert!(advice(wskdrv_abi::IOCTL_WSKDRV_BIND).contains("older"));
    }

    #[test]
    fn a_device_that_is_not_there_leads_to_the_hosted_one() {
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied] {
            let error = OpenError::Path { path: r"\\.\WskDrv".to_owned(), source: kind.into() };
            assert_eq!(error.advice().unwrap().contains("`--device hosted`"), cfg!(feature = "hosted"));
        }
    }

    #[test]
    fn an_unknown_status_is_shown_by_its_number() {
        let refused = Refused::new(0x4012_3456, 0);
        assert_eq!(refused.name(), "0x40123456");
        assert!(refused.to_string().starts_with("the request was refused with 0x40123456"));
        assert_eq!(refused.advice(), None);
    }

    #[test]
    fn no_status_has_two_pieces_of_advice() {
        for (index, (status, _)) in ADVICE.iter().enumerate() {
            assert!(ADVICE[..index].iter().all(|row| row.0 != *status), "{status:#X}");
        }
    }
}
