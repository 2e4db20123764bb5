//! Calling a driver: every callback goes through here, and is checked when it returns.
#![expect(unsafe_code, reason = "enters and leaves a critical region")]

use alloc::format;
use core::fmt;

use wsk_sys::{APC_LEVEL, KeEnterCriticalRegion, KeLeaveCriticalRegion};

use crate::object::Object;
use crate::object::args::irql;
use crate::object::client::Client;
use crate::object::handles::name_of;
use crate::platform;
use crate::rules;

/// What a callback is called in reports.
struct Callback {
    name: &'static str,
    object: usize,
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, name_of(self.object))
    }
}

/// Calls a driver's `callback`, which belongs to `object`, and checks that it returns at the IRQL it was called at, with
/// no lock of the framework's held that it did not hold before.
pub(crate) fn call<R>(object: &Object, name: &'static str, callback: impl FnOnce() -> R) -> R {
    call_driver(object.client(), name, object.handle(), callback)
}

/// The same, for the object with a handle; 0 for the driver itself.
pub(crate) fn call_driver<R>(
    client: &Client,
    name: &'static str,
    object: usize,
    callback: impl FnOnce() -> R,
) -> R {
    let level = irql();
    let held = platform::held();
    platform::enter_callback(client.globals().addr(), object);
    let what = Callback { name, object };
    let result = platform::routine(&what, callback);
    platform::leave_callback();
    let after = platform::held();
    if let Some(lock) = after.iter().find(|lock| !held.contains(lock)) {
        let rule = if lock.waits { &rules::CALLBACK_CRITICAL_REGION } else { &rules::CALLBACK_SPIN_LOCK };
        rules::verify(rule, || {
            format!("{what} ({}) returned holding {}", client.service(), name_of(lock.handle))
        });
    }
    let returned = irql();
    if returned != level {
        rules::verify(&rules::CALLBACK_IRQL, || {
            format!("{what} ({}) was called at IRQL {level} and returned at {returned}", client.service())
        });
    }
    result
}

/// Calls `f` in a critical region, if the IRQL allows one.
pub(crate) fn in_critical_region(f: impl FnOnce()) {
    let critical = irql() <= APC_LEVEL;
    if critical {
        // SAFETY: the level allows it; left below.
        unsafe { KeEnterCriticalRegion() };
    }
    f();
    if critical {
        // SAFETY: entered above, and the level is the same again.
        unsafe { KeLeaveCriticalRegion() };
    }
}
