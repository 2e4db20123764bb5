//! `SIO_WSK_SET_REMOTE_ADDRESS` needs a bound socket.
use std::net::SocketAddr;
use wsk::ioctl::SetRemoteAddress;
use wsk::{Passive, Result, Unbound};

fn example(socket: Unbound<'_>, remote: SocketAddr, passive: &Passive) -> Result {
    socket.ioctl::<SetRemoteAddress>(Some(remote), passive)
}

fn main() {}
