//! Requests in the wrong state of a handle: without a socket, before bind, after it.

use wsk_sys::{
    NTSTATUS, SIO_WSK_SET_REMOTE_ADDRESS, SO_BROADCAST, SO_EXCLUSIVEADDRUSE, SOL_SOCKET,
    STATUS_INVALID_DEVICE_STATE, STATUS_SUCCESS,
};
use wskdrv_abi::{
    IOCTL_WSKDRV_BIND, IOCTL_WSKDRV_CREATE, IOCTL_WSKDRV_GET_OPTION, IOCTL_WSKDRV_IOCTL,
    IOCTL_WSKDRV_LOCAL_ADDRESS, IOCTL_WSKDRV_RAW_CONTROL, IOCTL_WSKDRV_RECEIVE, IOCTL_WSKDRV_SEND,
    IOCTL_WSKDRV_SET_OPTION, RAW_GET_OPTION, code,
};

use super::lab::Lab;
use super::outcome::{Outcome, status_is};
use super::raw;
use super::requests::{
    create, ioctl_with, option, option_with, raw_with, receive, send_with, sockaddr, timed_with,
};
use super::test::tests;
use crate::family::Family;
use crate::session::Session;

tests! { states:
    "Without a socket everything but a create is refused." nothing_but_a_create_works_without_a_socket;
    "Before bind what needs an address is refused, and options for before bind are taken."
        what_needs_an_address_is_refused_before_bind;
    "After bind a create, a bind and options for before bind are refused, and other options are taken."
        what_comes_before_bind_is_refused_after_it;
}

const ON: [u8; 4] = 1_u32.to_ne_bytes();

fn somewhere() -> Vec<u8> {
    sockaddr(([127, 0, 0, 1], 9).into())
}

fn remote() -> Vec<u8> {
    ioctl_with(SIO_WSK_SET_REMOTE_ADDRESS, &somewhere())
}

fn bind() -> Vec<u8> {
    timed_with(&sockaddr(Family::V4.loopback()))
}

/// That each of some requests ends with `expected`.
fn all_end(session: &Session, requests: &[(u32, Vec<u8>)], expected: NTSTATUS) -> Outcome {
    requests.iter().try_for_each(|(code, input)| {
        let (status, _) = raw(session.handle(), *code, input, 100)?;
        status_is(status, expected, code::name(*code).unwrap_or_default())
    })
}

fn nothing_but_a_create_works_without_a_socket(lab: &Lab) -> Outcome {
    let session = lab.open()?;
    let requests = [
        (IOCTL_WSKDRV_BIND, bind()),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, timed_with(&[])),
        (IOCTL_WSKDRV_GET_OPTION, option(SOL_SOCKET, SO_BROADCAST)),
        (IOCTL_WSKDRV_SET_OPTION, option_with(SOL_SOCKET, SO_EXCLUSIVEADDRUSE, &ON)),
        (IOCTL_WSKDRV_SET_OPTION, option_with(SOL_SOCKET, SO_BROADCAST, &ON)),
        (IOCTL_WSKDRV_IOCTL, remote()),
        (IOCTL_WSKDRV_RAW_CONTROL, raw_with(RAW_GET_OPTION, SO_BROADCAST, SOL_SOCKET, &[])),
        (IOCTL_WSKDRV_SEND, send_with(&somewhere(), 100)),
        (IOCTL_WSKDRV_RECEIVE, receive(32)),
    ];
    all_end(&session, &requests, STATUS_INVALID_DEVICE_STATE)?;
    Ok(session.create(Family::V4)?)
}

fn what_needs_an_address_is_refused_before_bind(lab: &Lab) -> Outcome {
    let session = lab.socket(Family::V4)?;
    let requests = [
        (IOCTL_WSKDRV_CREATE, create(Family::V4.number())),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, timed_with(&[])),
        (IOCTL_WSKDRV_IOCTL, remote()),
        (IOCTL_WSKDRV_SEND, send_with(&somewhere(), 100)),
        (IOCTL_WSKDRV_RECEIVE, receive(32)),
    ];
    all_end(&session, &requests, STATUS_INVALID_DEVICE_STATE)?;
    let exclusive = option_with(SOL_SOCKET, SO_EXCLUSIVEADDRUSE, &ON);
    all_end(&session, &[(IOCTL_WSKDRV_SET_OPTION, exclusive)], STATUS_SUCCESS)
}

fn what_comes_before_bind_is_refused_after_it(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let requests = [
        (IOCTL_WSKDRV_CREATE, create(Family::V4.number())),
        (IOCTL_WSKDRV_BIND, bind()),
        (IOCTL_WSKDRV_SET_OPTION, option_with(SOL_SOCKET, SO_EXCLUSIVEADDRUSE, &ON)),
    ];
    all_end(&session, &requests, STATUS_INVALID_DEVICE_STATE)?;
    let requests = [
        (IOCTL_WSKDRV_SET_OPTION, option_with(SOL_SOCKET, SO_BROADCAST, &ON)),
        // Reading has no such rule.
        (IOCTL_WSKDRV_GET_OPTION, option(SOL_SOCKET, SO_EXCLUSIVEADDRUSE)),
    ];
    all_end(&session, &requests, STATUS_SUCCESS)
}
