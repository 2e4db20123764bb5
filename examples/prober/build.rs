//! Configures the link of the driver for Windows; the hosted build needs nothing.

#[cfg(feature = "kernel")]
fn main() -> Result<(), wdk_build::ConfigError> {
    // Winsock Kernel's import library, which the wdk crates do not know.
    println!("cargo::rustc-link-lib=netio");
    wdk_build::configure_wdk_binary_build()
}

#[cfg(not(feature = "kernel"))]
const fn main() {}
