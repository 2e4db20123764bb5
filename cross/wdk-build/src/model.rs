//! The driver model, as the driver's manifest has it under `package.metadata.wdk.driver-model`.

use std::path::Path;

use cargo_metadata::MetadataCommand;

use crate::ConfigError;

/// Which model the driver is built for. The wdk crates name all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverConfig {
    /// The plain Windows Driver Model.
    Wdm,
    /// The kernel-mode framework.
    Kmdf(KmdfConfig),
    /// The user-mode framework.
    Umdf(UmdfConfig),
}

/// The version of the kernel-mode framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KmdfConfig {
    /// 1.
    pub kmdf_version_major: u8,
    /// The version whose functions the driver may call.
    pub target_kmdf_version_minor: u8,
    /// The oldest version that the driver loads with; none: the target version.
    pub minimum_kmdf_version_minor: Option<u8>,
}

/// The version of the user-mode framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UmdfConfig {
    /// 2.
    pub umdf_version_major: u8,
    /// The version whose functions the driver may call.
    pub target_umdf_version_minor: u8,
    /// The oldest version that the driver loads with; none: the target version.
    pub minimum_umdf_version_minor: Option<u8>,
}

impl DriverConfig {
    /// Reads the model from a manifest.
    pub(crate) fn read(manifest: &Path) -> Result<DriverConfig, ConfigError> {
        let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec()?;
        let wrong = |problem: &str| ConfigError::Model { manifest: manifest.into(), problem: problem.into() };
        let package = metadata
            .packages
            .iter()
            .find(|package| package.manifest_path == manifest)
            .ok_or_else(|| wrong("no package has this manifest"))?;
        let model = &package.metadata["wdk"]["driver-model"];
        if model["driver-type"] == "WDM" {
            return Ok(DriverConfig::Wdm);
        }
        if model["driver-type"] != "KMDF" {
            return Err(wrong(
                "package.metadata.wdk.driver-model.driver-type is neither \"KMDF\" nor \"WDM\"",
            ));
        }
        let version = |key: &str| model[key].as_u64().and_then(|version| u8::try_from(version).ok());
        let (Some(major), Some(minor)) =
            (version("kmdf-version-major"), version("target-kmdf-version-minor"))
        else {
            return Err(wrong("kmdf-version-major and target-kmdf-version-minor are not both given"));
        };
        if !model["minimum-kmdf-version-minor"].is_null() {
            return Err(wrong("minimum-kmdf-version-minor needs the WDK's entry library"));
        }
        Ok(DriverConfig::Kmdf(KmdfConfig {
            kmdf_version_major: major,
            target_kmdf_version_minor: minor,
            minimum_kmdf_version_minor: None,
        }))
    }

    /// The model's name in a `cfg`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            DriverConfig::Wdm => "WDM",
            DriverConfig::Kmdf(_) => "KMDF",
            DriverConfig::Umdf(_) => "UMDF",
        }
    }
}
