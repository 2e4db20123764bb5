//! The hosted kernel: machines of crate `ntos`, each with a provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ntos::{LeakScope, Machine, Token};
use readings::Readings;
use wsk_sys::{IRP, MDL, PEPROCESS, WSK_REGISTRATION};

pub(crate) use ntos::Owner;
pub(crate) use ntos::in_flight::Memory as Used;

use crate::net::guard::Who;
use crate::provider::Provider;
use crate::rules::{self, Broken, REGISTRATION_FREED, REGISTRATION_LEFT};
use crate::{Completion, Config};

/// The provider of the calling thread's machine.
pub(crate) fn provider() -> Arc<Provider> {
    Machine::with_current(|machine| of(machine, Config::default))
}

/// Gives the machine a provider; false if it has one.
pub(crate) fn install(machine: &Machine, config: Config) -> (Arc<Provider>, bool) {
    let mut config = Some(config);
    let provider = of(machine, || config.take().unwrap_or_default());
    (provider, config.is_none())
}

fn of(machine: &Machine, config: impl FnOnce() -> Config) -> Arc<Provider> {
    machine.extension(|| {
        machine.on_leak_check(check_leaks);
        machine.on_stuck(|machine| of(machine, Config::default).in_flight());
        // The threads of the provider must not outlive its machine.
        machine.on_shutdown(|machine| {
            if let Some(Broken { rule, detail }) = left(machine, |_| true, "when the machine was shut down") {
                ntos::complain(rule, detail);
            }
            rules::require(of(machine, Config::default).stop_threads());
        });
        let config = config();
        let (completion, readings) = (config.completion, &config.readings);
        if completion != Completion::Deferred || *readings != Readings::STRICT {
            machine.add_setting(format!(
                "netio::Config {{ completion: \"{completion}\".parse()?, readings: \"{readings}\".parse()?, .. }}"
            ));
        }
        Provider::new(config)
    })
}

fn check_leaks(machine: &Machine, scope: LeakScope) -> Vec<Broken> {
    left(machine, |owner| scope.covers(owner), "when its driver was gone").into_iter().collect()
}

/// The report of the registrations that are left, if any are.
fn left(machine: &Machine, whose: impl Fn(Owner) -> bool, when: &str) -> Option<Broken> {
    let left = of(machine, Config::default).registrations_of(whose);
    let detail = || format!("{} still registered {when}", left.join(", "));
    (!left.is_empty()).then(|| Broken::new(&REGISTRATION_LEFT, detail()))
}

/// Ends the machine: a rule was broken. To be called with no lock held.
pub(crate) fn violation(broken: &Broken) -> ! {
    ntos::violation(broken.rule, broken.detail.as_str())
}

/// Whether the calling thread is one of the provider's own kernel: a thread of the network's is not.
pub(crate) fn is_own_thread(provider: &Arc<Provider>) -> bool {
    Machine::try_current().is_some_and(|machine| Arc::ptr_eq(&of(&machine, Config::default), provider))
}

/// Whether what Windows does not check is checked.
pub(crate) fn strict() -> bool {
    Machine::with_current(|machine| machine.config().strict)
}

/// How long to wait for a client's routine to return.
pub(crate) fn hang_limit() -> Duration {
    Machine::with_current(|machine| machine.config().hang_limit)
}

/// Whether the call named `what` must fail now for lack of memory.
pub(crate) fn fault(what: &'static str) -> bool {
    ntos::fault::point(what)
}

/// The security context of a process; null is the current one's.
pub(crate) fn who(process: PEPROCESS) -> Who {
    match ntos::token_of(process) {
        Token::System => Who::System,
        Token::Administrator => Who::Administrator,
        Token::User => Who::User,
    }
}

/// Tells the log that the IRP has come down to the provider.
pub(crate) fn sent(irp: *mut IRP, what: &str) {
    ntos::irp::log::sent(irp, what);
}

/// Takes note of the memory that a request uses until it is completed: to free some of it before is a bug check. Returns
/// whether some of it is on the stack of the client's routine that the calling thread runs.
///
/// # Errors
/// Some of it is freed already.
pub(crate) fn in_flight(
    irp: *mut IRP,
    request: &str,
    used: impl FnOnce() -> Vec<Used>,
) -> Result<bool, Broken> {
    ntos::in_flight::begin(irp, request, used())
}

/// Takes note of the memory that a registration uses until its client deregisters.
///
/// # Errors
/// Some of it is freed already.
pub(crate) fn hold(
    block: *mut WSK_REGISTRATION,
    registration: &str,
    used: impl FnOnce() -> Vec<Used>,
) -> Result<(), Broken> {
    ntos::in_flight::hold(block, &REGISTRATION_FREED, registration, used())
}

/// The memory that [`hold`] took note of is the client's again.
pub(crate) fn let_go(block: *mut WSK_REGISTRATION) {
    ntos::in_flight::let_go(block);
}

/// Checks that there is a living MDL at this address.
pub(crate) fn check_mdl(mdl: *mut MDL, what: &str) -> Result<(), Broken> {
    ntos::mdl::check(mdl, what)
}

/// Checks that the memory that an MDL describes still exists.
pub(crate) fn check_pages(mdl: *mut MDL, what: &str) -> Result<(), Broken> {
    ntos::mdl::check_pages(mdl, what)
}

/// What a report says of the block of paged pool that a pointer of the client's points into; none if it points elsewhere.
pub(crate) fn paged_block<T>(pointer: *const T) -> Option<String> {
    ntos::pool::paged_block(pointer)
}

/// Whether the calling thread runs a driver's `DriverEntry`.
pub(crate) fn in_driver_entry() -> bool {
    ntos::driver::in_driver_entry()
}

/// How many spin locks the calling thread holds.
pub(crate) fn spin_locks_held() -> usize {
    ntos::spinlock::held_count()
}

/// Whether the I/O manager knows a living IRP at this address.
pub(crate) fn is_irp(irp: *mut IRP) -> bool {
    ntos::irp::state(irp).is_some()
}

/// What reports call the IRP.
pub(crate) fn irp_name(irp: *mut IRP) -> String {
    match ntos::irp::id(irp) {
        Some(id) => format!("IRP #{id}"),
        None => "an IRP".to_owned(),
    }
}

/// Calls `f` so that what it allocates is this owner's, whoever is the calling thread's.
pub(crate) fn on_behalf_of<R>(owner: Owner, f: impl FnOnce() -> R) -> R {
    owner.run(f)
}

/// Calls a routine of a client's, which reports name as `what`.
pub(crate) fn routine<R>(what: &dyn fmt::Display, f: impl FnOnce() -> R) -> R {
    ntos::routine::call(what, f)
}
