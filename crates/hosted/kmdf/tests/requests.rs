//! What requests answer: their buffers, their completion, and what is left of one that is completed.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{
    self, HOLD, LIMIT, Made, NEITHER, Opened, Options, SPECIAL, WORK, boot_lenient, succeeds_on, trace, wdf,
};
use kmdf::{
    STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
    WDF_OBJECT_ATTRIBUTES, WDFOBJECT, WDFREQUEST,
};
use ntos::{IoStatus, Machine};

fn send(options: Options, code: u32, input: &[u8], output: &mut [u8]) -> IoStatus {
    let test = Opened::new(options);
    let outcome = test.file.device_io_control(code, input, output);
    test.end();
    outcome
}

fn special(special: fn(&Made, WDFREQUEST)) -> Options {
    Options { special: Some(special), ..Options::default() }
}

#[test]
fn a_control_without_output_may_report_how_much_of_its_input_was_used() {
    let all = special(|_, request| wdf::complete_with(request, STATUS_SUCCESS, 5));
    assert_eq!(send(all, SPECIAL, b"input", &mut []), (STATUS_SUCCESS, 5));
}

#[test]
fn buffers_that_are_a_process_s_own_are_not_handed_out() {
    assert_eq!(send(Options::default(), NEITHER, b"x", &mut [0]).status, STATUS_INVALID_DEVICE_REQUEST);
    let mdls = special(|_, request| {
        assert_eq!(wdf::input_mdl(request), Err(STATUS_INVALID_DEVICE_REQUEST));
        assert_eq!(wdf::output_mdl(request), Err(STATUS_INVALID_DEVICE_REQUEST));
        wdf::complete(request, STATUS_SUCCESS);
    });
    assert_eq!(send(mdls, NEITHER, b"x", &mut [0]).status, STATUS_SUCCESS);
}

#[test]
fn a_copied_buffer_has_one_mdl_until_the_request_is_completed() {
    let options = special(|_, request| {
        let (mdl, bytes) = wdf::input_mdl(request).expect("there is input");
        assert_eq!(bytes, b"input");
        assert_eq!(wdf::input_mdl(request), Ok((mdl, bytes.clone())));
        assert_eq!(wdf::output_mdl(request), Ok((mdl, bytes)), "the same, with the length of the first");
        wdf::complete(request, STATUS_SUCCESS);
    });
    // Ends the machine, too, which looks for MDLs that are left.
    assert_eq!(send(options, SPECIAL, b"input", &mut [0; 9]).status, STATUS_SUCCESS);
    let empty = special(|_, request| {
        assert_eq!(wdf::input_mdl(request), Err(STATUS_BUFFER_TOO_SMALL));
        wdf::complete(request, STATUS_SUCCESS);
    });
    assert_eq!(send(empty, SPECIAL, b"", &mut [0; 4]).status, STATUS_SUCCESS);
}

#[test]
fn unmarking_a_request_that_its_cancel_callback_completed_says_that_it_is_gone() {
    let test = Opened::on(
        boot_lenient(),
        Options {
            cancelled: Some(|request| wdf::complete(request, STATUS_CANCELLED)),
            work: Some(|made, _| {
                let held = wdf::with_lock(made.lock, || wdf::take_held(made.device));
                trace(format!("{:#x}", wdf::unmark(held)));
                wdf::dereference(held.cast());
            }),
            ..Options::default()
        },
    );
    let held = test.begin(HOLD);
    held.cancel();
    assert_eq!(held.wait_for(LIMIT).expect("cancelled").status, STATUS_CANCELLED);
    assert_eq!(test.send(WORK), STATUS_SUCCESS);
    test.wait_for(&format!("{STATUS_INVALID_DEVICE_REQUEST:#x}"));
    test.end();
}

#[test]
fn unmarking_what_is_not_marked_is_cancelled_without_the_verifier() {
    let special = |_: &Made, request| {
        assert_eq!(wdf::unmark(request), STATUS_CANCELLED);
        wdf::complete(request, STATUS_SUCCESS);
    };
    succeeds_on(common::boot_lenient(), special);
}

#[test]
fn a_create_in_its_callback_is_in_no_queue() {
    let creating = |request| trace(format!("{:?}", wdf::request_queue(request)));
    let test = Opened::on(boot_lenient(), Options { creating: Some(creating), ..Options::default() });
    assert!(test.taken().contains(&format!("{:?}", std::ptr::null::<u8>())));
    test.end();
}

/// The handle of the memory that [`gives_back`] gives back.
#[derive(Default)]
struct Kept(AtomicUsize);

extern "C" fn gives_back(_child: WDFOBJECT) {
    // Relaxed: stored by this thread.
    let memory = Machine::current().extension(Kept::default).0.load(Ordering::Relaxed);
    wdf::dereference(std::ptr::without_provenance_mut(memory));
}

#[test]
fn a_cleanup_callback_may_still_give_back_the_request_s_memory() {
    let options = special(|_, request| {
        let memory = wdf::input_memory(request).expect("there is input");
        wdf::reference(memory.cast());
        Machine::current().extension(Kept::default).0.store(memory.addr(), Ordering::Relaxed);
        let mut attributes =
            WDF_OBJECT_ATTRIBUTES { EvtCleanupCallback: Some(gives_back), ..wdf::child_of(request.cast()) };
        wdf::object_create(&mut attributes).expect("a child");
        wdf::complete(request, STATUS_SUCCESS);
    });
    assert_eq!(send(options, SPECIAL, b"input", &mut []).status, STATUS_SUCCESS);
}

#[test]
fn memory_of_the_driver_s_own_may_outlive_its_request() {
    let options = special(|_, request| {
        let memory = wdf::memory_under(request.cast(), 8).expect("memory");
        wdf::reference(memory.cast());
        wdf::complete(request, STATUS_SUCCESS);
        assert_eq!(wdf::memory_write(memory, 0, &mut [1; 8]), STATUS_SUCCESS);
        wdf::dereference(memory.cast());
    });
    assert_eq!(send(options, SPECIAL, b"", &mut []).status, STATUS_SUCCESS);
}
