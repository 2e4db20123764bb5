//! Every call that can fail is made to fail, one after the other: each time a clean error, and nothing left behind.

use crate::common::{self, BRIEFLY, Bell, LOOPBACK_V4, MODES, SOON, World, run};
use netio::Completion as Mode;
use wsk::ioctl::SetRemoteAddress;
use wsk::option::socket::{Broadcast, ExclusiveAddressUse};
use wsk::{
    Buffer, Completion, Error, Family, GetSecurity, LocalAddress, Op, ReceiveFrom, Registration, Result,
    SendTo, Version,
};

/// A security descriptor without lists and identifiers.
const EVERYONE: [u8; 20] = [1, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn in_time(error: Error) -> Result {
    if error == Error::IO_TIMEOUT { Ok(()) } else { Err(error) }
}

/// Everything that a client does; ends at the first failure.
fn scenario(world: &World) -> Result {
    let passive = &world.passive();
    let registration = Registration::negotiate(Version::V1_0..=Version::new(1, 1), passive)?;
    let provider = registration.provider(passive)?;
    let socket = provider.datagram(Family::V4, passive)?;
    socket.set::<ExclusiveAddressUse>(true, passive)?;
    provider.transports()?;
    provider.wait_for_transports(passive.within(BRIEFLY)).or_else(in_time)?;
    let security = provider.cache_security(&EVERYONE, passive)?;
    socket.set_security(&security, passive)?;
    assert_eq!(socket.security(passive)?.copy_to(&mut [])?, EVERYONE.len());
    let socket = socket.bind(LOOPBACK_V4.parse().unwrap(), passive)?;
    let address = socket.local_address(passive)?;
    socket.set::<Broadcast>(true, passive)?;
    assert!(socket.get::<Broadcast>(passive)?);
    socket.ioctl::<SetRemoteAddress>(Some(address), passive)?;

    let op = Op::new(Buffer::new(4)?)?;
    let canceller = op.canceller();
    let (sent, op) = socket.submit(op, SendTo(None), Some(SOON)).wait(passive);
    assert_eq!(sent?, 4);
    let (received, op) = socket.submit(op, ReceiveFrom, Some(SOON)).wait(passive);
    assert_eq!(received?.length, 4);
    drop(socket.submit(op, ReceiveFrom, None));
    drop(canceller);

    let bell = Bell::default();
    let queue = bell.try_queue(passive)?;
    socket.submit_to(&queue, Op::new(())?, LocalAddress, None);
    let (Completion::LocalAddress(address), op) = bell.take_one(&queue) else {
        panic!("an address was asked for");
    };
    address?;
    provider.socket(Family::V6).create()?.submit_to(&queue, op, None);
    let (Completion::Create(created), op) = bell.take_one(&queue) else { panic!("a socket was asked for") };
    let created = created?;
    let request = GetSecurity::new(&created)?;
    created.submit_to(&queue, op, request, None);
    let (Completion::GetSecurity(security), _) = bell.take_one(&queue) else {
        panic!("a descriptor was asked for");
    };
    drop(security?);
    drop(created);
    socket.close(passive)
}

/// Miri is slow, and sees the same code at each fault point: some will do.
const STEP: usize = if cfg!(miri) { 6 } else { 1 };

fn modes() -> &'static [Mode] {
    if cfg!(miri) { &[Mode::Inline] } else { MODES }
}

#[test]
fn every_failure_is_clean() {
    for mode in modes() {
        let struck = common::each_failure(*mode, STEP, scenario);
        if STEP > 1 {
            assert!(!struck.is_empty());
            continue;
        }
        // The crate has seen each of its own failures, and those of WSK's requests.
        for expected in [
            "ExAllocatePool2",
            "IoAllocateIrp",
            "IoAllocateMdl",
            "WskRegister",
            "WskCaptureProviderNPI",
            "WskSocket",
            "WskBind",
            "WskControlSocket",
            "WskGetLocalAddress",
            "WskSendTo",
            "WskReceiveFrom",
        ] {
            assert!(struck.contains(&expected), "{mode:?}: {expected} is not among {struck:?}");
        }
    }
}

#[test]
fn nothing_works_and_nothing_is_left() {
    for mode in modes() {
        let mut n = 0;
        loop {
            let mut result = Ok(());
            run(*mode, |world| {
                world.machine.faults().fail_from(n);
                result = scenario(world);
                world.machine.faults().disarm();
            });
            if result.is_ok() {
                break;
            }
            assert_eq!(result, Err(Error::INSUFFICIENT_RESOURCES));
            n += u64::try_from(STEP).unwrap();
        }
        assert!(n > 10, "the scenario has more fault points than {n}");
    }
}
