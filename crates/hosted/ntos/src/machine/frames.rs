//! The driver's own functions in a backtrace: where it allocated what a report says is left, or where it panicked.
//!
//! Backtraces are captured where they are asked for, by `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE`, and looked up only for
//! a report.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::env;

/// How many functions a report shows.
const SHOWN: usize = 4;

/// Where this kernel's own source is, as it stands in backtraces. Functions that are inlined have no path in their names.
const KERNEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// The calling thread's backtrace, if it is asked for.
pub(crate) fn capture() -> Option<Backtrace> {
    Some(Backtrace::capture()).filter(|frames| frames.status() == BacktraceStatus::Captured)
}

/// Who called one of `functions`, by which an object came to be or went, or how to learn that; `verb` says what they do.
pub(crate) fn caller(frames: Option<&Backtrace>, verb: &str, functions: &[&str]) -> String {
    let Some(frames) = frames else {
        return format!(" (RUST_BACKTRACE=1 shows where it was {verb})");
    };
    let callers = callers(&frames.to_string(), functions);
    if callers.is_empty() {
        return " (the program has no debug information that names the driver's functions)".to_owned();
    }
    format!(", {verb} by {callers}")
}

/// Whose access was a fault; nothing if the program does not know it.
#[cfg(any(windows, all(unix, not(miri))))]
pub(crate) fn faulted_in(frames: &Backtrace) -> String {
    let callers = callers(&frames.to_string(), &["handle"]);
    if callers.is_empty() { callers } else { format!("; it did that in {callers}") }
}

/// Who panicked; nothing if the program does not know it.
pub(crate) fn panicked_in(frames: &Backtrace) -> String {
    let callers = callers(&frames.to_string(), &["panic_fmt"]);
    if callers.is_empty() { callers } else { format!(", in {callers}") }
}

/// The callers of the first of `functions` in the text of a backtrace, without those of the standard library, up to where
/// this kernel called the driver. Empty without one: a program that does not know their names knows none of the driver's.
fn callers(text: &str, functions: &[&str]) -> String {
    let mut frames: Vec<(&str, &str)> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(place) = line.strip_prefix("at ") {
            if let Some(frame) = frames.last_mut() {
                frame.1 = place;
            }
        } else if let Some((_, function)) = line.split_once(": ") {
            frames.push((function, ""));
        }
    }
    let is_one = |name: &str| name.rsplit("::").next().is_some_and(|last| functions.contains(&last));
    let Some(own) = frames.iter().position(|frame| is_one(frame.0)) else {
        return String::new();
    };
    // Places below the current folder are relative to it.
    let folder = env::current_dir().unwrap_or_default();
    let of_kernel = |frame: &&(&str, &str)| folder.join(frame.1).starts_with(folder.join(KERNEL));
    let placed =
        frames[own + 1..].iter().filter(|(_, place)| !place.is_empty() && !place.contains("/rustc/"));
    let own = placed.skip_while(of_kernel).take_while(|frame| !of_kernel(frame));
    let shown: Vec<String> =
        own.take(SHOWN).map(|(function, place)| format!("{function} at {place}")).collect();
    shown.join(", called by ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_that_called_the_driver_is_not_shown() {
        let text = format!(
            "   0: ExAllocatePool2\n             at {KERNEL}/pool.rs:7:5\n   1: driver::control\n             at \
             ./driver/driver.rs:3:4\n   2: call<i32>\n             at {KERNEL}/routine.rs:49:15\n   3: \
             driver::test\n             at ./tests/driver.rs:1:2\n"
        );
        let expected = "driver::control at ./driver/driver.rs:3:4";
        assert_eq!(callers(&text, &["ExAllocatePool2"]), expected);
    }

    #[test]
    fn frames_without_a_place_are_nobody_to_name() {
        let text = "   0: ExAllocatePool2\n   1: driver::control\n";
        assert_eq!(callers(text, &["ExAllocatePool2"]), "");
    }

    #[test]
    fn a_backtrace_of_the_system_alone_names_nobody() {
        let text =
            "   0: <unknown>\n   1: BaseThreadInitThunk\n             at ./dlls/kernel32/thread.c:61:1\n";
        assert_eq!(callers(text, &["ExAllocatePool2"]), "");
    }

    #[test]
    fn the_frames_above_the_export_are_shown_and_none_of_the_library() {
        let text = "   0: std::backtrace::Backtrace::create\n             at /rustc/5/library/std/src/backtrace.rs:1:2\n   \
                    1: ntos::pool_registry::Registry::allocate\n             at ./src/pool_registry.rs:9:1\n   2: \
                    ExAllocatePool2\n             at ./src/pool.rs:7:5\n   3: driver::make\n             at \
                    ./driver/driver.rs:3:4\n   4: core::ops::function::FnOnce::call_once\n             at \
                    /rustc/5/library/core/src/ops/function.rs:250:5\n   5: driver::entry\n             at \
                    ./driver/driver.rs:1:2\n";
        let expected =
            "driver::make at ./driver/driver.rs:3:4, called by driver::entry at ./driver/driver.rs:1:2";
        assert_eq!(callers(text, &["ExAllocatePool2"]), expected);
    }
}
