//! Configures the link of the driver for Windows; the hosted build needs nothing.

#[cfg(feature = "kernel")]
fn main() -> Result<(), wdk_build::ConfigError> {
    // The kernel's import library, which a driver without the crate wdk-sys names itself.
    println!("cargo::rustc-link-lib=ntoskrnl");
    wdk_build::configure_wdk_binary_build()
}

#[cfg(not(feature = "kernel"))]
const fn main() {}
