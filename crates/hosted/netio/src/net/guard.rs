//! Who may share a local address with whom, by the security descriptor of the first.
//!
//! The kernel's access check, `SeAccessCheck`, is in neither kernel that this provider runs in. It is done here on a
//! model: a socket has one of three identities, and each is a member of the groups that a process of that kind has. n/d:
//! which access WSK demands of who wants to share; here it is reading and writing.

use wsk_descriptor::{Descriptor, FILE_READ_DATA, FILE_WRITE_DATA, Sid};

/// Whose security context a socket has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Who {
    /// The operating system, and services that run as it.
    #[default]
    System,
    /// A member of the Administrators group, elevated.
    Administrator,
    /// Any other user who logged on.
    User,
}

impl Who {
    /// Whether the identifier is one of those of a process of this kind.
    fn has(self, sid: Sid<'_>) -> bool {
        match sid {
            Sid::EVERYONE | Sid::AUTHENTICATED => true,
            Sid::SYSTEM => self == Who::System,
            Sid::ADMINISTRATORS => self != Who::User,
            Sid::USERS | Sid::INTERACTIVE => self != Who::System,
            _ => false,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Whose a local address is, and whom its socket's descriptor lets share it. The default shares with nobody.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Guard {
    who: Who,
    /// A bit for each identity.
    admits: u8,
}

impl Guard {
    /// Of a socket with this identity and descriptor; without one, the default descriptor is its.
    pub(crate) fn new(who: Who, descriptor: Option<&[u8]>) -> Guard {
        let admitted = |who: &Who| {
            let descriptor = descriptor.and_then(|bytes| Descriptor::parse(bytes).ok());
            descriptor.is_some_and(|it| it.grants(FILE_READ_DATA | FILE_WRITE_DATA, |sid| who.has(sid)))
        };
        let everyone = [Who::System, Who::Administrator, Who::User];
        let admits = everyone.iter().filter(|who| admitted(who)).fold(0, |bits, who| bits | who.bit());
        Guard { who, admits }
    }

    /// Whether a socket with the guard `other` may share.
    pub(crate) const fn admits(self, other: Guard) -> bool {
        self.admits & other.who.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use wsk_descriptor::sddl;

    use super::*;

    fn guard(who: Who, sddl: Option<&str>) -> Guard {
        let bytes = sddl.map(|sddl| {
            let mut bytes = vec![0; 256];
            let size = sddl::encode(sddl, &mut bytes).unwrap();
            bytes.truncate(size);
            bytes
        });
        Guard::new(who, bytes.as_deref())
    }

    #[test]
    fn a_descriptor_admits_whom_it_names() {
        let admitted = |sddl| {
            let guard = guard(Who::System, sddl);
            [Who::System, Who::Administrator, Who::User].map(|who| guard.admits(Guard::new(who, None)))
        };
        assert_eq!(admitted(None), [false; 3]);
        assert_eq!(admitted(Some("D:P")), [false; 3]);
        assert_eq!(admitted(Some("D:NO_ACCESS_CONTROL")), [true; 3]);
        assert_eq!(admitted(Some("D:P(A;;GA;;;SY)")), [true, false, false]);
        assert_eq!(admitted(Some("D:P(A;;GA;;;BA)")), [true, true, false]);
        assert_eq!(admitted(Some("D:P(D;;GA;;;SY)(A;;GA;;;WD)")), [false, true, true]);
        assert_eq!(admitted(Some("D:P(A;;GR;;;WD)")), [false; 3], "to read is not enough");
        assert_eq!(admitted(Some("D:P(A;;GRGW;;;BU)")), [false, true, true]);
    }
}
