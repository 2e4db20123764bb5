//! From an I/O control code to an operation in flight.
#![expect(unsafe_code, reason = "the framework hands out handles and buffers as raw pointers")]

use core::time::Duration;

use wsk::{
    AddressListChange, Bind, BufferList, ControlInfo, DisableReceive, Error, Family, LocalAddress, Op,
    Passive, Result, SendMessages, SendTo,
};
use wsk_sys::STATUS_SUCCESS;
use wskdrv_abi::{ABI_MAJOR, ABI_MINOR, Disabled, Provider, Version, code};
use zerocopy::{Immutable, IntoBytes};

use crate::batch;
use crate::complete;
use crate::decode::{Demand, Immediate, Operation, decode};
use crate::device;
use crate::driver::Driver;
use crate::file::File;
use crate::inbox::{Inbox, Reception};
use crate::job::{Job, Kind, Locked};
use crate::many::Send;
use crate::switch;
use crate::wdf::{self, ULONG, WDFQUEUE, WDFREQUEST};
use crate::wdf_request::{Cancel, InFlight, Refused, Request, Uncompleted};

pub(crate) mod client;

/// `EvtIoDeviceControl`: serves a request.
///
/// # Safety
/// Called by the framework, at IRQL <= `DISPATCH_LEVEL`.
pub(crate) unsafe extern "C" fn evt_io_device_control(
    queue: WDFQUEUE,
    request: WDFREQUEST,
    output: usize,
    input: usize,
    code: ULONG,
) {
    // SAFETY: the framework passes the queue that presents the request.
    let device = unsafe { wdf::call_unsafe_wdf_function_binding!(WdfIoQueueGetDevice, queue) };
    // SAFETY: the queue is this driver's device's.
    let driver = unsafe { device::driver_of(device) };
    // SAFETY: the framework presents the request with this call.
    let request = unsafe { Request::new(request) };
    if let Err((error, request)) = serve(driver, request, code, input, output) {
        request.complete(error.status(), 0);
    }
}

/// Serves a request: completes it, or starts what will.
///
/// # Errors
/// The request is refused, and nothing of it remains. Once an operation is submitted there is no error any more: its
/// result is the request's.
fn serve(
    driver: &'static Driver,
    request: Request,
    code: u32,
    input: usize,
    output: usize,
) -> Result<(), Refused> {
    let understood = || {
        // An unknown code may have any transfer method: its buffers are not even looked for.
        let code = code::find(code).ok_or(Error::INVALID_DEVICE_REQUEST)?.value;
        // SAFETY: the input is read before an operation that could complete the request is submitted, and before output
        // is written.
        let input = unsafe { request.input(input) }?;
        decode(code, input, output)
    };
    match understood() {
        Err(error) => Err((error, request)),
        Ok(Demand::Now(what)) => match answer(driver, &request, &what) {
            Ok(information) => {
                request.complete(STATUS_SUCCESS, information);
                Ok(())
            }
            Err(error) => Err((error, request)),
        },
        Ok(Demand::Operation(operation, timeout)) => start(driver, request, operation, timeout, output),
        Ok(Demand::Receive(layout, timeout)) => batch::receive(driver, request, layout, timeout, output),
    }
}

/// Does what is done in the call, and gives the number of bytes of output.
fn answer(driver: &'static Driver, request: &Uncompleted, what: &Immediate<'_>) -> Result<usize> {
    // SAFETY: the request is completed when this function has returned.
    let file = unsafe { request.file() };
    match *what {
        Immediate::Version => reply(request, &version()),
        Immediate::Statistics => reply(request, &driver.counters.read()),
        Immediate::Provider => reply(request, &provider(driver)?),
        Immediate::Transports => client::transports(driver, request),
        Immediate::AddressList => client::address_list(request, file),
        Immediate::SortAddresses(addresses) => client::sort_addresses(request, file, addresses),
        Immediate::EnableReceive(capacity) => enable_receive(file, capacity).map(|()| 0),
        Immediate::DisableReceiveSoon => disable_receive_soon(request, file),
    }
}

fn reply<T: IntoBytes + Immutable>(request: &Uncompleted, reply: &T) -> Result<usize> {
    request.write_output(reply.as_bytes())
}

/// What answers: this contract, and the package's version.
fn version() -> Version {
    let part = |text: &str| text.parse().unwrap_or_default();
    let driver = [
        part(env!("CARGO_PKG_VERSION_MAJOR")),
        part(env!("CARGO_PKG_VERSION_MINOR")),
        part(env!("CARGO_PKG_VERSION_PATCH")),
        0,
    ];
    Version { abi_major: ABI_MAJOR, abi_minor: ABI_MINOR, driver, reserved: 0 }
}

fn provider(driver: &Driver) -> Result<Provider> {
    let offered = driver.registration.characteristics()?;
    let (lowest_version, highest_version) = (offered.start().as_raw(), offered.end().as_raw());
    Ok(Provider { lowest_version, highest_version, reserved: 0 })
}

/// Starts an operation for a request.
fn start(
    driver: &'static Driver,
    request: Request,
    operation: Operation<'_>,
    timeout: Option<Duration>,
    output: usize,
) -> Result<(), Refused> {
    // SAFETY: not used once an operation is submitted, which may complete the request.
    let file = unsafe { request.file() };
    let op = match file.take_op() {
        Ok(op) => op,
        Err(error) => return Err((error, request)),
    };
    let launch = Launch { driver, file, request, op, timeout };
    match operation {
        Operation::Create(family) => launch.create(family),
        Operation::Bind(address) => launch.bind(address),
        Operation::LocalAddress => match file.bound_socket() {
            Ok(socket) => launch.fly(Kind::LocalAddress, |driver, op, timeout| {
                socket.submit_to(&driver.queue, op, LocalAddress, timeout);
            }),
            Err(error) => launch.refuse(error),
        },
        Operation::Control { control, rule, address } => match file.socket() {
            Ok((_, bound)) if rule.is_some_and(|row| !row.permits(bound)) => {
                launch.refuse(Error::INVALID_DEVICE_STATE)
            }
            Ok((socket, _)) if address.is_some_and(|address| Family::of(&address) != socket.family()) => {
                launch.refuse(Error::INVALID_ADDRESS_COMPONENT)
            }
            Ok((socket, _)) => launch.fly(Kind::Control, |driver, op, timeout| {
                socket.submit_to(&driver.queue, op, control, timeout);
            }),
            Err(error) => launch.refuse(error),
        },
        Operation::DisableReceive => launch.disable_receive(),
        Operation::Drain => launch.drain(),
        Operation::Send(send) => launch.send(&send, output),
        Operation::AddressListChange => match (file.socket(), passive()) {
            (Ok((socket, _)), Ok(passive)) => launch.fly(Kind::Control, |driver, op, timeout| {
                socket.submit_to(&driver.queue, op, AddressListChange::new(&passive), timeout);
            }),
            (Err(error), _) | (_, Err(error)) => launch.refuse(error),
        },
        Operation::TransportChange => launch.transport_change(),
        Operation::SetSecurity(descriptor) => launch.set_security(descriptor),
        Operation::GetSecurity => launch.get_security(),
    }
}

/// Leave to make what is for `PASSIVE_LEVEL`: a request of user mode comes at that level, but another driver may send
/// one at a higher.
fn passive() -> Result<Passive> {
    Passive::check().ok_or(Error::INVALID_DEVICE_STATE)
}

/// Enables the receive event.
fn enable_receive(file: &File, capacity: usize) -> Result {
    switch::enable(&Reception::of(&file.bound_socket()?, capacity)?)
}

/// Disables the receive event without waiting.
fn disable_receive_soon(request: &Uncompleted, file: &File) -> Result<usize> {
    let disabled = switch::disable_soon(&Reception::of(&file.bound_socket()?, 0)?)?;
    reply(request, &Disabled { pending: u32::from(disabled == wsk::event::Disabled::Soon), reserved: 0 })
}

/// An operation about to be submitted for a request.
struct Launch<'f> {
    driver: &'static Driver,
    file: &'f File,
    request: Request,
    op: Op<Job>,
    timeout: Option<Duration>,
}

/// An operation that could not be submitted, and why.
type Unsubmitted = (Error, Op<Job>);

impl Launch<'_> {
    /// Submits an operation without data with `submit`, which must.
    fn fly(
        self,
        kind: Kind,
        submit: impl FnOnce(&'static Driver, Op<Job>, Option<Duration>),
    ) -> Result<(), Refused> {
        self.fly_with(|request| Job::new(kind, request), submit)
    }

    /// Submits an operation that carries `job` with `submit`, which must.
    fn fly_with(
        self,
        job: impl FnOnce(InFlight) -> Job,
        submit: impl FnOnce(&'static Driver, Op<Job>, Option<Duration>),
    ) -> Result<(), Refused> {
        self.try_fly(job, |driver, op, timeout| {
            submit(driver, op, timeout);
            Ok(())
        })
    }

    /// Submits an operation that carries `job` with `submit`, or ends the request if that fails.
    fn try_fly(
        self,
        job: impl FnOnce(InFlight) -> Job,
        submit: impl FnOnce(&'static Driver, Op<Job>, Option<Duration>) -> Result<(), Unsubmitted>,
    ) -> Result<(), Refused> {
        let Launch { driver, file, request, mut op, timeout } = self;
        match request.mark_cancelable(Cancel::One(op.canceller())) {
            Ok(request) => *op.buffers_mut() = job(request),
            Err(refused) => {
                file.keep_op(op);
                return Err(refused);
            }
        }
        driver.counters.submitted();
        // From here on, whoever the operation goes to completes the request, and with it the handle may go.
        if let Err((error, op)) = submit(driver, op, timeout) {
            complete::fail(driver, op, error);
        }
        Ok(())
    }

    /// Gives the operation back and the error on.
    fn refuse(self, error: Error) -> Result<(), Refused> {
        self.file.keep_op(self.op);
        Err((error, self.request))
    }

    fn create(self, family: Family) -> Result<(), Refused> {
        // Captured for each socket, so that neither DriverEntry nor a request waits for a provider that is not ready.
        let provider = match self.driver.registration.try_provider() {
            Ok(provider) => provider,
            Err(error) => return self.refuse(error),
        };
        let inbox = match Inbox::new() {
            Ok(inbox) => inbox,
            Err(error) => return self.refuse(error),
        };
        if let Err(error) = self.file.begin_create(self.op.canceller()) {
            return self.refuse(error);
        }
        let file = self.file;
        let job = |request| Job::new(Kind::Create, request);
        let launched = self.try_fly(job, |driver, op, timeout| {
            let made = provider.submit_datagram_with(&driver.queue, op, family, inbox, timeout);
            made.inspect_err(|_| file.abandon_create())
        });
        launched.inspect_err(|_| file.abandon_create())
    }

    fn bind(self, address: core::net::SocketAddr) -> Result<(), Refused> {
        let socket = match self.file.begin_bind() {
            Ok(socket) => socket,
            Err(error) => return self.refuse(error),
        };
        let file = self.file;
        let launched = self.fly(Kind::Bind, |driver, op, timeout| {
            socket.submit_to(&driver.queue, op, Bind(address), timeout);
        });
        launched.inspect_err(|_| file.end_bind(false))
    }

    /// Disables the receive event with an IRP, which completes when no call of the event is left.
    fn disable_receive(self) -> Result<(), Refused> {
        let socket = match self.file.bound_socket() {
            Ok(socket) => socket,
            Err(error) => return self.refuse(error),
        };
        let reception = match Reception::of(&socket, 0) {
            Ok(reception) => reception,
            Err(error) => return self.refuse(error),
        };
        if let Err(error) = switch::begin_disable(&reception) {
            return self.refuse(error);
        }
        let launched = self.fly(Kind::DisableReceive, |driver, op, timeout| {
            socket.submit_to(&driver.queue, op, DisableReceive, timeout);
        });
        launched.inspect_err(|_| switch::end_disable(&reception, false))
    }

    /// Waits for the queue's turn.
    fn drain(self) -> Result<(), Refused> {
        let socket = match self.file.bound_socket() {
            Ok(socket) => socket,
            Err(error) => return self.refuse(error),
        };
        match socket.handler::<Inbox>() {
            Some(inbox) => {
                self.fly(Kind::Drain, |driver, op, timeout| inbox.wait(&driver.queue, op, timeout))
            }
            // Every socket of the driver's has one.
            None => self.refuse(Error::INVALID_DEVICE_STATE),
        }
    }

    /// Sends the request's second buffer, of `length` bytes, as datagrams: by one call of WSK.
    fn send(self, many: &Send<'_>, length: usize) -> Result<(), Refused> {
        let to = many.to;
        // What `decode` has let through fits. WSK wants the padding of the last message, too.
        let control = ControlInfo::copied(many.control).unwrap_or_default().padded();
        let (socket, mdl) = match (self.file.bound_socket(), self.request.mdl(length)) {
            (Ok(socket), Ok(mdl)) => (socket, mdl),
            (Err(error), _) | (_, Err(error)) => return self.refuse(error),
        };
        // SAFETY: the MDL is of the request's second buffer, which has `length` bytes, locked for the request.
        let data = unsafe { Locked::new(mdl, 0, length) };
        if many.count() == 1 {
            return self.fly_with(
                |request| Job::with_data(Kind::Send, request, data),
                |driver, op, timeout| {
                    socket.submit_to(&driver.queue, op, SendTo(to).with(control), timeout);
                },
            );
        }
        let divided = BufferList::new(data, many.count())
            .and_then(|mut list| list.divide(many.lengths()).map(|()| list));
        match divided {
            Ok(list) => self.fly_with(
                |request| Job::with_list(request, list),
                |driver, op, timeout| {
                    socket.submit_to(&driver.queue, op, SendMessages(to).with(control), timeout);
                },
            ),
            Err(error) => self.refuse(error),
        }
    }
}
