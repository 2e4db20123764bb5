//! A part of the document: what was found, or why it was not.

use std::io;

use serde::Serialize;

use crate::error::Error;
use crate::{service, verifier};

/// A part of the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section<T> {
    /// What was found.
    Data(T),
    /// Why there is nothing.
    Error(Fault),
}

/// Why a part of the document is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The sentence.
    pub message: String,
    /// What to do about it, where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl<T> Section<T> {
    pub(super) fn of(found: Result<T, Fault>) -> Section<T> {
        found.map_or_else(Self::Error, Self::Data)
    }

    pub(super) fn missing(why: impl Into<String>) -> Section<T> {
        Self::Error(Fault::new(why.into()))
    }

    /// What was found, if anything.
    #[must_use]
    pub const fn data(&self) -> Option<&T> {
        match self {
            Self::Data(data) => Some(data),
            Self::Error(_) => None,
        }
    }
}

impl Fault {
    pub(super) const fn new(message: String) -> Fault {
        Fault { message, advice: None }
    }
}

macro_rules! faults {
    ($($error:ty),*) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Fault {
                Fault::from(&error)
            }
        }
        impl From<&$error> for Fault {
            fn from(error: &$error) -> Fault {
                Fault { message: error.to_string(), advice: error.advice().map(Into::into) }
            }
        }
    )*};
}

faults!(Error, service::Error, verifier::Error);

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::new(error.to_string())
    }
}
