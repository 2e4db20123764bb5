//! The framework's C types under the names that bindgen gives them in `wdk_sys`.

mod callbacks;
mod enums;
mod handles;
mod layout;
mod pnp;
mod structs;

pub use callbacks::*;
pub use enums::*;
pub use handles::*;
pub use pnp::*;
pub use structs::*;

/// An entry of the function table, to be called as the type of its index.
pub type WDFFUNC = Option<unsafe extern "C" fn()>;
/// `ULONG_PTR` as bindgen maps it on 64-bit Windows.
pub type ULONG_PTR = u64;
/// `SIZE_T` as bindgen maps it on 64-bit Windows.
pub type SIZE_T = ULONG_PTR;
/// `PWSTR`.
pub type PWSTR = *mut wsk_sys::WCHAR;
/// `PULONG`.
pub type PULONG = *mut wsk_sys::ULONG;
/// `PLONGLONG`.
pub type PLONGLONG = *mut wsk_sys::LONGLONG;
/// `PCCH`.
pub type PCCH = *const core::ffi::c_char;
/// A pointer to a deferred procedure call.
pub type PKDPC = *mut wsk_sys::KDPC;
