//! Requests as bytes, for tests that send what no well-made client would.

use std::net::SocketAddr;

use wskdrv_abi::{
    Create, IOCTL_WSKDRV_RECEIVE, IoctlRequest, NO_TIMEOUT, OptionRequest, RawRequest, Send, Timed, address,
};
use zerocopy::IntoBytes;

use crate::device::{Handle, Pending};

/// Begins to receive, without a time limit.
pub(super) fn begin_receive(handle: &Handle) -> Pending {
    handle.begin(IOCTL_WSKDRV_RECEIVE, timed_with(&[]), vec![0; 100])
}

pub(super) fn sockaddr(address: SocketAddr) -> Vec<u8> {
    let (bytes, length) = address::encode(address);
    bytes[..length].to_vec()
}

pub(super) fn create(family: u16) -> Vec<u8> {
    Create { timeout_ms: NO_TIMEOUT, family, reserved: 0 }.as_bytes().to_vec()
}

pub(super) fn timed_with(rest: &[u8]) -> Vec<u8> {
    [Timed { timeout_ms: NO_TIMEOUT, reserved: 0 }.as_bytes(), rest].concat()
}

pub(super) fn option(level: u32, name: u32) -> Vec<u8> {
    OptionRequest { timeout_ms: NO_TIMEOUT, level, name, reserved: 0 }.as_bytes().to_vec()
}

pub(super) fn option_with(level: u32, name: u32, value: &[u8]) -> Vec<u8> {
    [&option(level, name)[..], value].concat()
}

pub(super) fn ioctl_with(code: u32, rest: &[u8]) -> Vec<u8> {
    [IoctlRequest { timeout_ms: NO_TIMEOUT, code }.as_bytes(), rest].concat()
}

pub(super) fn raw_with(request_type: u32, code: u32, level: u32, value: &[u8]) -> Vec<u8> {
    [RawRequest { timeout_ms: NO_TIMEOUT, request_type, code, level }.as_bytes(), value].concat()
}

pub(super) fn send_with(rest: &[u8]) -> Vec<u8> {
    [Send { timeout_ms: NO_TIMEOUT, flags: 0 }.as_bytes(), rest].concat()
}
