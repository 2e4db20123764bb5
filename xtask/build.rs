//! Takes stock of `nt-sys` and `wsk-sys`: writes tables of its constants, structures, types and functions, from its source.
//!
//! `cargo xtask headers` compares the tables with C headers. As the source is the list, no declaration can be
//! forgotten; as the numbers in the tables are expressions over `wsk-sys`, which has all of both, they are what its users get.

#[path = "build/c_type.rs"]
mod c_type;
#[path = "build/stock.rs"]
mod stock;

use std::{env, fs, path::Path};

use anyhow::{Context, Result};

/// The folders of the crates under `crates/`.
const SOURCES: [&str; 2] = ["nt-sys", "wsk-sys"];

/// Macros that declare nothing the tables need: each has a table of its own.
const TABLE_MACROS: [&str; 2] = ["statuses", "layouts"];

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build");

    let mut stock = stock::Stock::default();
    let mut files = Vec::new();
    for source in SOURCES {
        let source = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../crates").join(source).join("src");
        println!("cargo::rerun-if-changed={}", source.display());
        for entry in fs::read_dir(&source).with_context(|| format!("reading {}", source.display()))? {
            files.push(entry?.path());
        }
    }
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
