//! A socket is closed twice.
//!
//! An error path closes the socket, and so does the end of the function, to which it goes on. From `WskCloseSocket` on, the
//! `WSK_SOCKET` is WSK's, which frees it. The second close, like any other call, is one with memory that may be anything by now; who takes
//! the function from the table of the socket, as one does, reads the address of the code to go on with from there.
//!
//! # Instead
//!
//! There is one place that says whether there is a socket, and who closes it takes it from there. With several threads that is an
//! atomic exchange, or done under a lock that is released before the call.

use std::ptr;

use super::client::*;
use wsk_sys::*;

// wrong
pub(super) unsafe extern "system" fn wrong(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        let socket = (*client).socket;
        let close = table(socket).Basic.WskCloseSocket.expect("always there");
        let failed = true;
        if failed {
            prepare(client);
            close(socket, (*client).irp);
            wait(client);
        }
        prepare(client);
        close(socket, (*client).irp);
        complete(irp, wait(client))
    }
}
// right
pub(super) unsafe extern "system" fn right(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        let failed = true;
        if failed {
            close_once(client);
        }
        close_once(client);
        complete(irp, STATUS_SUCCESS)
    }
}

unsafe fn close_once(client: *mut Client) {
    unsafe {
        let socket = ptr::replace(&raw mut (*client).socket, ptr::null_mut());
        if !socket.is_null() {
            prepare(client);
            table(socket).Basic.WskCloseSocket.expect("always there")(socket, (*client).irp);
            wait(client);
        }
    }
}
