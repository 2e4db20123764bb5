//! A safe layer over the Kernel-Mode Driver Framework (KMDF), for drivers that have a control device.
//!
//! A driver implements [`Driver`], and types for what its handles and its requests in flight have; it writes no unsafe code
//! but its entry point. The framework's callbacks are this crate's: it makes the contexts of the framework's objects before
//! anybody can reach them, and drops them when nobody can any more. A [`Request`] is completed once: what completes it takes
//! it.
//!
//! It is built over Windows' framework, with the feature `kernel` (the crate `wdk-sys`), or over that of `hosted-kmdf`, a
//! framework in user mode, with the feature `hosted`, the default. The driver's source is the same.
//!
//! | module | contents |
//! |---|---|
//! | [`driver`] | [`Driver`] and [`driver_entry`] |
//! | [`device`] | [`Device`]: the control device, while the driver is made |
//! | [`mod@file`] | [`File`]: what a handle has; [`FileRef`] |
//! | [`request`] | [`Request`], its buffers, its completion |
//! | [`in_flight`] | [`InFlight`]: a request that goes on after the call; [`Cancel`] |
//! | [`work_item`] | [`WorkItem`] |
//! | [`raw`] | the framework's own names |
//!
//! # Example
//!
//! A driver that tells how often it was asked. `crates/wdf/examples/echo.rs` has buffers, direct I/O, and requests that
//! are cancelled or completed by a work item. `ntos` and `kmdf` are the packages `hosted-ntos` and `hosted-kmdf`.
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use nt::{Error, Passive, Result};
//! use nt_sys::{CTL_CODE, FILE_ANY_ACCESS, FILE_DEVICE_UNKNOWN, METHOD_BUFFERED, NTSTATUS};
//! use wdf::raw::{PCUNICODE_STRING, PDRIVER_OBJECT};
//! use wdf::{ControlDevice, Device, Driver, Request};
//!
//! const COUNT: u32 = CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS);
//!
//! struct Counter(AtomicU32);
//!
//! impl Driver for Counter {
//!     const DEVICE: ControlDevice = ControlDevice {
//!         name: &wdf::utf16(br"\Device\Counter"),
//!         link: &wdf::utf16(br"\DosDevices\Counter"),
//!         sddl: &wdf::utf16(b"D:P(A;;GA;;;SY)(A;;GA;;;BA)"),
//!     };
//!     type File = ();
//!     type Cancel = ();
//!
//!     fn create(_: &Device<'_, Counter>, _: &Passive) -> Result<Counter> {
//!         Ok(Counter(AtomicU32::new(0)))
//!     }
//!
//!     fn device_control(&self, mut request: Request<Counter>) {
//!         let result = match request.code() {
//!             COUNT => request.write_output(&self.0.fetch_add(1, Ordering::Relaxed).to_ne_bytes()),
//!             _ => Err(Error::INVALID_DEVICE_REQUEST),
//!         };
//!         request.complete(result);
//!     }
//! }
//!
//! // In a driver: with `#[unsafe(export_name = "DriverEntry")]`.
//! unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
//!     // SAFETY: the system calls this once, with these arguments.
//!     unsafe { wdf::driver_entry::<Counter>(driver, path) }
//! }
//!
//! // The test.
//! use ntos::security::{GENERIC_READ, GENERIC_WRITE};
//!
//! let machine = ntos::Machine::boot(ntos::Config::default());
//! let driver = kmdf::load(&machine, "counter", driver_entry).expect("it loads");
//! let process = machine.process(ntos::Token::Administrator);
//! let file = process.create_file(r"\\.\Counter", GENERIC_READ | GENERIC_WRITE).expect("it opens");
//! let mut count = [0xFF; 4];
//! file.device_io_control(COUNT, &[], &mut count);
//! assert_eq!(count, [0; 4]);
//! drop(file);
//! driver.unload().expect("it unloads");
//! # drop(process);
//! machine.shutdown();
//! ```
#![no_std]

#[cfg(not(any(feature = "kernel", feature = "hosted")))]
compile_error!("choose a framework: the feature `hosted` (the default) or `kernel`");

mod context;
pub mod device;
pub mod driver;
pub mod file;
pub mod in_flight;
#[cfg(feature = "kernel")]
mod layout;
pub mod raw;
pub mod request;
pub mod work_item;

pub use device::Device;
pub use driver::{ControlDevice, Driver, driver_entry};
pub use file::{File, FileRef};
pub use in_flight::{Cancel, InFlight, Outcome, Refused};
pub use request::{Request, Uncompleted};
pub use work_item::{WorkItem, enqueue_raw};

/// A text of ASCII in UTF-16, for the names of a [`ControlDevice`].
///
/// # Panics
/// A character is not ASCII: at compile time, in a constant.
#[must_use]
pub const fn utf16<const N: usize>(text: &[u8; N]) -> [u16; N] {
    assert!(text.is_ascii(), "not ASCII");
    let mut units = [0; N];
    let mut index = 0;
    while index < N {
        units[index] = text[index] as u16;
        index += 1;
    }
    units
}
