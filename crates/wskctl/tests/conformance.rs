//! `wskctl conformance`: its formats, its exit codes, and the program that it starts to kill it.
#![forbid(unsafe_code)]
#![cfg(feature = "hosted")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::program::{command, exit_code, json, stderr, stdout, wskctl};
use wskctl::conformance::{Ending, KINDS, Report, tests};

const MEMORY: [&str; 5] = ["conformance", "--device", "hosted", "--network", "memory"];

fn conformance(arguments: &[&str]) -> std::process::Output {
    wskctl(&[&MEMORY, arguments].concat())
}

#[test]
fn the_whole_suite_passes_and_says_so() {
    let run = conformance(&["--completion", "inline"]);
    assert_eq!(exit_code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let text = stdout(&run);
    for test in tests() {
        assert!(text.contains(test.name), "{}: {text}", test.name);
    }
    assert!(text.contains("network in memory") && text.contains("completion inline"), "{text}");
    assert!(text.contains(" 0 failed"), "{text}");
}

#[test]
fn json_and_junit_are_one_document_each() {
    let run = conformance(&["cancelling", "basics", "--format", "json"]);
    assert_eq!(exit_code(&run), 0, "{}", stdout(&run));
    let report: Report = serde_json::from_slice(&run.stdout).unwrap();
    let names: Vec<_> = report.tests.iter().map(|test| test.name.as_str()).collect();
    let expected: Vec<_> = tests()
        .map(|test| test.name)
        .filter(|name| name.starts_with("cancelling") || name.starts_with("basics"))
        .collect();
    assert_eq!(names, expected);
    assert_eq!(report.passed + report.not_applicable, expected.len());
    assert_eq!(json(&conformance(&["cancelling", "--json"]))["format"], 1);

    let run = conformance(&["basics", "--format", "junit"]);
    assert_eq!(exit_code(&run), 0);
    let read = quick_junit::Report::deserialize_from_str(stdout(&run)).unwrap();
    assert_eq!((read.failures, read.errors), (0, 0));
    assert!(read.tests >= 4);
}

#[test]
fn a_page_is_written_beside_what_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("suite.html");
    let run = conformance(&["a_cancelled_receive", "--html", file.to_str().unwrap()]);
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
    let page = fs::read_to_string(file).unwrap();
    assert!(
        stdout(&run).contains("1 passed") && page.contains("1 passed") && page.contains("WskReceiveFrom"),
        "{page}"
    );
    let run = conformance(&["--html", "/no/such/folder/x.html"]);
    assert_eq!((exit_code(&run), stdout(&run).contains("passed")), (2, false));
    assert!(stderr(&run).contains("cannot write /no/such/folder/x.html"), "{}", stderr(&run));
}

#[test]
fn tests_are_listed_with_what_they_show_and_need() {
    let run = wskctl(&["conformance", "--list"]);
    assert_eq!(exit_code(&run), 0);
    for test in tests() {
        assert!(stdout(&run).contains(test.name) && stdout(&run).contains(test.about), "{}", test.name);
    }
    let listed = json(&wskctl(&["conformance", "--list", "--json", "closing::"]));
    let killing =
        listed.as_array().unwrap().iter().find(|row| row["name"].as_str().unwrap().contains("killing"));
    assert_eq!(killing.unwrap()["needs"][0], "a process that can be killed");
}

#[test]
fn a_test_that_takes_too_long_fails_and_the_run_ends() {
    let name = "cancelling::every_request_can_be_cancelled_at_every_moment";
    let run = conformance(&[name, "basics::the_driver", "--limit", "1ms", "--json"]);
    assert_eq!(exit_code(&run), 1, "{}", stdout(&run));
    let report: Report = serde_json::from_slice(&run.stdout).unwrap();
    let stuck = report.tests.iter().find(|test| test.name == name).unwrap();
    assert_eq!(stuck.ending, Ending::Failed);
    assert!(stuck.detail.as_ref().unwrap().contains("has not ended after 1ms"), "{stuck:?}");
    assert_eq!(report.tests.len(), 2, "the other was run too");

    let run = conformance(&[name, "--limit", "1ms"]);
    assert_eq!(exit_code(&run), 1);
    assert!(stdout(&run).contains(&format!("FAILED          {name}")), "{}", stdout(&run));
    assert!(stderr(&run).contains("not every test has passed"), "{}", stderr(&run));
}

#[test]
fn what_makes_no_sense_is_exit_code_2() {
    for (arguments, what) in [
        (&["conformance", "no::such"][..], "wskctl conformance --list"),
        (&["conformance", "--format", "junit", "--json"], "leave one of them out"),
        (&["conformance", "--limit", "soon"], "30s or 2m"),
        (&["conformance", "--network", "cloud"], "host, memory"),
        (&["conformance", "--device", r"\\.\WskDrv", "--network", "memory"], "--device hosted"),
    ] {
        let run = wskctl(arguments);
        assert_eq!(exit_code(&run), 2, "{arguments:?}: {}", stderr(&run));
        let told = if arguments.contains(&"--json") { stdout(&run) } else { stderr(&run) };
        assert!(told.contains(what), "{arguments:?}: {told}");
    }
}

#[test]
fn the_program_that_is_there_to_be_killed_says_when_it_is_ready() {
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    let pend = |count| [&["--device", "hosted", "pend", count, "3"], &kinds[..]].concat();
    let mut child = command(&pend("2")).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let address: std::net::SocketAddr = lines.next().unwrap().unwrap().parse().unwrap();
        assert!(address.ip().is_loopback() && address.port() != 0, "{address}");
    }
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    // It ends by itself when nobody holds the other end of its standard input.
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!stdout(&wskctl(&["--help"])).contains("pend "), "not in the help");

    let run = wskctl(&["--device", "hosted", "pend", "1", "1", "receive", "listen"]);
    assert_eq!(exit_code(&run), 2);
    assert!(stderr(&run).contains("the kinds are receive, receive-many, drain"), "{}", stderr(&run));
}
