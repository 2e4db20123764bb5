//! Versions, and the life of a socket.

use wskdrv_abi::{ABI_MAJOR, ABI_MINOR};

use super::lab::{Lab, free_again};
use super::outcome::{Outcome, equal, eventually, holds};
use super::test::tests;
use crate::family::Family;

tests! { basics:
    "The driver tells which contract it serves, and its own version." the_driver_tells_its_version;
    "The driver tells which versions of WSK there are, 1.0 among them." the_provider_offers_version_1_0;
    "A socket is created, bound to a port of the stack's choice, and gone when its handle is closed."
        a_socket_is_created_bound_and_closed [v4 v6];
    "A handle whose socket was never bound closes as well." an_unbound_socket_is_closed [v4 v6];
}

/// The version of the package: driver and program are built from the same.
const PACKAGE: [&str; 3] =
    [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")];

fn the_driver_tells_its_version(lab: &Lab) -> Outcome {
    let version = lab.open()?.version()?;
    holds(version.serves(ABI_MAJOR, ABI_MINOR), "a driver that serves this program's contract")?;
    equal(version.reserved, 0, "the reserved field")?;
    let driver = version.driver.map(|part| part.to_string());
    equal(&driver[..3], &PACKAGE[..], "the version of the package")
}

fn the_provider_offers_version_1_0(lab: &Lab) -> Outcome {
    let provider = lab.open()?.provider()?;
    let offered = provider.lowest_version..=provider.highest_version;
    holds(offered.contains(&0x0100), format_args!("{offered:#06x?} contains 0x0100"))?;
    if lab.device().is_ours() {
        equal(offered, 0x0100..=0x0100, "what the hosted provider offers")?;
    }
    equal(provider.reserved, 0, "the reserved field")
}

fn a_socket_is_created_bound_and_closed(lab: &Lab, family: Family) -> Outcome {
    let watcher = lab.watcher()?;
    let before = lab.before().sockets_open;
    let (session, address) = lab.bound(family)?;
    holds(address.port() != 0, "the stack has chosen a port")?;
    equal(address.ip(), family.loopback().ip(), "the address that was asked for")?;
    equal(watcher.statistics()?.sockets_open, before + 1, "sockets open")?;
    session.close();
    eventually(|| equal(watcher.statistics()?.sockets_open, before, "sockets open after the close"))?;
    free_again(lab, address)
}

fn an_unbound_socket_is_closed(lab: &Lab, family: Family) -> Outcome {
    let watcher = lab.watcher()?;
    let before = lab.before().sockets_open;
    let session = lab.socket(family)?;
    equal(watcher.statistics()?.sockets_open, before + 1, "sockets open")?;
    session.close();
    eventually(|| equal(watcher.statistics()?.sockets_open, before, "sockets open after the close"))
}
