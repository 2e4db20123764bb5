//! Loading and unloading, and who may open the device.

use crate::common::{self, Completion, READ_WRITE, Rig, SOON, load, status};
use netio::{Config, Network};
use ntos::{Machine, Token};
use wsk_sys::{
    NamedStatus, STATUS_ACCESS_DENIED, STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_NOINTERFACE, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
};
use wskctl::Family;
use wskdrv_abi::USER_PATH;

#[test]
fn the_driver_loads_and_unloads_again_and_again() {
    let machine = Machine::boot(ntos::Config::default());
    let net = netio::memory::Net::new();
    netio::install(&machine, Config { network: Network::Memory(net), ..Config::default() });
    let process = machine.process(Token::System);
    for _ in 0..20 {
        let driver = load(&machine).expect("loaded");
        let session = common::session(process.create_file(USER_PATH, READ_WRITE).expect("opened"));
        session.create(Family::V6).expect("created");
        session.close();
        driver.unload_within(SOON).expect("unloaded");
        assert_eq!(process.create_file(USER_PATH, READ_WRITE).unwrap_err(), STATUS_OBJECT_NAME_NOT_FOUND);
    }
    drop(process);
    machine.shutdown();
}

#[test]
fn only_system_and_administrators_open_the_device() {
    let rig = Rig::memory(Completion::Deferred);
    for (token, expected) in [
        (Token::System, STATUS_SUCCESS),
        (Token::Administrator, STATUS_SUCCESS),
        (Token::User, STATUS_ACCESS_DENIED),
    ] {
        let opened = rig.machine.process(token).create_file(USER_PATH, READ_WRITE);
        assert_eq!(opened.err().unwrap_or(NamedStatus(STATUS_SUCCESS)), expected, "{token:?}");
    }
    rig.finish();
}

#[test]
fn a_handle_for_reading_cannot_change_anything() {
    let rig = Rig::memory(Completion::Deferred);
    let file = rig.process.create_file(USER_PATH, 0x8000_0000).expect("opened for reading");
    let session = common::session(file);
    session.version().expect("a read");
    assert_eq!(status(session.create(Family::V4)), STATUS_ACCESS_DENIED);
    drop(session);
    rig.finish();
}

#[test]
fn a_provider_that_is_not_ready_holds_nothing_up() {
    let net = netio::memory::Net::new();
    let network = Network::Memory(net.clone());
    let rig = Rig::boot(Config { network, ready: false, ..Config::default() }, Some(net));
    let session = rig.open();
    session.version().expect("a version needs no provider");
    assert_eq!(status(session.provider()), STATUS_DEVICE_NOT_READY);
    assert_eq!(status(session.create(Family::V4)), STATUS_DEVICE_NOT_READY);
    rig.netio.set_ready(true);
    session.create(Family::V4).expect("created on the same handle");
    drop(session);
    rig.finish();
}

#[test]
fn a_driver_whose_provider_never_comes_unloads() {
    let net = netio::memory::Net::new();
    let network = Network::Memory(net.clone());
    let rig = Rig::boot(Config { network, ready: false, ..Config::default() }, Some(net));
    assert_eq!(status(rig.open().create(Family::V4)), STATUS_DEVICE_NOT_READY);
    rig.finish();
}

#[test]
fn a_provider_of_another_version_is_refused_and_named() {
    let net = netio::memory::Net::new();
    let network = Network::Memory(net.clone());
    let rig = Rig::boot(Config { network, versions: 0x0200..=0x0201, ..Config::default() }, Some(net));
    let session = rig.open();
    assert_eq!(status(session.create(Family::V4)), STATUS_NOINTERFACE);
    let provider = session.provider().expect("versions");
    assert_eq!((provider.lowest_version, provider.highest_version), (0x0200, 0x0201));
    drop(session);
    rig.finish();
}

/// Fails the first fallible call of loading, then the second, and so on until all of it succeeds.
#[test]
fn a_load_that_fails_anywhere_leaves_nothing() {
    let mut failures = 0;
    for n in 1.. {
        let machine = Machine::boot(ntos::Config::default());
        let net = netio::memory::Net::new();
        netio::install(&machine, Config { network: Network::Memory(net), ..Config::default() });
        machine.faults().fail_nth(n);
        let loaded = load(&machine);
        let fired = machine.faults().fired();
        machine.faults().disarm();
        match (loaded, fired) {
            (Err(status), Some(_)) => {
                assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES, "{fired:?}");
                failures += 1;
            }
            (Ok(driver), fired) => {
                driver.unload_within(SOON).expect("unloaded");
                if fired.is_none() {
                    machine.shutdown();
                    break;
                }
            }
            (Err(status), None) => panic!("{status} without a fault"),
        }
        machine.shutdown();
    }
    assert!(failures >= 5, "{failures} calls of loading can fail");
}
