//! Configures the link of the Windows driver; the hosted build needs nothing.

#[cfg(feature = "kernel")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    // Winsock Kernel's import library, which the wdk crates do not know.
    println!("cargo::rustc-link-lib=netio");
    version_resource()?;
    Ok(wdk_build::configure_wdk_binary_build()?)
}

/// Links what the file's properties show on Windows: the package's version and description.
///
/// The resource compiler is the Windows SDK's; or LLVM's, elsewhere or if `RC_PATH` names it.
#[cfg(feature = "kernel")]
fn version_resource() -> Result<(), Box<dyn std::error::Error>> {
    use winresource::{VersionInfo, WindowsResource};

    /// `VFT_DRV` and `VFT2_DRV_SYSTEM`: a driver, of the kind "system".
    const DRIVER: (u64, u64) = (3, 7);
    /// English, for the few words there are.
    const LANGUAGE: u16 = 0x0409;

    println!("cargo::rerun-if-env-changed=RC_PATH");
    let package = |name: &str| std::env::var(format!("CARGO_PKG_{name}"));
    let authors = package("AUTHORS")?;
    let mut resource = WindowsResource::new();
    // The version's numbers and strings are the package's unless they are set.
    resource
        .set_language(LANGUAGE)
        .set_version_info(VersionInfo::FILETYPE, DRIVER.0)
        .set_version_info(VersionInfo::FILESUBTYPE, DRIVER.1)
        .set("CompanyName", &authors)
        .set("FileDescription", &package("DESCRIPTION")?)
        .set("InternalName", "wskdrv")
        .set("LegalCopyright", &format!("{authors}; {}", package("LICENSE")?))
        .set("OriginalFilename", "wskdrv.sys");
    resource.compile().map_err(|error| {
        format!(
            "compiling the version resource: {error}; rc.exe comes with the Windows SDK, llvm-rc with LLVM: \
             name either in RC_PATH"
        )
    })?;
    Ok(())
}

#[cfg(not(feature = "kernel"))]
const fn main() {}
