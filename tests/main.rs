//! The tests of `wskdrv`, in one program: one link instead of one for each file.
#![allow(missing_docs, reason = "a test")]

mod broken;
mod common;

mod at_once;
mod faults;
mod hang;
mod load;
mod many;
mod no_time;
mod partial;
mod pending;
mod rules;
mod security;
mod shortage;
mod statuses;
mod switching;
mod truncation;
