//! `cargo xtask inf`: the driver package's INF, made of `inf/wskdrv.inx` and checked as text.
//!
//! Windows' own check is `InfVerif`, which only runs there. Each of our rules says whether `InfVerif` has it too; what
//! `InfVerif` cannot know is whether the INF agrees with the crate.

mod parse;
mod rules;
mod stamp;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::root;
use parse::decode;
use rules::Project;
use stamp::Stamp;

/// Options of `cargo xtask inf`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the stamped wskdrv.inf into this directory, which is made if need be.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The package's date, as 2026-01-31; by default that of the last commit.
    #[arg(long)]
    date: Option<String>,
    /// Check this INF instead of the one that inf/wskdrv.inx makes.
    #[arg(conflicts_with_all = ["out", "date"])]
    file: Option<PathBuf>,
    /// Only list the rules.
    #[arg(long, exclusive = true)]
    rules: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.rules {
        rules::list();
        return Ok(());
    }
    let root = root()?;
    let project = project(&root)?;
    if let Some(file) = &options.file {
        let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        return report(&file.display().to_string(), &bytes, &project);
    }
    let inf = stamped(&root, options.date.as_deref())?;
    report("inf/wskdrv.inx, stamped", inf.as_bytes(), &project)?;
    if let Some(directory) = &options.out {
        fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        let file = directory.join("wskdrv.inf");
        fs::write(&file, &inf).with_context(|| format!("writing {}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}

/// The text of wskdrv.inf, with a date as `2026-01-31` or that of the last commit.
pub(crate) fn stamped(root: &Path, date: Option<&str>) -> Result<String> {
    let file = root.join("inf/wskdrv.inx");
    let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    let inx = decode(&bytes).with_context(|| format!("reading {}", file.display()))?;
    let date = date.map_or_else(|| date_of_last_commit(root), |date| Ok(date.to_owned()))?;
    Ok(Stamp::new(&date, &project(root)?.version)?.apply(&inx))
}

/// Prints every fault, and fails if there is one.
fn report(name: &str, bytes: &[u8], project: &Project) -> Result<()> {
    let faults = rules::faults(bytes, project);
    for fault in &faults {
        eprintln!("error: {name}:{}: {}: {}", fault.line, fault.rule, fault.what);
    }
    if !faults.is_empty() {
        bail!("{name}: {} faults", faults.len());
    }
    println!("{name}: {} rules hold", rules::RULES.len());
    Ok(())
}

/// What the INF has to agree with.
fn project(root: &Path) -> Result<Project> {
    let file = root.join("Cargo.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let manifest: toml::Table = text.parse().with_context(|| format!("reading {}", file.display()))?;
    let value = |table: &[&str], key: &str| -> Result<String> {
        let table = table.iter().try_fold(&manifest, |table, name| table.get(*name)?.as_table());
        let value = table.and_then(|table| table.get(key)?.as_str());
        value.map(str::to_owned).with_context(|| format!("{}: {key} is missing", file.display()))
    };
    Ok(Project {
        service: wskdrv_abi::SERVICE_NAME.to_owned(),
        package: value(&["package"], "name")?,
        description: value(&["package"], "description")?,
        version: value(&["workspace", "package"], "version")?,
    })
}

fn date_of_last_commit(root: &Path) -> Result<String> {
    let output = Command::new("git").current_dir(root).args(["log", "-1", "--format=%cs"]).output();
    let date = output.ok().filter(|output| output.status.success());
    let date = date.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    ensure!(
        !date.trim().is_empty(),
        "git knows no commit here: give the package's date with --date 2026-01-31"
    );
    Ok(date.trim().to_owned())
}
