//! What `wsk` costs over WSK's functions, by the program of `crates/wsk/benches`: as times that compare with each other, or as
//! instructions, which callgrind counts and which are the same on every run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{root, target_directory};

/// The instructions of each case, as they were counted last.
const COUNTS: &str = "crates/wsk/benches/counts.tsv";

/// So much more than was counted last is a fault.
const TOLERANCE: f64 = 0.05;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Count instructions (with valgrind), and fail if a case has 5 % more than `crates/wsk/benches/counts.tsv` says.
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Count instructions, and write that file.
    #[arg(long)]
    update: bool,
}

/// What a request costs, by its name and the way it is made.
type Costs = BTreeMap<(String, String), f64>;

/// The instructions of each case, as they were counted last.
pub(crate) fn counted(root: &Path) -> Result<Costs> {
    costs(&fs::read_to_string(root.join(COUNTS)).with_context(|| format!("{COUNTS} cannot be read"))?)
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let root = root()?;
    let program = build(&root)?;
    if !options.check && !options.update {
        print!("{}", table(&costs(&output(Command::new(program).arg("--time"))?)?)?);
        return Ok(());
    }
    let compiler = output(Command::new("rustc").arg("--version"))?;
    let counted = count(&program)?;
    let path = root.join(COUNTS);
    if options.update {
        let mut text = format!("# instructions a request, by callgrind; {compiler}");
        for ((request, way), cost) in &counted {
            writeln!(text, "{request}\t{way}\t{cost:.1}")?;
        }
        return fs::write(&path, text).with_context(|| format!("writing {}", path.display()));
    }
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    print!("{}", table(&counted)?);
    let faults = faults(&costs(&text)?, &counted);
    if faults.is_empty() {
        return Ok(());
    }
    if !text.lines().next().is_some_and(|line| line.ends_with(compiler.trim_end())) {
        println!("NOT CHECKED: {COUNTS} was counted with another compiler\n{}", faults.join("\n"));
        return Ok(());
    }
    bail!("{}\nif that is right: cargo xtask bench --update", faults.join("\n"))
}

/// Builds the program, as it is released.
fn build(root: &Path) -> Result<PathBuf> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(["build", "--quiet", "--release", "--locked", "--package", "wsk-benches"]);
    ensure!(command.status().context("running cargo")?.success(), "the program was not built");
    Ok(target_directory(root).join("release/wsk-counts"))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("running {}", command.get_program().display()))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The lines of a program, or of the file: request, way, cost.
fn costs(text: &str) -> Result<Costs> {
    let line = |line: &str| {
        let mut parts = line.split('\t').map(str::to_owned);
        let (request, way, cost) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
        Some(((request, way), cost))
    };
    let lines = text.lines().filter(|text| !text.starts_with('#'));
    lines.map(|text| line(text).with_context(|| format!("not a case and its cost: {text}"))).collect()
}

/// Counts the instructions of each case: the program calls one function for each, of which callgrind writes a file.
fn count(program: &Path) -> Result<Costs> {
    let scratch = tempfile::tempdir().context("making a directory for callgrind")?;
    let file = scratch.path().join("counts");
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--tool=callgrind", "--toggle-collect=wsk_counts::counted"])
        .arg("--dump-after=wsk_counts::counted")
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .arg("--count");
    // What the program tells is how many requests it has made of each case, in the order of the parts.
    let text = output(&mut command).context("valgrind is a package of that name")?;
    let mut counted = Costs::new();
    for (number, line) in text.lines().enumerate() {
        let part = file.with_extension((number + 1).to_string());
        let counts = fs::read_to_string(&part).with_context(|| format!("reading {}", part.display()))?;
        let total = counts.lines().find_map(|line| line.strip_prefix("totals: "));
        let total: f64 = total.context("callgrind's file has no total")?.trim().parse()?;
        counted.extend(costs(line)?.into_iter().map(|(case, requests)| (case, total / requests)));
    }
    ensure!(!counted.is_empty(), "the program has no cases");
    Ok(counted)
}

/// The cases that cost more than they did, those that are new, and those that are gone.
fn faults(before: &Costs, now: &Costs) -> Vec<String> {
    let mut faults = Vec::new();
    for ((request, way), cost) in now {
        match before.get(&(request.clone(), way.clone())) {
            None => faults.push(format!("{request}, {way}: {cost:.1}, and the file does not have it")),
            Some(before) if *cost > before * (1.0 + TOLERANCE) => {
                faults.push(format!("{request}, {way}: {cost:.1}, after {before:.1}"));
            }
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|case| !now.contains_key(*case));
    faults
        .extend(gone.map(|(request, way)| format!("{request}, {way}: in the file, and not there any more")));
    faults
}

/// A table: each case, and how many times the same in C's manner it is.
fn table(costs: &Costs) -> Result<String> {
    let mut text =
        format!("{:<9}{:<20}{:>8}{:>14}{:>10}\n", "request", "way", "cost", "as documented", "reused");
    for ((request, way), cost) in costs {
        let of = |way: &str| match costs.get(&(request.clone(), way.to_owned())) {
            Some(other) => format!("{:.2}", cost / other),
            None => String::new(),
        };
        // What is used again is compared with what is in flight in the same number, and completes in the same manner.
        let reused = match way.as_str() {
            way if way.contains("64, later") => "reused, 64, later",
            way if way.contains("64") => "reused, 64",
            _ => "reused",
        };
        writeln!(text, "{request:<9}{way:<20}{cost:>8.1}{:>14}{:>10}", of("as documented"), of(reused))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs_of(text: &str) -> Costs {
        costs(&text.replace(' ', "\t")).unwrap()
    }

    #[test]
    fn more_than_the_tolerance_is_a_fault_and_less_is_none() {
        let before = costs_of("set wait 100\nset blocking 100\nget wait 100");
        let faults = faults(&before, &costs_of("set wait 104.9\nset blocking 105.1\nsend wait 1"));
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults.iter().any(|fault| fault.starts_with("set, blocking: 105.1")), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.starts_with("send, wait")), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.starts_with("get, wait: in the file")), "{faults:?}");
    }

    #[test]
    fn a_line_that_is_no_case_is_refused() {
        assert!(costs("set\twait\n").is_err());
        assert!(costs("# a comment\nset\twait\t1.5\n").is_ok());
    }
}
