//! Calling a driver: every callback goes through here, and is checked when it returns.

use alloc::format;
use core::fmt;

use crate::object::args::irql;
use crate::object::client::Client;
use crate::platform;
use crate::rules;

/// What a callback is called in reports.
struct Callback {
    name: &'static str,
    object: usize,
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, crate::object::name_of(self.object))
    }
}

/// Calls a driver's `callback`, which belongs to the object `describe` names, and checks that it returns at the IRQL
/// it was called at, with no lock of the framework's held that it did not hold before.
pub(crate) fn call<R>(client: &Client, name: &'static str, object: usize, callback: impl FnOnce() -> R) -> R {
    let level = irql();
    let held = platform::held();
    platform::enter_callback(client.globals().addr(), object);
    let result = platform::routine(&Callback { name, object }, callback);
    platform::leave_callback();
    let after = platform::held();
    if let Some(lock) = after.iter().find(|lock| !held.contains(lock)) {
        let rule = if lock.waits { &rules::CALLBACK_CRITICAL_REGION } else { &rules::CALLBACK_SPIN_LOCK };
        rules::verify(rule, || {
            format!(
                "{name} of {} ({}) returned holding {}",
                crate::object::name_of(object),
                client.service(),
                crate::object::name_of(lock.handle)
            )
        });
    }
    let returned = irql();
    if returned != level {
        rules::verify(&rules::CALLBACK_IRQL, || {
            format!(
                "{name} of {} ({}) was called at IRQL {level} and returned at {returned}",
                crate::object::name_of(object),
                client.service()
            )
        });
    }
    result
}
