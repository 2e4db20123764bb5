//! Which part of the code may not know which other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path as File;

use anyhow::{Context, Result, bail};

use super::paths::{Crate, Path};

/// A module or a crate, as it is called in Rust, and what it and all below it may not import: modules, crates, single items.
struct Layer {
    part: &'static str,
    apart_from: &'static [&'static str],
}

const LAYERS: &[Layer] = &[
    // For any driver.
    Layer { part: "nt_sys", apart_from: &["nt", "wsk_sys", "wsk", "wskdrv"] },
    Layer { part: "nt", apart_from: &["kmdf", "wdf", "wsk_sys", "wsk", "wskdrv"] },
    Layer { part: "wdf", apart_from: &["ntos", "wsk_sys", "wsk", "wskdrv"] },
    // Data that user mode shares, or that describes WSK.
    Layer { part: "wskdrv_abi", apart_from: &["kmdf", "netio", "ntos", "wsk"] },
    Layer { part: "wsk_requests", apart_from: &["kmdf", "netio", "ntos", "wsk"] },
    // An operation, whatever it does.
    Layer { part: "wsk::op", apart_from: &["wsk::request", "wsk::socket"] },
    // The client, and the hosted kernel: each for others than this driver.
    Layer { part: "wsk", apart_from: &["wskdrv", "wskdrv_abi"] },
    Layer { part: "ntos", apart_from: &["kmdf", "netio", "wsk", "wskdrv"] },
    Layer { part: "kmdf", apart_from: &["netio", "wsk", "wskdrv"] },
    Layer { part: "netio", apart_from: &["kmdf", "wsk", "wskdrv"] },
    // A network that knows no IRP.
    Layer {
        part: "netio::net",
        apart_from: &[
            "netio::run",
            "netio::call",
            "netio::socket",
            "netio::event",
            "netio::client",
            "netio::provider",
            "netio::platform",
        ],
    },
    Layer {
        part: "netio::run",
        apart_from: &["netio::call", "netio::socket", "netio::event", "netio::client", "netio::net"],
    },
];

/// The parts of a crate, each of which may use those before it, and no other.
const KMDF: &[&str] = &[
    "kmdf::types",
    "kmdf::status",
    "kmdf::kernel",
    "kmdf::platform",
    "kmdf::rules",
    "kmdf::object",
    "kmdf::string",
    "kmdf::locks",
    "kmdf::memory",
    "kmdf::file",
    "kmdf::request",
    "kmdf::queue",
    "kmdf::device",
    "kmdf::deferred",
    "kmdf::driver",
    "kmdf::table",
    "kmdf::hosted",
];

/// What the kernel has behind a lock. What is found wrong there is returned, and raised by the function that was called
/// (docs/adr/0027).
const REGISTRIES: &[&str] = &[
    "ntos::ex::pool::block",
    "ntos::ex::pool::pages",
    "ntos::ex::pool::paged",
    "ntos::ex::pool::registry",
    "ntos::io::device::namespace",
    "ntos::io::device::table",
    "ntos::io::irp::log",
    "ntos::io::irp::packet",
    "ntos::io::irp::registry",
    "ntos::ke::dispatcher",
    "ntos::ke::processor",
    "ntos::mm::in_flight",
];

/// What raises the bug check of a broken rule.
const RAISING: &[&str] = &[
    "ntos::ke::irql::at_most",
    "ntos::machine::bugcheck::complain",
    "ntos::machine::bugcheck::require",
    "ntos::machine::bugcheck::violation",
];

/// The breaches, each with its file and line.
pub(super) fn faults(root: &File, files: &[String]) -> Result<Vec<String>> {
    let mut crates = BTreeMap::new();
    for (name, folder) in folders(root)? {
        crates.insert(name.clone(), read(root, &name, &folder, files)?);
    }
    let mut faults = breaches(&crates, LAYERS)?;
    for (place, part) in (1..).zip(KMDF) {
        faults.extend(breaches(&crates, &[Layer { part, apart_from: &KMDF[place..] }])?);
    }
    for part in REGISTRIES {
        faults.extend(breaches(&crates, &[Layer { part, apart_from: RAISING }])?);
    }
    Ok(faults)
}

fn breaches(crates: &BTreeMap<String, Crate>, layers: &[Layer]) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for layer in layers {
        let part = known(crates, layer.part)?;
        let apart: Vec<Path> =
            layer.apart_from.iter().map(|name| known(crates, name)).collect::<Result<_>>()?;
        for (mention, meant) in crates[&part[0]].mentions(&part) {
            if apart.iter().any(|other| meant.starts_with(other)) {
                let (written, meant) = (mention.path.join("::"), meant.join("::"));
                let by = if written == meant { String::new() } else { format!(", by the name {written}") };
                faults.push(format!(
                    "{}:{}: {} may not import {meant}{by}",
                    mention.file, mention.line, layer.part
                ));
            }
        }
    }
    Ok(faults)
}

/// The path of a module or an item that there is.
fn known(crates: &BTreeMap<String, Crate>, name: &str) -> Result<Path> {
    let path: Path = name.split("::").map(str::to_owned).collect();
    if !crates.get(&path[0]).is_some_and(|krate| krate.has(&path)) {
        bail!("the table of xtask/src/tidy/layers.rs names {name}, which there is not");
    }
    Ok(path)
}

/// The workspace's crates, by the names that they have in code, and the folders of their sources.
fn folders(root: &File) -> Result<BTreeMap<String, String>> {
    let file = root.join("Cargo.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let manifest: toml::Table = text.parse().with_context(|| format!("reading {}", file.display()))?;
    let dependencies = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let dependencies =
        dependencies.and_then(toml::Value::as_table).context("no dependencies of the workspace")?;
    let mut folders = BTreeMap::from([("wskdrv".to_owned(), "src/".to_owned())]);
    for (name, dependency) in dependencies {
        if let Some(path) = dependency.get("path").and_then(toml::Value::as_str) {
            folders.insert(name.replace('-', "_"), format!("{path}/src/"));
        }
    }
    Ok(folders)
}

fn read(root: &File, name: &str, folder: &str, files: &[String]) -> Result<Crate> {
    let mut krate = Crate::default();
    for file in files {
        let Some(inside) = file.strip_prefix(folder).and_then(|inside| inside.strip_suffix(".rs")) else {
            continue;
        };
        // Git lists a file that was removed.
        let Ok(text) = fs::read_to_string(root.join(file)) else { continue };
        krate.add(&module(name, inside), file, &text)?;
    }
    Ok(krate)
}

/// The module of a file, from its path inside `src` without the ending.
fn module(name: &str, inside: &str) -> Path {
    let mut path: Path = [name].into_iter().chain(inside.split('/')).map(str::to_owned).collect();
    let last = path.last().map(String::as_str);
    if last == Some("mod") || path.len() == 2 && matches!(last, Some("lib" | "main")) {
        path.pop();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults of a crate `own` with these files, beside a crate `other`, whose module `low` may import neither the other crate
    /// nor its own module `high`.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let mut own = Crate::default();
        let always = [("lib", "mod high;\nmod low;\npub use high::*;\npub use high::Thing as Renamed;\n")];
        let high = [
            ("high/mod", "mod inner;\npub use inner::Deep;\npub struct Thing;\n"),
            ("high/inner", "pub struct Deep;\n"),
        ];
        for (file, text) in always.iter().chain(&high).chain(files) {
            own.add(&module("own", file), file, text).unwrap();
        }
        let mut other = Crate::default();
        other.add(&module("other", "lib"), "lib", "").unwrap();
        let crates = BTreeMap::from([("own".to_owned(), own), ("other".to_owned(), other)]);
        let layer = Layer { part: "own::low", apart_from: &["other", "own::high"] };
        breaches(&crates, &[layer]).unwrap()
    }

    #[test]
    fn an_import_is_found_however_it_is_written() {
        for text in [
            "use crate::high::Thing;",
            "use super::high;",
            "use self::super::high::inner as x;",
            "use crate::{low, high::{self, Thing}};",
            "pub(crate) use crate::high::*;",
            "use crate::Renamed;",
            "use crate::Thing;",
            "use crate::Deep;",
            "fn f() { crate::high::f() }",
            "fn f() { let _ = [crate::high::X]; m!(a, super::high::X); }",
            "mod inner { use super::super::high; }",
            "macro_rules! m { () => { $crate::high::Thing } }",
            "impl crate::high::Trait for X {}",
            "use crate as c; fn f() { c::high::f() }",
            "use other::X;",
            "fn f() { ::other::f() }",
            "extern crate other;",
        ] {
            let faults = found(&[("low", text)]);
            assert!(!faults.is_empty(), "{text}");
            assert!(faults[0].starts_with("low:1: own::low may not import "), "{faults:?}");
        }
        // In a file below.
        assert_eq!(found(&[("low/mod", "mod a;"), ("low/a", "\nuse super::super::high;")]).len(), 1);
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for text in [
            "mod high; use high::X; use self::high::Y; fn f() { high::f() }",
            "/// [`crate::high`]\nstruct Thing; fn f() { Thing::new().high::<u8>() }",
            "use crate::low::high::X;",
            "fn f() { let high = 0; high; \"crate::high\"; }",
            "#[cfg(test)] mod tests { use crate::high::Thing; }",
            "use core::high::X; fn f<T: Trait>() -> impl Fn() + use<T> { other }",
        ] {
            assert_eq!(found(&[("low", text)]), Vec::<String>::new(), "{text}");
        }
        assert_eq!(found(&[("low", ""), ("middle", "use crate::high; use other::X;")]), Vec::<String>::new());
    }

    #[test]
    fn a_single_item_may_be_forbidden() {
        let mut own = Crate::default();
        for (file, text) in [
            ("lib", "mod high; mod low; pub use high::wait;"),
            ("high", "pub fn raise() {} pub fn wait() {}"),
            ("low", "use crate::high::raise; fn f() { crate::wait(); crate::high::other() }"),
        ] {
            own.add(&module("own", file), file, text).unwrap();
        }
        let crates = BTreeMap::from([("own".to_owned(), own)]);
        let found = |apart_from| breaches(&crates, &[Layer { part: "own::low", apart_from }]).unwrap().len();
        assert_eq!(found(&["own::high::raise"]), 1);
        assert_eq!(found(&["own::high::wait"]), 1, "by the name that it is exported by");
    }

    #[test]
    fn a_part_that_is_gone_is_an_error() {
        let mut own = Crate::default();
        own.add(&module("own", "lib"), "lib", "fn there() {}").unwrap();
        let crates = BTreeMap::from([("own".to_owned(), own)]);
        let tried = |part, apart_from| breaches(&crates, &[Layer { part, apart_from }]);
        assert!(tried("own", &["own"]).is_ok());
        assert!(tried("own", &["own::there"]).is_ok());
        assert!(tried("own::low", &["own"]).is_err());
        assert!(tried("own", &["own::high"]).is_err());
        assert!(tried("other", &["own"]).is_err());
    }
}
