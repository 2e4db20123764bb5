//! Single words of the command line and of scripts.

use std::time::Duration;

use wsk_sys::{NTSTATUS, STATUSES};

use crate::family::Family;
use crate::rows;
use crate::script;
use crate::step::{QUEUE, Target};

/// A span of time.
///
/// # Errors
///
/// A sentence with an example.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{text} is no span of time, such as 200ms or 5s: {error}"))
}

/// A time limit, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

/// A time limit, or `none`.
///
/// # Errors
///
/// A sentence with examples.
pub fn limit(text: &str) -> Result<Limit, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Limit(None));
    }
    humantime::parse_duration(text)
        .map(|limit| Limit(Some(limit)))
        .map_err(|error| format!("write it as 500ms, 5s or none: {error}"))
}

/// A family, as people write it.
///
/// # Errors
///
/// A sentence that names the two.
pub fn family(text: &str) -> Result<Family, String> {
    match text.to_ascii_lowercase().as_str() {
        "v4" | "ipv4" => Ok(Family::V4),
        "v6" | "ipv6" => Ok(Family::V6),
        _ => Err(format!("a family is v4 or v6, not {text}")),
    }
}

/// A destination: an address, `self`, or `-` for the fixed address. A script has others: see [`named_target`].
///
/// # Errors
///
/// A sentence with an example of each family.
pub fn target(text: &str) -> Result<Target, String> {
    match text {
        "-" => Ok(Target::Fixed),
        "self" => Ok(Target::Itself),
        _ => rows::address(text).map(Target::Address),
    }
}

/// A destination of a script: as [`target`], and `self:NAME` for the socket of this name.
///
/// # Errors
///
/// As for [`target`]; or that it is no name.
pub fn named_target(text: &str) -> Result<Target, String> {
    match text.strip_prefix("self:") {
        Some(name) => script::name(name).map(Target::Of),
        None => target(text),
    }
}

/// How many in a second.
///
/// # Errors
///
/// That it is a number.
pub fn rate(text: &str) -> Result<Duration, String> {
    let rate: Option<u32> = text.parse().ok().filter(|rate| *rate > 0);
    rate.map(|rate| Duration::from_secs(1) / rate)
        .ok_or_else(|| "write how many in a second, from 1".to_owned())
}

/// A status, by its C name with or without `STATUS_`, or by its number.
///
/// # Errors
///
/// A sentence that names the nearest status there is.
pub fn status(text: &str) -> Result<NTSTATUS, String> {
    let upper = text.to_ascii_uppercase();
    let bare = upper.strip_prefix("STATUS_").unwrap_or(&upper);
    let found = STATUSES.iter().find(|row| row.1.strip_prefix("STATUS_") == Some(bare));
    if let Some(status) = found.map(|row| row.0).or_else(|| rows::number(text).map(u32::cast_signed)) {
        return Ok(status);
    }
    let whole = format!("STATUS_{bare}");
    let nearest = STATUSES
        .iter()
        .map(|row| (strsim::jaro(&whole, row.1), row.1))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .filter(|(likeness, _)| *likeness > 0.85);
    Err(match nearest {
        Some((_, name)) => format!("{text} is no known status; did you mean {name}?"),
        None => format!("{text} is no known status; write its number, such as 0xC0000022"),
    })
}

/// How often.
///
/// # Errors
///
/// That it is a number.
pub fn count(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "write a number from 1".to_owned())
}

/// The size of a queue, also one that the driver refuses, which can be expected.
///
/// # Errors
///
/// What a size is.
pub fn any_size(text: &str) -> Result<u32, String> {
    rows::number(text).ok_or_else(|| format!("{text} is no size of a queue; write {QUEUE}"))
}
