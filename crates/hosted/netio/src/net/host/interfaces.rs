//! The addresses of the host's interfaces.

use core::net::IpAddr;
#[cfg(not(windows))]
use std::io;

#[cfg(windows)]
mod windows;

#[cfg(windows)]
pub(super) use windows::addresses;

/// An address, and the interface that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) interface: u32,
    pub(super) address: IpAddr,
}

/// All addresses of interfaces that have an index.
#[cfg(not(windows))]
pub(super) fn addresses() -> io::Result<Vec<Address>> {
    let address = |one: &if_addrs::Interface| Some(Address { interface: one.index?, address: one.ip() });
    Ok(if_addrs::get_if_addrs()?.iter().filter_map(address).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_address_is_one_and_its_interface_has_an_index() {
        let found = addresses().unwrap();
        let loopback = found.iter().find(|one| one.address.is_loopback()).unwrap();
        assert_ne!(loopback.interface, 0);
        let twins = found.iter().filter(|one| *one == loopback).count();
        assert_eq!(twins, 1, "{found:?}");
    }
}
