//! What the driver can do, shown step by step, and each claim checked from outside the driver.
//!
//! A claim about the network is checked with a socket of the standard library, which knows nothing of the
//! driver. What a section finds goes to a [`Watch`] as it happens, and into the [`Report`].

use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use wskdrv_abi::Statistics;

use crate::device::Device;
use crate::error::Error;
use crate::family::Family;
use crate::interrupt::Interrupt;
use crate::session::Session;

mod exclusive;
mod life;
mod nothing_left;
mod registered;
mod remote;

pub use life::{Life, Moment};

/// What sees most of them: a socket of the standard library.
const STD: &str = "std::net";
/// How long the demo waits for something that should come.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it listens for something that should not come.
const QUIET: Duration = Duration::from_millis(200);

/// How a claim turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was found to be so.
    Held,
    /// It was found not to be so.
    Failed,
    /// It could not be looked at on this machine; the detail says why.
    Skipped,
}

/// Something that should be so, and whether it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// What should be so.
    pub claim: String,
    /// Whether it is.
    pub outcome: Outcome,
    /// Who says so, if it was not the driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_by: Option<&'static str>,
    /// What was found, where that is worth telling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Claims that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What it is about.
    pub title: String,
    /// Its claims, in the order in which they were looked at.
    pub claims: Vec<Claim>,
    /// The IRPs that it followed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub irps: Vec<Life>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which device.
    pub device: String,
    /// The sections.
    pub sections: Vec<Section>,
    /// How many claims held.
    pub held: usize,
    /// How many did not.
    pub failed: usize,
    /// How many could not be looked at.
    pub skipped: usize,
    /// Whether it was interrupted before its end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
}

/// Who watches the demo as it goes.
pub trait Watch {
    /// A section begins.
    fn section(&mut self, _number: usize, _title: &str) {}
    /// A claim was looked at.
    fn claim(&mut self, _claim: &Claim) {}
    /// An IRP was followed.
    fn life(&mut self, _life: &Life) {}
}

/// Nobody watches.
impl Watch for () {}

/// What ends a section early.
#[derive(Debug)]
enum Failure {
    Driver(Error),
    Outside(std::io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Driver(error) => error.fmt(f),
            Self::Outside(error) => write!(f, "outside the driver: {error}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Self::Driver(error)
    }
}

impl From<crate::device::OpenError> for Failure {
    fn from(error: crate::device::OpenError) -> Failure {
        Self::Driver(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Self::Outside(error)
    }
}

/// The demo: the device, and what was found so far.
struct Demo<'a> {
    device: &'a Device,
    watch: &'a mut dyn Watch,
    sections: Vec<Section>,
    /// Addresses that the demo's sockets were bound to.
    used: Vec<SocketAddr>,
    /// The driver's counts when the demo began, with one handle of the demo open; others may use the driver too.
    began: Statistics,
}

type Show = fn(&mut Demo<'_>) -> Result<(), Failure>;

/// Shows everything, to `watch` and in the report; interrupted, what it has shown by then.
///
/// A hosted driver is unloaded at the end.
pub fn run(device: &Device, watch: &mut dyn Watch, interrupt: &Interrupt) -> Report {
    let parts: [(&str, Show); 6] = [
        ("The driver is loaded and registered with WSK", registered::show),
        ("SO_EXCLUSIVEADDRUSE: an address for one socket alone", exclusive::show),
        ("SIO_WSK_SET_REMOTE_ADDRESS: one peer and no other", |demo| remote::show(demo, Family::V4)),
        ("SIO_WSK_SET_REMOTE_ADDRESS on IPv6", |demo| remote::show(demo, Family::V6)),
        ("The IRPs of a control operation, from allocation to freeing", life::show),
        ("Nothing is left behind", nothing_left::show),
    ];
    let mut demo =
        Demo { device, watch, sections: Vec::new(), used: Vec::new(), began: Statistics::default() };
    let mut interrupted = false;
    for (number, (title, show)) in (1..).zip(parts) {
        interrupted = interrupt.is_raised();
        if interrupted {
            break;
        }
        demo.watch.section(number, title);
        demo.sections.push(Section { title: title.to_owned(), claims: Vec::new(), irps: Vec::new() });
        if let Err(failure) = show(&mut demo) {
            demo.claim("the section goes to its end", None, Outcome::Failed, Some(failure.to_string()));
        }
    }
    let count = |outcome| {
        demo.sections
            .iter()
            .flat_map(|section| &section.claims)
            .filter(|claim| claim.outcome == outcome)
            .count()
    };
    let (held, failed, skipped) = (count(Outcome::Held), count(Outcome::Failed), count(Outcome::Skipped));
    Report { device: device.describe(), sections: demo.sections, held, failed, skipped, interrupted }
}

impl Demo<'_> {
    /// A new handle.
    fn session(&self) -> Result<Session, Failure> {
        Ok(Session::new(self.device.open()?).within(PATIENCE))
    }

    /// A new handle with a socket bound to the loopback address.
    fn bound(&mut self, family: Family) -> Result<(Session, SocketAddr), Failure> {
        let session = self.session()?;
        session.create(family)?;
        session.bind(family.loopback())?;
        let address = session.local_address()?;
        self.used.push(address);
        Ok((session, address))
    }

    /// The driver's word: `found` says what was found if it is not so.
    fn check(&mut self, claim: impl Into<String>, holds: bool, found: impl FnOnce() -> String) {
        self.judge(claim, None, holds, found);
    }

    /// The word of somebody outside the driver.
    fn seen_by(
        &mut self,
        claim: impl Into<String>,
        who: &'static str,
        holds: bool,
        found: impl FnOnce() -> String,
    ) {
        self.judge(claim, Some(who), holds, found);
    }

    fn judge(
        &mut self,
        claim: impl Into<String>,
        who: Option<&'static str>,
        holds: bool,
        found: impl FnOnce() -> String,
    ) {
        let (outcome, detail) = if holds { (Outcome::Held, None) } else { (Outcome::Failed, Some(found())) };
        self.claim(claim, who, outcome, detail);
    }

    /// A claim that cannot be looked at here.
    fn skip(&mut self, claim: impl Into<String>, why: impl Into<String>) {
        self.claim(claim, None, Outcome::Skipped, Some(why.into()));
    }

    fn claim(
        &mut self,
        claim: impl Into<String>,
        seen_by: Option<&'static str>,
        outcome: Outcome,
        detail: Option<String>,
    ) {
        let claim = Claim { claim: claim.into(), outcome, seen_by, detail };
        self.watch.claim(&claim);
        if let Some(section) = self.sections.last_mut() {
            section.claims.push(claim);
        }
    }

    fn life(&mut self, life: Life) {
        self.watch.life(&life);
        if let Some(section) = self.sections.last_mut() {
            section.irps.push(life);
        }
    }
}

/// How many IRPs the driver has.
const fn irps(statistics: &Statistics) -> u64 {
    statistics.irps_allocated.saturating_sub(statistics.irps_freed)
}

/// A socket outside the driver, at the loopback address of a family.
fn outsider(family: Family) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(family.loopback())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Whether something becomes so in time.
fn eventually(limit: Duration, mut so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if so() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
