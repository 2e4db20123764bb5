//! What a device's kernel can tell of its IRPs.

use serde::{Serialize, Serializer};
use wsk_sys::{KIRQL, NamedStatus};

/// One moment in the life of an IRP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IrpEvent {
    /// Which IRP: a number given at its allocation.
    pub irp: u64,
    /// Whether the I/O manager made it, for a request from user mode.
    pub system: bool,
    /// What happened.
    pub step: IrpStep,
    /// At which IRQL.
    pub irql: KIRQL,
}

/// What can happen to an IRP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IrpStep {
    /// `IoAllocateIrp`.
    Allocated {
        /// Its `StackSize`.
        stack_count: i8,
    },
    /// Handed to a driver or to WSK.
    Sent {
        /// The function, with what it was asked.
        what: String,
    },
    /// `IoCancelIrp`.
    Cancelled,
    /// `IoCompleteRequest`.
    Completed {
        /// `IoStatus.Status`.
        #[serde(serialize_with = "by_name")]
        status: NamedStatus,
        /// `IoStatus.Information`.
        information: usize,
    },
    /// The completion routine returned.
    RoutineReturned {
        /// What it returned.
        #[serde(serialize_with = "by_name")]
        status: NamedStatus,
    },
    /// `IoReuseIrp`.
    Reused,
    /// `IoFreeIrp`.
    Freed,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn by_name<S: Serializer>(status: &NamedStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&crate::step::status_name(status.0))
}
