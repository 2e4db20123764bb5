//! Threads that end with handles kept in their thread-local variables: the handles are closed, as any others.
// It follows from the order in which a thread's variables go, which is the host's.
#![cfg(not(miri))]

use std::cell::RefCell;
use std::thread;

use crate::io::{BUFFERED, boot, finish, open};
use ntos::{File, Machine};
use wsk_sys::STATUS_SUCCESS;

thread_local! {
    static KEPT: RefCell<Option<File>> = const { RefCell::new(None) };
}

/// Opens a handle, and leaves it to the end of the thread.
fn keep_a_handle(machine: &Machine) {
    // The variable is there before those of the kernel, so that it goes after them.
    KEPT.set(None);
    let file = open(machine);
    assert_eq!(file.device_io_control(BUFFERED, &[1; 8], &mut []).status, STATUS_SUCCESS);
    KEPT.set(Some(file));
}

#[test]
fn a_handle_that_a_thread_of_the_test_keeps_to_its_end() {
    let (machine, driver) = boot();
    let inside = machine.clone();
    thread::spawn(move || keep_a_handle(&inside)).join().expect("the thread ends");
    finish(machine, driver);
}

#[test]
fn a_handle_that_a_thread_of_the_machine_keeps_to_its_end() {
    let (machine, driver) = boot();
    let inside = machine.clone();
    let thread = machine.spawn("keeps a handle", move || keep_a_handle(&inside));
    thread.join().expect("the thread ends");
    finish(machine, driver);
}
