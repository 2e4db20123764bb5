//! Where a raw socket is bound: no network here has packets for it.

use core::net::{IpAddr, SocketAddr};

use wsk_requests::Row;
use wsk_sys::{NTSTATUS, STATUS_NOT_SUPPORTED, ULONG};

use crate::net::Endpoint;
use crate::net::control_info::Overrides;
use crate::net::multicast::{Change, Group, Memberships};
use crate::net::option::{Outgoing, Values};

/// A place at this address, to which nothing comes and from which nothing is sent.
#[derive(Debug)]
pub(crate) struct NoNetwork(pub(crate) SocketAddr);

impl Endpoint for NoNetwork {
    fn local(&self) -> SocketAddr {
        self.0
    }

    fn has(&self, source: IpAddr) -> Result<bool, NTSTATUS> {
        Ok(self.0.ip() == source)
    }

    fn send(&self, _: &[u8], _: SocketAddr, _: &Outgoing, _: &Overrides) -> Result<(), NTSTATUS> {
        Err(STATUS_NOT_SUPPORTED)
    }

    fn changed(&self, _: &Row, _: &Values, _: &Memberships) -> Result<(), NTSTATUS> {
        Ok(())
    }

    fn changed_group(
        &self,
        _: &Values,
        _: &Memberships,
        _: Change,
        _: Group,
        _: Option<IpAddr>,
    ) -> Result<(), NTSTATUS> {
        Ok(())
    }

    fn mtu(&self, _: IpAddr) -> Result<ULONG, NTSTATUS> {
        Err(STATUS_NOT_SUPPORTED)
    }
}
