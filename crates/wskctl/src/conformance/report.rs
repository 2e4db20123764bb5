//! What came of a run.
//!
//! The JSON form is the [`Report`] as `serde` writes it:
//!
//! ```text
//! {
//!   "format": 1,                        raised when a member changes its meaning
//!   "device": "hosted in this program, completion deferred",
//!   "tests": [
//!     {
//!       "name": "cancelling::a_cancelled_receive_is_cancelled",
//!       "about": "A receive that is cancelled ends with STATUS_CANCELLED and without bytes.",
//!       "ending": "passed",             or "failed", or "not_applicable"
//!       "detail": "...",                what was found, or the reason; absent if passed
//!       "place": "crates/.../x.rs:40",  where it was looked at; absent if not known
//!       "milliseconds": 3
//!     }
//!   ],
//!   "passed": 1,
//!   "failed": 0,
//!   "not_applicable": 0,
//!   "milliseconds": 3,
//!   "not_run": ["closing::..."]         those that an interrupt kept from running; absent if there are none
//! }
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::outcome::{Failure, Outcome};
use super::test::Test;
use crate::device::IrpEvent;

/// The number of the JSON format.
const FORMAT: u32 = 1;

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All was as it must be.
    Passed,
    /// Something was not.
    Failed,
    /// It could not be run here.
    NotApplicable,
}

/// What came of one test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    /// The test's name.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// How it ended.
    pub ending: Ending,
    /// What was found, or why it could not be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// File and line that found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// How long it took.
    pub milliseconds: u64,
    /// What happened to the IRPs of its kernel, if the runner keeps that and the kernel has a log of it.
    #[serde(skip)]
    pub irps: Vec<IrpEvent>,
}

impl TestResult {
    pub(super) fn new(test: &Test, outcome: Outcome, time: Duration) -> TestResult {
        let (ending, detail, place) = match outcome {
            Ok(()) => (Ending::Passed, None, None),
            Err(Failure::Unmet { what, place }) => {
                // Windows' separators would make two reports of one failure differ.
                let file = place.file().replace('\\', "/");
                (Ending::Failed, Some(what), Some(format!("{file}:{}", place.line())))
            }
            Err(Failure::NotApplicable(reason)) => (Ending::NotApplicable, Some(reason), None),
        };
        TestResult {
            name: test.name.to_owned(),
            about: test.about.to_owned(),
            ending,
            detail,
            place,
            milliseconds: milliseconds(time),
            irps: Vec::new(),
        }
    }

    /// A test that was ended by its time limit or by what befell the program.
    pub(super) fn cut_short(test: &Test, detail: String, time: Duration) -> TestResult {
        let nowhere = Self::new(test, Ok(()), time);
        TestResult { ending: Ending::Failed, detail: Some(detail), ..nowhere }
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The number of this format.
    pub format: u32,
    /// Which device.
    pub device: String,
    /// Each test, in the order in which they ran.
    pub tests: Vec<TestResult>,
    /// How many passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many could not be run here.
    pub not_applicable: usize,
    /// How long all of it took.
    pub milliseconds: u64,
    /// The tests that did not run, or not to their end, because the run was interrupted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_run: Vec<String>,
}

impl Report {
    pub(super) fn new(
        device: String,
        tests: Vec<TestResult>,
        not_run: Vec<String>,
        time: Duration,
    ) -> Report {
        let count = |ending| tests.iter().filter(|result| result.ending == ending).count();
        Report {
            format: FORMAT,
            device,
            passed: count(Ending::Passed),
            failed: count(Ending::Failed),
            not_applicable: count(Ending::NotApplicable),
            milliseconds: milliseconds(time),
            tests,
            not_run,
        }
    }

    /// Whether something was tested, and all of it passed.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.failed == 0 && self.passed > 0 && !self.is_interrupted()
    }

    /// Whether the run was interrupted before its end.
    #[must_use]
    pub const fn is_interrupted(&self) -> bool {
        !self.not_run.is_empty()
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
