//! `WskReceiveFromEvent`: sockets that have one, and what turns it on and off.
#![expect(unsafe_code, reason = "a function that WSK calls, and what it reads")]

use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use core::time::Duration;

use nt::{Event, PoolBox, Result};
use wsk_sys::{
    GUID, NTSTATUS, PVOID, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, STATUS_SUCCESS, ULONG,
    WSK_CLIENT_DATAGRAM_DISPATCH, WSK_DATAGRAM_INDICATION, WSK_EVENT_CALLBACK_CONTROL, WskSetOption,
};

use super::call::{LIMIT, NOTICE};
use super::{Client, DATAGRAM, Ended, Socket, TAG};

static EVENTS: WSK_CLIENT_DATAGRAM_DISPATCH =
    WSK_CLIENT_DATAGRAM_DISPATCH { WskReceiveFromEvent: Some(receive_from) };

/// What the event of a socket brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Indicated {
    /// How many MDLs the first datagram has.
    pub(crate) mdls: u32,
    /// The offset of its data in the first of them.
    pub(crate) offset: u32,
    /// How many bytes it has.
    pub(crate) length: usize,
}

/// What the event of a socket has brought; the context of the socket.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Set when a datagram has come.
    arrived: Event<TAG>,
    mdls: AtomicU32,
    offset: AtomicU32,
    length: AtomicUsize,
    /// What the event returns.
    answer: NTSTATUS,
}

impl Client<'_> {
    /// A datagram socket over IPv4 with an event, which is off and returns this answer; not bound.
    ///
    /// # Errors
    /// That of `WskSocket`.
    pub(crate) fn event_socket(&self, answer: NTSTATUS) -> Result<Socket<'_>> {
        let (mdls, offset, length) = (AtomicU32::new(0), AtomicU32::new(0), AtomicUsize::new(0));
        let arrived = Event::notification()?;
        let seen = PoolBox::<_, TAG>::new(Seen { arrived, mdls, offset, length, answer })?;
        let context = ptr::from_ref::<Seen>(&seen).cast_mut().cast();
        let mut socket = self.made(DATAGRAM, (context, (&raw const EVENTS).cast()))?.1?;
        socket.seen = Some(seen);
        Ok(socket)
    }
}

impl Socket<'_> {
    /// `SO_WSK_EVENT_CALLBACK` without an IRP, for these events of an NPI. What it returned.
    pub(crate) fn switch(&self, npi: &GUID, mask: ULONG) -> NTSTATUS {
        self.switch_with(npi, mask, size_of::<WSK_EVENT_CALLBACK_CONTROL>())
    }

    /// The same with the first bytes of the structure only.
    pub(crate) fn switch_with(&self, npi: &GUID, mask: ULONG, size: usize) -> NTSTATUS {
        let mut control = WSK_EVENT_CALLBACK_CONTROL { NpiId: npi, EventMask: mask };
        let input = (size.min(size_of_val(&control)), (&raw mut control).cast());
        let (what, none) = ((WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET), (0, ptr::null_mut()));
        // SAFETY: the structure of this option, which is there during the call, in which a request without an IRP ends.
        unsafe { self.control_raw(what, input, none, ptr::null_mut(), ptr::null_mut()) }
    }

    /// The same with an IRP.
    ///
    /// # Errors
    /// There is no memory for the request.
    pub(crate) fn switch_with_irp(&self, npi: &GUID, mask: ULONG) -> Result<Ended> {
        let mut control = WSK_EVENT_CALLBACK_CONTROL { NpiId: npi, EventMask: mask };
        let input = (size_of_val(&control), (&raw mut control).cast());
        let (what, none) = ((WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET), (0, ptr::null_mut()));
        // SAFETY: the structure of this option, which is there until the request has ended; the IRP of this request.
        self.client.request(|irp| unsafe { self.control_raw(what, input, none, ptr::null_mut(), irp) })
    }

    /// What comes to its event; none if nothing does.
    pub(crate) fn indicated(&self) -> Option<Indicated> {
        self.indicated_within(LIMIT)
    }

    /// The same, if it comes at once.
    pub(crate) fn indicated_soon(&self) -> Option<Indicated> {
        self.indicated_within(NOTICE)
    }

    fn indicated_within(&self, limit: Duration) -> Option<Indicated> {
        let seen = self.seen.as_ref()?;
        seen.arrived.wait(self.client.passive.within(limit)).ok()?;
        Some(Indicated {
            mdls: seen.mdls.load(Ordering::Acquire),
            offset: seen.offset.load(Ordering::Acquire),
            length: seen.length.load(Ordering::Acquire),
        })
    }
}

/// `WskReceiveFromEvent`: looks at the first datagram, and keeps none.
///
/// # Safety
/// The context is that of a socket with an event, and the list is WSK's for this call.
unsafe extern "system" fn receive_from(
    context: PVOID,
    _flags: ULONG,
    list: *mut WSK_DATAGRAM_INDICATION,
) -> NTSTATUS {
    // SAFETY: the context, which is there until the socket is closed.
    let seen = unsafe { &*context.cast::<Seen>() };
    // SAFETY: null, or the first of the list.
    let Some(first) = (unsafe { list.as_ref() }) else { return STATUS_SUCCESS };
    let (mut mdls, mut mdl) = (0, first.Buffer.Mdl);
    // SAFETY: null, or an MDL of the datagram's chain.
    while let Some(one) = unsafe { mdl.as_ref() } {
        mdls += 1;
        mdl = one.Next;
    }
    seen.mdls.store(mdls, Ordering::Release);
    seen.offset.store(first.Buffer.Offset, Ordering::Release);
    seen.length.store(first.Buffer.Length, Ordering::Release);
    seen.arrived.set();
    seen.answer
}
