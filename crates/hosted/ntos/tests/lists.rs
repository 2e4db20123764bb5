//! Lists that several threads use: sequenced ones, and those under a spin lock.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::Arc;

use crate::common::{Object, assert_names, bug_check, machine, tag};
use ntos::rule;
use wsk_sys::{
    DISPATCH_LEVEL, ExAllocatePool2, ExFreePool, ExInterlockedInsertHeadList, ExInterlockedInsertTailList,
    ExInterlockedPopEntryList, ExInterlockedPushEntryList, ExInterlockedRemoveHeadList, HIGH_LEVEL,
    InitializeSListHead, InterlockedFlushSList, InterlockedPopEntrySList, InterlockedPushEntrySList,
    KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeGetCurrentIrql, KeLowerIrql, KeReleaseSpinLock, KfRaiseIrql,
    LIST_ENTRY, PASSIVE_LEVEL, POOL_FLAG_PAGED, QueryDepthSList, SINGLE_LIST_ENTRY, SLIST_ENTRY,
    SLIST_HEADER,
};

fn sequenced() -> Object<SLIST_HEADER> {
    let head = Object::zeroed();
    kernel!(InitializeSListHead(head.get()));
    head
}

/// An empty list.
fn list() -> Object<LIST_ENTRY> {
    let head: Object<LIST_ENTRY> = Object::zeroed();
    kernel!(head.get().write(LIST_ENTRY { Flink: head.get(), Blink: head.get() }));
    head
}

fn push(head: &Object<SLIST_HEADER>, entry: &Object<SLIST_ENTRY>) -> *mut SLIST_ENTRY {
    kernel!(InterlockedPushEntrySList(head.get(), entry.get()))
}

#[test]
fn a_sequenced_list_gives_back_the_last_entry_first() {
    let machine = machine();
    let _entered = machine.enter();
    let (head, first, second) = (sequenced(), Object::zeroed(), Object::zeroed());
    assert!(kernel!(InterlockedPopEntrySList(head.get())).is_null());
    assert!(push(&head, &first).is_null());
    assert_eq!(push(&head, &second), first.get());
    assert_eq!(kernel!(QueryDepthSList(head.get())), 2);
    assert_eq!(kernel!(InterlockedPopEntrySList(head.get())), second.get());
    assert_eq!(push(&head, &second), first.get());
    assert_eq!(kernel!(InterlockedFlushSList(head.get())), second.get());
    assert_eq!(kernel!((*second.get()).Next), first.get());
    assert!(kernel!((*first.get()).Next).is_null());
    assert_eq!(kernel!(QueryDepthSList(head.get())), 0);
    machine.shutdown();
}

#[test]
fn a_sequenced_list_loses_no_entry_between_threads() {
    const ROUNDS: usize = if cfg!(miri) { 20 } else { 2000 };
    let machine = machine();
    let _entered = machine.enter();
    let head = Arc::new(sequenced());
    let entries: Vec<Object<SLIST_ENTRY>> = (0..4).map(|_| Object::zeroed()).collect();
    for entry in &entries {
        push(&head, entry);
    }
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let head = Arc::clone(&head);
            machine.spawn("user", move || {
                for _ in 0..ROUNDS {
                    let entry = kernel!(InterlockedPopEntrySList(head.get()));
                    assert!(!entry.is_null(), "there are as many entries as threads");
                    kernel!(InterlockedPushEntrySList(head.get(), entry));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(kernel!(QueryDepthSList(head.get())), 4);
    machine.shutdown();
}

#[test]
fn a_list_under_a_spin_lock_has_two_ends() {
    let machine = machine();
    let _entered = machine.enter();
    let (head, lock) = (list(), Object::<KSPIN_LOCK>::zeroed());
    let [first, second, third]: [Object<LIST_ENTRY>; 3] = std::array::from_fn(|_| Object::zeroed());
    let (head, lock) = (head.get(), lock.get());
    assert!(kernel!(ExInterlockedRemoveHeadList(head, lock)).is_null());
    assert!(kernel!(ExInterlockedInsertTailList(head, second.get(), lock)).is_null());
    assert_eq!(kernel!(ExInterlockedInsertTailList(head, third.get(), lock)), second.get());
    // At any level.
    let old = kernel!(KfRaiseIrql(HIGH_LEVEL));
    assert_eq!(kernel!(ExInterlockedInsertHeadList(head, first.get(), lock)), second.get());
    assert_eq!(kernel!(KeGetCurrentIrql()), HIGH_LEVEL);
    kernel!(KeLowerIrql(old));
    for entry in [&first, &second, &third] {
        assert_eq!(kernel!(ExInterlockedRemoveHeadList(head, lock)), entry.get());
        assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
    }
    assert!(kernel!(ExInterlockedRemoveHeadList(head, lock)).is_null());
    assert!(kernel!(ExInterlockedInsertHeadList(head, first.get(), lock)).is_null());
    machine.shutdown();
}

#[test]
fn a_list_that_goes_one_way_has_one_end() {
    let machine = machine();
    let _entered = machine.enter();
    let (head, lock) = (Object::<SINGLE_LIST_ENTRY>::zeroed(), Object::<KSPIN_LOCK>::zeroed());
    let [first, second]: [Object<SINGLE_LIST_ENTRY>; 2] = std::array::from_fn(|_| Object::zeroed());
    let (head, lock) = (head.get(), lock.get());
    assert!(kernel!(ExInterlockedPopEntryList(head, lock)).is_null());
    assert!(kernel!(ExInterlockedPushEntryList(head, first.get(), lock)).is_null());
    assert_eq!(kernel!(ExInterlockedPushEntryList(head, second.get(), lock)), first.get());
    assert_eq!(kernel!(ExInterlockedPopEntryList(head, lock)), second.get());
    assert_eq!(kernel!(ExInterlockedPopEntryList(head, lock)), first.get());
    assert!(kernel!(ExInterlockedPopEntryList(head, lock)).is_null());
    machine.shutdown();
}

#[test]
fn an_entry_is_inserted_twice() {
    let report = bug_check(|| {
        let (head, first, second) = (sequenced(), Object::zeroed(), Object::zeroed());
        push(&head, &first);
        push(&head, &second);
        push(&head, &first);
    });
    assert_names(&report, &rule::LIST_CORRUPT, "ExpInterlockedPushEntrySList");

    let report = bug_check(|| {
        let (head, lock, entry) = (list(), Object::zeroed(), Object::zeroed());
        kernel!(ExInterlockedInsertTailList(head.get(), entry.get(), lock.get()));
        kernel!(ExInterlockedInsertTailList(head.get(), entry.get(), lock.get()));
    });
    assert_names(&report, &rule::LIST_CORRUPT, "ExInterlockedInsertTailList");

    let report = bug_check(|| {
        let (head, lock, entry) = (list(), Object::zeroed(), Object::zeroed());
        kernel!(ExInterlockedInsertHeadList(head.get(), entry.get(), lock.get()));
        kernel!(ExInterlockedInsertHeadList(head.get(), entry.get(), lock.get()));
    });
    assert_names(&report, &rule::LIST_CORRUPT, "ExInterlockedInsertHeadList");

    let report = bug_check(|| {
        let (head, lock) = (Object::zeroed(), Object::zeroed());
        let entry = Object::zeroed();
        kernel!(ExInterlockedPushEntryList(head.get(), entry.get(), lock.get()));
        kernel!(ExInterlockedPushEntryList(head.get(), entry.get(), lock.get()));
    });
    assert_names(&report, &rule::LIST_CORRUPT, "ExInterlockedPushEntryList");
}

#[test]
fn a_list_is_used_that_is_none() {
    let report = bug_check(|| {
        let (head, lock) = (Object::<LIST_ENTRY>::zeroed(), Object::zeroed());
        kernel!(ExInterlockedRemoveHeadList(head.get(), lock.get()));
    });
    assert_names(&report, &rule::LIST_CORRUPT, "not initialised");

    // An entry that was moved.
    let report = bug_check(|| {
        let (head, lock, entry) = (list(), Object::zeroed(), Object::zeroed());
        let moved = Object::<LIST_ENTRY>::zeroed();
        kernel!(ExInterlockedInsertTailList(head.get(), entry.get(), lock.get()));
        kernel!(moved.get().write(entry.get().read()));
        kernel!((*head.get()).Flink = moved.get());
        kernel!(ExInterlockedRemoveHeadList(head.get(), lock.get()));
    });
    assert_names(&report, &rule::LIST_CORRUPT, "do not point back");
}

#[test]
fn a_sequenced_list_is_not_aligned() {
    let report = bug_check(|| {
        let memory = Object::<[SLIST_HEADER; 2]>::zeroed();
        kernel!(InitializeSListHead(memory.get().cast::<SLIST_HEADER>().wrapping_byte_add(8)));
    });
    assert_names(&report, &rule::LIST_ALIGNMENT, "InitializeSListHead");

    let report = bug_check(|| {
        let (head, entry) = (sequenced(), Object::<[SLIST_ENTRY; 2]>::zeroed());
        let entry = entry.get().cast::<SLIST_ENTRY>().wrapping_byte_add(8);
        kernel!(InterlockedPushEntrySList(head.get(), entry));
    });
    assert_names(&report, &rule::LIST_ALIGNMENT, "ExpInterlockedPushEntrySList");
}

#[test]
fn a_list_is_in_paged_pool() {
    let report = bug_check(|| {
        let head = kernel!(ExAllocatePool2(POOL_FLAG_PAGED, size_of::<SLIST_HEADER>(), tag(*b"List")));
        kernel!(InitializeSListHead(head.cast()));
    });
    assert_names(&report, &rule::OBJECT_IN_PAGED_POOL, "'List'");

    let report = bug_check(|| {
        let (head, lock) = (list(), Object::zeroed());
        let entry = kernel!(ExAllocatePool2(POOL_FLAG_PAGED, size_of::<LIST_ENTRY>(), tag(*b"List")));
        kernel!(entry.cast::<LIST_ENTRY>().write(LIST_ENTRY { Flink: head.get(), Blink: head.get() }));
        kernel!(ExInterlockedRemoveHeadList(entry.cast(), lock.get()));
    });
    assert_names(&report, &rule::PAGED_AT_DISPATCH, "'List'");

    let report = bug_check(|| {
        let head = sequenced();
        let entry = kernel!(ExAllocatePool2(POOL_FLAG_PAGED, size_of::<SLIST_ENTRY>(), tag(*b"List")));
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        kernel!(InterlockedPushEntrySList(head.get(), entry.cast()));
        kernel!(ExFreePool(entry));
    });
    assert_names(&report, &rule::PAGED_AT_DISPATCH, "'List'");
}

#[test]
fn the_lock_of_a_list_is_held_by_the_thread() {
    let report = bug_check(|| {
        let (head, lock) = (list(), Object::<KSPIN_LOCK>::zeroed());
        let old = kernel!(KeAcquireSpinLockRaiseToDpc(lock.get()));
        assert_eq!(kernel!(ExInterlockedRemoveHeadList(head.get(), lock.get())), ptr::null_mut());
        kernel!(KeReleaseSpinLock(lock.get(), old));
    });
    assert_names(&report, &rule::SPIN_LOCK_RECURSION, "spin lock");
}
