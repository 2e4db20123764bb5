//! Links with Wine's kernel, whose import library `cargo xtask wine` has made.

fn main() {
    println!("cargo::rerun-if-env-changed=WINE_KERNEL_LIB");
    if let Ok(library) = std::env::var("WINE_KERNEL_LIB") {
        println!("cargo::rustc-link-arg-cdylib={library}");
    }
}
