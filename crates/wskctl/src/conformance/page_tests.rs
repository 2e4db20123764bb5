//! The page of a run on the hosted kernel.

use std::time::Duration;

use super::broken::{Breakage, device};
use super::{Report, Runner, html, tests};
use crate::device::{Device, Hosted, Network};

/// The report of a run of the tests whose names contain one of these.
fn run(runner: &Runner, filters: &[&str]) -> Report {
    let chosen = tests().filter(|test| filters.iter().any(|filter| test.name.contains(filter)));
    runner.run("a device & its <driver>", chosen, &mut ())
}

#[test]
fn the_page_has_themes_tests_and_their_irps() {
    let name = "cancelling::a_cancelled_receive_is_cancelled";
    let hosted = || Device::hosted(&Hosted { network: Network::Memory, ..Hosted::default() });
    let report = run(&Runner::new(hosted).with_irps(), &["cancelling::a_cancelled_receive", "basics::"]);
    assert!(report.is_success(), "{report:?}");
    let page = html(&report);
    assert!(
        page.starts_with("<!DOCTYPE html>") && page.contains("a device &amp; its &lt;driver&gt;"),
        "{page}"
    );
    for part in ["<h2>basics</h2>", "<h2>cancelling</h2>", name, "class=\"cancelled\"", "WskReceiveFrom"] {
        assert!(page.contains(part), "no {part}: {page}");
    }
    assert!(page.contains("completed with STATUS_CANCELLED, Information 0x0, at "), "{page}");
    // A test's own IRPs only, of which each is drawn once.
    for result in &report.tests {
        let mut numbers: Vec<u64> = result.irps.iter().map(|event| event.irp).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let count = if numbers.len() == 1 { "1 IRP<".to_owned() } else { format!("{} IRPs<", numbers.len()) };
        assert!(numbers.is_empty() || page.contains(&count), "no {count}");
    }
}

#[test]
fn what_failed_comes_first_and_says_why() {
    let runner = Runner::new(|| device(Breakage::IgnoresCancel)).with_limit(Duration::from_secs(2));
    let report = run(&runner, &["a_cancelled_receive_is_cancelled"]);
    assert_eq!(report.failed, 1, "{report:?}");
    let page = html(&report);
    let [failure, theme] =
        ["<h3 class=\"failed\">cancelling::", "<h2>cancelling</h2>"].map(|part| page.find(part));
    assert!(failure.is_some() && failure < theme, "{page}");
    let detail = report.tests[0].detail.as_deref().unwrap().lines().next().unwrap();
    assert!(page.contains(&maud::html! { (detail) }.into_string()), "{page}");
    assert!(!page.contains("<svg"), "nobody asked for the IRPs");
}
