//! Ctrl-C, and what a terminal shows meanwhile: what was done until then is not lost.
#![forbid(unsafe_code)]
#![cfg(all(feature = "hosted", target_os = "linux"))]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use crate::program::{command, exit_code, json, stderr, stdout};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const INTERRUPTED: i32 = 130;

fn interrupt(child: &Child) {
    signal(child, Signal::SIGINT);
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).expect("it runs");
}

fn outsider() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

/// Starts a script that says `ready` to `peer`, and then does `rest`.
fn script_that_waits(form: &[&str], rest: &str, peer: &UdpSocket) -> Child {
    let script = format!("create v4\nbind 127.0.0.1:0\nsend {} ready\n{rest}\n", peer.local_addr().unwrap());
    let mut child =
        command(form).args(["--device", "hosted", "script", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let mut buffer = [0; 16];
    let length = peer.recv(&mut buffer).expect("the script says that it is ready");
    assert_eq!(&buffer[..length], b"ready");
    child
}

fn done(run: &Output) -> Vec<serde_json::Value> {
    json(run)["steps"].as_array().unwrap().iter().map(|step| step["done"].clone()).collect()
}

#[test]
fn an_interrupted_script_prints_what_it_has_done() {
    for (rest, by) in [
        ("sleep 1h", Signal::SIGINT),
        ("recv", Signal::SIGINT),
        ("within none wait transports", Signal::SIGINT),
        ("recv", Signal::SIGTERM),
    ] {
        let peer = outsider();
        let child = script_that_waits(&["--json", "--timeout", "1h"], rest, &peer);
        signal(&child, by);
        let run = child.wait_with_output().unwrap();
        assert_eq!((exit_code(&run), stderr(&run)), (INTERRUPTED, ""), "{rest}: {}", stdout(&run));
        assert_eq!(done(&run), ["create", "bind", "send"], "{rest}");
        assert_eq!(json(&run)["interrupted"], true);
        assert!(json(&run).get("error").is_none());
    }
    let peer = outsider();
    let child = script_that_waits(&["--timeout", "1h"], "recv", &peer);
    interrupt(&child);
    let run = child.wait_with_output().unwrap();
    assert_eq!((exit_code(&run), stderr(&run)), (INTERRUPTED, "wskctl: interrupted before it was done\n"));
    assert_eq!(stdout(&run).lines().count(), 3, "{}", stdout(&run));
}

#[test]
fn json_lines_come_with_the_results_and_recv_follows_until_interrupted() {
    for (ends, code, last) in [
        (&["--follow"][..], 0, None),
        (&["-f", "--many"], 0, None),
        (&["--count", "5", "--timeout", "1h"], INTERRUPTED, Some("{\"interrupted\":true}")),
    ] {
        let arguments = ["--device", "hosted", "--json-lines", "recv", "--bind", "127.0.0.1:0"];
        let mut child = command(&[&arguments, ends].concat()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next =
            || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
        assert_eq!(next()["done"], "create");
        let address = next()["address"].as_str().unwrap().to_owned();
        let sender = outsider();
        for text in ["one", "two"] {
            sender.send_to(text.as_bytes(), &address).unwrap();
            assert!(next().to_string().contains(&format!("\"{text}\"")), "{text}");
        }
        interrupt(&child);
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert_eq!(rest.first().map(String::as_str), last);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{ends:?}");
    }
}

/// A terminal for standard error: what is written to it, and the other end.
fn terminal() -> (File, Stdio) {
    let pty = nix::pty::openpty(None, None).expect("a terminal");
    (File::from(pty.master), Stdio::from(pty.slave))
}

/// Reads from the terminal until it shows `words`.
fn shows(terminal: &mut File, words: &str) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 256]);
    while !String::from_utf8_lossy(&seen).contains(words) {
        let length = terminal.read(&mut buffer).unwrap_or(0);
        assert_ne!(length, 0, "{words} was not shown: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..length]);
    }
}

#[test]
fn an_interrupted_suite_reports_what_ran() {
    let arguments = ["conformance", "--device", "hosted", "--network", "memory", "--format"];
    let (mut screen, standard_error) = terminal();
    let child = command(&[&arguments[..], &["junit"]].concat()).stderr(standard_error).spawn().unwrap();
    // After a second a terminal shows what is being done.
    shows(&mut screen, &format!(" of {}: ", wskctl::conformance::tests().count()));
    interrupt(&child);
    let run = child.wait_with_output().unwrap();
    assert_eq!(exit_code(&run), INTERRUPTED, "{}", stdout(&run));
    let report = quick_junit::Report::deserialize_from_str(stdout(&run)).unwrap();
    assert_eq!(report.tests, wskctl::conformance::tests().count());
    assert!(stdout(&run).contains("not run: the run was interrupted"), "{}", stdout(&run));

    let mut child = command(&[&arguments[..], &["json-lines"]].concat()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(first.contains("\"ending\":\"passed\""), "{first}");
    interrupt(&child);
    let summary: serde_json::Value = serde_json::from_str(&lines.last().unwrap()).unwrap();
    assert!(summary["passed"].as_u64().unwrap() >= 1, "{summary}");
    assert!(!summary["not_run"].as_array().unwrap().is_empty(), "{summary}");
    assert_eq!(child.wait().unwrap().code(), Some(INTERRUPTED));
}

#[test]
fn a_wait_of_more_than_a_second_is_shown_on_a_terminal_and_nowhere_else() {
    let arguments = ["--device", "hosted", "recv", "--bind", "127.0.0.1:0", "--json", "--timeout"];
    let (mut screen, standard_error) = terminal();
    let child = command(&[&arguments[..], &["1h"]].concat()).stderr(standard_error).spawn().unwrap();
    shows(&mut screen, "waiting for a datagram");
    interrupt(&child);
    let run = child.wait_with_output().unwrap();
    assert_eq!(done(&run), ["create", "bind"]);

    let run = command(&[&arguments[..], &["1500ms"]].concat()).output().unwrap();
    assert_eq!((exit_code(&run), stderr(&run)), (1, ""));
}
