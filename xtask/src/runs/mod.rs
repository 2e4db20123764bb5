//! `cargo xtask runs`: the runs on Windows, `docs/windows-runs`: each one is checked, and README's table is made of them.
//!
//! What they answer to the questions of `readings` is held against what the profile `windows` follows.

mod held;
mod run;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::generated::{self, between};
use run::Run;

pub(crate) use held::Observed;

/// Where the runs are, and the page with their table, from the workspace's root.
const FOLDER: &str = "docs/windows-runs";
const PAGE: &str = "README.md";

#[derive(Args)]
pub(super) struct Options {
    /// Change nothing: fail if README's table is not what would be written.
    #[arg(long, conflicts_with = "add")]
    check: bool,
    /// Add a file of `wskctl evidence`, by its proper name; it replaces an older one of that name.
    #[arg(long, value_name = "FILE")]
    add: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let root = super::root()?;
    if let Some(file) = &options.add {
        let added = add(file, &root.join(FOLDER))?;
        println!("{FOLDER}/{added}: now `cargo xtask fidelity`, and commit all three");
    }
    let runs = all(&root.join(FOLDER))?;
    held::held(&runs)?;
    generated::write(PAGE, "runs", options.check, |page| between(page, "runs", &table::of(&runs)))?;
    println!("{} runs on Windows", runs.len());
    Ok(())
}

/// What the runs that are checked in have answered.
///
/// # Errors
/// A file is not a run on Windows, or has another's name.
pub(crate) fn observed() -> Result<Vec<Observed>> {
    Ok(held::observed(&all(&super::root()?.join(FOLDER))?))
}

/// The runs in the folder, in the order of their builds.
fn all(folder: &Path) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("{FOLDER} cannot be read"))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "README.md" {
            continue;
        }
        let run = read(&path)?;
        if run.name() != name {
            bail!("{FOLDER}/{name} is {}: rename it, or add it with `cargo xtask runs --add`", run.name());
        }
        runs.push(run);
    }
    runs.sort_by_key(Run::order);
    Ok(runs)
}

/// Copies a file into the folder, and gives its name there.
fn add(file: &Path, folder: &Path) -> Result<String> {
    let name = read(file)?.name();
    fs::copy(file, folder.join(&name)).with_context(|| format!("{FOLDER}/{name} cannot be written"))?;
    Ok(name)
}

fn read(file: &Path) -> Result<Run> {
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Run::parse(&bytes).with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SAMPLE: &str = "10.0.20348.5499-x86_64-verifier.json";

    fn sample() -> PathBuf {
        super::super::root().unwrap().join("xtask/src/runs/fixtures").join(SAMPLE)
    }

    #[test]
    fn what_is_checked_in_is_good_and_on_the_page() {
        run(&Options { check: true, add: None }).unwrap();
    }

    #[test]
    fn a_run_is_added_by_its_name_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("evidence.json");
        fs::copy(sample(), &taken).unwrap();
        let runs = folder.path().join("runs");
        fs::create_dir(&runs).unwrap();
        fs::write(runs.join("README.md"), "text").unwrap();
        assert!(all(&runs).unwrap().is_empty());
        assert_eq!(add(&taken, &runs).unwrap(), SAMPLE);
        assert_eq!(all(&runs).unwrap().len(), 1);
        fs::rename(runs.join(SAMPLE), runs.join("mine.json")).unwrap();
        let error = all(&runs).err().unwrap().to_string();
        assert!(error.contains(SAMPLE) && error.contains("rename it"), "{error}");
    }

    /// What is said of the sample with a change.
    fn refusal(change: impl FnOnce(&mut Value)) -> String {
        let mut document = serde_json::from_slice(&fs::read(sample()).unwrap()).unwrap();
        change(&mut document);
        said(document.to_string().as_bytes())
    }

    fn said(bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let error = format!("{:#}", read(file.path()).expect_err("it is refused"));
        assert!(error.starts_with(&file.path().display().to_string()), "{error}");
        error
    }

    #[test]
    fn what_is_no_run_on_windows_is_refused_with_what_to_do() {
        let missing = json!({ "error": { "message": "wskdrv is not installed" } });
        let whole = fs::read(sample()).unwrap();
        let utf16: Vec<u8> = "\u{FEFF}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (said, what) in [
            (refusal(|run| run["kind"] = "wine".into()), "it is of wine, not of Windows"),
            (refusal(|run| run["kind"] = "hosted".into()), "it is of hosted, not of Windows"),
            (refusal(|run| run["system"]["data"]["wine"] = "10.0".into()), "it is of Wine 10.0"),
            (refusal(|run| run["system"]["data"]["build"] = 18363.into()), "it is of 10.0.18363.5499"),
            (refusal(|run| run["format"] = 99.into()), "it has format 99, and this tree reads 1: take"),
            (refusal(|run| run["driver"] = missing), "`driver`: wskdrv is not installed. Take it anew"),
            (refusal(|run| run["taken"] = Value::Null), "is not what wskctl writes: take the evidence anew"),
            (
                refusal(|run| run["system"]["data"]["architecture"] = "../../x".into()),
                "its `system.architecture`",
            ),
            (refusal(|run| run["system"]["data"]["version"] = "/10.0".into()), "its `system.version`"),
            (refusal(|run| run["taken"] = "yesterday\n".into()), "its `taken` is \"yesterday\\n\""),
            (refusal(|run| run["driver"]["data"]["sha256"] = "12".into()), "its `driver.sha256`"),
            (refusal(|run| run["driver"]["data"]["path"] = "C:\\".into()), "its `driver.path`"),
            (said(&whole[..whole.len() / 2]), "copy the file again, to its end"),
            (said(b"{}"), "it is no file of `wskctl evidence`"),
            (said(b"<html>"), "it is not JSON"),
            (said(&utf16), "wskctl evidence --out FILE"),
        ] {
            assert!(said.contains(what), "{what}: {said}");
        }
    }

    /// Every member once replaced by what it is not: a file is refused, or what is made of it is a row and a name, no more.
    #[test]
    fn nonsense_in_a_member_makes_no_other_name_and_no_other_line() {
        let whole: Value = serde_json::from_slice(&fs::read(sample()).unwrap()).unwrap();
        let nonsense = [
            Value::Null,
            json!([]),
            json!({}),
            json!(true),
            json!(-1),
            json!(1e300),
            json!(u64::MAX),
            json!(""),
            json!("../../../README.md\u{0}"),
            json!("a | b\n<!-- end -->\r\n| c"),
            json!("\u{1F980}".repeat(5000)),
        ];
        let (mut taken, mut refused) = (0, 0);
        for place in places(&whole, "") {
            for value in &nonsense {
                let mut document = whole.clone();
                *document.pointer_mut(&place).unwrap() = value.clone();
                let Ok(run) = Run::parse(document.to_string().as_bytes()) else {
                    refused += 1;
                    continue;
                };
                taken += 1;
                let name = run.name();
                assert!(
                    name.chars().all(|char| char.is_ascii_alphanumeric() || "._-".contains(char)),
                    "{name:?}"
                );
                let runs = [run];
                let table = table::of(&runs);
                assert_eq!(table.lines().count(), 3, "{place}: {table}");
                assert!(!table.contains("<!--"), "{place}: {table}");
                // It may be wrong about hosted, and is then refused by the next check.
                let _ = held::held(&runs);
            }
        }
        assert!(taken > 100 && refused > 100, "{taken} taken, {refused} refused");
    }

    /// Where there is something in a document.
    fn places(value: &Value, at: &str) -> Vec<String> {
        let inner: Vec<(String, &Value)> = match value {
            Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
            Value::Array(values) => {
                values.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
            }
            _ => Vec::new(),
        };
        let inner = inner.into_iter().flat_map(|(name, value)| places(value, &format!("{at}/{name}")));
        inner.chain([at.to_owned()]).collect()
    }
}
