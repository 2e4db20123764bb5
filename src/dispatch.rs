//! From an I/O control code to an operation in flight.
#![expect(unsafe_code, reason = "the framework hands out handles and buffers as raw pointers")]

use core::time::Duration;

use wsk::{
    AddressListChange, Bind, BufferList, ControlInfo, DisableReceive, Error, Family, LocalAddress, Op,
    Passive, ReceiveFrom, Result, SendMessages, SendTo,
};
use wsk_sys::STATUS_SUCCESS;
use wskdrv_abi::{ABI_MAJOR, ABI_MINOR, Disabled, Provider, Received, Version, code};
use zerocopy::{Immutable, IntoBytes};

use crate::batch;
use crate::decode::{Demand, Immediate, Operation, decode};
use crate::device;
use crate::driver::Driver;
use crate::file::File;
use crate::inbox::Inbox;
use crate::job::{Job, Kind, Locked};
use crate::many::SendMany;
use crate::request::{Cancel, Request};
use crate::wdf::{self, ULONG, WDFQUEUE, WDFREQUEST};

pub(crate) mod client;

/// What has become of a request.
enum Served {
    /// It is done, with so many bytes of output; the caller completes it.
    Now(usize),
    /// Its operation is in flight, or has ended already: somebody else completes it.
    Later,
}

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
    let request = Request::new(request);
    match serve(driver, request, code, input, output) {
        Ok(Served::Now(information)) => request.complete(STATUS_SUCCESS, information),
        Ok(Served::Later) => {}
        Err(error) => request.complete(error.status(), 0),
    }
}

fn serve(
    driver: &'static Driver,
    request: Request,
    code: u32,
    input: usize,
    output: usize,
) -> Result<Served> {
    // An unknown code may have any transfer method: its buffers are not even looked for.
    let code = code::find(code).ok_or(Error::INVALID_DEVICE_REQUEST)?.value;
    // SAFETY: the input is read before an operation that could complete the request is submitted, and before output is
    // written.
    let input = unsafe { request.input(input) }?;
    match decode(code, input, output)? {
        Demand::Now(what) => answer(driver, request, &what).map(Served::Now),
        Demand::Operation(operation, timeout) => start(driver, request, operation, timeout, output),
        Demand::ReceiveMany(layout, timeout) => {
            batch::receive(driver, request, layout, timeout, output).map(|()| Served::Later)
        }
    }
}

/// Does what is done in the call, and gives the number of bytes of output.
fn answer(driver: &'static Driver, request: Request, what: &Immediate<'_>) -> Result<usize> {
    let file = request.file();
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

fn reply<T: IntoBytes + Immutable>(request: Request, reply: &T) -> Result<usize> {
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
///
/// # Errors
/// The request is refused, and nothing of it remains. Once an operation is submitted there is no error any more: its
/// result is the request's.
fn start(
    driver: &'static Driver,
    request: Request,
    operation: Operation<'_>,
    timeout: Option<Duration>,
    output: usize,
) -> Result<Served> {
    let file = request.file();
    let op = file.take_op()?;
    let launch = Launch { driver, file, request, op, timeout };
    match operation {
        Operation::Create(family) => launch.create(family),
        Operation::Bind(address) => launch.bind(address),
        Operation::LocalAddress => match file.bound_socket() {
            Ok(socket) => launch.fly(Job::new(Kind::LocalAddress, request), |driver, op, timeout| {
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
            Ok((socket, _)) => launch.fly(Job::new(Kind::Control, request), |driver, op, timeout| {
                socket.submit_to(&driver.queue, op, control, timeout);
            }),
            Err(error) => launch.refuse(error),
        },
        Operation::DisableReceive => match file.bound_socket() {
            Ok(socket) => launch.fly(Job::new(Kind::DisableReceive, request), |driver, op, timeout| {
                socket.submit_to(&driver.queue, op, DisableReceive, timeout);
            }),
            Err(error) => launch.refuse(error),
        },
        Operation::Drain => match file.bound_socket() {
            Ok(socket) => launch.fly(Job::new(Kind::Drain, request), |driver, op, timeout| {
                match socket.handler::<Inbox>() {
                    Some(inbox) => inbox.wait(&driver.queue, op, timeout),
                    // Every socket of the driver's has one.
                    None => request.finish(Some(op), Error::INVALID_DEVICE_STATE.status(), 0),
                }
            }),
            Err(error) => launch.refuse(error),
        },
        Operation::Send(to) => match (file.bound_socket(), request.mdl(output)) {
            (Ok(socket), Ok(mdl)) => {
                // SAFETY: the MDL is of the request's second buffer, which has `output` bytes, locked for the request.
                let data = unsafe { Locked::new(mdl, 0, output) };
                launch.fly(Job::with_data(Kind::Send, request, data), |driver, op, timeout| {
                    socket.submit_to(&driver.queue, op, SendTo(to), timeout);
                })
            }
            (Err(error), _) | (_, Err(error)) => launch.refuse(error),
        },
        Operation::Receive => match (file.bound_socket(), request.mdl(output)) {
            (Ok(socket), Ok(mdl)) => {
                // The head of the output is written when the datagram is there.
                let (offset, room) = (wdf::size::<Received>(), output - size_of::<Received>());
                // SAFETY: as for sending; `decode` has seen to it that the head fits.
                let data = unsafe { Locked::new(mdl, offset, room) };
                launch.fly(Job::with_data(Kind::Receive, request, data), |driver, op, timeout| {
                    socket.submit_to(&driver.queue, op, ReceiveFrom, timeout);
                })
            }
            (Err(error), _) | (_, Err(error)) => launch.refuse(error),
        },
        Operation::SendMany(many) => launch.send_many(&many, output),
        Operation::AddressListChange => match (file.socket(), passive()) {
            (Ok((socket, _)), Ok(passive)) => {
                launch.fly(Job::new(Kind::Control, request), |driver, op, timeout| {
                    socket.submit_to(&driver.queue, op, AddressListChange::new(&passive), timeout);
                })
            }
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
    let socket = file.bound_socket()?;
    let inbox = socket.handler::<Inbox>().ok_or(Error::INVALID_DEVICE_STATE)?;
    // Before WSK calls, so that nothing is lost.
    inbox.open(capacity)?;
    if let Err(error) = socket.enable_receive() {
        inbox.stop();
        return Err(error);
    }
    Ok(())
}

/// Disables the receive event without waiting.
fn disable_receive_soon(request: Request, file: &File) -> Result<usize> {
    let socket = file.bound_socket()?;
    let disabled = socket.disable_receive_soon()?;
    if let Some(inbox) = socket.handler::<Inbox>() {
        inbox.stop();
    }
    reply(request, &Disabled { pending: u32::from(disabled == wsk::event::Disabled::Soon), reserved: 0 })
}

/// An operation about to be submitted for a request.
struct Launch {
    driver: &'static Driver,
    file: &'static File,
    request: Request,
    op: Op<Job>,
    timeout: Option<Duration>,
}

impl Launch {
    /// Submits the operation with `submit`, which must.
    fn fly(
        mut self,
        job: Job,
        submit: impl FnOnce(&'static Driver, Op<Job>, Option<Duration>),
    ) -> Result<Served> {
        *self.op.buffers_mut() = job;
        if let Err(error) = self.request.mark_cancelable(Cancel::One(self.op.canceller())) {
            return self.refuse(error);
        }
        self.driver.counters.operations_submitted.up();
        // From here on, whoever the operation goes to completes the request: it is not touched any more.
        submit(self.driver, self.op, self.timeout);
        Ok(Served::Later)
    }

    /// Gives the operation back and the error on.
    fn refuse(self, error: Error) -> Result<Served> {
        self.file.keep_op(self.op);
        Err(error)
    }

    fn create(self, family: Family) -> Result<Served> {
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
        let (file, request) = (self.file, self.request);
        let launched = self.fly(Job::new(Kind::Create, request), |driver, op, timeout| {
            let made = provider.submit_datagram_with(&driver.queue, op, family, inbox, timeout);
            if let Err((error, op)) = made {
                // Not submitted, but marked: the end is the same as that of an operation that failed.
                let _ = file.end_create(None);
                request.finish(Some(op), error.status(), 0);
            }
        });
        if launched.is_err() {
            file.end_create(None)?;
        }
        launched
    }

    fn bind(self, address: core::net::SocketAddr) -> Result<Served> {
        let socket = match self.file.begin_bind() {
            Ok(socket) => socket,
            Err(error) => return self.refuse(error),
        };
        let (file, request) = (self.file, self.request);
        let launched = self.fly(Job::new(Kind::Bind, request), |driver, op, timeout| {
            socket.submit_to(&driver.queue, op, Bind(address), timeout);
        });
        if launched.is_err() {
            file.end_bind(false);
        }
        launched
    }

    /// Sends the request's second buffer, of `length` bytes, as datagrams: by one call of WSK.
    fn send_many(self, many: &SendMany<'_>, length: usize) -> Result<Served> {
        let (to, request) = (many.to, self.request);
        // What `decode` has let through fits.
        let control = ControlInfo::copied(many.control).unwrap_or_default();
        let (socket, mdl) = match (self.file.bound_socket(), request.mdl(length)) {
            (Ok(socket), Ok(mdl)) => (socket, mdl),
            (Err(error), _) | (_, Err(error)) => return self.refuse(error),
        };
        // SAFETY: the MDL is of the request's second buffer, which has `length` bytes, locked for the request.
        let data = unsafe { Locked::new(mdl, 0, length) };
        if many.count() == 1 {
            return self.fly(Job::with_data(Kind::Send, request, data), |driver, op, timeout| {
                socket.submit_to(&driver.queue, op, SendTo(to).with(control), timeout);
            });
        }
        let divided = BufferList::new(data, many.count())
            .and_then(|mut list| list.divide(many.lengths()).map(|()| list));
        match divided {
            Ok(list) => self.fly(Job::with_list(request, list), |driver, op, timeout| {
                socket.submit_to(&driver.queue, op, SendMessages(to).with(control), timeout);
            }),
            Err(error) => self.refuse(error),
        }
    }
}
