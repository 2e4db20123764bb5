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

use readings::OwnMdl;
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
use crate::machine::bugcheck::{Broken, complain, require, violation};
use crate::machine::fault;
use crate::machine::owner::{LeakScope, leak_report};
use crate::mm::in_flight;
use crate::mm::user_memory;
use crate::rule;

/// The tag under which Windows allocates MDLs.
const TAG: [u8; 4] = *b"Mdl ";

/// An MDL that lives.
///
/// # Invariants
/// The pointer is to an initialised MDL with its page numbers, in a live block of the machine.
#[derive(Clone, Copy)]
struct Live(*mut MDL);

impl Live {
    /// The MDL, checked: from `IoAllocateMdl`, or one that the driver has initialised in non-paged memory of its own.
    fn check(machine: &Machine, mdl: *mut MDL, what: &str) -> Result<Live, Broken> {
        if is_initialized_by_driver(machine, mdl) {
            Ok(Live(mdl))
        } else {
            Live::allocated(machine, mdl, what)
        }
    }

    /// The MDL, checked: from `IoAllocateMdl`.
    fn allocated(machine: &Machine, mdl: *mut MDL, what: &str) -> Result<Live, Broken> {
        let address = mdl.addr();
        if machine.parts.pool.get(address).is_some_and(|block| block.kind == Kind::Mdl) {
            return Ok(Live(mdl));
        }
        let detail =
            format!("{what} of MDL {address:#x}, which IoAllocateMdl did not return, or which was freed");
        Err(Broken::new(&rule::MDL_INVALID, detail))
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
/// `MmInitializeMdl` makes. Of memory that is not known to be of some kind, such as a stack, nothing can be told but that.
fn is_initialized_by_driver(machine: &Machine, mdl: *mut MDL) -> bool {
    let start = mdl.addr();
    let memory = match non_paged_memory(machine, start) {
        Some((memory, _)) => memory,
        None if start != 0
            && machine.reading::<OwnMdl>() == OwnMdl::Anywhere
            && matches!(machine.parts.pool.lookup(start), Lookup::Unknown) =>
        {
            start..usize::MAX
        }
        None => return false,
    };
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
    let mdl: *mut MDL = machine.parts.pool.allocate(&Request::zeroed(Kind::Mdl, size, TAG)).cast();
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

fn free(machine: &Machine, mdl: Live, what: &str) -> Result<(), Broken> {
    check_unused(machine, mdl, what)?;
    machine.parts.gauges.mdls.remove(1);
    pool::release(machine, mdl.0.addr(), what)
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
///
/// # Errors
/// The driver has freed the MDL, or a request in flight uses it or its pages.
pub(crate) fn unlock_user(machine: &Machine, mdl: *mut MDL) -> Result<(), Broken> {
    let what = "the completion of a direct I/O request";
    let mdl = Live::check(machine, mdl, what)?;
    check_pages_unused(machine, mdl, what)?;
    free(machine, mdl, what)
}

/// Checks that no request in flight uses the structure, which is about to be freed.
fn check_unused(machine: &Machine, mdl: Live, what: &str) -> Result<(), Broken> {
    let start = mdl.0.addr();
    in_flight::check_unused(machine, &(start..start + size_of::<MDL>()), || {
        format!("{what} of {}", mdl.name())
    })
}

/// Checks that no request in flight uses the pages, which are about to be unlocked.
fn check_pages_unused(machine: &Machine, mdl: Live, what: &str) -> Result<(), Broken> {
    let start = mdl.address().addr();
    in_flight::check_unused(machine, &(start..start + mdl.length()), || format!("{what} of {}", mdl.name()))
}

/// Checks that there is a living MDL at this address: for a provider that is about to read it.
///
/// # Errors
/// [`rule::MDL_INVALID`].
pub fn check(mdl: *mut MDL, what: &str) -> Result<(), Broken> {
    Live::check(&Machine::kernel(), mdl, what).map(drop)
}

/// Checks that an MDL, and the memory that it describes, still exist: for a provider that is about to use them.
///
/// # Errors
/// [`rule::MDL_INVALID`], [`rule::MDL_NOT_NON_PAGED`].
pub fn check_pages(mdl: *mut MDL, what: &str) -> Result<(), Broken> {
    let machine = Machine::kernel();
    let mdl = Live::check(&machine, mdl, what)?;
    let start = mdl.address().addr();
    let usable = if mdl.has(MDL_SOURCE_IS_NONPAGED_POOL) {
        non_paged_memory(&machine, start).is_some_and(|(memory, _)| start + mdl.length() <= memory.end)
    } else {
        mdl.has(MDL_PAGES_LOCKED)
    };
    if usable {
        return Ok(());
    }
    let detail = format!("{what}: {} describes memory that is gone or was never locked", mdl.name());
    Err(Broken::new(&rule::MDL_NOT_NON_PAGED, detail))
}

/// Looks for MDLs left behind.
pub(crate) fn check_leaks(machine: &Machine, scope: LeakScope) -> Vec<Broken> {
    let left = machine.parts.pool.left(Kind::Mdl, scope);
    let name = |block: &Block| {
        let who = machine.parts.pool.allocated(block.start().addr(), "IoAllocateMdl");
        format!("{}{who}", Live(block.start().cast()).name())
    };
    leak_report(&rule::MDL_LEAK, "MDLs", scope, left.iter().map(name)).into_iter().collect()
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
    let mdl = require(Live::allocated(&machine, Mdl, what));
    if mdl.has(MDL_PAGES_LOCKED) {
        violation(&rule::MDL_FREED_LOCKED, format!("{what} of {}, whose pages are locked", mdl.name()));
    }
    require(free(&machine, mdl, what));
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
    let mdl = require(Live::check(&machine, MemoryDescriptorList, what));
    require(check_unbuilt(mdl, what));
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

fn check_unbuilt(mdl: Live, what: &str) -> Result<(), Broken> {
    let state = if mdl.has(MDL_SOURCE_IS_NONPAGED_POOL) {
        "which describes non-paged pool already"
    } else if mdl.has(MDL_PAGES_LOCKED) {
        "whose pages are locked already"
    } else {
        return Ok(());
    };
    Err(Broken::new(&rule::MDL_BUILT_TWICE, format!("{what} of {}, {state}", mdl.name())))
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
    let mdl = require(Live::check(&machine, MemoryDescriptorList, what));
    require(check_unbuilt(mdl, what));
    let start = mdl.address().addr();
    // Memory that is no pool, such as a stack, is taken on trust; n/d.
    let (pageable, fits) = match machine.parts.pool.lookup(start) {
        Lookup::Live(block) => {
            (block.paged || block.kind == Kind::User, start + mdl.length() <= block.range().end)
        }
        Lookup::Freed(_) => (false, false),
        Lookup::Unknown => (non_paged_memory(&machine, start).is_none(), start != 0),
    };
    let is_owned = user_memory::is_owned(&machine, start, mdl.length());
    if AccessMode == KernelMode && is_owned {
        let detail = format!("{what} of {} with KernelMode: it is a buffer of the process", mdl.name());
        complain(&rule::MDL_USER_AS_KERNEL, detail);
    }
    let fits = if AccessMode == KernelMode { fits } else { is_owned };
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
    machine.parts.pool.lock_pages(start, mdl.0.addr());
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
    let mdl = require(Live::check(&machine, MemoryDescriptorList, what));
    if mdl.has(MDL_SOURCE_IS_NONPAGED_POOL) {
        violation(
            &rule::MDL_UNLOCK_NON_PAGED,
            format!("{what} of {}, which describes non-paged pool", mdl.name()),
        );
    }
    if !mdl.has(MDL_PAGES_LOCKED) {
        violation(&rule::MDL_NOT_LOCKED, format!("{what} of {}, whose pages are not locked", mdl.name()));
    }
    require(check_pages_unused(&machine, mdl, what));
    machine.parts.pool.unlock_pages(mdl.address().addr(), mdl.0.addr());
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
    let mdl = require(Live::check(&machine, MemoryDescriptorList, what));
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
