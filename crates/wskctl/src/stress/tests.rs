//! A sound driver has nothing left, and one that is broken has.

use std::time::Duration;

use super::*;
use crate::conformance::broken::{Breakage, device};

fn plan() -> Plan {
    Plan { handles: 10, threads: 3, cancels: 20, closes: 5, kill_every_ms: 20, milliseconds: 500, seed: 7 }
}

fn stressed(breakage: Breakage, plan: &Plan, interrupt: &Interrupt) -> Report {
    let device = device(breakage).expect("the driver loads");
    run_with(Duration::from_millis(200), &device, None, plan, interrupt, &mut |_| ())
        .expect("the device opens")
}

#[test]
fn a_sound_driver_has_nothing_left() {
    let mut seen = Vec::new();
    let device = device(Breakage::None).unwrap();
    let report = run(&device, None, &plan(), &Interrupt::new(), &mut |done| seen.push(done)).unwrap();
    assert!(report.is_success(), "{report:?}");
    assert_eq!(report.requests.values().sum::<u64>(), report.done.requests);
    assert_eq!(report.statuses.values().sum::<u64>(), report.done.requests);
    for status in ["STATUS_SUCCESS", "STATUS_CANCELLED"] {
        assert!(report.statuses.contains_key(status), "{report:?}");
    }
    for what in ["handles open", "sockets open", "operations pending", "IRPs not freed", "pool blocks"] {
        assert_eq!(report.left.get(what), Some(&0), "{report:?}");
    }
    let Done { opened, cancels, closes, killed, .. } = report.done;
    assert!(opened >= closes && closes > 0 && cancels > 0 && killed > 0, "{report:?}");
    assert!(!seen.is_empty(), "who watches is told");
}

#[test]
fn handles_that_stay_open_are_left() {
    let plan = Plan { milliseconds: 100, kill_every_ms: 0, closes: 1, ..plan() };
    let report = stressed(Breakage::KeepsHandles, &plan, &Interrupt::new());
    assert!(!report.is_success());
    assert!(report.left["handles open"] >= 10, "{report:?}");
    assert!(report.faults.iter().any(|fault| fault.contains("after its handle was closed")), "{report:?}");
    assert_eq!(report.done.killed, 0);
}

#[test]
fn a_request_that_is_cancelled_with_another_is_a_fault() {
    let plan = Plan { kill_every_ms: 0, ..plan() };
    let report = stressed(Breakage::CancelsAll, &plan, &Interrupt::new());
    assert!(report.faults.iter().any(|fault| fault.contains("nobody has asked for")), "{report:?}");
}

#[test]
fn an_interrupt_ends_it_early_and_what_is_left_is_looked_for() {
    let plan = Plan { milliseconds: 3_600_000, ..plan() };
    let interrupt = Interrupt::new();
    let raised = interrupt.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        raised.raise();
    });
    let device = device(Breakage::None).unwrap();
    let report = run(&device, None, &plan, &interrupt, &mut |_| ()).unwrap();
    assert!(report.is_success(), "{report:?}");
    assert!(report.milliseconds < 60_000, "{report:?}");
}
