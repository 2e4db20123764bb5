//! The networks: the host's, and one in memory; and a bound socket's way to them.
//!
//! This layer knows addresses, options, groups and datagrams, and no request: it imports nothing of `run`, `call`,
//! `client`, `socket`, `event`, `provider` or `platform`.

pub(crate) mod address;
pub(crate) mod bind_table;
pub(crate) mod control_info;
pub(crate) mod filter;
pub(crate) mod guard;
pub(crate) mod host;
pub(crate) mod inbox;
pub mod memory;
pub(crate) mod multicast;
pub(crate) mod no_network;
pub(crate) mod option;
pub(crate) mod sort;

use core::net::{IpAddr, SocketAddr};
use std::fmt;
use std::sync::Arc;

use wsk_requests::Row;
use wsk_sys::{NTSTATUS, ULONG};

use crate::net::bind_table::Binding;
use crate::net::control_info::Overrides;
use crate::net::host::Poller;
use crate::net::inbox::Inbox;
use crate::net::multicast::{Change, Group, Memberships};
use crate::net::option::{Outgoing, Values};

/// An address of this machine, and the interface that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalAddress {
    pub(crate) interface: ULONG,
    pub(crate) address: IpAddr,
    /// Of a link-local IPv6 address, the interface's index once more; otherwise 0.
    pub(crate) scope: ULONG,
}

/// Where the datagrams go.
#[derive(Clone, Debug)]
pub enum Network {
    /// UDP sockets of the host.
    Host,
    /// A network in memory, which several machines may share.
    Memory(memory::Net),
}

impl Network {
    /// The addresses of this machine.
    ///
    /// # Errors
    /// What the host says.
    pub(crate) fn local_addresses(&self) -> Result<Vec<LocalAddress>, NTSTATUS> {
        match self {
            Network::Host => host::local_addresses(),
            Network::Memory(net) => Ok(net.local_addresses()),
        }
    }

    /// The interface on which a group is joined without saying where; the host finds its own.
    pub(crate) fn default_interface(&self) -> ULONG {
        match self {
            Network::Host => 0,
            Network::Memory(_) => memory::WIRE,
        }
    }

    /// Binds a socket with these options; what arrives goes to the inbox.
    ///
    /// # Errors
    /// What the sharing table says, or the network.
    pub(crate) fn bind(
        &self,
        poller: &Poller,
        binding: Binding,
        values: &Values,
        groups: &Memberships,
        inbox: &Arc<Inbox>,
    ) -> Result<Arc<dyn Endpoint>, NTSTATUS> {
        Ok(match self {
            Network::Host => Arc::new(host::bind(poller, binding, values, groups, inbox)?),
            Network::Memory(net) => {
                let endpoint = net.bind(binding, Arc::clone(inbox), true)?;
                endpoint.filter(values, groups);
                Arc::new(endpoint)
            }
        })
    }
}

/// A bound socket of the network. Unbound when dropped.
pub(crate) trait Endpoint: fmt::Debug + Send + Sync {
    /// The address, with the port that the network chose if none was asked for.
    fn local(&self) -> SocketAddr;

    /// Whether the socket may send from this address, which is its own, or any of the machine's if it has all of them.
    ///
    /// # Errors
    /// What the host says when it is asked for the machine's addresses.
    fn has(&self, source: IpAddr) -> Result<bool, NTSTATUS>;

    /// Sends a datagram: as the socket's options say, and `overrides`, which are in `outgoing` already.
    ///
    /// # Errors
    /// `STATUS_ACCESS_DENIED`: the broadcast address, without `SO_BROADCAST`. `STATUS_INVALID_ADDRESS_COMPONENT`: a source that
    /// the socket has not. And what the network says.
    fn send(
        &self,
        bytes: &[u8],
        to: SocketAddr,
        outgoing: &Outgoing,
        overrides: &Overrides,
    ) -> Result<(), NTSTATUS>;

    /// Sends datagrams one after the other, up to the first that cannot be sent: how many were, and why the next was not.
    fn send_all(
        &self,
        datagrams: &[&[u8]],
        to: SocketAddr,
        outgoing: &Outgoing,
        overrides: &Overrides,
    ) -> (usize, Result<(), NTSTATUS>) {
        for (sent, bytes) in datagrams.iter().enumerate() {
            if let Err(status) = self.send(bytes, to, outgoing, overrides) {
                return (sent, Err(status));
            }
        }
        (datagrams.len(), Ok(()))
    }

    /// Lets a changed option take effect.
    ///
    /// # Errors
    /// What the network says.
    fn changed(&self, row: &Row, values: &Values, groups: &Memberships) -> Result<(), NTSTATUS>;

    /// Lets a changed group take effect.
    ///
    /// # Errors
    /// What the network says.
    fn changed_group(
        &self,
        values: &Values,
        groups: &Memberships,
        change: Change,
        group: Group,
        source: Option<IpAddr>,
    ) -> Result<(), NTSTATUS>;

    /// The MTU of the path to an address.
    ///
    /// # Errors
    /// What the network says; `STATUS_NOT_SUPPORTED` if it does not tell.
    fn mtu(&self, to: IpAddr) -> Result<ULONG, NTSTATUS>;
}
