//! Wine's kernel: `ntoskrnl.exe` in the process that Wine runs drivers in, with one provider for each process.
//!
//! Nothing there has an IRQL: every thread is at `PASSIVE_LEVEL`, so the rules on IRQL hold trivially. No fault point
//! fires, there is no log, and which memory is an IRP is not known.

use std::env;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hosted_rule::report::{self, print};
use wsk_sys::{IRP, MDL, PEPROCESS, WSK_REGISTRATION};

use crate::Config;
use crate::net::guard::Who;
use crate::provider::Provider;
use crate::rules::{Broken, REGISTRATION_LEFT};

/// Whose something is: all drivers' alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner;

impl Owner {
    /// No driver.
    pub(crate) const SYSTEM: Owner = Owner;

    /// The owner of what the calling thread does.
    pub(crate) fn current() -> Owner {
        Owner
    }
}

/// The environment variable that says how requests end: see [`Completion`](crate::Completion)'s text form.
const COMPLETION: &str = "WSK_COMPLETION";
/// The one that says which readings are followed, in the text form of `Readings`.
const READINGS: &str = "WSK_READINGS";

/// The provider of this process.
pub(crate) fn provider() -> Arc<Provider> {
    static PROVIDER: OnceLock<Arc<Provider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(Provider::new(config()))))
}

fn config() -> Config {
    let mut config = Config::default();
    set(COMPLETION, &mut config.completion);
    set(READINGS, &mut config.readings);
    // `cargo xtask wine` looks for this line.
    print(&format!("netio: completion is {}, readings are {}", config.completion, config.readings));
    config
}

/// Sets what an environment variable says, if it is there and says something.
fn set<T: FromStr<Err: fmt::Display>>(variable: &str, value: &mut T) {
    let Ok(text) = env::var(variable) else { return };
    match text.parse() {
        Ok(parsed) => *value = parsed,
        Err(error) => print(&format!("{variable}: {error}")),
    }
}

/// To be called when the last driver that imports from this module has been unloaded: none may be registered still.
pub fn clients_gone() {
    let left = provider().registrations_of(|_| true);
    if !left.is_empty() {
        let detail = format!("{} still registered when its driver was gone", left.join(", "));
        violation(&Broken::new(&REGISTRATION_LEFT, detail));
    }
}

/// Prints the report, and stops the process.
pub(crate) fn violation(broken: &Broken) -> ! {
    report::violation(broken)
}

/// Whether the calling thread is one that drivers know: datagrams come on one that is not.
pub(crate) fn is_own_thread(_provider: &Arc<Provider>) -> bool {
    false
}

/// Whether what Windows does not check is checked: always.
pub(crate) fn strict() -> bool {
    true
}

/// How long to wait for a client's routine to return.
pub(crate) fn hang_limit() -> Duration {
    Duration::from_mins(2)
}

/// Whether the call named `what` must fail now: never.
pub(crate) fn fault(_what: &'static str) -> bool {
    false
}

/// The security context of a process: drivers run in one of the system's there, whoever asks.
pub(crate) fn who(_process: PEPROCESS) -> Who {
    Who::System
}

/// There is no log.
pub(crate) fn sent(_irp: *mut IRP, _what: &str) {}

/// Some memory of a client's: its free is not seen there.
pub(crate) struct Used;

impl Used {
    pub(crate) fn new<T>(_role: &'static str, _start: *const T, _length: usize) -> Used {
        Used
    }

    pub(crate) fn of<T>(_role: &'static str, _object: *const T) -> Used {
        Used
    }
}

/// Not recorded.
#[expect(clippy::unnecessary_wraps, reason = "as in the hosted kernel")]
pub(crate) fn in_flight(
    _irp: *mut IRP,
    _request: &str,
    _used: impl FnOnce() -> Vec<Used>,
) -> Result<bool, Broken> {
    Ok(false)
}

/// As [`in_flight`].
#[expect(clippy::unnecessary_wraps, reason = "as in the hosted kernel")]
pub(crate) fn hold(
    _block: *mut WSK_REGISTRATION,
    _registration: &str,
    _used: impl FnOnce() -> Vec<Used>,
) -> Result<(), Broken> {
    Ok(())
}

/// As [`in_flight`].
pub(crate) fn let_go(_block: *mut WSK_REGISTRATION) {}

/// Checks what is to be known of an MDL before it is read: nothing here.
#[expect(clippy::unnecessary_wraps, reason = "as in the hosted kernel")]
pub(crate) fn check_mdl(_mdl: *mut MDL, _what: &str) -> Result<(), Broken> {
    Ok(())
}

/// As [`check_mdl`], of what it describes.
#[expect(clippy::unnecessary_wraps, reason = "as in the hosted kernel")]
pub(crate) fn check_pages(_mdl: *mut MDL, _what: &str) -> Result<(), Broken> {
    Ok(())
}

/// What a pointer points into: not known.
pub(crate) fn paged_block<T>(_pointer: *const T) -> Option<String> {
    None
}

/// Whether the calling thread runs a driver's `DriverEntry`: not known.
pub(crate) fn in_driver_entry() -> bool {
    false
}

/// How many spin locks the calling thread holds: not known.
pub(crate) fn spin_locks_held() -> usize {
    0
}

/// Whether this may be an IRP: no other memory can be told from one but by its type, which the caller looks at.
pub(crate) fn is_irp(irp: *mut IRP) -> bool {
    irp.is_aligned()
}

/// What reports call the IRP.
pub(crate) fn irp_name(irp: *mut IRP) -> String {
    format!("the IRP at {irp:p}")
}

/// Calls `f`.
pub(crate) fn on_behalf_of<R>(_owner: Owner, f: impl FnOnce() -> R) -> R {
    f()
}

/// Calls a routine of a client's. Nothing reports what goes wrong in it.
pub(crate) fn routine<R>(_what: &dyn fmt::Display, f: impl FnOnce() -> R) -> R {
    f()
}
