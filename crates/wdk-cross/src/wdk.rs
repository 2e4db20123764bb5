//! An installed or copied Windows Driver Kit, if `WDKContentRoot` names one: its headers and libraries come before the
//! project's own.
//!
//! The kit is made for a file system that ignores case: its headers include `NtDef.h` and mean `ntdef.h`. The compiler
//! gets an overlay that ignores case too, and the libraries are copied under names in lower case.

use std::cmp::Reverse;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The libraries that a driver of this project links, of those in the two directories.
const LIBRARIES: [&str; 7] =
    ["bufferoverflowfastfailk", "hal", "netio", "ntoskrnl", "wdfdriverentry", "wdfldr", "wmilib"];

/// The parts of a kit.
#[derive(Debug, PartialEq, Eq)]
pub struct Wdk {
    /// The directories of the headers.
    pub include: Vec<PathBuf>,
    /// The libraries: the name in lower case, and the file.
    pub libraries: Vec<(&'static str, PathBuf)>,
}

impl Wdk {
    /// The kit that the environment names, by the variables of a WDK command prompt.
    ///
    /// # Errors
    /// The environment names a kit, but something that a driver needs is not there.
    pub fn from_environment(kmdf: &str) -> Result<Option<Wdk>> {
        Wdk::choose(
            env::var_os("WDKContentRoot").as_deref(),
            env::var("Version_Number").ok().as_deref(),
            kmdf,
        )
    }

    /// The kit in a directory, if one is given: of its versions the one that is wanted, else the newest.
    fn choose(root: Option<&OsStr>, version: Option<&str>, kmdf: &str) -> Result<Option<Wdk>> {
        let Some(root) = root.filter(|root| !root.is_empty()) else { return Ok(None) };
        Wdk::open(Path::new(root), version, kmdf)
            .with_context(|| {
                format!("WDKContentRoot is {}: unset it to build without a WDK", Path::new(root).display())
            })
            .map(Some)
    }

    fn open(root: &Path, version: Option<&str>, kmdf: &str) -> Result<Wdk> {
        // Spelled as the kit spells them, but a copy may have come by way of a tool that changes case.
        let include = enter(root, &["Include"])?;
        let lib = enter(root, &["Lib"])?;
        let version = match version {
            Some(version) => version.to_owned(),
            None => newest(&include, &lib)?,
        };
        let headers = enter(&include, &[&version])?;
        let include = vec![
            enter(&headers, &["km", "crt"])?,
            enter(&headers, &["km"])?,
            enter(&headers, &["shared"])?,
            enter(&include, &["wdf", "kmdf", kmdf])?,
        ];
        let places = [enter(&lib, &[&version, "km", "x64"])?, enter(&lib, &["wdf", "kmdf", "x64", kmdf])?];
        let libraries = LIBRARIES.map(|name| {
            let file = format!("{name}.lib");
            let found = places.iter().find_map(|place| entry(place, &file));
            found
                .map(|path| (name, path))
                .with_context(|| format!("no {file} in {} or {}", places[0].display(), places[1].display()))
        });
        Ok(Wdk { include, libraries: libraries.into_iter().collect::<Result<_>>()? })
    }

    /// An overlay, in the form that clang's `-ivfsoverlay` reads, in which the headers' names have no case.
    ///
    /// # Errors
    /// A directory cannot be read, or a name is not one for it.
    pub fn overlay(&self) -> Result<String> {
        let directories = self.include.iter().map(|directory| {
            Ok(format!(
                r#"{{"type":"directory","name":{},"contents":[{}]}}"#,
                quoted(directory.as_os_str())?,
                contents(directory)?
            ))
        });
        let directories: Vec<String> = directories.collect::<Result<_>>()?;
        Ok(format!(
            "{{\"version\":0,\"case-sensitive\":false,\"roots\":[\n{}\n]}}\n",
            directories.join(",\n")
        ))
    }
}

/// The newest version that has both headers and libraries for the kernel; a kit without a driver kit has neither.
fn newest(include: &Path, lib: &Path) -> Result<String> {
    let names = fs::read_dir(include).with_context(|| format!("reading {}", include.display()))?;
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut versions: Vec<(Vec<u32>, String)> =
        names.filter_map(|name| Some((numbers(&name)?, name))).collect();
    versions.sort_by_key(|(numbers, _)| Reverse(numbers.clone()));
    let complete =
        |name: &str| enter(include, &[name, "km"]).is_ok() && enter(lib, &[name, "km", "x64"]).is_ok();
    versions
        .into_iter()
        .map(|(_, name)| name)
        .find(|name| complete(name))
        .with_context(|| format!("no version in {} has headers and libraries for drivers", include.display()))
}

/// The numbers of a version such as 10.0.26100.0, by which versions are ordered.
fn numbers(name: &str) -> Option<Vec<u32>> {
    let numbers: Option<Vec<u32>> = name.split('.').map(|number| number.parse().ok()).collect();
    numbers.filter(|numbers| numbers.len() == 4)
}

/// The directory at the end of a path, each step whatever its case.
fn enter(from: &Path, steps: &[&str]) -> Result<PathBuf> {
    let mut place = from.to_path_buf();
    for step in steps {
        let next = entry(&place, step).filter(|next| next.is_dir());
        place = next.with_context(|| format!("no directory {step} in {}", place.display()))?;
    }
    Ok(place)
}

/// The entry of a directory with a name, of that case or else of any.
fn entry(directory: &Path, name: &str) -> Option<PathBuf> {
    let exact = directory.join(name);
    if exact.exists() {
        return Some(exact);
    }
    let mut entries = fs::read_dir(directory).ok()?.filter_map(Result::ok);
    entries.find(|entry| entry.file_name().eq_ignore_ascii_case(name)).map(|entry| entry.path())
}

/// The entries below a directory, for the overlay.
fn contents(directory: &Path) -> Result<String> {
    let read = fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?;
    let mut entries: Vec<(OsString, PathBuf)> = read
        .map(|entry| entry.map(|entry| (entry.file_name(), entry.path())))
        .collect::<Result<_, _>>()
        .with_context(|| format!("reading {}", directory.display()))?;
    entries.sort();
    let entries = entries.iter().map(|(name, path)| {
        let name = quoted(name)?;
        Ok(if path.is_dir() {
            format!(r#"{{"type":"directory","name":{name},"contents":[{}]}}"#, contents(path)?)
        } else {
            format!(r#"{{"type":"file","name":{name},"external-contents":{}}}"#, quoted(path.as_os_str())?)
        })
    });
    Ok(entries.collect::<Result<Vec<String>>>()?.join(","))
}

/// A name as a string of JSON.
fn quoted(name: &OsStr) -> Result<String> {
    let name = name.to_str().with_context(|| format!("{} is not UTF-8", Path::new(name).display()))?;
    ensure!(!name.contains(char::is_control), "{name:?} has a control character");
    Ok(format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree laid out as an installed kit, with two versions of the software kit and a third without drivers' parts.
    fn kit() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "Include/10.0.9999.0/km/ntddk.h",
            "Include/10.0.9999.0/km/crt/excpt.h",
            "Include/10.0.9999.0/shared/ntdef.h",
            "Include/10.0.26100.0/km/ntddk.h",
            "Include/10.0.26100.0/km/crt/excpt.h",
            "Include/10.0.26100.0/shared/DriverSpecs.h",
            "Include/10.0.28000.0/um/windows.h",
            "Include/wdf/kmdf/1.31/wdf.h",
            "Include/wdf/kmdf/1.33/wdf.h",
            "Lib/10.0.9999.0/km/x64/ntoskrnl.lib",
            "Lib/10.0.26100.0/km/x64/BufferOverflowFastFailK.lib",
            "Lib/10.0.26100.0/km/x64/hal.lib",
            "Lib/10.0.26100.0/km/x64/netio.lib",
            "Lib/10.0.26100.0/km/x64/ntoskrnl.lib",
            "Lib/10.0.26100.0/km/x64/wmilib.lib",
            "Lib/wdf/kmdf/x64/1.31/WdfDriverEntry.lib",
            "Lib/wdf/kmdf/x64/1.31/WdfLdr.lib",
        ] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        root
    }

    fn refusal(root: &Path, version: Option<&str>, kmdf: &str) -> String {
        format!("{:#}", Wdk::choose(Some(root.as_os_str()), version, kmdf).unwrap_err())
    }

    #[test]
    fn without_the_variable_there_is_no_kit() {
        assert_eq!(Wdk::choose(None, None, "1.31").unwrap(), None);
        assert_eq!(Wdk::choose(Some(OsStr::new("")), None, "1.31").unwrap(), None);
    }

    #[test]
    fn the_newest_version_with_a_driver_kit_is_taken() {
        let root = kit();
        let wdk = Wdk::choose(Some(root.path().as_os_str()), None, "1.31").unwrap().unwrap();
        let include = [
            "Include/10.0.26100.0/km/crt",
            "Include/10.0.26100.0/km",
            "Include/10.0.26100.0/shared",
            "Include/wdf/kmdf/1.31",
        ];
        assert_eq!(wdk.include, include.map(|directory| root.path().join(directory)));
        let entry = root.path().join("Lib/wdf/kmdf/x64/1.31/WdfDriverEntry.lib");
        assert!(wdk.libraries.contains(&("wdfdriverentry", entry)), "{:?}", wdk.libraries);
        assert_eq!(wdk.libraries.len(), LIBRARIES.len());
    }

    #[test]
    fn a_kit_in_lower_case_serves() {
        let root = kit();
        for (from, to) in [("Include", "include"), ("Lib", "lib")] {
            fs::rename(root.path().join(from), root.path().join(to)).unwrap();
        }
        assert!(Wdk::choose(Some(root.path().as_os_str()), None, "1.31").is_ok());
    }

    #[test]
    fn what_is_missing_is_named() {
        let root = kit();
        assert!(refusal(&root.path().join("none"), None, "1.31").contains("no directory Include in "));
        assert!(refusal(root.path(), None, "1.29").contains("no directory 1.29 in "));
        assert!(refusal(root.path(), Some("10.0.28000.0"), "1.31").contains("no directory km in "));
        // The older version has one library.
        let found = refusal(root.path(), Some("10.0.9999.0"), "1.31");
        assert!(found.contains("no bufferoverflowfastfailk.lib in "), "{found}");
        assert!(found.contains("unset it to build without a WDK"), "{found}");
    }

    #[test]
    fn the_overlay_has_every_header_and_no_case() {
        let root = kit();
        let wdk = Wdk::choose(Some(root.path().as_os_str()), None, "1.31").unwrap().unwrap();
        let overlay = wdk.overlay().unwrap();
        assert!(overlay.starts_with(r#"{"version":0,"case-sensitive":false,"roots":["#));
        let header = root.path().join("Include/10.0.26100.0/shared/DriverSpecs.h");
        let line =
            format!(r#"{{"type":"file","name":"DriverSpecs.h","external-contents":"{}"}}"#, header.display());
        assert!(overlay.contains(&line), "{overlay}");
        // A directory below another.
        assert!(overlay.contains(r#"{"type":"directory","name":"crt","contents":[{"#), "{overlay}");
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted(OsStr::new(r#"a "b" c:\d"#)).unwrap(), r#""a \"b\" c:\\d""#);
        assert!(quoted(OsStr::new("a\nb")).is_err());
    }
}
