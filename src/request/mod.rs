//! The requests of the contract, a file for each: what it reads, what it asks of WSK, and what it makes of the result.
//!
//! ```text
//!  dispatch ─▶ Command::decode ─▶ Command::start ─▶ Call::submit ─▶ WSK ─▶ finish: in the call, if WSK is done when it returns;
//!                  │                    │                │                if not, in the completion, or in the work item
//!                  │ error            │ error, or done     │ error         the request is completed with what it gives
//!                  └──────────────────┴────────────────────┴─▶ the request is completed, and nothing of it remains
//! ```

#![expect(unsafe_code, reason = "an operation is given memory of the request")]

use core::slice;
use core::time::Duration;

use wdf::FileRef;
use wsk::{Completion, CompletionHandler, CompletionQueue, Error, HandleCompletion, Op, Passive, Result};
use wskdrv_abi as abi;
use zerocopy::{Immutable, IntoBytes};

use crate::driver::Driver;
use crate::file::File;
use crate::operation::{Buffers, Cancel, Data, InFlight, Locked};

mod address_change;
mod bind;
mod close;
mod control;
mod create;
mod disable_receive;
mod drain;
mod enable_receive;
mod info;
mod local_address;
#[cfg(feature = "probe")]
mod probe;
mod receive;
mod security;
mod send;
mod transport_change;

pub(crate) use close::close;
pub(crate) use receive::Slots;

/// A request of the driver's, presented or pending.
pub(crate) type Uncompleted = wdf::Uncompleted<Driver>;

/// A request, read from its bytes.
trait Command<'a>: Sized {
    /// Reads it, without effects. The size of the output is part of what user mode has sent.
    ///
    /// # Errors
    /// The driver's refusals, as [`abi::status::REFUSALS`] lists them.
    fn decode(input: &'a [u8], output: usize) -> Result<Self>;

    /// Does what it asks for, or submits the operation that will.
    ///
    /// # Errors
    /// The request is refused, and nothing of it remains. Once an operation is submitted there is no error any more: its
    /// result is the request's.
    fn start(self, call: &mut Call) -> Result<Disposition>;
}

/// A change of a handle's state that goes with an operation.
struct Change<B, U> {
    /// Made before the operation is submitted. What it gives, the operation is submitted with.
    begin: B,
    /// Takes it back, if the operation is not submitted.
    undo: U,
}

/// How far a request has come when it was started.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) enum Disposition {
    /// It is done, with so many bytes of output.
    Done(usize),
    /// An operation was submitted, which completes it, or has.
    Pending,
}

/// Serves a request: completes it, or submits the operation that will.
pub(crate) fn serve(driver: &'static Driver, request: wdf::Request<Driver>) {
    let code = request.code();
    // An unknown code may have any transfer method: its buffers are not even looked for.
    let input = if abi::code::find(code).is_some() { request.input() } else { Ok(&[][..]) };
    // SAFETY: it is as long as the request is not completed and no output is written. A command reads what it needs of it
    // before it writes output, and before it submits the operation that could complete the request.
    let input = input.map(|input| unsafe { slice::from_raw_parts(input.as_ptr(), input.len()) });
    let mut call =
        Call { driver, file: request.file(), output: request.output_len(), request: Some(request) };
    let result = input.and_then(|input| dispatch(&mut call, code, input));
    call.end(result);
}

/// Reads and starts the request of a control code.
///
/// # Errors
/// The request is refused, and nothing of it remains.
fn dispatch(call: &mut Call, code: u32, input: &[u8]) -> Result<Disposition> {
    match code {
        abi::IOCTL_WSKDRV_VERSION => call.serve::<info::Version>(input),
        abi::IOCTL_WSKDRV_CREATE => call.serve::<create::Create>(input),
        abi::IOCTL_WSKDRV_BIND => call.serve::<bind::Bind>(input),
        abi::IOCTL_WSKDRV_LOCAL_ADDRESS => call.serve::<local_address::LocalAddress>(input),
        abi::IOCTL_WSKDRV_GET_OPTION => call.serve::<control::GetOption>(input),
        abi::IOCTL_WSKDRV_SET_OPTION => call.serve::<control::SetOption<'_>>(input),
        abi::IOCTL_WSKDRV_IOCTL => call.serve::<control::Ioctl<'_>>(input),
        abi::IOCTL_WSKDRV_RAW_CONTROL => call.serve::<control::Raw<'_>>(input),
        abi::IOCTL_WSKDRV_SEND => call.serve::<send::Send<'_>>(input),
        abi::IOCTL_WSKDRV_RECEIVE => call.serve::<receive::Receive>(input),
        abi::IOCTL_WSKDRV_STATISTICS => call.serve::<info::Statistics>(input),
        abi::IOCTL_WSKDRV_PROVIDER => call.serve::<info::Provider>(input),
        abi::IOCTL_WSKDRV_ENABLE_RECEIVE => call.serve::<enable_receive::EnableReceive>(input),
        abi::IOCTL_WSKDRV_DISABLE_RECEIVE => call.serve::<disable_receive::DisableReceive>(input),
        abi::IOCTL_WSKDRV_DRAIN => call.serve::<drain::Drain>(input),
        abi::IOCTL_WSKDRV_TRANSPORTS => call.serve::<info::Transports>(input),
        abi::IOCTL_WSKDRV_TRANSPORT_CHANGE => call.serve::<transport_change::TransportChange>(input),
        abi::IOCTL_WSKDRV_SET_SECURITY => call.serve::<security::SetSecurity<'_>>(input),
        abi::IOCTL_WSKDRV_GET_SECURITY => call.serve::<security::GetSecurity>(input),
        #[cfg(feature = "probe")]
        abi::IOCTL_WSKDRV_PROBE => call.serve::<probe::Probe<'_>>(input),
        _ => Err(Error::INVALID_DEVICE_REQUEST),
    }
}

/// A request that is being started.
#[derive(Debug)]
pub(crate) struct Call {
    driver: &'static Driver,
    /// The handle that the request was made of.
    file: FileRef<Driver>,
    /// The number of bytes of output.
    output: usize,
    /// None when an operation has it.
    request: Option<wdf::Request<Driver>>,
}

impl Call {
    /// Completes the request, unless an operation will.
    fn end(self, result: Result<Disposition>) {
        let information = match result {
            Ok(Disposition::Pending) => return,
            Ok(Disposition::Done(information)) => Ok(information),
            Err(error) => Err(error),
        };
        if let Some(request) = self.request {
            request.complete(information);
        }
    }

    fn serve<'a, C: Command<'a>>(&mut self, input: &'a [u8]) -> Result<Disposition> {
        C::decode(input, self.output)?.start(self)
    }

    fn request(&mut self) -> Result<&mut Uncompleted> {
        self.request.as_deref_mut().ok_or(Error::INVALID_DEVICE_STATE)
    }

    /// Answers with a structure.
    fn reply<T: IntoBytes + Immutable>(&mut self, reply: &T) -> Result<Disposition> {
        self.request()?.write_output(reply.as_bytes()).map(Disposition::Done)
    }

    /// The output, for the operations that the request will be.
    ///
    /// # Errors
    /// As [`Uncompleted::output_mdl`].
    fn locked(&mut self) -> Result<Locked> {
        let mdl = self.request()?.output_mdl()?;
        // SAFETY: the MDL is of the request's second buffer, which has as many bytes, locked for the request. What has this
        // value is an operation that serves the request, whose data is taken out before the request is completed
        // (`File::keep_op`).
        Ok(unsafe { Locked::new(mdl, 0, self.output) })
    }

    /// Submits an operation that carries `data`. From then on, whoever the operation goes to completes the request, and with
    /// it the handle may go. If it is done when the call of WSK returns, that is here.
    fn submit(
        &mut self,
        limit: Option<Duration>,
        data: Data,
        submit: impl FnOnce(&Driver, Op<Buffers>, Option<Duration>) -> Submitted,
    ) -> Result<Disposition> {
        let change = Change { begin: |_: &File, _: &Op<Buffers>| Ok(()), undo: |_: &File| () };
        self.submit_with(limit, data, change, |(), driver, op, limit| submit(driver, op, limit))
    }

    /// Submits an operation that goes with a change of the handle's state.
    fn submit_with<G>(
        &mut self,
        limit: Option<Duration>,
        data: Data,
        change: Change<impl FnOnce(&File, &Op<Buffers>) -> Result<G>, impl FnOnce(&File)>,
        submit: impl FnOnce(G, &Driver, Op<Buffers>, Option<Duration>) -> Submitted,
    ) -> Result<Disposition> {
        let (driver, mut op) = (self.driver, self.file.take_op()?);
        let changed = (change.begin)(&self.file, &op);
        let begun = changed.and_then(|changed| match self.mark_cancelable(Cancel::One(op.canceller())) {
            Ok(request) => Ok((changed, request)),
            Err(error) => {
                (change.undo)(&self.file);
                Err(error)
            }
        });
        let (changed, request) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                self.file.keep_op(op);
                return Err(error);
            }
        };
        *op.buffers_mut() = Buffers { request: Some(request), data, batch: None };
        driver.counters.submitted();
        if let Some((completion, op)) = submit(changed, driver, op, limit) {
            finish(completion, op);
        }
        Ok(Disposition::Pending)
    }

    /// Makes the request cancelable, for the operations that it is about to be.
    ///
    /// # Errors
    /// [`CANCELLED`](Error::CANCELLED): the request is still this value's.
    fn mark_cancelable(&mut self, cancel: Cancel) -> Result<InFlight> {
        let request = self.request.take().ok_or(Error::INVALID_DEVICE_STATE)?;
        request.mark_cancelable(cancel).map_err(|(error, request)| {
            self.request = Some(request);
            error
        })
    }
}

pub(crate) type Queue = CompletionQueue<'static, Buffers, Completion<'static>>;
pub(crate) type Handler = CompletionHandler<Buffers, Completion<'static>, Finish>;

/// An operation that was done when it was submitted.
pub(crate) type Submitted = Option<(Completion<'static>, Op<Buffers>)>;

/// Completes the requests of operations in the completion itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finish;

wsk::dispatch_drop!(Finish {});

impl HandleCompletion<Buffers, Completion<'static>> for Finish {
    fn completed(&self, completion: Completion<'static>, op: Op<Buffers>) {
        finish(completion, op);
    }
}

/// Leave to make what is for `PASSIVE_LEVEL`: a request of user mode comes at that level, but another driver may send
/// one at a higher.
fn passive() -> Result<Passive> {
    Passive::check().ok_or(Error::INVALID_DEVICE_STATE)
}

/// A request whose operation has completed.
struct Finished<'a> {
    file: &'a File,
    request: &'a mut Uncompleted,
}

/// Completes the request of an operation that has completed.
///
/// At IRQL <= `DISPATCH_LEVEL`; not in a completion routine, if the result is one that is to be released by a call of WSK.
pub(crate) fn finish(completion: Completion<'static>, op: Op<Buffers>) {
    let error = completion.error();
    match completion {
        Completion::Receive(result) => receive::finish(&result, op),
        Completion::Create(result) => one(op, error, |finished, _| create::finish(finished, result)),
        Completion::Bind(result) => one(op, error, |finished, _| bind::finish(finished, result)),
        Completion::LocalAddress(result) => {
            one(op, error, |finished, _| local_address::finish(finished, result));
        }
        Completion::Control(result) => one(op, error, |finished, _| control::finish(finished, &result)),
        Completion::SetSecurity(result) => one(op, error, |_, _| security::set_finished(result)),
        Completion::GetSecurity(result) => {
            one(op, error, |finished, _| security::get_finished(finished, result));
        }
        Completion::Send(result) => one(op, error, |finished, data| send::finish(finished, data, result)),
        Completion::DisableReceive(result) => {
            one(op, error, |finished, data| disable_receive::finish(finished, data, result));
        }
        Completion::Wait(result) => one(op, error, |finished, data| drain::finish(finished, data, result)),
        Completion::TransportChange(result) => {
            one(op, error, |finished, _| transport_change::finish(finished, result));
        }
        Completion::AddressChange(result) => one(op, error, |_, _| address_change::finish(result)),
    }
}

/// Completes the request of an operation that was all of it, and that has ended so.
fn one(
    mut op: Op<Buffers>,
    error: Option<Error>,
    finish: impl FnOnce(&mut Finished<'_>, &Data) -> Result<usize>,
) {
    let Some(mut request) = op.buffers_mut().request.take() else { return };
    let file = &request.file();
    file.driver().counters.completed(error);
    let information = finish(&mut Finished { file, request: &mut request }, &op.buffers().data);
    request.finish(Some(op), information);
}
