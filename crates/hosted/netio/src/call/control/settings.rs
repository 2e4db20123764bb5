//! What setting an option does to a socket, and getting one tells: by the rows of `wsk_requests`, in plain bytes.

use core::net::IpAddr;

use readings::{
    BooleanValue, BothSharing, ByteBoolean, ClassCongestion, HeaderOptions, LongValue, NoInterface,
    StackOptions,
};
use wsk_requests::rows::{ip, ipv6, socket as level, udp};
use wsk_requests::{
    Families, Hosted, Interface, Kind, Multicast, PathMtuDiscovery, ProtectionLevel, Row, ValueKind,
};
use wsk_sys::{
    NTSTATUS, SOL_SOCKET, STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_BUFFER_SIZE,
    STATUS_INVALID_PARAMETER, ULONG,
};

use super::refusal::{Refusal, late, no_path, short};
use crate::net::address::Family;
use crate::net::multicast::{Change, Group, not_a_group};
use crate::net::option::Values;
use crate::net::{Endpoint, LocalAddress};
use crate::provider::Provider;
use crate::socket::{Options, Socket};

/// Whether the socket has the option, in this direction.
fn applies(
    provider: &Provider,
    socket: &Socket,
    options: &Options,
    row: &Row,
    direction: bool,
) -> Result<(), NTSTATUS> {
    let family = match row.families {
        Families::Both => true,
        Families::V6 => socket.family == Family::V6,
        Families::V4 => {
            let always = provider.reading::<StackOptions>() == StackOptions::Always;
            socket.family == Family::V4 || always || !options.values.v6_only()
        }
    };
    // A basic socket can be asked for what its transport can do; it is never bound, so nothing of it has an effect.
    let of_transport = !matches!(row.kind, Kind::Option { level: SOL_SOCKET, .. });
    let category = socket.datagram().is_ok() || of_transport;
    if !category || !family || !direction {
        return Err(Refusal::Foreign.status(provider));
    }
    if row.about().hosted == Hosted::Refused && provider.follows(HeaderOptions::Unknown) {
        return Err(Refusal::Unknown.status(provider));
    }
    Ok(())
}

/// Sets an option.
pub(crate) fn set(provider: &Provider, socket: &Socket, row: &Row, input: &[u8]) -> Result<(), NTSTATUS> {
    let mut options = socket.options();
    applies(provider, socket, &options, row, row.set)?;
    let (least, greatest) = row.value.bounds(socket.family.sockaddr_size());
    let least = if is_byte(provider, row) { 1 } else { least };
    let input = match input.len() {
        size if size < least => return Err(short(provider)),
        size if size > greatest => match provider.reading() {
            LongValue::InvalidSize => return Err(STATUS_INVALID_BUFFER_SIZE),
            LongValue::InvalidParameter => return Err(STATUS_INVALID_PARAMETER),
            LongValue::Ignored => &input[..greatest],
        },
        _ => input,
    };
    let endpoint = socket.endpoint();
    if !row.permits(endpoint.is_some()) {
        return late(provider);
    }
    if let Some(change) = Change::of(row) {
        return change_group(provider, &mut options, endpoint.as_deref(), row, (change, input));
    }
    if row.value == ValueKind::IpOptions {
        options.header = input.to_vec();
        return Ok(());
    }
    let bytes = core::array::from_fn(|at| input.get(at).copied().unwrap_or(0));
    let value = number(provider, row, bytes)?;
    let mut values = options.values.clone();
    match row.kind {
        // One says the opposite of the other.
        kind if value != 0
            && opposite(kind).is_some_and(|opposite| values.flag(opposite))
            && provider.follows(BothSharing::Refused) =>
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

/// Whether a value has one byte, though its row has four.
fn is_byte(provider: &Provider, row: &Row) -> bool {
    row.value == ValueKind::Bool && provider.reading::<ByteBoolean>() == ByteBoolean::Taken
}

/// The option that says the opposite of this one about sharing the address.
fn opposite(kind: Kind) -> Option<&'static Row> {
    if kind == level::SO_REUSEADDR.kind {
        Some(&level::SO_EXCLUSIVEADDRUSE)
    } else if kind == level::SO_EXCLUSIVEADDRUSE.kind {
        Some(&level::SO_REUSEADDR)
    } else {
        None
    }
}

/// The number that an option's bytes say, if it is one for the option. n/d: the statuses for those that are not
fn number(provider: &Provider, row: &Row, bytes: [u8; 4]) -> Result<ULONG, NTSTATUS> {
    let value = ULONG::from_ne_bytes(bytes);
    let hops = |least| (least..=255).contains(&value).then_some(value).ok_or(STATUS_INVALID_PARAMETER);
    match row.value {
        ValueKind::Bool => Ok(match provider.reading() {
            BooleanValue::True => (value != 0).into(),
            BooleanValue::Kept => value,
        }),
        ValueKind::U32 => match row.kind {
            kind if kind == ip::IP_TTL.kind || kind == ipv6::IPV6_UNICAST_HOPS.kind => hops(1),
            kind if kind == ip::IP_MULTICAST_TTL.kind || kind == ipv6::IPV6_MULTICAST_HOPS.kind => hops(0),
            // The lower two bits are those of congestion control, which is not the option's to say.
            kind if kind == ip::IP_TOS.kind || kind == ipv6::IPV6_TCLASS.kind => {
                match (value & 3, provider.reading()) {
                    (0, _) | (_, ClassCongestion::Taken) => hops(0),
                    (_, ClassCongestion::Masked) => hops(0).map(|class| class & !3),
                    (_, ClassCongestion::InvalidParameter) => Err(STATUS_INVALID_PARAMETER),
                }
            }
            _ => Ok(value),
        },
        ValueKind::MtuDiscovery => {
            PathMtuDiscovery::from_number(value).map(|state| state as ULONG).ok_or(STATUS_INVALID_PARAMETER)
        }
        ValueKind::Protection => {
            let level =
                ProtectionLevel::from_number(value).filter(|level| *level != ProtectionLevel::Unspecified);
            level.map(|level| level as ULONG).ok_or(STATUS_INVALID_PARAMETER)
        }
        ValueKind::Index => index(provider, Interface::from_index(value)),
        ValueKind::NetworkIndex => index(provider, Interface::from_index(ULONG::from_be_bytes(bytes))),
        ValueKind::MulticastInterface => index(provider, Interface::from_network(bytes)),
        _ => Err(STATUS_INVALID_PARAMETER),
    }
}

/// The index of an interface that the network has; 0 is any.
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
        .ok_or_else(|| match provider.reading() {
            NoInterface::InvalidAddress => STATUS_INVALID_ADDRESS_COMPONENT,
            NoInterface::InvalidParameter => STATUS_INVALID_PARAMETER,
        })
}

fn change_group(
    provider: &Provider,
    options: &mut Options,
    endpoint: Option<&dyn Endpoint>,
    row: &Row,
    (change, input): (Change, &[u8]),
) -> Result<(), NTSTATUS> {
    let wanted = Multicast::decode(row.value, input).ok_or(STATUS_INVALID_PARAMETER)?;
    // A GROUP_REQ could hold a group of the other family.
    if wanted.group.is_ipv6() != (row.families == Families::V6) {
        return Err(not_a_group(&provider.config.readings));
    }
    let interface = match index(provider, wanted.interface)? {
        0 => provider.config.network.default_interface(),
        interface => interface,
    };
    let group = Group { address: wanted.group, interface };
    let mut groups = options.groups.clone();
    groups.change(&provider.config.readings, change, group, wanted.source)?;
    if let Some(endpoint) = endpoint {
        endpoint.changed_group(&options.values, &groups, change, group, wanted.source)?;
    }
    options.groups = groups;
    Ok(())
}

/// Gets an option: its bytes.
pub(crate) fn get(provider: &Provider, socket: &Socket, row: &Row) -> Result<Vec<u8>, NTSTATUS> {
    let options = socket.options();
    applies(provider, socket, &options, row, row.get)?;
    if row.value == ValueKind::IpOptions {
        return Ok(options.header.clone());
    }
    if row.value == ValueKind::Indexes {
        let list = options.values.list(row.families == Families::V6);
        return Ok(list.iter().flat_map(|index| index.to_ne_bytes()).collect());
    }
    let value = match row.kind {
        kind if kind == ip::IP_MTU.kind || kind == ipv6::IPV6_MTU.kind => {
            mtu(provider, socket, &options.values)?
        }
        _ if is_byte(provider, row) => {
            let [low, ..] = options.values.number(row).to_le_bytes();
            return Ok(vec![low.max(options.values.flag(row).into())]);
        }
        _ => options.values.number(row),
    };
    Ok(value.to_ne_bytes().to_vec())
}

/// The MTU of the path to the fixed remote address: of a connected socket, as the page has it.
fn mtu(provider: &Provider, socket: &Socket, values: &Values) -> Result<ULONG, NTSTATUS> {
    let settings = socket.datagram().map_err(|_| no_path(provider))?.settings();
    let (Some(endpoint), Some(remote)) = (&settings.endpoint, settings.remote) else {
        return Err(no_path(provider));
    };
    let remote = crate::net::address::canonical(remote).ip();
    let known = endpoint.mtu(remote)?;
    Ok(known.min(values.outgoing(remote).user_mtu))
}
