//! What the linker is told about a driver, and which libraries it links.

use crate::config::{Config, Kit, variable};
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

/// The kernel, the framework's loader, and the entry point.
const LIBRARIES: [&str; 3] = ["ntoskrnl", "wdfldr", "wdfdriverentry"];

/// What the WDK's entry point needs, or a build with the WDK links anyway.
const WDK_LIBRARIES: [&str; 3] = ["bufferoverflowfastfailk", "hal", "wmilib"];

impl Config {
    pub(crate) fn emit_link_arguments() -> Result<(), ConfigError> {
        let libraries = variable("CROSS_LIB")?;
        println!("cargo::rustc-link-search={libraries}");
        println!("cargo::rerun-if-changed={libraries}");
        for argument in ARGUMENTS.iter().chain(&REPRODUCIBLE) {
            println!("cargo::rustc-cdylib-link-arg={argument}");
        }
        Ok(())
    }

    /// Rust source that links the libraries of a part.
    #[must_use]
    pub fn bindgen_library_link_raw_lines(&self, subset: ApiSubset) -> Option<String> {
        match (subset, self.driver_config) {
            (ApiSubset::Base, DriverConfig::Kmdf(_)) => {
                let further: &[&str] = if self.kit == Kit::Own { &[] } else { &WDK_LIBRARIES };
                Some(LIBRARIES.iter().chain(further).map(|library| link(library)).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::kmdf;

    fn libraries(kit: Kit) -> usize {
        kmdf(31, kit)
            .bindgen_library_link_raw_lines(ApiSubset::Base)
            .unwrap_or_default()
            .matches("#[link(")
            .count()
    }

    #[test]
    fn the_base_links_the_kernel_and_the_rest_nothing() {
        let config = kmdf(31, Kit::Own);
        let lines = config.bindgen_library_link_raw_lines(ApiSubset::Base).unwrap_or_default();
        assert!(
            lines.starts_with(r#"#[link(name = "ntoskrnl", kind = "static", modifiers = "-bundle")]"#),
            "{lines}"
        );
        assert_eq!(config.bindgen_library_link_raw_lines(ApiSubset::Wdf), None);
    }

    #[test]
    fn a_wdk_links_more() {
        assert_eq!(libraries(Kit::Own), 3);
        assert_eq!(libraries(Kit::Wdk { overlay: String::new() }), 6);
    }
}
