//! Buffers that a process passes by address: a driver that sees its requests in their sender's context, locks what they
//! point to, and serves them later, elsewhere.

use crate::common::wdf::UserBuffer;
use crate::common::{
    self, ECHO, LIMIT, Opened, Options, RELEASE, Rig, SPECIAL, boot, boot_lenient, trace, wdf,
};
use kmdf::{
    CTL_CODE, METHOD_NEITHER, NTSTATUS, STATUS_ACCESS_VIOLATION, STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_USER_BUFFER, STATUS_SUCCESS,
    STATUS_WDF_BUSY, WDFDEVICE, WDFQUEUE, WDFREQUEST,
};
use ntos::{Config, Machine, NamedStatus, io_rules};

/// Returns its input, reversed.
const REVERSE: u32 = CTL_CODE(0x8057, 0x820, METHOD_NEITHER, 0);
/// As that, when another thread sends [`RELEASE`].
const LATER: u32 = CTL_CODE(0x8057, 0x821, METHOD_NEITHER, 0);

fn code_of(request: WDFREQUEST) -> u32 {
    let size = u16::try_from(size_of::<kmdf::WDF_REQUEST_PARAMETERS>()).expect("it is small");
    wdf::control_parameters(&wdf::parameters(request, size)).2
}

/// Locks both buffers and keeps them with the request.
fn lock(request: WDFREQUEST) -> Result<(), NTSTATUS> {
    let input = wdf::unsafe_input(request, 1)?;
    let output = wdf::unsafe_output(request, input.length)?;
    let input = wdf::lock_to_read(request, input)?;
    wdf::set_memories(request, [input, wdf::lock_to_write(request, output)?]);
    Ok(())
}

/// Locks what must be, and lets every request go on; completes one for which that fails.
fn preprocess(device: WDFDEVICE, request: WDFREQUEST) {
    let locked = if matches!(code_of(request), REVERSE | LATER) { lock(request) } else { Ok(()) };
    if let Err(status) = locked.and_then(|()| wdf::enqueue(device, request)) {
        wdf::complete(request, status);
    }
}

fn reverse(request: WDFREQUEST) {
    let [input, output] = wdf::memories(request);
    let mut bytes = wdf::memory_bytes(input);
    bytes.reverse();
    assert_eq!(wdf::memory_write(output, 0, &mut bytes), STATUS_SUCCESS);
    wdf::complete_with(request, STATUS_SUCCESS, bytes.len());
}

extern "C" fn control(queue: WDFQUEUE, request: WDFREQUEST, output: usize, input: usize, code: u32) {
    let made = wdf::made(wdf::queue_device(queue));
    match code {
        REVERSE => reverse(request),
        LATER => wdf::forward(request, made.manual).expect("the manual queue takes it"),
        RELEASE => {
            match wdf::retrieve_next(made.manual) {
                Ok(next) => reverse(next),
                Err(status) => return wdf::complete(request, status),
            }
            wdf::complete(request, STATUS_SUCCESS);
        }
        _ => common::control(queue, request, output, input, code),
    }
}

fn driver() -> Options {
    Options {
        handlers: Some(|config| config.EvtIoDeviceControl = Some(control)),
        in_caller: Some(preprocess),
        ..Options::default()
    }
}

/// A driver whose callback is this.
fn asking(in_caller: fn(WDFDEVICE, WDFREQUEST)) -> Options {
    Options { in_caller: Some(in_caller), ..driver() }
}

/// Sends a request to a driver whose callback is this; its status.
fn ask(in_caller: fn(WDFDEVICE, WDFREQUEST), input: &[u8], output: usize) -> NamedStatus {
    let test = Opened::new(asking(in_caller));
    let status = test.file.device_io_control(REVERSE, input, &mut vec![0; output]).status;
    test.end();
    status
}

#[test]
fn locked_buffers_are_served_by_the_queue() {
    let test = Opened::new(driver());
    test.taken();
    let mut output = *b"......";
    assert_eq!(test.file.device_io_control(REVERSE, b"abc", &mut output), (STATUS_SUCCESS, 3));
    assert_eq!(&output, b"cba...");
    assert_eq!(test.taken(), ["EvtIoInCallerContext", "cleanup WDFREQUEST"]);
    test.end();
}

#[test]
fn locked_buffers_are_served_by_another_thread() {
    let test = Opened::new(driver());
    let request = test.file.begin(LATER, b"abc".to_vec(), vec![0; 3]);
    let other = test.file.clone();
    let release = test.machine.spawn("other", move || other.device_io_control(RELEASE, b"", &mut []).status);
    assert_eq!(release.join().expect("the request is sent"), STATUS_SUCCESS);
    let completed = request.wait_for(LIMIT).expect("it was released");
    assert_eq!(completed.status, STATUS_SUCCESS);
    assert_eq!(completed.output, b"cba");
    test.end();
}

#[test]
fn every_kind_of_request_is_seen_first() {
    let rig = Rig::new(driver());
    let file = rig.open();
    assert!(!rig.taken().contains(&"EvtIoInCallerContext".to_owned()), "a create is not");
    let mut output = [0; 2];
    assert_eq!(file.device_io_control(ECHO, b"ok", &mut output), (STATUS_SUCCESS, 2));
    assert_eq!(&output, b"ok");
    assert_eq!(rig.taken()[0], "EvtIoInCallerContext");
    file.close();
    assert!(!rig.taken().contains(&"EvtIoInCallerContext".to_owned()), "nor a cleanup or close");
    rig.end();
}

#[test]
fn a_request_that_waits_with_locked_buffers_can_be_cancelled() {
    let rig = Rig::new(driver());
    let file = rig.open();
    let request = file.begin(LATER, b"abc".to_vec(), vec![0; 3]);
    request.cancel();
    assert_eq!(request.wait().status, STATUS_CANCELLED);
    file.close();
    // Which looks for MDLs that are left.
    rig.end();
}

#[test]
fn the_callback_may_complete_the_request() {
    let refuse = |_, request| wdf::complete(request, STATUS_INVALID_DEVICE_REQUEST);
    assert_eq!(ask(refuse, b"abc", 3), STATUS_INVALID_DEVICE_REQUEST);
}

#[test]
fn short_and_empty_buffers() {
    assert_eq!(ask(preprocess, b"", 3), STATUS_BUFFER_TOO_SMALL);
    assert_eq!(ask(preprocess, b"abc", 2), STATUS_BUFFER_TOO_SMALL);
    let nothing = |_, request| {
        let none = UserBuffer { address: std::ptr::null_mut(), length: 0 };
        assert_eq!((wdf::unsafe_input(request, 0), wdf::unsafe_output(request, 0)), (Ok(none), Ok(none)));
        wdf::complete(request, STATUS_SUCCESS);
    };
    assert_eq!(ask(nothing, b"", 0), STATUS_SUCCESS);
    let no_bytes = |_, request| {
        let input = wdf::unsafe_input(request, 0).expect("there is one");
        let status = wdf::lock_to_read(request, UserBuffer { length: 0, ..input }).err();
        assert_eq!(status, Some(STATUS_INVALID_USER_BUFFER));
        wdf::complete(request, STATUS_SUCCESS);
    };
    assert_eq!(ask(no_bytes, b"abc", 0), STATUS_SUCCESS);
}

#[test]
fn only_memory_of_the_process_can_be_locked() {
    let beyond = |_, request| {
        let input = wdf::unsafe_input(request, 0).expect("there is one");
        let longer = UserBuffer { length: input.length + 1, ..input };
        assert_eq!(wdf::lock_to_read(request, longer).err(), Some(STATUS_ACCESS_VIOLATION));
        let endless = UserBuffer { length: usize::MAX, ..input };
        assert_eq!(wdf::lock_to_write(request, endless).err(), Some(STATUS_ACCESS_VIOLATION));
        let mut own = [0_u8; 4];
        let own = UserBuffer { address: own.as_mut_ptr().cast(), length: own.len() };
        assert_eq!(wdf::lock_to_write(request, own).err(), Some(STATUS_ACCESS_VIOLATION));
        // A part is as good as the whole, and twice is not too often.
        let part = UserBuffer { length: 1, ..input };
        assert!(wdf::lock_to_read(request, part).is_ok() && wdf::lock_to_read(request, part).is_ok());
        wdf::complete(request, STATUS_SUCCESS);
    };
    assert_eq!(ask(beyond, b"abc", 0), STATUS_SUCCESS);
}

#[test]
fn another_thread_cannot_lock_the_senders_memory() {
    fn elsewhere(_device: WDFDEVICE, request: WDFREQUEST) {
        let input = wdf::unsafe_input(request, 0).expect("there is one");
        let (request, address) = (common::Handle::new(request.cast()), common::Handle::new(input.address));
        let locked = Machine::current().spawn("elsewhere", move || {
            let input = UserBuffer { address: address.get(), length: 1 };
            wdf::lock_to_read(request.get().cast(), input).err()
        });
        assert_eq!(locked.join().expect("it returns"), Some(STATUS_ACCESS_VIOLATION));
        wdf::complete(request.get().cast(), STATUS_SUCCESS);
    }
    assert_eq!(ask(elsewhere, b"abc", 0), STATUS_SUCCESS);
}

#[test]
fn a_queue_that_accepts_nothing_leaves_the_request_with_the_driver() {
    fn busy(device: WDFDEVICE, request: WDFREQUEST) {
        let made = wdf::made(device);
        wdf::queue_purge(made.queue, None);
        assert_eq!(wdf::enqueue(device, request), Err(STATUS_WDF_BUSY));
        wdf::queue_start(made.queue);
        assert_eq!(wdf::enqueue(device, request), Ok(()));
    }
    let test = Opened::new(asking(busy));
    assert_eq!(test.file.device_io_control(ECHO, b"ok", &mut [0; 2]), (STATUS_SUCCESS, 2));
    test.end();
}

#[test]
fn a_lenient_machine_answers_as_windows_does() {
    let test = Opened::on(
        boot_lenient(),
        Options {
            special: Some(|made, request| {
                // Not in its sender's context any more, and not passed by address.
                assert_eq!(wdf::enqueue(made.device, request), Err(STATUS_INVALID_DEVICE_REQUEST));
                assert_eq!(wdf::unsafe_input(request, 0).err(), Some(STATUS_INVALID_DEVICE_REQUEST));
                wdf::complete(request, STATUS_SUCCESS);
            }),
            ..driver()
        },
    );
    assert_eq!(test.file.device_io_control(SPECIAL, b"x", &mut [0]).status, STATUS_SUCCESS);
    test.end();
}

#[test]
fn a_lenient_machine_refuses_to_write_what_was_locked_to_be_read() {
    let options = asking(|_, request| {
        let input = wdf::unsafe_input(request, 1).expect("there is one");
        let memory = wdf::lock_to_read(request, input).expect("it is the process' own");
        assert_eq!(wdf::memory_write(memory, 0, &mut [0]), STATUS_ACCESS_VIOLATION);
        wdf::complete(request, STATUS_SUCCESS);
    });
    let test = Opened::on(boot_lenient(), options);
    assert_eq!(test.file.device_io_control(REVERSE, b"x", &mut []).status, STATUS_SUCCESS);
    test.end();
}

#[test]
fn a_request_forgotten_in_the_callback_is_named() {
    let config = Config { hang_limit: std::time::Duration::from_millis(50), ..Config::default() };
    let machine = Machine::boot(config);
    let inside = machine.clone();
    let report = machine.catch_bug_check(move || {
        let test = Opened::on(inside, asking(|_, _| trace("forgotten")));
        drop(test.file.begin(REVERSE, b"x".to_vec(), vec![]));
        assert_eq!(kmdf::owned_requests(&test.machine).len(), 1);
        test.end();
    });
    let report = report.expect_err("the driver cannot be unloaded");
    common::assert_rule(&report, &io_rules::UNLOAD_STUCK, "since EvtIoInCallerContext, of WDFDEVICE");
}

#[test]
fn each_step_can_run_out_of_memory() {
    let mut failed = Vec::new();
    for n in 0..200 {
        let test = Opened::on(boot(), driver());
        test.machine.faults().fail_nth(n);
        let status = test.file.device_io_control(REVERSE, b"abc", &mut [0; 3]).status;
        let fired = test.machine.faults().fired();
        test.machine.faults().disarm();
        test.end();
        let Some(what) = fired else {
            assert_eq!(status, STATUS_SUCCESS);
            for what in ["WdfRequestProbeAndLockUserBufferForRead", "MmProbeAndLockPages"] {
                assert!(failed.contains(&what), "{what} is a fault point, of {failed:?}");
            }
            return;
        };
        assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES, "{what}");
        failed.push(what);
    }
    panic!("more fault points than expected: {failed:?}");
}
