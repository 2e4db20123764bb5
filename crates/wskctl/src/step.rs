//! One thing to do with a socket: what a line of a script says, and what a command consists of.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use wsk_requests::{Kind, Row, ValueKind};
use wsk_sys::{NTSTATUS, NamedStatus};

use crate::error::Error;
use crate::family::Family;
use crate::rows::{self, Request, Value};
use crate::session::Session;

mod advice;
mod client;
mod done;
mod events;
mod many;

pub use client::{Changing, Security, Transport};
pub use done::Done;
pub use events::{QUEUE, QUEUE_DEFAULT, queue_size};
pub use many::{Arrived, SENDING, Sending};

/// The largest payload of a UDP datagram.
pub const MAX_DATAGRAM: usize = 65_535;

/// The room for a list of addresses.
const LIST_ROOM: usize = 4096;

/// A destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address.
    Address(SocketAddr),
    /// The address that the socket is fixed to.
    Fixed,
    /// The socket's own local address; of a wildcard, the loopback address.
    Itself,
    /// That of the script's socket of this name.
    Of(String),
}

impl Target {
    /// Its family, if that can be known.
    #[must_use]
    pub const fn family(&self) -> Option<Family> {
        match self {
            Self::Address(address) => Some(Family::of(address)),
            Self::Fixed | Self::Itself | Self::Of(_) => None,
        }
    }
}

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Create the socket.
    Create(Family),
    /// Bind it.
    Bind(SocketAddr),
    /// Ask for its local address.
    Local,
    /// Read an option.
    Get(Request),
    /// Set an option.
    Set(Request, Value),
    /// Carry out an IOCTL that fixes an address; none clears it.
    Ioctl(Request, Option<Target>),
    /// Send a datagram.
    Send(Target, Vec<u8>),
    /// Receive a datagram; if bytes are given, it must be these.
    Receive(Option<Vec<u8>>),
    /// Send datagrams with one request, and with control information.
    SendMany(Target, Sending, Vec<Vec<u8>>),
    /// Receive datagrams with one request, and their control information; if some are given, it must be these.
    ReceiveMany(Vec<Vec<u8>>),
    /// Have datagrams put into a queue of so many bytes.
    Enable(u32),
    /// End that.
    Disable {
        /// And wait until nothing comes any more.
        wait: bool,
    },
    /// Take datagrams out of the queue; if some are given, it must be these.
    Drain(Vec<Vec<u8>>),
    /// Ask for the transports.
    Transports,
    /// Wait for a change.
    Wait(Changing),
    /// Sort addresses.
    Sort(Vec<SocketAddr>),
    /// Set the security descriptor, or read it.
    Security(Option<Security>),
    /// Wait.
    Sleep(Duration),
    /// The step, with another time limit for each of its requests; none is none.
    Within(Option<Duration>, Box<Step>),
    /// The step, each of whose requests is cancelled if it has not ended after so long.
    Cancel(Duration, Box<Step>),
    /// The step, on the script's socket of this name.
    On(String, Box<Step>),
    /// The step must end with this status.
    Expect(NamedStatus, Box<Step>),
}

/// Why a step failed.
#[derive(Debug)]
pub enum Failure {
    /// The driver or the device.
    Error(Error),
    /// It ended, but not as it should.
    Unexpected {
        /// What should have been.
        expected: String,
        /// What was.
        found: String,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Unexpected { expected, found } => write!(f, "expected {expected}, but {found}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Self::Error(error)
    }
}

impl Step {
    /// What a step does, while it does it.
    #[must_use]
    pub fn doing(&self) -> String {
        match self {
            Self::Receive(_) => "waiting for a datagram".to_owned(),
            Self::ReceiveMany(_) | Self::Drain(_) => "waiting for datagrams".to_owned(),
            Self::Wait(what) => format!("waiting for a change of the {what}"),
            Self::Sleep(time) => format!("waiting for {}", humantime::format_duration(*time)),
            Self::Create(family) => format!("creating a socket, {family}"),
            Self::Bind(address) => format!("binding to {address}"),
            Self::Local => "asking for the local address".to_owned(),
            Self::Get(row) => format!("reading {}", row.name),
            Self::Set(row, _) => format!("setting {}", row.name),
            Self::Ioctl(row, _) => format!("waiting for {}", row.name),
            Self::Send(..) => "sending a datagram".to_owned(),
            Self::SendMany(_, _, datagrams) => format!("sending {} datagrams", datagrams.len()),
            Self::Enable(_) => "enabling the queue".to_owned(),
            Self::Disable { .. } => "disabling the queue".to_owned(),
            Self::Transports => "asking for the transports".to_owned(),
            Self::Sort(_) => "sorting addresses".to_owned(),
            Self::Security(_) => "asking for the security descriptor".to_owned(),
            Self::Within(_, step) | Self::Cancel(_, step) | Self::On(_, step) | Self::Expect(_, step) => {
                step.doing()
            }
        }
    }

    /// What to do about a failure of the step in this session, where there is something to say.
    #[must_use]
    pub fn advice(&self, session: &Session, failure: &Failure) -> Option<String> {
        match failure {
            Failure::Error(Error::Refused(refused)) => advice::advice(self, session.into(), *refused),
            Failure::Error(error) => error.advice().map(str::to_owned),
            Failure::Unexpected { .. } => None,
        }
    }

    /// Does the step.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or that the step ended otherwise than expected.
    pub fn run(&self, session: &Session) -> Result<Done, Failure> {
        Ok(match self {
            Self::Create(family) => {
                session.create(*family)?;
                Done::Create { family: *family }
            }
            Self::Bind(address) => {
                session.bind(*address)?;
                Done::Bind { address: session.local_address()? }
            }
            Self::Local => Done::Local { address: session.local_address()? },
            Self::Get(row) => Done::Get { option: row.name, value: get(session, row)? },
            Self::Set(row, value) => {
                set(session, row, value)?;
                Done::Set { option: row.name, value: value.clone() }
            }
            Self::Ioctl(row, target) => {
                let address = target.as_ref().map(|target| resolve(session, target)).transpose()?.flatten();
                let (_no_level, code) = numbers(row);
                let input = Value::Address(address).encode();
                if row.output == ValueKind::Nothing {
                    session.ioctl(code, &input, 0)?;
                    return Ok(Done::Ioctl { ioctl: row.name, address });
                }
                let bytes = session.ioctl(code, &input, LIST_ROOM)?;
                let code = wskdrv_abi::IOCTL_WSKDRV_IOCTL;
                let value = Value::decode(row, &bytes).map_err(|what| Error::Reply { code, what })?;
                Done::Query { ioctl: row.name, value }
            }
            Self::Send(target, data) => {
                let to = resolve(session, target)?;
                Done::Send { bytes: session.send(data, to)?, to }
            }
            Self::Receive(expected) => receive(session, expected.as_deref())?,
            Self::SendMany(target, sending, datagrams) => many::send(session, target, sending, datagrams)?,
            Self::ReceiveMany(expected) => many::receive(session, expected)?,
            Self::Enable(capacity) => events::enable(session, *capacity)?,
            Self::Disable { wait } => events::disable(session, *wait)?,
            Self::Drain(expected) => events::drain(session, expected)?,
            Self::Transports => client::transports(session)?,
            Self::Wait(what) => client::wait(session, *what)?,
            Self::Sort(addresses) => client::sort(session, addresses)?,
            Self::Security(new) => client::security(session, new.as_ref())?,
            Self::Sleep(time) => {
                session.sleep(*time)?;
                Done::Sleep { ms: time.as_millis() }
            }
            Self::Within(limit, step) => step.run(&session.within(*limit))?,
            Self::Cancel(time, step) => step.run(&session.cancelling_after(*time))?,
            Self::On(name, step) => step.run(&session.other(name)?)?,
            Self::Expect(status, step) => expect(session, status.0, step)?,
        })
    }
}

/// The address of a target; none for the fixed one.
fn resolve(session: &Session, target: &Target) -> Result<Option<SocketAddr>, Error> {
    match target {
        Target::Address(address) => Ok(Some(*address)),
        Target::Fixed => Ok(None),
        Target::Of(name) => resolve(&session.other(name)?, &Target::Itself),
        Target::Itself => {
            let mut address = session.local_address()?;
            if address.ip().is_unspecified() {
                let loopback: IpAddr = Family::of(&address).loopback().ip();
                address.set_ip(loopback);
            }
            Ok(Some(address))
        }
    }
}

/// Level and number of a row; an IOCTL has no level.
pub(crate) const fn numbers(row: &Row) -> (u32, u32) {
    match row.kind {
        Kind::Option { level, name } => (level, name),
        Kind::Ioctl { code } | Kind::Client { code } => (0, code),
    }
}

fn get(session: &Session, row: &Row) -> Result<Value, Error> {
    let (level, name) = numbers(row);
    let bytes = session.get_option(level, name, rows::size(row))?;
    let code = wskdrv_abi::IOCTL_WSKDRV_GET_OPTION;
    Value::decode(row, &bytes).map_err(|what| Error::Reply { code, what })
}

fn set(session: &Session, row: &Row, value: &Value) -> Result<(), Error> {
    let (level, name) = numbers(row);
    session.set_option(level, name, &value.encode())
}

fn receive(session: &Session, expected: Option<&[u8]>) -> Result<Done, Failure> {
    let datagram = session.receive(MAX_DATAGRAM)?;
    let text = datagram.data.escape_ascii().to_string();
    if let Some(expected) = expected.filter(|expected| *expected != datagram.data) {
        return Err(Failure::Unexpected {
            expected: format!("the datagram {}", expected.escape_ascii()),
            found: format!("{} sent {text}", datagram.from),
        });
    }
    Ok(Done::Receive { from: datagram.from, flags: datagram.flags, text, hex: hex(&datagram.data) })
}

fn expect(session: &Session, status: NTSTATUS, step: &Step) -> Result<Done, Failure> {
    let wanted = status_name(status);
    let found = match step.run(session) {
        Ok(_) if status == 0 => return Ok(Done::Expect { status: wanted }),
        Ok(done) => format!("it was done: {done}"),
        Err(Failure::Error(Error::Refused(refused))) if refused.status == status => {
            return Ok(Done::Expect { status: wanted });
        }
        Err(Failure::Error(Error::Refused(refused))) => format!("it was refused with {}", refused.name()),
        Err(failure) => return Err(failure),
    };
    Err(Failure::Unexpected { expected: wanted, found })
}

/// The C name of a status, or its number.
#[must_use]
pub fn status_name(status: NTSTATUS) -> String {
    wsk_sys::status_name(status).map_or_else(|| format!("0x{status:08X}"), str::to_owned)
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
