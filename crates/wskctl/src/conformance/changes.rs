//! Requests that wait for a change of the local addresses or of the transports, and so without limit: woken, cancelled,
//! limited in time, closed under, killed, unloaded under.

use std::thread;
use std::time::Duration;

use wsk_sys::{STATUS_CANCELLED, STATUS_IO_TIMEOUT};

use super::lab::{Lab, ended};
use super::outcome::{Failure, Outcome, SOON, equal, eventually, holds, refused, status_is};
use super::pending::{ADDRESS_CHANGE, TRANSPORT_CHANGE};
use super::process::kill_with;
use super::test::tests;
use crate::device::Pending;
use crate::error::Error;
use crate::family::Family;
use crate::session::{Session, Waiting};

tests! { changes:
    "A wait that is cancelled ends with STATUS_CANCELLED, and the handle can wait again." a_wait_can_be_cancelled;
    "Cancelling everything on a handle ends its waits." a_cancel_of_everything_ends_the_waits;
    "A wait ends with STATUS_IO_TIMEOUT when its time has passed, and the handle can wait again."
        a_wait_has_a_time_limit;
    "Closing the handle ends its waits with STATUS_CANCELLED." closing_the_handle_ends_its_waits;
    "Closing one handle spares the waits of another." closing_one_handle_spares_the_others;
    "The end of a process ends its waits." killing_the_process_ends_its_waits needs [Process];
    "Unloading the driver waits for a handle with waits pending, and then does it."
        unload_waits_for_the_waits needs [Unload];
    "Waits that are cancelled at any moment end, and the handle goes on working."
        waits_can_be_cancelled_at_every_moment;
    "A change ends the waits for it, and the next wait is for the next change." a_change_ends_the_waits;
}

/// One wait of each kind, without a limit, on a handle with a socket.
fn waits(session: &Session) -> [Waiting; 2] {
    let session = session.within(None);
    [session.begin_address_change(), session.begin_transport_change()]
}

/// Begins the waits, and sees that they wait.
fn waiting(session: &Session) -> Outcome<[Waiting; 2]> {
    let waits = waits(session);
    thread::sleep(Duration::from_millis(5));
    holds(waits.iter().all(|wait| !wait.is_done()), "the requests wait")?;
    Ok(waits)
}

fn cancelled(pending: Pending) -> Outcome {
    let completed = ended(pending)?;
    status_is(completed.status, STATUS_CANCELLED, "a wait for a change")?;
    equal(completed.information, 0, "its bytes")
}

fn all_cancelled(waits: [Waiting; 2]) -> Outcome {
    waits.into_iter().map(Waiting::into_pending).try_for_each(cancelled)
}

fn a_wait_can_be_cancelled(lab: &Lab) -> Outcome {
    let session = lab.socket(Family::V4)?;
    for _ in 0..3 {
        let waits = waiting(&session)?;
        waits.iter().for_each(Waiting::cancel);
        all_cancelled(waits)?;
    }
    Ok(())
}

fn a_cancel_of_everything_ends_the_waits(lab: &Lab) -> Outcome {
    let session = lab.socket(Family::V4)?;
    let waits = waiting(&session)?;
    session.handle().cancel_all();
    all_cancelled(waits)
}

fn a_wait_has_a_time_limit(lab: &Lab) -> Outcome {
    let session = lab.socket(Family::V4)?;
    for limit in [Duration::ZERO, Duration::from_millis(20)] {
        let limited = session.within(limit);
        refused(limited.wait_for_addresses(), STATUS_IO_TIMEOUT, format_args!("addresses, {limit:?}"))?;
        refused(limited.wait_for_transports(), STATUS_IO_TIMEOUT, format_args!("transports, {limit:?}"))?;
    }
    waiting(&session).map(drop)
}

fn closing_the_handle_ends_its_waits(lab: &Lab) -> Outcome {
    // Without a socket, nothing but the handle ends the wait for the transports.
    let bare = lab.open()?;
    let transports = bare.within(None).begin_transport_change();
    bare.close();
    cancelled(transports.into_pending())?;
    for bound in [false, true] {
        let session = if bound { lab.bound(Family::V4)?.0 } else { lab.socket(Family::V4)? };
        let waits = waiting(&session)?;
        session.close();
        all_cancelled(waits)?;
    }
    lab.idle()
}

fn closing_one_handle_spares_the_others(lab: &Lab) -> Outcome {
    let (one, other) = (lab.socket(Family::V4)?, lab.socket(Family::V4)?);
    let (ones, others) = (waiting(&one)?, waiting(&other)?);
    one.close();
    all_cancelled(ones)?;
    thread::sleep(Duration::from_millis(5));
    holds(others.iter().all(|wait| !wait.is_done()), "the other handle's requests wait")?;
    others.iter().for_each(Waiting::cancel);
    all_cancelled(others)
}

fn killing_the_process_ends_its_waits(lab: &Lab) -> Outcome {
    kill_with(lab, &[&ADDRESS_CHANGE, &TRANSPORT_CHANGE], 3, 2)
}

fn unload_waits_for_the_waits(lab: &Lab) -> Outcome {
    let session = lab.socket(Family::V4)?;
    let waits = waiting(&session)?;
    let closer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        let waited = holds(waits.iter().all(|wait| !wait.is_done()), "the unload has not ended the waits");
        session.close();
        waited.and_then(|()| all_cancelled(waits))
    });
    let unloaded = lab.unload();
    closer.join().map_err(|_panic| Failure::new("the thread panicked"))??;
    unloaded
}

fn waits_can_be_cancelled_at_every_moment(lab: &Lab) -> Outcome {
    let session = lab.socket(Family::V4)?;
    for step in 0..40_u64 {
        let waits = waits(&session);
        thread::sleep(Duration::from_micros(step * step));
        waits.iter().for_each(Waiting::cancel);
        all_cancelled(waits)?;
    }
    session.bind(Family::V4.loopback())?;
    Ok(session.local_address().map(drop)?)
}

fn a_change_ends_the_waits(lab: &Lab) -> Outcome {
    let (session, other) = (lab.socket(Family::V4)?, lab.socket(Family::V4)?);
    for _ in 0..3 {
        let mut all: Vec<Waiting> = Vec::from(waiting(&session)?);
        all.extend(waiting(&other)?);
        // A wait that is not in WSK's hands yet misses the change, so there are changes until all waits have ended.
        eventually(|| {
            if !lab.device().announce_changes() {
                all.iter().for_each(Waiting::cancel);
                return Err(Failure::NotApplicable("nothing can change the addresses here".to_owned()));
            }
            holds(all.iter().all(Waiting::is_done), "the changes end the waits")
        })?;
        for wait in std::mem::take(&mut all) {
            let ended: Result<(), Error> =
                wait.wait_for(SOON).map_err(|_waiting| Failure::new("expected: the wait ends"))?;
            ended?;
        }
    }
    Ok(())
}
