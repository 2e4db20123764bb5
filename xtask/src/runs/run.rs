//! One run on Windows, as `wskctl evidence` wrote it: what is needed of it here.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// The version of the document that is understood.
const FORMAT: u64 = 1;
/// Those that Rust, and so wskctl, has names for and Windows runs on.
const ARCHITECTURES: [&str; 4] = ["aarch64", "arm", "x86", "x86_64"];
/// The first build that the driver is for: Windows 10, version 2004.
const FIRST: u32 = 19041;

/// One run.
#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    taken: String,
    system: Section<System>,
    code_integrity: Section<CodeIntegrity>,
    verifiers: Section<Verifiers>,
    watched: Section<Watched>,
    driver: Section<Driver>,
    probe: Section<Probe>,
    conformance: Section<Suite>,
}

/// What was found, or why it was not.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Section<T> {
    Data(T),
    Error(Fault),
}

#[derive(Debug, Deserialize)]
struct Fault {
    message: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct System {
    pub(super) name: String,
    wine: Option<String>,
    version: String,
    build: u32,
    revision: Option<u32>,
    release: Option<String>,
    pub(super) architecture: String,
}

#[derive(Debug, Deserialize)]
struct CodeIntegrity {
    memory_integrity: bool,
}

#[derive(Debug, Deserialize)]
struct Verifiers {
    driver_verifier: DriverVerifier,
    framework: Vec<(String, Value)>,
}

#[derive(Debug, Deserialize)]
struct DriverVerifier {
    flags: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Watched {
    output: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Driver {
    path: String,
    pub(super) sha256: String,
}

#[derive(Debug, Deserialize)]
struct Probe {
    readings: BTreeMap<String, Answer>,
}

/// What the probe found of a question.
#[derive(Debug, Deserialize)]
struct Answer {
    reading: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Suite {
    passed: usize,
    failed: usize,
    not_applicable: usize,
}

impl<T> Section<T> {
    fn data(&self) -> Result<&T, &str> {
        match self {
            Section::Data(data) => Ok(data),
            Section::Error(fault) => Err(&fault.message),
        }
    }
}

impl Run {
    /// Reads a file of `wskctl evidence`, and refuses one that is not of Windows.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Run> {
        if matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) {
            bail!(
                "it is in UTF-16, as `>` of Windows PowerShell writes: take it anew with `wskctl evidence --out FILE`"
            );
        }
        let document: Value = match serde_json::from_slice(bytes) {
            Ok(document) => document,
            Err(error) if error.is_eof() => {
                bail!("it is cut: it ends at line {}; copy the file again, to its end", error.line())
            }
            Err(error) => bail!("it is not JSON: {error}; it has to be as wskctl wrote it"),
        };
        match document["format"].as_u64() {
            Some(FORMAT) => {}
            Some(format) => bail!(
                "it has format {format}, and this tree reads {FORMAT}: take the evidence with the wskctl of this tree, or \
                 read it with the tree of that wskctl"
            ),
            None => bail!("it is no file of `wskctl evidence`: it has no number `format`"),
        }
        let kind = document["kind"].as_str().unwrap_or("an unknown system");
        if kind != "windows" {
            bail!("it is of {kind}, not of Windows: {NOT_HERE}");
        }
        let run: Run = serde_json::from_value(document)
            .context("a member is missing, or is not what wskctl writes: take the evidence anew")?;
        let needed = |name: &str, why: &str| {
            format!(
                "it has nothing of `{name}`: {why}. Take it anew, with the driver installed as the service"
            )
        };
        run.system.data().map_err(|why| anyhow::anyhow!(needed("system", why)))?;
        run.driver.data().map_err(|why| anyhow::anyhow!(needed("driver", why)))?;
        let system = run.system();
        if let Some(wine) = &system.wine {
            bail!("it is of Wine {wine}, whatever else it says: {NOT_HERE}");
        }
        if system.build < FIRST {
            bail!("it is of {}, and the driver is for build {FIRST} and later: {NOT_HERE}", run.build());
        }
        run.check_names()?;
        Ok(run)
    }

    /// Checks what names the file, and what the table says without a look at it: a file may be a stranger's.
    fn check_names(&self) -> Result<()> {
        let System { version, architecture, .. } = self.system();
        let Driver { path, sha256 } = self.driver();
        let is_version =
            !version.is_empty() && version.chars().all(|char| char.is_ascii_digit() || char == '.');
        let is_day = self.taken.len() > 10
            && self.day().len() == 10
            && self.day().chars().all(|char| char.is_ascii_digit() || char == '-');
        let is_hash = sha256.len() == 64 && sha256.chars().all(|char| char.is_ascii_hexdigit());
        for (is_good, member, value) in [
            (is_version, "system.version", version),
            (ARCHITECTURES.contains(&architecture.as_str()), "system.architecture", architecture),
            (is_day, "taken", &self.taken),
            (is_hash, "driver.sha256", sha256),
            (!self.file().is_empty(), "driver.path", path),
        ] {
            if !is_good {
                bail!("its `{member}` is {value:?}, which wskctl does not write: take the evidence anew");
            }
        }
        Ok(())
    }

    pub(super) fn system(&self) -> &System {
        self.system.data().expect("a run without one is refused")
    }

    pub(super) fn driver(&self) -> &Driver {
        self.driver.data().expect("a run without one is refused")
    }

    /// The build, as in `10.0.20348.5499`.
    pub(crate) fn build(&self) -> String {
        let System { version, build, revision, .. } = self.system();
        match revision {
            Some(revision) => format!("{version}.{build}.{revision}"),
            None => format!("{version}.{build}"),
        }
    }

    /// The name of its file.
    pub(crate) fn name(&self) -> String {
        let verifier = if self.is_watched() { "-verifier" } else { "" };
        format!("{}-{}{verifier}.json", self.build(), self.system().architecture)
    }

    /// Where it stands in the table: by build, then by the rest of the name.
    pub(super) fn order(&self) -> (u32, Option<u32>, String) {
        (self.system().build, self.system().revision, self.name())
    }

    /// The day on which it was taken.
    pub(super) fn day(&self) -> &str {
        self.taken.split('T').next().unwrap_or_default()
    }

    /// The name of the system, with its release.
    pub(super) fn windows(&self) -> String {
        let System { name, release, .. } = self.system();
        release.iter().fold(name.clone(), |name, release| format!("{name} {release}"))
    }

    /// The name of the driver's file.
    fn file(&self) -> String {
        self.driver().path.rsplit('\\').next().unwrap_or_default().trim().to_lowercase()
    }

    /// Whether Driver Verifier watched the driver: verifier.exe lists it then, in any language.
    fn is_watched(&self) -> bool {
        self.watched.data().is_ok_and(|watched| watched.output.to_lowercase().contains(&self.file()))
    }

    /// Which verifiers watched the driver.
    pub(super) fn verifiers(&self) -> String {
        let mut verifiers = Vec::new();
        if self.is_watched() {
            // What holds now is in verifier.exe's words; the registry has what will hold after a restart.
            let output = self.watched.data().map(|watched| watched.output.as_str()).unwrap_or_default();
            let shown = output.split_whitespace().find_map(|word| word.strip_prefix("0x"));
            let shown = shown.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            let set = self.verifiers.data().ok().and_then(|verifiers| verifiers.driver_verifier.flags);
            verifiers.push(match shown.or(set) {
                Some(flags) => format!("Driver Verifier {flags:#x}"),
                None => "Driver Verifier".to_owned(),
            });
        }
        let framework = self.verifiers.data().map_or(&[][..], |verifiers| &verifiers.framework);
        if framework.iter().any(|(name, value)| name == "VerifierOn" && value["dword"] != 0) {
            verifiers.push("KMDF".to_owned());
        }
        if verifiers.is_empty() { "none".to_owned() } else { verifiers.join(", ") }
    }

    /// Whether memory integrity was on.
    pub(super) fn memory_integrity(&self) -> &'static str {
        match self.code_integrity.data() {
            Ok(CodeIntegrity { memory_integrity: true }) => "on",
            Ok(_) => "off",
            Err(_) => "not known",
        }
    }

    /// What came of the suite.
    pub(super) fn tests(&self) -> String {
        match self.conformance.data() {
            Ok(Suite { passed, failed, not_applicable }) => {
                format!("{passed} passed, {failed} failed, {not_applicable} not applicable")
            }
            Err(why) => why.to_owned(),
        }
    }

    /// The questions that the probe asked, each with the reading that it found.
    pub(super) fn answers(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let readings = self.probe.data().ok().map(|probe| &probe.readings);
        let answers = readings.into_iter().flatten();
        answers.map(|(id, answer)| (id.as_str(), answer.reading.as_deref()))
    }
}

const NOT_HERE: &str = "docs/windows-runs is for runs on Windows 10, version 2004, or later";
