//! A socket from open to close, and the cancel of a request that waits.

use std::cell::RefCell;
use std::net::UdpSocket;

use super::measure::{Case, by_turns};
use super::{Bench, Error, ioctl};
use crate::device::Handle;
use crate::family::Family;
use crate::session::{Session, Waiting};

/// How many tables there are.
pub(super) const TABLES: usize = 2;

const SYSTEM: &str = "std::net, bind and close";
pub(super) const OPEN: &str = "open, create, bind, close";
const CANCEL: &str = "cancel of a receive";

pub(super) fn measure(bench: &Bench) -> Result<(), Error> {
    let mut cases = [
        Case::new(SYSTEM, || UdpSocket::bind(Family::V4.loopback())),
        Case::new("open and close", || bench.device.open().map(Handle::close)),
        Case::new(OPEN, || open_and_close(bench)),
    ];
    bench.table("open", by_turns(bench, "a socket", &[SYSTEM], &mut cases)?);
    let (session, _) = bench.bound()?;
    let waiting = RefCell::new(None);
    let mut cases = [
        Case::new(ioctl::VERSION, || session.version()),
        Case::new(CANCEL, || waiting.take().map_or(Ok(()), cancel)).after(|| {
            waiting.replace(Some(session.begin_receive(64)));
            Ok(())
        }),
        Case::new("begin and cancel of a receive", || cancel(session.begin_receive(64))),
    ];
    bench.table("open", by_turns(bench, "a request that waits", &[ioctl::VERSION], &mut cases)?);
    Ok(())
}

pub(super) fn open_and_close(bench: &Bench) -> Result<(), Error> {
    let session = Session::new(bench.device.open()?);
    session.create(Family::V4)?;
    session.bind(Family::V4.loopback())?;
    session.close();
    Ok(())
}

/// Cancels a request, and waits until it has ended.
pub(super) fn cancel<T>(waiting: Waiting<T>) -> Result<(), Error> {
    waiting.cancel();
    match waiting.wait() {
        Err(error) if error.status() != Some(wsk_sys::STATUS_CANCELLED) => Err(error.into()),
        // Cancelled, or done before.
        Ok(_) | Err(_) => Ok(()),
    }
}
