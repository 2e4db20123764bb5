//! `wskctl`: drives the `wskdrv` driver from the command line.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done |
//! | 1 | the driver or Windows refused, a script's expectation was not met, a claim of the demo does not hold, or a test has failed |
//! | 2 | the command line, the script or the environment is not as it must be |
#![forbid(unsafe_code)]

use std::process::ExitCode;

mod args;
mod command;
mod conformance;
mod help;
mod print;
mod service;
mod story;
mod table;
mod verifier;

fn main() -> ExitCode {
    let (global, command) = args::parse();
    let mut printer = print::Printer::new(global.json);
    let outcome = command::run(&global, command, &mut printer);
    printer.end(outcome)
}
