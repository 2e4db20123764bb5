//! A driver's test that names nothing of the hosted kernel but this crate links whatever the driver imports.
#![expect(unsafe_code, reason = "the kernel's functions are C functions")]

use hosted as _;

/// One function of each module.
#[test]
fn whatever_a_driver_imports_is_there() {
    let level: unsafe extern "system" fn() -> u8 = nt_sys::KeGetCurrentIrql;
    // SAFETY: a thread that has entered no machine is at PASSIVE_LEVEL.
    assert_eq!(unsafe { level() }, nt_sys::PASSIVE_LEVEL);
    let imported = [
        nt_sys::KeWaitForSingleObject as *const (),
        wsk_sys::WskRegister as *const (),
        hosted::kmdf::WdfVersionBind as *const (),
    ];
    assert!(imported.iter().all(|function| !function.is_null()));
}
