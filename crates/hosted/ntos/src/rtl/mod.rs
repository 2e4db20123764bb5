//! The run-time library: counted strings, numbers as text, memory, times by the calendar.
//!
//! Those that Microsoft's pages allow at `PASSIVE_LEVEL` only are in pageable code. The others may be called where their
//! strings are resident.
#![expect(unsafe_code, reason = "exports C functions by their names; the memory is the driver's")]

pub mod ansi;
pub mod convert;
mod counted;
pub mod string;
pub mod time;

use std::ffi::c_void;
use std::slice;

use wsk_sys::{PASSIVE_LEVEL, SIZE_T};

use crate::ke::irql::at_most;
use crate::machine::Machine;
use crate::machine::here::Here;
use crate::rule;

/// Enters a function of pageable code.
fn enter_passive(what: &str) -> Here {
    let machine = Machine::kernel();
    at_most(PASSIVE_LEVEL, &rule::IRQL_RTL_PASSIVE, what);
    machine
}

/// How many bytes are the same, before the first that differ.
///
/// # IRQL
/// Any, if the memory is resident.
///
/// # Safety
/// Both are `Length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlCompareMemory(
    Source1: *const c_void,
    Source2: *const c_void,
    Length: SIZE_T,
) -> SIZE_T {
    Machine::kernel();
    if Length == 0 {
        return 0;
    }
    // SAFETY: this function's own contract.
    let first = unsafe { slice::from_raw_parts(Source1.cast::<u8>(), Length) };
    // SAFETY: this function's own contract.
    let second = unsafe { slice::from_raw_parts(Source2.cast::<u8>(), Length) };
    first.iter().zip(second).take_while(|(first, second)| first == second).count()
}
