//! Reading a self-relative descriptor.

use core::fmt;

use crate::acl::{Access, ENTRY, Entries, map_generic};
use crate::sid::Sid;

/// The size of the head.
pub(crate) const HEAD: usize = 20;
/// The size of a list without its entries.
pub(crate) const LIST: usize = 8;

/// `SE_DACL_PRESENT`
pub(crate) const DACL_PRESENT: u16 = 0x0004;
/// `SE_SACL_PRESENT`
pub(crate) const SACL_PRESENT: u16 = 0x0010;
/// `SE_DACL_PROTECTED`
pub(crate) const DACL_PROTECTED: u16 = 0x1000;
/// `SE_SELF_RELATIVE`
pub(crate) const SELF_RELATIVE: u16 = 0x8000;

/// Why some bytes are no descriptor that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They are too few, or what an offset points to reaches beyond them.
    Short,
    /// The revision is not 1, or a field that must be zero is not.
    Revision,
    /// The descriptor is not self-relative.
    Absolute,
    /// An offset lies in the head, or is no multiple of 4.
    Offset,
    /// There is a SACL, which only a privileged caller may set.
    Sacl,
    /// The owner or the group is no security identifier.
    Sid,
    /// The list's header is wrong, its entries do not fit into it, or it is there without `SE_DACL_PRESENT`.
    List,
    /// An entry neither allows nor denies, or its parts do not fit into it.
    Entry,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::Short => "the descriptor is cut",
            Malformed::Revision => "the descriptor's revision is not 1",
            Malformed::Absolute => "the descriptor is not self-relative",
            Malformed::Offset => "an offset of the descriptor is not one behind its head",
            Malformed::Sacl => "the descriptor has a SACL",
            Malformed::Sid => "the owner or the group is no security identifier",
            Malformed::List => "the list of entries is wrong",
            Malformed::Entry => "an entry is wrong, or neither allows nor denies",
        })
    }
}

impl core::error::Error for Malformed {}

/// The list of who may do what.
#[derive(Clone, Debug)]
pub enum Dacl<'a> {
    /// There is none: everyone may do everything.
    Absent,
    /// These entries, in their order; what none of them allows is denied.
    Entries(Entries<'a>),
}

/// A self-relative security descriptor that was checked from end to end.
#[derive(Clone, Debug)]
pub struct Descriptor<'a> {
    bytes: &'a [u8],
    control: u16,
    /// Whom the object belongs to.
    pub owner: Option<Sid<'a>>,
    /// The owner's group.
    pub group: Option<Sid<'a>>,
    /// Who may do what.
    pub dacl: Dacl<'a>,
}

impl<'a> Descriptor<'a> {
    /// Checks some bytes. What lies behind the last part of the descriptor is not looked at, and not part of it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Descriptor<'a>, Malformed> {
        let head: &[u8; HEAD] = bytes.first_chunk().ok_or(Malformed::Short)?;
        if head[0] != 1 || head[1] != 0 {
            return Err(Malformed::Revision);
        }
        let control = u16::from_le_bytes([head[2], head[3]]);
        if control & SELF_RELATIVE == 0 {
            return Err(Malformed::Absolute);
        }
        let [owner, group, sacl, dacl] = [4, 8, 12, 16].map(|at| part(bytes, at));
        if control & SACL_PRESENT != 0 || sacl?.is_some() {
            return Err(Malformed::Sacl);
        }
        let sid = |part: Option<(usize, &'a [u8])>| {
            part.map(|(_, bytes)| Sid::prefix(bytes).ok_or(Malformed::Sid)).transpose()
        };
        let end = |part: &Option<(usize, &'a [u8])>, size: usize| part.map_or(HEAD, |(at, _)| at + size);
        let (owner_at, group_at) = (owner?, group?);
        let (owner, group) = (sid(owner_at)?, sid(group_at)?);
        let length = |sid: Option<Sid<'_>>| sid.map_or(0, |sid| sid.as_bytes().len());
        let mut size = end(&owner_at, length(owner)).max(end(&group_at, length(group)));
        let dacl = match dacl? {
            // What no flag tells of would be no part of the descriptor, and its offset would point out of it.
            Some(_) if control & DACL_PRESENT == 0 => return Err(Malformed::List),
            Some((at, list)) => {
                let (entries, whole) = checked_list(list)?;
                size = size.max(at + whole);
                Dacl::Entries(Entries::new(entries))
            }
            // A list that is not there, and one that is null, deny nothing.
            None => Dacl::Absent,
        };
        Ok(Descriptor { bytes: &bytes[..size], control, owner, group, dacl })
    }

    /// The bytes of the descriptor, without what follows it.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the descriptor grants an access to somebody who has the identifiers that `has` tells.
    ///
    /// The entries count in their order: what one denies that none before has allowed is denied for good. Generic
    /// rights are those of files.
    #[must_use]
    pub fn grants(&self, access: u32, has: impl Fn(Sid<'_>) -> bool) -> bool {
        let Dacl::Entries(entries) = &self.dacl else { return true };
        let mut wanted = map_generic(access);
        for entry in entries.clone().filter(|entry| entry.is_effective() && has(entry.sid)) {
            let mask = map_generic(entry.mask);
            match entry.access {
                Access::Deny if mask & wanted != 0 => return false,
                Access::Deny => {}
                Access::Allow => wanted &= !mask,
            }
        }
        wanted == 0
    }
}

/// What the offset at `at` points to, and the offset; none if it is zero.
type Part<'a> = Option<(usize, &'a [u8])>;

fn part(bytes: &[u8], at: usize) -> Result<Part<'_>, Malformed> {
    let offset = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(Malformed::Short)?;
    let offset = u32::from_le_bytes(*offset) as usize;
    if offset == 0 {
        return Ok(None);
    }
    if offset < HEAD || !offset.is_multiple_of(4) {
        return Err(Malformed::Offset);
    }
    Ok(Some((offset, bytes.get(offset..).ok_or(Malformed::Short)?)))
}

/// The checked entries of the list at the beginning of some bytes, and the size of the list, which may have room for
/// more.
fn checked_list(bytes: &[u8]) -> Result<(&[u8], usize), Malformed> {
    let head: &[u8; LIST] = bytes.first_chunk().ok_or(Malformed::Short)?;
    let size = usize::from(u16::from_le_bytes([head[2], head[3]]));
    let count = u16::from_le_bytes([head[4], head[5]]);
    let list = bytes.get(..size).ok_or(Malformed::Short)?;
    // Revision 4 has entries of other kinds as well, which are found below.
    if !matches!(head[0], 2 | 4) || size < LIST || !size.is_multiple_of(4) {
        return Err(Malformed::List);
    }
    let mut rest = &list[LIST..];
    for _ in 0..count {
        if rest.len() < ENTRY {
            return Err(Malformed::List);
        }
        let (_, size) = Entries::read(rest).ok_or(Malformed::Entry)?;
        rest = rest.get(size..).ok_or(Malformed::Entry)?;
    }
    Ok((&list[LIST..size - rest.len()], size))
}

/// The flags of an entry that SDDL has letters for: `OBJECT_INHERIT_ACE` and those that follow it in `winnt.h`.
const INHERITANCE: [(u8, &str); 5] = [(1, "OI"), (2, "CI"), (4, "NP"), (8, "IO"), (16, "ID")];

/// As SDDL, with masks in hexadecimal.
impl fmt::Display for Descriptor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            write!(f, "O:{owner}")?;
        }
        if let Some(group) = &self.group {
            write!(f, "G:{group}")?;
        }
        let Dacl::Entries(entries) = &self.dacl else {
            return f.write_str("D:NO_ACCESS_CONTROL");
        };
        f.write_str(if self.control & DACL_PROTECTED == 0 { "D:" } else { "D:P" })?;
        for entry in entries.clone() {
            let letter = if entry.access == Access::Allow { 'A' } else { 'D' };
            write!(f, "({letter};")?;
            let mut flags = INHERITANCE.iter().filter(|(flag, _)| entry.flags & flag != 0);
            flags.try_for_each(|(_, letters)| f.write_str(letters))?;
            write!(f, ";{:#x};;;{})", map_generic(entry.mask), entry.sid)?;
        }
        Ok(())
    }
}
