//! The driver's package, as cargo and its manifest tell.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::exports::{KMDF, Version, WINDOWS};

/// What a driver is, by `package.metadata.wdk.driver-model`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// A driver of the framework's.
    Kmdf,
    /// One without it.
    Wdm,
}

/// A driver's package.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its manifest.
    pub manifest: PathBuf,
    /// The directory of its workspace, which has the lock file.
    pub workspace: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
    /// Its name, and the image's.
    pub name: String,
    /// The name of its library, by which cargo names the file.
    pub library: String,
    /// Its version, in the four numbers of a resource.
    pub version: [u16; 4],
    /// Its model.
    pub model: Model,
    /// The Windows that it is for: `package.metadata.wdk-cross.windows`.
    pub windows: Version,
}

impl Project {
    /// Asks cargo for the package of a manifest.
    ///
    /// # Errors
    /// Cargo's; or the package is no driver's: the text says what is missing.
    pub fn read(manifest: &Path, package: Option<&str>) -> Result<Project> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
        let output = cargo.output().context("running cargo metadata")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
        let manifest = manifest.canonicalize()?;
        Project::choose(&metadata, &manifest, package)
    }

    /// The package that is meant: the one of the name; else that of the manifest; else the only driver of the workspace.
    fn choose(metadata: &Value, manifest: &Path, package: Option<&str>) -> Result<Project> {
        let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let of_manifest = |found: &&Value| found["manifest_path"].as_str() == manifest.to_str();
        let found = match package {
            Some(name) => {
                let named = packages.iter().find(|found| found["name"].as_str() == Some(name));
                named.with_context(|| format!("the workspace has no package {name}"))?
            }
            None => match packages.iter().find(of_manifest) {
                Some(found) => found,
                None => only_driver(packages)?,
            },
        };
        Project::of(metadata, found)
    }

    fn of(metadata: &Value, package: &Value) -> Result<Project> {
        let text = |value: &Value| value.as_str().map(str::to_owned).context("cargo metadata lacks a field");
        let name = text(&package["name"])?;
        let targets = package["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let image = |target: &&Value| {
            let kinds = target["crate_types"].as_array();
            kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
        };
        let library = targets.iter().find(image).with_context(|| {
            format!("{name} makes no image: add crate-type = [\"cdylib\", \"rlib\"] to its [lib]")
        })?;
        let further = &package["metadata"]["wdk-cross"]["windows"];
        Ok(Project {
            manifest: PathBuf::from(text(&package["manifest_path"])?),
            workspace: PathBuf::from(text(&metadata["workspace_root"])?),
            target: PathBuf::from(text(&metadata["target_directory"])?),
            library: text(&library["name"])?.replace('-', "_"),
            version: numbers(&text(&package["version"])?)?,
            model: model(&name, &package["metadata"]["wdk"]["driver-model"])?,
            windows: further.as_str().map_or(Ok(WINDOWS), str::parse)?,
            name,
        })
    }
}

/// The one package of a workspace that has a driver model.
fn only_driver(packages: &[Value]) -> Result<&Value> {
    let drivers: Vec<&Value> =
        packages.iter().filter(|package| !package["metadata"]["wdk"]["driver-model"].is_null()).collect();
    match drivers[..] {
        [driver] => Ok(driver),
        [] => bail!("no package here has a [package.metadata.wdk.driver-model]"),
        _ => {
            let names: Vec<&str> = drivers.iter().filter_map(|driver| driver["name"].as_str()).collect();
            bail!("which driver? add --package, with one of {}", names.join(", "))
        }
    }
}

fn model(name: &str, model: &Value) -> Result<Model> {
    match model["driver-type"].as_str() {
        Some("WDM") => Ok(Model::Wdm),
        Some("KMDF") => {
            let number = |key: &str| model[key].as_u64().unwrap_or_default();
            let version = format!("{}.{}", number("kmdf-version-major"), number("target-kmdf-version-minor"));
            ensure!(
                version == KMDF.0,
                "{name} is for KMDF {version}; the headers and the entry point here are for {}",
                KMDF.0
            );
            Ok(Model::Kmdf)
        }
        Some(other) => bail!("{name}: drivers of the type {other} are not built here, only KMDF and WDM"),
        None => bail!("{name} has no driver-type in [package.metadata.wdk.driver-model]: KMDF or WDM"),
    }
}

/// The numbers of a package's version, without what follows them.
fn numbers(version: &str) -> Result<[u16; 4]> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers = [0; 4];
    for (number, text) in numbers.iter_mut().zip(plain.split('.')) {
        *number = text.parse().with_context(|| format!("the version {version} does not fit a resource"))?;
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, model: &Value) -> Value {
        json!({
            "name": name, "version": "1.2.3-rc", "manifest_path": format!("/w/{name}/Cargo.toml"),
            "targets": [{ "name": name, "crate_types": ["cdylib", "rlib"] }],
            "metadata": { "wdk": { "driver-model": model } },
        })
    }

    fn workspace(packages: &[Value]) -> Value {
        json!({ "packages": packages, "workspace_root": "/w", "target_directory": "/w/target" })
    }

    fn kmdf(minor: u32) -> Value {
        json!({ "driver-type": "KMDF", "kmdf-version-major": 1, "target-kmdf-version-minor": minor })
    }

    fn choose(packages: &[Value], manifest: &str, name: Option<&str>) -> Result<Project> {
        Project::choose(&workspace(packages), Path::new(manifest), name)
    }

    #[test]
    fn the_package_of_the_manifest_is_meant() {
        let packages = [package("a-driver", &kmdf(31)), package("other", &json!({ "driver-type": "WDM" }))];
        let project = choose(&packages, "/w/a-driver/Cargo.toml", None).unwrap();
        assert_eq!((project.name.as_str(), project.library.as_str()), ("a-driver", "a_driver"));
        assert_eq!((project.version, project.model), ([1, 2, 3, 0], Model::Kmdf));
        assert_eq!(choose(&packages, "/w/Cargo.toml", Some("other")).unwrap().model, Model::Wdm);
        let which = choose(&packages, "/w/Cargo.toml", None).unwrap_err().to_string();
        assert_eq!(which, "which driver? add --package, with one of a-driver, other");
    }

    #[test]
    fn a_workspace_with_one_driver_needs_no_name() {
        let packages = [package("driver", &kmdf(31)), package("library", &Value::Null)];
        assert_eq!(choose(&packages, "/w/Cargo.toml", None).unwrap().name, "driver");
    }

    #[test]
    fn what_is_missing_is_told() {
        let refusal =
            |package: Value| choose(&[package], "/w/d/Cargo.toml", Some("d")).unwrap_err().to_string();
        assert!(refusal(package("d", &Value::Null)).contains("no driver-type"));
        assert!(refusal(package("d", &kmdf(33))).contains("for KMDF 1.33; the headers"));
        assert!(refusal(package("d", &json!({ "driver-type": "UMDF" }))).contains("only KMDF and WDM"));
        let mut without = package("d", &kmdf(31));
        without["targets"][0]["crate_types"] = json!(["lib"]);
        assert!(refusal(without).contains("add crate-type"));
    }
}
