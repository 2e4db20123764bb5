//! `cargo xtask workflow`: what GitHub's runners do with the driver, `docs/windows.md` and `wskctl trial` are one list of steps.
//!
//! The list is `wskctl`'s. From it the table in `docs/windows.md` is written (`--check` compares instead); the workflow must have
//! its phases in the same order, each with a limit above the sum of its commands'. The rules that keep a runner from being lost
//! without a word are looked for as well; and every piece of PowerShell can be written into files, for a parser.

mod powershell;
mod rules;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use saphyr::{LoadableYamlNode, YamlOwned};
use serde::Deserialize;

use crate::generated::{self, between};

/// The page, from the workspace's root.
const PAGE: &str = "docs/windows.md";
/// Where the workflows are, and which of them loads the driver by which action.
const WORKFLOWS: &str = ".github/workflows";
const LOAD: &str = "load.yml";
const ACTION: &str = ".github/actions/phase/action.yml";

#[derive(Args)]
pub(super) struct Options {
    /// Change nothing: fail if the page is not what would be written.
    #[arg(long)]
    check: bool,
    /// Write each piece of PowerShell, of the workflows and of the list, into a file of this folder.
    #[arg(long, value_name = "DIR")]
    powershell: Option<PathBuf>,
}

/// A phase, as `wskctl trial --list --json` tells of it.
#[derive(Deserialize)]
struct Phase {
    #[serde(rename = "phase")]
    name: String,
    about: String,
    /// The longest that its commands can take.
    seconds: u64,
    lines: Vec<String>,
    after_failure: Vec<String>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let root = super::root()?;
    let phases = phases(&root)?;
    let workflows = workflows(&root)?;
    let action = read(&root.join(ACTION))?;
    let mut faults = rules::faults(&workflows, &phases);
    faults.extend(rules::action(&action));
    let table = table::table(&phases);
    if let Err(error) =
        generated::write(PAGE, "workflow", options.check, |page| between(page, "trial", &table))
    {
        faults.push(format!("{error:#}"));
    }
    if let Some(folder) = &options.powershell {
        let pieces = powershell::pieces(&workflows, &action, &phases);
        powershell::write(folder, &pieces)?;
        println!("{} pieces of PowerShell are in {}", pieces.len(), folder.display());
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    println!("{} phases, in wskctl, in {PAGE} and in {WORKFLOWS}/{LOAD}", phases.len());
    Ok(())
}

fn phases(root: &Path) -> Result<Vec<Phase>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--package", "wskctl", "--", "trial", "--list", "--json"])
        .current_dir(root)
        .output()
        .context("cargo does not start")?;
    if !output.status.success() {
        bail!("the phases cannot be listed: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("reading what `wskctl trial --list --json` printed")
}

/// A file of YAML, and what it is called.
struct File {
    name: String,
    yaml: YamlOwned,
}

fn workflows(root: &Path) -> Result<Vec<File>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(root.join(WORKFLOWS))? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<File> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    parse(name, &text)
}

fn parse(name: String, text: &str) -> Result<File> {
    let documents = YamlOwned::load_from_str(text).with_context(|| format!("{name} is no YAML"))?;
    let yaml = documents.into_iter().next().with_context(|| format!("{name} is empty"))?;
    Ok(File { name, yaml })
}
