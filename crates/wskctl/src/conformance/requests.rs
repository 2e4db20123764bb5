//! Requests as bytes, for tests that send what no well-made client would.

use std::net::SocketAddr;

use wskdrv_abi::{
    Create, IOCTL_WSKDRV_RECEIVE, IoctlRequest, NO_TIMEOUT, OptionRequest, RawRequest, Receive, Send, Timed,
    address,
};
use zerocopy::IntoBytes;

use crate::device::{Handle, Pending};

/// Begins to receive, without a time limit.
pub(super) fn begin_receive(handle: &Handle) -> Pending {
    handle.begin(IOCTL_WSKDRV_RECEIVE, receive(32), vec![0; 100])
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

/// One datagram of so many bytes, to this address or to the fixed one.
pub(super) fn send_with(address: &[u8], length: u32) -> Vec<u8> {
    let address_length = u32::try_from(address.len()).unwrap_or(u32::MAX);
    let head =
        Send { timeout_ms: NO_TIMEOUT, flags: 0, count: 1, address_length, control_length: 0, reserved: 0 };
    [head.as_bytes(), &length.to_ne_bytes(), address].concat()
}

/// One datagram, with room for so much payload.
pub(super) fn receive(payload_room: u32) -> Vec<u8> {
    Receive { timeout_ms: NO_TIMEOUT, count: 1, payload_room, control_room: 0 }.as_bytes().to_vec()
}
