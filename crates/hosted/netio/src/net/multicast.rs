//! The multicast groups that a socket has joined, and what it receives of them.

use core::net::IpAddr;
use std::collections::BTreeSet;

use wsk_requests::rows::ip::Request as Ip;
use wsk_requests::rows::ip_group::Request as IpGroup;
use wsk_requests::rows::ipv6::Request as Ipv6;
use wsk_requests::rows::ipv6_group::Request as Ipv6Group;
use wsk_requests::{Request, Row};
use wsk_sys::{NTSTATUS, STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_PARAMETER, ULONG};

/// What a request does to a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Join the group.
    Join,
    /// Leave it.
    Leave,
    /// Hear a source no more.
    Block,
    /// Hear it again.
    Unblock,
    /// Join the group for one source.
    JoinSource,
    /// Leave it for one source.
    LeaveSource,
}

impl Change {
    /// What an option does, if it is one of these.
    pub(crate) fn of(row: &Row) -> Option<Change> {
        Some(match row.request {
            Request::Ip(Ip::AddMembership)
            | Request::IpGroup(IpGroup::JoinGroup)
            | Request::Ipv6(Ipv6::JoinMembership)
            | Request::Ipv6Group(Ipv6Group::JoinGroup) => Change::Join,
            Request::Ip(Ip::DropMembership)
            | Request::IpGroup(IpGroup::LeaveGroup)
            | Request::Ipv6(Ipv6::LeaveMembership)
            | Request::Ipv6Group(Ipv6Group::LeaveGroup) => Change::Leave,
            Request::Ip(Ip::BlockSource)
            | Request::IpGroup(IpGroup::BlockGroupSource)
            | Request::Ipv6Group(Ipv6Group::BlockGroupSource) => Change::Block,
            Request::Ip(Ip::UnblockSource)
            | Request::IpGroup(IpGroup::UnblockGroupSource)
            | Request::Ipv6Group(Ipv6Group::UnblockGroupSource) => Change::Unblock,
            Request::Ip(Ip::AddSourceMembership)
            | Request::IpGroup(IpGroup::JoinSourceGroup)
            | Request::Ipv6Group(Ipv6Group::JoinSourceGroup) => Change::JoinSource,
            Request::Ip(Ip::DropSourceMembership)
            | Request::IpGroup(IpGroup::LeaveSourceGroup)
            | Request::Ipv6Group(Ipv6Group::LeaveSourceGroup) => Change::LeaveSource,
            _ => return None,
        })
    }
}

/// A group on an interface, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) address: IpAddr,
    pub(crate) interface: ULONG,
}

/// Which sources are heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sources {
    /// All but these.
    Except(BTreeSet<IpAddr>),
    /// These only.
    Only(BTreeSet<IpAddr>),
}

/// The groups that a socket has joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memberships(Vec<(Group, Sources)>);

impl Memberships {
    /// Joins or leaves a group, for all sources or one, or changes which of them are heard.
    ///
    /// # Errors
    /// n/d: all of them, by the names that Winsock has for the same. `STATUS_INVALID_PARAMETER`: no group, or one that
    /// is joined already, or joined in the other way. `STATUS_INVALID_ADDRESS_COMPONENT`: one that is not joined, or a
    /// source that is not, or is already, among those heard.
    pub(crate) fn change(
        &mut self,
        change: Change,
        group: Group,
        source: Option<IpAddr>,
    ) -> Result<(), NTSTATUS> {
        if !group.address.is_multicast() {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let at = self.0.iter().position(|(joined, _)| *joined == group);
        let Some(at) = at else {
            let sources = match (change, source) {
                (Change::Join, _) => Sources::Except(BTreeSet::new()),
                (Change::JoinSource, Some(source)) => Sources::Only([source].into()),
                _ => return Err(STATUS_INVALID_ADDRESS_COMPONENT),
            };
            self.0.push((group, sources));
            return Ok(());
        };
        let done = match (change, &mut self.0[at].1, source) {
            (Change::Leave, ..) => {
                self.0.remove(at);
                return Ok(());
            }
            (Change::Block, Sources::Except(sources), Some(source))
            | (Change::JoinSource, Sources::Only(sources), Some(source)) => sources.insert(source),
            (Change::Unblock, Sources::Except(sources), Some(source)) => sources.remove(&source),
            (Change::LeaveSource, Sources::Only(sources), Some(source)) => {
                let left = sources.remove(&source);
                if sources.is_empty() {
                    self.0.remove(at);
                }
                left
            }
            _ => return Err(STATUS_INVALID_PARAMETER),
        };
        if done { Ok(()) } else { Err(STATUS_INVALID_ADDRESS_COMPONENT) }
    }

    /// Whether what a source sends to a group is heard.
    pub(crate) fn hear(&self, group: Group, source: IpAddr) -> bool {
        self.0.iter().any(|(joined, sources)| {
            // 0 is the interface that the host has found.
            joined.address == group.address
                && [0, group.interface].contains(&joined.interface)
                && match sources {
                    Sources::Except(except) => !except.contains(&source),
                    Sources::Only(only) => only.contains(&source),
                }
        })
    }

    /// The groups, with their sources.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Group, Sources)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "10.0.0.1";

    fn group(interface: ULONG) -> Group {
        Group { address: "239.1.2.3".parse().unwrap(), interface }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_group_is_joined_once_and_left_once() {
        let mut groups = Memberships::default();
        assert!(!groups.hear(group(1), address(SOURCE)));
        assert_eq!(groups.change(Change::Leave, group(1), None), Err(STATUS_INVALID_ADDRESS_COMPONENT));
        assert_eq!(groups.change(Change::Join, group(1), None), Ok(()));
        assert_eq!(groups.change(Change::Join, group(1), None), Err(STATUS_INVALID_PARAMETER));
        assert!(groups.hear(group(1), address(SOURCE)));
        assert!(!groups.hear(group(2), address(SOURCE)), "on another interface");
        assert_eq!(groups.change(Change::Leave, group(1), None), Ok(()));
        assert!(!groups.hear(group(1), address(SOURCE)));
        let unicast = Group { address: address(SOURCE), interface: 1 };
        assert_eq!(groups.change(Change::Join, unicast, None), Err(STATUS_INVALID_PARAMETER));
    }

    #[test]
    fn sources_are_blocked_and_unblocked() {
        let mut groups = Memberships::default();
        let source = Some(address(SOURCE));
        assert_eq!(groups.change(Change::Block, group(1), source), Err(STATUS_INVALID_ADDRESS_COMPONENT));
        groups.change(Change::Join, group(1), None).unwrap();
        assert_eq!(groups.change(Change::Unblock, group(1), source), Err(STATUS_INVALID_ADDRESS_COMPONENT));
        assert_eq!(groups.change(Change::Block, group(1), source), Ok(()));
        assert!(!groups.hear(group(1), address(SOURCE)) && groups.hear(group(1), address("10.0.0.2")));
        assert_eq!(groups.change(Change::JoinSource, group(1), source), Err(STATUS_INVALID_PARAMETER));
        assert_eq!(groups.change(Change::Unblock, group(1), source), Ok(()));
        assert!(groups.hear(group(1), address(SOURCE)));
    }

    #[test]
    fn a_group_is_joined_for_single_sources() {
        let mut groups = Memberships::default();
        let (one, two) = (Some(address(SOURCE)), Some(address("10.0.0.2")));
        groups.change(Change::JoinSource, group(1), one).unwrap();
        assert!(groups.hear(group(1), address(SOURCE)) && !groups.hear(group(1), address("10.0.0.2")));
        assert_eq!(groups.change(Change::JoinSource, group(1), one), Err(STATUS_INVALID_ADDRESS_COMPONENT));
        groups.change(Change::JoinSource, group(1), two).unwrap();
        assert_eq!(groups.change(Change::Join, group(1), None), Err(STATUS_INVALID_PARAMETER));
        assert_eq!(groups.change(Change::LeaveSource, group(1), one), Ok(()));
        assert_eq!(groups.change(Change::LeaveSource, group(1), two), Ok(()));
        assert_eq!(groups.iter().count(), 0, "left for the last source");
    }

    #[test]
    fn every_group_option_is_a_change() {
        let groups = wsk_requests::ROWS.iter().filter(|row| row.about().summary.contains("multicast group"));
        let changes: Vec<_> = groups.map(Change::of).collect();
        assert_eq!(changes.len(), 20);
        assert!(changes.iter().all(Option::is_some));
        assert_eq!(Change::of(&wsk_requests::rows::ip::IP_TTL), None);
        assert_eq!(Change::of(&wsk_requests::rows::ipv6::IPV6_TCLASS), None);
    }
}
