//! Reads and writes from user mode: how their buffers reach the driver.
#![expect(unsafe_code, reason = "tests play the driver")]

use ntos::security::{GENERIC_READ, GENERIC_WRITE};
use ntos::{Config, Driver, Machine, Token, io_rules as rules};
use wsk_sys::{
    DRIVER_INITIALIZE, IRP, IRP_BUFFERED_IO, IRP_INPUT_OPERATION, IRP_MJ_READ, IRP_READ_OPERATION,
    IRP_WRITE_OPERATION, IoGetCurrentIrpStackLocation, MdlMappingNoExecute, MmGetSystemAddressForMdlSafe,
    NTSTATUS, NormalPagePriority, STATUS_ACCESS_DENIED, STATUS_CANCELLED, STATUS_END_OF_FILE,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use crate::io::csq::keep_in_line;
use crate::io::{
    Handler, PATH, boot, buffered_entry, complete, direct_entry, finish, neither_entry, open, probe,
    system_buffer, transfer,
};

fn boot_with(entry: DRIVER_INITIALIZE, handler: Handler) -> (Machine, Driver) {
    let machine = Machine::boot(Config::default());
    let driver = machine.load_driver("probe", entry).expect("the probe loads");
    let entered = machine.enter();
    probe().handle(handler);
    drop(entered);
    (machine, driver)
}

fn is_read(irp: *mut IRP) -> bool {
    // SAFETY: the IRP was sent to the driver.
    let location = unsafe { IoGetCurrentIrpStackLocation(irp) };
    // SAFETY: the IRP was sent to the driver.
    unsafe { (*location).MajorFunction == IRP_MJ_READ }
}

fn flags(irp: *mut IRP) -> u32 {
    // SAFETY: the IRP was sent to the driver.
    unsafe { (*irp).Flags }
}

/// Reads the low bytes of the offset, and of those behind it; a write must have brought the same.
fn serve(irp: *mut IRP, buffer: *mut u8) -> NTSTATUS {
    let parameters = transfer(irp);
    let length = parameters.Length as usize;
    if parameters.ByteOffset >= 1000 {
        return complete(irp, STATUS_END_OF_FILE, 0);
    }
    let expected = (parameters.ByteOffset..).take(length).map(|at| at.to_le_bytes()[0]);
    for (index, byte) in expected.enumerate() {
        let place = buffer.wrapping_add(index);
        if is_read(irp) {
            // SAFETY: within the buffer, of which the driver may write `Length` bytes.
            unsafe { place.write(byte) };
        } else {
            // SAFETY: within the buffer, of which the driver may read `Length` bytes.
            assert_eq!(unsafe { place.read() }, byte);
        }
    }
    complete(irp, STATUS_SUCCESS, length)
}

fn buffered(irp: *mut IRP) -> NTSTATUS {
    let length = transfer(irp).Length;
    let operation = if is_read(irp) { IRP_READ_OPERATION | IRP_INPUT_OPERATION } else { IRP_WRITE_OPERATION };
    if length != 0 {
        assert_eq!(flags(irp) & (operation | IRP_BUFFERED_IO), operation | IRP_BUFFERED_IO);
    }
    assert_eq!(system_buffer(irp).is_null(), length == 0);
    serve(irp, system_buffer(irp))
}

fn direct(irp: *mut IRP) -> NTSTATUS {
    assert!(system_buffer(irp).is_null());
    // SAFETY: the IRP was sent to the driver.
    let mdl = unsafe { (*irp).MdlAddress };
    if mdl.is_null() {
        assert_eq!(transfer(irp).Length, 0);
        return complete(irp, STATUS_SUCCESS, 0);
    }
    // SAFETY: the request's MDL.
    let address = unsafe { MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority | MdlMappingNoExecute) };
    serve(irp, address.cast())
}

fn neither(irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the IRP was sent to the driver.
    let mdl = unsafe { (*irp).MdlAddress };
    // SAFETY: the IRP was sent to the driver.
    let buffer = unsafe { (*irp).UserBuffer };
    assert!(mdl.is_null() && system_buffer(irp).is_null());
    serve(irp, buffer.cast())
}

#[test]
fn each_way_passes_the_bytes_and_the_offset() {
    let ways: [(DRIVER_INITIALIZE, Handler); 3] =
        [(buffered_entry, buffered), (direct_entry, direct), (neither_entry, neither)];
    for (entry, handler) in ways {
        let (machine, driver) = boot_with(entry, handler);
        let file = open(&machine);
        let mut buffer = [0; 5];
        assert_eq!(file.read(7, &mut buffer), (STATUS_SUCCESS, 5));
        assert_eq!(buffer, [7, 8, 9, 10, 11]);
        assert_eq!(file.write(250, &[250, 251, 252, 253, 254, 255, 0]), (STATUS_SUCCESS, 7));
        assert_eq!(file.read(1000, &mut buffer), (STATUS_END_OF_FILE, 0));
        assert_eq!(buffer, [7, 8, 9, 10, 11]);
        assert_eq!(file.read(0, &mut []), (STATUS_SUCCESS, 0));
        assert_eq!(file.write(0, &[]), (STATUS_SUCCESS, 0));
        file.close();
        finish(machine, driver);
    }
}

#[test]
fn a_handle_reads_and_writes_as_it_was_opened() {
    let (machine, driver) = boot_with(buffered_entry, buffered);
    let process = machine.process(Token::User);
    let reader = process.create_file(PATH, GENERIC_READ).expect("it opens");
    let writer = process.create_file(PATH, GENERIC_WRITE).expect("it opens");
    assert_eq!(reader.read(1, &mut [0]), (STATUS_SUCCESS, 1));
    assert_eq!(reader.write(1, &[1]), (STATUS_ACCESS_DENIED, 0));
    assert_eq!(writer.write(1, &[1]), (STATUS_SUCCESS, 1));
    assert_eq!(writer.read(1, &mut [0]), (STATUS_ACCESS_DENIED, 0));
    assert_eq!(reader.read(u64::MAX, &mut [0]), (STATUS_INVALID_PARAMETER, 0));
    let clone = reader.clone();
    reader.close();
    assert_eq!(clone.read(1, &mut [0]), (STATUS_INVALID_HANDLE, 0));
    drop((clone, writer));
    finish(machine, driver);
}

#[test]
fn a_read_waits_and_is_cancelled() {
    let (machine, driver) = boot_with(direct_entry, keep_in_line);
    let file = open(&machine);
    let read = file.begin_read(0, vec![1; 4]);
    assert!(!read.is_done());
    read.cancel();
    let completed = read.wait();
    assert_eq!((completed.status.0, completed.output), (STATUS_CANCELLED, vec![1; 4]));
    let write = file.begin_write(0, vec![1; 4]);
    file.cancel_all();
    assert_eq!(write.wait().status, STATUS_CANCELLED);
    file.close();
    finish(machine, driver);
}

#[test]
fn a_driver_without_reads_refuses_them() {
    let (machine, driver) = boot();
    let file = open(&machine);
    assert_eq!(file.read(0, &mut [0; 4]), (STATUS_INVALID_DEVICE_REQUEST, 0));
    assert_eq!(file.write(0, &[0; 4]), (STATUS_INVALID_DEVICE_REQUEST, 0));
    file.close();
    finish(machine, driver);
}

/// Runs a wrong driver's handler, for a read and a write of four bytes.
fn bug_check(entry: DRIVER_INITIALIZE, handler: Handler, reads: bool) -> ntos::BugCheck {
    let (machine, driver) = boot_with(entry, handler);
    let inner = machine.clone();
    let report = machine.catch_bug_check(move || {
        let file = open(&inner);
        if reads {
            file.read(0, &mut [0; 4]);
        } else {
            let _ = file.write(0, &[0; 4]);
        }
        driver.unload().expect("it unloads");
    });
    report.expect_err("a bug check")
}

#[test]
fn more_is_claimed_than_there_is() {
    let claims: Handler = |irp| complete(irp, STATUS_SUCCESS, 5);
    for reads in [true, false] {
        let report = bug_check(neither_entry, claims, reads);
        assert_eq!(report.rule, rules::INFORMATION_TOO_LARGE, "{report}");
        assert!(report.detail.contains("its buffer has 4 bytes"), "{report}");
    }
}

#[test]
fn a_read_gives_back_what_nobody_has_written() {
    let report = bug_check(buffered_entry, |irp| complete(irp, STATUS_SUCCESS, 4), true);
    assert_eq!(report.rule, rules::OUTPUT_NOT_WRITTEN, "{report}");
    assert!(report.detail.contains("IRP_MJ_READ of 4 bytes at 0x0"), "{report}");
}
