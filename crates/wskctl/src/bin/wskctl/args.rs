//! The command line. Parsing only reads and checks: nothing is opened, sent or loaded here.
#![expect(clippy::doc_markdown, reason = "these comments are the help that people read in a terminal")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use wskctl::Family;
use wskctl::conformance::VICTIM_COMMAND;
use wskctl::device::Completion;
use wskctl::rows::Request;
use wskctl::step::{self, Changing, Security, Sending, Step, Target};
use wskctl::{rows, script};

use crate::conformance;
use crate::service::DriverCommand;
use crate::verifier::VerifierCommand;

const DEFAULT_DEVICE: &str = if cfg!(windows) { wskdrv_abi::USER_PATH } else { "hosted" };

const EXIT_CODES: &str =
    "Exit codes: 0 done; 1 refused by the driver or by Windows, or not as expected; 2 usage or environment.";

/// Drives the wskdrv driver: sockets, options, IOCTLs and datagrams from kernel mode
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, arg_required_else_help = true)]
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
    #[arg(long, global = true, value_name = "hosted|PATH", default_value = DEFAULT_DEVICE)]
    pub(crate) device: String,
    /// When the hosted WSK completes a request: inline, deferred, delayed or delayed:SEED
    #[arg(long, global = true, value_name = "MODE", value_parser = completion)]
    pub(crate) completion: Option<Completion>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The time limit of each request, such as 500ms or 5s, or `none`
    #[arg(long, global = true, value_name = "TIME", default_value = "5s", value_parser = limit)]
    pub(crate) timeout: Limit,
}

/// A time limit, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) Option<Duration>);

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show what the driver can do, each claim checked from outside it
    Demo,
    /// Run the tests that a loaded driver must pass
    #[command(after_help = conformance::AFTER_HELP)]
    Conformance(conformance::Arguments),
    /// Open handles, leave receives pending on them, and wait to be killed
    #[command(name = VICTIM_COMMAND, hide = true)]
    Pend { handles: usize, receives: usize },
    /// Show versions, provider and statistics
    Info,
    /// List the typed options and IOCTLs
    Options,
    /// Read a socket option
    Get {
        /// Its C name, such as SO_RCVBUF
        #[arg(value_parser = rows::option)]
        name: Request,
        #[command(flatten)]
        socket: Socket,
    },
    /// Set a socket option
    Set {
        /// Its C name, such as SO_BROADCAST
        #[arg(value_parser = rows::option)]
        name: Request,
        /// on or off, or a number
        value: String,
        #[command(flatten)]
        socket: Socket,
    },
    /// Carry out a socket IOCTL that fixes an address
    Ioctl {
        /// Its C name, such as SIO_WSK_SET_REMOTE_ADDRESS
        #[arg(value_parser = rows::ioctl)]
        name: Request,
        /// An address such as 127.0.0.1:7777 or [::1]:7777; `self`; or `clear`
        address: String,
        #[command(flatten)]
        socket: Socket,
    },
    /// Show the transports that sockets can be made for
    Transports,
    /// Wait until the local addresses or the transports change
    Wait {
        /// addresses or transports
        #[arg(value_parser = Changing::parse)]
        what: Changing,
        #[command(flatten)]
        socket: Socket,
    },
    /// Sort IPv6 addresses by how well they can be reached; IPv4 addresses are mapped, as [::ffff:192.0.2.1]:0
    Sort {
        /// The addresses, with ports
        #[arg(required = true, value_parser = rows::address)]
        addresses: Vec<SocketAddr>,
        #[command(flatten)]
        socket: Socket,
    },
    /// Show a socket's security descriptor, or set it
    ///
    /// It decides who may share the socket's local address; without one, nobody may.
    Security {
        /// In the security descriptor definition language, such as D:P(A;;GA;;;BA)
        #[arg(value_parser = Security::parse)]
        sddl: Option<Security>,
        #[command(flatten)]
        socket: Socket,
    },
    /// Send datagrams
    Send {
        /// To which address
        #[arg(value_parser = rows::address)]
        address: SocketAddr,
        /// The payloads, one datagram each
        #[arg(required = true)]
        data: Vec<String>,
        /// Send all of them with one request
        #[arg(long)]
        together: bool,
        /// Control information to send with, such as ttl=9,tos=0xB8: ttl, tos, ecn, size, from; implies --together
        #[arg(long, value_name = "KEY=VALUE,...", value_parser = Sending::parse)]
        with: Option<Sending>,
        #[command(flatten)]
        socket: Socket,
    },
    /// Receive datagrams
    Recv {
        /// How many; with --many, how many requests
        #[arg(long, default_value_t = 1)]
        count: usize,
        /// With each request, all datagrams that have come, and their control information
        #[arg(long)]
        many: bool,
        /// By WSK's event callback: the driver keeps what comes in a queue of so many bytes, and each request takes all
        /// that is in it
        #[arg(long, value_name = "BYTES", conflicts_with = "many", num_args = 0..=1, default_missing_value = "65536")]
        queue: Option<u32>,
        #[command(flatten)]
        socket: Socket,
    },
    /// Install, start, stop and remove the driver as a Windows service
    Driver(DriverCommand),
    /// Turn Driver Verifier and the framework's verifier on or off for the driver
    Verifier(VerifierCommand),
    /// Carry out the steps of a script, all on one socket
    #[command(after_help = script_help())]
    Script {
        /// The script; - is standard input
        file: PathBuf,
    },
}

/// The socket that a command makes for itself.
#[derive(Debug, Args)]
struct Socket {
    /// Its address family, v4 or v6 [default: that of the address given, or v4]
    #[arg(long, value_parser = script::parse_family)]
    family: Option<Family>,
    /// The local address to bind it to [default: any address, if it must be bound]
    #[arg(long, value_name = "ADDR", value_parser = rows::address)]
    bind: Option<SocketAddr>,
}

impl Socket {
    /// The family that is asked for, or implied by an address.
    fn family(&self, to: Option<&SocketAddr>) -> Family {
        self.family.or(self.bind.as_ref().or(to).map(Family::of)).unwrap_or(Family::V4)
    }

    fn around(&self, step: Step, family: Family) -> Vec<Step> {
        step::around(step, family, self.bind)
    }
}

/// A command, ready to be carried out.
#[derive(Debug)]
pub(crate) enum Command {
    Demo,
    Conformance(conformance::Arguments),
    Pend { handles: usize, receives: usize },
    Info,
    Options,
    Steps(Vec<Step>),
    Script(PathBuf),
    Driver(DriverCommand),
    Verifier(VerifierCommand),
}

/// Reads the command line; ends the program, with help or an error, if there is nothing to carry out.
pub(crate) fn parse() -> (Global, Command) {
    let CommandLine { global, verb } = CommandLine::parse();
    match command(verb) {
        Ok(command) => (global, command),
        Err(what) => CommandLine::command().error(ErrorKind::ValueValidation, what).exit(),
    }
}

fn command(verb: Verb) -> Result<Command, String> {
    let steps = match verb {
        Verb::Demo => return Ok(Command::Demo),
        Verb::Conformance(arguments) => return Ok(Command::Conformance(arguments)),
        Verb::Pend { handles, receives } => return Ok(Command::Pend { handles, receives }),
        Verb::Info => return Ok(Command::Info),
        Verb::Options => return Ok(Command::Options),
        Verb::Script { file } => return Ok(Command::Script(file)),
        Verb::Driver(driver) => return Ok(Command::Driver(driver)),
        Verb::Verifier(verifier) => return Ok(Command::Verifier(verifier)),
        Verb::Get { name, socket } => {
            socket.around(script::get(name)?, rows::family(&name, socket.family(None)))
        }
        Verb::Set { name, value, socket } => {
            socket.around(script::set(name, &value)?, rows::family(&name, socket.family(None)))
        }
        Verb::Ioctl { name, address, socket } => {
            let step = script::ioctl(name, &address)?;
            let to = match &step {
                Step::Ioctl(_, Some(Target::Address(to))) => Some(*to),
                _ => None,
            };
            socket.around(step, rows::family(&name, socket.family(to.as_ref())))
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
                return Ok(Command::Steps(socket.around(step, family)));
            }
            let mut sends =
                data.into_iter().map(|data| Step::Send(Target::Address(address), data.into_bytes()));
            let first = sends.next().ok_or("there is nothing to send")?;
            let mut steps = socket.around(first, family);
            steps.extend(sends);
            steps
        }
        Verb::Recv { count, many, queue, socket } => {
            let receive = match queue {
                Some(_) => Step::Drain(Vec::new()),
                None if many => Step::ReceiveMany(Vec::new()),
                None => Step::Receive(None),
            };
            let mut steps = socket.around(receive.clone(), socket.family(None));
            steps.truncate(steps.len() - 1);
            steps.extend(queue.map(Step::Enable));
            steps.extend(std::iter::repeat_n(receive, count));
            steps
        }
    };
    Ok(Command::Steps(steps))
}

fn limit(text: &str) -> Result<Limit, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Limit(None));
    }
    humantime::parse_duration(text)
        .map(|time| Limit(Some(time)))
        .map_err(|error| format!("write it as 500ms, 5s or none: {error}"))
}

fn completion(text: &str) -> Result<Completion, String> {
    match text.split_once(':') {
        None if text == "inline" => Ok(Completion::Inline),
        None if text == "deferred" => Ok(Completion::Deferred),
        None if text == "delayed" => Ok(Completion::Delayed(0)),
        Some(("delayed", seed)) => {
            seed.parse().map(Completion::Delayed).map_err(|_digits| format!("{seed} is no number"))
        }
        _ => Err("write inline, deferred, delayed or delayed:SEED".to_owned()),
    }
}

fn script_help() -> String {
    format!(
        "Steps, one a line, with words as in a shell and comments after #:\n  {}\n\n\
         `self` is the socket's own address, `-` the address that it is fixed to.\n\n{EXIT_CODES}",
        script::USAGE.join("\n  ")
    )
}

#[cfg(test)]
mod tests {
    use wsk_requests::Kind;

    use super::*;

    fn count(line: &str) -> usize {
        match parsed(line) {
            Ok(Command::Steps(steps)) => steps.len(),
            other => panic!("{line}: {other:?}"),
        }
    }

    fn parsed(line: &str) -> Result<Command, String> {
        let words = format!("wskctl {line}");
        let CommandLine { verb, .. } =
            CommandLine::try_parse_from(words.split(' ')).map_err(|error| error.to_string())?;
        command(verb)
    }

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn each_typed_request_can_be_asked_for_by_name() {
        for row in wsk_requests::ROWS {
            let name = row.name;
            match row.kind {
                Kind::Option { .. } => {
                    let get = parsed(&format!("get {name}"));
                    assert_eq!(get.is_ok(), row.get, "{name}");
                    let values = ["1", "239.1.2.3", "239.1.2.3,from=10.0.0.1", "ff02::7", "clear"];
                    let set = values.iter().any(|value| parsed(&format!("set {name} {value}")).is_ok());
                    assert_eq!(set, row.set && !row.value.has_pointers(), "{name}");
                }
                Kind::Ioctl { .. } => {
                    assert!(count(&format!("ioctl {name} clear")) > 1, "{name}");
                }
                Kind::Client { .. } => {
                    parsed(&format!("ioctl {name} clear")).unwrap_err();
                }
            }
        }
    }

    #[test]
    fn the_family_follows_from_the_addresses() {
        let family = |line: &str| match parsed(line) {
            Ok(Command::Steps(steps)) => match steps[0] {
                Step::Create(family) => family,
                ref other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        assert_eq!(family("send [::1]:1 x"), Family::V6);
        assert_eq!(family("send 127.0.0.1:1 x"), Family::V4);
        assert_eq!(family("recv --bind [::1]:0"), Family::V6);
        assert_eq!(family("recv --family v6"), Family::V6);
        assert_eq!(family("get IPV6_V6ONLY"), Family::V6);
        assert_eq!(family("get SO_RCVBUF"), Family::V4);
        assert_eq!(family("ioctl SIO_WSK_SET_REMOTE_ADDRESS [::1]:9"), Family::V6);
        // Both given and at odds: the driver is asked, and refuses.
        assert_eq!(family("send --family v4 [::1]:1 x"), Family::V4);
    }

    #[test]
    fn counts_are_counts_of_datagrams() {
        assert_eq!(count("recv --count 3"), 2 + 3);
        assert_eq!(count("recv --queue --count 3"), 2 + 1 + 3);
        assert_eq!(count("send 127.0.0.1:1 a b c"), 2 + 3);
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for (line, what) in [
            ("set SO_BROADCAST maybe", "on or off"),
            ("get SO_BROADCATS", "did you mean SO_BROADCAST?"),
            ("ioctl SO_BROADCAST clear", "not a socket IOCTL"),
            ("send localhost x", "127.0.0.1:7777"),
            ("recv --timeout soon", "500ms, 5s or none"),
            ("demo --completion late", "inline, deferred"),
            ("demo --completion delayed:x", "no number"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(what), "{line}: {error}");
        }
    }
}
