//! IRQLs: a thread of a process is always at `PASSIVE_LEVEL`. Wine has no `KeGetCurrentIrql`; its two functions that
//! change the level do nothing and say so in its log each time.
#![expect(unsafe_code, reason = "functions of the kernel's C names")]

use wsk_sys::{KIRQL, PASSIVE_LEVEL};

#[unsafe(no_mangle)]
pub(crate) extern "system" fn KeGetCurrentIrql() -> KIRQL {
    PASSIVE_LEVEL
}

#[unsafe(no_mangle)]
pub(crate) extern "system" fn KfRaiseIrql(_NewIrql: KIRQL) -> KIRQL {
    PASSIVE_LEVEL
}

#[unsafe(no_mangle)]
pub(crate) extern "system" fn KeLowerIrql(_NewIrql: KIRQL) {}
