//! The defects of Microsoft's sample "Performing Control Operations on a Socket", and what stands in their way.
//!
//! The numbers are those of the table in `docs/sample-defects.md`. Where the answer is that something does not
//! compile, the test is a case in `tests/ui`.

use std::net::SocketAddr;

use crate::common::{
    self, Bell, LOOPBACK_V4, LOOPBACK_V6, SOON, bound, in_every_mode, op_for, receive, send,
};
use netio::Completion as Mode;
use ntos::IrpEventKind;
use wsk::ioctl::{SetRemoteAddress, SetSendToAddress};
use wsk::option::ipv6::V6Only;
use wsk::option::socket::{Broadcast, ExclusiveAddressUse, ReceiveBuffer};
use wsk::row::{Kind, ROWS, Sockets, ValueKind};
use wsk::{Control, Error, Family, Get, Ioctl, Op, Output, ReceiveFrom, Received, Result, Set, Socket};
use wsk_sys::{DISPATCH_LEVEL, SOL_SOCKET, STATUS_MORE_PROCESSING_REQUIRED, WskIoctl, WskSetOption};

/// A1: the value is on the caller's stack, and the caller returns. Here it is copied into the operation.
#[test]
fn a1_the_value_travels_with_the_operation() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let socket = Socket::from(socket);
            let bell = Bell::default();
            let queue = bell.queue::<_, Result<Output>>(passive);
            let mut value = 1_u32.to_ne_bytes();
            let control = Control::set(Broadcast::ROW, &value).unwrap();
            socket.submit_to(&queue, Op::new(()).unwrap(), control, None);
            // The caller's memory is the caller's again, whether WSK has looked or not.
            value.fill(0xAA);
            let (set, op) = bell.take_one(&queue);
            assert_eq!((set.map(|output: Output| output.len()), value[0]), (Ok(0), 0xAA));
            let (got, _) = socket.submit(op, Get::<Broadcast>::new(), None).wait(passive);
            assert_eq!(got, Ok(true));
            drop(queue);
            drop(bell);
        });
    });
}

/// A2: nobody knows when the option is set, and so when the bind may come. Here the set has its result first; that the
/// bind comes later is in the types (`tests/ui/option_after_bind.rs`).
#[test]
fn a2_the_option_is_set_when_the_bind_begins() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            world.machine.clear_irp_log();
            let socket = provider.datagram(Family::V4, passive).unwrap();
            assert_eq!(socket.set::<ExclusiveAddressUse>(true, passive), Ok(()));
            assert!(socket.bind(LOOPBACK_V4.parse().unwrap(), passive).is_ok());
            let log = world.machine.irp_log();
            let sent = |what: &str| {
                let is = |kind: &IrpEventKind| matches!(kind, IrpEventKind::Sent { what: name } if name.contains(what));
                log.iter().position(|event| is(&event.kind)).unwrap_or_else(|| panic!("{what} is not in {log:?}"))
            };
            let (control, bind) = (sent("WskControlSocket"), sent("WskBind"));
            let completed = |event: &ntos::IrpEvent| {
                event.irp == log[control].irp && matches!(event.kind, IrpEventKind::Completed { .. })
            };
            let completed = log.iter().position(completed).unwrap();
            assert!(control < completed && completed < bind, "{log:?}");
        });
    });
}

/// A3: a failure is reported by the return value and by the completion routine. Here it has one way to come, with the
/// operation.
#[test]
fn a3_a_failure_is_reported_once() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let socket = Socket::from(socket);
            let bell = Bell::default();
            let queue = bell.queue::<(), Result<Output>>(passive);
            let unknown = || Control::raw(WskSetOption, 0x7777, SOL_SOCKET, &[0; 4], 0).unwrap();
            world.machine.clear_irp_log();
            let (result, op) = socket.submit(Op::new(()).unwrap(), unknown(), None).wait(passive);
            assert_eq!(result, Err(Error::NOT_SUPPORTED));
            socket.submit_to(&queue, op, unknown(), None);
            let (result, op) = bell.take_one(&queue);
            assert_eq!(result, Err(Error::NOT_SUPPORTED));
            assert_eq!(queue.drain().count(), 0);
            let completions = |kind: &IrpEventKind| matches!(kind, IrpEventKind::Completed { .. });
            let log = world.machine.irp_log();
            assert_eq!(log.iter().filter(|event| completions(&event.kind)).count(), 2);
            drop(op);
            drop(queue);
            drop(bell);
        });
    });
}

/// A4: the context of the request is the socket, so requests share what each needs of its own. Here each operation has
/// its IRP, its arguments and its result; and who has submitted it cannot touch it (`tests/ui/op_after_submit.rs`).
#[test]
fn a4_requests_at_a_time_do_not_share_anything() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let socket = provider.datagram(Family::V6, passive).unwrap();
            socket.set::<V6Only>(false, passive).unwrap();
            let first = socket.submit(Op::new(()).unwrap(), Get::<V6Only>::new(), None);
            let second = socket.submit(Op::new(()).unwrap(), Get::<ExclusiveAddressUse>::new(), None);
            let third = socket.submit(Op::new(()).unwrap(), Set::<Broadcast>::new(true), None);
            assert_eq!(second.wait(passive).0, Ok(false));
            assert_eq!(third.wait(passive).0, Ok(()));
            assert_eq!(first.wait(passive).0, Ok(false));
        });
    });
}

/// A6: "perform the next operation" within the completion routine. Here the routine is the crate's and calls nothing;
/// the next operation starts where the result is taken.
#[test]
fn a6_the_next_operation_starts_where_the_result_is_taken() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let bell = Bell::default();
            let queue = bell.queue(passive);
            let peer = world.peer();
            let mut op = op_for(4);
            for _ in 0..5 {
                socket.submit_to(&queue, op, ReceiveFrom, None);
                peer.send_to(b"next", address).unwrap();
                // WSK's rule: a call from within the routine would be a bug check of the hosted kernel.
                let received: Result<Received>;
                (received, op) = bell.take_one(&queue);
                assert_eq!(received.unwrap().length, 4);
                assert_eq!(&op.buffers()[..], b"next");
            }
            drop(queue);
            drop(bell);
        });
    });
}

/// A7: the IRP's pointer is not kept, so the request can neither be cancelled nor limited in time.
#[test]
fn a7_a_request_is_cancelled_or_ends_in_time() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let pending = socket.submit(op_for(4), ReceiveFrom, None);
            pending.cancel();
            let (result, op) = pending.wait(passive);
            assert_eq!(result, Err(Error::CANCELLED));
            let (result, _) = socket.submit(op, ReceiveFrom, Some(common::BRIEFLY)).wait(passive);
            assert_eq!(result, Err(Error::IO_TIMEOUT));
        });
    });
}

/// A8: nothing in the sample is fit to run at `DISPATCH_LEVEL`, where the routine is called.
#[test]
fn a8_completion_at_dispatch_level() {
    common::run(Mode::Deferred, |world| {
        world.with_socket(|socket, _, passive| {
            world.machine.clear_irp_log();
            assert_eq!(socket.set::<Broadcast>(true, passive), Ok(()));
            // The waiter may be awake before the routine has returned. WSK's thread does one thing after the other.
            assert_eq!(socket.get::<Broadcast>(passive), Ok(true));
            let log = world.machine.irp_log();
            let returned = log.iter().find_map(|event| match event.kind {
                IrpEventKind::RoutineReturned { status } => Some((status.0, event.irql)),
                _ => None,
            });
            assert_eq!(returned, Some((STATUS_MORE_PROCESSING_REQUIRED, DISPATCH_LEVEL)));
        });
    });
}

/// A10: the dispatch table is cast to a datagram socket's whatever the socket is. Here there are no others, and they
/// take every request that there is a type for.
#[test]
fn a10_the_sockets_are_datagram_sockets() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let socket = Socket::from(bound(provider, LOOPBACK_V6, passive));
            let rows = [SetRemoteAddress::ROW, SetSendToAddress::ROW, Broadcast::ROW, ReceiveBuffer::ROW];
            for row in rows {
                let value: &[u8] = if row.value == ValueKind::Address { &[] } else { &[0, 0, 1, 0] };
                let control = Control::set(row, value).unwrap();
                let (result, _) = socket.submit(Op::new(()).unwrap(), control, None).wait(passive);
                assert_eq!(result.map(|output| output.len()), Ok(0), "{}", row.name);
            }
            // As for which there are: all of them are for datagram sockets.
            for row in ROWS.iter().filter(|row| !matches!(row.kind, Kind::Client { .. })) {
                assert!(matches!(row.sockets, Sockets::Datagram | Sockets::All), "{}", row.name);
            }
        });
    });
}

/// A11: the option's number is written as the negative `int` that it is in one header.
#[test]
fn a11_the_number_is_the_unsigned_one() {
    assert_eq!(ExclusiveAddressUse::ROW.kind, Kind::Option { level: 0xFFFF, name: 0xFFFF_FFFB });
}

/// B1: the address is the caller's, for as long as nobody says. Here it is copied into the operation.
#[test]
fn b1_the_address_travels_with_the_operation() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let socket = bound(provider, LOOPBACK_V4, passive);
            let friend = bound(provider, LOOPBACK_V4, passive);
            let pending = {
                let remote = friend.local_address(passive).unwrap();
                socket.submit(Op::new(()).unwrap(), Ioctl::<SetRemoteAddress>::new(Some(remote)), None)
            };
            let other = std::hint::black_box([0xFF_u8; 64]);
            let (result, _) = pending.wait(passive);
            assert_eq!((result, other[0]), (Ok(()), 0xFF));
            assert_eq!(send(&socket, b"x", None, passive), Ok(1));
            assert!(receive(&friend, 4, SOON, passive).is_ok());
        });
    });
}

/// B2: the size is that of an IPv4 address. Here it follows from the address, which must be of the socket's family.
#[test]
fn b2_size_and_family_are_the_sockets() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let v4: SocketAddr = "127.0.0.1:9".parse().unwrap();
            let v6: SocketAddr = "[::1]:9".parse().unwrap();
            for (local, right, wrong) in [(LOOPBACK_V4, v4, v6), (LOOPBACK_V6, v6, v4)] {
                let socket = bound(provider, local, passive);
                assert_eq!(socket.ioctl::<SetRemoteAddress>(Some(right), passive), Ok(()));
                let refused = Err(Error::INVALID_ADDRESS_COMPONENT);
                assert_eq!(socket.ioctl::<SetRemoteAddress>(Some(wrong), passive), refused);
                assert_eq!(socket.ioctl::<SetSendToAddress>(Some(wrong), passive), refused);
                // By number: the size is checked against the family.
                let socket = Socket::from(socket);
                for size in [0_usize, 16, 28, 128] {
                    let bytes = [0; 128];
                    let control = Control::set(SetRemoteAddress::ROW, &bytes[..size]).unwrap();
                    let (result, _) = socket.submit(Op::new(()).unwrap(), control, None).wait(passive);
                    let fits = size == 0 || size == socket.family().address_size();
                    assert_eq!(result == Err(Error::INFO_LENGTH_MISMATCH), !fits, "{size}: {result:?}");
                }
            }
        });
    });
}

/// B4: receives are filtered from then on, and there is no way back. Here the documentation says so, and `None` is it.
#[test]
fn b4_the_filter_can_be_cleared() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let (friend, stranger) = (world.peer(), world.peer());
            let remote = friend.local_addr().unwrap();
            assert_eq!(socket.ioctl::<SetRemoteAddress>(Some(remote), passive), Ok(()));
            stranger.send_to(b"x", address).unwrap();
            friend.send_to(b"f", address).unwrap();
            assert_eq!(receive(&socket, 4, SOON, passive).unwrap().1, b"f", "the stranger's came first");
            assert_eq!(socket.ioctl::<SetRemoteAddress>(None, passive), Ok(()));
            stranger.send_to(b"y", address).unwrap();
            assert_eq!(receive(&socket, 4, SOON, passive).unwrap().1, b"y");
        });
    });
}

/// B5: the level of an IOCTL is ignored; zero is passed, and no IOCTL that follows a pointer goes by number.
#[test]
fn b5_ioctls_have_no_level() {
    for row in ROWS {
        let Kind::Ioctl { code } = row.kind else { continue };
        let expected = if row.value == ValueKind::Address { None } else { Some(Error::ACCESS_DENIED) };
        assert_eq!(Control::raw(WskIoctl, code, 0, &[], 0).err(), expected, "{}", row.name);
    }
    let pointers = Control::raw(WskIoctl, wsk_sys::SIO_WSK_REGISTER_EXTENSION, 0, &[0; 24], 16);
    assert_eq!(pointers.err(), Some(Error::ACCESS_DENIED));
}
