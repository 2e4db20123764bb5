//! Tagged pool: `ExAllocatePool2` and its frees.
#![expect(unsafe_code, reason = "exports C functions by their names")]

pub(crate) mod access;
pub(crate) mod block;
mod fill;
mod older;
pub(crate) mod paged;
mod pages;
pub(crate) mod registry;

pub use older::ExAllocatePoolWithTag;

use std::env;
use std::ffi::OsStr;
use std::ptr;

use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED, POOL_FLAG_UNINITIALIZED, PVOID, SIZE_T,
    ULONG, ULONG64,
};

use crate::ex::lookaside;
use crate::ex::pool::block::{CACHE_LINE, GRANULE};
use crate::ex::pool::registry::{Block, Kind, Lookup, Request, TagName};
use crate::io::irp;
use crate::ke::irql::{self, at_most};
use crate::ke::spinlock;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, complain, require, violation};
use crate::machine::fault;
use crate::machine::owner::{LeakScope, leak_report};
use crate::mm::in_flight;
use crate::rule;

/// `POOL_FLAG_USE_QUOTA`.
const POOL_FLAG_USE_QUOTA: ULONG64 = 0x1;
/// `POOL_FLAG_SESSION`.
const POOL_FLAG_SESSION: ULONG64 = 0x4;
/// `POOL_FLAG_CACHE_ALIGNED`.
const POOL_FLAG_CACHE_ALIGNED: ULONG64 = 0x8;
/// `POOL_FLAG_RAISE_ON_FAILURE`.
const POOL_FLAG_RAISE_ON_FAILURE: ULONG64 = 0x20;
/// `POOL_FLAG_NON_PAGED_EXECUTE`.
const POOL_FLAG_NON_PAGED_EXECUTE: ULONG64 = 0x80;

/// The flags that say which pool.
const POOLS: ULONG64 = POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED;
/// The flags that are known, of the half in which an unknown one is an error.
const KNOWN: ULONG64 = POOL_FLAG_USE_QUOTA
    | POOL_FLAG_UNINITIALIZED
    | POOL_FLAG_SESSION
    | POOL_FLAG_CACHE_ALIGNED
    | POOL_FLAG_RAISE_ON_FAILURE
    | POOLS;
const MANDATORY: ULONG64 = 0xFFFF_FFFF;

/// Where the blocks of a machine's memory lie: what [`Config::special_pool`](crate::Config::special_pool) says. Those of pool,
/// and what the kernel hands to drivers: IRPs with their system buffers, MDLs, work items, devices and files, and the memory of
/// processes that drivers get at.
///
/// In special pool each block has pages of its own, between others that nothing can access; and once it is freed, nothing
/// can access its own, for long. A driver that reads or writes there has the bug check of that block at once. What is behind
/// the end of a block up to the next multiple of 16 bytes is in its pages: a write there is found when the block is freed, a
/// read is not. Paged pool cannot be accessed above `APC_LEVEL`.
///
/// Where the host has no room left for such a block, it is an ordinary one. Under Miri all are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpecialPool {
    /// Among others, on the host's heap: writes outside of a block or after its end are found later, reads are not.
    Off,
    /// Three of four blocks at the end of their pages, the fourth at the start.
    #[default]
    ByTurns,
    /// At the end of their pages: an access beyond the end is found at once.
    VerifyEnd,
    /// At the start of their pages: an access before the start is found at once.
    VerifyStart,
}

impl SpecialPool {
    /// What `NTOS_SPECIAL_POOL` in the environment says: `off`, `turns`, `end` or `start`; the default without it.
    ///
    /// # Panics
    /// If it says something else.
    #[must_use]
    pub fn from_environment() -> SpecialPool {
        const NAME: &str = "NTOS_SPECIAL_POOL";
        match env::var_os(NAME).as_deref().map(OsStr::to_string_lossy).as_deref() {
            None => SpecialPool::default(),
            Some("off") => SpecialPool::Off,
            Some("turns") => SpecialPool::ByTurns,
            Some("end") => SpecialPool::VerifyEnd,
            Some("start") => SpecialPool::VerifyStart,
            Some(other) => panic!("{NAME} is `{other}`, which is none of off, turns, end and start"),
        }
    }
}

/// Allocates pool: zeroed, unless `POOL_FLAG_UNINITIALIZED` is given. Null on failure, for unknown flags, for none or
/// several kinds of pool, and for a zero tag.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; <= `APC_LEVEL` for paged pool.
#[unsafe(no_mangle)]
pub extern "system" fn ExAllocatePool2(Flags: ULONG64, NumberOfBytes: SIZE_T, Tag: ULONG) -> PVOID {
    let machine = Machine::kernel();
    let paged = Flags & POOL_FLAG_PAGED != 0;
    if paged {
        at_most(APC_LEVEL, &rule::POOL_PAGED_IRQL, "ExAllocatePool2 of paged pool");
    } else {
        at_most(DISPATCH_LEVEL, &rule::POOL_NON_PAGED_IRQL, "ExAllocatePool2 of non-paged pool");
    }
    let known = Flags & MANDATORY & !KNOWN == 0 && (Flags & POOLS).is_power_of_two() && Tag != 0;
    if !known {
        return failed(Flags, Tag);
    }
    if Flags & POOL_FLAG_NON_PAGED_EXECUTE != 0 {
        complain(&rule::POOL_EXECUTABLE, format!("ExAllocatePool2 of executable pool, tag {}", TagName(Tag)));
    }
    if NumberOfBytes == 0 {
        complain(&rule::POOL_ZERO_SIZE, format!("ExAllocatePool2 of 0 bytes, tag {}", TagName(Tag)));
    }
    if fault::point("ExAllocatePool2") {
        return failed(Flags, Tag);
    }
    let request = Request {
        kind: Kind::Pool,
        size: NumberOfBytes.max(1),
        tag: Tag,
        paged,
        zeroed: Flags & POOL_FLAG_UNINITIALIZED == 0,
        align: if Flags & POOL_FLAG_CACHE_ALIGNED == 0 { GRANULE } else { CACHE_LINE },
    };
    let block = machine.parts.pool.allocate(&request);
    if block.is_null() {
        return failed(Flags, Tag);
    }
    machine.parts.gauges.pool_blocks.add(1);
    machine.parts.gauges.pool_bytes.add(request.size);
    block.cast()
}

fn failed(flags: ULONG64, tag: ULONG) -> PVOID {
    if flags & POOL_FLAG_RAISE_ON_FAILURE != 0 {
        violation(
            &rule::EXCEPTION,
            format!(
                "ExAllocatePool2 with POOL_FLAG_RAISE_ON_FAILURE, tag {}: STATUS_INSUFFICIENT_RESOURCES raised",
                TagName(tag)
            ),
        );
    }
    ptr::null_mut()
}

/// Frees pool.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; <= `APC_LEVEL` for paged pool.
#[unsafe(no_mangle)]
pub extern "system" fn ExFreePool(P: PVOID) {
    free(P, 0, "ExFreePool");
}

/// Frees pool that was allocated with `Tag`. Zero stands for any tag.
///
/// # IRQL
/// As for [`ExFreePool`].
#[unsafe(no_mangle)]
pub extern "system" fn ExFreePoolWithTag(P: PVOID, Tag: ULONG) {
    free(P, Tag, "ExFreePoolWithTag");
}

fn free(address: PVOID, tag: ULONG, what: &str) {
    let machine = Machine::kernel();
    let found = machine.parts.pool.get(address.addr()).filter(|block| block.kind == Kind::Pool);
    let block = require(found.ok_or_else(|| bad_address(&machine, address.addr(), what)));
    if block.paged {
        at_most(APC_LEVEL, &rule::POOL_FREE_PAGED_IRQL, what);
    } else {
        at_most(DISPATCH_LEVEL, &rule::POOL_FREE_NON_PAGED_IRQL, what);
    }
    if tag != 0 && tag != block.tag {
        complain(&rule::POOL_WRONG_TAG, format!("{what} of {block} with tag {}", TagName(tag)));
    }
    require(check_idle(&machine, &block, what));
    machine.parts.gauges.pool_blocks.remove(1);
    machine.parts.gauges.pool_bytes.remove(block.size);
    require(release(&machine, address.addr(), what));
}

/// Frees a block of any kind, which the caller has found to be live.
///
/// # Errors
/// It is damaged, or another thread was quicker; or a block that was freed long ago was written to since.
pub(crate) fn release(machine: &Machine, address: usize, what: &str) -> Result<(), Broken> {
    let freed = match machine.parts.pool.free(address) {
        Ok(block) => block,
        Err(Some((block, damage))) => {
            return Err(Broken::new(&rule::POOL_OVERRUN, format!("{what} of {block}, which was {damage}")));
        }
        Err(None) => return Err(bad_address(machine, address, what)),
    };
    machine.parts.pool.keep(freed).map_or(Ok(()), |block| Err(late_write(machine, &block)))
}

fn late_write(machine: &Machine, block: &Block) -> Broken {
    if block.kind == Kind::Irp {
        return irp::registry::written(machine, block);
    }
    Broken::new(&rule::POOL_WRITE_AFTER_FREE, format!("{block}, was written to after it was freed"))
}

fn bad_address(machine: &Machine, address: usize, what: &str) -> Broken {
    let (rule, why) = match machine.parts.pool.lookup(address) {
        Lookup::Freed(block) if block.start().addr() == address => {
            (&rule::POOL_DOUBLE_FREE, format!("{block}, which is free already"))
        }
        Lookup::Live(block) | Lookup::Freed(block) => {
            let offset = address - block.start().addr();
            (&rule::POOL_BAD_ADDRESS, format!("{address:#x}, {offset} bytes into {block}"))
        }
        Lookup::Unknown => (&rule::POOL_BAD_ADDRESS, format!("{address:#x}, which is no pool block")),
    };
    Broken::new(rule, format!("{what} of {why}"))
}

/// Checks that the kernel does not use anything in a block that is being freed.
fn check_idle(machine: &Machine, block: &Block, what: &str) -> Result<(), Broken> {
    let range = &block.range();
    let used = if let Some(lock) = spinlock::held_in(range) {
        (&rule::SPIN_LOCK_FREED, format!("spin lock {lock:#x} in it held by the thread"))
    } else if let Some(timer) = machine.parts.processor.timer_in(range) {
        (&rule::TIMER_FREED, format!("timer {timer:#x} in it set"))
    } else if let Some(dpc) = machine.parts.processor.dpc_in(range) {
        (&rule::DPC_FREED, format!("DPC {dpc:#x} in it queued"))
    } else if let Some(used) = machine.parts.dispatcher.used_in(range) {
        (&rule::DISPATCHER_OBJECT_FREED, format!("in it, {used}"))
    } else if let Some(list) = lookaside::active_in(machine, range) {
        (&rule::LOOKASIDE_FREED, format!("{list} in it not deleted"))
    } else if let Some(mdl) = machine.parts.pool.locked_by(block) {
        (&rule::POOL_FREED_LOCKED, format!("its pages locked by MDL {mdl:#x}"))
    } else {
        in_flight::check_unused(machine, range, || format!("{what} of {block}"))?;
        machine.parts.lock_order.forget(range);
        return irp::registry::of(machine).leave_memory(range, || format!("{what} of {block}"));
    };
    Err(Broken::new(used.0, format!("{what} of {block}, with {}", used.1)))
}

/// Looks for damage to blocks, and for blocks left behind.
pub(crate) fn check_leaks(machine: &Machine, scope: LeakScope) -> Vec<Broken> {
    let pool = &machine.parts.pool;
    if let Some((block, damage)) = pool.find_damage(scope) {
        return vec![Broken::new(&rule::POOL_OVERRUN, format!("{block}, was {damage}"))];
    }
    if let Some(block) = pool.find_late_write() {
        return vec![late_write(machine, &block)];
    }
    let left = pool.left(Kind::Pool, scope);
    let name = |block: &Block| format!("{block}{}", pool.allocated(block.start().addr(), "ExAllocatePool2"));
    leak_report(&rule::POOL_LEAK, "pool blocks", scope, left.iter().map(name)).into_iter().collect()
}

/// What a report says of the live block of paged pool that `pointer` points into; none if it points elsewhere.
#[must_use]
pub fn paged_block<T>(pointer: *const T) -> Option<String> {
    match Machine::here().parts.pool.lookup(pointer.addr()) {
        Lookup::Live(block) if block.paged => Some(block.to_string()),
        _ => None,
    }
}

/// What a report says of the freed block that contains `address`, of those that are remembered.
pub(crate) fn freed_block(machine: &Machine, address: usize) -> Option<String> {
    match machine.parts.pool.lookup(address) {
        Lookup::Freed(block) => Some(block.to_string()),
        _ => None,
    }
}

/// The live block of non-paged pool that contains `address`.
pub(crate) fn non_paged_block(machine: &Machine, address: usize) -> Option<Block> {
    match machine.parts.pool.lookup(address) {
        Lookup::Live(block) if block.kind == Kind::Pool && !block.paged => Some(block),
        _ => None,
    }
}

/// The block that contains `address`, for a report: " in ...", or nothing.
pub(crate) fn place_of(machine: &Machine, address: usize) -> String {
    match machine.parts.pool.lookup(address) {
        Lookup::Live(block) => format!(" in {block}"),
        Lookup::Freed(block) => format!(" in {block}, which was freed,"),
        Lookup::Unknown => String::new(),
    }
}

/// Checks that memory at `address` may be touched at the calling thread's level.
///
/// # Errors
/// [`rule::PAGED_AT_DISPATCH`]: it is paged pool, and the level is above `APC_LEVEL`.
pub(crate) fn check_resident(machine: &Machine, address: usize, what: &str) -> Result<(), Broken> {
    if irql::current() > APC_LEVEL
        && machine.parts.pool.paged().contains(address)
        && let Lookup::Live(block) = machine.parts.pool.lookup(address)
    {
        let detail = format!("{what} of {address:#x} at DISPATCH_LEVEL, in paged {block}");
        return Err(Broken::new(&rule::PAGED_AT_DISPATCH, detail));
    }
    Ok(())
}

/// Requires that an object of the kernel's, which threads at `DISPATCH_LEVEL` use, is not in paged pool; `what` is what is done
/// with it.
pub(crate) fn require_non_paged(machine: &Machine, address: usize, what: &str) {
    if machine.parts.pool.paged().contains(address) {
        let place = place_of(machine, address);
        violation(&rule::OBJECT_IN_PAGED_POOL, format!("{what} at {address:#x}{place}, which is paged"));
    }
}
