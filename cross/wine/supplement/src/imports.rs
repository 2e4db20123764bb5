//! The import table of a loaded driver, and of the kernel's module.
#![expect(unsafe_code, reason = "reads and writes a mapped image")]

use std::ffi::{CStr, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{iter, ptr};

use windows_sys::Win32::System::Diagnostics::Debug::{
    IMAGE_DATA_DIRECTORY, IMAGE_DIRECTORY_ENTRY_IMPORT, IMAGE_NT_HEADERS64,
};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleHandleExW,
    GetModuleHandleW,
};
use windows_sys::Win32::System::Memory::{PAGE_READWRITE, VirtualProtect};
use windows_sys::Win32::System::SystemServices::{IMAGE_DOS_HEADER, IMAGE_IMPORT_DESCRIPTOR};
use windows_sys::w;

use crate::table::{Entry, table};

/// The kernel's module, as drivers import it.
const KERNEL: &[u8] = b"ntoskrnl.exe";
/// What stands at this offset in the header of a module of Wine's.
const MARK: u32 = 0x40;
const WINES: &[u8; 16] = b"Wine builtin DLL";
/// The bit of an import by number.
const BY_NUMBER: u64 = 1 << 63;

/// A mapped image.
///
/// # Invariants
/// The loader mapped it at this address, with its headers, and checked them.
struct Image(*mut u8);

impl Image {
    /// The image that an address lies in.
    fn of(address: *const c_void) -> Option<Image> {
        let mut module = ptr::null_mut();
        let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
        // SAFETY: with these flags the name is any address; the handle goes to a local.
        let found = unsafe { GetModuleHandleExW(flags, address.cast(), &raw mut module) } != 0;
        // INVARIANT: a module's handle is the address of its image.
        (found && !module.is_null()).then_some(Image(module.cast()))
    }

    fn at<T>(&self, offset: u32) -> *mut T {
        self.0.wrapping_add(offset as usize).cast()
    }

    /// The table of the modules that it imports from; none, if it imports nothing.
    fn imports(&self) -> Option<*mut IMAGE_IMPORT_DESCRIPTOR> {
        // SAFETY: by the type's invariant the image begins with this header.
        let dos = unsafe { self.at::<IMAGE_DOS_HEADER>(0).read_unaligned() };
        let headers: *const IMAGE_NT_HEADERS64 = self.at(u32::try_from(dos.e_lfanew).ok()?);
        // SAFETY: by the type's invariant they are where the first header says.
        let headers = unsafe { headers.read_unaligned() };
        let directory: IMAGE_DATA_DIRECTORY =
            headers.OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT as usize];
        (directory.VirtualAddress != 0).then(|| self.at(directory.VirtualAddress))
    }

    /// The modules that it imports from.
    fn modules(&self) -> impl Iterator<Item = IMAGE_IMPORT_DESCRIPTOR> {
        let mut next = self.imports();
        iter::from_fn(move || {
            let descriptor = next?;
            // SAFETY: an entry of the image's table, which ends with one of zeros.
            let module = unsafe { descriptor.read_unaligned() };
            next = (module.Name != 0).then(|| descriptor.wrapping_add(1));
            next.map(|_| module)
        })
    }

    fn text(&self, offset: u32) -> &CStr {
        // SAFETY: by the type's invariant the image's tables refer to strings with a zero at the end.
        unsafe { CStr::from_ptr(self.at(offset)) }
    }
}

/// Whether the driver that `inside` points into imports from a module, whose name has any case.
#[must_use]
pub fn imports_from(inside: *const c_void, module: &str) -> bool {
    Image::of(inside).is_some_and(|image| {
        image.modules().any(|one| image.text(one.Name).to_bytes().eq_ignore_ascii_case(module.as_bytes()))
    })
}

/// Whether `inside` points into a driver that is not Wine's own: an image that imports from the kernel's module, and does not bear the
/// mark of Wine's modules.
#[must_use]
pub fn is_driver(inside: *const c_void) -> bool {
    let Some(image) = Image::of(inside) else { return false };
    let mark: *const [u8; WINES.len()] = image.at(MARK);
    // SAFETY: by the type's invariant the headers are mapped, which are longer than that.
    let mark = unsafe { mark.read() };
    mark != *WINES && imports_from(inside, "ntoskrnl.exe")
}

/// Turns the kernel imports of the driver that `inside` points into to this crate's functions; how many they are.
///
/// # Safety
/// `inside` points into a loaded driver of which no other thread runs code yet.
#[must_use = "without it, nobody knows whether the driver was completed"]
pub unsafe fn supply(inside: *const c_void) -> usize {
    let Some(image) = Image::of(inside) else { return 0 };
    let kernel = |one: &IMAGE_IMPORT_DESCRIPTOR| image.text(one.Name).to_bytes().eq_ignore_ascii_case(KERNEL);
    image.modules().filter(kernel).map(|module| turn(&image, &module, &table())).sum()
}

/// Turns imports of the kernel's module itself; how many they are. Its threads may call them meanwhile: the old function or the new one.
#[must_use = "without it, nobody knows whether the kernel calls the function"]
pub(crate) fn supply_to_kernel(table: &[Entry]) -> usize {
    // SAFETY: the name is a literal with a zero at the end.
    let kernel = unsafe { GetModuleHandleW(w!("ntoskrnl.exe")) };
    let Some(image) = Image::of(kernel) else { return 0 };
    image.modules().map(|module| turn(&image, &module, table)).sum()
}

/// Writes the functions of the table over the addresses of one module's imports.
fn turn(image: &Image, module: &IMAGE_IMPORT_DESCRIPTOR, table: &[Entry]) -> usize {
    // SAFETY: only its first variant says where the names are.
    let names = unsafe { module.Anonymous.OriginalFirstThunk };
    let mut supplied = 0;
    for index in 0.. {
        let name: *const u64 = image.at::<u64>(names).wrapping_add(index);
        // SAFETY: an entry of the image's table of names, which ends with a zero.
        let name = unsafe { name.read() };
        if name == 0 {
            break;
        }
        if name & BY_NUMBER != 0 {
            continue;
        }
        // A hint of two bytes stands before the name.
        let Ok(place) = u32::try_from(name + 2) else { continue };
        let wanted = image.text(place).to_bytes();
        let Some(entry) = table.iter().find(|entry| entry.name.as_bytes() == wanted) else { continue };
        let slot = image.at::<usize>(module.FirstThunk).wrapping_add(index);
        if write(slot, entry.function) {
            supplied += 1;
        }
    }
    supplied
}

/// Writes to a slot of the read-only table.
fn write(slot: *mut usize, function: usize) -> bool {
    let mut before = 0;
    // SAFETY: the page of the slot is the image's; nobody counts on its being read-only meanwhile.
    if unsafe { VirtualProtect(slot.cast(), size_of::<usize>(), PAGE_READWRITE, &raw mut before) } == 0 {
        return false;
    }
    // SAFETY: a slot of the image's table, writable now.
    let slot_now = unsafe { AtomicUsize::from_ptr(slot) };
    slot_now.store(function, Ordering::Release);
    // SAFETY: as it was before.
    unsafe { VirtualProtect(slot.cast(), size_of::<usize>(), before, &raw mut before) };
    true
}
