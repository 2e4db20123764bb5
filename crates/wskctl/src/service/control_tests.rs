//! The service's life, against a service manager that follows a script.

use std::cell::{Cell, RefCell};

use super::super::Start;
use super::*;

const PATH: &str = r"C:\drivers\wskdrv.sys";

/// A service manager with room for one service.
#[derive(Default)]
struct Fake {
    service: RefCell<Option<Status>>,
    calls: RefCell<Vec<String>>,
    /// How many looks a stop takes to be done; more than there are means for ever.
    stop_takes: Cell<u32>,
    start_fails: Cell<Option<u32>>,
    /// The service stays in the list after it has been deleted.
    held: Cell<bool>,
}

impl Fake {
    fn with(state: State) -> Fake {
        let fake = Self::default();
        fake.service.replace(Some(Status { state, ..status(PATH) }));
        fake
    }

    fn driver(&self) -> Driver<'_> {
        Driver::new(self, "wskdrv", Some(Duration::ZERO))
    }

    fn patient(&self) -> Driver<'_> {
        Driver::new(self, "wskdrv", Some(Duration::from_mins(1)))
    }

    fn called(&self, what: &str) {
        self.calls.borrow_mut().push(what.to_owned());
    }

    fn calls(&self) -> Vec<String> {
        self.calls.borrow().clone()
    }

    fn set(&self, state: State) {
        if let Some(status) = self.service.borrow_mut().as_mut() {
            status.state = state;
        }
    }
}

fn status(path: &str) -> Status {
    Status {
        state: State::Stopped,
        kernel_driver: true,
        path: path.to_owned(),
        start: Start::Demand,
        exit_code: 0,
        service_exit_code: 0,
    }
}

impl Manager for Fake {
    fn query(&self, service: &str) -> Result<Option<Status>, Error> {
        assert_eq!(service, "wskdrv");
        let now = self.service.borrow().clone();
        if now.as_ref().is_some_and(|status| status.state == State::StopPending) {
            match self.stop_takes.get().checked_sub(1) {
                Some(left) => self.stop_takes.set(left),
                None => self.set(State::Stopped),
            }
        }
        Ok(now)
    }

    fn create(&self, _: &str, path: &str) -> Result<(), Error> {
        self.service.replace(Some(status(path)));
        self.called(&format!("create {path}"));
        Ok(())
    }

    fn configure(&self, _: &str, path: &str) -> Result<(), Error> {
        self.called(&format!("configure {path}"));
        Ok(())
    }

    fn start(&self, service: &str) -> Result<(), Error> {
        self.called("start");
        if let Some(code) = self.start_fails.get() {
            let source = io::Error::from_raw_os_error(code.cast_signed());
            return Err(Error::Refused { doing: "starting", service: service.to_owned(), source });
        }
        self.set(State::Running);
        Ok(())
    }

    fn stop(&self, _: &str) -> Result<(), Error> {
        self.set(State::StopPending);
        self.called("stop");
        Ok(())
    }

    fn delete(&self, _: &str) -> Result<(), Error> {
        if !self.held.get() {
            self.service.replace(None);
        }
        self.called("delete");
        Ok(())
    }
}

#[test]
fn a_life_from_install_to_remove() {
    let fake = Fake::default();
    let driver = fake.driver();
    assert_eq!(driver.install(PATH).unwrap(), Outcome::Installed { path: PATH.to_owned() });
    assert_eq!(driver.start().unwrap(), Outcome::Started);
    assert_eq!(driver.start().unwrap(), Outcome::AlreadyRunning);
    assert_eq!(fake.patient().stop().unwrap(), Outcome::Stopped);
    assert_eq!(driver.stop().unwrap(), Outcome::AlreadyStopped);
    assert_eq!(driver.remove().unwrap(), Outcome::Removed);
    assert_eq!(driver.remove().unwrap(), Outcome::NotInstalled);
    assert_eq!(fake.calls(), [&format!("create {PATH}"), "start", "stop", "delete"]);
}

#[test]
fn installing_again_changes_only_what_differs() {
    let fake = Fake::with(State::Running);
    fake.service.borrow_mut().as_mut().unwrap().path = format!(r"\??\{}", PATH.to_uppercase());
    let same = fake.driver().install(PATH).unwrap();
    assert_eq!(same, Outcome::AlreadyInstalled { path: PATH.to_owned(), running: true });
    assert!(same.to_string().contains("`driver stop`"), "{same}");
    assert!(fake.calls().is_empty());

    let other = fake.driver().install(r"D:\other.sys").unwrap();
    assert!(matches!(&other, Outcome::Updated { running: true, .. }));
    assert!(other.to_string().contains("was "), "{other}");
    assert_eq!(fake.calls(), [r"configure D:\other.sys"]);

    fake.service.borrow_mut().as_mut().unwrap().start = Start::Disabled;
    assert!(matches!(fake.driver().install(PATH).unwrap(), Outcome::Updated { .. }));
}

#[test]
fn another_kind_of_service_is_left_alone() {
    let fake = Fake::with(State::Running);
    fake.service.borrow_mut().as_mut().unwrap().kernel_driver = false;
    assert!(matches!(fake.driver().install(PATH), Err(Error::NotADriver { .. })));
    assert!(matches!(fake.driver().remove(), Err(Error::NotADriver { .. })));
    assert!(fake.calls().is_empty());
}

#[test]
fn a_stop_is_waited_for() {
    let fake = Fake::with(State::Running);
    fake.stop_takes.set(3);
    assert_eq!(fake.patient().stop().unwrap(), Outcome::Stopped);
    assert_eq!(fake.calls(), ["stop"]);
}

#[test]
fn a_stop_that_pends_is_no_success_and_nothing_is_deleted() {
    let fake = Fake::with(State::Running);
    fake.stop_takes.set(u32::MAX);
    let error = fake.driver().remove().unwrap_err();
    assert!(matches!(error, Error::Pending { state: State::StopPending, .. }), "{error}");
    assert!(error.advice().unwrap().contains("handle"), "{error}");
    assert_eq!(fake.calls(), ["stop"]);
    // It is not asked a second time, and not started before it is gone.
    assert!(matches!(fake.driver().stop(), Err(Error::Pending { .. })));
    assert!(matches!(fake.driver().start(), Err(Error::Pending { .. })));
    assert_eq!(fake.calls(), ["stop"]);
    fake.stop_takes.set(0);
    assert_eq!(fake.patient().start().unwrap(), Outcome::Started);
}

#[test]
fn what_is_not_installed_cannot_be_started_or_stopped() {
    let fake = Fake::default();
    for result in [fake.driver().start(), fake.driver().stop()] {
        let error = result.unwrap_err();
        assert!(error.advice().unwrap().contains("driver install"), "{error}");
    }
    assert_eq!(fake.driver().status().unwrap(), None);
}

#[test]
fn a_start_that_fails_says_why() {
    let fake = Fake::with(State::Stopped);
    fake.start_fails.set(Some(577));
    let error = fake.driver().start().unwrap_err();
    assert!(error.to_string().contains("(os error 577)"), "{error}");
    assert!(error.advice().unwrap().contains("testsigning"), "{error}");
    // Somebody else was quicker.
    fake.start_fails.set(Some(ERROR_SERVICE_ALREADY_RUNNING));
    assert_eq!(fake.driver().start().unwrap(), Outcome::AlreadyRunning);
}

#[test]
fn a_service_that_others_have_open_goes_later() {
    let fake = Fake::with(State::Stopped);
    fake.held.set(true);
    let outcome = fake.driver().remove().unwrap();
    assert_eq!(outcome, Outcome::Marked);
    assert!(outcome.to_string().contains("services.msc"));
}
