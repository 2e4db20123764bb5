//! From a finished operation to a completed request.
#![expect(unsafe_code, reason = "the framework hands out handles as raw pointers")]

use wsk::{Completion, Error, Op, Result};
use wsk_sys::{MSG_CTRUNC, STATUS_SUCCESS};
use wskdrv_abi::receive::control_offset;
use wskdrv_abi::{Disabled, address};
use zerocopy::IntoBytes;

use crate::batch::Batch;
use crate::datagrams;
use crate::device;
use crate::dispatch::client::write_security;
use crate::driver::Driver;
use crate::file::File;
use crate::inbox::{Inbox, Reception};
use crate::job::{Job, Kind};
use crate::switch;
use crate::wdf::{self, WDFWORKITEM};
use crate::wdf_request::Uncompleted;

/// `EvtWorkItem`: takes every operation that has finished, and completes its request.
///
/// # Safety
/// Called by the framework, at `PASSIVE_LEVEL`.
pub(crate) unsafe extern "C" fn evt_work_item(work_item: WDFWORKITEM) {
    // SAFETY: the framework passes the work item, whose parent is this driver's device.
    let device = unsafe { wdf::call_unsafe_wdf_function_binding!(WdfWorkItemGetParentObject, work_item) };
    // SAFETY: as above.
    let driver = unsafe { device::driver_of(device.cast()) };
    for completion in driver.queue.drain() {
        finish(driver, completion);
    }
}

fn finish(driver: &'static Driver, mut completion: Completion<'static, Job>) {
    let result = completion.result();
    driver.counters.completed(result);
    if let Some((batch, place)) = completion.buffers_mut().take_batch() {
        let result = result.and_then(|received| fill(driver, &batch, place, &completion, received));
        if batch.land(place, completion.into_op(), result) {
            end(&batch);
        }
        return;
    }
    let Some(request) = completion.buffers_mut().take_request() else { return };
    // SAFETY: not used once the request is finished.
    let file = unsafe { request.file() };
    let outcome = settle(driver, &request, file, &mut completion, result);
    let (status, information) = match outcome {
        Ok(information) => (STATUS_SUCCESS, information),
        Err(error) => (error.status(), 0),
    };
    request.finish(Some(completion.into_op()), status, information);
}

/// Ends a request of several operations, all of which have landed.
pub(crate) fn end(batch: &Batch) {
    let Some(request) = batch.take_request() else { return };
    let (status, information) = match batch.outcome(&request) {
        Ok(information) => (STATUS_SUCCESS, information),
        Err(error) => (error.status(), 0),
    };
    request.finish(None, status, information);
}

/// Ends a request whose operation could not be submitted, and counts it as any other that failed.
pub(crate) fn fail(driver: &Driver, mut op: Op<Job>, error: Error) {
    driver.counters.completed(Err(error));
    if let Some(request) = op.buffers_mut().take_request() {
        request.finish(Some(op), error.status(), 0);
    }
}

/// Writes a datagram's head and its control information around its payload, which WSK has put there, and tells the size of
/// the record. The output is mapped already, so this does not fail.
fn fill(
    driver: &Driver,
    batch: &Batch,
    place: usize,
    completion: &Completion<'static, Job>,
    received: usize,
) -> Result<usize> {
    driver.counters.datagrams_received.up();
    driver.counters.bytes_received.add(received);
    let layout = batch.layout();
    let control = completion.control();
    // WSK knows the room; what it says is not relied on.
    let room = (layout.control_room as usize).min(control.len());
    let from = completion.address().ok_or(Error::INVALID_ADDRESS_COMPONENT)?;
    let cut = if room < control.len() { MSG_CTRUNC } else { 0 };
    let head = datagrams::head(from, completion.flags() | cut, received, room)?;
    let position = batch.position(place);
    let written = batch.with_request(|request| {
        request.write_output_at(position, head.as_bytes())?;
        request.write_output_at(position + control_offset(received), &control[..room])
    });
    written.unwrap_or(Err(Error::CANCELLED)).map(|_| head.size())
}

/// Hands the result on: the socket or its state to the handle, the output to the request.
fn settle(
    driver: &'static Driver,
    request: &Uncompleted,
    file: &File,
    completion: &mut Completion<'static, Job>,
    result: Result<usize>,
) -> Result<usize> {
    let counters = &driver.counters;
    match completion.buffers().kind {
        Kind::Create => {
            let ended = file.end_create(completion.take_socket());
            result.and(ended).map(|()| 0)
        }
        Kind::Bind => {
            file.end_bind(result.is_ok());
            result.map(|_| 0)
        }
        Kind::LocalAddress => {
            result?;
            let local = completion.address().ok_or(Error::INVALID_ADDRESS_COMPONENT)?;
            let (bytes, length) = address::encode(local);
            request.write_output(&bytes[..length])
        }
        Kind::Control => {
            result?;
            request.write_output(completion.output())
        }
        Kind::Send => {
            let sent = result?;
            counters.datagrams_sent.add(completion.buffers().datagrams());
            counters.bytes_sent.add(sent);
            Ok(sent)
        }
        Kind::DisableReceive => {
            // Gone with the socket if the handle is closed.
            if let Ok(socket) = file.bound_socket()
                && let Ok(reception) = Reception::of(&socket, 0)
            {
                switch::end_disable(&reception, result.is_ok());
            }
            result?;
            request.write_output(Disabled { pending: 0, reserved: 0 }.as_bytes())
        }
        Kind::Drain => {
            result?;
            let socket = file.bound_socket().map_err(|_| Error::CANCELLED)?;
            let taken = socket.handler::<Inbox>().ok_or(Error::INVALID_DEVICE_STATE)?.drain(request)?;
            counters.datagrams_received.add(taken.datagrams);
            counters.bytes_received.add(taken.bytes);
            counters.datagrams_dropped.add(taken.dropped);
            Ok(taken.information)
        }
        Kind::TransportChange => {
            file.end_watch();
            result.map(|_| 0)
        }
        Kind::GetSecurity => {
            result?;
            let security = completion.take_security();
            write_security(request, &security.ok_or(Error::INVALID_SECURITY_DESCR)?)
        }
        Kind::Receive | Kind::Idle => result,
    }
}
