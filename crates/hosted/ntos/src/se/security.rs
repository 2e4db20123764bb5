//! Who may open a device: tokens, access masks, and the security descriptors that device names carry.
//!
//! The strings are those of "SDDL for Device Objects": a protected DACL of entries that allow. Whatever else the
//! language has is refused with `STATUS_INVALID_SECURITY_DESCR`: a descriptor that is understood only in part
//! would grant something else than it says.

use wsk_sys::{ACCESS_MASK, NTSTATUS, STATUS_INVALID_SECURITY_DESCR};

/// `GENERIC_READ` of an access mask.
pub const GENERIC_READ: ACCESS_MASK = 0x8000_0000;
/// `GENERIC_WRITE` of an access mask.
pub const GENERIC_WRITE: ACCESS_MASK = 0x4000_0000;
/// `GENERIC_EXECUTE` of an access mask.
pub const GENERIC_EXECUTE: ACCESS_MASK = 0x2000_0000;
/// `GENERIC_ALL` of an access mask.
pub const GENERIC_ALL: ACCESS_MASK = 0x1000_0000;
/// `MAXIMUM_ALLOWED` of an access mask: whatever the descriptor grants.
pub const MAXIMUM_ALLOWED: ACCESS_MASK = 0x0200_0000;
/// `FILE_READ_DATA`, which control codes with `FILE_READ_ACCESS` need.
pub const FILE_READ_DATA: ACCESS_MASK = 0x0001;
/// `FILE_WRITE_DATA`, which control codes with `FILE_WRITE_ACCESS` need.
pub const FILE_WRITE_DATA: ACCESS_MASK = 0x0002;
/// `FILE_APPEND_DATA`, with which a handle can be written to, too.
pub const FILE_APPEND_DATA: ACCESS_MASK = 0x0004;

const FILE_GENERIC_READ: ACCESS_MASK = 0x0012_0089;
const FILE_GENERIC_WRITE: ACCESS_MASK = 0x0012_0116;
const FILE_GENERIC_EXECUTE: ACCESS_MASK = 0x0012_00A0;
const FILE_ALL_ACCESS: ACCESS_MASK = 0x001F_01FF;
/// `SYNCHRONIZE | FILE_READ_ATTRIBUTES`, which `CreateFile` adds to whatever it is asked for.
const IMPLIED: ACCESS_MASK = 0x0010_0080;

/// Whom a process acts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The operating system, and services that run as it.
    System,
    /// A member of the Administrators group, elevated.
    Administrator,
    /// Any other user who logged on.
    User,
}

/// A trustee that a descriptor can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sid {
    LocalSystem,
    Administrators,
    Users,
    Everyone,
    AuthenticatedUsers,
    Interactive,
    /// Known, but no process here has it.
    Nobody,
}

impl Sid {
    fn parse(text: &str) -> Option<Sid> {
        Some(match text {
            "SY" => Sid::LocalSystem,
            "BA" => Sid::Administrators,
            "BU" => Sid::Users,
            "WD" => Sid::Everyone,
            "AU" => Sid::AuthenticatedUsers,
            "IU" => Sid::Interactive,
            // Local and network service, service logon, restricted code, anonymous, guests, network logon.
            "LS" | "NS" | "SU" | "RC" | "AN" | "BG" | "NU" => Sid::Nobody,
            _ => return None,
        })
    }

    fn contains(self, token: Token) -> bool {
        match self {
            Sid::Everyone | Sid::AuthenticatedUsers => true,
            Sid::LocalSystem => token == Token::System,
            Sid::Administrators => token != Token::User,
            Sid::Users | Sid::Interactive => token != Token::System,
            Sid::Nobody => false,
        }
    }
}

/// What each trustee may do with a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecurityDescriptor {
    /// Allowed accesses, generic rights replaced by what they mean for a file.
    entries: Vec<(Sid, ACCESS_MASK)>,
}

impl SecurityDescriptor {
    /// Of a device that was created without a descriptor.
    ///
    /// n/d: the default depends on type and characteristics of the device; this is the one that leaves it to the
    /// driver to refuse.
    pub(crate) fn unspecified() -> SecurityDescriptor {
        let everyone = FILE_GENERIC_READ | FILE_GENERIC_WRITE | FILE_GENERIC_EXECUTE;
        SecurityDescriptor {
            entries: vec![
                (Sid::LocalSystem, FILE_ALL_ACCESS),
                (Sid::Administrators, FILE_ALL_ACCESS),
                (Sid::Everyone, everyone),
            ],
        }
    }

    /// # Errors
    /// `STATUS_INVALID_SECURITY_DESCR`.
    pub(crate) fn parse(sddl: &str) -> Result<SecurityDescriptor, NTSTATUS> {
        parse(sddl).ok_or(STATUS_INVALID_SECURITY_DESCR)
    }

    /// The access that a handle gets, or none if `desired` is more than the token may have.
    pub(crate) fn grant(&self, token: Token, desired: ACCESS_MASK) -> Option<ACCESS_MASK> {
        let allowed = self
            .entries
            .iter()
            .filter(|(sid, _)| sid.contains(token))
            .fold(0, |mask, (_, allowed)| mask | allowed);
        let wanted = map_generic(desired & !MAXIMUM_ALLOWED) | IMPLIED;
        if wanted & !allowed != 0 {
            return None;
        }
        Some(if desired & MAXIMUM_ALLOWED == 0 { wanted } else { allowed })
    }
}

/// Replaces the generic rights by those of files.
fn map_generic(mask: ACCESS_MASK) -> ACCESS_MASK {
    const GENERIC: ACCESS_MASK = GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL;
    let mut mapped = mask & !GENERIC;
    for (generic, specific) in [
        (GENERIC_READ, FILE_GENERIC_READ),
        (GENERIC_WRITE, FILE_GENERIC_WRITE),
        (GENERIC_EXECUTE, FILE_GENERIC_EXECUTE),
        (GENERIC_ALL, FILE_ALL_ACCESS),
    ] {
        if mask & generic != 0 {
            mapped |= specific;
        }
    }
    mapped
}

fn parse(sddl: &str) -> Option<SecurityDescriptor> {
    let dacl = sddl.strip_prefix("D:")?;
    // Nothing is inherited in the object namespace, so protection makes no difference.
    let mut rest = dacl.strip_prefix('P').unwrap_or(dacl);
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let (entry, tail) = rest.strip_prefix('(')?.split_once(')')?;
        entries.push(parse_entry(entry)?);
        rest = tail;
    }
    Some(SecurityDescriptor { entries })
}

/// `type;flags;rights;object;inherited object;trustee`
fn parse_entry(entry: &str) -> Option<(Sid, ACCESS_MASK)> {
    let mut fields = entry.split(';');
    let mut next = || fields.next();
    let (kind, flags, rights, object, inherited, trustee) =
        (next()?, next()?, next()?, next()?, next()?, next()?);
    if next().is_some() || kind != "A" || !(flags.is_empty() && object.is_empty() && inherited.is_empty()) {
        return None;
    }
    Some((Sid::parse(trustee)?, map_generic(parse_rights(rights)?)))
}

fn parse_rights(rights: &str) -> Option<ACCESS_MASK> {
    if let Some(digits) = rights.strip_prefix("0x") {
        // `from_str_radix` would take a sign.
        return digits
            .bytes()
            .all(|digit| digit.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(digits, 16).ok())
            .flatten();
    }
    if rights.is_empty() || !rights.is_ascii() {
        return None;
    }
    let mut mask = 0;
    for pair in rights.as_bytes().chunks(2) {
        mask |= match pair {
            b"GA" => GENERIC_ALL,
            b"GR" => GENERIC_READ,
            b"GW" => GENERIC_WRITE,
            b"GX" => GENERIC_EXECUTE,
            b"FA" => FILE_ALL_ACCESS,
            b"FR" => FILE_GENERIC_READ,
            b"FW" => FILE_GENERIC_WRITE,
            b"FX" => FILE_GENERIC_EXECUTE,
            b"SD" => 0x0001_0000,
            b"RC" => 0x0002_0000,
            b"WD" => 0x0004_0000,
            b"WO" => 0x0008_0000,
            _ => return None,
        };
    }
    Some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(sddl: &str, token: Token, desired: ACCESS_MASK) -> Option<ACCESS_MASK> {
        SecurityDescriptor::parse(sddl).expect("the descriptor is valid").grant(token, desired)
    }

    #[test]
    fn system_and_administrators_only() {
        let sddl = "D:P(A;;GA;;;SY)(A;;GA;;;BA)";
        let wanted = GENERIC_READ | GENERIC_WRITE;
        assert_eq!(grant(sddl, Token::System, wanted), Some(0x0012_019F));
        assert_eq!(grant(sddl, Token::Administrator, wanted), Some(0x0012_019F));
        assert_eq!(grant(sddl, Token::User, wanted), None);
        assert_eq!(grant(sddl, Token::User, 0), None, "not even SYNCHRONIZE is granted");
    }

    #[test]
    fn a_user_gets_what_is_listed_and_no_more() {
        let sddl = "D:P(A;;GA;;;SY)(A;;GR;;;WD)";
        assert_eq!(grant(sddl, Token::User, GENERIC_READ), Some(FILE_GENERIC_READ));
        assert_eq!(grant(sddl, Token::User, GENERIC_WRITE), None);
        assert_eq!(grant(sddl, Token::User, MAXIMUM_ALLOWED), Some(FILE_GENERIC_READ));
        assert_eq!(
            grant("D:P(A;;0x12019F;;;BU)", Token::User, GENERIC_READ | GENERIC_WRITE),
            Some(0x0012_019F)
        );
    }

    #[test]
    fn an_empty_list_admits_nobody() {
        for sddl in ["D:P", "D:"] {
            assert_eq!(grant(sddl, Token::System, GENERIC_READ), None, "{sddl}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for sddl in [
            "",
            "P(A;;GA;;;SY)",
            "O:SYD:P(A;;GA;;;SY)",
            "D:PAI(A;;GA;;;SY)",
            "D:P(D;;GA;;;WD)",
            "D:P(A;OI;GA;;;SY)",
            "D:P(A;;GA;;;S-1-5-18)",
            "D:P(A;;G;;;SY)",
            "D:P(A;;ZZ;;;SY)",
            "D:P(A;;;;;SY)",
            "D:P(A;;0x+1;;;SY)",
            "D:P(A;;0x;;;SY)",
            "D:P(A;;GA;;SY)",
            "D:P(A;;GA;;;;SY)",
            "D:P(A;;GA;;;SY",
            "D:P(A;;GA;;;SY)x",
        ] {
            assert_eq!(SecurityDescriptor::parse(sddl), Err(STATUS_INVALID_SECURITY_DESCR), "{sddl}");
        }
    }
}
