//! A small WSK client, written as a driver would be: raw calls, an event, a completion routine.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test file uses its part")]
#![allow(unsafe_code, reason = "calls the kernel's C functions; the contracts are those of their pages")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the calls follow the pages one by one; Miri checks them"
)]

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

mod client;
mod events;
mod memory;
mod request;
mod security;
mod socket;
mod told;

pub use client::*;
pub use events::*;
pub use memory::{Address, Buffer, Pinned, pool};
pub use request::{Gate, Request, irp, sending_at};
pub use security::{Variable, descriptor};
pub use socket::{Receive, Received, Socket};
pub use told::{Info, Told, info, messages};

use ::netio::memory::{Net, Peer as MemoryPeer};
use ::netio::{Completion, Config, Netio, Network};
use ntos::{Machine, Rule};
use readings::{Question, Readings};

/// How long a test waits for something that must happen.
pub const LIMIT: Duration = Duration::from_secs(30);
/// How long a test waits for something that must not happen.
pub const SHORT: Duration = Duration::from_millis(50);

pub const MODES: &[Completion] = if cfg!(miri) {
    &[Completion::Inline, Completion::Delayed { seed: 1 }]
} else {
    &[
        Completion::Inline,
        Completion::Deferred,
        Completion::Delayed { seed: 1 },
        Completion::Delayed { seed: 2 },
        Completion::Mixed { seed: 1 },
    ]
};

/// A machine with a provider, and the other end of its network.
pub struct World {
    pub machine: Machine,
    pub netio: Netio,
    pub mode: Completion,
    net: Option<Net>,
}

/// A user-mode socket at the other end.
pub enum Peer {
    Memory(MemoryPeer),
    Host(UdpSocket),
}

impl World {
    pub fn new(network: Option<Net>, mode: Completion) -> World {
        World::with(network, Config { completion: mode, ..Config::default() })
    }

    /// A world whose provider has this configuration, but for the network.
    pub fn with(network: Option<Net>, config: Config) -> World {
        let machine = Machine::boot(ntos::Config::default());
        let mode = config.completion;
        let config = Config { network: network.clone().map_or(Network::Host, Network::Memory), ..config };
        let netio = ::netio::install(&machine, config);
        World { machine, netio, mode, net: network }
    }

    /// Runs a wrong client; it must be stopped by `rule`, with a report that contains `object`.
    #[track_caller]
    pub fn catch(&self, rule: &Rule, object: &str, wrong: impl FnOnce() + Send + 'static) {
        let report = self.machine.catch_bug_check(wrong).expect_err("the wrong client was not stopped");
        assert_eq!(report.rule, *rule, "{report}");
        assert!(report.detail.contains(object), "no {object:?} in: {}", report.detail);
    }

    pub fn peer(&self, address: &str) -> Peer {
        let address = address.parse().unwrap();
        let peer = match &self.net {
            Some(net) => Peer::Memory(net.peer(address).unwrap()),
            None => Peer::Host(UdpSocket::bind(address).unwrap()),
        };
        peer.set_timeout(LIMIT);
        peer
    }

    pub fn net(&self) -> &Net {
        self.net.as_ref().expect("a network in memory")
    }

    pub fn is_memory(&self) -> bool {
        self.net.is_some()
    }
}

impl Peer {
    pub fn set_timeout(&self, timeout: Duration) {
        match self {
            Peer::Memory(peer) => peer.set_read_timeout(Some(timeout)).unwrap(),
            Peer::Host(peer) => peer.set_read_timeout(Some(timeout)).unwrap(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Peer::Memory(peer) => peer.local_addr().unwrap(),
            Peer::Host(peer) => peer.local_addr().unwrap(),
        }
    }

    pub fn send(&self, bytes: &[u8], to: SocketAddr) {
        let sent = match self {
            Peer::Memory(peer) => peer.send_to(bytes, to),
            Peer::Host(peer) => peer.send_to(bytes, to),
        };
        assert_eq!(sent.unwrap(), bytes.len());
    }

    pub fn receive(&self) -> io::Result<(Vec<u8>, SocketAddr)> {
        let mut buffer = vec![0; if cfg!(miri) { 100 } else { 0x1_0000 }];
        let (length, from) = match self {
            Peer::Memory(peer) => peer.recv_from(&mut buffer),
            Peer::Host(peer) => peer.recv_from(&mut buffer),
        }?;
        buffer.truncate(length);
        Ok((buffer, from))
    }
}

/// Waits until `done` holds.
#[track_caller]
pub fn until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

/// Runs `test` in every mode, on a network in memory.
pub fn in_memory(test: impl Fn(&World)) {
    for &mode in MODES {
        run(World::new(Some(Net::new()), mode), &test);
    }
}

/// Runs `test` with other readings than the strict ones, in two modes, on a network in memory.
pub fn under(readings: &Readings, test: impl Fn(&World)) {
    for completion in [Completion::Inline, Completion::Deferred] {
        let config = Config { completion, readings: readings.clone(), ..Config::default() };
        run(World::with(Some(Net::new()), config), &test);
    }
}

/// Runs `test` with one other reading than the strict ones.
pub fn with_reading<Q: Question + PartialEq>(reading: Q, test: impl Fn(&World)) {
    under(&Readings::STRICT.with(reading), test);
}

/// Runs `test` in every mode, on a network in memory and on the host's.
pub fn everywhere(test: impl Fn(&World)) {
    in_memory(&test);
    if !cfg!(miri) {
        for &mode in MODES {
            run(World::new(None, mode), &test);
        }
    }
}

fn run(world: World, test: &impl Fn(&World)) {
    let entered = world.machine.enter();
    test(&world);
    drop(entered);
    assert_eq!((world.netio.sockets(), world.netio.registrations()), (0, 0));
    world.machine.shutdown();
}
