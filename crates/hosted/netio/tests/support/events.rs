//! A receive callback that a test tells what to answer, and that tells the test what came.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ptr;
use std::sync::{Condvar, Mutex};

use wsk_sys::*;

use super::request::Request;
use super::socket::Socket;
use super::{Gate, LIMIT};

/// A datagram as the callback saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indicated {
    pub bytes: Vec<u8>,
    pub from: SocketAddr,
    /// Its control information.
    pub control: Vec<u8>,
}

/// One call of the callback; no list means that the socket is dead.
#[derive(Clone, Debug)]
pub struct Call {
    pub datagrams: Option<Vec<Indicated>>,
    pub flags: ULONG,
    pub irql: KIRQL,
    pub thread: std::thread::ThreadId,
    /// The address of the list.
    pub list: usize,
}

/// The context of the callback.
#[derive(Default)]
pub struct Sink {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    /// What the next calls answer; then, success.
    answers: VecDeque<NTSTATUS>,
    /// Called in the callback.
    act: Option<Box<dyn FnMut(*mut WSK_DATAGRAM_INDICATION) + Send>>,
    /// What the callback waits at; null for nothing.
    gate: usize,
}

pub static EVENTS: WSK_CLIENT_DATAGRAM_DISPATCH =
    WSK_CLIENT_DATAGRAM_DISPATCH { WskReceiveFromEvent: Some(receive_from_event) };

/// Without a function.
pub static NO_EVENTS: WSK_CLIENT_DATAGRAM_DISPATCH =
    WSK_CLIENT_DATAGRAM_DISPATCH { WskReceiveFromEvent: None };

unsafe extern "system" fn receive_from_event(
    context: PVOID,
    flags: ULONG,
    list: *mut WSK_DATAGRAM_INDICATION,
) -> NTSTATUS {
    let sink = unsafe { &*context.cast::<Sink>() };
    let datagrams = (!list.is_null()).then(|| unsafe { read(list) });
    let irql = unsafe { KeGetCurrentIrql() };
    let thread = std::thread::current().id();
    let mut state = sink.state.lock().unwrap();
    state.calls.push(Call { datagrams, flags, irql, thread, list: list.addr() });
    let answer = state.answers.pop_front().unwrap_or(STATUS_SUCCESS);
    let (act, gate) = (state.act.take(), state.gate);
    drop(state);
    sink.changed.notify_all();
    if let Some(mut act) = act {
        act(list);
        sink.state.lock().unwrap().act.get_or_insert(act);
    }
    if gate != 0 {
        unsafe { &*ptr::with_exposed_provenance::<Gate>(gate) }.pass();
    }
    answer
}

/// Reads a list as a careful client does.
pub unsafe fn read(mut list: *mut WSK_DATAGRAM_INDICATION) -> Vec<Indicated> {
    let mut datagrams = Vec::new();
    while let Some(indication) = unsafe { list.as_ref() } {
        let mut bytes = Vec::new();
        let mut mdl = indication.Buffer.Mdl;
        let (mut offset, mut left) = (indication.Buffer.Offset as usize, indication.Buffer.Length);
        while left != 0 {
            let address: *const u8 = unsafe { MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority) }.cast();
            let length = left.min(unsafe { (*mdl).ByteCount } as usize - offset);
            bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(address.add(offset), length) });
            (left, offset, mdl) = (left - length, 0, unsafe { (*mdl).Next });
        }
        let mut control = vec![0_u8; indication.ControlInfoLength as usize];
        if !control.is_empty() {
            let from: *const u8 = indication.ControlInfo.cast();
            unsafe { from.copy_to_nonoverlapping(control.as_mut_ptr(), control.len()) };
        }
        let from = unsafe { read_address(indication.RemoteAddress) };
        datagrams.push(Indicated { bytes, from, control });
        list = indication.Next;
    }
    datagrams
}

unsafe fn read_address(address: *const SOCKADDR) -> SocketAddr {
    let bytes: *const u8 = address.cast();
    let bytes_at = |at, length| unsafe { std::slice::from_raw_parts(bytes.add(at), length) };
    let family = u16::from_ne_bytes(bytes_at(0, 2).try_into().unwrap());
    let port = u16::from_be_bytes(bytes_at(2, 2).try_into().unwrap());
    match family {
        AF_INET => (<[u8; 4]>::try_from(bytes_at(4, 4)).unwrap(), port).into(),
        AF_INET6 => (<[u8; 16]>::try_from(bytes_at(8, 16)).unwrap(), port).into(),
        other => panic!("family {other}"),
    }
}

impl Sink {
    /// A sink that outlives every socket, whatever happens to the machine.
    pub fn new() -> &'static Sink {
        Box::leak(Box::default())
    }

    pub fn context(&'static self) -> PVOID {
        ptr::from_ref(self).cast_mut().cast()
    }

    pub fn answer(&self, answers: &[NTSTATUS]) {
        self.state.lock().unwrap().answers.extend(answers);
    }

    /// Has `act` called with every list.
    pub fn act(&self, act: impl FnMut(*mut WSK_DATAGRAM_INDICATION) + Send + 'static) {
        self.state.lock().unwrap().act = Some(Box::new(act));
    }

    pub fn hold(&self, gate: Option<&'static Gate>) {
        self.state.lock().unwrap().gate = gate.map_or(0, |gate| ptr::from_ref(gate).expose_provenance());
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }

    /// All that has come so far.
    pub fn datagrams(&self) -> Vec<Indicated> {
        self.calls().into_iter().filter_map(|call| call.datagrams).flatten().collect()
    }

    /// Waits until `done` holds of the calls.
    pub fn wait(&self, what: &str, done: impl Fn(&[Call]) -> bool) -> Vec<Call> {
        let state = self.state.lock().unwrap();
        let (state, late) =
            self.changed.wait_timeout_while(state, LIMIT, |state| !done(&state.calls)).unwrap();
        assert!(!late.timed_out(), "{what}: {:?}", state.calls);
        state.calls.clone()
    }

    /// Waits for so many datagrams in all.
    pub fn wait_for(&self, count: usize) -> Vec<Indicated> {
        let calls = self.wait("datagrams", |calls| {
            calls.iter().filter_map(|call| call.datagrams.as_ref()).map(Vec::len).sum::<usize>() >= count
        });
        calls.into_iter().filter_map(|call| call.datagrams).flatten().collect()
    }
}

impl Socket {
    /// `SO_WSK_EVENT_CALLBACK` with this mask, without an IRP.
    pub fn event(self, mask: ULONG) -> NTSTATUS {
        self.event_of(&raw const NPI_WSK_INTERFACE_ID, mask)
    }

    pub fn event_of(self, id: *const GUID, mask: ULONG) -> NTSTATUS {
        let mut events = WSK_EVENT_CALLBACK_CONTROL { NpiId: id, EventMask: mask };
        let control = self.basic_table().WskControlSocket.unwrap();
        let (size, none) = (size_of_val(&events), ptr::null_mut());
        let (name, input) = (SO_WSK_EVENT_CALLBACK, (&raw mut events).cast());
        let (returned, irp) = (ptr::null_mut(), ptr::null_mut());
        unsafe { control(self.0, WskSetOption, name, SOL_SOCKET, size, input, 0, none, returned, irp) }
    }

    /// The same with an IRP; the input lives for ever.
    pub fn start_event(self, mask: ULONG) -> Request {
        let events = WSK_EVENT_CALLBACK_CONTROL { NpiId: &raw const NPI_WSK_INTERFACE_ID, EventMask: mask };
        let events = Box::leak(Box::new(events));
        let control = self.basic_table().WskControlSocket.unwrap();
        let (size, none) = (size_of_val(events), ptr::null_mut());
        let (name, input, returned) = (SO_WSK_EVENT_CALLBACK, (&raw mut *events).cast(), ptr::null_mut());
        Request::start(|irp| unsafe {
            control(self.0, WskSetOption, name, SOL_SOCKET, size, input, 0, none, returned, irp)
        })
    }

    pub fn release(self, list: usize) -> NTSTATUS {
        let release = self.table().WskRelease.unwrap();
        unsafe { release(self.0, ptr::with_exposed_provenance_mut(list)) }
    }
}
