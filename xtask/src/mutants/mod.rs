//! `cargo xtask mutants`: takes one line out of the driver, and sees a named test fail; for each line of a list.
//!
//! The suite is worth what it notices. Each mutant is made in the tree itself, because only there everything else is
//! built already; the file is put back whatever happens, and a copy waits in the target directory for the case that
//! this program is killed.

mod edit;
mod list;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cross::run_quietly;
use crate::{root, target_directory, wine};
use edit::Edit;
use list::{MUTANTS, Mutant};

/// Options of `cargo xtask mutants`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Try the mutants in the driver under Wine too, which builds it for Windows each time.
    #[arg(long)]
    wine: bool,
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
    let kernels: &[Kernel] = if options.wine { &[Kernel::Hosted, Kernel::Wine] } else { &[Kernel::Hosted] };
    for &kernel in kernels {
        kernel.build(&root)?;
        for mutant in &mutants {
            // What fails without the mutant says nothing about it.
            if !kernel.passes(&root, mutant.caught_by)? {
                bail!("{} fails in {kernel:?} without any mutant", mutant.caught_by);
            }
        }
        for mutant in &mutants {
            let edit = Edit::make(&root, &kept, mutant)?;
            kernel.build(&root).with_context(|| format!("the mutant {:?} does not compile", mutant.name))?;
            let survived = kernel.passes(&root, mutant.caught_by)?;
            edit.undo()?;
            let verdict = if survived { "SURVIVED" } else { "caught" };
            println!("{kernel:?}: {verdict}: {}: {}", mutant.name, mutant.caught_by);
            if survived {
                survivors.push(mutant.name);
            }
        }
        // Nobody shall find a mutant's program where the driver's is expected.
        kernel.build(&root)?;
    }
    if !survivors.is_empty() {
        bail!("not noticed by the test that should: {}", survivors.join(", "));
    }
    println!("each of {} mutants was caught by its test in {kernels:?}", mutants.len());
    Ok(())
}

/// Where the driver runs.
#[derive(Clone, Copy, Debug)]
enum Kernel {
    Hosted,
    Wine,
}

impl Kernel {
    fn build(self, root: &Path) -> Result<()> {
        match self {
            Kernel::Hosted => {
                // A mutant may leave a name unused: only an error is worth showing.
                let mut cargo = Command::new("cargo");
                run_quietly(cargo.current_dir(root).args(["build", "--quiet", "--package", "wskctl"]))
            }
            Kernel::Wine => wine::build_driver(root),
        }
    }

    /// Whether one test of the conformance suite passes. One that ends the whole kernel does not.
    fn passes(self, root: &Path, test: &str) -> Result<bool> {
        match self {
            Kernel::Hosted => {
                let program = target_directory(root).join("debug/wskctl");
                let mut suite = Command::new(&program);
                suite.args(["conformance", "--exact", test, "--device", "hosted", "--network", "memory"]);
                suite
                    .args(["--limit", "15s"])
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null());
                let status = suite.status().with_context(|| format!("starting {}", program.display()))?;
                // 2 is the program's answer to wrong arguments, which no mutant can cause.
                if status.code() == Some(2) {
                    bail!("wskctl knows no test {test}");
                }
                Ok(status.success())
            }
            Kernel::Wine => wine::passes(root, test),
        }
    }
}
