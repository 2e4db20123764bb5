//! Sweeps of the conformance suite on the hosted kernel: each scenario with something going wrong at its n-th opportunity.
//!
//! Each is a test of its own, `group::theme::name`; see `wskctl::conformance::sweep` for what is looked for. A few
//! opportunities of each scenario are tried, spread over it. All of them, and in one more completion mode, with the variable
//! `WSKDRV_SWEEP`, whose value is the number from which on they are tried ever further apart:
//! `WSKDRV_SWEEP=500 cargo test --test sweep`. The numbers are printed at the end.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::env;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Completion as Done, Trial};
use wskctl::conformance;
use wskctl::conformance::sweep::{Numbers, Reach, Sweep, Swept};
use wskctl::device::{Completion, Disturbance, Hosted, Network};

/// How many opportunities of a scenario are tried, if nobody says.
const SOME: u64 = 2;

/// With what is delayed, there is something under way to be disturbed.
const GROUPS: &[(&str, Completion, &[Disturbance])] = &[
    ("fault", Completion::Deferred, &[Disturbance::Fault]),
    ("request", Completion::Delayed(5), Disturbance::OF_REQUESTS),
    ("fault_inline", Completion::Inline, &[Disturbance::Fault]),
];

fn main() {
    let arguments = Arguments::from_args();
    let whole = env::var("WSKDRV_SWEEP").ok().map(|dense| dense.parse().expect("WSKDRV_SWEEP is a number"));
    let (reach, groups) = whole.map_or((Reach::Some(SOME), 2), |dense| (Reach::Whole(dense), GROUPS.len()));
    let numbers: Arc<Mutex<BTreeMap<(&str, Disturbance), Numbers>>> = Arc::default();
    let trials = GROUPS[..groups].iter().flat_map(|&(group, completion, disturbances)| {
        let hosted = Hosted { completion, network: Network::Memory, ..Hosted::default() };
        let sweep = Sweep { hosted, disturbances, reach };
        let numbers = Arc::clone(&numbers);
        conformance::tests().map(move |test| {
            let (sweep, numbers) = (sweep.clone(), Arc::clone(&numbers));
            Trial::ignorable_test(format!("{group}::{}", test.name), move || match sweep.scenario(test)? {
                Swept::Numbers(these) => {
                    let mut all = numbers.lock().unwrap_or_else(PoisonError::into_inner);
                    for (disturbance, these) in these {
                        all.entry((group, disturbance)).or_default().add(&these);
                    }
                    Ok(Done::Completed)
                }
                Swept::NotApplicable(reason) => Ok(Done::ignored_with(reason)),
            })
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    for ((group, disturbance), numbers) in numbers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        println!("{group}, {}: {numbers}", disturbance.name());
    }
    conclusion.exit();
}
