//! What options do, and multicast groups.

use nt::Result;
use readings::{
    BooleanValue, ClassCongestion, DefaultCoverage, DefaultHops, DefaultProtection, HeaderOptions,
    JoinedAlready, NoInterface, NoPath, NotAGroup, NotBlocked, NotJoined, OtherWay, Question,
    ReceiveBufferDefault, SourceTwice, V6Only, ValueRange,
};
use wsk_sys::{
    IP_ADD_MEMBERSHIP, IP_ADD_SOURCE_MEMBERSHIP, IP_BLOCK_SOURCE, IP_DROP_MEMBERSHIP, IP_MTU, IP_OPTIONS,
    IP_TTL, IP_UNBLOCK_SOURCE, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP, IPV6_MULTICAST_IF,
    IPV6_PROTECTION_LEVEL, IPV6_TCLASS, IPV6_V6ONLY, NTSTATUS, PROTECTION_LEVEL_EDGERESTRICTED,
    PROTECTION_LEVEL_UNRESTRICTED, SO_BROADCAST, SO_RCVBUF, SOL_SOCKET, STATUS_INVALID_ADDRESS_COMPONENT,
    STATUS_INVALID_CONNECTION, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    UDP_CHECKSUM_COVERAGE, ULONG,
};

use crate::Probe;
use crate::answer::Answer;
use crate::client::{Client, Socket};
use crate::control::{get, set, unknown};

pub(crate) const PROBES: &[(&str, Probe)] = &[
    (BooleanValue::ABOUT.id, boolean_value),
    (ReceiveBufferDefault::ABOUT.id, receive_buffer_default),
    (V6Only::ABOUT.id, v6_only),
    (ValueRange::ABOUT.id, value_range),
    (ClassCongestion::ABOUT.id, class_congestion),
    (NoInterface::ABOUT.id, no_interface),
    (DefaultHops::ABOUT.id, default_hops),
    (DefaultProtection::ABOUT.id, default_protection),
    (DefaultCoverage::ABOUT.id, default_coverage),
    (NotAGroup::ABOUT.id, not_a_group),
    (JoinedAlready::ABOUT.id, joined_already),
    (NotJoined::ABOUT.id, not_joined),
    (OtherWay::ABOUT.id, other_way),
    (SourceTwice::ABOUT.id, source_twice),
    (NotBlocked::ABOUT.id, not_blocked),
    (NoPath::ABOUT.id, no_path),
    (HeaderOptions::ABOUT.id, header_options),
];

/// What a number that was got says: a reading, or none of those that are known.
fn by_number(got: (NTSTATUS, ULONG), answer: Answer) -> Answer {
    answer.seeing(&[got.0, got.1.cast_signed()])
}

fn boolean_value(client: &Client<'_>) -> Result<Answer> {
    let socket = client.socket()?;
    nt::check(set(&socket, SOL_SOCKET, SO_BROADCAST, &5_u32.to_ne_bytes())?)?;
    let got = get(&socket, SOL_SOCKET, SO_BROADCAST)?;
    let answer = match got.1 {
        1 => Answer::followed(BooleanValue::True),
        5 => Answer::followed(BooleanValue::Kept),
        _ => Answer::default(),
    };
    Ok(by_number(got, answer))
}

fn receive_buffer_default(client: &Client<'_>) -> Result<Answer> {
    let got = get(&client.socket()?, SOL_SOCKET, SO_RCVBUF)?;
    let answer = match got {
        (STATUS_SUCCESS, 0x1_0000) => Answer::followed(ReceiveBufferDefault::Default64K),
        (STATUS_SUCCESS, 0x2000) => Answer::other::<ReceiveBufferDefault>("8192"),
        (STATUS_SUCCESS, _) => Answer::other::<ReceiveBufferDefault>("other"),
        _ => Answer::default(),
    };
    Ok(by_number(got, answer))
}

fn v6_only(client: &Client<'_>) -> Result<Answer> {
    let status = set(&client.socket_v6()?, IPPROTO_IPV6, IPV6_V6ONLY, &[0; 4])?;
    Ok(Answer::by_status(status, &[(STATUS_SUCCESS, V6Only::BeforeBind)]))
}

fn value_range(client: &Client<'_>) -> Result<Answer> {
    let status = set(&client.socket()?, IPPROTO_IP, IP_TTL, &256_u32.to_ne_bytes())?;
    Ok(Answer::by_status(status, &[(STATUS_INVALID_PARAMETER, ValueRange::InvalidParameter)]))
}

fn class_congestion(client: &Client<'_>) -> Result<Answer> {
    let socket = client.socket_v6()?;
    let status = set(&socket, IPPROTO_IPV6, IPV6_TCLASS, &0xBB_u32.to_ne_bytes())?;
    let got = get(&socket, IPPROTO_IPV6, IPV6_TCLASS)?;
    let answer = match (status, got.1) {
        (STATUS_INVALID_PARAMETER, _) => Answer::followed(ClassCongestion::InvalidParameter),
        (STATUS_SUCCESS, 0xBB) => Answer::followed(ClassCongestion::Taken),
        (STATUS_SUCCESS, 0xB8) => Answer::followed(ClassCongestion::Masked),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[status, got.0, got.1.cast_signed()]))
}

fn no_interface(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_ADDRESS_COMPONENT, NoInterface::InvalidAddress),
        (STATUS_INVALID_PARAMETER, NoInterface::InvalidParameter),
    ];
    let index = 0x00FF_FFF0_u32.to_ne_bytes();
    Ok(Answer::by_status(set(&client.socket_v6()?, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index)?, &readings))
}

fn default_hops(client: &Client<'_>) -> Result<Answer> {
    let got = get(&client.socket()?, IPPROTO_IP, IP_TTL)?;
    let answer = match got {
        (STATUS_SUCCESS, 128) => Answer::followed(DefaultHops::Default128),
        (STATUS_SUCCESS, 64) => Answer::other::<DefaultHops>("64"),
        (STATUS_SUCCESS, _) => Answer::other::<DefaultHops>("other"),
        _ => Answer::default(),
    };
    Ok(by_number(got, answer))
}

fn default_protection(client: &Client<'_>) -> Result<Answer> {
    let got = get(&client.socket_v6()?, IPPROTO_IPV6, IPV6_PROTECTION_LEVEL)?;
    let answer = match got {
        (STATUS_SUCCESS, ULONG::MAX) => Answer::followed(DefaultProtection::Unspecified),
        (STATUS_SUCCESS, PROTECTION_LEVEL_EDGERESTRICTED) => {
            Answer::followed(DefaultProtection::EdgeRestricted)
        }
        (STATUS_SUCCESS, PROTECTION_LEVEL_UNRESTRICTED) => Answer::followed(DefaultProtection::Unrestricted),
        _ => Answer::default(),
    };
    Ok(by_number(got, answer))
}

fn default_coverage(client: &Client<'_>) -> Result<Answer> {
    let got = get(&client.socket()?, IPPROTO_UDP, UDP_CHECKSUM_COVERAGE)?;
    let answer = match got {
        (STATUS_SUCCESS, 1) => Answer::followed(DefaultCoverage::On),
        (STATUS_SUCCESS, 0) => Answer::other::<DefaultCoverage>("off"),
        _ => Answer::default(),
    };
    Ok(by_number(got, answer))
}

/// A group for the loopback interface, and a source of it: as `IP_MREQ` and `IP_MREQ_SOURCE`.
const GROUP: [u8; 8] = [239, 77, 9, 1, 127, 0, 0, 1];
const SOURCE: [u8; 12] = [239, 77, 9, 1, 127, 0, 0, 9, 127, 0, 0, 1];

/// A socket that has made these changes, and the status of one more.
fn groups(client: &Client<'_>, before: &[(ULONG, &[u8])], last: (ULONG, &[u8])) -> Result<NTSTATUS> {
    let socket = client.bound_socket()?;
    let change = |socket: &Socket<'_>, (name, value): (ULONG, &[u8])| set(socket, IPPROTO_IP, name, value);
    for one in before {
        nt::check(change(&socket, *one)?)?;
    }
    change(&socket, last)
}

fn not_a_group(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_PARAMETER, NotAGroup::InvalidParameter),
        (STATUS_INVALID_ADDRESS_COMPONENT, NotAGroup::InvalidAddress),
    ];
    let status = groups(client, &[], (IP_ADD_MEMBERSHIP, &[10, 0, 0, 1, 127, 0, 0, 1]))?;
    Ok(Answer::by_status(status, &readings))
}

fn joined_already(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_PARAMETER, JoinedAlready::InvalidParameter),
        (STATUS_INVALID_ADDRESS_COMPONENT, JoinedAlready::InvalidAddress),
    ];
    let status = groups(client, &[(IP_ADD_MEMBERSHIP, &GROUP)], (IP_ADD_MEMBERSHIP, &GROUP))?;
    Ok(Answer::by_status(status, &readings))
}

fn not_joined(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_PARAMETER, NotJoined::InvalidParameter),
        (STATUS_INVALID_ADDRESS_COMPONENT, NotJoined::InvalidAddress),
    ];
    Ok(Answer::by_status(groups(client, &[], (IP_DROP_MEMBERSHIP, &GROUP))?, &readings))
}

fn other_way(client: &Client<'_>) -> Result<Answer> {
    let status = groups(client, &[(IP_ADD_SOURCE_MEMBERSHIP, &SOURCE)], (IP_BLOCK_SOURCE, &SOURCE))?;
    Ok(Answer::by_status(status, &[(STATUS_INVALID_PARAMETER, OtherWay::InvalidParameter)]))
}

fn source_twice(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_ADDRESS_COMPONENT, SourceTwice::InvalidAddress),
        (STATUS_INVALID_PARAMETER, SourceTwice::InvalidParameter),
    ];
    let before: [(ULONG, &[u8]); 2] = [(IP_ADD_MEMBERSHIP, &GROUP), (IP_BLOCK_SOURCE, &SOURCE)];
    Ok(Answer::by_status(groups(client, &before, (IP_BLOCK_SOURCE, &SOURCE))?, &readings))
}

fn not_blocked(client: &Client<'_>) -> Result<Answer> {
    let unblock: (ULONG, &[u8]) = (IP_UNBLOCK_SOURCE, &SOURCE);
    let never = groups(client, &[(IP_ADD_MEMBERSHIP, &GROUP)], unblock)?;
    let before: [(ULONG, &[u8]); 3] = [(IP_ADD_MEMBERSHIP, &GROUP), (IP_BLOCK_SOURCE, &SOURCE), unblock];
    let not_any_more = groups(client, &before, unblock)?;
    let answer = match (never, not_any_more) {
        (STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER) => {
            Answer::followed(NotBlocked::InvalidParameter)
        }
        (STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_ADDRESS_COMPONENT) => {
            Answer::followed(NotBlocked::InvalidAddress)
        }
        (STATUS_INVALID_PARAMETER, STATUS_INVALID_ADDRESS_COMPONENT) => {
            Answer::followed(NotBlocked::ByThePast)
        }
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[never, not_any_more]))
}

fn no_path(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_DEVICE_STATE, NoPath::InvalidState),
        (STATUS_INVALID_CONNECTION, NoPath::NotConnected),
        (STATUS_INVALID_PARAMETER, NoPath::InvalidParameter),
    ];
    Ok(Answer::by_status(get(&client.bound_socket()?, IPPROTO_IP, IP_MTU)?.0, &readings))
}

fn header_options(client: &Client<'_>) -> Result<Answer> {
    let (unknown, status) = (unknown(client)?, set(&client.socket()?, IPPROTO_IP, IP_OPTIONS, &[0; 4])?);
    let answer = match status {
        STATUS_SUCCESS => Answer::followed(HeaderOptions::Kept),
        status if status == unknown => Answer::followed(HeaderOptions::Unknown),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[status, unknown]))
}
