//! Runs the real program.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wskctl"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn wskctl(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program runs")
}

/// `wskctl script -` with these lines as standard input.
pub(crate) fn script(arguments: &[&str], lines: impl AsRef<[u8]>) -> Output {
    let mut child =
        command(arguments).args(["script", "-"]).stdin(Stdio::piped()).spawn().expect("the program runs");
    let mut input = child.stdin.take().expect("standard input is a pipe");
    input.write_all(lines.as_ref()).expect("the program reads its standard input");
    drop(input);
    child.wait_with_output().expect("the program ends")
}

pub(crate) fn exit_code(run: &Output) -> i32 {
    run.status.code().expect("the program ends by itself")
}

pub(crate) fn stdout(run: &Output) -> &str {
    str::from_utf8(&run.stdout).expect("text")
}

pub(crate) fn stderr(run: &Output) -> &str {
    str::from_utf8(&run.stderr).expect("text")
}

pub(crate) fn json(run: &Output) -> serde_json::Value {
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(run)))
}
