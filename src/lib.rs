//! `wskdrv`: a Windows kernel-mode driver that performs control operations on Winsock Kernel datagram sockets.
//!
//! User mode opens `\\.\WskDrv`; each handle is one socket, and each I/O control code of [`wskdrv_abi`] is one
//! request of it. Nothing in the driver waits for WSK: a request becomes an operation. What WSK has done when its function
//! returns is completed in the call; what it does later, in the completion routine.
//!
//! ```text
//!  EvtIoDeviceControl      request: decode, start     ── wsk ──▶ WskControlSocket, WskBind, ...
//!                                                │                          │ IRP completes
//!  EvtRequestCancel ───────────────────── cancels│                          ▼
//!                          request: finish ◀── CompletionHandler ◀── completion routine (MORE_PROCESSING_REQUIRED)
//!  EvtWorkItem             request: finish ◀── CompletionQueue   ◀──  │ of a create, of a security descriptor
//!  EvtFileCleanup          request::close: closes the socket, which cancels what is pending
//!
//!  WskReceiveFromEvent     inbox ─▶ ring ─▶ a drain that waits is woken, and goes to the CompletionHandler
//! ```
//!
//! | module | what it owns |
//! |---|---|
//! | `driver` | `DriverEntry`, and the driver's state: registration with WSK, completion handler and queue, counters |
//! | `file` | a handle: its socket, the socket's state, and spare operations |
//! | `request` | each request of the contract in a file of its own: decode, start, finish |
//! | `input` | what user mode has sent, read from its bytes |
//! | `operation`, `batch` | what an operation carries; several operations for one request |
//! | `datagrams` | the list of datagrams in a request's output |
//! | `inbox`, `ring`, `switch` | a socket's queue of datagrams, filled by WSK's event and drained by requests |
//!
//! The framework is [`wdf`]'s, the kernel [`nt`]'s, WSK [`wsk`]'s.
//!
//! The crate is the same for every kernel it runs in. With the feature `kernel` it is linked against Windows, with
//! `hosted`, the default, against the user-mode kernel of `crates/hosted`.
#![no_std]

#[cfg(all(feature = "kernel", feature = "hosted"))]
compile_error!("the features `kernel` and `hosted` exclude each other: add --no-default-features");
#[cfg(not(any(feature = "kernel", feature = "hosted")))]
compile_error!("choose a kernel: the feature `hosted` (the default) or `kernel`");

mod batch;
mod datagrams;
mod driver;
mod file;
mod inbox;
mod input;
mod operation;
mod request;
mod ring;
mod switch;

pub use driver::driver_entry;

// Hosted, these crates supply the functions that a driver imports.
#[cfg(all(feature = "hosted", not(loom)))]
use {netio as _, ntos as _};

#[cfg(feature = "kernel")]
extern crate wdk_panic;

/// For crates that allocate; the driver's own code does not use it.
#[cfg(feature = "kernel")]
#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
