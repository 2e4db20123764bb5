//! Who may bind to an address that another socket has: the table of "Sharing Transport Addresses", as data.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::collections::BTreeMap;

use wsk_sys::{NTSTATUS, STATUS_ACCESS_DENIED, STATUS_ADDRESS_ALREADY_EXISTS};

use crate::net::guard::Guard;

/// How a socket shares its local address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// Neither option is set.
    None = 0,
    /// `SO_REUSEADDR`.
    Reuse = 1,
    /// `SO_EXCLUSIVEADDRUSE`.
    Exclusive = 2,
}

/// Whether a local address is one address or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The wildcard address.
    Wildcard = 0,
    /// One address.
    Specific = 1,
}

/// What the table says of a second bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It succeeds.
    Ok,
    /// `STATUS_ADDRESS_ALREADY_EXISTS`.
    InUse,
    /// `STATUS_ACCESS_DENIED`.
    Denied,
    /// The second socket's security context is checked against the first one's descriptor.
    Check,
}

use Verdict::{Check as CHECK, Denied as DENIED, InUse as INUSE, Ok as OK};

/// Rows: the second bind. Columns: the first. Each in the order none W, none S, REUSE W, REUSE S, EXCL W, EXCL S,
/// where W is the wildcard address and S a specific one.
#[rustfmt::skip]
static TABLE: [[Verdict; 6]; 6] = [
    /* none  W */ [INUSE,  OK,     INUSE, OK,     INUSE,  OK],
    /* none  S */ [CHECK,  INUSE,  CHECK, DENIED, DENIED, INUSE],
    /* REUSE W */ [DENIED, OK,     OK,    OK,     DENIED, OK],
    /* REUSE S */ [CHECK,  DENIED, OK,    OK,     DENIED, DENIED],
    /* EXCL  W */ [INUSE,  INUSE,  INUSE, INUSE,  INUSE,  INUSE],
    /* EXCL  S */ [CHECK,  INUSE,  CHECK, INUSE,  DENIED, INUSE],
];

fn place(share: Share, scope: Scope) -> usize {
    share as usize * 2 + scope as usize
}

/// The cell of the table for two binds to the same port.
fn verdict(second: (Share, Scope), first: (Share, Scope)) -> Verdict {
    TABLE[place(second.0, second.1)][place(first.0, first.1)]
}

/// A local address, and how its socket shares it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    pub(crate) address: SocketAddr,
    /// An IPv6 socket with `IPV6_V6ONLY` off, which takes part in IPv4 too.
    pub(crate) dual: bool,
    pub(crate) share: Share,
    /// Whose it is, and whom its socket's security descriptor lets share it.
    pub(crate) guard: Guard,
}

impl Binding {
    /// The addresses that the binding takes: of IPv4, and of IPv6.
    pub(crate) fn claims(&self) -> [Option<IpAddr>; 2] {
        match self.address.ip() {
            IpAddr::V4(ip) => [Some(ip.into()), None],
            IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
                Some(mapped) if self.dual => [Some(mapped.into()), None],
                _ if self.dual && ip.is_unspecified() => {
                    [Some(Ipv4Addr::UNSPECIFIED.into()), Some(ip.into())]
                }
                _ => [None, Some(ip.into())],
            },
        }
    }

    /// What the table says if this binding comes after `first`.
    fn after(&self, first: &Binding) -> Verdict {
        if self.address.port() != first.address.port() {
            return Verdict::Ok;
        }
        for (mine, other) in self.claims().into_iter().zip(first.claims()) {
            let (Some(mine), Some(other)) = (mine, other) else { continue };
            let (my_scope, other_scope) = (scope(mine), scope(other));
            // "Two different specific addresses never conflict."
            if my_scope == Scope::Specific && other_scope == Scope::Specific && mine != other {
                continue;
            }
            let verdict = verdict((self.share, my_scope), (first.share, other_scope));
            if verdict != Verdict::Ok {
                return verdict;
            }
        }
        Verdict::Ok
    }
}

fn scope(ip: IpAddr) -> Scope {
    if ip.is_unspecified() { Scope::Wildcard } else { Scope::Specific }
}

/// A binding's place in a [`Table`]: its port, and its number.
pub(crate) type Place = (u16, u64);

/// The bindings of a host.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Those of a port are next to each other, in the order in which they came.
    entries: BTreeMap<Place, Binding>,
    last: u64,
}

impl Table {
    pub(crate) const fn new() -> Table {
        Table { entries: BTreeMap::new(), last: 0 }
    }

    /// Whether a socket may bind so.
    ///
    /// # Errors
    /// `STATUS_ADDRESS_ALREADY_EXISTS` or `STATUS_ACCESS_DENIED`, as the table says of the first socket in the way.
    pub(crate) fn check(&self, second: &Binding) -> Result<(), NTSTATUS> {
        for first in self.at_port(second.address.port()) {
            match second.after(first) {
                Verdict::Ok => {}
                Verdict::InUse => return Err(STATUS_ADDRESS_ALREADY_EXISTS),
                Verdict::Check if first.guard.admits(second.guard) => {}
                Verdict::Denied | Verdict::Check => return Err(STATUS_ACCESS_DENIED),
            }
        }
        Ok(())
    }

    /// Enters a binding, and returns what [`Table::remove`] wants.
    pub(crate) fn insert(&mut self, binding: Binding) -> Place {
        self.last += 1;
        let place = (binding.address.port(), self.last);
        self.entries.insert(place, binding);
        place
    }

    /// Takes a binding out.
    pub(crate) fn remove(&mut self, place: Place) {
        self.entries.remove(&place);
    }

    /// Whether any socket is bound to the port.
    pub(crate) fn has_port(&self, port: u16) -> bool {
        self.at_port(port).next().is_some()
    }

    /// The bindings to a port; no others can be in the way of one to it.
    fn at_port(&self, port: u16) -> impl Iterator<Item = &Binding> {
        self.entries.range((port, 0)..=(port, u64::MAX)).map(|(_, binding)| binding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::guard::Who;

    /// The documented table, written out once more, as text.
    const DOCUMENTED: &str = "
        2nd\\1st none-W none-S REUSE-W REUSE-S EXCL-W EXCL-S
        none-W  INUSE  OK     INUSE  OK     INUSE  OK
        none-S  CHECK  INUSE  CHECK  DENIED DENIED INUSE
        REUSE-W DENIED OK     OK     OK     DENIED OK
        REUSE-S CHECK  DENIED OK     OK     DENIED DENIED
        EXCL-W  INUSE  INUSE  INUSE  INUSE  INUSE  INUSE
        EXCL-S  CHECK  INUSE  CHECK  INUSE  DENIED INUSE";

    fn binding(name: &str) -> Binding {
        let (share, scope) = name.split_once('-').unwrap();
        Binding {
            address: if scope == "W" { "0.0.0.0:7" } else { "127.0.0.1:7" }.parse().unwrap(),
            dual: false,
            share: match share {
                "none" => Share::None,
                "REUSE" => Share::Reuse,
                "EXCL" => Share::Exclusive,
                other => panic!("{other}"),
            },
            guard: Guard::default(),
        }
    }

    #[test]
    fn all_cells_are_the_documented_ones() {
        let mut lines = DOCUMENTED.trim().lines();
        let firsts: Vec<_> = lines.next().unwrap().split_whitespace().skip(1).collect();
        let mut cells = 0;
        for line in lines {
            let mut words = line.split_whitespace();
            let second = words.next().unwrap();
            for (first, expected) in firsts.iter().zip(words) {
                let (verdict, outcome) = match expected {
                    "OK" => (Verdict::Ok, Ok(())),
                    "INUSE" => (Verdict::InUse, Err(STATUS_ADDRESS_ALREADY_EXISTS)),
                    "DENIED" => (Verdict::Denied, Err(STATUS_ACCESS_DENIED)),
                    "CHECK" => (Verdict::Check, Err(STATUS_ACCESS_DENIED)),
                    other => panic!("{other}"),
                };
                assert_eq!(binding(second).after(&binding(first)), verdict, "{second} after {first}");
                let mut table = Table::new();
                table.insert(binding(first));
                assert_eq!(table.check(&binding(second)), outcome, "{second} after {first}");
                cells += 1;
            }
        }
        assert_eq!(cells, 36);
    }

    #[test]
    fn a_check_asks_the_descriptor_of_the_first() {
        let everyone = [&[1, 0, 4, 0x80][..], &[0; 16]].concat();
        let (open, shut) = (Guard::new(Who::User, Some(&everyone)), Guard::new(Who::User, None));
        let mut checks = 0;
        for second in ["none-W", "none-S", "REUSE-W", "REUSE-S", "EXCL-W", "EXCL-S"] {
            for first in ["none-W", "none-S", "REUSE-W", "REUSE-S", "EXCL-W", "EXCL-S"] {
                let with = |guard| Binding { guard, ..binding(first) };
                let outcome = |first| {
                    let mut table = Table::new();
                    table.insert(first);
                    table.check(&binding(second))
                };
                if binding(second).after(&binding(first)) == Verdict::Check {
                    assert_eq!(outcome(with(open)), Ok(()), "{second} after {first}");
                    assert_eq!(outcome(with(shut)), Err(STATUS_ACCESS_DENIED), "{second} after {first}");
                    checks += 1;
                } else {
                    assert_eq!(outcome(with(open)), outcome(with(shut)), "{second} after {first}");
                }
            }
        }
        assert_eq!(checks, 5);
    }

    fn at(address: &str, dual: bool) -> Binding {
        Binding { address: address.parse().unwrap(), dual, share: Share::None, guard: Guard::default() }
    }

    #[test]
    fn different_addresses_and_ports_do_not_meet() {
        let mut table = Table::new();
        let first = table.insert(at("127.0.0.1:7", false));
        assert_eq!(table.check(&at("127.0.0.2:7", false)), Ok(()));
        assert_eq!(table.check(&at("127.0.0.1:8", false)), Ok(()));
        assert_eq!(table.check(&at("[::1]:7", false)), Ok(()));
        assert_eq!(table.check(&at("127.0.0.1:7", false)), Err(STATUS_ADDRESS_ALREADY_EXISTS));
        assert!(table.has_port(7));
        table.remove(first);
        assert!(!table.has_port(7));
        assert_eq!(table.check(&at("127.0.0.1:7", false)), Ok(()));
    }

    #[test]
    fn only_those_of_its_port_are_looked_at() {
        let mut table = Table::new();
        let other = |port: u16| at(&format!("127.0.0.1:{port}"), false);
        let places: Vec<_> = (1..=1000).map(|port| table.insert(other(port))).collect();
        let second = table.insert(at("127.0.0.2:7", false));
        let at_seven = |table: &Table| table.at_port(7).map(|one| one.address.ip()).collect::<Vec<_>>();
        assert_eq!(at_seven(&table), [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])]);
        table.remove(places[6]);
        assert_eq!(at_seven(&table), [IpAddr::from([127, 0, 0, 2])]);
        table.remove(second);
        assert_eq!((table.at_port(7).count(), table.at_port(8).count()), (0, 1));
    }

    #[test]
    fn a_dual_stack_socket_meets_both_families() {
        let mut table = Table::new();
        table.insert(at("[::]:7", true));
        assert_eq!(table.check(&at("0.0.0.0:7", false)), Err(STATUS_ADDRESS_ALREADY_EXISTS));
        assert_eq!(table.check(&at("[::]:7", false)), Err(STATUS_ADDRESS_ALREADY_EXISTS));
        let mut table = Table::new();
        table.insert(at("[::]:7", false));
        assert_eq!(table.check(&at("0.0.0.0:7", false)), Ok(()));
        let mut table = Table::new();
        table.insert(at("[::ffff:127.0.0.1]:7", true));
        assert_eq!(table.check(&at("127.0.0.1:7", false)), Err(STATUS_ADDRESS_ALREADY_EXISTS));
    }
}
