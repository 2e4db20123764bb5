//! What a module does when it is loaded.
#![expect(unsafe_code, reason = "asks the loader of modules")]

use std::panic;
use std::ptr;

use hosted_rule::report::{print, violation};
use hosted_rule::{Broken, Rule};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};

use crate::stale;

/// `MANUALLY_INITIATED_CRASH1`: somebody asked for it, and it was the module itself.
const PANIC: u32 = 0xDEAD_DEAD;

/// Keeps the module loaded as long as the process lives, as Windows does with the two: their threads may still be
/// on their way out when the last driver that imports from them goes. Makes its panics bug checks, and has the kernel keep the
/// IRPs that it frees.
pub fn attach(module: &'static str) {
    let mut handle = ptr::null_mut();
    let here = attach as fn(&'static str) as *const u16;
    // SAFETY: with this flag the name is any address inside the module; the handle goes to a local.
    unsafe {
        GetModuleHandleExW(
            GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
            here,
            &raw mut handle,
        )
    };
    let rule: &'static Rule = Box::leak(Box::new(Rule::new(PANIC, 0, module, "a module does not panic")));
    panic::set_hook(Box::new(move |info| violation(&Broken::new(rule, info.to_string()))));
    if !stale::keep() {
        print(&format!("{module}: Wine's kernel gives the memory of a freed IRP to the next one"));
    }
}

/// Defines the entry point of a module, which the C runtime calls; what is given does further things when it is loaded.
#[macro_export]
macro_rules! module {
    ($name:literal $(, $further:expr)?) => {
        #[unsafe(no_mangle)]
        extern "system" fn DllMain(
            _instance: *mut ::core::ffi::c_void,
            reason: u32,
            _reserved: *mut ::core::ffi::c_void,
        ) -> i32 {
            // `DLL_PROCESS_ATTACH`.
            if reason == 1 {
                $crate::attach::attach($name);
                $($further;)?
            }
            1
        }
    };
}
