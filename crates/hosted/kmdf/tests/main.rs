//! The tests of `kmdf`, in one program: one link instead of one for each file.
#![allow(missing_docs, reason = "a test")]

mod common;

mod counter;
mod echo;
mod faults;
mod files;
mod later;
mod neither;
mod objects;
mod panic;
mod pending;
mod queues;
mod read_write;
mod requests;
mod stuck;
mod system;
