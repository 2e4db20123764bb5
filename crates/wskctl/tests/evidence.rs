//! `wskctl evidence`: the file, what it says of where it was made, and whom it does not name.
#![forbid(unsafe_code)]
#![cfg(feature = "hosted")]

use std::fs;
use std::process::Output;

use crate::program::{command, exit_code, json, stderr, stdout, wskctl};
use serde_json::Value;

const HOSTED: [&str; 7] = ["evidence", "--device", "hosted", "--network", "memory", "--themes", "basics"];

fn evidence(arguments: &[&str]) -> Output {
    wskctl(&[&HOSTED, arguments].concat())
}

#[test]
fn a_hosted_run_says_that_it_is_one() {
    let run = evidence(&[]);
    assert_eq!(exit_code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let document = json(&run);
    assert_eq!((&document["format"], &document["kind"]), (&1.into(), &"hosted".into()));
    assert!(document["says"].as_str().unwrap().contains("no evidence of Windows"));
    assert_eq!(document["system"]["data"]["name"], "hosted");
    let suite = &document["conformance"]["data"];
    assert!(suite["passed"].as_u64().unwrap() > 0 && suite["failed"] == 0, "{suite}");
    assert_eq!(document["left"]["data"].get("left"), None);
    assert_eq!(document["program"]["sha256"]["data"].as_str().unwrap().len(), 64);
}

#[test]
fn the_file_is_complete_and_the_terminal_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evidence.json");
    let file = file.to_str().unwrap();
    let run = evidence(&["--out", file]);
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
    assert!(stdout(&run).contains(file) && stdout(&run).contains("hosted kernel"), "{}", stdout(&run));
    let answered = stdout(&run).lines().any(|line| {
        line.trim()
            .strip_prefix("questions: ")
            .is_some_and(|line| line.ends_with(" answered") && line != "0 answered")
    });
    assert!(answered, "{}", stdout(&run));
    let document: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(document["kind"], "hosted");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left beside it");
    assert_eq!(json(&evidence(&["--out", file, "--json"]))["kind"], "hosted");
}

#[test]
fn nobody_is_named() {
    let names =
        [("USERNAME", "wanda"), ("USER", "wanda"), ("COMPUTERNAME", "kernel"), ("HOSTNAME", "kernel")];
    let run = command(&HOSTED).envs(names).output().unwrap();
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
    // The name of this computer is that of a word in the document, and so would be seen in it.
    assert!(stdout(&run).contains("the hosted <computer>, inside"), "{}", stdout(&run));
    for private in ["kernel", "wanda"] {
        assert!(!stdout(&run).contains(private), "{private}: {}", stdout(&run));
    }
}

#[test]
fn what_does_not_work_is_said_at_once() {
    let run = evidence(&["--out", "/no/such/folder/evidence.json"]);
    assert_eq!(exit_code(&run), 2);
    assert!(stderr(&run).contains("cannot write /no/such/folder/evidence.json"), "{}", stderr(&run));
    let run = wskctl(&["evidence", "--themes", "magic"]);
    assert_eq!(exit_code(&run), 2);
    assert!(stderr(&run).contains("the themes are basics, options"), "{}", stderr(&run));
    let help = wskctl(&["evidence", "--help"]);
    assert!(stdout(&help).contains("No names of users or computers are in it"), "{}", stdout(&help));
}

#[test]
fn a_test_that_fails_is_an_exit_code_and_a_file() {
    let run = evidence(&["--limit", "0s"]);
    assert_eq!(exit_code(&run), 1, "{}", stdout(&run));
    assert!(json(&run)["conformance"]["data"]["failed"].as_u64().unwrap() > 0);
    assert!(stderr(&run).contains("not every test has passed"), "{}", stderr(&run));
}
