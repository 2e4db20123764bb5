//! What a WDK would give: import libraries, the entry stub, the headers' directories; and the version resource.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::entry;
use super::tools::{self, run_quietly};

/// The import libraries, each from the definition file of its name.
const LIBRARIES: [&str; 3] = ["ntoskrnl", "wdfldr", "netio"];

/// The parts that were made, for cargo's environment.
pub(crate) struct Kit {
    /// Libraries for the linker.
    pub(crate) libraries: PathBuf,
    /// The headers' directories, in the form of `PATH`.
    pub(crate) include: OsString,
    /// The version resource.
    pub(crate) resource: PathBuf,
}

/// Makes the parts in `out`, from `cross/`.
pub(crate) fn make(root: &Path, out: &Path) -> Result<Kit> {
    let cross = root.join("cross");
    let libraries = out.join("lib");
    let objects = out.join("obj");
    for directory in [&libraries, &objects] {
        fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    }
    for name in LIBRARIES {
        let library = objects.join(format!("{name}.lib"));
        let mut command = Command::new(tools::DLLTOOL);
        command.args(["-m", "i386:x86-64", "-d"]).arg(cross.join(format!("lib/{name}.def")));
        run_quietly(command.arg("-l").arg(&library))?;
        put(&library, &libraries)?;
    }
    put(&entry::library(root, &objects)?, &libraries)?;
    let resource = resource(root, out)?;
    Ok(Kit { libraries, include: env::join_paths(entry::include(root))?, resource })
}

/// Copies a file into a directory if it is new there: cargo builds again what depends on a file that was touched.
fn put(file: &Path, directory: &Path) -> Result<()> {
    let name = file.file_name().context("a file without a name")?;
    write_if_new(&directory.join(name), &fs::read(file)?)
}

fn write_if_new(file: &Path, content: &[u8]) -> Result<()> {
    if fs::read(file).ok().as_deref() != Some(content) {
        fs::write(file, content).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

/// Compiles the version resource.
fn resource(root: &Path, out: &Path) -> Result<PathBuf> {
    let source = out.join("obj/wskdrv.rc");
    let fresh = out.join("obj/wskdrv.res");
    let kept = out.join("lib/wskdrv.res");
    fs::write(&source, script(&root.join("Cargo.toml"))?)?;
    let mut command = Command::new(tools::RC);
    run_quietly(command.args(["/no-preprocess", "/fo"]).arg(&fresh).arg(&source))?;
    write_if_new(&kept, &fs::read(&fresh)?)?;
    Ok(kept)
}

/// The resource script: what the file's properties show on Windows.
fn script(manifest: &Path) -> Result<String> {
    // The workspace gives every package its version, xtask's among them.
    let version = env!("CARGO_PKG_VERSION");
    let (major, minor, patch) =
        (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH"));
    let text = fs::read_to_string(manifest).with_context(|| format!("reading {}", manifest.display()))?;
    let description = text
        .lines()
        .find_map(|line| line.strip_prefix("description = \"")?.strip_suffix('"'))
        .context("the driver's package has no description")?;
    // 3 and 7: a driver, of the kind "system". 0x40004: Windows NT, 32 bits and more.
    Ok(format!(
        r#"1 VERSIONINFO
FILEVERSION {major},{minor},{patch},0
PRODUCTVERSION {major},{minor},{patch},0
FILEFLAGSMASK 0x3F
FILEFLAGS 0
FILEOS 0x40004
FILETYPE 3
FILESUBTYPE 7
BEGIN
    BLOCK "StringFileInfo"
    BEGIN
        BLOCK "040904B0"
        BEGIN
            VALUE "CompanyName", "The wskdrv authors"
            VALUE "FileDescription", "{description}"
            VALUE "FileVersion", "{version}"
            VALUE "InternalName", "wskdrv"
            VALUE "LegalCopyright", "The wskdrv authors; MIT OR Apache-2.0"
            VALUE "OriginalFilename", "wskdrv.sys"
            VALUE "ProductName", "wskdrv"
            VALUE "ProductVersion", "{version}"
        END
    END
    BLOCK "VarFileInfo"
    BEGIN
        VALUE "Translation", 0x0409, 1200
    END
END
"#
    ))
}
