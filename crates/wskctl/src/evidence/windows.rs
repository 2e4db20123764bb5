//! What only functions of Windows tell.
#![expect(unsafe_code, reason = "calls of the Windows API")]

use std::ffi::{CStr, c_char, c_void};
use std::{env, fs, io, ptr};

use windows_sys::Wdk::System::SystemInformation::{NtQuerySystemInformation, SystemCodeIntegrityInformation};
use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::Foundation::{FARPROC, NTSTATUS, RtlNtStatusToDosError};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::SystemInformation::OSVERSIONINFOW;
use windows_sys::Win32::System::WindowsProgramming::SYSTEM_CODEINTEGRITY_INFORMATION;
use windows_sys::core::PCSTR;
use windows_sys::{s, w};

use super::machine::Api;

/// What the two structures say of their size.
const VERSION_SIZE: u32 = 276;
const INTEGRITY_SIZE: u32 = 8;
const _: () = assert!(VERSION_SIZE as usize == size_of::<OSVERSIONINFOW>());
const _: () = assert!(INTEGRITY_SIZE as usize == size_of::<SYSTEM_CODEINTEGRITY_INFORMATION>());

/// The running system.
pub(super) struct Local;

impl Api for Local {
    fn wine(&self) -> Option<String> {
        // A Wine that hides the first from programs still has the second, which its own modules need.
        if let Some(function) = of_ntdll(s!("wine_get_version")) {
            // SAFETY: Wine's `wine_get_version` is `const char *(CDECL *)(void)`, and on x64 and arm64 there is one convention.
            let get: extern "C" fn() -> *const c_char = unsafe { std::mem::transmute(function) };
            let version = get();
            if !version.is_null() {
                // SAFETY: the function returns a string constant of ntdll's, which is never unloaded.
                let version = unsafe { CStr::from_ptr(version) };
                return Some(version.to_string_lossy().into_owned());
            }
        }
        of_ntdll(s!("__wine_dbg_output")).map(|_function| "unknown".to_owned())
    }

    fn version(&self) -> io::Result<[u32; 3]> {
        let mut version = OSVERSIONINFOW { dwOSVersionInfoSize: VERSION_SIZE, ..Default::default() };
        // SAFETY: the structure is the caller's, and says its size, as the page of `RtlGetVersion` wants it.
        check(unsafe { RtlGetVersion(&raw mut version) })?;
        Ok([version.dwMajorVersion, version.dwMinorVersion, version.dwBuildNumber])
    }

    fn code_integrity(&self) -> io::Result<u32> {
        let mut information =
            SYSTEM_CODEINTEGRITY_INFORMATION { Length: INTEGRITY_SIZE, CodeIntegrityOptions: 0 };
        let to = (&raw mut information).cast::<c_void>();
        // SAFETY: `to` has room for the structure of this class, whose length is given; the last pointer is optional.
        check(unsafe {
            NtQuerySystemInformation(SystemCodeIntegrityInformation, to, INTEGRITY_SIZE, ptr::null_mut())
        })?;
        Ok(information.CodeIntegrityOptions)
    }

    fn root(&self) -> String {
        env::var("SystemRoot").unwrap_or_else(|_| r"C:\Windows".to_owned())
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(path)
    }
}

/// A function that ntdll.dll exports.
fn of_ntdll(name: PCSTR) -> FARPROC {
    // SAFETY: the name is a constant that ends with a zero.
    let ntdll = unsafe { GetModuleHandleW(w!("ntdll.dll")) };
    if ntdll.is_null() {
        return None;
    }
    // SAFETY: ntdll is in every process, and the name ends with a zero, as both callers' constants do.
    unsafe { GetProcAddress(ntdll, name) }
}

fn check(status: NTSTATUS) -> io::Result<()> {
    if status >= 0 {
        return Ok(());
    }
    // SAFETY: a pure translation of a number.
    let code = unsafe { RtlNtStatusToDosError(status) };
    Err(io::Error::from_raw_os_error(code.cast_signed()))
}
