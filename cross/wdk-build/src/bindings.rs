//! How `wdk-sys` translates the headers.

use std::borrow::Borrow;
use std::fmt::Debug;

use bindgen::callbacks::{ItemInfo, ItemKind, ParseCallbacks};
use bindgen::{Builder, EnumVariation, Formatter, RustEdition, RustTarget};

use crate::config::Kit;
use crate::{Config, ConfigError};

/// Makes a bindgen builder for the headers.
pub trait BuilderExt {
    /// A builder with the settings that the wdk crates' sources count on.
    ///
    /// # Errors
    /// The version of Rust is not known to bindgen.
    fn wdk_default(config: impl Borrow<Config> + Debug) -> Result<Builder, ConfigError>;
}

/// mingw-w64's headers need a compiler with Microsoft's extensions that claims to be GNU C. As Microsoft's it would
/// drop alignments; as neither it would refuse them.
const MINGW: [&str; 6] = [
    "-U_MSC_VER",
    "-fgnuc-version=4.2.1",
    "-nostdinc",
    "-Wno-#warnings",
    "-Wno-ignored-attributes",
    "-Wno-pragma-pack",
];

/// For either kit's headers.
const CLANG: [&str; 3] = [
    "-fms-compatibility",
    "-fms-extensions",
    // Else the parameters of `memcpy` and its like have another type than `size_t`.
    "-fno-builtin",
];

/// Declarations in the WDK's headers that bindgen does not translate rightly, or that Microsoft has deprecated. The
/// published `wdk-build` leaves out the same.
const WDK_BLOCKED: [&str; 8] = [
    "ExAllocatePool",
    "ExAllocatePoolWithTag",
    "ExAllocatePoolWithQuotaTag",
    "ExAllocatePoolWithTagPriority",
    ".*MCG_CAP(?:__bindgen.*)?",
    ".*WHEA_XPF_MCA_SECTION",
    ".*WHEA_ARM_BUS_ERROR(?:__bindgen.*)?",
    ".*WHEA_ARM_(?:PROCESSOR|CACHE)_ERROR",
];

/// Declared there, but not defined.
const WDK_OPAQUE: [&str; 2] = ["_KGDTENTRY64", "_KIDTENTRY64"];

/// The compiler's arguments for a kit's headers.
fn compiler(kit: &Kit) -> Vec<&str> {
    let mut arguments = CLANG.to_vec();
    match kit {
        Kit::Own => arguments.extend(MINGW),
        // Microsoft's compiler has no remarks on them.
        Kit::Wdk { overlay } => arguments.extend(["-w", "-ivfsoverlay", overlay]),
    }
    arguments
}

impl BuilderExt for Builder {
    fn wdk_default(config: impl Borrow<Config> + Debug) -> Result<Builder, ConfigError> {
        let config = config.borrow();
        let include = config.include_paths()?.map(|path| format!("-I{}", path.display()));
        let define = config
            .preprocessor_definitions()
            .map(|(name, value)| format!("-D{name}={}", value.unwrap_or_default()));
        let mut builder = Builder::default();
        if let Kit::Wdk { .. } = config.kit {
            builder = WDK_BLOCKED.iter().fold(builder, Builder::blocklist_item);
            builder = WDK_OPAQUE.iter().fold(builder, Builder::opaque_type);
        }
        Ok(builder
            .clang_args(compiler(&config.kit))
            .clang_args(include)
            .clang_args(define)
            .detect_include_paths(false)
            .use_core()
            .derive_default(true)
            .generate_cstr(true)
            .default_enum_style(EnumVariation::ModuleConsts)
            .must_use_type("NTSTATUS")
            .must_use_type("HRESULT")
            // A tile register of AMX, whose layout bindgen gets wrong; it comes with the compiler's intrinsics.
            .blocklist_item("_*tile1024i.*")
            .parse_callbacks(Box::new(FunctionTable(config.compute_wdffunctions_symbol_name())))
            .rust_target(rust_target())
            .rust_edition(RustEdition::Edition2024)
            .formatter(Formatter::Prettyplease))
    }
}

/// The oldest compiler that the pinned wdk crates compile with.
fn rust_target() -> RustTarget {
    RustTarget::stable(91, 0).unwrap_or_default()
}

/// Gives the table of functions, whose C name has the version in it, the name that the wdk crates use.
#[derive(Debug)]
struct FunctionTable(Option<String>);

impl ParseCallbacks for FunctionTable {
    fn generated_name_override(&self, item: ItemInfo<'_>) -> Option<String> {
        let is_table = matches!(item.kind, ItemKind::Var) && self.0.as_deref() == Some(item.name);
        is_table.then(|| "WdfFunctions".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mingws_headers_are_told_of_another_compiler() {
        assert!(compiler(&Kit::Own).contains(&"-U_MSC_VER"));
        let overlay = "headers.yaml".to_owned();
        let wdk = Kit::Wdk { overlay };
        assert!(!compiler(&wdk).contains(&"-U_MSC_VER"));
        assert!(compiler(&wdk).ends_with(&["-ivfsoverlay", "headers.yaml"]));
    }
}
