//! The functions that a driver's imports are turned to, each with the reason.

use crate::{dpc, irp, irql, mdl, pool, process, rundown, timer};

/// One of the functions.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The name in the driver's import table.
    pub name: &'static str,
    /// What Wine 8 does in its place.
    pub reason: &'static str,
    /// The function of this crate.
    pub function: usize,
}

macro_rules! table {
    ($($module:ident :: $function:ident: $reason:literal,)*) => {
        /// The functions that Wine 8 lacks, or has without doing what their pages say.
        #[must_use]
        pub fn table() -> Vec<Entry> {
            vec![$(Entry {
                name: stringify!($function),
                reason: $reason,
                function: $module::$function as *const () as usize,
            }),*]
        }
    };
}

table! {
    pool::ExAllocatePool: "goes with ExFreePoolWithTag",
    pool::ExAllocatePool2: "absent",
    pool::ExAllocatePoolWithQuotaTag: "goes with ExFreePoolWithTag",
    pool::ExAllocatePoolWithTag: "goes with ExFreePoolWithTag",
    pool::ExFreePool: "knows no block of the above",
    pool::ExFreePoolWithTag: "knows no block of the above, and no tags",
    rundown::ExInitializeRundownProtection: "raises an exception",
    rundown::ExAcquireRundownProtection: "raises an exception",
    rundown::ExReleaseRundownProtection: "raises an exception",
    rundown::ExWaitForRundownProtectionRelease: "raises an exception",
    irp::IoAllocateIrp: "does not count IRPs",
    mdl::IoBuildPartialMdl: "raises an exception",
    irp::IoFreeIrp: "frees the IRP's MDLs too; does not find misuse",
    process::IoGetRequestorProcessId: "raises an exception",
    timer::KeCancelTimer: "goes with KeSetTimerEx",
    dpc::KeFlushQueuedDpcs: "does not wait",
    irql::KeGetCurrentIrql: "absent",
    dpc::KeInitializeDpc: "goes with KeInsertQueueDpc",
    timer::KeInitializeTimer: "goes with KeSetTimerEx",
    timer::KeInitializeTimerEx: "goes with KeSetTimerEx",
    dpc::KeInsertQueueDpc: "says that it did, and never runs the DPC",
    irql::KeLowerIrql: "does nothing",
    dpc::KeRemoveQueueDpc: "raises an exception",
    timer::KeSetTimer: "goes with KeSetTimerEx",
    timer::KeSetTimerEx: "touches the timer after its DPC has run, which KeFlushQueuedDpcs cannot wait for",
    irql::KfRaiseIrql: "does nothing",
    mdl::MmBuildMdlForNonPagedPool: "does nothing: the MDL has no mapped address",
    mdl::MmMapLockedPagesSpecifyCache: "returns null",
    mdl::MmProbeAndLockPages: "does nothing: the MDL is not marked",
    mdl::MmUnlockPages: "does nothing: the MDL stays marked",
}
