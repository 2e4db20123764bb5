//! Configures the wdk crates where there is no Windows Driver Kit.
//!
//! The published crate of this name finds an installed kit, and does not compile off Windows. This one has the part of
//! its interface that the wdk crates and a driver's build script call, and takes what a kit would give from the
//! environment, which `cargo wdk-cross` sets:
//!
//! | variable | value |
//! |---|---|
//! | `CROSS_MANIFEST` | the driver's `Cargo.toml`, for its driver model |
//! | `CROSS_INCLUDE` | the directories of the headers, in the form of `PATH` |
//! | `CROSS_LIB` | the directory of the import libraries and the entry stub |
//! | `CROSS_OVERLAY` | only if headers and libraries are a WDK's: clang's overlay of its headers |
//!
//! Only KMDF drivers for x64 and WDM drivers are built this way; anything else is refused.

mod bindings;
mod config;
mod error;
mod link;
mod model;

pub use bindings::BuilderExt;
pub use config::{ApiSubset, Config};
pub use error::{ConfigError, IoError};
pub use model::{DriverConfig, KmdfConfig, UmdfConfig};

/// Configures the build of a library that depends on the driver model.
///
/// # Errors
/// The environment or the driver's manifest is not as the build needs it.
pub fn configure_wdk_library_build() -> Result<(), ConfigError> {
    Config::from_environment()?.emit_cfg();
    Ok(())
}

/// As [`configure_wdk_library_build`], and runs `f` with the configuration.
///
/// # Errors
/// As for [`configure_wdk_library_build`], or what `f` gives.
pub fn configure_wdk_library_build_and_then<F, E>(mut f: F) -> Result<(), E>
where
    F: FnMut(Config) -> Result<(), E>,
    E: From<ConfigError>,
{
    let config = Config::from_environment()?;
    config.emit_cfg();
    f(config)
}

/// Configures the build and the link of a driver.
///
/// # Errors
/// As for [`configure_wdk_library_build`].
pub fn configure_wdk_binary_build() -> Result<(), ConfigError> {
    let config = Config::from_environment()?;
    config.emit_cfg();
    config.emit_link_arguments()
}
