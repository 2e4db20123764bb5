//! One change of one file, which is taken back.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::list::Mutant;

/// A file with a mutant in it; put back at the latest when this is dropped.
pub(crate) struct Edit {
    file: PathBuf,
    original: Option<String>,
    copy: PathBuf,
}

impl Edit {
    pub(crate) fn make(root: &Path, kept: &Path, mutant: &Mutant) -> Result<Edit> {
        let file = root.join(mutant.file);
        let original = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let changed = mutated(&original, mutant)?;
        let copy = kept.join(mutant.file);
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        fs::write(&copy, &original).with_context(|| format!("writing {}", copy.display()))?;
        let edit = Edit { file, original: Some(original), copy };
        fs::write(&edit.file, changed).with_context(|| format!("writing {}", edit.file.display()))?;
        Ok(edit)
    }

    /// Puts the file back.
    pub(crate) fn undo(mut self) -> Result<()> {
        self.restore()
    }

    fn restore(&mut self) -> Result<()> {
        if let Some(original) = &self.original {
            fs::write(&self.file, original)
                .with_context(|| format!("putting {} back", self.file.display()))?;
            fs::remove_file(&self.copy).with_context(|| format!("removing {}", self.copy.display()))?;
            self.original = None;
        }
        Ok(())
    }
}

impl Drop for Edit {
    fn drop(&mut self) {
        if let Err(error) = self.restore() {
            eprintln!("error: {error:#}; its text is in {}", self.copy.display());
        }
    }
}

/// The text with the mutant's line taken out or replaced.
fn mutated(text: &str, mutant: &Mutant) -> Result<String> {
    let found = text.matches(mutant.line).count();
    if found != 1 {
        bail!(
            "{}: {:?} stands there {found} times: the list in xtask/src/mutants/list.rs needs it once",
            mutant.file,
            mutant.line
        );
    }
    Ok(text.replacen(mutant.line, mutant.instead, 1))
}

/// Puts back what an earlier run that was killed has left.
pub(crate) fn put_back(root: &Path, kept: &Path) -> Result<()> {
    for mutant in super::list::MUTANTS {
        let copy = kept.join(mutant.file);
        if copy.exists() {
            fs::copy(&copy, root.join(mutant.file))
                .with_context(|| format!("putting {} back", mutant.file))?;
            fs::remove_file(&copy).with_context(|| format!("removing {}", copy.display()))?;
            println!("{}: put back after a run that was interrupted", mutant.file);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::list::MUTANTS;
    use super::*;
    use crate::root;

    const MUTANT: Mutant = Mutant { name: "m", file: "f", line: "two\n", instead: "", caught_by: "t::t" };

    #[test]
    fn takes_the_line_out() {
        assert_eq!(mutated("one\ntwo\nthree\n", &MUTANT).unwrap(), "one\nthree\n");
    }

    #[test]
    fn refuses_a_line_that_is_not_there_or_there_twice() {
        assert!(mutated("one\n", &MUTANT).is_err());
        assert!(mutated("two\ntwo\n", &MUTANT).is_err());
    }

    #[test]
    fn puts_the_file_back_when_dropped() {
        let (root, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = root.path().join("f");
        fs::write(&file, "one\ntwo\n").unwrap();
        let edit = Edit::make(root.path(), kept.path(), &MUTANT).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "one\n");
        assert!(kept.path().join("f").exists());
        drop(edit);
        assert_eq!(fs::read_to_string(&file).unwrap(), "one\ntwo\n");
        assert!(!kept.path().join("f").exists());
    }

    #[test]
    fn every_mutant_of_the_list_can_be_made() {
        let root = root().unwrap();
        for mutant in MUTANTS {
            let text = fs::read_to_string(root.join(mutant.file)).unwrap();
            mutated(&text, mutant).unwrap();
        }
    }
}
