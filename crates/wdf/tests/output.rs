//! The output of a buffered request: what lies between two pieces of it, and how much of it is told.
#![expect(unsafe_code, reason = "an entry point is called with raw pointers")]
#![allow(missing_docs, reason = "a test")]

use nt::{Passive, Result, dispatch_drop};
use nt_sys::{CTL_CODE, FILE_ANY_ACCESS, FILE_DEVICE_UNKNOWN, METHOD_BUFFERED, NTSTATUS, STATUS_SUCCESS};
use ntos::security::{GENERIC_READ, GENERIC_WRITE};
use ntos::{Completed, Config, Machine, Token};
use wdf::raw::{PCUNICODE_STRING, PDRIVER_OBJECT};
use wdf::{ControlDevice, Device, Driver, File, Request};

/// Writes pieces that leave a gap, and tells more than all of them.
const PIECES: u32 = code(0x800);
/// Writes how the handle looks in a log.
const HANDLE: u32 = code(0x801);

const fn code(function: u32) -> u32 {
    CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, FILE_ANY_ACCESS)
}

struct Writer;

#[derive(Debug)]
struct Handle(u32);

dispatch_drop!(Handle(number));

impl File<Writer> for Handle {
    fn create(_: &Writer) -> Result<Handle> {
        Ok(Handle(7))
    }
}

impl Driver for Writer {
    const DEVICE: ControlDevice = ControlDevice {
        name: &wdf::utf16(br"\Device\Pieces"),
        link: &wdf::utf16(br"\DosDevices\Pieces"),
        sddl: &wdf::utf16(b"D:P(A;;GA;;;SY)(A;;GA;;;BA)"),
    };
    type File = Handle;
    type Cancel = ();

    fn create(_: &Device<'_, Writer>, _: &Passive) -> Result<Writer> {
        Ok(Writer)
    }

    fn device_control(&self, mut request: Request<Writer>) {
        let result = if request.code() == PIECES {
            pieces(&mut request)
        } else {
            let text = format!("{:?}", request.file());
            request.write_output(text.as_bytes())
        };
        request.complete(result);
    }
}

fn pieces(request: &mut Request<Writer>) -> Result<usize> {
    for (offset, piece) in [(0, b"ab"), (1, b"cd"), (5, b"ef"), (2, b"gh")] {
        request.write_output_at(offset, piece)?;
    }
    Ok(100)
}

unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    // SAFETY: the system calls this once, with these arguments.
    unsafe { wdf::driver_entry::<Writer>(driver, path) }
}

/// What a request with this input comes to.
fn completed(code: u32, input: &[u8], room: usize) -> Completed {
    let machine = Machine::boot(Config::default());
    let driver = kmdf::load(&machine, "pieces", driver_entry).expect("it loads");
    let process = machine.process(Token::Administrator);
    let file = process.create_file(r"\\.\Pieces", GENERIC_READ | GENERIC_WRITE).expect("it opens");
    let completed = file.begin(code, input.to_vec(), vec![0xAA; room]).wait();
    drop(file);
    drop(process);
    driver.unload().expect("it unloads");
    machine.shutdown();
    completed
}

#[test]
fn what_is_not_written_is_zero_and_what_lies_behind_is_not_told() {
    // The buffer has the input at first.
    let completed = completed(PIECES, b"0123456789", 10);
    assert_eq!(completed.io_status(), (STATUS_SUCCESS, 7));
    assert_eq!(completed.output, *b"acgh\0ef\xAA\xAA\xAA");
}

#[test]
fn a_reference_to_a_file_looks_like_the_file() {
    let completed = completed(HANDLE, &[], 100);
    assert_eq!(&completed.output[..completed.information], b"Handle(7)");
}
