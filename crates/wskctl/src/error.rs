//! Why a step on a session failed.

use std::fmt;

use wsk_sys::NTSTATUS;
use wskdrv_abi as abi;

use crate::device::{OpenError, Refused};

/// Why a step on a session failed.
#[derive(Debug)]
pub enum Error {
    /// The device could not be opened.
    Open(OpenError),
    /// The request ended with a status other than success.
    Refused(Refused),
    /// The answer is not what the contract says.
    Reply {
        /// The control code.
        code: u32,
        /// What is wrong with the answer.
        what: String,
    },
    /// The session was interrupted.
    Interrupted,
    /// Another socket was named, where there is one only.
    NoOthers,
    /// There is no answer, long after the driver's own time limit.
    NoAnswer {
        /// The control code.
        code: u32,
    },
}

impl Error {
    /// The status, if a status it was.
    #[must_use]
    pub const fn status(&self) -> Option<NTSTATUS> {
        match self {
            Self::Refused(refused) => Some(refused.status),
            Self::Open(_)
            | Self::Reply { .. }
            | Self::NoAnswer { .. }
            | Self::Interrupted
            | Self::NoOthers => None,
        }
    }

    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Open(error) => error.advice(),
            Self::Refused(refused) => refused.advice(),
            Self::Reply { .. } => Some("Driver and program do not belong together: compare `wskctl info`."),
            Self::Interrupted => None,
            Self::NoOthers => Some("`on NAME STEP` in a script makes one: see `wskctl script --help`."),
            Self::NoAnswer { .. } => Some("The driver hangs: this is a defect of the driver."),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |code: &u32| abi::code::name(*code).unwrap_or("the request");
        match self {
            Self::Open(error) => error.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
            Self::Reply { code, what } => write!(f, "the answer to {} is not as agreed: {what}", name(code)),
            Self::Interrupted => f.write_str("it was interrupted"),
            Self::NoOthers => f.write_str("there is no socket of this name: only a script has several"),
            Self::NoAnswer { code } => write!(f, "{} got no answer", name(code)),
        }
    }
}

impl std::error::Error for Error {}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Error {
        Self::Open(error)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Error {
        Self::Refused(refused)
    }
}
