//! The transports: `WSK_TRANSPORT_LIST_QUERY`, and `WSK_TDI_BEHAVIOR`.
#![expect(unsafe_code, reason = "reads and writes the client's buffers")]

use readings::{ListWithoutSize, TransportList};
use wsk_sys::{
    ADDRESS_FAMILY, AF_INET, AF_INET6, AF_UNSPEC, GUID, IPPROTO_UDP, NTSTATUS, PVOID, SIZE_T, SOCK_DGRAM,
    SOCK_STREAM, STATUS_BUFFER_OVERFLOW, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG, USHORT, WSK_TDI_BEHAVIOR_BYPASS_TDI, WSK_TRANSPORT,
};

use crate::net::address::Family;
use crate::platform;
use crate::provider::{Provider, State};

const IPPROTO_TCP: ULONG = 6;

/// The identifier of the provider of all transports, which is this one's own. n/d: that of Windows
const PROVIDER_ID: GUID =
    GUID { Data1: 0x6E65_7469, Data2: 0x6F68, Data3: 0x6F73, Data4: [0x74, 0x65, 0x64, 0, 0, 0, 0, 1] };

/// UDP and TCP over both families, as on Windows; sockets can be made for UDP only.
pub(crate) fn initial(version: USHORT, list: TransportList) -> Vec<WSK_TRANSPORT> {
    let families: &[ADDRESS_FAMILY] = match list {
        TransportList::UdpAndTcp => &[AF_INET, AF_INET6],
        TransportList::Unspecified => &[AF_INET, AF_INET6, AF_UNSPEC],
    };
    let mut all = Vec::new();
    for &family in families {
        for (socket_type, protocol) in [(SOCK_DGRAM, IPPROTO_UDP), (SOCK_STREAM, IPPROTO_TCP)] {
            all.push(WSK_TRANSPORT {
                Version: version,
                SocketType: socket_type,
                Protocol: protocol,
                AddressFamily: family,
                ProviderId: PROVIDER_ID,
            });
        }
    }
    all
}

impl State {
    /// Whether a datagram socket of the family has a transport.
    pub(crate) fn has_transport(&self, family: Family) -> bool {
        let number = match family {
            Family::V4 => AF_INET,
            Family::V6 => AF_INET6,
        };
        self.transports.iter().any(|it| {
            (it.SocketType, it.Protocol) == (SOCK_DGRAM, IPPROTO_UDP)
                && [AF_UNSPEC, number].contains(&it.AddressFamily)
        })
    }
}

/// `WSK_TRANSPORT_LIST_QUERY`, without an IRP. n/d: the statuses for wrong parameters
///
/// # Safety
/// Output and `returned` are the client's, in this call, or null.
pub(crate) unsafe fn query(
    provider: &Provider,
    (capacity, output): (SIZE_T, PVOID),
    returned: *mut SIZE_T,
) -> NTSTATUS {
    let without = returned.is_null() && provider.follows(ListWithoutSize::InvalidParameter);
    if without || (capacity == 0) != output.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    if platform::fault("WskControlClient") {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let transports = provider.lock().transports.clone();
    let size = size_of_val(&transports[..]);
    if !returned.is_null() {
        // SAFETY: the client's variable.
        unsafe { returned.write_unaligned(size) };
    }
    if capacity < size {
        return STATUS_BUFFER_OVERFLOW;
    }
    for (at, transport) in transports.into_iter().enumerate() {
        let place = output.cast::<WSK_TRANSPORT>().wrapping_add(at);
        // SAFETY: within the client's buffer, which is large enough for all of them.
        unsafe { place.write_unaligned(transport) };
    }
    STATUS_SUCCESS
}

/// `WSK_TDI_BEHAVIOR`, without an IRP. There is no TDI here, so it changes nothing. n/d: all statuses
///
/// # Safety
/// The input is the client's, in this call, or null.
pub(crate) unsafe fn tdi_behavior(
    provider: &Provider,
    client: u64,
    (size, input): (SIZE_T, PVOID),
    has_output: bool,
) -> NTSTATUS {
    if size != size_of::<ULONG>() || input.is_null() || has_output {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the client's variable, of this size.
    let flags = unsafe { input.cast::<ULONG>().read_unaligned() };
    if flags & !WSK_TDI_BEHAVIOR_BYPASS_TDI != 0 {
        return STATUS_INVALID_PARAMETER;
    }
    match provider.lock().registrations.get(&client) {
        // Before any socket is made.
        Some(registration) if !registration.has_made_sockets => STATUS_SUCCESS,
        _ => STATUS_INVALID_DEVICE_STATE,
    }
}
