//! What a driver may not leave behind.

use hosted_rule::report::violation;

use crate::rules::{IRP_LEAK, POOL_LEAK, TIMER_SET};
use crate::{irp, pool, timer};

/// Looks for what drivers have not freed, of all that came by way of this module; whatever it is, it is a bug check.
pub fn check() {
    let (blocks, irps, timers) = (pool::left(), irp::left(), timer::left());
    if !blocks.is_empty() {
        violation(&POOL_LEAK, &format!("left by the driver: {}", blocks.join("; ")));
    }
    if !irps.is_empty() {
        violation(&IRP_LEAK, &format!("left by the driver: {}", irps.join("; ")));
    }
    if timers != 0 {
        violation(&TIMER_SET, "a timer is set");
    }
}
