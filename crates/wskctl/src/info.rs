//! What the driver says of itself: versions, WSK's versions, and what it has counted.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use wskdrv_abi::{ABI_MAJOR, ABI_MINOR, Statistics};

use crate::error::Error;
use crate::session::Session;

/// What the driver says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Info {
    /// The device, for people.
    pub device: String,
    /// The driver's version.
    pub driver: String,
    /// The version of the contract that it keeps.
    pub contract: String,
    /// The version that this program was built for.
    pub program_contract: String,
    /// Whether a program of that version can use the driver.
    pub serves: bool,
    /// What the WSK provider offers.
    pub wsk: Versions,
    /// What the driver has counted.
    pub statistics: Counts,
}

/// The versions of WSK that a provider has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// The lowest.
    pub lowest: String,
    /// The highest.
    pub highest: String,
}

impl Info {
    /// Asks the driver; `device` is what the device is called.
    ///
    /// # Errors
    ///
    /// The driver's refusal.
    pub fn of(session: &Session, device: String) -> Result<Info, Error> {
        let (version, provider) = (session.version()?, session.provider()?);
        let wsk = |version: u16| format!("{}.{}", version >> 8, version & 0xFF);
        Ok(Info {
            device,
            driver: version.driver.map(|part| part.to_string()).join("."),
            contract: format!("{}.{}", version.abi_major, version.abi_minor),
            program_contract: format!("{ABI_MAJOR}.{ABI_MINOR}"),
            serves: version.serves(ABI_MAJOR, ABI_MINOR),
            wsk: Versions { lowest: wsk(provider.lowest_version), highest: wsk(provider.highest_version) },
            statistics: Counts(session.statistics()?),
        })
    }
}

/// The driver's counts, each by its name; in JSON in lower case, with `_` for the spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts(pub Statistics);

impl Counts {
    /// The counts with their names; the structure is taken apart in full, so that none is forgotten.
    #[must_use]
    pub const fn rows(&self) -> [(&'static str, u64); 16] {
        let Statistics {
            handles_open,
            sockets_open,
            operations_allocated,
            operations_submitted,
            operations_completed,
            operations_failed,
            operations_cancelled,
            operations_timed_out,
            irps_allocated,
            irps_reused,
            irps_freed,
            datagrams_sent,
            bytes_sent,
            datagrams_received,
            bytes_received,
            datagrams_dropped,
        } = self.0;
        [
            ("handles open", handles_open),
            ("sockets open", sockets_open),
            ("operations allocated", operations_allocated),
            ("operations submitted", operations_submitted),
            ("operations completed", operations_completed),
            ("operations failed", operations_failed),
            ("operations cancelled", operations_cancelled),
            ("operations timed out", operations_timed_out),
            ("IRPs allocated", irps_allocated),
            ("IRPs reused", irps_reused),
            ("IRPs freed", irps_freed),
            ("datagrams sent", datagrams_sent),
            ("bytes sent", bytes_sent),
            ("datagrams received", datagrams_received),
            ("bytes received", bytes_received),
            ("datagrams dropped by queues", datagrams_dropped),
        ]
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.rows();
        let mut map = serializer.serialize_map(Some(rows.len()))?;
        for (name, count) in rows {
            map.serialize_entry(&name.replace(' ', "_").to_lowercase(), &count)?;
        }
        map.end()
    }
}
