//! Lookaside lists.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{Object, assert_names, bug_check, machine, tag};
use ntos::{LeakScope, Machine, Owner, rule};
use wsk_sys::{
    DISPATCH_LEVEL, EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL, ExAllocateFromLookasideListEx,
    ExAllocateFromNPagedLookasideList, ExAllocateFromPagedLookasideList, ExAllocatePool2,
    ExDeleteLookasideListEx, ExDeleteNPagedLookasideList, ExDeletePagedLookasideList, ExFlushLookasideListEx,
    ExFreePool, ExFreeToLookasideListEx, ExFreeToNPagedLookasideList, ExFreeToPagedLookasideList,
    ExInitializeLookasideListEx, ExInitializeNPagedLookasideList, ExInitializePagedLookasideList,
    ExQueryDepthSList, HIGH_LEVEL, InterlockedPopEntrySList, KfRaiseIrql, LOOKASIDE_LIST_EX,
    LOOKASIDE_MINIMUM_BLOCK_SIZE, NPAGED_LOOKASIDE_LIST, NonPagedPoolNx, PAGED_LOOKASIDE_LIST,
    POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED, POOL_NX_ALLOCATION, POOL_TYPE, PVOID, PagedPool,
    STATUS_INVALID_PARAMETER_4, STATUS_INVALID_PARAMETER_5, STATUS_SUCCESS,
};

const TAG: u32 = tag(*b"Look");

type List = Object<NPAGED_LOOKASIDE_LIST>;

fn initialize(list: *mut NPAGED_LOOKASIDE_LIST, size: usize) {
    kernel!(ExInitializeNPagedLookasideList(list, None, None, POOL_NX_ALLOCATION, size, TAG, 0));
}

fn new_list(size: usize) -> List {
    let list = List::zeroed();
    initialize(list.get(), size);
    list
}

fn allocate(list: &List) -> PVOID {
    let entry = kernel!(ExAllocateFromNPagedLookasideList(list.get()));
    assert!(!entry.is_null());
    entry
}

fn free(list: &List, entry: PVOID) {
    kernel!(ExFreeToNPagedLookasideList(list.get(), entry));
}

#[test]
fn entries_come_and_go() {
    let machine = machine();
    let _entered = machine.enter();
    let list = new_list(100);
    let entries = [allocate(&list), allocate(&list)];
    for entry in entries {
        // SAFETY: a new entry of 100 bytes.
        unsafe { entry.cast::<u8>().write_bytes(7, 100) };
        free(&list, entry);
    }
    kernel!(ExDeleteNPagedLookasideList(list.get()));

    let paged = Object::<PAGED_LOOKASIDE_LIST>::zeroed();
    kernel!(ExInitializePagedLookasideList(paged.get(), None, None, 0, 100, TAG, 0));
    let entry = kernel!(ExAllocateFromPagedLookasideList(paged.get()));
    assert!(ntos::pool::paged_block(entry).is_some());
    kernel!(ExFreeToPagedLookasideList(paged.get(), entry));
    kernel!(ExDeletePagedLookasideList(paged.get()));
    machine.shutdown();
}

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "system" fn own_allocate(
    pool: POOL_TYPE,
    bytes: usize,
    tag: u32,
    list: *mut LOOKASIDE_LIST_EX,
) -> PVOID {
    assert_eq!((pool, bytes, tag, list.is_null()), (NonPagedPoolNx, 64, TAG, false));
    ALLOCATED.fetch_add(1, Ordering::Relaxed);
    kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes, tag))
}

unsafe extern "system" fn own_free(entry: PVOID, list: *mut LOOKASIDE_LIST_EX) {
    assert!(!list.is_null());
    ALLOCATED.fetch_sub(1, Ordering::Relaxed);
    kernel!(ExFreePool(entry));
}

#[test]
fn a_list_calls_the_driver_s_routines() {
    let machine = machine();
    let _entered = machine.enter();
    let list = Object::<LOOKASIDE_LIST_EX>::zeroed();
    let initialize = |pool, flags| {
        let (allocate, free) = (Some(own_allocate as _), Some(own_free as _));
        kernel!(ExInitializeLookasideListEx(list.get(), allocate, free, pool, flags, 64, TAG, 0))
    };
    assert_eq!(initialize(77, 0), STATUS_INVALID_PARAMETER_4);
    assert_eq!(initialize(NonPagedPoolNx, 3), STATUS_INVALID_PARAMETER_5);
    assert_eq!(initialize(NonPagedPoolNx, 0), STATUS_SUCCESS);
    let entry = kernel!(ExAllocateFromLookasideListEx(list.get()));
    assert_eq!(ALLOCATED.load(Ordering::Relaxed), 1);
    kernel!(ExFreeToLookasideListEx(list.get(), entry));
    kernel!(ExFlushLookasideListEx(list.get()));
    assert_eq!(ALLOCATED.load(Ordering::Relaxed), 0);
    kernel!(ExDeleteLookasideListEx(list.get()));
    machine.shutdown();
}

/// `ExAllocateFromNPagedLookasideList`, as the headers before Windows 11, version 22H2, have it.
fn inline_allocate(list: *mut NPAGED_LOOKASIDE_LIST) -> PVOID {
    let entry = kernel!(InterlockedPopEntrySList(&raw mut (*list).L.ListHead));
    if !entry.is_null() {
        return entry.cast();
    }
    let fields = kernel!((*list).L);
    kernel!(fields.Allocate.unwrap()(fields.Type, fields.Size as usize, fields.Tag))
}

/// `ExFreeToNPagedLookasideList`, in the same way.
fn inline_free(list: *mut NPAGED_LOOKASIDE_LIST, entry: PVOID) {
    let fields = kernel!((*list).L);
    assert!(kernel!(ExQueryDepthSList(&raw mut (*list).L.ListHead)) >= fields.Depth);
    kernel!(fields.Free.unwrap()(entry));
}

#[test]
fn the_inlines_of_older_headers_work() {
    let machine = machine();
    let _entered = machine.enter();
    let list = new_list(40);
    let entry = inline_allocate(list.get());
    assert!(!entry.is_null());
    inline_free(list.get(), entry);
    kernel!(ExDeleteNPagedLookasideList(list.get()));
    machine.shutdown();

    let report = bug_check(|| {
        let list = new_list(40);
        kernel!(ExDeleteNPagedLookasideList(list.get()));
        inline_allocate(list.get());
    });
    assert_names(&report, &rule::LOOKASIDE_NOT_INITIALIZED, "40 bytes");
    let report = bug_check(|| {
        let list = new_list(40);
        let entry = inline_allocate(list.get());
        kernel!(ExDeleteNPagedLookasideList(list.get()));
        inline_free(list.get(), entry);
    });
    assert_names(&report, &rule::LOOKASIDE_NOT_INITIALIZED, "freed");
}

#[test]
fn an_allocation_fails() {
    let machine = machine();
    let _entered = machine.enter();
    let list = new_list(40);
    machine.faults().fail_nth(0);
    assert!(kernel!(ExAllocateFromNPagedLookasideList(list.get())).is_null());
    assert!(machine.faults().fired().is_some());
    kernel!(ExDeleteNPagedLookasideList(list.get()));
    machine.shutdown();

    let report = bug_check(|| {
        let list = Object::<LOOKASIDE_LIST_EX>::zeroed();
        let flags = EX_LOOKASIDE_LIST_EX_FLAGS_RAISE_ON_FAIL;
        kernel!(ExInitializeLookasideListEx(list.get(), None, None, NonPagedPoolNx, flags, 40, TAG, 0));
        Machine::current().faults().fail_nth(0);
        kernel!(ExAllocateFromLookasideListEx(list.get()));
    });
    assert_names(&report, &rule::EXCEPTION, "ExAllocateFromLookasideListEx");
}

#[test]
fn a_list_is_deleted_with_entries_out() {
    let report = bug_check(|| {
        let list = new_list(40);
        allocate(&list);
        kernel!(ExDeleteNPagedLookasideList(list.get()));
    });
    assert_names(&report, &rule::LOOKASIDE_ENTRIES_OUT, "'Look'");
}

#[test]
fn a_list_is_used_that_is_deleted_or_never_was() {
    let report = bug_check(|| {
        let list = new_list(40);
        kernel!(ExDeleteNPagedLookasideList(list.get()));
        kernel!(ExAllocateFromNPagedLookasideList(list.get()));
    });
    assert_names(&report, &rule::LOOKASIDE_NOT_INITIALIZED, "ExAllocateFromNPagedLookasideList");
    let report = bug_check(|| {
        let list = new_list(40);
        kernel!(ExDeleteNPagedLookasideList(list.get()));
        kernel!(ExDeleteNPagedLookasideList(list.get()));
    });
    assert_names(&report, &rule::LOOKASIDE_NOT_INITIALIZED, "ExDeleteNPagedLookasideList");
    let report = bug_check(|| {
        let list = List::zeroed();
        free(&list, ptr::dangling_mut());
    });
    assert_names(&report, &rule::LOOKASIDE_NOT_INITIALIZED, "ExFreeToNPagedLookasideList");
}

#[test]
fn a_list_is_initialised_twice() {
    let report = bug_check(|| initialize(new_list(40).get(), 40));
    assert_names(&report, &rule::LOOKASIDE_INITIALIZED_TWICE, "'Look'");
}

#[test]
fn memory_is_freed_with_a_list_in_it() {
    let report = bug_check(|| {
        let size = size_of::<NPAGED_LOOKASIDE_LIST>() + 64;
        let block = kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG));
        initialize(block.wrapping_byte_add(64).cast(), 40);
        kernel!(ExFreePool(block));
    });
    assert_names(&report, &rule::LOOKASIDE_FREED, "'Look'");
}

#[test]
fn a_list_is_where_it_cannot_be() {
    let report = bug_check(|| {
        let memory = Object::<[NPAGED_LOOKASIDE_LIST; 2]>::zeroed();
        initialize(memory.get().cast::<NPAGED_LOOKASIDE_LIST>().wrapping_byte_add(8), 40);
    });
    assert_names(&report, &rule::LIST_ALIGNMENT, "ExInitializeNPagedLookasideList");
    let report = bug_check(|| {
        let block = kernel!(ExAllocatePool2(POOL_FLAG_PAGED, size_of::<PAGED_LOOKASIDE_LIST>(), TAG));
        kernel!(ExInitializePagedLookasideList(block.cast(), None, None, 0, 40, TAG, 0));
    });
    assert_names(&report, &rule::OBJECT_IN_PAGED_POOL, "'Look'");
}

#[test]
fn entries_are_too_small() {
    let report = bug_check(|| drop(new_list(LOOKASIDE_MINIMUM_BLOCK_SIZE - 1)));
    assert_names(&report, &rule::LOOKASIDE_SIZE, "7 bytes");
}

#[test]
fn an_entry_is_freed_to_another_list() {
    let report = bug_check(|| {
        let (one, other) = (new_list(40), new_list(41));
        free(&other, allocate(&one));
    });
    assert_names(&report, &rule::LOOKASIDE_FOREIGN_ENTRY, "41 bytes");
    let report = bug_check(|| {
        let list = new_list(40);
        free(&list, kernel!(ExAllocatePool2(POOL_FLAG_NON_PAGED, 40, TAG)));
    });
    assert_names(&report, &rule::LOOKASIDE_FOREIGN_ENTRY, "pool block");
    let report = bug_check(|| free(&new_list(40), ptr::without_provenance_mut(0x1230)));
    assert_names(&report, &rule::LOOKASIDE_FOREIGN_ENTRY, "0x1230");
}

#[cfg_attr(miri, ignore = "what was freed is forgotten there")]
#[test]
fn an_entry_is_freed_twice() {
    let report = bug_check(|| {
        let list = new_list(40);
        let entry = allocate(&list);
        free(&list, entry);
        free(&list, entry);
    });
    assert_names(&report, &rule::POOL_DOUBLE_FREE, "ExFreeToNPagedLookasideList");
}

#[test]
fn a_list_is_left() {
    let machine = machine();
    let report = machine.catch_bug_check({
        let machine = machine.clone();
        move || {
            let owner = Owner::new_driver();
            let list = owner.run(|| new_list(40));
            machine.check_leaks(LeakScope::Unload(Owner::new_driver()));
            machine.check_leaks(LeakScope::Unload(owner));
            drop(list);
        }
    });
    assert_names(&report.expect_err("a bug check"), &rule::LOOKASIDE_LEFT, "'Look'");
}

#[test]
fn a_list_is_used_above_its_level() {
    let above_dispatch: [fn(); 2] = [
        || drop(new_list(40)),
        || {
            let list = Object::<LOOKASIDE_LIST_EX>::zeroed();
            kernel!(ExInitializeLookasideListEx(list.get(), None, None, NonPagedPoolNx, 0, 40, TAG, 0));
        },
    ];
    for call in above_dispatch {
        let report = bug_check(move || {
            kernel!(KfRaiseIrql(HIGH_LEVEL));
            call();
        });
        assert_names(&report, &rule::IRQL_DISPATCH, "Lookaside");
    }
    let report = bug_check(|| {
        let list = new_list(40);
        kernel!(KfRaiseIrql(HIGH_LEVEL));
        allocate(&list);
    });
    assert_names(&report, &rule::IRQL_DISPATCH, "ExAllocateFromNPagedLookasideList");

    let report = bug_check(|| {
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        let list = Object::<PAGED_LOOKASIDE_LIST>::zeroed();
        kernel!(ExInitializePagedLookasideList(list.get(), None, None, 0, 40, TAG, 0));
    });
    assert_names(&report, &rule::IRQL_EX_APC_LTE_2, "ExInitializePagedLookasideList");
    let report = bug_check(|| {
        let list = Object::<LOOKASIDE_LIST_EX>::zeroed();
        kernel!(ExInitializeLookasideListEx(list.get(), None, None, PagedPool, 0, 40, TAG, 0));
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(ExAllocateFromLookasideListEx(list.get()));
    });
    assert_names(&report, &rule::IRQL_EX_APC_LTE_2, "ExAllocateFromLookasideListEx");
}
