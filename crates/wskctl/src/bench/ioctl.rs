//! One control request, from user mode to its completion.

use wsk_sys::{SO_BROADCAST, SOL_SOCKET};

use super::measure::{Case, by_turns};
use super::system::Socket;
use super::{Bench, Error};

/// How many tables there are.
pub(super) const TABLES: usize = 1;

/// A call of the system that is as near to a control request as there is one.
pub(super) const SYSTEM: &str = "std::net, get SO_BROADCAST";
/// A request that the driver answers by itself.
pub(super) const VERSION: &str = "version, without WSK";

pub(super) fn measure(bench: &Bench) -> Result<(), Error> {
    let (session, _) = bench.bound()?;
    let system = Socket::new()?;
    let mut cases = [
        Case::new(SYSTEM, || system.socket.broadcast()),
        Case::new(VERSION, || session.version()),
        Case::new("get SO_BROADCAST", || session.get_option(SOL_SOCKET, SO_BROADCAST, 4)),
        Case::new("set SO_BROADCAST", || session.set_option(SOL_SOCKET, SO_BROADCAST, &[1, 0, 0, 0])),
        Case::new("SIO_WSK_SET_REMOTE_ADDRESS", || session.set_remote_address(None)),
        Case::new("local address", || session.local_address()),
    ];
    let table = by_turns(bench, "a control request", &[SYSTEM, VERSION], &mut cases)?;
    bench.table("ioctl", table);
    Ok(())
}
