//! What must not compile, and what the compiler says instead.
//!
//! The expected messages beside the cases are those of the stable toolchain that the repository is built with. When
//! it changes, or a case does, write them anew and read the difference:
//!
//! ```text
//! TRYBUILD=overwrite cargo test -p wsk-nt --test ui
//! git diff crates/nt/tests/ui
//! ```
#![cfg(not(any(loom, miri)))]
#![allow(missing_docs, reason = "a test")]

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
