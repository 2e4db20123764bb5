//! The entry stub's test, which needs Wine.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use wdk_cross::entry::{compile, library, with_path};
use wdk_cross::tools::{self, run_quietly};

use crate::wine::Prefix;

/// Runs the stub in user mode, under Wine, with a loader and a driver that note how they are called.
pub(crate) fn test(root: &Path, out: &Path) -> Result<()> {
    let (sources, objects) = (root.join("cross"), out.join("obj"));
    // Not made yet if the driver is linked with a WDK's.
    library(&sources, &objects)?;
    let prefix = Prefix::open(out, None)?;
    for (name, further) in [("entry-test", &[][..]), ("entry-test-class", &["-DCLASS_EXTENSION"][..])] {
        let object = objects.join(name).with_extension("obj");
        let program = objects.join(name).with_extension("exe");
        // mingw-w64's headers define these in every file that includes them.
        let mut flags =
            vec!["-DInterlockedBitTestAndSet=TestAndSet", "-DInterlockedBitTestAndReset=TestAndReset"];
        flags.extend(further);
        compile(&sources, "test.c", &object, &flags)?;
        let mut link = Command::new(tools::LINK);
        link.args(["/nologo", "/entry:main", "/subsystem:console", "/nodefaultlib"]);
        link.arg(with_path("/out:", &program))
            .args([&object, &objects.join("entry.obj")])
            .arg(tools::RUNTIME);
        run_quietly(&mut link)?;
        prefix.run_program(&program).context("the entry stub's test failed")?;
    }
    println!("the entry stub binds, refuses and unbinds as it should");
    Ok(())
}
