//! What the linker is told about a driver, and which libraries it links.

use crate::config::{Config, Kit, variable};
use crate::{ApiSubset, ConfigError, DriverConfig};

/// The arguments for `lld-link`: those of a WDK build, without its map file.
const ARGUMENTS: [&str; 8] = [
    "/DRIVER",
    "/NODEFAULTLIB",
    "/SUBSYSTEM:NATIVE,10.0",
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
    pub(crate) fn emit_link_arguments(&self) -> Result<(), ConfigError> {
        let libraries = variable("CROSS_LIB")?;
        println!("cargo::rustc-link-search={libraries}");
        println!("cargo::rerun-if-changed={libraries}");
        for argument in ARGUMENTS.iter().chain(&REPRODUCIBLE).chain([&self.entry_point()]) {
            println!("cargo::rustc-cdylib-link-arg={argument}");
        }
        Ok(())
    }

    /// Where the image begins: a driver of the framework's is bound to it first.
    fn entry_point(&self) -> &'static str {
        match self.driver_config {
            DriverConfig::Kmdf(_) => "/ENTRY:FxDriverEntry",
            DriverConfig::Wdm | DriverConfig::Umdf(_) => "/ENTRY:DriverEntry",
        }
    }

    /// The libraries of the driver's model: the kernel, and those of the framework.
    fn libraries(&self) -> &'static [&'static str] {
        if matches!(self.driver_config, DriverConfig::Kmdf(_)) { &LIBRARIES } else { &LIBRARIES[..1] }
    }

    /// Rust source that links the libraries of a part.
    #[must_use]
    pub fn bindgen_library_link_raw_lines(&self, subset: ApiSubset) -> Option<String> {
        if subset != ApiSubset::Base {
            return None;
        }
        let further: &[&str] = if self.kit == Kit::Own { &[] } else { &WDK_LIBRARIES };
        Some(self.libraries().iter().chain(further).map(|library| link(library)).collect())
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
    fn a_driver_without_the_framework_links_the_kernel_alone() {
        let mut config = kmdf(31, Kit::Own);
        config.driver_config = DriverConfig::Wdm;
        assert_eq!((config.libraries(), config.entry_point()), (&["ntoskrnl"][..], "/ENTRY:DriverEntry"));
        assert_eq!(kmdf(31, Kit::Own).entry_point(), "/ENTRY:FxDriverEntry");
    }

    #[test]
    fn a_wdk_links_more() {
        assert_eq!(libraries(Kit::Own), 3);
        assert_eq!(libraries(Kit::Wdk { overlay: String::new() }), 6);
    }
}
