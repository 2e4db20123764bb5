//! Calls that wait, and waits: lent an operation, cancelled from elsewhere, with a limit that leaves the request pending.

use std::thread;
use std::time::Duration;

use crate::common::{self, BRIEFLY, SOON, in_every_mode, op_for, op_with};
use wsk::ioctl::SetRemoteAddress;
use wsk::{Buffer, Error, Family, LocalAddress, Op, ReceiveFrom, SendTo};

#[test]
fn a_wait_with_a_limit_leaves_the_operation_pending() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let pending = socket.submit(op_for(100), ReceiveFrom, None);
            let pending = pending.wait_for(BRIEFLY, passive).expect_err("nothing has come");
            let pending = pending.wait_for(Duration::ZERO, passive).expect_err("nothing has come");
            assert!(!pending.is_done());
            common::send(&socket, b"hello", Some(address), passive).unwrap();
            let Ok((received, op)) = pending.wait_for(SOON, passive) else { panic!("it has come") };
            assert_eq!((received.unwrap().from, &op.buffers()[..]), (address, &b"hello"[..]));
            // It is as good as any other.
            let pending =
                socket.submit(op, ReceiveFrom, None).wait_for(BRIEFLY, passive).expect_err("nothing");
            pending.cancel();
            assert_eq!(pending.wait(passive).0.map(drop), Err(Error::CANCELLED));
            socket.close(passive).unwrap();
        });
    });
}

#[test]
fn an_operation_that_was_waited_for_is_dropped() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let pending = socket.submit(op_for(100), ReceiveFrom, None).wait_for(BRIEFLY, passive);
            drop(pending.expect_err("nothing has come"));
            // The close waits for the request; were the operation still there, the machine's shutdown would find it.
            socket.close(passive).unwrap();
        });
    });
}

/// A limit that passes while the result comes: each time the result is there once, now or later.
#[test]
fn a_limit_against_the_result() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let mut op = op_for(100);
            for round in 0..if cfg!(miri) { 2 } else { 50 } {
                let pending = socket.submit(op, ReceiveFrom, None);
                let sent = socket.submit(op_with(b"1"), SendTo(Some(address)), None);
                let limit = Duration::from_micros(round * 10);
                let (received, back) = match pending.wait_for(limit, passive) {
                    Ok(done) => done,
                    Err(pending) => pending.wait(passive),
                };
                assert_eq!((received.unwrap().length, sent.wait(passive).0), (1, Ok(1)));
                op = back;
            }
            socket.close(passive).unwrap();
        });
    });
}

#[test]
fn a_call_that_waits_is_cancelled_from_elsewhere() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let mut op = Op::new(()).unwrap();
            let canceller = op.canceller();
            let mut buffer = Buffer::new(100).unwrap();
            let irps = world.machine.counters().irps.total;
            let cancelling = world.machine.spawn("cancel", move || {
                thread::sleep(BRIEFLY);
                canceller.cancel();
                canceller
            });
            let ended = socket.receive_from(&mut buffer, op.call(passive));
            assert_eq!(ended.map(drop), Err(Error::CANCELLED));
            let canceller = cancelling.join().unwrap();
            // The operation is whole: data, time limits, and other calls.
            buffer.fill(b"hello").unwrap();
            assert_eq!(socket.send_to(&buffer, address, op.call(passive)), Ok(5));
            let received = socket.receive_from(&mut buffer, op.call(passive.within(SOON)));
            assert_eq!((received.unwrap().from, &buffer[..]), (address, &b"hello"[..]));
            let nothing = socket.receive_from(&mut buffer, op.call(passive.within(BRIEFLY)));
            assert_eq!(nothing.map(drop), Err(Error::IO_TIMEOUT));
            assert_eq!(socket.local_address(op.call(passive)), Ok(address));
            assert_eq!(
                world.machine.counters().irps.total,
                irps,
                "a call that is lent an operation allocates nothing"
            );
            // Asked for before the call, it meets the call, and only this one.
            canceller.cancel();
            let ended = socket.receive_from(&mut buffer, op.call(passive));
            assert_eq!(ended.map(drop), Err(Error::CANCELLED));
            assert_eq!(socket.local_address(op.call(passive)), Ok(address));
            // And it goes on as any other.
            let (result, _op) = socket.submit(op, LocalAddress, None).wait(passive);
            assert_eq!(result, Ok(address));
            socket.close(passive).unwrap();
        });
    });
}

#[test]
fn a_call_that_is_refused_leaves_the_operation_as_it_was() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let mut op = Op::new(()).unwrap();
            let socket = provider.datagram(Family::V4, op.call(passive)).unwrap();
            let socket = socket.bind("127.0.0.1:0".parse().unwrap(), op.call(passive)).unwrap();
            let address = socket.local_address(op.call(passive)).unwrap();
            // Of another family, which is found before WSK is called.
            let refused =
                socket.ioctl::<SetRemoteAddress>(Some("[::1]:7".parse().unwrap()), op.call(passive));
            assert_eq!(refused, Err(Error::INVALID_ADDRESS_COMPONENT));
            assert_eq!(socket.local_address(op.call(passive)), Ok(address));
            drop(op);
            socket.close(passive).unwrap();
        });
    });
}
