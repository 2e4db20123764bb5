//! A question, and what is known about it.

/// A question to which a hosted kernel can give more than one answer: the type of the answers.
///
/// Declared in this crate only, by a macro.
pub trait Question: Copy + 'static {
    /// The question, its readings and the evidence.
    const ABOUT: About;

    /// The readings that a hosted kernel can follow, in the order of [`About::followed`].
    const FOLLOWED: &'static [Self];
}

/// What is known about a question.
#[derive(Debug)]
pub struct About {
    /// Its name, as in `receive-truncated`: in the text of [`Readings`](crate::Readings), on the page, in a report.
    pub id: &'static str,
    /// Where it is on the page.
    pub part: Part,
    /// The question, as a row of the page says it.
    pub question: &'static str,
    /// The readings that a hosted kernel can follow. At least one.
    pub followed: &'static [Reading],
    /// Readings that are possible, and that no hosted kernel follows.
    pub others: &'static [Reading],
    /// Why it follows none of those, where one of them is what the strongest evidence says.
    pub unfollowed: Option<&'static str>,
    /// Which of `followed` the strict default is.
    pub strict: usize,
    /// Which of `followed` the profile `windows` has: what the evidence says, or else the strict one.
    pub windows: usize,
    /// Why the strict default was chosen.
    pub why: &'static str,
    /// Who says what of Windows. Empty if nothing is known.
    pub evidence: &'static [Evidence],
    /// Whether `wskctl probe` asks it.
    pub probe: Probe,
}

impl About {
    /// The readings, those that are followed first.
    pub fn readings(&self) -> impl Iterator<Item = &'static Reading> {
        self.followed.iter().chain(self.others)
    }
}

/// A possible answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its name, as in `overflow`. Unique among those of its question.
    pub name: &'static str,
    /// What happens, as a row of the page says it.
    pub text: &'static str,
}

/// A source for what Windows does.
#[derive(Debug)]
pub struct Evidence {
    /// The name of the reading that it supports; none if it only says that the question is open, or excludes nothing.
    pub supports: Option<&'static str>,
    /// How much it counts.
    pub strength: Strength,
    /// Where it is: a page by its title, a project's file, a report by its number.
    pub source: &'static str,
}

/// How much a source counts, from the strongest to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// A page or a header of Microsoft's says it of WSK, the kernel or the framework, or published source does it.
    Documented,
    /// A test that runs on Windows asserts it.
    Tested,
    /// A driver that ships depends on it.
    Shipping,
    /// A user reports it.
    Reported,
    /// It is said, or seen, of Winsock: the same transport, with other components in front of it.
    UserMode,
}

/// Where a question is on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// How requests run.
    Requests,
    /// Registration.
    Registration,
    /// Sockets and addresses.
    Sockets,
    /// Datagrams.
    Datagrams,
    /// Control requests.
    Control,
    /// What options do.
    Options,
    /// Security descriptors.
    Security,
    /// Transports.
    Transports,
    /// Events.
    Events,
    /// Dead sockets.
    Dead,
    /// The kernel.
    Kernel,
    /// The framework.
    Framework,
}

/// Whether `wskctl probe` asks a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It does, by a request to the driver.
    Asked,
    /// It cannot; the reason.
    NotAsked(&'static str),
}

/// Declares the questions of one part of the page: an enum for each, whose variants are the readings that a hosted kernel
/// can follow, and `ALL`, the list of them in the page's order.
///
/// ```text
/// questions! { Datagrams;
///     ReceiveTruncated = "receive-truncated": "a datagram larger than the buffer" {
///         Success = "success": "`STATUS_SUCCESS` and `MSG_TRUNC`",
///         Overflow = "overflow": "`STATUS_BUFFER_OVERFLOW` and `MSG_TRUNC`",
///     }
///     others { "silent": "`STATUS_SUCCESS`, without a flag", }
///     strict Success; windows Success;
///     why "the flag would be needless if the status told it";
///     evidence { UserMode("overflow"): "`WSARecvMsg`", Reported: "an issue that leaves it open", }
///     probe Probe::Asked;
/// }
/// ```
///
/// `others` and `evidence` may be left out. After the others there may be `because "reason";`, which says why none is followed.
macro_rules! questions {
    ($part:ident; $(
        $type:ident = $id:literal: $question:literal {
            $($variant:ident = $name:literal: $text:literal,)+
        }
        $(others { $($other:literal: $other_text:literal,)+ } $(because $unfollowed:literal;)?)?
        strict $strict:ident; windows $windows:ident;
        why $why:literal;
        $(evidence { $($strength:ident $(($supports:literal))?: $source:literal,)+ })?
        probe $probe:expr;
    )+) => {
        $(
            #[doc = concat!("`", $id, "`: ", $question, ".")]
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $type {
                $(#[doc = concat!("`", $name, "`: ", $text, ".")] $variant,)+
            }

            impl $crate::Question for $type {
                const ABOUT: $crate::About = $crate::About {
                    id: $id,
                    part: $crate::Part::$part,
                    question: $question,
                    followed: &[$($crate::Reading { name: $name, text: $text },)+],
                    others: &[$($($crate::Reading { name: $other, text: $other_text },)+)?],
                    unfollowed: questions!(@supports $($($unfollowed)?)?),
                    strict: $type::$strict as usize,
                    windows: $type::$windows as usize,
                    why: $why,
                    evidence: &[$($($crate::Evidence {
                        supports: questions!(@supports $($supports)?),
                        strength: $crate::Strength::$strength,
                        source: $source,
                    },)+)?],
                    probe: { use $crate::Probe; $probe },
                };
                const FOLLOWED: &'static [$type] = &[$($type::$variant,)+];
            }
        )+

        /// The questions of this part.
        pub(crate) const ALL: &[&$crate::About] = &[$(&<$type as $crate::Question>::ABOUT,)+];
    };
    (@supports) => { None };
    (@supports $supports:literal) => { Some($supports) };
}
