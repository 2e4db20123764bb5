//! A bound socket's way to the network: the host's, or one in memory.

use core::net::SocketAddr;
use std::sync::Arc;

use wsk_sys::NTSTATUS;

use crate::Network;
use crate::bind_table::Binding;
use crate::inbox::Inbox;
use crate::option::{Field, Values};
use crate::provider::Provider;
use crate::{host, memory};

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
        provider: &Provider,
        binding: Binding,
        values: Values,
        inbox: &Arc<Inbox>,
    ) -> Result<Endpoint, NTSTATUS> {
        match &provider.config.network {
            Network::Host => host::bind(&provider.poller, binding, values, inbox).map(Endpoint::Host),
            Network::Memory(net) => net.bind(binding, Arc::clone(inbox)).map(Endpoint::Memory),
        }
    }

    /// The address, with the port that the network chose if none was asked for.
    pub(crate) fn local(&self) -> SocketAddr {
        match self {
            Endpoint::Host(endpoint) => endpoint.local(),
            Endpoint::Memory(endpoint) => endpoint.local(),
        }
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// `STATUS_ACCESS_DENIED`: the broadcast address, without `SO_BROADCAST`; and what the network says.
    pub(crate) fn send(&self, bytes: &[u8], to: SocketAddr, values: Values) -> Result<(), NTSTATUS> {
        match self {
            Endpoint::Host(endpoint) => endpoint.send(bytes, to),
            Endpoint::Memory(endpoint) => endpoint.send(bytes, to, values.broadcast),
        }
    }

    /// Lets a changed option take effect.
    ///
    /// # Errors
    /// What the network says.
    pub(crate) fn changed(&self, field: Field, values: Values) -> Result<(), NTSTATUS> {
        match self {
            Endpoint::Host(endpoint) => endpoint.changed(field, values),
            Endpoint::Memory(_) => Ok(()),
        }
    }
}
