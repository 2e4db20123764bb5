//! Copying a descriptor of either form out of memory.
#![expect(unsafe_code, reason = "a descriptor in memory is reached through pointers")]

use core::ptr::NonNull;

use crate::acl::ENTRY;
use crate::parse::{DACL_PRESENT, DACL_PROTECTED, HEAD, LIST, Malformed, SELF_RELATIVE};

/// Copies owner, group and DACL of a descriptor, self-relative or absolute, to the beginning of `to`, as a self-relative
/// one; tells its size, or the size that is needed if there is less room. [`Descriptor::parse`](crate::Descriptor::parse)
/// says whether the copy is good.
///
/// # Errors
/// [`Malformed::Revision`]
///
/// # Safety
/// `descriptor` points to a `SECURITY_DESCRIPTOR` of one of the two forms, with valid identifiers and lists, which
/// nobody changes during the call.
pub unsafe fn copy(descriptor: NonNull<u8>, to: &mut [u8]) -> Result<usize, Malformed> {
    // SAFETY: both forms begin with revision, zero and control.
    let head: [u8; 4] = unsafe { descriptor.cast().read() };
    if head[0] != 1 {
        return Err(Malformed::Revision);
    }
    let control = u16::from_le_bytes([head[2], head[3]]);
    let mut writer = Writer { to, size: HEAD };
    let mut offsets = [0_u32; 4];
    for (index, offset) in offsets.iter_mut().enumerate() {
        // SAFETY: passed on.
        let part = unsafe { part(descriptor, control, index) };
        let Some(part) = part else { continue };
        let length = match index {
            // Owner and group.
            0 | 1 => {
                // SAFETY: an identifier has its revision, and then its count.
                let [_, count]: [u8; 2] = unsafe { part.cast().read() };
                8 + 4 * usize::from(count)
            }
            3 if control & DACL_PRESENT != 0 => {
                // SAFETY: a list has its revision, zero, and then its size.
                let [_, _, low, high]: [u8; 4] = unsafe { part.cast().read() };
                usize::from(u16::from_le_bytes([low, high])).max(LIST)
            }
            _ => continue,
        };
        *offset = u32::try_from(writer.size).map_err(|_| Malformed::Short)?;
        // SAFETY: an identifier, or a list, of that length.
        unsafe { writer.put(part, length) };
    }
    let control = control & (DACL_PRESENT | DACL_PROTECTED) | SELF_RELATIVE;
    if let Some(head) = writer.to.first_chunk_mut::<HEAD>() {
        head[..2].copy_from_slice(&[1, 0]);
        head[2..4].copy_from_slice(&control.to_le_bytes());
        for (place, offset) in head[4..].chunks_exact_mut(4).zip(offsets) {
            place.copy_from_slice(&offset.to_le_bytes());
        }
    }
    const { assert!(ENTRY.is_multiple_of(4) && HEAD.is_multiple_of(4)) };
    Ok(writer.size)
}

/// The absolute form, on 64-bit Windows.
#[repr(C)]
struct Absolute {
    _head: [u8; 4],
    /// Owner, group, SACL, DACL.
    parts: [*mut u8; 4],
}

/// Where a part of the descriptor is: owner, group, SACL, DACL.
///
/// # Safety
/// As for [`copy`].
unsafe fn part(descriptor: NonNull<u8>, control: u16, index: usize) -> Option<NonNull<u8>> {
    if control & SELF_RELATIVE == 0 {
        // SAFETY: this is the absolute form.
        let absolute = unsafe { descriptor.cast::<Absolute>().read_unaligned() };
        return NonNull::new(absolute.parts[index]);
    }
    // SAFETY: this is the self-relative form: the head, and four offsets.
    let relative: [[u8; 4]; 5] = unsafe { descriptor.cast().read() };
    let offset = u32::from_le_bytes(relative[1 + index]);
    // SAFETY: an offset that is not zero is that of a part, in the same block of memory.
    (offset != 0).then(|| unsafe { descriptor.add(offset as usize) })
}

struct Writer<'b> {
    to: &'b mut [u8],
    size: usize,
}

impl Writer<'_> {
    /// # Safety
    /// So many bytes can be read there.
    unsafe fn put(&mut self, from: NonNull<u8>, length: usize) {
        // SAFETY: this function's contract.
        let bytes = unsafe { core::slice::from_raw_parts(from.as_ptr(), length) };
        if let Some(to) = self.to.get_mut(self.size..).and_then(|to| to.get_mut(..length)) {
            to.copy_from_slice(bytes);
        }
        self.size += length.next_multiple_of(4);
    }
}
