//! The crate's pool memory: [`nt::pool`]'s, under the tag of this crate.

use core::ptr::NonNull;

pub(crate) use nt::pool::free;
use wsk_sys::ULONG;

use crate::error::Result;

/// The tag of every block that this crate allocates, as `!poolused` shows it: `WskC`.
pub const POOL_TAG: ULONG = nt::pool::tag(b"WskC");

/// A value in a non-paged pool block that several handles share; see [`nt::Shared`].
pub type Shared<T> = nt::Shared<T, POOL_TAG>;

/// A value in a non-paged pool block of its own.
pub(crate) type PoolBox<T> = nt::PoolBox<T, POOL_TAG>;

/// Allocates a zeroed, non-paged block for a `T`.
///
/// # Errors
/// [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES)
pub(crate) fn allocate<T>() -> Result<NonNull<T>> {
    nt::pool::allocate(POOL_TAG)
}

/// Allocates a zeroed, non-paged block of `size` bytes, which is not zero.
///
/// # Errors
/// [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES)
pub(crate) fn allocate_bytes(size: usize) -> Result<NonNull<u8>> {
    nt::pool::allocate_bytes(size, POOL_TAG)
}
