//! What the options of multicast do, on any network: over the loopback interface, which every machine has.

use wsk_requests::rows::ip::{IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_IF};
use wsk_requests::rows::{ip, ip_group, ipv6, ipv6_group};
use wsk_requests::{Interface, Multicast, Row};
use wsk_sys::STATUS_IO_TIMEOUT;

use super::lab::Lab;
use super::options::{get_number, set, set_number};
use super::outcome::{Failure, Outcome, equal, holds, refused};
use crate::family::Family;
use crate::session::Session;

/// How long a datagram is awaited that must not come.
const SHORT: std::time::Duration = std::time::Duration::from_millis(100);

/// 127.0.0.1, as an option has it.
const LOOPBACK: u32 = u32::from_ne_bytes([127, 0, 0, 1]);

/// The index of the loopback interface.
pub(super) fn loopback(lab: &Lab) -> Outcome<u32> {
    let session = lab.socket(Family::V4)?;
    set_number(&session, &IP_MULTICAST_IF, LOOPBACK)?;
    let index = get_number(&session, &IP_MULTICAST_IF)?;
    holds(index != 0, "the loopback interface has an index")?;
    Ok(index)
}

/// How groups are joined and left.
const PAIRS: [(Row, Row, &str); 4] = [
    (IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, "239.77.1.1"),
    (ip_group::MCAST_JOIN_GROUP, ip_group::MCAST_LEAVE_GROUP, "239.77.1.2"),
    (ipv6::IPV6_JOIN_GROUP, ipv6::IPV6_LEAVE_GROUP, "ff15::77:1"),
    (ipv6_group::MCAST_JOIN_GROUP, ipv6_group::MCAST_LEAVE_GROUP, "ff15::77:2"),
];

/// How groups are joined and left for one source.
const SOURCES: [(Row, Row, &str, &str); 3] = [
    (ip::IP_ADD_SOURCE_MEMBERSHIP, ip::IP_DROP_SOURCE_MEMBERSHIP, "232.77.1.1", "127.0.0.1"),
    (ip_group::MCAST_JOIN_SOURCE_GROUP, ip_group::MCAST_LEAVE_SOURCE_GROUP, "232.77.1.2", "127.0.0.1"),
    (ipv6_group::MCAST_JOIN_SOURCE_GROUP, ipv6_group::MCAST_LEAVE_SOURCE_GROUP, "ff35::77:1", "::1"),
];

/// How sources are blocked and heard again, and the join that goes before.
const BLOCKS: [(Row, Row, Row, &str, &str); 3] = [
    (ip::IP_BLOCK_SOURCE, ip::IP_UNBLOCK_SOURCE, IP_ADD_MEMBERSHIP, "239.77.1.3", "127.0.0.1"),
    (
        ip_group::MCAST_BLOCK_SOURCE,
        ip_group::MCAST_UNBLOCK_SOURCE,
        ip_group::MCAST_JOIN_GROUP,
        "239.77.1.4",
        "127.0.0.1",
    ),
    (
        ipv6_group::MCAST_BLOCK_SOURCE,
        ipv6_group::MCAST_UNBLOCK_SOURCE,
        ipv6_group::MCAST_JOIN_GROUP,
        "ff15::77:3",
        "::1",
    ),
];

/// The effect of an option that joins or leaves.
pub(super) fn effect(lab: &Lab, row: &Row) -> Outcome {
    for (join, leave, group) in &PAIRS {
        if row.kind == join.kind || row.kind == leave.kind {
            membership(lab, join, leave, group, None)?;
        }
    }
    for (join, leave, group, source) in &SOURCES {
        if row.kind == join.kind || row.kind == leave.kind {
            membership(lab, join, leave, group, Some(source))?;
        }
    }
    for (block, unblock, join, group, source) in &BLOCKS {
        if row.kind == block.kind || row.kind == unblock.kind {
            blocking(lab, [block, unblock, join], group, source)?;
        }
    }
    Ok(())
}

fn value(row: &Row, group: &str, source: Option<&str>, interface: u32) -> Outcome<Vec<u8>> {
    let no_address = |_| Failure::new("the test's address is none");
    let group = group.parse().map_err(no_address)?;
    let source = source.map(str::parse).transpose().map_err(no_address)?;
    let mut bytes = vec![0; 264];
    let multicast = Multicast { group, interface: Interface::from_index(interface), source };
    let size = multicast.encode(row.value, &mut bytes).ok_or_else(|| Failure::new("no such structure"))?;
    bytes.truncate(size);
    Ok(bytes)
}

/// A socket bound to the wildcard address, which joins; and one that sends on the loopback interface.
fn pair(lab: &Lab, family: Family) -> Outcome<(Session, u16, Session)> {
    let receiver = lab.socket(family)?;
    receiver.bind(family.wildcard())?;
    let port = receiver.local_address()?.port();
    let (sender, _) = lab.bound(family)?;
    match family {
        Family::V4 => set_number(&sender, &IP_MULTICAST_IF, LOOPBACK)?,
        Family::V6 => set_number(&sender, &ipv6::IPV6_MULTICAST_IF, loopback(lab)?)?,
    }
    Ok((receiver, port, sender))
}

fn membership(lab: &Lab, join: &Row, leave: &Row, group: &str, source: Option<&str>) -> Outcome {
    let family = if group.contains(':') { Family::V6 } else { Family::V4 };
    let (receiver, port, sender) = pair(lab, family)?;
    let member = value(join, group, source, loopback(lab)?)?;
    let to = (group.parse::<std::net::IpAddr>().map_err(|_| Failure::new("no address"))?, port).into();
    holds(set(&receiver, leave, &member).is_err(), "a group that is not joined cannot be left")?;
    set(&receiver, join, &member)?;
    holds(set(&receiver, join, &member).is_err(), "a group is joined once")?;
    // Not every host has multicast datagrams of IPv6 on its loopback interface.
    if family == Family::V4 {
        sender.send(b"joined", Some(to))?;
        equal(receiver.receive(100)?.data, b"joined", "what is sent to the group")?;
    }
    set(&receiver, leave, &member)?;
    if family == Family::V4 {
        sender.send(b"left", Some(to))?;
        refused(receiver.within(SHORT).receive(100), STATUS_IO_TIMEOUT, "receiving after leaving")?;
    }
    Ok(())
}

fn blocking(lab: &Lab, [block, unblock, join]: [&Row; 3], group: &str, source: &str) -> Outcome {
    let family = if group.contains(':') { Family::V6 } else { Family::V4 };
    let (receiver, port, sender) = pair(lab, family)?;
    let index = loopback(lab)?;
    let blocked = value(block, group, Some(source), index)?;
    holds(set(&receiver, block, &blocked).is_err(), "in a group that is not joined nobody is blocked")?;
    set(&receiver, join, &value(join, group, None, index)?)?;
    holds(set(&receiver, unblock, &blocked).is_err(), "who is not blocked cannot be unblocked")?;
    set(&receiver, block, &blocked)?;
    let group = group.parse::<std::net::IpAddr>().map_err(|_| Failure::new("no address"))?;
    let to = Some((group, port).into());
    // Who is not told where a datagram comes from and goes to cannot block it.
    if family == Family::V4 && lab.takes_control_information()? {
        sender.send(b"blocked", to)?;
        sender.send(b"after it", Some((family.loopback().ip(), port).into()))?;
        equal(receiver.receive(100)?.data, b"after it", "what comes first after what is blocked")?;
    }
    set(&receiver, unblock, &blocked)?;
    if family == Family::V4 {
        sender.send(b"heard", to)?;
        equal(receiver.receive(100)?.data, b"heard", "what an unblocked source sends")?;
    }
    Ok(())
}
