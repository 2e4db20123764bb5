//! Datagrams on their way to a `WskReceiveFromEvent`: the lists, the calls, the answers; and `WskRelease`.
//!
//! The lists are made so that a client that reads them carelessly is found out: data comes in two MDLs, from an
//! offset in the first; an empty datagram has none; several datagrams come in one list.
#![expect(unsafe_code, reason = "builds what the client reads, and calls the client")]

use core::net::SocketAddr;
use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use hosted_rule::Rule;
use wsk_sys::{
    CMSGHDR, DISPATCH_LEVEL, ExAllocatePool2, ExFreePoolWithTag, FALSE, IoAllocateMdl, IoFreeMdl,
    KeGetCurrentIrql, KeLowerIrql, KfRaiseIrql, MDL, MmBuildMdlForNonPagedPool, NTSTATUS,
    POOL_FLAG_NON_PAGED, PWSK_SOCKET, SOCKADDR, STATUS_DATA_NOT_ACCEPTED, STATUS_INVALID_PARAMETER,
    STATUS_PENDING, STATUS_SUCCESS, ULONG, WSK_BUF, WSK_DATAGRAM_INDICATION, WSK_FLAG_AT_DISPATCH_LEVEL,
};

use crate::address;
use crate::check;
use crate::completion::Target;
use crate::control_info;
use crate::event::{Held, Mode};
use crate::inbox::Datagram;
use crate::option::Values;
use crate::platform::{self, Owner};
use crate::provider::Provider;
use crate::receive::flags_of;
use crate::rules::{EVENT_IRQL, EVENT_STATUS, RELEASE_TWICE, RELEASED_NOT_RETAINED, RETAINED_AT_CLOSE};
use crate::socket::{Socket, SocketCall};

/// The pool tag of lists.
const TAG: ULONG = u32::from_le_bytes(*b"WskI");
/// How many datagrams a list has at most.
const LONGEST_LIST: usize = 8;
/// Where the data begins in its first MDL.
const OFFSET: usize = 3;

thread_local! {
    /// How many callbacks of sockets the thread is in.
    static IN_CALLBACK: Cell<usize> = const { Cell::new(0) };
}

/// A block of pool, and perhaps the MDL that describes it.
#[derive(Debug)]
struct Block {
    memory: *mut u8,
    mdl: *mut MDL,
}

impl Block {
    fn new(size: usize) -> Option<Block> {
        // SAFETY: a valid size, one pool, and a tag.
        let memory = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG) };
        (!memory.is_null()).then(|| Block { memory: memory.cast(), mdl: ptr::null_mut() })
    }

    /// A block with `offset` bytes of anything, then these.
    fn with(offset: usize, bytes: &[u8]) -> Option<Block> {
        let mut block = Block::new(offset + bytes.len())?;
        let length = ULONG::try_from(offset + bytes.len()).ok()?;
        // SAFETY: the block was allocated with this size.
        let data = unsafe { block.memory.add(offset) };
        // SAFETY: as above; the bytes are elsewhere.
        unsafe { data.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        // SAFETY: the range is the block; no IRP is given.
        block.mdl = unsafe { IoAllocateMdl(block.memory.cast(), length, FALSE, FALSE, ptr::null_mut()) };
        if block.mdl.is_null() {
            return None;
        }
        // SAFETY: the MDL describes non-paged pool.
        unsafe { MmBuildMdlForNonPagedPool(block.mdl) };
        Some(block)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if !self.mdl.is_null() {
            // SAFETY: from IoAllocateMdl, and freed nowhere else.
            unsafe { IoFreeMdl(self.mdl) };
        }
        // SAFETY: from ExAllocatePool2 with this tag, and freed nowhere else.
        unsafe { ExFreePoolWithTag(self.memory.cast(), TAG) };
    }
}

/// What a node of a list occupies.
#[repr(C, align(8))]
struct Node {
    indication: WSK_DATAGRAM_INDICATION,
    address: [u64; 4],
}

/// A list of indications, with everything that it points to.
#[derive(Debug)]
pub(crate) struct List {
    blocks: Vec<Block>,
    first: *mut WSK_DATAGRAM_INDICATION,
}

// SAFETY: pool belongs to no thread, and what is in the blocks is the client's to read until the list is dropped.
unsafe impl Send for List {}

impl List {
    /// A list of these datagrams, with the control information that these options ask for; none if memory is short.
    fn new(datagrams: &[Datagram], values: &Values) -> Option<List> {
        platform::on_behalf_of(Owner::SYSTEM, || {
            let mut list = List { blocks: Vec::new(), first: ptr::null_mut() };
            // From the last to the first, so that each knows the next.
            for datagram in datagrams.iter().rev() {
                list.push(datagram, values)?;
            }
            Some(list)
        })
    }

    fn push(&mut self, datagram: &Datagram, values: &Values) -> Option<()> {
        let place = Block::new(size_of::<Node>())?;
        let node: *mut Node = place.memory.cast();
        self.blocks.push(place);
        // SAFETY: the block was allocated for a node; only the field's address is taken.
        let remote: *mut SOCKADDR = unsafe { &raw mut (*node).address }.cast();
        // SAFETY: thirty-two bytes, enough for an address of either family.
        unsafe { address::write(remote, datagram.from) };
        let (control, control_length) = self.control(control_info::of(datagram, values).as_bytes())?;
        let indication = WSK_DATAGRAM_INDICATION {
            Next: self.first,
            Buffer: self.buffer(&datagram.bytes)?,
            ControlInfo: control,
            ControlInfoLength: control_length,
            RemoteAddress: remote,
        };
        // SAFETY: as above; only the field's address is taken.
        let first = unsafe { &raw mut (*node).indication };
        // SAFETY: a fresh block, of pool, which is aligned to 16 bytes.
        unsafe { first.write(indication) };
        self.first = first;
        Some(())
    }

    /// The control information, in a block of its own.
    fn control(&mut self, bytes: &[u8]) -> Option<(*mut CMSGHDR, ULONG)> {
        if bytes.is_empty() {
            return Some((ptr::null_mut(), 0));
        }
        let block = Block::new(bytes.len())?;
        // SAFETY: the block was allocated with this size.
        unsafe { block.memory.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        #[expect(clippy::cast_ptr_alignment, reason = "a block of pool is aligned to 16 bytes")]
        let control = block.memory.cast::<CMSGHDR>();
        self.blocks.push(block);
        Some((control, ULONG::try_from(bytes.len()).ok()?))
    }

    /// The data as a client must expect it: in pieces, and not from the beginning.
    fn buffer(&mut self, bytes: &[u8]) -> Option<WSK_BUF> {
        if bytes.is_empty() {
            return Some(WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 0 });
        }
        let (front, back) = bytes.split_at(bytes.len().div_ceil(2));
        let first = Block::with(OFFSET, front)?;
        let mdl = first.mdl;
        self.blocks.push(first);
        if !back.is_empty() {
            let second = Block::with(0, back)?;
            // SAFETY: the MDL was built above, and nobody has seen it yet.
            unsafe { (*mdl).Next = second.mdl };
            self.blocks.push(second);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
        Some(WSK_BUF { Mdl: mdl, Offset: OFFSET as ULONG, Length: bytes.len() })
    }

    fn address(&self) -> usize {
        self.first.addr()
    }
}

/// A call of a callback.
struct Turn {
    socket: Arc<Socket>,
    target: Target,
    owner: Owner,
    datagrams: Vec<Datagram>,
}

impl Turn {
    /// Calls the client, at `DISPATCH_LEVEL`. A null list says that the socket is dead.
    fn call(&self, list: *mut WSK_DATAGRAM_INDICATION) -> NTSTATUS {
        let Some(function) = self.socket.callback.function else { return STATUS_SUCCESS };
        let flags = self.datagrams.first().map_or(0, flags_of) | WSK_FLAG_AT_DISPATCH_LEVEL;
        // SAFETY: at most DISPATCH_LEVEL: the provider's thread, or a sender inside a WSK function.
        let irql = unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
        // SAFETY: reads the calling thread's level.
        let before = unsafe { KeGetCurrentIrql() };
        IN_CALLBACK.set(IN_CALLBACK.get() + 1);
        let context = self.socket.callback.context;
        let status = platform::on_behalf_of(self.owner, || {
            // SAFETY: the client's function, with the client's context; the list lives until it has returned.
            unsafe { function(context, flags, list) }
        });
        IN_CALLBACK.set(IN_CALLBACK.get() - 1);
        // SAFETY: reads the calling thread's level.
        let after = unsafe { KeGetCurrentIrql() };
        if after != before {
            platform::violation(
                &EVENT_IRQL,
                format!(
                    "WskReceiveFromEvent of socket #{} returned at IRQL {after}, called at {before}",
                    self.socket.number
                ),
            );
        }
        // SAFETY: back to the level before.
        unsafe { KeLowerIrql(irql) };
        status
    }
}

type Broken = (&'static Rule, String);

impl Provider {
    /// Something has arrived at a socket.
    ///
    /// Requests complete inline, and the sender is a thread of this kernel: the callback is called on its stack, as it
    /// is on Windows when a processor serves the network. In a callback it is not, because then two sockets that
    /// answer each other would never come to an end.
    pub(crate) fn arrived(self: &Arc<Self>, socket: u64) {
        if self.engine.is_inline() && IN_CALLBACK.get() == 0 && platform::is_own_thread(self) {
            self.indicate(socket);
        }
        self.engine.schedule(crate::engine::Job::Match(socket));
    }

    /// Gives a socket's datagrams to its callback, if that is on and no request waits for them.
    pub(crate) fn indicate(self: &Arc<Self>, socket: u64) {
        while let Some(turn) = self.begin_turn(socket) {
            let Some(list) = List::new(&turn.datagrams, &turn.socket.settings().values) else {
                // As a network adapter does when memory is short. n/d
                turn.socket.inbox.count_dropped(&turn.datagrams);
                self.end_turn(turn, None, STATUS_SUCCESS);
                continue;
            };
            if let Some(entry) = self.lock().sockets.get_mut(&socket) {
                entry.events.indicate(list.address());
            }
            let status = turn.call(list.first);
            self.end_turn(turn, Some(list), status);
        }
    }

    /// Tells a dead socket's callback so, if it is on.
    pub(crate) fn tell_dead(self: &Arc<Self>, socket: u64) {
        let Some(turn) = self.turn(socket, |_, _| Some(Vec::new())) else { return };
        // There is nothing to be answered. n/d
        turn.call(ptr::null_mut());
        self.end_turn(turn, None, STATUS_SUCCESS);
    }

    fn begin_turn(&self, number: u64) -> Option<Turn> {
        let remote = self.lock().sockets.get(&number).map(|entry| Arc::clone(&entry.socket))?.remote();
        self.turn(number, |socket, busy| {
            let mut datagrams: Vec<Datagram> = Vec::new();
            while datagrams.len() < LONGEST_LIST && !socket.is_dead() {
                // The flags of the call are those of all that it brings.
                let flags = datagrams.first().map(flags_of);
                let wanted = |next: &Datagram| {
                    flags.is_none_or(|flags| flags == flags_of(next)) && !busy.contains(&next.from)
                };
                let Some(next) = socket.inbox.pop_if(remote, wanted) else { break };
                datagrams.push(next);
            }
            (!datagrams.is_empty()).then_some(datagrams)
        })
    }

    /// Begins a call of a socket's callback. `take` is told whose datagrams other calls have.
    fn turn(
        &self,
        number: u64,
        take: impl FnOnce(&Socket, &[SocketAddr]) -> Option<Vec<Datagram>>,
    ) -> Option<Turn> {
        let mut state = self.lock();
        let entry = state.sockets.get_mut(&number)?;
        if entry.closing || entry.events.mode == Mode::Off || !entry.receives.is_empty() {
            return None;
        }
        let socket = Arc::clone(&entry.socket);
        let datagrams = take(&socket, &entry.events.senders)?;
        entry.events.running += 1;
        entry.events.senders.extend(datagrams.iter().map(|datagram| datagram.from));
        let owner = state.registrations.get(&socket.client).map_or(Owner::SYSTEM, |client| client.owner);
        let target = Target { client: socket.client, socket: Some(number) };
        // A close waits for it, as it does for requests.
        state.count(target, 1);
        Some(Turn { socket, target, owner, datagrams })
    }

    fn end_turn(self: &Arc<Self>, turn: Turn, list: Option<List>, status: NTSTATUS) {
        let Turn { socket, target, datagrams, .. } = turn;
        let number = socket.number;
        let senders: Vec<_> = datagrams.iter().map(|datagram| datagram.from).collect();
        if let Some(list) = list
            && let Err((rule, detail)) = self.settle(&socket, list, datagrams, status)
        {
            platform::violation(rule, detail);
        }
        let mut state = self.lock();
        let mut waiting = Vec::new();
        if let Some(entry) = state.sockets.get_mut(&number) {
            entry.events.running -= 1;
            entry.events.senders.retain(|sender| !senders.contains(sender));
            if entry.events.running == 0 {
                waiting = std::mem::take(&mut entry.events.disables);
            }
        }
        let waiting: Vec<_> = waiting.into_iter().filter_map(|request| state.claim(request)).collect();
        state.count(target, -1);
        let close = state.last_request_done(number);
        drop(state);
        for request in waiting {
            self.complete_at_dispatch(request.irp, request.target, STATUS_SUCCESS, 0);
        }
        if let Some(job) = close {
            self.engine.schedule(job);
        }
        self.notify();
    }

    /// Does what the callback's answer asks for.
    fn settle(
        &self,
        socket: &Socket,
        list: List,
        datagrams: Vec<Datagram>,
        status: NTSTATUS,
    ) -> Result<(), Broken> {
        let name = format!("WskReceiveFromEvent of socket #{}", socket.number);
        let mut state = self.lock();
        let Some(entry) = state.sockets.get_mut(&socket.number) else { return Ok(()) };
        let held = entry.events.lists.remove(&list.address());
        let released = matches!(held, Some(Held::Indicated { released: true }));
        match status {
            // No client can tell when its return takes effect, so a release before it is one after it. n/d
            STATUS_PENDING if released => {
                entry.events.has_retained = true;
                entry.events.remember_released(list.address());
            }
            STATUS_PENDING if entry.closing => {
                return Err((
                    &RETAINED_AT_CLOSE,
                    format!("{name} kept a list when the socket was being closed"),
                ));
            }
            STATUS_PENDING => {
                entry.events.has_retained = true;
                entry.events.lists.insert(list.address(), Held::Retained(list));
                return Ok(());
            }
            _ if released => {
                return Err((
                    &RELEASED_NOT_RETAINED,
                    format!("{name} returned {status:#010x} for a list that was given to WskRelease"),
                ));
            }
            STATUS_SUCCESS => {}
            STATUS_DATA_NOT_ACCEPTED if entry.events.mode == Mode::Static => {
                socket.inbox.count_dropped(&datagrams);
            }
            STATUS_DATA_NOT_ACCEPTED => {
                entry.events.mode = Mode::Off;
                socket.inbox.put_back(datagrams);
            }
            other if platform::strict() => {
                return Err((&EVENT_STATUS, format!("{name} returned {other:#010x}")));
            }
            // What drivers that return others rely on. n/d
            _ => {}
        }
        drop(state);
        drop(list);
        Ok(())
    }
}

/// `WskRelease`: gives a retained list of indications back.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
pub(crate) unsafe extern "system" fn wsk_release(
    socket: PWSK_SOCKET,
    datagram_indication: *mut WSK_DATAGRAM_INDICATION,
) -> NTSTATUS {
    const WHAT: &str = "WskRelease";
    check::caller(WHAT);
    let call = SocketCall::begin(socket, WHAT);
    let address = datagram_indication.addr();
    let mut state = call.provider.lock();
    let Some(entry) = state.sockets.get_mut(&call.socket.number) else { return STATUS_INVALID_PARAMETER };
    let events = &mut entry.events;
    let (list, twice) = match events.lists.remove(&address) {
        Some(Held::Indicated { released }) => {
            events.lists.insert(address, Held::Indicated { released: true });
            (None, released)
        }
        Some(Held::Retained(list)) => {
            events.remember_released(address);
            (Some(list), false)
        }
        None if events.was_released(address) => (None, true),
        None => return STATUS_INVALID_PARAMETER,
    };
    drop(state);
    if twice {
        let socket = call.socket.number;
        drop(call);
        platform::violation(
            &RELEASE_TWICE,
            format!("{WHAT} of a list of socket #{socket} that was released"),
        );
    }
    drop(list);
    STATUS_SUCCESS
}
