//! A client's `WSK_BUF`: bytes behind a chain of MDLs.
#![expect(unsafe_code, reason = "reads and writes memory that the client describes by MDLs")]

use std::borrow::Cow;

use wsk_sys::{
    MDL, MDL_MAPPED_TO_SYSTEM_VA, MDL_PAGES_LOCKED, MDL_PARTIAL, MDL_SOURCE_IS_NONPAGED_POOL,
    MdlMappingNoExecute, MmGetMdlByteCount, MmGetMdlVirtualAddress, MmGetSystemAddressForMdlSafe,
    NormalPagePriority, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, ULONG, WSK_BUF,
};

use crate::platform::{self, Used};
use crate::rules::{BUFFER_BOUNDS, BUFFER_NOT_LOCKED, Broken, Failure};

/// One of these says that the pages of an MDL are resident.
const RESIDENT: i16 = MDL_MAPPED_TO_SYSTEM_VA | MDL_PAGES_LOCKED | MDL_PARTIAL | MDL_SOURCE_IS_NONPAGED_POOL;

/// May fail when memory is short, and maps nothing as code.
const PRIORITY: ULONG = NormalPagePriority | MdlMappingNoExecute;

/// A piece of the buffer, contiguous in memory.
struct Piece {
    address: *mut u8,
    length: usize,
}

/// The memory of a buffer, which a request uses: the structure, its MDLs, and what they describe of the data.
///
/// # Errors
/// An MDL is none, or its memory may go. That a chain is too short is found when the request runs.
///
/// # Safety
/// `buffer` is null or the client's, for a request that is not completed.
pub(crate) unsafe fn used(buffer: *const WSK_BUF, what: &str) -> Result<Vec<Used>, Broken> {
    let mut used = vec![Used::of("the WSK_BUF", buffer)];
    // SAFETY: this function's contract.
    if let Some(buffer) = unsafe { buffer.as_ref() } {
        // SAFETY: the buffer is the client's, says the caller.
        used.extend(unsafe { used_by(buffer, what) }?);
    }
    Ok(used)
}

/// The memory that a buffer points to.
///
/// # Errors
/// As [`used`].
///
/// # Safety
/// The buffer is the client's, for a request that is not completed.
pub(crate) unsafe fn used_by(buffer: &WSK_BUF, what: &str) -> Result<Vec<Used>, Broken> {
    let (mut mdl, mut offset, mut left) = (buffer.Mdl, buffer.Offset as usize, buffer.Length);
    let mut used = Vec::new();
    while left != 0 && !mdl.is_null() {
        platform::check_mdl(mdl, what)?;
        // SAFETY: an MDL of the client's chain, which lives.
        unsafe { check_resident(mdl, what) }?;
        platform::check_pages(mdl, what)?;
        used.push(Used::of("an MDL of the buffer", mdl));
        // SAFETY: an MDL of the client's chain, which lives.
        let start = unsafe { MmGetMdlVirtualAddress(mdl) };
        // SAFETY: an MDL of the client's chain, which lives.
        let count = unsafe { MmGetMdlByteCount(mdl) } as usize;
        let length = left.min(count.saturating_sub(offset));
        used.push(Used::new("the data of the buffer", start.wrapping_byte_add(offset), length));
        // SAFETY: an MDL of the client's chain, which lives.
        let next = unsafe { (*mdl).Next };
        (left, offset, mdl) = (left - length, 0, next);
    }
    Ok(used)
}

/// The bytes of a buffer: where they are, if that is in one piece, and else a copy.
///
/// # Errors
/// `STATUS_INVALID_PARAMETER`: no `WSK_BUF`. n/d `STATUS_INSUFFICIENT_RESOURCES`: an MDL cannot be mapped.
/// [`BUFFER_BOUNDS`], [`BUFFER_NOT_LOCKED`]: what is, somehow, a bug check on Windows.
///
/// # Safety
/// `buffer` is null or the client's, for a request that is not completed.
pub(crate) unsafe fn read<'c>(buffer: *const WSK_BUF, what: &str) -> Result<Cow<'c, [u8]>, Failure> {
    let bytes = |piece: &Piece| {
        // SAFETY: the bytes are the client's, mapped, and by contract left alone until the request is completed.
        unsafe { core::slice::from_raw_parts(piece.address, piece.length) }
    };
    // SAFETY: this function's contract.
    match &unsafe { pieces(buffer, what) }?[..] {
        [piece] => Ok(Cow::Borrowed(bytes(piece))),
        pieces => Ok(Cow::Owned(pieces.iter().map(bytes).collect::<Vec<_>>().concat())),
    }
}

/// Copies bytes into a buffer, as many as fit, and returns how many that were.
///
/// # Errors
/// As [`read`].
///
/// # Safety
/// As [`read`].
pub(crate) unsafe fn write(buffer: *const WSK_BUF, bytes: &[u8], what: &str) -> Result<usize, Failure> {
    let mut rest = bytes;
    // SAFETY: this function's contract.
    for piece in unsafe { pieces(buffer, what) }? {
        let (now, later) = rest.split_at(piece.length.min(rest.len()));
        // SAFETY: the bytes are the client's, mapped, and by contract left alone until the request is completed.
        unsafe { piece.address.copy_from_nonoverlapping(now.as_ptr(), now.len()) };
        rest = later;
    }
    Ok(bytes.len() - rest.len())
}

/// The pieces of a buffer.
///
/// # Errors
/// As [`read`].
///
/// # Safety
/// As [`read`].
unsafe fn pieces(buffer: *const WSK_BUF, what: &str) -> Result<Vec<Piece>, Failure> {
    if buffer.is_null() {
        return Err(STATUS_INVALID_PARAMETER.into());
    }
    // SAFETY: not null, so by this function's contract a WSK_BUF of the client.
    let buffer = unsafe { buffer.read() };
    let (mut mdl, mut offset, mut left) = (buffer.Mdl, buffer.Offset as usize, buffer.Length);
    let mut pieces = Vec::new();
    let bounds = |why| {
        let detail = format!("{what} with {} bytes from offset {}: {why}", buffer.Length, buffer.Offset);
        Failure::Broken(Broken::new(&BUFFER_BOUNDS, detail))
    };
    while left != 0 {
        if mdl.is_null() {
            return Err(bounds("the chain of MDLs is shorter"));
        }
        // SAFETY: an MDL of the client's chain.
        let (next, description) = unsafe { describe(mdl, what) }?;
        if offset != 0 && offset >= description.length {
            return Err(bounds("the offset is not in the first MDL"));
        }
        if description.address.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES.into());
        }
        let length = left.min(description.length - offset);
        pieces.push(Piece { address: description.address.wrapping_add(offset), length });
        (left, offset, mdl) = (left - length, 0, next);
    }
    Ok(pieces)
}

/// Checks that the pages of an MDL are resident.
///
/// # Safety
/// As [`describe`].
unsafe fn check_resident(mdl: *mut MDL, what: &str) -> Result<(), Broken> {
    // SAFETY: the client's MDL, which it leaves alone until the request is completed.
    let flags = unsafe { (*mdl).MdlFlags };
    if flags & RESIDENT != 0 {
        return Ok(());
    }
    let detail =
        format!("{what} with an MDL that is neither locked nor of non-paged pool (flags {flags:#x})");
    Err(Broken::new(&BUFFER_NOT_LOCKED, detail))
}

/// The next MDL of the chain, and the memory of this one.
///
/// # Safety
/// `mdl` is an MDL of the client's, for a request that is not completed.
unsafe fn describe(mdl: *mut MDL, what: &str) -> Result<(*mut MDL, Piece), Broken> {
    // SAFETY: this function's contract.
    unsafe { check_resident(mdl, what) }?;
    // SAFETY: its flags say that its pages are resident.
    let address = unsafe { MmGetSystemAddressForMdlSafe(mdl, PRIORITY) };
    // SAFETY: its flags say that its pages are resident.
    let length = unsafe { (*mdl).ByteCount } as usize;
    // SAFETY: its flags say that its pages are resident.
    let next = unsafe { (*mdl).Next };
    Ok((next, Piece { address: address.cast(), length }))
}
