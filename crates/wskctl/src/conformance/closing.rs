//! Handles that are closed with requests pending, by their owner, by the end of a process, and under an unload.

use std::thread;
use std::time::Duration;

use wsk_sys::{NamedStatus, STATUS_CANCELLED, STATUS_FILE_CLOSED, STATUS_INVALID_HANDLE, STATUS_SUCCESS};
use wskdrv_abi::IOCTL_WSKDRV_CREATE;

use super::lab::{Lab, ended, free_again};
use super::outcome::{Failure, Outcome, equal, eventually, holds, status_among, status_is};
use super::pending::{KINDS, RECEIVE, SEND, SEND_MANY};
use super::process::kill_with;
use super::requests;
use super::test::tests;
use crate::device::Pending;
use crate::family::Family;

tests! { closing:
    "Closing a handle ends its receives with STATUS_CANCELLED, and its address is free again."
        closing_the_handle_ends_its_receives;
    "The end of a process ends its requests and closes its handles."
        killing_the_process_ends_its_requests needs [Process];
    "The end of a process ends requests of every kind that are under way on its handles."
        killing_the_process_ends_requests_of_every_kind needs [Process];
    "The end of a process in the middle of its sends leaves nothing behind."
        killing_a_process_that_sends_leaves_nothing needs [Process];
    "A close that overtakes the create leaves no socket." a_close_that_overtakes_a_create_leaves_no_socket;
    "Requests that come while the handle is being closed are refused or cancelled, and none is left."
        requests_after_the_cleanup_are_refused;
    "Hundreds of handles with receives pending are served, and gone when they are closed."
        hundreds_of_handles_are_served_and_gone_when_closed;
    "Unloading the driver waits for a handle with a request pending, and then does it."
        unload_waits_for_handles_with_requests needs [Unload];
}

/// A few times as many are fewer than the descriptors that a process may have open at once on any system.
const HANDLES: usize = 200;

fn cancelled(pending: Pending) -> Outcome {
    let completed = ended(pending)?;
    status_is(completed.status, STATUS_CANCELLED, "a receive on a handle that is closed")?;
    equal(completed.information, 0, "its bytes")
}

fn closing_the_handle_ends_its_receives(lab: &Lab) -> Outcome {
    let watcher = lab.watcher()?;
    let (session, address) = lab.bound(Family::V4)?;
    let pending: Vec<_> = (0..20).map(|_| requests::begin_receive(session.handle())).collect();
    session.close();
    pending.into_iter().try_for_each(cancelled)?;
    eventually(|| equal(watcher.statistics()?.sockets_open, lab.before().sockets_open, "sockets open"))?;
    // The address is free again, for the driver and for others; the close of the handle has not waited for that.
    eventually(|| {
        let bound = lab.socket(Family::V4)?.bind(address);
        let status = bound.err().map_or(Some(STATUS_SUCCESS), |error| error.status());
        equal(status.map(NamedStatus), Some(NamedStatus(STATUS_SUCCESS)), "a bind of its address")
    })?;
    free_again(lab, address)
}

fn killing_the_process_ends_its_requests(lab: &Lab) -> Outcome {
    kill_with(lab, &[&RECEIVE], 5, 2)?;
    let watcher = lab.watcher()?;
    eventually(|| {
        let cancelled = watcher.statistics()?.operations_cancelled - lab.before().operations_cancelled;
        equal(cancelled, 10, "operations that ended as cancelled")
    })
}

fn killing_the_process_ends_requests_of_every_kind(lab: &Lab) -> Outcome {
    kill_with(lab, KINDS, 2, 3)
}

fn killing_a_process_that_sends_leaves_nothing(lab: &Lab) -> Outcome {
    for kind in [&SEND, &SEND_MANY] {
        kill_with(lab, &[kind], 2, 2)?;
    }
    Ok(())
}

fn a_close_that_overtakes_a_create_leaves_no_socket(lab: &Lab) -> Outcome {
    for _ in 0..50 {
        let session = lab.open()?;
        let input = requests::create(Family::V4.number());
        let pending = session.handle().begin(IOCTL_WSKDRV_CREATE, input, Vec::new());
        session.close();
        let expected = [STATUS_SUCCESS, STATUS_CANCELLED, STATUS_FILE_CLOSED];
        status_among(ended(pending)?.status, &expected, "the create")?;
    }
    lab.idle()
}

/// The framework may present requests of a file object that is being closed: begins them as fast as closes go.
fn requests_after_the_cleanup_are_refused(lab: &Lab) -> Outcome {
    for _ in 0..100 {
        let (session, _) = lab.bound(Family::V4)?;
        let handle = session.handle().clone();
        let thread =
            thread::spawn(move || (0..10).map(|_| requests::begin_receive(&handle)).collect::<Vec<_>>());
        session.close();
        let begun = thread.join().map_err(|_panic| Failure::new("the thread panicked"))?;
        for pending in begun {
            let expected = [STATUS_CANCELLED, STATUS_FILE_CLOSED, STATUS_INVALID_HANDLE];
            status_among(ended(pending)?.status, &expected, "a receive beside the close")?;
        }
    }
    lab.idle()
}

fn hundreds_of_handles_are_served_and_gone_when_closed(lab: &Lab) -> Outcome {
    let watcher = lab.watcher()?;
    let mut sessions = Vec::new();
    for _ in 0..HANDLES {
        sessions.push(lab.bound(Family::V4)?.0);
    }
    // Each waits for a datagram that does not come.
    let pending: Vec<_> = sessions.iter().map(|session| requests::begin_receive(session.handle())).collect();
    let now = watcher.statistics()?;
    equal(now.handles_open - lab.before().handles_open, 1 + HANDLES as u64, "handles open")?;
    equal(now.sockets_open - lab.before().sockets_open, HANDLES as u64, "sockets open")?;
    for session in sessions {
        session.close();
    }
    pending.into_iter().try_for_each(cancelled)?;
    watcher.close();
    lab.idle()
}

fn unload_waits_for_handles_with_requests(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let pending = requests::begin_receive(session.handle());
    let closer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        let waited = holds(!pending.is_done(), "the unload has not ended the request");
        session.close();
        waited.and_then(|()| cancelled(pending))
    });
    // Waits for the handle, then unloads with the socket's close still under way.
    let unloaded = lab.unload();
    closer.join().map_err(|_panic| Failure::new("the thread panicked"))??;
    unloaded
}
