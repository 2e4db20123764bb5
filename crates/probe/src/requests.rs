//! How requests run.

use nt::Result;
use readings::{CancelReceive, NoIrp, NullClient, Question, ReservedFlags, UnwantedIrp};
use wsk_sys::{
    STATUS_BUFFER_OVERFLOW, STATUS_CANCELLED, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use crate::Probe;
use crate::answer::Answer;
use crate::client::{Address, Client};

pub(crate) const PROBES: &[(&str, Probe)] = &[
    (CancelReceive::ABOUT.id, cancel_receive),
    (NoIrp::ABOUT.id, no_irp),
    (UnwantedIrp::ABOUT.id, unwanted_irp),
    (NullClient::ABOUT.id, null_client),
    (ReservedFlags::ABOUT.id, reserved_flags),
];

fn cancel_receive(client: &Client<'_>) -> Result<Answer> {
    let ((), ended) = client.bound_socket()?.receive_while(|_| Ok(()))?;
    let answer = match ended.completed {
        Some((STATUS_CANCELLED, 0)) => Answer::followed(CancelReceive::Cancelled),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[ended.status()]))
}

#[expect(clippy::unnecessary_wraps, reason = "a probe, as the others")]
fn no_irp(client: &Client<'_>) -> Result<Answer> {
    let returned = client.socket_without_irp();
    Ok(Answer::by_status(returned, &[(STATUS_INVALID_PARAMETER, NoIrp::InvalidParameter)]))
}

fn unwanted_irp(client: &Client<'_>) -> Result<Answer> {
    let ended = client.transports_with_irp()?;
    let answer = match (ended.returned, ended.completed.map(|completed| completed.0)) {
        (_, Some(STATUS_INVALID_PARAMETER)) => Answer::followed(UnwantedIrp::Refused),
        (_, Some(STATUS_BUFFER_OVERFLOW)) => Answer::followed(UnwantedIrp::Result),
        (STATUS_BUFFER_OVERFLOW, None) => Answer::followed(UnwantedIrp::Ignored),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[ended.returned, ended.status()]))
}

fn null_client(client: &Client<'_>) -> Result<Answer> {
    let ended = client.socket_of_nobody()?;
    let answer = match (ended.status(), ended.completed) {
        (STATUS_INVALID_HANDLE, Some(_)) => Answer::followed(NullClient::Completed),
        (STATUS_INVALID_HANDLE, None) => Answer::followed(NullClient::Returned),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[ended.returned, ended.status()]))
}

fn reserved_flags(client: &Client<'_>) -> Result<Answer> {
    let status = client.socket()?.bind_with(&mut Address::loopback(), 1)?.status();
    let readings = [
        (STATUS_INVALID_PARAMETER, ReservedFlags::InvalidParameter),
        (STATUS_SUCCESS, ReservedFlags::Ignored),
    ];
    Ok(Answer::by_status(status, &readings))
}
