//! `wskctl`: drives the `wskdrv` driver from the command line.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done |
//! | 1 | the driver or Windows refused, a script's expectation was not met, a claim of the demo does not hold, or a test has failed |
//! | 2 | the command line, the script or the environment is not as it must be |
//! | 130 | interrupted (Ctrl-C) before it was done; what was done until then has been printed |
#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

mod args;
mod bench;
mod command;
mod conformance;
mod demo;
mod evidence;
mod manual;
mod page;
mod print;
mod probe;
mod progress;
mod reading_list;
mod service;
mod stress;
mod table;
mod trial;
mod verifier;

fn main() -> ExitCode {
    let words: Vec<_> = env::args_os().collect();
    let (global, command) = match args::parse(&words) {
        Ok(parsed) => parsed,
        Err(error) => return print::usage(error, args::form(&words)),
    };
    global.choose_color();
    let mut printer = print::Printer::new(global.form());
    let outcome = command::run(&global, command, &mut printer);
    printer.end(outcome)
}
