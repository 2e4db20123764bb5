//! Memory descriptor lists, which nobody reads here: the provider writes no payload.

use wsk_sys::{BOOLEAN, IRP, KPROCESSOR_MODE, MDL, MEMORY_CACHING_TYPE, PVOID, ULONG};

use crate::kernel::{self, kernel};

#[unsafe(no_mangle)]
extern "system" fn IoAllocateMdl(
    _address: PVOID,
    length: ULONG,
    _secondary: BOOLEAN,
    _charge: BOOLEAN,
    _irp: *mut IRP,
) -> *mut MDL {
    let mdl: *mut MDL = kernel::allocate(size_of::<MDL>()).cast();
    // SAFETY: allocated just now, as zeros, which are an MDL.
    unsafe { (*mdl).ByteCount = length };
    mdl
}

#[unsafe(no_mangle)]
extern "system" fn MmBuildMdlForNonPagedPool(mdl: *mut MDL) {
    kernel().touch(mdl.addr(), "MmBuildMdlForNonPagedPool");
}

#[unsafe(no_mangle)]
extern "system" fn IoFreeMdl(mdl: *mut MDL) {
    kernel::free(mdl.cast());
}

#[unsafe(no_mangle)]
extern "system" fn MmMapLockedPagesSpecifyCache(
    _mdl: *mut MDL,
    _mode: KPROCESSOR_MODE,
    _cache: MEMORY_CACHING_TYPE,
    _address: PVOID,
    _bug_check_on_failure: ULONG,
    _priority: ULONG,
) -> PVOID {
    panic!("no datagram has data here");
}
