//! The tests that the driver must pass wherever it is loaded: hosted in the program, under Wine, on Windows.
//!
//! A test is a function of a [`Lab`], which hides in which of these places it runs; [`SUITE`] is the table of all
//! tests; a [`Runner`] runs some of them, each within a time limit, and makes a [`Report`], which is text, JSON,
//! `JUnit` or a page. After each test the place must be as it was before it: no handle, socket or IRP is left.
//!
//! To add a test, write the function in the file of its theme, and a line in the file's table. A new theme is a new
//! file and a line in [`SUITE`].
//!
//! | module | contents |
//! |---|---|
//! | `test`, `outcome` | what a test is, and how it ends |
//! | `lab`, `process` | what it is given: handles, sockets outside the driver, a process to kill |
//! | `pending` | the kinds of request that a process can have under way when it is killed |
//! | `runner`, `report`, `junit`, `page`, `timeline` | running, and telling about it |
//! | `sweep`, `patience` | the tests once more, on the hosted kernel, with something going wrong at each opportunity |
//! | the other modules | the tests, by theme |

use wsk_sys::NTSTATUS;

use crate::device::Handle;

mod basics;
mod binding;
#[cfg(all(test, feature = "hosted"))]
pub(crate) mod broken;
mod cancelling;
mod changes;
mod client;
mod closing;
mod coalescing;
mod control_information;
mod counters;
mod datagrams;
mod events;
mod events_pending;
mod fixed;
mod ioctls;
mod junit;
mod lab;
mod many;
mod network_errors;
mod options;
mod options_effect;
mod options_group;
mod outcome;
mod outputs;
mod page;
#[cfg(all(test, feature = "hosted"))]
mod page_tests;
mod patience;
mod pending;
mod process;
mod refusals;
mod report;
mod requests;
mod runner;
#[cfg(all(test, feature = "hosted"))]
mod runner_tests;
mod security;
mod states;
#[cfg(feature = "hosted")]
pub mod sweep;
#[cfg(all(test, feature = "hosted"))]
mod sweep_tests;
mod test;
mod threads;
mod timeline;
mod timing;

pub use junit::junit;
pub use lab::{Lab, Outsider};
pub use outcome::{Failure, Outcome, SOON};
pub use page::html;
pub use pending::{KINDS, Kind};
pub use process::{COMMAND as PEND_COMMAND, ChildProcess, Plan, pend};
pub use report::{Ending, Report, TestResult};
pub use runner::{Runner, Watch};
pub use test::{Need, Test, Theme};

/// Every test, by theme.
pub const SUITE: &[Theme] = &[
    basics::THEME,
    options::THEME,
    ioctls::THEME,
    client::THEME,
    security::THEME,
    binding::THEME,
    datagrams::THEME,
    many::THEME,
    control_information::THEME,
    network_errors::THEME,
    coalescing::THEME,
    fixed::THEME,
    timing::THEME,
    cancelling::THEME,
    closing::THEME,
    threads::THEME,
    counters::THEME,
    events::THEME,
    events_pending::THEME,
    changes::THEME,
    states::THEME,
    refusals::THEME,
    outputs::THEME,
];

/// Every test of the suite, in its order.
pub fn tests() -> impl Iterator<Item = &'static Test> {
    SUITE.iter().flat_map(|theme| theme.tests).copied().flatten()
}

/// The status and the output of a request, as bytes, on a handle as it is.
///
/// # Errors
///
/// It does not end in time.
fn raw(handle: &Handle, code: u32, input: &[u8], output: usize) -> Outcome<(NTSTATUS, Vec<u8>)> {
    let completed = lab::ended(handle.begin(code, input.to_vec(), vec![0; output]))?;
    let mut output = completed.output;
    output.truncate(completed.information);
    Ok((completed.status, output))
}
