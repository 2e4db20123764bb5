//! The state of a provider: its clients, their sockets and requests, all under one lock.
//!
//! Order of locks: the cancel spin lock, this one, a socket's options, its settings, its inbox, the engine's queue. None of them is
//! held while client code runs, which is: in `IofCompleteRequest`, and in the callback of a socket.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};
use readings::Question;
use wsk_sys::{WSK_PROVIDER_DISPATCH, WSK_TRANSPORT};

use crate::Config;
use crate::call::security::Cached;
use crate::client::dispatch_table;
use crate::client::registration::Registration;
use crate::client::transports;
use crate::net::host::Poller;
use crate::net::memory::Watcher;
use crate::platform::{self, Owner};
use crate::rules::{Broken, DEREGISTER_STUCK};
use crate::run::engine::Engine;
use crate::run::request::{Request, Waiting, Work};
use crate::socket::Entry;

/// How many closed sockets are remembered, so that reports can name them.
const REMEMBERED: usize = 256;

/// A WSK provider.
pub(crate) struct Provider {
    pub(crate) config: Config,
    /// Clients hold its address; the provider does not move.
    pub(crate) dispatch: Dispatch,
    state: Mutex<State>,
    /// Signalled when a client may stop waiting: readiness, and everything that `WskDeregister` waits for.
    changed: Condvar,
    pub(crate) engine: Engine,
    pub(crate) poller: Poller,
    /// Called by the network in memory when the local addresses change, once somebody has waited for that.
    pub(crate) watcher: OnceLock<Arc<Watcher>>,
    /// Held while a registration comes or goes, so that the threads start and stop once.
    pub(crate) lifecycle: Mutex<()>,
}

/// The provider's functions.
pub(crate) struct Dispatch(pub(crate) WSK_PROVIDER_DISPATCH);

/// What the lock guards.
pub(crate) struct State {
    pub(crate) ready: bool,
    /// The provider was taken away, and is not back.
    pub(crate) detached: bool,
    pub(crate) registrations: HashMap<u64, Registration>,
    pub(crate) sockets: HashMap<u64, Entry>,
    /// From the address of a `WSK_SOCKET` to its number.
    pub(crate) by_address: HashMap<usize, u64>,
    /// Address and description of sockets that were closed, oldest first.
    pub(crate) closed: VecDeque<(usize, String)>,
    /// The requests that wait, by the number that their IRPs bear.
    pub(crate) requests: HashMap<u64, Waiting>,
    /// Those of them that wait for a change of the local addresses, and of the transports.
    pub(crate) address_changes: BTreeSet<u64>,
    pub(crate) transport_changes: BTreeSet<u64>,
    pub(crate) transports: Vec<WSK_TRANSPORT>,
    /// The functions whose requests are held.
    pub(crate) holds: Vec<&'static str>,
    /// The requests that are, by number, with their functions.
    pub(crate) held: BTreeMap<u64, (&'static str, Work)>,
    /// The cached security descriptors, by the address that the client knows.
    pub(crate) descriptors: HashMap<usize, Cached>,
    /// Addresses of those that were released, oldest first.
    pub(crate) released_descriptors: VecDeque<usize>,
    last: u64,
}

impl State {
    /// A number that no registration, socket or request has had.
    pub(crate) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Remembers a closed socket.
    pub(crate) fn remember_closed(&mut self, address: usize, description: String) {
        if self.closed.len() == REMEMBERED {
            self.closed.pop_front();
        }
        self.closed.push_back((address, description));
    }

    /// Takes a request out that waits, unless it is being cancelled at the moment. Who gets it completes it.
    pub(crate) fn claim(&mut self, number: u64) -> Option<Request> {
        let found = self.requests.get(&number)?;
        if !found.request.irp.set_cancel_routine(None) {
            // The cancel routine is about to run, or waits for the lock that we hold. The request is its own.
            return None;
        }
        self.take(number)
    }

    /// Makes a request known that waits.
    pub(crate) fn insert(&mut self, number: u64, waiting: Waiting) {
        let socket = waiting.request.target.socket;
        if let Some(entry) = socket.and_then(|socket| self.sockets.get_mut(&socket)) {
            entry.requests.insert(number);
        }
        self.requests.insert(number, waiting);
    }

    /// Takes a request out that is the caller's to complete.
    pub(crate) fn take(&mut self, number: u64) -> Option<Request> {
        let Waiting { request, mut parked } = self.requests.remove(&number)?;
        if let Some(entry) = request.target.socket.and_then(|socket| self.sockets.get_mut(&socket)) {
            entry.requests.remove(&number);
        }
        parked.unpark(self, number);
        Some(request)
    }
}

impl Provider {
    pub(crate) fn new(config: Config) -> Provider {
        let state = State {
            ready: config.ready,
            detached: false,
            registrations: HashMap::new(),
            sockets: HashMap::new(),
            by_address: HashMap::new(),
            closed: VecDeque::new(),
            requests: HashMap::new(),
            address_changes: BTreeSet::new(),
            transport_changes: BTreeSet::new(),
            transports: transports::initial(*config.versions.end(), config.readings.of()),
            holds: Vec::new(),
            held: BTreeMap::new(),
            descriptors: HashMap::new(),
            released_descriptors: VecDeque::new(),
            last: 0,
        };
        Provider {
            dispatch: Dispatch(dispatch_table(*config.versions.end())),
            state: Mutex::new(state),
            changed: Condvar::new(),
            engine: Engine::new(config.completion),
            poller: Poller::default(),
            watcher: OnceLock::new(),
            lifecycle: Mutex::new(()),
            config,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// What the provider does where the pages leave that question open.
    pub(crate) fn reading<Q: Question>(&self) -> Q {
        self.config.readings.of()
    }

    /// Whether that is this one.
    pub(crate) fn follows<Q: Question + PartialEq>(&self, reading: Q) -> bool {
        self.reading::<Q>() == reading
    }

    /// Wakes whoever waits for a change of the state.
    pub(crate) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Waits for a change of the state; false if the time is up.
    pub(crate) fn wait(&self, state: &mut MutexGuard<'_, State>, deadline: Option<Instant>) -> bool {
        match deadline {
            None => {
                self.changed.wait(state);
                true
            }
            Some(deadline) => !self.changed.wait_until(state, deadline).timed_out(),
        }
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        let mut state = self.lock();
        state.ready = ready;
        state.detached &= !ready;
        drop(state);
        self.notify();
    }

    /// Descriptions of the registrations whose owner `whose` accepts.
    pub(crate) fn registrations_of(&self, whose: impl Fn(Owner) -> bool) -> Vec<String> {
        let state = self.lock();
        state.registrations.values().filter(|one| whose(one.owner)).map(Registration::describe).collect()
    }

    /// Stops the threads. Nothing may be in flight.
    ///
    /// # Errors
    /// [`DEREGISTER_STUCK`]: a callback or completion routine does not return.
    pub(crate) fn stop_threads(&self) -> Result<(), Broken> {
        let limit = platform::hang_limit();
        if !self.engine.stop(limit) {
            let left = self.in_flight().join("; ");
            let detail = format!(
                "the provider's thread has not come back from a client's routine for {limit:?}: {left}"
            );
            return Err(Broken::new(&DEREGISTER_STUCK, detail));
        }
        self.poller.stop();
        Ok(())
    }

    /// What each registration has in flight, and the sockets, for a report.
    pub(crate) fn in_flight(&self) -> Vec<String> {
        let state = self.lock();
        let registrations = state
            .registrations
            .values()
            .map(|one| format!("{} with {} calls and {} requests", one.describe(), one.calls, one.in_flight));
        registrations.chain(state.sockets.values().map(Entry::describe)).collect()
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Provider")
            .field("config", &self.config)
            .field("registrations", &state.registrations.len())
            .field("sockets", &state.sockets.len())
            .finish_non_exhaustive()
    }
}
