//! Loading a driver into a machine, and asking the framework there: what a test uses.

pub(crate) mod entry;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use wsk_sys::{DRIVER_INITIALIZE, NamedStatus};

use crate::device;
use crate::object::wait_limit;
use crate::platform;
use crate::rules;

/// Says that a machine asks the framework what is in flight, when a wait does not end.
struct Reported;

/// Loads a framework driver: binds it, and calls its `DriverEntry` at `PASSIVE_LEVEL` in a system thread.
///
/// When the result is unloaded, `EvtDriverUnload` is called, and then everything that the driver made is deleted.
///
/// # Errors
/// What `DriverEntry` failed with.
pub fn load(
    machine: &ntos::Machine,
    name: &str,
    entry: DRIVER_INITIALIZE,
) -> Result<ntos::Driver, NamedStatus> {
    let _entered = machine.enter();
    machine.extension(|| {
        machine.on_stuck(entry::in_flight);
        Reported
    });
    entry::loading().0.lock().push((String::from(name), entry));
    let result = machine.load_driver(name, entry::start);
    // Still there if the kernel did not get as far as the entry point.
    entry::loading().0.lock().retain(|(loading, _)| loading != name);
    result
}

/// The requests that the machine's drivers own at the moment, one text for each queue that any are from.
#[must_use]
pub fn owned_requests(machine: &ntos::Machine) -> Vec<String> {
    let _entered = machine.enter();
    entry::owned_requests()
}

/// Checks that no driver owns a request: for the point of a test at which each must be completed.
///
/// A request that its driver forgot keeps its file open, and with it the driver loaded: an unload waits until the
/// machine's [`hang_limit`](ntos::Config::hang_limit) is over, and names the request then.
pub fn check_requests_completed(machine: &ntos::Machine) {
    let _entered = machine.enter();
    let owned = entry::owned_requests();
    if !owned.is_empty() {
        platform::violation(
            &rules::NOT_COMPLETED,
            format!("the driver has not completed {}", owned.join(", ")),
        );
    }
}

/// Sets how many seconds the framework waits for a driver (to complete its requests, to return from a callback, to
/// release the lock of an object), before it reports what is missing. At first, 60.
pub fn set_wait_limit(machine: &ntos::Machine, seconds: u64) {
    let _entered = machine.enter();
    wait_limit::set_seconds(seconds);
}

/// Makes the framework take a file whose create request was refused for open all the same, as Wine's I/O manager does:
/// its requests end with the status of the create, and the driver sees none of them.
pub fn set_refused_creates_open(machine: &ntos::Machine, open: bool) {
    let _entered = machine.enter();
    device::set_refused_creates_open(open);
}
