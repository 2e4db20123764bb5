//! The tests of `wskctl`, in one program: one link instead of one for each file.
#![allow(missing_docs, reason = "a test")]

mod program;

mod advice;
mod bench;
mod conformance;
mod demo;
mod driver;
mod evidence;
mod interrupt;
mod service;
mod sockets;
mod stress;
mod trial;
mod usage;
