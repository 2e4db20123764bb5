//! The typed control requests, by name: what `wsk`'s table says, and values as people write them.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;

use serde::Serialize;
use wsk::row::{Families, IrpRule, Kind, MaxIrql, ROWS, Row, StateRule, ValueKind};
use wsk_sys::{IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP, SOL_SOCKET};

use crate::family::Family;

/// A typed control request.
///
/// Of the crate `wsk` only data gets into this program, none of its code: that calls a kernel, and a program that is
/// not hosted has none to link with. So this type prints itself, where it could derive the printing of the row.
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
    if let Some(row) = ROWS.iter().find(|row| row.name == wanted) {
        return if right(row) {
            Ok(Request(row))
        } else {
            Err(format!("{} is not a socket {what}", row.name))
        };
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

/// The value of a control request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A `ULONG` that is 0 or 1.
    Bool(bool),
    /// A `ULONG`.
    U32(u32),
    /// A socket address; none clears.
    Address(Option<SocketAddr>),
}

impl Value {
    /// What `text` says, as the row's kind of value.
    ///
    /// # Errors
    ///
    /// A sentence that says what would be right.
    pub fn parse(row: &Row, text: &str) -> Result<Self, String> {
        match row.value {
            ValueKind::Bool => match text.to_ascii_lowercase().as_str() {
                "1" | "on" | "true" | "yes" => Ok(Self::Bool(true)),
                "0" | "off" | "false" | "no" => Ok(Self::Bool(false)),
                _ => Err(format!("{} is on or off (1 or 0), not {text}", row.name)),
            },
            ValueKind::U32 => number(text).map(Self::U32).ok_or_else(|| {
                format!("{} is a number of 32 bits, such as 65536 or 0x10000, not {text}", row.name)
            }),
            ValueKind::Address if text.eq_ignore_ascii_case("clear") => Ok(Self::Address(None)),
            ValueKind::Address => address(text).map(|address| Self::Address(Some(address))),
        }
    }

    /// The value that WSK gave for a row.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the bytes.
    pub fn decode(row: &Row, bytes: &[u8]) -> Result<Self, String> {
        let number = || {
            let word: [u8; 4] =
                bytes.try_into().map_err(|_size| format!("{} has {} bytes, not 4", row.name, bytes.len()))?;
            Ok(u32::from_ne_bytes(word))
        };
        match row.value {
            ValueKind::Bool => number().map(|number| Self::Bool(number != 0)),
            ValueKind::U32 => number().map(Self::U32),
            ValueKind::Address if bytes.is_empty() => Ok(Self::Address(None)),
            ValueKind::Address => match wskdrv_abi::address::decode(bytes) {
                Ok(address) => Ok(Self::Address(Some(address))),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    /// The value as WSK takes it.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Bool(on) => u32::from(on).to_ne_bytes().to_vec(),
            Self::U32(number) => number.to_ne_bytes().to_vec(),
            Self::Address(None) => Vec::new(),
            Self::Address(Some(address)) => {
                let (bytes, length) = wskdrv_abi::address::encode(address);
                bytes[..length].to_vec()
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(on) => write!(f, "{}", u8::from(*on)),
            Self::U32(number) => number.fmt(f),
            Self::Address(Some(address)) => address.fmt(f),
            Self::Address(None) => f.write_str("clear"),
        }
    }
}

/// A number in decimal, or in hexadecimal after `0x`.
#[must_use]
pub fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A socket address.
///
/// # Errors
///
/// A sentence with an example of each family.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_syntax| format!("{text} is no address with a port, such as 127.0.0.1:7777 or [::1]:7777"))
}

/// A family that this row applies to: the given one if there is a choice.
#[must_use]
pub const fn family(row: &Row, given: Family) -> Family {
    match row.families {
        Families::V4 => Family::V4,
        Families::V6 => Family::V6,
        Families::Both => given,
    }
}

/// How many bytes a value of this row has; of an address, as many as the longest.
#[must_use]
pub const fn size(row: &Row) -> usize {
    match row.value {
        ValueKind::Bool | ValueKind::U32 => 4,
        ValueKind::Address => wskdrv_abi::MAX_SOCKADDR_LENGTH,
    }
}

/// A row as it is listed.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// The C name.
    pub name: &'static str,
    /// The option's level, by its C name; none for an IOCTL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The option's number or the IOCTL's code.
    pub code: String,
    /// Whether it can be read.
    pub get: bool,
    /// Whether it can be set, or carried out.
    pub set: bool,
    /// The kind of its value.
    pub value: &'static str,
    /// The size of its value in bytes; of an address, the largest.
    pub size: usize,
    /// Whether WSK wants an IRP for it.
    pub irp: &'static str,
    /// In which state of the socket it can be set, or carried out.
    pub state: &'static str,
    /// For sockets of which family.
    pub families: &'static str,
    /// The highest IRQL at which a driver may ask.
    pub max_irql: &'static str,
    /// What it does.
    pub summary: &'static str,
}

impl From<&Row> for Listing {
    fn from(row: &Row) -> Self {
        let (level, code) = match row.kind {
            Kind::Option { level, name } => (Some(level_name(level)), name),
            Kind::Ioctl { code } => (None, code),
        };
        Self {
            name: row.name,
            level,
            code: format!("{code:#X}").replace("0X", "0x"),
            get: row.get,
            set: row.set,
            value: match row.value {
                ValueKind::Bool => "bool",
                ValueKind::U32 => "u32",
                ValueKind::Address => "address",
            },
            size: size(row),
            irp: match row.irp {
                IrpRule::Null => "none",
                IrpRule::Required => "required",
                IrpRule::Either => "optional",
            },
            state: match row.state {
                StateRule::BeforeBind => "before bind",
                StateRule::AfterBind => "after bind",
                StateRule::AnyTime => "any",
            },
            families: match row.families {
                Families::V4 => "v4",
                Families::V6 => "v6",
                Families::Both => "v4 v6",
            },
            max_irql: match row.max_irql {
                MaxIrql::Passive => "PASSIVE",
                MaxIrql::Dispatch => "DISPATCH",
            },
            summary: row.summary,
        }
    }
}

fn level_name(level: u32) -> String {
    match level {
        SOL_SOCKET => "SOL_SOCKET".into(),
        IPPROTO_IP => "IPPROTO_IP".into(),
        IPPROTO_IPV6 => "IPPROTO_IPV6".into(),
        IPPROTO_UDP => "IPPROTO_UDP".into(),
        other => format!("{other:#x}"),
    }
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
            "SIO_WSK_SET_REMOTE_ADDRESS is not a socket option"
        );
        assert_eq!(
            option("SO_REUSEADR").unwrap_err(),
            "no socket option is called SO_REUSEADR; did you mean SO_REUSEADDR?"
        );
        assert!(ioctl("FIONBIO").unwrap_err().ends_with("`wskctl options` lists them"));
    }

    #[test]
    fn every_row_is_found_by_its_own_name() {
        for row in ROWS {
            let found = match row.kind {
                Kind::Option { .. } => option(row.name),
                Kind::Ioctl { .. } => ioctl(row.name),
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
        assert!(Value::parse(&size, "4294967296").is_err());
        assert_eq!(Value::parse(&remote, "clear"), Ok(Value::Address(None)));
        assert!(Value::parse(&remote, "localhost").unwrap_err().contains("[::1]:7777"));
    }

    #[test]
    fn values_survive_the_way_through_bytes() {
        let flag = option("SO_REUSEADDR").unwrap();
        let remote = ioctl("SIO_WSK_SET_REMOTE_ADDRESS").unwrap();
        for (row, value) in [
            (flag, Value::Bool(true)),
            (flag, Value::Bool(false)),
            (remote, Value::Address(None)),
            (remote, Value::Address(Some("[::1]:5".parse().unwrap()))),
        ] {
            assert_eq!(Value::decode(&row, &value.encode()), Ok(value));
        }
        assert_eq!(Value::decode(&flag, &[1]).unwrap_err(), "SO_REUSEADDR has 1 bytes, not 4");
    }
}
