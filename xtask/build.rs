//! Takes stock of `nt-sys`, `wsk-sys` and the numbers of `wsk-cmsg`: writes tables of their constants, structures, types and
//! functions, from their source.
//!
//! `cargo xtask headers` compares the tables with C headers. As the source is the list, no declaration can be
//! forgotten; as the numbers in the tables are expressions over `wsk-sys`, which has all of both, they are what its users get.

#[path = "build/c_type.rs"]
mod c_type;
#[path = "build/stock.rs"]
mod stock;

use std::{env, fs, path::Path};

use anyhow::{Context, Result};

/// The folders, or the single files, under `crates/`, and where Rust has what they declare.
const SOURCES: [(&str, &str); 3] =
    [("nt-sys/src", "wsk_sys"), ("wsk-sys/src", "wsk_sys"), ("cmsg/src/kind.rs", "wsk_cmsg::kind")];

/// Macros that declare nothing the tables need: each has a table of its own.
const TABLE_MACROS: [&str; 2] = ["statuses", "layouts"];

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build");

    let mut stock = stock::Stock::default();
    let mut files = Vec::new();
    for (source, home) in SOURCES {
        let source = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../crates").join(source);
        println!("cargo::rerun-if-changed={}", source.display());
        if source.is_file() {
            files.push((source, home));
            continue;
        }
        for entry in fs::read_dir(&source).with_context(|| format!("reading {}", source.display()))? {
            files.push((entry?.path(), home));
        }
    }
    files.sort();
    for (file, home) in files {
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let module = file.file_stem().and_then(|stem| stem.to_str()).context("a file without a name")?;
        if module != "lib" && module != "layout" {
            let syntax = syn::parse_file(&text).with_context(|| format!("parsing {}", file.display()))?;
            stock
                .take(module, &syn::parse_str(home)?, &syntax)
                .with_context(|| format!("in {}", file.display()))?;
        }
    }
    let out = Path::new(&env::var("OUT_DIR")?).join("stock.rs");
    // A row on a line, for whoever has to read it.
    fs::write(out, stock.tables()?.to_string().replace(" } , ", " },\n"))?;
    Ok(())
}
