//! The control requests, by name: what the table of `wsk_requests` says, and values as people write them.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;

use serde::{Serialize, Serializer};
use wsk_requests::{EXCLUDED, Families, Interface, Kind, Multicast, ROWS, Row, ValueKind};

use crate::family::Family;

mod address;
mod listing;

pub use address::address;
pub use listing::Listing;

/// A control request.
#[derive(Clone, Copy)]
pub struct Request(&'static Row);

impl Deref for Request {
    type Target = Row;

    fn deref(&self) -> &Row {
        self.0
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The row of a socket option; its C name in any case.
///
/// # Errors
///
/// A sentence that names the nearest option there is.
pub fn option(name: &str) -> Result<Request, String> {
    find(name, "option", |row| matches!(row.kind, Kind::Option { .. }))
}

/// The row of a socket IOCTL; its C name in any case.
///
/// # Errors
///
/// A sentence that names the nearest IOCTL there is.
pub fn ioctl(name: &str) -> Result<Request, String> {
    find(name, "IOCTL", |row| matches!(row.kind, Kind::Ioctl { .. }))
}

fn find(name: &str, what: &str, right: impl Fn(&Row) -> bool) -> Result<Request, String> {
    let wanted = name.to_ascii_uppercase();
    // With the level in front, as those are written that two levels have.
    let has_level = |row: &Row| {
        let level = row.level_name().and_then(|level| wanted.strip_prefix(level));
        level.and_then(|rest| rest.strip_prefix('/')) == Some(row.name)
    };
    if let Some(row) = ROWS.iter().find(|row| row.name == wanted || has_level(row)) {
        return if right(row) {
            Ok(Request(row))
        } else {
            Err(format!("{} is not a socket {what}, but {}", row.name, what_it_is(row)))
        };
    }
    let levels: Vec<&str> = ROWS
        .iter()
        .filter(|row| row.name.split_once('/').is_some_and(|(_level, name)| name == wanted))
        .map(|row| row.name)
        .collect();
    if !levels.is_empty() {
        return Err(format!("{wanted} is an option of two levels: write {}", levels.join(" or ")));
    }
    if let Some(excluded) = EXCLUDED.iter().find(|excluded| excluded.name == wanted) {
        return Err(format!(
            "{} is not for this driver: {}",
            excluded.name,
            excluded.reason.replace('`', "")
        ));
    }
    let nearest = ROWS
        .iter()
        .filter(|row| right(row))
        .map(|row| (strsim::jaro(&wanted, row.name), row.name))
        .max_by(|one, other| one.0.total_cmp(&other.0));
    Err(match nearest {
        Some((likeness, nearest)) if likeness > 0.8 => {
            format!("no socket {what} is called {name}; did you mean {nearest}?")
        }
        _ => format!("no socket {what} is called {name}; `wskctl options` lists them"),
    })
}

fn what_it_is(row: &Row) -> &'static str {
    match row.kind {
        Kind::Option { .. } => "an option: use get or set",
        Kind::Ioctl { .. } => "an IOCTL: use ioctl",
        Kind::Client { .. } => "a request that the driver makes by itself",
    }
}

/// Which numbers an option takes, where not every one is right.
#[must_use]
pub fn range(row: &Row) -> Option<String> {
    match row.value {
        ValueKind::MtuDiscovery => Some("0 (not set), 1 (do), 2 (don't) or 3 (probe)".to_owned()),
        ValueKind::Protection => {
            Some("10 (unrestricted), 20 (edge restricted) or 30 (restricted)".to_owned())
        }
        _ => row.range().map(|range| format!("a number from {} to {}", range.start(), range.end())),
    }
}

/// The value of a control request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Nothing,
    /// A `ULONG` that is 0 or 1.
    Bool(bool),
    /// A `ULONG`.
    U32(u32),
    /// An interface, as IPv4's options name it.
    Interface(Interface),
    /// A multicast group, in the structure of this kind.
    Multicast(ValueKind, Multicast),
    /// Bytes, as they go on the wire.
    Bytes(Vec<u8>),
    /// Several `ULONG`s.
    Numbers(Vec<u32>),
    /// A socket address; none clears.
    Address(Option<SocketAddr>),
    /// Several socket addresses.
    Addresses(Vec<SocketAddr>),
}

impl Value {
    /// What `text` says, as the row's kind of value.
    ///
    /// # Errors
    ///
    /// A sentence that says what would be right.
    pub fn parse(row: &Row, text: &str) -> Result<Value, String> {
        let name = row.name;
        match row.value {
            ValueKind::Bool => match text.to_ascii_lowercase().as_str() {
                "1" | "on" | "true" | "yes" => Ok(Self::Bool(true)),
                "0" | "off" | "false" | "no" => Ok(Self::Bool(false)),
                _ => Err(format!("{name} is on or off (1 or 0), not {text}")),
            },
            ValueKind::U32 | ValueKind::Index | ValueKind::MtuDiscovery | ValueKind::Protection => {
                number(text).map(Self::U32).ok_or_else(|| {
                    let range = range(row).unwrap_or_else(|| format!("a number from 0 to {}", u32::MAX));
                    format!("{name} is {range}, written as 65536 or 0x10000, not {text}")
                })
            }
            ValueKind::NetworkIndex | ValueKind::MulticastInterface => {
                text.parse().map(Self::Interface).map_err(|_syntax| {
                    format!("{name} is the index of an interface, such as 2, or any, not {text}")
                })
            }
            kind @ (ValueKind::Membership
            | ValueKind::SourceMembership
            | ValueKind::MembershipV6
            | ValueKind::Group
            | ValueKind::GroupSource) => match text.parse::<Multicast>() {
                Ok(group) if group.encode(kind, &mut [0; 264]).is_some() => Ok(Self::Multicast(kind, group)),
                _ => Err(format!("{name} is a group, such as {}, not {text}", example(kind))),
            },
            ValueKind::IpOptions if text.eq_ignore_ascii_case("clear") => Ok(Self::Bytes(Vec::new())),
            ValueKind::IpOptions => unhex(text).map(Self::Bytes).ok_or_else(|| {
                format!("{name} is bytes in hexadecimal, such as 01010100, or clear, not {text}")
            }),
            ValueKind::Address if text.eq_ignore_ascii_case("clear") => Ok(Self::Address(None)),
            ValueKind::Address => address(text).map(|address| Self::Address(Some(address))),
            ValueKind::SecurityDescriptor => {
                Err(format!("{name} is a kernel pointer: `wskctl security SDDL` sets the descriptor"))
            }
            ValueKind::EventCallback => Err(format!(
                "{name} has kernel pointers: `wskctl recv --queue`, or `enable` in a script, enables the callback"
            )),
            ValueKind::Nothing
            | ValueKind::Indexes
            | ValueKind::AddressList
            | ValueKind::ExtensionIn
            | ValueKind::ExtensionOut
            | ValueKind::Transports
            | ValueKind::TdiMap => Err(format!("{name} takes no value that could be written")),
        }
    }

    /// The value that WSK gave for a row.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the bytes.
    pub fn decode(row: &Row, bytes: &[u8]) -> Result<Value, String> {
        let number = || {
            let word: [u8; 4] =
                bytes.try_into().map_err(|_size| format!("{} has {} bytes, not 4", row.name, bytes.len()))?;
            Ok(u32::from_ne_bytes(word))
        };
        let kind = if row.output == ValueKind::Nothing { row.value } else { row.output };
        match kind {
            ValueKind::Nothing => Ok(Self::Nothing),
            ValueKind::Bool => number().map(|number| Self::Bool(number != 0)),
            ValueKind::U32 | ValueKind::Index | ValueKind::MtuDiscovery | ValueKind::Protection => {
                number().map(Self::U32)
            }
            ValueKind::NetworkIndex | ValueKind::MulticastInterface => {
                number().map(Interface::from_index).map(Self::Interface)
            }
            ValueKind::Indexes => {
                let (numbers, rest) = bytes.as_chunks();
                if rest.is_empty() {
                    Ok(Self::Numbers(numbers.iter().map(|number| u32::from_ne_bytes(*number)).collect()))
                } else {
                    Err(format!("{} has {} bytes, not a multiple of 4", row.name, bytes.len()))
                }
            }
            ValueKind::Address if bytes.is_empty() => Ok(Self::Address(None)),
            ValueKind::Address => match wskdrv_abi::address::decode(bytes) {
                Ok(address) => Ok(Self::Address(Some(address))),
                Err(error) => Err(error.to_string()),
            },
            ValueKind::AddressList => wskdrv_abi::address::decode_all(bytes)
                .collect::<Result<_, _>>()
                .map(Self::Addresses)
                .map_err(|error| error.to_string()),
            _ => Ok(Self::Bytes(bytes.to_vec())),
        }
    }

    /// The value as WSK takes it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Bool(on) => u32::from(*on).to_ne_bytes().to_vec(),
            Self::U32(number) => number.to_ne_bytes().to_vec(),
            // An index that is too large for the structure is none.
            Self::Interface(interface) => interface.to_network().unwrap_or([0xFF; 4]).to_vec(),
            Self::Multicast(kind, group) => {
                let mut bytes = vec![0; 264];
                let size = group.encode(*kind, &mut bytes).unwrap_or(0);
                bytes.truncate(size);
                bytes
            }
            Self::Bytes(bytes) => bytes.clone(),
            Self::Numbers(numbers) => numbers.iter().flat_map(|number| number.to_ne_bytes()).collect(),
            Self::Address(address) => encode_addresses(address.as_slice()),
            Self::Addresses(addresses) => encode_addresses(addresses),
        }
    }
}

fn encode_addresses(addresses: &[SocketAddr]) -> Vec<u8> {
    let mut all = Vec::new();
    for address in addresses {
        let (bytes, length) = wskdrv_abi::address::encode(*address);
        all.extend_from_slice(&bytes[..length]);
    }
    all
}

/// A group as text, in the structure of this kind.
const fn example(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Membership => "239.1.2.3 or 239.1.2.3,on=127.0.0.1",
        ValueKind::SourceMembership => "232.1.2.3,from=192.0.2.1",
        ValueKind::MembershipV6 => "ff02::7 or ff02::7,on=2",
        ValueKind::Group => "239.1.2.3 or 239.1.2.3,on=2",
        _ => "232.1.2.3,on=2,from=192.0.2.1",
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    // A sign would be read, too.
    let digits = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    (digits && rest.is_empty()).then(|| pairs.iter().map(byte).collect())?
}

/// Numbers, booleans, and the rest as text or lists of them; no address is null.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_unit(),
            Self::Bool(on) => on.serialize(serializer),
            Self::U32(number) => number.serialize(serializer),
            Self::Numbers(numbers) => numbers.serialize(serializer),
            Self::Address(address) => address.serialize(serializer),
            Self::Addresses(addresses) => addresses.serialize(serializer),
            Self::Interface(_) | Self::Multicast(..) | Self::Bytes(_) => serializer.collect_str(self),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Bool(on) => write!(f, "{}", u8::from(*on)),
            Self::U32(number) => number.fmt(f),
            Self::Interface(interface) => interface.fmt(f),
            Self::Multicast(_, group) => group.fmt(f),
            Self::Bytes(bytes) if bytes.is_empty() => f.write_str("clear"),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Numbers(numbers) => f.write_str(&joined(numbers)),
            Self::Address(Some(address)) => address.fmt(f),
            Self::Address(None) => f.write_str("clear"),
            Self::Addresses(addresses) => f.write_str(&joined(addresses)),
        }
    }
}

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// A number in decimal, or in hexadecimal after `0x`.
#[must_use]
pub fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The family that this row applies to; none if there is a choice.
#[must_use]
pub const fn family(row: &Row) -> Option<Family> {
    match row.families {
        Families::V4 => Some(Family::V4),
        Families::V6 => Some(Family::V6),
        Families::Both => None,
    }
}

/// How many bytes the driver has at most for a value of this row.
#[must_use]
pub fn size(row: &Row) -> usize {
    row.value.bounds(wskdrv_abi::MAX_SOCKADDR_LENGTH).1.min(wsk_requests::value::MAX_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_only_where_they_belong() {
        assert_eq!(option("so_ReuseAddr").unwrap().name, "SO_REUSEADDR");
        assert_eq!(ioctl("sio_wsk_set_remote_address").unwrap().name, "SIO_WSK_SET_REMOTE_ADDRESS");
        assert_eq!(
            option("SIO_WSK_SET_REMOTE_ADDRESS").unwrap_err(),
            "SIO_WSK_SET_REMOTE_ADDRESS is not a socket option, but an IOCTL: use ioctl"
        );
        assert_eq!(
            option("SO_REUSEADR").unwrap_err(),
            "no socket option is called SO_REUSEADR; did you mean SO_REUSEADDR?"
        );
        assert!(ioctl("FIONBIO").unwrap_err().ends_with("`wskctl options` lists them"));
        let reset = ioctl("SIO_UDP_CONNRESET").unwrap_err();
        assert!(reset.contains("IP_RECVERR") && reset.contains("IPV6_RECVERR"), "{reset}");
        for excluded in EXCLUDED {
            for find in [option, ioctl] {
                assert!(
                    find(excluded.name).unwrap_err().contains("is not for this driver"),
                    "{}",
                    excluded.name
                );
            }
        }
    }

    #[test]
    fn a_level_may_stand_in_front_and_must_where_two_have_the_name() {
        assert_eq!(option("ipproto_ip/ip_ttl").unwrap().name, "IP_TTL");
        assert_eq!(option("SOL_SOCKET/SO_RCVBUF").unwrap().name, "SO_RCVBUF");
        assert!(option("IPPROTO_IPV6/IP_TTL").is_err());
        assert_eq!(
            option("mcast_join_group").unwrap_err(),
            "MCAST_JOIN_GROUP is an option of two levels: write IPPROTO_IP/MCAST_JOIN_GROUP or \
             IPPROTO_IPV6/MCAST_JOIN_GROUP"
        );
    }

    #[test]
    fn every_row_is_found_by_its_own_name() {
        for row in ROWS {
            let found = match row.kind {
                Kind::Option { .. } => option(row.name),
                Kind::Ioctl { .. } => ioctl(row.name),
                Kind::Client { .. } => continue,
            };
            assert_eq!(found.map(|request| *request.0), Ok(*row));
        }
    }

    #[test]
    fn values_are_read_as_the_row_has_them() {
        let flag = option("SO_REUSEADDR").unwrap();
        let size = option("SO_RCVBUF").unwrap();
        let remote = ioctl("SIO_WSK_SET_REMOTE_ADDRESS").unwrap();
        assert_eq!(Value::parse(&flag, "ON"), Ok(Value::Bool(true)));
        assert_eq!(Value::parse(&flag, "0"), Ok(Value::Bool(false)));
        assert!(Value::parse(&flag, "2").unwrap_err().contains("on or off"));
        assert_eq!(Value::parse(&size, "0x10"), Ok(Value::U32(16)));
        for wrong in ["4294967296", "-1", "many"] {
            let error = Value::parse(&size, wrong).unwrap_err();
            assert!(error.starts_with("SO_RCVBUF is a number from 0 to 4294967295"), "{error}");
        }
        let hops = option("IP_TTL").unwrap();
        assert!(Value::parse(&hops, "-1").unwrap_err().starts_with("IP_TTL is a number from 1 to 255"));
        // The driver's to refuse: that it does can be tested.
        assert_eq!(Value::parse(&hops, "300"), Ok(Value::U32(300)));
        let security = option("SO_WSK_SECURITY").unwrap();
        assert!(Value::parse(&security, "1").unwrap_err().contains("`wskctl security SDDL`"));
        assert_eq!(Value::parse(&remote, "clear"), Ok(Value::Address(None)));
        assert!(Value::parse(&remote, "localhost").unwrap_err().contains("[::1]:7777"));
    }

    #[test]
    fn values_survive_the_way_through_bytes() {
        let flag = option("SO_REUSEADDR").unwrap();
        let remote = ioctl("SIO_WSK_SET_REMOTE_ADDRESS").unwrap();
        let options = option("IP_OPTIONS").unwrap();
        assert_eq!(Value::parse(&options, "0102fF"), Ok(Value::Bytes(vec![1, 2, 255])));
        for wrong in ["1", "xx", "+1"] {
            Value::parse(&options, wrong).unwrap_err();
        }
        let query = ioctl("SIO_ADDRESS_LIST_QUERY").unwrap();
        let addresses = ["[::1]:0", "[fe80::1%2]:0"].map(|address| address.parse().unwrap()).to_vec();
        let list = option("IP_GET_IFLIST").unwrap();
        for (row, value) in [
            (query, Value::Addresses(addresses)),
            (list, Value::Numbers(vec![1, 7])),
            (flag, Value::Bool(true)),
            (flag, Value::Bool(false)),
            (remote, Value::Address(None)),
            (remote, Value::Address(Some("[::1]:5".parse().unwrap()))),
        ] {
            assert_eq!(Value::decode(&row, &value.encode()), Ok(value));
        }
        assert_eq!(Value::decode(&flag, &[1]).unwrap_err(), "SO_REUSEADDR has 1 bytes, not 4");
    }

    #[test]
    fn groups_are_written_as_the_structure_has_them() {
        for (name, text) in [
            ("IP_ADD_MEMBERSHIP", "239.1.2.3,on=127.0.0.1"),
            ("IP_ADD_SOURCE_MEMBERSHIP", "232.1.2.3,from=10.0.0.1"),
            ("IPV6_JOIN_GROUP", "ff02::7,on=2"),
            ("IPPROTO_IPV6/MCAST_JOIN_GROUP", "ff02::7,on=2"),
            ("IPPROTO_IP/MCAST_BLOCK_SOURCE", "232.1.2.3,on=2,from=10.0.0.1"),
        ] {
            let row = option(name).unwrap();
            let value = Value::parse(&row, text).unwrap();
            assert_eq!(value.to_string(), text);
            assert!(row.value.accepts(value.encode().len(), 16), "{name}");
        }
        let wrong = Value::parse(&option("IPV6_JOIN_GROUP").unwrap(), "239.1.2.3").unwrap_err();
        assert!(wrong.contains("ff02::7"), "{wrong}");
        let interface = Value::parse(&option("IP_MULTICAST_IF").unwrap(), "127.0.0.1").unwrap();
        assert_eq!(interface.encode(), [127, 0, 0, 1]);
    }
}
