//! What a handle may do, by the access that it was opened with.

use wsk_sys::{NamedStatus, STATUS_ACCESS_DENIED, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS};
use wskdrv_abi::code::{CODES, FILE_READ_ACCESS, FILE_WRITE_ACCESS};
use wskdrv_abi::{
    IOCTL_WSKDRV_BIND, IOCTL_WSKDRV_CREATE, IOCTL_WSKDRV_IOCTL, IOCTL_WSKDRV_PROBE, IOCTL_WSKDRV_RAW_CONTROL,
    IOCTL_WSKDRV_SEND, IOCTL_WSKDRV_SET_OPTION, IOCTL_WSKDRV_SET_SECURITY, USER_PATH,
};

use crate::common::{Completion, Rig};

const GENERIC_READ: u32 = 0x8000_0000;
const GENERIC_WRITE: u32 = 0x4000_0000;
const SYNCHRONIZE: u32 = 0x0010_0000;

/// Each code is refused before the driver sees it, if the handle lacks an access that the code needs; and only then.
#[test]
fn each_code_needs_its_access() {
    let rig = Rig::memory(Completion::Deferred);
    for (wanted, granted) in [
        (SYNCHRONIZE, 0),
        (GENERIC_READ, FILE_READ_ACCESS),
        (GENERIC_WRITE, FILE_WRITE_ACCESS),
        (GENERIC_READ | GENERIC_WRITE, FILE_READ_ACCESS | FILE_WRITE_ACCESS),
    ] {
        let file = rig.process.create_file(USER_PATH, wanted).expect("opened");
        for code in CODES {
            let status = file.begin(code.value, Vec::new(), vec![0; 4]).wait().status;
            let denied = code.access & !granted != 0;
            assert_eq!(
                status.0 == STATUS_ACCESS_DENIED,
                denied,
                "{} by a handle for {wanted:#x} ended with {status:?}",
                code.name
            );
            assert_ne!(
                status.0, STATUS_INVALID_DEVICE_REQUEST,
                "{}: the driver has a request for it",
                code.name
            );
        }
    }
    rig.finish();
}

/// What changes a socket, or sends, needs a handle for writing.
#[test]
fn changes_need_a_handle_for_writing() {
    let change = [
        IOCTL_WSKDRV_CREATE,
        IOCTL_WSKDRV_BIND,
        IOCTL_WSKDRV_SET_OPTION,
        IOCTL_WSKDRV_IOCTL,
        IOCTL_WSKDRV_RAW_CONTROL,
        IOCTL_WSKDRV_SEND,
        IOCTL_WSKDRV_SET_SECURITY,
        IOCTL_WSKDRV_PROBE,
    ];
    for code in CODES {
        assert_eq!(code.access & FILE_WRITE_ACCESS != 0, change.contains(&code.value), "{}", code.name);
        assert_ne!(code.access, 0, "{} needs some access", code.name);
    }
}

/// The access is the handle's, not the process': another handle of the same process does not help.
#[test]
fn access_is_the_handles_own() {
    let rig = Rig::memory(Completion::Deferred);
    let read = rig.process.create_file(USER_PATH, GENERIC_READ).expect("opened");
    let both = rig.process.create_file(USER_PATH, GENERIC_READ | GENERIC_WRITE).expect("opened");
    let create = || [u32::MAX.to_ne_bytes(), 2_u32.to_ne_bytes()].concat();
    let status = |file: &ntos::File| file.begin(IOCTL_WSKDRV_CREATE, create(), Vec::new()).wait().status;
    assert_eq!(status(&both), NamedStatus(STATUS_SUCCESS));
    assert_eq!(status(&read), NamedStatus(STATUS_ACCESS_DENIED));
    drop((read, both));
    rig.finish();
}
