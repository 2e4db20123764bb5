//! What to do when a step is refused: by what was asked for, and by the status.
//!
//! A status alone says little: `STATUS_ACCESS_DENIED` is a taken address for a bind, and `SO_BROADCAST` that is off for a
//! send. Where a value, an address or a size is at fault, the text names it, and what would be right.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use wsk_requests::{Families, Row, StateRule, ValueKind, rows as row};
use wsk_sys as sys;
use wskdrv_abi::{SEND_MAX, SORT_ADDRESSES_MAX};

use super::{QUEUE, Sending, Step, Target};
use crate::device::Refused;
use crate::rows::{self, Value};
use crate::session::Session;

/// The largest payload of a datagram: what the 16 bits of a length leave beside the headers of UDP and IPv4, or of UDP.
const LARGEST: [(bool, usize); 2] = [(true, 65_507), (false, 65_527)];

/// How long a step's requests may take, and who says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    limit: Option<Duration>,
    limited_by: &'static str,
    cancel_after: Option<Duration>,
    cancelled_by: &'static str,
}

impl From<&Session> for How {
    fn from(session: &Session) -> How {
        How {
            limit: session.limit(),
            limited_by: "--timeout",
            cancel_after: session.cancel_after(),
            cancelled_by: "--cancel-after",
        }
    }
}

/// What to do about it, where there is something to say.
pub(super) fn advice(step: &Step, how: How, refused: Refused) -> Option<String> {
    match step {
        Step::Within(limit, step) => {
            return advice(step, How { limit: *limit, limited_by: "`within`", ..how }, refused);
        }
        Step::Cancel(time, step) => {
            let how = How { cancel_after: Some(*time), cancelled_by: "the step `cancel`", ..how };
            return advice(step, how, refused);
        }
        Step::On(_, step) | Step::Expect(_, step) => return advice(step, how, refused),
        _ => {}
    }
    match refused.status {
        sys::STATUS_IO_TIMEOUT => Some(timed_out(step, how)),
        sys::STATUS_CANCELLED => Some(cancelled(how)),
        // What the whole machine lacks, no request mends.
        sys::STATUS_DEVICE_NOT_READY
        | sys::STATUS_INSUFFICIENT_RESOURCES
        | sys::STATUS_FILE_FORCED_CLOSED => None,
        status => of_request(step, status),
    }
    .or_else(|| refused.advice().map(str::to_owned))
}

fn of_request(step: &Step, status: sys::NTSTATUS) -> Option<String> {
    let state = status == sys::STATUS_INVALID_DEVICE_STATE;
    match step {
        Step::Create(_) if state => Some("A handle has one socket: `create` comes once, and first.".to_owned()),
        Step::Create(_) => Some("`wskctl transports` shows for which families there are sockets.".to_owned()),
        Step::Bind(address) => bind(*address, status),
        Step::Local if state => Some("A socket has a local address from the bind on: `bind` it first.".to_owned()),
        Step::Get(row) => get(row, status),
        Step::Set(row, value) => set(row, value, status),
        Step::Ioctl(row, target) => ioctl(row, target.as_ref(), status),
        Step::Send(target, data) => send(target, &[data], None, status),
        Step::SendMany(target, sending, data) => {
            send(target, &data.iter().collect::<Vec<_>>(), Some(sending), status)
        }
        Step::Receive(_) | Step::ReceiveMany(_) if state => {
            Some("A socket receives from the bind on: `bind` it first.".to_owned())
        }
        Step::Enable(_) if state => Some(
            "The queue is enabled once, after the bind: `bind` first, and `disable` before it is enabled again."
                .to_owned(),
        ),
        Step::Enable(_) if status == sys::STATUS_INVALID_PARAMETER => Some(format!("The queue takes {QUEUE}.")),
        Step::Drain(_) if state => Some("There is no queue to drain: `enable` it first.".to_owned()),
        Step::Disable { .. } if state => Some("There is no queue to disable: `enable` it first.".to_owned()),
        Step::Sort(addresses) => sort(addresses),
        Step::Security(Some(_)) if state => {
            Some("The security descriptor is set before the bind, in a script after `create`.".to_owned())
        }
        Step::Security(None) | Step::Wait(_) if state => Some("There is no socket yet: `create` it first.".to_owned()),
        _ => None,
    }
}

fn timed_out(step: &Step, how: How) -> String {
    let within = how.limit.map_or_else(
        || "in time".to_owned(),
        |limit| format!("within {}", humantime::format_duration(limit)),
    );
    let what = match step {
        Step::Receive(_) | Step::ReceiveMany(_) | Step::Drain(_) => "No datagram came",
        Step::Wait(_) => "Nothing changed",
        Step::Ioctl(row, _) if row.kind == row::ioctl::SIO_ADDRESS_LIST_CHANGE.kind => "No address changed",
        _ => "It did not end",
    };
    format!("{what} {within}, the limit of {by}: raise it, or give `none`.", by = how.limited_by)
}

fn cancelled(how: How) -> String {
    match how.cancel_after {
        Some(time) => format!(
            "It had not ended after {}, and was cancelled then, as {} asks.",
            humantime::format_duration(time),
            how.cancelled_by
        ),
        None => {
            "This program did not cancel it; the driver or WSK did, as at the close of the handle.".to_owned()
        }
    }
}

fn bind(address: SocketAddr, status: sys::NTSTATUS) -> Option<String> {
    Some(match status {
        sys::STATUS_ADDRESS_ALREADY_EXISTS | sys::STATUS_SHARING_VIOLATION => format!(
            "Another socket is bound to {address}: take another port (0 lets the system choose), or set SO_REUSEADDR \
             on both sockets before the bind."
        ),
        sys::STATUS_ACCESS_DENIED => format!(
            "Another socket has {address} and does not share it (SO_EXCLUSIVEADDRUSE, or its security descriptor), or \
             the port is reserved: take another port; 0 lets the system choose."
        ),
        sys::STATUS_INVALID_DEVICE_STATE => {
            "The bind comes once, after `create`: there is no socket yet, or it is bound.".to_owned()
        }
        sys::STATUS_INVALID_ADDRESS_COMPONENT | sys::STATUS_INVALID_ADDRESS => format!(
            "{} is no address of this machine, or not of the socket's family: `wskctl ioctl SIO_ADDRESS_LIST_QUERY \
             --family {}` shows those that it has.",
            address.ip(),
            family_of(address)
        ),
        _ => return None,
    })
}

fn get(row: &Row, status: sys::NTSTATUS) -> Option<String> {
    if row.kind == row::pointer::SO_WSK_SECURITY.kind {
        return Some(
            "Its value is a kernel pointer, which no program gets: `wskctl security` shows the descriptor itself."
                .to_owned(),
        );
    }
    let path_mtu = row.kind == row::ip::IP_MTU.kind || row.kind == row::ipv6::IPV6_MTU.kind;
    match status {
        sys::STATUS_INVALID_DEVICE_STATE | sys::STATUS_INVALID_CONNECTION | sys::STATUS_INVALID_PARAMETER
            if path_mtu =>
        {
            Some(format!(
                "{name} is of the path to the fixed remote address, and there is none: in a script, after `create` and \
             `bind`, `ioctl SIO_WSK_SET_REMOTE_ADDRESS ADDR`, and then `get {name}`.",
                name = row.name
            ))
        }
        sys::STATUS_INVALID_DEVICE_STATE => Some("There is no socket yet: `create` it first.".to_owned()),
        _ => common(row, status),
    }
}

/// What holds for options however they are used.
fn common(row: &Row, status: sys::NTSTATUS) -> Option<String> {
    let name = row.name;
    let family = match row.families {
        Families::V4 => "it is for IPv4 sockets, and for IPv6 sockets whose IPV6_V6ONLY is off.",
        Families::V6 => "it is for IPv6 sockets: use --family v6, in a script `create v6`.",
        Families::Both => "",
    };
    // What a socket lacks, and what the transport lacks, is refused with one or the other.
    match (status, row.families) {
        (sys::STATUS_NOT_SUPPORTED, Families::Both) => Some(format!("The transport does not offer {name}.")),
        (sys::STATUS_INVALID_DEVICE_REQUEST | sys::STATUS_NOT_SUPPORTED, Families::V4 | Families::V6) => {
            Some(format!("The transport does not offer {name} to this socket; {family}"))
        }
        _ => None,
    }
}

fn set(row: &Row, value: &Value, status: sys::NTSTATUS) -> Option<String> {
    let name = row.name;
    match (status, row.state) {
        (sys::STATUS_INVALID_DEVICE_STATE, StateRule::BeforeBind) => {
            return Some(format!("{name} is set before the bind, in a script after `create`."));
        }
        (sys::STATUS_INVALID_DEVICE_STATE, _) => {
            return Some("There is no socket yet: `create` it first.".to_owned());
        }
        (sys::STATUS_INVALID_DEVICE_REQUEST | sys::STATUS_NOT_SUPPORTED, _) => return common(row, status),
        _ => {}
    }
    if [row::socket::SO_REUSEADDR.kind, row::socket::SO_EXCLUSIVEADDRUSE.kind].contains(&row.kind) {
        return Some("SO_REUSEADDR and SO_EXCLUSIVEADDRUSE exclude each other: set one of them.".to_owned());
    }
    if let Some(range) = rows::range(row) {
        return Some(format!("{name} takes {range}; {value} was given."));
    }
    match (row.value, value) {
        (ValueKind::Index | ValueKind::NetworkIndex | ValueKind::MulticastInterface, _) => Some(format!(
            "{name} takes the index of an interface that this machine has and that the socket uses, or any; {value} \
             was given."
        )),
        (_, Value::Multicast(_, group)) if !group.group.is_multicast() => Some(format!(
            "{} is no multicast group: they are 224.0.0.0 to 239.255.255.255, and ff00::/8.",
            group.group
        )),
        (_, Value::Multicast(..)) => Some(format!(
            "{name} changes what the socket has joined: join once, leave or block only what was joined, in the same way \
             (for any source, or for one), on an interface that this machine has."
        )),
        _ => None,
    }
}

fn ioctl(row: &Row, target: Option<&Target>, status: sys::NTSTATUS) -> Option<String> {
    let name = row.name;
    let pointers = row.value.has_pointers() || row.output.has_pointers();
    Some(match status {
        sys::STATUS_ACCESS_DENIED if pointers => {
            format!("{name} takes kernel pointers: only a driver can make it.")
        }
        sys::STATUS_INVALID_DEVICE_STATE if row.state == StateRule::AfterBind => {
            format!("{name} is made after the bind: `bind` first.")
        }
        sys::STATUS_INVALID_DEVICE_STATE => "There is no socket yet: `create` it first.".to_owned(),
        sys::STATUS_NOT_SUPPORTED => format!("The transport does not offer {name}."),
        sys::STATUS_INVALID_ADDRESS_COMPONENT | sys::STATUS_INVALID_PARAMETER => match target {
            Some(&Target::Address(address)) => not_a_destination(address).unwrap_or_else(|| {
                format!("{address} is not of the socket's family: use {}.", other_family(address))
            }),
            _ => return None,
        },
        _ => return None,
    })
}

/// A destination that cannot be one.
fn not_a_destination(address: SocketAddr) -> Option<String> {
    if address.port() == 0 {
        return Some("Port 0 is no port to send to: give the one that the receiver is bound to.".to_owned());
    }
    address.ip().is_unspecified().then(|| {
        let loopback = if address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
        format!(
            "{} stands for any local address and is no destination; this machine is {loopback}:{}.",
            address.ip(),
            address.port()
        )
    })
}

fn send(
    target: &Target,
    data: &[&Vec<u8>],
    sending: Option<&Sending>,
    status: sys::NTSTATUS,
) -> Option<String> {
    let to = match target {
        Target::Address(to) => Some(*to),
        Target::Fixed | Target::Itself | Target::Of(_) => None,
    };
    if let Some(what) = to.and_then(not_a_destination) {
        return Some(what);
    }
    if sending.is_some() && data.len() > SEND_MAX {
        return Some(format!(
            "One request sends {SEND_MAX} datagrams at most; {} were given. Leave --together away, or send in parts.",
            data.len()
        ));
    }
    let longest = data.iter().map(|data| data.len()).max().unwrap_or(0);
    let v4 = to.is_none_or(|to| to.is_ipv4());
    let largest = LARGEST.iter().find(|row| row.0 == v4).map_or(0, |row| row.1);
    if longest > largest {
        return Some(format!(
            "A UDP datagram carries {largest} bytes at most over {}; {longest} were given.",
            if v4 { "IPv4" } else { "IPv6" }
        ));
    }
    let mapped = to.and_then(|to| match to.ip() {
        IpAddr::V6(ip) => ip.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    });
    if let (Some(to), Some(v4)) = (to, mapped) {
        return Some(format!(
            "{to} is an IPv4 address: an IPv6 socket takes it when IPV6_V6ONLY is off (`--set IPV6_V6ONLY=off`, in a \
             script `set IPV6_V6ONLY off`); an IPv4 socket sends to {v4}:{}.",
            to.port()
        ));
    }
    let broadcast = to.is_some_and(|to| to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST));
    Some(match status {
        sys::STATUS_ACCESS_DENIED if broadcast => {
            "The address is a broadcast address, and SO_BROADCAST is off: add `--set SO_BROADCAST=on`, in a script \
             `set SO_BROADCAST on`."
                .to_owned()
        }
        sys::STATUS_ACCESS_DENIED => {
            "A firewall blocks it; or the address is the broadcast address of a network, and SO_BROADCAST is off.".to_owned()
        }
        sys::STATUS_INVALID_DEVICE_STATE if *target == Target::Fixed => {
            "The socket is fixed to no address: `ioctl SIO_WSK_SET_REMOTE_ADDRESS ADDR` or `ioctl \
             SIO_WSK_SET_SENDTO_ADDRESS ADDR` first."
                .to_owned()
        }
        sys::STATUS_INVALID_DEVICE_STATE => "A socket sends from the bind on: `bind` it first.".to_owned(),
        sys::STATUS_INVALID_BUFFER_SIZE => format!(
            "The datagram, of {longest} bytes, is larger than the MTU, and must not be fragmented (IP_DONTFRAGMENT, \
             IP_MTU_DISCOVER, IP_USER_MTU)."
        ),
        sys::STATUS_INVALID_PARAMETER
        | sys::STATUS_INVALID_ADDRESS_COMPONENT
        | sys::STATUS_NETWORK_UNREACHABLE => {
            match (sending.and_then(Sending::doubt), to) {
                (Some(doubt), _) => doubt,
                (None, Some(to)) if status == sys::STATUS_INVALID_ADDRESS_COMPONENT => {
                    format!("{to} is not of the socket's family: use {}.", other_family(to))
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn sort(addresses: &[SocketAddr]) -> Option<String> {
    if let Some(v4) = addresses.iter().find(|address| address.is_ipv4()) {
        return Some(format!(
            "The addresses are IPv6 ones; {v4} is written as [::ffff:{}]:{}.",
            v4.ip(),
            v4.port()
        ));
    }
    (addresses.len() > SORT_ADDRESSES_MAX).then(|| {
        format!("{SORT_ADDRESSES_MAX} addresses can be sorted at most; {} were given.", addresses.len())
    })
}

fn family_of(address: SocketAddr) -> &'static str {
    if address.is_ipv4() { "v4" } else { "v6" }
}

/// What a socket must be for this address.
fn other_family(address: SocketAddr) -> String {
    let family = family_of(address);
    format!("--family {family}, with a --bind of that family if there is one, in a script `create {family}`")
}

#[cfg(test)]
mod tests;
