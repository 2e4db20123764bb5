//! The driver hosted inside this program, on a user-mode Windows kernel.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, mem};

use netio::memory::Net;
use netio::{Config, Netio};
use ntos::{Driver, Faults, IrpEventKind, Overlapped, Process, SpecialPool, Token};
use readings::Readings;
use wskdrv_abi::USER_PATH;

use super::{
    Completed, Completion, File, Hosted, IrpEvent, IrpStep, Kind, Network, OpenError, OtherProcess, Peer,
    Refused, Request,
};

/// `GENERIC_READ | GENERIC_WRITE`.
const READ_WRITE: u32 = 0xC000_0000;

/// A booted kernel with the driver in it.
pub(super) struct Machine {
    kernel: ntos::Machine,
    netio: Netio,
    process: Mutex<Process>,
    driver: Mutex<Option<Driver>>,
    completion: Completion,
    readings: Readings,
    /// The network, if it is one in memory.
    net: Option<Net>,
}

impl Machine {
    pub(super) fn boot(config: &Hosted) -> Result<Machine, OpenError> {
        // A user may wait for a datagram as long as he likes.
        let readings = config.readings.clone();
        let mut kernel = ntos::Config {
            request_limit: Duration::MAX,
            readings: readings.clone(),
            ..ntos::Config::default()
        };
        if config.plain_pool {
            kernel.special_pool = SpecialPool::Off;
        }
        let kernel = ntos::Machine::boot(kernel);
        let completion = match config.completion {
            Completion::Inline => netio::Completion::Inline,
            Completion::Deferred => netio::Completion::Deferred,
            Completion::Delayed(seed) => netio::Completion::Delayed { seed },
            Completion::Mixed(seed) => netio::Completion::Mixed { seed },
        };
        let (net, network) = match config.network {
            Network::Host => (None, netio::Network::Host),
            Network::Memory => {
                let net = Net::new();
                (Some(net.clone()), netio::Network::Memory(net))
            }
        };
        let netio = netio::install(
            &kernel,
            Config { network, completion, readings: readings.clone(), ..Config::default() },
        );
        let driver = Mutex::new(Some(load(&kernel)?));
        let process = Mutex::new(kernel.process(Token::Administrator));
        Ok(Machine { kernel, netio, process, driver, completion: config.completion, readings, net })
    }

    /// The fault points of the kernel.
    pub(super) fn faults(&self) -> &Faults {
        self.kernel.faults()
    }

    /// Takes the WSK provider away, or brings it back.
    pub(super) fn provide(&self, there: bool) {
        if there { self.netio.set_ready(true) } else { self.netio.detach() }
    }

    /// Ends the process that opens handles, and starts another one in its place.
    pub(super) fn kill(&self) {
        let next = self.kernel.process(Token::Administrator);
        let process = mem::replace(&mut *lock(&self.process), next);
        process.kill();
    }

    /// Loads the driver, if it was unloaded.
    ///
    /// # Errors
    ///
    /// The status with which it refuses.
    pub(super) fn load(&self) -> Result<(), OpenError> {
        let mut driver = lock(&self.driver);
        if driver.is_none() {
            *driver = Some(load(&self.kernel)?);
        }
        Ok(())
    }
}

fn load(kernel: &ntos::Machine) -> Result<Driver, OpenError> {
    kmdf::load(kernel, wskdrv_abi::SERVICE_NAME, wskdrv::driver_entry)
        .map_err(|status| OpenError::Hosted { doing: "loading the driver", status })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kind for Machine {
    fn describe(&self) -> String {
        let completion = match self.completion {
            Completion::Inline => "inline".to_owned(),
            Completion::Deferred => "deferred".to_owned(),
            Completion::Delayed(seed) => format!("delayed, seed {seed}"),
            Completion::Mixed(seed) => format!("mixed, seed {seed}"),
        };
        let network = if self.net.is_some() { ", network in memory" } else { "" };
        let readings = match &self.readings {
            strict if *strict == Readings::STRICT => String::new(),
            others => format!(", readings {others}"),
        };
        format!("hosted in this program, completion {completion}{network}{readings}")
    }

    fn open(&self) -> Result<Arc<dyn File>, OpenError> {
        let process = lock(&self.process).clone();
        open(&process)
    }

    fn irp_log(&self) -> Option<Vec<IrpEvent>> {
        Some(self.kernel.irp_log().into_iter().map(event).collect())
    }

    fn clear_irp_log(&self) {
        self.kernel.clear_irp_log();
    }

    fn alive(&self) -> Vec<(&'static str, u64)> {
        let counters = self.kernel.counters();
        vec![
            ("WSK sockets", self.netio.sockets() as u64),
            ("requests that wait in WSK", self.netio.pending() as u64),
            ("WSK registrations", self.netio.registrations() as u64),
            ("cached security descriptors", self.netio.descriptors() as u64),
            ("IRPs", counters.irps.live as u64),
            ("MDLs", counters.mdls.live as u64),
            ("pool blocks", counters.pool_blocks.live as u64),
            ("work items", counters.work_items.live as u64),
            ("devices", counters.devices.live as u64),
            ("files", counters.files.live as u64),
        ]
    }

    fn pool_bytes(&self) -> Option<u64> {
        Some(self.kernel.counters().pool_bytes.live as u64)
    }

    fn unload(&self, limit: Duration) -> Option<Result<(), Refused>> {
        let driver = lock(&self.driver).take()?;
        Some(driver.unload_within(limit).map_err(|status| Refused::new(status.0, 0)))
    }

    fn peer(&self, local: SocketAddr) -> io::Result<Peer> {
        match &self.net {
            Some(net) => net.peer(local).and_then(Peer::in_memory),
            None => Peer::of_host(local),
        }
    }

    fn process(&self) -> Option<Box<dyn OtherProcess>> {
        Some(Box::new(Other(self.kernel.process(Token::Administrator))))
    }

    fn kill_sockets(&self) -> bool {
        self.netio.kill_sockets();
        true
    }

    fn announce_changes(&self) -> bool {
        self.netio.change_addresses();
        self.netio.change_transports(|_| {});
        true
    }

    fn readings(&self) -> Option<&Readings> {
        Some(&self.readings)
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn delivers_at_once(&self) -> bool {
        self.net.is_some()
    }

    fn catch_bug_check(&self, f: Box<dyn FnOnce() + Send>) -> Result<(), String> {
        self.kernel.catch_bug_check(f).map_err(|report| report.to_string())
    }

    fn shut_down(&self) {
        self.kernel.clone().shutdown();
    }
}

/// `CreateFile`, as a thread of the process.
fn open(process: &Process) -> Result<Arc<dyn File>, OpenError> {
    let file = process
        .create_file(USER_PATH, READ_WRITE)
        .map_err(|status| OpenError::Hosted { doing: "opening the device", status })?;
    Ok(Arc::new(OpenFile(file)))
}

/// Another process of the machine.
struct Other(Process);

impl OtherProcess for Other {
    fn open(&self) -> Result<Arc<dyn File>, OpenError> {
        open(&self.0)
    }

    fn kill(self: Box<Self>) {
        self.0.kill();
    }
}

fn event(event: ntos::IrpEvent) -> IrpEvent {
    let step = match event.kind {
        IrpEventKind::Allocated { stack_count } => IrpStep::Allocated { stack_count },
        IrpEventKind::Sent { what } => IrpStep::Sent { what },
        IrpEventKind::Cancelled => IrpStep::Cancelled,
        IrpEventKind::Completed { status, information } => IrpStep::Completed { status, information },
        IrpEventKind::RoutineReturned { status } => IrpStep::RoutineReturned { status },
        IrpEventKind::Reused => IrpStep::Reused,
        IrpEventKind::Freed => IrpStep::Freed,
    };
    IrpEvent { irp: event.irp, system: event.system, step, irql: event.irql }
}

pub(super) struct OpenFile(ntos::File);

impl OpenFile {
    pub(super) const fn new(file: ntos::File) -> OpenFile {
        OpenFile(file)
    }
}

impl File for OpenFile {
    fn begin(&self, code: u32, input: Vec<u8>, output: Vec<u8>) -> Box<dyn Request> {
        Box::new(InFlight(Some(self.0.begin(code, input, output))))
    }

    fn cancel_all(&self) {
        self.0.cancel_all();
    }

    fn close(&self) {
        self.0.clone().close();
    }
}

/// A request under way; `None` only after it was waited for.
struct InFlight(Option<Overlapped>);

impl Request for InFlight {
    fn cancel(&self) {
        if let Some(overlapped) = &self.0 {
            overlapped.cancel();
        }
    }

    fn is_done(&self) -> bool {
        self.0.as_ref().is_none_or(Overlapped::is_done)
    }

    fn wait(mut self: Box<Self>) -> Completed {
        match self.0.take() {
            Some(overlapped) => completed(overlapped.wait()),
            None => unreachable!("waiting consumes the request"),
        }
    }

    fn wait_for(mut self: Box<Self>, limit: Duration) -> Result<Completed, Box<dyn Request>> {
        match self.0.take() {
            Some(overlapped) => match overlapped.wait_for(limit) {
                Ok(done) => Ok(completed(done)),
                Err(overlapped) => Err(Box::new(InFlight(Some(overlapped)))),
            },
            None => unreachable!("waiting consumes the request"),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.cancel();
    }
}

fn completed(completed: ntos::Completed) -> Completed {
    let ntos::Completed { status, information, output } = completed;
    Completed { status: status.0, information, output }
}
