//! What a driver may not leave behind.

use hosted_rule::Broken;
use hosted_rule::report::{print, violation};

use crate::rules::{IRP_LEAK, POOL_LEAK, TIMER_SET};
use crate::{irp, pool, timer};

/// Looks for what drivers have not freed, of all that came by way of this module; whatever it is, it is a bug check.
pub fn check() {
    if let Some(broken) = left_by("the driver").first() {
        violation(broken);
    }
}

/// As [`check`], where it may be somebody else's: it is printed.
pub fn tell() {
    for Broken { rule, detail } in left_by("a driver or its framework") {
        // `cargo xtask wine` looks for these lines.
        print(&format!("{}: {detail}", rule.name));
    }
}

/// The rules that are broken by what is left.
fn left_by(whom: &str) -> Vec<Broken> {
    let (blocks, irps, timers) = (pool::left(), irp::left(), timer::left());
    let mut broken = Vec::new();
    let mut add = |rule, what: &str| broken.push(Broken::new(rule, format!("left by {whom}: {what}")));
    if !blocks.is_empty() {
        add(&POOL_LEAK, &blocks.join("; "));
    }
    if !irps.is_empty() {
        add(&IRP_LEAK, &irps.join("; "));
    }
    if timers != 0 {
        add(&TIMER_SET, &format!("timers that are set: {timers}"));
    }
    broken
}
