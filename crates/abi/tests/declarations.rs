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
