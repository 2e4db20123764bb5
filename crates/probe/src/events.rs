//! Events.

use nt::Result;
use readings::{
    EnableBeforeBind, EnableMalformed, EnableWithIrp, EnabledTwice, ForeignNpi, IndicatedMdls, NotAccepted,
    Question, StaticLate, StaticSwitched,
};
use wsk_sys::{
    GUID, NPI_WSK_INTERFACE_ID, NTSTATUS, STATUS_DATA_NOT_ACCEPTED, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, ULONG,
    WSK_EVENT_ACCEPT, WSK_EVENT_DISABLE, WSK_EVENT_RECEIVE_FROM,
};

use crate::Probe;
use crate::answer::Answer;
use crate::client::{Address, Client, Indicated, Socket};

pub(crate) const PROBES: &[(&str, Probe)] = &[
    (IndicatedMdls::ABOUT.id, indicated_mdls),
    (EnableBeforeBind::ABOUT.id, enable_before_bind),
    (EnableMalformed::ABOUT.id, enable_malformed),
    (ForeignNpi::ABOUT.id, foreign_npi),
    (EnableWithIrp::ABOUT.id, enable_with_irp),
    (EnabledTwice::ABOUT.id, enabled_twice),
    (StaticSwitched::ABOUT.id, static_switched),
    (StaticLate::ABOUT.id, static_late),
    (NotAccepted::ABOUT.id, not_accepted),
];

const DISABLE: ULONG = WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE;

/// A socket with an event, which is off and returns this answer, bound to the loopback address.
pub(crate) fn answering<'c>(client: &'c Client<'_>, answer: NTSTATUS) -> Result<Socket<'c>> {
    let socket = client.event_socket(answer)?;
    nt::check(socket.bind(&mut Address::loopback())?.status())?;
    Ok(socket)
}

/// The same, which takes what comes.
fn bound<'c>(client: &'c Client<'_>) -> Result<Socket<'c>> {
    answering(client, STATUS_SUCCESS)
}

/// How often a datagram is sent to an event before it is taken for one that does not come.
const SENT: usize = 20;

/// Sends a datagram to a socket with an event until it brings one; none if it does not.
fn indicated(client: &Client<'_>, socket: &Socket<'_>) -> Result<Option<Indicated>> {
    let sender = client.bound_socket()?;
    for _ in 0..SENT {
        nt::check(sender.send_to(b"indicated", Some(&mut socket.local_address()?))?.status())?;
        if let Some(indicated) = socket.indicated_soon() {
            return Ok(Some(indicated));
        }
    }
    Ok(None)
}

fn indicated_mdls(client: &Client<'_>) -> Result<Answer> {
    let socket = bound(client)?;
    nt::check(socket.switch(&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM))?;
    let Indicated { mdls, offset, .. } = indicated(client, &socket)?.ok_or(nt::Error::IO_TIMEOUT)?;
    let answer = match (mdls, offset) {
        (1, 0) => Answer::followed(IndicatedMdls::One),
        (1, _) => Answer::other::<IndicatedMdls>("one-offset"),
        (2, 1..) => Answer::followed(IndicatedMdls::Two),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[mdls.cast_signed(), offset.cast_signed()]))
}

fn enable_before_bind(client: &Client<'_>) -> Result<Answer> {
    let socket = client.event_socket(STATUS_SUCCESS)?;
    let status = socket.switch(&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM);
    if status == STATUS_SUCCESS {
        nt::check(socket.bind(&mut Address::loopback())?.status())?;
        if indicated(client, &socket)?.is_none() {
            return Ok(Answer::default().seeing(&[status]));
        }
    }
    let readings = [
        (STATUS_INVALID_DEVICE_STATE, EnableBeforeBind::InvalidState),
        (STATUS_SUCCESS, EnableBeforeBind::Enabled),
    ];
    Ok(Answer::by_status(status, &readings))
}

/// A null `NpiId` is left out: it could stop the machine.
fn enable_malformed(client: &Client<'_>) -> Result<Answer> {
    let socket = bound(client)?;
    let switch = |mask| socket.switch(&NPI_WSK_INTERFACE_ID, mask);
    let seen = [
        switch(0),
        switch(WSK_EVENT_ACCEPT),
        switch(WSK_EVENT_ACCEPT | DISABLE),
        socket.switch_with(&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM, 8),
    ];
    let answer = match seen {
        [
            STATUS_INVALID_PARAMETER,
            STATUS_INVALID_PARAMETER,
            STATUS_INVALID_PARAMETER,
            STATUS_INVALID_PARAMETER,
        ] => Answer::followed(EnableMalformed::InvalidParameter),
        [_, STATUS_SUCCESS, _, _] => Answer::other::<EnableMalformed>("ignored"),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&seen))
}

fn foreign_npi(client: &Client<'_>) -> Result<Answer> {
    // That of no extension.
    let npi = GUID { Data1: !NPI_WSK_INTERFACE_ID.Data1, ..NPI_WSK_INTERFACE_ID };
    let readings = [
        (STATUS_NOT_SUPPORTED, ForeignNpi::NotSupported),
        (STATUS_INVALID_PARAMETER, ForeignNpi::InvalidParameter),
    ];
    Ok(Answer::by_status(bound(client)?.switch(&npi, WSK_EVENT_RECEIVE_FROM), &readings))
}

fn enable_with_irp(client: &Client<'_>) -> Result<Answer> {
    let socket = bound(client)?;
    let ended = socket.switch_with_irp(&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM)?;
    let arrived = ended.status() == STATUS_SUCCESS && indicated(client, &socket)?.is_some();
    let answer = match ended.completed {
        Some((STATUS_INVALID_PARAMETER, _)) => Answer::followed(EnableWithIrp::Refused),
        Some(_) if arrived => Answer::followed(EnableWithIrp::Completed),
        None if arrived => Answer::followed(EnableWithIrp::Ignored),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[ended.returned, ended.status()]))
}

fn enabled_twice(client: &Client<'_>) -> Result<Answer> {
    let socket = bound(client)?;
    let switch = |mask| socket.switch(&NPI_WSK_INTERFACE_ID, mask);
    nt::check(switch(WSK_EVENT_RECEIVE_FROM))?;
    let on = switch(WSK_EVENT_RECEIVE_FROM);
    nt::check(switch(DISABLE))?;
    let off = switch(DISABLE);
    let answer = match (on, off) {
        (STATUS_SUCCESS, STATUS_SUCCESS) => Answer::followed(EnabledTwice::Success),
        (STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_DEVICE_STATE) => {
            Answer::followed(EnabledTwice::InvalidState)
        }
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[on, off]))
}

/// Static events are on for the sockets of this probe's registration.
fn static_switched(client: &Client<'_>) -> Result<Answer> {
    nt::check(client.set_static_events())?;
    let socket = bound(client)?;
    let seen = [WSK_EVENT_RECEIVE_FROM, DISABLE].map(|mask| socket.switch(&NPI_WSK_INTERFACE_ID, mask));
    let answer = match seen {
        [STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_REQUEST] => {
            Answer::followed(StaticSwitched::InvalidRequest)
        }
        [STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER] => {
            Answer::followed(StaticSwitched::InvalidParameter)
        }
        _ => Answer::default(),
    };
    Ok(answer.seeing(&seen))
}

/// If it succeeds, it is for the sockets of this probe's registration.
fn static_late(client: &Client<'_>) -> Result<Answer> {
    let _made = client.event_socket(STATUS_SUCCESS)?;
    let readings = [
        (STATUS_INVALID_DEVICE_STATE, StaticLate::InvalidState),
        (STATUS_INVALID_PARAMETER, StaticLate::InvalidParameter),
    ];
    Ok(Answer::by_status(client.set_static_events(), &readings))
}

fn not_accepted(client: &Client<'_>) -> Result<Answer> {
    let socket = answering(client, STATUS_DATA_NOT_ACCEPTED)?;
    nt::check(socket.switch(&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM))?;
    indicated(client, &socket)?.ok_or(nt::Error::IO_TIMEOUT)?;
    let received = socket.receive_with(16, 0)?;
    let answer = match &*received.data {
        b"indicated" => Answer::followed(NotAccepted::PutBack),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[received.ended.status()]))
}
