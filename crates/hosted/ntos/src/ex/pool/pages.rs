//! Pages of the host's, access to which can be taken away and given back.
//!
//! Under Miri there are none: it sees by itself what they are for.
#![cfg_attr(any(miri, not(any(unix, windows))), allow(dead_code, reason = "there are no such pages there"))]

use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sync::Pointer;

/// How many regions a process has at most. Linux has a limit of 65,530 mappings, of which each takes two, and what the process
/// allocates otherwise needs some.
const MOST: usize = 16_000;

/// How many regions the process has.
static REGIONS: AtomicUsize = AtomicUsize::new(0);

/// Addresses that nothing else uses. At first no part of them can be accessed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    base: Pointer<u8>,
    length: usize,
}

impl Region {
    /// Takes addresses of the host's; `None` if it has none left. `length` is a multiple of [`page_size`].
    pub(super) fn reserve(length: usize) -> Option<Region> {
        // Relaxed, here and below: only a number.
        let is_free = REGIONS.fetch_add(1, Ordering::Relaxed) < MOST;
        let base = if is_free { host::reserve(length) } else { ptr::null_mut() };
        if base.is_null() {
            REGIONS.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Region { base: Pointer(base), length })
    }

    /// The address of a byte, counted from the first.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        self.base.0.wrapping_add(offset)
    }

    /// The addresses.
    pub(super) fn range(&self) -> Range<usize> {
        let start = self.base.0.addr();
        start..start + self.length
    }

    /// Puts memory of zeros behind a part that had none, and lets it be accessed; `false` if the host has none left.
    /// The part is one of whole pages, here and below.
    pub(super) fn commit(&self, part: Range<usize>) -> bool {
        debug_assert!(part.end <= self.length);
        host::commit(self.at(part.start), part.len())
    }

    /// Lets a part be accessed again.
    pub(super) fn open(&self, part: Range<usize>) -> bool {
        debug_assert!(part.end <= self.length);
        host::open(self.at(part.start), part.len())
    }

    /// Takes access to a part away. What is in it stays.
    pub(super) fn close(&self, part: Range<usize>) -> bool {
        debug_assert!(part.end <= self.length);
        host::close(self.at(part.start), part.len())
    }

    /// Takes access to a part away, and gives the memory behind it back to the host.
    pub(super) fn discard(&self, part: Range<usize>) -> bool {
        debug_assert!(part.end <= self.length);
        host::discard(self.at(part.start), part.len())
    }

    /// Gives the addresses back.
    ///
    /// # Safety
    /// Nobody has the region, nor a part of it, any more.
    pub(super) unsafe fn release(self) {
        // SAFETY: this function's own contract; the addresses are those that were reserved.
        unsafe { host::release(self.base.0, self.length) };
        REGIONS.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) use host::page_size;

#[cfg(all(unix, not(miri)))]
mod host {
    #![expect(unsafe_code, reason = "calls the C library")]

    use std::ptr;
    use std::sync::OnceLock;

    use libc::{
        _SC_PAGESIZE, MAP_ANON, MAP_FAILED, MAP_FIXED, MAP_NORESERVE, MAP_PRIVATE, PROT_NONE, PROT_READ,
        PROT_WRITE,
    };

    const PRIVATE: i32 = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE;

    /// The size of the host's pages.
    pub(in super::super) fn page_size() -> usize {
        static SIZE: OnceLock<usize> = OnceLock::new();
        // SAFETY: nothing is asked of the caller.
        *SIZE.get_or_init(|| usize::try_from(unsafe { libc::sysconf(_SC_PAGESIZE) }).unwrap_or(1 << 16))
    }

    pub(super) fn reserve(length: usize) -> *mut u8 {
        // SAFETY: new addresses, which the host chooses.
        let base = unsafe { libc::mmap(ptr::null_mut(), length, PROT_NONE, PRIVATE, -1, 0) };
        if base == MAP_FAILED { ptr::null_mut() } else { base.cast() }
    }

    fn protect(start: *mut u8, length: usize, access: i32) -> bool {
        // SAFETY: the addresses are a part of a region's; whom a change of access stops has no business there.
        unsafe { libc::mprotect(start.cast(), length, access) == 0 }
    }

    pub(super) fn commit(start: *mut u8, length: usize) -> bool {
        protect(start, length, PROT_READ | PROT_WRITE)
    }

    pub(super) fn open(start: *mut u8, length: usize) -> bool {
        protect(start, length, PROT_READ | PROT_WRITE)
    }

    pub(super) fn close(start: *mut u8, length: usize) -> bool {
        protect(start, length, PROT_NONE)
    }

    pub(super) fn discard(start: *mut u8, length: usize) -> bool {
        // SAFETY: the addresses are a part of a region's, the block in which was given up.
        let base = unsafe { libc::mmap(start.cast(), length, PROT_NONE, PRIVATE | MAP_FIXED, -1, 0) };
        base != MAP_FAILED
    }

    pub(super) unsafe fn release(base: *mut u8, length: usize) {
        // SAFETY: the caller's contract: all of a region, which nobody has any more.
        unsafe { libc::munmap(base.cast(), length) };
    }
}

#[cfg(windows)]
mod host {
    #![expect(unsafe_code, reason = "calls the system")]

    use std::mem::MaybeUninit;
    use std::ptr;

    use windows_sys::Win32::System::Memory::{
        MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_NOACCESS, PAGE_PROTECTION_FLAGS,
        PAGE_READWRITE, VirtualAlloc, VirtualFree, VirtualProtect,
    };

    /// The size of the host's pages: the same on all processors that run Windows.
    pub(in super::super) fn page_size() -> usize {
        wsk_sys::PAGE_SIZE
    }

    pub(super) fn reserve(length: usize) -> *mut u8 {
        // SAFETY: new addresses, which the host chooses.
        unsafe { VirtualAlloc(ptr::null(), length, MEM_RESERVE, PAGE_NOACCESS) }.cast()
    }

    pub(super) fn commit(start: *mut u8, length: usize) -> bool {
        // SAFETY: the addresses are a part of a region's.
        !unsafe { VirtualAlloc(start.cast(), length, MEM_COMMIT, PAGE_READWRITE) }.is_null()
    }

    fn protect(start: *mut u8, length: usize, access: PAGE_PROTECTION_FLAGS) -> bool {
        let mut old = MaybeUninit::uninit();
        // SAFETY: the addresses are a part of a region's; whom a change of access stops has no business there.
        unsafe { VirtualProtect(start.cast(), length, access, old.as_mut_ptr()) != 0 }
    }

    pub(super) fn open(start: *mut u8, length: usize) -> bool {
        protect(start, length, PAGE_READWRITE)
    }

    pub(super) fn close(start: *mut u8, length: usize) -> bool {
        protect(start, length, PAGE_NOACCESS)
    }

    pub(super) fn discard(start: *mut u8, length: usize) -> bool {
        // SAFETY: the addresses are a part of a region's, the block in which was given up.
        unsafe { VirtualFree(start.cast(), length, MEM_DECOMMIT) != 0 }
    }

    pub(super) unsafe fn release(base: *mut u8, _length: usize) {
        // SAFETY: the caller's contract: all of a region, which nobody has any more.
        unsafe { VirtualFree(base.cast(), 0, MEM_RELEASE) };
    }
}

#[cfg(any(miri, not(any(unix, windows))))]
mod host {
    #![expect(unsafe_code, reason = "as where there are pages")]

    use std::ptr;

    pub(in super::super) fn page_size() -> usize {
        wsk_sys::PAGE_SIZE
    }

    pub(super) fn reserve(_length: usize) -> *mut u8 {
        ptr::null_mut()
    }

    pub(super) fn commit(_start: *mut u8, _length: usize) -> bool {
        false
    }

    pub(super) fn open(_start: *mut u8, _length: usize) -> bool {
        false
    }

    pub(super) fn close(_start: *mut u8, _length: usize) -> bool {
        false
    }

    pub(super) fn discard(_start: *mut u8, _length: usize) -> bool {
        false
    }

    pub(super) unsafe fn release(_base: *mut u8, _length: usize) {}
}
