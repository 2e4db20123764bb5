//! Where a value may be dropped.
#![expect(unsafe_code, reason = "the trait is a promise")]

use core::cell::{Cell, RefCell, UnsafeCell};
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use core::ptr::NonNull;
use core::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16,
    AtomicU32, AtomicU64, AtomicUsize,
};
use core::time::Duration;

use nt_sys::ULONG;

#[cfg(loom)]
use crate::sync;
use crate::{Buffer, Error, PoolBox, Shared, SpinLock};

/// Values that may be dropped at IRQL <= `DISPATCH_LEVEL`, on any thread, within a completion routine too.
///
/// What an asynchronous request or a callback owns is dropped there, when nobody else is left to do it. So it owns nothing
/// whose drop waits, touches paged memory or calls another driver. Types with such a drop do not have this trait, and so
/// neither do types made of them: of this crate's a [`Dpc`](crate::Dpc), a [`Timer`](crate::Timer) and a
/// [`WorkItem`](crate::WorkItem), which wait until their routine has returned.
///
/// Numbers, addresses, buffers and pool memory have it, and what arrays, tuples, options, cells and locks make of them;
/// with the feature `alloc` also `Box`, `Vec`, `String` and their like, whose memory the driver's allocator must free at
/// `DISPATCH_LEVEL`: non-paged pool does. A type of one's own gets it from [`dispatch_drop!`](crate::dispatch_drop), which
/// looks at its fields; a reference is a field that is `Copy`.
///
/// # Safety
/// Dropping a value neither waits, nor touches paged memory, nor calls another driver. Code that the drop of a field runs
/// counts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to be fit for being dropped at DISPATCH_LEVEL",
    label = "may be dropped within a completion routine",
    note = "a drop that waits, or that calls another driver, is not",
    note = "for a type of your own: `dispatch_drop!(Type {{ every, field }});`",
    note = "for `Box`, `Vec`, `String` and their like: the feature `alloc` of `nt` or `wsk`"
)]
pub unsafe trait DispatchDrop {}

macro_rules! plain {
    ($($Type:ty),* $(,)?) => {$(
        // SAFETY: there is nothing to drop.
        unsafe impl DispatchDrop for $Type {}
    )*};
}

plain!((), bool, char, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);
plain!(AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize);
plain!(AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize);
#[cfg(loom)]
plain!(sync::AtomicBool, sync::AtomicI32, sync::AtomicU32, sync::AtomicUsize);
plain!(IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, Duration);
plain!(Error);

macro_rules! nothing_to_drop {
    ($($Type:ty),* $(,)?) => {$(
        // SAFETY: whatever `T` is, there is nothing to drop.
        unsafe impl<T: ?Sized> DispatchDrop for $Type {}
    )*};
}

// Not for references, though there is nothing to drop: with them, the compiler's advice for any other type is to borrow
// it, and it leaves out the notes above.
nothing_to_drop!(*const T, *mut T, NonNull<T>, PhantomData<T>, ManuallyDrop<T>);

// SAFETY: there is nothing to drop.
unsafe impl<T> DispatchDrop for AtomicPtr<T> {}
// SAFETY: what is in it is not dropped.
unsafe impl<T> DispatchDrop for MaybeUninit<T> {}

macro_rules! made_of {
    ($(($($T:ident),*) $Type:ty;)*) => {$(
        // SAFETY: only what is in it is dropped.
        unsafe impl<$($T: DispatchDrop),*> DispatchDrop for $Type {}
    )*};
}

made_of! {
    (T) Option<T>;
    (T, E) Result<T, E>;
    (T) [T];
    (T) Cell<T>;
    (T) RefCell<T>;
    (T) UnsafeCell<T>;
    (A) (A,);
    (A, B) (A, B);
    (A, B, C) (A, B, C);
    (A, B, C, D) (A, B, C, D);
    (A, B, C, D, E) (A, B, C, D, E);
    (A, B, C, D, E, F) (A, B, C, D, E, F);
}

// SAFETY: only what is in it is dropped.
unsafe impl<T: DispatchDrop, const N: usize> DispatchDrop for [T; N] {}

// SAFETY: its drop frees pool and an MDL, at any IRQL <= DISPATCH_LEVEL.
unsafe impl<const TAG: ULONG> DispatchDrop for Buffer<TAG> {}
// SAFETY: the value is dropped, and its pool freed, at any IRQL <= DISPATCH_LEVEL.
unsafe impl<T: DispatchDrop, const TAG: ULONG> DispatchDrop for PoolBox<T, TAG> {}
// SAFETY: the last handle drops the value, and frees its pool, at any IRQL <= DISPATCH_LEVEL.
unsafe impl<T: DispatchDrop, const TAG: ULONG> DispatchDrop for Shared<T, TAG> {}
// SAFETY: only the value is dropped.
unsafe impl<T: DispatchDrop> DispatchDrop for SpinLock<T> {}

#[cfg(feature = "alloc")]
mod with_alloc {
    extern crate alloc;

    use alloc::boxed::Box;
    use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
    use alloc::string::String;
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    use super::DispatchDrop;

    // SAFETY: memory of the driver's allocator, which by the trait's documentation is freed at DISPATCH_LEVEL.
    unsafe impl DispatchDrop for String {}
    // SAFETY: what is in it is dropped, and its memory freed as a `String`'s.
    unsafe impl<T: ?Sized + DispatchDrop> DispatchDrop for Box<T> {}
    // SAFETY: the last reference drops what is in it, and its memory is freed as a `String`'s.
    unsafe impl<T: ?Sized + DispatchDrop> DispatchDrop for Arc<T> {}

    made_of! {
        (T) Vec<T>;
        (T) VecDeque<T>;
        (T) BTreeSet<T>;
        (K, V) BTreeMap<K, V>;
    }
}

/// Gives a type of one's own the trait [`DispatchDrop`], if all of its fields have it, or are `Copy` and said to be.
///
/// Every field is named, so that none is forgotten. The type is not generic, and has no `Drop` of its own: whoever writes
/// one promises for it, with an `unsafe impl`.
///
/// ```
/// use nt::dispatch_drop;
///
/// type Buffer = nt::Buffer<{ nt::pool::tag(b"Demo") }>;
///
/// #[derive(Clone, Copy)]
/// enum Kind { Query, Reply }
///
/// // A field of a type that has not the trait, but is `Copy`, so that there is nothing to drop.
/// struct Request { kind: Kind, number: u64, buffer: Buffer }
/// dispatch_drop!(Request { kind: Copy, number, buffer });
///
/// struct Numbered(u64, Buffer);
/// dispatch_drop!(Numbered(number, buffer));
///
/// // For the buffers of an operation that are just this.
/// dispatch_drop!(Kind: Copy);
/// ```
///
/// ```compile_fail
/// struct Owner { dpc: nt::Dpc<u32, { nt::pool::tag(b"Demo") }> }
/// nt::dispatch_drop!(Owner { dpc });
/// ```
#[macro_export]
macro_rules! dispatch_drop {
    ($Type:ident : Copy) => {
        const _: () = $crate::__private::is_copy::<$Type>();
        // SAFETY: what is `Copy`, as is shown above, has nothing to drop.
        unsafe impl $crate::DispatchDrop for $Type {}
    };
    ($Type:ident { $($field:ident $(: $copy:ident)?),* $(,)? }) => {
        const _: fn($Type) = |value| {
            let $Type { $($field),* } = value;
            $($crate::dispatch_drop!(@field $field $($copy)?);)*
        };
        impl $crate::__private::HasNoDrop for $Type {}
        // SAFETY: it has no `Drop` of its own, and each of its fields has the trait or is `Copy`, as is shown above.
        unsafe impl $crate::DispatchDrop for $Type {}
    };
    ($Type:ident ( $($field:ident $(: $copy:ident)?),* $(,)? )) => {
        const _: fn($Type) = |value| {
            let $Type($($field),*) = value;
            $($crate::dispatch_drop!(@field $field $($copy)?);)*
        };
        impl $crate::__private::HasNoDrop for $Type {}
        // SAFETY: it has no `Drop` of its own, and each of its fields has the trait or is `Copy`, as is shown above.
        unsafe impl $crate::DispatchDrop for $Type {}
    };
    // Functions by their path, and no methods: which method a call means depends on the traits of whoever calls.
    (@field $field:ident) => { $crate::__private::has_dispatch_drop($field) };
    (@field $field:ident Copy) => { $crate::__private::has_copy($field) };
}

/// What the expansion of [`dispatch_drop!`](crate::dispatch_drop) refers to; no part of the interface.
#[doc(hidden)]
pub mod private {
    use super::DispatchDrop;

    /// A type that has nothing to drop.
    pub const fn is_copy<T: Copy>() {}

    /// A field that has nothing to drop.
    pub fn has_copy<T: Copy>(_: T) {}

    /// A field that has the trait.
    pub fn has_dispatch_drop<T: DispatchDrop>(_: T) {}

    /// Implemented for every type with a `Drop`: to implement it for one is an error.
    pub trait HasNoDrop {}

    #[allow(drop_bounds, reason = "this is about the type itself, not about its fields")]
    impl<T: Drop + ?Sized> HasNoDrop for T {}
}
