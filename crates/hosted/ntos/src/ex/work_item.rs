//! I/O work items: a driver's routine, called later at `PASSIVE_LEVEL` in one of the machine's worker threads.
#![expect(unsafe_code, reason = "exports C functions by their names, and calls the driver's routines")]

use std::collections::{HashMap, VecDeque};
use std::ptr;
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};
use wsk_sys::{DEVICE_OBJECT, DISPATCH_LEVEL, IO_WORKITEM, IO_WORKITEM_ROUTINE, PASSIVE_LEVEL, PVOID};

use crate::ex::pool;
use crate::ex::pool::registry::{Kind, Request};
use crate::io::device;
use crate::ke::irql::{at_most, call_driver};
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require, violation};
use crate::machine::companion;
use crate::machine::fault;
use crate::machine::owner::{LeakScope, Owner, leak_report};
use crate::rule;
use crate::sync::Pointer;

/// The worker threads of a machine at most: enough that items which wait for each other do not stop it.
const WORKERS: usize = 8;
/// The size of a work item; its content is the kernel's affair, which keeps it elsewhere.
const SIZE: usize = 0x58;
/// The tag under which Windows allocates work items.
const TAG: [u8; 4] = *b"IoWI";

/// The work items of one machine, and its workers.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    state: Mutex<State>,
    work: Condvar,
    /// A routine has returned.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    items: HashMap<usize, Item>,
    queue: VecDeque<Queued>,
    /// The items whose routines run.
    running: Vec<Running>,
    threads: Vec<JoinHandle<()>>,
    idle: usize,
    stopping: bool,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    device: Pointer<DEVICE_OBJECT>,
    owner: Owner,
    queued: bool,
    /// The driver has deleted the device.
    orphaned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Running {
    item: usize,
    device: usize,
    owner: Owner,
}

#[derive(Debug)]
struct Queued {
    item: usize,
    routine: IO_WORKITEM_ROUTINE,
    context: Pointer<std::ffi::c_void>,
    device: Pointer<DEVICE_OBJECT>,
    owner: Owner,
}

impl Workers {
    /// What is queued and what runs, for a report.
    pub(crate) fn in_flight(&self) -> Vec<String> {
        let state = self.state.lock();
        let queued = state.queue.iter().map(|queued| format!("work item {:#x}, queued", queued.item));
        let running = state.running.iter().map(|running| format!("work item {:#x}, running", running.item));
        queued.chain(running).collect()
    }

    /// Queues an item.
    ///
    /// # Errors
    /// [`rule::WORK_ITEM_INVALID`], [`rule::WORK_ITEM_QUEUED_TWICE`], [`rule::WORK_ITEM_DEVICE_DELETED`].
    fn queue(
        &self,
        machine: &Machine,
        address: usize,
        routine: IO_WORKITEM_ROUTINE,
        context: Pointer<std::ffi::c_void>,
    ) -> Result<(), Broken> {
        let broken = |rule, why: String| {
            Err(Broken::new(rule, format!("IoQueueWorkItem of work item {address:#x}, {why}")))
        };
        let mut state = self.state.lock();
        let Some(item) = state.items.get_mut(&address) else {
            return Err(invalid(address, "IoQueueWorkItem"));
        };
        let Item { device, owner, .. } = *item;
        if item.queued {
            return broken(&rule::WORK_ITEM_QUEUED_TWICE, "which is queued".to_owned());
        }
        if item.orphaned {
            let why = format!("whose device {:#x} the driver has deleted", device.key());
            return broken(&rule::WORK_ITEM_DEVICE_DELETED, why);
        }
        item.queued = true;
        machine.parts.gauges.queued_work_items.add(1);
        state.queue.push_back(Queued { item: address, routine, context, device, owner });
        if state.queue.len() > state.idle && state.threads.len() < WORKERS {
            let machine = machine.clone();
            let body = move || {
                companion::make_expendable();
                let _entered = machine.enter();
                run(&machine);
            };
            let thread = thread::Builder::new().name("worker".to_owned()).spawn(body);
            state.threads.push(thread.expect("the system has threads left"));
        }
        self.work.notify_one();
        Ok(())
    }

    /// Takes an item off the list.
    ///
    /// # Errors
    /// [`rule::WORK_ITEM_INVALID`], [`rule::WORK_ITEM_FREED`].
    fn forget(&self, address: usize) -> Result<(), Broken> {
        let mut state = self.state.lock();
        match state.items.get(&address) {
            None => Err(invalid(address, "IoFreeWorkItem")),
            Some(item) if item.queued => {
                let detail = format!("IoFreeWorkItem of work item {address:#x}, which is queued");
                Err(Broken::new(&rule::WORK_ITEM_FREED, detail))
            }
            Some(_) => {
                state.items.remove(&address);
                Ok(())
            }
        }
    }

    /// Lets the workers finish what is queued, and end. If a routine goes on for longer than the machine's
    /// `shutdown_limit`, they are left to themselves: the look for leaks has reported it.
    pub(crate) fn stop(&self, machine: &Machine) {
        let threads = {
            let mut state = self.state.lock();
            state.stopping = true;
            self.work.notify_all();
            let busy = |state: &mut State| !state.queue.is_empty() || !state.running.is_empty();
            let limit = machine.config().shutdown_limit;
            if self.done.wait_while_for(&mut state, busy, limit).timed_out() {
                return;
            }
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            // It ends by itself; after a driver's panic the machine is dead and nobody comes here.
            let _ = thread.join();
        }
        self.state.lock().stopping = false;
    }
}

/// Whether a queued or running work item refers to `device`, which must then stay.
pub(crate) fn refers_to(machine: &Machine, device: *mut DEVICE_OBJECT) -> bool {
    let state = machine.parts.workers.state.lock();
    state.queue.iter().any(|queued| queued.device.key() == device.addr())
        || state.running.iter().any(|running| running.device == device.addr())
}

/// A driver has deleted a device: no work item of it may be queued any more.
pub(crate) fn device_deleted(machine: &Machine, device: *mut DEVICE_OBJECT) {
    let mut state = machine.parts.workers.state.lock();
    let items = state.items.values_mut().filter(|item| item.device.key() == device.addr());
    items.for_each(|item| item.orphaned = true);
}

fn run(machine: &Machine) {
    let workers = &machine.parts.workers;
    let mut state = workers.state.lock();
    loop {
        if let Some(queued) = state.queue.pop_front() {
            // From here on the item may be queued again, and freed, by its own routine too.
            if let Some(item) = state.items.get_mut(&queued.item) {
                item.queued = false;
            }
            let running = Running { item: queued.item, device: queued.device.key(), owner: queued.owner };
            state.running.push(running);
            drop(state);
            if machine.parts.crash.is_dead() {
                return;
            }
            call(&queued);
            state = workers.state.lock();
            if let Some(index) = state.running.iter().position(|entry| *entry == running) {
                state.running.swap_remove(index);
            }
            workers.done.notify_all();
        } else if state.stopping {
            return;
        } else {
            state.idle += 1;
            workers.work.wait(&mut state);
            state.idle -= 1;
        }
    }
}

fn call(queued: &Queued) {
    let routine = || {
        // SAFETY: the driver's routine, with the device and context that it gave, at the level that it expects.
        unsafe { (queued.routine)(queued.device.0, queued.context.0) };
    };
    queued.owner.run(|| {
        call_driver(PASSIVE_LEVEL, format_args!("the routine of work item {:#x}", queued.item), routine);
    });
}

/// Waits for routines to return, then looks for work items left behind.
///
/// A driver may be unloaded while its routine is about to return: the I/O manager keeps its image until then.
pub(crate) fn check_leaks(machine: &Machine, scope: LeakScope) -> Vec<Broken> {
    let workers = &machine.parts.workers;
    let active = |state: &mut State| {
        state.queue.iter().any(|queued| scope.covers(queued.owner))
            || state.running.iter().any(|running| scope.covers(running.owner))
    };
    let limit = machine.config().shutdown_limit;
    let mut state = workers.state.lock();
    workers.done.wait_while_for(&mut state, active, limit);
    let queued = state.queue.iter().filter(|queued| scope.covers(queued.owner));
    let queued = queued.map(|queued| format!("work item {:#x}, queued", queued.item));
    let running = state.running.iter().filter(|running| scope.covers(running.owner));
    let running = running.map(|running| format!("work item {:#x}, running", running.item));
    let active: Vec<String> = queued.chain(running).collect();
    let items = state.items.iter().filter(|(_, item)| scope.covers(item.owner));
    let left: Vec<(usize, usize)> = items.map(|(address, item)| (*address, item.device.key())).collect();
    drop(state);
    let name = |(item, device)| {
        let who = machine.parts.pool.allocated(item, "IoAllocateWorkItem");
        format!("work item {item:#x} of device {device:#x}{who}")
    };
    let left = leak_report(&rule::WORK_ITEM_LEAK, "work items", scope, left.into_iter().map(name));
    leak_report(&rule::WORK_ITEM_LEFT, "work items", scope, active).into_iter().chain(left).collect()
}

/// Allocates a work item; null on failure.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub extern "system" fn IoAllocateWorkItem(DeviceObject: *mut DEVICE_OBJECT) -> *mut IO_WORKITEM {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_IO_DISPATCH, "IoAllocateWorkItem");
    if DeviceObject.is_null() {
        violation(&rule::WORK_ITEM_INVALID, "IoAllocateWorkItem without a device object");
    }
    if fault::point("IoAllocateWorkItem") {
        return ptr::null_mut();
    }
    let address = machine.parts.pool.allocate(&Request::zeroed(Kind::WorkItem, SIZE, TAG));
    if address.is_null() {
        return ptr::null_mut();
    }
    let orphaned = device::table::of(&machine).is_deleted(DeviceObject);
    let item = Item { device: Pointer(DeviceObject), owner: Owner::current(), queued: false, orphaned };
    machine.parts.workers.state.lock().items.insert(address.addr(), item);
    machine.parts.gauges.work_items.add(1);
    address.cast()
}

/// Queues a work item. It must not be queued already; once its routine was called, it may be queued again.
///
/// # Safety
/// The routine may be called with `Context`, in another thread.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Panics
/// If the operating system has no more threads.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoQueueWorkItem(
    IoWorkItem: *mut IO_WORKITEM,
    WorkerRoutine: IO_WORKITEM_ROUTINE,
    QueueType: i32,
    Context: PVOID,
) {
    // Every queue type is served by the same workers.
    let _ = QueueType;
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_IO_DISPATCH, "IoQueueWorkItem");
    let workers = &machine.parts.workers;
    require(workers.queue(&machine, IoWorkItem.addr(), WorkerRoutine, Pointer(Context)));
}

/// Frees a work item, which must not be queued.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub extern "system" fn IoFreeWorkItem(IoWorkItem: *mut IO_WORKITEM) {
    const NAME: &str = "IoFreeWorkItem";
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_IO_DISPATCH, NAME);
    require(machine.parts.workers.forget(IoWorkItem.addr()));
    machine.parts.gauges.work_items.remove(1);
    require(pool::release(&machine, IoWorkItem.addr(), NAME));
}

fn invalid(address: usize, what: &str) -> Broken {
    let detail =
        format!("{what} of {address:#x}, which IoAllocateWorkItem did not return, or which was freed");
    Broken::new(&rule::WORK_ITEM_INVALID, detail)
}
