//! The second buffer of a request with `METHOD_IN_DIRECT` is the process' to read from: the driver does not write to it.
#![expect(unsafe_code, reason = "an entry point is called with raw pointers")]
#![allow(missing_docs, reason = "a test")]

use nt::{Passive, Result};
use nt_sys::{
    CTL_CODE, FILE_ANY_ACCESS, FILE_DEVICE_UNKNOWN, METHOD_IN_DIRECT, NTSTATUS, STATUS_INVALID_DEVICE_REQUEST,
};
use ntos::security::{GENERIC_READ, GENERIC_WRITE};
use ntos::{Config, Machine, Token};
use wdf::raw::{PCUNICODE_STRING, PDRIVER_OBJECT};
use wdf::{ControlDevice, Device, Driver, Request};

const WRITE: u32 = CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_IN_DIRECT, FILE_ANY_ACCESS);

struct Writer;

impl Driver for Writer {
    const DEVICE: ControlDevice = ControlDevice {
        name: &wdf::utf16(br"\Device\Writer"),
        link: &wdf::utf16(br"\DosDevices\Writer"),
        sddl: &wdf::utf16(b"D:P(A;;GA;;;SY)(A;;GA;;;BA)"),
    };
    type File = ();
    type Cancel = ();

    fn create(_: &Device<'_, Writer>, _: &Passive) -> Result<Writer> {
        Ok(Writer)
    }

    fn device_control(&self, mut request: Request<Writer>) {
        let written = request.write_output(&[1, 2]);
        request.complete(written);
    }
}

unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    // SAFETY: the system calls this once, with these arguments.
    unsafe { wdf::driver_entry::<Writer>(driver, path) }
}

#[test]
fn what_is_locked_for_reading_is_not_written() {
    let machine = Machine::boot(Config::default());
    let driver = kmdf::load(&machine, "writer", driver_entry).expect("it loads");
    let process = machine.process(Token::Administrator);
    let file = process.create_file(r"\\.\Writer", GENERIC_READ | GENERIC_WRITE).expect("it opens");
    let mut second = [7; 4];
    let refused = file.device_io_control(WRITE, &[], &mut second);
    assert_eq!(refused.status, STATUS_INVALID_DEVICE_REQUEST);
    assert_eq!(second, [7; 4]);
    drop(file);
    drop(process);
    driver.unload().expect("it unloads");
    machine.shutdown();
}
