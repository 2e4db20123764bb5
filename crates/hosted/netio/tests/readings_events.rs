//! Each reading of the questions on events that is not the strict one.

use std::ptr;

use crate::support::{Client, EVENTS, Gate, Sink, Socket, World, with_reading};
use readings::*;
use wsk_sys::*;

const ON: ULONG = WSK_EVENT_RECEIVE_FROM;
const OFF: ULONG = WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE;
const V4: &str = "127.0.0.1:0";

fn with_socket(test: impl FnOnce(Socket, &'static Sink)) {
    let (client, sink) = (Client::new(), Sink::new());
    let socket = client.listening(V4, &raw const EVENTS, sink.context());
    test(socket, sink);
    socket.close();
    client.end();
}

/// The event is enabled: what is sent now comes to the sink.
fn comes(world: &World, socket: Socket, sink: &Sink) {
    world.peer(V4).send(b"x", socket.local_address());
    assert_eq!(sink.wait_for(1)[0].bytes, b"x");
}

#[test]
fn an_irp_with_an_enabling_request() {
    with_reading(EnableWithIrp::Completed, |world| {
        with_socket(|socket, sink| {
            assert_eq!(socket.start_event(ON).wait(), (STATUS_SUCCESS, 0));
            comes(world, socket, sink);
        });
    });
    with_reading(EnableWithIrp::Ignored, |world| {
        with_socket(|socket, sink| {
            let request = socket.start_event(ON);
            assert_eq!(request.returned, STATUS_SUCCESS);
            comes(world, socket, sink);
            assert!(!request.is_done(), "the IRP is left alone");
            request.free();
            assert_eq!(socket.start_event(OFF).wait(), (STATUS_SUCCESS, 0), "that of a disable is not");
        });
    });
}

#[test]
fn enabling_before_the_bind() {
    with_reading(EnableBeforeBind::Enabled, |world| {
        let (client, sink) = (Client::new(), Sink::new());
        let callbacks = (&raw const EVENTS, sink.context());
        let request = client.open_with(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, callbacks);
        let socket = Socket(ptr::with_exposed_provenance_mut(request.wait().1));
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        assert_eq!(socket.bind(V4.parse().unwrap()), STATUS_SUCCESS);
        comes(world, socket, sink);
        socket.close();
        client.end();
    });
}

#[test]
fn what_is_switched_already() {
    with_reading(EnabledTwice::InvalidState, |world| {
        with_socket(|socket, sink| {
            assert_eq!(socket.event(OFF), STATUS_INVALID_DEVICE_STATE);
            assert_eq!(socket.start_event(OFF).wait(), (STATUS_INVALID_DEVICE_STATE, 0));
            assert_eq!(socket.event(ON), STATUS_SUCCESS);
            assert_eq!(socket.event(ON), STATUS_INVALID_DEVICE_STATE);
            comes(world, socket, sink);
            assert_eq!(socket.start_event(OFF).wait(), (STATUS_SUCCESS, 0));
            assert_eq!(socket.event(OFF), STATUS_INVALID_DEVICE_STATE);
        });
    });
}

#[test]
fn static_events_and_a_foreign_identifier() {
    with_reading(ForeignNpi::InvalidParameter, |_| {
        with_socket(|socket, _| {
            let foreign = GUID { Data1: 1, ..NPI_WSK_INTERFACE_ID };
            assert_eq!(socket.event_of(&raw const foreign, ON), STATUS_INVALID_PARAMETER);
        });
    });
    with_reading(StaticSwitched::InvalidParameter, |_| {
        let (client, sink) = (Client::new(), Sink::new());
        assert_eq!(client.set_static(ON), STATUS_SUCCESS);
        let socket = client.listening(V4, &raw const EVENTS, sink.context());
        assert_eq!(
            (socket.event(ON), socket.event(OFF)),
            (STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER)
        );
        socket.close();
        client.end();
    });
    with_reading(StaticLate::InvalidParameter, |_| {
        let client = Client::new();
        client.socket(AF_INET).close();
        assert_eq!(client.set_static(ON), STATUS_INVALID_PARAMETER);
        client.end();
    });
}

#[test]
fn a_status_that_the_page_has_not() {
    with_reading(EventStatus::Consumed, |world| {
        with_socket(|socket, sink| {
            sink.answer(&[STATUS_DEVICE_NOT_READY]);
            assert_eq!(socket.event(ON), STATUS_SUCCESS);
            comes(world, socket, sink);
            world.peer(V4).send(b"next", socket.local_address());
            assert_eq!(sink.wait_for(2)[1].bytes, b"next", "it is still on, and the first is gone");
        });
    });
}

/// How many datagrams each call has brought, of so many that wait when the event is enabled.
fn calls(world: &World, count: usize) -> Vec<usize> {
    let mut lengths = Vec::new();
    with_socket(|socket, sink| {
        let peer = world.peer(V4);
        for _ in 0..count {
            peer.send(b"four", socket.local_address());
        }
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        assert!(sink.wait_for(count).iter().all(|datagram| datagram.bytes == b"four"));
        lengths = sink.calls().into_iter().filter_map(|call| call.datagrams).map(|list| list.len()).collect();
    });
    lengths
}

#[test]
fn how_many_come_at_a_time() {
    with_reading(IndicatedCount::One, |world| assert_eq!(calls(world, 3), [1, 1, 1]));
    with_reading(IndicatedCount::Many, |world| assert_eq!(calls(world, 65), [64, 1]));
}

#[test]
fn data_in_one_piece() {
    with_reading(IndicatedMdls::One, |world| {
        with_socket(|socket, sink| {
            let (tell, told) = std::sync::mpsc::channel();
            sink.act(move |list| {
                #[expect(
                    unsafe_code,
                    clippy::undocumented_unsafe_blocks,
                    clippy::multiple_unsafe_ops_per_block,
                    reason = "reads what the call brings"
                )]
                let (offset, next) = unsafe { ((*list).Buffer.Offset, (*(*list).Buffer.Mdl).Next.is_null()) };
                tell.send((offset, next)).unwrap();
            });
            assert_eq!(socket.event(ON), STATUS_SUCCESS);
            comes(world, socket, sink);
            assert_eq!(told.recv(), Ok((0, true)));
        });
    });
}

#[test]
fn calls_one_after_the_other() {
    let readings = Readings::STRICT.with(EventConcurrency::Serial);
    let completion = ::netio::Completion::Inline;
    let config = ::netio::Config { readings, completion, ..::netio::Config::default() };
    let world = World::with(Some(::netio::memory::Net::new()), config);
    let entered = world.machine.enter();
    let (client, sink) = (Client::new(), Sink::new());
    let socket = client.listening(V4, &raw const EVENTS, sink.context());
    let local = socket.local_address();
    assert_eq!(socket.event(ON), STATUS_SUCCESS);
    let gate: &'static Gate = Box::leak(Box::default());
    sink.hold(Some(gate));
    let senders = [client.bound(V4), client.bound(V4)];
    let first = world.machine.spawn("first", move || senders[0].send(b"x", Some(local)));
    gate.wait();
    senders[1].send(b"y", Some(local));
    world.netio.wait_until_idle();
    assert_eq!(sink.calls().len(), 1, "the second waits for the first");
    sink.hold(None);
    gate.open();
    first.join().unwrap();
    assert_eq!(sink.wait_for(2)[1].bytes, b"y");
    senders.into_iter().for_each(Socket::close);
    socket.close();
    client.end();
    drop(entered);
    world.machine.shutdown();
}
