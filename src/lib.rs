//! `wskdrv`: a Windows kernel-mode driver that performs control operations on Winsock Kernel datagram sockets.
//!
//! User mode opens `\\.\WskDrv`; each handle is one socket, and each I/O control code of [`wskdrv_abi`] is one
//! request of it. Nothing in the driver waits for WSK: a request becomes an operation in flight, and a work item
//! completes it when the operation has finished.
//!
//! ```text
//!  EvtIoDeviceControl      dispatch ─ decode ─▶ job ── wsk ──▶ WskControlSocket, WskBind, ...
//!                                                │                          │ IRP completes
//!  EvtRequestCancel ───────────────────── cancels│                          ▼
//!  EvtWorkItem             complete ◀── CompletionQueue ◀── completion routine (MORE_PROCESSING_REQUIRED)
//!  EvtFileCleanup          file: closes the socket, which cancels what is pending
//!
//!  WskReceiveFromEvent     inbox ─▶ ring ─▶ a drain that waits is woken, and goes to the CompletionQueue
//! ```
//!
//! | module | what it owns |
//! |---|---|
//! | `device` | `DriverEntry`, the control device, unload |
//! | `driver` | the driver's state: registration with WSK, completion queue, counters |
//! | `file` | a handle: its socket and the socket's state |
//! | `dispatch`, `decode`, `many` | from an I/O control code to an operation in flight |
//! | `wdf_request`, `job` | a WDF request while its operation flies; who completes it |
//! | `batch` | a request with several operations: a receive |
//! | `datagrams` | the list of datagrams in a request's output |
//! | `complete` | from a finished operation to a completed request |
//! | `inbox`, `ring`, `switch` | a socket's queue of datagrams, filled by WSK's event and drained by requests |
//! | `wdf`, `context` | KMDF's names, typed contexts |
//!
//! The crate is the same for every kernel it runs in. With the feature `kernel` it is linked against Windows, with
//! `hosted`, the default, against the user-mode kernel of `crates/hosted`.
#![no_std]

#[cfg(all(feature = "kernel", feature = "hosted"))]
compile_error!("the features `kernel` and `hosted` exclude each other: add --no-default-features");
#[cfg(not(any(feature = "kernel", feature = "hosted")))]
compile_error!("choose a kernel: the feature `hosted` (the default) or `kernel`");

mod batch;
mod complete;
mod context;
mod datagrams;
mod decode;
mod device;
mod dispatch;
mod driver;
mod file;
mod inbox;
mod job;
#[cfg(feature = "kernel")]
mod layout;
mod many;
mod ring;
mod switch;
mod wdf;
mod wdf_request;

pub use device::driver_entry;

// Hosted, these crates supply the functions that a driver imports.
#[cfg(feature = "hosted")]
use {netio as _, ntos as _};

#[cfg(feature = "kernel")]
extern crate wdk_panic;

/// For crates that allocate; the driver's own code does not use it.
#[cfg(feature = "kernel")]
#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
