//! Security identifiers: whom an entry is about.

use core::fmt;

/// A security identifier, as its bytes: revision, count, authority, sub-authorities.
///
/// # Invariants
/// `bytes` has a length that agrees with the count.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sid<'a> {
    bytes: &'a [u8],
}

/// The greatest number of sub-authorities.
const MOST: usize = 15;

/// The largest identifier in bytes.
pub(crate) const MAX: usize = 8 + 4 * MOST;

macro_rules! known {
    ($($(#[$doc:meta])* $name:ident = $letters:literal, $authority:literal, [$($sub:literal),*];)*) => {
        impl Sid<'static> {
            $(
                $(#[$doc])*
                pub const $name: Sid<'static> = {
                    const SUBS: &[u32] = &[$($sub),*];
                    const BYTES: [u8; 8 + 4 * SUBS.len()] = encode($authority, SUBS);
                    // INVARIANT: as long as its count says.
                    Sid { bytes: &BYTES }
                };
            )*
        }

        /// The identifiers that have two letters in SDDL.
        pub(crate) const KNOWN: &[(&str, Sid<'static>)] = &[$(($letters, Sid::$name)),*];
    };
}

known! {
    /// Everyone.
    EVERYONE = "WD", 1, [0];
    /// The owner of what is being created.
    CREATOR_OWNER = "CO", 3, [0];
    /// Who logged on over the network.
    NETWORK = "NU", 5, [2];
    /// Who logged on at the computer.
    INTERACTIVE = "IU", 5, [4];
    /// Who logged on as a service.
    SERVICE = "SU", 5, [6];
    /// Who did not log on.
    ANONYMOUS = "AN", 5, [7];
    /// Who did.
    AUTHENTICATED = "AU", 5, [11];
    /// Restricted code.
    RESTRICTED = "RC", 5, [12];
    /// The operating system.
    SYSTEM = "SY", 5, [18];
    /// The account of local services.
    LOCAL_SERVICE = "LS", 5, [19];
    /// The account of network services.
    NETWORK_SERVICE = "NS", 5, [20];
    /// The administrators of the computer.
    ADMINISTRATORS = "BA", 5, [32, 544];
    /// The users of the computer.
    USERS = "BU", 5, [32, 545];
    /// The guests of the computer.
    GUESTS = "BG", 5, [32, 546];
}

/// The bytes of an identifier whose authority is below 256.
const fn encode<const N: usize>(authority: u8, subs: &[u32]) -> [u8; N] {
    assert!(subs.len() <= MOST && N == 8 + 4 * subs.len());
    let mut bytes = [0; N];
    bytes[0] = 1;
    #[expect(clippy::cast_possible_truncation, reason = "at most 15, says the assertion")]
    let count = subs.len() as u8;
    bytes[1] = count;
    bytes[7] = authority;
    let mut at = 0;
    while at < subs.len() {
        let sub = subs[at].to_le_bytes();
        let mut byte = 0;
        while byte < 4 {
            bytes[8 + 4 * at + byte] = sub[byte];
            byte += 1;
        }
        at += 1;
    }
    bytes
}

impl<'a> Sid<'a> {
    /// The identifier at the beginning of some bytes; none if there is none.
    #[must_use]
    pub fn prefix(bytes: &'a [u8]) -> Option<Sid<'a>> {
        let &[revision, count, ..] = bytes else { return None };
        if revision != 1 || usize::from(count) > MOST {
            return None;
        }
        // INVARIANT: cut to what the count says.
        Some(Sid { bytes: bytes.get(..8 + 4 * usize::from(count))? })
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The sub-authorities.
    fn subs(&self) -> impl Iterator<Item = u32> {
        self.bytes[8..].as_chunks().0.iter().map(|sub| u32::from_le_bytes(*sub))
    }
}

/// Two letters, or the numbers: `S-1-5-18`.
impl fmt::Display for Sid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((letters, _)) = KNOWN.iter().find(|(_, sid)| sid == self) {
            return f.write_str(letters);
        }
        let authority = self.bytes[2..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        write!(f, "S-1-{authority}")?;
        self.subs().try_for_each(|sub| write!(f, "-{sub}"))
    }
}

impl fmt::Debug for Sid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes the identifier that `text` names at the beginning of `to`, and tells its size.
pub(crate) fn parse(text: &str, to: &mut [u8]) -> Option<usize> {
    if let Some((_, sid)) = KNOWN.iter().find(|(letters, _)| *letters == text) {
        to.get_mut(..sid.bytes.len())?.copy_from_slice(sid.bytes);
        return Some(sid.bytes.len());
    }
    let mut numbers = text.strip_prefix("S-1-")?.split('-');
    let authority = number(numbers.next()?)?.to_be_bytes();
    if authority[..2] != [0, 0] {
        return None;
    }
    let (mut size, mut count) = (8, 0);
    for sub in numbers {
        let sub = u32::try_from(number(sub)?).ok()?;
        to.get_mut(size..size + 4)?.copy_from_slice(&sub.to_le_bytes());
        (size, count) = (size + 4, count + 1);
    }
    if usize::from(count) > MOST {
        return None;
    }
    to.get_mut(..2)?.copy_from_slice(&[1, count]);
    to.get_mut(2..8)?.copy_from_slice(&authority[2..]);
    Some(size)
}

/// A number in decimal, without a sign.
fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|digit| digit.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn identifiers_have_letters_and_numbers() {
        assert_eq!(Sid::ADMINISTRATORS.as_bytes(), [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]);
        assert_eq!((Sid::SYSTEM.to_string(), std::format!("{:?}", Sid::SYSTEM)), ("SY".into(), "SY".into()));
        let mut bytes = [0; MAX];
        for (text, printed) in
            [("BA", "BA"), ("S-1-5-32-544", "BA"), ("S-1-5-21-1-2-3-500", "S-1-5-21-1-2-3-500")]
        {
            let size = parse(text, &mut bytes).unwrap();
            assert_eq!(Sid::prefix(&bytes[..size]).unwrap().to_string(), printed);
        }
        for wrong in
            ["", "ba", "S-1-", "S-1-5-", "S-1-5-+1", "S-2-5-1", "S-1-5-4294967296", "S-1-281474976710656-1"]
        {
            assert_eq!(parse(wrong, &mut bytes), None, "{wrong}");
        }
        assert_eq!(parse("SY", &mut bytes[..11]), None);
        assert_eq!(parse(&("S-1-5".to_string() + &"-1".repeat(16)), &mut [0; 100]), None);
    }

    #[test]
    fn what_is_cut_is_no_identifier() {
        let bytes = Sid::ADMINISTRATORS.as_bytes();
        assert_eq!(Sid::prefix(bytes), Some(Sid::ADMINISTRATORS));
        assert_eq!(Sid::prefix(&bytes[..15]), None);
        assert_eq!(Sid::prefix(&[1]), None);
        assert_eq!(Sid::prefix(&[2, 0, 0, 0, 0, 0, 0, 5]), None);
        assert_eq!(Sid::prefix(&[[1, 16].as_slice(), &[0; 80]].concat()), None);
    }
}
