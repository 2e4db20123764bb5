//! The functions that `netio.sys` exports: clients come, capture the provider, release it, and go.
#![expect(unsafe_code, reason = "exports the C interface of netio.sys")]
#![allow(non_snake_case, reason = "the functions bear their C names")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use readings::WaitInDriverEntry;
use wsk_sys::{
    NTSTATUS, PVOID, STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_NOINTERFACE, STATUS_SUCCESS, ULONG, USHORT, WSK_CLIENT_DISPATCH, WSK_CLIENT_NPI,
    WSK_INFINITE_WAIT, WSK_NO_WAIT, WSK_PROVIDER_CHARACTERISTICS, WSK_PROVIDER_NPI, WSK_REGISTRATION,
};

use crate::client;
use crate::functions::{
    WSK_CAPTURE_PROVIDER_NPI, WSK_CAPTURE_WITHOUT_WAIT, WSK_QUERY_PROVIDER_CHARACTERISTICS, WSK_REGISTER,
    WSK_RELEASE_PROVIDER_NPI,
};
use crate::platform::{self, Owner, Used};
use crate::provider::{Provider, State};
use crate::rules::{self, Broken, check_irql};

/// The state of a `WSK_REGISTRATION` whose client has gone.
pub(crate) const DEREGISTERED: u64 = u64::MAX;

/// A client.
pub(crate) struct Registration {
    number: u64,
    /// Of its `WSK_REGISTRATION`.
    address: usize,
    pub(crate) owner: Owner,
    dispatch: ClientDispatch,
    /// Captures of the provider that are not released.
    pub(crate) captures: usize,
    /// Threads inside a function of the provider, for this client.
    pub(crate) calls: usize,
    /// Requests that were taken and whose completion routine has not returned.
    pub(crate) in_flight: usize,
    pub(crate) deregistering: bool,
    /// `WSK_SET_STATIC_EVENT_CALLBACKS` for the event of datagram sockets.
    pub(crate) static_events: bool,
    pub(crate) has_made_sockets: bool,
}

/// The client's own table.
#[derive(Clone, Copy)]
struct ClientDispatch(*const WSK_CLIENT_DISPATCH);

// SAFETY: the client keeps the table valid, and does not change it, until it has deregistered.
unsafe impl Send for ClientDispatch {}

impl Registration {
    /// What reports say of it.
    pub(crate) fn describe(&self) -> String {
        format!("registration #{} ({} captures)", self.number, self.captures)
    }
}

/// Registers a client.
///
/// # IRQL
/// `PASSIVE_LEVEL`
#[unsafe(no_mangle)]
pub unsafe extern "system" fn WskRegister(
    WskClientNpi: *mut WSK_CLIENT_NPI,
    WskRegistration: *mut WSK_REGISTRATION,
) -> NTSTATUS {
    check_irql(&WSK_REGISTER);
    let provider = platform::provider();
    if WskClientNpi.is_null() || WskRegistration.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: not null, so the client's structure.
    let npi = unsafe { WskClientNpi.read() };
    if npi.Dispatch.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: not null, so the client's table.
    let table = unsafe { npi.Dispatch.read() };
    // "Reserved" must be zero. n/d: the status.
    if table.Reserved != 0 {
        return STATUS_INVALID_PARAMETER;
    }
    if platform::fault(WSK_REGISTER.name) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // By the address: what is in the block before is anything, if it is initialised at all.
    let address = WskRegistration.addr();
    let before =
        provider.lock().registrations.values().find(|one| one.address == address).map(Registration::describe);
    if let Some(before) = before {
        platform::violation(&Broken::new(&rules::REGISTERED_TWICE, format!("{before} registered again")));
    }
    let lifecycle = provider.lifecycle.lock();
    if let Err(status) = provider.engine.start() {
        return status;
    }
    let mut state = provider.lock();
    let number = state.number();
    let registration = Registration {
        number,
        address,
        owner: Owner::current(),
        dispatch: ClientDispatch(npi.Dispatch),
        captures: 0,
        calls: 0,
        in_flight: 0,
        deregistering: false,
        static_events: false,
        has_made_sockets: false,
    };
    state.registrations.insert(number, registration);
    drop(state);
    drop(lifecycle);
    let home: PVOID = WskRegistration.cast();
    let block = WSK_REGISTRATION {
        ReservedRegistrationState: number,
        // Its own address: a block that was copied or moved is told by it.
        ReservedRegistrationContext: home,
        ReservedRegistrationLock: 0,
    };
    // SAFETY: the client's block, which is WSK's from now on.
    unsafe { WskRegistration.write(block) };
    rules::require(platform::hold(WskRegistration, &format!("registration #{number}"), || {
        let dispatch = Used::of("its WSK_CLIENT_DISPATCH", npi.Dispatch);
        vec![dispatch, Used::of("its WSK_REGISTRATION", WskRegistration)]
    }));
    STATUS_SUCCESS
}

/// The field with the registration's number, which a late capture may read while `WskDeregister` writes it.
///
/// # Safety
/// `block` points to memory of the size of a `WSK_REGISTRATION`, and does so while the result is used.
pub(crate) unsafe fn state_field<'a>(block: *mut WSK_REGISTRATION) -> &'a AtomicU64 {
    // SAFETY: in bounds; only the field's address is taken.
    let field = unsafe { &raw mut (*block).ReservedRegistrationState };
    // SAFETY: eight bytes, aligned as the structure is.
    unsafe { AtomicU64::from_ptr(field) }
}

/// Finds the registration of a block; none if it has been deregistered.
///
/// # Errors
/// [`rules::REGISTRATION_UNKNOWN`], [`rules::REGISTRATION_MOVED`].
///
/// # Safety
/// `block` points to memory of the size of a `WSK_REGISTRATION`.
pub(crate) unsafe fn find(block: *mut WSK_REGISTRATION, what: &str) -> Result<Option<u64>, Broken> {
    // SAFETY: this function's contract.
    let state = unsafe { state_field(block) };
    // Acquire: pairs with the release of WskDeregister, though the table's lock orders everything already.
    let number = state.load(Ordering::Acquire);
    // SAFETY: in bounds, says the caller; written by WskRegister only.
    let home = unsafe { (*block).ReservedRegistrationContext };
    if number == DEREGISTERED && home == block.cast() {
        return Ok(None);
    }
    if !platform::provider().lock().registrations.contains_key(&number) {
        let detail = format!("{what} with a block that is not registered");
        return Err(Broken::new(&rules::REGISTRATION_UNKNOWN, detail));
    }
    if home != block.cast() {
        let detail = format!("{what} with a block that is not where registration #{number} was made");
        return Err(Broken::new(&rules::REGISTRATION_MOVED, detail));
    }
    Ok(Some(number))
}

/// Captures the provider.
///
/// # IRQL
/// `PASSIVE_LEVEL`; with `WSK_NO_WAIT` <= `DISPATCH_LEVEL`.
///
/// # Errors
/// `STATUS_DEVICE_NOT_READY`, `STATUS_NOINTERFACE`, `STATUS_INSUFFICIENT_RESOURCES`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn WskCaptureProviderNPI(
    WskRegistration: *mut WSK_REGISTRATION,
    WaitTimeout: ULONG,
    WskProviderNpi: *mut WSK_PROVIDER_NPI,
) -> NTSTATUS {
    const WHAT: &str = WSK_CAPTURE_PROVIDER_NPI.name;
    check_irql(if WaitTimeout == WSK_NO_WAIT {
        &WSK_CAPTURE_WITHOUT_WAIT
    } else {
        &WSK_CAPTURE_PROVIDER_NPI
    });
    if WskRegistration.is_null() || WskProviderNpi.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    if WaitTimeout == WSK_INFINITE_WAIT
        && platform::in_driver_entry()
        && platform::strict()
        && platform::provider().follows(WaitInDriverEntry::BugCheck)
    {
        let detail = "with WSK_INFINITE_WAIT in DriverEntry; capture on first use, or on a thread of its own";
        platform::violation(&Broken::new(&rules::CAPTURE_IN_DRIVER_ENTRY, format!("{WHAT} {detail}")));
    }
    // SAFETY: the block is the client's and not null.
    let Some(number) = rules::require(unsafe { find(WskRegistration, WHAT) }) else {
        return STATUS_DEVICE_NOT_READY;
    };
    if platform::fault(WHAT) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let provider = platform::provider();
    let result = capture(&provider, number, WaitTimeout);
    provider.notify();
    match result {
        Ok(npi) => {
            // SAFETY: the client's structure, not null.
            unsafe { WskProviderNpi.write(npi) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// Waits until the provider is ready, and counts the capture.
fn capture(provider: &Arc<Provider>, number: u64, timeout: ULONG) -> Result<WSK_PROVIDER_NPI, NTSTATUS> {
    let deadline = match timeout {
        WSK_INFINITE_WAIT => None,
        milliseconds => Some(Instant::now() + Duration::from_millis(milliseconds.into())),
    };
    let mut state = provider.lock();
    count_call(&mut state, number, 1);
    while !state.ready && !is_leaving(&state, number) {
        if !provider.wait(&mut state, deadline) {
            break;
        }
    }
    count_call(&mut state, number, -1);
    let ready = state.ready && !is_leaving(&state, number);
    let registration =
        state.registrations.get_mut(&number).filter(|_| ready).ok_or(STATUS_DEVICE_NOT_READY)?;
    // SAFETY: the client keeps its table valid until it has deregistered, and it has not.
    let version = unsafe { (*registration.dispatch.0).Version };
    if !offers(provider, version) {
        return Err(STATUS_NOINTERFACE);
    }
    registration.captures += 1;
    Ok(WSK_PROVIDER_NPI { Client: client::handle(number), Dispatch: &raw const provider.dispatch.0 })
}

fn is_leaving(state: &State, number: u64) -> bool {
    state.registrations.get(&number).is_none_or(|registration| registration.deregistering)
}

fn count_call(state: &mut State, number: u64, change: isize) {
    if let Some(registration) = state.registrations.get_mut(&number) {
        registration.calls = registration.calls.saturating_add_signed(change);
    }
}

/// Whether the table that the provider hands out serves a client of this version: same major part, and a minor part
/// not above the table's.
fn offers(provider: &Provider, version: USHORT) -> bool {
    let (lowest, highest) = (*provider.config.versions.start(), *provider.config.versions.end());
    version >> 8 == highest >> 8 && (lowest..=highest).contains(&version)
}

/// Gives a captured provider back.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
#[unsafe(no_mangle)]
pub unsafe extern "system" fn WskReleaseProviderNPI(WskRegistration: *mut WSK_REGISTRATION) {
    const WHAT: &str = WSK_RELEASE_PROVIDER_NPI.name;
    check_irql(&WSK_RELEASE_PROVIDER_NPI);
    // SAFETY: the caller's block.
    let number = rules::require(unsafe { find(WskRegistration, WHAT) });
    let provider = platform::provider();
    let mut state = provider.lock();
    let registration = number.and_then(|number| state.registrations.get_mut(&number));
    let captures =
        registration.map(|registration| &mut registration.captures).filter(|captures| **captures != 0);
    let released = captures.map(|captures| *captures -= 1).is_some();
    drop(state);
    if !released {
        let detail = format!("{WHAT} with nothing captured");
        platform::violation(&Broken::new(&rules::RELEASE_WITHOUT_CAPTURE, detail));
    }
    provider.notify();
}

/// Tells which versions the provider offers.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_DEVICE_NOT_READY`
#[unsafe(no_mangle)]
pub unsafe extern "system" fn WskQueryProviderCharacteristics(
    WskRegistration: *mut WSK_REGISTRATION,
    WskProviderCharacteristics: *mut WSK_PROVIDER_CHARACTERISTICS,
) -> NTSTATUS {
    const WHAT: &str = WSK_QUERY_PROVIDER_CHARACTERISTICS.name;
    check_irql(&WSK_QUERY_PROVIDER_CHARACTERISTICS);
    if WskRegistration.is_null() || WskProviderCharacteristics.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the block is the client's and not null.
    let number = rules::require(unsafe { find(WskRegistration, WHAT) });
    let provider = platform::provider();
    if number.is_none() || !provider.lock().ready {
        return STATUS_DEVICE_NOT_READY;
    }
    let characteristics = WSK_PROVIDER_CHARACTERISTICS {
        HighestVersion: *provider.config.versions.end(),
        LowestVersion: *provider.config.versions.start(),
    };
    // SAFETY: the client's structure, not null.
    unsafe { WskProviderCharacteristics.write(characteristics) };
    STATUS_SUCCESS
}
