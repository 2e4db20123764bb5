//! `ExAllocatePoolWithTag`, the older way to allocate pool: by a type, and not zeroed.

use wsk_sys::{
    NonPagedPool, NonPagedPoolCacheAligned, NonPagedPoolNx, NonPagedPoolNxCacheAligned, POOL_FLAG_NON_PAGED,
    POOL_FLAG_PAGED, POOL_FLAG_UNINITIALIZED, POOL_TYPE, PVOID, PagedPool, PagedPoolCacheAligned, SIZE_T,
    ULONG,
};

use super::{ExAllocatePool2, POOL_FLAG_CACHE_ALIGNED, POOL_FLAG_NON_PAGED_EXECUTE};

/// Allocates pool that is not zeroed. Null on failure.
///
/// `NonPagedPool` is executable; asking for it breaks a rule, as with `ExAllocatePool2`.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; <= `APC_LEVEL` for paged pool.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the types bear their C names")]
pub extern "system" fn ExAllocatePoolWithTag(
    PoolType: POOL_TYPE,
    NumberOfBytes: SIZE_T,
    Tag: ULONG,
) -> PVOID {
    let pool = match PoolType {
        NonPagedPool => POOL_FLAG_NON_PAGED_EXECUTE,
        NonPagedPoolCacheAligned => POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_CACHE_ALIGNED,
        NonPagedPoolNx => POOL_FLAG_NON_PAGED,
        NonPagedPoolNxCacheAligned => POOL_FLAG_NON_PAGED | POOL_FLAG_CACHE_ALIGNED,
        PagedPool => POOL_FLAG_PAGED,
        PagedPoolCacheAligned => POOL_FLAG_PAGED | POOL_FLAG_CACHE_ALIGNED,
        // n/d: what is not known is no pool.
        _ => 0,
    };
    ExAllocatePool2(pool | POOL_FLAG_UNINITIALIZED, NumberOfBytes, Tag)
}
