//! Drawings of what was measured.

use std::fmt::Display;
use std::io;

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::report::{Growth, Report, Table};

/// In points.
const SIZE: (u32, u32) = (760, 380);
const FONT: (&str, u32) = ("sans-serif", 13);
const WIDTH: u32 = 2;
/// What is not more than this is no time.
const LEAST: f64 = 1.0;

/// A line: what it is of, and its points.
pub(super) type Line = (String, Vec<(f64, f64)>);

/// A drawing: its title, and what it has.
pub(super) struct Drawing {
    pub(super) title: String,
    x: &'static str,
    y: &'static str,
    /// Whether the height is in powers of ten.
    powers: bool,
    lines: Vec<Line>,
}

/// How long calls took: the shorter first.
pub(super) fn latency(table: &Table) -> Drawing {
    let line = |row: &super::Row| {
        let points = row.nanoseconds.distribution.iter();
        // Of a thousand calls, 999 take at most so long: one in a thousand takes longer.
        let points = points.map(|(part, time)| (1000.0 / f64::from(1000 - part.min(&999)), micro(*time)));
        (row.name(), points.collect())
    };
    Drawing {
        title: format!("{}: how long calls took", table.name),
        x: "one call in so many takes longer",
        y: "microseconds",
        powers: true,
        lines: table.rows.iter().map(line).collect(),
    }
}

/// How many are done in a second, by how many go together; a line for each way that has several numbers.
pub(super) fn throughput(table: &Table) -> Option<Drawing> {
    let mut lines: Vec<Line> = Vec::new();
    for row in &table.rows {
        let point = (f64::from(row.together), row.per_second);
        match lines.iter_mut().find(|(way, _)| *way == row.way) {
            Some((_, points)) => points.push(point),
            None => lines.push((row.way.clone(), vec![point])),
        }
    }
    let most = lines.iter().flat_map(|(_, points)| points).map(|point| point.0).fold(LEAST, f64::max);
    if !lines.iter().any(|(_, points)| points.len() > 1) {
        return None;
    }
    // What is done one by one is as fast however many there are.
    for (_, points) in &mut lines {
        if let [(_, rate)] = points[..] {
            points.push((most, rate));
        }
    }
    Some(Drawing {
        title: format!("{}: datagrams in a second", table.name),
        x: "together in one call",
        y: "in a second",
        powers: true,
        lines,
    })
}

/// How many times as long an operation takes, by how many there are.
pub(super) fn growth(growth: &Growth) -> Drawing {
    let mut lines: Vec<Line> = Vec::new();
    #[expect(clippy::cast_precision_loss, reason = "at most ten thousand")]
    for step in &growth.steps {
        for operation in &step.operations {
            let point = (step.count as f64, operation.median);
            match lines.iter_mut().find(|(name, _)| *name == operation.to) {
                Some((_, points)) => points.push(point),
                None => lines.push((operation.to.clone(), vec![point])),
            }
        }
    }
    Drawing {
        title: format!("{}: time of an operation, against that with one", growth.of),
        x: "how many",
        y: "times as long",
        powers: false,
        lines,
    }
}

/// All the drawings of a report.
pub(super) fn all(report: &Report) -> Vec<Drawing> {
    let tables = report.tables.iter();
    let tables = tables.flat_map(|table| [Some(latency(table)), throughput(table)]).flatten();
    tables.chain(report.growth.iter().map(growth)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a time, of which three digits are kept")]
fn micro(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1000.0
}

impl Drawing {
    /// The drawing as SVG.
    ///
    /// # Errors
    ///
    /// What the library says.
    pub(super) fn svg(&self) -> io::Result<String> {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(LEAST, f64::max) * 1.1;
        let least = points().map(|point| point.1).fold(f64::INFINITY, f64::min).max(0.001);
        let top = most(|point| point.1);
        let mut svg = String::new();
        let drawn = if self.powers {
            self.draw(&mut svg, most(|point| point.0), (least.min(top / 2.0) * 0.9..top).log_scale())
        } else {
            self.draw(&mut svg, most(|point| point.0), 0.0..top)
        };
        drawn.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(svg)
    }

    fn draw<Y>(&self, svg: &mut String, right: f64, heights: Y) -> Result<(), Box<dyn std::error::Error>>
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .x_label_area_size(38)
            .y_label_area_size(72)
            .build_cartesian_2d((LEAST..right.max(2.0)).log_scale(), heights)?;
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(self.x).y_desc(self.y).label_style(FONT).light_line_style(WHITE.mix(0.0));
        mesh.x_label_formatter(&|value| short(value)).y_label_formatter(&|value| short(value)).draw()?;
        for (number, (name, points)) in self.lines.iter().enumerate() {
            let style = Palette99::pick(number).stroke_width(WIDTH);
            let legend = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style);
            chart.draw_series(LineSeries::new(points.iter().copied(), style))?.label(name).legend(legend);
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .label_font(FONT)
            .draw()?;
        area.present()?;
        Ok(())
    }
}

/// A number at an axis.
fn short(number: &(impl Display + Copy + Into<f64>)) -> String {
    let value: f64 = (*number).into();
    match value {
        value if value >= 1e6 => format!("{} M", value / 1e6),
        value if value >= 1e4 => format!("{} k", value / 1e3),
        value => format!("{}", (value * 100.0).round() / 100.0),
    }
}
