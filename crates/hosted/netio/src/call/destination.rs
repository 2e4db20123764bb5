//! Where a send goes to, and how.

use core::net::SocketAddr;
use std::sync::Arc;

use readings::{
    DatagramTooLong, ForeignInterface, ForeignSource, MappedDestination, PortZero, Readings, SegmentAlone,
    SendWithoutAddress, TwoFixedAddresses, WildcardDestination,
};
use wsk_requests::rows::udp;
use wsk_sys::{
    NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_BUFFER_SIZE,
    STATUS_INVALID_CONNECTION, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_NETWORK_UNREACHABLE,
};

use crate::net::Endpoint;
use crate::net::address::canonical;
use crate::net::control_info::Overrides;
use crate::net::option::Outgoing;
use crate::socket::Socket;
use crate::socket::datagram::Settings;

/// The largest payload of a datagram: what the length fields of UDP, and of IPv4 with it, can say.
const LARGEST_V4: usize = 65507;
const LARGEST_V6: usize = 65527;

/// Where a send goes to, and how.
pub(crate) struct Destination<'r> {
    endpoint: Arc<dyn Endpoint>,
    address: SocketAddr,
    outgoing: Outgoing,
    overrides: Overrides,
    /// The size of the datagrams that the data is sent as; none if it is sent as one.
    segment: Option<usize>,
    readings: &'r Readings,
}

impl<'r> Destination<'r> {
    /// Where a send of a socket goes to: to this address, or to a fixed one; as its control information says.
    ///
    /// # Errors
    /// `STATUS_INVALID_DEVICE_STATE`: it is not bound. n/d. And what the readings say, and [`Overrides::read`].
    pub(crate) fn new(
        socket: &Socket,
        to: Option<SocketAddr>,
        control: &[u8],
        readings: &'r Readings,
    ) -> Result<Destination<'r>, NTSTATUS> {
        let options = socket.options();
        let settings = socket.datagram()?.settings();
        let endpoint = settings.endpoint.clone().ok_or(STATUS_INVALID_DEVICE_STATE)?;
        let address = to.map_or_else(|| fixed(&settings, readings), Ok)?;
        let to = canonical(address).ip();
        if to.is_unspecified() {
            return Err(match readings.of() {
                WildcardDestination::AddressComponent => STATUS_INVALID_ADDRESS_COMPONENT,
                WildcardDestination::InvalidParameter => STATUS_INVALID_PARAMETER,
            });
        }
        if address.port() == 0 {
            match readings.of() {
                PortZero::AddressComponent => return Err(STATUS_INVALID_ADDRESS_COMPONENT),
                PortZero::InvalidParameter => return Err(STATUS_INVALID_PARAMETER),
                PortZero::Sent => {}
            }
        }
        if address.is_ipv6() && to.is_ipv4() && options.values.v6_only() {
            return Err(match readings.of() {
                MappedDestination::Unreachable => STATUS_NETWORK_UNREACHABLE,
                MappedDestination::AddressComponent => STATUS_INVALID_ADDRESS_COMPONENT,
            });
        }
        let mut outgoing = options.values.outgoing(to);
        let mut overrides = Overrides::read(control, to, readings)?;
        overrides.apply(&mut outgoing);
        let segment = overrides.segment(options.values.number(&udp::UDP_SEND_MSG_SIZE));
        Ok(Destination { endpoint, address, outgoing, overrides, segment, readings })
    }

    /// Sends data, each as one datagram or in segments, up to the first that cannot be sent: how many were, and why the next
    /// was not: what the network says, and what the readings say.
    pub(crate) fn send(&self, data: &[&[u8]]) -> (usize, Result<(), NTSTATUS>) {
        let refused = data.iter().enumerate().find_map(|(at, bytes)| Some((at, self.check(bytes).err()?)));
        let (allowed, outcome) = refused.map_or((data.len(), Ok(())), |(at, status)| (at, Err(status)));
        // Each with the place of the data that it is a part of.
        let parts = data[..allowed].iter().enumerate().flat_map(|(at, bytes)| {
            // An empty datagram has no segments, and is one all the same.
            let size = self.segment.unwrap_or(usize::MAX).min(bytes.len().max(1));
            let parts = bytes.chunks(size).chain(bytes.is_empty().then_some(&bytes[..]));
            parts.map(move |part| (at, part))
        });
        let (places, parts): (Vec<usize>, Vec<&[u8]>) = parts.unzip();
        let (sent, failed) = self.send_parts(&parts);
        match places.get(sent) {
            Some(place) => (*place, failed),
            None => (allowed, outcome),
        }
    }

    /// Whether data may be sent so.
    fn check(&self, bytes: &[u8]) -> Result<(), NTSTATUS> {
        let largest = if canonical(self.address).is_ipv4() { LARGEST_V4 } else { LARGEST_V6 };
        // For data in segments as well. n/d
        if bytes.len() > largest {
            return Err(match self.readings.of() {
                DatagramTooLong::InvalidBufferSize => STATUS_INVALID_BUFFER_SIZE,
                DatagramTooLong::BufferOverflow => STATUS_BUFFER_OVERFLOW,
            });
        }
        if self.overrides.divides_nothing(bytes.len())
            && self.readings.of::<SegmentAlone>() == SegmentAlone::Refused
        {
            return Err(STATUS_INVALID_PARAMETER);
        }
        Ok(())
    }

    /// Sends datagrams, up to the first that cannot be sent: how many were, and why the next was not.
    fn send_parts(&self, parts: &[&[u8]]) -> (usize, Result<(), NTSTATUS>) {
        if parts.is_empty() || self.address.port() == 0 {
            return (parts.len(), Ok(()));
        }
        let mut overrides = self.overrides;
        if let Some(source) = overrides.source {
            match (self.endpoint.has(source), self.readings.of()) {
                (Ok(true), _) => {}
                (Err(status), _) => return (0, Err(status)),
                (Ok(false), ForeignSource::AddressComponent) => {
                    return (0, Err(STATUS_INVALID_ADDRESS_COMPONENT));
                }
                (Ok(false), ForeignSource::InvalidParameter) => return (0, Err(STATUS_INVALID_PARAMETER)),
                (Ok(false), ForeignSource::Ignored) => overrides.source = None,
            }
        }
        let mut sent = 0;
        // The network refuses packet information for its interface; what is ignored is left out.
        loop {
            let (more, outcome) =
                self.endpoint.send_all(&parts[sent..], self.address, &self.outgoing, &overrides);
            sent += more;
            match outcome {
                Err(STATUS_NETWORK_UNREACHABLE) if overrides.interface != 0 => match self.readings.of() {
                    ForeignInterface::Unreachable => return (sent, outcome),
                    ForeignInterface::AddressComponent => {
                        return (sent, Err(STATUS_INVALID_ADDRESS_COMPONENT));
                    }
                    ForeignInterface::Ignored => overrides.interface = 0,
                },
                _ => return (sent, outcome),
            }
        }
    }
}

/// The address that a socket has fixed for what it sends.
fn fixed(settings: &Settings, readings: &Readings) -> Result<SocketAddr, NTSTATUS> {
    let (send_to, remote) = (settings.send_to, settings.remote);
    let address = match readings.of() {
        TwoFixedAddresses::Destination => send_to.or(remote),
        TwoFixedAddresses::Remote => remote.or(send_to),
    };
    address.ok_or_else(|| match readings.of() {
        SendWithoutAddress::InvalidState => STATUS_INVALID_DEVICE_STATE,
        SendWithoutAddress::InvalidConnection => STATUS_INVALID_CONNECTION,
        SendWithoutAddress::InvalidParameter => STATUS_INVALID_PARAMETER,
    })
}
