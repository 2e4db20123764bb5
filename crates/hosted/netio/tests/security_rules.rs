//! Clients that are wrong about security descriptors: the bug check names the rule and the client.
// A thread that ran into a bug check never ends, which Miri takes for a leak.
#![cfg(not(miri))]
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls of the wrong clients, whose wrongness is the point"
)]

use std::ptr;

use crate::support::{self, Client, Request, Variable, World, descriptor};
use ::netio::Completion;
use ::netio::memory::Net;
use ::netio::rules;
use ntos::Rule;
use wsk_sys::*;

/// Runs a wrong client in every mode; it must be stopped by `rule`, with a report that contains `object`.
fn caught(rule: &Rule, object: &str, wrong: fn()) {
    for &mode in support::MODES {
        World::new(Some(Net::new()), mode).catch(rule, object, wrong);
    }
}

const EVERYONE: &str = "D:P(A;;GA;;;WD)";

#[test]
fn a_descriptor_that_is_left() {
    caught(&rules::DEREGISTER_SECURITY, "WskDeregister of registration #1 with 2 cached", || {
        let client = Client::new();
        client.cache(EVERYONE);
        // What a socket gives out is the client's to release, too.
        let socket = client.socket(AF_INET);
        socket.security();
        socket.close();
        client.end();
    });
}

#[test]
fn a_descriptor_that_is_released_twice() {
    caught(&rules::SECURITY_RELEASED, "WSK_RELEASE_SD by registration #1", || {
        let client = Client::new();
        let cached = client.cache(EVERYONE);
        client.release(cached);
        client.release(cached);
    });
}

#[test]
fn a_descriptor_that_was_never_cached() {
    caught(&rules::SECURITY_NOT_CACHED, "WSK_RELEASE_SD by registration #1", || {
        let client = Client::new();
        client.release(descriptor(EVERYONE).as_mut_ptr().cast());
    });
    caught(&rules::SECURITY_NOT_CACHED, "WskSocket by registration #1", || {
        let client = Client::new();
        client.open_owned(ptr::null_mut(), descriptor(EVERYONE).as_mut_ptr().cast()).wait();
    });
    caught(&rules::SECURITY_NOT_CACHED, "SO_WSK_SECURITY by registration #", || {
        // Another client's is not the client's own.
        let (client, other) = (Client::new(), Client::new());
        client.socket(AF_INET).set_security(other.cache(EVERYONE));
    });
}

#[test]
fn a_descriptor_that_is_used_after_its_release() {
    caught(&rules::SECURITY_RELEASED, "SO_WSK_SECURITY by registration #1", || {
        let client = Client::new();
        let cached = client.cache(EVERYONE);
        client.release(cached);
        client.socket(AF_INET).set_security(cached);
    });
    caught(&rules::SECURITY_RELEASED, "WskSocket by registration #1", || {
        let client = Client::new();
        let cached = client.cache(EVERYONE);
        client.release(cached);
        client.open_owned(ptr::null_mut(), cached).wait();
    });
}

#[test]
fn a_descriptor_that_is_released_before_the_request_is_completed() {
    let world = World::new(Some(Net::new()), Completion::Deferred);
    let netio = world.netio.clone();
    world.catch(&rules::SECURITY_RELEASED, "SO_WSK_SECURITY by registration #1", move || {
        let client = Client::new();
        let socket = client.socket(AF_INET);
        let cached = client.cache(EVERYONE);
        let hold = netio.hold("WskControlSocket");
        let mut variable = Variable::new(cached);
        let request: Request =
            socket.start_control(WskSetOption, SO_WSK_SECURITY, SOL_SOCKET, variable.bytes(), &mut []);
        client.release(cached);
        drop(hold);
        request.wait();
    });
}
