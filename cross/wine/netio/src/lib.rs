//! `netio.sys` for Wine: the WSK provider of `crates/hosted/netio`, which has the functions that clients import.
//!
//! It completes the imports from Wine's kernel of the clients that do without the framework.
#![cfg(windows)]

extern crate netio as _;

supplement::module!("netio.sys", supplement::clients::watch(&"netio.sys"));
