//! Typed options and the requests without an IRP, with their effects on the network.
#![allow(unsafe_code, reason = "an extension is registered by an unsafe function")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::common::{BRIEFLY, LOOPBACK_V4, SOON, bound, in_every_mode, op_for, op_with, run_as_read};
use readings::{ByteBoolean, Readings};
use wsk::option::{
    Group, GroupSource, Interface, InterfaceIndex, IpOptions, Membership, MembershipV6, PathMtuDiscovery,
    ProtectionLevel, SourceMembership, ip, ipv6, socket::Broadcast, udp,
};
use wsk::{AddressListChange, Control, Error, Family, Op, ReceiveFrom, SendTo, Socket};
use wsk_sys::{SO_BROADCAST, SOL_SOCKET, WskGetOption};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const LOOPBACK: Interface = Interface::Address(Ipv4Addr::LOCALHOST);

#[test]
fn every_kind_of_value_goes_there_and_back() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let socket = provider.datagram(Family::V4, passive).unwrap();
            assert_eq!(socket.get::<ip::Protection>(passive), Ok(ProtectionLevel::Unspecified));
            assert_eq!(socket.set::<ip::Protection>(ProtectionLevel::Unrestricted, passive), Ok(()));
            assert_eq!(socket.get::<ip::Protection>(passive), Ok(ProtectionLevel::Unrestricted));
            assert_eq!(socket.get::<ip::MtuDiscovery>(passive), Ok(PathMtuDiscovery::NotSet));
            assert_eq!(socket.set::<ip::MtuDiscovery>(PathMtuDiscovery::Probe, passive), Ok(()));
            assert_eq!(socket.get::<ip::MtuDiscovery>(passive), Ok(PathMtuDiscovery::Probe));
            assert_eq!(socket.set::<ip::UnicastInterface>(InterfaceIndex(1), passive), Ok(()));
            assert_eq!(socket.get::<ip::UnicastInterface>(passive), Ok(InterfaceIndex(1)));
            assert_eq!(socket.set::<ip::MulticastInterface>(LOOPBACK, passive), Ok(()));
            assert_eq!(socket.get::<ip::MulticastInterface>(passive), Ok(Interface::Index(1)));
            assert_eq!(socket.set::<ip::MulticastInterface>(Interface::Index(2), passive), Ok(()));
            assert_eq!(socket.get::<ip::MulticastInterface>(passive), Ok(Interface::Index(2)));
            for index in [1, 2] {
                assert_eq!(socket.set::<ip::AddInterface>(index, passive), Ok(()));
            }
            assert_eq!(*socket.get::<ip::Interfaces>(passive).unwrap(), [1, 2]);
            assert_eq!(socket.set::<udp::SendMessageSize>(1200, passive), Ok(()));
            assert_eq!(socket.get::<udp::SendMessageSize>(passive), Ok(1200));
            let options = IpOptions::new(&[1, 1]).unwrap();
            assert_eq!(socket.set::<ip::HeaderOptions>(options, passive), Err(Error::NOT_SUPPORTED));
            // Too large for the structure: WSK is not asked.
            let far = socket.set::<ip::MulticastInterface>(Interface::Index(1 << 24), passive);
            assert_eq!(far, Err(Error::INVALID_PARAMETER));
            let socket = provider.datagram(Family::V6, passive).unwrap();
            assert_eq!(socket.set::<ipv6::MulticastInterface>(1, passive), Ok(()));
            assert_eq!(socket.get::<ipv6::MulticastInterface>(passive), Ok(1));
        });
    });
}

/// Windows is known to write one byte of some booleans.
#[test]
fn a_boolean_of_one_byte_is_completed() {
    run_as_read(Readings::STRICT.with(ByteBoolean::Taken), |world| {
        world.with_client(|_, provider, passive| {
            for value in [true, false] {
                let socket = provider.datagram(Family::V4, passive).unwrap();
                assert_eq!(socket.set::<Broadcast>(value, passive), Ok(()));
                assert_eq!(socket.get::<Broadcast>(passive), Ok(value));
                let socket = Socket::from(socket);
                let get = |control| {
                    let (got, _) = socket.submit(Op::new(()).unwrap(), control, None).wait(passive);
                    got.map(|output: wsk::Output| output.to_vec())
                };
                let byte = u8::from(value);
                assert_eq!(get(Control::get(Broadcast::ROW).unwrap()), Ok(vec![byte, 0, 0, 0]));
                let raw = Control::raw(WskGetOption, SO_BROADCAST, SOL_SOCKET, &[], 4).unwrap();
                assert_eq!(get(raw), Ok(vec![byte]), "as WSK has written it");
            }
        });
    });
}

#[test]
fn hops_are_seen_at_the_other_end() {
    in_every_mode(|world| {
        world.with_socket(|socket, _, passive| {
            let peer = world.net.peer(LOOPBACK_V4.parse().unwrap()).unwrap();
            peer.set_read_timeout(Some(SOON)).unwrap();
            assert_eq!(socket.set::<ip::TimeToLive>(3, passive), Ok(()));
            assert_eq!(socket.set::<ip::TypeOfService>(0x28, passive), Ok(()));
            let to = Some(peer.local_addr().unwrap());
            assert_eq!(socket.submit(op_with(b"x"), SendTo(to), None).wait(passive).0, Ok(1));
            let arrived = peer.receive().unwrap();
            assert_eq!((arrived.hops, arrived.traffic_class), (3, 0x28));
        });
    });
}

#[test]
fn a_group_is_joined_and_left() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let socket = bound(provider, "0.0.0.0:0", passive);
            let port = socket.local_address(passive).unwrap().port();
            let sender = bound(provider, LOOPBACK_V4, passive);
            assert_eq!(sender.set::<ip::MulticastInterface>(LOOPBACK, passive), Ok(()));
            let to = Some(SocketAddr::new(GROUP.into(), port));
            let send = |text: &[u8]| sender.submit(op_with(text), SendTo(to), None).wait(passive).0.unwrap();
            let receive =
                |limit: Duration| socket.submit(op_for(10), ReceiveFrom, Some(limit)).wait(passive).0;
            let member = Membership { group: GROUP, interface: LOOPBACK };
            let not_joined = socket.set::<ip::DropMembership>(member, passive);
            assert_eq!(not_joined, Err(Error::INVALID_PARAMETER));
            assert_eq!(socket.set::<ip::AddMembership>(member, passive), Ok(()));
            send(b"joined");
            assert_eq!(receive(SOON).map(|received| received.length), Ok(6));
            let source = SourceMembership { group: GROUP, source: Ipv4Addr::LOCALHOST, interface: LOOPBACK };
            assert_eq!(socket.set::<ip::BlockSource>(source, passive), Ok(()));
            send(b"blocked");
            assert_eq!(receive(BRIEFLY), Err(Error::IO_TIMEOUT));
            assert_eq!(socket.set::<ip::UnblockSource>(source, passive), Ok(()));
            assert_eq!(socket.set::<ip::DropMembership>(member, passive), Ok(()));
            send(b"left");
            assert_eq!(receive(BRIEFLY), Err(Error::IO_TIMEOUT));
            // By the structures for either family.
            let by_index =
                GroupSource { group: GROUP.into(), source: Ipv4Addr::LOCALHOST.into(), interface: 1 };
            assert_eq!(socket.set::<ip::JoinSourceGroup>(by_index, passive), Ok(()));
            send(b"source");
            assert_eq!(receive(SOON).map(|received| received.length), Ok(6));
            assert_eq!(socket.set::<ip::LeaveSourceGroup>(by_index, passive), Ok(()));
            let group = Group { group: GROUP.into(), interface: 1 };
            assert_eq!(socket.set::<ip::JoinGroup>(group, passive), Ok(()));
            assert_eq!(socket.set::<ip::LeaveGroup>(group, passive), Ok(()));
            let v6 = provider.datagram(Family::V6, passive).unwrap();
            let member = MembershipV6 { group: "ff02::7".parse().unwrap(), interface: 1 };
            assert_eq!(v6.set::<ipv6::JoinMembership>(member, passive), Ok(()));
            assert_eq!(v6.set::<ipv6::LeaveMembership>(member, passive), Ok(()));
        });
    });
}

#[test]
fn the_address_list_follows_the_network() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let socket = provider.datagram(Family::V4, passive).unwrap();
            let ips = || {
                let list = socket.address_list(passive).unwrap();
                list.iter().map(|address| (address.ip(), address.port())).collect::<Vec<_>>()
            };
            let before = ips();
            assert_eq!(before[0], (IpAddr::from([127, 0, 0, 1]), 0));
            let wait = socket.submit(Op::new(()).unwrap(), AddressListChange::new(passive), None);
            // More than the room for the first try, so that there is a second one.
            for last in 0..60 {
                world.net.add_address([198, 51, 100, last].into());
            }
            // The wait tells of changes after it has begun, which may be now.
            while !wait.is_done() {
                world.net.add_address([198, 51, 100, 99].into());
                std::thread::yield_now();
            }
            assert_eq!(wait.wait(passive).0, Ok(()));
            let after = ips();
            assert!(after.len() >= before.len() + 60, "{after:?}");
            assert_eq!(after[..before.len()], before);
            let v6 = provider.datagram(Family::V6, passive).unwrap();
            assert!(v6.address_list(passive).unwrap().iter().all(|address| address.is_ipv6()));
        });
    });
}

#[test]
fn a_wait_for_a_change_ends_in_time_or_is_cancelled_or_closed_under() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let socket = provider.datagram(Family::V4, passive).unwrap();
            let change = || AddressListChange::new(passive);
            let timed = socket.submit(Op::new(()).unwrap(), change(), Some(BRIEFLY));
            assert_eq!(timed.wait(passive).0, Err(Error::IO_TIMEOUT));
            let cancelled = socket.submit(Op::new(()).unwrap(), change(), None);
            cancelled.cancel();
            assert_eq!(cancelled.wait(passive).0, Err(Error::CANCELLED));
            drop(socket.submit(Op::new(()).unwrap(), change(), None));
            let pending = socket.submit(Op::new(()).unwrap(), change(), None);
            assert_eq!(socket.close(passive), Ok(()));
            assert_eq!(pending.wait(passive).0, Err(Error::CANCELLED));
        });
    });
}

#[test]
fn addresses_are_sorted_and_those_that_cannot_be_reached_are_left_out() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let socket = wsk::Socket::from(provider.datagram(Family::V6, passive).unwrap());
            let sort = |list: &[SocketAddr]| {
                socket.sort_addresses(list, passive).map(|list| list.iter().collect::<Vec<_>>())
            };
            let [v4, v6, none] =
                ["[::ffff:127.0.0.1]:6", "[::1]:5", "[::]:7"].map(|text| text.parse().unwrap());
            assert_eq!(sort(&[v4, none, v6]), Ok(vec![v6, v4]));
            assert_eq!(sort(&[]), Ok(Vec::new()));
            // More than the room for the first try.
            assert_eq!(sort(&[v4; 40]), Ok(vec![v4; 40]));
            assert_eq!(sort(&["127.0.0.1:1".parse().unwrap()]), Err(Error::INVALID_PARAMETER));
        });
    });
}

#[test]
fn what_the_provider_does_not_have_is_its_answer() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let socket = wsk::Socket::from(provider.datagram(Family::V6, passive).unwrap());
            let (context, dispatch) = (std::ptr::null_mut(), std::ptr::null());
            // SAFETY: there is no extension, so nothing is called.
            let extension =
                unsafe { socket.register_extension(&wsk_sys::NPI_WSK_INTERFACE_ID, context, dispatch) };
            assert_eq!(extension.err(), Some(Error::NOT_SUPPORTED));
        });
    });
}
