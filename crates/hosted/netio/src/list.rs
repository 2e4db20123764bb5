//! The local addresses: `SIO_ADDRESS_LIST_QUERY`, and requests that wait for a change of them.
#![expect(unsafe_code, reason = "writes a structure with pointers into the client's buffer")]
#![expect(clippy::cast_ptr_alignment, reason = "the buffer is the client's, and written unaligned")]

use core::mem::offset_of;
use core::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use wsk_sys::{
    LONG, NTSTATUS, SIZE_T, SOCKADDR, SOCKET_ADDRESS, SOCKET_ADDRESS_LIST, STATUS_BUFFER_OVERFLOW,
    STATUS_CANCELLED, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use crate::Network;
use crate::address::{self, Family};
use crate::completion::{Stage, Target};
use crate::dead::DEAD;
use crate::engine::Job;
use crate::irp::Irp;
use crate::memory::Watcher;
use crate::provider::Provider;
use crate::socket::Socket;
use crate::transport;

/// Writes the addresses of the socket's family into the client's buffer. Returns the status, and the size of the list.
///
/// # Safety
/// `output` is null and `room` zero, or it points to `room` bytes of the client's.
pub(crate) unsafe fn query(
    provider: &Provider,
    socket: &Socket,
    output: *mut u8,
    room: usize,
) -> (NTSTATUS, SIZE_T) {
    let places = match transport::places(provider) {
        Ok(places) => places,
        Err(status) => return (status, 0),
    };
    let addresses: Vec<SocketAddr> = places
        .iter()
        .filter_map(|place| match (socket.family, place.address) {
            (Family::V4, IpAddr::V4(address)) => Some((address, 0).into()),
            (Family::V6, IpAddr::V6(address)) => Some(SocketAddrV6::new(address, 0, 0, place.scope).into()),
            _ => None,
        })
        .collect();
    let entries = offset_of!(SOCKET_ADDRESS_LIST, Address);
    let (entry, length) = (size_of::<SOCKET_ADDRESS>(), socket.family.sockaddr_size());
    let size = entries + addresses.len() * (entry + length);
    if room < size {
        return (STATUS_BUFFER_OVERFLOW, size);
    }
    let (Ok(count), Ok(each)) = (LONG::try_from(addresses.len()), LONG::try_from(length)) else {
        return (STATUS_INVALID_PARAMETER, 0);
    };
    // SAFETY: the buffer has room for the whole list, by the comparison above; the count is at its beginning.
    unsafe { output.cast::<LONG>().write_unaligned(count) };
    for (at, item) in addresses.iter().enumerate() {
        let place = output.wrapping_add(entries + addresses.len() * entry + at * length).cast::<SOCKADDR>();
        // The client reads the address through the pointer in the list.
        let _ = place.expose_provenance();
        let to = output.wrapping_add(entries + at * entry).cast::<SOCKET_ADDRESS>();
        // SAFETY: as above; the entries follow the count.
        unsafe { to.write_unaligned(SOCKET_ADDRESS { lpSockaddr: place, iSockaddrLength: each }) };
        // SAFETY: as above; the addresses follow the entries, each with the size of its family's SOCKADDR.
        unsafe { address::write(place, *item) };
    }
    (STATUS_SUCCESS, size)
}

impl Provider {
    /// Lets a request wait for a change of the local addresses. Returns how it ended, if it did.
    pub(crate) fn await_change(
        self: &Arc<Self>,
        irp: Irp,
        target: Target,
        socket: &Socket,
        mark: bool,
    ) -> Option<NTSTATUS> {
        self.watch_addresses();
        self.enter_waiting(irp, target, Stage::AddressChange, mark, |state, request| {
            let entry = state.sockets.get(&socket.number).filter(|entry| !entry.closing);
            if entry.is_none() {
                return Some(STATUS_CANCELLED);
            }
            if socket.is_dead() {
                return Some(DEAD);
            }
            state.address_waits.push(request);
            None
        })
    }

    /// Has the network in memory tell of changes; the host's does not.
    fn watch_addresses(self: &Arc<Self>) {
        let Network::Memory(net) = &self.config.network else { return };
        self.watcher.get_or_init(|| {
            let provider = Arc::downgrade(self);
            let watcher = Arc::new(Watcher(Box::new(move || {
                if let Some(provider) = provider.upgrade() {
                    provider.addresses_changed();
                }
            })));
            net.watch(&watcher);
            watcher
        });
    }

    /// Ends the requests that wait for a change of the local addresses.
    pub(crate) fn addresses_changed(&self) {
        let mut state = self.lock();
        let waits = std::mem::take(&mut state.address_waits);
        let ended: Vec<_> = waits.into_iter().filter_map(|request| state.claim(request)).collect();
        drop(state);
        for request in ended {
            self.engine.schedule(Job::Complete(request.irp, request.target, STATUS_SUCCESS));
        }
    }
}
