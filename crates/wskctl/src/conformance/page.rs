//! A report as one page of HTML: what failed, each theme with its tests, and the IRPs of each test where the kernel has a log of them.

use std::time::Duration;

use maud::{Markup, html};

use super::report::{Ending, Report, TestResult};
use super::timeline;
use crate::html::page;

const STYLE: &str = "\
table { width: 100% } td, th { text-align: left; vertical-align: top } td:last-child { text-align: right; white-space: nowrap } code { color: #666 }
.passed { color: #063 } .failed { color: #a00; font-weight: 600 } .aside { color: #666 } pre { white-space: pre-wrap }
summary { cursor: pointer; color: #666 }";

/// The page.
#[must_use]
pub fn html(report: &Report) -> String {
    let body = html! {
        h1 { "What the conformance suite found" }
        p { (report.device) }
        (summary(report))
        @for result in failed(report) { (failure(result)) }
        @if report.tests.iter().any(|result| !result.irps.is_empty()) { (timeline::legend()) }
        @for (theme, results) in themes(report) {
            h2 { (theme) }
            table { @for result in results { (row(result)) } }
        }
        @if report.is_interrupted() {
            h2 { "Not run" }
            p { "The run was interrupted." }
            ul { @for name in &report.not_run { li { code { (name) } } } }
        }
    };
    page("wskctl conformance", &format!("{STYLE}\n{}", timeline::STYLE), &body)
}

fn summary(report: &Report) -> Markup {
    let time = Duration::from_millis(report.milliseconds).as_secs_f64();
    html! {
        p {
            span class=(if report.is_success() { "passed" } else { "failed" }) {
                (report.passed) " passed, " (report.failed) " failed"
            }
            ", " (report.not_applicable) " not applicable, "
            @if report.is_interrupted() { span class="failed" { (report.not_run.len()) " not run" } ", " }
            "in " (format!("{time:.1}")) " s"
        }
    }
}

fn failed(report: &Report) -> impl Iterator<Item = &TestResult> {
    report.tests.iter().filter(|result| result.ending == Ending::Failed)
}

fn failure(result: &TestResult) -> Markup {
    html! {
        h3 class="failed" { (result.name) }
        p { (result.about) }
        pre { (result.detail.as_deref().unwrap_or_default()) }
        @if let Some(place) = &result.place { p class="note" { (place) } }
    }
}

/// The themes in the order of their first tests, each with its tests.
fn themes(report: &Report) -> Vec<(&str, Vec<&TestResult>)> {
    let mut themes: Vec<(&str, Vec<&TestResult>)> = Vec::new();
    for result in &report.tests {
        let theme = result.name.split_once("::").map_or("", |(theme, _)| theme);
        match themes.iter_mut().find(|(name, _)| *name == theme) {
            Some((_, results)) => results.push(result),
            None => themes.push((theme, vec![result])),
        }
    }
    themes
}

fn row(result: &TestResult) -> Markup {
    let (class, word) = match result.ending {
        Ending::Passed => ("passed", "passed"),
        Ending::Failed => ("failed", "FAILED"),
        Ending::NotApplicable => ("aside", "not applicable"),
    };
    html! {
        tr {
            td class=(class) { (word) }
            td {
                (result.about) br; code { (result.name) }
                @if result.ending == Ending::NotApplicable {
                    br; span class="aside" { (result.detail.as_deref().unwrap_or_default()) }
                }
                @if !result.irps.is_empty() { (timeline::of(&result.irps)) }
            }
            td { (result.milliseconds) " ms" }
        }
    }
}
