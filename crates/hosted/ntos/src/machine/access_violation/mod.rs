//! A driver that uses an address at which there is nothing that it may use: a bug check that names the routine.
//!
//! On Unix the fault is a signal, on Windows an exception. One in special pool ends the machine, as other bug checks do: the
//! thread is stopped where it is. It may have a lock of the machine's then, which the report is made without. Any other
//! address is what the process as a whole has gone wrong by: on Unix the report is printed, and the process ends; on other
//! systems, and for a fault of a thread that is in no machine, it ends as it would without this.

#[cfg(all(unix, not(miri)))]
#[path = "unix.rs"]
mod handler;
#[cfg(windows)]
#[path = "windows.rs"]
mod handler;
#[cfg(not(any(windows, all(unix, not(miri)))))]
mod handler {
    pub(super) fn install() {}

    pub(super) fn prepare_thread() {}
}

#[cfg(any(windows, all(unix, not(miri))))]
mod report;

/// Looks from now on whether it is a driver that uses such an address.
pub(crate) fn install() {
    handler::install();
}

/// Makes sure that the calling thread can report what it does.
pub(crate) fn prepare_thread() {
    handler::prepare_thread();
}
