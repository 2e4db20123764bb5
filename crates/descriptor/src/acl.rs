//! Entries of an access-control list, and what access masks mean.

use crate::sid::Sid;

/// `FILE_READ_DATA`
pub const FILE_READ_DATA: u32 = 0x0001;
/// `FILE_WRITE_DATA`
pub const FILE_WRITE_DATA: u32 = 0x0002;

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `ACCESS_ALLOWED_ACE`
    Allow,
    /// `ACCESS_DENIED_ACE`
    Deny,
}

/// An entry of a DACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What it does.
    pub access: Access,
    /// How it is inherited; nothing inherits from what these descriptors are for.
    pub flags: u8,
    /// The accesses that it is about.
    pub mask: u32,
    /// Whom it is about.
    pub sid: Sid<'a>,
}

/// `INHERIT_ONLY_ACE`: the entry is not for the object itself.
const INHERIT_ONLY: u8 = 8;

impl Entry<'_> {
    /// Whether the entry is about the object itself.
    #[must_use]
    pub const fn is_effective(&self) -> bool {
        self.flags & INHERIT_ONLY == 0
    }
}

/// The size of an entry without its identifier.
pub(crate) const ENTRY: usize = 8;

/// The entries of a list that was checked.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// The entries in some bytes: what follows the list's header.
    pub(crate) const fn new(rest: &'a [u8]) -> Entries<'a> {
        Entries { rest }
    }

    /// Reads the first entry, and how many bytes it takes.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<(Entry<'a>, usize)> {
        let &[kind, flags, low, high, ..] = bytes else { return None };
        let size = usize::from(u16::from_le_bytes([low, high]));
        let entry = bytes.get(..size)?;
        let mask = u32::from_le_bytes(*entry.get(4..)?.first_chunk()?);
        let sid = Sid::prefix(entry.get(ENTRY..)?)?;
        let access = match kind {
            0 => Access::Allow,
            1 => Access::Deny,
            _ => return None,
        };
        Some((Entry { access, flags, mask, sid }, size)).filter(|_| size.is_multiple_of(4))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let (entry, size) = Entries::read(self.rest)?;
        self.rest = self.rest.get(size..)?;
        Some(entry)
    }
}

/// Replaces the generic rights by those of files.
#[must_use]
pub const fn map_generic(mask: u32) -> u32 {
    const GENERIC: [(u32, u32); 4] = [
        (0x8000_0000, 0x0012_0089),
        (0x4000_0000, 0x0012_0116),
        (0x2000_0000, 0x0012_00A0),
        (0x1000_0000, 0x001F_01FF),
    ];
    let (mut mapped, mut at) = (mask & 0x0FFF_FFFF, 0);
    while at < GENERIC.len() {
        if mask & GENERIC[at].0 != 0 {
            mapped |= GENERIC[at].1;
        }
        at += 1;
    }
    mapped
}
