//! What a driver may expect of the kernel and Wine's `ntoskrnl.exe` does not do.
//!
//! Both modules that stand beside the driver link this crate. For what Wine lacks altogether it has functions of the
//! C names, which the modules call in place of imports. For a driver, whose file is the one that Windows loads,
//! [`imports::supply`] puts the functions of [`table::table`] into its import table before `DriverEntry` runs: the
//! framework when the driver binds, WSK when a driver without the framework is loaded ([`clients`]).
//!
//! Nothing here raises an IRQL, since a user-mode process has none.
#![cfg(windows)]
#![allow(non_snake_case, reason = "the functions and their parameters bear their C names")]
#![allow(
    clippy::missing_safety_doc,
    reason = "Microsoft's page of the same name is the contract of each function"
)]

pub mod attach;
pub mod clients;
pub mod dpc;
pub mod imports;
pub mod irp;
pub mod irql;
pub mod left;
pub mod mdl;
pub mod pool;
pub mod process;
pub mod rules;
pub mod rundown;
pub mod stale;
pub mod table;
pub mod timer;
