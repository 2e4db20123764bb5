//! What can be wrong with the configuration.

use std::io;
use std::path::PathBuf;

/// Why a build cannot be configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable of the environment is missing.
    #[error("{0} is not set: build with `cargo wdk-cross`, or on Windows with the published wdk-build")]
    Environment(&'static str),
    /// The driver's manifest could not be read.
    #[error("reading the driver's manifest")]
    Metadata(#[from] cargo_metadata::Error),
    /// The manifest has no driver model, or one that this crate does not build.
    #[error("{manifest}: {problem}")]
    Model {
        /// The manifest.
        manifest: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The target is not one that the headers are for.
    #[error(
        "drivers for {0} are not built without the WDK, only for x86_64-pc-windows-msvc and aarch64-pc-windows-msvc"
    )]
    Target(String),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// An error of the file system, with the path.
#[derive(Debug, thiserror::Error)]
#[error("{}", path.display())]
pub struct IoError {
    path: PathBuf,
    source: io::Error,
}

impl IoError {
    /// The error `source` with the file it concerns.
    pub fn with_path(path: impl Into<PathBuf>, source: io::Error) -> IoError {
        IoError { path: path.into(), source }
    }
}
