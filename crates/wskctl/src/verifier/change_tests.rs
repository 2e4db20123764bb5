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
        self.runs.borrow_mut().push(line("verifier", arguments));
        let code = self.code.get();
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
    assert!(matches!(error, Error::Failed { code: 1, .. }), "{error}");
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
