//! The modules that stand beside the driver: built from `cross/wine`, and put into the prefix.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::client;
use super::prefix::Prefix;
use crate::cross::{Build, run_quietly};

/// The GNU linker does not read what LLVM's tool makes of a definition file: the imports stay empty.
const DLLTOOL: &str = "x86_64-w64-mingw32-dlltool";

/// The built files, and their places on drive C.
const MODULES: [(&str, &str); 3] = [
    ("wdfldr.dll", "windows/system32/drivers/wdfldr.sys"),
    ("netio_sys.dll", "windows/system32/drivers/netio.sys"),
    ("bcryptprimitives.dll", "windows/system32/bcryptprimitives.dll"),
];

/// Builds the modules.
pub(crate) fn build(build: &Build<'_>) -> Result<()> {
    let library = build.out.join("obj/libwinekernel.a");
    let mut command = Command::new(DLLTOOL);
    command.arg("-d").arg(build.root.join("cross/wine/ntoskrnl.def")).arg("-l").arg(&library);
    run_quietly(&mut command)?;
    let directory = build.modules(&library)?;
    let kept = directory_of(build.out);
    fs::create_dir_all(&kept).with_context(|| format!("making {}", kept.display()))?;
    for (name, _) in MODULES {
        fs::copy(directory.join(name), kept.join(name)).with_context(|| format!("copying {name}"))?;
    }
    client::build(build.root, &kept)
}

/// Builds a driver that knows the request of `wskctl probe`, which the shipped one does not.
pub(crate) fn build_with_probes(build: &Build<'_>) -> Result<()> {
    let file = build.out.join(super::probe::IMAGE);
    fs::write(&file, build.driver_with("kernel,probe").build()?)
        .with_context(|| format!("writing {}", file.display()))
}

/// Where the built modules are kept.
fn directory_of(out: &Path) -> PathBuf {
    out.join("modules")
}

/// Puts the modules, the drivers and the harness into the prefix; `instead_of` gives a file in place of the module of a name.
pub(crate) fn install<'f>(
    prefix: &Prefix,
    out: &Path,
    instead_of: impl Fn(&str) -> Option<&'f Path>,
) -> Result<()> {
    let directory = directory_of(out);
    for (name, place) in MODULES {
        let module = place.rsplit('/').next().unwrap_or(place);
        let built = directory.join(name);
        prefix.install(instead_of(module).unwrap_or(&built), place)?;
    }
    prefix.install(&out.join("wskdrv.sys"), super::DRIVER)?;
    client::install(prefix, &directory)?;
    prefix.install(&out.join("wskctl.exe"), "wskctl.exe")
}
