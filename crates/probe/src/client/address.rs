//! An address as WSK takes it.

use core::net::{Ipv4Addr, SocketAddr};

use wsk_sockaddr::MAX_SOCKADDR_LENGTH;
use wsk_sys::{SOCKADDR, SOCKADDR_IN};

/// A `SOCKADDR_IN` or `SOCKADDR_IN6`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(crate) struct Address([u8; MAX_SOCKADDR_LENGTH]);

impl Address {
    pub(crate) fn new(address: SocketAddr) -> Address {
        Address(wsk_sockaddr::encode(address).0)
    }

    /// The loopback address of IPv4, and a port that the system chooses.
    pub(crate) fn loopback() -> Address {
        Address::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// The port, which is in the same place in both.
    pub(crate) fn port(&self) -> u16 {
        u16::from_be_bytes([self.0[2], self.0[3]])
    }

    /// For a call of WSK, which reads or writes an address of the socket's family.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut SOCKADDR {
        self.0.as_mut_ptr().cast()
    }

    /// A `SOCKADDR_IN`, as a control request takes it.
    pub(crate) fn as_v4(&mut self) -> &mut [u8] {
        &mut self.0[..size_of::<SOCKADDR_IN>()]
    }
}
