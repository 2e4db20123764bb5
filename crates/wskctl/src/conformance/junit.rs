//! A report as `JUnit`'s XML, which most services that run tests can show.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::report::{Ending, Report, TestResult};

/// The report as XML; a test that could not be run, or that an interrupt kept from running, is `skipped`, with the reason.
///
/// # Errors
///
/// The writer's, for text that no XML can hold.
pub fn junit(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(format!("wskdrv conformance: {}", report.device));
    suite.set_time(Duration::from_millis(report.milliseconds));
    suite.add_test_cases(report.tests.iter().map(case));
    suite.add_test_cases(report.not_run.iter().map(|name| not_run(name)));
    let mut document = quick_junit::Report::new("wskctl conformance");
    document.set_time(Duration::from_millis(report.milliseconds)).add_test_suite(suite);
    document.to_string()
}

fn case(result: &TestResult) -> TestCase {
    let detail = result.detail.as_deref().unwrap_or_default();
    let status = match result.ending {
        Ending::Passed => TestCaseStatus::success(),
        Ending::NotApplicable => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(detail);
            skipped
        }
        Ending::Failed => {
            let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
            failed.set_message(detail);
            failed.set_description(format!("{detail}\n{}", result.place.as_deref().unwrap_or_default()));
            failed
        }
    };
    let mut case = named(&result.name, status);
    case.set_time(Duration::from_millis(result.milliseconds));
    case
}

fn not_run(name: &str) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_message("not run: the run was interrupted");
    named(name, status)
}

fn named(name: &str, status: TestCaseStatus) -> TestCase {
    let (theme, name) = name.split_once("::").unwrap_or(("", name));
    let mut case = TestCase::new(name, status);
    case.set_classname(theme);
    case
}
