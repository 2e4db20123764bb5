//! The driver on a test machine, from nothing to nothing: the one list of steps that a virtual machine, GitHub's runners
//! and a person at a prompt go through.
//!
//! [`PHASES`] is that list, as data: each phase has commands, each command a time limit and what is expected of it.
//! [`Trial::run`] carries out a phase on a [`Machine`]; the running system is [`Local`], which runs programs and keeps what
//! they print in a file for each phase, written through to the disk, so that it is there after a bug check.

mod local;
mod package;
mod phases;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use local::Local;
pub use package::published;
pub use phases::PHASES;
use serde::Serialize;

/// Which of Windows' verifiers watch the driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verifier {
    /// The framework's, whose complaints are logged.
    #[default]
    Framework,
    /// Driver Verifier too, turned on without a restart of Windows.
    Driver,
    /// Both, and allocations that fail at random: the driver's requests may fail, Windows must not.
    LowResources,
}

impl Verifier {
    /// What the command line calls them.
    pub const NAMES: [(&'static str, Verifier); 3] = [
        ("framework", Verifier::Framework),
        ("driver", Verifier::Driver),
        ("low-resources", Verifier::LowResources),
    ];
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Verifier::NAMES.iter().find(|(_, verifier)| verifier == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

/// What a command must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Exit code 0, within the limit.
    Success,
    /// The same, but for [`Verifier::LowResources`], where the driver may answer that there is no memory.
    Work,
    /// It only shows something: whatever it comes to.
    Anything,
}

/// A command of a phase.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Program and arguments. `<folder>`, `<out>`, `<device>`, `<certificate>` and `<published>` stand for what
    /// [`Setting`] says; a step with `<certificate>` is done for each.
    pub words: &'static [&'static str],
    /// After which time it is ended, and has failed.
    pub limit: Duration,
    /// What it must come to.
    pub expect: Expect,
    /// With which verifiers it is done.
    pub with: &'static [Verifier],
    /// What is done instead if it fails.
    pub otherwise: Option<&'static [&'static str]>,
    /// What is wrong with what it has printed, if something is.
    pub check: Option<fn(&str) -> Option<&'static str>>,
    /// What it says when there is nothing to do, which is no failure.
    pub absent: Option<&'static str>,
    /// How often it is tried with [`Verifier::LowResources`].
    pub tries: u32,
}

/// A part of the list after which what is known is brought out of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    /// Its name.
    pub name: &'static str,
    /// What it does, for people.
    pub about: &'static str,
    /// Whether what comes after it makes no sense without it.
    pub needed: bool,
    /// The phase that it takes back: if that one was begun it is done whatever has failed, to its last command.
    pub clears: Option<&'static str>,
    /// Whether it is for a package with an INF and a catalogue.
    pub package: bool,
    /// Its commands, in order. At the first that fails the phase has failed.
    pub steps: &'static [Step],
    /// What is looked at when it has failed.
    pub after_failure: &'static [Step],
}

impl Phase {
    /// The phase of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Phase> {
        PHASES.iter().find(|phase| phase.name == name)
    }

    /// The longest that it can take, but for [`Verifier::LowResources`]' further tries.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.steps.iter().chain(self.after_failure).map(|step| step.limit).sum()
    }
}

/// Where the trial takes place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// The folder with `wskdrv.sys`, its certificate and perhaps its INF and catalogue.
    pub folder: PathBuf,
    /// Where logs and results go.
    pub out: PathBuf,
    /// The device that the driver is asked through.
    pub device: String,
    /// The verifiers.
    pub verifier: Verifier,
    /// The certificates in the folder.
    pub certificates: Vec<PathBuf>,
    /// Whether the folder has INF and catalogue.
    pub package: bool,
}

impl Setting {
    /// What is in a folder.
    ///
    /// # Errors
    ///
    /// The system's word, if the folder cannot be read.
    pub fn of(folder: &Path, out: &Path, device: &str, verifier: Verifier) -> io::Result<Setting> {
        let mut certificates = Vec::new();
        for entry in folder.read_dir()? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("cer")) {
                certificates.push(path);
            }
        }
        certificates.sort();
        Ok(Setting {
            package: ["wskdrv.inf", "wskdrv.cat"].iter().all(|name| folder.join(name).is_file()),
            folder: folder.to_owned(),
            out: out.to_owned(),
            device: device.to_owned(),
            verifier,
            certificates,
        })
    }
}

/// What a program came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; `None` if it was ended at its limit.
    pub code: Option<i32>,
    /// What it printed.
    pub output: String,
}

/// A machine that runs programs.
pub trait Machine {
    /// A phase begins: what is shown from now on belongs to it.
    ///
    /// # Errors
    ///
    /// The system's word, if there is no place for it.
    fn begin(&mut self, phase: &Phase) -> io::Result<()>;

    /// Something is about to begin, or has ended: to be shown and kept.
    ///
    /// # Errors
    ///
    /// The system's word, if it cannot be kept.
    fn note(&mut self, text: &str) -> io::Result<()>;

    /// Runs a program, the first word, until its end or for `limit`.
    ///
    /// # Errors
    ///
    /// The system's word, if it cannot be started or its output not kept.
    fn run(&mut self, words: &[String], limit: Duration) -> io::Result<Ended>;
}

/// The list of steps, carried out on a machine.
pub struct Trial<'m> {
    setting: Setting,
    machine: &'m mut dyn Machine,
    /// The name that Windows has given the package's INF.
    published: Option<String>,
}

impl<'m> Trial<'m> {
    /// The trial in this setting.
    #[must_use]
    pub fn new(setting: Setting, machine: &'m mut dyn Machine) -> Trial<'m> {
        Self { setting, machine, published: None }
    }

    /// Whether a phase has something to do in this setting.
    #[must_use]
    pub fn has(&self, phase: &Phase) -> bool {
        self.setting.package || !phase.package
    }

    /// Carries out a phase. What it came to is `Some` with a sentence, if it failed.
    ///
    /// # Errors
    ///
    /// The system's word, if what happens cannot be kept.
    pub fn run(&mut self, phase: &Phase) -> io::Result<Option<String>> {
        self.machine.begin(phase)?;
        if !self.has(phase) {
            self.machine.note(&format!("{}: not done: there is no INF with a catalogue", phase.name))?;
            return Ok(None);
        }
        // The virtual machine's scripts/windows/vm.ps1 tells by these lines which phase runs, and what it came to.
        self.machine.note(&format!("{}: {}", phase.name, phase.about))?;
        let mut fault = None;
        for step in phase.steps {
            let found = self.step(step)?;
            fault = fault.or(found);
            if fault.is_some() && phase.clears.is_none() {
                break;
            }
        }
        match &fault {
            None => self.machine.note(&format!("{}: done", phase.name))?,
            Some(fault) => {
                self.machine.note(&format!("{}: FAILED: {fault}", phase.name))?;
                for step in phase.after_failure {
                    self.step(step)?;
                }
            }
        }
        Ok(fault)
    }

    /// Carries out phases in order. After one that is needed has failed only those are done that take something back.
    /// What failed is given by name.
    ///
    /// # Errors
    ///
    /// As for [`Trial::run`].
    pub fn run_all(&mut self, phases: &[&Phase]) -> io::Result<Vec<(&'static str, String)>> {
        let (mut failed, mut begun, mut lost) = (Vec::new(), Vec::new(), false);
        for phase in phases {
            if lost && !phase.clears.is_some_and(|earlier| begun.contains(&earlier)) {
                self.machine.note(&format!("{}: not done", phase.name))?;
                continue;
            }
            begun.push(phase.name);
            if let Some(fault) = self.run(phase)? {
                lost |= phase.needed;
                failed.push((phase.name, fault));
            }
        }
        Ok(failed)
    }

    fn step(&mut self, step: &Step) -> io::Result<Option<String>> {
        if !step.with.contains(&self.setting.verifier) {
            return Ok(None);
        }
        let low = self.setting.verifier == Verifier::LowResources;
        let certificates = if step.words.contains(&"<certificate>") {
            self.setting.certificates.clone()
        } else {
            vec![PathBuf::new()]
        };
        if certificates.is_empty() && step.expect == Expect::Success {
            return Ok(Some(format!("there is no certificate in {}", self.setting.folder.display())));
        }
        for certificate in certificates {
            let tries = if low { step.tries } else { 1 };
            let mut fault = None;
            for _ in 0..tries {
                fault = self.command(step.words, &certificate, step)?;
                if fault.is_none() {
                    break;
                }
            }
            if let (Some(first), Some(words)) = (&fault, step.otherwise) {
                self.machine.note(&format!("{first}; instead:"))?;
                fault = self.command(words, &certificate, step)?;
            }
            let borne = match step.expect {
                Expect::Success => false,
                Expect::Work => low,
                Expect::Anything => true,
            };
            if let (Some(fault), false) = (fault, borne) {
                return Ok(Some(fault));
            }
        }
        Ok(None)
    }

    /// Runs one command; what is wrong with what it came to.
    fn command(&mut self, words: &[&str], certificate: &Path, step: &Step) -> io::Result<Option<String>> {
        let Some(words) = self.filled(words, certificate) else {
            return Ok(Some("Windows does not list wskdrv.inf among its packages".to_owned()));
        };
        let line = crate::verifier::line(&words[0], &words[1..]);
        self.machine.note(&format!("> {line}"))?;
        let ended = match self.machine.run(&words, step.limit) {
            Ok(ended) => ended,
            Err(error) => {
                let elsewhere = if cfg!(windows) { "" } else { "; the list is for Windows" };
                let fault = format!("`{}` cannot be run: {error}{elsewhere}", words[0]);
                self.machine.note(&fault)?;
                return Ok(Some(fault));
            }
        };
        let fault = match ended.code {
            None => {
                let limit = humantime::format_duration(step.limit);
                Some(format!("`{line}` had not ended after {limit}"))
            }
            Some(0) => {
                step.check.and_then(|check| check(&ended.output)).map(|what| format!("`{line}`: {what}"))
            }
            Some(_) if step.absent.is_some_and(|absent| ended.output.contains(absent)) => None,
            Some(code) => Some(format!("`{line}` ended with exit code {code}")),
        };
        if words.iter().any(|word| word == "/enum-drivers") {
            self.published = published(&ended.output, "wskdrv.inf");
        }
        if let Some(fault) = &fault {
            self.machine.note(fault)?;
        }
        Ok(fault)
    }

    /// The words with what they stand for; `None` if that is not known.
    fn filled(&self, words: &[&str], certificate: &Path) -> Option<Vec<String>> {
        let places = [
            ("<folder>", self.setting.folder.display().to_string()),
            ("<out>", self.setting.out.display().to_string()),
            ("<device>", self.setting.device.clone()),
            ("<certificate>", certificate.display().to_string()),
        ];
        let filled = words.iter().map(|word| {
            let mut word = (*word).to_owned();
            for (place, text) in &places {
                word = word.replace(place, text);
            }
            match (word.contains("<published>"), &self.published) {
                (true, None) => None,
                (true, Some(name)) => Some(word.replace("<published>", name)),
                (false, _) => Some(word),
            }
        });
        filled.collect()
    }
}
