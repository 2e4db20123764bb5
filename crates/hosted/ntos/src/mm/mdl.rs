//! Memory descriptor lists.
//!
//! There is one address space here, so locking pages moves nothing and the system address of a buffer is its own.
//! What is real are the states that an MDL goes through, and that it describes memory of the kind that it must.
#![expect(
    unsafe_code,
    reason = "exports C functions by their names; MDLs are shared with drivers by address"
)]

use std::ops::Range;
use std::ptr;

use wsk_sys::{
    APC_LEVEL, BOOLEAN, CSHORT, DISPATCH_LEVEL, FALSE, IRP, IoReadAccess, KPROCESSOR_MODE, KernelMode, MDL,
    MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_SOURCE_IS_NONPAGED_POOL, MDL_WRITE_OPERATION,
    MdlMappingNoExecute, MmGetMdlByteCount, MmGetMdlVirtualAddress, PAGE_SIZE, PVOID, ULONG,
};

use crate::ex::pool;
use crate::ex::pool::registry::{Block, Kind, Lookup, Request};
use crate::io::device;
use crate::ke::irql::at_most;
use crate::machine::Machine;
use crate::machine::bugcheck::{complain, violation};
use crate::machine::fault;
use crate::machine::owner::{LeakScope, leak_report};
use crate::mm::in_flight;
use crate::mm::user_memory;
use crate::rule;

/// The tag under which Windows allocates MDLs.
const TAG: u32 = u32::from_le_bytes(*b"Mdl ");

/// An MDL that lives.
///
/// # Invariants
/// The pointer is to an initialised MDL with its page numbers, in a live block of the machine.
#[derive(Clone, Copy)]
struct Live(*mut MDL);

impl Live {
    /// The MDL, checked: from `IoAllocateMdl`, or one that the driver has initialised in non-paged memory of its own.
    fn check(machine: &Machine, mdl: *mut MDL, what: &str) -> Live {
        if is_initialized_by_driver(machine, mdl) { Live(mdl) } else { Live::allocated(machine, mdl, what) }
    }

    /// The MDL, checked: from `IoAllocateMdl`.
    fn allocated(machine: &Machine, mdl: *mut MDL, what: &str) -> Live {
        let address = mdl.addr();
        match machine.parts.pool.get(address) {
            Some(block) if block.kind == Kind::Mdl => Live(mdl),
            _ => violation(
                &rule::MDL_INVALID,
                format!("{what} of MDL {address:#x}, which IoAllocateMdl did not return, or which was freed"),
            ),
        }
    }

    fn size(self) -> usize {
        // SAFETY: the invariant of this type.
        usize::try_from(unsafe { (*self.0).Size }).unwrap_or(0)
    }

    fn flags(self) -> CSHORT {
        // SAFETY: the invariant of this type.
        unsafe { (*self.0).MdlFlags }
    }

    fn set_flags(self, flags: CSHORT) {
        // SAFETY: the invariant of this type; the caller of the export owns the MDL.
        unsafe { (*self.0).MdlFlags = flags };
    }

    fn has(self, flag: CSHORT) -> bool {
        self.flags() & flag != 0
    }

    fn address(self) -> PVOID {
        // SAFETY: the invariant of this type.
        unsafe { MmGetMdlVirtualAddress(self.0) }
    }

    fn length(self) -> usize {
        // SAFETY: the invariant of this type.
        unsafe { MmGetMdlByteCount(self.0) as usize }
    }

    fn set_system_address(self, address: PVOID) {
        // SAFETY: the invariant of this type; the caller of the export owns the MDL.
        unsafe { (*self.0).MappedSystemVa = address };
    }

    /// Writes the numbers of the pages behind the structure: those of the addresses, as there is no other memory.
    fn fill_pages(self) {
        let address = self.address();
        let first = address.addr() / PAGE_SIZE;
        let pages = self.0.wrapping_add(1).cast::<usize>();
        for index in 0..span(address.addr(), self.length()) {
            // SAFETY: the block was allocated with room for as many numbers as the range spans pages.
            unsafe { pages.wrapping_add(index).write(first + index) };
        }
    }

    /// The MDL, for a report.
    fn name(self) -> String {
        format!("MDL {:#x} of {} bytes at {:#x}", self.0.addr(), self.length(), self.address().addr())
    }
}

/// The non-paged memory of a driver's around an address, a block of pool or a device extension, and its name.
fn non_paged_memory(machine: &Machine, address: usize) -> Option<(Range<usize>, String)> {
    if let Some(block) = pool::non_paged_block(machine, address) {
        return Some((block.range(), block.to_string()));
    }
    let extension = device::table::of(machine).extension_at(address)?;
    let name = format!("the device extension at {:#x}", extension.start);
    Some((extension, name))
}

/// Whether there is an MDL in a driver's own non-paged memory, with room for the numbers of its pages: what
/// `MmInitializeMdl` makes.
fn is_initialized_by_driver(machine: &Machine, mdl: *mut MDL) -> bool {
    let start = mdl.addr();
    let Some((memory, _)) = non_paged_memory(machine, start) else { return false };
    if !mdl.is_aligned() || memory.end - start < size_of::<MDL>() {
        return false;
    }
    let mdl = Live(mdl);
    // INVARIANT: live non-paged memory of this size; the structure has no invalid bit patterns.
    let size = size_of::<MDL>() + span(mdl.address().addr(), mdl.length()) * size_of::<usize>();
    mdl.size() == size && size <= memory.end - start
}

/// How many pages a range touches.
fn span(address: usize, length: usize) -> usize {
    (address % PAGE_SIZE + length).div_ceil(PAGE_SIZE)
}

fn allocate(machine: &Machine, address: PVOID, length: ULONG) -> *mut MDL {
    let pages = span(address.addr(), length as usize);
    let size = size_of::<MDL>() + pages * size_of::<usize>();
    let request =
        Request { kind: Kind::Mdl, size, tag: TAG, paged: false, zeroed: true, cache_aligned: false };
    let mdl: *mut MDL = machine.parts.pool.allocate(&request).cast();
    if mdl.is_null() {
        return mdl;
    }
    let offset = address.addr() % PAGE_SIZE;
    let value = MDL {
        Next: ptr::null_mut(),
        // Windows lets the size of the MDL of a very large buffer wrap, too.
        Size: CSHORT::try_from(size).unwrap_or(CSHORT::MAX),
        MdlFlags: 0,
        Process: ptr::null_mut(),
        MappedSystemVa: ptr::null_mut(),
        StartVa: address.wrapping_byte_sub(offset),
        ByteCount: length,
        ByteOffset: u32::try_from(offset).unwrap_or(0),
    };
    // SAFETY: a new block of this size, aligned to 16 bytes.
    unsafe { mdl.write(value) };
    machine.parts.gauges.mdls.add(1);
    mdl
}

fn free(machine: &Machine, mdl: Live, what: &str) {
    machine.parts.gauges.mdls.remove(1);
    pool::release(machine, mdl.0.addr(), what);
}

/// An MDL over a user's buffer, its pages locked, as the I/O manager makes it for direct I/O; null on failure.
/// `write` says that the driver will write to the buffer.
pub(crate) fn lock_user(machine: &Machine, buffer: *mut u8, length: ULONG, write: bool) -> *mut MDL {
    if fault::point("MmProbeAndLockPages") {
        return ptr::null_mut();
    }
    let mdl = allocate(machine, buffer.cast(), length);
    if !mdl.is_null() {
        let mdl = Live(mdl);
        mdl.fill_pages();
        mdl.set_flags(MDL_PAGES_LOCKED | if write { MDL_WRITE_OPERATION } else { 0 });
    }
    mdl
}

/// Undoes [`lock_user`].
pub(crate) fn unlock_user(machine: &Machine, mdl: *mut MDL) {
    let what = "the completion of a direct I/O request";
    let mdl = Live::check(machine, mdl, what);
    require_unused(machine, mdl, what);
    require_pages_unused(machine, mdl, what);
    free(machine, mdl, what);
}

/// Requires that no request in flight uses the structure, which is about to be freed.
fn require_unused(machine: &Machine, mdl: Live, what: &str) {
    let start = mdl.0.addr();
    in_flight::require_unused(machine, &(start..start + size_of::<MDL>()), || {
        format!("{what} of {}", mdl.name())
    });
}

/// Requires that no request in flight uses the pages, which are about to be unlocked.
fn require_pages_unused(machine: &Machine, mdl: Live, what: &str) {
    let start = mdl.address().addr();
    in_flight::require_unused(machine, &(start..start + mdl.length()), || {
        format!("{what} of {}", mdl.name())
    });
}

/// Requires that there is a living MDL at this address: for a provider that is about to read it.
pub fn require_mdl(mdl: *mut MDL, what: &str) {
    Live::check(&Machine::kernel(), mdl, what);
}

/// Requires that an MDL, and the memory that it describes, still exist: for a provider that is about to use them.
pub fn require_live(mdl: *mut MDL, what: &str) {
    let machine = Machine::kernel();
    let mdl = Live::check(&machine, mdl, what);
    let start = mdl.address().addr();
    let usable = if mdl.has(MDL_SOURCE_IS_NONPAGED_POOL) {
        non_paged_memory(&machine, start).is_some_and(|(memory, _)| start + mdl.length() <= memory.end)
    } else {
        mdl.has(MDL_PAGES_LOCKED)
    };
    if !usable {
        violation(
            &rule::MDL_NOT_NON_PAGED,
            format!("{what}: {} describes memory that is gone or was never locked", mdl.name()),
        );
    }
}

/// Looks for MDLs left behind.
pub(crate) fn check_leaks(machine: &Machine, scope: LeakScope) {
    let left = machine.parts.pool.left(Kind::Mdl, scope);
    if !left.is_empty() {
        let name = |block: &Block| {
            let who = machine.parts.pool.allocated(block.start().addr(), "IoAllocateMdl");
            format!("{}{who}", Live(block.start().cast()).name())
        };
        let names = left.iter().map(name);
        complain(&rule::MDL_LEAK, leak_report("MDLs", scope, names));
    }
}

/// Allocates an MDL for a buffer, and, if an IRP is given, sets it in the IRP, or appends it to the IRP's MDLs if it is
/// a `SecondaryBuffer`. Null on failure.
///
/// # Safety
/// `Irp` is null or an IRP in the caller's hands, with valid MDLs.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoAllocateMdl(
    VirtualAddress: PVOID,
    Length: ULONG,
    SecondaryBuffer: BOOLEAN,
    ChargeQuota: BOOLEAN,
    Irp: *mut IRP,
) -> *mut MDL {
    let _ = ChargeQuota;
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_IO_DISPATCH, "IoAllocateMdl");
    if fault::point("IoAllocateMdl") {
        return ptr::null_mut();
    }
    let mdl = allocate(&machine, VirtualAddress, Length);
    if mdl.is_null() || Irp.is_null() {
        return mdl;
    }
    // SAFETY: not null, so the caller's IRP; only an address is computed.
    let mut place = unsafe { &raw mut (*Irp).MdlAddress };
    if SecondaryBuffer != FALSE {
        // SAFETY: the field of the caller's IRP, or of an MDL in its chain.
        let mut next = unsafe { place.read() };
        while !next.is_null() {
            // SAFETY: an MDL of the caller's IRP; only an address is computed.
            place = unsafe { &raw mut (*next).Next };
            // SAFETY: the field of an MDL of the caller's IRP.
            next = unsafe { place.read() };
        }
    }
    // SAFETY: the field of the IRP, or of the last MDL of its chain.
    unsafe { place.write(mdl) };
    mdl
}

/// Frees one MDL, not those chained to it.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub extern "system" fn IoFreeMdl(Mdl: *mut MDL) {
    let what = "IoFreeMdl";
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_IO_DISPATCH, what);
    let mdl = Live::allocated(&machine, Mdl, what);
    if mdl.has(MDL_PAGES_LOCKED) {
        violation(&rule::MDL_FREED_LOCKED, format!("{what} of {}, whose pages are locked", mdl.name()));
    }
    require_unused(&machine, mdl, what);
    free(&machine, mdl, what);
}

/// Makes the MDL describe its buffer, which must lie inside one live block of non-paged pool or one device extension.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub extern "system" fn MmBuildMdlForNonPagedPool(MemoryDescriptorList: *mut MDL) {
    let what = "MmBuildMdlForNonPagedPool";
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_MM_DISPATCH, what);
    let mdl = Live::check(&machine, MemoryDescriptorList, what);
    require_unbuilt(mdl, what);
    let start = mdl.address().addr();
    let Some((memory, name)) = non_paged_memory(&machine, start) else {
        violation(
            &rule::MDL_NOT_NON_PAGED,
            format!("{what} of {}, which is no live non-paged pool", mdl.name()),
        );
    };
    if start + mdl.length() > memory.end {
        violation(&rule::MDL_NOT_NON_PAGED, format!("{what} of {}, which reaches beyond {name}", mdl.name()));
    }
    mdl.fill_pages();
    mdl.set_system_address(mdl.address());
    mdl.set_flags(mdl.flags() | MDL_SOURCE_IS_NONPAGED_POOL);
}

fn require_unbuilt(mdl: Live, what: &str) {
    let state = if mdl.has(MDL_SOURCE_IS_NONPAGED_POOL) {
        "which describes non-paged pool already"
    } else if mdl.has(MDL_PAGES_LOCKED) {
        "whose pages are locked already"
    } else {
        return;
    };
    violation(&rule::MDL_BUILT_TWICE, format!("{what} of {}, {state}", mdl.name()));
}

/// Locks the pages of a buffer.
///
/// Failure is an exception, which a driver in Rust cannot catch: a bug check here, and no fault point. With `UserMode`,
/// the memory must be that of the calling thread's process: a buffer of a request on its way.
///
/// # IRQL
/// <= `APC_LEVEL` for pageable memory, <= `DISPATCH_LEVEL` for other.
#[unsafe(no_mangle)]
pub extern "system" fn MmProbeAndLockPages(
    MemoryDescriptorList: *mut MDL,
    AccessMode: KPROCESSOR_MODE,
    Operation: i32,
) {
    let what = "MmProbeAndLockPages";
    let machine = Machine::kernel();
    let mdl = Live::check(&machine, MemoryDescriptorList, what);
    require_unbuilt(mdl, what);
    let start = mdl.address().addr();
    // Memory that is no pool, such as a stack, is taken on trust; n/d.
    let (pageable, fits) = match machine.parts.pool.lookup(start) {
        Lookup::Live(block) => (block.paged, start + mdl.length() <= block.range().end),
        Lookup::Freed(_) => (false, false),
        Lookup::Unknown => (non_paged_memory(&machine, start).is_none(), start != 0),
    };
    let fits =
        if AccessMode == KernelMode { fits } else { user_memory::is_owned(&machine, start, mdl.length()) };
    if pageable {
        at_most(APC_LEVEL, &rule::IRQL_MM_APC_LTE, what);
    } else {
        at_most(DISPATCH_LEVEL, &rule::IRQL_MM_DISPATCH, what);
    }
    if !fits {
        violation(&rule::EXCEPTION, format!("{what} of {}: STATUS_ACCESS_VIOLATION raised", mdl.name()));
    }
    mdl.fill_pages();
    let write = if Operation == IoReadAccess { 0 } else { MDL_WRITE_OPERATION };
    mdl.set_flags(mdl.flags() | MDL_PAGES_LOCKED | write);
}

/// Unlocks pages that [`MmProbeAndLockPages`] locked, and takes their system address away.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub extern "system" fn MmUnlockPages(MemoryDescriptorList: *mut MDL) {
    let what = "MmUnlockPages";
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_MM_DISPATCH, what);
    let mdl = Live::check(&machine, MemoryDescriptorList, what);
    if mdl.has(MDL_SOURCE_IS_NONPAGED_POOL) {
        violation(
            &rule::MDL_UNLOCK_NON_PAGED,
            format!("{what} of {}, which describes non-paged pool", mdl.name()),
        );
    }
    if !mdl.has(MDL_PAGES_LOCKED) {
        violation(&rule::MDL_NOT_LOCKED, format!("{what} of {}, whose pages are not locked", mdl.name()));
    }
    require_pages_unused(&machine, mdl, what);
    mdl.set_system_address(ptr::null_mut());
    mdl.set_flags(mdl.flags() & !(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_WRITE_OPERATION));
}

/// Gives locked pages a system address; null on failure, and for an address in user space.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub extern "system" fn MmMapLockedPagesSpecifyCache(
    MemoryDescriptorList: *mut MDL,
    AccessMode: KPROCESSOR_MODE,
    CacheType: i32,
    RequestedAddress: PVOID,
    BugCheckOnFailure: ULONG,
    Priority: ULONG,
) -> PVOID {
    let _ = (CacheType, RequestedAddress, BugCheckOnFailure);
    let what = "MmMapLockedPagesSpecifyCache";
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_MM_DISPATCH, what);
    let mdl = Live::check(&machine, MemoryDescriptorList, what);
    if mdl.has(MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) {
        violation(
            &rule::MDL_MAPPED_TWICE,
            format!("{what} of {}, which has a system address already", mdl.name()),
        );
    }
    if !mdl.has(MDL_PAGES_LOCKED) {
        violation(&rule::MDL_MAP_UNLOCKED, format!("{what} of {}, whose pages are not locked", mdl.name()));
    }
    if Priority & MdlMappingNoExecute == 0 {
        violation(
            &rule::MDL_EXECUTABLE,
            format!("{what} of {} with priority {Priority:#x}: add MdlMappingNoExecute", mdl.name()),
        );
    }
    if AccessMode != KernelMode || fault::point("MmMapLockedPagesSpecifyCache") {
        return ptr::null_mut();
    }
    mdl.set_system_address(mdl.address());
    mdl.set_flags(mdl.flags() | MDL_MAPPED_TO_SYSTEM_VA);
    mdl.address()
}
