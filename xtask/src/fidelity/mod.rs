//! `cargo xtask fidelity`: writes the tables of `docs/fidelity.md` from the questions of `readings`; `--check` compares instead.

mod table;

use anyhow::Result;
use clap::Args;
use readings::{About, Part, QUESTIONS};

use crate::generated::{self, between};
use crate::runs::{self, Observed};

/// Where the page is, from the workspace's root.
const PAGE: &str = "docs/fidelity.md";

#[derive(Args)]
pub(super) struct Options {
    /// Change nothing: fail if the page is not what would be written.
    #[arg(long)]
    check: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let seen = runs::observed()?;
    generated::write(PAGE, "fidelity", options.check, |page| filled(page, &seen))
}

/// The page, with what stands between the markers made anew.
fn filled(page: &str, seen: &[Observed]) -> Result<String> {
    let mut page = between(page, "summary", &table::summary(QUESTIONS))?;
    for part in QUESTIONS {
        page = between(&page, name(part), &table::of(part, seen))?;
    }
    Ok(page)
}

/// The name of the part in its marker.
fn name(part: &[&About]) -> &'static str {
    match part[0].part {
        Part::Requests => "requests",
        Part::Registration => "registration",
        Part::Sockets => "sockets",
        Part::Datagrams => "datagrams",
        Part::Control => "control",
        Part::Options => "options",
        Part::Security => "security",
        Part::Transports => "transports",
        Part::Events => "events",
        Part::Dead => "dead",
        Part::Kernel => "kernel",
        Part::Framework => "framework",
    }
}
