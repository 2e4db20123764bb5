//! Security descriptors: cached, given to sockets and got from them, and each released once.
#![allow(unsafe_code, reason = "names a process that owns a socket")]

use std::net::SocketAddr;

use crate::common::{Bell, LOOPBACK_V4, SOON, World, in_every_mode, run};
use netio::Completion as Mode;
use ntos::Token;
use wsk::descriptor::{Descriptor, sddl};
use wsk::{
    Completion, Error, Family, GetSecurity, Op, Passive, Provider, Result, SecurityDescriptor, SetSecurity,
    Socket, Unbound,
};

const EVERYONE: &str = "D:P(A;;0x1f01ff;;;WD)";
const NOBODY: &str = "D:P";

fn cache<'r>(provider: &Provider<'r>, text: &str, passive: &Passive) -> SecurityDescriptor<'r> {
    let mut bytes = [0; 256];
    let size = sddl::encode(text, &mut bytes).unwrap();
    provider.cache_security(&bytes[..size], passive).unwrap()
}

fn text(security: &SecurityDescriptor<'_>) -> String {
    let mut bytes = [0; 256];
    let size = security.copy_to(&mut bytes).unwrap();
    assert_eq!(security.copy_to(&mut bytes[..3]), Ok(size));
    Descriptor::parse(&bytes[..size]).unwrap().to_string()
}

#[test]
fn a_descriptor_is_released_with_its_last_handle() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let one = cache(provider, EVERYONE, passive);
            let two = one.clone();
            let other = cache(provider, NOBODY, passive);
            assert_eq!((text(&two).as_str(), text(&other).as_str()), (EVERYONE, NOBODY));
            assert_eq!(world.netio.descriptors(), 2);
            drop(one);
            assert_eq!(world.netio.descriptors(), 2);
            drop(two);
            assert_eq!(world.netio.descriptors(), 1);
        });
        assert_eq!(world.netio.descriptors(), 0);
    });
}

#[test]
fn a_descriptor_outlives_the_provider_that_cached_it() {
    run(Mode::Deferred, |world| {
        let passive = &world.passive();
        let registration = wsk::Registration::register(wsk::Version::V1_0, passive).unwrap();
        let provider = registration.provider(passive).unwrap();
        let security = cache(&provider, EVERYONE, passive);
        drop(provider);
        assert_eq!(text(&security), EVERYONE);
        let socket = registration.provider(passive).unwrap().datagram(Family::V4, passive).unwrap();
        socket.set_security(&security, passive).unwrap();
        drop(security);
        assert_eq!(text(&socket.security(passive).unwrap()), EVERYONE);
    });
}

#[test]
fn bytes_that_are_no_descriptor_are_not_given_to_wsk() {
    run(Mode::Inline, |world| {
        world.with_client(|_, provider, passive| {
            let mut bytes = [0; 256];
            let size = sddl::encode(EVERYONE, &mut bytes).unwrap();
            for cut in 0..size {
                let refused = provider.cache_security(&bytes[..cut], passive).err();
                assert_eq!(refused, Some(Error::INVALID_SECURITY_DESCR), "{cut}");
            }
            assert_eq!(world.netio.descriptors(), 0);
        });
    });
}

#[test]
fn a_socket_has_what_it_was_given() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let socket = provider.datagram(Family::V4, passive).unwrap();
            assert_eq!(text(&socket.security(passive).unwrap()), NOBODY);
            socket.set_security(&cache(provider, EVERYONE, passive), passive.within(SOON)).unwrap();
            let bound = socket.bind(LOOPBACK_V4.parse().unwrap(), passive).unwrap();
            assert_eq!(text(&bound.security(passive.within(SOON)).unwrap()), EVERYONE);

            let security = cache(provider, EVERYONE, passive);
            let socket = provider.socket(Family::V6).security(&security).datagram(passive).unwrap();
            drop(security);
            assert_eq!(text(&socket.security(passive).unwrap()), EVERYONE);
        });
        assert_eq!(world.netio.descriptors(), 0);
    });
}

#[test]
fn a_descriptor_is_for_its_own_client() {
    run(Mode::Inline, |world| {
        let passive = &world.passive();
        let other = wsk::Registration::register(wsk::Version::V1_0, passive).unwrap();
        let others = other.provider(passive).unwrap();
        let security = cache(&others, EVERYONE, passive);
        world.with_client(|_, provider, passive| {
            let made = provider.socket(Family::V4).security(&security).datagram(passive);
            assert_eq!(made.err(), Some(Error::INVALID_PARAMETER));
            let socket = provider.datagram(Family::V4, passive).unwrap();
            assert_eq!(socket.set_security(&security, passive), Err(Error::INVALID_PARAMETER));
        });
    });
}

#[test]
fn requests_to_a_queue_keep_their_descriptor_until_their_result_is_taken() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let bell = Bell::default();
            let queue = bell.queue(passive);
            let socket: Socket<'_> = provider.datagram(Family::V4, passive).unwrap().into();
            let security = cache(provider, EVERYONE, passive);
            let hold = world.netio.hold("WskControlSocket");
            socket.submit_to(&queue, Op::new(()).unwrap(), SetSecurity(&security), None);
            drop(security);
            assert_eq!(world.netio.descriptors(), 1, "the request has it");
            drop(hold);
            let (Completion::SetSecurity(Ok(())), op) = bell.take_one(&queue) else { panic!("it was set") };
            assert_eq!(world.netio.descriptors(), 0);
            socket.submit_to(&queue, op, GetSecurity::new(&socket).unwrap(), Some(SOON));
            let (Completion::GetSecurity(Ok(security)), op) = bell.take_one(&queue) else {
                panic!("there is one");
            };
            assert_eq!(text(&security), EVERYONE);
            drop(security);
            // Not taken, it is released all the same.
            socket.submit_to(&queue, op, GetSecurity::new(&socket).unwrap(), None);
            drop(bell.take(&queue, 1));
        });
        assert_eq!(world.netio.descriptors(), 0);
    });
}

#[test]
fn requests_that_are_cancelled_or_closed_under_leave_no_descriptor() {
    in_every_mode(|world| {
        world.with_client(|_, provider, passive| {
            let bell = Bell::default();
            let queue = bell.queue(passive);
            let socket: Socket<'_> = provider.datagram(Family::V4, passive).unwrap().into();
            let hold = world.netio.hold("WskControlSocket");
            let (set, get) = (Op::new(()).unwrap(), Op::new(()).unwrap());
            let canceller = get.canceller();
            socket.submit_to(&queue, set, SetSecurity(&cache(provider, EVERYONE, passive)), None);
            socket.submit_to(&queue, get, GetSecurity::new(&socket).unwrap(), None);
            canceller.cancel();
            drop(socket);
            let mut ended = Vec::new();
            while ended.len() < 2 {
                bell.listen();
                ended.extend(queue.drain());
            }
            let was_cancelled = |completion: &Completion<'_>| completion.error() == Some(Error::CANCELLED);
            assert!(ended.iter().all(|(completion, _)| was_cancelled(completion)));
            drop(hold);
        });
        assert_eq!(world.netio.descriptors(), 0);
    });
}

/// Binds to a specific address where `first` has the wildcard address.
fn share(first: Unbound<'_>, second: Unbound<'_>, passive: &Passive) -> Result {
    let first = first.bind("0.0.0.0:0".parse().unwrap(), passive)?;
    let port = first.local_address(passive)?.port();
    let specific = SocketAddr::from(([127, 0, 0, 1], port));
    second.bind(specific, passive)?;
    Ok(())
}

#[test]
fn descriptor_and_owner_decide_who_shares() {
    run(Mode::Deferred, |world: &World| {
        let (administrator, user) =
            (world.machine.process(Token::Administrator), world.machine.process(Token::User));
        world.with_client(|_, provider, passive| {
            let administrators = cache(provider, "D:P(A;;GA;;;BA)", passive);
            for (process, expected) in [(&administrator, Ok(())), (&user, Err(Error::ACCESS_DENIED))] {
                let first = provider.socket(Family::V4).security(&administrators).datagram(passive).unwrap();
                // SAFETY: the process lives until the end of the test, which is after that of the socket.
                let second = unsafe { provider.socket(Family::V4).process(process.object()) };
                assert_eq!(share(first, second.datagram(passive).unwrap(), passive), expected);
            }
            let [first, second] = [(); 2].map(|()| provider.datagram(Family::V4, passive).unwrap());
            assert_eq!(share(first, second, passive), Err(Error::ACCESS_DENIED));
        });
    });
}
