//! How a test ends whose driver goes wrong and that does not expect it: it fails, with the report, and the others
//! of its program run on.
//!
//! The tests that fail are run by the others, each in a process of its own.
#![expect(unsafe_code, reason = "broken drivers are written in terms of the kernel's C interface")]

use std::process::{Command, Output};
use std::ptr;

use crate::io::{self, BUFFERED, complete, mark_pending, open, probe};
use ntos::{Rule, io_rules, rule};
use wsk_sys::{
    DEVICE_OBJECT, ExAllocatePool2, ExFreePool, IRP, IoAllocateIrp, IoAllocateWorkItem, IoQueueWorkItem,
    NTSTATUS, POOL_FLAG_NON_PAGED, PVOID, STATUS_PENDING, STATUS_SUCCESS,
};

/// Runs tests of this program whose names contain `filter`, in a process of their own.
pub(crate) fn run(filter: &str) -> (Output, String) {
    run_in(filter, "1")
}

/// The same, in so many threads.
fn run_in(filter: &str, threads: &str) -> (Output, String) {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args([filter, "--ignored", "--test-threads", threads])
        .env("RUST_BACKTRACE", "0")
        .env("RUST_LIB_BACKTRACE", "1")
        .output()
        .expect("this program runs");
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

/// Requires that the test fails by the rule and with all the words, and that the one after it runs, and passes.
#[track_caller]
fn fails_alone(test: &str, rule: &Rule, words: &[&str]) {
    let (output, said) = run(&format!("failing::alone::{test}"));
    assert!(said.contains("1 passed; 1 failed"), "{said}");
    assert_eq!(output.status.code(), Some(101), "{said}");
    for word in words.iter().copied().chain([rule.name, "panicked at"]) {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

fn no_irp(irp: *mut wsk_sys::IRP) -> wsk_sys::NTSTATUS {
    // SAFETY: the kernel looks the address up before it touches anything.
    unsafe { wsk_sys::IoFreeIrp(ptr::dangling_mut()) };
    complete(irp, STATUS_SUCCESS, 0)
}

pub(crate) fn queue(routine: unsafe extern "system" fn(*mut DEVICE_OBJECT, PVOID)) {
    let device = probe().device.lock().unwrap().expect("the probe has a device").0;
    // SAFETY: the probe's device.
    let item = unsafe { IoAllocateWorkItem(device) };
    // SAFETY: allocated above; the routine takes no context.
    unsafe { IoQueueWorkItem(item, routine, 1, ptr::null_mut()) };
}

pub(crate) unsafe extern "system" fn break_a_rule(_device: *mut DEVICE_OBJECT, _context: PVOID) {
    // SAFETY: the kernel looks the address up before it touches anything.
    unsafe { wsk_sys::IoFreeIrp(ptr::dangling_mut()) };
}

/// Each pair: one that fails, and, after it, one that passes.
mod alone {
    use super::*;

    macro_rules! pair {
        ($name:ident, $test:expr) => {
            mod $name {
                #[test]
                #[ignore = "fails, as it must"]
                fn a_fails() {
                    $test();
                }

                #[test]
                #[ignore = "is there for the other"]
                fn b_passes() {
                    let (machine, driver) = crate::io::boot();
                    crate::io::finish(machine, driver);
                }
            }
        };
    }
    pair!(dispatch, super::in_the_dispatch_routine);
    pair!(worker, super::in_a_worker_while_the_test_waits);
    pair!(elsewhere, super::in_a_worker_while_the_test_does_something_else);
    pair!(shutdown, super::at_the_shutdown);
    pair!(block, super::with_a_block_left);
    pair!(item, super::with_a_work_item_left);
    pair!(handle, super::with_a_handle_left);
    pair!(device, super::with_a_device_left);
    pair!(link, super::with_a_link_left);
    pair!(timer, super::with_a_timer_left);
    pair!(thread, super::with_a_handle_of_a_thread_left);
    pair!(unwinding, super::with_handles_to_be_closed);
    #[cfg(any(unix, windows))]
    pair!(freed, super::with_a_block_used_after_it_was_freed);
    pair!(panic, super::with_a_panic);
    pair!(panic_twice, super::with_a_panic_and_a_destructor_that_panics);
    pair!(panic_in_kernel, super::with_a_panic_and_a_destructor_in_the_kernel);

    pub(super) fn in_the_dispatch_routine() {
        let (machine, _driver) = io::boot();
        let _entered = machine.enter();
        probe().handle(no_irp);
        open(&machine).device_io_control(BUFFERED, &[], &mut []);
    }

    pub(super) fn in_a_worker_while_the_test_waits() {
        send_to_worker(break_a_rule);
    }

    pub(super) fn in_a_worker_while_the_test_does_something_else() {
        let (machine, _driver) = io::boot();
        let _entered = machine.enter();
        queue(break_a_rule);
        // Not in the kernel: as a test that looks at its sockets.
        while !machine.is_dead() {
            std::thread::yield_now();
        }
    }

    pub(super) fn at_the_shutdown() {
        let (machine, driver) = io::boot();
        {
            let _entered = machine.enter();
            // SAFETY: nothing is asked of the caller.
            unsafe { IoAllocateIrp(1, 0) };
        }
        io::finish(machine, driver);
    }

    pub(super) fn with_a_block_left() {
        let (machine, driver) = io::boot();
        {
            let _entered = machine.enter();
            forget_a_block();
        }
        io::finish(machine, driver);
    }

    #[inline(never)]
    fn forget_a_block() {
        // SAFETY: nothing is asked of the caller.
        let block = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, 1) };
        assert!(!block.is_null());
    }

    pub(super) fn with_a_work_item_left() {
        let (machine, driver) = io::boot();
        {
            let _entered = machine.enter();
            let device = probe().device.lock().unwrap().expect("the probe has a device").0;
            // SAFETY: the probe's device.
            unsafe { IoAllocateWorkItem(device) };
        }
        io::finish(machine, driver);
    }

    pub(super) fn with_a_handle_left() {
        let (machine, _driver) = io::boot();
        let _file = open(&machine);
        machine.check_leaks(ntos::LeakScope::Shutdown);
    }

    pub(super) fn with_a_device_left() {
        let (machine, _driver) = io::boot();
        machine.check_leaks(ntos::LeakScope::Shutdown);
    }

    pub(super) fn with_a_link_left() {
        let (machine, _driver) = io::boot();
        {
            let _entered = machine.enter();
            io::delete_device();
        }
        machine.check_leaks(ntos::LeakScope::Shutdown);
    }

    pub(super) fn with_a_timer_left() {
        const FAR: i64 = -36_000_000_000;
        let machine = ntos::Machine::boot(ntos::Config::default());
        let _entered = machine.enter();
        let timer: *mut wsk_sys::KTIMER = Box::leak(Box::new(wsk_sys::KTIMER::ZERO));
        // SAFETY: memory that stays.
        unsafe { wsk_sys::KeInitializeTimerEx(timer, wsk_sys::NotificationTimer) };
        // SAFETY: initialised above, without a DPC.
        unsafe { wsk_sys::KeSetTimerEx(timer, FAR, 0, ptr::null_mut()) };
        machine.check_leaks(ntos::LeakScope::Shutdown);
    }

    pub(super) fn with_a_handle_of_a_thread_left() {
        unsafe extern "system" fn nothing(_: PVOID) {}
        let machine = ntos::Machine::boot(ntos::Config::default());
        let _entered = machine.enter();
        let (none, mut handle): (PVOID, PVOID) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a variable of this frame, and a routine that does nothing.
        unsafe {
            wsk_sys::PsCreateSystemThread(&raw mut handle, 0, none.cast(), none, none.cast(), nothing, none)
        };
        machine.check_leaks(ntos::LeakScope::Shutdown);
    }

    #[cfg(any(unix, windows))]
    pub(super) fn with_a_block_used_after_it_was_freed() {
        let (machine, _driver) = io::boot();
        let _entered = machine.enter();
        probe().handle(use_a_freed_block);
        open(&machine).device_io_control(BUFFERED, &[], &mut []);
    }

    #[cfg(any(unix, windows))]
    #[inline(never)]
    fn use_a_freed_block(irp: *mut IRP) -> NTSTATUS {
        // SAFETY: nothing is asked of the caller.
        let block = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, 1) };
        // SAFETY: allocated above.
        unsafe { ExFreePool(block) };
        // SAFETY: it is not, which is the point.
        unsafe { block.cast::<u8>().write_volatile(1) };
        complete(irp, STATUS_SUCCESS, 0)
    }

    pub(super) fn with_a_panic() {
        let (machine, _driver) = io::boot();
        let _entered = machine.enter();
        probe().handle(|_| panic_in_the_driver());
        open(&machine).device_io_control(BUFFERED, &[], &mut []);
    }

    #[inline(never)]
    fn panic_in_the_driver() -> ! {
        panic!("the driver's own words")
    }

    pub(super) fn with_a_panic_and_a_destructor_that_panics() {
        unsafe extern "system" fn panic(_device: *mut DEVICE_OBJECT, _context: PVOID) {
            struct Panics;
            impl Drop for Panics {
                fn drop(&mut self) {
                    panic!("another one");
                }
            }
            let _dropped = Panics;
            panic!("the driver's own words");
        }
        send_to_worker(panic);
    }

    pub(super) fn with_a_panic_and_a_destructor_in_the_kernel() {
        unsafe extern "system" fn panic(_device: *mut DEVICE_OBJECT, _context: PVOID) {
            struct Item(*mut wsk_sys::IO_WORKITEM);
            impl Drop for Item {
                fn drop(&mut self) {
                    // SAFETY: allocated below, and not queued.
                    unsafe { wsk_sys::IoFreeWorkItem(self.0) };
                }
            }
            let device = probe().device.lock().unwrap().expect("the probe has a device").0;
            // SAFETY: the probe's device.
            let _dropped = Item(unsafe { IoAllocateWorkItem(device) });
            panic!("the driver's own words");
        }
        send_to_worker(panic);
    }

    fn send_to_worker(routine: unsafe extern "system" fn(*mut DEVICE_OBJECT, PVOID)) {
        let (machine, _driver) = io::boot();
        let _entered = machine.enter();
        queue(routine);
        // The request goes on for longer than the machine.
        probe().handle(|irp| {
            mark_pending(irp);
            STATUS_PENDING
        });
        open(&machine).device_io_control(BUFFERED, &[], &mut []);
    }

    pub(super) fn with_handles_to_be_closed() {
        let (machine, driver) = io::boot();
        let _entered = machine.enter();
        let (one, two) = (open(&machine), open(&machine));
        probe().handle(no_irp);
        one.device_io_control(BUFFERED, &[], &mut []);
        drop((two, driver));
    }
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_rule_broken_in_a_dispatch_routine() {
    fails_alone("dispatch", &io_rules::NOT_AN_IRP, &["IoFreeIrp of an address that is no IRP"]);
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_rule_broken_in_another_thread_while_the_test_waits_for_the_driver() {
    fails_alone("worker", &io_rules::NOT_AN_IRP, &["IoFreeIrp of an address that is no IRP"]);
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_rule_broken_in_another_thread_while_the_test_is_not_in_the_kernel() {
    fails_alone("elsewhere", &io_rules::NOT_AN_IRP, &["IoFreeIrp of an address that is no IRP"]);
}

/// Requires that the test fails by the rule, and that the report of the leak names the functions that made what is left.
/// A program for Windows that has no debug information says that instead.
#[track_caller]
fn leaks(test: &str, rule: &Rule, what: &str, verb: &str, functions: &[&str]) {
    const NO_NAMES: &str = "(the program has no debug information that names the driver's functions)";
    let (_, said) = run(&format!("alone::{test}::"));
    if cfg!(windows) && said.contains(NO_NAMES) {
        return fails_alone(&format!("{test}::"), rule, &[what, NO_NAMES]);
    }
    let verb = format!(", {verb} by ");
    let words: Vec<&str> = [what, verb.as_str()].into_iter().chain(functions.iter().copied()).collect();
    fails_alone(&format!("{test}::"), rule, &words);
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_leak_names_who_made_what_is_left() {
    let irps = "1 IRPs left at shutdown";
    leaks("shutdown", &io_rules::IRP_LEAK, irps, "allocated", &["at_the_shutdown at "]);
    let blocks = "1 pool blocks left at shutdown";
    leaks("block", &rule::POOL_LEAK, blocks, "allocated", &["forget_a_block at ", "failing.rs:"]);
    let items = "1 work items left at shutdown";
    leaks("item", &rule::WORK_ITEM_LEAK, items, "allocated", &["with_a_work_item_left at "]);
    leaks(
        "handle",
        &io_rules::FILE_LEAK,
        "1 handles left at shutdown",
        "opened",
        &["with_a_handle_left at "],
    );
    leaks("device", &io_rules::DEVICE_LEAK, "1 devices left at shutdown", "created", &["create_device at "]);
    let links = "1 symbolic links left at shutdown";
    leaks("link", &io_rules::LINK_LEAK, links, "made", &["create_device at "]);
    let timers = "1 timers and DPCs left at shutdown";
    leaks("timer", &rule::TIMER_LEFT, timers, "set", &["with_a_timer_left at "]);
    let handles = "1 handles left at shutdown";
    leaks("thread", &rule::HANDLE_LEAK, handles, "opened", &["with_a_handle_of_a_thread_left at "]);
}

#[test]
#[cfg(any(unix, windows))]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_driver_that_uses_a_freed_block() {
    let words = [
        r"the dispatch routine of \Device\Probe for IRP #2 wrote to 0x",
        "0 bytes into pool block 0x",
        if cfg!(windows) { "" } else { "allocated by use_a_freed_block at " },
        if cfg!(windows) { "" } else { "freed by use_a_freed_block at " },
        if cfg!(windows) { "" } else { "it did that in use_a_freed_block at " },
    ];
    fails_alone("freed::", &rule::POOL_ACCESS_AFTER_FREE, &words);
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_driver_that_panics() {
    let words = [
        r"the dispatch routine of \Device\Probe for IRP #2 panicked: the driver's own words, at ",
        "failing.rs:",
        if cfg!(windows) { "" } else { "panic_in_the_driver at " },
    ];
    fails_alone("panic::", &rule::DRIVER_PANIC, &words);
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_driver_that_panics_and_whose_destructor_panics_or_calls_the_kernel() {
    let words = ["the routine of work item 0x", "panicked: the driver's own words, at "];
    fails_alone("panic_twice", &rule::DRIVER_PANIC, &words);
    fails_alone("panic_in_kernel", &rule::DRIVER_PANIC, &words);
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn tests_whose_drivers_panic_at_the_same_time() {
    let (output, said) = run_in("alone::", "8");
    assert_eq!(output.status.code(), Some(101), "{said}");
    assert!(said.contains("16 passed; 16 failed"), "{said}");
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_failing_test_leaves_its_handles_behind() {
    fails_alone("unwinding", &io_rules::NOT_AN_IRP, &["IoFreeIrp of an address that is no IRP"]);
}
