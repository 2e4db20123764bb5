//! `WskReceiveFromEvent`: when it is called, what it is given, what its answers do; and dead sockets.

use std::net::SocketAddr;

use crate::support::{
    self, Client, EVENTS, Gate, Indicated, Request, Sink, Socket, World, everywhere, in_memory, until,
};
use ::netio::Completion;
use ::netio::memory::Net;
use wsk_sys::*;

const ON: ULONG = WSK_EVENT_RECEIVE_FROM;
const OFF: ULONG = WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE;

/// A bound socket with a sink, and its address.
fn listening(client: &Client, address: &str) -> (Socket, &'static Sink, SocketAddr) {
    let sink = Sink::new();
    let socket = client.listening(address, &raw const EVENTS, sink.context());
    (socket, sink, socket.local_address())
}

fn bytes(datagrams: &[Indicated]) -> Vec<&[u8]> {
    datagrams.iter().map(|datagram| &*datagram.bytes).collect()
}

#[test]
fn datagrams_are_indicated() {
    everywhere(|world| {
        let client = Client::new();
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let (socket, sink, local) = listening(&client, loopback);
            let peer = world.peer(loopback);
            assert_eq!(socket.event(ON), STATUS_SUCCESS);
            for datagram in [&b"one"[..], b"", b"3", b"the fourth"] {
                peer.send(datagram, local);
            }
            let datagrams = sink.wait_for(4);
            assert_eq!(bytes(&datagrams), [&b"one"[..], b"", b"3", b"the fourth"]);
            assert!(datagrams.iter().all(|datagram| datagram.from == peer.address()));
            for call in sink.calls() {
                assert_eq!((call.irql, call.flags), (DISPATCH_LEVEL, WSK_FLAG_AT_DISPATCH_LEVEL));
            }
            socket.close();
        }
        client.end();
    });
}

#[test]
fn inline_means_on_the_senders_stack() {
    let world = World::new(Some(Net::new()), Completion::Inline);
    let _entered = world.machine.enter();
    let client = Client::new();
    let (socket, sink, local) = listening(&client, "127.0.0.1:0");
    let sender = client.bound("127.0.0.1:0");
    assert_eq!(socket.event(ON), STATUS_SUCCESS);
    sender.send(b"now", Some(local));
    // No wait: it has been called before the send returned.
    let calls = sink.calls();
    assert_eq!((calls.len(), calls[0].thread), (1, std::thread::current().id()));
    assert_eq!(calls[0].irql, DISPATCH_LEVEL);
    // A thread that is in no kernel is no place for a callback.
    let peer = world.peer("127.0.0.1:0");
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| peer.send(b"later", local)).thread().id();
        sink.wait_for(2);
        assert_ne!(sink.calls()[1].thread, thread);
    });
    socket.close();
    sender.close();
    client.end();
}

#[test]
fn callbacks_of_several_senders_run_at_a_time() {
    let world = World::new(Some(Net::new()), Completion::Inline);
    let _entered = world.machine.enter();
    let client = Client::new();
    let (socket, sink, local) = listening(&client, "127.0.0.1:0");
    assert_eq!(socket.event(ON), STATUS_SUCCESS);
    let gate: &'static Gate = Box::leak(Box::default());
    sink.hold(Some(gate));
    let send = |name| {
        let sender = client.bound("127.0.0.1:0");
        let thread = world.machine.spawn(name, move || sender.send(b"x", Some(local)));
        (sender, thread)
    };
    let one = send("one");
    // Otherwise one callback could be given both datagrams.
    sink.wait("the first is in the callback", |calls| calls.len() == 1);
    let two = send("two");
    sink.wait("both are in the callback", |calls| calls.len() == 2);
    sink.hold(None);
    gate.open();
    for (sender, thread) in [one, two] {
        thread.join().unwrap();
        sender.close();
    }
    socket.close();
    client.end();
}

#[test]
fn what_one_sender_sends_comes_in_its_order() {
    let world = World::new(Some(Net::new()), Completion::Inline);
    let _entered = world.machine.enter();
    let client = Client::new();
    let (socket, sink, local) = listening(&client, "127.0.0.1:0");
    assert_eq!(socket.event(ON), STATUS_SUCCESS);
    let gate: &'static Gate = Box::leak(Box::default());
    sink.hold(Some(gate));
    let sender = client.bound("127.0.0.1:0");
    let first = world.machine.spawn("first", move || sender.send(b"first", Some(local)));
    gate.wait();
    // On another thread, the second one does not overtake the first.
    sender.send(b"second", Some(local));
    world.netio.wait_until_idle();
    assert_eq!(sink.calls().len(), 1);
    sink.hold(None);
    gate.open();
    first.join().unwrap();
    assert_eq!(bytes(&sink.wait_for(2)), [&b"first"[..], b"second"]);
    sender.close();
    socket.close();
    client.end();
}

#[test]
fn a_callback_is_off_until_it_is_turned_on() {
    everywhere(|world| {
        let client = Client::new();
        let (socket, sink, local) = listening(&client, "127.0.0.1:0");
        let peer = world.peer("127.0.0.1:0");
        peer.send(b"buffered", local);
        until("it is buffered", || world.netio.buffered() == 1);
        world.netio.wait_until_idle();
        assert!(sink.calls().is_empty());
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        assert_eq!(bytes(&sink.wait_for(1)), [b"buffered"]);
        // Once more is no error. n/d
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        // The call may still be returning.
        assert_eq!(socket.start_event(OFF).wait(), (STATUS_SUCCESS, 0));
        assert_eq!(socket.event(OFF), STATUS_SUCCESS);
        peer.send(b"for a receive", local);
        assert_eq!(socket.receive(100).unwrap().bytes, b"for a receive");
        assert_eq!(sink.calls().len(), 1);
        // Off already: no error either.
        assert_eq!(socket.event(OFF), STATUS_SUCCESS);
        assert_eq!(socket.start_event(OFF).wait(), (STATUS_SUCCESS, 0));
        socket.close();
        client.end();
    });
}

#[test]
fn pending_receives_come_first() {
    everywhere(|world| {
        let client = Client::new();
        let (socket, sink, local) = listening(&client, "127.0.0.1:0");
        let peer = world.peer("127.0.0.1:0");
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        let receives = [socket.start_receive(10), socket.start_receive(10)];
        world.netio.wait_until_idle();
        assert_eq!(world.netio.pending(), 2);
        for datagram in [b"1", b"2", b"3"] {
            peer.send(datagram, local);
        }
        let first: Vec<_> = receives.into_iter().map(|receive| receive.wait().unwrap().bytes).collect();
        assert!(first.contains(&b"1".to_vec()) && first.contains(&b"2".to_vec()));
        assert_eq!(bytes(&sink.wait_for(1)), [b"3"]);
        socket.close();
        client.end();
    });
}

#[test]
fn what_is_not_accepted_waits_until_the_callback_is_on_again() {
    everywhere(|world| {
        let client = Client::new();
        let (socket, sink, local) = listening(&client, "127.0.0.1:0");
        let peer = world.peer("127.0.0.1:0");
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        sink.answer(&[STATUS_DATA_NOT_ACCEPTED]);
        peer.send(b"first", local);
        sink.wait_for(1);
        peer.send(b"second", local);
        until("both are buffered", || world.netio.buffered() == 2);
        world.netio.wait_until_idle();
        assert_eq!(sink.calls().len(), 1, "it is off");
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        assert_eq!(bytes(&sink.wait_for(3)), [&b"first"[..], b"first", b"second"]);
        socket.close();
        client.end();
    });
}

#[test]
fn retained_lists_are_the_clients_until_their_release() {
    everywhere(|world| {
        let client = Client::new();
        let (socket, sink, local) = listening(&client, "127.0.0.1:0");
        let peer = world.peer("127.0.0.1:0");
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        sink.answer(&[STATUS_PENDING, STATUS_PENDING]);
        peer.send(b"kept", local);
        sink.wait_for(1);
        peer.send(b"kept, too", local);
        sink.wait_for(2);
        peer.send(b"not kept", local);
        let datagrams = sink.wait_for(3);
        assert_eq!(bytes(&datagrams), [&b"kept"[..], b"kept, too", b"not kept"]);
        let calls = sink.calls();
        for call in &calls[..2] {
            assert_eq!(socket.release(call.list), STATUS_SUCCESS);
        }
        assert_eq!(socket.release(8), STATUS_INVALID_PARAMETER, "no list at all");
        assert_eq!(socket.release(0), STATUS_INVALID_PARAMETER);
        socket.close();
        client.end();
    });
}

#[test]
fn a_list_may_be_released_before_its_callback_returns() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, sink, local) = listening(&client, "127.0.0.1:0");
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        let (done, released) = std::sync::mpsc::channel();
        sink.act(move |list| done.send(socket.release(list.expose_provenance())).unwrap());
        sink.answer(&[STATUS_PENDING]);
        world.peer("127.0.0.1:0").send(b"x", local);
        assert_eq!(released.recv(), Ok(STATUS_SUCCESS));
        socket.close();
        client.end();
    });
}

/// A socket whose callback is inside a call, until the gate opens; and the sink.
fn held(world: &World, client: &Client) -> (Socket, &'static Sink, &'static Gate) {
    let (socket, sink, local) = listening(client, "127.0.0.1:0");
    let gate: &'static Gate = Box::leak(Box::default());
    assert_eq!(socket.event(ON), STATUS_SUCCESS);
    sink.hold(Some(gate));
    let peer = world.peer("127.0.0.1:0");
    // On a thread of no kernel, so that the provider's own is held, in every mode.
    std::thread::spawn(move || peer.send(b"x", local)).join().unwrap();
    sink.wait_for(1);
    (socket, sink, gate)
}

#[test]
fn disabling_tells_of_calls_that_have_not_returned() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, sink, gate) = held(world, &client);
        assert_eq!(socket.event(OFF), STATUS_EVENT_PENDING);
        let disabling = socket.start_event(OFF);
        assert_eq!(disabling.returned, STATUS_PENDING);
        assert_eq!((disabling.is_done(), world.netio.pending()), (false, 1));
        sink.hold(None);
        gate.open();
        assert_eq!(disabling.wait(), (STATUS_SUCCESS, 0));
        assert_eq!(socket.event(OFF), STATUS_SUCCESS);
        socket.close();
        client.end();
    });
}

#[test]
fn a_disable_that_waits_can_be_cancelled() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, sink, gate) = held(world, &client);
        let disabling = socket.start_event(OFF);
        assert_eq!(world.netio.pending(), 1);
        disabling.cancel();
        sink.hold(None);
        if world.mode == Completion::Inline {
            // While the call is still held.
            assert_eq!(disabling.wait(), (STATUS_CANCELLED, 0));
            gate.open();
        } else {
            gate.open();
            // It waits for its turn, behind the call.
            assert_eq!(disabling.wait().0, STATUS_CANCELLED);
        }
        socket.close();
        client.end();
    });
}

#[test]
fn a_close_waits_for_the_callback_and_ends_a_disable() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, sink, gate) = held(world, &client);
        let disabling = socket.start_event(OFF);
        let closing = socket.start_close();
        // The callback holds the provider's thread, or the close waits for it.
        assert!(!closing.is_done());
        sink.hold(None);
        gate.open();
        assert_eq!(closing.wait(), (STATUS_SUCCESS, 0));
        assert!([STATUS_SUCCESS, STATUS_CANCELLED].contains(&disabling.wait().0));
        client.end();
    });
}

#[test]
fn a_callback_may_turn_itself_off_and_send() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, sink, local) = listening(&client, "127.0.0.1:0");
        let peer = world.peer("127.0.0.1:0");
        let answered = client.bound("127.0.0.1:0");
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        let to = answered.local_address();
        let (sent, sends) = std::sync::mpsc::channel();
        sink.act(move |_| {
            assert_eq!(socket.event(OFF), STATUS_EVENT_PENDING, "this very call");
            // Begun, not waited for.
            let (buffer, to) = (support::Buffer::new(b"answer"), support::Address::new(to));
            let request = socket.start_send(buffer.wsk(), to.pointer());
            sent.send((request, buffer, to)).unwrap();
        });
        peer.send(b"x", local);
        assert_eq!(answered.receive(10).unwrap().bytes, b"answer");
        let (request, _buffer, _to) = sends.recv().unwrap();
        assert_eq!(request.wait(), (STATUS_SUCCESS, 6));
        peer.send(b"y", local);
        until("it is buffered", || world.netio.buffered() == 1);
        world.netio.wait_until_idle();
        assert_eq!(sink.calls().len(), 1);
        socket.close();
        answered.close();
        client.end();
    });
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    everywhere(|_| {
        let client = Client::new();
        let unbound = client.socket(AF_INET);
        assert_eq!(unbound.event(ON), STATUS_INVALID_DEVICE_STATE, "before the bind");
        unbound.close();
        let (socket, _, _) = listening(&client, "127.0.0.1:0");
        let wrong =
            [0, WSK_EVENT_DISABLE, WSK_EVENT_ACCEPT, ON | WSK_EVENT_ACCEPT, OFF | WSK_EVENT_RECEIVE, 0x1000];
        for mask in wrong {
            assert_eq!(socket.event(mask), STATUS_INVALID_PARAMETER, "{mask:#x}");
            assert_eq!(socket.start_event(mask).wait(), (STATUS_INVALID_PARAMETER, 0), "{mask:#x}");
        }
        assert_eq!(socket.start_event(ON).wait(), (STATUS_INVALID_PARAMETER, 0), "with an IRP");
        assert_eq!(socket.event_of(std::ptr::null(), ON), STATUS_INVALID_PARAMETER);
        let other = GUID { Data1: 1, ..NPI_WSK_INTERFACE_ID };
        assert_eq!(socket.event_of(&raw const other, ON), STATUS_NOT_SUPPORTED);
        let short = [0; 8];
        let (status, _) = socket.control(WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, &short, &mut []);
        assert_eq!(status, STATUS_INVALID_PARAMETER);
        let mut out = [0; 16];
        let (status, _) = socket.control(WskGetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, &[], &mut out);
        assert_eq!(status, STATUS_INVALID_DEVICE_REQUEST, "get of what can be set only");
        socket.close();
        client.end();
    });
}

#[test]
fn static_callbacks_are_always_on() {
    everywhere(|world| {
        let client = Client::new();
        assert_eq!(client.set_static(0), STATUS_INVALID_PARAMETER);
        assert_eq!(client.set_static(OFF), STATUS_INVALID_PARAMETER);
        // Events of other sockets may be among them.
        assert_eq!(client.set_static(ON | WSK_EVENT_ACCEPT), STATUS_SUCCESS);
        let (socket, sink, local) = listening(&client, "127.0.0.1:0");
        let peer = world.peer("127.0.0.1:0");
        sink.answer(&[STATUS_DATA_NOT_ACCEPTED]);
        peer.send(b"not taken", local);
        sink.wait_for(1);
        peer.send(b"taken", local);
        assert_eq!(bytes(&sink.wait_for(2)), [&b"not taken"[..], b"taken"], "it stays on, nothing is kept");
        for mask in [ON, OFF] {
            assert_eq!(socket.event(mask), STATUS_INVALID_DEVICE_REQUEST, "{mask:#x}");
        }
        assert_eq!(socket.start_event(OFF).wait(), (STATUS_INVALID_DEVICE_REQUEST, 0));
        assert_eq!(client.set_static(ON), STATUS_INVALID_DEVICE_STATE, "there is a socket");
        // Without a function there is nobody to be called. n/d
        let silent = client.bound("127.0.0.1:0");
        peer.send(b"x", silent.local_address());
        assert_eq!(silent.receive(10).unwrap().bytes, b"x");
        silent.close();
        socket.close();
        client.end();
    });
}

#[test]
fn dead_sockets_refuse_and_close() {
    everywhere(|world| {
        let client = Client::new();
        let (socket, sink, local) = listening(&client, "127.0.0.1:0");
        let quiet = client.bound("127.0.0.1:0");
        let unbound = client.socket(AF_INET);
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        sink.answer(&[STATUS_PENDING]);
        world.peer("127.0.0.1:0").send(b"kept", local);
        let kept = sink.wait("one", |calls| calls.len() == 1)[0].list;
        let waiting = quiet.start_receive(10);
        world.netio.wait_until_idle();
        assert_eq!(world.netio.pending(), 1);
        world.netio.kill_sockets();
        assert_eq!(waiting.wait(), Err(STATUS_FILE_FORCED_CLOSED));
        let calls = sink.wait("the end is told", |calls| calls.len() == 2);
        assert!(calls[1].datagrams.is_none());
        for dead in [socket, quiet, unbound] {
            assert_eq!(dead.try_send(b"x", Some(local)), Err(STATUS_FILE_FORCED_CLOSED));
            assert_eq!(dead.receive(10), Err(STATUS_FILE_FORCED_CLOSED));
            assert_eq!(dead.try_local_address(), Err(STATUS_FILE_FORCED_CLOSED));
            assert_eq!(dead.bind(local), STATUS_FILE_FORCED_CLOSED);
            assert_eq!(dead.set(SOL_SOCKET, SO_BROADCAST, 1), STATUS_FILE_FORCED_CLOSED);
            assert_eq!(dead.event(ON), STATUS_FILE_FORCED_CLOSED);
        }
        // What was kept can still be read, and must be given back.
        assert_eq!(socket.release(kept), STATUS_SUCCESS);
        world.netio.kill_sockets();
        for dead in [socket, quiet, unbound] {
            dead.close();
        }
        world.netio.wait_until_idle();
        assert_eq!(sink.calls().len(), 2, "told once");
        // New ones work, at the same address.
        let again = client.bound(&local.to_string());
        world.peer("127.0.0.1:0").send(b"again", local);
        assert_eq!(again.receive(10).unwrap().bytes, b"again");
        again.close();
        client.end();
    });
}

#[test]
fn a_provider_that_is_gone_makes_no_sockets_until_it_is_back() {
    everywhere(|world| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        world.netio.detach();
        assert_eq!(socket.receive(10), Err(STATUS_FILE_FORCED_CLOSED));
        socket.close();
        assert_eq!(client.try_socket(AF_INET).err(), Some(STATUS_DEVICE_NOT_READY));
        assert_eq!(Client::try_new().err(), Some(STATUS_DEVICE_NOT_READY));
        world.netio.set_ready(true);
        client.socket(AF_INET).close();
        Client::try_new().unwrap().end();
        client.end();
    });
}

#[test]
fn cancelled_before_it_is_sent() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, _, _) = listening(&client, "127.0.0.1:0");
        let request = Request::new();
        request.cancel();
        let events = WSK_EVENT_CALLBACK_CONTROL { NpiId: &raw const NPI_WSK_INTERFACE_ID, EventMask: OFF };
        let events = Box::leak(Box::new(events));
        let control = socket.basic_table().WskControlSocket.unwrap();
        let (none, size) = (std::ptr::null_mut(), size_of_val(events));
        let (name, input) = (SO_WSK_EVENT_CALLBACK, (&raw mut *events).cast());
        let (irp, length) = (request.irp, std::ptr::null_mut());
        #[expect(unsafe_code, clippy::undocumented_unsafe_blocks, reason = "a call as its page has it")]
        let returned =
            unsafe { control(socket.0, WskSetOption, name, SOL_SOCKET, size, input, 0, none, length, irp) };
        let mut request = request;
        request.returned = returned;
        let expected: &[NTSTATUS] = match world.mode {
            Completion::Inline => &[STATUS_SUCCESS],
            Completion::Deferred | Completion::Delayed { .. } => &[STATUS_CANCELLED],
            Completion::Mixed { .. } => &[STATUS_SUCCESS, STATUS_CANCELLED],
        };
        let (status, information) = request.wait();
        assert!(expected.contains(&status) && information == 0, "{status:#x}");
        socket.close();
        client.end();
    });
}
