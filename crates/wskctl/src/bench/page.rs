//! A report as one page of HTML, which needs nothing but itself.

use std::io;

use maud::{Markup, PreEscaped, html};

use super::chart;
use super::report::{Growth, Ratio, Report, Table, Unload, time};
use crate::html::page;

/// The page.
///
/// # Errors
///
/// A drawing cannot be made.
pub fn html(report: &Report) -> io::Result<String> {
    let drawings = chart::all(report)
        .into_iter()
        .map(|drawing| drawing.svg().map(|svg| (drawing.title, PreEscaped(svg))))
        .collect::<Result<Vec<_>, _>>()?;
    let body = html! {
        h1 { "What requests of wskdrv cost" }
        (about(report))
        h2 { "Side by side" }
        @for table in &report.tables { (side_by_side(table)) }
        @for growth in &report.growth { (grown(growth)) }
        @if !report.unloads.is_empty() { (unloads(&report.unloads)) }
        h2 { "Drawings" }
        @for (title, drawing) in &drawings {
            figure { figcaption { (title) } (drawing) }
        }
    };
    Ok(page("wskctl bench", "", &body))
}

fn about(report: &Report) -> Markup {
    html! {
        p { (report.device) ", on " (report.system) "." }
        p class="note" {
            "Ways to do the same took turns: " (report.plan.rounds) " rounds of " (report.plan.calls) " calls. A ratio is the median \
            over the rounds, with the ratios that eight of ten rounds are between. The times are those of this machine, on that day; \
            the ratios are what to compare."
        }
        @if !report.optimized {
            p class="warning" { "The program was built without optimisation: the figures mean little." }
        }
        @if report.interrupted { p class="warning" { "Interrupted: not all of it was measured." } }
        @for note in &report.notes { p class="note" { "Not measured: " (note) "." } }
    }
}

fn side_by_side(table: &Table) -> Markup {
    let others = table.others();
    html! {
        h3 { (table.group) ": " (table.name) }
        table {
            tr {
                th { "way" } th { "p50" } th { "p99" } th { "p99.9" } th { "in a second" }
                @for other in &others { th { "times " (other) } }
            }
            @for row in &table.rows {
                tr {
                    td { (row.name()) }
                    @for part in [row.nanoseconds.p50, row.nanoseconds.p99, row.nanoseconds.p999] { td { (time(part)) } }
                    td { (row.per_second) }
                    @for other in &others {
                        td { @if let Some(ratio) = row.ratio_to(other) { (ratio) } }
                    }
                }
            }
        }
    }
}

fn grown(growth: &Growth) -> Markup {
    let operations = growth.steps.first().map(|step| &step.operations[..]).unwrap_or_default();
    html! {
        h3 { "growth: " (growth.of) }
        table {
            tr {
                th { "how many" } th { "bytes of pool each" }
                @for operation in operations { th { (operation.to) } }
            }
            @for step in &growth.steps {
                tr {
                    td { (step.count) }
                    td { @if let Some(bytes) = step.pool_bytes_each { (bytes) } }
                    @for operation in &step.operations { td { (operation) } }
                }
            }
        }
    }
}

fn unloads(unloads: &[Unload]) -> Markup {
    html! {
        h3 { "load and unload, with sockets open whose process is killed" }
        table {
            tr { th { "sockets" } th { "load" } th { "kill" } th { "unload" } }
            @for Unload { sockets, load, kill, unload } in unloads {
                tr { td { (sockets) } td { (time(*load)) } td { (time(*kill)) } td { (time(*unload)) } }
            }
        }
    }
}

impl maud::Render for Ratio {
    fn render(&self) -> Markup {
        html! { (self.to_string()) }
    }
}
