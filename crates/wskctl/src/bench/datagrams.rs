//! Datagrams out and in: the system's calls for one and for several, and the device's requests.
//!
//! What was sent is taken by its receiver after each call, which is not timed. What is to be received was sent before the call, and
//! the network had some time to bring it.

use std::cell::RefCell;
use std::hint::black_box;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use wsk_sys::{IPPROTO_UDP, SO_RCVBUF, SOL_SOCKET, UDP_SEND_MSG_SIZE};
use wskdrv_abi::receive::record_size;
use wskdrv_abi::{Datagrams, RECEIVE_MAX, SEND_MAX};

use super::measure::{Case, by_turns};
use super::system::{Outside, Receiver, Sender, Socket};
use super::{Bench, Error};
use crate::session::{Room, Session};

/// How many tables there are.
pub(super) const TABLES: usize = 5;

/// A call of the system for each datagram.
const SINGLE: &str = "std::net";
/// Requests of the device.
const DEVICE: &str = "wskdrv";
/// One that takes what the receive event has brought into the handle's queue.
const DRAIN: &str = "wskdrv, drain";
/// The size of that queue, and of the socket's own.
const QUEUE: u32 = 1 << 20;
/// How many go together.
const BATCHES: [usize; 4] = [1, 4, 16, 64];
/// The payloads, in bytes.
const SIZES: [usize; 2] = [64, 1200];
/// The size of the datagrams that one send is divided into, and how many of them it takes.
const SEGMENT: u16 = 1200;
const SEGMENTS: usize = 54;
/// How long the network has to bring what was sent, and longer for each datagram.
const PAUSE: Duration = Duration::from_micros(200);
const PAUSE_EACH: Duration = Duration::from_micros(20);

pub(super) fn measure(bench: &Bench) -> Result<(), Error> {
    for (name, what) in [("sendmmsg", Sender::NAME), ("recvmmsg", Receiver::NAME)] {
        if what.is_none() {
            bench.note(format!(
                "this system has no {name}: several datagrams with one call are the device's only"
            ));
        }
    }
    for size in SIZES {
        send(bench, size)?;
        receive(bench, size)?;
    }
    divided(bench)
}

/// The ways to compare with: those that are there.
fn ways<'n>(others: &[Option<&'n str>]) -> Vec<&'n str> {
    [SINGLE].into_iter().chain(others.iter().copied().flatten()).collect()
}

fn send(bench: &Bench, size: usize) -> Result<(), Error> {
    let (session, _) = bench.bound()?;
    let (data, sender, sink, outside) = (vec![7; size], Socket::new()?, Socket::new()?, Outside::new(bench)?);
    let room = RefCell::new(vec![0; size]);
    let taken = |count| sink.receive(&mut room.borrow_mut(), count);
    let outside = &outside;
    let mut cases = vec![Case::new(SINGLE, || sender.send(&data, sink.address, 1)).then(|| taken(1))];
    for count in BATCHES.into_iter().filter(|count| *count <= SEND_MAX) {
        if let Some(name) = Sender::NAME.filter(|_| count > 1) {
            let mut many = Sender::new(&sender, &data, sink.address, count);
            cases.push(Case::new(name, move || many.send()).together(count).then(move || taken(count)));
        }
        let (session, to, together) = (&session, Some(outside.address()), vec![&data[..]; count]);
        let request = move || session.send_many(&together, to, &[]);
        let then = move || outside.receive(size, count);
        cases.push(Case::new(DEVICE, request).together(count).then(then));
    }
    let table = by_turns(bench, &format!("send {size} bytes"), &ways(&[Sender::NAME]), &mut cases)?;
    bench.table("datagrams", table);
    Ok(())
}

fn receive(bench: &Bench, size: usize) -> Result<(), Error> {
    let ((session, address), (queued, to_queue)) = (bench.bound()?, bench.bound()?);
    queued.set_option(SOL_SOCKET, SO_RCVBUF, &QUEUE.to_ne_bytes())?;
    queued.enable_receive(QUEUE)?;
    let (data, sender, receiver, outside) =
        (vec![7; size], Socket::new()?, Socket::new()?, Outside::new(bench)?);
    let sent = |count| {
        sender.send(&data, receiver.address, count)?;
        pause(bench, count)
    };
    let mut buffer = vec![0; size];
    let single = || receiver.receive(black_box(&mut buffer), 1);
    let mut cases = vec![Case::new(SINGLE, single).after(|| sent(1))];
    for count in BATCHES {
        if let Some(name) = Receiver::NAME.filter(|_| count > 1) {
            let mut many = Receiver::new(&receiver, size, count);
            cases.push(Case::new(name, move || many.receive()).together(count).after(move || sent(count)));
        }
        let (session, queued, outside, data) = (&session, &queued, &outside, &data);
        if count <= RECEIVE_MAX {
            let request = move || take(session, size, count);
            let after = move || arrive(bench, outside, data, address, count);
            cases.push(Case::new(DEVICE, request).together(count).after(after));
        }
        let request = move || drain(queued, size, count);
        let after = move || arrive(bench, outside, data, to_queue, count);
        cases.push(Case::new(DRAIN, request).together(count).after(after));
    }
    let table = by_turns(bench, &format!("receive {size} bytes"), &ways(&[Receiver::NAME]), &mut cases)?;
    bench.table("datagrams", table);
    Ok(())
}

/// One send that is divided into datagrams, and as many single ones.
fn divided(bench: &Bench) -> Result<(), Error> {
    let (session, _) = bench.bound()?;
    let size = usize::from(SEGMENT);
    if let Err(error) = session.set_option(IPPROTO_UDP, UDP_SEND_MSG_SIZE, &u32::from(SEGMENT).to_ne_bytes())
    {
        bench.note(format!("no send that is divided: {error}"));
        return Ok(());
    }
    let (one, all) = (vec![7; size], vec![7; size * SEGMENTS]);
    let (sender, sink, outside) = (Socket::new()?, Socket::new()?, Outside::new(bench)?);
    let room = RefCell::new(vec![0; size]);
    let taken = || sink.receive(&mut room.borrow_mut(), SEGMENTS);
    let to = Some(outside.address());
    let mut cases = vec![
        Case::new(SINGLE, || sender.send(&one, sink.address, SEGMENTS)).together(SEGMENTS).then(taken),
        Case::new(DEVICE, || session.send(&all, to))
            .together(SEGMENTS)
            .then(|| outside.receive(size, SEGMENTS)),
    ];
    if let Some(name) = Sender::NAME {
        let mut many = Sender::new(&sender, &one, sink.address, SEGMENTS);
        cases.push(Case::new(name, move || many.send()).together(SEGMENTS).then(taken));
    }
    if let Some(name) = Sender::DIVIDED {
        let whole = Sender::new(&sender, &all, sink.address, 1);
        cases.push(Case::new(name, move || whole.send_divided(SEGMENT)).together(SEGMENTS).then(taken));
    }
    let name = format!("send {SEGMENTS} times {SEGMENT} bytes (UDP_SEND_MSG_SIZE)");
    let table = by_turns(bench, &name, &ways(&[Sender::NAME, Sender::DIVIDED]), &mut cases)?;
    bench.table("datagrams", table);
    Ok(())
}

/// Receives so many datagrams, with as few requests as that takes.
fn take(session: &Session, size: usize, count: usize) -> Result<(), Error> {
    if count == 1 {
        return Ok(session.receive(size).map(|datagram| drop(black_box(datagram)))?);
    }
    let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
    let mut left = count;
    while left > 0 {
        let room = Room { datagrams: number(left), payload: number(size), control: 0 };
        left -= black_box(session.receive_many(room)?).len().min(left);
    }
    Ok(())
}

/// Takes so many datagrams out of the queue, with as few requests as that takes.
fn drain(session: &Session, size: usize, count: usize) -> Result<(), Error> {
    let (mut left, room) = (count, size_of::<Datagrams>() + count * record_size(size, 0));
    while left > 0 {
        left -= black_box(session.drain(room)?).datagrams.len().min(left);
    }
    Ok(())
}

/// Has datagrams come to the device's socket.
fn arrive(bench: &Bench, outside: &Outside, data: &[u8], to: SocketAddr, count: usize) -> Result<(), Error> {
    outside.send(data, to, count)?;
    pause(bench, count)
}

#[expect(clippy::unnecessary_wraps, reason = "the last of what is prepared")]
fn pause(bench: &Bench, datagrams: usize) -> Result<(), Error> {
    if !bench.device.delivers_at_once() {
        thread::sleep(PAUSE + PAUSE_EACH.saturating_mul(u32::try_from(datagrams).unwrap_or(u32::MAX)));
    }
    Ok(())
}
