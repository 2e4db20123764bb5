//! Control information: what comes with a datagram, and what a send says by it.

use std::net::IpAddr;

use readings::{
    ControlTruncatedBytes, ForeignInterface, ForeignSource, ReceiveControlMissing, ReceiveControlOrder,
};
use wsk_cmsg::{Control, Message};
use wsk_sys::{
    IP_PKTINFO, IP_RECVECN, IP_RECVTOS, IP_RECVTTL, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP, IPV6_HOPLIMIT,
    IPV6_PKTINFO, IPV6_RECVECN, IPV6_RECVTCLASS, MSG_CTRUNC, MSG_TRUNC, STATUS_INVALID_ADDRESS_COMPONENT,
    STATUS_INVALID_PARAMETER, STATUS_NETWORK_UNREACHABLE, UDP_SEND_MSG_SIZE,
};

use super::lab::{Lab, Outsider};
use super::options_group::loopback;
use super::outcome::{Failure, Outcome, ends_as, equal, holds, refused};
use super::test::tests;
use crate::family::Family;
use crate::session::{Datagram, Room, Session};

tests! { control_information:
    "Without an option that asks for it, a datagram comes without control information."
        nothing_comes_without_being_asked_for [v4 v6];
    "IP_PKTINFO and IPV6_PKTINFO tell the address that a datagram was sent to." packet_information_tells_the_address [v4 v6];
    "IP_RECVTTL and IPV6_HOPLIMIT tell the hops that a datagram had left." hops_are_told [v4 v6];
    "IP_RECVTOS, IPV6_RECVTCLASS and the options of ECN tell how a datagram was marked." marks_are_told [v4 v6];
    "Control information that does not fit is cut off, and MSG_CTRUNC says so." what_does_not_fit_is_cut_off;
    "A send goes out with the hops and marks that its control information says, and only that send."
        a_send_goes_out_as_it_says [v4 v6];
    "A send comes from the address that its packet information says, if the socket may, by the interface that it says."
        a_send_comes_from_where_it_says [v4 v6];
    "UDP_SEND_MSG_SIZE sends data as several datagrams, by option and by control information."
        data_goes_out_in_segments [v4 v6];
    "Control information that cannot be is refused, and nothing is sent." control_information_that_cannot_be_is_refused;
}

const ROOM: Room = Room { datagrams: 1, payload: 64, control: 256 };

/// An option's level, IPv4's name for it, and IPv6's.
type Asking = (u32, u32);

fn asking(family: Family, v4: u32, v6: u32) -> Asking {
    match family {
        Family::V4 => (IPPROTO_IP, v4),
        Family::V6 => (IPPROTO_IPV6, v6),
    }
}

fn set(session: &Session, (level, name): Asking, value: u32) -> Outcome {
    Ok(session.set_option(level, name, &value.to_ne_bytes())?)
}

fn receive(session: &Session) -> Outcome<Datagram> {
    session.receive_many(ROOM)?.pop().ok_or_else(|| Failure::new("a receive that succeeds yields a datagram"))
}

/// The messages that a datagram brings; where the network below does not know of such things, the test does not apply.
fn told<'m>(lab: &Lab, datagram: &'m Datagram) -> Outcome<Vec<Message<'m>>> {
    let messages = datagram.controls().map_err(|malformed| Failure::new(malformed.to_string()))?;
    if messages.is_empty() && !lab.takes_control_information()? {
        let reason = "the option is taken, but what is below WSK here tells nothing of received datagrams";
        return Err(Failure::NotApplicable(reason.to_owned()));
    }
    if messages.is_empty() && lab.followed().contains(&ReceiveControlMissing::Absent) {
        let reason = "the option is taken, but control information may be missing here";
        return Err(Failure::NotApplicable(reason.to_owned()));
    }
    Ok(messages)
}

/// Has the peer send with these hops and marks; false where it cannot.
fn mark(peer: &Outsider, hops: u8, class: u8) -> Outcome<bool> {
    match peer.mark(hops, class) {
        Ok(()) => Ok(true),
        Err(Failure::NotApplicable(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn nothing_comes_without_being_asked_for(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    lab.peer(family)?.send(b"plain", address)?;
    let datagram = receive(&session)?;
    equal((&datagram.data[..], datagram.flags), (&b"plain"[..], 0), "the datagram and its flags")?;
    equal(datagram.control.len(), 0, "bytes of control information")
}

fn packet_information_tells_the_address(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    set(&session, asking(family, IP_PKTINFO, IPV6_PKTINFO), 1)?;
    lab.peer(family)?.send(b"told", address)?;
    let datagram = receive(&session)?;
    match told(lab, &datagram)?[..] {
        [Message::PacketInfo { address: to, interface }] => {
            equal(to, address.ip(), "the address it was sent to")?;
            holds(interface != 0, "the interface has an index")
        }
        ref other => Err(Failure::new(format!("packet information alone was expected, not {other:?}"))),
    }
}

fn hops_are_told(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    set(&session, asking(family, IP_RECVTTL, IPV6_HOPLIMIT), 1)?;
    let peer = lab.peer(family)?;
    let marked = mark(&peer, 77, 0)?;
    peer.send(b"told", address)?;
    let datagram = receive(&session)?;
    match (family, &told(lab, &datagram)?[..]) {
        (Family::V4, &[Message::TimeToLive(hops)]) | (Family::V6, &[Message::HopLimit(hops)]) => {
            holds(if marked { hops == 77 } else { (1..=255).contains(&hops) }, "the hops are the sender's")
        }
        (_, other) => Err(Failure::new(format!("the hops alone were expected, not {other:?}"))),
    }
}

fn marks_are_told(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let (class, ecn) = match family {
        Family::V4 => (IP_RECVTOS, IP_RECVECN),
        Family::V6 => (IPV6_RECVTCLASS, IPV6_RECVECN),
    };
    set(&session, asking(family, class, class), 1)?;
    set(&session, asking(family, ecn, ecn), 1)?;
    let peer = lab.peer(family)?;
    let class = if mark(&peer, 64, 0xBA)? { 0xBA } else { 0 };
    peer.send(b"told", address)?;
    let datagram = receive(&session)?;
    let expected = match family {
        Family::V4 => [Message::TypeOfService(class), Message::EcnV4(class & 3)],
        Family::V6 => [Message::TrafficClass(class), Message::EcnV6(class & 3)],
    };
    let found = told(lab, &datagram)?;
    let [class, ecn] = expected;
    let orders = lab.followed().into_iter().map(|order| match order {
        ReceiveControlOrder::Fixed => [class, ecn],
        ReceiveControlOrder::Reversed => [ecn, class],
    });
    let orders: Vec<_> = orders.collect();
    holds(orders.iter().any(|order| found == *order), format_args!("{orders:?} are the marks, not {found:?}"))
}

fn what_does_not_fit_is_cut_off(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    set(&session, (IPPROTO_IP, IP_PKTINFO), 1)?;
    set(&session, (IPPROTO_IP, IP_RECVTTL), 1)?;
    let peer = lab.peer(Family::V4)?;
    peer.send(b"all", address)?;
    let all = receive(&session)?;
    equal(told(lab, &all)?.len(), 2, "messages where there is room")?;
    for control in [0, 24, 40, 48] {
        peer.send(b"cut", address)?;
        let batch = session.receive_many(Room { control, ..ROOM })?;
        let datagram = batch.first().ok_or_else(|| Failure::new("no datagram"))?;
        let fits = |reading| match reading {
            _ if control >= 48 => 48,
            // Each message takes 24 bytes.
            ControlTruncatedBytes::Messages => control / 24 * 24,
            ControlTruncatedBytes::Cut => control,
            ControlTruncatedBytes::Nothing => 0,
        };
        let length = datagram.control.len();
        holds(
            lab.followed().into_iter().any(|reading| fits(reading) as usize == length),
            format_args!("what fits into {control} bytes, not {length} bytes"),
        )?;
        let cut = datagram.flags & (MSG_CTRUNC | MSG_TRUNC);
        equal(
            cut,
            if control < 48 { MSG_CTRUNC } else { 0 },
            format_args!("the flags with {control} bytes"),
        )?;
        equal(&datagram.data[..], b"cut", "the payload")?;
    }
    Ok(())
}

/// Control information of one message.
fn one(message: &Message<'_>) -> Outcome<Control<64>> {
    let mut control = Control::new();
    control.push(message).map_err(|full| Failure::new(full.to_string()))?;
    Ok(control)
}

/// That sends with control information are for this place.
fn needs_control_information(lab: &Lab) -> Outcome {
    if lab.takes_control_information()? {
        return Ok(());
    }
    Err(Failure::NotApplicable("what is below WSK here takes no control information".to_owned()))
}

fn a_send_goes_out_as_it_says(lab: &Lab, family: Family) -> Outcome {
    needs_control_information(lab)?;
    let (session, _) = lab.bound(family)?;
    let peer = lab.peer(family)?;
    let (hops, class) = match family {
        Family::V4 => (Message::TimeToLive(9), Message::TypeOfService(0xB8)),
        Family::V6 => (Message::HopLimit(9), Message::TrafficClass(0xB8)),
    };
    let mut control = one(&hops)?;
    control.push(&class).map_err(|full| Failure::new(full.to_string()))?;
    for datagrams in [&["one"][..], &["two", "three"]] {
        session.send_many(datagrams, Some(peer.address()), control.as_bytes())?;
        for datagram in datagrams {
            let arrived = peer.arrival()?;
            equal(&arrived.data[..], datagram.as_bytes(), "the datagram")?;
            equal((arrived.hops, arrived.traffic_class), (9, 0xB8), "its hops and marks")?;
        }
    }
    session.send_many(&["plain"], Some(peer.address()), &[])?;
    let arrived = peer.arrival()?;
    equal((arrived.hops, arrived.traffic_class), (128, 0), "the hops and marks of the next one")
}

fn a_send_comes_from_where_it_says(lab: &Lab, family: Family) -> Outcome {
    needs_control_information(lab)?;
    let session = lab.socket(family)?;
    session.bind(family.wildcard())?;
    let port = session.local_address()?.port();
    let peer = lab.peer(family)?;
    let source: IpAddr = match family {
        Family::V4 => [127, 0, 0, 7].into(),
        Family::V6 => family.loopback().ip(),
    };
    let interface = loopback(lab)?;
    let packet = |address, interface| one(&Message::PacketInfo { address, interface });
    session.send_many(&["from there"], Some(peer.address()), packet(source, interface)?.as_bytes())?;
    let from = (source, port).into();
    equal(peer.receive()?, (b"from there".to_vec(), from), "the datagram and its sender")?;
    let (bound, address) = lab.bound(family)?;
    let other: IpAddr = match family {
        Family::V4 => [127, 0, 0, 8].into(),
        Family::V6 => [0x2001, 0xDB8, 0, 0, 0, 0, 0, 8].into(),
    };
    let foreign = bound.send_many(&["never"], Some(peer.address()), packet(other, 0)?.as_bytes());
    let ends = lab.followed().into_iter().map(|reading| match reading {
        ForeignSource::AddressComponent => Err(STATUS_INVALID_ADDRESS_COMPONENT),
        ForeignSource::InvalidParameter => Err(STATUS_INVALID_PARAMETER),
        ForeignSource::Ignored => Ok(()),
    });
    if ends_as(foreign, ends, "a source that the socket is not bound to")? {
        equal(peer.receive()?, (b"never".to_vec(), address), "what is sent from the socket's own address")?;
    }
    let nowhere = packet(family.wildcard().ip(), 0x7FFF_FFFF)?;
    let nowhere = bound.send_many(&["never"], Some(peer.address()), nowhere.as_bytes());
    let ends = lab.followed().into_iter().map(|reading| match reading {
        ForeignInterface::Unreachable => Err(STATUS_NETWORK_UNREACHABLE),
        ForeignInterface::AddressComponent => Err(STATUS_INVALID_ADDRESS_COMPONENT),
        ForeignInterface::Ignored => Ok(()),
    });
    if ends_as(nowhere, ends, "an interface that is not there")? {
        equal(peer.receive()?, (b"never".to_vec(), address), "what is sent by another interface")?;
    }
    bound.send(b"and then", Some(peer.address()))?;
    equal(peer.receive()?.0, b"and then", "the only datagram that arrives")
}

fn data_goes_out_in_segments(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let peer = lab.peer(family)?;
    let arrive = |parts: &[&str]| {
        parts
            .iter()
            .try_for_each(|part| equal(peer.receive()?, (part.as_bytes().to_vec(), address), "a part"))
    };
    let of_three = one(&Message::SendMessageSize(3))?;
    equal(session.send_many(&["aaabbbc"], Some(peer.address()), of_three.as_bytes())?, 7, "bytes sent")?;
    arrive(&["aaa", "bbb", "c"])?;
    // The padding of the last message may be left out.
    let alone = of_three.as_bytes().get(..20).ok_or_else(|| Failure::new("a message of twenty bytes"))?;
    equal(session.send_many(&["dddee"], Some(peer.address()), alone)?, 5, "bytes sent")?;
    arrive(&["ddd", "ee"])?;
    set(&session, (IPPROTO_UDP, UDP_SEND_MSG_SIZE), 2)?;
    equal(session.send(b"aab", Some(peer.address()))?, 3, "bytes sent")?;
    arrive(&["aa", "b"])?;
    set(&session, (IPPROTO_UDP, UDP_SEND_MSG_SIZE), 0)?;
    session.send(b"whole", Some(peer.address()))?;
    arrive(&["whole"])
}

fn control_information_that_cannot_be_is_refused(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    let send = |control: &[u8]| session.send_many(&["never"], Some(peer.address()), control);
    let good = one(&Message::TypeOfService(4))?;
    let good = good.as_bytes();
    for (length, what) in
        [(8, "a header that is cut"), (16, "a message without its data"), (19, "data that is cut")]
    {
        refused(send(&good[..length]), STATUS_INVALID_PARAMETER, what)?;
    }
    let mut short = good.to_vec();
    short[0] = 15;
    refused(send(&short), STATUS_INVALID_PARAMETER, "a length less than the header's")?;
    refused(send(&[0; 264]), STATUS_INVALID_PARAMETER, "more than a request takes")?;
    session.send(b"and then", Some(peer.address()))?;
    equal(peer.receive()?, (b"and then".to_vec(), address), "the only datagram that arrives")
}
