//! `netio.sys` for Wine: the WSK provider of `crates/hosted/netio`, which has the functions that clients import.
#![cfg(windows)]

extern crate netio as _;

supplement::module!("netio.sys");
