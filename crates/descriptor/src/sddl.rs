//! Descriptors from text, in the security descriptor definition language (SDDL).
//!
//! Read is what [`Descriptor::parse`](crate::Descriptor::parse) takes: an owner, a group, and a DACL whose entries allow
//! (`A`) or deny (`D`), without inheritance; rights as letters of files or in hexadecimal; trustees as two letters or as
//! `S-1-...`.

use core::fmt;

use crate::acl::ENTRY;
use crate::parse::{DACL_PRESENT, DACL_PROTECTED, HEAD, LIST, SELF_RELATIVE};
use crate::sid;

/// Why a text is no descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SddlError {
    /// It does not begin with `O:`, `G:` or `D:`, in this order.
    Syntax,
    /// An entry is not written as `(A;;rights;;;trustee)`.
    Entry,
    /// The rights are neither letters nor a number.
    Rights,
    /// The trustee is not known.
    Trustee,
    /// There is not so much room.
    Room,
}

impl fmt::Display for SddlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SddlError::Syntax => {
                "write it as D:P(A;;GA;;;SY)(A;;GA;;;BA), with O:.. and G:.. in front if need be"
            }
            SddlError::Entry => "an entry is written as (A;;GA;;;BA) to allow or (D;;GA;;;BA) to deny",
            SddlError::Rights => {
                "rights are GA, GR, GW, GX, FA, FR, FW, FX, SD, RC, WD, WO, or a number such as 0x3"
            }
            SddlError::Trustee => "a trustee is two letters, such as SY, BA or WD, or S-1-...",
            SddlError::Room => "the security descriptor is too large",
        })
    }
}

impl core::error::Error for SddlError {}

/// Writes the descriptor that `text` describes at the beginning of `to`, and tells its size.
///
/// # Errors
/// What is wrong with the text, or that there is not enough room.
pub fn encode(text: &str, to: &mut [u8]) -> Result<usize, SddlError> {
    let (owner, rest) = identifier(text, "O:")?;
    let (group, rest) = identifier(rest, "G:")?;
    let list = match rest {
        "" => None,
        _ => Some(rest.strip_prefix("D:").ok_or(SddlError::Syntax)?),
    };
    let mut writer = Writer { to, size: 0 };
    writer.put(&[0; HEAD])?;
    let mut control = SELF_RELATIVE;
    let mut offsets = [0_u32; 4];
    for (offset, sid) in offsets.iter_mut().zip([owner, group]) {
        if let Some(sid) = sid {
            *offset = writer.offset()?;
            writer.put_sid(sid)?;
        }
    }
    match list {
        None => {}
        Some("NO_ACCESS_CONTROL") => control |= DACL_PRESENT,
        Some(list) => {
            control |= DACL_PRESENT;
            let entries = list.strip_prefix('P').inspect(|_| control |= DACL_PROTECTED).unwrap_or(list);
            offsets[3] = writer.offset()?;
            writer.put_list(entries)?;
        }
    }
    let Writer { to, size } = writer;
    let head = to.first_chunk_mut::<HEAD>().ok_or(SddlError::Room)?;
    head[0] = 1;
    head[2..4].copy_from_slice(&control.to_le_bytes());
    for (place, offset) in head[4..].chunks_exact_mut(4).zip(offsets) {
        place.copy_from_slice(&offset.to_le_bytes());
    }
    Ok(size)
}

/// What follows `prefix` up to the next part, and the rest.
fn identifier<'t>(text: &'t str, prefix: &str) -> Result<(Option<&'t str>, &'t str), SddlError> {
    let Some(text) = text.strip_prefix(prefix) else { return Ok((None, text)) };
    // In `S-1-...` no colon can be; the letter before the next one begins the next part.
    let end = text.find(':').map_or(Some(text.len()), |colon| colon.checked_sub(1));
    let (sid, rest) = end.and_then(|end| text.split_at_checked(end)).ok_or(SddlError::Syntax)?;
    Ok((Some(sid), rest))
}

struct Writer<'b> {
    to: &'b mut [u8],
    size: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), SddlError> {
        let room = self.to.get_mut(self.size..).and_then(|room| room.get_mut(..bytes.len()));
        room.ok_or(SddlError::Room)?.copy_from_slice(bytes);
        self.size += bytes.len();
        Ok(())
    }

    fn offset(&self) -> Result<u32, SddlError> {
        u32::try_from(self.size).map_err(|_| SddlError::Room)
    }

    fn put_sid(&mut self, text: &str) -> Result<(), SddlError> {
        let mut bytes = [0; sid::MAX];
        let size = sid::parse(text, &mut bytes).ok_or(SddlError::Trustee)?;
        self.put(&bytes[..size])
    }

    /// A size of what was written since, written to two bytes of it.
    fn put_size(&mut self, since: usize, at: usize) -> Result<(), SddlError> {
        let size = u16::try_from(self.size - since).map_err(|_| SddlError::Room)?;
        self.to.get_mut(at..at + 2).ok_or(SddlError::Room)?.copy_from_slice(&size.to_le_bytes());
        Ok(())
    }

    fn put_list(&mut self, mut entries: &str) -> Result<(), SddlError> {
        let start = self.size;
        self.put(&[2, 0, 0, 0, 0, 0, 0, 0])?;
        const { assert!(LIST == 8) };
        let mut count = 0_u16;
        while !entries.is_empty() {
            let (entry, rest) = entries
                .strip_prefix('(')
                .and_then(|entries| entries.split_once(')'))
                .ok_or(SddlError::Entry)?;
            self.put_entry(entry)?;
            count = count.checked_add(1).ok_or(SddlError::Room)?;
            entries = rest;
        }
        self.put_size(start, start + 2)?;
        self.to.get_mut(start + 4..start + 6).ok_or(SddlError::Room)?.copy_from_slice(&count.to_le_bytes());
        Ok(())
    }

    /// `type;flags;rights;object;inherited object;trustee`
    fn put_entry(&mut self, text: &str) -> Result<(), SddlError> {
        let mut fields = text.split(';');
        let mut next = || fields.next().ok_or(SddlError::Entry);
        let (kind, flags, rights, object, inherited, trustee) =
            (next()?, next()?, next()?, next()?, next()?, next()?);
        let kind = match kind {
            "A" => 0,
            "D" => 1,
            _ => return Err(SddlError::Entry),
        };
        if fields.next().is_some() || !(flags.is_empty() && object.is_empty() && inherited.is_empty()) {
            return Err(SddlError::Entry);
        }
        let start = self.size;
        self.put(&[kind, 0, 0, 0])?;
        self.put(&mask(rights).ok_or(SddlError::Rights)?.to_le_bytes())?;
        const { assert!(ENTRY == 8) };
        self.put_sid(trustee)?;
        self.put_size(start, start + 2)
    }
}

fn mask(rights: &str) -> Option<u32> {
    if let Some(digits) = rights.strip_prefix("0x") {
        // `from_str_radix` would take a sign.
        let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        return if hexadecimal { u32::from_str_radix(digits, 16).ok() } else { None };
    }
    if rights.is_empty() {
        return None;
    }
    let (pairs, rest) = rights.as_bytes().as_chunks::<2>();
    let bits = |pair: &[u8; 2]| {
        Some(match pair {
            b"GA" => 0x1000_0000,
            b"GX" => 0x2000_0000,
            b"GW" => 0x4000_0000,
            b"GR" => 0x8000_0000,
            b"FA" => 0x001F_01FF,
            b"FR" => 0x0012_0089,
            b"FW" => 0x0012_0116,
            b"FX" => 0x0012_00A0,
            b"SD" => 0x0001_0000,
            b"RC" => 0x0002_0000,
            b"WD" => 0x0004_0000,
            b"WO" => 0x0008_0000,
            _ => return None,
        })
    };
    if rest.is_empty() { pairs.iter().try_fold(0, |mask, pair| Some(mask | bits(pair)?)) } else { None }
}
