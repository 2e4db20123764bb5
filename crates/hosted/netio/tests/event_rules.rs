//! Wrong clients of the receive event: each breaks one rule, and the bug check names it and the object.
// A thread that ran into a bug check never ends, which Miri takes for a leak.
#![cfg(not(miri))]
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls of the wrong clients, whose wrongness is the point"
)]

use std::ptr;
use std::time::Duration;

use crate::support::{self, Client, EVENTS, NO_EVENTS, Sink, Socket, World};
use ::netio::memory::Net;
use ::netio::{Netio, rules};
use ntos::{Machine, Rule};
use wsk_sys::*;

const ON: ULONG = WSK_EVENT_RECEIVE_FROM;

/// Runs a wrong client in every mode; it must be stopped by `rule`, with a report that contains `object`.
fn caught(rule: &Rule, object: &str, wrong: impl Fn(&Netio) + Clone + Send + 'static) {
    for &mode in support::MODES {
        let world = World::new(Some(Net::new()), mode);
        let (netio, wrong) = (world.netio.clone(), wrong.clone());
        world.catch(rule, object, move || wrong(&netio));
    }
}

/// Waits for the bug check that another thread runs into.
fn wait_for_ever() {
    while Machine::current().bug_check().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A socket with its event enabled, whose callback answers with this status; a datagram is on its way to it.
fn answering(answer: NTSTATUS) -> (Socket, &'static Sink) {
    let client = Client::new();
    let sink = Sink::new();
    sink.answer(&[answer]);
    let socket = client.listening("127.0.0.1:0", &raw const EVENTS, sink.context());
    let sender = client.bound("127.0.0.1:0");
    assert_eq!(socket.event(ON), STATUS_SUCCESS);
    sender.send(b"x", Some(socket.local_address()));
    (socket, sink)
}

#[test]
fn enabling_without_a_function() {
    caught(&rules::EVENT_WITHOUT_CALLBACK, "socket #", |_| {
        Client::new().bound("127.0.0.1:0").event(ON);
    });
    caught(&rules::EVENT_WITHOUT_CALLBACK, "socket #", |_| {
        Client::new().listening("127.0.0.1:0", &raw const NO_EVENTS, ptr::null_mut()).event(ON);
    });
}

#[test]
fn a_status_that_the_page_has_not() {
    caught(&rules::EVENT_STATUS, "returned 0xc00000a3", |_| {
        answering(STATUS_DEVICE_NOT_READY);
        wait_for_ever();
    });
}

#[test]
fn a_callback_that_returns_at_another_level() {
    unsafe extern "system" fn raises(_: PVOID, _: ULONG, _: *mut WSK_DATAGRAM_INDICATION) -> NTSTATUS {
        unsafe { KfRaiseIrql(DISPATCH_LEVEL + 1) };
        STATUS_SUCCESS
    }
    static RAISES: WSK_CLIENT_DATAGRAM_DISPATCH =
        WSK_CLIENT_DATAGRAM_DISPATCH { WskReceiveFromEvent: Some(raises) };
    caught(&rules::EVENT_IRQL, "returned at IRQL 3, called at 2", |_| {
        let client = Client::new();
        let socket = client.listening("127.0.0.1:0", &raw const RAISES, ptr::null_mut());
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        client.bound("127.0.0.1:0").send(b"x", Some(socket.local_address()));
        wait_for_ever();
    });
}

#[test]
fn a_close_with_lists_retained() {
    caught(&rules::RETAINED_AT_CLOSE, "1 datagrams retained: 1 bytes from 127.0.0.1:", |netio| {
        let (socket, sink) = answering(STATUS_PENDING);
        sink.wait_for(1);
        // The call has returned, and the list is retained.
        netio.wait_until_idle();
        socket.start_close();
        wait_for_ever();
    });
}

/// A socket whose callback has kept a list of two datagrams; the addresses of the two.
fn two_kept() -> (Socket, [usize; 2]) {
    let client = Client::new();
    let sink = Sink::new();
    sink.answer(&[STATUS_PENDING]);
    let socket = client.listening("127.0.0.1:0", &raw const EVENTS, sink.context());
    let sender = client.bound("127.0.0.1:0");
    sender.send(b"first", Some(socket.local_address()));
    sender.send(b"other one", Some(socket.local_address()));
    assert_eq!(socket.event(ON), STATUS_SUCCESS);
    let list = sink.wait("a call", |calls| !calls.is_empty())[0].list;
    // The call has returned when a disable that waits for it has.
    assert_eq!(socket.start_event(ON | WSK_EVENT_DISABLE).wait(), (STATUS_SUCCESS, 0));
    let second = unsafe { (*node(list)).Next }.expose_provenance();
    (socket, [list, second])
}

fn node(address: usize) -> *mut WSK_DATAGRAM_INDICATION {
    ptr::with_exposed_provenance_mut(address)
}

#[test]
fn what_was_taken_out_of_a_list_and_never_released_is_named_at_the_close() {
    caught(&rules::RETAINED_AT_CLOSE, "1 datagrams retained: 9 bytes from 127.0.0.1:", |_| {
        let (socket, [first, _]) = two_kept();
        unsafe { (*node(first)).Next = ptr::null_mut() };
        assert_eq!(socket.release(first), STATUS_SUCCESS);
        socket.start_close();
    });
}

#[test]
fn a_node_that_was_released_with_its_list() {
    caught(&rules::RELEASE_TWICE, "WskRelease of an indication of socket #", |_| {
        let (socket, [first, second]) = two_kept();
        assert_eq!(socket.release(first), STATUS_SUCCESS);
        socket.release(second);
    });
    // Linked to by what is not.
    caught(&rules::RELEASE_TWICE, "WskRelease of an indication of socket #", |_| {
        let (socket, [first, second]) = two_kept();
        assert_eq!(socket.release(second), STATUS_SUCCESS);
        socket.release(first);
    });
}

#[test]
fn a_list_linked_to_anything() {
    caught(&rules::RELEASE_LINK, "goes on at 0x10, ", |_| {
        let (socket, [_, second]) = two_kept();
        unsafe { (*node(second)).Next = ptr::without_provenance_mut(16) };
        socket.release(second);
    });
    caught(&rules::RELEASE_LINK, "WskRelease of a list", |_| {
        let (socket, [first, second]) = two_kept();
        unsafe { (*node(second)).Next = node(first) };
        socket.release(first);
    });
}

#[test]
fn a_list_retained_during_the_close() {
    caught(&rules::RETAINED_AT_CLOSE, "being closed", |_| {
        let client = Client::new();
        let sink = Sink::new();
        sink.answer(&[STATUS_PENDING]);
        let socket = client.listening("127.0.0.1:0", &raw const EVENTS, sink.context());
        let local = socket.local_address();
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        sink.act(move |_| {
            socket.start_close();
        });
        client.bound("127.0.0.1:0").send(b"x", Some(local));
        wait_for_ever();
    });
}

#[test]
fn a_list_released_twice() {
    caught(&rules::RELEASE_TWICE, "WskRelease of an indication of socket #", |netio| {
        let (socket, sink) = answering(STATUS_PENDING);
        let list = sink.wait("a call", |calls| !calls.is_empty())[0].list;
        netio.wait_until_idle();
        assert_eq!(socket.release(list), STATUS_SUCCESS);
        socket.release(list);
    });
}

#[test]
fn a_list_released_and_then_not_retained() {
    caught(&rules::RELEASED_NOT_RETAINED, "returned 0x00000000", |_| {
        let client = Client::new();
        let sink = Sink::new();
        let socket = client.listening("127.0.0.1:0", &raw const EVENTS, sink.context());
        let local = socket.local_address();
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        sink.act(move |list| assert_eq!(socket.release(list.expose_provenance()), STATUS_SUCCESS));
        client.bound("127.0.0.1:0").send(b"x", Some(local));
        wait_for_ever();
    });
}
