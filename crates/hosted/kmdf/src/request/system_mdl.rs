//! The MDL that describes the system buffer of a request, made when the driver asks for it.
#![expect(unsafe_code, reason = "MDLs are kernel objects")]

use wsk_sys::{
    FALSE, IoAllocateMdl, IoFreeMdl, MDL, MmBuildMdlForNonPagedPool, NTSTATUS, PMDL, PVOID,
    STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES,
};

use crate::kernel::shared::Shared;
use crate::object::Typed;
use crate::request::Request;

/// An MDL of the framework's own.
///
/// # Invariants
/// It was allocated by `of`, and only this frees it.
pub(crate) struct SystemMdl(Shared<*mut MDL>);

impl Drop for SystemMdl {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant.
        unsafe { IoFreeMdl(self.0.0) };
    }
}

/// The MDL of a request's system buffer; one that was made before whatever its length.
///
/// # Errors
/// `STATUS_BUFFER_TOO_SMALL` for no buffer, `STATUS_INSUFFICIENT_RESOURCES`.
///
/// # Safety
/// `buffer` is null, or the request's system buffer of at least `length` bytes.
pub(crate) unsafe fn of(request: &Typed<Request>, buffer: PVOID, length: usize) -> Result<PMDL, NTSTATUS> {
    let length = u32::try_from(length).map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
    if buffer.is_null() || length == 0 {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    if let Some(made) = &request.state.lock().mdl {
        return Ok(made.0.0);
    }
    // SAFETY: describes the buffer; no IRP gets the MDL.
    let mdl = unsafe { IoAllocateMdl(buffer, length, FALSE, FALSE, core::ptr::null_mut()) };
    if mdl.is_null() {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    // INVARIANT: just allocated.
    let new = SystemMdl(Shared(mdl));
    // SAFETY: a system buffer is non-paged pool, and outlives the MDL, which goes before the IRP is completed.
    unsafe { MmBuildMdlForNonPagedPool(mdl) };
    let mut state = request.state.lock();
    if let Some(made) = &state.mdl {
        // Another thread was faster.
        let made = made.0.0;
        drop(state);
        drop(new);
        return Ok(made);
    }
    state.mdl = Some(new);
    Ok(mdl)
}
