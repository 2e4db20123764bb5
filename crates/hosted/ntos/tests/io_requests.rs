//! Requests from user mode: opening, the four transfer methods, pending, cancelling, closing, dying.
#![expect(unsafe_code, reason = "the driver's side is written in terms of the kernel's C interface")]

use std::ptr;
use std::sync::{Mutex, mpsc};

use crate::io::{
    self, ACCESS, BUFFERED, LONG, PATH, SHORT, boot, complete, finish, mark_pending, open, parameters, probe,
};
use ntos::{Completed, Config, Machine, Token};
use wsk_sys::{
    CTL_CODE, DEVICE_OBJECT, DRIVER_OBJECT, FILE_ANY_ACCESS, FILE_READ_ACCESS, FILE_WRITE_ACCESS, IRP,
    IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IoGetCurrentProcess, IoGetRequestorProcessId,
    IoReleaseCancelSpinLock, IoSetCancelRoutine, MDL, METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_NEITHER,
    METHOD_OUT_DIRECT, MdlMappingNoExecute, MmGetMdlByteCount, MmGetSystemAddressForMdlSafe, NTSTATUS,
    NamedStatus, NormalPagePriority, PCUNICODE_STRING, STATUS_ACCESS_DENIED, STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_HANDLE,
    STATUS_IO_TIMEOUT, STATUS_NO_SUCH_DEVICE, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_PENDING, STATUS_SUCCESS,
};

const fn code(method: u32) -> u32 {
    CTL_CODE(0x8000, 0x801, method, FILE_ANY_ACCESS)
}

/// Completes with the input as output, one added to each byte.
fn echo_buffered(irp: *mut IRP) -> NTSTATUS {
    let parameters = parameters(irp);
    let length = parameters.InputBufferLength.min(parameters.OutputBufferLength) as usize;
    let buffer = io::system_buffer(irp);
    if length != 0 {
        // SAFETY: the system buffer is as long as the longer of both, and begins with the input.
        let bytes = unsafe { std::slice::from_raw_parts_mut(buffer, length) };
        for byte in bytes {
            *byte += 1;
        }
    }
    complete(irp, STATUS_SUCCESS, length)
}

fn mdl_of(irp: *mut IRP) -> *mut MDL {
    // SAFETY: the IRP was sent here.
    unsafe { (*irp).MdlAddress }
}

/// The bytes that an MDL describes.
fn mapped(mdl: *mut MDL) -> (*mut u8, usize) {
    // SAFETY: an MDL with locked pages, from the I/O manager.
    let address = unsafe { MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority | MdlMappingNoExecute) };
    // SAFETY: an MDL with locked pages, from the I/O manager.
    let length = unsafe { MmGetMdlByteCount(mdl) };
    (address.cast(), length as usize)
}

/// Adds the second buffer up, which it may only read, and returns the sum as Information.
fn sum_direct(irp: *mut IRP) -> NTSTATUS {
    let (address, length) = mapped(mdl_of(irp));
    // SAFETY: the MDL describes that many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(address, length) };
    let sum = bytes.iter().map(|byte| usize::from(*byte)).sum();
    complete(irp, STATUS_SUCCESS, sum)
}

/// Fills the second buffer with the first byte of the first.
fn fill_direct(irp: *mut IRP) -> NTSTATUS {
    let mdl = mdl_of(irp);
    if mdl.is_null() {
        return complete(irp, STATUS_BUFFER_TOO_SMALL, 0);
    }
    let (address, length) = mapped(mdl);
    // SAFETY: the input is at least one byte long.
    let value = unsafe { io::system_buffer(irp).read() };
    // SAFETY: the MDL describes that many bytes.
    unsafe { address.write_bytes(value, length) };
    complete(irp, STATUS_SUCCESS, length)
}

/// Copies from one user address to the other.
fn copy_neither(irp: *mut IRP) -> NTSTATUS {
    let parameters = parameters(irp);
    // SAFETY: the IRP was sent here.
    let output = unsafe { (*irp).UserBuffer };
    assert!(io::system_buffer(irp).is_null());
    let length = parameters.InputBufferLength as usize;
    // SAFETY: in this test the addresses are good, and in one address space.
    unsafe {
        ptr::copy_nonoverlapping(parameters.Type3InputBuffer.cast::<u8>(), output.cast::<u8>(), length);
    };
    complete(irp, STATUS_SUCCESS, length)
}

unsafe extern "system" fn cancel(_device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    // SAFETY: called with the cancel spin lock held, on a living IRP.
    let irql = unsafe { (*irp).CancelIrql };
    // SAFETY: the lock is held, for this routine to release.
    unsafe { IoReleaseCancelSpinLock(irql) };
    if probe().take(irp) {
        complete(irp, STATUS_CANCELLED, 0);
    }
}

/// Keeps the request until it is completed by the test or cancelled.
fn pend(irp: *mut IRP) -> NTSTATUS {
    mark_pending(irp);
    // SAFETY: the IRP was sent here.
    unsafe { IoSetCancelRoutine(irp, Some(cancel)) };
    probe().hold(irp);
    STATUS_PENDING
}

/// Completes the oldest request that `pend` keeps.
fn complete_held(status: NTSTATUS, information: usize) {
    let irp = probe().claim().expect("a request is held");
    complete(irp, status, information);
}

#[test]
fn buffered_output_comes_back_as_far_as_information_says() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    probe().handle(echo_buffered);
    let file = open(&machine);
    let mut output = [0xEE; 8];
    assert_eq!(file.device_io_control(BUFFERED, &[1, 2, 3], &mut output), (STATUS_SUCCESS, 3));
    assert_eq!(output, [2, 3, 4, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE]);
    assert_eq!(file.device_io_control(BUFFERED, &[], &mut []), (STATUS_SUCCESS, 0));
    drop(file);
    finish(machine, driver);
}

#[test]
fn the_system_buffer_is_not_zeroed_past_the_input() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    probe().handle(|irp| {
        // SAFETY: the system buffer has room for the output.
        let buffer = unsafe { std::slice::from_raw_parts(io::system_buffer(irp), 16) };
        assert_eq!(buffer[..4], [7; 4]);
        assert_ne!(buffer[4..], [0; 12]);
        complete(irp, STATUS_SUCCESS, 4)
    });
    assert_eq!(open(&machine).device_io_control(BUFFERED, &[7; 4], &mut [0; 16]), (STATUS_SUCCESS, 4));
    finish(machine, driver);
}

#[test]
fn output_comes_back_for_warnings_and_not_for_errors() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    let file = open(&machine);
    let mut output = [0; 4];
    probe().handle(|irp| complete(irp, STATUS_BUFFER_OVERFLOW, 4));
    assert_eq!(file.device_io_control(BUFFERED, &[5; 4], &mut output), (STATUS_BUFFER_OVERFLOW, 4));
    assert_eq!(output, [5; 4]);
    probe().handle(|irp| complete(irp, STATUS_BUFFER_TOO_SMALL, 100));
    assert_eq!(file.device_io_control(BUFFERED, &[6; 4], &mut output), (STATUS_BUFFER_TOO_SMALL, 100));
    assert_eq!(output, [5; 4]);
    drop(file);
    finish(machine, driver);
}

#[test]
fn direct_requests_reach_the_second_buffer_itself() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    let file = open(&machine);
    probe().handle(sum_direct);
    let sent = file.begin(code(METHOD_IN_DIRECT), vec![], vec![1, 0, 2, 0, 1]).wait();
    let output = vec![1, 0, 2, 0, 1];
    assert_eq!(sent, Completed { status: NamedStatus(STATUS_SUCCESS), information: 4, output });
    drop(file);
    finish(machine, driver);
}

#[test]
fn direct_output_needs_no_copy() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    let file = open(&machine);
    probe().handle(fill_direct);
    let mut output = [0; 5000];
    assert_eq!(file.device_io_control(code(METHOD_OUT_DIRECT), &[9], &mut output), (STATUS_SUCCESS, 5000));
    assert_eq!(output, [9; 5000]);
    let empty = file.device_io_control(code(METHOD_OUT_DIRECT), &[9], &mut []);
    assert_eq!(empty, (STATUS_BUFFER_TOO_SMALL, 0), "no buffer, no MDL");
    assert_eq!(machine.counters().mdls.live, 0);
    drop(file);
    finish(machine, driver);
}

#[test]
fn neither_gets_the_addresses() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    probe().handle(copy_neither);
    let mut output = [0; 4];
    let result = open(&machine).device_io_control(code(METHOD_NEITHER), &[1, 2, 3], &mut output);
    assert_eq!(result, (STATUS_SUCCESS, 3));
    assert_eq!(output, [1, 2, 3, 0]);
    finish(machine, driver);
}

#[test]
fn files_see_create_cleanup_and_close() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    let file = open(&machine);
    assert_eq!((machine.counters().files.live, machine.counters().irps.live), (1, 0));
    let clone = file.clone();
    drop(file);
    assert_eq!(probe().seen(), [IRP_MJ_CREATE], "a clone is the same handle");
    clone.clone().close();
    assert_eq!(probe().seen(), [IRP_MJ_CREATE, IRP_MJ_CLEANUP, IRP_MJ_CLOSE]);
    assert_eq!(clone.device_io_control(BUFFERED, &[], &mut []), (STATUS_INVALID_HANDLE, 0));
    assert_eq!(machine.counters().files.live, 0);
    finish(machine, driver);
}

#[test]
fn a_refused_create_has_no_cleanup_and_no_close() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    *probe().create.lock().unwrap() = STATUS_INVALID_DEVICE_REQUEST;
    let refused = machine.process(Token::User).create_file(PATH, ACCESS);
    assert_eq!(refused.err(), Some(NamedStatus(STATUS_INVALID_DEVICE_REQUEST)));
    assert_eq!(probe().seen(), [IRP_MJ_CREATE]);
    finish(machine, driver);
}

#[test]
fn names_that_are_not_there() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    let process = machine.process(Token::User);
    for path in [r"\\.\Probes", r"C:\Probe", "", r"\\.\"] {
        assert!(process.create_file(path, ACCESS).is_err(), "{path} opened");
    }
    let refused = process.create_file(r"\\.\Prob", ACCESS);
    assert_eq!(refused.err(), Some(NamedStatus(STATUS_OBJECT_NAME_NOT_FOUND)));
    assert!(process.create_file(r"\\.\pROBE\Some\File", ACCESS).is_ok(), "names have no case");
    finish(machine, driver);
}

#[test]
fn a_code_needs_the_access_that_it_says() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    let process = machine.process(Token::User);
    let reader = process.create_file(PATH, 0x8000_0000).expect("everyone may read");
    let reads = CTL_CODE(0x8000, 0x802, METHOD_BUFFERED, FILE_READ_ACCESS);
    let writes = CTL_CODE(0x8000, 0x802, METHOD_BUFFERED, FILE_WRITE_ACCESS);
    let both = CTL_CODE(0x8000, 0x802, METHOD_BUFFERED, FILE_READ_ACCESS | FILE_WRITE_ACCESS);
    for (code, expected) in
        [(reads, STATUS_SUCCESS), (writes, STATUS_ACCESS_DENIED), (both, STATUS_ACCESS_DENIED)]
    {
        assert_eq!(reader.device_io_control(code, &[], &mut []).status, expected, "{code:#x}");
    }
    let both_ways = process.create_file(PATH, ACCESS).expect("everyone may read and write");
    assert_eq!(both_ways.device_io_control(both, &[], &mut []).status, STATUS_SUCCESS);
    drop((reader, both_ways));
    finish(machine, driver);
}

#[test]
fn a_pending_request_completes_from_another_thread() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    probe().handle(pend);
    let file = open(&machine);
    let overlapped = file.begin(BUFFERED, vec![1, 2, 3, 4], vec![0; 4]);
    assert!(!overlapped.is_done());
    let overlapped = overlapped.wait_for(SHORT).expect_err("nobody has completed it");
    machine.spawn("completer", || complete_held(STATUS_SUCCESS, 4)).join().unwrap();
    let status = NamedStatus(STATUS_SUCCESS);
    let expected = Completed { status, information: 4, output: vec![1, 2, 3, 4] };
    assert_eq!(overlapped.wait_for(LONG).ok(), Some(expected));
    // The synchronous form waits.
    let other = machine.clone();
    let completer = machine.spawn("completer", move || {
        while probe().held() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(other.counters().irps.live, 1);
        complete_held(STATUS_BUFFER_OVERFLOW, 1);
    });
    assert_eq!(file.device_io_control(BUFFERED, &[9], &mut [0; 2]), (STATUS_BUFFER_OVERFLOW, 1));
    completer.join().unwrap();
    drop(file);
    finish(machine, driver);
}

#[test]
fn one_request_is_cancelled_or_all() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    probe().handle(pend);
    let (file, other) = (open(&machine), open(&machine));
    let requests: Vec<_> = (0..3).map(|_| file.begin(BUFFERED, vec![0; 4], vec![0; 4])).collect();
    let elsewhere = other.begin(BUFFERED, vec![0; 4], vec![0; 4]);
    requests[1].cancel();
    assert_eq!(requests.iter().map(ntos::Overlapped::is_done).collect::<Vec<_>>(), [false, true, false]);
    file.cancel_all();
    for request in requests {
        let completed = request.wait_for(LONG).expect("cancelled");
        assert_eq!(completed.io_status(), (STATUS_CANCELLED, 0));
    }
    assert!(!elsewhere.is_done(), "another handle's request");
    complete_held(STATUS_SUCCESS, 0);
    let completed = elsewhere.wait_for(LONG).expect("completed");
    assert_eq!(completed.status, STATUS_SUCCESS);
    drop((file, other));
    finish(machine, driver);
}

#[test]
fn cancelling_races_with_completing() {
    let rounds = if cfg!(miri) { 5 } else { 300 };
    let (machine, driver) = boot();
    let _entered = machine.enter();
    probe().handle(pend);
    let file = open(&machine);
    for _ in 0..rounds {
        let request = file.begin(BUFFERED, vec![0; 4], vec![0; 4]);
        let completer = machine.spawn("completer", || {
            if let Some(irp) = probe().claim() {
                complete(irp, STATUS_SUCCESS, 0);
            }
        });
        request.cancel();
        let status = request.wait_for(LONG).expect("completed or cancelled").status;
        assert!(status == STATUS_SUCCESS || status == STATUS_CANCELLED, "{status}");
        completer.join().unwrap();
    }
    drop(file);
    finish(machine, driver);
}

#[test]
fn closing_with_a_pending_request_defers_close_to_its_end() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    probe().handle(pend);
    let file = open(&machine);
    let request = file.begin(BUFFERED, vec![0; 4], vec![0; 4]);
    file.close();
    assert_eq!(probe().seen(), [IRP_MJ_CREATE, IRP_MJ_CLEANUP], "the request has a reference");
    assert!(!request.is_done(), "closing cancels nothing");
    assert_eq!(driver.unload_within(SHORT), Err(NamedStatus(STATUS_IO_TIMEOUT)), "the device is still open");
    complete_held(STATUS_SUCCESS, 0);
    assert_eq!(request.wait_for(LONG).expect("completed").status, STATUS_SUCCESS);
    let seen = probe();
    finish(machine, driver);
    assert_eq!(seen.seen(), [IRP_MJ_CREATE, IRP_MJ_CLEANUP, IRP_MJ_CLOSE]);
}

#[test]
fn a_killed_process_leaves_nothing() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    probe().handle(pend);
    let process = machine.process(Token::User);
    let first = process.create_file(PATH, ACCESS).expect("the probe opens");
    let second = process.create_file(PATH, ACCESS).expect("the probe opens");
    let requests =
        [first.begin(BUFFERED, vec![0; 4], vec![0; 4]), second.begin(BUFFERED, vec![0; 4], vec![0; 4])];
    let survivor = open(&machine);
    let waiting = machine.clone();
    let (sender, receiver) = mpsc::channel();
    let thread = machine.spawn("survivor", move || {
        let request = survivor.begin(BUFFERED, vec![0; 4], vec![0; 4]);
        sender.send(()).unwrap();
        assert_eq!(request.wait().status, STATUS_SUCCESS);
        assert_eq!(waiting.counters().files.live, 1);
    });
    receiver.recv().unwrap();
    process.clone().kill();
    for request in requests {
        assert_eq!(request.wait_for(LONG).expect("cancelled").status, STATUS_CANCELLED);
    }
    assert_eq!(first.device_io_control(BUFFERED, &[], &mut []).status, STATUS_INVALID_HANDLE);
    assert_eq!(process.create_file(PATH, ACCESS).err(), Some(NamedStatus(STATUS_INVALID_HANDLE)));
    assert_eq!(probe().held(), 1, "the other process' request");
    complete_held(STATUS_SUCCESS, 0);
    thread.join().unwrap();
    finish(machine, driver);
}

#[test]
fn a_process_dies_while_its_thread_waits() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    probe().handle(pend);
    let process = machine.process(Token::User);
    let file = process.create_file(PATH, ACCESS).expect("the probe opens");
    let thread = machine.spawn("waiter", move || file.device_io_control(BUFFERED, &[], &mut []));
    while probe().held() == 0 {
        std::thread::yield_now();
    }
    process.kill();
    assert_eq!(thread.join().unwrap(), (STATUS_CANCELLED, 0));
    finish(machine, driver);
}

/// A dispatch routine for creates that leaves them to another thread, as a framework's queues may.
unsafe extern "system" fn pend_create(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    pend(irp)
}

unsafe extern "system" fn pending_entry(driver: *mut DRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    // SAFETY: called with what this was called with.
    let status = unsafe { io::entry(driver, path) };
    io::set_major(driver, IRP_MJ_CREATE, pend_create);
    status
}

#[test]
fn a_create_may_pend() {
    let machine = Machine::boot(Config::default());
    let driver = machine.load_driver("probe", pending_entry).expect("it loads");
    let _entered = machine.enter();
    for status in [STATUS_SUCCESS, STATUS_ACCESS_DENIED] {
        let completer = machine.spawn("completer", move || {
            while probe().held() == 0 {
                std::thread::yield_now();
            }
            complete_held(status, 0);
        });
        let opened = machine.process(Token::User).create_file(PATH, ACCESS);
        assert_eq!(opened.err().unwrap_or(NamedStatus(STATUS_SUCCESS)), status);
        completer.join().unwrap();
    }
    finish(machine, driver);
}

static PROCESSES: Mutex<Vec<(u32, usize)>> = Mutex::new(Vec::new());

#[test]
fn requests_know_their_process() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    probe().handle(|irp| {
        // SAFETY: the IRP was sent here.
        let id = unsafe { IoGetRequestorProcessId(irp) };
        // SAFETY: nothing is asked of the caller.
        let process = unsafe { IoGetCurrentProcess() };
        PROCESSES.lock().unwrap().push((id, process.addr()));
        complete(irp, STATUS_SUCCESS, 0)
    });
    let (one, two) = (machine.process(Token::User), machine.system_process());
    for process in [&one, &two, &one] {
        let file = process.create_file(PATH, ACCESS).expect("the probe opens");
        file.device_io_control(BUFFERED, &[], &mut []);
    }
    let seen = PROCESSES.lock().unwrap().clone();
    assert_eq!(seen.iter().map(|entry| entry.0).collect::<Vec<_>>(), [one.id(), 4, one.id()]);
    assert_eq!(seen[0].1, seen[2].1);
    assert_ne!(seen[0].1, seen[1].1);
    finish(machine, driver);
}

#[test]
fn unload_waits_for_the_last_handle_and_refuses_new_ones() {
    let (machine, driver) = boot();
    let _entered = machine.enter();
    let file = open(&machine);
    assert_eq!(driver.unload_within(SHORT), Err(NamedStatus(STATUS_IO_TIMEOUT)));
    assert!(!*probe().unloaded.lock().unwrap());
    let refused = machine.process(Token::User).create_file(PATH, ACCESS);
    assert_eq!(refused.err(), Some(NamedStatus(STATUS_NO_SUCH_DEVICE)));
    let closer = machine.spawn("closer", move || {
        std::thread::sleep(SHORT);
        file.close();
    });
    let state = probe();
    driver.unload().expect("the handle was closed");
    closer.join().unwrap();
    assert!(*state.unloaded.lock().unwrap());
    machine.shutdown();
}

#[test]
fn a_driver_without_unload_stays() {
    let machine = Machine::boot(Config::default());
    let driver = machine.load_driver("probe", io::permanent_entry).expect("the probe loads");
    assert_eq!(format!("{:?}", driver.unload()), "Err(STATUS_INVALID_DEVICE_REQUEST (0xC0000010))");
    let _entered = machine.enter();
    assert_eq!(open(&machine).device_io_control(BUFFERED, &[], &mut []).status, STATUS_SUCCESS);
    io::delete_link();
    io::delete_device();
    machine.shutdown();
}
