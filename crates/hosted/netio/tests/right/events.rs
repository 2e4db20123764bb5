//! Clients that are right in their callbacks, and with what they have retained.

use std::ptr;

use ::netio::rules;
use wsk_sys::*;

use crate::support::{self, Address, Client, EVENTS, NO_EVENTS, Pinned, Sink, Socket, World};
use crate::{Right, at, event, wait};

const ON: ULONG = WSK_EVENT_RECEIVE_FROM;

/// Sends a buffer, and releases a list in the completion routine.
fn echo_and_release(socket: Socket, list: usize) {
    struct Echo {
        socket: Socket,
        list: usize,
        event: *mut KEVENT,
    }
    unsafe extern "system" fn release(_: *mut DEVICE_OBJECT, _: *mut IRP, echo: PVOID) -> NTSTATUS {
        let echo = unsafe { &*echo.cast::<Echo>() };
        assert_eq!(echo.socket.release(echo.list), STATUS_SUCCESS);
        unsafe { KeSetEvent(echo.event, 0, FALSE) };
        STATUS_MORE_PROCESSING_REQUIRED
    }
    let event = event();
    let echo = Pinned::new(Echo { socket, list, event });
    let to = Address::new(unsafe { support::read(node(list)) }[0].from);
    let irp = support::irp();
    unsafe { IoSetCompletionRoutine(irp, Some(release), echo.pointer().cast(), true, true, true) };
    let send = socket.table().WskSendTo.unwrap();
    let buffer = unsafe { &raw mut (*node(list)).Buffer };
    unsafe { send(socket.0, buffer, 0, to.pointer(), 0, ptr::null_mut(), irp) };
    wait(event);
    unsafe { IoFreeIrp(irp) };
}

fn node(address: usize) -> *mut WSK_DATAGRAM_INDICATION {
    ptr::with_exposed_provenance_mut(address)
}

/// A socket whose callback keeps a list of two datagrams; what is done with it gives both back.
fn with_kept(world: &World, act: impl FnOnce(Socket, usize, usize)) {
    let client = Client::new();
    let sink = Sink::new();
    sink.answer(&[STATUS_PENDING]);
    let socket = client.listening("127.0.0.1:0", &raw const EVENTS, sink.context());
    let (peer, local) = (world.peer("127.0.0.1:0"), socket.local_address());
    peer.send(b"first", local);
    peer.send(b"second", local);
    assert_eq!(socket.event(ON), STATUS_SUCCESS);
    let first = sink.wait("a call", |calls| !calls.is_empty())[0].list;
    // The call has returned when a disable that waits for it has.
    assert_eq!(socket.start_event(ON | WSK_EVENT_DISABLE).wait(), (STATUS_SUCCESS, 0));
    let second = unsafe { (*node(first)).Next }.expose_provenance();
    act(socket, first, second);
    socket.close();
    client.end();
}

/// Releases the second by itself, then the first.
fn one_by_one(socket: Socket, first: usize, second: usize) {
    unsafe { (*node(first)).Next = ptr::null_mut() };
    assert_eq!(socket.release(second), STATUS_SUCCESS);
    assert_eq!(socket.release(first), STATUS_SUCCESS);
}

unsafe extern "system" fn raises_and_lowers(
    context: PVOID,
    _: ULONG,
    _: *mut WSK_DATAGRAM_INDICATION,
) -> NTSTATUS {
    at(DISPATCH_LEVEL, || unsafe { KeSetEvent(context.cast(), 0, FALSE) });
    STATUS_SUCCESS
}

static RAISES_AND_LOWERS: WSK_CLIENT_DATAGRAM_DISPATCH =
    WSK_CLIENT_DATAGRAM_DISPATCH { WskReceiveFromEvent: Some(raises_and_lowers) };

pub(crate) fn rights() -> Vec<Right> {
    vec![
        (&rules::CALL_IN_COMPLETION_ROUTINE, |world| {
            // `WskRelease` is no request: who sends what it has retained gives it back when it is sent.
            with_kept(world, |socket, list, _| echo_and_release(socket, list));
        }),
        (&rules::EVENT_WITHOUT_CALLBACK, |_| {
            // A table without a function, and an event that is never enabled.
            let client = Client::new();
            let socket = client.listening("127.0.0.1:0", &raw const NO_EVENTS, ptr::null_mut());
            socket.send(b"x", Some(socket.local_address()));
            assert_eq!(socket.receive(10).unwrap().bytes, b"x");
            socket.close();
            client.end();
        }),
        (&rules::EVENT_STATUS, |world| {
            // Refused, and received otherwise.
            let client = Client::new();
            let sink = Sink::new();
            sink.answer(&[STATUS_SUCCESS, STATUS_DATA_NOT_ACCEPTED]);
            let socket = client.listening("127.0.0.1:0", &raw const EVENTS, sink.context());
            let (peer, local) = (world.peer("127.0.0.1:0"), socket.local_address());
            assert_eq!(socket.event(ON), STATUS_SUCCESS);
            for count in 1..=2 {
                peer.send(b"x", local);
                sink.wait_for(count);
            }
            assert_eq!(socket.receive(10).unwrap().bytes, b"x");
            socket.close();
            client.end();
        }),
        (&rules::EVENT_IRQL, |world| {
            let (client, event) = (Client::new(), event());
            let socket = client.listening("127.0.0.1:0", &raw const RAISES_AND_LOWERS, event.cast());
            assert_eq!(socket.event(ON), STATUS_SUCCESS);
            world.peer("127.0.0.1:0").send(b"x", socket.local_address());
            wait(event);
            socket.close();
            client.end();
        }),
        (&rules::RETAINED_AT_CLOSE, |world| with_kept(world, one_by_one)),
        (&rules::RELEASE_TWICE, |world| with_kept(world, one_by_one)),
        (&rules::RELEASE_LINK, |world| {
            // In another order than they came in.
            with_kept(world, |socket, first, second| {
                unsafe { (*node(first)).Next = ptr::null_mut() };
                unsafe { (*node(second)).Next = node(first) };
                assert_eq!(socket.release(second), STATUS_SUCCESS);
            });
        }),
        (&rules::RELEASED_NOT_RETAINED, |world| {
            // Released by the callback itself, which then says that it has retained the list.
            let client = Client::new();
            let sink = Sink::new();
            sink.answer(&[STATUS_PENDING]);
            let socket = client.listening("127.0.0.1:0", &raw const EVENTS, sink.context());
            let local = socket.local_address();
            sink.act(move |list| assert_eq!(socket.release(list.expose_provenance()), STATUS_SUCCESS));
            assert_eq!(socket.event(ON), STATUS_SUCCESS);
            world.peer("127.0.0.1:0").send(b"x", local);
            sink.wait_for(1);
            // The socket is not closed before the callback has released the list.
            assert_eq!(socket.start_event(ON | WSK_EVENT_DISABLE).wait(), (STATUS_SUCCESS, 0));
            socket.close();
            client.end();
        }),
    ]
}
