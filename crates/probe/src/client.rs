//! A client of WSK: a registration, its sockets, and requests, each as its page has it.
#![expect(
    unsafe_code,
    reason = "calls of WSK, as C makes them: what a layer would refuse has to reach the provider"
)]

mod address;
mod call;
mod control;
mod event;
mod send_messages;
mod socket;

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::net::{Ipv6Addr, SocketAddr};
use core::ptr::{self, NonNull};

use nt::pool::{PoolBox, tag};
use nt::{Error, Passive, Result};
use wsk_sys::{
    ADDRESS_FAMILY, AF_INET, AF_INET6, IPPROTO_IPV6, IPPROTO_UDP, IPV6_V6ONLY, IRP, MAKE_WSK_VERSION,
    NTSTATUS, PVOID, PWSK_CLIENT, SOCK_DGRAM, ULONG, USHORT, WSK_CLIENT_DISPATCH, WSK_CLIENT_NPI,
    WSK_FLAG_DATAGRAM_SOCKET, WSK_NO_WAIT, WSK_PROVIDER_DISPATCH, WSK_PROVIDER_NPI, WSK_REGISTRATION,
    WSK_SOCKET, WskCaptureProviderNPI, WskDeregister, WskRegister, WskReleaseProviderNPI, WskSetOption,
};

pub(crate) use address::Address;
pub(crate) use call::{Call, Ended};
pub(crate) use event::Indicated;
pub(crate) use socket::{CONTROL, Received, Socket};

/// The tag of what is allocated here.
pub(crate) const TAG: ULONG = tag(b"WskP");

static DISPATCH: WSK_CLIENT_DISPATCH =
    WSK_CLIENT_DISPATCH { Version: MAKE_WSK_VERSION(1, 0), Reserved: 0, WskClientEvent: None };

/// Family, type, protocol and category of a datagram socket over IPv4.
const DATAGRAM: (ADDRESS_FAMILY, USHORT, ULONG, ULONG) =
    (AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET);

/// Context and table of a socket without events.
const NO_EVENTS: (PVOID, *const c_void) = (ptr::null_mut(), ptr::null());

/// A registration with WSK, and its provider.
#[derive(Debug)]
pub(crate) struct Client<'p> {
    passive: &'p Passive,
    registration: PoolBox<UnsafeCell<WSK_REGISTRATION>, TAG>,
    npi: WSK_PROVIDER_NPI,
}

impl<'p> Client<'p> {
    /// Registers, and captures the provider.
    ///
    /// # Errors
    /// Those of `WskRegister` and `WskCaptureProviderNPI`.
    pub(crate) fn register(passive: &'p Passive) -> Result<Client<'p>> {
        // SAFETY: zeros are a valid value of a structure of integers and pointers.
        let registration: WSK_REGISTRATION = unsafe { core::mem::zeroed() };
        let registration = PoolBox::new(UnsafeCell::new(registration))?;
        let mut client = WSK_CLIENT_NPI { ClientContext: ptr::null_mut(), Dispatch: &raw const DISPATCH };
        // SAFETY: the registration stays where it is until `drop`; WSK copies the NPI, whose table is static.
        nt::check(unsafe { WskRegister(&raw mut client, registration.get()) })?;
        let mut npi = WSK_PROVIDER_NPI { Client: ptr::null_mut(), Dispatch: ptr::null() };
        // SAFETY: a registration, and a local for the result.
        let captured =
            nt::check(unsafe { WskCaptureProviderNPI(registration.get(), WSK_NO_WAIT, &raw mut npi) });
        if let Err(error) = captured {
            // SAFETY: the registration of above, which nobody uses; the caller is at PASSIVE_LEVEL.
            unsafe { WskDeregister(registration.get()) };
            return Err(error);
        }
        Ok(Client { passive, registration, npi })
    }

    /// The proof that the thread may wait.
    pub(crate) fn passive(&self) -> &Passive {
        self.passive
    }

    /// Its provider's functions.
    pub(crate) fn dispatch(&self) -> &WSK_PROVIDER_DISPATCH {
        // SAFETY: the table is there while the provider is captured.
        unsafe { &*self.npi.Dispatch }
    }

    /// A datagram socket over IPv4, not bound.
    ///
    /// # Errors
    /// That of `WskSocket`.
    pub(crate) fn socket(&self) -> Result<Socket<'_>> {
        let (family, kind, protocol, flags) = DATAGRAM;
        self.socket_of(family, kind, protocol, flags)?.1
    }

    /// A datagram socket over IPv6, not bound.
    ///
    /// # Errors
    /// That of `WskSocket`.
    pub(crate) fn socket_v6(&self) -> Result<Socket<'_>> {
        self.socket_of(AF_INET6, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET)?.1
    }

    /// A datagram socket over IPv4, bound to the loopback address.
    ///
    /// # Errors
    /// Those of `WskSocket` and `WskBind`.
    pub(crate) fn bound_socket(&self) -> Result<Socket<'_>> {
        let socket = self.socket()?;
        nt::check(socket.bind(&mut Address::loopback())?.status())?;
        Ok(socket)
    }

    /// A dual-stack socket, bound to the wildcard address.
    ///
    /// # Errors
    /// Those of `WskSocket`, of the option and of `WskBind`.
    pub(crate) fn dual_stack_socket(&self) -> Result<Socket<'_>> {
        let socket = self.socket_v6()?;
        let off = &mut 0_u32.to_ne_bytes();
        nt::check(socket.control(WskSetOption, IPV6_V6ONLY, IPPROTO_IPV6, off, &mut [])?.status())?;
        nt::check(socket.bind(&mut Address::new(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))))?.status())?;
        Ok(socket)
    }

    /// `WskSocket`, without a context and events. How the request ended, and the socket or why there is none.
    ///
    /// One that is not a datagram socket can be closed, and bound if it is a listening one; nothing else.
    ///
    /// # Errors
    /// There is no memory for the request.
    pub(crate) fn socket_of(
        &self,
        family: ADDRESS_FAMILY,
        kind: USHORT,
        protocol: ULONG,
        flags: ULONG,
    ) -> Result<(Ended, Result<Socket<'_>>)> {
        self.made((family, kind, protocol, flags), NO_EVENTS)
    }

    /// The same with a context and a table of events.
    fn made(
        &self,
        kind: (ADDRESS_FAMILY, USHORT, ULONG, ULONG),
        events: (PVOID, *const c_void),
    ) -> Result<(Ended, Result<Socket<'_>>)> {
        let close = Call::new()?;
        let ended = self.request(|irp| self.create(self.npi.Client, kind, events, irp))?;
        let socket = nt::check(ended.status()).and_then(|()| {
            let socket = NonNull::new(ptr::with_exposed_provenance_mut(ended.information()));
            let socket: NonNull<WSK_SOCKET> = socket.ok_or(Error::INFO_LENGTH_MISMATCH)?;
            // SAFETY: the request has ended with a success, and given this socket.
            Ok(unsafe { Socket::new(self, socket.as_ptr(), close) })
        });
        Ok((ended, socket))
    }

    /// `WskSocket` for a datagram socket, without an IRP; what it returns.
    pub(crate) fn socket_without_irp(&self) -> NTSTATUS {
        self.create(self.npi.Client, DATAGRAM, NO_EVENTS, ptr::null_mut())
    }

    /// `WskSocket` for a datagram socket, with a null client.
    ///
    /// # Errors
    /// There is no memory for the request.
    pub(crate) fn socket_of_nobody(&self) -> Result<Ended> {
        self.request(|irp| self.create(ptr::null_mut(), DATAGRAM, NO_EVENTS, irp))
    }

    fn create(
        &self,
        client: PWSK_CLIENT,
        (family, kind, protocol, flags): (ADDRESS_FAMILY, USHORT, ULONG, ULONG),
        (context, table): (PVOID, *const c_void),
        irp: *mut IRP,
    ) -> NTSTATUS {
        let create = self.dispatch().WskSocket.expect("every provider has it");
        // SAFETY: the client's own NPI, or null, which is refused; a table that is static or null; the system's process, the default
        // security; an IRP that was not sent, or null, which is refused.
        unsafe {
            create(
                client,
                family,
                kind,
                protocol,
                flags,
                context,
                table,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                irp,
            )
        }
    }

    /// A request with an IRP of its own: sends it by `call`, and waits for its end.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(crate) fn request(&self, call: impl FnOnce(*mut IRP) -> NTSTATUS) -> Result<Ended> {
        Ok(Call::new()?.send(call).end(self.passive))
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        // SAFETY: the provider was captured once; the sockets, which borrow the client, are closed.
        unsafe { WskReleaseProviderNPI(self.registration.get()) };
        // SAFETY: registered once, released; the client is bound to a thread at PASSIVE_LEVEL.
        unsafe { WskDeregister(self.registration.get()) };
    }
}
