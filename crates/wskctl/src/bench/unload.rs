//! The driver unloaded with sockets open: their process is killed, and with it go its handles.

use std::time::Instant;

use super::report::Unload;
use super::{Bench, Error, LIMIT, Subject, UNLOAD_LIMIT, growth};
use crate::family::Family;
use crate::session::Session;

pub(super) fn measure(bench: &Bench) -> Result<(), Error> {
    if !matches!(bench.subject, Subject::Hosted(_)) {
        bench.note("the driver is not this program's to unload".to_owned());
        return Ok(());
    }
    for sockets in growth::steps(bench.plan.sockets) {
        bench.unless_interrupted()?;
        if let Some(unload) = once(bench, sockets)? {
            bench.told().unloads.push(unload);
        }
    }
    Ok(())
}

fn once(bench: &Bench, sockets: usize) -> Result<Option<Unload>, Error> {
    let start = Instant::now();
    let device = bench.subject.device()?;
    let load = elapsed(start);
    let within = device.clone();
    let done = device.catch_bug_check(move || {
        let Some(process) = within.process() else { return Ok(None) };
        let mut sessions = Vec::new();
        for _ in 0..sockets {
            let session = Session::new(process.open()?).within(LIMIT);
            session.create(Family::V4)?;
            session.bind(Family::V4.loopback())?;
            sessions.push(session);
        }
        let start = Instant::now();
        process.kill();
        let kill = elapsed(start);
        let start = Instant::now();
        if let Some(unloaded) = within.unload(UNLOAD_LIMIT) {
            unloaded.map_err(crate::Error::from)?;
        }
        Ok(Some(Unload { sockets, load, kill, unload: elapsed(start) }))
    });
    done.unwrap_or_else(|report| {
        // Whoever drops what a dead kernel has made enters it, and does not come back.
        std::mem::forget(device);
        Err(Error::BugCheck(report))
    })
}

fn elapsed(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
