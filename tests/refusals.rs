//! Bad input, through the I/O control codes: the documented status, and nothing left behind.

mod common;

use common::{Completion, Rig, raw};
use ntos::File;
use wsk_sys::{
    IPPROTO_IP, NTSTATUS, SIO_ADDRESS_LIST_CHANGE, SIO_WSK_REGISTER_EXTENSION, SIO_WSK_SET_REMOTE_ADDRESS,
    SO_BROADCAST, SO_EXCLUSIVEADDRUSE, SO_WSK_EVENT_CALLBACK, SO_WSK_SECURITY, SOL_SOCKET,
    STATUS_ACCESS_DENIED, STATUS_BUFFER_TOO_SMALL, STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};
use wskdrv_abi::code::{self, FILE_DEVICE_WSKDRV};
use wskdrv_abi::{
    Create, IOCTL_WSKDRV_BIND, IOCTL_WSKDRV_CREATE, IOCTL_WSKDRV_GET_OPTION, IOCTL_WSKDRV_IOCTL,
    IOCTL_WSKDRV_LOCAL_ADDRESS, IOCTL_WSKDRV_RAW_CONTROL, IOCTL_WSKDRV_RECEIVE, IOCTL_WSKDRV_SEND,
    IOCTL_WSKDRV_SET_OPTION, IOCTL_WSKDRV_STATISTICS, IOCTL_WSKDRV_VERSION, IoctlRequest, NO_TIMEOUT,
    OptionRequest, RawRequest, Send, Timed, address,
};
use zerocopy::IntoBytes;

const TIMED: Timed = Timed { timeout_ms: NO_TIMEOUT, reserved: 0 };

fn rig() -> Rig {
    Rig::memory(Completion::Deferred)
}

fn create_input(family: u16) -> Vec<u8> {
    Create { timeout_ms: NO_TIMEOUT, family, reserved: 0 }.as_bytes().to_vec()
}

fn after(head: &impl AsRef<[u8]>, rest: &[u8]) -> Vec<u8> {
    [head.as_ref(), rest].concat()
}

fn sockaddr(text: &str) -> Vec<u8> {
    let (bytes, length) = address::encode(text.parse().expect("an address"));
    bytes[..length].to_vec()
}

fn option(level: u32, name: u32) -> Vec<u8> {
    OptionRequest { timeout_ms: NO_TIMEOUT, level, name, reserved: 0 }.as_bytes().to_vec()
}

fn status(file: &File, code: u32, input: &[u8], output: usize) -> NTSTATUS {
    raw(file, code, input, output).0
}

/// A handle with an unbound socket of a family.
fn unbound(rig: &Rig, family: u16) -> File {
    let file = rig.file();
    assert_eq!(status(&file, IOCTL_WSKDRV_CREATE, &create_input(family), 0), STATUS_SUCCESS);
    file
}

/// A handle with a bound IPv4 socket.
fn bound(rig: &Rig) -> File {
    let file = unbound(rig, 2);
    let input = after(&TIMED.as_bytes(), &sockaddr("127.0.0.1:0"));
    assert_eq!(status(&file, IOCTL_WSKDRV_BIND, &input, 0), STATUS_SUCCESS);
    file
}

#[test]
fn unknown_codes_are_not_requests() {
    let rig = rig();
    let file = bound(&rig);
    for function in [0, 0x7FF, 0x80C, 0x8FF, 0xFFF] {
        for method in [code::Method::Buffered, code::Method::InDirect, code::Method::OutDirect] {
            let unknown = code::ctl_code(function, method, 1);
            assert_eq!(status(&file, unknown, &[0; 8], 8), STATUS_INVALID_DEVICE_REQUEST, "{unknown:#x}");
        }
    }
    // A known function by another method, access or device type is another code.
    let neither = IOCTL_WSKDRV_VERSION | 3;
    let other_device = IOCTL_WSKDRV_VERSION ^ ((FILE_DEVICE_WSKDRV ^ 0x22) << 16);
    for unknown in [neither, IOCTL_WSKDRV_SEND ^ 3, IOCTL_WSKDRV_CREATE ^ (1 << 14), other_device] {
        assert_eq!(status(&file, unknown, &[0; 16], 16), STATUS_INVALID_DEVICE_REQUEST, "{unknown:#x}");
    }
    drop(file);
    rig.finish();
}

#[test]
fn short_and_long_buffers_are_refused() {
    let rig = rig();
    let file = bound(&rig);
    let create = create_input(2);
    let option = option(SOL_SOCKET, SO_BROADCAST);
    let ioctl = IoctlRequest { timeout_ms: NO_TIMEOUT, code: SIO_WSK_SET_REMOTE_ADDRESS };
    let raw_request =
        RawRequest { timeout_ms: NO_TIMEOUT, request_type: 1, code: SO_BROADCAST, level: SOL_SOCKET };
    let send = Send { timeout_ms: NO_TIMEOUT, flags: 0 };
    let timed = TIMED.as_bytes();
    let heads: [(u32, &[u8], usize); 8] = [
        (IOCTL_WSKDRV_CREATE, &create, 0),
        (IOCTL_WSKDRV_BIND, timed, 0),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, timed, 28),
        (IOCTL_WSKDRV_GET_OPTION, &option, 4),
        (IOCTL_WSKDRV_SET_OPTION, &option, 0),
        (IOCTL_WSKDRV_IOCTL, ioctl.as_bytes(), 0),
        (IOCTL_WSKDRV_RAW_CONTROL, raw_request.as_bytes(), 4),
        (IOCTL_WSKDRV_SEND, send.as_bytes(), 10),
    ];
    for (code, head, output) in heads {
        for length in 0..head.len() {
            let status = status(&file, code, &head[..length], output);
            assert_eq!(status, STATUS_BUFFER_TOO_SMALL, "{:?}, {length} bytes", code::name(code));
        }
    }
    let too_long: [(u32, &[u8], usize); 5] = [
        (IOCTL_WSKDRV_CREATE, &create, 0),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, timed, 28),
        (IOCTL_WSKDRV_GET_OPTION, &option, 4),
        (IOCTL_WSKDRV_RECEIVE, timed, 100),
        (IOCTL_WSKDRV_STATISTICS, &[], 120),
    ];
    for (code, head, output) in too_long {
        let status = status(&file, code, &after(&head, &[0]), output);
        assert_eq!(status, STATUS_INVALID_BUFFER_SIZE, "{:?}", code::name(code));
    }
    let no_room: [(u32, &[u8], usize); 5] = [
        (IOCTL_WSKDRV_VERSION, &[], 15),
        (IOCTL_WSKDRV_STATISTICS, &[], 119),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, timed, 15),
        (IOCTL_WSKDRV_GET_OPTION, &option, 3),
        (IOCTL_WSKDRV_RECEIVE, timed, 47),
    ];
    for (code, head, output) in no_room {
        for output in [0, output] {
            let status = status(&file, code, head, output);
            assert_eq!(status, STATUS_BUFFER_TOO_SMALL, "{:?}, room {output}", code::name(code));
        }
    }
    drop(file);
    rig.finish();
}

#[test]
fn reserved_fields_are_zero() {
    let rig = rig();
    let file = bound(&rig);
    let timed = Timed { reserved: 1, ..TIMED };
    let create = Create { timeout_ms: NO_TIMEOUT, family: 2, reserved: 1 };
    let option = OptionRequest {
        timeout_ms: NO_TIMEOUT,
        level: SOL_SOCKET,
        name: SO_BROADCAST,
        reserved: 0x8000_0000,
    };
    let send = Send { timeout_ms: NO_TIMEOUT, flags: 2 };
    let inputs: [(u32, Vec<u8>); 7] = [
        (IOCTL_WSKDRV_CREATE, create.as_bytes().to_vec()),
        (IOCTL_WSKDRV_BIND, after(&timed.as_bytes(), &sockaddr("127.0.0.1:0"))),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, timed.as_bytes().to_vec()),
        (IOCTL_WSKDRV_GET_OPTION, option.as_bytes().to_vec()),
        (IOCTL_WSKDRV_SET_OPTION, after(&option.as_bytes(), &[0; 4])),
        (IOCTL_WSKDRV_RECEIVE, timed.as_bytes().to_vec()),
        (IOCTL_WSKDRV_SEND, send.as_bytes().to_vec()),
    ];
    for (code, input) in inputs {
        assert_eq!(status(&file, code, &input, 100), STATUS_INVALID_PARAMETER, "{:?}", code::name(code));
    }
    drop(file);
    rig.finish();
}

#[test]
fn families_and_address_lengths_must_agree() {
    let rig = rig();
    for family in [0, 1, 3, 10, 17, 0xFFFF] {
        let file = rig.file();
        assert_eq!(status(&file, IOCTL_WSKDRV_CREATE, &create_input(family), 0), STATUS_INVALID_PARAMETER);
    }
    let v4 = sockaddr("127.0.0.1:0");
    let v6 = sockaddr("[::1]:0");
    let file = unbound(&rig, 2);
    let bind = |rest: &[u8]| status(&file, IOCTL_WSKDRV_BIND, &after(&TIMED.as_bytes(), rest), 0);
    assert_eq!(bind(&v4[..15]), STATUS_INVALID_PARAMETER);
    assert_eq!(bind(&after(&v4, &[0])), STATUS_INVALID_PARAMETER);
    assert_eq!(bind(&v6[..16]), STATUS_INVALID_PARAMETER);
    assert_eq!(bind(&[99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), STATUS_INVALID_PARAMETER);
    assert_eq!(bind(&[2]), STATUS_BUFFER_TOO_SMALL, "not even a family");
    assert_eq!(bind(&v6), STATUS_INVALID_ADDRESS_COMPONENT, "of the other family");
    assert_eq!(bind(&v4), STATUS_SUCCESS, "none of it has harmed the socket");

    let set_remote = |rest: &[u8]| {
        let head = IoctlRequest { timeout_ms: NO_TIMEOUT, code: SIO_WSK_SET_REMOTE_ADDRESS };
        status(&file, IOCTL_WSKDRV_IOCTL, &after(&head.as_bytes(), rest), 0)
    };
    assert_eq!(set_remote(&v4[..15]), STATUS_INVALID_PARAMETER);
    assert_eq!(set_remote(&v6), STATUS_INVALID_ADDRESS_COMPONENT);
    let send = |rest: &[u8]| {
        let head = Send { timeout_ms: NO_TIMEOUT, flags: 0 };
        status(&file, IOCTL_WSKDRV_SEND, &after(&head.as_bytes(), rest), 4)
    };
    assert_eq!(send(&v4[..15]), STATUS_INVALID_PARAMETER);
    assert_eq!(send(&v6), STATUS_INVALID_ADDRESS_COMPONENT);
    drop(file);
    rig.finish();
}

#[test]
fn requests_in_the_wrong_state_are_refused() {
    let rig = rig();
    let exclusive = after(&option(SOL_SOCKET, SO_EXCLUSIVEADDRUSE), &1_u32.to_ne_bytes());
    let broadcast = after(&option(SOL_SOCKET, SO_BROADCAST), &1_u32.to_ne_bytes());
    let bind = after(&TIMED.as_bytes(), &sockaddr("127.0.0.1:0"));
    let remote = IoctlRequest { timeout_ms: NO_TIMEOUT, code: SIO_WSK_SET_REMOTE_ADDRESS };
    let remote = after(&remote.as_bytes(), &sockaddr("127.0.0.1:9"));
    let send = after(&Send { timeout_ms: NO_TIMEOUT, flags: 0 }.as_bytes(), &sockaddr("127.0.0.1:9"));
    let raw_get =
        RawRequest { timeout_ms: NO_TIMEOUT, request_type: 1, code: SO_BROADCAST, level: SOL_SOCKET };
    let wrong = |file: &File, code, input: &[u8]| {
        let status = status(file, code, input, 100);
        assert_eq!(status, STATUS_INVALID_DEVICE_STATE, "{:?}", code::name(code));
    };

    let file = rig.file();
    let get = option(SOL_SOCKET, SO_BROADCAST);
    for (code, input) in [
        (IOCTL_WSKDRV_BIND, &bind[..]),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, TIMED.as_bytes()),
        (IOCTL_WSKDRV_GET_OPTION, &get),
        (IOCTL_WSKDRV_SET_OPTION, &exclusive),
        (IOCTL_WSKDRV_SET_OPTION, &broadcast),
        (IOCTL_WSKDRV_IOCTL, &remote),
        (IOCTL_WSKDRV_RAW_CONTROL, raw_get.as_bytes()),
        (IOCTL_WSKDRV_SEND, &send),
        (IOCTL_WSKDRV_RECEIVE, TIMED.as_bytes()),
    ] {
        wrong(&file, code, input);
    }

    drop(file);
    let file = unbound(&rig, 2);
    wrong(&file, IOCTL_WSKDRV_CREATE, &create_input(2));
    for (code, input) in [
        (IOCTL_WSKDRV_LOCAL_ADDRESS, TIMED.as_bytes()),
        (IOCTL_WSKDRV_IOCTL, &remote[..]),
        (IOCTL_WSKDRV_SEND, &send),
        (IOCTL_WSKDRV_RECEIVE, TIMED.as_bytes()),
    ] {
        wrong(&file, code, input);
    }
    assert_eq!(status(&file, IOCTL_WSKDRV_SET_OPTION, &exclusive, 0), STATUS_SUCCESS);

    drop(file);
    let file = bound(&rig);
    wrong(&file, IOCTL_WSKDRV_CREATE, &create_input(2));
    wrong(&file, IOCTL_WSKDRV_BIND, &bind);
    wrong(&file, IOCTL_WSKDRV_SET_OPTION, &exclusive);
    assert_eq!(status(&file, IOCTL_WSKDRV_SET_OPTION, &broadcast, 0), STATUS_SUCCESS);
    let get = option(SOL_SOCKET, SO_EXCLUSIVEADDRUSE);
    assert_eq!(status(&file, IOCTL_WSKDRV_GET_OPTION, &get, 4), STATUS_SUCCESS, "a get has no rule");
    drop(file);
    rig.finish();
}

#[test]
fn options_without_a_row_need_the_raw_code_and_values_their_size() {
    let rig = rig();
    let file = bound(&rig);
    let unknown = option(IPPROTO_IP, 4);
    assert_eq!(status(&file, IOCTL_WSKDRV_GET_OPTION, &unknown, 4), STATUS_NOT_SUPPORTED);
    assert_eq!(status(&file, IOCTL_WSKDRV_SET_OPTION, &after(&unknown, &[0; 4]), 0), STATUS_NOT_SUPPORTED);
    let ioctl = IoctlRequest { timeout_ms: NO_TIMEOUT, code: 0x9800_000C };
    assert_eq!(status(&file, IOCTL_WSKDRV_IOCTL, ioctl.as_bytes(), 0), STATUS_NOT_SUPPORTED);
    for size in [0, 1, 3, 5, 8, 265, 4096] {
        let input = after(&option(SOL_SOCKET, SO_BROADCAST), &vec![0; size]);
        let status = status(&file, IOCTL_WSKDRV_SET_OPTION, &input, 0);
        assert_eq!(status, STATUS_INFO_LENGTH_MISMATCH, "a value of {size} bytes");
    }
    drop(file);
    rig.finish();
}

#[test]
fn pointers_do_not_pass_as_bytes() {
    let rig = rig();
    let file = bound(&rig);
    let raw_control = |request_type, code, level, value: &[u8]| {
        let head = RawRequest { timeout_ms: NO_TIMEOUT, request_type, code, level };
        status(&file, IOCTL_WSKDRV_RAW_CONTROL, &after(&head.as_bytes(), value), 0)
    };
    let pointer = [0xFF; 16];
    for name in [SO_WSK_SECURITY, SO_WSK_EVENT_CALLBACK, 0x4003, 0x4FFF] {
        for request_type in [0, 1] {
            let input: &[u8] = if request_type == 0 { &pointer } else { &[] };
            assert_eq!(raw_control(request_type, name, SOL_SOCKET, input), STATUS_ACCESS_DENIED, "{name:#x}");
        }
        // Not by the typed door either: there is no row.
        let set = after(&option(SOL_SOCKET, name), &pointer);
        assert_eq!(status(&file, IOCTL_WSKDRV_SET_OPTION, &set, 0), STATUS_NOT_SUPPORTED);
    }
    for code in [SIO_WSK_REGISTER_EXTENSION, SIO_ADDRESS_LIST_CHANGE, 0xCF00_0009] {
        assert_eq!(raw_control(2, code, 0, &pointer), STATUS_ACCESS_DENIED, "{code:#x}");
    }
    assert_eq!(raw_control(3, SO_BROADCAST, SOL_SOCKET, &[]), STATUS_INVALID_PARAMETER);
    assert_eq!(raw_control(u32::MAX, SO_BROADCAST, SOL_SOCKET, &[]), STATUS_INVALID_PARAMETER);
    assert_eq!(raw_control(0, SO_BROADCAST, SOL_SOCKET, &vec![0; 265]), STATUS_INVALID_BUFFER_SIZE);
    assert_eq!(raw_control(0, SO_BROADCAST, SOL_SOCKET, &1_u32.to_ne_bytes()), STATUS_SUCCESS);
    drop(file);
    rig.finish();
}
