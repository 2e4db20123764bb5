//! The verifiers turned on and off, on a system that only remembers.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::*;
use crate::verifier::{Framework, Run};

const WDF: &str = r"SYSTEM\CurrentControlSet\Services\wskdrv\Parameters\Wdf";

/// A registry, and a verifier.exe that keeps its settings in it.
#[derive(Clone, Default)]
struct Fake {
    keys: RefCell<BTreeSet<String>>,
    values: RefCell<BTreeMap<(String, String), Value>>,
    runs: RefCell<Vec<String>>,
    code: Cell<i32>,
    /// Command lines with one of these ask for a restart.
    refuses: RefCell<Vec<&'static str>>,
}

impl Fake {
    fn installed() -> Fake {
        let fake = Self::default();
        fake.make(r"SYSTEM\CurrentControlSet\Services\wskdrv");
        fake.make(SETTINGS_KEY);
        fake
    }

    fn make(&self, key: &str) {
        let parts: Vec<&str> = key.split('\\').collect();
        self.keys.borrow_mut().extend((1..=parts.len()).map(|count| parts[..count].join("\\")));
    }

    fn drivers(&self, names: &str, flags: u32) {
        self.set(SETTINGS_KEY, "VerifyDrivers", &Value::Text(names.to_owned())).unwrap();
        self.set(SETTINGS_KEY, "VerifyDriverLevel", &Value::Dword(flags)).unwrap();
    }

    fn state(&self) -> (BTreeSet<String>, BTreeMap<(String, String), Value>) {
        (self.keys.borrow().clone(), self.values.borrow().clone())
    }

    fn ran(&self) -> Vec<String> {
        self.runs.borrow().clone()
    }
}

impl System for Fake {
    fn has_key(&self, key: &str) -> io::Result<bool> {
        Ok(self.keys.borrow().contains(key))
    }

    fn get(&self, key: &str, name: &str) -> io::Result<Option<Value>> {
        Ok(self.values.borrow().get(&(key.to_owned(), name.to_owned())).cloned())
    }

    fn set(&self, key: &str, name: &str, value: &Value) -> io::Result<()> {
        self.make(key);
        self.values.borrow_mut().insert((key.to_owned(), name.to_owned()), value.clone());
        Ok(())
    }

    fn delete(&self, key: &str, name: &str) -> io::Result<()> {
        self.values.borrow_mut().remove(&(key.to_owned(), name.to_owned()));
        Ok(())
    }

    fn prune(&self, key: &str) -> io::Result<()> {
        let below = format!("{key}\\");
        let held = self.keys.borrow().iter().any(|other| other.starts_with(&below))
            || self.values.borrow().keys().any(|(of, _)| of == key);
        if !held {
            self.keys.borrow_mut().remove(key);
        }
        Ok(())
    }

    fn verifier(&self, arguments: &[String]) -> io::Result<Run> {
        let ran = line("verifier", arguments);
        let refused = self.refuses.borrow().iter().any(|word| ran.contains(word));
        self.runs.borrow_mut().push(ran);
        let code = if refused { RESTART } else { self.code.get() };
        if ["/volatile", "/dif", "/stop", "/query"].contains(&arguments[0].as_str()) {
            return Ok(Run { code, output: String::new() });
        }
        if code != 1 {
            let names = arguments.iter().skip_while(|word| *word != "/driver").skip(1);
            let names: Vec<String> = names.cloned().collect();
            if names.is_empty() {
                self.delete(SETTINGS_KEY, "VerifyDrivers")?;
                self.delete(SETTINGS_KEY, "VerifyDriverLevel")?;
            } else {
                self.drivers(&names.join(" "), 0x2_09BB);
            }
        }
        Ok(Run { code, output: String::new() })
    }
}

fn options() -> Options {
    Options { framework: Some(Framework { no_break: true }), ..Options::standard("wskdrv") }
}

#[test]
fn off_undoes_exactly_what_on_did() {
    let fake = Fake::installed();
    fake.code.set(RESTART);
    let before = fake.state();
    let done = on(&fake, &options()).unwrap();
    assert!(done.restart_windows && done.restart_driver);
    assert_eq!(fake.get(WDF, "VerifierOn").unwrap(), Some(Value::Dword(1)));
    assert_eq!(fake.get(WDF, "TrackHandles").unwrap(), Some(Value::Strings(vec!["*".into()])));
    assert!(matches!(on(&fake, &options()), Err(Error::AlreadyOn { .. })));

    off(&fake, "wskdrv").unwrap();
    assert_eq!(fake.ran(), ["verifier /standard /driver wskdrv.sys", "verifier /reset"]);
    // `SOFTWARE` itself is there on every Windows.
    fake.keys.borrow_mut().remove("SOFTWARE");
    assert_eq!(fake.state(), before);
    assert!(matches!(off(&fake, "wskdrv"), Err(Error::NotOn { .. })));
}

#[test]
fn values_that_were_there_come_back() {
    let fake = Fake::installed();
    fake.set(WDF, "VerifierOn", &Value::Dword(0)).unwrap();
    fake.set(WDF, "TrackHandles", &Value::Strings(vec!["WDFREQUEST".into()])).unwrap();
    fake.set(WDF, "KmdfLibraryVersion", &Value::Text("1.31".into())).unwrap();
    let before = fake.state();
    on(&fake, &Options { flags: None, ..options() }).unwrap();
    assert_ne!(fake.state(), before);
    let done = off(&fake, "wskdrv").unwrap();
    fake.keys.borrow_mut().remove("SOFTWARE");
    assert_eq!(fake.state(), before);
    assert!(!done.restart_windows && done.restart_driver);
    assert!(fake.runs.borrow().is_empty(), "verifier.exe has no part in this");
}

#[test]
fn other_drivers_are_left_alone() {
    let fake = Fake::installed();
    fake.drivers("other.sys", 0x9BB);
    assert!(matches!(on(&fake, &options()), Err(Error::Busy { drivers }) if drivers == ["other.sys"]));
    assert!(fake.ran().is_empty());

    // Somebody adds a driver in between.
    let fake = Fake::installed();
    on(&fake, &Options { framework_image: true, ..options() }).unwrap();
    fake.drivers("WSKDRV.SYS wdf01000.sys other.sys", 0x10_09BB);
    off(&fake, "wskdrv").unwrap();
    assert_eq!(fake.ran()[1], "verifier /flags 0x9BB /driver other.sys");

    // Or takes ours out.
    let fake = Fake::installed();
    on(&fake, &options()).unwrap();
    fake.drivers("other.sys", 1);
    off(&fake, "wskdrv").unwrap();
    assert_eq!(fake.ran().len(), 1);

    // Or their flags cannot be known.
    let fake = Fake::installed();
    on(&fake, &options()).unwrap();
    fake.drivers("wskdrv.sys other.sys", 0);
    assert!(matches!(off(&fake, "wskdrv"), Err(Error::Entangled { drivers }) if drivers == ["other.sys"]));
    assert!(status(&fake, "wskdrv").unwrap().recorded, "it can be tried again");
}

#[test]
fn a_verifier_that_fails_leaves_nothing_behind() {
    let fake = Fake::installed();
    fake.code.set(1);
    let before = fake.state();
    let error = on(&fake, &options()).unwrap_err();
    assert!(matches!(error, Error::Failed(Refusal { code: 1, .. })), "{error}");
    fake.keys.borrow_mut().remove("SOFTWARE");
    assert_eq!(fake.state(), before);
}

#[test]
fn a_service_that_is_not_installed_gets_no_values() {
    let fake = Fake::default();
    assert!(matches!(on(&fake, &options()), Err(Error::NotInstalled { .. })));
    assert!(fake.state().1.is_empty());
    // Removed while the verifiers were on: the rest is still undone.
    let fake = Fake::installed();
    on(&fake, &options()).unwrap();
    fake.keys.borrow_mut().retain(|key| !key.contains("wskdrv") || key.contains("SOFTWARE"));
    fake.values.borrow_mut().retain(|(key, _), _| key != WDF);
    let done = off(&fake, "wskdrv").unwrap();
    assert!(done.plan.registry.is_empty());
    assert_eq!(fake.ran()[1], "verifier /reset");
    assert!(fake.state().1.is_empty());
}

#[test]
fn a_status_shows_both_verifiers() {
    let fake = Fake::installed();
    on(&fake, &options()).unwrap();
    let overview = status(&fake, "wskdrv").unwrap();
    assert_eq!(
        overview.driver_verifier,
        Settings { flags: Some(0x2_09BB), drivers: vec!["wskdrv.sys".into()] }
    );
    assert!(overview.recorded);
    assert_eq!(overview.framework.len(), 6);
}

#[test]
fn a_record_that_cannot_be_read_is_not_overwritten() {
    let fake = Fake::installed();
    fake.set(&record_key("wskdrv"), RECORD, &Value::Text("{".into())).unwrap();
    assert!(matches!(on(&fake, &options()), Err(Error::Record { .. })));
    assert!(matches!(off(&fake, "wskdrv"), Err(Error::Record { .. })));
}

/// Turned on at once, the driver's file and the service being there.
fn at_once(fake: &Fake) -> Result<Done, Error> {
    on_now(fake, &options(), &Way::ALL)
}

#[test]
fn at_once_the_first_way_that_works_is_taken() {
    let fake = Fake::installed();
    let done = at_once(&fake).unwrap();
    assert_eq!((done.now, done.left_out), (Some(Way::Volatile), 0x2_0000));
    assert!(!done.restart_windows && done.restart_driver);
    assert_eq!(fake.ran(), ["verifier /volatile /flags 0x9BB", "verifier /volatile /adddriver wskdrv.sys"]);
    off(&fake, "wskdrv").unwrap();
    assert_eq!(
        fake.ran()[2..],
        ["verifier /volatile /removedriver wskdrv.sys", "verifier /volatile /flags 0"]
    );

    let fake = Fake::installed();
    fake.refuses.borrow_mut().push("/adddriver");
    let before = fake.state();
    let done = at_once(&fake).unwrap();
    assert_eq!((done.now, done.left_out), (Some(Way::Dif), 0xA0));
    let ran = fake.ran();
    assert!(
        ran.contains(&"verifier /volatile /flags 0".to_owned()),
        "what was done of it is undone: {ran:?}"
    );
    assert_eq!(ran.last().unwrap(), "verifier /dif 1 2 4 5 9 12 18 /now /driver wskdrv.sys");
    off(&fake, "wskdrv").unwrap();
    assert_eq!(fake.ran().last().unwrap(), "verifier /stop");
    fake.keys.borrow_mut().remove("SOFTWARE");
    assert_eq!(fake.state(), before);
}

#[test]
fn where_no_way_works_each_is_named_and_nothing_is_left() {
    let fake = Fake::installed();
    fake.code.set(RESTART);
    let before = fake.state();
    let error = at_once(&fake).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`verifier /volatile /flags 0x9BB` ended with exit code 2"), "{text}");
    assert!(text.contains("`verifier /dif 1 2 4"), "{text}");
    fake.keys.borrow_mut().remove("SOFTWARE");
    assert_eq!(fake.state(), before);
}

#[test]
fn what_a_restart_has_ended_is_forgotten() {
    let fake = Fake::installed();
    at_once(&fake).unwrap();
    // Windows has been restarted: the driver is not in the list.
    fake.refuses.borrow_mut().push("/removedriver");
    assert!(matches!(off(&fake, "wskdrv"), Err(Error::Failed(_))));
    assert!(matches!(off(&fake, "wskdrv"), Err(Error::NotOn { .. })));
    assert!(fake.state().1.is_empty(), "the framework's values are gone too");
}
