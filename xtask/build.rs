//! Takes stock of `wsk-sys`: writes tables of its constants, structures, types and functions, from its source.
//!
//! `cargo xtask headers` compares the tables with C headers. As the source is the list, no declaration can be
//! forgotten; as the numbers in the tables are expressions over `wsk-sys`, they are what its users get.

#[path = "build/c_type.rs"]
mod c_type;
#[path = "build/stock.rs"]
mod stock;

use std::{env, fs, path::Path};

use anyhow::{Context, Result};

/// Macros of `wsk-sys` that declare nothing the tables need: each has a table of its own.
const TABLE_MACROS: [&str; 2] = ["statuses", "layouts"];

fn main() -> Result<()> {
    let source = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../crates/sys/src");
    println!("cargo::rerun-if-changed={}", source.display());
    println!("cargo::rerun-if-changed=build");

    let mut stock = stock::Stock::default();
    let mut files: Vec<_> = fs::read_dir(&source)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let module = file.file_stem().and_then(|stem| stem.to_str()).context("a file without a name")?;
        if module != "lib" && module != "layout" {
            let syntax = syn::parse_file(&text).with_context(|| format!("parsing {}", file.display()))?;
            stock.take(module, &syntax).with_context(|| format!("in {}", file.display()))?;
        }
    }
    let out = Path::new(&env::var("OUT_DIR")?).join("stock.rs");
    // A row on a line, for whoever has to read it.
    fs::write(out, stock.tables()?.to_string().replace(" } , ", " },\n"))?;
    Ok(())
}
