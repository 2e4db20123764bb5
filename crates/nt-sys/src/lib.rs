//! Declarations of the part of the Windows NT kernel interface that drivers use. No `std`, no dependencies, no WDK.
//!
//! Everything bears its C name, so that Microsoft's pages are its documentation. Each function is declared once,
//! as an `extern "system"` item; whatever the program is linked with supplies it: `ntoskrnl.exe` in a driver, the
//! `hosted` crates in a test. There is no trait and no indirection between a caller and the kernel, so the code under
//! test is the code that ships.
//!
//! The C headers define some of these interfaces as inline functions or macros, which no binding generator
//! emits. They are here as `unsafe fn`s of the same name, such as [`IoSetCompletionRoutine`],
//! [`IoGetNextIrpStackLocation`] and [`MmGetSystemAddressForMdlSafe`].
//!
//! Sizes and field offsets of every structure are asserted at compile time (`layout.rs`), for 64-bit targets.
//!
//! | module | contents |
//! |---|---|
//! | [`base`] | integers, `NTSTATUS`, `UNICODE_STRING`, `LIST_ENTRY`, `GUID` |
//! | [`status`] | the `NTSTATUS` values, with their names |
//! | [`sync`] | `KEVENT`, `KTIMER`, `KSEMAPHORE`, `KMUTEX`, `FAST_MUTEX`, `KDPC`, spin locks |
//! | [`list`] | sequenced lists, lookaside lists |
//! | [`csq`] | cancel-safe queues of IRPs |
//! | [`registry`] | keys and values of the registry |
//! | [`rtl`] | strings of bytes, times by the calendar |
//! | [`irp`], [`mdl`], [`object`] | I/O manager structures and their inlines |
//! | [`ntoskrnl`] | functions exported by `ntoskrnl.exe` |
#![no_std]
#![allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    reason = "everything bears its C name"
)]
#![allow(
    clippy::missing_safety_doc,
    clippy::upper_case_acronyms,
    clippy::struct_field_names,
    reason = "Microsoft's page of the same name is the contract"
)]
#![allow(unsafe_code, reason = "this crate is the foreign function interface")]

pub mod base;
pub mod csq;
pub mod irp;
pub mod layout;
pub mod list;
pub mod mdl;
pub mod ntoskrnl;
pub mod object;
pub mod registry;
pub mod rtl;
pub mod status;
pub mod sync;

pub use base::*;
pub use csq::*;
pub use irp::*;
pub use list::*;
pub use mdl::*;
pub use ntoskrnl::*;
pub use object::*;
pub use registry::*;
pub use rtl::*;
pub use status::*;
pub use sync::*;
