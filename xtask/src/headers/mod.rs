//! Compares `nt-sys`, `wsk-sys` and the numbers of `wsk-cmsg` with C headers that others wrote.
//!
//! For each set of headers ([`view`]) a C file asks the compiler for every size, offset and value, and assigns
//! every function to a pointer of the prototype that they give it ([`source`]). A declaration must agree
//! with every set that has it, and at least one must have it. What differs for a reason, and what no set has, is
//! listed with the reason ([`known`]); an entry that no longer applies is an error as well.

mod compiler;
mod item;
mod known;
mod report;
mod source;
mod stock;
mod view;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use view::View;

/// The line that installs what this command needs.
const INSTALL: &str = "apt-get install --yes --no-install-recommends gcc-mingw-w64-x86-64-win32 libwine-dev";

#[derive(Args)]
pub(crate) struct Options {
    /// The C compiler, for 64-bit Windows.
    #[arg(long, default_value = "x86_64-w64-mingw32-gcc")]
    compiler: String,
    /// The directory of Wine's Windows headers.
    #[arg(long, default_value = "/usr/include/wine/wine/windows")]
    wine: PathBuf,
    /// The directory of mingw-w64's headers for drivers.
    #[arg(long, default_value = "/usr/share/mingw-w64/include/ddk")]
    ddk: PathBuf,
    /// Keep the generated C files in this directory.
    #[arg(long)]
    keep: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let views = view::views(&options.ddk, &options.wine);
    let compiler = compiler::Compiler::new(&options.compiler);
    if !compiler.works() || views.iter().any(|view| !view.available()) {
        bail!("the C compiler or the headers are missing; on Debian this installs them:\n{INSTALL}");
    }
    let scratch = tempfile::tempdir().context("making a directory for the C files")?;
    let directory = options.keep.as_deref().unwrap_or(scratch.path());
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;

    let items = item::items();
    let mut report = report::Report::new(&items);
    for view in &views {
        let answers =
            ask(&compiler, view, &items, directory).with_context(|| format!("with {}", view.title))?;
        report.add(view, &answers);
    }
    report.finish()
}

/// What the view's headers say of each item, in the order of `items`.
fn ask(
    compiler: &compiler::Compiler,
    view: &View,
    items: &[item::Item],
    directory: &Path,
) -> Result<Vec<compiler::Answer>> {
    let file = directory.join(format!("{}.c", view.name));
    let skipped = |item: &item::Item| view.skips.contains(&item.module);
    let mut answers: Vec<Option<compiler::Answer>> =
        items.iter().map(|item| skipped(item).then_some(compiler::Answer::Absent)).collect();
    // Each round drops what the compiler refused. One round does not find everything: after its first complaint
    // about an undeclared name, a compiler is silent about further uses.
    loop {
        let asked: Vec<usize> = (0..items.len()).filter(|&index| answers[index].is_none()).collect();
        fs::write(&file, source::source(view, items, &asked))?;
        match compiler.compile(view, &file)? {
            compiler::Outcome::Refused(complaints) => {
                for (index, answer) in complaints {
                    answers[index] = Some(answer);
                }
            }
            compiler::Outcome::Values(values) => {
                for index in asked {
                    let answer = match items[index].expected {
                        item::Expected::Prototype(_) => compiler::Answer::Agrees,
                        item::Expected::Value(_) => {
                            let value = values.get(&index).with_context(|| {
                                format!("the compiler gave no value for {}", items[index].name)
                            })?;
                            compiler::Answer::Value(*value)
                        }
                    };
                    answers[index] = Some(answer);
                }
                return Ok(answers.into_iter().flatten().collect());
            }
        }
    }
}
