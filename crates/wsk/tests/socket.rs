//! Sockets: states, addresses, options, IOCTLs, datagrams, close.

use std::net::SocketAddr;

use crate::common::{
    self, LOOPBACK_V4, LOOPBACK_V6, SOON, World, bound, in_every_mode, op_for, op_with, receive,
    receives_nothing, send,
};
use wsk::ioctl::{SetRemoteAddress, SetSendToAddress};
use wsk::option::ipv6::V6Only;
use wsk::option::socket::{Broadcast, ExclusiveAddressUse, ReceiveBuffer, ReuseAddress};
use wsk::row::{Families, Kind, MaxIrql, ROWS, Row, StateRule, ValueKind};
use wsk::{Bind, Control, Error, Family, LocalAddress, Op, Output, ReceiveFrom, SendTo, Socket};
use wsk_requests::Hosted;
use wsk_sys::{MSG_BCAST, MSG_TRUNC, SOL_SOCKET, WskGetOption};

#[test]
fn a_socket_is_made_bound_and_closed() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            for (family, address) in [(Family::V4, LOOPBACK_V4), (Family::V6, LOOPBACK_V6)] {
                let socket = provider.datagram(family, passive).unwrap();
                assert_eq!((socket.family(), world.netio.sockets()), (family, 1));
                let Ok(socket) = socket.bind(address.parse().unwrap(), passive) else {
                    panic!("{address} can be bound");
                };
                let local = socket.local_address(passive).unwrap();
                assert_eq!(
                    (Family::of(&local), local.ip()),
                    (family, address.parse::<SocketAddr>().unwrap().ip())
                );
                assert_ne!(local.port(), 0, "the stack has chosen a port");
                assert_eq!(socket.close(passive), Ok(()));
                assert_eq!(world.netio.sockets(), 0, "a close that has returned is complete");
                // The address is free again.
                assert!(bound(provider, &local.to_string(), passive).close(passive).is_ok());
            }
        });
    });
}

#[test]
fn a_failed_bind_gives_the_socket_back() {
    in_every_mode(|world| {
        world.with_socket(|socket, taken, passive| {
            world.with_client(|_, provider, passive| {
                let unbound = provider.datagram(Family::V4, passive).unwrap();
                let refused = unbound.bind(taken, passive).expect_err("the address is taken");
                assert_eq!(refused.error(), Error::ADDRESS_ALREADY_EXISTS);
                assert_eq!(refused.to_string(), Error::ADDRESS_ALREADY_EXISTS.to_string());
                let refused = refused.into_socket().bind(LOOPBACK_V6.parse().unwrap(), passive);
                let refused = refused.expect_err("the address is of another family");
                assert_eq!(refused.error(), Error::INVALID_ADDRESS_COMPONENT);
                let unbound = refused.into_socket();
                assert!(unbound.bind(LOOPBACK_V4.parse().unwrap(), passive).is_ok());
            });
            assert_eq!(socket.close(passive), Ok(()));
        });
    });
}

#[test]
fn an_address_of_another_family_is_refused_by_every_request() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let v6: SocketAddr = "[::1]:9".parse().unwrap();
            let expected = Error::INVALID_ADDRESS_COMPONENT;
            assert_eq!(socket.ioctl::<SetRemoteAddress>(Some(v6), passive), Err(expected));
            assert_eq!(socket.ioctl::<SetSendToAddress>(Some(v6), passive), Err(expected));
            let (result, op) = socket.submit(op_with(b"x"), SendTo(Some(v6)), None).wait(passive);
            assert_eq!(result, Err(expected));
            // The operation was refused before WSK saw it, and is as good as new.
            let to = socket.local_address(passive).unwrap();
            assert_eq!(socket.submit(op, SendTo(Some(to)), None).wait(passive).0, Ok(1));
        });
    });
}

#[test]
fn every_typed_option_is_set_and_read_back() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let socket = provider.datagram(Family::V6, passive).unwrap();
            assert_eq!(socket.get::<ExclusiveAddressUse>(passive), Ok(false));
            assert_eq!(socket.set::<ExclusiveAddressUse>(true, passive), Ok(()));
            assert_eq!(socket.get::<ExclusiveAddressUse>(passive), Ok(true));
            assert_eq!(socket.set::<ExclusiveAddressUse>(false, passive), Ok(()));
            assert_eq!(socket.get::<ReuseAddress>(passive), Ok(false));
            assert_eq!(socket.set::<ReuseAddress>(true, passive), Ok(()));
            assert_eq!(socket.get::<ReuseAddress>(passive), Ok(true));
            assert_eq!(socket.get::<V6Only>(passive), Ok(true));
            assert_eq!(socket.set::<V6Only>(false, passive), Ok(()));
            assert_eq!(socket.get::<V6Only>(passive), Ok(false));
            assert_eq!(socket.get::<Broadcast>(passive), Ok(false));
            let Ok(socket) = socket.bind(LOOPBACK_V6.parse().unwrap(), passive) else { panic!("bind") };
            // These two at any time.
            assert_eq!(socket.set::<Broadcast>(true, passive), Ok(()));
            assert_eq!(socket.get::<Broadcast>(passive), Ok(true));
            let before = socket.get::<ReceiveBuffer>(passive).unwrap();
            assert_eq!(socket.set::<ReceiveBuffer>(before + 4096, passive), Ok(()));
            assert_eq!(socket.get::<ReceiveBuffer>(passive), Ok(before + 4096));
            // A get has no state rule.
            assert_eq!(socket.get::<ReuseAddress>(passive), Ok(true));
        });
    });
}

fn family_of(row: &Row) -> Family {
    match row.families {
        Families::V4 | Families::Both => Family::V4,
        Families::V6 => Family::V6,
    }
}

/// A value of the row's kind that differs from `old`.
fn other_value(row: &Row, old: u32) -> u32 {
    match row.value {
        ValueKind::Bool => 1 - old,
        ValueKind::MtuDiscovery => 2,
        ValueKind::Protection => 30,
        _ if row.kind == ReceiveBuffer::ROW.kind => old + 4096,
        // Without the bits of congestion notification, which a traffic class may not set.
        _ => 76,
    }
}

#[test]
fn every_row_of_the_table_is_true() {
    // The code is the same for most of them, and Miri is slow.
    const STEP: usize = if cfg!(miri) { 9 } else { 1 };
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            for row in ROWS.iter().step_by(STEP) {
                let socket = Socket::from(provider.datagram(family_of(row), passive).unwrap());
                let run =
                    |control: Control<'_>| socket.submit(Op::new(()).unwrap(), control, None).wait(passive).0;
                if !row.is_plain() || row.max_irql == MaxIrql::Passive {
                    assert_eq!(Control::set(row, &[]).err(), Some(Error::ACCESS_DENIED), "{}", row.name);
                    continue;
                }
                if row.state == StateRule::AfterBind {
                    assert!(row.permits(true) && !row.permits(false));
                    let bind = Bind(SocketAddr::new(
                        match socket.family() {
                            Family::V4 => [0; 4].into(),
                            Family::V6 => [0; 16].into(),
                        },
                        0,
                    ));
                    assert_eq!(socket.submit(Op::new(()).unwrap(), bind, None).wait(passive).0, Ok(()));
                } else {
                    assert!(row.permits(false));
                }
                let (_, greatest) = row.value.bounds(socket.family().address_size());
                if row.set && greatest < 264 {
                    let long = vec![0; greatest + 1];
                    let wrong = run(Control::set(row, &long).unwrap());
                    assert_eq!(wrong, Err(Error::INFO_LENGTH_MISMATCH), "{}", row.name);
                }
                if let Kind::Ioctl { code } = row.kind {
                    assert_eq!(Row::ioctl(code), Some(row));
                    assert_eq!(Control::get(row).err(), Some(Error::INVALID_DEVICE_REQUEST));
                    assert_eq!(
                        run(Control::set(row, &[]).unwrap()).map(|output| output.len()),
                        Ok(0),
                        "{} is cleared",
                        row.name
                    );
                    continue;
                }
                let direction = |can: bool| (!can).then_some(Error::INVALID_DEVICE_REQUEST);
                assert_eq!(Control::get(row).err(), direction(row.get), "{}", row.name);
                assert_eq!(Control::set(row, &[0; 4]).err(), direction(row.set), "{}", row.name);
                let number = matches!(
                    row.value,
                    ValueKind::Bool | ValueKind::U32 | ValueKind::MtuDiscovery | ValueKind::Protection
                );
                if !number || !row.get || !row.set || row.about().hosted == Hosted::Refused {
                    continue;
                }
                let bell = common::Bell::default();
                let queue = bell.queue::<_, wsk::Result<Output>>(passive);
                let get = || {
                    socket.submit_to(&queue, Op::new(()).unwrap(), Control::get(row).unwrap(), None);
                    let (got, _) = bell.take_one(&queue);
                    let got = got.unwrap();
                    u32::from_ne_bytes((*got).try_into().expect(row.name))
                };
                let wanted = other_value(row, get());
                let bytes = wanted.to_ne_bytes();
                assert_eq!(
                    run(Control::set(row, &bytes).unwrap()).map(|output| output.len()),
                    Ok(0),
                    "{}",
                    row.name
                );
                assert_eq!(get(), wanted, "{}", row.name);
                assert_eq!(run(Control::set(row, &bytes[..3]).unwrap()), Err(Error::INFO_LENGTH_MISMATCH));
                drop(queue);
                drop(bell);
            }
        });
    });
}

#[test]
fn a_raw_request_gives_what_wsk_gives() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let unknown = Control::raw(WskGetOption, 0x7777, SOL_SOCKET, &[], 4).unwrap();
            let (result, _) = Socket::from(socket).submit(Op::new(()).unwrap(), unknown, None).wait(passive);
            assert_eq!(result, Err(Error::NOT_SUPPORTED));
        });
    });
}

#[test]
fn options_have_their_effect() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let sharing = || {
                let socket = provider.datagram(Family::V4, passive).unwrap();
                socket.set::<ReuseAddress>(true, passive).unwrap();
                socket
            };
            let Ok(first) = sharing().bind(LOOPBACK_V4.parse().unwrap(), passive) else { panic!("bind") };
            let address = first.local_address(passive).unwrap();
            assert!(sharing().bind(address, passive).is_ok(), "both are willing to share");
            assert_eq!(first.close(passive), Ok(()));

            let exclusive = provider.datagram(Family::V4, passive).unwrap();
            exclusive.set::<ExclusiveAddressUse>(true, passive).unwrap();
            let Ok(exclusive) = exclusive.bind(address, passive) else { panic!("the address is free") };
            let refused = sharing().bind(address, passive).map_err(|refused| refused.error()).err();
            assert_eq!(refused, Some(Error::ACCESS_DENIED), "the first wants it for itself");
            assert_eq!(exclusive.close(passive), Ok(()));
        });
    });
}

#[test]
fn datagrams_go_both_ways() {
    in_every_mode(datagrams);
}

/// The same over the host's sockets.
#[test]
#[cfg(not(miri))]
fn datagrams_go_both_ways_on_the_host() {
    for completion in common::MODES {
        let config = netio::Config { completion: *completion, ..netio::Config::default() };
        common::run_with(config, netio::memory::Net::new(), |world| {
            datagrams(world);
            ioctls(world);
        });
    }
}

fn datagrams(world: &World) {
    world.with_client(|_, provider, passive| {
        for address in [LOOPBACK_V4, LOOPBACK_V6] {
            let here = bound(provider, address, passive);
            let there = bound(provider, address, passive);
            let from = here.local_address(passive).unwrap();
            let to = there.local_address(passive).unwrap();
            assert_eq!(send(&here, b"hello", Some(to), passive), Ok(5));
            let (received, bytes) = receive(&there, 100, SOON, passive).unwrap();
            assert_eq!((received.from, received.flags, &bytes[..]), (from, 0, &b"hello"[..]));
            // A datagram of no bytes is one.
            assert_eq!(send(&there, b"", Some(from), passive), Ok(0));
            let (received, bytes) = receive(&here, 100, SOON, passive).unwrap();
            assert_eq!((received.from, received.length, bytes.len()), (to, 0, 0));
            // A receive that is there first.
            let pending = there.submit(op_for(100), ReceiveFrom, Some(SOON));
            assert_eq!(send(&here, b"later", Some(to), passive), Ok(5));
            let (received, op) = pending.wait(passive);
            assert_eq!(&op.buffers()[..received.unwrap().length], b"later");
        }
    });
}

#[test]
fn what_does_not_fit_is_cut_and_said() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let peer = world.peer();
            peer.send_to(b"0123456789", address).unwrap();
            let (received, bytes) = receive(&socket, 4, SOON, passive).unwrap();
            assert_eq!((received.length, &bytes[..]), (4, &b"0123"[..]));
            assert_eq!(received.flags & MSG_TRUNC, MSG_TRUNC);
            // The capacity of the buffer is the room, whatever its length.
            peer.send_to(b"0123456789", address).unwrap();
            let mut op = op_for(100);
            op.buffers_mut().set_len(7);
            let (received, op) = socket.submit(op, ReceiveFrom, Some(SOON)).wait(passive);
            assert_eq!((received.unwrap().length, &op.buffers()[..]), (10, &b"0123456789"[..]));
        });
    });
}

#[test]
fn a_broadcast_needs_its_option_and_is_marked() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let everyone = bound(provider, "0.0.0.0:0", passive);
            let port = everyone.local_address(passive).unwrap().port();
            let sender = bound(provider, "0.0.0.0:0", passive);
            let to = Some(SocketAddr::from(([255; 4], port)));
            assert_eq!(send(&sender, b"all", to, passive), Err(Error::ACCESS_DENIED));
            sender.set::<Broadcast>(true, passive).unwrap();
            assert_eq!(send(&sender, b"all", to, passive), Ok(3));
            let (received, bytes) = receive(&everyone, 10, SOON, passive).unwrap();
            assert_eq!((received.flags & MSG_BCAST, &bytes[..]), (MSG_BCAST, &b"all"[..]));
        });
    });
}

#[test]
fn the_ioctls_have_their_effect_and_are_cleared() {
    in_every_mode(ioctls);
}

fn ioctls(world: &World) {
    world.with_client(|_, provider, passive| {
        let socket = bound(provider, LOOPBACK_V4, passive);
        let friend = bound(provider, LOOPBACK_V4, passive);
        let stranger = bound(provider, LOOPBACK_V4, passive);
        let here = socket.local_address(passive).unwrap();
        let friends = friend.local_address(passive).unwrap();

        // A fixed destination: sends go there by default, receives are from anyone.
        socket.ioctl::<SetSendToAddress>(Some(friends), passive).unwrap();
        assert_eq!(send(&socket, b"1", None, passive), Ok(1));
        assert_eq!(receive(&friend, 10, SOON, passive).unwrap().0.from, here);
        assert_eq!(send(&stranger, b"2", Some(here), passive), Ok(1));
        assert_eq!(receive(&socket, 10, SOON, passive).unwrap().1, b"2");
        socket.ioctl::<SetSendToAddress>(None, passive).unwrap();
        assert!(send(&socket, b"?", None, passive).is_err(), "there is no destination any more");

        // A fixed remote address: the same, and nobody else is heard.
        socket.ioctl::<SetRemoteAddress>(Some(friends), passive).unwrap();
        assert_eq!(send(&socket, b"3", None, passive), Ok(1));
        assert_eq!(receive(&friend, 10, SOON, passive).unwrap().1, b"3");
        assert_eq!(send(&stranger, b"4", Some(here), passive), Ok(1));
        assert!(receives_nothing(&socket, passive));
        assert_eq!(send(&friend, b"5", Some(here), passive), Ok(1));
        assert_eq!(receive(&socket, 10, SOON, passive).unwrap().1, b"5");
        socket.ioctl::<SetRemoteAddress>(None, passive).unwrap();
        assert_eq!(send(&stranger, b"6", Some(here), passive), Ok(1));
        assert_eq!(receive(&socket, 10, SOON, passive).unwrap().1, b"6");
    });
}

#[test]
fn a_close_cancels_pending_receives() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let pending: Vec<_> = (0..3).map(|_| socket.submit(op_for(10), ReceiveFrom, None)).collect();
            assert_eq!(socket.close(passive), Ok(()));
            for pending in pending {
                assert_eq!(pending.wait(passive).0.map(drop), Err(Error::CANCELLED));
            }
        });
    });
}

#[test]
fn the_last_handle_closes_the_socket() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let socket = Socket::from(socket);
            let other = socket.clone();
            let pending = socket.submit(op_for(10), ReceiveFrom, None);
            drop(socket);
            let (local, _) = other.submit(Op::new(()).unwrap(), LocalAddress, None).wait(passive);
            assert_eq!(local, Ok(address), "a handle keeps the socket open");
            drop(other);
            assert_eq!(pending.wait(passive).0.map(drop), Err(Error::CANCELLED));
        });
    });
}

#[test]
fn several_threads_use_one_socket() {
    in_every_mode(|world| {
        world.with_socket(|socket, address, passive| {
            let count = if cfg!(miri) { 3 } else { 50 };
            std::thread::scope(|scope| {
                let socket = &socket;
                for _ in 0..3 {
                    scope.spawn(|| {
                        let _entered = world.machine.enter();
                        let passive = world.passive();
                        for _ in 0..count {
                            assert_eq!(send(socket, b"x", Some(address), &passive), Ok(1));
                        }
                    });
                }
                for _ in 0..3 * count {
                    assert_eq!(receive(socket, 10, SOON, passive).unwrap().1, b"x");
                }
            });
        });
    });
}

#[test]
fn what_wsk_refuses_in_the_state_of_the_socket() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            // A handle whose state is not in its type asks WSK.
            let socket = Socket::from(provider.datagram(Family::V4, passive).unwrap());
            let (local, op) = socket.submit(Op::new(()).unwrap(), LocalAddress, None).wait(passive);
            assert_eq!(local, Err(Error::INVALID_DEVICE_STATE));
            let bind = Bind(LOOPBACK_V4.parse().unwrap());
            let (bound, op) = socket.submit(op, bind, None).wait(passive);
            assert_eq!(bound, Ok(()));
            assert!(socket.submit(op, bind, None).wait(passive).0.is_err(), "a second bind");
        });
    });
}

#[test]
fn a_basic_socket_takes_control_requests_only() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            for family in [Family::V4, Family::V6] {
                let socket = provider.socket(family).basic(passive).unwrap();
                assert_eq!(socket.family(), family);
                assert!(socket.address_list(passive).unwrap().iter().count() > 0);
                // What it has not the functions for does not compile, or, with the state known at run time only, is refused.
                let socket = Socket::from(socket);
                let (bound, op) =
                    socket.submit(op_for(8), Bind(LOOPBACK_V4.parse().unwrap()), None).wait(passive);
                let expected = match family {
                    Family::V4 => Error::NOT_SUPPORTED,
                    Family::V6 => Error::INVALID_ADDRESS_COMPONENT,
                };
                assert_eq!(bound, Err(expected));
                let (received, op) = socket.submit(op, ReceiveFrom, None).wait(passive);
                assert_eq!(received.map(drop), Err(Error::NOT_SUPPORTED));
                let (address, _) = socket.submit(op, LocalAddress, None).wait(passive);
                assert_eq!(address, Err(Error::NOT_SUPPORTED));
                drop(socket);
            }
            let socket = provider.socket(Family::V4).basic(passive.within(SOON)).unwrap();
            assert_eq!(socket.close(passive), Ok(()));
        });
    });
}
