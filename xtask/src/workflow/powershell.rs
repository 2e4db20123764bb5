//! Each piece of PowerShell, for a parser.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use saphyr::YamlOwned;

use super::rules::{jobs, steps, text};
use super::{File, Phase};

/// A name for each piece, and the piece.
pub(super) fn pieces(workflows: &[File], action: &File, phases: &[Phase]) -> Vec<(String, String)> {
    let mut pieces = Vec::new();
    for file in workflows {
        for (name, job) in jobs(&file.yaml) {
            let system = text(job, "runs-on").unwrap_or_default();
            // The runners' names, and the matrix of them.
            let windows = system.contains("windows") || system.contains("matrix.system");
            of(steps(job), windows, &format!("{}-{name}", file.name), &mut pieces);
        }
    }
    let runs = action.yaml.as_mapping_get("runs").into_iter();
    of(runs.flat_map(steps), false, "action", &mut pieces);
    for phase in phases {
        for (index, line) in phase.lines.iter().chain(&phase.after_failure).enumerate() {
            if let Some((_, script)) = line.split_once("-NoProfile -Command ") {
                pieces.push((format!("trial-{}-{index}", phase.name), script.trim_matches('"').to_owned()));
            }
        }
    }
    pieces
}

/// The steps with a script that PowerShell runs, as it does by default on Windows.
fn of<'y>(
    steps: impl Iterator<Item = &'y YamlOwned>,
    windows: bool,
    name: &str,
    pieces: &mut Vec<(String, String)>,
) {
    for (index, step) in steps.enumerate() {
        let shell = text(step, "shell").unwrap_or(if windows { "pwsh" } else { "bash" });
        if let Some(script) = text(step, "run").filter(|_| shell == "pwsh" || shell == "powershell") {
            pieces.push((format!("{name}-{index}"), script.to_owned()));
        }
    }
}

/// Writes each piece into a file of the folder, which has nothing else then.
pub(super) fn write(folder: &Path, pieces: &[(String, String)]) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for (name, piece) in pieces {
        let path = folder.join(format!("{name}.ps1"));
        fs::write(&path, piece).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
