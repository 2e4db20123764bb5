//! Bad input: the documented status, and nothing left behind.

use std::mem::offset_of;

use wsk_sys::{
    IPPROTO_IP, NTSTATUS, SIO_ADDRESS_LIST_CHANGE, SIO_WSK_REGISTER_EXTENSION, SIO_WSK_SET_REMOTE_ADDRESS,
    SO_BROADCAST, SO_WSK_EVENT_CALLBACK, SO_WSK_SECURITY, SOL_SOCKET, STATUS_ACCESS_DENIED,
    STATUS_BUFFER_TOO_SMALL, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_ADDRESS_COMPONENT,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};
use wskdrv_abi::code::{self, FILE_DEVICE_WSKDRV, Method};
use wskdrv_abi::{
    Create, Datagrams, EnableReceive, IOCTL_WSKDRV_BIND, IOCTL_WSKDRV_CREATE, IOCTL_WSKDRV_ENABLE_RECEIVE,
    IOCTL_WSKDRV_GET_OPTION, IOCTL_WSKDRV_IOCTL, IOCTL_WSKDRV_LOCAL_ADDRESS, IOCTL_WSKDRV_RAW_CONTROL,
    IOCTL_WSKDRV_RECEIVE, IOCTL_WSKDRV_SEND, IOCTL_WSKDRV_SET_OPTION, IOCTL_WSKDRV_STATISTICS,
    IOCTL_WSKDRV_VERSION, NO_TIMEOUT, OptionRequest, RAW_GET_OPTION, RAW_IOCTL, RAW_SET_OPTION,
    RAW_VALUE_MAX, Receive, Received, Send, Statistics, Timed, Version,
};
use zerocopy::IntoBytes;

use super::lab::Lab;
use super::outcome::{Outcome, equal, status_among, status_is};
use super::raw;
use super::requests::{
    create, ioctl_with, option, option_with, raw_with, receive, send_with, sockaddr, timed_with,
};
use super::test::tests;
use crate::family::Family;
use crate::session::Session;

tests! { refusals:
    "Codes that are not the device's are no requests." unknown_codes_are_not_requests;
    "Input that is too short for its head is refused." short_input_is_refused;
    "Input that is longer than its request is refused." long_input_is_refused;
    "An output buffer without room for the answer is refused." output_without_room_is_refused;
    "Reserved fields and flags must be zero." reserved_fields_are_zero;
    "Address families that nobody knows are refused." unknown_families_are_refused;
    "An address must have its family's length, and its family be the socket's."
        families_and_address_lengths_must_agree;
    "An option or IOCTL without a row needs the raw code." requests_without_a_row_need_the_raw_code;
    "A value must have its option's size." values_have_their_size;
    "Requests that carry kernel pointers do not pass as bytes." pointers_do_not_pass_as_bytes;
    "Numbers at their edges are refused, and none of them wraps around." numbers_at_their_edges_are_refused;
    "The raw code takes three types of request, and values of a sane size." raw_requests_are_checked;
}

/// Winsock's, whose structure `QOS` has pointers; in no C header that `wsk-sys` follows.
const SIO_SET_QOS: u32 = 0x8800_000B;

/// A request's name, for what is said of it.
fn name(code: u32) -> &'static str {
    code::name(code).unwrap_or("the request")
}

/// That a request ends with a status.
fn ends(session: &Session, code: u32, input: &[u8], output: usize, expected: NTSTATUS) -> Outcome {
    let (status, _) = raw(session.handle(), code, input, output)?;
    status_is(status, expected, format_args!("{} with {} bytes in and {output} out", name(code), input.len()))
}

fn unknown_codes_are_not_requests(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let is_none = |unknown| {
        let (status, _) = raw(session.handle(), unknown, &[0; 16], 16)?;
        status_is(status, STATUS_INVALID_DEVICE_REQUEST, format_args!("code {unknown:#010x}"))
    };
    let functions = [0, 0x7FF, 0x8FF, 0xFFF];
    let known = |function| code::CODES.iter().any(|code| (code.value >> 2) & 0xFFF == function);
    let next = (0x800..0x1000).find(|function| !known(*function));
    for function in functions.into_iter().chain(next) {
        for method in [Method::Buffered, Method::InDirect, Method::OutDirect] {
            is_none(code::ctl_code(function, method, code::FILE_READ_ACCESS))?;
        }
    }
    // A known function by another method, access or device type is another code.
    let neither = IOCTL_WSKDRV_VERSION | 3;
    let other_device = IOCTL_WSKDRV_VERSION ^ ((FILE_DEVICE_WSKDRV ^ 0x22) << 16);
    [neither, IOCTL_WSKDRV_SEND ^ 3, IOCTL_WSKDRV_CREATE ^ (1 << 14), other_device]
        .into_iter()
        .try_for_each(is_none)
}

fn short_input_is_refused(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let heads = [
        (IOCTL_WSKDRV_CREATE, create(Family::V4.number()), 0),
        (IOCTL_WSKDRV_BIND, timed_with(&[]), 0),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, timed_with(&[]), 28),
        (IOCTL_WSKDRV_GET_OPTION, option(SOL_SOCKET, SO_BROADCAST), 4),
        (IOCTL_WSKDRV_SET_OPTION, option(SOL_SOCKET, SO_BROADCAST), 0),
        (IOCTL_WSKDRV_IOCTL, ioctl_with(SIO_WSK_SET_REMOTE_ADDRESS, &[]), 0),
        (IOCTL_WSKDRV_RAW_CONTROL, raw_with(RAW_GET_OPTION, SO_BROADCAST, SOL_SOCKET, &[]), 4),
        (IOCTL_WSKDRV_SEND, send_with(&[], 10), 10),
        (IOCTL_WSKDRV_RECEIVE, receive(32), 100),
    ];
    for (code, head, output) in heads {
        for length in 0..head.len() {
            ends(&session, code, &head[..length], output, STATUS_BUFFER_TOO_SMALL)?;
        }
    }
    Ok(())
}

fn long_input_is_refused(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let heads = [
        (IOCTL_WSKDRV_CREATE, create(Family::V4.number()), 0),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, timed_with(&[]), 28),
        (IOCTL_WSKDRV_GET_OPTION, option(SOL_SOCKET, SO_BROADCAST), 4),
        (IOCTL_WSKDRV_RECEIVE, receive(32), 100),
        (IOCTL_WSKDRV_STATISTICS, Vec::new(), size_of::<Statistics>()),
    ];
    for (code, mut head, output) in heads {
        head.push(0);
        ends(&session, code, &head, output, STATUS_INVALID_BUFFER_SIZE)?;
    }
    Ok(())
}

fn output_without_room_is_refused(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let requests = [
        (IOCTL_WSKDRV_VERSION, Vec::new(), size_of::<Version>() - 1),
        (IOCTL_WSKDRV_STATISTICS, Vec::new(), size_of::<Statistics>() - 1),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, timed_with(&[]), 15),
        (IOCTL_WSKDRV_GET_OPTION, option(SOL_SOCKET, SO_BROADCAST), 3),
        (IOCTL_WSKDRV_RECEIVE, receive(0), size_of::<Datagrams>() + size_of::<Received>() - 1),
    ];
    for (code, input, almost) in requests {
        for output in [0, almost] {
            ends(&session, code, &input, output, STATUS_BUFFER_TOO_SMALL)?;
        }
    }
    Ok(())
}

fn reserved_fields_are_zero(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let timed = Timed { timeout_ms: NO_TIMEOUT, reserved: 1 };
    let create = Create { timeout_ms: NO_TIMEOUT, family: Family::V4.number(), reserved: 1 };
    let option = OptionRequest {
        timeout_ms: NO_TIMEOUT,
        level: SOL_SOCKET,
        name: SO_BROADCAST,
        reserved: 0x8000_0000,
    };
    let address = sockaddr(Family::V4.loopback());
    let mut send = send_with(&address, 100);
    send[offset_of!(Send, flags)] = 2;
    let inputs = [
        (IOCTL_WSKDRV_CREATE, create.as_bytes().to_vec()),
        (IOCTL_WSKDRV_BIND, [timed.as_bytes(), &address].concat()),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, timed.as_bytes().to_vec()),
        (IOCTL_WSKDRV_GET_OPTION, option.as_bytes().to_vec()),
        (IOCTL_WSKDRV_SET_OPTION, [option.as_bytes(), &[0; 4]].concat()),
        (IOCTL_WSKDRV_SEND, send),
    ];
    inputs.iter().try_for_each(|(code, input)| ends(&session, *code, input, 100, STATUS_INVALID_PARAMETER))
}

fn unknown_families_are_refused(lab: &Lab) -> Outcome {
    for family in [0, 1, 3, 10, 17, 0xFFFF] {
        let session = lab.open()?;
        ends(&session, IOCTL_WSKDRV_CREATE, &create(family), 0, STATUS_INVALID_PARAMETER)
            .map_err(|failure| failure.while_doing(format_args!("family {family}")))?;
    }
    Ok(())
}

fn families_and_address_lengths_must_agree(lab: &Lab) -> Outcome {
    let (v4, v6) = (sockaddr(Family::V4.loopback()), sockaddr(Family::V6.loopback()));
    let (too_long, unknown) = ([&v4[..], &[0]].concat(), [&[99][..], &[0; 15]].concat());
    let session = lab.socket(Family::V4)?;
    for (address, expected) in [
        (&v4[..15], STATUS_INVALID_PARAMETER),
        (&too_long, STATUS_INVALID_PARAMETER),
        (&v6[..16], STATUS_INVALID_PARAMETER),
        (&unknown, STATUS_INVALID_PARAMETER),
        // Not even a family.
        (&[2], STATUS_BUFFER_TOO_SMALL),
        // Of the other family.
        (&v6, STATUS_INVALID_ADDRESS_COMPONENT),
        // None of it has harmed the socket.
        (&v4, STATUS_SUCCESS),
    ] {
        ends(&session, IOCTL_WSKDRV_BIND, &timed_with(address), 0, expected)?;
    }
    for (address, expected) in
        [(&v4[..15], STATUS_INVALID_PARAMETER), (&v6, STATUS_INVALID_ADDRESS_COMPONENT)]
    {
        let remote = ioctl_with(SIO_WSK_SET_REMOTE_ADDRESS, address);
        ends(&session, IOCTL_WSKDRV_IOCTL, &remote, 0, expected)?;
        ends(&session, IOCTL_WSKDRV_SEND, &send_with(address, 4), 4, expected)?;
    }
    Ok(())
}

fn requests_without_a_row_need_the_raw_code(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let (level, unknown) = (IPPROTO_IP, 0x7FFF);
    ends(&session, IOCTL_WSKDRV_GET_OPTION, &option(level, unknown), 4, STATUS_NOT_SUPPORTED)?;
    ends(&session, IOCTL_WSKDRV_SET_OPTION, &option_with(level, unknown, &[0; 4]), 0, STATUS_NOT_SUPPORTED)?;
    ends(&session, IOCTL_WSKDRV_IOCTL, &ioctl_with(0x9800_7FFF, &[]), 0, STATUS_NOT_SUPPORTED)
}

fn values_have_their_size(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    for size in [0, 1, 3, 5, 8, 265, 4096] {
        let input = option_with(SOL_SOCKET, SO_BROADCAST, &vec![0; size]);
        ends(&session, IOCTL_WSKDRV_SET_OPTION, &input, 0, STATUS_INFO_LENGTH_MISMATCH)?;
    }
    Ok(())
}

fn pointers_do_not_pass_as_bytes(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let raw_control = |request_type, code, level, value: &[u8]| {
        let input = raw_with(request_type, code, level, value);
        ends(&session, IOCTL_WSKDRV_RAW_CONTROL, &input, 0, STATUS_ACCESS_DENIED)
            .map_err(|failure| failure.while_doing(format_args!("{code:#x}")))
    };
    let pointer = [0xFF; 16];
    for name in [SO_WSK_SECURITY, SO_WSK_EVENT_CALLBACK, 0x4003, 0x4FFF] {
        raw_control(RAW_SET_OPTION, name, SOL_SOCKET, &pointer)?;
        raw_control(RAW_GET_OPTION, name, SOL_SOCKET, &[])?;
        // Not by the typed code either: there is no row, or one that says that it carries pointers.
        let set = option_with(SOL_SOCKET, name, &pointer);
        let (status, _) = raw(session.handle(), IOCTL_WSKDRV_SET_OPTION, &set, 0)?;
        status_among(
            status,
            &[STATUS_NOT_SUPPORTED, STATUS_ACCESS_DENIED],
            format_args!("to set {name:#x}"),
        )?;
    }
    for code in [SIO_WSK_REGISTER_EXTENSION, SIO_ADDRESS_LIST_CHANGE, 0xCF00_0009, SIO_SET_QOS] {
        raw_control(RAW_IOCTL, code, 0, &pointer)?;
    }
    // What is not known may hold one, if it is large enough; what is smaller is passed on.
    for (value, denied) in [(&pointer[..8], true), (&pointer[..RAW_VALUE_MAX], false)] {
        let input = raw_with(RAW_SET_OPTION, 0x7FFF, IPPROTO_IP, value);
        let (status, _) = raw(session.handle(), IOCTL_WSKDRV_RAW_CONTROL, &input, 0)?;
        equal(status == STATUS_ACCESS_DENIED, denied, format_args!("{} bytes are denied", value.len()))?;
    }
    let get = raw_with(RAW_GET_OPTION, 0x7FFF, IPPROTO_IP, &[]);
    ends(&session, IOCTL_WSKDRV_RAW_CONTROL, &get, 8, STATUS_ACCESS_DENIED)
}

fn numbers_at_their_edges_are_refused(lab: &Lab) -> Outcome {
    const EDGES: [u32; 6] = [u32::MAX, u32::MAX - 1, u32::MAX - 7, 1 << 31, (1 << 31) - 1, (1 << 31) + 1];
    let (session, _) = lab.bound(Family::V4)?;
    let malformed = [STATUS_INVALID_PARAMETER, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_BUFFER_SIZE];
    let is_refused = |code, input: &[u8], output, what: &str, edge: u32| {
        let (status, _) = raw(session.handle(), code, input, output)?;
        status_among(status, &malformed, format_args!("{} with {what} {edge:#x}", name(code)))
    };
    let send = send_with(&sockaddr(Family::V4.loopback()), 4);
    let receive = receive(32);
    for edge in EDGES {
        let with = |input: &[u8], offset: usize| {
            let mut input = input.to_vec();
            input[offset..][..4].copy_from_slice(&edge.to_ne_bytes());
            input
        };
        for (what, offset) in [
            ("the number", offset_of!(Send, count)),
            ("the address length", offset_of!(Send, address_length)),
            ("the control length", offset_of!(Send, control_length)),
            ("the first length", size_of::<Send>()),
        ] {
            is_refused(IOCTL_WSKDRV_SEND, &with(&send, offset), 4, what, edge)?;
        }
        for (what, offset) in [
            ("the number", offset_of!(Receive, count)),
            ("the payload's room", offset_of!(Receive, payload_room)),
            ("the control's room", offset_of!(Receive, control_room)),
        ] {
            is_refused(IOCTL_WSKDRV_RECEIVE, &with(&receive, offset), 4096, what, edge)?;
        }
        let enable = EnableReceive { capacity: edge, reserved: 0 };
        is_refused(IOCTL_WSKDRV_ENABLE_RECEIVE, enable.as_bytes(), 0, "the capacity", edge)?;
    }
    // Sums that are small in 32 bits: of two lengths, and of the slots.
    let address = sockaddr(Family::V4.loopback());
    let address_length = u32::try_from(address.len()).unwrap_or_default();
    let head = Send { timeout_ms: 0, flags: 0, count: 2, address_length, control_length: 0, reserved: 0 };
    let lengths = [u32::MAX, 5].map(u32::to_ne_bytes).concat();
    is_refused(IOCTL_WSKDRV_SEND, &[head.as_bytes(), &lengths, &address].concat(), 4, "lengths of", 4)?;
    let slots = Receive { timeout_ms: 0, count: 16, payload_room: 1 << 28, control_room: 0 };
    is_refused(IOCTL_WSKDRV_RECEIVE, slots.as_bytes(), 4096, "slots of", slots.payload_room)
}

fn raw_requests_are_checked(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let raw_control = |request_type, value: &[u8], expected| {
        let input = raw_with(request_type, SO_BROADCAST, SOL_SOCKET, value);
        ends(&session, IOCTL_WSKDRV_RAW_CONTROL, &input, 0, expected)
    };
    raw_control(3, &[], STATUS_INVALID_PARAMETER)?;
    raw_control(u32::MAX, &[], STATUS_INVALID_PARAMETER)?;
    raw_control(RAW_SET_OPTION, &[0; 265], STATUS_INVALID_BUFFER_SIZE)?;
    raw_control(RAW_SET_OPTION, &1_u32.to_ne_bytes(), STATUS_SUCCESS)
}
