//! What a sweep finds: scenarios that go wrong once something has happened, each in another way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use wskdrv_abi::IOCTL_WSKDRV_VERSION;

use super::sweep::{End, Reach, Sweep, Swept};
use super::{Lab, Outcome, Test, outcome, raw};
use crate::Family;
use crate::device::{Completion, Disturbance, Hosted, Network};

const CALLS: &[Disturbance] = &[Disturbance::Fault];

fn sweep(disturbances: &'static [Disturbance], test: &'static Test) -> Result<Swept, String> {
    let hosted = Hosted { completion: Completion::Deferred, network: Network::Memory, ..Hosted::default() };
    Sweep { hosted, disturbances, reach: Reach::Whole(u64::MAX) }.scenario(test)
}

/// A scenario.
macro_rules! scenario {
    ($name:ident, $run:expr) => {
        static $name: Test = Test { name: "sweep::scenario", about: "A scenario.", needs: &[], run: $run };
    };
}

fn bind(lab: &Lab) -> Outcome {
    lab.bound(Family::V4).map(drop)
}

/// What is found of a scenario.
fn found(disturbances: &'static [Disturbance], test: &'static Test) -> String {
    sweep(disturbances, test).expect_err("something is wrong")
}

scenario!(SOUND, bind);

#[test]
fn a_sound_scenario_passes_and_is_counted() {
    for (disturbances, least) in [(CALLS, 10), (Disturbance::OF_REQUESTS, 3)] {
        let Ok(Swept::Numbers(all)) = sweep(disturbances, &SOUND) else { panic!("it passes") };
        assert_eq!(all.len(), disturbances.len());
        for (disturbance, numbers) in all {
            assert_eq!(numbers.scenarios, 1);
            assert!(numbers.opportunities >= least, "{disturbance:?}: {numbers}");
            assert!(numbers.points() >= least, "{disturbance:?}: {numbers}");
            // A cancel may come too late for each of them.
            let told = numbers.ends.contains_key(&End::Told) || disturbance == Disturbance::Cancel;
            assert!(told, "{disturbance:?}: {numbers}");
        }
    }
}

#[test]
fn a_few_opportunities_are_spread_over_all() {
    let hosted = Hosted { network: Network::Memory, ..Hosted::default() };
    for wanted in [0, 1, 2, 5] {
        let sweep = Sweep { hosted: hosted.clone(), disturbances: CALLS, reach: Reach::Some(wanted) };
        let Ok(Swept::Numbers(all)) = sweep.scenario(&SOUND) else { panic!("it passes") };
        assert_eq!(all[&Disturbance::Fault].points(), wanted);
    }
}

/// Whether a scenario has failed before.
static FAILED: AtomicBool = AtomicBool::new(false);

scenario!(NEVER_AGAIN, |lab| {
    if FAILED.load(Ordering::Relaxed) {
        return Err(super::Failure::new("never again"));
    }
    bind(lab).inspect_err(|_| FAILED.store(true, Ordering::Relaxed))
});

#[test]
fn a_scenario_that_does_not_pass_again_is_found() {
    let found = found(CALLS, &NEVER_AGAIN);
    assert!(found.contains("once more, undisturbed: never again"), "{found}");
}

scenario!(ANOTHER_STATUS, |lab| {
    let result = bind(lab);
    if result.is_err() {
        // An output buffer that is too small.
        raw(lab.open()?.handle(), IOCTL_WSKDRV_VERSION, &[], 0)?;
    }
    result
});

#[test]
fn a_status_that_does_not_go_with_what_happened_is_found() {
    let found = found(CALLS, &ANOTHER_STATUS);
    assert!(found.contains("IOCTL_WSKDRV_VERSION ended with STATUS_BUFFER_TOO_SMALL"), "{found}");
}

scenario!(PANIC, |lab| { bind(lab).inspect_err(|_| panic!("this is the test's own panic")) });

#[test]
fn a_panic_is_found() {
    let found = found(CALLS, &PANIC);
    assert!(found.contains("it panicked"), "{found}");
}

scenario!(BUG_CHECK, |lab| {
    let session = lab.open()?;
    let result = bind(lab);
    if result.is_err() {
        lab.device().shut_down();
    }
    session.close();
    result
});

#[test]
fn a_bug_check_is_found() {
    let found = found(CALLS, &BUG_CHECK);
    assert!(found.contains("*** STOP") && found.contains("WskRegistrationLeft"), "{found}");
}

static RUNS: AtomicU64 = AtomicU64::new(0);

scenario!(OTHER_EVERY_TIME, |lab| {
    bind(lab)?;
    // The first run is undisturbed.
    outcome::equal(RUNS.fetch_add(1, Ordering::Relaxed), 0, "the number of the run")
});

#[test]
fn a_scenario_that_fails_though_nothing_happened_is_found() {
    let found = found(CALLS, &OTHER_EVERY_TIME);
    assert!(found.contains("the number of the run"), "{found}");
}
