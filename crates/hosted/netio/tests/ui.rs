//! What must not compile in the provider, and what the compiler says instead.
//!
//! The expected messages beside the cases are those of the stable toolchain that the repository is built with. When
//! it changes, or a case does, write them anew and read the difference:
//!
//! ```text
//! TRYBUILD=overwrite cargo test -p hosted-netio --test ui
//! git diff crates/hosted/netio/tests/ui
//! ```

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
