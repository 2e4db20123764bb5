//! The multicast groups that a socket has joined, and what it receives of them.

use core::net::IpAddr;
use std::collections::BTreeSet;

use readings::{JoinedAlready, NotAGroup, NotBlocked, NotJoined, Readings, SourceTwice};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// Makes a function that tells with which status something is refused: the reading of the question says it.
macro_rules! refusals {
    ($($name:ident: $Question:ident),+) => {$(
        pub(crate) fn $name(readings: &Readings) -> NTSTATUS {
            match readings.of() {
                $Question::InvalidParameter => STATUS_INVALID_PARAMETER,
                $Question::InvalidAddress => STATUS_INVALID_ADDRESS_COMPONENT,
            }
        }
    )+};
}

refusals! {
    not_a_group: NotAGroup,
    joined_already: JoinedAlready,
    not_joined: NotJoined,
    source_twice: SourceTwice
}

/// With which status the unblocking is refused of a source that is not blocked, and once was or never.
fn not_blocked(readings: &Readings, once: bool) -> NTSTATUS {
    match readings.of() {
        NotBlocked::InvalidAddress => STATUS_INVALID_ADDRESS_COMPONENT,
        NotBlocked::ByThePast if once => STATUS_INVALID_ADDRESS_COMPONENT,
        NotBlocked::InvalidParameter | NotBlocked::ByThePast => STATUS_INVALID_PARAMETER,
    }
}

/// The groups that a socket has joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memberships {
    joined: Vec<(Group, Sources)>,
    /// The sources that were unblocked, of the groups that are joined.
    unblocked: BTreeSet<(Group, IpAddr)>,
}

impl Memberships {
    /// Joins or leaves a group, for all sources or one, or changes which of them are heard.
    ///
    /// # Errors
    /// `STATUS_INVALID_PARAMETER`, `STATUS_INVALID_ADDRESS_COMPONENT`: which of them, the readings say.
    pub(crate) fn change(
        &mut self,
        readings: &Readings,
        change: Change,
        group: Group,
        source: Option<IpAddr>,
    ) -> Result<(), NTSTATUS> {
        if !group.address.is_multicast() {
            return Err(not_a_group(readings));
        }
        let at = self.joined.iter().position(|(joined, _)| *joined == group);
        let Some(at) = at else {
            let sources = match (change, source) {
                (Change::Join, _) => Sources::Except(BTreeSet::new()),
                (Change::JoinSource, Some(source)) => Sources::Only([source].into()),
                (Change::Unblock, _) => return Err(not_blocked(readings, false)),
                _ => return Err(not_joined(readings)),
            };
            self.joined.push((group, sources));
            return Ok(());
        };
        let (done, otherwise) = match (change, &mut self.joined[at].1, source) {
            (Change::Leave, ..) => {
                self.leave(at);
                return Ok(());
            }
            (Change::Block, Sources::Except(sources), Some(source)) => {
                (sources.insert(source), source_twice(readings))
            }
            (Change::JoinSource, Sources::Only(sources), Some(source)) => {
                (sources.insert(source), joined_already(readings))
            }
            (Change::Unblock, Sources::Except(sources), Some(source)) => {
                let once = !self.unblocked.insert((group, source));
                let done = sources.remove(&source);
                if !done && !once {
                    self.unblocked.remove(&(group, source));
                }
                (done, not_blocked(readings, once))
            }
            (Change::LeaveSource, Sources::Only(sources), Some(source)) => {
                let left = sources.remove(&source);
                if sources.is_empty() {
                    self.leave(at);
                }
                (left, source_twice(readings))
            }
            (Change::Join | Change::JoinSource, Sources::Except(sources), _) if !sources.is_empty() => {
                (false, STATUS_INVALID_PARAMETER)
            }
            (Change::Join | Change::JoinSource, ..) => (false, joined_already(readings)),
            (Change::Unblock, ..) => (false, not_blocked(readings, false)),
            _ => (false, STATUS_INVALID_PARAMETER),
        };
        if done { Ok(()) } else { Err(otherwise) }
    }

    fn leave(&mut self, at: usize) {
        let (left, _) = self.joined.remove(at);
        self.unblocked.retain(|(group, _)| *group != left);
    }

    /// Whether what a source sends to a group is heard.
    pub(crate) fn hear(&self, group: Group, source: IpAddr) -> bool {
        self.joined.iter().any(|(joined, sources)| {
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
        self.joined.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(
        groups: &mut Memberships,
        change: Change,
        group: Group,
        source: Option<IpAddr>,
    ) -> Result<(), NTSTATUS> {
        groups.change(&Readings::STRICT, change, group, source)
    }

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
        assert_eq!(change(&mut groups, Change::Leave, group(1), None), Err(STATUS_INVALID_PARAMETER));
        assert_eq!(change(&mut groups, Change::Join, group(1), None), Ok(()));
        assert_eq!(change(&mut groups, Change::Join, group(1), None), Err(STATUS_INVALID_PARAMETER));
        assert!(groups.hear(group(1), address(SOURCE)));
        assert!(!groups.hear(group(2), address(SOURCE)), "on another interface");
        assert_eq!(change(&mut groups, Change::Leave, group(1), None), Ok(()));
        assert!(!groups.hear(group(1), address(SOURCE)));
        let unicast = Group { address: address(SOURCE), interface: 1 };
        assert_eq!(change(&mut groups, Change::Join, unicast, None), Err(STATUS_INVALID_PARAMETER));
    }

    #[test]
    fn sources_are_blocked_and_unblocked() {
        let mut groups = Memberships::default();
        let source = Some(address(SOURCE));
        assert_eq!(change(&mut groups, Change::Block, group(1), source), Err(STATUS_INVALID_PARAMETER));
        change(&mut groups, Change::Join, group(1), None).unwrap();
        assert_eq!(change(&mut groups, Change::Unblock, group(1), source), Err(STATUS_INVALID_PARAMETER));
        assert_eq!(change(&mut groups, Change::Block, group(1), source), Ok(()));
        assert!(!groups.hear(group(1), address(SOURCE)) && groups.hear(group(1), address("10.0.0.2")));
        assert_eq!(change(&mut groups, Change::JoinSource, group(1), source), Err(STATUS_INVALID_PARAMETER));
        assert_eq!(
            change(&mut groups, Change::Block, group(1), source),
            Err(STATUS_INVALID_ADDRESS_COMPONENT)
        );
        assert_eq!(change(&mut groups, Change::Unblock, group(1), source), Ok(()));
        assert!(groups.hear(group(1), address(SOURCE)));
    }

    #[test]
    fn a_group_is_joined_for_single_sources() {
        let mut groups = Memberships::default();
        let (one, two) = (Some(address(SOURCE)), Some(address("10.0.0.2")));
        change(&mut groups, Change::JoinSource, group(1), one).unwrap();
        assert!(groups.hear(group(1), address(SOURCE)) && !groups.hear(group(1), address("10.0.0.2")));
        assert_eq!(change(&mut groups, Change::JoinSource, group(1), one), Err(STATUS_INVALID_PARAMETER));
        let dropped = change(&mut groups, Change::LeaveSource, group(1), two);
        assert_eq!(dropped, Err(STATUS_INVALID_ADDRESS_COMPONENT));
        change(&mut groups, Change::JoinSource, group(1), two).unwrap();
        assert_eq!(change(&mut groups, Change::Join, group(1), None), Err(STATUS_INVALID_PARAMETER));
        assert_eq!(change(&mut groups, Change::LeaveSource, group(1), one), Ok(()));
        assert_eq!(change(&mut groups, Change::LeaveSource, group(1), two), Ok(()));
        assert_eq!(groups.iter().count(), 0, "left for the last source");
    }

    #[test]
    fn the_readings_say_with_which_status_a_change_is_refused() {
        let readings = Readings::STRICT
            .with(NotAGroup::InvalidAddress)
            .with(JoinedAlready::InvalidAddress)
            .with(NotJoined::InvalidAddress)
            .with(SourceTwice::InvalidParameter)
            .with(NotBlocked::InvalidAddress);
        let mut groups = Memberships::default();
        let source = Some(address(SOURCE));
        let address_refused = Err(STATUS_INVALID_ADDRESS_COMPONENT);
        let mut change = |change, group, source| groups.change(&readings, change, group, source);
        let unicast = Group { address: address(SOURCE), interface: 1 };
        assert_eq!(change(Change::Join, unicast, None), address_refused);
        assert_eq!(change(Change::Leave, group(1), None), address_refused);
        assert_eq!(change(Change::Block, group(1), source), address_refused);
        assert_eq!(change(Change::Unblock, group(1), source), address_refused);
        assert_eq!(change(Change::Join, group(1), None), Ok(()));
        assert_eq!(change(Change::Join, group(1), None), address_refused);
        assert_eq!(change(Change::JoinSource, group(1), source), address_refused);
        assert_eq!(change(Change::Block, group(1), source), Ok(()));
        assert_eq!(change(Change::Block, group(1), source), Err(STATUS_INVALID_PARAMETER));
        assert_eq!(change(Change::Join, group(1), None), Err(STATUS_INVALID_PARAMETER), "unblock it instead");
        assert_eq!(change(Change::JoinSource, group(2), source), Ok(()));
        assert_eq!(change(Change::JoinSource, group(2), source), address_refused);
        assert_eq!(change(Change::Block, group(2), source), Err(STATUS_INVALID_PARAMETER), "the other way");
        let other = Some(address("10.0.0.2"));
        assert_eq!(change(Change::LeaveSource, group(2), other), Err(STATUS_INVALID_PARAMETER));
    }

    /// A source that never was blocked is told from one that is not any more; with the group the past is over.
    #[test]
    fn an_unblocking_is_refused_by_the_past() {
        let readings = Readings::STRICT.with(NotBlocked::ByThePast);
        let mut groups = Memberships::default();
        let source = Some(address(SOURCE));
        let mut change = |change, source| groups.change(&readings, change, group(1), source);
        assert_eq!(change(Change::Unblock, source), Err(STATUS_INVALID_PARAMETER), "not joined");
        for _ in 0..2 {
            assert_eq!(change(Change::Join, None), Ok(()));
            for _ in 0..2 {
                assert_eq!(change(Change::Unblock, source), Err(STATUS_INVALID_PARAMETER), "never blocked");
            }
            assert_eq!((change(Change::Block, source), change(Change::Unblock, source)), (Ok(()), Ok(())));
            for _ in 0..2 {
                assert_eq!(change(Change::Unblock, source), Err(STATUS_INVALID_ADDRESS_COMPONENT));
            }
            let other = Some(address("10.0.0.2"));
            assert_eq!(change(Change::Unblock, other), Err(STATUS_INVALID_PARAMETER), "of another source");
            assert_eq!((change(Change::Block, source), change(Change::Unblock, source)), (Ok(()), Ok(())));
            assert_eq!(change(Change::Leave, None), Ok(()));
        }
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
