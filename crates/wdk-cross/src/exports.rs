//! What the modules of the kernel export, and since which Windows: `exports.txt`, and mingw-w64's import libraries.
//!
//! One list serves two ends: the import libraries are made of it, and an image's imports are compared with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};

use super::tools::{self, Arch};

/// The list that comes with this crate.
const LIST: &str = include_str!("../exports.txt");

/// The framework's version that a driver is built for, and the first Windows that has it, by Microsoft's page "KMDF Version
/// History".
pub const KMDF: (&str, Version) = ("1.31", Version([10, 0, 19041]));

/// The Windows that a driver is for if nobody says: version 2004, the first with KMDF 1.31 and `ExAllocatePool2`.
pub const WINDOWS: Version = KMDF.1;

/// mingw-w64's import libraries for drivers, and the modules that they are for.
const MINGW: [(&str, &str); 4] = [
    ("libhal.a", "HAL.dll"),
    ("libndis.a", "NDIS.SYS"),
    ("libnetio.a", "NETIO.SYS"),
    ("libntoskrnl.a", "ntoskrnl.exe"),
];

/// What the kernel exports and the standard library that is built along has, too: in an import library, each would have a twin.
const BUILTINS: [&str; 5] = ["__chkstk", "memcmp", "memcpy", "memmove", "memset"];

/// A version of Windows, by the number of its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub(crate) [u32; 3]);

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Version> {
        let mut parts = [0; 3];
        let numbers: Vec<&str> = text.split('.').collect();
        ensure!((2..=3).contains(&numbers.len()), "{text} is no version: write 6.0 or 10.0.19041");
        for (part, number) in parts.iter_mut().zip(numbers) {
            *part = number.parse().with_context(|| format!("{text} is no version"))?;
        }
        Ok(Version(parts))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Version([major, minor, build]) = self;
        write!(f, "{major}.{minor}.{build}")
    }
}

/// Names by the module that they are imported from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    pub(crate) fn add(&mut self, module: &str, name: &str) {
        self.0.entry(module.to_owned()).or_default().insert(name.to_owned());
    }

    /// The modules.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The names of one module.
    pub fn of(&self, module: &str) -> impl Iterator<Item = &str> {
        self.0.get(module).into_iter().flatten().map(String::as_str)
    }

    fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(module, names)| names.iter().map(|name| (module.as_str(), name.as_str())))
    }

    /// How many names there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }
}

/// A name that a module exports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Export {
    /// The first Windows that has it; unknown for most of what only mingw-w64 names.
    since: Option<Version>,
    /// No function, but data.
    data: bool,
}

/// The list, by module and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exports(BTreeMap<String, BTreeMap<String, Export>>);

impl Exports {
    /// The list that comes with this crate, and what mingw-w64's libraries have beside it.
    ///
    /// # Errors
    /// A library cannot be read.
    pub fn read() -> Result<Exports> {
        let mut exports = Exports::parse(LIST).context("exports.txt")?;
        for (library, module) in MINGW {
            let mut symbols = Command::new(tools::NM);
            symbols.args(["--extern-only", "--format=just-symbols"]);
            let output = symbols.arg(Path::new(tools::MINGW_LIBRARIES).join(library)).output();
            let output = output.with_context(|| format!("running {}", tools::NM))?;
            ensure!(output.status.success(), "{} cannot read {library}", tools::NM);
            exports.add(module, &String::from_utf8_lossy(&output.stdout));
        }
        Ok(exports)
    }

    /// Reads a list: a module and a version on a line, the names indented below.
    ///
    /// # Errors
    /// A line is not understood, or a name is listed twice.
    pub(crate) fn parse(text: &str) -> Result<Exports> {
        let mut exports = Exports::default();
        let mut group = None;
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match (line.starts_with(' '), &words[..]) {
                (false, [module, version]) => group = Some((*module, version.parse()?)),
                (true, names) => {
                    let (module, since) = group.context("a name before the first module")?;
                    let known = exports.0.entry(module.to_owned()).or_default();
                    for name in names {
                        let export = Export { since: Some(since), data: false };
                        let twin = known.insert((*name).to_owned(), export);
                        ensure!(twin.is_none(), "{module}!{name} is listed twice");
                    }
                }
                _ => bail!("not understood: {line}"),
            }
        }
        Ok(exports)
    }

    /// Adds the symbols of an import library. What has a pointer only is data.
    fn add(&mut self, module: &str, symbols: &str) {
        let symbols: BTreeSet<&str> = symbols.lines().map(str::trim).collect();
        let known = self.0.entry(module.to_owned()).or_default();
        for name in symbols.iter().filter_map(|symbol| symbol.strip_prefix("__imp_")) {
            let data = !symbols.contains(name);
            known.entry(name.to_owned()).or_insert(Export { since: None, data });
        }
    }

    /// Module-definition files, each with the name of the import library that is made of it.
    pub(crate) fn definitions(&self, prebuilt_std: bool) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(move |(module, names)| {
            let mut text = format!("LIBRARY {module}\nEXPORTS\n");
            for (name, export) in names {
                if prebuilt_std || !BUILTINS.contains(&name.as_str()) {
                    let _ = writeln!(text, "    {name}{}", if export.data { " DATA" } else { "" });
                }
            }
            let stem = module.split('.').next().unwrap_or(module).to_ascii_lowercase();
            (stem, text)
        })
    }

    /// The names that an image imports, but that no Windows has, or only one that is newer than the driver's.
    pub(crate) fn problems(&self, imports: &Imports, target: Version) -> Vec<String> {
        let of = |module: &str, name: &str| match self.find(module, name) {
            None => Some(format!("{module}!{name} is imported, but no Windows is known to export it")),
            Some(Export { since: Some(since), .. }) if since > target => {
                Some(format!("{module}!{name} first appeared in Windows {since}; the driver is for {target}"))
            }
            Some(_) => None,
        };
        imports.names().filter_map(|(module, name)| of(module, name)).collect()
    }

    /// The names that an image imports and Windows has, without a date.
    pub(crate) fn undated<'i>(&self, imports: &'i Imports) -> Vec<&'i str> {
        let undated = |(module, name): &(&str, &str)| {
            self.find(module, name).is_some_and(|export| export.since.is_none())
        };
        imports.names().filter(undated).map(|(_, name)| name).collect()
    }

    fn find(&self, module: &str, name: &str) -> Option<Export> {
        self.0.get(module)?.get(name).copied()
    }
}

/// The machine of an import library, as `dlltool` calls it.
pub(crate) const fn machine(arch: Arch) -> &'static str {
    match arch {
        Arch::X64 => "i386:x86-64",
        Arch::Arm64 => "arm64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        format!("{:#}", Exports::parse(text).unwrap_err())
    }

    fn imports(names: &[&str]) -> Imports {
        let mut imports = Imports::default();
        for name in names {
            imports.add("A.SYS", name);
        }
        imports
    }

    #[test]
    fn a_newer_import_is_refused() {
        let list = Exports::parse("A.SYS 6.0\n    Old Also\nA.SYS 10.0.19041\n    New\n").unwrap();
        let all = imports(&["Also", "New", "Old"]);
        assert!(list.problems(&all, WINDOWS).is_empty());
        assert_eq!(
            list.problems(&all, "10.0.18363".parse().unwrap()),
            ["A.SYS!New first appeared in Windows 10.0.19041; the driver is for 10.0.18363"]
        );
    }

    #[test]
    fn what_no_windows_exports_is_refused() {
        let list = Exports::parse("A.SYS 6.0\n    Known\n").unwrap();
        let found = list.problems(&imports(&["Known", "Unknown"]), WINDOWS);
        assert_eq!(found, ["A.SYS!Unknown is imported, but no Windows is known to export it"]);
        let mut elsewhere = Imports::default();
        elsewhere.add("B.SYS", "Known");
        assert_eq!(list.problems(&elsewhere, WINDOWS).len(), 1);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (text, problem) in [
            ("    Name\n", "a name before the first module"),
            ("A.SYS\n", "not understood"),
            ("A.SYS 6\n", "6 is no version"),
            ("A.SYS 6.x\n", "6.x is no version"),
            ("A.SYS 6.0\n    Name\nA.SYS 6.1\n    Name\n", "A.SYS!Name is listed twice"),
        ] {
            assert!(refusal(text).contains(problem), "{text}: {}", refusal(text));
        }
    }

    #[test]
    fn an_import_library_adds_what_has_no_date() {
        let mut list = Exports::parse("A.SYS 6.0\n    Known\n").unwrap();
        list.add("A.SYS", "_head_a\n__imp_Known\nKnown\n__imp_Further\nFurther\n__imp_Value\n");
        let all = imports(&["Further", "Known", "Value"]);
        assert!(list.problems(&all, WINDOWS).is_empty());
        assert_eq!(list.undated(&all), ["Further", "Value"]);
        let definition = list.definitions(false).next().unwrap();
        assert_eq!(definition.1, "LIBRARY A.SYS\nEXPORTS\n    Further\n    Known\n    Value DATA\n");
    }

    #[test]
    fn builtins_are_imported_by_a_prebuilt_library_only() {
        let list = Exports::parse("A.SYS 6.0\n    Known memcpy\n").unwrap();
        let definition = |prebuilt| list.definitions(prebuilt).next().unwrap();
        assert_eq!(definition(false), ("a".to_owned(), "LIBRARY A.SYS\nEXPORTS\n    Known\n".to_owned()));
        assert!(definition(true).1.ends_with("    Known\n    memcpy\n"));
    }

    #[test]
    fn the_list_has_what_drivers_use() {
        let list = Exports::parse(LIST).unwrap();
        let since =
            |module, name| list.find(module, name).and_then(|export| export.since).unwrap().to_string();
        assert_eq!(since("ntoskrnl.exe", "ExAllocatePool2"), "10.0.19041");
        assert_eq!(since("ntoskrnl.exe", "IoCsqInsertIrp"), "5.2.0");
        assert_eq!(since("NETIO.SYS", "WskRegister"), "6.0.0");
        // An inline of the headers.
        assert_eq!(list.find("ntoskrnl.exe", "ExAllocatePoolQuotaZero"), None);
    }
}
