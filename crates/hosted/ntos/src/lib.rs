//! A Windows kernel in user mode, in which drivers run unmodified.
//!
//! A driver names the kernel's functions as [`wsk_sys`] declares them; this crate supplies them, under their C names,
//! on any operating system. A test boots a [`Machine`], loads the driver into it, and talks to it as a process would.
//!
//! Strict by default: what the documentation forbids ends the machine with a [`BugCheck`] that names the [`Rule`] and
//! the object, where a real kernel would go on to behave in some undefined way. A driver that panics is reported in the same
//! way. Such a test fails, and the others of its program run on: see [`bugcheck`]. One that uses an address where nothing is
//! is reported, too, and ends the process. Every call that can fail is a
//! [fault point](fault). What the documentation leaves open is a question with several readings, of which a machine follows one:
//! [`Config::readings`] says which, `docs/fidelity.md` lists them.
//!
//! A driver, and a process that opens its device. For a driver of the framework's, `kmdf::load` takes the place of
//! [`Machine::load_driver`]; one that uses WSK has `netio::install` before it. `ntos`, `kmdf` and `netio` are short for the
//! packages `hosted-ntos`, `hosted-kmdf` and `hosted-netio`: `ntos = { package = "hosted-ntos", path = "..." }`.
//!
//! ```
//! use std::ptr;
//! use ntos::security::{GENERIC_READ, GENERIC_WRITE};
//! use ntos::{Config, Machine, Token};
//! use wsk_sys::*;
//!
//! const MAGIC: u32 = CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS);
//!
//! // What the driver's own crate would have.
//! unsafe extern "system" fn driver_entry(driver: *mut DRIVER_OBJECT, _: *const UNICODE_STRING) -> NTSTATUS {
//!     let (mut name, mut link) = (units(r"\Device\Mine"), units(r"\DosDevices\Mine"));
//!     let (name, link) = (string(&mut name), string(&mut link));
//!     unsafe {
//!         let mut device = ptr::null_mut();
//!         let status = IoCreateDevice(driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, 0, &mut device);
//!         if !NT_SUCCESS(status) {
//!             return status;
//!         }
//!         let status = IoCreateSymbolicLink(&link, &name);
//!         if !NT_SUCCESS(status) {
//!             IoDeleteDevice(device);
//!             return status;
//!         }
//!         for major in [IRP_MJ_CREATE, IRP_MJ_CLOSE, IRP_MJ_DEVICE_CONTROL] {
//!             (*driver).MajorFunction[usize::from(major)] = Some(dispatch);
//!         }
//!         (*driver).DriverUnload = Some(unload);
//!     }
//!     STATUS_SUCCESS
//! }
//!
//! unsafe extern "system" fn dispatch(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
//!     unsafe {
//!         (*irp).IoStatus.Status = STATUS_SUCCESS;
//!         (*irp).IoStatus.Information = 0;
//!         IofCompleteRequest(irp, IO_NO_INCREMENT); // without this line: IrpProcessingComplete
//!     }
//!     STATUS_SUCCESS
//! }
//!
//! unsafe extern "system" fn unload(driver: *mut DRIVER_OBJECT) {
//!     let mut link = units(r"\DosDevices\Mine");
//!     let link = string(&mut link);
//!     unsafe {
//!         IoDeleteSymbolicLink(&link);
//!         IoDeleteDevice((*driver).DeviceObject); // without this line: the unload names what is left
//!     }
//! }
//! # fn units(text: &str) -> Vec<u16> { text.encode_utf16().collect() }
//! # fn string(units: &mut [u16]) -> UNICODE_STRING {
//! #     let bytes = u16::try_from(units.len() * 2).unwrap();
//! #     UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: units.as_mut_ptr() }
//! # }
//!
//! // The test.
//! let machine = Machine::boot(Config::default());
//! let driver = machine.load_driver("mine", driver_entry).expect("it loads");
//! let process = machine.process(Token::Administrator);
//! let file = process.create_file(r"\\.\Mine", GENERIC_READ | GENERIC_WRITE).expect("it opens");
//! assert_eq!(file.device_io_control(MAGIC, b"", &mut []), (STATUS_SUCCESS, 0));
//! drop(file);
//! driver.unload().expect("it has a DriverUnload"); // looks for what the driver has left
//! machine.shutdown();
//! ```
//!
//! | module | contents |
//! |---|---|
//! | [`Machine`], [`bugcheck`], [`rule`], [`fault`], [`counters`], [`owner`] | the machine, its end, its rules, its leaks |
//! | [`irql`], [`spinlock`], [`lock_order`], [`event`], [`semaphore`], [`mutex`], [`fast_mutex`], [`mod@wait`], [`rundown`] | levels, locks, waits |
//! | [`dpc`], [`timer`], [`work_item`], [`thread`] | what runs when |
//! | [`lookaside`], [`slist`], [`interlocked`] | lists that several threads use |
//! | [`registry`] | keys and values, which a test sets, and the key of a driver's service |
//! | [`rtl`] | strings, numbers, times |
//! | [`pool`], [`mdl`], [`in_flight`] | memory, and which of it may not be freed yet |
//! | [`csq`], [`irp`], [`irp::log`], [`device`], [`driver`], [`security`] | the I/O manager |
//! | [`process`] | the user's side: `CreateFile`, `DeviceIoControl`, `ReadFile`, `WriteFile`, `CancelIoEx`, `CloseHandle` |
#![allow(non_snake_case, reason = "the kernel's functions and their parameters bear their C names")]
#![allow(
    clippy::missing_safety_doc,
    reason = "Microsoft's page of the same name is the contract of each exported function"
)]

mod cm;
mod ex;
mod io;
mod ke;
mod machine;
mod mm;
pub mod process;
mod ps;
pub mod rtl;
pub mod rule;
mod se;
mod sync;

pub use cm::registry;
pub use ex::{fast_mutex, interlocked, lookaside, pool, rundown, slist, work_item};
pub use io::{csq, device, driver, irp, shutdown};
pub use ke::{dpc, event, irql, lock_order, mutex, semaphore, spinlock, timer, wait};
pub use machine::{bugcheck, counters, debug, fault, owner, routine, stuck};
pub use mm::{in_flight, mdl, user_memory};
pub use ps::thread;
pub use rule::io as io_rules;
pub use se::security;

pub use bugcheck::{Broken, BugCheck, complain, violation};
pub use counters::{Count, Counters, Switches};
pub use driver::Driver;
pub use fault::Faults;
pub use irp::log::{IrpEvent, IrpEventKind};
pub use machine::{Config, Entered, Machine};
pub use owner::{LeakCheck, LeakScope, Owner};
pub use pool::SpecialPool;
pub use process::{Completed, File, IoStatus, Overlapped, Process, Token, token_of};
pub use readings::{self, Readings};
pub use registry::Registry;
pub use rule::Rule;
pub use wsk_sys::NamedStatus;
