//! The driver has no thread of its own take part in a request: not in one that WSK has done when its function returns, and in
//! others only for what must not be done in a completion routine.

use ntos::Switches;
use wsk_sys::{SO_BROADCAST, SOL_SOCKET};
use wskctl::Family;
use wskctl::session::Room;
use wskdrv_abi::RAW_GET_OPTION;

use crate::common::{Completion, Rig, eventually};

/// The memory of the queue.
const QUEUE: u32 = 4096;

/// What the machine's drivers had other threads do meanwhile.
fn switches<R>(rig: &Rig, request: impl FnOnce() -> R) -> (Switches, R) {
    let before = rig.machine.counters().switches;
    let result = request();
    let after = rig.machine.counters().switches;
    let switches = Switches {
        work_items: after.work_items - before.work_items,
        dpcs: after.dpcs - before.dpcs,
        waits: after.waits - before.waits,
    };
    (switches, result)
}

#[track_caller]
fn none<R>(rig: &Rig, what: &str, request: impl FnOnce() -> R) -> R {
    let (switches, result) = switches(rig, request);
    assert_eq!(switches, Switches::default(), "{what}");
    result
}

#[test]
fn what_wsk_does_at_once_switches_to_no_thread() {
    let rig = Rig::memory(Completion::Inline);
    let session = rig.open();
    none(&rig, "create", || session.create(Family::V4).unwrap());
    let mut descriptor = [0; 256];
    let size = wsk::descriptor::sddl::encode("D:(A;;GA;;;WD)", &mut descriptor).unwrap();
    none(&rig, "set security", || session.set_security(&descriptor[..size]).unwrap());
    none(&rig, "get security", || session.security().unwrap());
    none(&rig, "bind", || session.bind("127.0.0.1:0".parse().unwrap()).unwrap());
    let address = none(&rig, "local address", || session.local_address().unwrap());
    none(&rig, "set", || session.set_option(SOL_SOCKET, SO_BROADCAST, &[1, 0, 0, 0]).unwrap());
    none(&rig, "get", || session.get_option(SOL_SOCKET, SO_BROADCAST, 4).unwrap());
    none(&rig, "raw", || session.raw(RAW_GET_OPTION, SO_BROADCAST, SOL_SOCKET, &[], 4).unwrap());
    none(&rig, "ioctl", || session.set_remote_address(None).unwrap());
    none(&rig, "send", || session.send(b"one", Some(address)).unwrap());
    none(&rig, "receive", || assert_eq!(session.receive(8).unwrap().data, b"one"));
    none(&rig, "send many", || session.send_many(&[b"two", b"3.."], Some(address), &[]).unwrap());
    let room = Room { datagrams: 2, payload: 8, control: 0 };
    none(&rig, "receive many", || assert_eq!(session.receive_many(room).unwrap().len(), 2));
    none(&rig, "enable", || session.enable_receive(QUEUE).unwrap());
    none(&rig, "send to the event", || session.send(b"four", Some(address)).unwrap());
    eventually("the datagram is in the queue", || {
        none(&rig, "drain", || session.drain(256)).is_ok_and(|drain| drain.datagrams.len() == 1)
    });
    none(&rig, "disable", || session.disable_receive().unwrap());
    none(&rig, "no time", || session.within(std::time::Duration::ZERO).receive(8).unwrap_err());
    session.close();
    rig.eventually_idle();
    rig.finish();
}

#[test]
fn what_wsk_does_later_is_completed_where_it_completes() {
    let rig = Rig::memory(Completion::Deferred);
    let (session, address) = rig.bound("127.0.0.1:0");
    none(&rig, "set", || session.set_option(SOL_SOCKET, SO_BROADCAST, &[1, 0, 0, 0]).unwrap());
    none(&rig, "local address", || session.local_address().unwrap());
    none(&rig, "send", || session.send(b"one", Some(address)).unwrap());
    none(&rig, "receive", || session.receive(8).unwrap());
    none(&rig, "a receive that waits", || {
        let waiting = session.begin_receive(8);
        session.send(b"two", Some(address)).unwrap();
        assert_eq!(waiting.wait().unwrap().data, b"two");
    });
    none(&rig, "cancel", || {
        let waiting = session.begin_receive(8);
        waiting.cancel();
        waiting.wait().unwrap_err();
    });
    none(&rig, "a drain that waits", || {
        session.enable_receive(QUEUE).unwrap();
        let waiting = session.begin_drain(256);
        session.send(b"three", Some(address)).unwrap();
        assert_eq!(waiting.wait().unwrap().datagrams.len(), 1);
    });
    // A socket is closed by a call of WSK, which is not for a completion routine.
    let other = rig.open();
    let (switches, created) = switches(&rig, || other.create(Family::V4));
    created.unwrap();
    assert!(switches.work_items <= 1 && switches.dpcs == 0, "create: {switches:?}");
    for session in [session, other] {
        session.close();
    }
    rig.eventually_idle();
    rig.finish();
}
