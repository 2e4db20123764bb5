//! What a test is: a function, a name, a sentence, and what the place must have where it runs.

use std::fmt;

use super::lab::Lab;
use super::outcome::Outcome;

/// One test of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// Its name, `theme::what_it_says`.
    pub name: &'static str,
    /// What it shows, in one sentence.
    pub about: &'static str,
    /// What it needs besides the device.
    pub needs: &'static [Need],
    /// The test itself.
    pub run: fn(&Lab) -> Outcome,
}

/// Tests that belong together: each line of a theme's table is one test or a few.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Its name, the first part of the names of its tests.
    pub name: &'static str,
    /// Its tests.
    pub tests: &'static [&'static [Test]],
}

/// What not every place has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A loopback address of IPv6.
    Ipv6,
    /// Another process, which can be killed while its requests are pending.
    Process,
    /// That the driver can be unloaded and nobody else minds.
    Unload,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ipv6 => "IPv6",
            Self::Process => "a process that can be killed",
            Self::Unload => "a driver that can be unloaded",
        })
    }
}

/// A theme's table of tests, `TESTS`: one line for each.
///
/// ```text
/// tests! { pending:
///     "What it shows." a_function;                       // fn a_function(lab: &Lab) -> Outcome
///     "The same for both families." another [v4 v6];     // fn another(lab: &Lab, family: Family) -> Outcome
///     "What needs something." a_third needs [Process];
/// }
/// ```
macro_rules! tests {
    ($theme:ident: $($about:literal $name:ident $([$($family:ident)*])? $(needs [$($need:ident)*])?;)*) => {
        pub(super) const THEME: $crate::conformance::Theme = $crate::conformance::Theme {
            name: stringify!($theme),
            tests: &[$($crate::conformance::test::tests! {
                @line $theme $about $name [$($($family)*)?] [$($($need)*)?]
            }),*],
        };
    };
    (@line $theme:ident $about:literal $name:ident [] [$($need:ident)*]) => {
        &[$crate::conformance::Test {
            name: concat!(stringify!($theme), "::", stringify!($name)),
            about: $about,
            needs: &[$($crate::conformance::Need::$need),*],
            run: $name,
        }]
    };
    (@line $theme:ident $about:literal $name:ident [v4 v6] [$($need:ident)*]) => {
        &[
            $crate::conformance::Test {
                name: concat!(stringify!($theme), "::", stringify!($name), "_v4"),
                about: concat!($about, " (IPv4)"),
                needs: &[$($crate::conformance::Need::$need),*],
                run: |lab| $name(lab, $crate::Family::V4),
            },
            $crate::conformance::Test {
                name: concat!(stringify!($theme), "::", stringify!($name), "_v6"),
                about: concat!($about, " (IPv6)"),
                needs: &[$crate::conformance::Need::Ipv6, $($crate::conformance::Need::$need),*],
                run: |lab| $name(lab, $crate::Family::V6),
            },
        ]
    };
}
pub(super) use tests;
