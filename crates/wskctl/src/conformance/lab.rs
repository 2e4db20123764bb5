//! Where a test runs: a device, sockets outside the driver, other processes, the driver's counts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use readings::Question;
use wsk_cmsg::{Control, Message};
use wsk_sys::{NamedStatus, STATUS_NOT_SUPPORTED};
use wskdrv_abi::Statistics;

use super::outcome::{Failure, Outcome, SOON, equal, eventually, holds};
use super::patience;
use super::process::{ChildProcess, Plan};
use super::test::Need;
use crate::device::{Arrived, Completed, Device, Handle, OpenError, Peer, Pending};
use crate::family::Family;
use crate::session::Session;

/// How long handles that were closed before a test may take to be closed.
const CLOSING: Duration = Duration::from_millis(200);

/// A place to run one test in.
#[derive(Debug)]
pub struct Lab {
    device: Device,
    program: Option<PathBuf>,
    before: Statistics,
    /// Nothing was asked of the driver before.
    fresh: bool,
}

impl Lab {
    /// A place on a device. `program` is `wskctl` itself, to be started as another process where the device has no
    /// other way to one.
    ///
    /// # Errors
    ///
    /// The device does not open, or does not say what it has counted.
    pub fn new(device: Device, program: Option<PathBuf>) -> Outcome<Lab> {
        let session = Session::new(device.open()?).within(SOON);
        let mut before = session.statistics()?;
        // Under Wine a handle is closed a little after CloseHandle, or the end of its process. What is still open then
        // is somebody else's, and stays.
        let end = Instant::now() + CLOSING;
        while before.handles_open > 1 && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
            before = session.statistics()?;
        }
        before.handles_open = before.handles_open.saturating_sub(1);
        session.close();
        let fresh = device.is_ours();
        Ok(Lab { device, program, before, fresh })
    }

    /// A place where something was done before.
    ///
    /// # Errors
    ///
    /// As for [`Lab::new`].
    #[cfg(feature = "hosted")]
    pub(super) fn again(device: Device) -> Outcome<Lab> {
        Ok(Lab { fresh: false, ..Self::new(device, None)? })
    }

    /// Whether the driver's counts begin at zero.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// The device.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// The readings of a question that the device's kernel may follow: one, where it says which; else each that the hosted
    /// kernel can follow.
    #[must_use]
    pub fn followed<Q: Question>(&self) -> Vec<Q> {
        self.device.readings().map_or_else(|| Q::FOLLOWED.to_vec(), |readings| vec![readings.of()])
    }

    /// The program that can be started as another process, and the device that it is to open.
    pub(super) fn program(&self) -> Option<(&Path, &str)> {
        self.program.as_deref().zip(self.device.path())
    }

    /// What the driver had counted before the test.
    #[must_use]
    pub const fn before(&self) -> &Statistics {
        &self.before
    }

    /// What is missing here of what a test may need, as a reason; `None` if it is there.
    #[must_use]
    pub fn lacks(&self, need: Need) -> Option<String> {
        match need {
            Need::Ipv6 => {
                let there = self.device.peer(Family::V6.loopback()).is_ok();
                (!there).then(|| "there is no IPv6 loopback address here".to_owned())
            }
            Need::Process => {
                let there = self.device.process().is_some() || self.program().is_some();
                (!there).then(|| "this program cannot start another process here".to_owned())
            }
            // Not even with the service manager's help: Wine unloads a driver under the handles that are open, after
            // which it does not start again, and on Windows a handle of anybody else's would hold up the tests that follow.
            Need::Unload => (!self.device.is_ours()).then(|| {
                "the driver is the system's: only in the hosted kernel is it unloaded and loaded at will"
                    .to_owned()
            }),
        }
    }

    /// A new handle; each of its requests takes at most [`SOON`].
    ///
    /// # Errors
    ///
    /// The device does not open.
    pub fn open(&self) -> Result<Session, OpenError> {
        Ok(session(self.device.open()?))
    }

    /// A new handle with a socket that is not bound.
    ///
    /// # Errors
    ///
    /// The driver's refusal.
    pub fn socket(&self, family: Family) -> Outcome<Session> {
        let session = self.open()?;
        session.create(family)?;
        Ok(session)
    }

    /// A new handle with a socket bound to the loopback address, and where exactly.
    ///
    /// # Errors
    ///
    /// The driver's refusal.
    pub fn bound(&self, family: Family) -> Outcome<(Session, SocketAddr)> {
        let session = self.socket(family)?;
        session.bind(family.loopback())?;
        let address = session.local_address()?;
        Ok((session, address))
    }

    /// A socket outside the driver, bound to the loopback address.
    ///
    /// # Errors
    ///
    /// What the network says.
    pub fn peer(&self, family: Family) -> Outcome<Outsider> {
        Ok(Outsider(self.device.peer(family.loopback())?))
    }

    /// A socket outside the driver, bound to the wildcard address.
    ///
    /// # Errors
    ///
    /// What the network says.
    pub fn peer_anywhere(&self, family: Family) -> Outcome<Outsider> {
        Ok(Outsider(self.device.peer(family.wildcard())?))
    }

    /// Lets what was sent arrive, and what was begun wait: a moment, and a longer one where the system carries datagrams
    /// in its own time.
    pub fn settle(&self) {
        thread::sleep(Duration::from_millis(if self.device.delivers_at_once() { 30 } else { 200 }));
    }

    /// Whether what is below WSK takes control information, as then it also tells of datagrams.
    ///
    /// # Errors
    ///
    /// It refuses otherwise than by saying so, or where it is known that it can.
    pub fn takes_control_information(&self) -> Outcome<bool> {
        let (session, _) = self.bound(Family::V4)?;
        let peer = self.peer(Family::V4)?;
        let mut control = Control::<64>::new();
        control.push(&Message::TimeToLive(9)).map_err(|full| Failure::new(full.to_string()))?;
        match session.send_many(&["probe"], Some(peer.address()), control.as_bytes()) {
            Ok(_) => Ok(true),
            Err(error) => {
                equal(
                    error.status().map(NamedStatus),
                    Some(NamedStatus(STATUS_NOT_SUPPORTED)),
                    "the status where it is not supported",
                )?;
                holds(
                    !(self.device.is_ours() && cfg!(target_os = "linux")),
                    "with Linux below, the hosted WSK takes control information",
                )?;
                Ok(false)
            }
        }
    }

    /// Another process, which has under way what is planned.
    ///
    /// # Errors
    ///
    /// The process did not come as far as that.
    pub fn child_process(&self, plan: &Plan) -> Outcome<ChildProcess> {
        ChildProcess::start(self, plan)
    }

    /// A handle from which the driver's counts are read, once nobody has another one open who had none before the
    /// test. Its own is counted as open.
    ///
    /// # Errors
    ///
    /// Handles that are not closed in time.
    pub fn watcher(&self) -> Outcome<Session> {
        let watcher = self.open()?;
        self.wait_until_idle(&watcher)?;
        Ok(watcher)
    }

    /// Waits until every handle, socket and IRP of the test is gone.
    ///
    /// # Errors
    ///
    /// What is left.
    pub fn idle(&self) -> Outcome {
        self.watcher().map(Session::close)
    }

    fn wait_until_idle(&self, watcher: &Session) -> Outcome {
        let irps = |counts: &Statistics| counts.irps_allocated.wrapping_sub(counts.irps_freed);
        eventually(|| {
            let now = watcher.statistics()?;
            equal(now.handles_open, self.before.handles_open + 1, "handles open")?;
            equal(now.sockets_open, self.before.sockets_open, "sockets open")?;
            equal(irps(&now), irps(&self.before), "IRPs that are not freed")
        })
    }

    /// Unloads the driver, which waits for open handles.
    ///
    /// # Errors
    ///
    /// It does not unload in time.
    pub fn unload(&self) -> Outcome {
        match self.device.unload(SOON) {
            Some(unloaded) => Ok(unloaded?),
            None => Err(Failure::NotApplicable("the driver cannot be unloaded from here".to_owned())),
        }
    }

    /// What must be so after every test: nothing of it is left. Where the kernel is this program's, the driver is
    /// unloaded too, nothing of it may be left either, and the kernel looks for what nobody freed.
    ///
    /// # Errors
    ///
    /// What is left.
    pub fn finish(&self) -> Outcome {
        self.check_left()?;
        self.shut_down();
        Ok(())
    }

    /// The first part of [`finish`](Self::finish): the kernel goes on, and can be asked.
    pub(super) fn check_left(&self) -> Outcome {
        let left = || self.device.alive().into_iter();
        // A test that has unloaded the driver has no device to open any more.
        if self.device.is_ours() && left().all(|(_, count)| count == 0) {
            return Ok(());
        }
        self.idle().map_err(|failure| failure.while_doing("after the test"))?;
        if !self.device.is_ours() {
            return Ok(());
        }
        self.unload().map_err(|failure| failure.while_doing("unloading the driver after the test"))?;
        left().try_for_each(|(what, count)| {
            equal(count, 0, format_args!("{what} that the driver has left behind"))
        })
    }

    /// The second part: a kernel of this program's ends, and looks for what nobody freed.
    pub(super) fn shut_down(&self) {
        if self.device.is_ours() {
            self.device.shut_down();
        }
    }
}

/// A handle as a session whose requests take at most [`SOON`].
#[must_use]
pub(super) fn session(handle: Handle) -> Session {
    Session::new(handle).within(SOON)
}

/// A socket outside the driver, whose receives take at most [`SOON`].
#[derive(Debug)]
pub struct Outsider(Peer);

impl Outsider {
    /// Where it is bound.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// What the network says.
    pub fn send(&self, data: &[u8], to: SocketAddr) -> Outcome {
        Ok(self.0.send(data, to)?)
    }

    /// Receives one datagram, and says who sent it.
    ///
    /// # Errors
    ///
    /// None came.
    pub fn receive(&self) -> Outcome<(Vec<u8>, SocketAddr)> {
        Ok(patience::wait(SOON, |limit| self.0.receive(limit))?)
    }

    /// Receives one datagram, and says how it came.
    ///
    /// # Errors
    ///
    /// None came; or, as a reason not to look, the system does not tell.
    pub fn arrival(&self) -> Outcome<Arrived> {
        able(
            patience::wait(SOON, |limit| self.0.arrival(limit)),
            "a socket of this system does not see hops and marks",
        )
    }

    /// Has what is sent from now on go out with these hops, and this type of service or traffic class.
    ///
    /// # Errors
    ///
    /// What the network says; or, as a reason not to look, that the system does not do that.
    pub fn mark(&self, hops: u8, class: u8) -> Outcome {
        able(self.0.mark(hops, class), "a socket of this system does not choose hops and marks")
    }

    /// The socket itself, for what only some have.
    #[must_use]
    pub const fn socket(&self) -> &Peer {
        &self.0
    }
}

/// What a system cannot do is a reason not to look.
fn able<T>(result: std::io::Result<T>, reason: &str) -> Outcome<T> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
            Err(Failure::NotApplicable(reason.to_owned()))
        }
        result => Ok(result?),
    }
}

/// The answer to a request that is certain to end.
///
/// # Errors
///
/// It does not end in time.
#[track_caller]
pub(super) fn ended(pending: Pending) -> Outcome<Completed> {
    pending.wait_for(SOON).map_err(|_pending| Failure::new("expected: the request ends"))
}

/// Waits until an address can be bound again outside the driver.
///
/// # Errors
///
/// It stays taken.
pub(super) fn free_again(lab: &Lab, address: SocketAddr) -> Outcome {
    let what = format!("{address} is free again");
    eventually(|| holds(lab.device.peer(address).is_ok(), &what))
}
