//! `wskctl`: drives the `wskdrv` driver from the command line.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done |
//! | 1 | the driver refused, a script's expectation was not met, or a claim of the demo does not hold |
//! | 2 | the command line, the script or the environment is not as it must be |
#![forbid(unsafe_code)]

use std::process::ExitCode;

mod args;
mod command;
mod print;
mod story;
mod table;

fn main() -> ExitCode {
    let (global, command) = args::parse();
    let mut printer = print::Printer::new(global.json);
    let outcome = command::run(&global, command, &mut printer);
    printer.end(outcome)
}
