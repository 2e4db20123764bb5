//! `wskctl options` and `wskctl info`.

use std::io::{self, Write};

use wsk_requests::ROWS;
use wskctl::info::Info;
use wskctl::rows::Listing;

use crate::print::{ASIDE, Form, Printer, TITLE};

/// The typed options and IOCTLs.
pub(crate) fn options(printer: &mut Printer) -> io::Result<()> {
    let listings: Vec<Listing> = ROWS.iter().map(Listing::from).collect();
    if printer.json() {
        return printer.rows(&listings, printer.form() == Form::Lines);
    }
    let head = ["NAME", "DO", "VALUE", "WHEN", "FAMILY", "IRP"];
    let mut table = vec![head.map(str::to_owned)];
    table.extend(listings.iter().map(cells));
    let widths: [usize; 6] =
        std::array::from_fn(|column| table.iter().map(|row| row[column].len()).max().unwrap_or(0));
    for (index, row) in table.iter().enumerate() {
        let line: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let line = line.join("  ");
        match index.checked_sub(1) {
            None => writeln!(printer, "{TITLE}{}{TITLE:#}", line.trim_end())?,
            Some(index) => {
                writeln!(printer, "{}", line.trim_end())?;
                let Listing { summary, code, level, max_irql, range, .. } = &listings[index];
                let level = level.map(|level| format!("{level} ")).unwrap_or_default();
                let range = range.as_ref().map(|range| format!("{range}; ")).unwrap_or_default();
                writeln!(printer, "  {summary}\n  {ASIDE}{range}{level}{code}, IRQL <= {max_irql}{ASIDE:#}")?;
            }
        }
    }
    Ok(())
}

fn cells(listing: &Listing) -> [String; 6] {
    let verbs = match (&listing.level, listing.get, listing.set) {
        (None, ..) if listing.families == "none" => "client",
        (None, ..) => "ioctl",
        (_, true, true) => "get set",
        (_, true, false) => "get",
        (_, false, _) => "set",
    };
    [
        listing.name.to_owned(),
        verbs.to_owned(),
        listing.value.to_owned(),
        listing.state.to_owned(),
        listing.families.to_owned(),
        listing.irp.to_owned(),
    ]
}

/// Versions, provider and statistics.
pub(crate) fn info(printer: &mut Printer, info: &Info) -> io::Result<()> {
    if printer.json() {
        return printer.document(&serde_json::to_value(info)?);
    }
    let Info { device, driver, contract, program_contract, wsk, statistics, .. } = info;
    writeln!(printer, "{TITLE}device{TITLE:#}    {device}")?;
    writeln!(
        printer,
        "{TITLE}driver{TITLE:#}    {driver}, contract {contract} (this program: {program_contract})"
    )?;
    writeln!(printer, "{TITLE}WSK{TITLE:#}       versions {} to {}", wsk.lowest, wsk.highest)?;
    writeln!(printer)?;
    let rows = statistics.rows();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, count) in rows {
        writeln!(printer, "{name:<width$}{count:>10}")?;
    }
    Ok(())
}
