//! The list, on a machine that only says what it was asked.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::conformance;

/// Answers each command by its first two words; a command that it does not know succeeds.
#[derive(Default)]
struct Fake {
    answers: BTreeMap<&'static str, VecDeque<Ended>>,
    ran: Vec<String>,
    notes: Vec<String>,
}

impl Fake {
    /// A machine on which everything succeeds.
    fn good() -> Fake {
        let mut fake = Self::default();
        fake.says("bcdedit /enum", "testsigning             Yes");
        fake.says("pnputil /enum-drivers", "Published Name: oem7.inf\nOriginal Name: wskdrv.inf");
        fake
    }

    fn answer(&mut self, line: &'static str, code: Option<i32>, output: &str) {
        self.answers.entry(line).or_default().push_back(Ended { code, output: output.to_owned() });
    }

    fn says(&mut self, line: &'static str, output: &str) {
        self.answers.remove(line);
        self.answer(line, Some(0), output);
    }

    fn fails(&mut self, line: &'static str) {
        self.answer(line, Some(1), "");
    }

    fn ran(&self, line: &str) -> usize {
        self.ran.iter().filter(|ran| ran.starts_with(line)).count()
    }
}

impl Machine for Fake {
    fn begin(&mut self, _phase: &Phase) -> io::Result<()> {
        Ok(())
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        self.notes.push(text.to_owned());
        Ok(())
    }

    fn run(&mut self, words: &[String], _limit: Duration) -> io::Result<Ended> {
        let line = words.join(" ");
        let known = self.answers.iter_mut().find(|(known, _)| line.starts_with(**known));
        let answer = known.and_then(|(_, answers)| answers.pop_front());
        // After `driver remove` there is no service.
        let removed =
            line.ends_with("driver status") && self.ran.iter().any(|ran| ran.ends_with("driver remove"));
        let output = if removed { "wskdrv is not installed" } else { "" };
        self.ran.push(line);
        Ok(answer.unwrap_or(Ended { code: Some(0), output: output.to_owned() }))
    }
}

fn setting(verifier: Verifier) -> Setting {
    Setting {
        folder: PathBuf::from("F"),
        out: PathBuf::from("O"),
        device: "D".to_owned(),
        verifier,
        certificates: vec![PathBuf::from("one.cer"), PathBuf::from("two.cer")],
        package: true,
    }
}

fn all(setting: Setting, fake: &mut Fake) -> Vec<&'static str> {
    let failed = Trial::new(setting, fake).run_all(&PHASES.iter().collect::<Vec<_>>()).unwrap();
    failed.into_iter().map(|(name, _)| name).collect()
}

fn one(name: &str, verifier: Verifier, fake: &mut Fake) -> Option<String> {
    Trial::new(setting(verifier), fake).run(Phase::named(name).unwrap()).unwrap()
}

#[test]
fn every_phase_is_done_in_order_where_all_is_well() {
    for (_, verifier) in Verifier::NAMES {
        let mut fake = Fake::good();
        assert_eq!(all(setting(verifier), &mut fake), Vec::<&str>::new());
        assert!(!fake.ran.iter().any(|line| line.contains(['<', '>'])), "{:?}", fake.ran);
        for phase in PHASES {
            assert!(fake.notes.contains(&format!("{}: done", phase.name)), "{}", phase.name);
        }
        assert_eq!(
            fake.ran("certutil -addstore Root one.cer") + fake.ran("certutil -addstore Root two.cer"),
            2
        );
        assert_eq!(fake.ran("pnputil /delete-driver oem7.inf"), 1);
        assert_eq!(fake.ran("wskctl driver start"), 3);
    }
}

#[test]
fn a_machine_that_is_not_in_test_mode_is_left_as_it_is() {
    for (output, fits) in [
        ("testsigning             Yes", true),
        ("testsigning             Ja", true),
        ("testsigning             No", false),
        ("nx                      OptIn", false),
    ] {
        let mut fake = Fake::good();
        fake.says("bcdedit /enum", output);
        assert_eq!(one("look", Verifier::Framework, &mut fake).is_none(), fits, "{output}");
    }
    let mut fake = Fake::good();
    fake.says("bcdedit /enum", "");
    assert_eq!(all(setting(Verifier::Framework), &mut fake), ["look"]);
    assert_eq!(fake.ran("certutil") + fake.ran("wskctl"), 0, "{:?}", fake.ran);
}

#[test]
fn a_driver_that_does_not_start_is_looked_at_and_removed() {
    let mut fake = Fake::good();
    fake.fails("wskctl driver start");
    assert_eq!(all(setting(Verifier::Framework), &mut fake), ["start"]);
    assert_eq!((fake.ran("sc qc"), fake.ran("wevtutil"), fake.ran("wskctl driver remove")), (1, 2, 1));
    assert_eq!(fake.ran("wskctl --device D conformance"), 0);
}

#[test]
fn what_takes_something_back_goes_on_to_its_end() {
    let mut fake = Fake::good();
    fake.fails("wskctl verifier on");
    fake.fails("wskctl verifier off");
    assert_eq!(all(setting(Verifier::Framework), &mut fake), ["install", "remove"]);
    assert_eq!((fake.ran("wskctl driver start"), fake.ran("wskctl driver remove")), (0, 1));
}

#[test]
fn what_is_gone_already_is_removed() {
    let mut fake = Fake::good();
    fake.answer("wskctl driver stop", Some(2), "wskctl: wskdrv is not installed");
    fake.answer("wskctl verifier off", Some(2), "wskctl: `wskctl verifier on` has not been run for wskdrv");
    assert_eq!(one("remove", Verifier::Framework, &mut fake), None);
    assert_eq!(fake.ran("wskctl driver remove"), 1);
    // A phase that is to stop a driver needs one.
    fake.answer("wskctl driver stop", Some(2), "wskctl: wskdrv is not installed");
    assert!(one("stop", Verifier::Framework, &mut fake).is_some());
}

#[test]
fn the_words_for_what_is_gone_are_those_of_the_commands() {
    let service = || "wskdrv".to_owned();
    let says = [
        crate::service::Error::NotInstalled { service: service() }.to_string(),
        crate::verifier::Error::NotOn { service: service() }.to_string(),
    ];
    let steps = PHASES.iter().flat_map(|phase| phase.steps);
    let absent: Vec<_> = steps.filter_map(|step| step.absent).collect();
    assert_eq!(absent.len(), says.len());
    for (absent, says) in absent.into_iter().zip(says) {
        assert!(says.contains(absent), "{says}");
    }
}

#[test]
fn a_test_that_fails_keeps_nothing_from_being_done() {
    let mut fake = Fake::good();
    fake.fails("wskctl --device D demo");
    assert_eq!(all(setting(Verifier::Driver), &mut fake), ["demo"]);
    assert_eq!(fake.ran("wskctl --device D conformance"), 6);
}

#[test]
fn a_command_that_does_not_end_has_failed() {
    let mut fake = Fake::good();
    fake.answer("wskctl --device D demo", None, "");
    let fault = one("demo", Verifier::Framework, &mut fake).unwrap();
    assert_eq!(fault, "`wskctl --device D demo` had not ended after 3m");
}

#[test]
fn without_memory_requests_may_fail_and_unloading_may_not() {
    let mut fake = Fake::good();
    for _ in 0..3 {
        fake.fails("wskctl driver start");
    }
    for line in ["wskctl --device D demo", "wskctl --device D info"] {
        fake.fails(line);
    }
    assert_eq!(all(setting(Verifier::LowResources), &mut fake), Vec::<&str>::new());
    let mut fake = Fake::good();
    fake.fails("wskctl driver stop");
    assert!(one("stop", Verifier::LowResources, &mut fake).is_some());
}

#[test]
fn without_driver_verifier_the_frameworks_remains() {
    let mut fake = Fake::good();
    fake.fails("wskctl verifier on --now");
    assert_eq!(one("install", Verifier::Driver, &mut fake), None);
    assert_eq!(fake.ran("wskctl verifier on --framework-only --no-break"), 1);
    assert!(fake.notes.iter().any(|note| note.contains("exit code 1; instead")), "{:?}", fake.notes);
    let mut fake = Fake::good();
    one("install", Verifier::Framework, &mut fake);
    assert_eq!(fake.ran("wskctl verifier on --now"), 0);
}

#[test]
fn what_a_program_prints_can_make_it_fail() {
    for (output, fits) in [
        ("Status : Valid", true),
        ("Status : UnknownError", true),
        ("Status : HashMismatch", false),
        ("Status : NotSigned", false),
    ] {
        let mut fake = Fake::good();
        fake.says("powershell -NoProfile -Command Get-AuthenticodeSignature", output);
        assert_eq!(one("trust", Verifier::Framework, &mut fake).is_none(), fits, "{output}");
    }
    let mut fake = Fake::good();
    fake.says("wskctl driver status", "service    wskdrv");
    assert!(one("remove", Verifier::Framework, &mut fake).unwrap().contains("still there"));
    let mut fake = Fake::good();
    fake.says("pnputil /enum-drivers", "");
    assert!(one("inf", Verifier::Framework, &mut fake).unwrap().contains("does not list"));
}

#[test]
fn the_inf_is_for_a_package_and_the_stores_are_for_a_certificate() {
    let mut fake = Fake::good();
    assert_eq!(
        all(Setting { package: false, ..setting(Verifier::Framework) }, &mut fake),
        Vec::<&str>::new()
    );
    assert_eq!(fake.ran("pnputil"), 0);
    let without = Setting { certificates: Vec::new(), ..setting(Verifier::Framework) };
    assert_eq!(all(without, &mut Fake::good()), ["trust"]);
}

#[test]
fn every_test_is_in_one_part_of_the_suite() {
    let parts: Vec<&str> = PHASES
        .iter()
        .flat_map(|phase| phase.steps)
        .filter(|step| step.words.contains(&"conformance"))
        .flat_map(|step| step.words)
        .filter(|word| word.ends_with("::"))
        .copied()
        .collect();
    for test in conformance::tests() {
        let fits: Vec<_> = parts.iter().filter(|part| test.name.contains(**part)).collect();
        assert_eq!(
            fits.len(),
            1,
            "{}: {fits:?}; a new theme goes into a phase of src/trial/phases.rs",
            test.name
        );
    }
}

#[test]
fn what_is_in_a_folder_is_found() {
    let folder = std::env::temp_dir().join(format!("wskctl-trial-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["b.cer", "a.CER", "wskdrv.inf", "wskdrv.sys"] {
        std::fs::write(folder.join(name), "").unwrap();
    }
    let of = || Setting::of(&folder, Path::new("O"), "D", Verifier::Driver).unwrap();
    let found = of();
    assert_eq!(found.certificates, [folder.join("a.CER"), folder.join("b.cer")]);
    assert!(!found.package);
    std::fs::write(folder.join("wskdrv.cat"), "").unwrap();
    assert!(of().package);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(Setting::of(&folder, Path::new("O"), "D", Verifier::Driver).is_err());
}
