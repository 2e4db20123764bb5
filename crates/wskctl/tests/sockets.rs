//! Scripts with several sockets and variables, payloads, and sends at a pace, on the hosted driver.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::program::{command, exit_code, json, script, stderr, stdout, wskctl};

const HOSTED: &[&str] = &["--device", "hosted"];

#[test]
fn two_sockets_of_a_script_talk() {
    let lines = "let DATA 'hex:00 ff'\n\
                 on server create v4\n\
                 on server bind 127.0.0.1:0\n\
                 create v4\n\
                 bind 127.0.0.1:0\n\
                 ioctl SIO_WSK_SET_REMOTE_ADDRESS self:server\n\
                 send - $DATA\n\
                 on server recv $DATA\n\
                 within 5s on server send self hello\n\
                 on server recv hello\n\
                 expect STATUS_IO_TIMEOUT within 20ms recv\n\
                 expect STATUS_INVALID_DEVICE_STATE on third local";
    let run = script(&[HOSTED, &["--json"]].concat(), lines);
    assert_eq!(exit_code(&run), 0, "{}", stdout(&run));
    let document = json(&run);
    let steps = document["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 11);
    // What the server's socket got is from the other one.
    assert_eq!(steps[6]["hex"], "00ff");
    assert_eq!(steps[6]["from"], steps[3]["address"]);
    assert_ne!(steps[1]["address"], steps[3]["address"]);
    assert_eq!(steps[8]["from"], steps[1]["address"]);
}

#[test]
fn a_failure_on_a_named_socket_has_its_line_and_advice() {
    let run = script(HOSTED, "on a create v4\non a send 127.0.0.1:9 x");
    assert_eq!(exit_code(&run), 1);
    assert!(
        stderr(&run).contains("line 2: ") && stderr(&run).contains("`bind` it first"),
        "{}",
        stderr(&run)
    );
}

#[test]
fn the_command_line_has_one_socket() {
    let run = wskctl(&[HOSTED, &["send", "self:other", "x"]].concat());
    assert_eq!(exit_code(&run), 2);
    assert!(stderr(&run).contains("only a script has several"), "{}", stderr(&run));
}

#[test]
fn a_variable_comes_from_the_command_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "create $FAMILY\n").unwrap();
    let file = file.path().to_str().unwrap();
    let run = wskctl(&[HOSTED, &["script", file, "--define", "FAMILY=v6"]].concat());
    assert_eq!(exit_code(&run), 0, "{}", stderr(&run));
    assert!(stdout(&run).contains("v6"), "{}", stdout(&run));
    let run = wskctl(&[HOSTED, &["script", file]].concat());
    assert_eq!(exit_code(&run), 2);
    assert!(stderr(&run).contains("line 1: there is no variable FAMILY"), "{}", stderr(&run));
    let run = wskctl(&[HOSTED, &["script", file, "--define", "FAMILY"]].concat());
    assert_eq!(exit_code(&run), 2);
    assert!(stderr(&run).contains("NAME=VALUE"), "{}", stderr(&run));
}

/// The bytes that a send of these payloads says it has sent, one number for each datagram.
fn sent(payloads: &[&str], input: &[u8]) -> Vec<u64> {
    let arguments = [HOSTED, &["--json", "send", "self", "--bind", "127.0.0.1:0"], payloads].concat();
    let mut child = command(&arguments).stdin(Stdio::piped()).spawn().expect("the program runs");
    child.stdin.take().expect("a pipe").write_all(input).expect("it is read");
    let run = child.wait_with_output().expect("it ends");
    assert_eq!(exit_code(&run), 0, "{}", stdout(&run));
    let document = json(&run);
    let steps = document["steps"].as_array().expect("steps");
    steps.iter().filter(|step| step["done"] == "send").map(|step| step["bytes"].as_u64().unwrap()).collect()
}

#[test]
fn payloads_are_digits_files_and_standard_input() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [0; 300]).unwrap();
    let at = format!("@{}", file.path().display());
    assert_eq!(sent(&["hex:0102", &at, "-", "text:-"], &[7; 40]), [2, 300, 40, 1]);
    let twice = wskctl(&[HOSTED, &["send", "self", "-", "-"]].concat());
    assert_eq!(exit_code(&twice), 2);
    assert!(stderr(&twice).contains("one payload only"), "{}", stderr(&twice));
}

#[test]
fn datagrams_are_sent_at_a_pace() {
    let began = Instant::now();
    assert_eq!(sent(&["a", "bc", "--count", "2", "--interval", "50ms"], &[]), [1, 2, 1, 2]);
    assert!(began.elapsed() >= Duration::from_millis(150), "three pauses");
    assert_eq!(sent(&["a", "--count", "3", "--rate", "1000"], &[]), [1, 1, 1]);
    for (wrong, says) in [
        (&["--rate", "0"][..], "how many in a second"),
        (&["--rate", "5", "--interval", "1s"], "cannot be used with"),
    ] {
        let run = wskctl(&[HOSTED, &["send", "self", "x"], wrong].concat());
        assert_eq!(exit_code(&run), 2);
        assert!(stderr(&run).contains(says), "{}", stderr(&run));
    }
}
