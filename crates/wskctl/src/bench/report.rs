//! What was measured, as people and programs get it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Plan;

/// The number of the JSON format.
pub(super) const FORMAT: u32 = 1;

/// All that was measured in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The number of this format.
    pub format: u32,
    /// Which device.
    pub device: String,
    /// On which system, with how many processors.
    pub system: String,
    /// Whether this program, and what is hosted in it, was compiled to be fast.
    pub optimized: bool,
    /// What was to be measured.
    pub plan: Plan,
    /// Ways to do the same, side by side.
    pub tables: Vec<Table>,
    /// What more of something costs.
    pub growth: Vec<Growth>,
    /// The driver unloaded, by how many sockets were open; only where it is hosted.
    pub unloads: Vec<Unload>,
    /// What could not be measured, and why.
    pub notes: Vec<String>,
    /// Whether it was interrupted: what is missing then was not measured.
    pub interrupted: bool,
}

impl Report {
    /// The table of this name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// Ways to do the same, measured by turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its group: `ioctl`, `datagrams`, `open`.
    pub group: String,
    /// What is done.
    pub name: String,
    /// Each way.
    pub rows: Vec<Row>,
}

impl Table {
    /// The ways that others are compared with, in their order.
    #[must_use]
    pub fn others(&self) -> Vec<&str> {
        let mut others: Vec<&str> = Vec::new();
        let ratios = || self.rows.iter().flat_map(|row| &row.ratios);
        for row in &self.rows {
            if !others.contains(&&*row.way) && ratios().any(|ratio| ratio.way() == row.way) {
                others.push(&row.way);
            }
        }
        others
    }
}

/// One way to do it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which way.
    pub way: String,
    /// How many a call does, such as datagrams in one request.
    pub together: u32,
    /// How many calls were timed.
    pub calls: u64,
    /// How many are done in a second, by the median call.
    pub per_second: f64,
    /// How long a call took.
    pub nanoseconds: Latency,
    /// How many times as long one of what is done takes, against other ways of the same run.
    pub ratios: Vec<Ratio>,
}

impl Row {
    /// The way, with how many are done together.
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.way, self.together)
    }

    /// The ratio to this way, of which it was compared with one.
    #[must_use]
    pub fn ratio_to(&self, way: &str) -> Option<&Ratio> {
        self.ratios.iter().find(|ratio| ratio.way() == way)
    }
}

/// Between a way and how many are done together.
const TOGETHER: &str = " x ";

/// A way, with how many are done together.
pub(super) fn name(way: &str, together: u32) -> String {
    if together == 1 { way.to_owned() } else { format!("{way}{TOGETHER}{together}") }
}

/// How long calls took, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the calls took at most this.
    pub p50: u64,
    /// 99 of a hundred.
    pub p99: u64,
    /// 999 of a thousand.
    pub p999: u64,
    /// All.
    pub max: u64,
    /// More of them: calls in a thousand, and what these took at most.
    pub distribution: Vec<(u32, u64)>,
}

/// How many times as long as another way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The other way.
    pub to: String,
    /// The median over the rounds.
    pub median: f64,
    /// A tenth of the rounds had at most this.
    pub low: f64,
    /// A tenth had at least this.
    pub high: f64,
}

impl Ratio {
    /// The other way, without how many it does together.
    #[must_use]
    pub fn way(&self) -> &str {
        self.to.rsplit_once(TOGETHER).map_or(&self.to, |(way, _)| way)
    }
}

/// As `1.23 (1.10 to 1.40)`.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2} ({:.2} to {:.2})", self.median, self.low, self.high);
        f.pad(&text)
    }
}

/// What more of something costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Of what.
    pub of: String,
    /// From one to many.
    pub steps: Vec<Step>,
}

/// So many of something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// How many.
    pub count: usize,
    /// The non-paged and paged pool that each takes, in bytes; only where that can be seen.
    pub pool_bytes_each: Option<u64>,
    /// How many times as long an operation takes as in the first step, against a call of the system at its side in both.
    pub operations: Vec<Ratio>,
}

/// The driver unloaded when its handles' process was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unload {
    /// How many sockets were open.
    pub sockets: usize,
    /// How long it took to boot the hosted kernel and to load the driver, in nanoseconds.
    pub load: u64,
    /// How long until the process was gone with its handles.
    pub kill: u64,
    /// How long until the driver was unloaded.
    pub unload: u64,
}

/// A time in the unit that suits it.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn time(nanoseconds: u64) -> String {
    let time = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => three_digits(time / 1e3, "µs"),
        1_000_000..1_000_000_000 => three_digits(time / 1e6, "ms"),
        _ => three_digits(time / 1e9, "s"),
    }
}

fn three_digits(number: f64, unit: &str) -> String {
    let places = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    format!("{number:.places$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits_and_its_unit() {
        let times = [(0, "0 ns"), (999, "999 ns"), (1_234, "1.23 µs"), (12_345, "12.3 µs")];
        let longer = [(123_456, "123 µs"), (2_000_000, "2.00 ms"), (61_500_000_000, "61.5 s")];
        for (nanoseconds, expected) in times.into_iter().chain(longer) {
            assert_eq!(time(nanoseconds), expected);
        }
    }
}
