//! Drivers that are wrong in their `DriverEntry`.

use kmdf::{
    _WDF_DEVICE_IO_TYPE as IoType, _WDF_TRI_STATE as TriState, STATUS_SUCCESS, STATUS_UNSUCCESSFUL, rules,
};

use super::Case;
use super::common::{Made, Options, wdf};

const SDDL: &str = "D:P(A;;GA;;;SY)";

fn leaves_an_init(made: &Made) {
    wdf::init_allocate(made.driver, SDDL).expect("a description");
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case {
            rule: &rules::FINISH_INITIALIZING,
            object: r"\Device\KmdfEcho",
            options: Options { finish: false, ..Options::default() },
            act: |_| (),
        },
        Case::entry(&rules::INIT_LEAK, "WDFDEVICE_INIT", |made| {
            leaves_an_init(made);
            STATUS_SUCCESS
        }),
        Case::entry(&rules::INIT_LEAK, "WDFDEVICE_INIT", |made| {
            leaves_an_init(made);
            STATUS_UNSUCCESSFUL
        }),
        Case::entry(&rules::INIT_GONE, "WDFDEVICE_INIT", |made| {
            let init = wdf::init_allocate(made.driver, SDDL).expect("a description");
            wdf::init_free(init);
            wdf::init_free(init);
            STATUS_SUCCESS
        }),
        Case::entry(&rules::INIT_IGNORED, "the I/O type", |made| {
            let init = wdf::init_allocate(made.driver, SDDL).expect("a description");
            wdf::init_set_io_type(init, IoType::WdfDeviceIoUndefined);
            wdf::init_free(init);
            STATUS_SUCCESS
        }),
        Case::entry(&rules::INIT_IGNORED, "AutoForwardCleanupClose", |made| {
            let init = wdf::init_allocate(made.driver, SDDL).expect("a description");
            wdf::init_set_auto_forward(init, TriState::WdfUseDefault + 1);
            wdf::init_free(init);
            STATUS_SUCCESS
        }),
        Case::entry(&rules::DRIVER_CREATE, "kmdfecho", |made| {
            let object = wdf::driver_object(made.driver);
            let again =
                wdf::with_string(r"\Services\kmdfecho", |path| wdf::driver_create(object, path, None));
            assert!(again.is_err());
            STATUS_SUCCESS
        }),
    ]
}
