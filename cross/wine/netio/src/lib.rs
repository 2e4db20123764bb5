//! `netio.sys` for Wine: the WSK provider of `crates/hosted/netio`, which has the functions that clients import.
//!
//! It completes the imports from Wine's kernel of the clients that do without this project's framework.
#![cfg(windows)]

use supplement::clients::{Module, watch};

/// This module, for who hears of its clients.
static MODULE: Module = Module { name: "netio.sys", clients_gone: netio::clients_gone };

supplement::module!("netio.sys", watch(&MODULE));
