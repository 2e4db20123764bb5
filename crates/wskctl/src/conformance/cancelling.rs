//! Requests that are cancelled: one, all, and each kind at any moment.

use std::thread;
use std::time::Duration;

use wsk_sys::{NT_SUCCESS, NamedStatus, SO_BROADCAST, SOL_SOCKET, STATUS_CANCELLED, STATUS_SUCCESS};
use wskdrv_abi::{
    Datagrams, IOCTL_WSKDRV_BIND, IOCTL_WSKDRV_CREATE, IOCTL_WSKDRV_GET_OPTION, IOCTL_WSKDRV_RECEIVE,
    IOCTL_WSKDRV_SEND, IOCTL_WSKDRV_SET_OPTION, Received,
};

use super::lab::{Lab, ended};
use super::outcome::{Outcome, equal, holds, status_is};
use super::test::tests;
use super::{raw, requests};
use crate::family::Family;

tests! { cancelling:
    "A receive that is cancelled ends with STATUS_CANCELLED and without bytes." a_cancelled_receive_is_cancelled;
    "Cancelling one receive spares the others on the handle." cancelling_one_receive_spares_the_others;
    "Cancelling everything on a handle ends all of it, and the handle goes on working."
        a_cancel_of_everything_ends_everything;
    "A request of any kind that is cancelled at any moment ends, and its handle goes on working."
        every_request_can_be_cancelled_at_every_moment;
}

fn a_cancelled_receive_is_cancelled(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let pending = requests::begin_receive(session.handle());
    thread::sleep(Duration::from_millis(2));
    holds(!pending.is_done(), "the receive waits for a datagram")?;
    pending.cancel();
    let completed = ended(pending)?;
    status_is(completed.status, STATUS_CANCELLED, "the cancelled receive")?;
    equal(completed.information, 0, "its bytes")
}

fn cancelling_one_receive_spares_the_others(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let begin = || requests::begin_receive(session.handle());
    let (first, second, third) = (begin(), begin(), begin());
    second.cancel();
    let completed = ended(second)?;
    status_is(completed.status, STATUS_CANCELLED, "the cancelled receive")?;
    equal(completed.information, 0, "its bytes")?;
    let peer = lab.peer(Family::V4)?;
    peer.send(b"one", address)?;
    peer.send(b"two", address)?;
    for pending in [first, third] {
        let completed = ended(pending)?;
        status_is(completed.status, STATUS_SUCCESS, "a receive that was not cancelled")?;
        equal(completed.information, size_of::<Datagrams>() + size_of::<Received>() + 3, "its bytes")?;
    }
    Ok(())
}

fn a_cancel_of_everything_ends_everything(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let pending: Vec<_> = (0..10).map(|_| requests::begin_receive(session.handle())).collect();
    session.handle().cancel_all();
    for pending in pending {
        let completed = ended(pending)?;
        status_is(completed.status, STATUS_CANCELLED, "each receive")?;
        equal(completed.information, 0, "its bytes")?;
    }
    equal(session.local_address()?, address, "the address of the handle, which goes on")
}

/// Cancels each kind of request after a growing pause, so that the cancel comes before, while and after the request
/// is served. It ends as a success or as cancelled, and the handle goes on working.
fn every_request_can_be_cancelled_at_every_moment(lab: &Lab) -> Outcome {
    let peer = lab.peer(Family::V4)?;
    let (option, any) = (requests::option(SOL_SOCKET, SO_BROADCAST), Family::V4.loopback());
    let set = [&option[..], &1_u32.to_ne_bytes()].concat();
    let all = [
        (IOCTL_WSKDRV_CREATE, requests::create(Family::V4.number()), 0),
        (IOCTL_WSKDRV_SET_OPTION, set, 0),
        (IOCTL_WSKDRV_GET_OPTION, option, 4),
        (IOCTL_WSKDRV_BIND, requests::timed_with(&requests::sockaddr(any)), 0),
        (IOCTL_WSKDRV_SEND, requests::send_with(&requests::sockaddr(peer.address()), 4), 4),
        (IOCTL_WSKDRV_RECEIVE, requests::receive(32), 100),
    ];
    for step in 0..40_u64 {
        let pause = Duration::from_micros(step * step);
        let session = lab.open()?;
        for (code, input, output) in &all {
            let name = wskdrv_abi::code::name(*code).unwrap_or_default();
            let pending = session.handle().begin(*code, input.clone(), vec![0; *output]);
            thread::sleep(pause);
            pending.cancel();
            let status = ended(pending)?.status;
            if status != STATUS_CANCELLED {
                holds(
                    NT_SUCCESS(status),
                    format_args!("{name}, cancelled after {pause:?}, not {}", NamedStatus(status)),
                )?;
            } else if *code != IOCTL_WSKDRV_RECEIVE {
                // Not cancelled, it does what it does: the steps that follow need it.
                let (status, _) = raw(session.handle(), *code, input, *output)?;
                status_is(status, STATUS_SUCCESS, format_args!("{name} again"))?;
            }
        }
        session.close();
    }
    Ok(())
}
