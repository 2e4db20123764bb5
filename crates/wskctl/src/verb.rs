//! What can be done with a socket, as it is written: on the command line and in a line of a script.
//!
//! [`Verb`] is the grammar. On the command line each verb makes a socket for itself, and has the options that say which
//! (`S`); in a script there is one socket for all lines, and none of these options ([`OneForAll`]).
#![expect(clippy::doc_markdown, reason = "these comments are the help that people read in a terminal")]
#![allow(rustdoc::broken_intra_doc_links, reason = "an IPv6 address in them is no link")]

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use wsk_requests::ValueKind;

use crate::family::Family;
use crate::rows::{self, Request, Value};
use crate::step::{self, Changing, Security, Sending, Step, Target};

pub mod help;
mod misuse;
pub mod payload;
mod steps;
pub mod words;

pub use misuse::{Misuse, misuse};
pub use payload::{Input, Payload};
pub use steps::Steps;

/// In a script the socket is there already.
#[derive(Clone, Copy, Debug, Args)]
pub struct OneForAll {}

/// What can be done with a socket.
#[derive(Clone, Debug, Subcommand)]
#[expect(missing_docs, reason = "a group of options cannot have a comment")]
pub enum Verb<S: Args> {
    /// Read a socket option
    #[command(after_help = help::GET)]
    Get {
        /// The option's C name, such as SO_RCVBUF, in any case
        #[arg(value_parser = rows::option)]
        name: Request,
        #[command(flatten)]
        socket: S,
    },
    /// Set a socket option
    #[command(after_help = help::SET)]
    Set {
        /// The option's C name, such as SO_BROADCAST, in any case
        #[arg(value_parser = rows::option)]
        name: Request,
        /// on or off; a number such as 65536 or 0x10000; or what else the option takes, such as a multicast group
        #[arg(allow_negative_numbers = true)]
        value: String,
        #[command(flatten)]
        socket: S,
    },
    /// Carry out a socket IOCTL: fix an address, or query
    #[command(after_help = help::IOCTL)]
    Ioctl {
        /// The IOCTL's C name, such as SIO_WSK_SET_REMOTE_ADDRESS, in any case
        #[arg(value_parser = rows::ioctl)]
        name: Request,
        /// An address such as 127.0.0.1:7777 or [::1]:7777; `self` for the socket's own, in a script `self:NAME` for
        /// that of the socket NAME; `clear` for none. Nothing, for an IOCTL that takes nothing
        address: Option<String>,
        #[command(flatten)]
        socket: S,
    },
    /// Show the transports that sockets can be made for
    #[command(after_help = help::TRANSPORTS)]
    Transports,
    /// Wait until the local addresses or the transports change
    #[command(after_help = help::WAIT)]
    Wait {
        /// addresses or transports
        #[arg(value_parser = Changing::parse)]
        what: Changing,
        #[command(flatten)]
        socket: S,
    },
    /// Sort IPv6 addresses by how well they can be reached
    #[command(after_help = help::SORT)]
    Sort {
        /// The addresses, with ports; IPv4 addresses are mapped, as [::ffff:192.0.2.1]:0
        #[arg(required = true, value_parser = rows::address)]
        addresses: Vec<SocketAddr>,
        #[command(flatten)]
        socket: S,
    },
    /// Show a socket's security descriptor, or set it
    ///
    /// It decides who may share the socket's local address; without one, nobody may.
    #[command(after_help = help::SECURITY)]
    Security {
        /// The new one, in the security descriptor definition language, such as D:P(A;;GA;;;BA)
        #[arg(value_parser = Security::parse)]
        sddl: Option<Security>,
        #[command(flatten)]
        socket: S,
    },
    /// Send datagrams
    #[command(after_help = help::SEND)]
    Send {
        /// To which address, such as 127.0.0.1:7777 or [::1]:7777; `self` for the socket's own; `-` for the one that it
        /// is fixed to; in a script `self:NAME` for that of the socket NAME
        #[arg(value_parser = words::named_target)]
        address: Target,
        /// The payloads, one datagram each: a text; hex:68656c6c6f; @FILE; - for standard input; text:@ for a text that
        /// begins so
        #[arg(required = true, allow_negative_numbers = true, value_parser = Payload::parse)]
        data: Vec<Payload>,
        /// How often all of them are sent
        #[arg(long, default_value_t = 1, value_parser = words::count, allow_negative_numbers = true)]
        count: u64,
        /// How long to wait after each request, such as 10ms
        #[arg(long, value_name = "TIME", value_parser = words::duration, allow_negative_numbers = true)]
        interval: Option<Duration>,
        /// The same as requests in a second, at most: each also takes its own time
        #[arg(long, value_name = "NUMBER", value_parser = words::rate, conflicts_with = "interval")]
        #[arg(allow_negative_numbers = true)]
        rate: Option<Duration>,
        /// Send all of them with one request
        #[arg(long)]
        together: bool,
        /// Control information to send with, such as ttl=9,tos=0xB8: ttl=HOPS, tos=CLASS, ecn=0..2, size=BYTES,
        /// from=ADDRESS or from=ADDRESS%INTERFACE; implies --together
        #[arg(long, value_name = "KEY=VALUE,...", value_parser = Sending::parse)]
        with: Option<Sending>,
        #[command(flatten)]
        socket: S,
    },
    /// Receive datagrams, one by one, many at once or from a queue
    #[command(after_help = help::RECV)]
    Recv {
        #[command(flatten)]
        receiving: Receiving,
        #[command(flatten)]
        socket: S,
    },
}

/// What `recv` can be told.
#[derive(Clone, Debug, Args)]
pub struct Receiving {
    /// What must come: the payloads, one datagram each, written as for `send`
    #[arg(allow_negative_numbers = true, conflicts_with_all = ["count", "follow"], value_parser = Payload::parse)]
    data: Vec<Payload>,
    /// How many requests; each brings one datagram, or with --many and --queue one or more
    #[arg(long, default_value_t = 1, value_parser = words::count, allow_negative_numbers = true)]
    count: u64,
    /// Receive until interrupted (Ctrl-C); then no request has a time limit, unless --timeout sets one
    #[arg(long, short, conflicts_with_all = ["count", "disable"])]
    follow: bool,
    /// With each request, all datagrams that have come, and their control information
    #[arg(long)]
    many: bool,
    /// By WSK's event callback: the driver keeps what comes in a queue, and each request takes all that is in it, and
    /// tells how many were dropped. BYTES is the queue's memory, a multiple of 8 from 1024 to 1048576
    /// [default without a value: 65536]
    #[arg(long, value_name = "BYTES", conflicts_with = "many", num_args = 0..=1, default_missing_value = "65536")]
    #[arg(value_parser = step::queue_size)]
    queue: Option<u32>,
    /// Before each request wait for so long, such as 2s, so that datagrams gather
    #[arg(long, value_name = "TIME", value_parser = words::duration, allow_negative_numbers = true)]
    gather: Option<Duration>,
    /// With --queue: at the end disable the event callback, instead of leaving that to the close of the socket
    #[arg(long, value_enum, value_name = "FORM", requires = "queue")]
    disable: Option<Disable>,
}

/// How the event callback is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Disable {
    /// Ends when no call of the callback is left: WSK's form with an IRP
    Wait,
    /// Ends at once, and tells whether calls may be left: WSK's form without an IRP
    Soon,
}

impl Disable {
    /// The step that does it.
    #[must_use]
    pub fn step(self) -> Step {
        Step::Disable { wait: self == Self::Wait }
    }
}

/// A verb that has been read.
#[derive(Debug)]
pub struct Read<S> {
    /// What it comes to, on a socket that is there.
    pub steps: Steps,
    /// For which family the request is, if it says so.
    pub family: Option<Family>,
    /// Which socket; none is needed for some.
    pub socket: Option<S>,
}

impl<S: Args> Verb<S> {
    /// The steps that it comes to.
    ///
    /// # Errors
    ///
    /// A sentence that says which words do not go together; what is wrong with the input.
    pub fn read(self, input: Input<'_>) -> Result<Read<S>, String> {
        let (steps, family, socket) = match self {
            Self::Get { name, socket } => (get(name)?.into(), rows::family(&name), socket),
            Self::Set { name, value, socket } => (set(name, &value)?.into(), rows::family(&name), socket),
            Self::Ioctl { name, address, socket } => {
                let step = ioctl(name, address.as_deref())?;
                let to = match &step {
                    Step::Ioctl(_, Some(to)) => to.family(),
                    _ => None,
                };
                (step.into(), to.or(rows::family(&name)), socket)
            }
            Self::Transports => {
                return Ok(Read { steps: Step::Transports.into(), family: None, socket: None });
            }
            Self::Wait { what, socket } => (Step::Wait(what).into(), None, socket),
            Self::Sort { addresses, socket } => (Step::Sort(addresses).into(), None, socket),
            Self::Security { sddl, socket } => (Step::Security(sddl).into(), None, socket),
            Self::Send { address, data, count, interval, rate, together, with, socket } => {
                let (family, data) = (address.family(), Payload::all(data, input)?);
                let each = if together || with.is_some() {
                    vec![Step::SendMany(address, with.unwrap_or_default(), data)]
                } else {
                    data.into_iter().map(|data| Step::Send(address.clone(), data)).collect()
                };
                (Steps::paced(each, interval.or(rate), count), family, socket)
            }
            Self::Recv { receiving, socket } => (receiving.steps(input)?, None, socket),
        };
        Ok(Read { steps, family, socket: Some(socket) })
    }
}

impl Receiving {
    fn steps(self, input: Input<'_>) -> Result<Steps, String> {
        let Receiving { data, count, follow, many, queue, gather, disable } = self;
        let data = Payload::all(data, input)?;
        let gather = gather.map(Step::Sleep);
        let mut steps = Steps { first: queue.map(Step::Enable).into_iter().collect(), ..Steps::default() };
        let each: Vec<Step> = match (queue, many) {
            (Some(_), _) => vec![Step::Drain(data)],
            (None, true) => vec![Step::ReceiveMany(data)],
            (None, false) if data.is_empty() => vec![Step::Receive(None)],
            (None, false) => data.into_iter().map(|data| Step::Receive(Some(data))).collect(),
        };
        steps.again = each.into_iter().flat_map(|step| gather.clone().into_iter().chain([step])).collect();
        steps.times = (!follow).then_some(count);
        steps.last = disable.map(Disable::step).into_iter().collect();
        Ok(steps)
    }
}

/// The step that reads an option.
fn get(row: Request) -> Result<Step, String> {
    if row.get { Ok(Step::Get(row)) } else { Err(format!("{} can only be set", row.name)) }
}

/// The step that sets an option.
fn set(row: Request, value: &str) -> Result<Step, String> {
    if row.set {
        Value::parse(&row, value).map(|value| Step::Set(row, value))
    } else {
        Err(format!("{} can only be read", row.name))
    }
}

/// The step that carries out an IOCTL: with an address, `self` or `clear`, or with nothing, if it takes nothing.
fn ioctl(row: Request, address: Option<&str>) -> Result<Step, String> {
    match address {
        None if row.value == ValueKind::Nothing => Ok(Step::Ioctl(row, None)),
        None | Some("-") => Err(format!("{} takes an address, self or clear", row.name)),
        Some(address) if address.eq_ignore_ascii_case("clear") => Ok(Step::Ioctl(row, None)),
        Some(_) if row.value == ValueKind::Nothing => Err(format!("{} takes no address", row.name)),
        Some(address) => Ok(Step::Ioctl(row, Some(words::named_target(address)?))),
    }
}

/// The step that sets an option, from NAME=VALUE.
///
/// # Errors
///
/// A sentence with an example.
pub fn setting(text: &str) -> Result<Step, String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("{text} is no NAME=VALUE, such as SO_BROADCAST=on"))?;
    set(rows::option(name)?, value)
}
