//! Paged pool: not for threads above `APC_LEVEL`, nor for what they use.
#![cfg(all(any(unix, windows), not(miri)))]
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::mpsc;

use ntos::SpecialPool::{self, ByTurns};
use ntos::rule;
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, EX_RUNDOWN_REF, ExAcquireRundownProtection, ExInitializeRundownProtection,
    FALSE, KDPC, KEVENT, KSPIN_LOCK, KTIMER, KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc,
    KeInitializeDpc, KeInitializeEvent, KeInitializeSpinLock, KeInitializeTimerEx, KernelMode, KfRaiseIrql,
    MmProbeAndLockPages, MmUnlockPages, NotificationEvent, NotificationTimer, POOL_FLAG_PAGED, PVOID,
};

use crate::common::{Address, assert_names, bug_check, bug_check_with, machine};
use crate::special_pool::{MODIFY, allocate, free, map, mdl, read, write};

#[test]
fn paged_pool_is_used_at_dispatch_level() {
    for offset in [0, 40] {
        let report = bug_check(move || {
            let block = allocate(POOL_FLAG_PAGED, 48);
            write(block, 1);
            kernel!(KfRaiseIrql(APC_LEVEL));
            write(block, 2);
            kernel!(KfRaiseIrql(DISPATCH_LEVEL));
            read(block.wrapping_add(offset));
        });
        let place = format!("{offset} bytes into paged pool block 0x");
        assert_names(&report, &rule::PAGED_ACCESS_AT_DISPATCH, &place);
        assert_names(&report, &rule::PAGED_ACCESS_AT_DISPATCH, "at DISPATCH_LEVEL");
    }
}

/// Once the pages are unlocked, it is as any other.
#[test]
fn paged_pool_is_used_at_dispatch_level_after_it_was_locked() {
    let report = bug_check(|| {
        let block = allocate(POOL_FLAG_PAGED, 48);
        let mdl = mdl(block, 48);
        kernel!(MmProbeAndLockPages(mdl, KernelMode, MODIFY));
        let mapped = map(mdl);
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        write(mapped, 1);
        kernel!(MmUnlockPages(mdl));
        kernel!(wsk_sys::KeLowerIrql(0));
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        write(block, 1);
    });
    assert_names(&report, &rule::PAGED_ACCESS_AT_DISPATCH, "0 bytes into paged pool block 0x");
}

/// The kernel looks before it touches an object, where it knows that it may be in paged pool.
#[test]
fn run_down_protection_in_paged_pool_is_used_at_dispatch_level() {
    for special_pool in [SpecialPool::Off, ByTurns] {
        let report = bug_check_with(special_pool, || {
            let reference: *mut EX_RUNDOWN_REF = allocate(POOL_FLAG_PAGED, 8).cast();
            kernel!(ExInitializeRundownProtection(reference));
            kernel!(KfRaiseIrql(DISPATCH_LEVEL));
            kernel!(ExAcquireRundownProtection(reference));
        });
        assert_names(&report, &rule::PAGED_AT_DISPATCH, "ExAcquireRundownProtection of 0x");
    }
}

#[test]
fn another_thread_uses_paged_pool_meanwhile() {
    let machine = machine();
    let entered = machine.enter();
    let block = Address::new(allocate(POOL_FLAG_PAGED, 48));
    let (go, gone) = (mpsc::channel(), mpsc::channel());
    let raised = machine.spawn("raised", move || {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        go.0.send(()).unwrap();
        gone.1.recv().unwrap();
        kernel!(wsk_sys::KeLowerIrql(0));
    });
    go.1.recv().unwrap();
    for value in 1..=3 {
        write(block.get(), value);
        assert_eq!(read(block.get()), value);
    }
    gone.0.send(()).unwrap();
    raised.join().unwrap();
    free(block.get());
    drop(entered);
    machine.shutdown();
}

/// What is done with an address in paged pool, and what a report calls the object there.
type Wrong = (fn(PVOID), &'static str);

#[test]
fn objects_of_the_kernel_in_paged_pool() {
    unsafe extern "system" fn nothing(_dpc: *mut KDPC, _context: PVOID, _one: PVOID, _two: PVOID) {}
    let wrong: [Wrong; 6] = [
        (|at| kernel!(KeInitializeEvent(at.cast::<KEVENT>(), NotificationEvent, FALSE)), "an event"),
        (|at| kernel!(KeInitializeTimerEx(at.cast::<KTIMER>(), NotificationTimer)), "a timer"),
        (|at| kernel!(KeInitializeDpc(at.cast::<KDPC>(), nothing, ptr::null_mut())), "a DPC"),
        (|at| kernel!(KeInitializeSpinLock(at.cast::<KSPIN_LOCK>())), "a spin lock"),
        (
            |at| {
                kernel!(KeAcquireSpinLockRaiseToDpc(at.cast::<KSPIN_LOCK>()));
            },
            "a spin lock",
        ),
        (
            |at| {
                kernel!(KfRaiseIrql(DISPATCH_LEVEL));
                kernel!(KeAcquireSpinLockAtDpcLevel(at.cast::<KSPIN_LOCK>()));
            },
            "a spin lock",
        ),
    ];
    for (driver, object) in wrong {
        for special_pool in [SpecialPool::Off, ByTurns] {
            let report = bug_check_with(special_pool, move || {
                driver(allocate(POOL_FLAG_PAGED, 256).wrapping_add(64).cast());
            });
            assert_names(&report, &rule::OBJECT_IN_PAGED_POOL, object);
            assert_names(&report, &rule::OBJECT_IN_PAGED_POOL, "256 bytes, tag 'Spec', which is paged");
        }
    }
}
