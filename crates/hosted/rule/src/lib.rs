//! A rule of a kernel interface, as the hosted modules declare it and report that it was broken.
//!
//! Each module lists its rules with [`rules!`]. In the hosted kernel a broken one is a bug check of crate `ntos`; under
//! Wine it is what [`report`] does.
#![no_std]

extern crate alloc;

use alloc::string::String;
use core::fmt;

pub mod report;

/// One rule: what it is called, what Windows reports for it, and where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The bug check code.
    pub code: u32,
    /// The first parameter of the bug check, which tells the rules of one code apart.
    pub parameter: usize,
    /// The name: that of the DDI compliance rule where there is one.
    pub name: &'static str,
    /// The title of Microsoft's page, or the C name of the function whose page states the rule.
    pub source: &'static str,
}

impl Rule {
    /// A rule.
    #[must_use]
    pub const fn new(code: u32, parameter: usize, name: &'static str, source: &'static str) -> Rule {
        Rule { code, parameter, name, source }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.source)
    }
}

/// A broken rule, and how it was broken: what functions return that no driver calls, for the one that was called to raise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The rule.
    pub rule: &'static Rule,
    /// What was done to which object.
    pub detail: String,
}

impl Broken {
    /// That `rule` is broken, and how.
    pub fn new(rule: &'static Rule, detail: impl Into<String>) -> Broken {
        Broken { rule, detail: detail.into() }
    }
}

/// Declares the rules of a module: a static for each, and the lists `RULES` and `CONSTANTS`.
///
/// A row is `CONSTANT = code, parameter, "name", "source";`. Where all have one code, it is said once, before them.
///
/// ```
/// hosted_rule::rules! {
///     code 0xC4;
///     /// A wait above `DISPATCH_LEVEL`.
///     WAIT_ABOVE_DISPATCH = 0x120, "IrqlKeDispatchLte", "KeWaitForSingleObject";
/// }
/// assert_eq!(RULES, [&WAIT_ABOVE_DISPATCH]);
/// assert_eq!(CONSTANTS, ["WAIT_ABOVE_DISPATCH"]);
/// assert_eq!((WAIT_ABOVE_DISPATCH.code, WAIT_ABOVE_DISPATCH.parameter), (0xC4, 0x120));
/// ```
#[macro_export]
macro_rules! rules {
    (code $code:expr; $($(#[$doc:meta])+ $constant:ident = $parameter:expr, $name:literal, $source:literal;)*) => {
        $crate::rules! { $($(#[$doc])+ $constant = $code, $parameter, $name, $source;)* }
    };
    ($($(#[$doc:meta])+ $constant:ident = $code:expr, $parameter:expr, $name:literal, $source:literal;)*) => {
        $($(#[$doc])+ pub static $constant: $crate::Rule = $crate::Rule::new($code, $parameter, $name, $source);)*

        /// Every rule of this module.
        pub static RULES: &[&$crate::Rule] = &[$(&$constant),*];

        /// What the source calls them, in the same order.
        pub static CONSTANTS: &[&str] = &[$(stringify!($constant)),*];
    };
}
