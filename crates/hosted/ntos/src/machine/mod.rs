//! The machine: one simulated Windows kernel, of which a process may have several.

mod access_violation;
mod at_exit;
pub mod bugcheck;
pub(crate) mod companion;
pub mod counters;
pub mod debug;
mod driver_panic;
pub mod fault;
pub(crate) mod frames;
pub(crate) mod here;
pub(crate) mod maker;
pub mod owner;
pub mod routine;
#[cfg(all(unix, not(miri)))]
mod signal;
pub mod stuck;

use std::any::{Any, TypeId};
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use readings::{Question, Readings};

use crate::ex::pool::registry::Registry;
use crate::ex::pool::{self, SpecialPool};
use crate::ex::work_item::{self, Workers};
use crate::ke::dispatcher::Dispatcher;
use crate::ke::lock_order::LockOrder;
use crate::ke::mutex;
use crate::ke::processor::{self, Processor};
use crate::machine::bugcheck::{Broken, Crash, complain, require};
use crate::machine::counters::{Counters, Gauges};
use crate::machine::fault::Faults;
pub use crate::machine::here::Entered;
use crate::machine::here::Here;
use crate::machine::owner::{LeakCheck, LeakScope, leak_report};
use crate::mm::in_flight::InFlight;
use crate::mm::mdl;
use crate::ps::thread::{self, Threads};
use crate::rule;

/// How a machine behaves.
///
/// ```
/// let lenient = ntos::Config { strict: false, ..Default::default() };
/// # assert!(ntos::Config::default().strict && !lenient.strict);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether what only Driver Verifier checks (leaks, pool tags) is a bug check, too.
    pub strict: bool,
    /// A wait without limit that takes longer is a bug check, so that a hang names its object. `None`: no check.
    pub wait_limit: Option<Duration>,
    /// How long [`Machine::shutdown`] waits for the machine's threads.
    pub shutdown_limit: Duration,
    /// How long the kernel waits for what must come: `DriverEntry` or `DriverUnload` to return, the driver's devices to
    /// be closed, a create, cleanup or close to be completed, a spin lock to be released, a DPC to return. Then it is a
    /// bug check, which names what it waited for. `Duration::MAX`: no limit.
    pub hang_limit: Duration,
    /// How long a process waits for a request ([`File::device_io_control`](crate::File::device_io_control),
    /// [`Overlapped::wait`](crate::Overlapped::wait)), before that is a bug check, which names the request.
    /// `Duration::MAX`: no limit.
    pub request_limit: Duration,
    /// What the kernel, and the framework in it, do where Microsoft's pages leave it open: one reading of each question of
    /// `docs/fidelity.md`. Those of WSK are `netio::Config::readings`.
    pub readings: Readings,
    /// Whether each block of memory that a driver has is guarded by pages of its own.
    pub special_pool: SpecialPool,
}

/// Longer than what waits for a driver inside of a driver's routine and has its own report, as the framework does.
const HANG_LIMIT: Duration = Duration::from_mins(2);

impl Default for Config {
    /// Strict, also in its readings, with special pool, with no limit on a driver's own waits, and two minutes for those of the
    /// kernel and of processes.
    fn default() -> Config {
        Config {
            strict: true,
            wait_limit: None,
            shutdown_limit: Duration::from_secs(30),
            hang_limit: HANG_LIMIT,
            request_limit: HANG_LIMIT,
            readings: Readings::STRICT,
            special_pool: SpecialPool::from_environment(),
        }
    }
}

/// One simulated Windows kernel. A clone is the same machine.
///
/// A thread calls the kernel's functions on the machine that it has entered: see [`Machine::enter`]. Threads that
/// the machine makes have entered it. End with [`Machine::shutdown`], which waits for them.
#[derive(Clone)]
pub struct Machine {
    pub(crate) parts: Arc<Parts>,
}

/// What a machine consists of.
pub(crate) struct Parts {
    config: Config,
    booted: Instant,
    faults: Faults,
    pub(crate) crash: Crash,
    pub(crate) gauges: Gauges,
    pub(crate) debug: debug::Log,
    pub(crate) pool: Registry,
    pub(crate) in_flight: InFlight,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) lock_order: LockOrder,
    pub(crate) processor: Processor,
    pub(crate) workers: Workers,
    pub(crate) threads: Threads,
    extensions: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    leak_checks: Mutex<Vec<LeakCheck>>,
    shutdown_hooks: Mutex<Vec<ShutdownHook>>,
    /// How many closures passed to `spawn` run.
    spawned: Mutex<usize>,
    spawned_ended: Condvar,
}

type ShutdownHook = Box<dyn FnOnce(&Machine) + Send>;

thread_local! {
    /// Whether the calling thread runs a closure passed to `spawn`.
    static SPAWNED: Cell<bool> = const { Cell::new(false) };
}

impl Machine {
    /// Makes a machine.
    #[must_use]
    pub fn boot(config: Config) -> Machine {
        driver_panic::install();
        access_violation::install();
        let crash = Crash::default();
        if config.readings != Readings::STRICT {
            crash.add_setting(format!("ntos::Config {{ readings: \"{}\".parse()?, .. }}", config.readings));
        }
        let special_pool = config.special_pool;
        let parts = Parts {
            config,
            booted: Instant::now(),
            faults: Faults::default(),
            crash,
            gauges: Gauges::default(),
            debug: debug::Log::default(),
            pool: Registry::new(special_pool),
            in_flight: InFlight::default(),
            dispatcher: Dispatcher::default(),
            lock_order: LockOrder::default(),
            processor: Processor::default(),
            workers: Workers::default(),
            threads: Threads::default(),
            extensions: Mutex::default(),
            leak_checks: Mutex::default(),
            shutdown_hooks: Mutex::default(),
            spawned: Mutex::default(),
            spawned_ended: Condvar::new(),
        };
        Machine { parts: Arc::new(parts) }
    }

    /// The state of type `T` that a module keeps on this machine, made on first use.
    ///
    /// # Panics
    /// If `make` panics.
    pub fn extension<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let here = self.as_here();
        if let Some(found) = here.as_ref().and_then(Here::extension) {
            return found;
        }
        let found = self.find_extension(make);
        if let Some(here) = here {
            here.keep(&found);
        }
        found
    }

    fn find_extension<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let slot = {
            let mut extensions = self.parts.extensions.lock();
            let empty = || Arc::new(OnceLock::<Arc<T>>::new()) as Arc<dyn Any + Send + Sync>;
            Arc::clone(extensions.entry(TypeId::of::<T>()).or_insert_with(empty))
        };
        // Made outside the map's lock, so that `make` may ask for other extensions.
        let slot = slot.downcast_ref::<OnceLock<Arc<T>>>();
        let slot = slot.expect("the map's key is the type of the value");
        Arc::clone(slot.get_or_init(|| Arc::new(make())))
    }

    /// Starts a thread of this machine.
    ///
    /// # Panics
    /// If the operating system has no more threads.
    pub fn spawn<R: Send + 'static>(
        &self,
        name: &str,
        f: impl FnOnce() -> R + Send + 'static,
    ) -> JoinHandle<R> {
        struct Ended(Machine);
        impl Drop for Ended {
            fn drop(&mut self) {
                *self.0.parts.spawned.lock() -= 1;
                self.0.parts.spawned_ended.notify_all();
            }
        }
        *self.parts.spawned.lock() += 1;
        let ended = Ended(self.clone());
        let body = move || {
            let ended = ended;
            companion::make_expendable();
            let _entered = ended.0.enter();
            SPAWNED.set(true);
            f()
        };
        Builder::new().name(name.to_owned()).spawn(body).expect("the system has threads left")
    }

    /// How this machine behaves.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// The reading of a question that this machine follows.
    #[must_use]
    pub fn reading<Q: Question>(&self) -> Q {
        self.parts.config.readings.of()
    }

    /// Live and total counts of the machine's objects.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.parts.gauges.read()
    }

    /// The machine's fault points.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.parts.faults
    }

    /// How long the machine has been running.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.parts.booted.elapsed()
    }

    /// Adds a check that runs when a driver was unloaded and at shutdown.
    pub fn on_leak_check(&self, check: LeakCheck) {
        self.parts.leak_checks.lock().push(check);
    }

    /// Adds a function that runs first when the machine shuts down: where a module stops its threads.
    pub fn on_shutdown(&self, hook: impl FnOnce(&Machine) + Send + 'static) {
        self.parts.shutdown_hooks.lock().push(Box::new(hook));
    }

    /// Looks for what was left behind; each leak is a bug check that names the object.
    pub fn check_leaks(&self, scope: LeakScope) {
        let machine = self.clone();
        self.go_in(move || machine.check_leaks_here(scope));
    }

    fn check_leaks_here(&self, scope: LeakScope) {
        let _entered = self.enter();
        let registered = self.parts.leak_checks.lock().clone();
        // Pool last: what else was left behind says more about the block that it is in.
        let own: [LeakCheck; 4] =
            [thread::check_leaks, mutex::check_leaks, work_item::check_leaks, processor::check_leaks];
        let memory: [LeakCheck; 2] = [mdl::check_leaks, pool::check_leaks];
        for check in own.into_iter().chain(registered).chain(memory) {
            complain_of(check(self, scope));
        }
    }

    /// Ends the machine: waits for its threads, then looks for leaks. A dead machine is left as it is.
    ///
    /// Call it from a thread that the machine did not make, or from within [`Machine::catch_bug_check`].
    ///
    /// # Panics
    /// With the report, if this is a bug check, or if nobody has heard yet of the one that ended the machine.
    pub fn shutdown(self) {
        if self.parts.crash.is_unheard() && !companion::is_expendable() {
            self.panic_with_report();
        }
        if !self.parts.crash.is_dead() {
            let machine = self.clone();
            self.go_in(move || machine.shutdown_here());
        }
    }

    fn shutdown_here(&self) {
        let _entered = self.enter();
        let hooks = mem::take(&mut *self.parts.shutdown_hooks.lock());
        for hook in hooks {
            hook(self);
        }
        self.wait_for_spawned();
        require(self.parts.processor.flush(self));
        self.check_leaks_here(LeakScope::Shutdown);
        self.parts.threads.join();
        self.parts.workers.stop(self);
        complain_of(self.parts.processor.stop(self).err());
        // An extension may hold its machine; this breaks the circle.
        if let Some(here) = self.as_here() {
            here.forget_extensions();
        }
        let extensions = mem::take(&mut *self.parts.extensions.lock());
        drop(extensions);
    }

    /// Waits until only the calling thread, if at all, runs a closure passed to `spawn`.
    fn wait_for_spawned(&self) {
        let expected = usize::from(SPAWNED.get());
        let mut spawned = self.parts.spawned.lock();
        let limit = self.parts.config.shutdown_limit;
        self.parts.spawned_ended.wait_while_for(&mut spawned, |spawned| *spawned > expected, limit);
        let left = spawned.saturating_sub(expected);
        drop(spawned);
        let names = vec!["started with Machine::spawn".to_owned(); left];
        complain_of(leak_report(&rule::THREAD_LEFT, "threads", LeakScope::Shutdown, names));
    }
}

fn complain_of(broken: impl IntoIterator<Item = Broken>) {
    for Broken { rule, detail } in broken {
        complain(rule, detail);
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("config", &self.parts.config).finish_non_exhaustive()
    }
}
