//! Datagrams on their way to a `WskReceiveFromEvent`: the calls, and the answers. Several datagrams come in one list.
#![expect(unsafe_code, reason = "calls the client")]

use core::net::SocketAddr;
use std::cell::Cell;
use std::fmt;
use std::ptr;
use std::sync::Arc;

use readings::{EventConcurrency, EventStatus, IndicatedCount};
use wsk_sys::{
    DISPATCH_LEVEL, KeGetCurrentIrql, KeLowerIrql, KfRaiseIrql, NTSTATUS, STATUS_DATA_NOT_ACCEPTED,
    STATUS_PENDING, STATUS_SUCCESS, WSK_DATAGRAM_INDICATION, WSK_FLAG_AT_DISPATCH_LEVEL,
};

use crate::call::receive::flags_of;
use crate::event::Mode;
use crate::event::indicated::{self, Indication};
use crate::net::inbox::Datagram;
use crate::platform::{self, Owner};
use crate::provider::Provider;
use crate::rules::{self, Broken, EVENT_IRQL, EVENT_STATUS, RELEASED_NOT_RETAINED, RETAINED_AT_CLOSE};
use crate::run::request::Target;
use crate::socket::Socket;
use crate::socket::datagram::{DatagramSocket, Traffic};

thread_local! {
    /// How many callbacks of sockets the thread is in.
    static IN_CALLBACK: Cell<usize> = const { Cell::new(0) };
}

/// What the callback of a socket is called in reports.
struct Routine<'a>(&'a Socket);

impl fmt::Display for Routine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WskReceiveFromEvent of socket #{}", self.0.number)
    }
}

/// A call of a callback.
struct Call {
    number: u64,
    socket: Arc<Socket>,
    body: Arc<DatagramSocket>,
    target: Target,
    owner: Owner,
    datagrams: Vec<Datagram>,
}

impl Call {
    /// Calls the client, at `DISPATCH_LEVEL`. Without a list, this says that the socket is dead.
    ///
    /// # Errors
    /// [`EVENT_IRQL`].
    ///
    /// # Safety
    /// The list is null, or its indications are this call's, and live until the client releases them or has returned.
    unsafe fn invoke(&self, list: *mut WSK_DATAGRAM_INDICATION) -> Result<NTSTATUS, Broken> {
        let Some(function) = self.body.callback.function else { return Ok(STATUS_SUCCESS) };
        let flags = self.datagrams.first().map_or(0, flags_of) | WSK_FLAG_AT_DISPATCH_LEVEL;
        // SAFETY: at most DISPATCH_LEVEL: the provider's thread, or a sender inside a WSK function.
        let irql = unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
        // SAFETY: reads the calling thread's level.
        let before = unsafe { KeGetCurrentIrql() };
        IN_CALLBACK.set(IN_CALLBACK.get() + 1);
        let context = self.body.callback.context;
        let routine = || {
            // SAFETY: the client's function, with the client's context; this function's contract.
            unsafe { function(context, flags, list) }
        };
        let what = Routine(&self.socket);
        let status = platform::on_behalf_of(self.owner, || platform::routine(&what, routine));
        IN_CALLBACK.set(IN_CALLBACK.get() - 1);
        // SAFETY: reads the calling thread's level.
        let after = unsafe { KeGetCurrentIrql() };
        if after != before {
            let detail = format!("{what} returned at IRQL {after}, called at {before}");
            return Err(Broken::new(&EVENT_IRQL, detail));
        }
        // SAFETY: back to the level before.
        unsafe { KeLowerIrql(irql) };
        Ok(status)
    }
}

impl Provider {
    /// Something has arrived at a socket.
    ///
    /// If it runs in the call, and the sender is a thread of this kernel: the callback is called on its stack, as it
    /// is on Windows when a processor serves the network. In a callback it is not, because then two sockets that
    /// answer each other would never come to an end.
    pub(crate) fn arrived(self: &Arc<Self>, socket: u64) {
        if IN_CALLBACK.get() == 0 && platform::is_own_thread(self) && self.engine.runs_in_call() {
            self.indicate(socket);
        }
        self.engine.schedule(move |provider| provider.deliver(socket));
    }

    /// Gives a socket's datagrams to the requests that wait for them, and what is left to its callback, on the
    /// provider's thread.
    pub(crate) fn deliver(self: &Arc<Self>, socket: u64) {
        self.complete_receives(socket);
        self.indicate(socket);
    }

    /// Gives a socket's datagrams to its callback, if that is on and no request waits for them.
    fn indicate(self: &Arc<Self>, socket: u64) {
        while let Some(call) = self.begin_indication(socket) {
            let made = indicated::list(&call.datagrams, &call.socket.options().values, &self.config.readings);
            let Some(list) = made else {
                // As a network adapter does when memory is short. n/d
                call.body.inbox.count_dropped(&call.datagrams);
                self.end_call(call, None);
                continue;
            };
            let first = list.first().map_or(ptr::null_mut(), Indication::pointer);
            if let Some(traffic) = self.lock().traffic(socket) {
                traffic.events.indications.indicate(call.number, list);
            }
            // SAFETY: the socket is not released while a call is counted, and its table keeps them until then.
            let status = rules::require(unsafe { call.invoke(first) });
            self.end_call(call, Some(status));
        }
    }

    /// Tells a dead socket's callback so, if it is on.
    pub(crate) fn tell_dead(self: &Arc<Self>, socket: u64) {
        let Some(call) = self.begin_call(socket, |_, _, _| Some(Vec::new())) else { return };
        // SAFETY: no list. The answer does not matter. n/d
        rules::require(unsafe { call.invoke(ptr::null_mut()) });
        self.end_call(call, None);
    }

    /// Begins a call that brings the first datagrams; none if there is none.
    fn begin_indication(&self, number: u64) -> Option<Call> {
        let serial = self.reading::<EventConcurrency>() == EventConcurrency::Serial;
        let longest = match self.reading() {
            IndicatedCount::Eight => 8,
            IndicatedCount::One => 1,
            IndicatedCount::Many => 64,
        };
        self.begin_call(number, |socket, body, busy| {
            if serial && !busy.is_empty() {
                return None;
            }
            let remote = body.remote();
            let mut datagrams: Vec<Datagram> = Vec::new();
            while datagrams.len() < longest && !socket.is_dead() {
                // The flags of the call are those of all that it brings.
                let flags = datagrams.first().map(flags_of);
                let wanted = |next: &Datagram| {
                    flags.is_none_or(|flags| flags == flags_of(next)) && !busy.contains(&next.from)
                };
                let Some(next) = body.inbox.pop_if(remote, wanted) else { break };
                datagrams.push(next);
            }
            (!datagrams.is_empty()).then_some(datagrams)
        })
    }

    /// Begins a call of a socket's callback, if that is on. `take` is told whose datagrams other calls have.
    fn begin_call(
        &self,
        number: u64,
        take: impl FnOnce(&Socket, &DatagramSocket, &[SocketAddr]) -> Option<Vec<Datagram>>,
    ) -> Option<Call> {
        let mut state = self.lock();
        let call = state.number();
        let entry = state.sockets.get_mut(&number).filter(|entry| !entry.closing)?;
        let traffic = entry.traffic.as_mut()?;
        if traffic.events.mode == Mode::Off || !traffic.receives.is_empty() {
            return None;
        }
        let socket = Arc::clone(&entry.socket);
        let body = Arc::clone(socket.datagram().ok()?);
        let datagrams = take(&socket, &body, &traffic.events.senders)?;
        traffic.events.running += 1;
        traffic.events.senders.extend(datagrams.iter().map(|datagram| datagram.from));
        let owner = state.registrations.get(&socket.client).map_or(Owner::SYSTEM, |client| client.owner);
        let target = Target { client: socket.client, socket: Some(number) };
        // A close waits for it, as it does for requests.
        state.count(target, 1);
        Some(Call { number: call, socket, body, target, owner, datagrams })
    }

    /// Ends a call, which answered to a list with a status, if there was one.
    fn end_call(self: &Arc<Self>, mut call: Call, answer: Option<NTSTATUS>) {
        let (number, target) = (call.socket.number, call.target);
        let senders: Vec<_> = call.datagrams.iter().map(|datagram| datagram.from).collect();
        let datagrams = std::mem::take(&mut call.datagrams);
        if let Some(status) = answer {
            rules::require(self.settle(&call, datagrams, status));
        }
        let mut state = self.lock();
        if let Some(traffic) = state.traffic(number) {
            traffic.events.running -= 1;
            traffic.events.senders.retain(|sender| !senders.contains(sender));
        }
        drop(state);
        self.complete_disables(number);
        self.finished(self.lock(), target);
    }

    /// Does what the callback's answer asks for.
    fn settle(&self, call: &Call, datagrams: Vec<Datagram>, status: NTSTATUS) -> Result<(), Broken> {
        let name = Routine(&call.socket);
        let (call, inbox) = (call.number, &call.body.inbox);
        let mut state = self.lock();
        let Some(entry) = state.sockets.get_mut(&name.0.number) else { return Ok(()) };
        let Some(Traffic { events, .. }) = &mut entry.traffic else { return Ok(()) };
        let left = events.indications.left(call);
        match status {
            // No client can tell when its return takes effect, so a release before it is one after it. n/d
            STATUS_PENDING if left == 0 => {
                events.has_retained = true;
                return Ok(());
            }
            STATUS_PENDING if entry.closing => {
                let detail = format!("{name} kept {left} datagrams when the socket was being closed");
                return Err(Broken::new(&RETAINED_AT_CLOSE, detail));
            }
            STATUS_PENDING => {
                events.has_retained = true;
                events.indications.retain(call);
                return Ok(());
            }
            _ if left < datagrams.len() => {
                let detail =
                    format!("{name} returned {status:#010x} for a list that was given to WskRelease");
                return Err(Broken::new(&RELEASED_NOT_RETAINED, detail));
            }
            STATUS_SUCCESS => {}
            STATUS_DATA_NOT_ACCEPTED if events.mode == Mode::Static => {
                inbox.count_dropped(&datagrams);
            }
            STATUS_DATA_NOT_ACCEPTED => {
                events.mode = Mode::Off;
                inbox.put_back(datagrams);
            }
            other if platform::strict() && self.reading::<EventStatus>() == EventStatus::BugCheck => {
                return Err(Broken::new(&EVENT_STATUS, format!("{name} returned {other:#010x}")));
            }
            // What drivers that return others rely on.
            _ => {}
        }
        let list = events.indications.take_back(call);
        drop(state);
        drop(list);
        Ok(())
    }
}
