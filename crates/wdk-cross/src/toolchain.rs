//! Which Rust builds for Windows: the user's own, if rustup has installed the target, else Debian's.

use std::path::Path;
use std::process::{Command, Stdio};

/// A compiler and its cargo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The one that runs this program, with a standard library for the target.
    Rustup,
    /// Debian's. It has no standard library for Windows, but the source of one, which is built along.
    Debian,
}

impl Toolchain {
    /// The toolchain for a target.
    #[must_use]
    pub fn for_target(root: &Path, target: &str) -> Toolchain {
        Toolchain::choose(&installed(root), target)
    }

    /// Chooses by what `rustup target list --installed` prints: a target on a line.
    fn choose(installed: &str, target: &str) -> Toolchain {
        if installed.lines().any(|line| line.trim() == target) {
            Toolchain::Rustup
        } else {
            Toolchain::Debian
        }
    }
}

/// The targets of the active toolchain; without rustup there are none.
fn installed(root: &Path) -> String {
    let mut rustup = Command::new("rustup");
    rustup.current_dir(root).args(["target", "list", "--installed"]).stderr(Stdio::null());
    let output = rustup.output().ok().filter(|output| output.status.success());
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSVC: &str = "x86_64-pc-windows-msvc";
    const GNU: &str = "x86_64-pc-windows-gnu";

    #[test]
    fn an_installed_target_is_used() {
        let installed = "x86_64-pc-windows-msvc\nx86_64-unknown-linux-gnu\n";
        assert_eq!(Toolchain::choose(installed, MSVC), Toolchain::Rustup);
        assert_eq!(Toolchain::choose(installed, GNU), Toolchain::Debian);
    }

    #[test]
    fn lines_may_end_as_on_windows() {
        assert_eq!(Toolchain::choose("x86_64-pc-windows-gnu\r\n", GNU), Toolchain::Rustup);
    }

    #[test]
    fn a_target_whose_name_begins_alike_is_another() {
        assert_eq!(Toolchain::choose("x86_64-pc-windows-gnullvm\n", GNU), Toolchain::Debian);
    }

    #[test]
    fn without_rustup_it_is_debian() {
        assert_eq!(Toolchain::choose("", MSVC), Toolchain::Debian);
    }
}
