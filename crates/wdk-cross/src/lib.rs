//! `cargo wdk-cross`: the `.sys` of a driver, built on Debian without Windows or the WDK.
//!
//! Everything but `wdk-build` is what a Windows build uses: the driver's manifest and sources, the crates `wdk-sys`, `wdk`,
//! `wdk-alloc` and `wdk-panic` as they are published. The patch that replaces that one crate, and the lock file that results
//! from it, stand on cargo's command line only. A WDK (`WDKContentRoot`) and a target that rustup has installed are used where
//! they are found.
//!
//! ```text
//! cargo install --path crates/wdk-cross      # once, in this repository
//! cargo wdk-cross --manifest-path PATH       # target/cross/NAME/x86_64-pc-windows-msvc/NAME.sys, signed for test
//! ```
//!
//! # What a driver's package needs
//!
//! - `crate-type = ["cdylib", ...]`, and `panic = "abort"` in its workspace's `[profile.release]`;
//! - `[package.metadata.wdk.driver-model]` with `driver-type = "KMDF"` (version 1.31) or `"WDM"`, as `wdk-build` wants it;
//! - a build script that calls `wdk_build::configure_wdk_binary_build`;
//! - a feature `kernel` under which it is built for Windows, or another that `--features` names;
//! - for another Windows than 10.0.19041, `windows = "10.0.17763"` in `[package.metadata.wdk-cross]`.
//!
//! # What is checked
//!
//! The image's headers, sections, checksum, signature and switches; its version resource, if it has one; and each import
//! against what Windows exports, by name and by the version that it first appeared in: see `exports.txt`, which says where its
//! dates are from. With `--check-reproducible` a second build has to have the same bytes.
//!
//! # What is not
//!
//! No driver that was built in this way has been loaded by Windows yet. The framework's headers have the functions that
//! `wskdrv` and the wdk crates use, so a call of another is a compile error which names it. Nothing is built
//! for ARM64: mingw-w64's headers of the kernel do not know it ("Unknown Architecture"), and `wdk-sys` is made of them here.

pub mod breaks;
pub mod driver;
pub mod entry;
pub mod exports;
mod kit;
pub mod pe;
#[cfg(test)]
mod pe_tests;
pub mod project;
pub mod sign;
pub mod toolchain;
pub mod tools;
mod version;
pub mod wdk;

pub use driver::Driver;
pub use exports::{Exports, Imports};
pub use kit::unpack;
pub use project::Project;
pub use toolchain::Toolchain;
pub use tools::{Arch, Needs};
pub use wdk::Wdk;
