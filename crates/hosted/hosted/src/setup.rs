//! How a machine is set up for a test.

use std::fmt;

#[cfg(feature = "netio")]
use netio::memory::Net;
#[cfg(feature = "netio")]
use netio::{Completion, Network};
use ntos::{Config, Machine, Readings};

/// How a machine is set up: what it does where Microsoft's pages leave it open, and how and when requests of Winsock Kernel
/// complete.
///
/// As a text it is the expression that makes it, for a report.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The kernel's and the framework's configuration. Its readings are the network's, too.
    pub kernel: Config,
    /// Where datagrams go, and how requests end.
    #[cfg(feature = "netio")]
    pub network: netio::Config,
    seed: Option<u64>,
}

impl Setup {
    /// The strictest readings; requests complete on another thread, at `DISPATCH_LEVEL`; datagrams go by the machine's own UDP
    /// sockets.
    #[must_use]
    pub fn strict() -> Setup {
        Setup {
            kernel: Config::default(),
            #[cfg(feature = "netio")]
            network: netio::Config::default(),
            seed: None,
        }
    }

    /// A mix of readings, and of ways to complete, by a seed: the same each time.
    #[must_use]
    pub fn seed(seed: u64) -> Setup {
        Setup {
            kernel: Config { readings: Readings::seed(seed), ..Config::default() },
            #[cfg(feature = "netio")]
            network: netio::Config { completion: Completion::Mixed { seed }, ..netio::Config::default() },
            seed: Some(seed),
        }
    }

    /// The same with a network in memory, which only the machine's own sockets are on: for a test that needs no socket outside.
    #[cfg(feature = "netio")]
    #[must_use]
    pub fn in_memory(mut self) -> Setup {
        self.network.network = Network::Memory(Net::new());
        self
    }

    /// Boots a machine. [`Machine::shutdown`] ends it, and looks for what is left.
    #[must_use]
    pub fn boot(&self) -> Machine {
        let machine = Machine::boot(self.kernel.clone());
        #[cfg(feature = "netio")]
        {
            let readings = self.kernel.readings.clone();
            netio::install(&machine, netio::Config { readings, ..self.network.clone() });
        }
        machine
    }

    /// Boots a machine, calls `test` with it, and shuts it down.
    pub fn run<R>(&self, test: impl FnOnce(&Machine) -> R) -> R {
        let machine = self.boot();
        let result = test(&machine);
        machine.shutdown();
        result
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seed {
            None => f.write_str("Setup::strict()"),
            Some(seed) => write!(f, "Setup::seed({seed})"),
        }
    }
}
