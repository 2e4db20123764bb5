//! What the suites share: a machine with a provider, in every way that requests can complete.
#![allow(dead_code, reason = "each suite uses its part")]
#![allow(unsafe_code, reason = "a doorbell is made by an unsafe function")]

pub(crate) mod events;

use std::ffi::c_void;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use netio::memory::{Net, Peer};
use netio::{Completion, Netio, Network};
use ntos::Machine;
use readings::Readings;
use wsk::{
    Buffer, CompletionQueue, Datagram, Doorbell, Error, Family, Op, Passive, Provider, ReceiveFrom, Received,
    Registration, Result, SendTo, Version,
};

/// The longest that a test waits for something that must come.
pub(crate) const SOON: Duration = if cfg!(miri) { Duration::from_mins(5) } else { Duration::from_secs(20) };
/// A time limit that passes.
pub(crate) const BRIEFLY: Duration = Duration::from_millis(5);

/// Every way in which requests complete.
pub(crate) const MODES: &[Completion] = if cfg!(miri) {
    &[Completion::Inline, Completion::Delayed { seed: 1 }]
} else {
    &[
        Completion::Inline,
        Completion::Deferred,
        Completion::Delayed { seed: 1 },
        Completion::Delayed { seed: 2 },
        Completion::Delayed { seed: 3 },
    ]
};

/// Those of the calling test. Miri is slow: there each test has one of them, which follows from its name, and each of them half of
/// the tests.
pub(crate) fn modes() -> &'static [Completion] {
    if !cfg!(miri) {
        return MODES;
    }
    let one = thread::current().name().map_or(0, str::len) % MODES.len();
    &MODES[one..=one]
}

/// A machine with a provider, which the calling thread has entered.
pub(crate) struct World {
    pub(crate) machine: Machine,
    pub(crate) net: Net,
    pub(crate) netio: Netio,
}

impl World {
    pub(crate) fn passive(&self) -> Passive {
        let _ = &self.machine;
        Passive::check().expect("tests run at PASSIVE_LEVEL")
    }

    /// Calls `test` with a registered client that has captured the provider.
    pub(crate) fn with_client<R>(&self, test: impl FnOnce(&Registration, &Provider<'_>, &Passive) -> R) -> R {
        let passive = self.passive();
        let registration = Registration::register(Version::V1_0, &passive).unwrap();
        let provider = registration.provider(&passive).unwrap();
        test(&registration, &provider, &passive)
    }

    /// Calls `test` with a bound IPv4 socket and its address.
    pub(crate) fn with_socket<R>(&self, test: impl FnOnce(Datagram<'_>, SocketAddr, &Passive) -> R) -> R {
        self.with_client(|_, provider, passive| {
            let socket = bound(provider, LOOPBACK_V4, passive);
            let address = socket.local_address(passive).unwrap();
            test(socket, address, passive)
        })
    }

    pub(crate) fn peer(&self) -> Peer {
        let peer = self.net.peer(LOOPBACK_V4.parse().unwrap()).unwrap();
        peer.set_read_timeout(Some(SOON)).unwrap();
        peer
    }
}

pub(crate) const LOOPBACK_V4: &str = "127.0.0.1:0";
pub(crate) const LOOPBACK_V6: &str = "[::1]:0";

/// A machine that fails a test that hangs.
pub(crate) fn machine() -> Machine {
    let config = ntos::Config { wait_limit: Some(SOON), ..ntos::Config::default() };
    Machine::boot(config)
}

/// Boots, runs `test`, and shuts down, which finds leaks. The network is in memory.
pub(crate) fn run(completion: Completion, test: impl FnOnce(&World)) {
    let net = Net::new();
    run_with(
        netio::Config { network: Network::Memory(net.clone()), completion, ..netio::Config::default() },
        net,
        test,
    );
}

/// As [`run`], where WSK does what these readings say.
pub(crate) fn run_as_read(readings: Readings, test: impl FnOnce(&World)) {
    let net = Net::new();
    let network = Network::Memory(net.clone());
    run_with(netio::Config { network, readings, ..netio::Config::default() }, net, test);
}

/// As [`run`], with another provider.
pub(crate) fn run_with(config: netio::Config, net: Net, test: impl FnOnce(&World)) {
    let machine = machine();
    let netio = netio::install(&machine, config);
    let world = World { machine: machine.clone(), net, netio };
    let entered = machine.enter();
    test(&world);
    assert_eq!((world.netio.sockets(), world.netio.registrations()), (0, 0), "WSK objects were left");
    drop(entered);
    machine.shutdown();
}

/// Runs `test` in every way in which requests complete.
pub(crate) fn in_every_mode(test: impl Fn(&World)) {
    for mode in modes() {
        println!("completion: {mode:?}");
        run(*mode, &test);
    }
}

/// A socket that is bound to an address of its family.
pub(crate) fn bound<'r>(provider: &Provider<'r>, address: &str, passive: &Passive) -> Datagram<'r> {
    let address: SocketAddr = address.parse().unwrap();
    let socket = provider.datagram(Family::of(&address), passive).unwrap();
    match socket.bind(address, passive) {
        Ok(socket) => socket,
        Err(error) => panic!("{address}: {error}"),
    }
}

/// An operation with these bytes.
pub(crate) fn op_with(bytes: &[u8]) -> Op<Buffer> {
    let mut buffer = Buffer::new(bytes.len().max(1)).unwrap();
    buffer.fill(bytes).unwrap();
    Op::new(buffer).unwrap()
}

/// An operation with room for so many bytes.
pub(crate) fn op_for(capacity: usize) -> Op<Buffer> {
    Op::new(Buffer::new(capacity).unwrap()).unwrap()
}

pub(crate) fn send(
    socket: &Datagram<'_>,
    bytes: &[u8],
    to: Option<SocketAddr>,
    passive: &Passive,
) -> Result<usize> {
    socket.submit(op_with(bytes), SendTo(to), Some(SOON)).wait(passive).0
}

/// Receives a datagram within a time limit.
pub(crate) fn receive(
    socket: &Datagram<'_>,
    capacity: usize,
    limit: Duration,
    passive: &Passive,
) -> Result<(Received, Vec<u8>)> {
    let (result, op) = socket.submit(op_for(capacity), ReceiveFrom, Some(limit)).wait(passive);
    result.map(|received| (received, op.buffers()[..received.length].to_vec()))
}

/// That nothing comes.
pub(crate) fn receives_nothing(socket: &Datagram<'_>, passive: &Passive) -> bool {
    receive(socket, 100, Duration::from_millis(20), passive).map(drop) == Err(Error::IO_TIMEOUT)
}

/// A doorbell that a thread can wait for, and count.
#[derive(Clone, Default)]
pub(crate) struct Bell(Arc<(Mutex<Rings>, Condvar)>);

#[derive(Clone, Copy, Default)]
struct Rings {
    new: bool,
    total: usize,
}

impl Bell {
    /// A queue that rings this bell, which outlives it: the caller keeps a clone until the queue is gone.
    pub(crate) fn queue<'r, B: Send + 'static, T>(&self, passive: &Passive) -> CompletionQueue<'r, B, T> {
        self.try_queue(passive).unwrap()
    }

    pub(crate) fn try_queue<'r, B: Send + 'static, T>(
        &self,
        passive: &Passive,
    ) -> Result<CompletionQueue<'r, B, T>> {
        // SAFETY: `ring` may be called on any thread at any IRQL that a test has; the bell lives as long as the
        // caller's clone, which the tests drop after the queue.
        let doorbell = unsafe { Doorbell::new(ring, Arc::as_ptr(&self.0).cast_mut().cast()) };
        CompletionQueue::new(doorbell, passive)
    }

    pub(crate) fn rings(&self) -> usize {
        self.0.0.lock().unwrap().total
    }

    /// Waits for a ring that was not waited for before.
    pub(crate) fn listen(&self) {
        let (rings, rung) = &*self.0;
        let (mut rings, waited) =
            rung.wait_timeout_while(rings.lock().unwrap(), SOON, |rings| !rings.new).unwrap();
        assert!(!waited.timed_out(), "the doorbell did not ring");
        rings.new = false;
    }

    /// Takes `count` operations from the queue, whenever the bell rings.
    pub(crate) fn take<B: Send + 'static, T>(
        &self,
        queue: &CompletionQueue<'_, B, T>,
        count: usize,
    ) -> Vec<(T, Op<B>)> {
        let mut taken = Vec::new();
        while taken.len() < count {
            self.listen();
            taken.extend(queue.drain());
        }
        assert_eq!(taken.len(), count);
        taken
    }

    /// Takes one.
    pub(crate) fn take_one<B: Send + 'static, T>(&self, queue: &CompletionQueue<'_, B, T>) -> (T, Op<B>) {
        self.take(queue, 1).remove(0)
    }
}

/// # Safety
/// `context` is the inside of a [`Bell`].
unsafe fn ring(context: *mut c_void) {
    // SAFETY: this function's own contract.
    let (rings, rung) = unsafe { &*context.cast::<(Mutex<Rings>, Condvar)>() };
    let mut rings = rings.lock().unwrap();
    rings.new = true;
    rings.total += 1;
    rung.notify_all();
}

/// Runs a scenario with one call after another made to fail, every `step`-th, until none is left that can. The scenario
/// must fail for that reason only. Gives the calls whose failure it reported.
pub(crate) fn each_failure(
    mode: Completion,
    step: usize,
    scenario: impl Fn(&World) -> wsk::Result,
) -> Vec<&'static str> {
    let mut struck = Vec::new();
    for n in (0..).step_by(step) {
        let mut fired = None;
        run(mode, |world| {
            world.machine.faults().fail_nth(n);
            let result = scenario(world);
            fired = world.machine.faults().fired();
            world.machine.faults().disarm();
            match (result, fired) {
                (Ok(()), _) => {}
                (Err(error), Some(_)) => assert_eq!(error, wsk::Error::INSUFFICIENT_RESOURCES, "{fired:?}"),
                (Err(error), None) => panic!("nothing failed, and yet: {error}"),
            }
            if result.is_err() {
                struck.extend(fired);
            }
        });
        if fired.is_none() {
            break;
        }
    }
    struck
}
