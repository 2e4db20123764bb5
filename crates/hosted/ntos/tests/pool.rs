//! Tagged pool: what it promises, and what it finds.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::slice;

use crate::common::{self, assert_names, bug_check, bug_check_with, machine, tag};
use ntos::{Config, Machine, SpecialPool, rule};
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, ExAllocatePool2, ExAllocatePoolWithTag, ExFreePool, ExFreePoolWithTag,
    HIGH_LEVEL, KEVENT, KSPIN_LOCK, KTIMER, KeAcquireSpinLockRaiseToDpc, KeInitializeEvent,
    KeInitializeTimerEx, KeSetTimerEx, KeWaitForSingleObject, KfRaiseIrql, NonPagedPool, NonPagedPoolNx,
    NonPagedPoolNxCacheAligned, NotificationEvent, NotificationTimer, PAGE_SIZE, POOL_FLAG_NON_PAGED,
    POOL_FLAG_PAGED, POOL_FLAG_UNINITIALIZED, PagedPool, PagedPoolCacheAligned,
};

const TAG: u32 = tag(*b"Test");

fn allocate(flags: u64, size: usize) -> *mut u8 {
    let block: *mut u8 = kernel!(ExAllocatePool2(flags, size, TAG)).cast();
    assert!(!block.is_null());
    block
}

#[test]
fn blocks_are_zeroed_unless_asked_otherwise() {
    let machine = machine();
    let _entered = machine.enter();
    let zeroed = allocate(POOL_FLAG_NON_PAGED, 100);
    // SAFETY: a live block of this size.
    assert!(unsafe { slice::from_raw_parts(zeroed, 100) }.iter().all(|&byte| byte == 0));
    let raw = allocate(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, 100);
    // SAFETY: a live block of this size, which the kernel has filled.
    assert!(unsafe { slice::from_raw_parts(raw, 100) }.iter().all(|&byte| byte != 0));
    let counters = machine.counters();
    assert_eq!((counters.pool_blocks.live, counters.pool_bytes.live), (2, 200));
    kernel!(ExFreePool(zeroed.cast()));
    kernel!(ExFreePoolWithTag(raw.cast(), TAG));
    let counters = machine.counters();
    assert_eq!((counters.pool_blocks.live, counters.pool_blocks.total), (0, 2));
    machine.shutdown();
}

/// The page of `ExAllocatePool2` says so.
#[test]
fn a_block_below_a_page_does_not_cross_one() {
    let machine = machine();
    let _entered = machine.enter();
    for size in (1..PAGE_SIZE).step_by(if cfg!(miri) { 61 } else { 5 }).chain([4080, 4081, 4095]) {
        for flags in [POOL_FLAG_NON_PAGED, POOL_FLAG_NON_PAGED | 0x8] {
            let block = allocate(flags, size);
            let (first, last) = (block.addr() / PAGE_SIZE, (block.addr() + size - 1) / PAGE_SIZE);
            assert_eq!(first, last, "{size} bytes at {:#x}", block.addr());
            kernel!(ExFreePool(block.cast()));
        }
    }
    machine.shutdown();
}

#[test]
fn blocks_are_aligned_as_promised_and_no_more() {
    let machine = common::machine_with(SpecialPool::Off);
    let _entered = machine.enter();
    for size in [1, 15, 16, 17, 4080] {
        let block = allocate(POOL_FLAG_NON_PAGED, size);
        assert_eq!(block.addr() % 32, 16, "{size} bytes");
        kernel!(ExFreePool(block.cast()));
    }
    for size in [PAGE_SIZE, 3 * PAGE_SIZE + 1] {
        let block = allocate(POOL_FLAG_PAGED, size);
        assert_eq!(block.addr() % PAGE_SIZE, 0, "{size} bytes");
        kernel!(ExFreePool(block.cast()));
    }
    let cache_aligned = 0x8;
    let block = allocate(POOL_FLAG_NON_PAGED | cache_aligned, 10);
    assert_eq!(block.addr() % 64, 0);
    kernel!(ExFreePool(block.cast()));
    machine.shutdown();
}

#[test]
fn wrong_flags_and_tags_give_null() {
    let machine = machine();
    let _entered = machine.enter();
    let unknown = 0x1000;
    let both = POOL_FLAG_NON_PAGED | POOL_FLAG_PAGED;
    for flags in [0, both, POOL_FLAG_NON_PAGED | unknown] {
        assert!(kernel!(ExAllocatePool2(flags, 8, TAG)).is_null(), "{flags:#x}");
    }
    assert!(kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, 0)).is_null());
    // An unknown flag of the upper half is ignored.
    let block = allocate(POOL_FLAG_NON_PAGED | 1 << 40, 8);
    kernel!(ExFreePool(block.cast()));
    machine.shutdown();
}

#[test]
fn allocation_is_a_fault_point() {
    let machine = machine();
    let _entered = machine.enter();
    machine.faults().fail_nth(1);
    let first = allocate(POOL_FLAG_NON_PAGED, 8);
    assert!(kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, TAG)).is_null());
    let third = allocate(POOL_FLAG_NON_PAGED, 8);
    assert_eq!(machine.faults().fired(), Some("ExAllocatePool2"));
    assert_eq!(machine.faults().count(), 3);
    kernel!(ExFreePool(first.cast()));
    kernel!(ExFreePool(third.cast()));
    machine.shutdown();
}

#[test]
fn a_lenient_machine_notes_what_only_the_verifier_checks() {
    let config = Config { strict: false, ..Config::default() };
    let machine = Machine::boot(config);
    let _entered = machine.enter();
    let block = allocate(POOL_FLAG_NON_PAGED, 8);
    kernel!(ExFreePoolWithTag(block.cast(), tag(*b"Else")));
    allocate(POOL_FLAG_NON_PAGED, 24);
    machine.clone().shutdown();
    let log = machine.debug_log();
    assert!(log[0].contains("PoolWrongTag") && log[0].contains("'Else'"), "{log:?}");
    assert!(log[1].contains("PoolLeak") && log[1].contains("24 bytes, tag 'Test'"), "{log:?}");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_block_of_no_bytes() {
    let report = bug_check(|| {
        kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, 0, TAG));
    });
    assert_names(&report, &rule::POOL_ZERO_SIZE, "'Test'");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn executable_pool() {
    let report = bug_check(|| {
        kernel!(ExAllocatePool2(0x80, 8, TAG));
    });
    assert_names(&report, &rule::POOL_EXECUTABLE, "'Test'");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_failure_that_raises() {
    let machine = machine();
    machine.faults().fail_nth(0);
    let raise_on_failure = 0x20;
    let report = machine.catch_bug_check(move || {
        allocate(POOL_FLAG_NON_PAGED | raise_on_failure, 8);
    });
    assert_names(&report.unwrap_err(), &rule::EXCEPTION, "'Test'");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn allocation_at_too_high_a_level() {
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        allocate(POOL_FLAG_PAGED, 8);
    });
    assert_names(&report, &rule::POOL_PAGED_IRQL, "DISPATCH_LEVEL");
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        allocate(POOL_FLAG_NON_PAGED, 8);
    });
    assert_names(&report, &rule::POOL_NON_PAGED_IRQL, "IRQL 15");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn free_at_too_high_a_level() {
    let report = bug_check(|| {
        let block = allocate(POOL_FLAG_PAGED, 8);
        kernel!(KfRaiseIrql(APC_LEVEL));
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(ExFreePool(block.cast()));
    });
    assert_names(&report, &rule::POOL_FREE_PAGED_IRQL, "DISPATCH_LEVEL");
    let report = bug_check(|| {
        let block = allocate(POOL_FLAG_NON_PAGED, 8);
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        kernel!(ExFreePool(block.cast()));
    });
    assert_names(&report, &rule::POOL_FREE_NON_PAGED_IRQL, "IRQL 15");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_free_of_something_else() {
    let report = bug_check(|| {
        let mut local = 0_u64;
        kernel!(ExFreePool((&raw mut local).cast()));
    });
    assert_names(&report, &rule::POOL_BAD_ADDRESS, "no pool block");
    let report = bug_check(|| {
        let block = allocate(POOL_FLAG_NON_PAGED, 64);
        kernel!(ExFreePool(block.wrapping_add(16).cast()));
    });
    assert_names(&report, &rule::POOL_BAD_ADDRESS, "16 bytes into pool block");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_second_free() {
    let report = bug_check(|| {
        let block = allocate(POOL_FLAG_NON_PAGED, 40);
        kernel!(ExFreePool(block.cast()));
        kernel!(ExFreePool(block.cast()));
    });
    assert_names(&report, &rule::POOL_DOUBLE_FREE, "40 bytes, tag 'Test'");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_free_with_another_tag() {
    let report = bug_check(|| {
        let block = allocate(POOL_FLAG_NON_PAGED, 40);
        kernel!(ExFreePoolWithTag(block.cast(), tag(*b"Else")));
    });
    assert_names(&report, &rule::POOL_WRONG_TAG, "tag 'Test' with tag 'Else'");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_write_outside_of_the_block() {
    for (offset, object) in [(40, "written past its end"), (-1, "written before its start")] {
        let report = bug_check_with(SpecialPool::Off, move || {
            let block = allocate(POOL_FLAG_NON_PAGED, 40);
            // SAFETY: inside the red zone, which is memory of the pool.
            unsafe { block.wrapping_offset(offset).write(1) };
            kernel!(ExFreePool(block.cast()));
        });
        assert_names(&report, &rule::POOL_OVERRUN, object);
        assert_names(&report, &rule::POOL_OVERRUN, "40 bytes, tag 'Test'");
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_write_outside_of_a_block_that_is_never_freed() {
    let machine = common::machine_with(SpecialPool::Off);
    let other = machine.clone();
    let report = machine.catch_bug_check(move || {
        let block = allocate(POOL_FLAG_NON_PAGED, 5000);
        // SAFETY: inside the red zone, which is memory of the pool.
        unsafe { block.wrapping_add(5000).write(1) };
        other.shutdown();
    });
    assert_names(&report.unwrap_err(), &rule::POOL_OVERRUN, "5000 bytes");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_write_after_the_free() {
    // Found when the block's time is over ...
    let report = bug_check_with(SpecialPool::Off, || {
        let block = allocate(POOL_FLAG_NON_PAGED, 40);
        kernel!(ExFreePool(block.cast()));
        // SAFETY: the memory of a block that was just freed is still kept.
        unsafe { block.wrapping_add(8).write(1) };
        for _ in 0..2000 {
            let other = allocate(POOL_FLAG_NON_PAGED, 8);
            kernel!(ExFreePool(other.cast()));
        }
    });
    assert_names(&report, &rule::POOL_WRITE_AFTER_FREE, "40 bytes, tag 'Test'");
    // ... or when the machine shuts down.
    let machine = common::machine_with(SpecialPool::Off);
    let other = machine.clone();
    let report = machine.catch_bug_check(move || {
        let block = allocate(POOL_FLAG_NON_PAGED, 40);
        kernel!(ExFreePool(block.cast()));
        // SAFETY: the memory of a block that was just freed is still kept.
        unsafe { block.write_bytes(0, 40) };
        other.shutdown();
    });
    assert_names(&report.unwrap_err(), &rule::POOL_WRITE_AFTER_FREE, "40 bytes, tag 'Test'");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_leak() {
    let machine = machine();
    let other = machine.clone();
    let report = machine.catch_bug_check(move || {
        allocate(POOL_FLAG_NON_PAGED, 48);
        other.shutdown();
    });
    let report = report.unwrap_err();
    assert_names(&report, &rule::POOL_LEAK, "48 bytes, tag 'Test'");
    assert!(report.detail.starts_with("1 pool blocks left at shutdown"), "{report}");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_leak_of_an_unloaded_driver() {
    let machine = machine();
    let other = machine.clone();
    let report = machine.catch_bug_check(move || {
        let (stays, unloaded) = (ntos::Owner::new_driver(), ntos::Owner::new_driver());
        stays.run(|| allocate(POOL_FLAG_NON_PAGED, 8));
        other.check_leaks(ntos::LeakScope::Unload(unloaded));
        unloaded.run(|| allocate(POOL_FLAG_NON_PAGED, 48));
        other.check_leaks(ntos::LeakScope::Unload(unloaded));
    });
    let report = report.unwrap_err();
    assert_names(&report, &rule::POOL_LEAK, "48 bytes, tag 'Test'");
    assert!(report.detail.starts_with("1 pool blocks left after DriverUnload"), "{report}");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_free_of_a_block_in_use() {
    let report = bug_check(|| {
        let block = allocate(POOL_FLAG_NON_PAGED, 64);
        let lock: *mut KSPIN_LOCK = block.wrapping_add(8).cast();
        kernel!(KeAcquireSpinLockRaiseToDpc(lock));
        kernel!(ExFreePool(block.cast()));
    });
    assert_names(&report, &rule::SPIN_LOCK_FREED, "spin lock 0x");
    let report = bug_check(|| {
        let timer: *mut KTIMER = allocate(POOL_FLAG_NON_PAGED, size_of::<KTIMER>()).cast();
        kernel!(KeInitializeTimerEx(timer, NotificationTimer));
        kernel!(KeSetTimerEx(timer, -600_000_000, 0, std::ptr::null_mut()));
        kernel!(ExFreePool(timer.cast()));
    });
    assert_names(&report, &rule::TIMER_FREED, "timer 0x");
    let machine = machine();
    let report = machine.catch_bug_check(|| {
        let event: *mut KEVENT = allocate(POOL_FLAG_NON_PAGED, size_of::<KEVENT>()).cast();
        kernel!(KeInitializeEvent(event, NotificationEvent, 0));
        let shared = common::Address::new(event);
        let _waiter = Machine::current().spawn("waiter", move || {
            kernel!(KeWaitForSingleObject(shared.get().cast(), 0, 0, 0, std::ptr::null()))
        });
        std::thread::sleep(std::time::Duration::from_millis(200));
        kernel!(ExFreePool(event.cast()));
    });
    assert_names(&report.unwrap_err(), &rule::DISPATCHER_OBJECT_FREED, "waiting for 0x");
}

#[test]
fn the_older_way_does_not_zero() {
    let machine = machine();
    let _entered = machine.enter();
    for kind in [NonPagedPoolNx, NonPagedPoolNxCacheAligned, PagedPool, PagedPoolCacheAligned] {
        let block: *mut u8 = kernel!(ExAllocatePoolWithTag(kind, 100, TAG)).cast();
        assert!(!block.is_null(), "{kind}");
        let aligned = [NonPagedPoolNxCacheAligned, PagedPoolCacheAligned].contains(&kind);
        assert!(!aligned || block.addr().is_multiple_of(64), "{kind}");
        // SAFETY: a live block of this size, which the kernel has filled.
        assert!(unsafe { slice::from_raw_parts(block, 100) }.iter().all(|&byte| byte != 0), "{kind}");
        kernel!(ExFreePoolWithTag(block.cast(), TAG));
    }
    assert!(kernel!(ExAllocatePoolWithTag(7777, 100, TAG)).is_null());
    machine.faults().fail_nth(0);
    assert!(kernel!(ExAllocatePoolWithTag(PagedPool, 100, TAG)).is_null());
    machine.shutdown();
}

#[test]
#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
fn the_older_non_paged_pool_is_executable() {
    let report = bug_check(|| {
        kernel!(ExAllocatePoolWithTag(NonPagedPool, 8, TAG));
    });
    assert_names(&report, &rule::POOL_EXECUTABLE, "'Test'");
}
