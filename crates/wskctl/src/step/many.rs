//! The steps with several datagrams and with control information.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;
use wsk_cmsg::{Control, Message as Info, ReceiveError};

use super::{Done, Failure, MAX_DATAGRAM, hex, resolve};
use crate::error::Error;
use crate::family::Family;
use crate::session::{Datagram, Room, Session};
use crate::step::Target;

/// The room for what one receive brings.
#[expect(clippy::cast_possible_truncation, reason = "a datagram's length has 16 bits")]
const ROOM: Room = Room { datagrams: 16, payload: MAX_DATAGRAM as u32, control: 256 };

/// What a send is to say by control information, whichever the family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    ttl: Option<u8>,
    tos: Option<u8>,
    ecn: Option<u8>,
    size: Option<u32>,
    from: Option<(IpAddr, u32)>,
}

/// How [`Sending`] is written.
pub const SENDING: &str = "ttl=HOPS, tos=CLASS, ecn=0..2, size=BYTES, from=ADDRESS or from=ADDRESS%INTERFACE";

impl Sending {
    /// Reads pairs such as `ttl=9,tos=0xB8`.
    ///
    /// # Errors
    ///
    /// A sentence that names the keys.
    pub fn parse(text: &str) -> Result<Sending, String> {
        let mut sending = Self::default();
        for pair in text.split(',') {
            let wrong = || format!("{pair} is nothing to send with; write {SENDING}, separated by commas");
            let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
            let number = || crate::rows::number(value).ok_or_else(wrong);
            let twice = match key {
                "ttl" => sending.ttl.is_some(),
                "tos" => sending.tos.is_some(),
                "ecn" => sending.ecn.is_some(),
                "size" => sending.size.is_some(),
                "from" => sending.from.is_some(),
                _ => false,
            };
            if twice {
                return Err(format!("{key} is given twice"));
            }
            let byte = || number().and_then(|value| u8::try_from(value).map_err(|_| wrong()));
            match key {
                "ttl" => sending.ttl = Some(byte()?),
                "tos" => sending.tos = Some(byte()?),
                "ecn" => sending.ecn = Some(byte()?),
                "size" => sending.size = Some(number()?),
                "from" => {
                    let (address, interface) = value.split_once('%').unwrap_or((value, "0"));
                    let address = address.parse().map_err(|_| wrong())?;
                    sending.from = Some((address, interface.parse().map_err(|_| wrong())?));
                }
                _ => return Err(wrong()),
            }
        }
        Ok(sending)
    }

    /// What may be wrong with it, where something looks so.
    pub(super) fn doubt(&self) -> Option<String> {
        let Sending { ttl, tos, ecn, size, from } = self;
        match (ttl, ecn, tos, size, from) {
            (Some(0), ..) => Some("ttl=0: ttl is a number from 1 to 255.".to_owned()),
            (_, Some(ecn @ 3..), ..) => Some(format!(
                "ecn={ecn}: ecn is 0, 1 or 2; 3 marks a datagram that met congestion, and is not for senders."
            )),
            (_, _, Some(tos), ..) if tos & 3 != 0 => {
                Some(format!("tos={tos:#04x}: the two lowest bits are not for tos; give them as ecn=."))
            }
            (_, _, _, Some(0), _) => Some("size=0: size is the payload of each datagram, from 1.".to_owned()),
            (.., Some((address, interface))) => Some(format!(
                "from={address}%{interface}: it must be an address of this machine, of the destination's family, and the \
                 index of its interface, or 0 for any."
            )),
            _ => None,
        }
    }

    /// The control information, for a destination of this family.
    fn control(&self, family: Family) -> Control<256> {
        let v4 = family == Family::V4;
        let class = |class: u8| i32::from(class);
        let messages = [
            self.from.map(|(address, interface)| Info::PacketInfo { address, interface }),
            self.ttl.map(class).map(if v4 { Info::TimeToLive } else { Info::HopLimit }),
            self.tos.map(class).map(if v4 { Info::TypeOfService } else { Info::TrafficClass }),
            self.ecn.map(class).map(if v4 { Info::EcnV4 } else { Info::EcnV6 }),
            self.size.map(Info::SendMessageSize),
        ];
        let mut control = Control::new();
        for message in messages.into_iter().flatten() {
            // One of each has room.
            let _ = control.push(&message);
        }
        control
    }
}

/// A datagram that was received with its control information.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Arrived {
    /// From whom.
    pub from: SocketAddr,
    /// `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_BCAST`, `MSG_MCAST`.
    pub flags: u32,
    /// Its payload, as text.
    pub text: String,
    /// Its payload, in hexadecimal.
    pub hex: String,
    /// Its control information, a message each.
    pub control: Vec<String>,
}

impl Arrived {
    /// A datagram of an answer to the request with this code.
    fn new(datagram: &Datagram, code: u32) -> Result<Arrived, Failure> {
        let control = datagram.controls().map_err(|wrong| Error::Reply { code, what: wrong.to_string() })?;
        Ok(Arrived {
            from: datagram.from,
            flags: datagram.flags,
            text: datagram.data.escape_ascii().to_string(),
            hex: hex(&datagram.data),
            control: control.iter().map(describe).collect(),
        })
    }
}

impl fmt::Display for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.text, self.from)?;
        if self.control.is_empty() { Ok(()) } else { write!(f, " ({})", self.control.join(", ")) }
    }
}

/// A message of control information, for people.
fn describe(info: &Info<'_>) -> String {
    match info {
        Info::PacketInfo { address, interface } => format!("to {address} on interface {interface}"),
        Info::TimeToLive(hops) => format!("ttl {hops}"),
        Info::HopLimit(hops) => format!("hop limit {hops}"),
        Info::TypeOfService(class) => format!("tos {class:#04x}"),
        Info::TrafficClass(class) => format!("traffic class {class:#04x}"),
        Info::EcnV4(mark) | Info::EcnV6(mark) => format!("ecn {mark}"),
        Info::InterfaceV4(index) | Info::InterfaceV6(index) => format!("by interface {index}"),
        Info::ArrivalInterfaceV4(index) | Info::ArrivalInterfaceV6(index) => {
            format!("arrived at interface {index}")
        }
        Info::CoalescedInfo(size) => format!("datagrams of {size} bytes"),
        Info::ErrorV4(error) | Info::ErrorV6(error) => describe_error(error),
        other => format!("{other:?}"),
    }
}

/// What an ICMP message said of a datagram that was sent, by the names of RFC 792 and RFC 4443.
fn describe_error(error: &ReceiveError) -> String {
    let &ReceiveError { protocol, info, kind, code } = error;
    let name = match (protocol, kind, code) {
        (1, 3, 0) => "network unreachable",
        (1, 3, 1) => "host unreachable",
        (1, 3, 2) => "protocol unreachable",
        (1, 3, 3) | (58, 1, 4) => "port unreachable",
        (1, 3, 4) | (58, 2, _) => return format!("not delivered: larger than the path's MTU, {info}"),
        (1, 3, 9 | 10 | 13) | (58, 1, 1) => "prohibited by an administrator",
        (1, 11, _) | (58, 3, _) => "out of hops or of time",
        (58, 1, 0) => "no route",
        (58, 1, 3) => "address unreachable",
        _ => return format!("not delivered: protocol {protocol}, ICMP type {kind}, code {code}"),
    };
    format!("not delivered: {name}")
}

pub(super) fn send(
    session: &Session,
    target: &Target,
    sending: &Sending,
    datagrams: &[Vec<u8>],
) -> Result<Done, Failure> {
    let to = resolve(session, target)?;
    let family = match to {
        Some(to) => Family::of(&to),
        None => Family::of(&session.local_address()?),
    };
    let control = sending.control(family);
    let bytes = session.send_many(datagrams, to, control.as_bytes())?;
    Ok(Done::SendMany { datagrams: datagrams.len(), bytes, to })
}

/// Receives once; or, if datagrams are given, until as many have come, which must be these.
pub(super) fn receive(session: &Session, expected: &[Vec<u8>]) -> Result<Done, Failure> {
    let mut messages = session.receive_many(ROOM)?;
    while messages.len() < expected.len() {
        messages.extend(session.receive_many(ROOM)?);
    }
    Ok(Done::ReceiveMany { datagrams: arrived(&messages, expected, wskdrv_abi::IOCTL_WSKDRV_RECEIVE)? })
}

/// The datagrams of an answer to the request with this code; if some are expected, they must be these.
pub(super) fn arrived(
    messages: &[Datagram],
    expected: &[Vec<u8>],
    code: u32,
) -> Result<Vec<Arrived>, Failure> {
    if !expected.is_empty() && !messages.iter().map(|message| &message.data).eq(expected) {
        let list = |all: &mut dyn Iterator<Item = &Vec<u8>>| {
            all.map(|data| data.escape_ascii().to_string()).collect::<Vec<_>>().join(", ")
        };
        return Err(Failure::Unexpected {
            expected: format!("the datagrams {}", list(&mut expected.iter())),
            found: format!("{} came", list(&mut messages.iter().map(|message| &message.data))),
        });
    }
    messages.iter().map(|message| Arrived::new(message, code)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_in_words() {
        let error = |protocol, kind, code| ReceiveError { protocol, info: 1280, kind, code };
        for (info, words) in [
            (Info::ErrorV4(error(1, 3, 3)), "not delivered: port unreachable"),
            (Info::ErrorV6(error(58, 1, 4)), "not delivered: port unreachable"),
            (Info::ErrorV6(error(58, 2, 0)), "not delivered: larger than the path's MTU, 1280"),
            (Info::ErrorV4(error(1, 12, 1)), "not delivered: protocol 1, ICMP type 12, code 1"),
            (Info::CoalescedInfo(3), "datagrams of 3 bytes"),
        ] {
            assert_eq!(describe(&info), words);
        }
    }

    #[test]
    fn what_to_send_with_is_read_for_either_family() {
        let sending = Sending::parse("ttl=9,tos=0xB8,ecn=1,size=1200,from=10.0.0.1%3").unwrap();
        let read = |family| {
            let control = sending.control(family);
            control.messages().map(|raw| describe(&raw.unwrap().decode().unwrap())).collect::<Vec<_>>()
        };
        let v4 = ["to 10.0.0.1 on interface 3", "ttl 9", "tos 0xb8", "ecn 1", "SendMessageSize(1200)"];
        assert_eq!(read(Family::V4), v4);
        assert_eq!(read(Family::V6)[1..3], ["hop limit 9", "traffic class 0xb8"]);
        for wrong in
            ["", "ttl", "ttl=", "ttl=256", "speed=3", "from=nowhere", "from=10.0.0.1%x", "ttl=1,,tos=2"]
        {
            assert!(Sending::parse(wrong).unwrap_err().contains("ttl=HOPS"), "{wrong}");
        }
        assert_eq!(Sending::parse("ttl=1,ttl=2").unwrap_err(), "ttl is given twice");
    }
}
