//! The conformance suite on the hosted kernel: each test in every completion mode, on the network in memory and on this
//! computer's, under the strict readings of what Microsoft's pages leave open, those of Windows, and mixes by a seed.
//!
//! Each is a test of its own, `mode::theme::name`, and has a kernel of its own, which is searched for what the
//! driver has left behind. The tests themselves are in `wskctl::conformance`, where other places run them too.
//!
//! The variable `WSKDRV_SEEDS` has the number of seeds, as in `WSKDRV_SEEDS=100 cargo test --test conformance seed_`.
#![forbid(unsafe_code)]

use std::env;

use libtest_mimic::{Arguments, Completion as Done, Failed, Trial};
use readings::Readings;
use wskctl::Device;
use wskctl::conformance::{self, Ending, Runner, Test};
use wskctl::device::{Completion, Hosted, Network};

const MODES: &[(&str, Completion, Network, Readings)] = &[
    ("inline", Completion::Inline, Network::Memory, Readings::STRICT),
    ("deferred", Completion::Deferred, Network::Memory, Readings::STRICT),
    ("delayed", Completion::Delayed(1), Network::Memory, Readings::STRICT),
    ("mixed", Completion::Mixed(1), Network::Memory, Readings::STRICT),
    ("windows", Completion::Deferred, Network::Memory, Readings::WINDOWS),
    ("windows_mixed", Completion::Mixed(2), Network::Memory, Readings::WINDOWS),
    ("host_inline", Completion::Inline, Network::Host, Readings::STRICT),
    ("host_delayed", Completion::Delayed(3), Network::Host, Readings::STRICT),
    ("host_windows", Completion::Deferred, Network::Host, Readings::WINDOWS),
];

/// How many seeds are tried if nobody says.
const SEEDS: u64 = 3;

fn main() {
    let arguments = Arguments::from_args();
    let seeds =
        env::var("WSKDRV_SEEDS").map_or(SEEDS, |seeds| seeds.parse().expect("WSKDRV_SEEDS is a number"));
    let modes = MODES.iter().map(|(mode, completion, network, readings)| {
        let hosted = Hosted {
            completion: *completion,
            network: *network,
            readings: readings.clone(),
            ..Hosted::default()
        };
        ((*mode).to_owned(), hosted)
    });
    let seeds = (0..seeds).map(|seed| {
        let (completion, readings) = (Completion::Mixed(seed), Readings::seed(seed));
        (
            format!("seed_{seed}"),
            Hosted { completion, network: Network::Memory, readings, ..Hosted::default() },
        )
    });
    let trials = modes.chain(seeds).flat_map(|(mode, hosted)| {
        conformance::tests().map(move |test| {
            let hosted = hosted.clone();
            Trial::ignorable_test(format!("{mode}::{}", test.name), move || run(hosted, test))
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn run(hosted: Hosted, test: &'static Test) -> Result<Done, Failed> {
    let verdict = Runner::new(move || Device::hosted(&hosted)).run_one(test);
    let detail = verdict.detail.unwrap_or_default();
    match verdict.ending {
        Ending::Passed => Ok(Done::Completed),
        Ending::NotApplicable => Ok(Done::ignored_with(detail)),
        Ending::Failed => Err(match verdict.place {
            Some(place) => format!("{detail}\nat {place}").into(),
            None => detail.into(),
        }),
    }
}
