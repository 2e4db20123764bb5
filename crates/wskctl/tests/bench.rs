//! `wskctl bench`: its report, its page, and what is wrong on the command line.
#![forbid(unsafe_code)]
#![cfg(feature = "hosted")]

use std::fs;

use crate::program::{exit_code, json, stderr, stdout, wskctl};
use wskctl::bench::Report;

const SHORT: [&str; 13] = [
    "bench",
    "--device",
    "hosted",
    "--network",
    "memory",
    "--rounds",
    "2",
    "--calls",
    "2",
    "--sockets",
    "10",
    "--pending",
    "10",
];

#[test]
fn the_report_is_one_json_document_with_all_groups() {
    let run = wskctl(&[&SHORT[..], &["--json"]].concat());
    assert_eq!(exit_code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let document = json(&run);
    let report: Report = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        document,
        "nothing is in it that is not in its format"
    );
    assert_eq!((report.format, report.plan.rounds, report.interrupted), (1, 2, false));
    for group in ["ioctl", "datagrams", "open"] {
        assert!(report.tables.iter().any(|table| table.group == group), "{group}");
    }
    assert_eq!((report.growth.len(), report.unloads.len()), (2, 2));
}

#[test]
fn text_and_page_have_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.html");
    let run = wskctl(&[&SHORT[..], &["open", "ioctl", "ioctl", "--html", file.to_str().unwrap()]].concat());
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
    let (text, page) = (stdout(&run).to_owned(), fs::read_to_string(file).unwrap());
    for what in ["open: a socket", "ioctl: a control request", "get SO_BROADCAST", "std::net, bind and close"]
    {
        assert!(text.contains(what) && page.contains(what), "{what}: {text}");
    }
    assert_eq!(text.matches("ioctl: a control request").count(), 1, "{text}");
    assert!(!text.contains("datagrams:"), "{text}");
}

#[test]
fn wrong_arguments_are_told() {
    for (arguments, what) in [
        (&["bench", "latency"][..], "possible values: ioctl, datagrams, open, growth"),
        (&["bench", "--rounds", "0"], "0 is not in 1..=10000"),
        (&["bench", "--sockets", "10001"], "10001 is not in 1..=10000"),
        (&["bench", "--calls", "many"], "invalid digit"),
        (
            &["bench", "--device", "hosted", "--html", "/no/such/folder/x.html"],
            "cannot write /no/such/folder/x.html",
        ),
        (&["bench", "--device", r"\\.\WskDrv", "--network", "host"], "--network is for `--device hosted`"),
    ] {
        let run = wskctl(arguments);
        assert_eq!((exit_code(&run), stdout(&run)), (2, ""), "{arguments:?}: {}", stderr(&run));
        assert!(stderr(&run).contains(what), "{arguments:?}: {}", stderr(&run));
    }
    let run = wskctl(&["bench", "latency", "--json"]);
    assert!(json(&run)["error"]["message"].as_str().unwrap().contains("latency"));
}
