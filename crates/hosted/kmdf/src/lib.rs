//! The Kernel-Mode Driver Framework (KMDF) for a non-PnP driver with control devices, in user mode.
//!
//! The crate root offers what a driver takes from crate `wdk_sys`, under the same names: types, constants, and the macro
//! [`call_unsafe_wdf_function_binding!`]. So the same driver source compiles against either. A test loads the driver
//! with [`load`] into a machine of crate `ntos`, and talks to it as a process would.
//!
//! The framework is strict if the machine is: what the framework's verifier reports on Windows by a break into the
//! debugger is a bug check here, which names the [rule](rules) and the object. Handles are numbers that are looked up in
//! a table, and never used twice; so a stale handle is always found out. What the documentation leaves open is a question with
//! several readings, of which one is followed: `ntos::Config::readings` says which, `docs/fidelity.md` lists them.
//!
//! ```
//! # use std::ptr;
//! use kmdf::{
//!     _WDF_DRIVER_INIT_FLAGS, _WDF_IO_QUEUE_DISPATCH_TYPE, DRIVER_OBJECT, NT_SUCCESS, NTSTATUS, PCUNICODE_STRING,
//!     STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, WDF_DRIVER_CONFIG, WDF_IO_QUEUE_CONFIG, WDF_NO_OBJECT_ATTRIBUTES,
//!     WDFQUEUE, WDFREQUEST, call_unsafe_wdf_function_binding as wdf,
//! };
//! use ntos::security::{GENERIC_READ, GENERIC_WRITE};
//! use ntos::{Config, Machine, Token};
//! use wsk_sys::{CTL_CODE, FILE_ANY_ACCESS, FILE_DEVICE_UNKNOWN, METHOD_BUFFERED};
//!
//! const MAGIC: u32 = CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS);
//!
//! // What the driver's own crate would have.
//! unsafe extern "system" fn driver_entry(object: *mut DRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
//!     let mut config = WDF_DRIVER_CONFIG {
//!         Size: size_of::<WDF_DRIVER_CONFIG>() as u32,
//!         DriverInitFlags: _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNonPnpDriver as u32,
//!         EvtDriverUnload: Some(unload),
//!         ..Default::default()
//!     };
//!     let (mut driver, mut device) = (ptr::null_mut(), ptr::null_mut());
//!     unsafe {
//!         let status = wdf!(WdfDriverCreate, object, path, WDF_NO_OBJECT_ATTRIBUTES, &mut config, &mut driver);
//!         if !NT_SUCCESS(status) {
//!             return status;
//!         }
//!         let mut init = wdf!(WdfControlDeviceInitAllocate, driver, &string("D:P(A;;GA;;;SY)(A;;GA;;;BA)"));
//!         if init.is_null() {
//!             return STATUS_INSUFFICIENT_RESOURCES;
//!         }
//!         let mut status = wdf!(WdfDeviceInitAssignName, init, &string(r"\Device\Mine"));
//!         if NT_SUCCESS(status) {
//!             status = wdf!(WdfDeviceCreate, &mut init, WDF_NO_OBJECT_ATTRIBUTES, &mut device);
//!         }
//!         if !NT_SUCCESS(status) {
//!             wdf!(WdfDeviceInitFree, init);
//!             return status;
//!         }
//!         let mut config = WDF_IO_QUEUE_CONFIG {
//!             Size: size_of::<WDF_IO_QUEUE_CONFIG>() as u32,
//!             DispatchType: _WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchSequential,
//!             DefaultQueue: 1,
//!             EvtIoDeviceControl: Some(device_control),
//!             ..Default::default()
//!         };
//!         let mut queue = ptr::null_mut();
//!         let status = wdf!(WdfIoQueueCreate, device, &mut config, WDF_NO_OBJECT_ATTRIBUTES, &mut queue);
//!         if !NT_SUCCESS(status) {
//!             return status;
//!         }
//!         let status = wdf!(WdfDeviceCreateSymbolicLink, device, &string(r"\DosDevices\Mine"));
//!         if NT_SUCCESS(status) {
//!             wdf!(WdfControlFinishInitializing, device); // without this line: a rule of the framework's is broken
//!         }
//!         status
//!     }
//! }
//!
//! unsafe extern "C" fn device_control(_: WDFQUEUE, request: WDFREQUEST, _: usize, _: usize, _: u32) {
//!     unsafe { wdf!(WdfRequestComplete, request, STATUS_SUCCESS) };
//! }
//!
//! unsafe extern "C" fn unload(_: kmdf::WDFDRIVER) {}
//!
//! # /// A string for the driver's life.
//! # fn string(text: &str) -> kmdf::UNICODE_STRING {
//! #     let units: Vec<u16> = text.encode_utf16().collect();
//! #     let bytes = u16::try_from(units.len() * 2).unwrap();
//! #     kmdf::UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: units.leak().as_mut_ptr() }
//! # }
//! // The test.
//! let machine = Machine::boot(Config::default());
//! let driver = kmdf::load(&machine, "mine", driver_entry).expect("it loads");
//! let process = machine.process(Token::Administrator);
//! let file = process.create_file(r"\\.\Mine", GENERIC_READ | GENERIC_WRITE).expect("it opens");
//! assert_eq!(file.device_io_control(MAGIC, b"", &mut []), (STATUS_SUCCESS, 0));
//! drop(file);
//! driver.unload().expect("it unloads"); // deletes what the driver has made
//! machine.shutdown();
//! ```
//!
//! # The parts
//!
//! Each part may use those above it in this table, and no other:
//!
//! | part | what it is |
//! |---|---|
//! | `types` | the C types of the framework |
//! | `status` | the framework's own `NTSTATUS` values |
//! | `kernel` | what the framework uses of the kernel: IRPs and events |
//! | `platform` | what no kernel export offers: in the hosted kernel, and in Wine's |
//! | [`rules`] | the rules of the framework, and the report of a broken one |
//! | `object` | objects, whatever their kind: handles, references, contexts, callbacks; the drivers that are bound |
//! | `string`, `locks`, `memory`, `file` | WDFSTRING; WDFSPINLOCK and WDFWAITLOCK; WDFMEMORY; WDFFILEOBJECT |
//! | `request` | WDFREQUEST: its phases, its completion, its buffers |
//! | `queue` | WDFQUEUE: its state and its dispatch loop; cancellation; forwarding |
//! | `device` | WDFDEVICE: its description, the driver's dispatch routine, which queue gets which request |
//! | `deferred` | WDFWORKITEM, WDFTIMER and WDFDPC |
//! | `driver` | WDFDRIVER |
//! | `table` | the function table, and binding a driver to it |
//! | `hosted` | loading a driver into a test's machine |
//!
//! `object` knows no kind of object: a kind gives its operations and the name of its handles when an object is created.
//! Where a lower part has to call a higher one, it has a trait that the higher one implements: `request` and `queue` see
//! of the device only that. What a function refuses is an error up to the function that the driver called, which reports
//! it; what a callback of the driver's breaks is reported where the callback was called.
//!
//! Everything the framework needs of the kernel it calls by the exports that `wsk-sys` declares, except for the few things
//! in `platform`. Without the feature `hosted` these few are Wine's, and the crate makes a `wdfldr.sys` for it.
#![no_std]
#![allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    reason = "types, functions and their parameters bear their C names"
)]
#![allow(
    clippy::missing_safety_doc,
    clippy::upper_case_acronyms,
    clippy::struct_field_names,
    reason = "Microsoft's page of the same name is the contract of each function and structure"
)]
#![allow(
    clippy::pub_underscore_fields,
    clippy::used_underscore_items,
    clippy::used_underscore_binding,
    reason = "bindgen gives such names to tags and padding"
)]

extern crate alloc;

mod deferred;
mod device;
mod driver;
mod file;
#[cfg(feature = "hosted")]
mod hosted;
mod kernel;
mod locks;
mod memory;
mod object;
mod platform;
mod queue;
mod request;
pub mod rules;
mod status;
mod string;
mod table;
mod types;

#[cfg(feature = "hosted")]
pub use hosted::{check_requests_completed, load, owned_requests, set_refused_creates_open, set_wait_limit};
pub use status::*;
pub use table::bind::{WdfVersionBind, WdfVersionUnbind};
pub use table::functions;
pub use table::{FUNCTION_COUNT, FUNCTIONS, IMPLEMENTED, NAMES};
pub use types::*;
pub use types::{SIZE_T, ULONG_PTR};
pub use wsk_sys::base::*;
pub use wsk_sys::irp::*;
pub use wsk_sys::mdl::*;
pub use wsk_sys::object::*;
pub use wsk_sys::status::*;
pub use wsk_sys::sync::*;

/// The kernel's functions, which `wdk_sys` has in a module of this name.
pub mod ntddk {
    pub use wsk_sys::ntoskrnl::*;
}

/// No attributes: everything is inherited, and there is no context.
pub const WDF_NO_OBJECT_ATTRIBUTES: PWDF_OBJECT_ATTRIBUTES = core::ptr::null_mut();
/// No callback.
pub const WDF_NO_EVENT_CALLBACK: PVOID = core::ptr::null_mut();
/// No handle.
pub const WDF_NO_HANDLE: PVOID = core::ptr::null_mut();
/// No context.
pub const WDF_NO_CONTEXT: PVOID = core::ptr::null_mut();

/// The globals of the driver that the calling thread runs, or null where only the framework can tell.
#[doc(hidden)]
#[must_use]
pub fn __driver_globals() -> PWDF_DRIVER_GLOBALS {
    platform::current_driver().map_or(core::ptr::null_mut(), core::ptr::without_provenance_mut)
}

/// Calls a framework function by its name, without the globals, which the macro passes.
///
/// It expands to the call of an `unsafe` function.
#[macro_export]
macro_rules! call_unsafe_wdf_function_binding {
    ($function:ident $(, $argument:expr)* $(,)?) => {
        $crate::functions::$function($crate::__driver_globals() $(, $argument)*)
    };
}
