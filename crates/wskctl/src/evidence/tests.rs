//! The evidence of a Windows that only says what it is told, with the hosted driver for its driver.

use std::io;

use readings::Readings;
use serde_json::{Value, json};

use super::*;
use crate::conformance::{Runner, SUITE};
use crate::device::{Completion, Device, Hosted, Network, OpenError};
use crate::service::{Manager, Start, State, Status};
use crate::verifier::{self, Run};

/// A file that `cargo xtask runs` reads: what this test makes.
const SAMPLE: &str = "../../../../xtask/src/runs/fixtures/10.0.20348.5499-x86_64-verifier.json";
const FILE: &[u8] = b"a driver";
const HOSTED: Hosted = Hosted {
    completion: Completion::Deferred,
    network: Network::Memory,
    readings: Readings::STRICT,
    plain_pool: false,
};

#[derive(Clone, Copy, Default)]
struct Fake {
    wine: bool,
    /// Nothing can be had.
    silent: bool,
}

fn denied<T>() -> io::Result<T> {
    Err(io::ErrorKind::PermissionDenied.into())
}

impl Api for Fake {
    fn wine(&self) -> Option<String> {
        self.wine.then(|| "10.0".to_owned())
    }
    fn version(&self) -> io::Result<[u32; 3]> {
        if self.silent { denied() } else { Ok([10, 0, 20348]) }
    }
    fn code_integrity(&self) -> io::Result<u32> {
        if self.silent { denied() } else { Ok(0x403) }
    }
    fn root(&self) -> String {
        r"C:\Windows".to_owned()
    }
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        assert_eq!(path, r"C:\Users\bob\wskdrv.sys");
        Ok(FILE.to_vec())
    }
}

impl verifier::System for Fake {
    fn has_key(&self, _key: &str) -> io::Result<bool> {
        Ok(true)
    }
    fn get(&self, _key: &str, name: &str) -> io::Result<Option<verifier::Value>> {
        let text = |text: &str| Ok(Some(verifier::Value::Text(text.to_owned())));
        let number = |number| Ok(Some(verifier::Value::Dword(number)));
        match name {
            _ if self.silent => denied(),
            "ProductName" => text("Windows Server 2022 Datacenter"),
            "DisplayVersion" => text("21H2"),
            "EditionID" => text("ServerDatacenter"),
            "PROCESSOR_ARCHITECTURE" => text("AMD64"),
            "VerifyDrivers" => text("wskdrv.sys"),
            "UBR" => number(5499),
            "UEFISecureBootEnabled" => number(0),
            "VerifyDriverLevel" => number(0x9BB),
            "VerifierOn" => number(1),
            _ => Ok(None),
        }
    }
    fn set(&self, _key: &str, _name: &str, _value: &verifier::Value) -> io::Result<()> {
        panic!("evidence changes nothing")
    }
    fn delete(&self, _key: &str, _name: &str) -> io::Result<()> {
        panic!("evidence changes nothing")
    }
    fn prune(&self, _key: &str) -> io::Result<()> {
        panic!("evidence changes nothing")
    }
    fn verifier(&self, arguments: &[String]) -> io::Result<Run> {
        assert_eq!(arguments, ["/query"]);
        let output =
            "Verifier Flags: 0x000009bb\r\n\r\nMODULE: wskdrv.sys (load: 1 / unload: 0)\r\n".to_owned();
        if self.silent { denied() } else { Ok(Run { code: 0, output }) }
    }
}

impl Manager for Fake {
    fn query(&self, _service: &str) -> Result<Option<Status>, service::Error> {
        let path = r"\??\C:\Users\bob\wskdrv.sys".to_owned();
        let (state, start) = (State::Running, Start::Demand);
        let status = Status { state, kernel_driver: true, path, start, exit_code: 0, service_exit_code: 0 };
        Ok((!self.silent).then_some(status))
    }
    fn create(&self, _service: &str, _path: &str) -> Result<(), service::Error> {
        panic!("evidence changes nothing")
    }
    fn configure(&self, _service: &str, _path: &str) -> Result<(), service::Error> {
        panic!("evidence changes nothing")
    }
    fn start(&self, _service: &str) -> Result<(), service::Error> {
        panic!("evidence changes nothing")
    }
    fn stop(&self, _service: &str) -> Result<(), service::Error> {
        panic!("evidence changes nothing")
    }
    fn delete(&self, _service: &str) -> Result<(), service::Error> {
        panic!("evidence changes nothing")
    }
}

impl Fake {
    fn machine(self) -> Machine {
        Machine { api: Box::new(self), registry: Box::new(self), manager: Box::new(self) }
    }
}

/// A driver that is there, and the tests of one theme.
fn subject(machine: Option<&Machine>) -> Subject<'_> {
    let basics = SUITE.iter().find(|theme| theme.name == "basics").unwrap();
    Subject {
        device: Device::hosted(&HOSTED).unwrap(),
        machine,
        service: "wskdrv",
        runner: Runner::new(|| Device::hosted(&HOSTED)),
        tests: basics.tests.iter().copied().flatten().collect(),
    }
}

fn document(evidence: &Evidence) -> Value {
    evidence.document(&Names::new([], [])).unwrap()
}

/// Remembers what was done, and what the document said then of the suite.
#[derive(Default)]
struct Told(Vec<(String, Value)>);

impl Watch for Told {
    fn doing(&mut self, what: &str, so_far: &Evidence) {
        self.0.push((what.to_owned(), document(so_far)["conformance"].clone()));
    }
}

#[test]
fn a_run_on_windows_has_everything_and_names_nobody() {
    let machine = Fake::default().machine();
    let (mut evidence, outcome) = subject(Some(&machine)).gather(&mut ());
    outcome.unwrap();
    assert_eq!(evidence.kind, Kind::Windows);
    // What is another each time, and what only the probe knows.
    evidence.taken = "2026-11-28T21:00:00Z".to_owned();
    evidence.program.sha256 = Section::Data(image::sha256(b"a program"));
    (evidence.program.target, evidence.program.profile) = ("x86_64-windows-gnu".to_owned(), "release");
    assert!(evidence.probe.data().is_some_and(|probe| probe["readings"].as_object().unwrap().len() > 1));
    let readings = json!({
        "receive-truncated": { "reading": "success", "note": "STATUS_SUCCESS (0x00000000)" },
        "cancel-waiting": { "reading": null, "note": "the driver did not answer" },
    });
    evidence.probe = Section::Data(json!({ "readings": readings }));
    assert_eq!(evidence.answered().ok(), Some(1));
    let Section::Data(report) = &mut evidence.conformance else { panic!("{:?}", evidence.conformance) };
    assert_eq!((report.failed, report.milliseconds > 0), (0, true));
    report.milliseconds = 0;
    report.tests.iter_mut().for_each(|test| test.milliseconds = 0);
    let document = document(&evidence);
    assert!(
        document.as_object().unwrap().values().all(|section| section.get("error").is_none()),
        "{document:#}"
    );
    assert_eq!(document["driver"]["data"]["path"], r"C:\Users\<user>\wskdrv.sys");
    assert_eq!(document["service"]["data"]["path"], r"\??\C:\Users\<user>\wskdrv.sys");
    assert_eq!(
        document["code_integrity"]["data"]["names"],
        json!(["ENABLED", "TESTSIGN", "HVCI_KMCI_ENABLED"])
    );
    // `cargo xtask runs` is tested with this very file.
    expect_test::expect_file![SAMPLE].assert_eq(&format!("{document:#}\n"));
}

#[test]
fn wine_and_hosted_never_pass_for_windows() {
    for (machine, kind) in [
        (Some(Fake { wine: true, silent: false }.machine()), Kind::Wine),
        (Some(Fake { wine: true, silent: true }.machine()), Kind::Wine),
        (None, Kind::Hosted),
    ] {
        let (evidence, outcome) = subject(machine.as_ref()).gather(&mut ());
        outcome.unwrap();
        assert_eq!(evidence.kind, kind);
        assert!(evidence.says.contains("no evidence of Windows"), "{}", evidence.says);
    }
}

#[test]
fn what_cannot_be_had_is_named_and_the_rest_is_there() {
    let machine = Fake { wine: false, silent: true }.machine();
    let (evidence, outcome) = subject(Some(&machine)).gather(&mut ());
    outcome.unwrap();
    let document = document(&evidence);
    for section in ["system", "secure_boot", "code_integrity", "verifiers", "watched", "service", "driver"] {
        let message = document[section]["error"]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{section}: {document:#}");
    }
    assert!(document["service"]["error"]["advice"].as_str().unwrap().contains("wskctl driver install"));
    assert!(evidence.info.data().is_some() && evidence.conformance.data().is_some());
}

#[test]
fn without_a_driver_there_is_a_document_and_an_error() {
    let machine = Fake::default().machine();
    let subject = subject(Some(&machine));
    let _unloaded = subject.device.unload(crate::conformance::SOON).unwrap();
    let (evidence, outcome) = subject.gather(&mut ());
    assert!(
        matches!(outcome, Err(Stop::Driver(crate::Error::Open(OpenError::Hosted { .. })))),
        "{outcome:?}"
    );
    assert!(evidence.system.data().is_some() && evidence.driver.data().is_some());
    assert!(evidence.answered().is_err());
    let document = document(&evidence);
    for section in ["info", "probe", "conformance", "left"] {
        assert!(document[section]["error"]["message"].is_string(), "{section}");
    }
}

#[test]
fn the_document_says_at_each_moment_which_test_is_running() {
    let mut told = Told::default();
    let subject = subject(None);
    subject.gather(&mut told).1.unwrap();
    let of_tests = told.0.iter().filter(|(what, _)| what.contains("basics::"));
    let running: Vec<_> = of_tests.map(|(_, suite)| suite["error"]["message"].as_str().unwrap()).collect();
    assert_eq!(running.len(), subject.tests.len());
    for (message, test) in running.iter().zip(&subject.tests) {
        assert!(message.ends_with(test.name), "{message}");
    }
}

#[test]
fn what_a_driver_does_wrong_is_no_success() {
    // Nothing that was tested is no success either.
    let none = Subject { tests: Vec::new(), ..subject(None) };
    assert!(matches!(none.gather(&mut ()).1, Err(Stop::Tests)));
    // A handle that stays open while the suite runs is what is left.
    let leaking = subject(None);
    let device = leaking.device.clone();
    let mut leak = Leak { device, handle: None };
    let (evidence, outcome) = leaking.gather(&mut leak);
    let Err(Stop::Left(what)) = outcome else { panic!("{outcome:?}") };
    assert!(what.contains("handles open"), "{what}");
    assert_eq!(evidence.left.data().unwrap().left, Some(what));
}

/// Opens a handle in the middle of it all.
struct Leak {
    device: Device,
    handle: Option<crate::Handle>,
}

impl Watch for Leak {
    fn doing(&mut self, what: &str, _so_far: &Evidence) {
        if self.handle.is_none() && what.starts_with("question ") {
            self.handle = Some(self.device.open().unwrap());
        }
    }
}
