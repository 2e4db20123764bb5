//! What is asked of WSK by the client as a whole: transports, the wait for a change of them, TDI.

use std::time::Duration;

use crate::common::{BRIEFLY, Bell, SOON, in_every_mode, run};
use netio::Completion;
use wsk::{Error, Family, Op, Registration, Result, Version};

#[test]
fn the_transports_have_datagrams_of_both_families() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let transports = provider.transports().unwrap();
            assert_eq!(transports.iter().count(), 4);
            assert_eq!(transports.as_bytes().len(), 4 * 28);
            for family in [Family::V4, Family::V6] {
                let one = transports.iter().find(|one| one.has_datagrams(family)).unwrap();
                assert_eq!(one.version, Version::V1_0);
            }
            world.netio.change_transports(|all| {
                all[1].ProviderId.Data4 = *b"provider";
                for (told, one) in transports.iter().zip(&*all) {
                    let id = told.provider_id;
                    assert_eq!((id.Data1, id.Data2), (one.ProviderId.Data1, one.ProviderId.Data2));
                    assert_eq!(id.Data3, one.ProviderId.Data3);
                    assert_eq!((told.socket_type, told.protocol), (one.SocketType, one.Protocol));
                    assert_eq!(told.family, one.AddressFamily);
                }
            });
            let id = provider.transports().unwrap().iter().nth(1).unwrap().provider_id;
            assert_eq!(id.Data4, *b"provider");
            // Longer than there is room for at first.
            world.netio.change_transports(|all| all.extend_from_within(..));
            world.netio.change_transports(|all| all.extend_from_within(..));
            assert_eq!(provider.transports().unwrap().iter().count(), 16);
            world.netio.change_transports(Vec::clear);
            assert_eq!(provider.transports().unwrap().iter().count(), 0);
            assert_eq!(provider.datagram(Family::V4, passive).err(), Some(Error::NOT_SUPPORTED));
        });
    });
}

#[test]
fn a_change_of_the_transports_ends_the_wait_for_it() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let mut op = Op::new(()).unwrap();
            for _ in 0..3 {
                let waiting = provider.submit_transport_change(op, Some(SOON));
                while !waiting.is_done() {
                    // The wait may not have begun; a change that it misses is not for it.
                    world.netio.change_transports(|_| {});
                    std::thread::sleep(Duration::from_millis(1));
                }
                let (changed, again) = waiting.wait(passive);
                changed.unwrap();
                op = again;
            }
        });
    });
}

#[test]
fn a_wait_for_the_transports_is_cancelled_limited_and_abandoned() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let waiting = provider.submit_transport_change(Op::new(()).unwrap(), None);
            assert!(!waiting.is_done());
            waiting.cancel();
            let (ended, op) = waiting.wait(passive);
            assert_eq!(ended, Err(Error::CANCELLED));
            let (timed_out, op) = provider.submit_transport_change(op, BRIEFLY).wait(passive);
            assert_eq!(timed_out, Err(Error::IO_TIMEOUT));
            assert_eq!(provider.wait_for_transports(passive.within(BRIEFLY)), Err(Error::IO_TIMEOUT));
            let canceller = op.canceller();
            drop(provider.submit_transport_change(op, None));
            drop(canceller);

            let bell = Bell::default();
            let queue = bell.queue::<_, Result>(passive);
            let op = Op::new(()).unwrap();
            let canceller = op.canceller();
            provider.submit_transport_change_to(&queue, op, None);
            canceller.cancel();
            assert_eq!(bell.take_one(&queue).0, Err(Error::CANCELLED));
        });
    });
}

/// A wait keeps neither provider nor registration, so the drop of both must end it.
#[test]
fn a_wait_for_the_transports_ends_with_the_registration() {
    in_every_mode(|world| {
        let passive = world.passive();
        let bell = Bell::default();
        let queue = bell.queue::<_, Result>(&passive);
        let registration = Registration::register(Version::V1_0, &passive).unwrap();
        let provider = registration.provider(&passive).unwrap();
        let waiting = provider.submit_transport_change(Op::new(()).unwrap(), None);
        provider.submit_transport_change_to(&queue, Op::new(()).unwrap(), None);
        drop(provider);
        drop(registration);
        assert!(waiting.is_done());
        assert_eq!(waiting.wait(&passive).0, Err(Error::CANCELLED));
        assert_eq!(bell.take_one(&queue).0, Err(Error::CANCELLED));
    });
}

#[test]
fn tdi_is_gone_past_before_the_first_socket_only() {
    run(Completion::Inline, |world| {
        world.with_client(|_, provider, passive| {
            provider.bypass_tdi().unwrap();
            drop(provider.datagram(Family::V4, passive).unwrap());
            assert_eq!(provider.bypass_tdi(), Err(Error::INVALID_DEVICE_STATE));
        });
    });
}
