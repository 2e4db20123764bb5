//! `cargo xtask mutants`: takes one line out of the driver, and sees a named test fail under Wine; for each line of a list.
//!
//! That the suite notices is for `cargo mutants` to show, on the hosted kernel. Here is shown that under Wine it is the driver's file
//! that is judged. Each mutant is made in the tree itself, as `docs/adr/0022-mutants.md` explains; the file is put back
//! whatever happens, and a copy waits in the target directory for the case that this program is killed.

mod edit;
mod list;

use anyhow::{Context, Result, bail};

use crate::{root, target_directory, wine};
use edit::Edit;
use list::{MUTANTS, Mutant};

/// Options of `cargo xtask mutants`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only the mutants whose names contain this.
    filter: Option<String>,
    /// Only list them.
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let wanted = |mutant: &&Mutant| options.filter.as_ref().is_none_or(|part| mutant.name.contains(part));
    let mutants: Vec<&Mutant> = MUTANTS.iter().filter(wanted).collect();
    if options.list {
        for Mutant { name, file, caught_by, .. } in mutants {
            println!("{name}: {file}; {caught_by}");
        }
        return Ok(());
    }
    let root = root()?;
    let kept = target_directory(&root).join("mutants");
    edit::put_back(&root, &kept)?;
    let mut survivors = Vec::new();
    wine::build_driver(&root)?;
    for mutant in &mutants {
        // What fails without the mutant says nothing about it.
        if !wine::passes(&root, mutant.caught_by)? {
            bail!("{} fails without any mutant", mutant.caught_by);
        }
    }
    for mutant in &mutants {
        let edit = Edit::make(&root, &kept, mutant)?;
        wine::build_driver(&root)
            .with_context(|| format!("the mutant {:?} does not compile", mutant.name))?;
        let survived = wine::passes(&root, mutant.caught_by)?;
        edit.undo()?;
        println!("{}: {}: {}", if survived { "SURVIVED" } else { "caught" }, mutant.name, mutant.caught_by);
        if survived {
            survivors.push(mutant.name);
        }
    }
    // No mutant's program is left where the driver's is expected.
    wine::build_driver(&root)?;
    if !survivors.is_empty() {
        bail!("not noticed by the test that should: {}", survivors.join(", "));
    }
    println!("each of {} mutants was caught by its test", mutants.len());
    Ok(())
}
