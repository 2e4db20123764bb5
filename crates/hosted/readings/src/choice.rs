//! Which reading of each question is followed.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::{About, Question, find};

/// Which reading of each question is followed: those of a base, but for single ones.
///
/// As text: `strict`, `windows` or `seed:N`, then any number of `,QUESTION=READING`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    base: Base,
    /// Questions by their id, with the number of the reading.
    single: Vec<(&'static str, usize)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Base {
    #[default]
    Strict,
    Windows,
    Seed(u64),
}

impl Readings {
    /// The strict reading of every question, as by default.
    pub const STRICT: Readings = Readings { base: Base::Strict, single: Vec::new() };

    /// What the evidence says Windows does, if a hosted kernel can follow that; the strict reading otherwise.
    pub const WINDOWS: Readings = Readings { base: Base::Windows, single: Vec::new() };

    /// One of each question's readings at random. The same for the same number, whatever other questions there are.
    #[must_use]
    pub const fn seed(seed: u64) -> Readings {
        Readings { base: Base::Seed(seed), single: Vec::new() }
    }

    /// These, with that reading of its question.
    #[must_use]
    pub fn with<Q: Question + PartialEq>(self, reading: Q) -> Readings {
        let number = Q::FOLLOWED.iter().position(|one| *one == reading).unwrap_or(Q::ABOUT.strict);
        self.with_number(Q::ABOUT.id, number)
    }

    fn with_number(mut self, id: &'static str, number: usize) -> Readings {
        self.single.retain(|one| one.0 != id);
        self.single.push((id, number));
        self
    }

    /// The reading of a question.
    #[must_use]
    pub fn of<Q: Question>(&self) -> Q {
        Q::FOLLOWED[self.number(&Q::ABOUT)]
    }

    /// The number of the reading of a question, among those that are followed.
    #[must_use]
    pub fn number(&self, about: &About) -> usize {
        if let Some((_, number)) = self.single.iter().find(|one| one.0 == about.id) {
            return *number;
        }
        match self.base {
            Base::Strict => about.strict,
            Base::Windows => about.windows,
            Base::Seed(seed) => pick(seed, about.id, about.followed.len()),
        }
    }
}

/// A number below `count`, by the seed and the question alone: FNV-1a over both, and a last mixing, as its low bits are weak.
fn pick(seed: u64, id: &str, count: usize) -> usize {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in seed.to_le_bytes().into_iter().chain(id.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    hash = (hash ^ (hash >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    hash ^= hash >> 32;
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below a usize")]
    let number = (hash % count as u64) as usize;
    number
}

/// Why a text is none of [`Readings`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoReadings {
    /// It does not begin with a base.
    Base(String),
    /// There is no `=` in it.
    Form(String),
    /// There is no such question.
    Question(String),
    /// The question of that id has no such reading that is followed.
    Reading(&'static str, String),
}

impl fmt::Display for NoReadings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoReadings::Base(text) => {
                write!(
                    f,
                    "`{text}`: expected strict, windows or seed:N, and single readings after that, as in strict,QUESTION=READING"
                )
            }
            NoReadings::Form(text) => write!(f, "`{text}`: expected QUESTION=READING"),
            NoReadings::Question(text) => {
                write!(f, "there is no question `{text}`: docs/fidelity.md has them all")
            }
            NoReadings::Reading(id, text) => {
                let followed = find(id).map_or(&[][..], |about| about.followed);
                if followed.len() == 1 {
                    return write!(f, "`{id}` has one reading that can be followed, which is not chosen");
                }
                write!(f, "`{text}` is no reading of `{id}` that can be followed; expected ")?;
                for (place, reading) in followed.iter().enumerate() {
                    write!(f, "{}{}", if place == 0 { "" } else { " or " }, reading.name)?;
                }
                Ok(())
            }
        }
    }
}

impl core::error::Error for NoReadings {}

impl FromStr for Readings {
    type Err = NoReadings;

    fn from_str(text: &str) -> Result<Readings, NoReadings> {
        let mut parts = text.split(',').map(str::trim);
        let first = parts.next().unwrap_or_default();
        let base = match first {
            "strict" => Base::Strict,
            "windows" => Base::Windows,
            _ => {
                let seed = first.strip_prefix("seed:").and_then(|seed| seed.parse().ok());
                seed.map(Base::Seed).ok_or_else(|| NoReadings::Base(first.to_owned()))?
            }
        };
        parts.try_fold(Readings { base, single: Vec::new() }, |readings, part| {
            let (id, name) = part.split_once('=').ok_or_else(|| NoReadings::Form(part.to_owned()))?;
            let about = find(id).ok_or_else(|| NoReadings::Question(id.to_owned()))?;
            let number = about.followed.iter().position(|reading| reading.name == name);
            let number = number.ok_or_else(|| NoReadings::Reading(about.id, name.to_owned()))?;
            Ok(readings.with_number(about.id, number))
        })
    }
}

impl fmt::Display for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base {
            Base::Strict => f.write_str("strict")?,
            Base::Windows => f.write_str("windows")?,
            Base::Seed(seed) => write!(f, "seed:{seed}")?,
        }
        for (id, number) in &self.single {
            let name = find(id).map_or("", |about| about.followed[*number].name);
            write!(f, ",{id}={name}")?;
        }
        Ok(())
    }
}
