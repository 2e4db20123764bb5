//! Control information: what a received datagram is reported with, and what a send overrides by it.

use core::net::IpAddr;

use readings::{
    CoalescedSize, ControlTruncatedBytes, Readings, ReceiveControlMissing, ReceiveControlOrder,
    ReceiveInterface, SendControlFamily, SendControlKnown, SendControlPadding, SendControlUnknown,
    SendEcnThree,
};
use wsk_cmsg::kind::{
    IP_OPTIONS, IP_WFP_REDIRECT_RECORDS, IPPROTO_IP, IPPROTO_IPV6, IPV6_HOPOPTS, IPV6_RTHDR,
    IPV6_WFP_REDIRECT_RECORDS, SO_TIMESTAMP_ID, SOL_SOCKET,
};
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
    interface: Row,
    arrival: Row,
}

static V4: Asking = Asking {
    packet_info: ip::IP_PKTINFO,
    hops: ip::IP_RECVTTL,
    traffic_class: ip::IP_RECVTOS,
    ecn: ip::IP_RECVECN,
    interface: ip::IP_RECVIF,
    arrival: ip::IP_ORIGINAL_ARRIVAL_IF,
};

static V6: Asking = Asking {
    packet_info: ipv6::IPV6_PKTINFO,
    hops: ipv6::IPV6_HOPLIMIT,
    traffic_class: ipv6::IPV6_RECVTCLASS,
    ecn: ipv6::IPV6_RECVECN,
    interface: ipv6::IPV6_RECVIF,
    arrival: ipv6::IPV6_ORIGINAL_ARRIVAL_IF,
};

/// Tells a client what its options ask for about a datagram, as far as the network has told. On a dual-stack socket the
/// family is that of the datagram on the wire. n/d
pub(crate) fn of(datagram: &Datagram, values: &Values, readings: &Readings) -> Control<LARGEST> {
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
    let told = header.to.is_some();
    let told_by = |row| (told && values.flag(row)).then_some(header.interface);
    let interface = match readings.of() {
        ReceiveInterface::Index => told_by(&rows.interface),
        ReceiveInterface::Nothing => None,
    };
    let interface = interface.map(if v6 { Message::InterfaceV6 } else { Message::InterfaceV4 });
    let arrival = told_by(&rows.arrival);
    let arrival = arrival.map(if v6 { Message::ArrivalInterfaceV6 } else { Message::ArrivalInterfaceV4 });
    let asked_for = match readings.of() {
        ReceiveControlMissing::Present => [packet_info, hops, class, ecn, interface, arrival],
        ReceiveControlMissing::Absent => [None; 6],
    };
    let error = header.error.map(if v6 { Message::ErrorV6 } else { Message::ErrorV4 });
    let told = readings.of::<CoalescedSize>() == CoalescedSize::Told;
    let segment = header.segment.filter(|_| told).map(Message::CoalescedInfo);
    let mut messages: Vec<_> = asked_for.into_iter().chain([error, segment]).flatten().collect();
    if readings.of::<ReceiveControlOrder>() == ReceiveControlOrder::Reversed {
        messages.reverse();
    }
    let mut control = Control::new();
    for message in messages {
        // All of them fit.
        let _ = control.push(&message);
    }
    control
}

/// Where a message ends, with its padding.
fn end(message: &Raw<'_>) -> usize {
    message.offset.saturating_add(wsk_cmsg::space(message.data.len()))
}

/// What of control information a client's buffer gets, and whether there is more.
pub(crate) fn fitting(control: &[u8], capacity: usize, cut: ControlTruncatedBytes) -> (&[u8], bool) {
    let length = match cut {
        _ if control.len() <= capacity => control.len(),
        ControlTruncatedBytes::Messages => {
            let ends = Messages::new(control).map_while(Result::ok).map(|message| end(&message));
            ends.take_while(|end| *end <= capacity).last().unwrap_or(0)
        }
        ControlTruncatedBytes::Cut => capacity,
        ControlTruncatedBytes::Nothing => 0,
    };
    let fits = control.get(..length).unwrap_or_default();
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
    /// n/d: all of them. `STATUS_INVALID_PARAMETER`: it is malformed, has a value that cannot be, or a message that is for
    /// receives; and what the readings say of a message of the other family or of another type, and of a length that ends
    /// before the padding of the last message does.
    pub(crate) fn read(control: &[u8], to: IpAddr, readings: &Readings) -> Result<Overrides, NTSTATUS> {
        let mut overrides = Overrides::default();
        let padded = readings.of::<SendControlPadding>() == SendControlPadding::Refused;
        for message in Messages::new(control) {
            let message = message.map_err(|_| STATUS_INVALID_PARAMETER)?;
            if padded && end(&message) > control.len() {
                return Err(STATUS_INVALID_PARAMETER);
            }
            let message = message.decode().map_err(|_| STATUS_INVALID_PARAMETER)?;
            overrides.take(&message, to.is_ipv6(), readings)?;
        }
        Ok(overrides)
    }

    fn take(&mut self, message: &Message<'_>, v6: bool, readings: &Readings) -> Result<(), NTSTATUS> {
        let ecn = |ecn| {
            let three = readings.of::<SendEcnThree>() == SendEcnThree::Sent;
            number(ecn, 0, if three { 3 } else { 2 })
        };
        match *message {
            Message::PacketInfo { address, interface } if address.is_ipv6() == v6 => {
                self.source = Some(address).filter(|address| !address.is_unspecified());
                self.interface = interface;
            }
            Message::TimeToLive(hops) if !v6 => self.hops = Some(number(hops, 1, u8::MAX)?),
            Message::HopLimit(hops) if v6 => self.hops = Some(number(hops, 1, u8::MAX)?),
            Message::TypeOfService(class) if !v6 => self.traffic_class = Some(number(class, 0, u8::MAX)?),
            Message::TrafficClass(class) if v6 => self.traffic_class = Some(number(class, 0, u8::MAX)?),
            Message::EcnV4(value) if !v6 => self.ecn = Some(ecn(value)?),
            Message::EcnV6(value) if v6 => self.ecn = Some(ecn(value)?),
            Message::SendMessageSize(size) => self.segment = Some(size),
            Message::Other { level, kind, data } => return other(level, kind, data, v6, readings),
            Message::CoalescedInfo(_) | Message::ErrorV4(_) | Message::ErrorV6(_) => {
                return Err(STATUS_INVALID_PARAMETER);
            }
            // Of the other family.
            _ if readings.of::<SendControlFamily>() == SendControlFamily::Ignored => {}
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

    /// Whether a send size goes with so many bytes that are no more than one segment.
    pub(crate) fn divides_nothing(&self, length: usize) -> bool {
        self.segment.is_some_and(|size| size != 0 && length <= size as usize)
    }

    /// Whether the network has to do with it.
    pub(crate) fn concern_the_network(&self) -> bool {
        *self != Overrides { segment: self.segment, ..Overrides::default() }
    }
}

/// Whether a message of another type is taken. It changes nothing.
fn other(level: i32, kind: i32, data: &[u8], v6: bool, readings: &Readings) -> Result<(), NTSTATUS> {
    let known = match (level, kind) {
        // No options, no routing header: what goes out anyway.
        (IPPROTO_IP, IP_OPTIONS) if !v6 && data.is_empty() => return Ok(()),
        (IPPROTO_IPV6, IPV6_RTHDR) if v6 && data.is_empty() => return Ok(()),
        (IPPROTO_IP, IP_OPTIONS | IP_WFP_REDIRECT_RECORDS) => !v6,
        (IPPROTO_IPV6, IPV6_RTHDR | IPV6_HOPOPTS | IPV6_WFP_REDIRECT_RECORDS) => v6,
        (SOL_SOCKET, SO_TIMESTAMP_ID) => true,
        _ => false,
    };
    match (known, readings.of(), readings.of()) {
        (true, SendControlKnown::Ignored, _) | (false, _, SendControlUnknown::Ignored) => Ok(()),
        (false, _, SendControlUnknown::InvalidParameter) => Err(STATUS_INVALID_PARAMETER),
        (true, SendControlKnown::Refused, _) | (false, _, SendControlUnknown::NotSupported) => {
            Err(STATUS_NOT_SUPPORTED)
        }
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
        Overrides::read(control.as_bytes(), to.parse().unwrap(), &Readings::STRICT)
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
            let whole = fitting(bytes, capacity, ControlTruncatedBytes::Messages);
            assert_eq!(whole, (&bytes[..fits], fits < 72), "{capacity} bytes");
            let cut = fitting(bytes, capacity, ControlTruncatedBytes::Cut);
            assert_eq!(cut, (&bytes[..capacity.min(72)], fits < 72), "{capacity} bytes");
            let nothing = fitting(bytes, capacity, ControlTruncatedBytes::Nothing);
            assert_eq!(nothing, (&bytes[..if fits < 72 { 0 } else { 72 }], fits < 72), "{capacity} bytes");
        }
        assert_eq!(fitting(&[], 0, ControlTruncatedBytes::Cut), (&[][..], false));
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
        let cut = Overrides::read(&[1, 2, 3], "::1".parse().unwrap(), &Readings::STRICT);
        assert_eq!(cut, Err(STATUS_INVALID_PARAMETER));
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
    fn what_pages_name_for_a_send_is_told_from_what_none_names() {
        let readings = "strict,send-control-known=ignored".parse().unwrap();
        let taken = |level, kind, to: &str| {
            let mut control = Control::<LARGEST>::new();
            control.push(&Message::Other { level, kind, data: &[1; 8] }).unwrap();
            Overrides::read(control.as_bytes(), to.parse().unwrap(), &readings).map(drop)
        };
        for (level, kind, own, other) in [
            (IPPROTO_IP, IP_OPTIONS, "10.0.0.1", "::1"),
            (IPPROTO_IP, IP_WFP_REDIRECT_RECORDS, "10.0.0.1", "::1"),
            (IPPROTO_IPV6, IPV6_RTHDR, "::1", "10.0.0.1"),
            (IPPROTO_IPV6, IPV6_HOPOPTS, "::1", "10.0.0.1"),
            (IPPROTO_IPV6, IPV6_WFP_REDIRECT_RECORDS, "::1", "10.0.0.1"),
        ] {
            assert_eq!(taken(level, kind, own), Ok(()), "{level} {kind}");
            assert_eq!(taken(level, kind, other), Err(STATUS_NOT_SUPPORTED), "{level} {kind} to {other}");
        }
        for to in ["10.0.0.1", "::1"] {
            assert_eq!(taken(SOL_SOCKET, SO_TIMESTAMP_ID, to), Ok(()));
            assert_eq!(taken(SOL_SOCKET, SO_TIMESTAMP_ID + 1, to), Err(STATUS_NOT_SUPPORTED));
        }
    }

    #[test]
    fn the_padding_of_the_last_message_is_part_of_the_length() {
        let mut control = Control::<LARGEST>::new();
        control.push(&Message::TimeToLive(5)).unwrap();
        control.push(&Message::PacketInfo { address: IpAddr::from([0; 4]), interface: 5 }).unwrap();
        control.push(&Message::TypeOfService(8)).unwrap();
        let to = "10.0.0.1".parse().unwrap();
        let read =
            |length: usize| Overrides::read(&control.as_bytes()[..length], to, &Readings::STRICT).map(drop);
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
