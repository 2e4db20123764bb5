//! The Windows that this program runs on: which one, and what watches the driver there.

use std::io;

use serde::Serialize;
use windows_sys::Win32::System::WindowsProgramming as integrity;

use super::image::DriverFile;
use super::section::{Fault, Section};
use crate::service::{self, Manager};
use crate::verifier::{self, Overview, Value};

/// Where Windows says what it is called.
const VERSION_KEY: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const ENVIRONMENT_KEY: &str = r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment";
const SECURE_BOOT_KEY: &str = r"SYSTEM\CurrentControlSet\Control\SecureBoot\State";

/// The bits of `SYSTEM_CODEINTEGRITY_INFORMATION.CodeIntegrityOptions` by what follows `CODEINTEGRITY_OPTION_` in C.
const INTEGRITY: [(u32, &str); 14] = [
    (integrity::CODEINTEGRITY_OPTION_ENABLED, "ENABLED"),
    (integrity::CODEINTEGRITY_OPTION_TESTSIGN, TEST_SIGNING),
    (integrity::CODEINTEGRITY_OPTION_UMCI_ENABLED, "UMCI_ENABLED"),
    (integrity::CODEINTEGRITY_OPTION_UMCI_AUDITMODE_ENABLED, "UMCI_AUDITMODE_ENABLED"),
    (integrity::CODEINTEGRITY_OPTION_UMCI_EXCLUSIONPATHS_ENABLED, "UMCI_EXCLUSIONPATHS_ENABLED"),
    (integrity::CODEINTEGRITY_OPTION_TEST_BUILD, "TEST_BUILD"),
    (integrity::CODEINTEGRITY_OPTION_PREPRODUCTION_BUILD, "PREPRODUCTION_BUILD"),
    (integrity::CODEINTEGRITY_OPTION_DEBUGMODE_ENABLED, "DEBUGMODE_ENABLED"),
    (integrity::CODEINTEGRITY_OPTION_FLIGHT_BUILD, "FLIGHT_BUILD"),
    (integrity::CODEINTEGRITY_OPTION_FLIGHTING_ENABLED, "FLIGHTING_ENABLED"),
    (integrity::CODEINTEGRITY_OPTION_HVCI_KMCI_ENABLED, MEMORY_INTEGRITY),
    (integrity::CODEINTEGRITY_OPTION_HVCI_KMCI_AUDITMODE_ENABLED, "HVCI_KMCI_AUDITMODE_ENABLED"),
    (integrity::CODEINTEGRITY_OPTION_HVCI_KMCI_STRICTMODE_ENABLED, "HVCI_KMCI_STRICTMODE_ENABLED"),
    (integrity::CODEINTEGRITY_OPTION_HVCI_IUM_ENABLED, "HVCI_IUM_ENABLED"),
];
const TEST_SIGNING: &str = "TESTSIGN";
const MEMORY_INTEGRITY: &str = "HVCI_KMCI_ENABLED";

/// What only functions of Windows tell.
pub trait Api {
    /// Wine's version, if it is Wine that has this program.
    fn wine(&self) -> Option<String>;

    /// `RtlGetVersion`: major, minor, build.
    ///
    /// # Errors
    ///
    /// The system's word; so in each of these functions.
    fn version(&self) -> io::Result<[u32; 3]>;

    /// `SYSTEM_CODEINTEGRITY_INFORMATION.CodeIntegrityOptions`.
    ///
    /// # Errors
    ///
    /// As for [`Api::version`].
    fn code_integrity(&self) -> io::Result<u32>;

    /// The folder that Windows is in.
    fn root(&self) -> String;

    /// A file's bytes.
    ///
    /// # Errors
    ///
    /// As for [`Api::version`].
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
}

/// The parts of a running Windows that are asked.
pub struct Machine {
    /// Its functions.
    pub api: Box<dyn Api>,
    /// The registry, and verifier.exe.
    pub registry: Box<dyn verifier::System>,
    /// The service manager.
    pub manager: Box<dyn Manager>,
}

/// Which system it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct System {
    /// Its name.
    pub name: String,
    /// Wine's own version, if it is Wine; the rest is then what Wine says to programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wine: Option<String>,
    /// The system that this program runs on, if the driver is hosted in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Major and minor version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The number of the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<u32>,
    /// The number of the build's revision, which updates raise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// The release, such as `24H2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The edition, such as `ServerDatacenter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The machine's architecture, as Rust calls it.
    pub architecture: String,
}

/// What the kernel demands of the code that it loads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeIntegrity {
    /// The bits.
    pub options: u32,
    /// Their names.
    pub names: Vec<&'static str>,
    /// Whether test signatures are good enough.
    pub test_signing: bool,
    /// Whether memory integrity (HVCI) is on.
    pub memory_integrity: bool,
}

/// What Driver Verifier watches now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// The exit code of `verifier /query`.
    pub code: i32,
    /// What that printed, in the language of this Windows.
    pub output: String,
}

impl Machine {
    /// The running system; `None` if it is not Windows.
    #[must_use]
    pub fn here() -> Option<Machine> {
        #[cfg(windows)]
        return Some(Machine {
            api: Box::new(super::windows::Local),
            registry: verifier::system().ok()?,
            manager: service::manager().ok()?,
        });
        #[cfg(not(windows))]
        None
    }

    fn registry(&self, key: &str, name: &str) -> Result<Option<Value>, Fault> {
        let value = self.registry.get(key, name);
        value.map_err(|error| {
            Fault::new(format!(r"the registry's value {key}\{name} cannot be read: {error}"))
        })
    }

    fn text(&self, key: &str, name: &str) -> Result<Option<String>, Fault> {
        Ok(match self.registry(key, name)? {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        })
    }

    fn number(&self, key: &str, name: &str) -> Result<Option<u32>, Fault> {
        Ok(match self.registry(key, name)? {
            Some(Value::Dword(number)) => Some(number),
            _ => None,
        })
    }

    pub(super) fn system(&self) -> Section<System> {
        let found = || {
            let [major, minor, build] = self.api.version()?;
            let architecture = self.text(ENVIRONMENT_KEY, "PROCESSOR_ARCHITECTURE")?;
            Ok(System {
                name: self.text(VERSION_KEY, "ProductName")?.unwrap_or_else(|| "Windows".to_owned()),
                wine: self.api.wine(),
                host: None,
                version: Some(format!("{major}.{minor}")),
                build: Some(build),
                revision: self.number(VERSION_KEY, "UBR")?,
                release: self.text(VERSION_KEY, "DisplayVersion")?,
                edition: self.text(VERSION_KEY, "EditionID")?,
                architecture: match architecture.as_deref() {
                    Some("AMD64") => "x86_64".to_owned(),
                    Some("ARM64") => "aarch64".to_owned(),
                    Some(other) => other.to_lowercase(),
                    None => std::env::consts::ARCH.to_owned(),
                },
            })
        };
        Section::of(found())
    }

    pub(super) fn secure_boot(&self) -> Section<bool> {
        let state = self.number(SECURE_BOOT_KEY, "UEFISecureBootEnabled");
        let none = || {
            Fault::new("Windows has no state of Secure Boot: the machine was not started by UEFI".to_owned())
        };
        Section::of(state.and_then(|state| state.map(|state| state != 0).ok_or_else(none)))
    }

    pub(super) fn code_integrity(&self) -> Section<CodeIntegrity> {
        Section::of(self.api.code_integrity().map_err(Fault::from).map(|options| {
            let names = INTEGRITY.iter().filter(|(bit, _)| options & bit != 0).map(|(_, name)| *name);
            let names: Vec<_> = names.collect();
            CodeIntegrity {
                options,
                test_signing: names.contains(&TEST_SIGNING),
                memory_integrity: names.contains(&MEMORY_INTEGRITY),
                names,
            }
        }))
    }

    pub(super) fn verifiers(&self, service: &str) -> Section<Overview> {
        Section::of(verifier::status(&*self.registry, service).map_err(Fault::from))
    }

    pub(super) fn watched(&self) -> Section<Watched> {
        let run = self.registry.verifier(&["/query".to_owned()]);
        Section::of(match run {
            Ok(run) => Ok(Watched { code: run.code, output: run.output.trim().replace('\r', "") }),
            Err(error) => Err(Fault::new(format!("verifier.exe cannot be run: {error}"))),
        })
    }

    /// The service, and its file.
    pub(super) fn service(&self, service: &str) -> (Section<service::Status>, Section<DriverFile>) {
        let status = self.manager.query(service).and_then(|status| {
            status.ok_or_else(|| service::Error::NotInstalled { service: service.to_owned() })
        });
        let file = match &status {
            Err(_) => Err(Fault::new("which file it is stands in the service".to_owned())),
            Ok(status) => {
                let path = service::located(&status.path, service, &self.api.root());
                match self.api.read(&path) {
                    Ok(bytes) => Ok(DriverFile::new(path, &bytes)),
                    Err(error) => Err(Fault::new(format!("{path} cannot be read: {error}"))),
                }
            }
        };
        (Section::of(status.map_err(Fault::from)), Section::of(file))
    }
}
