//! How `wdk-sys` translates the headers.

use std::borrow::Borrow;
use std::fmt::Debug;

use bindgen::callbacks::{ItemInfo, ItemKind, ParseCallbacks};
use bindgen::{Builder, EnumVariation, Formatter, RustEdition, RustTarget};

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
const CLANG: [&str; 9] = [
    "-fms-compatibility",
    "-fms-extensions",
    "-U_MSC_VER",
    "-fgnuc-version=4.2.1",
    "-nostdinc",
    // Else the parameters of `memcpy` and its like have another type than `size_t`.
    "-fno-builtin",
    "-Wno-#warnings",
    "-Wno-ignored-attributes",
    "-Wno-pragma-pack",
];

impl BuilderExt for Builder {
    fn wdk_default(config: impl Borrow<Config> + Debug) -> Result<Builder, ConfigError> {
        let config = config.borrow();
        let include = config.include_paths()?.map(|path| format!("-I{}", path.display()));
        let define = config
            .preprocessor_definitions()
            .map(|(name, value)| format!("-D{name}={}", value.unwrap_or_default()));
        Ok(Builder::default()
            .clang_args(CLANG)
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
