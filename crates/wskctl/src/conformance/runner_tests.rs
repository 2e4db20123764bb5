//! The runner: which tests fail on a driver with one thing broken, and how tests end that go wrong themselves.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::broken::{Breakage, device};
use crate::Interrupt;

use super::{Ending, Failure, Need, Report, Runner, Test, TestResult, Watch, junit, tests};

fn runner(breakage: Breakage) -> Runner {
    Runner::new(move || device(breakage))
}

/// The themes that have to do with what can be broken here.
const THEMES: &[&str] =
    &["basics", "datagrams", "fixed", "timing", "cancelling", "closing", "counters", "states", "refusals"];

/// The names of the tests that fail. Several run at a time: those that fail take their time.
fn failing(breakage: Breakage) -> BTreeSet<&'static str> {
    let themes = super::SUITE.iter().filter(|theme| THEMES.contains(&theme.name));
    let all: Vec<_> = themes.flat_map(|theme| theme.tests).copied().flatten().collect();
    let runner = runner(breakage);
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                // Relaxed: each thread only needs a number of its own.
                while let Some(test) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = runner.run_one(test);
                    if result.ending == Ending::Failed {
                        println!("{}: {:?}", result.name, result.detail);
                        failed.lock().unwrap().insert(test.name);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

#[test]
fn a_sound_driver_passes() {
    assert_eq!(failing(Breakage::None), BTreeSet::new());
}

#[test]
fn a_remote_address_that_is_swallowed_fails_the_tests_about_it() {
    let expected = [
        "fixed::a_remote_address_can_be_changed",
        "fixed::a_remote_address_is_where_datagrams_go_v4",
        "fixed::a_remote_address_is_where_datagrams_go_v6",
        "fixed::a_remote_address_keeps_strangers_out_until_it_is_cleared_v4",
        "fixed::a_remote_address_keeps_strangers_out_until_it_is_cleared_v6",
        "refusals::families_and_address_lengths_must_agree",
        "states::nothing_but_a_create_works_without_a_socket",
        "states::what_needs_an_address_is_refused_before_bind",
    ];
    assert_eq!(failing(Breakage::SwallowsRemoteAddress), BTreeSet::from(expected));
}

#[test]
fn a_cancel_that_is_ignored_fails_the_tests_about_it() {
    let expected = [
        "cancelling::a_cancel_of_everything_ends_everything",
        "cancelling::a_cancelled_receive_is_cancelled",
        "cancelling::cancelling_one_receive_spares_the_others",
        "cancelling::every_request_can_be_cancelled_at_every_moment",
    ];
    assert_eq!(failing(Breakage::IgnoresCancel), BTreeSet::from(expected));
}

#[test]
fn a_truncation_that_is_hidden_fails_the_test_about_it() {
    let expected = ["datagrams::a_datagram_that_is_too_large_is_cut_and_says_so"];
    assert_eq!(failing(Breakage::HidesTruncation), BTreeSet::from(expected));
}

#[test]
fn a_test_after_which_a_handle_is_left_fails() {
    let test = find("basics::the_driver_tells_its_version");
    let result = runner(Breakage::KeepsHandles).run_one(test);
    assert_eq!(result.ending, Ending::Failed);
    let detail = result.detail.unwrap();
    assert!(detail.contains("after the test") && detail.contains("handles open"), "{detail}");
}

#[test]
fn an_option_that_a_system_lacks_is_not_applicable_there() {
    let runner = runner(Breakage::LacksTypeOfService);
    let result = runner.run_one(find("options::ip_tos"));
    assert_eq!(result.ending, Ending::NotApplicable, "{:?}", result.detail);
    assert!(result.detail.unwrap().starts_with("this system has no IP_TOS: "));
    assert_eq!(runner.run_one(find("options::ip_ttl")).ending, Ending::Passed);
}

fn find(name: &str) -> &'static Test {
    tests().find(|test| test.name == name).unwrap()
}

#[test]
fn names_are_unique_and_begin_with_the_theme() {
    let mut seen = BTreeSet::new();
    for theme in super::SUITE {
        for test in theme.tests.iter().copied().flatten() {
            assert!(seen.insert(test.name), "{} is there twice", test.name);
            let rest = test.name.strip_prefix(theme.name).and_then(|rest| rest.strip_prefix("::"));
            assert!(rest.is_some_and(|rest| !rest.is_empty()), "{}", test.name);
            assert!(!test.about.is_empty(), "{}", test.name);
        }
    }
}

const PASSES: Test = Test { name: "own::passes", about: "Nothing.", needs: &[], run: |_| Ok(()) };
const FAILS: Test = Test {
    name: "own::fails",
    about: "One is <two>.",
    needs: &[],
    run: |_| super::outcome::equal(1, 2, "a <number> & more"),
};
const DOES_NOT_APPLY: Test = Test {
    name: "own::does_not_apply",
    about: "Nothing.",
    needs: &[],
    run: |_| Err(Failure::NotApplicable("no \"place\" for it".to_owned())),
};
const HANGS: Test = Test {
    name: "own::hangs",
    about: "Nothing.",
    needs: &[],
    run: |_| loop {
        thread::park();
    },
};
const PANICS: Test = Test {
    name: "own::panics",
    about: "Nothing.",
    needs: &[],
    run: |_| panic!("this test panics on purpose"),
};
const CRASHES: Test = Test {
    name: "own::crashes",
    about: "Nothing.",
    needs: &[],
    run: |_| {
        static RULE: ntos::Rule =
            ntos::Rule { code: 0xC4, parameter: 0x57, name: "own rule", source: "this test" };
        ntos::violation(&RULE, "on purpose")
    },
};

#[test]
fn a_run_goes_on_after_tests_that_hang_panic_or_crash() {
    struct Seen(Vec<String>);
    impl Watch for Seen {
        fn begins(&mut self, test: &Test) {
            self.0.push(format!("begins {}", test.name));
        }
        fn ended(&mut self, result: &TestResult) {
            self.0.push(format!("{:?}", result.ending));
        }
    }
    let runner = runner(Breakage::None).with_limit(Duration::from_secs(2));
    let mut seen = Seen(Vec::new());
    let report = runner.run("a device", [&HANGS, &PANICS, &CRASHES, &PASSES], &mut seen);
    assert_eq!((report.passed, report.failed, report.not_applicable), (1, 3, 0));
    assert!(!report.is_success());
    let details: Vec<_> = report.tests.iter().map(|test| test.detail.clone().unwrap_or_default()).collect();
    assert!(details[0].contains("has not ended after 2s"), "{details:?}");
    assert!(details[1].contains("panicked"), "{details:?}");
    assert!(details[2].contains("own rule") && details[2].contains("on purpose"), "{details:?}");
    let expected = [
        "begins own::hangs",
        "Failed",
        "begins own::panics",
        "Failed",
        "begins own::crashes",
        "Failed",
        "begins own::passes",
        "Passed",
    ];
    assert_eq!(seen.0, expected);
}

#[test]
fn an_interrupted_run_reports_what_ran_and_what_did_not() {
    struct Interrupts(Interrupt);
    impl Watch for Interrupts {
        fn begins(&mut self, test: &Test) {
            if test.name == HANGS.name {
                self.0.raise();
            }
        }
    }
    let interrupt = Interrupt::new();
    let runner = runner(Breakage::None).with_interrupt(interrupt.clone());
    let report = runner.run("a device", [&PASSES, &HANGS, &FAILS], &mut Interrupts(interrupt));
    assert_eq!((report.passed, report.failed), (1, 0));
    assert_eq!(report.not_run, [HANGS.name, FAILS.name]);
    assert!(report.is_interrupted() && !report.is_success());
    let read = quick_junit::Report::deserialize_from_str(&junit(&report).unwrap()).unwrap();
    assert_eq!((read.tests, read.failures, read.test_suites[0].skipped), (3, 0, 2));
}

fn report() -> Report {
    runner(Breakage::None).run("a <device>", [&PASSES, &FAILS, &DOES_NOT_APPLY], &mut ())
}

#[test]
fn what_does_not_apply_has_not_passed() {
    let report = runner(Breakage::None).run("", [&DOES_NOT_APPLY], &mut ());
    assert_eq!((report.passed, report.failed, report.not_applicable), (0, 0, 1));
    assert!(!report.is_success(), "nothing was tested");
    let report = self::report();
    assert_eq!((report.passed, report.failed, report.not_applicable), (1, 1, 1));
    assert!(!report.is_success());
}

#[test]
fn what_a_place_lacks_makes_a_test_inapplicable() {
    let outcome = super::Lab::new(device(Breakage::None).unwrap(), None).unwrap().lacks(Need::Unload);
    assert_eq!(outcome, None, "the hosted driver is ours");
    let fake = crate::device::fake::Fake::answering([(0, vec![0; size_of::<wskdrv_abi::Statistics>()])]);
    let lab = super::Lab::new(fake.device(), None).unwrap();
    assert!(lab.lacks(Need::Unload).is_some());
    assert!(lab.lacks(Need::Process).is_some());
}

#[test]
fn json_can_be_read_back() {
    let report = report();
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["format"], 1);
    assert_eq!(value["tests"][0]["ending"], "passed");
    assert!(value["tests"][0].get("detail").is_none());
    assert_eq!(value["tests"][1]["ending"], "failed");
    assert_eq!(value["tests"][1]["detail"], "a <number> & more: expected 2, found 1");
    assert!(value["tests"][1]["place"].as_str().unwrap().contains("runner_tests.rs:"));
    assert_eq!(value["tests"][2]["ending"], "not_applicable");
}

#[test]
fn junit_can_be_read_back() {
    let text = junit(&report()).unwrap();
    let read = quick_junit::Report::deserialize_from_str(&text).unwrap();
    assert_eq!((read.tests, read.failures, read.errors), (3, 1, 0));
    let suite = &read.test_suites[0];
    assert_eq!(suite.name.as_str(), "wskdrv conformance: a <device>");
    assert_eq!(suite.skipped, 1);
    let [passed, failed, skipped] = &suite.test_cases[..] else { panic!("{text}") };
    assert_eq!((passed.classname.as_ref().unwrap().as_str(), passed.name.as_str()), ("own", "passes"));
    assert!(matches!(passed.status, quick_junit::TestCaseStatus::Success { .. }));
    match &failed.status {
        quick_junit::TestCaseStatus::NonSuccess { message, .. } => {
            assert_eq!(message.as_ref().unwrap().as_str(), "a <number> & more: expected 2, found 1");
        }
        other => panic!("{other:?}"),
    }
    match &skipped.status {
        quick_junit::TestCaseStatus::Skipped { message, .. } => {
            assert_eq!(message.as_ref().unwrap().as_str(), "no \"place\" for it");
        }
        other => panic!("{other:?}"),
    }
}
