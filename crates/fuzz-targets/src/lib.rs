//! What is fuzzed: each target is a function of any bytes, which panics if something is not as it must be.
//!
//! `fuzz/` makes programs of libFuzzer of them (`cargo xtask fuzz`), and has their corpora; the tests of this crate replay
//! those on any toolchain. A target decides nothing by itself: what it asks of the code under test is a property that
//! holds for all bytes, such as that what was read and written again is read as the same.
#![forbid(unsafe_code)]

mod abi;
mod cmsg;
mod descriptor;
mod device;
#[cfg(feature = "script")]
mod script;
mod sddl;

pub use abi::abi;
pub use cmsg::cmsg;
pub use descriptor::descriptor;
pub use device::device;
#[cfg(feature = "script")]
pub use script::script;
pub use sddl::sddl;

/// One thing that is fuzzed.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the program, and of the folder of its corpus.
    pub name: &'static str,
    /// What is done with an input.
    pub run: fn(&[u8]),
}

/// All that is fuzzed.
pub const TARGETS: &[Target] = &[
    Target { name: "device", run: device },
    Target { name: "cmsg", run: cmsg },
    Target { name: "descriptor", run: descriptor },
    Target { name: "sddl", run: sddl },
    Target { name: "abi", run: abi },
    #[cfg(feature = "script")]
    Target { name: "script", run: script },
];
