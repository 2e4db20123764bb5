//! The command line. Parsing only reads and checks: nothing is opened, sent or loaded here.
#![expect(clippy::doc_markdown, reason = "these comments are the help that people read in a terminal")]

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use wskctl::Family;
use wskctl::conformance::{Kind, Plan, VICTIM_COMMAND};
use wskctl::device::Completion;
use wskctl::rows::Request;
use wskctl::step::{self, Changing, Security, Sending, Step, Target};
use wskctl::{rows, script};

use crate::print::Form;
use crate::service::DriverCommand;
use crate::verifier::VerifierCommand;
use crate::{conformance, help};

const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

const DEFAULT_DEVICE: &str = if cfg!(windows) { wskdrv_abi::USER_PATH } else { "hosted" };

/// What the options for every command stand under.
const EVERYWHERE: &str = "Options of every command";

/// Drives the wskdrv driver: sockets, options, IOCTLs and datagrams from kernel mode
#[derive(Debug, Parser)]
// By this name also where the file is called wskctl.exe.
#[command(bin_name = "wskctl", version, after_help = help::PROGRAM, arg_required_else_help = true)]
struct CommandLine {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// What holds for every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The driver's device: a path such as \\.\WskDrv, or `hosted` for the driver inside this program
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "hosted|PATH", default_value = DEFAULT_DEVICE)]
    #[arg(overrides_with = "device")]
    pub(crate) device: String,
    /// When the hosted WSK completes a request: inline (within the call), deferred (on another thread), delayed or
    /// delayed:SEED (later, in an order drawn from the seed) [default: deferred]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "MODE", value_parser = completion)]
    pub(crate) completion: Option<Completion>,
    /// Print one JSON document instead of text
    #[arg(long, global = true, help_heading = EVERYWHERE, conflicts_with = "json_lines")]
    json: bool,
    /// Print each result as it comes, as a JSON document on a line of its own
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json_lines: bool,
    /// The time limit that the driver keeps for each request, such as 500ms or 5s, or `none`; when it has passed, the
    /// request ends with STATUS_IO_TIMEOUT [default: 5s]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "TIME", value_parser = limit)]
    #[arg(allow_negative_numbers = true)]
    timeout: Option<Limit>,
    /// Cancel each request of the command that has not ended after this time (CancelIoEx); it ends with
    /// STATUS_CANCELLED, unless it is done by then
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "TIME", value_parser = script::duration)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) cancel_after: Option<Duration>,
}

/// A time limit, or none.
#[derive(Clone, Copy, Debug)]
struct Limit(Option<Duration>);

impl Global {
    pub(crate) const fn form(&self) -> Form {
        match (self.json, self.json_lines) {
            (_, true) => Form::Lines,
            (true, false) => Form::Json,
            (false, false) => Form::Text,
        }
    }

    /// The time limit of each request: the one that is given, or the default.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.timeout.map_or(Some(DEFAULT_LIMIT), |limit| limit.0)
    }

    /// The time limit of each request, where the default is none.
    pub(crate) fn limit_if_any(&self) -> Option<Duration> {
        self.timeout.and_then(|limit| limit.0)
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what the driver can do, each claim checked from outside it
    #[command(after_help = help::DEMO)]
    Demo,
    /// Run the tests that a loaded driver must pass
    #[command(after_help = conformance::AFTER_HELP)]
    Conformance(conformance::Arguments),
    /// Open handles, leave requests pending on them, and wait to be killed
    #[command(name = VICTIM_COMMAND, hide = true)]
    Pend {
        handles: usize,
        /// How many of each kind on each handle
        requests: usize,
        /// Such as receive, drain, transport-change
        #[arg(required = true, value_name = "KIND", value_parser = Kind::named)]
        kinds: Vec<&'static Kind>,
    },
    /// Show the driver's version, WSK's versions, and what the driver has counted
    #[command(after_help = help::INFO)]
    Info,
    /// List the socket options and IOCTLs by name, with what each takes and when
    #[command(after_help = help::OPTIONS)]
    Options,
    /// Read a socket option
    #[command(after_help = help::GET)]
    Get {
        /// The option's C name, such as SO_RCVBUF, in any case
        #[arg(value_parser = rows::option)]
        name: Request,
        #[command(flatten)]
        socket: Socket,
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
        socket: Socket,
    },
    /// Carry out a socket IOCTL: fix an address, or query
    #[command(after_help = help::IOCTL)]
    Ioctl {
        /// The IOCTL's C name, such as SIO_WSK_SET_REMOTE_ADDRESS, in any case
        #[arg(value_parser = rows::ioctl)]
        name: Request,
        /// An address such as 127.0.0.1:7777 or [::1]:7777; `self` for the socket's own; `clear` for none. Nothing, for
        /// an IOCTL that takes nothing
        address: Option<String>,
        #[command(flatten)]
        socket: Socket,
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
        socket: Socket,
    },
    /// Sort IPv6 addresses by how well they can be reached
    #[command(after_help = help::SORT)]
    Sort {
        /// The addresses, with ports; IPv4 addresses are mapped, as [::ffff:192.0.2.1]:0
        #[arg(required = true, value_parser = rows::address)]
        addresses: Vec<SocketAddr>,
        #[command(flatten)]
        socket: Socket,
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
        socket: Socket,
    },
    /// Send datagrams
    #[command(after_help = help::SEND)]
    Send {
        /// To which address, such as 127.0.0.1:7777 or [::1]:7777
        #[arg(value_parser = rows::address)]
        address: SocketAddr,
        /// The payloads as text, one datagram each
        #[arg(required = true, allow_negative_numbers = true)]
        data: Vec<String>,
        /// Send all of them with one request
        #[arg(long)]
        together: bool,
        /// Control information to send with, such as ttl=9,tos=0xB8: ttl=HOPS, tos=CLASS, ecn=0..2, size=BYTES,
        /// from=ADDRESS or from=ADDRESS%INTERFACE; implies --together
        #[arg(long, value_name = "KEY=VALUE,...", value_parser = Sending::parse)]
        with: Option<Sending>,
        #[command(flatten)]
        socket: Socket,
    },
    /// Receive datagrams: one by one, many with a request, or by WSK's event callback
    #[command(after_help = help::RECV)]
    Recv {
        /// How many requests; each brings one datagram, or with --many and --queue one or more
        #[arg(long, default_value_t = 1, value_parser = count, allow_negative_numbers = true)]
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
        #[arg(long, value_name = "TIME", value_parser = script::duration, allow_negative_numbers = true)]
        gather: Option<Duration>,
        /// With --queue: at the end disable the event callback, instead of leaving that to the close of the socket
        #[arg(long, value_enum, value_name = "FORM", requires = "queue")]
        disable: Option<Disable>,
        #[command(flatten)]
        socket: Socket,
    },
    /// Install, start, stop and remove the driver as a Windows service
    Driver(DriverCommand),
    /// Turn Driver Verifier and the framework's verifier on or off for the driver
    Verifier(VerifierCommand),
    /// Carry out the steps of a script, all on one socket
    #[command(after_help = help::script())]
    Script {
        /// The script; - is standard input
        file: PathBuf,
    },
}

/// How the event callback is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Disable {
    /// Ends when no call of the callback is left: WSK's form with an IRP
    Wait,
    /// Ends at once, and tells whether calls may be left: WSK's form without an IRP
    Soon,
}

/// The socket that a command makes for itself.
#[derive(Debug, Args)]
struct Socket {
    /// The socket's address family, v4 or v6 [default: that of the address given, or v4]
    #[arg(long, value_parser = script::parse_family)]
    family: Option<Family>,
    /// The local address to bind the socket to; port 0 lets the system choose [default: any address and port 0, if it
    /// must be bound]
    #[arg(long, value_name = "ADDR", value_parser = rows::address)]
    bind: Option<SocketAddr>,
    /// A socket option to set first, such as SO_BROADCAST=on; as often as there are options
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<Step>,
}

/// The step that sets an option, from NAME=VALUE.
fn setting(text: &str) -> Result<Step, String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("{text} is no NAME=VALUE, such as SO_BROADCAST=on"))?;
    script::set(rows::option(name)?, value)
}

impl Socket {
    /// The family that is asked for, or implied by an address.
    fn family(&self, to: Option<&SocketAddr>) -> Family {
        self.family.or(self.bind.as_ref().or(to).map(Family::of)).unwrap_or(Family::V4)
    }

    /// The family that is asked for, though the request may be for the other: then the driver is asked, and refuses. If
    /// none is, that of the request.
    fn family_for(&self, row: Request, to: Option<&SocketAddr>) -> Family {
        let asked = self.family.or(self.bind.as_ref().or(to).map(Family::of));
        asked.unwrap_or_else(|| rows::family(&row, Family::V4))
    }

    fn around(&self, step: Step, family: Family) -> Vec<Step> {
        let mut steps = step::around(step, family, self.bind);
        // Each option that can be written can be set when the socket has just been created.
        steps.splice(1..1, self.set.iter().cloned());
        steps
    }
}

/// Steps to do: some of them again and again.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    first: Vec<Step>,
    again: Vec<Step>,
    /// How often; `None` until the program is interrupted.
    times: Option<u64>,
    last: Vec<Step>,
}

impl Steps {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Step> {
        let again = (0..self.times.unwrap_or(u64::MAX)).flat_map(|_| &self.again);
        self.first.iter().chain(again).chain(&self.last)
    }

    pub(crate) const fn is_endless(&self) -> bool {
        self.times.is_none()
    }
}

impl From<Vec<Step>> for Steps {
    fn from(first: Vec<Step>) -> Self {
        Self { first, times: Some(0), ..Self::default() }
    }
}

/// A command, ready to be carried out.
#[derive(Debug)]
pub(crate) enum Command {
    Demo,
    Conformance(conformance::Arguments),
    Pend(Plan),
    Info,
    Options,
    Steps(Steps),
    Script(PathBuf),
    Driver(DriverCommand),
    Verifier(VerifierCommand),
}

/// Reads the command line: the first word is the program's name.
///
/// # Errors
///
/// What is wrong, with the usage of the command in question; or the help that was asked for.
pub(crate) fn parse(words: &[OsString]) -> Result<(Global, Command), clap::Error> {
    const KIND: ErrorKind = ErrorKind::ValueValidation;
    let mut program = CommandLine::command();
    let matches = program.try_get_matches_from_mut(words).map_err(|error| match error.kind() {
        // Its own words list the commands that are not for people, too.
        ErrorKind::MissingSubcommand => {
            CommandLine::command().error(error.kind(), "there is no command: `wskctl --help` lists them")
        }
        _ => error,
    })?;
    let CommandLine { global, verb } =
        CommandLine::from_arg_matches(&matches).map_err(|error| error.format(&mut program))?;
    let name = matches.subcommand_name().unwrap_or_default();
    command(verb).map(|command| (global, command)).map_err(|what| {
        // Each verb is a subcommand: its usage is the one to show.
        let named = program.find_subcommand_mut(name).map(|command| command.error(KIND, &what));
        named.unwrap_or_else(|| CommandLine::command().error(KIND, what))
    })
}

/// In which form the errors of a command line are wanted that is not right.
pub(crate) fn form(words: &[OsString]) -> Form {
    let mut options = words.iter().skip(1).take_while(|word| *word != "--");
    options
        .find_map(|word| match word.to_str() {
            Some("--json") => Some(Form::Json),
            Some("--json-lines") => Some(Form::Lines),
            _ => None,
        })
        .unwrap_or(Form::Text)
}

fn command(verb: Verb) -> Result<Command, String> {
    let steps = match verb {
        Verb::Demo => return Ok(Command::Demo),
        Verb::Conformance(arguments) => return Ok(Command::Conformance(arguments)),
        Verb::Pend { handles, requests, kinds } => {
            return Ok(Command::Pend(Plan { handles, requests, kinds }));
        }
        Verb::Info => return Ok(Command::Info),
        Verb::Options => return Ok(Command::Options),
        Verb::Script { file } => return Ok(Command::Script(file)),
        Verb::Driver(driver) => return Ok(Command::Driver(driver)),
        Verb::Verifier(verifier) => return Ok(Command::Verifier(verifier)),
        Verb::Get { name, socket } => socket.around(script::get(name)?, socket.family_for(name, None)),
        Verb::Set { name, value, socket } => {
            socket.around(script::set(name, &value)?, socket.family_for(name, None))
        }
        Verb::Ioctl { name, address, socket } => {
            let step = script::ioctl(name, address.as_deref())?;
            let to = match &step {
                Step::Ioctl(_, Some(Target::Address(to))) => Some(*to),
                _ => None,
            };
            socket.around(step, socket.family_for(name, to.as_ref()))
        }
        Verb::Transports => vec![Step::Transports],
        Verb::Wait { what, socket } => socket.around(Step::Wait(what), socket.family(None)),
        Verb::Sort { addresses, socket } => socket.around(Step::Sort(addresses), socket.family(None)),
        Verb::Security { sddl, socket } => {
            let mut steps = socket.around(Step::Security(sddl.clone()), socket.family(None));
            if sddl.is_some() {
                steps.push(Step::Security(None));
            }
            steps
        }
        Verb::Send { address, data, together, with, socket } => {
            let family = socket.family(Some(&address));
            if together || with.is_some() {
                let data = data.into_iter().map(String::into_bytes).collect();
                let step = Step::SendMany(Target::Address(address), with.unwrap_or_default(), data);
                return Ok(Command::Steps(socket.around(step, family).into()));
            }
            let mut sends =
                data.into_iter().map(|data| Step::Send(Target::Address(address), data.into_bytes()));
            let first = sends.next().ok_or("there is nothing to send")?;
            let mut steps = socket.around(first, family);
            steps.extend(sends);
            steps
        }
        Verb::Recv { count, follow, many, queue, gather, disable, socket } => {
            let receive = match queue {
                Some(_) => Step::Drain(Vec::new()),
                None if many => Step::ReceiveMany(Vec::new()),
                None => Step::Receive(None),
            };
            let mut first = socket.around(receive.clone(), socket.family(None));
            first.truncate(first.len() - 1);
            first.extend(queue.map(Step::Enable));
            let again = gather.map(Step::Sleep).into_iter().chain([receive]).collect();
            let last =
                disable.map(|form| Step::Disable { wait: form == Disable::Wait }).into_iter().collect();
            let times = (!follow).then_some(count);
            return Ok(Command::Steps(Steps { first, again, times, last }));
        }
    };
    Ok(Command::Steps(steps.into()))
}

fn count(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "write a number from 1".to_owned())
}

fn limit(text: &str) -> Result<Limit, String> {
    script::time_limit(text).map(Limit)
}

fn completion(text: &str) -> Result<Completion, String> {
    match text.split_once(':') {
        None if text == "inline" => Ok(Completion::Inline),
        None if text == "deferred" => Ok(Completion::Deferred),
        None if text == "delayed" => Ok(Completion::Delayed(0)),
        Some(("delayed", seed)) => seed.parse().map(Completion::Delayed).map_err(|_digits| {
            format!("write delayed:SEED with a number, such as delayed:7, not with \"{seed}\"")
        }),
        _ => Err("write inline, deferred, delayed or delayed:SEED".to_owned()),
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
