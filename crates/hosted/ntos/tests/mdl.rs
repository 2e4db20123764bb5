//! Memory descriptor lists.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;

use crate::common::{Object, assert_names, bug_check, machine, tag};
use ntos::rule;
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, ExAllocatePool2, ExFreePool, FALSE, HIGH_LEVEL, IRP, IoAllocateMdl, IoFreeMdl,
    KernelMode, KfRaiseIrql, MDL, MdlMappingNoExecute, MmBuildMdlForNonPagedPool, MmCached,
    MmGetMdlByteCount, MmGetMdlVirtualAddress, MmGetSystemAddressForMdlSafe, MmMapLockedPagesSpecifyCache,
    MmProbeAndLockPages, MmUnlockPages, NormalPagePriority, PAGE_SIZE, POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED,
    PVOID, TRUE, UserMode,
};

const TAG: u32 = tag(*b"Mdlt");
const PRIORITY: u32 = NormalPagePriority | MdlMappingNoExecute;
/// `IoReadAccess`, `IoModifyAccess`.
const READ: i32 = 0;
const MODIFY: i32 = 2;

fn pool(flags: u64, size: usize) -> PVOID {
    let block = kernel!(ExAllocatePool2(flags, size, TAG));
    assert!(!block.is_null());
    block
}

fn mdl(address: PVOID, length: u32) -> *mut MDL {
    let mdl = kernel!(IoAllocateMdl(address, length, FALSE, FALSE, ptr::null_mut()));
    assert!(!mdl.is_null());
    mdl
}

fn name(mdl: *mut MDL) -> String {
    format!("MDL {:#x}", mdl.addr())
}

fn map(mdl: *mut MDL, mode: i8) -> PVOID {
    kernel!(MmMapLockedPagesSpecifyCache(mdl, mode, MmCached, ptr::null_mut(), 0, PRIORITY))
}

/// A wrong driver, given an MDL.
type Driver = fn(*mut MDL);

fn map_it(mdl: *mut MDL) {
    map(mdl, KernelMode);
}

/// An MDL of non-paged pool, built.
fn built(size: u32) -> (PVOID, *mut MDL) {
    let block = pool(POOL_FLAG_NON_PAGED, size as usize);
    let mdl = mdl(block, size);
    kernel!(MmBuildMdlForNonPagedPool(mdl));
    (block, mdl)
}

#[test]
fn non_paged_pool_has_its_own_address() {
    let machine = machine();
    let _entered = machine.enter();
    for size in [1, 100, 10_000] {
        let block = pool(POOL_FLAG_NON_PAGED, size + 8);
        let inside = block.wrapping_byte_add(4);
        let mdl = mdl(inside, u32::try_from(size).unwrap());
        assert_eq!(machine.counters().mdls.live, 1);
        assert_eq!(kernel!(MmGetMdlVirtualAddress(mdl)), inside);
        assert_eq!(kernel!(MmGetMdlByteCount(mdl)) as usize, size);
        kernel!(MmBuildMdlForNonPagedPool(mdl));
        let address = kernel!(MmGetSystemAddressForMdlSafe(mdl, PRIORITY));
        assert_eq!(address, inside);
        ntos::mdl::check_pages(mdl, "a test").unwrap();
        // The address may be used: Miri looks.
        // SAFETY: the last byte of what the MDL describes.
        unsafe { address.cast::<u8>().wrapping_add(size - 1).write(7) };
        kernel!(IoFreeMdl(mdl));
        kernel!(ExFreePool(block));
    }
    assert_eq!(machine.counters().mdls.live, 0);
    machine.shutdown();
}

#[test]
fn pages_are_locked_mapped_and_unlocked() {
    let machine = machine();
    let _entered = machine.enter();
    let block = pool(POOL_FLAG_PAGED, PAGE_SIZE);
    let mdl = mdl(block, 4096);
    for operation in [READ, MODIFY] {
        kernel!(MmProbeAndLockPages(mdl, KernelMode, operation));
        ntos::mdl::check_pages(mdl, "a test").unwrap();
        assert_eq!(kernel!(MmGetSystemAddressForMdlSafe(mdl, PRIORITY)), block);
        // A second time, it is the mapping that exists.
        assert_eq!(kernel!(MmGetSystemAddressForMdlSafe(mdl, PRIORITY)), block);
        kernel!(MmUnlockPages(mdl));
    }
    kernel!(IoFreeMdl(mdl));
    kernel!(ExFreePool(block));
    machine.shutdown();
}

#[test]
fn an_irp_gets_its_mdls() {
    let machine = machine();
    let _entered = machine.enter();
    let irp = Object::<IRP>::zeroed();
    let block = pool(POOL_FLAG_NON_PAGED, 64);
    let mdls: Vec<*mut MDL> = [FALSE, TRUE, TRUE]
        .into_iter()
        .map(|secondary| kernel!(IoAllocateMdl(block, 8, secondary, FALSE, irp.get())))
        .collect();
    // SAFETY: an IRP of the test.
    assert_eq!(unsafe { (*irp.get()).MdlAddress }, mdls[0]);
    for pair in mdls.windows(2) {
        // SAFETY: a live MDL.
        assert_eq!(unsafe { (*pair[0]).Next }, pair[1]);
    }
    for mdl in mdls {
        kernel!(IoFreeMdl(mdl));
    }
    kernel!(ExFreePool(block));
    machine.shutdown();
}

#[test]
fn allocation_and_mapping_are_fault_points() {
    let machine = machine();
    let _entered = machine.enter();
    let block = pool(POOL_FLAG_NON_PAGED, 64);
    machine.faults().fail_nth(0);
    assert!(kernel!(IoAllocateMdl(block, 8, FALSE, FALSE, ptr::null_mut())).is_null());
    assert_eq!(machine.faults().fired(), Some("IoAllocateMdl"));
    let mdl = mdl(block, 8);
    kernel!(MmProbeAndLockPages(mdl, KernelMode, READ));
    machine.faults().fail_nth(0);
    assert!(map(mdl, KernelMode).is_null());
    assert_eq!(machine.faults().fired(), Some("MmMapLockedPagesSpecifyCache"));
    assert!(map(mdl, UserMode).is_null(), "there is no user address space to map to");
    assert_eq!(map(mdl, KernelMode), block);
    kernel!(MmUnlockPages(mdl));
    kernel!(IoFreeMdl(mdl));
    kernel!(ExFreePool(block));
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn something_that_is_no_mdl() {
    let object = Object::<MDL>::zeroed();
    let name = object.name();
    let report = bug_check(move || {
        kernel!(IoFreeMdl(object.get()));
    });
    assert_names(&report, &rule::MDL_INVALID, &name);
    let report = bug_check(|| {
        let (_, mdl) = built(8);
        kernel!(IoFreeMdl(mdl));
        kernel!(IoFreeMdl(mdl));
    });
    assert_names(&report, &rule::MDL_INVALID, "IoFreeMdl of MDL 0x");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_mdl_of_the_wrong_memory() {
    let local = Object::<u64>::zeroed();
    let address = local.name();
    let report = bug_check(move || {
        kernel!(MmBuildMdlForNonPagedPool(mdl(local.get().cast(), 8)));
    });
    assert_names(&report, &rule::MDL_NOT_NON_PAGED, &address);
    let report = bug_check(|| {
        let block = pool(POOL_FLAG_PAGED, 64);
        kernel!(MmBuildMdlForNonPagedPool(mdl(block, 8)));
    });
    assert_names(&report, &rule::MDL_NOT_NON_PAGED, "no live non-paged pool");
    let report = bug_check(|| {
        let block = pool(POOL_FLAG_NON_PAGED, 64);
        kernel!(ExFreePool(block));
        kernel!(MmBuildMdlForNonPagedPool(mdl(block, 8)));
    });
    assert_names(&report, &rule::MDL_NOT_NON_PAGED, "no live non-paged pool");
    let report = bug_check(|| {
        let block = pool(POOL_FLAG_NON_PAGED, 64);
        kernel!(MmBuildMdlForNonPagedPool(mdl(block, 65)));
    });
    assert_names(&report, &rule::MDL_NOT_NON_PAGED, "reaches beyond pool block");
    let machine = machine();
    let _entered = machine.enter();
    let (block, mdl) = built(64);
    kernel!(ExFreePool(block));
    let broken = ntos::mdl::check_pages(mdl, "WskSendTo").unwrap_err();
    assert_eq!(*broken.rule, rule::MDL_NOT_NON_PAGED);
    assert!(broken.detail.starts_with("WskSendTo: MDL 0x"), "{}", broken.detail);
    kernel!(IoFreeMdl(mdl));
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_mdl_in_the_wrong_state() {
    let cases: [(Driver, &'static ntos::Rule); 4] = [
        (|mdl| kernel!(MmBuildMdlForNonPagedPool(mdl)), &rule::MDL_BUILT_TWICE),
        (|mdl| kernel!(MmProbeAndLockPages(mdl, KernelMode, READ)), &rule::MDL_BUILT_TWICE),
        (|mdl| kernel!(MmUnlockPages(mdl)), &rule::MDL_UNLOCK_NON_PAGED),
        (map_it, &rule::MDL_MAPPED_TWICE),
    ];
    for (driver, rule) in cases {
        let report = bug_check(move || driver(built(32).1));
        assert_names(&report, rule, "MDL 0x");
        assert_names(&report, rule, "of 32 bytes");
    }
    let cases: [(Driver, &'static ntos::Rule); 3] = [
        (|mdl| kernel!(MmProbeAndLockPages(mdl, KernelMode, READ)), &rule::MDL_BUILT_TWICE),
        (|mdl| kernel!(IoFreeMdl(mdl)), &rule::MDL_FREED_LOCKED),
        (
            |mdl| {
                map(mdl, KernelMode);
                map(mdl, KernelMode);
            },
            &rule::MDL_MAPPED_TWICE,
        ),
    ];
    for (driver, rule) in cases {
        let report = bug_check(move || {
            let mdl = mdl(pool(POOL_FLAG_PAGED, 32), 32);
            kernel!(MmProbeAndLockPages(mdl, KernelMode, READ));
            driver(mdl);
        });
        assert_names(&report, rule, "of 32 bytes");
    }
    let cases: [(Driver, &'static ntos::Rule); 2] =
        [(|mdl| kernel!(MmUnlockPages(mdl)), &rule::MDL_NOT_LOCKED), (map_it, &rule::MDL_MAP_UNLOCKED)];
    for (driver, rule) in cases {
        let report = bug_check(move || driver(mdl(pool(POOL_FLAG_PAGED, 32), 32)));
        assert_names(&report, rule, "of 32 bytes");
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn locking_that_raises_an_exception() {
    let report = bug_check(|| {
        let mdl = mdl(pool(POOL_FLAG_PAGED, 32), 32);
        kernel!(MmProbeAndLockPages(mdl, UserMode, READ));
    });
    assert_names(&report, &rule::EXCEPTION, "STATUS_ACCESS_VIOLATION");
    let report = bug_check(|| {
        let mdl = mdl(pool(POOL_FLAG_PAGED, 32), 33);
        kernel!(MmProbeAndLockPages(mdl, KernelMode, READ));
    });
    assert_names(&report, &rule::EXCEPTION, "of 33 bytes");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn calls_at_too_high_a_level() {
    let report = bug_check(|| {
        let mdl = mdl(pool(POOL_FLAG_PAGED, 32), 32);
        kernel!(KfRaiseIrql(APC_LEVEL));
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(MmProbeAndLockPages(mdl, KernelMode, READ));
    });
    assert_names(&report, &rule::IRQL_MM_APC_LTE, "MmProbeAndLockPages");
    let report = bug_check(|| {
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        mdl(ptr::null_mut(), 32);
    });
    assert_names(&report, &rule::IRQL_IO_DISPATCH, "IoAllocateMdl");
    let cases: [(Driver, &'static ntos::Rule, &str); 5] = [
        (|mdl| kernel!(IoFreeMdl(mdl)), &rule::IRQL_IO_DISPATCH, "IoFreeMdl"),
        (|mdl| kernel!(MmBuildMdlForNonPagedPool(mdl)), &rule::IRQL_MM_DISPATCH, "MmBuildMdlForNonPagedPool"),
        (
            |mdl| kernel!(MmProbeAndLockPages(mdl, KernelMode, READ)),
            &rule::IRQL_MM_DISPATCH,
            "MmProbeAndLockPages",
        ),
        (|mdl| kernel!(MmUnlockPages(mdl)), &rule::IRQL_MM_DISPATCH, "MmUnlockPages"),
        (map_it, &rule::IRQL_MM_DISPATCH, "MmMapLockedPagesSpecifyCache"),
    ];
    for (driver, rule, what) in cases {
        let report = bug_check(move || {
            let mdl = mdl(pool(POOL_FLAG_NON_PAGED, 32), 32);
            kernel!(KfRaiseIrql(HIGH_LEVEL));
            driver(mdl);
        });
        assert_names(&report, rule, what);
    }
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_mdl_left_behind() {
    let machine = machine();
    let other = machine.clone();
    let report = machine.catch_bug_check(move || {
        let (block, leaked) = built(24);
        kernel!(ExFreePool(block));
        let text = name(leaked);
        assert!(text.starts_with("MDL 0x"));
        other.shutdown();
    });
    assert_names(&report.unwrap_err(), &rule::MDL_LEAK, "of 24 bytes");
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn locked_pages_are_not_mapped_as_code() {
    let report = bug_check(|| {
        let mdl = mdl(pool(POOL_FLAG_PAGED, 100), 100);
        kernel!(MmProbeAndLockPages(mdl, KernelMode, MODIFY));
        kernel!(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority));
    });
    assert_names(&report, &rule::MDL_EXECUTABLE, "add MdlMappingNoExecute");
}

#[test]
fn what_is_mapped_already_has_no_priority() {
    let machine = machine();
    let _entered = machine.enter();
    let (block, mdl) = built(100);
    assert_eq!(kernel!(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority)), block);
    kernel!(IoFreeMdl(mdl));
    kernel!(ExFreePool(block));
}

/// What the macro `MmInitializeMdl` does, in memory of the driver's own.
fn initialize(memory: PVOID, address: PVOID, length: u32) -> *mut MDL {
    let mdl: *mut MDL = memory.cast();
    let offset = address.addr() % PAGE_SIZE;
    let pages = (offset + length as usize).div_ceil(PAGE_SIZE);
    let value = MDL {
        Next: ptr::null_mut(),
        Size: i16::try_from(size_of::<MDL>() + pages * size_of::<usize>()).expect("a few pages"),
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

#[test]
fn a_driver_may_initialize_an_mdl_in_memory_of_its_own() {
    let machine = machine();
    let _entered = machine.enter();
    let data = pool(POOL_FLAG_NON_PAGED, 64);
    let memory = pool(POOL_FLAG_NON_PAGED, size_of::<MDL>() + 2 * size_of::<usize>());
    let mdl = initialize(memory, data, 64);
    kernel!(MmBuildMdlForNonPagedPool(mdl));
    assert_eq!(kernel!(MmGetSystemAddressForMdlSafe(mdl, PRIORITY)), data);
    kernel!(ExFreePool(memory));
    kernel!(ExFreePool(data));
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn an_own_mdl_is_checked_like_others() {
    let report = bug_check(|| {
        let data = pool(POOL_FLAG_NON_PAGED, 64);
        // Without room for the number of a page.
        let memory = pool(POOL_FLAG_NON_PAGED, size_of::<MDL>());
        kernel!(MmBuildMdlForNonPagedPool(initialize(memory, data, 64)));
    });
    assert_names(&report, &rule::MDL_INVALID, "MmBuildMdlForNonPagedPool of MDL 0x");
    let report = bug_check(|| {
        let data = pool(POOL_FLAG_NON_PAGED, 64);
        let memory = pool(POOL_FLAG_NON_PAGED, 128);
        kernel!(IoFreeMdl(initialize(memory, data, 64)));
    });
    assert_names(&report, &rule::MDL_INVALID, "IoFreeMdl of MDL 0x");
}

/// On a stack, nobody knows whether the memory lives.
#[test]
fn an_own_mdl_is_taken_on_a_stack_where_that_is_the_reading() {
    fn build_on_the_stack() {
        let data = pool(POOL_FLAG_NON_PAGED, 64);
        let mut memory = [0_usize; (size_of::<MDL>() / size_of::<usize>()) + 2];
        let mdl = initialize(memory.as_mut_ptr().cast(), data, 64);
        kernel!(MmBuildMdlForNonPagedPool(mdl));
        assert_eq!(kernel!(MmGetSystemAddressForMdlSafe(mdl, PRIORITY)), data);
        kernel!(ExFreePool(data));
    }
    let readings = readings::Readings::STRICT.with(readings::OwnMdl::Anywhere);
    let machine = ntos::Machine::boot(ntos::Config { readings, ..ntos::Config::default() });
    let entered = machine.enter();
    build_on_the_stack();
    drop(entered);
    machine.shutdown();
    if !cfg!(miri) {
        let report = bug_check(build_on_the_stack);
        assert_names(&report, &rule::MDL_INVALID, "MmBuildMdlForNonPagedPool of MDL 0x");
    }
}
