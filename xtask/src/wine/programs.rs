//! The programs of a Wine: this machine's, or those of a directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The major versions of Wine that runs have been made with.
const TRIED: [&str; 2] = ["8", "10"];
/// What the loader is called: some packages have the 64-bit one only.
const LOADERS: [&str; 2] = ["wine", "wine64"];
const SERVER: &str = "wineserver";
/// Where they lie below a directory that was given: itself, an installation's, the server in a tree that Wine was built in.
const FOLDERS: [&str; 3] = ["", "bin", "server"];

/// A Wine.
#[derive(Clone, Debug)]
pub(crate) struct Wine {
    loader: PathBuf,
    server: PathBuf,
    version: String,
}

impl Wine {
    /// That of a directory, or else of this machine.
    ///
    /// # Errors
    /// The directory has no Wine, or it does not say which one it is.
    pub(crate) fn find(directory: Option<&Path>) -> Result<Wine> {
        let (loader, server) = match directory {
            None => (LOADERS[0].into(), SERVER.into()),
            Some(directory) => programs(directory)?,
        };
        let version = version(&loader)?;
        Ok(Wine { loader, server, version })
    }

    /// A command of its loader, which runs programs.
    pub(crate) fn loader(&self) -> Command {
        Command::new(&self.loader)
    }

    /// The loader's path, or its name where it is found by `PATH`.
    pub(crate) fn loader_path(&self) -> &Path {
        &self.loader
    }

    /// A command of its server.
    pub(crate) fn server(&self) -> Command {
        Command::new(&self.server)
    }

    /// Its version's number.
    pub(crate) fn number(&self) -> &str {
        number(&self.version).unwrap_or(&self.version)
    }

    /// Which Wine this is, as it says itself, with a remark if nobody has tried it.
    pub(crate) fn version(&self) -> String {
        format!("{}{}", self.version, remark(self.number()))
    }
}

/// The loader and the server of a directory.
fn programs(directory: &Path) -> Result<(PathBuf, PathBuf)> {
    ensure!(directory.is_dir(), "--wine {}: no such directory", directory.display());
    // A run changes its working directory.
    let directory = directory.canonicalize()?;
    let find = |names: &[&str]| {
        let places = FOLDERS.iter().flat_map(|folder| names.iter().map(move |name| (folder, name)));
        places.map(|(folder, name)| directory.join(folder).join(name)).find(|place| place.is_file())
    };
    let missing = |what: &str| {
        format!(
            "--wine {}: no {what} there; give the directory with Wine's programs, or the one above its bin",
            directory.display()
        )
    };
    let loader = find(&LOADERS).with_context(|| missing("wine"))?;
    let server = find(&[SERVER]).with_context(|| missing(SERVER))?;
    Ok((loader, server))
}

/// Which Wine this is, as it says itself: `wine-8.0 (Debian 8.0~repack-4)`.
fn version(loader: &Path) -> Result<String> {
    let output = Command::new(loader)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {}", loader.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || number(&text).is_none() {
        bail!("{} --version said {text:?}, {}", loader.display(), output.status);
    }
    Ok(text)
}

/// The number in it.
fn number(version: &str) -> Option<&str> {
    version.strip_prefix("wine-")?.split_whitespace().next()
}

/// What else is to be said of a Wine that nobody has tried.
fn remark(number: &str) -> &'static str {
    let major = number.split(['.', '-']).next().unwrap_or(number);
    if TRIED.contains(&major) { "" } else { "; runs have been made with Wine 8 and 10" }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(number("wine-8.0 (Debian 8.0~repack-4)"), Some("8.0"));
        assert_eq!(number("wine-10.0 (Debian 10.0~repack-6)"), Some("10.0"));
        assert_eq!(number("wine-9.22"), Some("9.22"));
        assert_eq!(number("something else"), None);
        assert_eq!((remark("8.0"), remark("10.0"), remark("10.0-rc1")), ("", "", ""));
        assert!(!remark("9.22").is_empty() && !remark("1.0").is_empty() && !remark("80.0").is_empty());
    }

    /// A directory with empty files of these names.
    fn directory(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let place = directory.path().join(file);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, "").unwrap();
        }
        directory
    }

    #[test]
    fn programs_are_found_where_each_kind_of_wine_has_them() {
        for files in [["wine", "wineserver"], ["bin/wine", "bin/wineserver"], ["wine64", "server/wineserver"]]
        {
            let there = directory(&files);
            let root = there.path().canonicalize().unwrap();
            assert_eq!(programs(there.path()).unwrap(), (root.join(files[0]), root.join(files[1])));
        }
    }

    #[test]
    fn a_directory_without_them_is_refused_with_what_it_lacks() {
        let error = |files: &[&str]| programs(directory(files).path()).unwrap_err().to_string();
        assert!(error(&[]).contains("no wine there"), "{}", error(&[]));
        assert!(error(&["wine"]).contains("no wineserver there"), "{}", error(&["wine"]));
        let absent = programs(Path::new("/nowhere/at/all")).unwrap_err().to_string();
        assert!(absent.contains("no such directory"), "{absent}");
    }
}
