//! `bcryptprimitives.dll` with its one function that Rust's standard library imports: Wine 8 has no such module.
#![no_std]
#![expect(unsafe_code, reason = "a function for C callers, from C functions")]

use core::panic::PanicInfo;

#[link(name = "advapi32")]
unsafe extern "system" {
    /// `RtlGenRandom`, under the name that it is exported by.
    fn SystemFunction036(buffer: *mut u8, length: u32) -> u8;
}

/// Fills a buffer with random bytes; returns 1.
///
/// # Safety
/// `data` points to `length` bytes that may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ProcessPrng(data: *mut u8, length: usize) -> i32 {
    let mut done = 0;
    while done < length {
        let part = u32::try_from(length - done).unwrap_or(u32::MAX);
        // SAFETY: inside the caller's buffer, of which `done` bytes are filled.
        if unsafe { SystemFunction036(data.wrapping_add(done), part) } == 0 {
            return 0;
        }
        done += part as usize;
    }
    1
}

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    loop {}
}
