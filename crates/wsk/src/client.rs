//! Requests of the client as a whole: `WskControlClient`, and the transports that there are.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::ffi::c_void;
use core::fmt;
use core::mem::offset_of;
use core::ptr;

use wsk_sys::{
    GUID, NPI_WSK_INTERFACE_ID, NTSTATUS, SIZE_T, ULONG, WSK_EVENT_CALLBACK_CONTROL, WSK_EVENT_RECEIVE_FROM,
    WSK_SET_STATIC_EVENT_CALLBACKS, WSK_TDI_BEHAVIOR, WSK_TDI_BEHAVIOR_BYPASS_TDI, WSK_TRANSPORT,
    WSK_TRANSPORT_LIST_QUERY,
};

use crate::addr::Family;
use crate::buffer::Buffer;
use crate::error::{Error, Result, check};
use crate::op::{Destination, FromCompletion, IntoCall, Op, Pending, blocking};
use crate::provider::{Captured, Provider};
use crate::registration::Version;
use crate::request::transport_change::TransportListChange;
use crate::time::IntoLimit;

/// A request without an IRP: it is over when the call returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) code: ULONG,
    /// How many bytes at `input`; zero is a null pointer.
    pub(crate) input_size: usize,
    pub(crate) input: *const c_void,
    /// How much room at `output`; zero is a null pointer.
    pub(crate) output_size: usize,
    pub(crate) output: *mut c_void,
}

impl Captured {
    /// `WskControlClient` without an IRP: the status, and with `sized` what `OutputSizeReturned` got.
    ///
    /// # Safety
    /// The buffers are what WSK's page of the request says, and valid during the call; so is what they point to.
    pub(crate) unsafe fn control(&self, request: &Request, sized: bool) -> Result<(NTSTATUS, SIZE_T)> {
        let npi = self.npi();
        // SAFETY: by the type's invariant the provider is captured, so its dispatch table is valid. Only this field is
        // read: the table is shorter in older versions of Windows.
        let control = unsafe { (*npi.Dispatch).WskControlClient }.ok_or(Error::NOT_SUPPORTED)?;
        let &Request { code, input_size, input, output_size, output } = request;
        let input = if input_size == 0 { ptr::null_mut() } else { input.cast_mut() };
        let output = if output_size == 0 { ptr::null_mut() } else { output };
        let mut returned = 0;
        let size = if sized { &raw mut returned } else { ptr::null_mut() };
        // SAFETY: the client is the captured provider's; the buffers are this function's contract; the size goes to this
        // frame. Without an IRP the request is over, and the buffers are free, when the call returns.
        let status = unsafe {
            control(npi.Client, code, input_size, input, output_size, output, size, ptr::null_mut())
        };
        Ok((status, returned))
    }

    /// `WSK_SET_STATIC_EVENT_CALLBACKS`, for the event of datagram sockets.
    pub(crate) fn set_static_events(&self) -> Result {
        let events = WSK_EVENT_CALLBACK_CONTROL {
            NpiId: &raw const NPI_WSK_INTERFACE_ID,
            EventMask: WSK_EVENT_RECEIVE_FROM,
        };
        let request = Request {
            code: WSK_SET_STATIC_EVENT_CALLBACKS,
            input_size: size_of_val(&events),
            input: (&raw const events).cast(),
            output_size: 0,
            output: ptr::null_mut(),
        };
        // SAFETY: the input is the structure of this request, and the identifier that it points to is constant.
        check(unsafe { self.control(&request, false) }?.0)
    }
}

/// A transport that sockets can be made for: `WSK_TRANSPORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// The version of WSK that it has.
    pub version: Version,
    /// The type of its sockets: `SOCK_DGRAM` for datagrams.
    pub socket_type: u16,
    /// The number of its protocol: `IPPROTO_UDP` for the datagrams of this crate's sockets.
    pub protocol: u32,
    /// Its address family: `AF_INET`, `AF_INET6`, or `AF_UNSPEC`, zero, for both.
    pub family: u16,
    /// Which provider it belongs to.
    pub provider_id: GUID,
}

impl Transport {
    /// Whether [`Provider::datagram`] makes sockets of a family for it.
    #[must_use]
    pub fn has_datagrams(&self, family: Family) -> bool {
        (self.socket_type, self.protocol) == (wsk_sys::SOCK_DGRAM, wsk_sys::IPPROTO_UDP)
            && (self.family == 0 || self.family == family.number())
    }
}

/// The list of transports, as WSK gave it.
#[derive(Debug)]
pub struct Transports {
    bytes: Buffer,
}

/// Room for the list is asked for so often: it can grow between two calls.
const TRIES: usize = 8;

impl Transports {
    /// The transports.
    pub fn iter(&self) -> impl Iterator<Item = Transport> {
        self.bytes.chunks_exact(size_of::<WSK_TRANSPORT>()).filter_map(|entry| {
            let version = u16::from_ne_bytes(field(entry, offset_of!(WSK_TRANSPORT, Version))?);
            let id = offset_of!(WSK_TRANSPORT, ProviderId);
            let provider_id = GUID {
                Data1: u32::from_ne_bytes(field(entry, id)?),
                Data2: u16::from_ne_bytes(field(entry, id + 4)?),
                Data3: u16::from_ne_bytes(field(entry, id + 6)?),
                Data4: field(entry, id + 8)?,
            };
            Some(Transport {
                version: Version::from_raw(version),
                socket_type: u16::from_ne_bytes(field(entry, offset_of!(WSK_TRANSPORT, SocketType))?),
                protocol: u32::from_ne_bytes(field(entry, offset_of!(WSK_TRANSPORT, Protocol))?),
                family: u16::from_ne_bytes(field(entry, offset_of!(WSK_TRANSPORT, AddressFamily))?),
                provider_id,
            })
        })
    }

    /// The list as it is in memory: `WSK_TRANSPORT`s.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn field<const N: usize>(entry: &[u8], at: usize) -> Option<[u8; N]> {
    entry.get(at..)?.first_chunk().copied()
}

impl Provider<'_> {
    /// The transports that sockets can be made for (`WSK_TRANSPORT_LIST_QUERY`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// What WSK gave; [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
    /// [`BUFFER_OVERFLOW`](Error::BUFFER_OVERFLOW): the list kept growing.
    #[doc(alias = "WSK_TRANSPORT_LIST_QUERY")]
    pub fn transports(&self) -> Result<Transports> {
        let mut room = 8 * size_of::<WSK_TRANSPORT>();
        for _ in 0..TRIES {
            let mut bytes = Buffer::new(room)?;
            let request = Request {
                code: WSK_TRANSPORT_LIST_QUERY,
                input_size: 0,
                input: ptr::null(),
                output_size: bytes.len(),
                output: bytes.as_mut_ptr().cast(),
            };
            // SAFETY: the output is room for the list, non-paged and aligned for it.
            let (status, size) = unsafe { self.captured().control(&request, true) }?;
            match check(status) {
                Ok(()) => {
                    bytes.set_len(size);
                    return Ok(Transports { bytes });
                }
                Err(Error::BUFFER_OVERFLOW) if size > room => room = size,
                Err(error) => return Err(error),
            }
        }
        Err(Error::BUFFER_OVERFLOW)
    }

    /// Waits until a transport comes or goes; see [`TransportListChange`].
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// What WSK gave; [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
    /// [`IO_TIMEOUT`](Error::IO_TIMEOUT) when the time limit passed.
    pub fn wait_for_transports<'p>(&self, wait: impl IntoCall<'p>) -> Result {
        blocking::call(self.captured(), TransportListChange, &mut (), wait.into_call())
    }

    /// Submits an operation that waits until a transport comes or goes; see [`TransportListChange`].
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn submit_transport_change<B: Send + 'static>(
        &self,
        op: Op<B>,
        limit: impl IntoLimit,
    ) -> Pending<B, ()> {
        op.submit(self.captured(), TransportListChange, limit.into_limit())
    }

    /// As [`Provider::submit_transport_change`]; the result goes to `to`.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn submit_transport_change_to<'q, B, T, D>(
        &self,
        to: &D,
        op: Op<B>,
        limit: impl IntoLimit,
    ) -> D::Submitted
    where
        B: Send + 'static,
        T: FromCompletion<TransportListChange>,
        D: Destination<'q, B, TransportListChange, T>,
    {
        op.submit_to(to, self.captured(), TransportListChange, limit.into_limit())
    }

    /// Has WSK go past TDI filter drivers (`WSK_TDI_BEHAVIOR` with `WSK_TDI_BEHAVIOR_BYPASS_TDI`), for all sockets of the
    /// client; to be called before the first of them is made.
    ///
    /// TDI is deprecated, and so is this request. Drivers make it because no control information, such as `IP_PKTINFO`,
    /// comes through TDI where a driver that filters it is installed. They go on if it fails: ignore the result, unless it
    /// is to be logged.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// What WSK gave.
    #[doc(alias = "WSK_TDI_BEHAVIOR")]
    pub fn bypass_tdi(&self) -> Result {
        let flags: ULONG = WSK_TDI_BEHAVIOR_BYPASS_TDI;
        let request = Request {
            code: WSK_TDI_BEHAVIOR,
            input_size: size_of_val(&flags),
            input: (&raw const flags).cast(),
            output_size: 0,
            output: ptr::null_mut(),
        };
        // SAFETY: the input is the ULONG of this request.
        check(unsafe { self.captured().control(&request, false) }?.0)
    }
}

/// One line.
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Transport { version, socket_type, protocol, family, .. } = self;
        write!(f, "family {family}, type {socket_type}, protocol {protocol}, WSK {version}")
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;
    use std::string::ToString;

    use wsk_sys::{IPPROTO_UDP, SOCK_DGRAM, SOCK_STREAM};

    use super::*;

    const UDP: Transport = Transport {
        version: Version::V1_0,
        socket_type: SOCK_DGRAM,
        protocol: IPPROTO_UDP,
        family: 0,
        provider_id: GUID { Data1: 0, Data2: 0, Data3: 0, Data4: [0; 8] },
    };

    #[test]
    fn datagrams_are_those_of_udp_in_the_family() {
        let has =
            |transport: Transport| [Family::V4, Family::V6].map(|family| transport.has_datagrams(family));
        assert_eq!(has(UDP), [true, true], "AF_UNSPEC");
        assert_eq!(has(Transport { family: Family::V4.number(), ..UDP }), [true, false]);
        assert_eq!(has(Transport { family: Family::V6.number(), ..UDP }), [false, true]);
        assert_eq!(has(Transport { socket_type: SOCK_STREAM, ..UDP }), [false, false]);
        assert_eq!(has(Transport { protocol: 255, ..UDP }), [false, false]);
    }

    #[test]
    fn a_transport_is_shown_in_a_line() {
        assert_eq!(UDP.to_string(), "family 0, type 2, protocol 17, WSK 1.0");
    }
}
