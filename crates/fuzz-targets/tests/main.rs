//! The tests of `fuzz-targets`, in one program.
#![allow(missing_docs, reason = "a test")]

mod replay;
