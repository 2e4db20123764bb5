//! Kinds of objects: what all objects with one type of handle have in common.

use wsk_sys::{DISPATCH_LEVEL, KIRQL};

use hosted_rule::Rule;

use crate::rules;

/// A kind of object, given by whoever creates such objects.
pub(crate) struct Kind {
    /// The C name of the handle's type.
    pub(crate) name: &'static str,
    /// What ends such an object, for a report.
    pub(crate) end: &'static str,
    /// The rule that `function` breaks with the handle of such an object that is gone.
    pub(crate) gone: fn(function: &str) -> &'static Rule,
    /// The highest IRQL at which the driver may delete one.
    pub(crate) delete_level: KIRQL,
}

fn invalid_handle(_function: &str) -> &'static Rule {
    &rules::INVALID_HANDLE
}

impl Kind {
    /// The kind whose handles have the C type of this name.
    pub(crate) const fn new(name: &'static str) -> Kind {
        Kind { name, end: "deleted", gone: invalid_handle, delete_level: DISPATCH_LEVEL }
    }
}
