//! The conformance suite on the hosted kernel: each test in every completion mode, on the network in memory and on this
//! computer's.
//!
//! Each is a test of its own, `mode::theme::name`, and has a kernel of its own, which is searched for what the
//! driver has left behind. The tests themselves are in `wskctl::conformance`, where other places run them too.
#![forbid(unsafe_code)]

use libtest_mimic::{Arguments, Completion as Done, Failed, Trial};
use wskctl::Device;
use wskctl::conformance::{self, Ending, Runner, Test};
use wskctl::device::{Completion, Hosted, Network};

const MODES: &[(&str, Hosted)] = &[
    ("inline", Hosted { completion: Completion::Inline, network: Network::Memory }),
    ("deferred", Hosted { completion: Completion::Deferred, network: Network::Memory }),
    ("delayed_1", Hosted { completion: Completion::Delayed(1), network: Network::Memory }),
    ("delayed_2", Hosted { completion: Completion::Delayed(2), network: Network::Memory }),
    ("host_inline", Hosted { completion: Completion::Inline, network: Network::Host }),
    ("host_deferred", Hosted { completion: Completion::Deferred, network: Network::Host }),
    ("host_delayed", Hosted { completion: Completion::Delayed(3), network: Network::Host }),
];

fn main() {
    let arguments = Arguments::from_args();
    let trials = MODES.iter().flat_map(|&(mode, hosted)| {
        conformance::tests().map(move |test| {
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
