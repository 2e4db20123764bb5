//! A hosted device that something befalls, at the n-th opportunity: what a sweep runs its scenarios on.
//!
//! For [`Disturbance::Fault`] each call of the kernel that can fail is an opportunity; for the others, each request: it
//! strikes when the request has begun, on the thread that has sent it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use readings::Readings;
use wsk_sys::NTSTATUS;

use super::hosted::Machine;
use super::{
    Completed, Device, File, Hosted, IrpEvent, Kind, OpenError, OtherProcess, Peer, Refused, Request,
};

/// How long the user waits for what does not come, once something has struck.
const GRACE: Duration = Duration::from_millis(250);
/// How often he looks.
const LOOK: Duration = Duration::from_millis(20);

/// What befalls the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disturbance {
    /// A call of the kernel, of the framework or of WSK fails, as if resources had run out.
    Fault,
    /// The request is cancelled.
    Cancel,
    /// The request's handle is closed.
    Close,
    /// The process that has opened the handles is killed. Handles that are opened later are another one's.
    Kill,
    /// WSK closes every socket by force, as when a transport goes.
    ForcedClose,
    /// The WSK provider goes away: every socket is dead, and none can be made.
    ProviderLoss,
}

impl Disturbance {
    /// Those whose opportunities are the requests.
    pub const OF_REQUESTS: &'static [Disturbance] =
        &[Self::Cancel, Self::Close, Self::Kill, Self::ForcedClose, Self::ProviderLoss];

    /// Its name, for reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Cancel => "cancel",
            Self::Close => "close",
            Self::Kill => "kill",
            Self::ForcedClose => "forced close",
            Self::ProviderLoss => "provider loss",
        }
    }
}

/// A way in which requests have ended, or the opening of a handle has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ended {
    /// Its control code; `None` for an opening.
    pub code: Option<u32>,
    /// Its status.
    pub status: NTSTATUS,
}

#[derive(Default)]
struct Plan {
    armed: Option<(Disturbance, u64)>,
    fired: Option<(&'static str, Instant)>,
    /// Calls that can fail, and requests, until the disarming.
    opportunities: (u64, u64),
    ended: BTreeMap<Ended, u64>,
}

struct State {
    machine: Machine,
    /// The requests since the last arming.
    requests: AtomicU64,
    plan: Mutex<Plan>,
}

impl State {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, code: Option<u32>, status: NTSTATUS) {
        *self.plan().ended.entry(Ended { code, status }).or_default() += 1;
    }

    /// What has struck, and when that was noticed.
    fn fired(&self) -> Option<(&'static str, Instant)> {
        let mut plan = self.plan();
        if let (Some((Disturbance::Fault, _)), None) = (plan.armed, plan.fired) {
            plan.fired = self.machine.faults().fired().map(|call| (call, Instant::now()));
        }
        plan.fired
    }

    fn gives_up(&self) -> bool {
        self.fired().is_some_and(|(_, since)| since.elapsed() >= GRACE)
    }

    /// An opportunity has come: whether something is to strike now, and what.
    fn strikes(&self, code: u32) -> Option<Disturbance> {
        // Relaxed: the number is all that is told.
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut plan = self.plan();
        let (what, at) = plan.armed?;
        if what == Disturbance::Fault || number != at {
            return None;
        }
        plan.fired = Some((wskdrv_abi::code::name(code).unwrap_or("an unknown code"), Instant::now()));
        Some(what)
    }
}

/// What makes things happen to a device; see [`Device::disturbed`].
#[derive(Clone)]
pub struct Disturber(Arc<State>);

impl fmt::Debug for Disturber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disturber").field("armed", &self.0.plan().armed).finish_non_exhaustive()
    }
}

impl Disturber {
    /// Lets something happen at the opportunity after so many, once; or nothing. Restarts the counts.
    pub fn arm(&self, what: Option<(Disturbance, u64)>) {
        let mut plan = self.0.plan();
        *plan = Plan { armed: what, ..Plan::default() };
        // Relaxed: only the number is told, and the lock is held.
        self.0.requests.store(0, Ordering::Relaxed);
        let fault = what.filter(|(what, _)| *what == Disturbance::Fault);
        self.0.machine.faults().fail_nth(fault.map_or(u64::MAX, |(_, at)| at));
    }

    /// Lets nothing happen any more, and brings back what was taken away. Gives the name of what was struck: a call, or the
    /// code of a request.
    #[must_use]
    pub fn disarm(&self) -> Option<&'static str> {
        let fired = self.0.fired();
        self.0.machine.faults().disarm();
        let mut plan = self.0.plan();
        plan.armed = None;
        // Relaxed: the number is all that is told.
        plan.opportunities = (self.0.machine.faults().count(), self.0.requests.load(Ordering::Relaxed));
        drop(plan);
        self.0.machine.provide(true);
        fired.map(|(what, _)| what)
    }

    /// How many opportunities there were from the last arming to the disarming.
    #[must_use]
    pub fn opportunities(&self, what: Disturbance) -> u64 {
        let (faults, requests) = self.0.plan().opportunities;
        if what == Disturbance::Fault { faults } else { requests }
    }

    /// What has ended since the last arming, and how often.
    #[must_use]
    pub fn ended(&self) -> BTreeMap<Ended, u64> {
        self.0.plan().ended.clone()
    }

    /// Whether something has struck so long ago that nobody should wait any longer for what does not come.
    #[must_use]
    pub fn gives_up(&self) -> bool {
        self.0.gives_up()
    }

    /// Loads the driver, if a scenario has unloaded it.
    ///
    /// # Errors
    ///
    /// The status with which it refuses.
    pub fn load(&self) -> Result<(), OpenError> {
        self.0.machine.load()
    }
}

impl Device {
    /// As [`Device::hosted`], with what makes things happen to it.
    ///
    /// # Errors
    ///
    /// The driver does not load.
    pub fn disturbed(config: &Hosted) -> Result<(Device, Disturber), OpenError> {
        let (requests, plan) = (AtomicU64::new(0), Mutex::default());
        let state = Arc::new(State { machine: Machine::boot(config)?, requests, plan });
        Ok((Device(Arc::new(Disturbed(Arc::clone(&state)))), Disturber(state)))
    }
}

struct Disturbed(Arc<State>);

impl Disturbed {
    fn machine(&self) -> &Machine {
        &self.0.machine
    }
}

/// Opens a handle, and watches it.
fn opened(state: &Arc<State>, opened: Result<Arc<dyn File>, OpenError>) -> Result<Arc<dyn File>, OpenError> {
    match opened {
        Ok(file) => Ok(Arc::new(Watched { file, state: Arc::clone(state) })),
        Err(error) => {
            if let OpenError::Hosted { status, .. } = &error {
                state.ended(None, status.0);
            }
            Err(error)
        }
    }
}

impl Kind for Disturbed {
    fn describe(&self) -> String {
        self.machine().describe()
    }

    fn open(&self) -> Result<Arc<dyn File>, OpenError> {
        opened(&self.0, self.machine().open())
    }

    fn irp_log(&self) -> Option<Vec<IrpEvent>> {
        self.machine().irp_log()
    }

    fn clear_irp_log(&self) {
        self.machine().clear_irp_log();
    }

    fn alive(&self) -> Vec<(&'static str, u64)> {
        self.machine().alive()
    }

    fn unload(&self, limit: Duration) -> Option<Result<(), Refused>> {
        self.machine().unload(limit)
    }

    fn peer(&self, local: SocketAddr) -> io::Result<Peer> {
        self.machine().peer(local)
    }

    fn process(&self) -> Option<Box<dyn OtherProcess>> {
        let process = self.machine().process()?;
        Some(Box::new(Other { process, state: Arc::clone(&self.0) }))
    }

    fn kill_sockets(&self) -> bool {
        self.machine().kill_sockets()
    }

    fn announce_changes(&self) -> bool {
        self.machine().announce_changes()
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn readings(&self) -> Option<&Readings> {
        self.machine().readings()
    }

    fn delivers_at_once(&self) -> bool {
        self.machine().delivers_at_once()
    }

    fn catch_bug_check(&self, f: Box<dyn FnOnce() + Send>) -> Result<(), String> {
        self.machine().catch_bug_check(f)
    }

    fn shut_down(&self) {
        self.machine().shut_down();
    }
}

/// Another process, whose requests are opportunities, too.
struct Other {
    process: Box<dyn OtherProcess>,
    state: Arc<State>,
}

impl OtherProcess for Other {
    fn open(&self) -> Result<Arc<dyn File>, OpenError> {
        opened(&self.state, self.process.open())
    }

    fn kill(self: Box<Self>) {
        self.process.kill();
    }
}

/// A handle whose requests are opportunities, and are told when they have ended.
struct Watched {
    file: Arc<dyn File>,
    state: Arc<State>,
}

impl File for Watched {
    fn begin(&self, code: u32, input: Vec<u8>, output: Vec<u8>) -> Box<dyn Request> {
        let strikes = self.state.strikes(code);
        let request = self.file.begin(code, input, output);
        match strikes {
            Some(Disturbance::Cancel) => request.cancel(),
            Some(Disturbance::Close) => self.file.close(),
            Some(Disturbance::Kill) => self.state.machine.kill(),
            Some(Disturbance::ForcedClose) => drop(self.state.machine.kill_sockets()),
            Some(Disturbance::ProviderLoss) => self.state.machine.provide(false),
            Some(Disturbance::Fault) | None => {}
        }
        Box::new(UnderWay { request: Some(request), code, state: Arc::clone(&self.state) })
    }

    fn cancel_all(&self) {
        self.file.cancel_all();
    }

    fn close(&self) {
        self.file.close();
    }
}

/// `None` only after it was waited for.
struct UnderWay {
    request: Option<Box<dyn Request>>,
    code: u32,
    state: Arc<State>,
}

impl UnderWay {
    fn request(&mut self) -> Box<dyn Request> {
        match self.request.take() {
            Some(request) => request,
            None => unreachable!("waiting consumes the request"),
        }
    }
}

impl Drop for UnderWay {
    /// A request that was only looked at is told, too.
    fn drop(&mut self) {
        if let Some(request) = self.request.take_if(|request| request.is_done()) {
            self.state.ended(Some(self.code), request.wait().status);
        }
    }
}

impl Request for UnderWay {
    fn cancel(&self) {
        if let Some(request) = &self.request {
            request.cancel();
        }
    }

    fn is_done(&self) -> bool {
        self.request.as_ref().is_none_or(|request| request.is_done())
    }

    fn wait(self: Box<Self>) -> Completed {
        let mut waiting: Box<dyn Request> = self;
        loop {
            match waiting.wait_for(Duration::MAX) {
                Ok(completed) => return completed,
                Err(still) => waiting = still,
            }
        }
    }

    /// As a user who gives up cancels the request, and then waits as long as it takes.
    fn wait_for(mut self: Box<Self>, limit: Duration) -> Result<Completed, Box<dyn Request>> {
        let end = Instant::now().checked_add(limit);
        loop {
            let left = end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()));
            match self.request().wait_for(left.min(LOOK)) {
                Ok(completed) => {
                    self.state.ended(Some(self.code), completed.status);
                    return Ok(completed);
                }
                Err(still) => self.request = Some(still),
            }
            if self.state.gives_up() {
                self.cancel();
            } else if end.is_some_and(|end| Instant::now() >= end) {
                return Err(self);
            }
        }
    }
}
