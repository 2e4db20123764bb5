//! A sequence, played.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use netio::memory::{Net, Peer};
use netio::{Hold, Netio, Network};
use ntos::security::{GENERIC_READ, GENERIC_WRITE};
use ntos::{Completed, File, Machine, Overlapped, Process, Token};
use wsk_sys::{NTSTATUS, WSK_TRANSPORT};
use wskdrv_abi::{IOCTL_WSKDRV_PROBE, IOCTL_WSKDRV_STATISTICS, SERVICE_NAME, Statistics, USER_PATH};
use zerocopy::FromBytes;

use super::request::{Address, Bytes, Limit, Request};
use super::{Access, Act, Completion, Readings, Sequence};

/// Long enough for anything that will happen, short enough to notice what will not.
const SOON: Duration = Duration::from_secs(20);
/// How long a thread waits for a request in between.
const A_LITTLE: Duration = Duration::from_millis(2);
/// The most handles that are open, and requests that are under way.
const HANDLES: usize = 8;
const REQUESTS: usize = 64;

/// The functions of WSK whose requests can be held.
const HELD: &[&str] = &[
    "WskSocket",
    "WskBind",
    "WskControlSocket",
    "WskSendTo",
    "WskSendMessages",
    "WskGetLocalAddress",
    "WskControlClient",
];

/// Plays a sequence on a kernel of its own.
///
/// # Panics
/// A rule of the kernel was broken, or something is left.
pub(super) fn play(sequence: Sequence) {
    let machine = Machine::boot(ntos::Config {
        request_limit: SOON,
        wait_limit: Some(SOON),
        hang_limit: SOON,
        ..ntos::Config::default()
    });
    let kernel = machine.clone();
    if let Err(report) = machine.catch_bug_check(move || from_load_to_unload(&kernel, sequence)) {
        panic!("{report}");
    }
    machine.shutdown();
}

fn from_load_to_unload(machine: &Machine, sequence: Sequence) {
    let Sequence { completion, readings, bound, first, beside } = sequence;
    let net = Net::new();
    let netio = netio::install(
        machine,
        netio::Config {
            network: Network::Memory(net.clone()),
            completion: match completion {
                Completion::Inline => netio::Completion::Inline,
                Completion::Deferred => netio::Completion::Deferred,
                Completion::Delayed(seed) => netio::Completion::Delayed { seed: seed.into() },
                Completion::Mixed(seed) => netio::Completion::Mixed { seed: seed.into() },
            },
            readings: match readings {
                Readings::Strict => readings::Readings::STRICT,
                Readings::Windows => readings::Readings::WINDOWS,
                Readings::Seed(seed) => readings::Readings::seed(seed.into()),
            },
            deregister_limit: SOON,
            ..netio::Config::default()
        },
    );
    let driver = kmdf::load(machine, SERVICE_NAME, wskdrv::driver_entry).expect("the driver loads");
    let peer = net.peer("127.0.0.1:7003".parse().expect("an address")).expect("a new network");
    let world = Arc::new(World {
        machine: machine.clone(),
        netio,
        peer,
        state: Mutex::new(State {
            processes: [Token::Administrator, Token::System].map(|token| machine.process(token)),
            files: Vec::new(),
            requests: Vec::new(),
            holds: Vec::new(),
            transports: Vec::new(),
        }),
    });
    world.act(Act::Open { process: 0, access: Access::Both });
    if bound {
        for request in [
            Request::Create { v6: false, limit: Limit::None },
            Request::Bind { address: Address::Loopback(1), limit: Limit::None },
        ] {
            world.act(Act::Begin { handle: 0, request });
            // The next one needs what it has made.
            world.act(Act::Wait { request: 0 });
        }
    }
    let other = (!beside.is_empty()).then(|| {
        let world = Arc::clone(&world);
        machine.spawn("beside", move || {
            for act in beside {
                world.act(act);
            }
        })
    });
    for act in first {
        world.act(act);
    }
    if let Some(other) = other {
        other.join().expect("the other thread ends");
    }
    world.end();
    driver.unload_within(SOON).expect("the driver unloads");
    let left = machine.counters();
    assert_eq!((left.irps.live, left.mdls.live, left.devices.live, left.files.live), (0, 0, 0, 0));
}

/// The machine, and what the processes have.
struct World {
    machine: Machine,
    netio: Netio,
    peer: Peer,
    state: Mutex<State>,
}

struct State {
    processes: [Process; 2],
    files: Vec<File>,
    requests: Vec<Overlapped>,
    holds: Vec<Hold>,
    /// Those that were taken away.
    transports: Vec<WSK_TRANSPORT>,
}

/// The place that a number means in a list.
fn place(number: u8, length: usize) -> Option<usize> {
    usize::from(number).checked_rem(length)
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handle, which another thread may close meanwhile.
    fn file(&self, handle: u8) -> Option<File> {
        let state = self.state();
        place(handle, state.files.len()).map(|place| state.files[place].clone())
    }

    /// Takes a request out.
    fn take(&self, request: u8) -> Option<Overlapped> {
        let mut state = self.state();
        place(request, state.requests.len()).map(|place| state.requests.swap_remove(place))
    }

    fn act(&self, act: Act) {
        match act {
            Act::Open { process, access } => self.open(process, access),
            Act::Begin { handle, request } => self.begin(handle, request.bytes()),
            Act::Spoil { handle, request, spoiled } => {
                let mut bytes = request.bytes();
                spoiled.spoil(&mut bytes);
                self.begin(handle, bytes);
            }
            Act::Bytes { handle, code, input, output } => {
                self.begin(handle, Bytes { code, input, output: vec![0xA5; output.into()] });
            }
            Act::Cancel { request } => {
                if let Some(request) = self.take(request) {
                    request.cancel();
                    self.state().requests.push(request);
                }
            }
            Act::CancelAll { handle } => {
                if let Some(file) = self.file(handle) {
                    file.cancel_all();
                }
            }
            Act::Wait { request } => {
                if let Some(request) = self.take(request) {
                    match request.wait_for(A_LITTLE) {
                        Ok(completed) => check(&completed),
                        Err(request) => self.state().requests.push(request),
                    }
                }
            }
            Act::Close { handle } => {
                let mut state = self.state();
                let file = place(handle, state.files.len()).map(|place| state.files.swap_remove(place));
                drop(state);
                if let Some(file) = file {
                    file.close();
                }
            }
            Act::Kill { process } => {
                let mut state = self.state();
                let new = self.machine.process(Token::Administrator);
                let killed = mem::replace(&mut state.processes[usize::from(process % 2)], new);
                drop(state);
                killed.kill();
            }
            Act::Arrive { port, group, length, count } => {
                let to = if group { Address::Group(port) } else { Address::Loopback(port) };
                let data = vec![0x5A; usize::from(length % 2048)];
                for _ in 0..count % 8 {
                    // That nobody takes it is no error, and that it goes nowhere is none of the driver's.
                    let _ = self.peer.send_to(&data, to.address());
                }
            }
            Act::Fail { nth, all: false } => self.machine.faults().fail_nth(nth.into()),
            Act::Fail { nth, all: true } => self.machine.faults().fail_from(nth.into()),
            Act::Recover => self.machine.faults().disarm(),
            Act::Hold { function } => {
                let function = HELD[usize::from(function) % HELD.len()];
                let hold = self.netio.hold(function);
                self.state().holds.push(hold);
            }
            Act::Release => drop(mem::take(&mut self.state().holds)),
            Act::KillSockets => self.netio.kill_sockets(),
            Act::Provider { ready: true } => self.netio.set_ready(true),
            Act::Provider { ready: false } => self.netio.detach(),
            Act::Addresses => self.netio.change_addresses(),
            Act::Transports { some } => self.transports(some),
        }
    }

    fn open(&self, process: u8, access: Access) {
        let access = match access {
            Access::Both => GENERIC_READ | GENERIC_WRITE,
            Access::Read => GENERIC_READ,
            Access::Write => GENERIC_WRITE,
        };
        let state = self.state();
        let (process, open) = (state.processes[usize::from(process % 2)].clone(), state.files.len());
        drop(state);
        if open < HANDLES
            && let Ok(file) = process.create_file(USER_PATH, access)
        {
            self.state().files.push(file);
        }
    }

    fn begin(&self, handle: u8, bytes: Bytes) {
        let Some(file) = self.file(handle) else { return };
        // A probe is a program of its own, and `wskctl probe` has its tests.
        if self.state().requests.len() >= REQUESTS || bytes.code == IOCTL_WSKDRV_PROBE {
            return;
        }
        let request = file.begin(bytes.code, bytes.input, bytes.output);
        self.state().requests.push(request);
    }

    /// Takes the transports away, or gives them back.
    fn transports(&self, some: bool) {
        let mut taken = mem::take(&mut self.state().transports);
        self.netio.change_transports(|list| if some { list.append(&mut taken) } else { taken.append(list) });
        self.state().transports.append(&mut taken);
    }

    /// Closes all that is open, and looks at what is left.
    fn end(&self) {
        self.machine.faults().disarm();
        drop(mem::take(&mut self.state().holds));
        for file in mem::take(&mut self.state().files) {
            file.close();
        }
        for request in mem::take(&mut self.state().requests) {
            check(&request.wait());
        }
        eventually("every socket is closed", || self.netio.sockets() == 0);
        let process = self.machine.process(Token::Administrator);
        let watcher = process.create_file(USER_PATH, GENERIC_READ).expect("the device opens");
        let statistics = || {
            let mut output = [0; size_of::<Statistics>()];
            let done = watcher.device_io_control(IOCTL_WSKDRV_STATISTICS, &[], &mut output);
            assert_eq!(done, (0, output.len()));
            Statistics::read_from_bytes(&output).expect("of that size")
        };
        eventually("every handle is gone", || {
            let counts = statistics();
            (counts.handles_open, counts.sockets_open) == (1, 0)
        });
        let counts = statistics();
        assert_eq!(counts.operations_submitted, counts.operations_completed);
        assert_eq!(self.netio.descriptors(), 0, "a security descriptor is cached still");
    }
}

/// What is to be seen of every request that has ended.
fn check(completed: &Completed) {
    let Completed { status, information, output } = completed;
    if is_error(status.0) {
        assert_eq!(*information, 0, "{status:?} with output");
    } else if !output.is_empty() {
        assert!(*information <= output.len(), "{status:?} claims {information} bytes of {}", output.len());
    }
}

/// `NT_ERROR`
const fn is_error(status: NTSTATUS) -> bool {
    status.cast_unsigned() >> 30 == 3
}

/// Waits until something is so.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < end, "in time: {what}");
        thread::sleep(Duration::from_micros(50));
    }
}
