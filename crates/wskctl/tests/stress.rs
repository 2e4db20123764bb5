//! `wskctl stress`: its report, and its exit codes.
#![forbid(unsafe_code)]
#![cfg(feature = "hosted")]

use crate::program::{exit_code, json, stderr, stdout, wskctl};
use wskctl::stress::Report;

const MEMORY: [&str; 7] = ["stress", "--device", "hosted", "--network", "memory", "--seed", "7"];

#[test]
fn a_run_in_which_nothing_is_left_says_so() {
    let run = wskctl(&[&MEMORY[..], &["--for", "1s", "--completion", "mixed:7"]].concat());
    assert_eq!(exit_code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let text = stdout(&run);
    for expected in
        ["seed 7 on hosted", "STATUS_CANCELLED", "IOCTL_WSKDRV_DRAIN", "0  handles open", "0  pool blocks"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn the_report_is_one_json_document() {
    let run = wskctl(&[&MEMORY[..], &["--for", "500ms", "--kill-every", "0s", "--json"]].concat());
    assert_eq!(exit_code(&run), 0, "{}", stdout(&run));
    let report: Report = serde_json::from_slice(&run.stdout).unwrap();
    assert!(report.is_success(), "{report:?}");
    assert_eq!((report.plan.seed, report.done.killed), (7, 0));
    assert_eq!(json(&run)["format"], 1);
}

#[test]
fn nothing_done_is_no_success() {
    let run = wskctl(&[&MEMORY[..], &["--for", "0s", "--kill-every", "0s"]].concat());
    assert_eq!(exit_code(&run), 1, "{}", stdout(&run));
    assert!(stderr(&run).contains("nothing could be done"), "{}", stderr(&run));
}

#[test]
fn a_seed_that_nobody_gave_is_told() {
    let run = wskctl(&["stress", "--device", "hosted", "--network", "memory", "--for", "100ms"]);
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
    assert!(stdout(&run).starts_with("seed "), "{}", stdout(&run));
}
