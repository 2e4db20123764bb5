//! Tagged pool: `ExAllocatePool2` and its frees.
#![expect(unsafe_code, reason = "exports C functions by their names")]

pub(crate) mod registry;

use std::ops::Range;
use std::ptr;

use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED, POOL_FLAG_UNINITIALIZED, PVOID, SIZE_T,
    ULONG, ULONG64,
};

use crate::ex::pool::registry::{Block, Kind, Lookup, Request, TagName};
use crate::io::irp;
use crate::ke::irql::{self, at_most};
use crate::ke::spinlock;
use crate::machine::Machine;
use crate::machine::bugcheck::{complain, violation};
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
        cache_aligned: Flags & POOL_FLAG_CACHE_ALIGNED != 0,
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
    let Some(block) = found else { bad_address(&machine, address.addr(), what) };
    if block.paged {
        at_most(APC_LEVEL, &rule::POOL_FREE_PAGED_IRQL, what);
    } else {
        at_most(DISPATCH_LEVEL, &rule::POOL_FREE_NON_PAGED_IRQL, what);
    }
    if tag != 0 && tag != block.tag {
        complain(&rule::POOL_WRONG_TAG, format!("{what} of {block} with tag {}", TagName(tag)));
    }
    require_idle(&machine, &block.range(), &block, what);
    machine.parts.gauges.pool_blocks.remove(1);
    machine.parts.gauges.pool_bytes.remove(block.size);
    release(&machine, address.addr(), what);
}

/// Frees a block of any kind, which the caller has found to be live.
pub(crate) fn release(machine: &Machine, address: usize, what: &str) {
    let freed = match machine.parts.pool.free(address) {
        Ok(block) => block,
        Err(Some((block, damage))) => {
            violation(&rule::POOL_OVERRUN, format!("{what} of {block}, which was {damage}"))
        }
        // Another thread was quicker.
        Err(None) => bad_address(machine, address, what),
    };
    if let Some(block) = machine.parts.pool.keep(freed) {
        late_write(&block);
    }
}

fn late_write(block: &Block) -> ! {
    violation(&rule::POOL_WRITE_AFTER_FREE, format!("{block}, was written to after it was freed"))
}

fn bad_address(machine: &Machine, address: usize, what: &str) -> ! {
    match machine.parts.pool.lookup(address) {
        Lookup::Freed(block) if block.start().addr() == address => {
            violation(&rule::POOL_DOUBLE_FREE, format!("{what} of {block}, which is free already"))
        }
        Lookup::Live(block) | Lookup::Freed(block) => {
            let offset = address - block.start().addr();
            violation(&rule::POOL_BAD_ADDRESS, format!("{what} of {address:#x}, {offset} bytes into {block}"))
        }
        Lookup::Unknown => {
            violation(&rule::POOL_BAD_ADDRESS, format!("{what} of {address:#x}, which is no pool block"))
        }
    }
}

/// Requires that the kernel does not use anything in a block that is being freed.
fn require_idle(machine: &Machine, range: &Range<usize>, block: &Block, what: &str) {
    if let Some(lock) = spinlock::held_in(range) {
        violation(
            &rule::SPIN_LOCK_FREED,
            format!("{what} of {block}, with spin lock {lock:#x} in it held by the thread"),
        );
    }
    if let Some(timer) = machine.parts.processor.timer_in(range) {
        violation(&rule::TIMER_FREED, format!("{what} of {block}, with timer {timer:#x} in it set"));
    }
    if let Some(dpc) = machine.parts.processor.dpc_in(range) {
        violation(&rule::DPC_FREED, format!("{what} of {block}, with DPC {dpc:#x} in it queued"));
    }
    if let Some(object) = machine.parts.dispatcher.waited_in(range) {
        violation(
            &rule::DISPATCHER_OBJECT_FREED,
            format!("{what} of {block}, with a thread waiting for {object:#x} in it"),
        );
    }
    in_flight::require_unused(machine, range, || format!("{what} of {block}"));
    let left = irp::registry::of(machine).leave_memory(range, || format!("{what} of {block}"));
    left.unwrap_or_else(|broken| broken.raise());
}

/// Looks for damage to blocks, and for blocks left behind.
pub(crate) fn check_leaks(machine: &Machine, scope: LeakScope) {
    if let Some((block, damage)) = machine.parts.pool.find_damage(scope) {
        violation(&rule::POOL_OVERRUN, format!("{block}, was {damage}"));
    }
    if let Some(block) = machine.parts.pool.find_late_write() {
        late_write(&block);
    }
    let left = machine.parts.pool.left(Kind::Pool, scope);
    if !left.is_empty() {
        let pool = &machine.parts.pool;
        let name =
            |block: &Block| format!("{block}{}", pool.allocated(block.start().addr(), "ExAllocatePool2"));
        let names = left.iter().map(name);
        complain(&rule::POOL_LEAK, leak_report("pool blocks", scope, names));
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

/// Requires that memory at `address` may be touched at the calling thread's level: paged pool may not, above
/// `APC_LEVEL`.
pub(crate) fn require_resident(machine: &Machine, address: usize, what: &str) {
    if irql::current() <= APC_LEVEL {
        return;
    }
    if let Lookup::Live(block) = machine.parts.pool.lookup(address)
        && block.paged
    {
        violation(
            &rule::PAGED_AT_DISPATCH,
            format!("{what} of {address:#x} at DISPATCH_LEVEL, in paged {block}"),
        );
    }
}
