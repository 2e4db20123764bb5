//! All that a report of a run needs, in one document: on which system the driver ran, what watched it there, which file it
//! is, what it answered, what the suite found, and whether anything was left.
//!
//! [`Subject::gather`] asks for everything and never fails as a whole: each [`Section`] has its data, or the error why they
//! could not be had. The document is the [`Evidence`] as `serde` writes it; [`Evidence::document`] has taken out of it who
//! ran the driver, and where.
//!
//! ```text
//! {
//!   "format": 1,                      raised when a member changes its meaning
//!   "kind": "windows",                or "wine", or "hosted": only the first is evidence of Windows
//!   "says": "...",                    the same for people
//!   "taken": "2026-11-28T21:00:00Z",
//!   "program": { version, contract, target, profile, sha256 },
//!   "system": { "data": { name, wine?, host?, version?, build?, revision?, release?, edition?, architecture } },
//!   "secure_boot": { "data": false },
//!   "code_integrity": { "data": { options, names, test_signing, memory_integrity } },
//!   "verifiers": { "data": { driver_verifier: { flags, drivers }, framework, recorded } },
//!   "watched": { "data": { code, output } },
//!   "service": { "data": { state, kernel_driver, path, start, exit_code, service_exit_code } },
//!   "driver": { "data": { path, size, sha256, version, signed } },
//!   "info": { "data": { device, driver, contract, program_contract, serves, wsk, statistics } },
//!   "probe": { "data": { "readings": { ID: { "reading": NAME or null, "note": "..." } } } },
//!   "conformance": { "data": the report of the suite },
//!   "left": { "data": { before, after, left? } }
//! }
//! ```
//!
//! Each section may be `{ "error": { "message": "...", "advice": "..." } }` instead.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;
use wskdrv_abi::{ABI_MAJOR, ABI_MINOR};

use crate::conformance::Report;
use crate::info::Info;
use crate::service;
use crate::verifier::Overview;

mod gather;
mod image;
mod machine;
mod scrub;
mod section;
#[cfg(all(test, feature = "hosted"))]
mod tests;
#[cfg(windows)]
mod windows;

pub use gather::{Left, Stop, Subject, Watch};
pub use image::DriverFile;
pub use machine::{Api, CodeIntegrity, Machine, System, Watched};
pub use scrub::Names;
pub use section::{Fault, Section};

/// The number of the JSON format.
pub const FORMAT: u32 = 1;

/// On what the driver ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Windows.
    Windows,
    /// Wine.
    Wine,
    /// The hosted kernel.
    Hosted,
}

impl Kind {
    const fn says(self) -> &'static str {
        match self {
            Self::Windows => "The driver ran on Windows.",
            Self::Wine => "The driver ran under Wine: this is no evidence of Windows.",
            Self::Hosted => {
                "The driver ran in the hosted kernel, inside wskctl: this is no evidence of Windows."
            }
        }
    }
}

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    /// The number of its format.
    pub format: u32,
    /// On what the driver ran.
    pub kind: Kind,
    /// The same for people.
    pub says: &'static str,
    /// When it was begun, in UTC.
    pub taken: String,
    /// This program.
    pub program: Program,
    /// The system.
    pub system: Section<System>,
    /// Whether Secure Boot is on.
    pub secure_boot: Section<bool>,
    /// What the kernel demands of the code that it loads.
    pub code_integrity: Section<CodeIntegrity>,
    /// How the verifiers are set, in the registry.
    pub verifiers: Section<Overview>,
    /// What Driver Verifier watches now.
    pub watched: Section<Watched>,
    /// The driver's service.
    pub service: Section<service::Status>,
    /// The driver's file.
    pub driver: Section<DriverFile>,
    /// What the driver says of itself.
    pub info: Section<Info>,
    /// What `wskctl probe` found.
    pub probe: Section<Value>,
    /// What the suite found.
    pub conformance: Section<Report>,
    /// What is left of all this.
    pub left: Section<Left>,
}

/// This program.
#[derive(Clone, Debug, Serialize)]
pub struct Program {
    /// Its version.
    pub version: &'static str,
    /// The contract that it was built for.
    pub contract: String,
    /// Architecture, system and environment that it was built for.
    pub target: String,
    /// Whether it was built with optimisation and without debug assertions.
    pub profile: &'static str,
    /// The SHA-256 of its file.
    pub sha256: Section<String>,
}

impl Program {
    fn this() -> Program {
        let file = std::env::current_exe().and_then(std::fs::read);
        let environment = match () {
            () if cfg!(target_env = "msvc") => "-msvc",
            () if cfg!(target_env = "gnu") => "-gnu",
            () => "",
        };
        Program {
            version: env!("CARGO_PKG_VERSION"),
            contract: format!("{ABI_MAJOR}.{ABI_MINOR}"),
            target: format!("{}-{}{environment}", std::env::consts::ARCH, std::env::consts::OS),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            sha256: Section::of(file.map(|bytes| image::sha256(&bytes)).map_err(Fault::from)),
        }
    }
}

impl Evidence {
    /// A document in which nothing has been asked yet.
    fn begun(kind: Kind) -> Evidence {
        let why = "not asked: the program or the system has ended before";
        Evidence {
            format: FORMAT,
            kind,
            says: kind.says(),
            taken: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            program: Program::this(),
            system: Section::missing(why),
            secure_boot: Section::missing(why),
            code_integrity: Section::missing(why),
            verifiers: Section::missing(why),
            watched: Section::missing(why),
            service: Section::missing(why),
            driver: Section::missing(why),
            info: Section::missing(why),
            probe: Section::missing(why),
            conformance: Section::missing(why),
            left: Section::missing(why),
        }
    }

    /// How many questions the kernel has answered with a reading.
    ///
    /// # Errors
    ///
    /// Why none was asked.
    pub fn answered(&self) -> Result<usize, &Fault> {
        match &self.probe {
            Section::Data(probe) => {
                let readings =
                    probe["readings"].as_object().into_iter().flat_map(|readings| readings.values());
                Ok(readings.filter(|answer| answer["reading"].is_string()).count())
            }
            Section::Error(fault) => Err(fault),
        }
    }

    /// The document as JSON, from which names of users and computers, and addresses but the loopback's, are taken out.
    ///
    /// # Errors
    ///
    /// As `serde_json` has it; there is nothing in the document that JSON cannot say.
    pub fn document(&self, names: &Names) -> serde_json::Result<Value> {
        let mut document = serde_json::to_value(self)?;
        scrub::scrub(&mut document, names);
        Ok(document)
    }
}
