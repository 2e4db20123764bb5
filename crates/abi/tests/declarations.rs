//! The constants that the contract repeats are those of the C declarations.
#![forbid(unsafe_code)]

use std::mem::{offset_of, size_of};

use wsk_sys as sys;

#[test]
fn families_and_address_layouts_are_windows_own() {
    assert_eq!(wskdrv_abi::AF_INET, sys::AF_INET);
    assert_eq!(wskdrv_abi::AF_INET6, sys::AF_INET6);
    assert_eq!(wskdrv_abi::SOCKADDR_IN_LENGTH, size_of::<sys::SOCKADDR_IN>());
    assert_eq!(wskdrv_abi::SOCKADDR_IN6_LENGTH, size_of::<sys::SOCKADDR_IN6>());
    assert_eq!((2, 4), (offset_of!(sys::SOCKADDR_IN, sin_port), offset_of!(sys::SOCKADDR_IN, sin_addr)));
    assert_eq!(
        (2, 4),
        (offset_of!(sys::SOCKADDR_IN6, sin6_port), offset_of!(sys::SOCKADDR_IN6, sin6_flowinfo))
    );
    assert_eq!(
        (8, 24),
        (offset_of!(sys::SOCKADDR_IN6, sin6_addr), offset_of!(sys::SOCKADDR_IN6, sin6_scope_id))
    );
}

#[test]
fn raw_request_types_are_wsks_own() {
    assert_eq!(i64::from(wskdrv_abi::RAW_SET_OPTION), i64::from(sys::WskSetOption));
    assert_eq!(i64::from(wskdrv_abi::RAW_GET_OPTION), i64::from(sys::WskGetOption));
    assert_eq!(i64::from(wskdrv_abi::RAW_IOCTL), i64::from(sys::WskIoctl));
}

/// The fields of the structures are numbers of a fixed width, and none is padded (`IntoBytes`): a 32-bit process lays them out as
/// the driver does.
#[test]
fn structures_are_the_same_for_32_bit_callers() {
    let sources = [
        include_str!("../src/event.rs"),
        include_str!("../src/receive.rs"),
        include_str!("../src/reply.rs"),
        include_str!("../src/request.rs"),
        include_str!("../src/send.rs"),
    ];
    let mut structures = 0;
    for source in sources {
        for structure in source.split("#[repr(C)]").skip(1) {
            structures += 1;
            let fields = structure.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
            let fields = fields.expect("a structure with fields").0.lines();
            for field in fields.filter_map(|line| line.trim().strip_prefix("pub ")) {
                let kind = field.split_once(": ").expect("a field").1.trim_end_matches(',');
                let element = kind.strip_prefix('[').and_then(|array| array.split_once(';'));
                let element = element.map_or(kind, |(element, _)| element);
                assert!(["u8", "u16", "u32", "u64", "i32"].contains(&element), "{field}");
            }
        }
    }
    assert_eq!(structures, 17, "a structure has been added, or is not looked at");
}
