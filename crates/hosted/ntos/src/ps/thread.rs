//! System threads, and the handles to them.
#![expect(unsafe_code, reason = "exports C functions by their names, and calls the driver's routine")]

use std::cell::Cell;
use std::collections::HashMap;
use std::ptr;
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};
use wsk_sys::{
    HANDLE, KSTART_ROUTINE, NTSTATUS, PASSIVE_LEVEL, PCLIENT_ID, PETHREAD, POBJECT_ATTRIBUTES, PVOID,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG,
};

use crate::cm::registry;
use crate::ke::irql::{CallState, at_most, call_driver};
use crate::ke::mutex;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, complain, park_for_ever, require, violation};
use crate::machine::companion::make_expendable;
use crate::machine::fault;
use crate::machine::maker::Maker;
use crate::machine::owner::{LeakScope, Owner, leak_report};
use crate::machine::stuck;
use crate::process::request::current_thread;
use crate::rule;
use crate::sync::Pointer;

/// Handles are multiples of this, as on Windows.
const HANDLE_STEP: usize = 4;

/// The system threads of one machine.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Handles that are open, by value.
    handles: HashMap<usize, Maker>,
    /// Threads that have not ended.
    live: HashMap<usize, Maker>,
    /// The host's threads, of those that did not end by `PsTerminateSystemThread`.
    hosts: HashMap<usize, JoinHandle<()>>,
    last: usize,
}

thread_local! {
    /// The number of the system thread that this is.
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

impl Threads {
    fn end(&self, machine: &Machine, number: usize) {
        self.state.lock().live.remove(&number);
        machine.parts.gauges.threads.remove(1);
        self.ended.notify_all();
    }

    /// Waits for the threads that `scope` covers, as long as the machine's limit allows.
    fn wait(&self, machine: &Machine, scope: LeakScope) {
        let covered = |state: &mut State| state.live.values().any(|maker| scope.covers(maker.owner));
        let limit = machine.config().shutdown_limit;
        self.ended.wait_while_for(&mut self.state.lock(), covered, limit);
    }

    /// Waits for the host's threads of the threads that have ended.
    pub(crate) fn join(&self) {
        let hosts = {
            let mut state = self.state.lock();
            let State { live, hosts, .. } = &mut *state;
            hosts.extract_if(|number, _| !live.contains_key(number)).collect::<Vec<_>>()
        };
        for (_, host) in hosts {
            // It has ended by itself; a driver's panic has ended the process already.
            let _ = host.join();
        }
    }
}

/// Waits for threads to end, then looks for those that did not, and for handles left open.
pub(crate) fn check_leaks(machine: &Machine, scope: LeakScope) -> Vec<Broken> {
    let threads = &machine.parts.threads;
    threads.wait(machine, scope);
    let state = threads.state.lock();
    let live = state.live.iter().filter(|(_, maker)| scope.covers(maker.owner));
    let live: Vec<String> =
        live.map(|(number, maker)| format!("system thread {number}{}", maker.place("started"))).collect();
    let handles = state.handles.iter().filter(|(_, maker)| scope.covers(maker.owner));
    let name = |(handle, maker): (&usize, &Maker)| {
        format!("handle {handle:#x} of a thread{}", maker.place("opened"))
    };
    let handles: Vec<String> = handles.map(name).collect();
    drop(state);
    let mut live = leak_report(&rule::THREAD_LEFT, "system threads", scope, live);
    if let Some(Broken { detail, .. }) = &mut live {
        detail.push_str("; ");
        detail.push_str(&stuck::in_flight(machine));
    }
    live.into_iter().chain(leak_report(&rule::HANDLE_LEAK, "handles", scope, handles)).collect()
}

/// Starts a system thread. It ends when its routine returns, or by [`PsTerminateSystemThread`].
///
/// The thread always belongs to the system process here.
///
/// # Safety
/// `ThreadHandle` points to memory for a handle; the routine may be called with `StartContext`, in another thread.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`; `STATUS_INVALID_PARAMETER` without a place for the handle.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn PsCreateSystemThread(
    ThreadHandle: *mut HANDLE,
    DesiredAccess: ULONG,
    ObjectAttributes: POBJECT_ATTRIBUTES,
    ProcessHandle: HANDLE,
    ClientId: PCLIENT_ID,
    StartRoutine: KSTART_ROUTINE,
    StartContext: PVOID,
) -> NTSTATUS {
    let _ = (DesiredAccess, ObjectAttributes, ProcessHandle, ClientId);
    let machine = Machine::kernel();
    at_most(PASSIVE_LEVEL, &rule::IRQL_PS_PASSIVE, "PsCreateSystemThread");
    if ThreadHandle.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    if fault::point("PsCreateSystemThread") {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let maker = Maker::current("PsCreateSystemThread");
    let owner = maker.owner;
    let context = Pointer(StartContext);
    let mut state = machine.parts.threads.state.lock();
    state.last += 1;
    let number = state.last;
    let body = {
        let machine = Machine::clone(&machine);
        move || run(&machine, number, owner, StartRoutine, context)
    };
    let Ok(host) = thread::Builder::new().name(format!("system thread {number}")).spawn(body) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    machine.parts.gauges.threads.add(1);
    state.live.insert(number, maker.clone());
    state.hosts.insert(number, host);
    let handle = number * HANDLE_STEP;
    state.handles.insert(handle, maker);
    drop(state);
    // SAFETY: not null, so the caller's memory for a handle.
    unsafe { ThreadHandle.write(ptr::without_provenance_mut(handle)) };
    STATUS_SUCCESS
}

fn run(
    machine: &Machine,
    number: usize,
    owner: Owner,
    routine: KSTART_ROUTINE,
    context: Pointer<std::ffi::c_void>,
) {
    // The creator has entered this thread in the table before it lets go of the lock.
    drop(machine.parts.threads.state.lock());
    make_expendable();
    let _entered = machine.enter();
    NUMBER.set(Some(number));
    owner.run(|| {
        call_driver(PASSIVE_LEVEL, format_args!("the routine of system thread {number}"), || {
            // SAFETY: the driver's routine and context, in a thread of its own at the level that it expects.
            unsafe { routine(context.0) };
            require(mutex::check_none_held(format_args!("system thread {number}")));
        });
    });
    machine.parts.threads.end(machine, number);
}

/// The calling thread: no other has this address while it lives.
///
/// # IRQL
/// Any.
#[unsafe(no_mangle)]
pub extern "system" fn PsGetCurrentThread() -> PETHREAD {
    current_thread()
}

/// Ends the calling thread, which [`PsCreateSystemThread`] made.
///
/// The host's thread stays, stopped: no stack here may be unwound through a driver. A routine that just returns ends
/// its thread without a trace.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
#[unsafe(no_mangle)]
pub extern "system" fn PsTerminateSystemThread(ExitStatus: NTSTATUS) -> NTSTATUS {
    let _ = ExitStatus;
    let machine = Machine::kernel();
    let Some(number) = NUMBER.get() else {
        violation(&rule::THREAD_NOT_SYSTEM, "PsTerminateSystemThread by a thread that is no system thread");
    };
    require(mutex::check_none_held(format_args!("system thread {number}")));
    CallState::default().check(format_args!("system thread {number}"));
    // Nobody will wait for the host's thread.
    drop(machine.parts.threads.state.lock().hosts.remove(&number));
    machine.parts.threads.end(&machine, number);
    drop(machine);
    park_for_ever();
}

/// Closes a handle of a system thread, or of a key of the registry.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// `STATUS_INVALID_HANDLE`, on a lenient machine.
#[unsafe(no_mangle)]
pub extern "system" fn ZwClose(Handle: HANDLE) -> NTSTATUS {
    let machine = Machine::kernel();
    at_most(PASSIVE_LEVEL, &rule::IRQL_ZW_PASSIVE, "ZwClose");
    let closed = machine.parts.threads.state.lock().handles.remove(&Handle.addr());
    if closed.is_none() && !registry::close(&machine, Handle) {
        complain(&rule::HANDLE_INVALID, format!("ZwClose of handle {:#x}, which is not open", Handle.addr()));
        return STATUS_INVALID_HANDLE;
    }
    STATUS_SUCCESS
}
