//! Pool and memory descriptor lists.

use std::ptr;

use ntos::{LeakScope, Machine, Owner, rule};
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, EX_RUNDOWN_REF, ExAcquireRundownProtection, ExAllocatePool2, ExFreePool,
    ExFreePoolWithTag, ExInitializeRundownProtection, ExReleaseRundownProtection, FALSE, IoAllocateMdl,
    IoFreeMdl, KEVENT, KeInitializeEvent, KeSetEvent, KernelMode, MDL, MdlMappingNoExecute,
    MmBuildMdlForNonPagedPool, MmGetSystemAddressForMdlSafe, MmProbeAndLockPages, MmUnlockPages, NamedStatus,
    NormalPagePriority, NotificationEvent, PAGE_SIZE, POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED,
    POOL_FLAG_UNINITIALIZED, PVOID, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, UserMode,
};

use crate::common::tag;
use crate::io::{BUFFERED, complete, open, probe};
use crate::levels::{at, lock, locked};
use crate::{Right, kernel};

const TAG: u32 = tag(*b"Rght");
const PRIORITY: u32 = NormalPagePriority | MdlMappingNoExecute;
/// `IoModifyAccess`.
const MODIFY: i32 = 2;
/// `POOL_FLAG_CACHE_ALIGNED`, `POOL_FLAG_RAISE_ON_FAILURE`.
const CACHE_ALIGNED: u64 = 0x8;
const RAISE_ON_FAILURE: u64 = 0x20;

pub(crate) fn pool(flags: u64, size: usize) -> PVOID {
    let block = kernel!(ExAllocatePool2(flags, size, TAG));
    assert!(!block.is_null());
    block
}

pub(crate) fn free(block: PVOID) {
    kernel!(ExFreePool(block));
}

fn write(block: PVOID, offset: usize) {
    let byte = block.cast::<u8>().wrapping_add(offset);
    // SAFETY: the callers write inside of the block.
    unsafe { byte.write(7) };
}

/// Writes the first byte and the last one, until the block is freed; then the next block's.
fn writes_to_the_ends() {
    // At either end of their pages.
    for size in [1, 16, 40, PAGE_SIZE, PAGE_SIZE + 1].repeat(4) {
        for flags in [POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED, POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED] {
            let block = pool(flags, size);
            write(block, 0);
            write(block, size - 1);
            free(block);
        }
    }
}

pub(crate) fn mdl(address: PVOID, length: u32) -> *mut MDL {
    let mdl = kernel!(IoAllocateMdl(address, length, FALSE, FALSE, ptr::null_mut()));
    assert!(!mdl.is_null());
    mdl
}

fn lock_pages(mdl: *mut MDL) {
    kernel!(MmProbeAndLockPages(mdl, KernelMode, MODIFY));
}

fn unlock_pages(mdl: *mut MDL) {
    kernel!(MmUnlockPages(mdl));
}

fn build(mdl: *mut MDL) {
    kernel!(MmBuildMdlForNonPagedPool(mdl));
}

fn map(mdl: *mut MDL) {
    assert!(!kernel!(MmGetSystemAddressForMdlSafe(mdl, PRIORITY)).is_null());
}

pub(crate) fn free_mdl(mdl: *mut MDL) {
    kernel!(IoFreeMdl(mdl));
}

/// Does something with an MDL of a block of pool, in a state of its own, and frees both.
fn with_mdl(flags: u64, act: impl FnOnce(*mut MDL)) {
    let block = pool(flags, 100);
    let mdl = mdl(block, 100);
    act(mdl);
    free_mdl(mdl);
    free(block);
}

fn locked_mapped_and_unlocked_twice() {
    for flags in [POOL_FLAG_PAGED, POOL_FLAG_NON_PAGED] {
        with_mdl(flags, |mdl| {
            for _ in 0..2 {
                lock_pages(mdl);
                map(mdl);
                map(mdl);
                unlock_pages(mdl);
            }
        });
    }
}

/// What the macro `MmInitializeMdl` does, in a block of the driver's own.
fn initialized(address: PVOID, length: u32) -> *mut MDL {
    let offset = address.addr() % PAGE_SIZE;
    let pages = (offset + length as usize).div_ceil(PAGE_SIZE);
    let size = size_of::<MDL>() + pages * size_of::<usize>();
    let mdl: *mut MDL = pool(POOL_FLAG_NON_PAGED, size).cast();
    let value = MDL {
        Next: ptr::null_mut(),
        Size: i16::try_from(size).expect("a few pages"),
        MdlFlags: 0,
        Process: ptr::null_mut(),
        MappedSystemVa: ptr::null_mut(),
        StartVa: address.wrapping_byte_sub(offset),
        ByteCount: length,
        ByteOffset: u32::try_from(offset).expect("less than a page"),
    };
    kernel!(mdl.write(value));
    mdl
}

pub(crate) fn rights() -> Vec<Right> {
    let mut rights = blocks();
    rights.extend(guarded());
    rights.extend(lists());
    rights
}

fn guarded() -> Vec<Right> {
    vec![
        (&rule::POOL_ACCESS_AFTER_FREE, |_| writes_to_the_ends()),
        (&rule::POOL_ACCESS_BEYOND_END, |_| writes_to_the_ends()),
        (&rule::POOL_ACCESS_BEFORE_START, |_| writes_to_the_ends()),
        (&rule::POOL_FREED_LOCKED, |_| {
            // Unlocked before, by two lists; and one that was only built for it, and is not used any more.
            let block = pool(POOL_FLAG_NON_PAGED, 100);
            let lists = [mdl(block, 100), mdl(block, 100)];
            lists.into_iter().for_each(lock_pages);
            lists.into_iter().for_each(unlock_pages);
            let built = mdl(block, 100);
            build(built);
            free(block);
            lists.into_iter().chain([built]).for_each(free_mdl);
        }),
        (&rule::PAGED_ACCESS_AT_DISPATCH, |_| {
            // At APC_LEVEL, after it was held back, and at any level while the pages are locked.
            let block = pool(POOL_FLAG_PAGED, 100);
            at(DISPATCH_LEVEL, || ());
            at(APC_LEVEL, || write(block, 99));
            let mdl = mdl(block, 100);
            lock_pages(mdl);
            at(DISPATCH_LEVEL, || write(block, 99));
            unlock_pages(mdl);
            free_mdl(mdl);
            free(block);
        }),
        (&rule::OBJECT_IN_PAGED_POOL, |_| {
            // The object is non-paged, what is next to it is paged; and an object at the address that another had.
            let beside = pool(POOL_FLAG_PAGED, size_of::<KEVENT>());
            let event: *mut KEVENT = pool(POOL_FLAG_NON_PAGED, size_of::<KEVENT>()).cast();
            kernel!(KeInitializeEvent(event, NotificationEvent, FALSE));
            at(DISPATCH_LEVEL, || kernel!(KeSetEvent(event, 0, FALSE)));
            free(event.cast());
            free(beside);
        }),
    ]
}

fn blocks() -> Vec<Right> {
    vec![
        (&rule::POOL_ZERO_SIZE, |_| free(pool(POOL_FLAG_NON_PAGED, 1))),
        (&rule::POOL_PAGED_IRQL, |_| free(at(APC_LEVEL, || pool(POOL_FLAG_PAGED, 8)))),
        (&rule::POOL_NON_PAGED_IRQL, |_| free(at(DISPATCH_LEVEL, || pool(POOL_FLAG_NON_PAGED, 8)))),
        (&rule::POOL_FREE_PAGED_IRQL, |_| {
            let block = pool(POOL_FLAG_PAGED, 8);
            at(APC_LEVEL, || free(block));
        }),
        (&rule::POOL_FREE_NON_PAGED_IRQL, |_| {
            let block = pool(POOL_FLAG_NON_PAGED, 8);
            at(DISPATCH_LEVEL, || free(block));
        }),
        (&rule::POOL_BAD_ADDRESS, |_| {
            // Of no bytes more than one page, and of whole pages: the address is the block's own.
            for size in [1, PAGE_SIZE, PAGE_SIZE + 1] {
                free(pool(POOL_FLAG_NON_PAGED | CACHE_ALIGNED, size));
            }
        }),
        (&rule::POOL_DOUBLE_FREE, |_| {
            // The same address may be another block.
            for _ in 0..3000 {
                free(pool(POOL_FLAG_NON_PAGED, 40));
            }
        }),
        (&rule::POOL_WRONG_TAG, |_| {
            // Its own tag, or none at all.
            for tag in [TAG, 0] {
                kernel!(ExFreePoolWithTag(pool(POOL_FLAG_NON_PAGED, 8), tag));
            }
        }),
        (&rule::POOL_OVERRUN, |_| writes_to_the_ends()),
        (&rule::POOL_WRITE_AFTER_FREE, |_| writes_to_the_ends()),
        (&rule::POOL_LEAK, |machine| {
            // What another driver has stays when this one is unloaded.
            let (stays, unloaded) = (Owner::new_driver(), Owner::new_driver());
            let block = stays.run(|| pool(POOL_FLAG_NON_PAGED, 8));
            unloaded.run(|| free(pool(POOL_FLAG_NON_PAGED, 8)));
            machine.check_leaks(LeakScope::Unload(unloaded));
            free(block);
            machine.check_leaks(LeakScope::Unload(stays));
        }),
        (&rule::POOL_EXECUTABLE, |_| {
            free(pool(POOL_FLAG_NON_PAGED | CACHE_ALIGNED | POOL_FLAG_UNINITIALIZED, 8));
        }),
        (&rule::PAGED_AT_DISPATCH, |_| {
            for (flags, level) in [(POOL_FLAG_NON_PAGED, DISPATCH_LEVEL), (POOL_FLAG_PAGED, APC_LEVEL)] {
                let reference: *mut EX_RUNDOWN_REF = pool(flags, size_of::<EX_RUNDOWN_REF>()).cast();
                kernel!(ExInitializeRundownProtection(reference));
                at(level, || {
                    kernel!(ExAcquireRundownProtection(reference));
                    kernel!(ExReleaseRundownProtection(reference));
                });
                free(reference.cast());
            }
        }),
        (&rule::EXCEPTION, |machine| {
            free(pool(POOL_FLAG_NON_PAGED | RAISE_ON_FAILURE, 8));
            machine.faults().fail_nth(0);
            assert!(kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, TAG)).is_null());
            // Every byte of the block, and none more.
            with_mdl(POOL_FLAG_PAGED, |mdl| {
                lock_pages(mdl);
                unlock_pages(mdl);
            });
        }),
        (&rule::DRIVER_PANIC, |machine| {
            // Looks at what may have failed, and returns the failure.
            machine.faults().fail_nth(0);
            let status = machine.load_driver("fails", fails_without_memory).err();
            assert_eq!(status, Some(NamedStatus(STATUS_INSUFFICIENT_RESOURCES)));
        }),
        (&rule::ACCESS_VIOLATION, |_| writes_to_the_ends()),
        (&rule::SPIN_LOCK_FREED, |_| {
            let lock = pool(POOL_FLAG_NON_PAGED, 8);
            locked(lock.cast(), || free(pool(POOL_FLAG_NON_PAGED, 8)));
            free(lock);
        }),
    ]
}

/// A `DriverEntry` that needs memory.
unsafe extern "system" fn fails_without_memory(
    _driver: *mut wsk_sys::DRIVER_OBJECT,
    _path: wsk_sys::PCUNICODE_STRING,
) -> wsk_sys::NTSTATUS {
    // SAFETY: nothing is asked of the caller.
    let block = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, TAG) };
    if block.is_null() {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    free(block);
    wsk_sys::STATUS_SUCCESS
}

/// Locks a block of its own as the kernel's, and the process' buffer as the process'.
fn locks_a_buffer_of_the_process(machine: &Machine) {
    locked_mapped_and_unlocked_twice();
    probe().handle(|irp| {
        // SAFETY: the IRP was sent here.
        let buffer = unsafe { (*irp).UserBuffer };
        let mdl = kernel!(IoAllocateMdl(buffer, 8, FALSE, FALSE, ptr::null_mut()));
        kernel!(MmProbeAndLockPages(mdl, UserMode, MODIFY));
        unlock_pages(mdl);
        free_mdl(mdl);
        complete(irp, STATUS_SUCCESS, 0)
    });
    let file = open(machine);
    let neither = BUFFERED | 3;
    assert_eq!(file.device_io_control(neither, &[], &mut [0; 8]), (STATUS_SUCCESS, 0));
    file.close();
}

fn lists() -> Vec<Right> {
    vec![
        (&rule::IRQL_MM_DISPATCH, |_| {
            at(DISPATCH_LEVEL, || {
                with_mdl(POOL_FLAG_NON_PAGED, |mdl| {
                    build(mdl);
                    map(mdl);
                });
            });
            // Locked below; mapped and unlocked under a spin lock.
            with_mdl(POOL_FLAG_PAGED, |mdl| {
                lock_pages(mdl);
                locked(lock().get(), || {
                    map(mdl);
                    unlock_pages(mdl);
                });
            });
        }),
        (&rule::IRQL_MM_APC_LTE, |_| {
            with_mdl(POOL_FLAG_PAGED, |mdl| {
                at(APC_LEVEL, || lock_pages(mdl));
                unlock_pages(mdl);
            });
            // Non-paged memory, above it.
            with_mdl(POOL_FLAG_NON_PAGED, |mdl| {
                at(DISPATCH_LEVEL, || lock_pages(mdl));
                unlock_pages(mdl);
            });
        }),
        (&rule::MDL_INVALID, |_| {
            let data = pool(POOL_FLAG_NON_PAGED, 64);
            let own = initialized(data, 64);
            build(own);
            map(own);
            // It is the block that is freed, not the MDL.
            free(own.cast());
            free(data);
        }),
        (&rule::MDL_NOT_NON_PAGED, |_| {
            let block = pool(POOL_FLAG_NON_PAGED, 2 * PAGE_SIZE);
            for (offset, length) in [(0, 8192), (4095, 2), (8191, 1)] {
                let mdl = mdl(block.wrapping_byte_add(offset), length);
                build(mdl);
                free_mdl(mdl);
            }
            free(block);
        }),
        (&rule::MDL_BUILT_TWICE, |_| {
            locked_mapped_and_unlocked_twice();
            // Two lists of the same memory.
            let block = pool(POOL_FLAG_NON_PAGED, 64);
            let lists = [mdl(block, 64), mdl(block, 64)];
            lists.into_iter().for_each(build);
            lists.into_iter().for_each(free_mdl);
            free(block);
        }),
        (&rule::MDL_USER_AS_KERNEL, locks_a_buffer_of_the_process),
        (&rule::MDL_NOT_LOCKED, |_| locked_mapped_and_unlocked_twice()),
        (&rule::MDL_UNLOCK_NON_PAGED, |_| {
            // Non-paged pool that was locked, not built.
            with_mdl(POOL_FLAG_NON_PAGED, |mdl| {
                lock_pages(mdl);
                unlock_pages(mdl);
            });
        }),
        (&rule::MDL_MAP_UNLOCKED, |_| locked_mapped_and_unlocked_twice()),
        (&rule::MDL_MAPPED_TWICE, |_| {
            locked_mapped_and_unlocked_twice();
            with_mdl(POOL_FLAG_NON_PAGED, |mdl| {
                build(mdl);
                map(mdl);
                map(mdl);
            });
        }),
        (&rule::MDL_EXECUTABLE, |_| {
            // What has an address already is not mapped, whatever the priority.
            with_mdl(POOL_FLAG_NON_PAGED, |mdl| {
                build(mdl);
                kernel!(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
            });
            with_mdl(POOL_FLAG_PAGED, |mdl| {
                lock_pages(mdl);
                map(mdl);
                kernel!(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
                unlock_pages(mdl);
            });
        }),
        (&rule::MDL_FREED_LOCKED, |_| {
            locked_mapped_and_unlocked_twice();
            // A list of locked memory may go when another still locks it.
            let block = pool(POOL_FLAG_PAGED, 64);
            let (one, other) = (mdl(block, 64), mdl(block, 64));
            lock_pages(one);
            lock_pages(other);
            unlock_pages(one);
            free_mdl(one);
            unlock_pages(other);
            free_mdl(other);
            free(block);
        }),
        (&rule::MDL_LEAK, |_| {
            // Freed after the memory that it describes.
            let block = pool(POOL_FLAG_NON_PAGED, 64);
            let mdl = mdl(block, 64);
            build(mdl);
            free(block);
            free_mdl(mdl);
        }),
    ]
}
