//! Where something was allocated, for the report of a leak: the frames of the driver that called the kernel.
//!
//! They are captured where backtraces are asked for, by `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE`, and looked up only for a
//! report.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::path::Path;

/// How many frames a report shows.
const FRAMES: usize = 4;

/// Where this kernel's own source is, as it stands in backtraces. Functions that are inlined have no path in their names.
const KERNEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// The calling thread's frames, if they are asked for.
pub(crate) fn here() -> Option<Backtrace> {
    Some(Backtrace::capture()).filter(|frames| frames.status() == BacktraceStatus::Captured)
}

/// The frames above the exported function `export`, or how to have them.
pub(crate) fn describe(frames: Option<&Backtrace>, export: &str) -> String {
    match frames {
        Some(frames) => match callers(&frames.to_string(), export) {
            callers if callers.is_empty() => {
                " (where it was allocated is not in the program's debug information)".to_owned()
            }
            callers => format!(", allocated by {callers}"),
        },
        None => " (RUST_BACKTRACE=1 shows where it was allocated)".to_owned(),
    }
}

/// The callers of `export` in the text of a backtrace, without those of the standard library, up to where this kernel called
/// the driver.
fn callers(text: &str, export: &str) -> String {
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
    let above = frames.iter().rposition(|frame| frame.0.ends_with(export)).map_or(0, |index| index + 1);
    let of_kernel = |frame: &&(&str, &str)| Path::new(frame.1).starts_with(KERNEL);
    let placed = frames[above..].iter().filter(|(_, place)| !place.is_empty() && !place.contains("/rustc/"));
    let own = placed.skip_while(of_kernel).take_while(|frame| !of_kernel(frame));
    let shown: Vec<String> =
        own.take(FRAMES).map(|(function, place)| format!("{function} at {place}")).collect();
    shown.join(", called by ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_that_called_the_driver_is_not_shown() {
        let text = format!(
            "   0: ExAllocatePool2\n             at {KERNEL}/pool.rs:7:5\n   1: driver::control\n             at \
             ./src/driver.rs:3:4\n   2: call<i32>\n             at {KERNEL}/routine.rs:49:15\n   3: \
             driver::test\n             at ./tests/driver.rs:1:2\n"
        );
        let expected = "driver::control at ./src/driver.rs:3:4";
        assert_eq!(callers(&text, "ExAllocatePool2"), expected);
    }

    #[test]
    fn frames_without_a_place_are_nobody_to_name() {
        let text = "   0: ExAllocatePool2\n   1: driver::control\n";
        assert_eq!(callers(text, "ExAllocatePool2"), "");
    }

    #[test]
    fn the_frames_above_the_export_are_shown_and_none_of_the_library() {
        let text = "   0: std::backtrace::Backtrace::create\n             at /rustc/5/library/std/src/backtrace.rs:1:2\n   \
                    1: ntos::pool_registry::Registry::allocate\n             at ./src/pool_registry.rs:9:1\n   2: \
                    ExAllocatePool2\n             at ./src/pool.rs:7:5\n   3: driver::make\n             at \
                    ./src/driver.rs:3:4\n   4: core::ops::function::FnOnce::call_once\n             at \
                    /rustc/5/library/core/src/ops/function.rs:250:5\n   5: driver::entry\n             at \
                    ./src/driver.rs:1:2\n";
        let expected = "driver::make at ./src/driver.rs:3:4, called by driver::entry at ./src/driver.rs:1:2";
        assert_eq!(callers(text, "ExAllocatePool2"), expected);
    }
}
