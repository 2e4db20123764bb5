//! `wskctl options` and `wskctl info`.

use std::io::{self, Write};

use serde_json::json;
use wsk_requests::ROWS;
use wskctl::Device;
use wskctl::rows::Listing;
use wskdrv_abi::{ABI_MAJOR, ABI_MINOR, Provider, Statistics, Version};

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
pub(crate) fn info(
    printer: &mut Printer,
    device: &Device,
    version: &Version,
    provider: Provider,
    statistics: &Statistics,
) -> io::Result<()> {
    let driver = version.driver.map(|part| part.to_string()).join(".");
    let contract = format!("{}.{}", version.abi_major, version.abi_minor);
    let ours = format!("{ABI_MAJOR}.{ABI_MINOR}");
    let wsk = |version: u16| format!("{}.{}", version >> 8, version & 0xFF);
    let (lowest, highest) = (wsk(provider.lowest_version), wsk(provider.highest_version));
    let counts = counts(statistics);
    if printer.json() {
        let statistics: serde_json::Map<_, _> = counts
            .iter()
            .map(|(name, count)| (name.replace(' ', "_").to_lowercase(), json!(count)))
            .collect();
        return printer.document(&json!({
            "device": device.describe(),
            "driver": driver,
            "contract": contract,
            "program_contract": ours,
            "serves": version.serves(ABI_MAJOR, ABI_MINOR),
            "wsk": { "lowest": lowest, "highest": highest },
            "statistics": statistics,
        }));
    }
    writeln!(printer, "{TITLE}device{TITLE:#}    {}", device.describe())?;
    writeln!(printer, "{TITLE}driver{TITLE:#}    {driver}, contract {contract} (this program: {ours})")?;
    writeln!(printer, "{TITLE}WSK{TITLE:#}       versions {lowest} to {highest}")?;
    writeln!(printer)?;
    let width = counts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, count) in counts {
        writeln!(printer, "{name:<width$}{count:>10}")?;
    }
    Ok(())
}

/// The fields of [`Statistics`] with their names; taken apart in full, so that none is forgotten.
fn counts(statistics: &Statistics) -> [(&'static str, u64); 16] {
    let Statistics {
        handles_open,
        sockets_open,
        operations_allocated,
        operations_submitted,
        operations_completed,
        operations_failed,
        operations_cancelled,
        operations_timed_out,
        irps_allocated,
        irps_reused,
        irps_freed,
        datagrams_sent,
        bytes_sent,
        datagrams_received,
        bytes_received,
        datagrams_dropped,
    } = *statistics;
    [
        ("handles open", handles_open),
        ("sockets open", sockets_open),
        ("operations allocated", operations_allocated),
        ("operations submitted", operations_submitted),
        ("operations completed", operations_completed),
        ("operations failed", operations_failed),
        ("operations cancelled", operations_cancelled),
        ("operations timed out", operations_timed_out),
        ("IRPs allocated", irps_allocated),
        ("IRPs reused", irps_reused),
        ("IRPs freed", irps_freed),
        ("datagrams sent", datagrams_sent),
        ("bytes sent", bytes_sent),
        ("datagrams received", datagrams_received),
        ("bytes received", bytes_received),
        ("datagrams dropped by queues", datagrams_dropped),
    ]
}
