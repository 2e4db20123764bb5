//! `UDP_RECV_MAX_COALESCED_SIZE`: datagrams that come together; in memory, where they are there as soon as they are sent.

use std::net::SocketAddr;

use crate::support::{Client, EVENTS, Sink, Socket, World, in_memory, messages};
use wsk_cmsg::Message;
use wsk_sys::*;

const ON: ULONG = WSK_EVENT_RECEIVE_FROM;

fn together(socket: Socket, most: ULONG) {
    assert_eq!(socket.set(IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, most), STATUS_SUCCESS);
}

/// Sends datagrams, and says who has sent them.
fn send(world: &World, parts: &[&[u8]], to: SocketAddr) -> SocketAddr {
    let peer = world.peer(if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" });
    for part in parts {
        peer.send(part, to);
    }
    peer.address()
}

/// What a receive brings: the data, and the size of the datagrams, if it says that there are several.
fn receive(socket: Socket) -> (Vec<u8>, Option<u32>) {
    let told = socket.receive_told(100);
    let size = match told.messages()[..] {
        [] => None,
        [Message::CoalescedInfo(size)] => Some(size),
        ref other => panic!("{other:?}"),
    };
    (told.bytes, size)
}

#[test]
fn datagrams_come_together_if_that_is_wanted() {
    in_memory(|world| {
        let client = Client::new();
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let socket = client.bound(loopback);
            let local = socket.local_address();
            let parts = [&b"aaa"[..], b"bbb", b"c", b"dd", b"", b"ee"];
            send(world, &parts, local);
            for part in parts {
                assert_eq!(receive(socket), (part.to_vec(), None), "one by one");
            }
            together(socket, 1000);
            send(world, &parts, local);
            let expected = [(&b"aaabbbc"[..], Some(3)), (b"dd", None), (b"", None), (b"ee", None)];
            for (bytes, size) in expected {
                assert_eq!(receive(socket), (bytes.to_vec(), size));
            }
            // No more than is wanted.
            together(socket, 6);
            send(world, &[b"aaa", b"bbb", b"ccc"], local);
            assert_eq!(receive(socket), (b"aaabbb".to_vec(), Some(3)));
            assert_eq!(receive(socket), (b"ccc".to_vec(), None));
            // The option counts when they are taken, not when they come.
            send(world, &[b"aaa", b"bbb"], local);
            together(socket, 0);
            assert_eq!(receive(socket), (b"aaa".to_vec(), None));
            assert_eq!(receive(socket), (b"bbb".to_vec(), None));
            socket.close();
        }
        client.end();
    });
}

#[test]
fn a_buffer_that_is_too_small_cuts_what_came_together() {
    in_memory(|world| {
        let client = Client::new();
        let socket = client.bound("127.0.0.1:0");
        together(socket, 1000);
        let from = send(world, &[b"aaa", b"bbb"], socket.local_address());
        send(world, &[b"ccc"], socket.local_address());
        let told = socket.receive_told(4);
        assert_eq!((&told.bytes[..], told.from, told.flags), (&b"aaab"[..], from, MSG_TRUNC));
        assert_eq!(told.messages(), [Message::CoalescedInfo(3)]);
        assert_eq!(receive(socket), (b"ccc".to_vec(), None), "another sender's, and not the rest");
        socket.close();
        client.end();
    });
}

#[test]
fn datagrams_are_indicated_together_and_put_back_one_by_one() {
    in_memory(|world| {
        let client = Client::new();
        let sink = Sink::new();
        let socket = client.listening("127.0.0.1:0", &raw const EVENTS, sink.context());
        together(socket, 1000);
        sink.answer(&[STATUS_DATA_NOT_ACCEPTED]);
        send(world, &[b"aaa", b"bbb", b"c", b"d"], socket.local_address());
        assert_eq!(socket.event(ON), STATUS_SUCCESS);
        let indicated = sink.wait_for(2);
        let told: Vec<_> = indicated.iter().map(|one| (&one.bytes[..], messages(&one.control))).collect();
        assert_eq!(told, [(&b"aaabbbc"[..], vec![Message::CoalescedInfo(3)]), (b"d", Vec::new())]);
        // Not accepted, they are in the socket's buffer again, and taken as is wanted then.
        let off = socket.start_event(ON | WSK_EVENT_DISABLE);
        assert_eq!(off.wait(), (STATUS_SUCCESS, 0));
        together(socket, 0);
        for part in ["aaa", "bbb", "c", "d"] {
            assert_eq!(receive(socket), (part.as_bytes().to_vec(), None));
        }
        socket.close();
        client.end();
    });
}
