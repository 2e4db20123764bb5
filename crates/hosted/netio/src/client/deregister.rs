//! `WskDeregister`: a client goes, and everything of it must have ended.
#![expect(unsafe_code, reason = "exports the C interface of netio.sys")]
#![allow(non_snake_case, reason = "the function bears its C name")]

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hosted_rule::Rule;
use readings::{DeregisterDescriptors, DeregisterOpen};
use wsk_sys::{STATUS_CANCELLED, WSK_REGISTRATION};

use crate::call::check::not_in_completion_routine;
use crate::client::registration::{DEREGISTERED, find, state_field};
use crate::functions::WSK_DEREGISTER;
use crate::platform;
use crate::provider::State;
use crate::rules::{self, Broken, check_irql};
use crate::run::request::Waiting;
use crate::socket::Entry;

/// Ends a registration: waits until nothing of the client is left.
///
/// On Windows a client that left a socket open, a provider unreleased or a request pending waits here for ever. What
/// no thread is about to end is a bug check instead; for the rest the wait is bounded by
/// [`Config::deregister_limit`](crate::Config::deregister_limit). On a lenient machine it is as on Windows.
///
/// # IRQL
/// `PASSIVE_LEVEL`
#[unsafe(no_mangle)]
pub unsafe extern "system" fn WskDeregister(WskRegistration: *mut WSK_REGISTRATION) {
    const WHAT: &str = WSK_DEREGISTER.name;
    check_irql(&WSK_DEREGISTER);
    not_in_completion_routine(WHAT);
    // SAFETY: the caller's block.
    let Some(number) = rules::require(unsafe { find(WskRegistration, WHAT) }) else {
        let detail = format!("{WHAT} with a block that is deregistered");
        platform::violation(&Broken::new(&rules::REGISTRATION_UNKNOWN, detail));
    };
    let provider = platform::provider();
    let strict = platform::strict();
    let limit = provider.config.deregister_limit;
    let deadline = Instant::now().checked_add(limit).filter(|_| strict);
    let mut state = provider.lock();
    if let Some(registration) = state.registrations.get_mut(&number) {
        registration.deregistering = true;
    }
    let ends =
        |waiting: &Waiting| waiting.request.target.client == number && waiting.parked.ends_with_client();
    let ending = state.requests.iter().filter(|(_, waiting)| ends(waiting));
    let mut ending: Vec<u64> = ending.map(|(request, _)| *request).collect();
    // In the order in which they came.
    ending.sort_unstable();
    provider.end_all(state, ending, STATUS_CANCELLED);
    let mut state = provider.lock();
    // Captures that wait give up.
    provider.notify();
    loop {
        let left = left_behind(&state, number);
        if strict
            && provider.follows(DeregisterOpen::BugCheck)
            && let Err(broken) = left
        {
            drop(state);
            platform::violation(&broken);
        }
        let Some(coming) = still_coming(&state, number, limit) else { break };
        // What is on its way has a limit, and what nobody is about to end has none.
        if !provider.wait(&mut state, deadline.filter(|_| left.is_ok())) {
            drop(state);
            platform::violation(&Broken::new(&rules::DEREGISTER_STUCK, coming));
        }
    }
    if strict
        && provider.follows(DeregisterDescriptors::BugCheck)
        && let Err(broken) = descriptors_left(&state, number)
    {
        drop(state);
        platform::violation(&broken);
    }
    drop(state);
    let lifecycle = provider.lifecycle.lock();
    let mut state = provider.lock();
    state.registrations.remove(&number);
    // On a lenient machine some may be left; Windows would lose their memory.
    state.descriptors.retain(|_, cached| cached.client != number);
    let last = state.registrations.is_empty();
    drop(state);
    let stopped = if last { provider.stop_threads() } else { Ok(()) };
    drop(lifecycle);
    rules::require(stopped);
    platform::let_go(WskRegistration);
    // SAFETY: the caller's block.
    let state = unsafe { state_field(WskRegistration) };
    // Told from "never registered" by it.
    state.store(DEREGISTERED, Ordering::Release);
}

/// What would keep `WskDeregister` waiting for ever.
fn left_behind(state: &State, number: u64) -> Result<(), Broken> {
    let broken = |rule, detail: String| Err(broken(rule, number, &detail));
    let open: Vec<_> = state
        .sockets
        .values()
        .filter(|entry| entry.socket.client == number && !entry.closing && !entry.may_close())
        .map(Entry::describe)
        .collect();
    if !open.is_empty() {
        return broken(&rules::DEREGISTER_SOCKET, format!("open sockets: {}", open.join(", ")));
    }
    let captures = state.registrations.get(&number).map_or(0, |registration| registration.captures);
    if captures != 0 {
        return broken(&rules::DEREGISTER_CAPTURE, format!("{captures} captures not released"));
    }
    let stays = |waiting: &&Waiting| {
        let target = waiting.request.target;
        target.client == number && target.socket.is_none() && !waiting.parked.ends_with_client()
    };
    let pending = state.requests.values().filter(stays).count();
    if pending != 0 {
        return broken(&rules::DEREGISTER_IRP, format!("{pending} requests pending"));
    }
    Ok(())
}

/// What nobody can release any more.
fn descriptors_left(state: &State, number: u64) -> Result<(), Broken> {
    let cached = state.descriptors.values().filter(|cached| cached.client == number).count();
    if cached == 0 {
        return Ok(());
    }
    Err(broken(&rules::DEREGISTER_SECURITY, number, &format!("{cached} cached security descriptors")))
}

fn broken(rule: &'static Rule, number: u64, detail: &str) -> Broken {
    Broken::new(rule, format!("WskDeregister of registration #{number} with {detail}"))
}

/// What `WskDeregister` still waits for.
fn still_coming(state: &State, number: u64, limit: Duration) -> Option<String> {
    let registration = state.registrations.get(&number)?;
    let (calls, in_flight, captures) = (registration.calls, registration.in_flight, registration.captures);
    let sockets = state.sockets.values().filter(|entry| entry.socket.client == number);
    let sockets: Vec<_> = sockets.map(Entry::describe).collect();
    if calls + in_flight + captures + sockets.len() == 0 {
        return None;
    }
    Some(format!(
        "WskDeregister of registration #{number} waited {limit:?} for {calls} calls, {in_flight} requests, {captures} \
         captures, and sockets being closed: {}",
        if sockets.is_empty() { "none".to_owned() } else { sockets.join(", ") },
    ))
}
