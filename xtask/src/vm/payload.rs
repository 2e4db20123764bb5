//! What the guest needs, as files of a disk: the driver, its certificate and INF, the harness, the scripts.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::disk::Entry;
use crate::inf;

/// The payload's volume label.
pub(super) const LABEL: &str = "WSKDRV";
/// That of the disk for evidence, by which the script finds it.
pub(super) const EVIDENCE_LABEL: &str = "WSKDRV_OUT";
/// How much may be written there: some small dumps, and text.
pub(super) const EVIDENCE_BYTES: u64 = 512 << 20;
/// What `cargo xtask cross` makes.
const BUILT: [&str; 3] = ["wskdrv.sys", "wskdrv.cer", "wskctl.exe"];
/// The arguments of `wskctl trial`, as a line.
const TRIAL: &str = "trial.txt";
/// With this file on the disk, the script prepares Windows and runs no step.
const PREPARE: &str = "prepare.txt";

/// The files, from the folder of what is built and the workspace. `trial` is what to ask of `wskctl trial`.
pub(super) fn files(root: &Path, built: &Path, trial: &[String], prepare: bool) -> Result<Vec<Entry>> {
    // The guest's command processor reads them.
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=.:,".contains(letter);
    if let Some(word) = trial.iter().find(|word| word.is_empty() || !word.chars().all(plain)) {
        bail!("{word:?} is no argument for wskctl trial: letters, digits and -_=.:, only");
    }
    let mut files = Vec::new();
    for name in BUILT {
        let bytes = fs::read(built.join(name)).with_context(|| {
            format!("{name} is not built: leave --no-build out, or run cargo xtask cross")
        })?;
        files.push((name.to_owned(), bytes));
    }
    files.push(("wskdrv.inf".to_owned(), inf::stamped(root, None)?.into_bytes()));
    let scripts = root.join("scripts/windows");
    for entry in fs::read_dir(&scripts).with_context(|| format!("reading {}", scripts.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((name, fs::read(entry.path())?));
        }
    }
    files.push((TRIAL.to_owned(), (trial.join(" ") + "\r\n").into_bytes()));
    if prepare {
        files.push((PREPARE.to_owned(), Vec::new()));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn all_that_the_steps_need_is_there() {
        let built = tempfile::tempdir().unwrap();
        let root = root().unwrap();
        let error = files(&root, built.path(), &[], false).unwrap_err().to_string();
        assert!(error.contains("wskdrv.sys is not built"), "{error}");
        for name in BUILT {
            fs::write(built.path().join(name), name).unwrap();
        }
        let names = |prepare| -> Vec<String> {
            files(&root, built.path(), &[], prepare).unwrap().into_iter().map(|(name, _)| name).collect()
        };
        for name in ["wskdrv.sys", "wskdrv.cer", "wskdrv.inf", "wskctl.exe", "vm.cmd", "vm.ps1"] {
            assert!(names(false).iter().any(|there| there == name), "{name}: {:?}", names(false));
        }
        assert_eq!(names(true).len(), names(false).len() + 1);
        let asked = ["--verifier".to_owned(), "driver".to_owned()];
        let files = files(&root, built.path(), &asked, false).unwrap();
        assert!(files.contains(&("trial.txt".into(), b"--verifier driver\r\n".to_vec())));
    }

    #[test]
    fn nothing_is_slipped_to_the_guests_command_processor() {
        for word in ["a&b", "a b", "%PATH%", "a|b", "\"", ""] {
            let error = files(Path::new("root"), Path::new("built"), &[word.to_owned()], false).unwrap_err();
            assert!(error.to_string().contains("is no argument"), "{word}: {error}");
        }
    }
}
