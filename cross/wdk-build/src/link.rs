//! What the linker is told about a driver, and which libraries it links.

use crate::config::{Config, variable};
use crate::{ApiSubset, ConfigError, DriverConfig};

/// The arguments for `lld-link`: those of a WDK build, without its map file.
const ARGUMENTS: [&str; 9] = [
    "/DRIVER",
    "/NODEFAULTLIB",
    "/SUBSYSTEM:NATIVE,10.0",
    "/ENTRY:FxDriverEntry",
    "/NXCOMPAT",
    "/DYNAMICBASE",
    "/OPT:REF,ICF",
    "/INTEGRITYCHECK",
    "/MANIFEST:NO",
];

/// Further ones, without which two builds differ, or the checksum is missing.
const REPRODUCIBLE: [&str; 3] = ["/Brepro", "/DEBUG:NONE", "/RELEASE"];

impl Config {
    pub(crate) fn emit_link_arguments() -> Result<(), ConfigError> {
        let libraries = variable("CROSS_LIB")?;
        println!("cargo::rustc-link-search={libraries}");
        println!("cargo::rerun-if-changed={libraries}");
        for argument in ARGUMENTS.iter().chain(&REPRODUCIBLE) {
            println!("cargo::rustc-cdylib-link-arg={argument}");
        }
        if let Ok(resource) = variable("CROSS_RESOURCE") {
            println!("cargo::rustc-cdylib-link-arg={resource}");
            println!("cargo::rerun-if-changed={resource}");
        }
        Ok(())
    }

    /// Rust source that links the libraries of a part.
    #[must_use]
    pub fn bindgen_library_link_raw_lines(&self, subset: ApiSubset) -> Option<String> {
        match (subset, self.driver_config) {
            (ApiSubset::Base, DriverConfig::Kmdf(_)) => {
                Some(link("ntoskrnl") + &link("wdfldr") + &link("entry"))
            }
            _ => None,
        }
    }
}

/// A block that links a library, which is searched for when the driver is linked, not before.
fn link(library: &str) -> String {
    format!(
        "#[link(name = \"{library}\", kind = \"static\", modifiers = \"-bundle\")]\nunsafe extern \"C\" {{}}\n"
    )
}
