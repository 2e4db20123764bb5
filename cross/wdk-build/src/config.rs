//! The configuration of a build: what is compiled and where the headers are.

use std::env;
use std::fmt::Debug;
use std::path::PathBuf;

use crate::{ConfigError, DriverConfig};

/// The configuration of a build.
#[derive(Clone, Debug)]
pub struct Config {
    /// The driver model.
    pub driver_config: DriverConfig,
    processor: Processor,
    pub(crate) kit: Kit,
    include: Vec<PathBuf>,
}

/// Whose headers and libraries they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kit {
    /// Of `cross/`, beside mingw-w64's.
    Own,
    /// Of a WDK; its headers are found by way of an overlay in which their names have no case.
    Wdk { overlay: String },
}

/// A part of the kit. Of the parts that `wdk-sys` names, the driver uses the first two, and no others are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiSubset {
    /// The kernel.
    Base,
    /// The framework.
    Wdf,
    /// General-purpose I/O.
    Gpio,
    /// Human interface devices.
    Hid,
    /// Parallel ports.
    ParallelPorts,
    /// Simple peripheral buses.
    Spb,
    /// Storage.
    Storage,
    /// Universal Serial Bus.
    Usb,
}

/// The processor that a driver is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processor {
    X64,
    Arm64,
}

impl Processor {
    fn of(target: String) -> Result<Processor, ConfigError> {
        match target.as_str() {
            "x86_64-pc-windows-msvc" => Ok(Processor::X64),
            "aarch64-pc-windows-msvc" => Ok(Processor::Arm64),
            _ => Err(ConfigError::Target(target)),
        }
    }

    /// What the headers are told of it.
    fn macros(self) -> [&'static str; 2] {
        match self {
            Processor::X64 => ["_AMD64_", "AMD64"],
            Processor::Arm64 => ["_ARM64_", "ARM64"],
        }
    }
}

impl Config {
    pub(crate) fn from_environment() -> Result<Config, ConfigError> {
        let processor = Processor::of(variable("TARGET")?)?;
        let manifest = PathBuf::from(variable("CROSS_MANIFEST")?);
        let kit = variable("CROSS_OVERLAY").map_or(Kit::Own, |overlay| Kit::Wdk { overlay });
        let include: Vec<PathBuf> = env::split_paths(&variable("CROSS_INCLUDE")?).collect();
        println!("cargo::rerun-if-changed={}", manifest.display());
        match (&kit, include.first()) {
            // The first directory has the headers that the project wrote; the others come with the system.
            (Kit::Own, Some(own)) => println!("cargo::rerun-if-changed={}", own.display()),
            (Kit::Own, None) => {}
            (Kit::Wdk { overlay }, _) => println!("cargo::rerun-if-changed={overlay}"),
        }
        Ok(Config { driver_config: DriverConfig::read(&manifest)?, processor, kit, include })
    }

    /// Sets what the wdk crates are compiled for.
    pub(crate) fn emit_cfg(&self) {
        println!(r#"cargo::rustc-check-cfg=cfg(driver_model__driver_type, values("WDM", "KMDF", "UMDF"))"#);
        println!(r#"cargo::rustc-cfg=driver_model__driver_type="{}""#, self.driver_config.name());
    }

    /// The directories of the headers.
    ///
    /// # Errors
    /// None.
    pub fn include_paths(&self) -> Result<impl Iterator<Item = PathBuf>, ConfigError> {
        Ok(self.include.iter().cloned())
    }

    /// The macros that the headers are compiled with.
    pub fn preprocessor_definitions(&self) -> impl Iterator<Item = (String, Option<String>)> {
        let [machine, short] = self.processor.macros();
        let mut definitions = vec![
            ("_WIN64", None),
            (machine, None),
            (short, None),
            ("_KERNEL_MODE", None),
            ("_WIN32_WINNT", Some("0x0A00".to_owned())),
        ];
        if let DriverConfig::Kmdf(kmdf) = self.driver_config {
            definitions.push(("KMDF_VERSION_MAJOR", Some(kmdf.kmdf_version_major.to_string())));
            definitions.push(("KMDF_VERSION_MINOR", Some(kmdf.target_kmdf_version_minor.to_string())));
        }
        definitions.into_iter().map(|(name, value)| (name.to_owned(), value))
    }

    /// The headers of a part.
    ///
    /// # Errors
    /// None: a part that is not here has no headers.
    pub fn headers(&self, subset: ApiSubset) -> Result<impl Iterator<Item = String>, ConfigError> {
        let headers: &[&str] = match (subset, &self.kit) {
            (ApiSubset::Base, Kit::Own) => &["ntkernel.h"],
            (ApiSubset::Base, Kit::Wdk { .. }) => &["ntifs.h", "ntddk.h", "ntstrsafe.h"],
            (ApiSubset::Wdf, _) if matches!(self.driver_config, DriverConfig::Kmdf(_)) => &["wdf.h"],
            _ => &[],
        };
        Ok(headers.iter().map(|header| (*header).to_owned()))
    }

    /// A C source that includes the headers of some parts.
    ///
    /// # Errors
    /// As for [`headers`](Config::headers).
    pub fn bindgen_header_contents(
        &self,
        subsets: impl IntoIterator<Item = ApiSubset> + Debug,
    ) -> Result<String, ConfigError> {
        let mut source = String::new();
        for subset in subsets {
            for header in self.headers(subset)? {
                source.extend(["#include \"", &header, "\"\n"]);
            }
        }
        Ok(source)
    }

    /// The name of the variable through which a driver of this version calls the framework.
    #[must_use]
    pub fn compute_wdffunctions_symbol_name(&self) -> Option<String> {
        match self.driver_config {
            DriverConfig::Kmdf(kmdf) => Some(format!(
                "WdfFunctions_{:02}{:03}",
                kmdf.kmdf_version_major, kmdf.target_kmdf_version_minor
            )),
            DriverConfig::Wdm | DriverConfig::Umdf(_) => None,
        }
    }
}

/// A variable of the environment, a change of which repeats the build.
pub(crate) fn variable(name: &'static str) -> Result<String, ConfigError> {
    println!("cargo::rerun-if-env-changed={name}");
    env::var(name).map_err(|_| ConfigError::Environment(name))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::KmdfConfig;

    pub(crate) fn kmdf(minor: u8, kit: Kit) -> Config {
        let driver_config = DriverConfig::Kmdf(KmdfConfig {
            kmdf_version_major: 1,
            target_kmdf_version_minor: minor,
            minimum_kmdf_version_minor: None,
        });
        Config { driver_config, processor: Processor::X64, kit, include: Vec::new() }
    }

    #[test]
    fn function_table_has_two_and_three_digits() {
        assert_eq!(
            kmdf(31, Kit::Own).compute_wdffunctions_symbol_name().as_deref(),
            Some("WdfFunctions_01031")
        );
        assert_eq!(
            kmdf(9, Kit::Own).compute_wdffunctions_symbol_name().as_deref(),
            Some("WdfFunctions_01009")
        );
    }

    #[test]
    fn source_includes_the_headers_in_order() {
        let source =
            kmdf(31, Kit::Own).bindgen_header_contents([ApiSubset::Base, ApiSubset::Wdf, ApiSubset::Usb]);
        assert_eq!(source.ok().as_deref(), Some("#include \"ntkernel.h\"\n#include \"wdf.h\"\n"));
    }

    #[test]
    fn a_wdk_has_headers_of_its_own() {
        let config = kmdf(31, Kit::Wdk { overlay: String::new() });
        let source = config.bindgen_header_contents([ApiSubset::Base, ApiSubset::Wdf]).ok();
        let headers = ["ntifs.h", "ntddk.h", "ntstrsafe.h", "wdf.h"];
        assert_eq!(source, Some(headers.map(|header| format!("#include \"{header}\"\n")).concat()));
    }

    #[test]
    fn a_driver_without_the_framework_is_told_nothing_of_it() {
        let config = Config { driver_config: DriverConfig::Wdm, ..kmdf(31, Kit::Own) };
        assert!(!config.preprocessor_definitions().any(|(name, _)| name.starts_with("KMDF")));
        assert_eq!(config.compute_wdffunctions_symbol_name(), None);
        assert_eq!(config.bindgen_header_contents([ApiSubset::Wdf]).ok().as_deref(), Some(""));
        let arm = Config { processor: Processor::Arm64, ..config };
        assert!(arm.preprocessor_definitions().any(|(name, _)| name == "_ARM64_"));
    }

    #[test]
    fn only_windows_targets_are_known() {
        assert!(matches!(Processor::of("aarch64-pc-windows-msvc".into()), Ok(Processor::Arm64)));
        assert!(Processor::of("x86_64-unknown-linux-gnu".into()).is_err());
    }

    #[test]
    fn definitions_carry_the_version() {
        let minor =
            kmdf(31, Kit::Own).preprocessor_definitions().find(|(name, _)| name == "KMDF_VERSION_MINOR");
        assert_eq!(minor, Some(("KMDF_VERSION_MINOR".to_owned(), Some("31".to_owned()))));
    }
}
