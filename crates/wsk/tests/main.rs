//! The tests of `wsk`, in one program: one link instead of one for each file.
#![cfg(not(loom))]
#![allow(missing_docs, reason = "a test")]

mod common;

mod allocation;
mod calls;
mod client;
mod data;
mod drain;
mod event_ends;
mod events;
mod faults;
mod handler;
mod operation;
mod options;
mod queue;
mod receive;
mod registration;
mod sample;
mod security;
mod socket;
mod waiters;
