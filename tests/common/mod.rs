//! A machine with a network, WSK and the driver, for tests that come through the driver's I/O control codes.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netio::memory::{Net, Peer};
use netio::{Config, Netio, Network};
use ntos::{Driver, File, Machine, Process, Token};
use wsk_sys::{NTSTATUS, NamedStatus, STATUS_SUCCESS};
use wskctl::{Error, Handle, Session};
use wskdrv_abi::{SERVICE_NAME, USER_PATH};

pub use netio::Completion;

/// Long enough for anything that will happen, short enough to notice what will not.
pub const SOON: Duration = Duration::from_secs(20);

/// `GENERIC_READ | GENERIC_WRITE`
pub const READ_WRITE: u32 = 0xC000_0000;

/// A machine with the driver loaded.
pub struct Rig {
    pub machine: Machine,
    pub netio: Netio,
    pub process: Process,
    pub net: Option<Net>,
    driver: Option<Driver>,
}

impl Rig {
    /// On a network in memory.
    pub fn memory(completion: Completion) -> Rig {
        let net = Net::new();
        let network = Network::Memory(net.clone());
        Rig::boot(Config { network, completion, ..Config::default() }, Some(net))
    }

    /// On this computer's network.
    pub fn host(completion: Completion) -> Rig {
        Rig::boot(Config { network: Network::Host, completion, ..Config::default() }, None)
    }

    pub fn boot(config: Config, net: Option<Net>) -> Rig {
        let machine = Machine::boot(ntos::Config::default());
        let netio = netio::install(&machine, config);
        let driver = load(&machine).expect("the driver loads");
        let process = machine.process(Token::Administrator);
        Rig { machine, netio, process, net, driver: Some(driver) }
    }

    /// A new handle.
    pub fn file(&self) -> File {
        self.process.create_file(USER_PATH, READ_WRITE).expect("the device opens")
    }

    /// A new handle, as a session.
    pub fn open(&self) -> Session {
        session(self.file())
    }

    /// A bound socket, and its address.
    pub fn bound(&self, local: &str) -> (Session, SocketAddr) {
        let session = self.open();
        let local: SocketAddr = local.parse().expect("an address");
        session.create(wskctl::Family::of(&local)).expect("created");
        session.bind(local).expect("bound");
        let local = session.local_address().expect("a local address");
        (session, local)
    }

    /// A socket outside the driver, on whichever network the machine has.
    pub fn peer(&self, local: &str) -> Outside {
        let local: SocketAddr = local.parse().expect("an address");
        if let Some(net) = &self.net {
            let peer = net.peer(local).expect("a peer");
            peer.set_read_timeout(Some(SOON)).expect("a time limit");
            return Outside::Memory(peer);
        }
        let socket = std::net::UdpSocket::bind(local).expect("a socket");
        socket.set_read_timeout(Some(SOON)).expect("a time limit");
        Outside::Host(socket)
    }

    /// Waits until every handle and socket is gone; the last request of a handle closes it, on a thread of its own.
    pub fn eventually_idle(&self) {
        eventually("no socket is left", || self.netio.sockets() == 0);
        let watcher = self.open();
        eventually("no handle is left", || {
            let left = watcher.statistics().expect("counts");
            (left.handles_open, left.sockets_open) == (1, 0)
        });
    }

    pub fn unload(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.unload_within(SOON).expect("the driver unloads");
        }
    }

    /// Unloads the driver and stops the machine, which finds everything that was left behind.
    pub fn finish(mut self) {
        self.unload();
        assert_eq!(self.netio.sockets(), 0, "no socket is left");
        assert_eq!(self.netio.registrations(), 0, "no registration is left");
        let Rig { machine, process, .. } = self;
        drop(process);
        let left = machine.counters();
        assert_eq!((left.irps.live, left.mdls.live, left.devices.live, left.files.live), (0, 0, 0, 0));
        machine.shutdown();
    }
}

/// Loads the driver.
pub fn load(machine: &Machine) -> Result<Driver, NamedStatus> {
    kmdf::load(machine, SERVICE_NAME, wskdrv::driver_entry)
}

pub fn session(file: File) -> Session {
    Session::new(Handle::from(file)).within(SOON)
}

/// A UDP socket that is not the driver's.
pub enum Outside {
    Memory(Peer),
    Host(std::net::UdpSocket),
}

impl Outside {
    pub fn address(&self) -> SocketAddr {
        match self {
            Outside::Memory(peer) => peer.local_addr(),
            Outside::Host(socket) => socket.local_addr(),
        }
        .expect("an address")
    }

    pub fn send(&self, data: &[u8], to: SocketAddr) {
        let sent = match self {
            Outside::Memory(peer) => peer.send_to(data, to),
            Outside::Host(socket) => socket.send_to(data, to),
        };
        assert_eq!(sent.expect("sent"), data.len());
    }

    pub fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 65536];
        let received = match self {
            Outside::Memory(peer) => peer.recv_from(&mut buffer),
            Outside::Host(socket) => socket.recv_from(&mut buffer),
        };
        let (length, from) = received.expect("a datagram");
        buffer.truncate(length);
        (buffer, from)
    }
}

/// The status of a request that may have been refused.
pub fn status<T>(result: Result<T, Error>) -> NTSTATUS {
    match result {
        Ok(_) => STATUS_SUCCESS,
        Err(error) => error.status().unwrap_or_else(|| panic!("a status, not: {error}")),
    }
}

/// Waits until `condition` holds.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < end, "in time: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
