//! How a provider behaves.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use readings::Readings;
use wsk_sys::MAKE_WSK_VERSION;

use crate::net::Network;

/// How a provider behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the datagrams go.
    pub network: Network,
    /// How requests end.
    pub completion: Completion,
    /// The WSK versions offered, as [`MAKE_WSK_VERSION`] makes them.
    pub versions: RangeInclusive<u16>,
    /// Whether the provider can be captured from the beginning; see `Netio::set_ready`.
    pub ready: bool,
    /// How long [`WskDeregister`](crate::deregister::WskDeregister) waits on a strict machine for what is on its way, before
    /// it reports that as stuck.
    pub deregister_limit: Duration,
    /// What it does where Microsoft's pages leave it open: one reading of each question of `docs/fidelity.md`. A driver has to
    /// be right under all of them, so test it under several: `Readings::STRICT`, `Readings::WINDOWS`, `Readings::seed(N)`.
    pub readings: Readings,
}

impl Default for Config {
    /// The host's network, deferred completion, version 1.0, ready, a minute to deregister, the strict readings.
    fn default() -> Config {
        let version = MAKE_WSK_VERSION(1, 0);
        Config {
            network: Network::Host,
            completion: Completion::Deferred,
            versions: version..=version,
            ready: true,
            deregister_limit: Duration::from_mins(1),
            readings: Readings::STRICT,
        }
    }
}

/// How requests end. All of these happen on Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// A request that need not wait completes inside the call, at the caller's IRQL, and the call returns its status.
    /// One that waits completes as with `Deferred`.
    Inline,
    /// The call returns `STATUS_PENDING`; the request runs and completes on another thread, at `DISPATCH_LEVEL`.
    Deferred,
    /// As `Deferred`, each after a random time below half a millisecond, so that requests overtake each other.
    Delayed {
        /// Of the random numbers.
        seed: u64,
    },
    /// For each request at random: as `Inline`, as `Deferred`, or as `Delayed`.
    Mixed {
        /// Of the random numbers.
        seed: u64,
    },
}

/// A text that is none of a [`Completion`]'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCompletion;

impl fmt::Display for NoCompletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected inline, deferred, delayed:SEED or mixed:SEED, where SEED is a number")
    }
}

impl std::error::Error for NoCompletion {}

impl FromStr for Completion {
    type Err = NoCompletion;

    fn from_str(text: &str) -> Result<Completion, NoCompletion> {
        match text {
            "inline" => Ok(Completion::Inline),
            "deferred" => Ok(Completion::Deferred),
            _ => {
                let (mode, seed) = text.split_once(':').ok_or(NoCompletion)?;
                let seed = seed.parse().map_err(|_| NoCompletion)?;
                match mode {
                    "delayed" => Ok(Completion::Delayed { seed }),
                    "mixed" => Ok(Completion::Mixed { seed }),
                    _ => Err(NoCompletion),
                }
            }
        }
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Completion::Inline => f.write_str("inline"),
            Completion::Deferred => f.write_str("deferred"),
            Completion::Delayed { seed } => write!(f, "delayed:{seed}"),
            Completion::Mixed { seed } => write!(f, "mixed:{seed}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_have_a_text() {
        for text in ["inline", "deferred", "delayed:0", "delayed:18446744073709551615", "mixed:7"] {
            assert_eq!(text.parse::<Completion>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "Inline",
            "delayed",
            "delayed:",
            "delayed:-1",
            "delayed:18446744073709551616",
            "mixed",
            "other:1",
        ] {
            assert_eq!(text.parse::<Completion>(), Err(NoCompletion), "{text}");
        }
    }
}
