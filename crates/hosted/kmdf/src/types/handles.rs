//! The framework's handles: pointers to structures that nobody ever reads.

use core::ffi::{c_int, c_void};

/// Any framework object.
pub type WDFOBJECT = *mut c_void;
/// A driver's own value, handed back to its callback.
pub type WDFCONTEXT = *mut c_void;

macro_rules! handles {
    ($($(#[$attribute:meta])* $tag:ident, $handle:ident;)*) => {$(
        /// What the handle of this name points to by its C type; nothing is there.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $tag {
            /// Never read.
            pub unused: c_int,
        }
        $(#[$attribute])*
        pub type $handle = *mut $tag;
    )*};
}

handles! {
    /// The driver object.
    WDFDRIVER__, WDFDRIVER;
    /// A device object.
    WDFDEVICE__, WDFDEVICE;
    /// An I/O queue.
    WDFQUEUE__, WDFQUEUE;
    /// An I/O request.
    WDFREQUEST__, WDFREQUEST;
    /// An open file on a device.
    WDFFILEOBJECT__, WDFFILEOBJECT;
    /// A spin lock.
    WDFSPINLOCK__, WDFSPINLOCK;
    /// A lock that waits.
    WDFWAITLOCK__, WDFWAITLOCK;
    /// A work item.
    WDFWORKITEM__, WDFWORKITEM;
    /// A timer.
    WDFTIMER__, WDFTIMER;
    /// A deferred procedure call.
    WDFDPC__, WDFDPC;
    /// A buffer.
    WDFMEMORY__, WDFMEMORY;
    /// A string.
    WDFSTRING__, WDFSTRING;
}

/// What `PWDFDEVICE_INIT` points to; opaque.
#[repr(C)]
#[derive(Debug)]
pub struct WDFDEVICE_INIT {
    _unused: [u8; 0],
}
/// The description of a device to be created.
pub type PWDFDEVICE_INIT = *mut WDFDEVICE_INIT;
