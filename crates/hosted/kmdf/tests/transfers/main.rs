//! Reads, writes and internal device controls: their handlers, their buffers, and queues for one type of request.

#[path = "../common/mod.rs"]
mod common;
mod creates;
mod dispatching;
mod sender;

use common::{ECHO, Made, Options, Rig, boot_lenient, bug_check, trace, wdf};
use kmdf::{
    _WDF_DEVICE_IO_TYPE as IoType, _WDF_REQUEST_TYPE as RequestType, NTSTATUS, STATUS_BUFFER_TOO_SMALL,
    STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, WDF_IO_QUEUE_CONFIG, WDFQUEUE,
    WDFREQUEST, rules,
};
use sender::{
    Ended, OFFSET, below, cancelled_internal_control, flags, internal_control, read, remember, write,
    write_of_a_process,
};
use wsk_sys::{DO_BUFFERED_IO, DO_DIRECT_IO};

/// A driver whose default queue has these handlers.
fn driver(handlers: fn(&mut WDF_IO_QUEUE_CONFIG)) -> Options {
    Options { handlers: Some(handlers), entry: Some(remember), ..Options::default() }
}

/// Runs a test as a thread of the kernel, and looks for leaks.
fn on(rig: Rig, test: impl FnOnce(&Rig)) {
    let entered = rig.machine.enter();
    test(&rig);
    drop(entered);
    rig.end();
}

/// What the driver's handlers saw since the last call.
fn handled(rig: &Rig) -> Vec<String> {
    rig.taken().into_iter().filter(|seen| seen.starts_with("EvtIo")).collect()
}

fn every(config: &mut WDF_IO_QUEUE_CONFIG) {
    config.EvtIoRead = Some(on_read);
    config.EvtIoWrite = Some(on_write);
    config.EvtIoInternalDeviceControl = Some(on_internal);
}

/// Writes as many letters as there is room for, four at most.
extern "C" fn on_read(_queue: WDFQUEUE, request: WDFREQUEST, length: usize) {
    let parameters = wdf::parameters(request, 0x28);
    assert_eq!(parameters.Type, RequestType::WdfRequestTypeRead);
    let (transfer, offset) = wdf::transfer_parameters(&parameters);
    trace(format!("EvtIoRead {length} {transfer} {offset:#x}"));
    assert_eq!(wdf::input(request, 0), Err(STATUS_INVALID_DEVICE_REQUEST), "a read has no input");
    let letters = &b"read"[..length.min(4)];
    match wdf::write_output(request, letters) {
        Ok(()) => wdf::complete_with(request, STATUS_SUCCESS, letters.len()),
        Err(status) => wdf::complete(request, status),
    }
}

extern "C" fn on_write(_queue: WDFQUEUE, request: WDFREQUEST, length: usize) {
    let parameters = wdf::parameters(request, 0x28);
    assert_eq!(parameters.Type, RequestType::WdfRequestTypeWrite);
    let (transfer, offset) = wdf::transfer_parameters(&parameters);
    assert_eq!((transfer, offset), (length, OFFSET));
    assert_eq!(wdf::output(request, 0), Err(STATUS_INVALID_DEVICE_REQUEST), "a write has no output");
    match wdf::input(request, length) {
        Ok(bytes) => {
            trace(format!("EvtIoWrite {length} {}", String::from_utf8_lossy(&bytes)));
            wdf::complete_with(request, STATUS_SUCCESS, length);
        }
        Err(status) => {
            trace(format!("EvtIoWrite {length} {status:#x}"));
            wdf::complete(request, status);
        }
    }
}

/// Writes its input, reversed.
extern "C" fn on_internal(_queue: WDFQUEUE, request: WDFREQUEST, output: usize, input: usize, code: u32) {
    let parameters = wdf::parameters(request, 0x28);
    assert_eq!(parameters.Type, RequestType::WdfRequestTypeDeviceControlInternal);
    assert_eq!(wdf::control_parameters(&parameters), (output, input, code));
    trace(format!("EvtIoInternalDeviceControl {output} {input} {code:#x}"));
    let result = wdf::input(request, 1).and_then(|mut bytes| {
        bytes.reverse();
        wdf::write_output(request, &bytes)
    });
    match result {
        Ok(()) => wdf::complete_with(request, STATUS_SUCCESS, input),
        Err(status) => wdf::complete(request, status),
    }
}

extern "C" fn on_any(_queue: WDFQUEUE, request: WDFREQUEST) {
    trace(format!("EvtIoDefault {}", wdf::parameters(request, 0x28).Type));
    wdf::complete(request, STATUS_SUCCESS);
}

fn ended(status: NTSTATUS, information: usize, output: &[u8]) -> Ended {
    Ended { status, information, output: output.to_vec() }
}

#[test]
fn reads_and_writes_pass_their_buffers_as_the_device_says() {
    for (io, flag) in
        [(IoType::WdfDeviceIoBuffered, DO_BUFFERED_IO), (IoType::WdfDeviceIoDirect, DO_DIRECT_IO)]
    {
        on(Rig::new(Options { io, ..driver(every) }), |rig| {
            assert_eq!(flags(below()) & (DO_BUFFERED_IO | DO_DIRECT_IO), flag);
            assert_eq!(read(below(), 6).wait(), ended(STATUS_SUCCESS, 4, b"read\0\0"));
            assert_eq!(read(below(), 2).wait(), ended(STATUS_SUCCESS, 2, b"re"));
            assert_eq!(write(below(), b"to you").wait(), ended(STATUS_SUCCESS, 6, b""));
            let seen = [format!("EvtIoRead 6 6 {OFFSET:#x}"), format!("EvtIoRead 2 2 {OFFSET:#x}")];
            assert_eq!(handled(rig), [&seen[..], &["EvtIoWrite 6 to you".to_owned()]].concat());
        });
    }
}

#[test]
fn buffers_of_neither_kind_are_handed_out_to_the_kernel_only() {
    let neither = || Options { io: IoType::WdfDeviceIoNeither, ..driver(every) };
    on(Rig::new(neither()), |_| {
        assert_eq!(read(below(), 4).wait(), ended(STATUS_SUCCESS, 4, b"read"));
        assert_eq!(write(below(), b"x").wait(), ended(STATUS_SUCCESS, 1, b""));
    });
    on(Rig::on(boot_lenient(), neither()), |_| {
        assert_eq!(write_of_a_process(below(), b"x").wait(), ended(STATUS_INVALID_DEVICE_REQUEST, 0, b""));
    });
    let report = bug_check(neither(), |_| drop(write_of_a_process(below(), b"x")));
    common::assert_rule(&report, &rules::USER_BUFFER, "WDFREQUEST");
}

#[test]
fn reads_and_writes_by_address_are_found_in_the_senders_context() {
    fn asks(device: kmdf::WDFDEVICE, request: WDFREQUEST) {
        let lengths = [wdf::unsafe_input(request, 1), wdf::unsafe_output(request, 1)];
        trace(format!("EvtIo {:?}", lengths.map(|found| found.map(|buffer| buffer.length))));
        wdf::enqueue(device, request).expect("the queue takes it");
    }
    let neither = || Options { io: IoType::WdfDeviceIoNeither, in_caller: Some(asks), ..driver(every) };
    on(Rig::new(neither()), |rig| {
        let refused = STATUS_INVALID_DEVICE_REQUEST;
        assert_eq!(read(below(), 4).wait(), ended(STATUS_SUCCESS, 4, b"read"));
        assert!(handled(rig).contains(&format!("EvtIo [Err({refused}), Ok(4)]")));
        assert_eq!(write(below(), b"x").wait(), ended(STATUS_SUCCESS, 1, b""));
        assert!(handled(rig).contains(&format!("EvtIo [Ok(1), Err({refused})]")));
    });
    // Those of other kinds are not by address.
    let buffered = Options { in_caller: Some(asks), ..driver(every) };
    let report = bug_check(buffered, |_| drop(write(below(), b"four")));
    common::assert_rule(&report, &rules::UNSAFE_BUFFER, "write of 4 bytes");
}

#[test]
fn an_internal_control_has_its_buffers_where_the_method_has_them() {
    on(Rig::new(driver(every)), |rig| {
        for method in
            [kmdf::METHOD_BUFFERED, kmdf::METHOD_IN_DIRECT, kmdf::METHOD_OUT_DIRECT, kmdf::METHOD_NEITHER]
        {
            let code = kmdf::CTL_CODE(0x8057, 0x900, method, 0);
            let sent = internal_control(below(), code, b"abc", 4);
            assert_eq!(sent.wait(), ended(STATUS_SUCCESS, 3, b"cba\0"), "{method}");
            assert_eq!(handled(rig), [format!("EvtIoInternalDeviceControl 4 3 {code:#x}")]);
            let sent = internal_control(below(), code, b"", 1);
            assert_eq!(sent.wait(), ended(STATUS_BUFFER_TOO_SMALL, 0, &[0]));
            rig.taken();
        }
    });
}

#[test]
fn a_control_that_was_cancelled_before_it_arrives_is_presented_unless_it_has_to_wait() {
    fn stopped(made: &Made) -> NTSTATUS {
        wdf::queue_stop(made.queue, None);
        remember(made)
    }
    on(Rig::new(driver(|config| config.EvtIoInternalDeviceControl = Some(on_internal))), |rig| {
        let sent = cancelled_internal_control(below(), ECHO);
        assert_eq!(sent.wait().status, STATUS_BUFFER_TOO_SMALL, "what the handler says");
        assert_eq!(handled(rig), [format!("EvtIoInternalDeviceControl 0 0 {ECHO:#x}")]);
    });
    let waits = Options { entry: Some(stopped), ..driver(every) };
    on(Rig::new(waits), |rig| {
        assert_eq!(cancelled_internal_control(below(), ECHO).wait().status, STATUS_CANCELLED);
        assert!(handled(rig).is_empty());
    });
}

#[test]
fn children_of_a_request_are_destroyed_before_its_irp_is_completed() {
    extern "C" fn destroyed(_object: kmdf::WDFOBJECT) {
        trace("child destroyed");
    }
    extern "C" fn with_child(_queue: WDFQUEUE, request: WDFREQUEST, _length: usize) {
        let mut attributes = kmdf::WDF_OBJECT_ATTRIBUTES {
            EvtDestroyCallback: Some(destroyed),
            ..wdf::child_of(request.cast())
        };
        wdf::object_create(&mut attributes).expect("a child");
        wdf::complete(request, STATUS_SUCCESS);
    }
    on(Rig::new(driver(|config| config.EvtIoWrite = Some(with_child))), |rig| {
        assert_eq!(write(below(), b"x").wait().status, STATUS_SUCCESS);
        let (child, irp) = common::indices(&rig.taken(), "child destroyed", "the IRP is completed");
        assert!(child < irp);
    });
}

#[test]
fn transfers_of_nothing_succeed_unseen_unless_the_queue_wants_them() {
    on(Rig::new(driver(every)), |rig| {
        assert_eq!(read(below(), 0).wait(), ended(STATUS_SUCCESS, 0, b""));
        assert_eq!(write(below(), b"").wait(), ended(STATUS_SUCCESS, 0, b""));
        assert!(handled(rig).is_empty());
    });
    on(Rig::new(driver(|_| ())), |_| {
        // Nobody is there to succeed for.
        assert_eq!(read(below(), 0).wait(), ended(STATUS_INVALID_DEVICE_REQUEST, 0, b""));
        assert_eq!(write(below(), b"").wait(), ended(STATUS_INVALID_DEVICE_REQUEST, 0, b""));
    });
    let wants = |config: &mut WDF_IO_QUEUE_CONFIG| {
        every(config);
        config.AllowZeroLengthRequests = 1;
    };
    on(Rig::new(driver(wants)), |rig| {
        // A buffer of no bytes is none.
        assert_eq!(read(below(), 0).wait(), ended(STATUS_BUFFER_TOO_SMALL, 0, b""));
        assert_eq!(write(below(), b"").wait(), ended(STATUS_BUFFER_TOO_SMALL, 0, b""));
        let seen = [format!("EvtIoRead 0 0 {OFFSET:#x}"), "EvtIoWrite 0 0xc0000023".to_owned()];
        assert_eq!(handled(rig), seen);
    });
}

#[test]
fn without_a_handler_the_default_handler_has_it_or_nobody() {
    on(Rig::new(driver(|_| ())), |rig| {
        assert_eq!(read(below(), 1).wait(), ended(STATUS_INVALID_DEVICE_REQUEST, 0, &[0]));
        assert_eq!(write(below(), b"x").wait(), ended(STATUS_INVALID_DEVICE_REQUEST, 0, b""));
        let sent = internal_control(below(), ECHO, b"x", 1);
        assert_eq!(sent.wait(), ended(STATUS_INVALID_DEVICE_REQUEST, 0, b"x"));
        assert!(handled(rig).is_empty());
    });
    on(Rig::new(driver(|config| config.EvtIoDefault = Some(on_any))), |rig| {
        assert_eq!(read(below(), 1).wait(), ended(STATUS_SUCCESS, 0, &[0]));
        assert_eq!(write(below(), b"x").wait(), ended(STATUS_SUCCESS, 0, b""));
        assert_eq!(internal_control(below(), ECHO, b"x", 1).wait(), ended(STATUS_SUCCESS, 0, b"x"));
        assert_eq!(handled(rig), ["EvtIoDefault 3", "EvtIoDefault 4", "EvtIoDefault 15"]);
    });
}

#[test]
fn more_than_was_transferred_cannot_be_reported() {
    extern "C" fn too_much(_queue: WDFQUEUE, request: WDFREQUEST, length: usize) {
        wdf::complete_with(request, STATUS_SUCCESS, length + 1);
    }
    let handlers = |config: &mut WDF_IO_QUEUE_CONFIG| {
        config.EvtIoRead = Some(too_much);
        config.EvtIoWrite = Some(too_much);
    };
    let report = bug_check(driver(handlers), |_| drop(read(below(), 3)));
    common::assert_rule(&report, &rules::INFORMATION, "read of 3 bytes");
    let report = bug_check(driver(handlers), |_| drop(write(below(), b"ab")));
    common::assert_rule(&report, &rules::INFORMATION, "write of 2 bytes");
}

#[test]
fn a_read_that_waits_can_be_cancelled() {
    extern "C" fn waits(queue: WDFQUEUE, request: WDFREQUEST, _length: usize) {
        let made = wdf::made(wdf::queue_device(queue));
        wdf::forward(request, made.manual).expect("the manual queue takes it");
    }
    on(Rig::new(driver(|config| config.EvtIoRead = Some(waits))), |_| {
        let (first, second) = (read(below(), 1), read(below(), 1));
        assert!(!first.is_done() && !second.is_done());
        second.cancel();
        assert_eq!(second.wait(), ended(kmdf::STATUS_CANCELLED, 0, &[0]));
        assert!(!first.is_done());
        first.cancel();
        assert_eq!(first.wait(), ended(kmdf::STATUS_CANCELLED, 0, &[0]));
    });
}
