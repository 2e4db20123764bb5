//! Registration, capture of the provider, and the negotiation of the version.

use std::time::Duration;

use crate::common::{BRIEFLY, LOOPBACK_V4, bound, in_every_mode, run_with};
use netio::memory::Net;
use netio::{Completion, Config, Network};
use ntos::IrpEventKind;
use wsk::{Error, Family, Registration, Version};

fn offering(versions: std::ops::RangeInclusive<Version>) -> (Config, Net) {
    let net = Net::new();
    let config = Config {
        network: Network::Memory(net.clone()),
        completion: Completion::Inline,
        versions: versions.start().as_raw()..=versions.end().as_raw(),
        ..Config::default()
    };
    (config, net)
}

const V1_1: Version = Version::new(1, 1);
const V1_2: Version = Version::new(1, 2);
const V2_0: Version = Version::new(2, 0);

#[test]
fn a_client_registers_captures_and_goes() {
    in_every_mode(|world| {
        let passive = world.passive();
        let registration = Registration::register(Version::V1_0, &passive).unwrap();
        assert_eq!(world.netio.registrations(), 1);
        assert_eq!(registration.version(), Version::V1_0);
        assert!(!registration.has_static_events());
        let first = registration.try_provider().unwrap();
        let second = registration.provider(&passive).unwrap();
        assert_eq!((first.version(), second.version()), (Version::V1_0, Version::V1_0));
        assert_eq!(registration.characteristics(), Ok(Version::V1_0..=Version::V1_0));
        drop(first);
        drop(second);
        // Another client, at the same time.
        let other = Registration::register(Version::V1_0, &passive).unwrap();
        assert_eq!(world.netio.registrations(), 2);
        drop(registration);
        assert!(other.try_provider().is_ok());
    });
}

#[test]
fn a_provider_that_is_not_ready_is_waited_for() {
    let (config, net) = offering(Version::V1_0..=Version::V1_0);
    run_with(Config { ready: false, ..config }, net, |world| {
        let passive = world.passive();
        let registration = Registration::register(Version::V1_0, &passive).unwrap();
        assert_eq!(registration.try_provider().err(), Some(Error::DEVICE_NOT_READY));
        assert_eq!(registration.provider(passive.within(BRIEFLY)).err(), Some(Error::DEVICE_NOT_READY));
        assert_eq!(registration.characteristics(), Err(Error::DEVICE_NOT_READY));
        let negotiated = Registration::negotiate(Version::V1_0..=V1_1, passive.within(BRIEFLY));
        assert_eq!(negotiated.err(), Some(Error::DEVICE_NOT_READY));

        let netio = world.netio.clone();
        let starter = world.machine.spawn("start WSK", move || {
            std::thread::sleep(Duration::from_millis(10));
            netio.set_ready(true);
        });
        assert!(registration.provider(&passive).is_ok());
        starter.join().unwrap();
        assert!(registration.try_provider().is_ok());
        assert!(registration.provider(passive.within(BRIEFLY)).is_ok());
    });
}

#[test]
fn another_minor_version_of_the_provider() {
    // A provider with a higher minor version serves the client; its version says so.
    let (config, net) = offering(Version::V1_0..=V1_1);
    run_with(config, net, |world| {
        let passive = world.passive();
        let registration = Registration::register(Version::V1_0, &passive).unwrap();
        let version = registration.provider(&passive).unwrap().version();
        assert!((Version::V1_0..=V1_1).contains(&version), "{version}");
    });
    // A client that asks for more than there is learns what there is.
    let (config, net) = offering(Version::V1_0..=V1_1);
    run_with(config, net, |world| {
        let passive = world.passive();
        let registration = Registration::register(V1_2, &passive).unwrap();
        assert_eq!(registration.provider(&passive).err(), Some(Error::NOINTERFACE));
        assert_eq!(registration.try_provider().err(), Some(Error::NOINTERFACE));
        assert_eq!(registration.characteristics(), Ok(Version::V1_0..=V1_1));
    });
}

#[test]
fn the_version_is_negotiated() {
    let cases = [
        (Version::V1_0..=Version::V1_0, Version::V1_0..=V1_2, Ok(Version::V1_0)),
        (Version::V1_0..=V1_1, Version::V1_0..=V2_0, Ok(V1_1)),
        (Version::V1_0..=V1_2, Version::V1_0..=V1_1, Ok(V1_1)),
        (V2_0..=V2_0, Version::V1_0..=V2_0, Ok(V2_0)),
        (V1_1..=V1_1, V1_1..=V1_1, Ok(V1_1)),
        (V2_0..=V2_0, Version::V1_0..=V1_2, Err(Error::NOINTERFACE)),
        (Version::V1_0..=Version::V1_0, V1_1..=V2_0, Err(Error::NOINTERFACE)),
    ];
    for (offered, wanted, expected) in cases {
        let (config, net) = offering(offered.clone());
        run_with(config, net, |world| {
            let passive = world.passive();
            let negotiated = Registration::negotiate(wanted.clone(), &passive);
            let version = negotiated.as_ref().map(Registration::version).map_err(|error| *error);
            assert_eq!(version, expected, "offered {offered:?}, wanted {wanted:?}");
            if let Ok(registration) = &negotiated {
                assert!(registration.try_provider().is_ok());
            }
        });
    }
    let (config, net) = offering(Version::V1_0..=Version::V1_0);
    run_with(config, net, |world| {
        let nothing = Registration::negotiate(V1_1..=Version::V1_0, &world.passive());
        assert_eq!(nothing.err(), Some(Error::NOINTERFACE));
    });
}

#[test]
fn sockets_outlive_the_provider_and_end_before_the_registration() {
    in_every_mode(|world| {
        let passive = world.passive();
        let registration = Registration::register(Version::V1_0, &passive).unwrap();
        let provider = registration.provider(&passive).unwrap();
        let first = bound(&provider, LOOPBACK_V4, &passive);
        let second = provider.datagram(Family::V6, &passive).unwrap();
        drop(provider);
        assert!(first.local_address(&passive).is_ok());
        assert_eq!(world.netio.sockets(), 2);
        // Both closes are sent, and may be under way when the registration ends: it waits for them.
        world.machine.clear_irp_log();
        drop(first);
        drop(second);
        drop(registration);
        assert_eq!(world.netio.sockets(), 0);
        let log = world.machine.irp_log();
        let cancels = log.iter().filter(|event| event.kind == IrpEventKind::Cancelled).count();
        assert_eq!(cancels, 0, "a close that nobody waits for is not cancelled: {log:?}");
    });
}

#[test]
fn versions_read_as_they_are() {
    assert_eq!(Version::V1_0.to_string(), "1.0");
    assert_eq!((Version::new(2, 11).to_string(), format!("{V1_2:?}")), ("2.11".into(), "1.2".into()));
    assert_eq!(Version::from_raw(0x0102), V1_2);
    assert_eq!(V1_2.as_raw(), 0x0102);
    assert!(V1_2 < V2_0);
}
