//! `cross/imports.txt`: what the driver may import, and since when each Windows has it.
//!
//! One list serves three ends: the import libraries are made from it, the image is compared with it, and nothing in it
//! may be newer than the Windows that the driver is for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};

/// A version of Windows, by the number of its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version([u32; 3]);

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

/// When the image imports a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// In every build.
    Always,
    /// In none: the linker drops the code that names it.
    Dropped,
    /// Perhaps, if the standard library is one that rustup installed.
    Std,
    /// Perhaps, if the WDK's entry library is linked.
    Wdk,
}

/// Which parts of a build are not the project's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The standard library was compiled by others.
    pub(crate) prebuilt_std: bool,
    /// Headers and libraries are those of a WDK.
    pub(crate) wdk: bool,
}

/// Names by the module that they are imported from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    pub(crate) fn add(&mut self, module: &str, name: &str) {
        self.0.entry(module.to_owned()).or_default().insert(name.to_owned());
    }

    fn contains(&self, module: &str, name: &str) -> bool {
        self.0.get(module).is_some_and(|names| names.contains(name))
    }

    fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(module, names)| names.iter().map(|name| (module.as_str(), name.as_str())))
    }

    /// How many names there are.
    pub(crate) fn count(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }
}

/// The list.
#[derive(Debug)]
pub(crate) struct List {
    target: Version,
    kmdf: (String, Version),
    modules: BTreeMap<String, BTreeMap<String, When>>,
}

impl List {
    /// Reads the workspace's list.
    pub(crate) fn read(root: &Path) -> Result<List> {
        let file = root.join("cross/imports.txt");
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        List::parse(&text).with_context(|| file.display().to_string())
    }

    /// Reads a list: a module on a line, its names indented below; the file's head says the rest.
    ///
    /// # Errors
    /// A line is not understood, a name is listed twice, or something is newer than the target.
    pub(crate) fn parse(text: &str) -> Result<List> {
        let mut target = None;
        let mut kmdf = None;
        let mut modules: BTreeMap<String, BTreeMap<String, When>> = BTreeMap::new();
        let mut module = None;
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match (line.starts_with(' '), &words[..]) {
                (false, ["target", version]) => target = Some(version.parse()?),
                (false, ["kmdf", framework, version]) => {
                    kmdf = Some(((*framework).to_owned(), version.parse()?));
                }
                (false, [name]) => module = Some((*name).to_owned()),
                (true, [name, version, when @ ..]) => {
                    let module: &String = module.as_ref().context("a name before the first module")?;
                    let target = target.context("a name before the target")?;
                    let version: Version = version.parse()?;
                    ensure!(
                        version <= target,
                        "{module}!{name} first appeared in Windows {version}; the driver is for {target}"
                    );
                    let twin = modules
                        .entry(module.clone())
                        .or_default()
                        .insert((*name).to_owned(), parse_when(when)?);
                    ensure!(twin.is_none(), "{module}!{name} is listed twice");
                }
                _ => bail!("not understood: {line}"),
            }
        }
        let target = target.context("no target")?;
        let kmdf: (String, Version) = kmdf.context("no version of KMDF")?;
        ensure!(kmdf.1 <= target, "KMDF {} came with Windows {}; the driver is for {target}", kmdf.0, kmdf.1);
        Ok(List { target, kmdf, modules })
    }

    /// The Windows that the driver is for.
    pub(crate) fn target(&self) -> Version {
        self.target
    }

    /// The framework's version that the driver binds to.
    pub(crate) fn kmdf(&self) -> &str {
        &self.kmdf.0
    }

    /// Module-definition files, each with the name of the import library that is made from it.
    pub(crate) fn definitions(&self, parts: Parts) -> impl Iterator<Item = (String, String)> {
        self.modules.iter().map(move |(module, names)| {
            let mut text = format!("LIBRARY {module}\nEXPORTS\n");
            // What the WDK's entry library imports has no user here, and a prebuilt library's imports would otherwise
            // compete with the same functions in the library that is built along.
            for (name, _) in names.iter().filter(|(_, when)| match when {
                When::Always | When::Dropped => true,
                When::Std => parts.prebuilt_std,
                When::Wdk => false,
            }) {
                let _ = writeln!(text, "    {name}");
            }
            let stem = module.split('.').next().unwrap_or(module).to_ascii_lowercase();
            (stem, text)
        })
    }

    /// How an image's imports differ from the list.
    pub(crate) fn problems(&self, actual: &Imports, parts: Parts) -> Vec<String> {
        let unexpected = actual.names().filter_map(|(module, name)| {
            let reason = match self.modules.get(module).and_then(|names| names.get(name)) {
                Some(When::Always) => return None,
                Some(When::Std) if parts.prebuilt_std => return None,
                Some(When::Wdk) if parts.wdk => return None,
                Some(When::Dropped) => "listed as dropped by the linker",
                Some(When::Std) => "for a standard library of rustup's only",
                Some(When::Wdk) => "for the WDK's entry library only",
                None => "not listed",
            };
            Some(format!("{module}!{name} is imported, but {reason}"))
        });
        let missing = self.modules.iter().flat_map(|(module, names)| {
            names
                .iter()
                .filter(|(name, when)| **when == When::Always && !actual.contains(module, name))
                .map(move |(name, _)| format!("{module}!{name} is listed, but not imported"))
        });
        unexpected.chain(missing).collect()
    }
}

fn parse_when(words: &[&str]) -> Result<When> {
    match words {
        [] => Ok(When::Always),
        ["dropped"] => Ok(When::Dropped),
        ["std"] => Ok(When::Std),
        ["wdk"] => Ok(When::Wdk),
        _ => bail!("not understood: {}", words.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    const HEAD: &str = "target 10.0.19041\nkmdf 1.31 10.0.19041\nA.SYS\n";

    fn parse(names: &str) -> Result<List> {
        List::parse(&format!("{HEAD}{names}"))
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", List::parse(text).unwrap_err())
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
        assert!(parse("    Old 6.0\n    Same 10.0.19041\n").is_ok());
        for newer in ["10.0.19042", "10.0.20348", "10.1", "11.0"] {
            let text = format!("{HEAD}    New {newer}\n");
            assert!(refusal(&text).starts_with("A.SYS!New first appeared in Windows"), "{newer}");
        }
    }

    #[test]
    fn a_newer_framework_is_refused() {
        let found = refusal("target 10.0.19041\nkmdf 1.33 10.0.20348\n");
        assert_eq!(found, "KMDF 1.33 came with Windows 10.0.20348; the driver is for 10.0.19041");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (text, problem) in [
            ("kmdf 1.31 6.0\n", "no target"),
            ("target 6.0\n", "no version of KMDF"),
            ("target 6\n", "6 is no version"),
            ("target 6.x\n", "6.x is no version"),
            ("A.SYS\n    Name 6.0\n", "a name before the target"),
            ("target 6.0\n    Name 6.0\n", "a name before the first module"),
            ("target 6.0\nA.SYS\n    Name\n", "not understood"),
            ("target 6.0\nA.SYS\n    Name 6.0 often\n", "not understood: often"),
            ("target 6.0\nA.SYS\n    Name 6.0\n    Name 6.0 std\n", "A.SYS!Name is listed twice"),
        ] {
            assert!(refusal(text).contains(problem), "{text}: {}", refusal(text));
        }
    }

    #[test]
    fn imports_are_compared_by_the_parts_of_the_build() {
        let list =
            parse("    Always 6.0\n    Gone 6.0 dropped\n    memcpy 6.0 std\n    Class 6.0 wdk\n").unwrap();
        let own = Parts::default();
        let all = Parts { prebuilt_std: true, wdk: true };
        assert!(list.problems(&imports(&["Always"]), own).is_empty());
        assert!(list.problems(&imports(&["Always"]), all).is_empty());
        assert!(list.problems(&imports(&["Always", "memcpy", "Class"]), all).is_empty());
        assert_eq!(
            list.problems(&imports(&["Class", "Gone", "Other", "memcpy"]), own),
            [
                "A.SYS!Class is imported, but for the WDK's entry library only",
                "A.SYS!Gone is imported, but listed as dropped by the linker",
                "A.SYS!Other is imported, but not listed",
                "A.SYS!memcpy is imported, but for a standard library of rustup's only",
                "A.SYS!Always is listed, but not imported",
            ]
        );
        let mut elsewhere = Imports::default();
        elsewhere.add("B.SYS", "Always");
        assert_eq!(
            list.problems(&elsewhere, own),
            ["B.SYS!Always is imported, but not listed", "A.SYS!Always is listed, but not imported"]
        );
    }

    #[test]
    fn libraries_have_what_the_build_can_use() {
        let list =
            parse("    Always 6.0\n    Gone 6.0 dropped\n    memcpy 6.0 std\n    Class 6.0 wdk\n").unwrap();
        let definition = |parts| list.definitions(parts).next().unwrap();
        let own = "LIBRARY A.SYS\nEXPORTS\n    Always\n    Gone\n";
        assert_eq!(definition(Parts::default()), ("a".to_owned(), own.to_owned()));
        let prebuilt = definition(Parts { prebuilt_std: true, wdk: true });
        assert_eq!(prebuilt.1, format!("{own}    memcpy\n"));
    }

    /// The manifest, the headers and the list name one version of the framework.
    #[test]
    fn the_workspace_has_one_framework_version() {
        let root = root().unwrap();
        let list = List::read(&root).unwrap();
        let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        let number = |key: &str| {
            let line = manifest.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.trim_start_matches([' ', '=']).to_owned()
        };
        let version = format!("{}.{}", number("kmdf-version-major"), number("target-kmdf-version-minor"));
        assert_eq!(list.kmdf(), version);
        assert_eq!(list.target().to_string(), "10.0.19041");
    }
}
