//! `WskRelease` of what a callback kept: whole lists, parts of them, nodes one by one, in any order of the client's.
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    reason = "reads and links the indications as their page allows"
)]

use std::net::SocketAddr;
use std::ptr;

use crate::support::{self, Client, EVENTS, Sink, Socket, World, in_memory};
use wsk_sys::*;

const ON: ULONG = WSK_EVENT_RECEIVE_FROM;

/// A bound socket with a sink, and its address; the callback is off.
fn listening(client: &Client) -> (Socket, &'static Sink, SocketAddr) {
    let sink = Sink::new();
    let socket = client.listening("127.0.0.1:0", &raw const EVENTS, sink.context());
    (socket, sink, socket.local_address())
}

/// A list of these datagrams, which the callback keeps; its nodes in their order.
fn kept(world: &World, socket: Socket, sink: &Sink, local: SocketAddr, datagrams: &[&[u8]]) -> Vec<usize> {
    let peer = world.peer("127.0.0.1:0");
    for datagram in datagrams {
        peer.send(datagram, local);
    }
    let before = sink.calls().len();
    sink.answer(&[STATUS_PENDING]);
    assert_eq!(socket.event(ON), STATUS_SUCCESS);
    let call = sink.wait("one more call", |calls| calls.len() > before)[before].clone();
    // The call has returned when a disable that waits for it has.
    assert_eq!(socket.start_event(ON | WSK_EVENT_DISABLE).wait(), (STATUS_SUCCESS, 0));
    let nodes = nodes(call.list);
    assert_eq!(nodes.len(), datagrams.len(), "one list");
    nodes
}

fn node(address: usize) -> *mut WSK_DATAGRAM_INDICATION {
    ptr::with_exposed_provenance_mut(address)
}

/// The nodes of a list.
fn nodes(first: usize) -> Vec<usize> {
    let next = |address: &usize| unsafe { (*node(*address)).Next }.expose_provenance();
    std::iter::successors(Some(first), |address| Some(next(address)).filter(|next| *next != 0)).collect()
}

fn link(from: usize, to: usize) {
    unsafe { (*node(from)).Next = ptr::with_exposed_provenance_mut(to) };
}

/// The bytes of one indication.
fn bytes(address: usize) -> Vec<u8> {
    let before = unsafe { (*node(address)).Next };
    link(address, 0);
    let alone = unsafe { support::read(node(address)) };
    link(address, before.expose_provenance());
    alone.into_iter().next().unwrap().bytes
}

#[test]
fn a_release_frees_exactly_what_is_linked() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, sink, local) = listening(&client);
        let nodes = kept(world, socket, sink, local, &[b"first", b"second", b"third"]);
        link(nodes[0], 0);
        assert_eq!(socket.release(nodes[0]), STATUS_SUCCESS);
        // The rest is the client's still.
        assert_eq!(bytes(nodes[1]), b"second");
        assert_eq!(bytes(nodes[2]), b"third");
        assert_eq!(socket.release(nodes[1]), STATUS_SUCCESS);
        socket.close();
        client.end();
    });
}

#[test]
fn nodes_are_released_one_by_one() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, sink, local) = listening(&client);
        let nodes = kept(world, socket, sink, local, &[b"1", b"2", b"3", b"4"]);
        // Not in their order.
        for at in [2, 0, 3, 1] {
            assert_eq!(bytes(nodes[at]), [b'1' + u8::try_from(at).unwrap()]);
            link(nodes[at], 0);
            assert_eq!(socket.release(nodes[at]), STATUS_SUCCESS);
        }
        socket.close();
        client.end();
    });
}

#[test]
fn lists_may_be_joined() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, sink, local) = listening(&client);
        let one = kept(world, socket, sink, local, &[b"1", b"2"]);
        let other = kept(world, socket, sink, local, &[b"3", b"4"]);
        link(other[1], one[0]);
        assert_eq!(socket.release(other[0]), STATUS_SUCCESS);
        socket.close();
        client.end();
    });
}

#[test]
fn a_callback_may_release_a_part_and_keep_the_rest() {
    in_memory(|world| {
        let client = Client::new();
        let (socket, sink, local) = listening(&client);
        let (done, released) = std::sync::mpsc::channel();
        sink.act(move |list| {
            let nodes = nodes(list.expose_provenance());
            link(nodes[0], 0);
            done.send((socket.release(nodes[0]), nodes[1])).unwrap();
        });
        let peer = world.peer("127.0.0.1:0");
        peer.send(b"gone", local);
        peer.send(b"kept", local);
        sink.answer(&[STATUS_PENDING]);
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        let (status, rest) = released.recv().unwrap();
        assert_eq!(status, STATUS_SUCCESS);
        assert_eq!(socket.start_event(ON | WSK_EVENT_DISABLE).wait(), (STATUS_SUCCESS, 0));
        assert_eq!(bytes(rest), b"kept");
        assert_eq!(socket.release(rest), STATUS_SUCCESS);
        socket.close();
        client.end();
    });
}
