//! A driver that uses an address where nothing is, or breaks a rule where nobody would hear of it: the process ends, with a
//! report.
//!
//! The tests whose processes end are run by the others, each in a process of its own.
#![expect(unsafe_code, reason = "broken drivers are written in terms of the kernel's C interface")]

use std::ptr;

use crate::failing::{break_a_rule, queue, run};
use crate::io::{self, BUFFERED, complete, open, probe};
use ntos::{Rule, io_rules, rule};
use wsk_sys::{
    DEVICE_OBJECT, ExAllocatePool2, POOL_FLAG_NON_PAGED, POOL_FLAG_UNINITIALIZED, PVOID, STATUS_SUCCESS,
};

/// Requires that the process ends with a report of the rule and all the words.
#[track_caller]
fn ends_the_process(test: &str, rule: &Rule, words: &[&str]) {
    let (output, said) = run(&format!("ending_process::process::{test}"));
    assert_eq!(output.status.code(), Some(101), "{said}");
    for word in words.iter().copied().chain(["*** STOP:", rule.name]) {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

/// Each ends its process.
mod process {
    use super::*;

    fn with_a_work_item(routine: unsafe extern "system" fn(*mut DEVICE_OBJECT, PVOID)) {
        let (machine, _driver) = io::boot();
        let _entered = machine.enter();
        probe().handle(|irp| complete(irp, STATUS_SUCCESS, 0));
        open(&machine).device_io_control(BUFFERED, &[], &mut []);
        queue(routine);
        loop {
            std::thread::park();
        }
    }

    unsafe extern "system" fn use_null(_device: *mut DEVICE_OBJECT, context: PVOID) {
        // SAFETY: it is not, which is the point.
        let byte = unsafe { context.cast::<u8>().wrapping_add(8).read_volatile() };
        assert_eq!(byte, 0);
    }

    #[test]
    #[ignore = "ends its process"]
    fn null_pointer() {
        with_a_work_item(use_null);
    }

    unsafe extern "system" fn use_uninitialised(_device: *mut DEVICE_OBJECT, _context: PVOID) {
        let flags = POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED;
        // SAFETY: nothing is asked of the caller.
        let block = unsafe { ExAllocatePool2(flags, 64, 1) };
        // SAFETY: a block of this size, which the kernel has filled; that it is read is the driver's first fault.
        let pointer = unsafe { block.cast::<*mut u8>().read_volatile() };
        // SAFETY: it is not, which is the point.
        unsafe { pointer.write_volatile(1) };
    }

    #[test]
    #[ignore = "ends its process"]
    fn poisoned_pointer() {
        with_a_work_item(use_uninitialised);
    }

    #[test]
    #[ignore = "ends its process"]
    fn no_machine() {
        drop(io::boot());
        let null: *mut u8 = ptr::null_mut();
        // SAFETY: it is not, which is the point.
        unsafe { null.write_volatile(1) };
    }

    /// A bug check in the test's own thread, which plays the driver.
    #[test]
    #[ignore = "ends its process"]
    fn own_thread() {
        let machine = ntos::Machine::boot(ntos::Config::default());
        let _entered = machine.enter();
        // SAFETY: the kernel looks the address up before it touches anything.
        unsafe { wsk_sys::IoFreeIrp(ptr::dangling_mut()) };
    }

    /// A bug check that nobody hears of: the test waits for something else, for ever.
    #[test]
    #[ignore = "ends its process"]
    fn unheard() {
        with_a_work_item(break_a_rule);
    }
}

#[test]
#[cfg_attr(not(unix), ignore = "the report of an access violation needs signals")]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_null_pointer_names_the_routine_and_the_last_events() {
    let words =
        ["the routine of work item 0x", "address 0x8: a null pointer?", "PASSIVE_LEVEL", "STATUS_SUCCESS"];
    ends_the_process("null_pointer", &rule::ACCESS_VIOLATION, &words);
}

#[test]
#[cfg_attr(not(all(unix, target_arch = "x86_64")), ignore = "other processors may have such an address")]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_pointer_from_memory_that_was_never_written_is_told_as_such() {
    let words = ["the routine of work item 0x", "never written"];
    ends_the_process("poisoned_pointer", &rule::ACCESS_VIOLATION, &words);
}

#[test]
#[cfg(unix)]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_fault_outside_of_any_machine_is_what_it_was() {
    use std::os::unix::process::ExitStatusExt;
    let (output, said) = run("ending_process::process::no_machine");
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{said}");
    assert!(!said.contains("*** STOP"), "{said}");
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_bug_check_of_which_nobody_hears_ends_the_process() {
    ends_the_process("unheard", &io_rules::NOT_AN_IRP, &["IoFreeIrp of an address that is no IRP"]);
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_rule_broken_in_the_thread_of_the_test_ends_the_process_and_says_what_helps() {
    ends_the_process("own_thread", &io_rules::NOT_AN_IRP, &["`Machine::catch_bug_check`"]);
}
