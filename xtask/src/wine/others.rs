//! Other people's code in place of this project's, or beside it: what is asked for, and whether it can run here.
//!
//! Nothing of it is in the repository: the user has the files. They are looked at before anything is loaded, since Wine itself
//! says nothing of an import that it lacks until it is called.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::image::{Export, Image};
use super::prefix::Prefix;

/// The framework and WSK, as drivers import them.
pub(crate) const WDFLDR: &str = "wdfldr.sys";
pub(crate) const NETIO: &str = "netio.sys";
/// The kernel.
const KERNEL: &str = "ntoskrnl.exe";
/// What each of the two must have for drivers.
const OF_WDFLDR: [&str; 2] = ["WdfVersionBind", "WdfVersionUnbind"];
const OF_NETIO: [&str; 4] =
    ["WskRegister", "WskDeregister", "WskCaptureProviderNPI", "WskReleaseProviderNPI"];
/// The data that a framework exports which completes the imports of its drivers itself, as this project's does.
const COMPLETES: &str = "WdfldrCompletesImports";
/// Where modules are on drive C, in the order in which they are looked for.
const FOLDERS: [&str; 2] = ["windows/system32/drivers", "windows/system32"];
/// The table of the functions that stand in for Wine's: their names are the words after `::` that a colon follows.
const STAND_INS: &str = include_str!("../../../cross/wine/supplement/src/table.rs");

/// What of others is run.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Other people's code (docs/wine.md)")]
pub(crate) struct Others {
    /// Another Wine: the directory with its programs, or the one above its bin.
    #[arg(long, value_name = "DIR")]
    pub(crate) wine: Option<PathBuf>,
    /// Another framework in place of this project's: a `wdfldr.sys` that was built for Wine.
    #[arg(long, value_name = "FILE", conflicts_with = "user_mode")]
    wdfldr: Option<PathBuf>,
    /// Another WSK in place of this project's: a `netio.sys` that was built for Wine.
    #[arg(long, value_name = "FILE", conflicts_with = "user_mode")]
    netio: Option<PathBuf>,
    /// Run this driver in place of this project's: created as a service, started, stopped, deleted.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user_mode", "only"])]
    pub(crate) driver: Option<PathBuf>,
    /// The name of its service, if it is not the file's.
    #[arg(long, value_name = "NAME", requires = "driver")]
    pub(crate) service: Option<String>,
    /// A program to run while the driver does, with its arguments: all that follows. It must exit with 0.
    #[arg(
        long,
        value_names = ["PROGRAM", "ARGUMENT"],
        num_args = 1..,
        allow_hyphen_values = true,
        requires = "driver"
    )]
    pub(crate) run: Vec<String>,
    /// What the program exits with is not looked at: for one whose `main` returns nothing.
    #[arg(long, requires = "run")]
    pub(crate) any_exit: bool,
    /// Load it although it imports functions that are not there: to call one ends the process of the drivers.
    #[arg(long)]
    load_anyway: bool,
}

impl Others {
    /// The file that stands in for a module of this project's.
    pub(crate) fn instead_of(&self, module: &str) -> Option<&Path> {
        match module {
            WDFLDR => self.wdfldr.as_deref(),
            NETIO => self.netio.as_deref(),
            _ => None,
        }
    }

    /// Looks at what the files are, before anything is built.
    ///
    /// # Errors
    /// One is not what it should be.
    pub(crate) fn look(&self) -> Result<()> {
        for (file, names) in [(&self.wdfldr, &OF_WDFLDR[..]), (&self.netio, &OF_NETIO)] {
            if let Some(file) = file {
                Image::read(file)?.require(names).with_context(|| file.display().to_string())?;
            }
        }
        if let Some(file) = &self.driver {
            Image::read(file)?.require_driver().with_context(|| file.display().to_string())?;
        }
        Ok(())
    }

    /// Looks for imports that nothing serves: of all that is not this project's, and of its driver `ours` if that is to meet
    /// something of the kind. The modules are in the prefix.
    ///
    /// # Errors
    /// There are some; they are named.
    pub(crate) fn check(&self, prefix: &Prefix, ours: &Path) -> Result<()> {
        let mut lacking = Vec::new();
        let mut look = |file: &Path, image: &Image, completed| {
            let found = lacks(image, completed, |module| find(prefix, module))?;
            lacking.extend(found.into_iter().map(|lack| (file.to_owned(), lack)));
            anyhow::Ok(())
        };
        // Who puts the stand-ins into whose import table: see `cross/wine/supplement`.
        let netio_completes = self.netio.is_none();
        let mut framework_completes = true;
        if let Some(file) = &self.wdfldr {
            let image = Image::read(file)?;
            framework_completes = image.export(COMPLETES).is_some();
            look(file, &image, netio_completes && !framework_completes)?;
        }
        if let Some(file) = &self.netio {
            look(file, &Image::read(file)?, false)?;
        }
        let file = match &self.driver {
            Some(file) => file,
            None if self.wdfldr.is_none() && self.netio.is_none() => return Ok(()),
            None => ours,
        };
        let image = Image::read(file)?;
        let completed = if image.imports_from(WDFLDR) { framework_completes } else { netio_completes };
        look(file, &image, completed || image.imports_from(NETIO) && netio_completes)?;
        self.judge(&lacking)
    }

    /// Whether a driver imports from the kernel alone, so that nothing of this project's is there when it is loaded.
    ///
    /// # Errors
    /// The file is no image.
    pub(crate) fn is_plain(driver: &Path) -> Result<bool> {
        let image = Image::read(driver)?;
        Ok(!image.imports_from(WDFLDR) && !image.imports_from(NETIO))
    }

    fn judge(&self, lacking: &[(PathBuf, Lack)]) -> Result<()> {
        if lacking.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> =
            lacking.iter().map(|(file, lack)| format!("    {}: {lack}", file.display())).collect();
        let lines = lines.join("\n");
        if lacking.iter().any(|(_, lack)| matches!(lack, Lack::Module(_))) {
            bail!("it cannot be loaded, as it imports what is not there:\n{lines}");
        }
        if !self.load_anyway {
            bail!(
                "it imports what is not there:\n{lines}\nAdd --load-anyway to run it all the same: to call one of these \
                 ends the process of the drivers"
            );
        }
        println!("loaded anyway, though it imports what is not there:\n{lines}");
        Ok(())
    }
}

/// An import that nothing here can serve.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Lack {
    Module(String),
    Function { module: String, name: String },
    Stub { module: String, name: String },
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lack::Module(module) => write!(f, "{module}: this Wine has no such module"),
            Lack::Function { module, name } => write!(f, "{module} has no {name}"),
            Lack::Stub { module, name } => write!(f, "{name} of this Wine's {module} raises an exception"),
        }
    }
}

/// What an image imports and is not there; `completed` tells whether the stand-ins come into its import table.
fn lacks(image: &Image, completed: bool, find: impl Fn(&str) -> Option<Result<Image>>) -> Result<Vec<Lack>> {
    let mut lacking = Vec::new();
    for module in image.imports.modules().filter(|module| !is_api_set(module)) {
        let stands_in = |name: &str| completed && module.eq_ignore_ascii_case(KERNEL) && is_stand_in(name);
        let Some(found) = find(module) else {
            lacking.push(Lack::Module(module.to_owned()));
            continue;
        };
        let found = found?;
        for name in image.imports.of(module).filter(|name| !stands_in(name)) {
            let (module, name) = (module.to_owned(), name.to_owned());
            match found.export(&name) {
                Some(Export::There) => {}
                Some(Export::Stub) => lacking.push(Lack::Stub { module, name }),
                None => lacking.push(Lack::Function { module, name }),
            }
        }
    }
    Ok(lacking)
}

/// Whether this is the name of a set of functions, which the loader has a table of, and not that of a file.
fn is_api_set(module: &str) -> bool {
    let name = module.to_ascii_lowercase();
    name.starts_with("api-") || name.starts_with("ext-")
}

/// Whether a function of the kernel is replaced by one of `cross/wine/supplement`.
fn is_stand_in(name: &str) -> bool {
    stand_ins().any(|one| one == name)
}

fn stand_ins() -> impl Iterator<Item = &'static str> {
    STAND_INS.lines().filter_map(|line| Some(line.trim().split_once("::")?.1.split_once(": \"")?.0))
}

/// A module on the prefix's drive C.
fn find(prefix: &Prefix, module: &str) -> Option<Result<Image>> {
    let name = module.to_ascii_lowercase();
    let places = FOLDERS.iter().map(|folder| prefix.on_drive(&format!("{folder}/{name}")));
    places.into_iter().find(|place| place.exists()).map(|place| Image::read(&place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stand_ins_are_those_of_the_table() {
        let names: Vec<&str> = stand_ins().collect();
        assert!(names.contains(&"ExAllocatePool2") && names.contains(&"MmUnlockPages"), "{names:?}");
        assert_eq!(names.len(), STAND_INS.matches(": \"").count());
        assert!(!is_stand_in("DbgPrint"));
    }

    #[test]
    fn an_api_set_is_no_file() {
        assert!(is_api_set("api-ms-win-core-synch-l1-2-0.dll") && is_api_set("EXT-MS-Win-x.dll"));
        assert!(!is_api_set("ntoskrnl.exe"));
    }

    #[test]
    fn what_is_lacking_is_refused_but_for_functions_if_that_is_wished() {
        let function = Lack::Function { module: KERNEL.to_owned(), name: "KeGone".to_owned() };
        let module = Lack::Module("gone.sys".to_owned());
        let judge = |load_anyway, lack: &Lack| {
            let others = Others { load_anyway, ..Others::default() };
            others.judge(&[("x.sys".into(), lack.clone())])
        };
        let error = judge(false, &function).unwrap_err().to_string();
        assert!(
            error.contains("x.sys: ntoskrnl.exe has no KeGone") && error.contains("--load-anyway"),
            "{error}"
        );
        judge(true, &function).unwrap();
        let error = judge(true, &module).unwrap_err().to_string();
        assert!(error.contains("gone.sys: this Wine has no such module"), "{error}");
    }
}
