//! The data path: control information both ways, truncation, several datagrams with one operation.
#![allow(unsafe_code, reason = "payloads of the test's own")]

use std::net::SocketAddr;
use std::ptr;

use crate::common::{self, BRIEFLY, Bell, SOON, World, in_every_mode, op_for, op_with, receive};
use wsk::cmsg::Message;
use wsk::ioctl::SetRemoteAddress;
use wsk::option::ip;
use wsk::{
    Buffer, BufferList, Completion, ControlInfo, DispatchDrop, Error, Op, Payload, PayloadList, ReceiveFrom,
    SendMessages, SendTo,
};
use wsk_sys::{MSG_CTRUNC, WSK_BUF, WSK_BUF_LIST};

fn info(messages: &[Message<'_>]) -> ControlInfo {
    let mut control = ControlInfo::new();
    for message in messages {
        control.push(message).unwrap();
    }
    control
}

/// A list of datagrams that together have these bytes.
fn list_of(bytes: &[u8], lengths: &[usize]) -> BufferList<Buffer> {
    let mut buffer = Buffer::new(bytes.len().max(1)).unwrap();
    buffer.fill(bytes).unwrap();
    let mut list = BufferList::new(buffer, lengths.len().max(1)).unwrap();
    list.divide(lengths.iter().copied()).unwrap();
    list
}

fn sent(world: &World) -> usize {
    let log = world.machine.irp_log();
    log.iter().filter(|event| matches!(event.kind, ntos::IrpEventKind::Sent { .. })).count()
}

#[test]
fn control_information_comes_with_what_asks_for_it() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let peer = world.peer();
            peer.set_ttl(33).unwrap();
            peer.set_traffic_class(0x2E).unwrap();
            peer.send_to(b"plain", address).unwrap();
            let (plain, _) = receive(&socket, 10, SOON, passive).unwrap();
            assert!(plain.control.is_empty() && plain.flags == 0);
            socket.set::<ip::PacketInformation>(true, passive).unwrap();
            socket.set::<ip::ReceiveTimeToLive>(true, passive).unwrap();
            socket.set::<ip::ReceiveTypeOfService>(true, passive).unwrap();
            let expected = [
                Message::PacketInfo { address: address.ip(), interface: 1 },
                Message::TimeToLive(33),
                Message::TypeOfService(0x2E),
            ];
            peer.send_to(b"told", address).unwrap();
            let (told, data) = receive(&socket, 10, SOON, passive).unwrap();
            assert_eq!(told.control, info(&expected));
            assert_eq!(data[..], b"told"[..]);
            // With less room, WSK cuts.
            peer.send_to(b"cut", address).unwrap();
            let request = ReceiveFrom.with_room(50);
            let (cut, _) = socket.submit(op_for(10), request, Some(SOON)).wait(passive);
            let cut = cut.unwrap();
            assert!(cut.is_control_truncated());
            assert_eq!(cut.control, info(&expected[..2]));
            let shown: Vec<Result<_, Error>> = expected[..2].iter().map(Ok).collect();
            assert_eq!(format!("{:?}", cut.control), format!("{shown:?}"));
            // By the queue as well.
            let bell = Bell::default();
            let queue = bell.queue(passive);
            socket.submit_to(&queue, op_for(10), ReceiveFrom, Some(SOON));
            peer.send_to(b"queued", address).unwrap();
            let (Completion::Receive(Ok(received)), mut op) = bell.take_one(&queue) else {
                panic!("a datagram was received");
            };
            assert_eq!(received.control, info(&expected));
            op.buffers_mut().fill(b"back").unwrap();
            socket.submit_to(&queue, op, SendTo(Some(peer.local_addr().unwrap())), Some(SOON));
            assert!(matches!(bell.take_one(&queue), (Completion::Send(Ok(4)), _)));
            drop(queue);
        });
    });
}

#[test]
fn a_cut_datagram_says_so() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            world.peer().send_to(b"too long", address).unwrap();
            let (received, data) = receive(&socket, 3, SOON, passive).unwrap();
            assert_eq!((&data[..], received.length), (&b"too"[..], 3));
            assert!(received.is_truncated() && received.flags & MSG_CTRUNC == 0);
            assert!(!received.is_control_truncated() && !received.is_broadcast() && !received.is_multicast());
        });
    });
}

#[test]
fn sends_carry_control_information() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let peer = world.peer();
            let to = Some(peer.local_addr().unwrap());
            let control = info(&[Message::TimeToLive(5), Message::EcnV4(2)]);
            let (result, op) =
                socket.submit(op_with(b"one"), SendTo(to).with(control), Some(SOON)).wait(passive);
            assert_eq!(result, Ok(3));
            let arrived = peer.receive().unwrap();
            assert_eq!((arrived.hops, arrived.traffic_class), (5, 2));
            // The next submission of the operation carries none.
            let (result, _) = socket.submit(op, SendTo(to), Some(SOON)).wait(passive);
            assert_eq!((result, peer.receive().unwrap().hops), (Ok(3), 128));
            let list = Op::new(list_of(b"twothree", &[3, 5])).unwrap();
            let (result, _) = socket.submit(list, SendMessages(to).with(control), Some(SOON)).wait(passive);
            assert_eq!(result, Ok(8));
            assert_eq!([peer.receive().unwrap().hops, peer.receive().unwrap().hops], [5, 5]);
            let wrong = info(&[Message::HopLimit(5)]);
            let (result, _) = socket.submit(op_with(b"x"), SendTo(to).with(wrong), Some(SOON)).wait(passive);
            assert_eq!(result, Err(Error::INVALID_PARAMETER), "what WSK says of a message of IPv6");
        });
    });
}

#[test]
fn several_datagrams_go_out_with_one_irp() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let peer = world.peer();
            let to = peer.local_addr().unwrap();
            let mut op = Op::new(list_of(b"onetwothree", &[3, 0, 3, 5])).unwrap();
            assert!(!op.buffers().is_empty());
            assert_eq!(op.buffers().len(), 4);
            let before = sent(world);
            for _ in 0..3 {
                let (result, completed) = socket.submit(op, SendMessages(Some(to)), Some(SOON)).wait(passive);
                assert_eq!(result, Ok(11));
                for part in ["one", "", "two", "three"] {
                    let arrived = peer.receive().unwrap();
                    assert_eq!((arrived.bytes, arrived.from), (part.into(), address));
                }
                op = completed;
            }
            assert_eq!(sent(world) - before, 3, "one IRP for each four");
            // Divided anew, and to a fixed address.
            socket.ioctl::<wsk::ioctl::SetSendToAddress>(Some(to), passive).unwrap();
            op.buffers_mut().payload_mut().fill(b"xyz").unwrap();
            assert!(op.buffers().is_empty());
            op.buffers_mut().divide([1, 2]).unwrap();
            let (result, _) = socket.submit(op, SendMessages(None), Some(SOON)).wait(passive);
            assert_eq!(result, Ok(3));
            assert_eq!([peer.receive().unwrap().bytes, peer.receive().unwrap().bytes], [&b"x"[..], b"yz"]);
        });
    });
}

#[test]
fn a_list_tells_how_many_datagrams_were_sent() {
    common::run(netio::Completion::Inline, |_| {
        let list = list_of(b"onetwothree", &[3, 0, 3, 5]);
        let within = [0, 2, 3, 5, 6, 10, 11, usize::MAX].map(|bytes| list.count_within(bytes));
        assert_eq!(within, [0, 0, 2, 2, 3, 3, 4, 4]);
    });
}

#[test]
fn a_list_is_divided_within_its_payload_only() {
    common::run(netio::Completion::Inline, |_| {
        let mut list = list_of(b"12345", &[5]);
        assert_eq!(list.len(), 1);
        for (lengths, error) in [
            (&[1, 1][..], Error::BUFFER_TOO_SMALL),
            (&[6], Error::INVALID_BUFFER_SIZE),
            (&[usize::MAX], Error::INVALID_BUFFER_SIZE),
        ] {
            assert_eq!(list.divide(lengths.iter().copied()), Err(error), "{lengths:?}");
            assert!(list.is_empty() && list.list().is_null());
        }
        list.divide([4]).unwrap();
        assert_eq!(&list.payload()[..], b"12345");
        let buffer = || Buffer::new(1).unwrap();
        assert_eq!(BufferList::new(buffer(), 0).map(drop), Err(Error::INVALID_PARAMETER));
        assert_eq!(BufferList::new(buffer(), usize::MAX).map(drop), Err(Error::INVALID_PARAMETER));
    });
}

/// Two buffers as one: a chain of two MDLs.
struct Chain {
    first: Buffer,
    second: Buffer,
}

impl Chain {
    fn new(first: &[u8], second: &[u8]) -> Chain {
        let [first, second] = [first, second].map(|bytes| {
            let mut buffer = Buffer::new(bytes.len()).unwrap();
            buffer.fill(bytes).unwrap();
            buffer
        });
        // SAFETY: the MDLs are the buffers' own, which nobody uses yet.
        unsafe { (*first.buffer().Mdl).Next = second.buffer().Mdl };
        Chain { first, second }
    }
}

// SAFETY: the chain lives as long as the two buffers, and lengths are those of its MDLs.
unsafe impl Payload for Chain {
    fn buffer(&self) -> WSK_BUF {
        let length = self.first.len() + self.second.len();
        WSK_BUF { Length: length, ..self.first.buffer() }
    }

    fn room(&self) -> WSK_BUF {
        let length = self.first.capacity() + self.second.capacity();
        WSK_BUF { Length: length, ..self.first.room() }
    }

    fn set_received(&mut self, length: usize) {
        let first = length.min(self.first.capacity());
        self.first.set_len(first);
        self.second.set_len(length - first);
    }
}

// SAFETY: its drop writes a pointer, and drops the buffers.
unsafe impl DispatchDrop for Chain {}

impl Drop for Chain {
    fn drop(&mut self) {
        // SAFETY: as in `new`; the first MDL is freed after this.
        unsafe { (*self.first.buffer().Mdl).Next = ptr::null_mut() };
    }
}

#[test]
fn a_list_follows_a_chain_of_mdls() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let peer = world.peer();
            let mut list = BufferList::new(Chain::new(b"abcd", b"efg"), 4).unwrap();
            list.divide([3, 2, 2]).unwrap();
            let op = Op::new(list).unwrap();
            let to = Some(peer.local_addr().unwrap());
            let (result, _) = socket.submit(op, SendMessages(to), Some(SOON)).wait(passive);
            assert_eq!(result, Ok(7));
            for part in ["abc", "de", "fg"] {
                assert_eq!(peer.receive().unwrap().bytes, part.as_bytes());
            }
        });
    });
}

/// A buffer that says more of itself than is true.
struct Liar(Buffer, u32, usize);

// SAFETY: the MDL is the buffer's. Offset and length are what the test is about: they need not be right.
unsafe impl Payload for Liar {
    fn buffer(&self) -> WSK_BUF {
        WSK_BUF { Offset: self.1, Length: self.2, ..self.0.buffer() }
    }

    fn room(&self) -> WSK_BUF {
        self.buffer()
    }

    fn set_received(&mut self, _: usize) {}
}

wsk::dispatch_drop!(Liar(buffer, offset, length));

/// A list of one node, or of none.
struct Node {
    _describes: Liar,
    entry: Box<WSK_BUF_LIST>,
    is_there: bool,
}

// SAFETY: the node is the value's own, what it describes is the liar's.
unsafe impl PayloadList for Node {
    fn list(&self) -> *mut WSK_BUF_LIST {
        if self.is_there { ptr::from_ref(&*self.entry).cast_mut() } else { ptr::null_mut() }
    }
}

// SAFETY: its drop frees memory of the allocator, no more.
unsafe impl wsk::DispatchDrop for Node {}

// SAFETY: the pointers are to pool memory that belongs to the value.
unsafe impl Send for Node {}

#[test]
fn what_does_not_fit_its_mdls_never_reaches_wsk() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let before = sent(world);
            let to: Option<SocketAddr> = Some(address);
            for (offset, length) in [(0, 5), (3, 2), (4, 1), (u32::MAX, usize::MAX), (0, usize::MAX)] {
                let liar = || Liar(Buffer::new(4).unwrap(), offset, length);
                let refused = Err(Error::INVALID_BUFFER_SIZE);
                let op = Op::new(liar()).unwrap();
                let (result, op) = socket.submit(op, SendTo(to), Some(SOON)).wait(passive);
                assert_eq!(result, refused, "{length} at {offset}");
                let (result, _) = socket.submit(op, ReceiveFrom, Some(SOON)).wait(passive);
                assert_eq!(result.map(drop), refused.map(drop), "{length} at {offset}");
                let liar = liar();
                let node = Box::new(WSK_BUF_LIST { Next: ptr::null_mut(), Buffer: liar.buffer() });
                let op = Op::new(Node { _describes: liar, entry: node, is_there: true }).unwrap();
                let (result, mut op) = socket.submit(op, SendMessages(to), Some(SOON)).wait(passive);
                assert_eq!(result, refused, "{length} at {offset}");
                op.buffers_mut().is_there = false;
                let (result, _) = socket.submit(op, SendMessages(to), Some(SOON)).wait(passive);
                assert_eq!(result, Err(Error::INVALID_PARAMETER), "a list of nothing");
            }
            assert_eq!(sent(world), before);
            let fits = Op::new(Liar(Buffer::new(4).unwrap(), 3, 1)).unwrap();
            assert_eq!(socket.submit(fits, SendTo(to), Some(SOON)).wait(passive).0, Ok(1));
        });
    });
}

#[test]
fn lists_allocate_nothing_in_flight() {
    const ROUNDS: u32 = if cfg!(miri) { 5 } else { 20 };
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let peer = world.peer();
            let to = Some(peer.local_addr().unwrap());
            let control = info(&[Message::TypeOfService(4)]);
            let mut op = Op::new(list_of(b"1234", &[1, 1, 2])).unwrap();
            let counters = || {
                let counters = world.machine.counters();
                [counters.pool_blocks.total, counters.irps.total, counters.mdls.total]
            };
            let mut before = counters();
            for round in 0..ROUNDS {
                let (result, completed) =
                    socket.submit(op, SendMessages(to).with(control), Some(SOON)).wait(passive);
                assert_eq!(result, Ok(4));
                op = completed;
                op.buffers_mut().divide([2, 1, 1]).unwrap();
                if round == 2 {
                    before = counters();
                }
            }
            assert_eq!(counters(), before);
        });
    });
}

#[test]
fn datagrams_go_and_come_by_calls_that_wait() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let mut buffer = Buffer::new(8).unwrap();
            buffer.fill(b"there").unwrap();
            assert_eq!(socket.send_to(&buffer, address, passive.within(SOON)), Ok(5));
            buffer.fill(b"").unwrap();
            let received = socket.receive_from(&mut buffer, passive).unwrap();
            assert_eq!((received.from, received.length, &buffer[..]), (address, 5, &b"there"[..]));
            assert_eq!(
                socket.send(&buffer, passive),
                Err(Error::INVALID_DEVICE_STATE),
                "no address is fixed"
            );
            socket.ioctl::<SetRemoteAddress>(Some(address), passive).unwrap();
            assert_eq!(socket.send(&buffer, passive), Ok(5));
            assert_eq!(socket.receive(&mut buffer, passive.within(SOON)), Ok(5));
            let late = socket.receive(&mut buffer, passive.within(BRIEFLY));
            assert_eq!((late, buffer.len()), (Err(Error::IO_TIMEOUT), 0), "what was in it is gone");
            let other = socket.send_to(&buffer, "[::1]:1".parse().unwrap(), passive);
            assert_eq!(other, Err(Error::INVALID_ADDRESS_COMPONENT));
        });
    });
}

#[test]
fn what_a_driver_keeps_beside_a_payload_comes_back_with_it() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let mut buffer = Buffer::new(16).unwrap();
            buffer.fill(b"to itself").unwrap();
            let op = Op::new((buffer, 7_u32)).unwrap();
            let (sent, mut op) = socket.submit(op, SendTo(Some(address)), None).wait(passive);
            assert_eq!(sent, Ok(9));
            let (buffer, beside) = op.buffers_mut();
            buffer.set_len(0);
            *beside += 1;
            let (received, op) = socket.submit(op, ReceiveFrom, SOON).wait(passive);
            let (buffer, beside) = op.buffers();
            assert_eq!((received.unwrap().length, &buffer[..], *beside), (9, &b"to itself"[..], 8));
        });
    });
}
