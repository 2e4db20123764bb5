//! Asks for everything.

use readings::About;
use serde::Serialize;
use serde_json::{Value, json};
use wsk_sys::STATUS_INVALID_DEVICE_REQUEST;

use super::machine::{Machine, System};
use super::section::{Fault, Section};
use super::{Evidence, Kind};
use crate::conformance::{self, Failure, Lab, Outcome, Report, Runner, SOON, Test};
use crate::device::Device;
use crate::error::Error;
use crate::info::{Counts, Info};
use crate::probe;
use crate::session::Session;

/// Why a driver answers no question.
const WITHOUT_PROBE: &str =
    "none: the driver was built without the feature `probe`; load one of `cargo xtask cross --probe`";

/// Of what the evidence is taken.
pub struct Subject<'a> {
    /// The driver's device.
    pub device: Device,
    /// The Windows that has the device; `None` for the hosted kernel.
    pub machine: Option<&'a Machine>,
    /// The name of the driver's service.
    pub service: &'a str,
    /// Who runs the suite.
    pub runner: Runner,
    /// Which tests of it.
    pub tests: Vec<&'static Test>,
}

/// What the driver had counted before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Before the first request.
    pub before: Counts,
    /// After the last.
    pub after: Counts,
    /// What is left, if anything is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
}

/// Why the evidence is not good.
#[derive(Debug)]
pub enum Stop {
    /// The driver cannot be asked, or refused.
    Driver(Error),
    /// Not every test has passed, or none applies.
    Tests,
    /// It was interrupted.
    Interrupted,
    /// The driver has left something behind, or does not let go of it.
    Left(String),
}

/// Who is told how far it has come.
pub trait Watch {
    /// What is done next, and what there is until then.
    fn doing(&mut self, what: &str, so_far: &Evidence);
}

/// Nobody is.
impl Watch for () {
    fn doing(&mut self, _what: &str, _so_far: &Evidence) {}
}

impl Subject<'_> {
    /// On what the driver runs.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.machine {
            None => Kind::Hosted,
            Some(machine) if machine.api.wine().is_some() => Kind::Wine,
            Some(_) => Kind::Windows,
        }
    }

    /// Asks for everything, and says why the evidence is not good, if it is not. The suite comes last, as it may stop
    /// the system.
    pub fn gather(&self, watch: &mut dyn Watch) -> (Evidence, Result<(), Stop>) {
        let mut evidence = Evidence::begun(self.kind());
        watch.doing("asking the system", &evidence);
        self.system(&mut evidence);
        watch.doing("asking the driver", &evidence);
        let outcome = self.driver(&mut evidence, watch);
        (evidence, outcome)
    }

    fn system(&self, evidence: &mut Evidence) {
        let Some(machine) = self.machine else {
            evidence.system = Section::Data(System {
                name: "hosted".to_owned(),
                host: Some(std::env::consts::OS.to_owned()),
                architecture: std::env::consts::ARCH.to_owned(),
                ..System::default()
            });
            let why = "hosted: there is no Windows below the driver";
            evidence.secure_boot = Section::missing(why);
            evidence.code_integrity = Section::missing(why);
            evidence.verifiers = Section::missing(why);
            evidence.watched = Section::missing(why);
            evidence.service = Section::missing(why);
            evidence.driver = Section::missing("hosted: the driver is a part of wskctl");
            return;
        };
        evidence.system = machine.system();
        evidence.secure_boot = machine.secure_boot();
        evidence.code_integrity = machine.code_integrity();
        evidence.verifiers = machine.verifiers(self.service);
        evidence.watched = machine.watched();
        (evidence.service, evidence.driver) = machine.service(self.service);
    }

    fn driver(&self, evidence: &mut Evidence, watch: &mut dyn Watch) -> Result<(), Stop> {
        let before = match self.info() {
            Ok(info) => {
                let before = info.statistics;
                evidence.info = Section::Data(info);
                before
            }
            Err(error) => {
                evidence.info = Section::Error(Fault::from(&error));
                let why = "not asked: the driver does not say what it is";
                evidence.probe = Section::missing(why);
                evidence.conformance = Section::missing(why);
                evidence.left = Section::missing(why);
                return Err(Stop::Driver(error));
            }
        };
        let lab = Lab::new(self.device.clone(), None);
        evidence.probe = self.probe(evidence, watch);
        let report = self.suite(evidence, watch);
        let suite = match &report {
            report if report.is_interrupted() => Err(Stop::Interrupted),
            report if report.is_success() => Ok(()),
            _ => Err(Stop::Tests),
        };
        evidence.conformance = Section::Data(report);
        watch.doing("looking for what is left", evidence);
        let left = self.left(before, lab);
        evidence.left = Section::of(left.as_ref().map(Clone::clone).map_err(Fault::from));
        suite?;
        match left.map_err(Stop::Driver)?.left {
            Some(what) => Err(Stop::Left(what)),
            None => Ok(()),
        }
    }

    fn session(&self) -> Result<Session, Error> {
        Ok(Session::new(self.device.open()?).within(SOON))
    }

    fn info(&self) -> Result<Info, Error> {
        let session = self.session()?;
        let info = Info::of(&session, self.device.describe());
        session.close();
        info
    }

    /// What `wskctl probe` finds.
    fn probe(&self, evidence: &mut Evidence, watch: &mut dyn Watch) -> Section<Value> {
        let mut ask = |about: &'static About| {
            evidence.probe = ended_during(about.id);
            watch.doing(&format!("question {}", about.id), evidence);
            probe::ask(&self.session()?, about)
        };
        match readings::all().map(&mut ask).collect::<Result<Vec<_>, _>>() {
            Ok(answers) => Section::Data(json!({ "readings": probe::document(&answers) })),
            Err(error) if error.status() == Some(STATUS_INVALID_DEVICE_REQUEST) => {
                Section::missing(WITHOUT_PROBE)
            }
            Err(error) => Section::Error(error.into()),
        }
    }

    fn suite(&self, evidence: &mut Evidence, watch: &mut dyn Watch) -> Report {
        let device = self.device.describe();
        let mut running = Running { evidence, watch, begun: 0, count: self.tests.len() };
        self.runner.run(&device, self.tests.iter().copied(), &mut running)
    }

    /// What the driver has counted now; and what is left of all that came since `lab` was made. The hosted kernel is
    /// searched, and shut down.
    fn left(&self, before: Counts, lab: Outcome<Lab>) -> Result<Left, Error> {
        let session = self.session()?;
        let after = session.statistics().map(Counts);
        session.close();
        let finished = self.device.catch_bug_check(move || lab?.finish());
        let left = match finished {
            Ok(Ok(()) | Err(Failure::NotApplicable(_))) => None,
            Ok(Err(Failure::Unmet { what, .. })) => Some(what),
            Err(report) => Some(report),
        };
        Ok(Left { before, after: after?, left })
    }
}

/// Has the document say which test is running, should it be the last thing that is written.
struct Running<'r> {
    evidence: &'r mut Evidence,
    watch: &'r mut dyn Watch,
    begun: usize,
    count: usize,
}

impl conformance::Watch for Running<'_> {
    fn begins(&mut self, test: &Test) {
        self.begun += 1;
        self.evidence.conformance = ended_during(test.name);
        self.watch.doing(&format!("{} of {}: {}", self.begun, self.count, test.name), self.evidence);
    }
}

/// What stays in a document that nobody comes to finish.
fn ended_during<T>(what: &str) -> Section<T> {
    Section::missing(format!("not ended: the program or the system has ended during {what}"))
}
