//! What an address is of special pool, at which nothing can be accessed: for the report of the fault.
#![cfg_attr(
    any(miri, not(any(unix, windows))),
    allow(dead_code, reason = "there are no faults to report there")
)]

use std::thread;
use std::time::Duration;

use wsk_sys::APC_LEVEL;

use crate::ex::pool::block::{Block, Kind};
use crate::ex::pool::registry::Near;
use crate::io::irp;
use crate::ke::irql;
use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::rule;

/// How often, and after which time, it is looked again: another thread may be about to free the block.
const ATTEMPTS: u32 = 20;
const MOMENT: Duration = Duration::from_millis(1);

/// The rule that the calling thread breaks with an access to `address`, and where that is. `None` if it is no address of
/// special pool.
pub(crate) fn at(machine: &Machine, address: usize) -> Option<Broken> {
    let near = (0..ATTEMPTS).find_map(|attempt| {
        if attempt != 0 {
            thread::sleep(MOMENT);
        }
        machine.parts.pool.near(address)
    });
    let Near { block, is_live, history } = near?;
    let range = block.range();
    let (rule, place) = if address < range.start {
        let distance = range.start - address;
        (&rule::POOL_ACCESS_BEFORE_START, format!("{distance} bytes before the start of"))
    } else if range.end <= address {
        (&rule::POOL_ACCESS_BEYOND_END, format!("{} bytes beyond the end of", address - range.end))
    } else if is_live && block.paged && irql::current() > APC_LEVEL {
        (&rule::PAGED_ACCESS_AT_DISPATCH, format!("{} bytes into paged", address - range.start))
    } else if is_live {
        // It can be accessed, so this is not why.
        return None;
    } else {
        (&rule::POOL_ACCESS_AFTER_FREE, format!("{} bytes into", address - range.start))
    };
    let (rule, state) =
        if is_live { (rule, "") } else { (&rule::POOL_ACCESS_AFTER_FREE, ", which was freed") };
    let name = name(machine, &block);
    Some(Broken::new(rule, format!("{address:#x}, {place} {name}{state}{history}")))
}

fn name(machine: &Machine, block: &Block) -> String {
    let number = (block.kind == Kind::Irp).then(|| irp::registry::number_at(machine, block.range().start));
    let number = number.flatten().map_or_else(String::new, |number| format!(" (IRP #{number})"));
    format!("{block}{number}")
}
