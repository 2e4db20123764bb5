//! Lists that several threads use.

use std::ptr;

use ntos::{LeakScope, Machine, Owner, rule};
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, ExAllocateFromLookasideListEx, ExAllocateFromPagedLookasideList,
    ExDeleteLookasideListEx, ExDeletePagedLookasideList, ExFreeToLookasideListEx, ExFreeToPagedLookasideList,
    ExInitializeLookasideListEx, ExInitializePagedLookasideList, ExInterlockedInsertHeadList,
    ExInterlockedRemoveHeadList, InitializeSListHead, InterlockedPopEntrySList, InterlockedPushEntrySList,
    LIST_ENTRY, LOOKASIDE_LIST_EX, LOOKASIDE_MINIMUM_BLOCK_SIZE, NonPagedPoolNx, PAGED_LOOKASIDE_LIST,
    POOL_FLAG_NON_PAGED, PVOID, SLIST_ENTRY, SLIST_HEADER,
};

use crate::common::{Object, tag};
use crate::levels::{at, lock};
use crate::memory::{free, pool};
use crate::{Right, kernel};

const TAG: u32 = tag(*b"Rght");

type List = *mut LOOKASIDE_LIST_EX;

fn initialize(list: List, size: usize) {
    kernel!(ExInitializeLookasideListEx(list, None, None, NonPagedPoolNx, 0, size, TAG, 0));
}

fn allocate(list: List) -> PVOID {
    let entry = kernel!(ExAllocateFromLookasideListEx(list));
    assert!(!entry.is_null());
    entry
}

fn give_back(list: List, entry: PVOID) {
    kernel!(ExFreeToLookasideListEx(list, entry));
}

fn delete(list: List) {
    kernel!(ExDeleteLookasideListEx(list));
}

/// A list that is deleted and made again where it was; each time an entry is allocated, freed, and allocated again.
fn makes_a_list_again() {
    let list = Object::zeroed();
    for _ in 0..2 {
        initialize(list.get(), LOOKASIDE_MINIMUM_BLOCK_SIZE);
        for _ in 0..2 {
            give_back(list.get(), allocate(list.get()));
        }
        delete(list.get());
    }
}

/// Two lists of the same entries, each of which gets its own back.
fn has_two_lists() {
    let (one, other) = (Object::zeroed(), Object::zeroed());
    initialize(one.get(), 40);
    initialize(other.get(), 40);
    let (first, second) = (allocate(one.get()), allocate(other.get()));
    give_back(other.get(), second);
    delete(other.get());
    give_back(one.get(), first);
    delete(one.get());
}

/// A block is freed when the list in it is deleted, also one that begins where a list ends.
fn frees_the_memory_of_a_list() {
    let block = pool(POOL_FLAG_NON_PAGED, size_of::<LOOKASIDE_LIST_EX>());
    initialize(block.cast(), 40);
    delete(block.cast());
    free(block);
}

fn deletes_before_the_unload(machine: &Machine) {
    let driver = Owner::new_driver();
    driver.run(makes_a_list_again);
    machine.check_leaks(LeakScope::Unload(driver));
}

/// A paged list up to `APC_LEVEL`, one that is not paged up to `DISPATCH_LEVEL`.
fn uses_lists_at_their_limits() {
    at(APC_LEVEL, || {
        let list = Object::<PAGED_LOOKASIDE_LIST>::zeroed();
        kernel!(ExInitializePagedLookasideList(list.get(), None, None, 0, 40, TAG, 0));
        let entry = kernel!(ExAllocateFromPagedLookasideList(list.get()));
        kernel!(ExFreeToPagedLookasideList(list.get(), entry));
        kernel!(ExDeletePagedLookasideList(list.get()));
    });
    at(DISPATCH_LEVEL, makes_a_list_again);
}

/// An entry is put into a list again that it was taken out of; a list that is empty is no broken one.
fn moves_an_entry_between_lists() {
    let (head, entry, lock) = (Object::<LIST_ENTRY>::zeroed(), Object::zeroed(), lock());
    kernel!(head.get().write(LIST_ENTRY { Flink: head.get(), Blink: head.get() }));
    let sequenced = Object::<SLIST_HEADER>::zeroed();
    kernel!(InitializeSListHead(sequenced.get()));
    let link = Object::<SLIST_ENTRY>::zeroed();
    for _ in 0..2 {
        assert_eq!(kernel!(ExInterlockedRemoveHeadList(head.get(), lock.get())), ptr::null_mut());
        kernel!(ExInterlockedInsertHeadList(head.get(), entry.get(), lock.get()));
        assert_eq!(kernel!(ExInterlockedRemoveHeadList(head.get(), lock.get())), entry.get());
        kernel!(InterlockedPushEntrySList(sequenced.get(), link.get()));
        assert_eq!(kernel!(InterlockedPopEntrySList(sequenced.get())), link.get());
    }
}

pub(crate) fn rights() -> Vec<Right> {
    vec![
        (&rule::LOOKASIDE_INITIALIZED_TWICE, |_| makes_a_list_again()),
        (&rule::LOOKASIDE_NOT_INITIALIZED, |_| makes_a_list_again()),
        (&rule::LOOKASIDE_SIZE, |_| makes_a_list_again()),
        (&rule::LOOKASIDE_FREED, |_| frees_the_memory_of_a_list()),
        (&rule::LOOKASIDE_ENTRIES_OUT, |_| has_two_lists()),
        (&rule::LOOKASIDE_FOREIGN_ENTRY, |_| has_two_lists()),
        (&rule::LOOKASIDE_LEFT, deletes_before_the_unload),
        (&rule::IRQL_EX_APC_LTE_2, |_| uses_lists_at_their_limits()),
        (&rule::LIST_CORRUPT, |_| moves_an_entry_between_lists()),
        (&rule::LIST_ALIGNMENT, |_| moves_an_entry_between_lists()),
    ]
}
