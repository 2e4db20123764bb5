//! Control information: what a received datagram is reported with, and what a send overrides by it.

use core::net::IpAddr;

use wsk_cmsg::kind::{IP_OPTIONS, IPPROTO_IP, IPPROTO_IPV6, IPV6_RTHDR};
use wsk_cmsg::{Control, Message, Messages, Raw};
use wsk_requests::Row;
use wsk_requests::rows::{ip, ipv6};
use wsk_sys::{NTSTATUS, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, ULONG};

use crate::net::address::canonical;
use crate::net::inbox::Datagram;
use crate::net::option::{Outgoing, Values};

/// As much as all messages of a datagram take.
const LARGEST: usize = 256;

/// The options that ask for control information.
struct Asking {
    packet_info: Row,
    hops: Row,
    traffic_class: Row,
    ecn: Row,
}

static V4: Asking = Asking {
    packet_info: ip::IP_PKTINFO,
    hops: ip::IP_RECVTTL,
    traffic_class: ip::IP_RECVTOS,
    ecn: ip::IP_RECVECN,
};

static V6: Asking = Asking {
    packet_info: ipv6::IPV6_PKTINFO,
    hops: ipv6::IPV6_HOPLIMIT,
    traffic_class: ipv6::IPV6_RECVTCLASS,
    ecn: ipv6::IPV6_RECVECN,
};

/// Tells a client what its options ask for about a datagram, as far as the network has told. On a dual-stack socket the
/// family is that of the datagram on the wire. n/d
pub(crate) fn of(datagram: &Datagram, values: &Values) -> Control<LARGEST> {
    let v6 = canonical(datagram.from).is_ipv6();
    let rows = if v6 { &V6 } else { &V4 };
    let header = &datagram.header;
    let packet_info = header
        .to
        .filter(|_| values.flag(&rows.packet_info))
        .map(|address| Message::PacketInfo { address, interface: header.interface });
    let hops = header.hops.filter(|_| values.flag(&rows.hops)).map(i32::from);
    let hops = hops.map(if v6 { Message::HopLimit } else { Message::TimeToLive });
    let class = header.traffic_class.filter(|_| values.flag(&rows.traffic_class)).map(i32::from);
    let class = class.map(if v6 { Message::TrafficClass } else { Message::TypeOfService });
    let ecn = header.traffic_class.filter(|_| values.flag(&rows.ecn)).map(|class| i32::from(class & 3));
    let ecn = ecn.map(if v6 { Message::EcnV6 } else { Message::EcnV4 });
    let error = header.error.map(if v6 { Message::ErrorV6 } else { Message::ErrorV4 });
    let segment = header.segment.map(Message::CoalescedInfo);
    let mut control = Control::new();
    for message in [packet_info, hops, class, ecn, error, segment].into_iter().flatten() {
        // All of them fit.
        let _ = control.push(&message);
    }
    control
}

/// Where a message ends, with its padding.
fn end(message: &Raw<'_>) -> usize {
    message.offset.saturating_add(wsk_cmsg::space(message.data.len()))
}

/// As much of control information as fits into a client's buffer, and whether there is more: complete messages, in order,
/// up to the first that does not fit. n/d
pub(crate) fn fitting(control: &[u8], capacity: usize) -> (&[u8], bool) {
    let ends = Messages::new(control).map_while(Result::ok).map(|message| end(&message));
    let end = ends.take_while(|end| *end <= capacity).last();
    let fits = control.get(..end.unwrap_or(0)).unwrap_or_default();
    (fits, fits.len() < control.len())
}

/// What a send's control information says instead of the socket's options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    /// Where it comes from.
    pub(crate) source: Option<IpAddr>,
    /// The index of the interface that it goes out by; 0 leaves it to the route.
    pub(crate) interface: ULONG,
    /// The time to live, or the hop limit.
    pub(crate) hops: Option<u8>,
    /// The type of service, or the traffic class.
    pub(crate) traffic_class: Option<u8>,
    /// The lowest two bits of the above.
    ecn: Option<u8>,
    /// The size of the datagrams that the data is sent as.
    segment: Option<ULONG>,
}

impl Overrides {
    /// Reads the control information of a send to an address, as [`canonical`] gives it.
    ///
    /// # Errors
    /// n/d: all of them. `STATUS_INVALID_PARAMETER`: it is malformed, has a value that cannot be, or a message of the
    /// other family, or one that is for receives; or it ends before the padding of its last message does, as the length
    /// of one message does and the space for it does not. `STATUS_NOT_SUPPORTED`: a message of another type.
    pub(crate) fn read(control: &[u8], to: IpAddr) -> Result<Overrides, NTSTATUS> {
        let mut overrides = Overrides::default();
        for message in Messages::new(control) {
            let message = message.map_err(|_| STATUS_INVALID_PARAMETER)?;
            if end(&message) > control.len() {
                return Err(STATUS_INVALID_PARAMETER);
            }
            let message = message.decode().map_err(|_| STATUS_INVALID_PARAMETER)?;
            overrides.take(&message, to.is_ipv6())?;
        }
        Ok(overrides)
    }

    fn take(&mut self, message: &Message<'_>, v6: bool) -> Result<(), NTSTATUS> {
        match *message {
            Message::PacketInfo { address, interface } if address.is_ipv6() == v6 => {
                self.source = Some(address).filter(|address| !address.is_unspecified());
                self.interface = interface;
            }
            Message::TimeToLive(hops) if !v6 => self.hops = Some(number(hops, 1, u8::MAX)?),
            Message::HopLimit(hops) if v6 => self.hops = Some(number(hops, 1, u8::MAX)?),
            Message::TypeOfService(class) if !v6 => self.traffic_class = Some(number(class, 0, u8::MAX)?),
            Message::TrafficClass(class) if v6 => self.traffic_class = Some(number(class, 0, u8::MAX)?),
            // That congestion was met is for routers to say.
            Message::EcnV4(ecn) if !v6 => self.ecn = Some(number(ecn, 0, 2)?),
            Message::EcnV6(ecn) if v6 => self.ecn = Some(number(ecn, 0, 2)?),
            Message::SendMessageSize(size) => self.segment = Some(size),
            // No options, no routing header: what goes out anyway.
            Message::Other { level: IPPROTO_IP, kind: IP_OPTIONS, data: [] } if !v6 => {}
            Message::Other { level: IPPROTO_IPV6, kind: IPV6_RTHDR, data: [] } if v6 => {}
            Message::Other { .. } => return Err(STATUS_NOT_SUPPORTED),
            _ => return Err(STATUS_INVALID_PARAMETER),
        }
        Ok(())
    }

    /// Changes how datagrams go out.
    pub(crate) fn apply(&mut self, outgoing: &mut Outgoing) {
        if let Some(ecn) = self.ecn {
            let class = self.traffic_class.unwrap_or(outgoing.traffic_class);
            self.traffic_class = Some((class & !3) | ecn);
        }
        outgoing.hops = self.hops.unwrap_or(outgoing.hops);
        outgoing.traffic_class = self.traffic_class.unwrap_or(outgoing.traffic_class);
    }

    /// The size of the datagrams that the data is sent as, where the option says `by_option`; none if it is sent as one.
    pub(crate) fn segment(&self, by_option: ULONG) -> Option<usize> {
        Some(self.segment.unwrap_or(by_option) as usize).filter(|size| *size != 0)
    }

    /// Whether the network has to do with it.
    pub(crate) fn concern_the_network(&self) -> bool {
        *self != Overrides { segment: self.segment, ..Overrides::default() }
    }
}

fn number(value: i32, least: u8, greatest: u8) -> Result<u8, NTSTATUS> {
    let value = u8::try_from(value).map_err(|_| STATUS_INVALID_PARAMETER)?;
    if (least..=greatest).contains(&value) { Ok(value) } else { Err(STATUS_INVALID_PARAMETER) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(messages: &[Message<'_>], to: &str) -> Result<Overrides, NTSTATUS> {
        let mut control = Control::<LARGEST>::new();
        for message in messages {
            control.push(message).unwrap();
        }
        Overrides::read(control.as_bytes(), to.parse().unwrap())
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let mut control = Control::<LARGEST>::new();
        control.push(&Message::TimeToLive(1)).unwrap();
        control.push(&Message::PacketInfo { address: IpAddr::from([1, 2, 3, 4]), interface: 5 }).unwrap();
        control.push(&Message::EcnV4(1)).unwrap();
        let bytes = control.as_bytes();
        for (capacity, fits) in [(0, 0), (23, 0), (24, 24), (47, 24), (48, 48), (71, 48), (72, 72), (500, 72)]
        {
            assert_eq!(fitting(bytes, capacity), (&bytes[..fits], fits < 72), "{capacity} bytes");
        }
        assert_eq!(fitting(&[], 0), (&[][..], false));
    }

    #[test]
    fn overrides_are_of_the_family_of_the_destination() {
        let class = Message::TypeOfService(0xB8);
        assert_eq!(read(&[class], "10.0.0.1").unwrap().traffic_class, Some(0xB8));
        assert_eq!(read(&[class], "::1"), Err(STATUS_INVALID_PARAMETER));
        assert_eq!(read(&[Message::TrafficClass(7)], "::1").unwrap().traffic_class, Some(7));
        let source = Message::PacketInfo { address: IpAddr::from([0; 4]), interface: 3 };
        let overrides = read(&[source], "10.0.0.1").unwrap();
        assert_eq!((overrides.source, overrides.interface), (None, 3));
        assert_eq!(read(&[source], "::1"), Err(STATUS_INVALID_PARAMETER));
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        for message in [
            Message::TimeToLive(0),
            Message::TimeToLive(256),
            Message::TypeOfService(-1),
            Message::EcnV4(3),
            Message::EcnV4(-1),
            Message::CoalescedInfo(1),
        ] {
            assert_eq!(read(&[message], "10.0.0.1"), Err(STATUS_INVALID_PARAMETER), "{message:?}");
        }
        let other = Message::Other { level: 0, kind: 60, data: &[] };
        assert_eq!(read(&[other], "10.0.0.1"), Err(STATUS_NOT_SUPPORTED));
        assert_eq!(Overrides::read(&[1, 2, 3], "::1".parse().unwrap()), Err(STATUS_INVALID_PARAMETER));
    }

    #[test]
    fn an_empty_list_of_options_goes_with_the_packet_information() {
        let v4 = Message::PacketInfo { address: IpAddr::from([10, 0, 0, 9]), interface: 3 };
        let v6 = Message::PacketInfo { address: IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), interface: 3 };
        let options = |data| Message::Other { level: IPPROTO_IP, kind: IP_OPTIONS, data };
        let routing = |data| Message::Other { level: IPPROTO_IPV6, kind: IPV6_RTHDR, data };
        assert_eq!(read(&[v4, options(&[])], "10.0.0.1"), read(&[v4], "10.0.0.1"));
        assert_eq!(read(&[v6, routing(&[])], "::1"), read(&[v6], "::1"));
        assert_eq!(read(&[routing(&[]), v6], "::1"), read(&[v6], "::1"));
        for (message, to) in [
            (options(&[1]), "10.0.0.1"),
            (options(&[]), "::1"),
            (routing(&[0; 8]), "::1"),
            (routing(&[]), "10.0.0.1"),
        ] {
            assert_eq!(read(&[message], to), Err(STATUS_NOT_SUPPORTED), "{message:?} to {to}");
        }
    }

    #[test]
    fn the_padding_of_the_last_message_is_part_of_the_length() {
        let mut control = Control::<LARGEST>::new();
        control.push(&Message::TimeToLive(5)).unwrap();
        control.push(&Message::PacketInfo { address: IpAddr::from([0; 4]), interface: 5 }).unwrap();
        control.push(&Message::TypeOfService(8)).unwrap();
        let to = "10.0.0.1".parse().unwrap();
        let read = |length: usize| Overrides::read(&control.as_bytes()[..length], to).map(drop);
        for length in [24, 48, 72] {
            assert_eq!(read(length), Ok(()), "{length} bytes");
        }
        for length in [20, 23, 68, 71] {
            assert_eq!(read(length), Err(STATUS_INVALID_PARAMETER), "{length} bytes");
        }
    }

    #[test]
    fn the_congestion_mark_goes_into_the_traffic_class() {
        let mut outgoing = Values::default().outgoing("10.0.0.1".parse().unwrap());
        outgoing.traffic_class = 0xFC;
        read(&[Message::EcnV4(2)], "10.0.0.1").unwrap().apply(&mut outgoing);
        assert_eq!(outgoing.traffic_class, 0xFE);
        read(&[Message::EcnV4(1), Message::TypeOfService(0x10)], "10.0.0.1").unwrap().apply(&mut outgoing);
        assert_eq!((outgoing.traffic_class, outgoing.hops), (0x11, 128));
    }

    #[test]
    fn segments_are_not_the_networks() {
        let overrides = read(&[Message::SendMessageSize(100)], "::1").unwrap();
        assert!(!overrides.concern_the_network());
        assert_eq!((overrides.segment(7), Overrides::default().segment(7)), (Some(100), Some(7)));
        assert_eq!(read(&[Message::SendMessageSize(0)], "::1").unwrap().segment(7), None);
        assert!(read(&[Message::HopLimit(1)], "::1").unwrap().concern_the_network());
    }
}
