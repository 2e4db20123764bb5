//! The declarations of `nt-sys` and `wsk-sys`, and the numbers of `wsk-cmsg`, as the build script found them in the source.

#[derive(Clone, Copy)]
pub(super) struct Constant {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    pub(super) value: i128,
}

/// A type alias that is no function pointer, or a variable.
#[derive(Clone, Copy)]
pub(super) struct Alias {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    pub(super) size: usize,
}

/// A structure or union with at least one public field.
#[derive(Clone, Copy)]
pub(super) struct Structure {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    pub(super) size: usize,
    pub(super) alignment: usize,
    pub(super) fields: &'static [Field],
}

#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) offset: usize,
    pub(super) size: usize,
}

/// A function, or an alias of a function pointer; the types are spelled in C.
#[derive(Clone, Copy)]
pub(super) struct Prototype {
    pub(super) module: &'static str,
    pub(super) name: &'static str,
    pub(super) parameters: &'static [&'static str],
    pub(super) result: &'static str,
}

// The lint does not look at test builds.
#[cfg_attr(
    not(test),
    expect(clippy::wildcard_imports, reason = "field types stand in the tables as the source spells them")
)]
use wsk_sys::*;

include!(concat!(env!("OUT_DIR"), "/stock.rs"));
