//! The conformance suite's results: read from its JSON, and hosted and Wine side by side.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The version of the document that is understood.
const FORMAT: u32 = 1;

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    Passed,
    Failed,
    NotApplicable,
}

impl Ending {
    fn text(self) -> &'static str {
        match self {
            Ending::Passed => "passed",
            Ending::Failed => "FAILED",
            Ending::NotApplicable => "n/a",
        }
    }
}

/// One test's result.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) ending: Ending,
    #[serde(default)]
    pub(crate) detail: Option<String>,
}

/// A run of the suite.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Report {
    format: u32,
    pub(crate) tests: Vec<Test>,
}

impl Report {
    /// Reads what `wskctl conformance --json` printed.
    pub(crate) fn parse(text: &str) -> Result<Report> {
        let report: Report = serde_json::from_str(text).context("reading the suite's results")?;
        ensure!(report.format == FORMAT, "the suite's results have format {}, not {FORMAT}", report.format);
        ensure!(!report.tests.is_empty(), "the suite ran no test");
        Ok(report)
    }

    fn ending(&self, name: &str) -> Option<Ending> {
        self.tests.iter().find(|test| test.name == name).map(|test| test.ending)
    }

    /// The tests that ended so.
    pub(crate) fn with(&self, ending: Ending) -> impl Iterator<Item = &Test> {
        self.tests.iter().filter(move |test| test.ending == ending)
    }
}

/// The two runs in one completion mode.
pub(crate) struct Pair {
    pub(crate) mode: String,
    pub(crate) hosted: Report,
    pub(crate) wine: Report,
}

/// All results as a table in Markdown: a row for each test, in the order of the first run.
pub(crate) fn table(pairs: &[Pair]) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut known = BTreeSet::new();
    for report in pairs.iter().flat_map(|pair| [&pair.hosted, &pair.wine]) {
        names.extend(report.tests.iter().map(|test| test.name.as_str()).filter(|name| known.insert(*name)));
    }
    let mut rows = vec![vec!["test".to_owned()]];
    for pair in pairs {
        rows[0].extend([format!("{}: hosted", pair.mode), "Wine".to_owned()]);
    }
    for name in names {
        let mut row = vec![name.to_owned()];
        for report in pairs.iter().flat_map(|pair| [&pair.hosted, &pair.wine]) {
            row.push(report.ending(name).map_or("-", Ending::text).to_owned());
        }
        rows.push(row);
    }
    aligned(&rows)
}

/// A table with columns of one width.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let width = |column| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0).max(3);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (column, width) in widths.iter().enumerate() {
            // Writing to a string does not fail.
            let _ = write!(text, "| {:width$} ", cell(row, column));
        }
        text.push_str("|\n");
        if index == 0 {
            for width in &widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text.push_str("|\n");
        }
    }
    text
}

/// What in the results is not as it should be: a failure anywhere, or a test that only one of the two ran.
pub(crate) fn faults(pair: &Pair) -> Vec<String> {
    let mut faults = Vec::new();
    for (place, report) in [("hosted", &pair.hosted), ("Wine", &pair.wine)] {
        for test in report.with(Ending::Failed) {
            let detail = test.detail.as_deref().unwrap_or("no reason was given");
            faults.push(format!("{} ({}, {place}): {detail}", test.name, pair.mode));
        }
    }
    for (one, report, other) in [("hosted", &pair.hosted, &pair.wine), ("Wine", &pair.wine, &pair.hosted)] {
        for test in report.tests.iter().filter(|test| other.ending(&test.name).is_none()) {
            faults.push(format!("{} ({}): only {one} has this test", test.name, pair.mode));
        }
    }
    faults
}

/// The tests that one of the two could not run, with the reason: what the table's differences mean.
pub(crate) fn not_run(pair: &Pair) -> Vec<String> {
    let mut lines = Vec::new();
    for (place, report, other) in [("hosted", &pair.hosted, &pair.wine), ("Wine", &pair.wine, &pair.hosted)] {
        for test in report.with(Ending::NotApplicable) {
            if other.ending(&test.name) != Some(Ending::NotApplicable) {
                let detail = test.detail.as_deref().unwrap_or("no reason was given");
                lines.push(format!("{} ({}): not run in {place}: {detail}", test.name, pair.mode));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(tests: &str) -> Report {
        Report::parse(&format!(r#"{{"format": 1, "device": "x", "passed": 0, "tests": [{tests}]}}"#)).unwrap()
    }

    const GOOD: &str = r#"{"name": "a::one", "about": "x", "ending": "passed", "milliseconds": 3}"#;
    const BAD: &str = r#"{"name": "a::one", "ending": "failed", "detail": "expected 1, got 2"}"#;
    const NOT: &str = r#"{"name": "b::two", "ending": "not_applicable", "detail": "no process"}"#;
    const TWO: &str = r#"{"name": "b::two", "ending": "passed"}"#;

    fn pair(hosted: &str, wine: &str) -> Pair {
        Pair { mode: "inline".to_owned(), hosted: report(hosted), wine: report(wine) }
    }

    #[test]
    fn results_are_read() {
        let report = report(&format!("{GOOD}, {NOT}"));
        assert_eq!(report.ending("a::one"), Some(Ending::Passed));
        assert_eq!(report.ending("b::two"), Some(Ending::NotApplicable));
        assert_eq!(report.ending("c::none"), None);
    }

    #[test]
    fn what_is_no_result_is_refused() {
        assert!(Report::parse("").is_err());
        assert!(Report::parse(r#"{"format": 1, "tests": []}"#).is_err());
        assert!(Report::parse(&format!(r#"{{"format": 2, "tests": [{GOOD}]}}"#)).is_err());
    }

    #[test]
    fn results_stand_side_by_side() {
        let table = table(&[pair(&format!("{GOOD}, {TWO}"), &format!("{BAD}, {NOT}"))]);
        assert_eq!(
            table,
            "| test   | inline: hosted | Wine   |\n\
             |--------|----------------|--------|\n\
             | a::one | passed         | FAILED |\n\
             | b::two | passed         | n/a    |\n"
        );
    }

    #[test]
    fn failures_and_gaps_are_faults() {
        assert!(faults(&pair(GOOD, GOOD)).is_empty());
        assert_eq!(faults(&pair(GOOD, BAD)), ["a::one (inline, Wine): expected 1, got 2"]);
        assert_eq!(faults(&pair(BAD, GOOD)), ["a::one (inline, hosted): expected 1, got 2"]);
        assert_eq!(
            faults(&pair(&format!("{GOOD}, {TWO}"), GOOD)),
            ["b::two (inline): only hosted has this test"]
        );
        assert_eq!(
            faults(&pair(GOOD, &format!("{GOOD}, {TWO}"))),
            ["b::two (inline): only Wine has this test"]
        );
    }

    #[test]
    fn what_one_could_not_run_is_told() {
        let both = pair(&format!("{GOOD}, {NOT}"), &format!("{GOOD}, {NOT}"));
        assert!(not_run(&both).is_empty());
        let one = pair(&format!("{GOOD}, {TWO}"), &format!("{GOOD}, {NOT}"));
        assert!(faults(&one).is_empty());
        assert_eq!(not_run(&one), ["b::two (inline): not run in Wine: no process"]);
    }
}
