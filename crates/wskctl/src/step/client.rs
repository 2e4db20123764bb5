//! The steps that ask the driver as WSK's client: transports, waits for changes, sorting, security descriptors.

use std::fmt;
use std::net::SocketAddr;

use serde::{Serialize, Serializer};
use wsk_descriptor::{Descriptor, sddl};

use super::{Done, Failure};
use crate::error::Error;
use crate::session::Session;

/// A transport that sockets can be made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transport {
    /// Its address family, by name.
    pub family: String,
    /// The type of its sockets, by name.
    pub kind: String,
    /// Its protocol, by name.
    pub protocol: String,
    /// The WSK version.
    pub version: String,
}

impl From<&wskdrv_abi::Transport> for Transport {
    fn from(transport: &wskdrv_abi::Transport) -> Transport {
        let name = |number: u32, names: &[(u32, &str)]| {
            let known = names.iter().find(|(known, _)| *known == number);
            known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
        };
        let [minor, major] = transport.version.to_le_bytes();
        Transport {
            family: name(transport.family.into(), &[(0, "any"), (2, "v4"), (23, "v6")]),
            kind: name(transport.socket_type.into(), &[(1, "stream"), (2, "datagram"), (3, "raw")]),
            protocol: name(transport.protocol, &[(1, "ICMP"), (6, "TCP"), (17, "UDP"), (58, "ICMPv6")]),
            version: format!("{major}.{minor}"),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.kind, self.protocol)
    }
}

/// What can be waited for a change of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changing {
    /// The local addresses of the socket's family.
    Addresses,
    /// The transports.
    Transports,
}

impl Changing {
    /// What `text` names.
    ///
    /// # Errors
    ///
    /// A sentence that names the two.
    pub fn parse(text: &str) -> Result<Changing, String> {
        match text {
            "addresses" => Ok(Self::Addresses),
            "transports" => Ok(Self::Transports),
            _ => Err(format!("a change can be one of the addresses or of the transports, not of {text}")),
        }
    }
}

impl fmt::Display for Changing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Addresses => "addresses",
            Self::Transports => "transports",
        })
    }
}

impl Serialize for Changing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A security descriptor, as the text that it was made of and as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    text: String,
    bytes: Vec<u8>,
}

impl Security {
    /// The descriptor that `text` describes in the security descriptor definition language.
    ///
    /// # Errors
    ///
    /// A sentence that says what would be right.
    pub fn parse(text: &str) -> Result<Security, String> {
        let mut bytes = vec![0; wskdrv_abi::SECURITY_MAX];
        let size = sddl::encode(text, &mut bytes)
            .map_err(|error| format!("{text} is no security descriptor: {error}"))?;
        bytes.truncate(size);
        Ok(Security { text: text.to_owned(), bytes })
    }
}

pub(super) fn transports(session: &Session) -> Result<Done, Failure> {
    let transports = session.transports()?.iter().map(Transport::from).collect();
    Ok(Done::Transports { transports })
}

pub(super) fn wait(session: &Session, what: Changing) -> Result<Done, Failure> {
    match what {
        Changing::Addresses => session.wait_for_addresses()?,
        Changing::Transports => session.wait_for_transports()?,
    }
    Ok(Done::Wait { changed: what })
}

pub(super) fn sort(session: &Session, addresses: &[SocketAddr]) -> Result<Done, Failure> {
    Ok(Done::Sort { addresses: session.sort_addresses(addresses)? })
}

pub(super) fn security(session: &Session, new: Option<&Security>) -> Result<Done, Failure> {
    if let Some(security) = new {
        session.set_security(&security.bytes)?;
        return Ok(Done::SetSecurity { security: security.text.clone() });
    }
    let bytes = session.security()?;
    let code = wskdrv_abi::IOCTL_WSKDRV_GET_SECURITY;
    let descriptor =
        Descriptor::parse(&bytes).map_err(|error| Error::Reply { code, what: error.to_string() })?;
    Ok(Done::Security { security: descriptor.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_have_names_where_they_are_known() {
        let transport = |family, socket_type, protocol| {
            let raw = wskdrv_abi::Transport {
                version: 0x0100,
                socket_type,
                protocol,
                family,
                reserved: 0,
                provider_id: [0; 16],
            };
            Transport::from(&raw).to_string()
        };
        assert_eq!(transport(2, 2, 17), "v4 datagram UDP");
        assert_eq!(transport(0, 9, 200), "any 9 200");
    }

    #[test]
    fn a_descriptor_that_is_none_says_what_would_be_right() {
        assert!(Security::parse("D:P(A;;GA;;;BA)").is_ok());
        assert!(Security::parse("everyone").unwrap_err().contains("write it as D:P"));
    }
}
