//! Processes: user mode's side of the I/O manager.
//!
//! A test is the user: it opens a device with [`Process::create_file`], talks to it through the [`File`], and may
//! end the process at any point with [`Process::kill`].
#![expect(unsafe_code, reason = "exports the kernel's C interface, and lends drivers process objects")]

mod file;
mod overlapped;
pub(crate) mod request;
mod transfer;

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::mem;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use wsk_sys::{
    ACCESS_MASK, DISPATCH_LEVEL, EPROCESS, IRP, NTSTATUS, NamedStatus, PEPROCESS, STATUS_INVALID_HANDLE,
    ULONG,
};

use crate::io::device;
use crate::io::device::namespace;
use crate::io::file_object::FileBody;
use crate::io::irp;
use crate::ke::irql::at_most;
use crate::machine::bugcheck::{Broken, complain};
use crate::machine::frames;
use crate::machine::owner::{LeakScope, leak_report};
use crate::machine::{Entered, Machine};
pub use crate::process::file::File;
use crate::process::file::Handle;
pub use crate::process::overlapped::Overlapped;
use crate::process::request::Request;
pub use crate::process::request::{Completed, IoStatus};
use crate::rule::IRQL_IO_DISPATCH;
use crate::rule::io::{CANCEL_IGNORED, FILE_LEAK};
pub use crate::se::security::Token;
use crate::sync::Pointer;

/// The process that runs the system's own threads.
const SYSTEM_ID: u32 = 4;
/// How long a dying process waits for its cancelled requests. Windows gives them five minutes.
const CANCEL_LIMIT: Duration = Duration::from_secs(30);

/// A process, and what it has open.
pub(crate) struct ProcessBody {
    machine: Machine,
    id: u32,
    token: Token,
    /// What `PEPROCESS` points to; opaque. From `Box::into_raw`.
    object: Pointer<u64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    dead: bool,
    /// In the order in which they came.
    pending: BTreeMap<u64, Arc<Request>>,
    /// The numbers of those, by their addresses.
    numbers: HashMap<usize, u64>,
    /// How many there were.
    begun: u64,
    /// Their buffers: where each ends, by where it begins. No two have memory in common, and none is empty.
    memory: BTreeMap<usize, usize>,
    handles: Vec<Weak<Handle>>,
}

/// The processes of a machine.
struct Processes {
    system: Mutex<Option<Arc<ProcessBody>>>,
    next: AtomicU32,
    all: Mutex<Vec<Weak<ProcessBody>>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<ProcessBody>>> = const { RefCell::new(None) };
}

fn of(machine: &Machine) -> Arc<Processes> {
    machine.extension::<Processes>(|| Processes {
        system: Mutex::default(),
        next: AtomicU32::new(SYSTEM_ID + 4),
        all: Mutex::default(),
    })
}

/// The report of the handles that were left open at shutdown, if any were.
pub(crate) fn left_open(machine: &Machine, scope: LeakScope) -> Option<Broken> {
    if scope != LeakScope::Shutdown {
        return None;
    }
    let processes: Vec<_> = of(machine).all.lock().iter().filter_map(Weak::upgrade).collect();
    let mut left = Vec::new();
    for process in processes {
        let handles: Vec<_> = process.state.lock().handles.iter().filter_map(Weak::upgrade).collect();
        let open = handles.iter().filter(|handle| handle.is_open());
        left.extend(open.map(|handle| (Arc::clone(handle), process.id)));
    }
    let name = |(handle, process): &(Arc<Handle>, u32)| {
        format!("{} in process {process}{}", handle.path(), handle.opened())
    };
    leak_report(&FILE_LEAK, "handles", scope, left.iter().map(name))
}

/// The handles that are open and the requests that are not complete, for a report.
pub(crate) fn in_flight(machine: &Machine) -> Vec<String> {
    let processes: Vec<_> = of(machine).all.lock().iter().filter_map(Weak::upgrade).collect();
    let mut all = Vec::new();
    for process in processes {
        let handles: Vec<_> = process.state.lock().handles.iter().filter_map(Weak::upgrade).collect();
        let open = handles.iter().filter(|handle| handle.is_open());
        all.extend(open.map(|handle| format!("a handle to {} in process {}", handle.path(), process.id)));
        let pending = process.pending(None);
        all.extend(pending.iter().map(|request| format!("{} of process {}", request.what(), process.id)));
    }
    all
}

/// Whether the calling thread is ending, and can be in no process any more.
pub(crate) fn is_gone() -> bool {
    CURRENT.try_with(|_| ()).is_err()
}

/// The calling thread's process.
pub(crate) fn current(machine: &Machine) -> Arc<ProcessBody> {
    CURRENT.with_borrow(Clone::clone).unwrap_or_else(|| system(machine))
}

pub(crate) fn system(machine: &Machine) -> Arc<ProcessBody> {
    let processes = of(machine);
    let mut system = processes.system.lock();
    Arc::clone(system.get_or_insert_with(|| processes.start(machine, SYSTEM_ID, Token::System)))
}

impl Processes {
    fn start(&self, machine: &Machine, id: u32, token: Token) -> Arc<ProcessBody> {
        let body = Arc::new(ProcessBody {
            machine: machine.clone(),
            id,
            token,
            object: Pointer(Box::into_raw(Box::new(u64::from(id)))),
            state: Mutex::default(),
        });
        let mut all = self.all.lock();
        all.retain(|process| process.strong_count() != 0);
        all.push(Arc::downgrade(&body));
        body
    }
}

impl ProcessBody {
    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    fn object(&self) -> PEPROCESS {
        self.object.0.cast::<EPROCESS>()
    }

    /// Takes note of a request on its way, and of its buffers; tells whether the process still makes any.
    pub(crate) fn begin(&self, request: &Arc<Request>, buffers: [Range<usize>; 2]) -> bool {
        let mut state = self.state.lock();
        if state.dead {
            return false;
        }
        state.begun += 1;
        let number = state.begun;
        state.pending.insert(number, Arc::clone(request));
        state.numbers.insert(Arc::as_ptr(request).addr(), number);
        let buffers = buffers.into_iter().filter(|buffer| !buffer.is_empty());
        state.memory.extend(buffers.map(|buffer| (buffer.start, buffer.end)));
        true
    }

    /// The buffers of a request are about to be freed.
    pub(crate) fn release(&self, buffers: &[Range<usize>; 2]) {
        let mut state = self.state.lock();
        for buffer in buffers.iter().filter(|buffer| !buffer.is_empty()) {
            state.memory.remove(&buffer.start);
        }
    }

    /// Whether an address range lies in a buffer of a request on its way.
    pub(crate) fn has_memory(&self, range: &Range<usize>) -> bool {
        let state = self.state.lock();
        let below = state.memory.range(..=range.start).next_back();
        below.is_some_and(|(_, end)| range.end <= *end)
    }

    /// Ends what `begin` began.
    pub(crate) fn end(&self, request: &Arc<Request>) {
        let mut state = self.state.lock();
        // The address is nobody else's while the request is among those that are pending.
        if let Some(number) = state.numbers.remove(&Arc::as_ptr(request).addr()) {
            state.pending.remove(&number);
        }
    }

    /// The requests that are not complete, of one file or of all.
    pub(crate) fn pending(&self, file: Option<&Arc<FileBody>>) -> Vec<Arc<Request>> {
        let state = self.state.lock();
        let of_file = |request: &&Arc<Request>| file.is_none_or(|file| request.is_on(file));
        state.pending.values().filter(of_file).cloned().collect()
    }
}

impl Drop for ProcessBody {
    fn drop(&mut self) {
        // SAFETY: from `Box::into_raw` in `start`; every request and thread of the process is gone.
        drop(unsafe { Box::from_raw(self.object.0) });
    }
}

/// A thread's stay in the kernel, on behalf of a process; see [`enter`].
pub(crate) struct InProcess {
    previous: Option<Arc<ProcessBody>>,
    _entered: Entered,
}

/// Enters the kernel as a thread of the process.
pub(crate) fn enter(process: &Arc<ProcessBody>) -> InProcess {
    let entered = process.machine.enter();
    // A thread of a dead machine goes no further.
    Machine::kernel();
    let previous = CURRENT.replace(Some(Arc::clone(process)));
    InProcess { previous, _entered: entered }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        CURRENT.replace(self.previous.take());
    }
}

impl Machine {
    /// The process of the system itself.
    #[must_use]
    pub fn system_process(&self) -> Process {
        Process { body: system(self) }
    }

    /// Starts a process.
    #[must_use]
    pub fn process(&self, token: Token) -> Process {
        let processes = of(self);
        // Relaxed: only the number's uniqueness matters. Real ones are multiples of four, too.
        let id = processes.next.fetch_add(4, Ordering::Relaxed);
        Process { body: processes.start(self, id, token) }
    }
}

/// A process. A clone is the same process; dropping it ends nothing: its files are closed by themselves.
#[derive(Clone)]
pub struct Process {
    body: Arc<ProcessBody>,
}

impl Process {
    /// The process identifier.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.body.id
    }

    /// What drivers know the process by; valid as long as it lives.
    #[must_use]
    pub fn object(&self) -> PEPROCESS {
        self.body.object()
    }

    /// `CreateFile` with `OPEN_EXISTING` and `FILE_FLAG_OVERLAPPED`: opens a device by its user-visible name.
    ///
    /// # Errors
    /// `STATUS_OBJECT_NAME_NOT_FOUND`; `STATUS_ACCESS_DENIED` if the device's security descriptor does not grant
    /// `access`, or the device is exclusive and open; `STATUS_NO_SUCH_DEVICE` if it is not ready or its driver is
    /// being unloaded; `STATUS_INVALID_HANDLE` if the process was killed; and what the driver answers.
    pub fn create_file(&self, path: &str, access: ACCESS_MASK) -> Result<File, NamedStatus> {
        let (process, path, frames) = (self.clone(), path.to_owned(), frames::capture());
        let open = move || process.create_file_here(&path, access, frames).map_err(NamedStatus);
        self.body.machine.go_in(open)
    }

    fn create_file_here(
        &self,
        path: &str,
        access: ACCESS_MASK,
        opened_by: Option<Backtrace>,
    ) -> Result<File, NTSTATUS> {
        let _inside = enter(&self.body);
        if self.body.state.lock().dead {
            return Err(STATUS_INVALID_HANDLE);
        }
        let machine = &self.body.machine;
        let name = namespace::from_user_path(path)?;
        let opened = device::table::of(machine).open(&name, self.body.token, access)?;
        let file = FileBody::create(machine, path, &opened)?;
        let handle = Arc::new(Handle::new(Arc::clone(&self.body), file, opened.granted, opened_by));
        let mut state = self.body.state.lock();
        // Forgets what is closed, each time that the list is full: on average, once for each handle.
        if state.handles.len() == state.handles.capacity() {
            state.handles.retain(|handle| handle.strong_count() != 0);
        }
        let dead = state.dead;
        if !dead {
            state.handles.push(Arc::downgrade(&handle));
        }
        drop(state);
        if dead {
            handle.close();
            return Err(STATUS_INVALID_HANDLE);
        }
        Ok(File::new(handle))
    }

    /// Ends the process: cancels its requests, waits until they are complete, and closes its handles.
    ///
    /// On a strict machine it is a bug check if a request is not complete after half a minute; Windows waits for
    /// five, and then gives up on the process.
    pub fn kill(self) {
        self.kill_within(CANCEL_LIMIT);
    }

    /// As [`Process::kill`], with another limit for the cancelled requests.
    pub fn kill_within(self, limit: Duration) {
        let machine = self.body.machine.clone();
        machine.go_in(move || self.kill_here(limit));
    }

    fn kill_here(&self, limit: Duration) {
        let _inside = enter(&self.body);
        let handles = {
            let mut state = self.body.state.lock();
            state.dead = true;
            mem::take(&mut state.handles)
        };
        let pending = self.body.pending(None);
        for request in &pending {
            request.cancel();
        }
        for request in &pending {
            if !request.wait_within(limit) {
                complain(
                    &CANCEL_IGNORED,
                    format!(
                        "{} was cancelled when process {} ended, and not completed for {limit:?}",
                        request.what(),
                        self.body.id
                    ),
                );
            }
        }
        for handle in handles.iter().filter_map(Weak::upgrade) {
            handle.close();
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("id", &self.body.id).finish_non_exhaustive()
    }
}

/// Whom a process acts for, by its object; null is the current process, and one that is gone is taken for the system.
#[must_use]
pub fn token_of(process: PEPROCESS) -> Token {
    let machine = Machine::here();
    if process.is_null() {
        return current(&machine).token;
    }
    let all: Vec<_> = of(&machine).all.lock().iter().filter_map(Weak::upgrade).collect();
    all.iter().find(|one| one.object() == process).map_or(Token::System, |one| one.token)
}

/// `IoGetRequestorProcessId`: the process that asked for the IRP, or 0 if no thread of any did.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
#[unsafe(no_mangle)]
pub extern "system" fn IoGetRequestorProcessId(Irp: *mut IRP) -> ULONG {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, "IoGetRequestorProcessId");
    irp::registry::of(&machine).with(Irp, |record, _| record.process).unwrap_or(0)
}

/// `IoGetCurrentProcess`: the calling thread's process, an opaque pointer that stays valid while the process lives.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
#[unsafe(no_mangle)]
pub extern "system" fn IoGetCurrentProcess() -> PEPROCESS {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, "IoGetCurrentProcess");
    current(&machine).object()
}
