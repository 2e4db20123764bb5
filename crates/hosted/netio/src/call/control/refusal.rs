//! With which status a control request is refused, where the pages leave it open.

use readings::{
    ForeignRequest, LateOption, NoPath, RequestType, ShortValue, TdiMapping, UnknownRequest, UnusedBuffer,
};
use wsk_sys::{
    NTSTATUS, STATUS_BUFFER_TOO_SMALL, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_CONNECTION,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
};

use crate::provider::Provider;

/// Why a request is refused before anything else of it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No row knows it.
    Unknown,
    /// It is one of other sockets, or of the other direction.
    Foreign,
    /// It is of no type that there is.
    Type,
    /// Its IRP is missing, or must not be there.
    Irp,
}

impl Refusal {
    pub(super) fn status(self, provider: &Provider) -> NTSTATUS {
        match self {
            Refusal::Unknown => match provider.reading() {
                UnknownRequest::NotSupported => STATUS_NOT_SUPPORTED,
                UnknownRequest::InvalidParameter => STATUS_INVALID_PARAMETER,
                UnknownRequest::InvalidRequest => STATUS_INVALID_DEVICE_REQUEST,
            },
            Refusal::Foreign => match provider.reading() {
                ForeignRequest::InvalidRequest => STATUS_INVALID_DEVICE_REQUEST,
                ForeignRequest::InvalidParameter => STATUS_INVALID_PARAMETER,
                ForeignRequest::NotSupported => STATUS_NOT_SUPPORTED,
            },
            Refusal::Type => match provider.reading() {
                RequestType::InvalidParameter => STATUS_INVALID_PARAMETER,
                RequestType::NotSupported => STATUS_NOT_SUPPORTED,
                RequestType::InvalidRequest => STATUS_INVALID_DEVICE_REQUEST,
            },
            Refusal::Irp => STATUS_INVALID_PARAMETER,
        }
    }
}

/// What setting an option after the bind comes to, which is for the time before it.
pub(crate) fn late(provider: &Provider) -> Result<(), NTSTATUS> {
    match provider.reading() {
        LateOption::InvalidState => Err(STATUS_INVALID_DEVICE_STATE),
        LateOption::InvalidParameter => Err(STATUS_INVALID_PARAMETER),
        LateOption::NoEffect => Ok(()),
    }
}

/// The status for a value, or room for one, that is too small.
pub(crate) fn short(provider: &Provider) -> NTSTATUS {
    match provider.reading() {
        ShortValue::BufferTooSmall => STATUS_BUFFER_TOO_SMALL,
        ShortValue::InvalidParameter => STATUS_INVALID_PARAMETER,
        ShortValue::LengthMismatch => STATUS_INFO_LENGTH_MISMATCH,
    }
}

/// What a buffer comes to that the request does not use, if it is not `absent`.
pub(super) fn unused(provider: &Provider, absent: bool) -> Result<(), NTSTATUS> {
    match provider.reading() {
        UnusedBuffer::InvalidParameter if !absent => Err(STATUS_INVALID_PARAMETER),
        UnusedBuffer::InvalidParameter | UnusedBuffer::Ignored => Ok(()),
    }
}

/// The status for the MTU of the path to nowhere.
pub(super) fn no_path(provider: &Provider) -> NTSTATUS {
    match provider.reading() {
        NoPath::InvalidState => STATUS_INVALID_DEVICE_STATE,
        NoPath::NotConnected => STATUS_INVALID_CONNECTION,
        NoPath::InvalidParameter => STATUS_INVALID_PARAMETER,
    }
}

/// The status for a control request of the client that nobody serves.
pub(crate) fn of_client(provider: &Provider) -> NTSTATUS {
    match provider.reading() {
        TdiMapping::NotSupported => STATUS_NOT_SUPPORTED,
        TdiMapping::InvalidParameter => STATUS_INVALID_PARAMETER,
        TdiMapping::InvalidRequest => STATUS_INVALID_DEVICE_REQUEST,
    }
}
