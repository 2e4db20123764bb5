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
pub(crate) mod option;
pub(crate) mod sort;

use core::net::{IpAddr, SocketAddr};
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
pub(crate) struct Place {
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
    pub(crate) fn places(&self) -> Result<Vec<Place>, NTSTATUS> {
        match self {
            Network::Host => host::places(),
            Network::Memory(net) => Ok(net.places()),
        }
    }

    /// The interface on which a group is joined without saying where; the host finds its own.
    pub(crate) fn default_interface(&self) -> ULONG {
        match self {
            Network::Host => 0,
            Network::Memory(_) => memory::WIRE,
        }
    }
}

/// A bound socket of the network. Unbound when dropped.
#[derive(Debug)]
pub(crate) enum Endpoint {
    Host(host::Endpoint),
    Memory(memory::Endpoint),
}

impl Endpoint {
    /// Binds a socket with these options; what arrives goes to the inbox.
    ///
    /// # Errors
    /// What the sharing table says, or the network.
    pub(crate) fn bind(
        network: &Network,
        poller: &Poller,
        binding: Binding,
        values: &Values,
        groups: &Memberships,
        inbox: &Arc<Inbox>,
    ) -> Result<Endpoint, NTSTATUS> {
        match network {
            Network::Host => host::bind(poller, binding, values, groups, inbox).map(Endpoint::Host),
            Network::Memory(net) => {
                let endpoint = net.bind(binding, Arc::clone(inbox), true)?;
                endpoint.filter(values, groups);
                Ok(Endpoint::Memory(endpoint))
            }
        }
    }

    /// The address, with the port that the network chose if none was asked for.
    pub(crate) fn local(&self) -> SocketAddr {
        match self {
            Endpoint::Host(endpoint) => endpoint.local(),
            Endpoint::Memory(endpoint) => endpoint.local(),
        }
    }

    /// Sends a datagram: as the socket's options say, and `overrides`, which are in `outgoing` already.
    ///
    /// # Errors
    /// `STATUS_ACCESS_DENIED`: the broadcast address, without `SO_BROADCAST`; and what the network says.
    pub(crate) fn send(
        &self,
        bytes: &[u8],
        to: SocketAddr,
        outgoing: &Outgoing,
        overrides: &Overrides,
    ) -> Result<(), NTSTATUS> {
        match self {
            Endpoint::Host(endpoint) => endpoint.send(bytes, to, outgoing, overrides),
            Endpoint::Memory(endpoint) => endpoint.send(bytes, to, outgoing, overrides),
        }
    }

    /// Lets a changed option take effect.
    ///
    /// # Errors
    /// What the network says.
    pub(crate) fn changed(&self, row: &Row, values: &Values, groups: &Memberships) -> Result<(), NTSTATUS> {
        match self {
            Endpoint::Host(endpoint) => endpoint.changed(row, values, groups),
            Endpoint::Memory(endpoint) => {
                endpoint.filter(values, groups);
                Ok(())
            }
        }
    }

    /// Lets a changed group take effect.
    ///
    /// # Errors
    /// What the network says.
    pub(crate) fn changed_group(
        &self,
        values: &Values,
        groups: &Memberships,
        change: Change,
        group: Group,
        source: Option<IpAddr>,
    ) -> Result<(), NTSTATUS> {
        match self {
            Endpoint::Host(endpoint) => endpoint.changed_group(values, groups, change, group, source),
            Endpoint::Memory(endpoint) => {
                endpoint.filter(values, groups);
                Ok(())
            }
        }
    }

    /// The MTU of the path to an address.
    ///
    /// # Errors
    /// What the network says; `STATUS_NOT_SUPPORTED` if it does not tell.
    pub(crate) fn mtu(&self, to: IpAddr) -> Result<ULONG, NTSTATUS> {
        match self {
            Endpoint::Host(_) => host::mtu(to),
            Endpoint::Memory(_) => Ok(memory::mtu(to)),
        }
    }
}
