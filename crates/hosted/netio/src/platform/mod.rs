//! What the provider needs and no kernel exports: the state of this machine, reports of broken rules, faults, logs.
//!
//! All other files call the kernel through its exported functions. There are two kernels: the hosted one, with the
//! feature `hosted`, and Wine's.

#[cfg(feature = "hosted")]
mod hosted;
#[cfg(not(feature = "hosted"))]
mod wine;

#[cfg(feature = "hosted")]
pub(crate) use hosted::{
    Owner, Used, check_mdl, check_pages, fault, hang_limit, hold, in_driver_entry, in_flight, install,
    irp_name, is_irp, is_own_thread, let_go, on_behalf_of, paged_block, provider, routine, sent,
    spin_locks_held, strict, violation, who,
};
#[cfg(not(feature = "hosted"))]
pub use wine::clients_gone;
#[cfg(not(feature = "hosted"))]
pub(crate) use wine::{
    Owner, Used, check_mdl, check_pages, fault, hang_limit, hold, in_driver_entry, in_flight, irp_name,
    is_irp, is_own_thread, let_go, on_behalf_of, paged_block, provider, routine, sent, spin_locks_held,
    strict, violation, who,
};
