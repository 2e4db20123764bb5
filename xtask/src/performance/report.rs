//! What `wskctl bench` has measured: the part of its document that the page is made of.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The format that is read.
const FORMAT: u32 = 1;

#[derive(Debug, Deserialize)]
pub(super) struct Report {
    format: u32,
    pub(super) device: String,
    pub(super) system: String,
    optimized: bool,
    pub(super) plan: Plan,
    pub(super) tables: Vec<Table>,
    pub(super) growth: Vec<Growth>,
    pub(super) unloads: Vec<Unloaded>,
    pub(super) notes: Vec<String>,
    interrupted: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Plan {
    pub(super) rounds: usize,
    pub(super) calls: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Table {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Row {
    pub(super) way: String,
    pub(super) together: u32,
    pub(super) nanoseconds: Latency,
    pub(super) ratios: Vec<Ratio>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Ratio {
    pub(super) to: String,
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Growth {
    pub(super) of: String,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Step {
    pub(super) count: u64,
    pub(super) pool_bytes_each: Option<u64>,
    pub(super) operations: Vec<Ratio>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Unloaded {
    pub(super) sockets: u32,
    pub(super) kill: f64,
    pub(super) unload: f64,
}

impl Report {
    /// Reads a document that is fit for the page: all of it, of a program that was compiled to be fast.
    pub(super) fn parse(text: &str) -> Result<Report> {
        let report: Report =
            serde_json::from_str(text).context("it is not what `wskctl bench --json` writes")?;
        let Report { format, optimized, interrupted, .. } = &report;
        ensure!(*format == FORMAT, "it has format {format}, and this tree reads {FORMAT}: measure anew");
        ensure!(*optimized, "it is of a program that was built without optimisation");
        ensure!(!interrupted, "it was interrupted: measure anew");
        ensure!(
            !report.tables.is_empty() && !report.growth.is_empty(),
            "it has not all groups: measure without naming any"
        );
        Ok(report)
    }

    /// A way of a table, with so many together.
    pub(super) fn row(&self, table: &str, way: &str, together: u32) -> Option<&Row> {
        let table = self.tables.iter().find(|one| one.name == table)?;
        table.rows.iter().find(|row| row.way == way && row.together == together)
    }
}

impl Ratio {
    /// The way that it is to, without how many go together.
    pub(super) fn way(&self) -> &str {
        self.to.rsplit_once(" x ").map_or(&self.to, |(way, _)| way)
    }
}

impl Row {
    /// The ratio to the row of this name.
    pub(super) fn ratio(&self, to: &str) -> Option<&Ratio> {
        self.ratios.iter().find(|ratio| ratio.to == to)
    }

    /// The way, with how many go together.
    pub(super) fn name(&self) -> String {
        if self.together == 1 { self.way.clone() } else { format!("{} x {}", self.way, self.together) }
    }
}
