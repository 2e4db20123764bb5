//! Clients that come close to breaking a rule, and are right: the rule lets them pass, in every mode.
#![allow(missing_docs, reason = "a test")]
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls follow the pages one by one"
)]

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod events;
mod requests;

use std::ptr;

use ::netio::memory::Net;
use ::netio::rules;
use ntos::{BugCheck, Rule};
use support::{Client, Socket, World, pool};
use wsk_sys::*;

/// A rule, and a right client that comes close to breaking it.
type Right = (&'static Rule, fn(&World));

#[cfg_attr(miri, ignore = "the other tests have these calls, one by one")]
#[test]
fn each_rule_lets_a_client_pass_that_comes_close() {
    let mut stopped = Vec::new();
    for (rule, right) in rights() {
        println!("{rule}");
        for &mode in support::MODES {
            if let Err(report) = run(World::new(Some(Net::new()), mode), right) {
                stopped.push(format!("the right client for {rule} was stopped, {mode:?}: {report}"));
            }
        }
    }
    assert!(stopped.is_empty(), "{}", stopped.join("\n"));
}

/// Runs the client on a machine of its own. Nothing may be left of it.
fn run(world: World, right: fn(&World)) -> Result<(), BugCheck> {
    world.machine.clone().catch_bug_check(move || {
        right(&world);
        assert_eq!((world.netio.sockets(), world.netio.registrations()), (0, 0));
        world.machine.shutdown();
    })
}

#[test]
fn each_rule_has_a_right_client() {
    let rights = rights();
    let missing: Vec<String> = rules::RULES
        .iter()
        .filter(|rule| !rights.iter().any(|(tried, _)| ptr::eq(*tried, **rule)))
        .map(ToString::to_string)
        .collect();
    assert!(missing.is_empty(), "no right client comes close to: {}", missing.join(", "));
}

fn rights() -> Vec<Right> {
    let tables = [requests::rights(), events::rights(), clients::rights()];
    tables.into_iter().flatten().collect()
}

/// A client with a bound socket, closed and gone afterwards.
fn with_socket(act: impl FnOnce(&Client, Socket)) {
    let client = Client::new();
    let socket = client.bound("127.0.0.1:0");
    act(&client, socket);
    socket.close();
    client.end();
}

/// Calls at a level, and lowers it again.
fn at<T>(level: KIRQL, call: impl FnOnce() -> T) -> T {
    let old = unsafe { KfRaiseIrql(level) };
    let result = call();
    unsafe { KeLowerIrql(old) };
    result
}

/// An event in pool.
fn event() -> *mut KEVENT {
    let event: *mut KEVENT = pool(size_of::<KEVENT>());
    unsafe { KeInitializeEvent(event, NotificationEvent, FALSE) };
    event
}

/// Waits for the event, and frees it.
fn wait(event: *mut KEVENT) {
    let status = unsafe { KeWaitForSingleObject(event.cast(), 0, 0, FALSE, ptr::null()) };
    assert_eq!(status, STATUS_SUCCESS);
    unsafe { ExFreePool(event.cast()) };
}
