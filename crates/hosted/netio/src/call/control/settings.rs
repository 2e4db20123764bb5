//! What setting an option does to a socket, and getting one tells: by the rows of `wsk_requests`, in plain bytes.

use core::net::IpAddr;

use wsk_requests::rows::{ip, ipv6, socket as level, udp};
use wsk_requests::{
    Families, Hosted, Interface, Kind, Multicast, PathMtuDiscovery, ProtectionLevel, Row, ValueKind,
};
use wsk_sys::{
    NTSTATUS, SOL_SOCKET, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_ADDRESS_COMPONENT,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, ULONG,
};

use crate::net::address::Family;
use crate::net::multicast::{Change, Group};
use crate::net::option::Values;
use crate::net::{Endpoint, LocalAddress};
use crate::provider::Provider;
use crate::socket::{Options, Socket};

/// Whether the socket has the option, in this direction. n/d: all statuses
fn applies(socket: &Socket, options: &Options, row: &Row, direction: bool) -> Result<(), NTSTATUS> {
    let family = match row.families {
        Families::Both => true,
        Families::V6 => socket.family == Family::V6,
        Families::V4 => socket.family == Family::V4 || !options.values.v6_only(),
    };
    // A basic socket can be asked for what its transport can do; it is never bound, so nothing of it has an effect.
    let of_transport = !matches!(row.kind, Kind::Option { level: SOL_SOCKET, .. });
    let category = socket.datagram().is_ok() || of_transport;
    if !category || !family || !direction {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    if row.about().hosted == Hosted::Refused {
        return Err(STATUS_NOT_SUPPORTED);
    }
    Ok(())
}

/// Sets an option.
pub(crate) fn set(provider: &Provider, socket: &Socket, row: &Row, input: &[u8]) -> Result<(), NTSTATUS> {
    let mut options = socket.options();
    applies(socket, &options, row, row.set)?;
    // n/d: the statuses for wrong sizes
    let (least, greatest) = row.value.bounds(socket.family.sockaddr_size());
    match input.len() {
        size if size < least => return Err(STATUS_BUFFER_TOO_SMALL),
        size if size > greatest => return Err(STATUS_INVALID_BUFFER_SIZE),
        _ => {}
    }
    // n/d
    let endpoint = socket.endpoint();
    if !row.permits(endpoint.is_some()) {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    if let Some(change) = Change::of(row) {
        return change_group(provider, &mut options, endpoint.as_deref(), row, (change, input));
    }
    let bytes = *input.first_chunk().ok_or(STATUS_BUFFER_TOO_SMALL)?;
    let value = number(provider, row, bytes)?;
    let mut values = options.values.clone();
    match row.kind {
        // One says the opposite of the other. The status is what the Winsock error stands for. n/d
        kind if kind == level::SO_REUSEADDR.kind
            && value != 0
            && values.flag(&level::SO_EXCLUSIVEADDRUSE) =>
        {
            return Err(STATUS_INVALID_PARAMETER);
        }
        kind if kind == level::SO_EXCLUSIVEADDRUSE.kind
            && value != 0
            && values.flag(&level::SO_REUSEADDR) =>
        {
            return Err(STATUS_INVALID_PARAMETER);
        }
        kind if kind == ip::IP_ADD_IFLIST.kind || kind == ipv6::IPV6_ADD_IFLIST.kind => {
            values.list_mut(row.families == Families::V6).insert(value);
        }
        kind if kind == ip::IP_DEL_IFLIST.kind || kind == ipv6::IPV6_DEL_IFLIST.kind => {
            // n/d
            if !values.list_mut(row.families == Families::V6).remove(&value) {
                return Err(STATUS_INVALID_ADDRESS_COMPONENT);
            }
        }
        _ => values.set(row, value),
    }
    if let Some(endpoint) = endpoint {
        endpoint.changed(row, &values, &options.groups)?;
    }
    if let Ok(datagram) = socket.datagram() {
        match row.kind {
            kind if kind == level::SO_RCVBUF.kind => datagram.inbox.set_limit(values.receive_buffer()),
            kind if kind == udp::UDP_RECV_MAX_COALESCED_SIZE.kind => {
                datagram.inbox.set_together(value as usize);
            }
            _ => {}
        }
    }
    options.values = values;
    Ok(())
}

/// The number that an option's bytes say, if it is one for the option. n/d: the statuses for those that are not
fn number(provider: &Provider, row: &Row, bytes: [u8; 4]) -> Result<ULONG, NTSTATUS> {
    let value = ULONG::from_ne_bytes(bytes);
    let hops = |least| (least..=255).contains(&value).then_some(value).ok_or(STATUS_INVALID_PARAMETER);
    match row.value {
        // Any number but 0 is true. n/d
        ValueKind::Bool => Ok((value != 0).into()),
        ValueKind::U32 => match row.kind {
            kind if kind == ip::IP_TTL.kind || kind == ipv6::IPV6_UNICAST_HOPS.kind => hops(1),
            kind if kind == ip::IP_MULTICAST_TTL.kind || kind == ipv6::IPV6_MULTICAST_HOPS.kind => hops(0),
            // The lower two bits are those of congestion control, which is not the option's to say.
            kind if kind == ip::IP_TOS.kind || kind == ipv6::IPV6_TCLASS.kind => match value & 3 {
                0 => hops(0),
                _ => Err(STATUS_INVALID_PARAMETER),
            },
            _ => Ok(value),
        },
        ValueKind::MtuDiscovery => {
            PathMtuDiscovery::from_number(value).map(|state| state as ULONG).ok_or(STATUS_INVALID_PARAMETER)
        }
        ValueKind::Protection => {
            ProtectionLevel::from_number(value).map(|level| level as ULONG).ok_or(STATUS_INVALID_PARAMETER)
        }
        ValueKind::Index => index(provider, Interface::from_index(value)),
        ValueKind::NetworkIndex => index(provider, Interface::from_index(ULONG::from_be_bytes(bytes))),
        ValueKind::MulticastInterface => index(provider, Interface::from_network(bytes)),
        _ => Err(STATUS_INVALID_PARAMETER),
    }
}

/// The index of an interface that the network has; 0 is any. n/d: the status for another
fn index(provider: &Provider, interface: Interface) -> Result<ULONG, NTSTATUS> {
    if interface == Interface::Any {
        return Ok(0);
    }
    let fits = |local: &LocalAddress| match interface {
        Interface::Address(address) => local.address == IpAddr::V4(address),
        Interface::Index(index) => local.interface == index,
        Interface::Any => false,
    };
    provider
        .config
        .network
        .local_addresses()?
        .iter()
        .find(|local| fits(local))
        .map(|local| local.interface)
        .ok_or(STATUS_INVALID_ADDRESS_COMPONENT)
}

fn change_group(
    provider: &Provider,
    options: &mut Options,
    endpoint: Option<&dyn Endpoint>,
    row: &Row,
    (change, input): (Change, &[u8]),
) -> Result<(), NTSTATUS> {
    let wanted = Multicast::decode(row.value, input).ok_or(STATUS_INVALID_PARAMETER)?;
    // A GROUP_REQ could hold a group of the other family. n/d
    if wanted.group.is_ipv6() != (row.families == Families::V6) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let interface = match index(provider, wanted.interface)? {
        0 => provider.config.network.default_interface(),
        interface => interface,
    };
    let group = Group { address: wanted.group, interface };
    let mut groups = options.groups.clone();
    groups.change(change, group, wanted.source)?;
    if let Some(endpoint) = endpoint {
        endpoint.changed_group(&options.values, &groups, change, group, wanted.source)?;
    }
    options.groups = groups;
    Ok(())
}

/// Gets an option: its bytes.
pub(crate) fn get(socket: &Socket, row: &Row) -> Result<Vec<u8>, NTSTATUS> {
    let options = socket.options();
    applies(socket, &options, row, row.get)?;
    if row.value == ValueKind::Indexes {
        let list = options.values.list(row.families == Families::V6);
        return Ok(list.iter().flat_map(|index| index.to_ne_bytes()).collect());
    }
    let value = match row.kind {
        kind if kind == ip::IP_MTU.kind || kind == ipv6::IPV6_MTU.kind => mtu(socket, &options.values)?,
        _ => options.values.number(row),
    };
    Ok(value.to_ne_bytes().to_vec())
}

/// The MTU of the path to the fixed remote address: of a connected socket, as the page has it. n/d: the statuses
fn mtu(socket: &Socket, values: &Values) -> Result<ULONG, NTSTATUS> {
    let settings = socket.datagram().map_err(|_| STATUS_INVALID_DEVICE_STATE)?.settings();
    let (Some(endpoint), Some(remote)) = (&settings.endpoint, settings.remote) else {
        return Err(STATUS_INVALID_DEVICE_STATE);
    };
    let remote = crate::net::address::canonical(remote).ip();
    let known = endpoint.mtu(remote)?;
    Ok(known.min(values.outgoing(remote).user_mtu))
}
