//! The command line. Parsing only reads and checks: nothing is opened, sent or loaded here.
#![expect(clippy::doc_markdown, reason = "these comments are the help that people read in a terminal")]

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use readings::Readings;
use wskctl::Family;
use wskctl::conformance::{Kind, PEND_COMMAND, Plan};
use wskctl::device::Completion;
use wskctl::rows;
use wskctl::script::{self, Variables};
use wskctl::step::Step;
use wskctl::verb::{self, Steps, help, payload, words};

use crate::bench;
use crate::conformance;
use crate::evidence;
use crate::manual::{CompletionsArguments, ManArguments};
use crate::print::Form;
use crate::probe;
use crate::reading_list;
use crate::service::DriverCommand;
use crate::stress;
use crate::trial::TrialCommand;
use crate::verifier::VerifierCommand;

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
    /// delayed:SEED (later, in an order drawn from the seed), mixed or mixed:SEED (each in one of these ways)
    /// [default: deferred]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "MODE", value_parser = completion)]
    pub(crate) completion: Option<Completion>,
    /// What the hosted kernel does where Microsoft's pages leave it open: strict, windows (what is known of it) or
    /// seed:N (one of each question's readings at random), and single ones by ,QUESTION=READING [default: strict]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "READINGS")]
    pub(crate) readings: Option<Readings>,
    /// Colours: auto is for a terminal only, and not if NO_COLOR is set
    #[arg(long, global = true, help_heading = EVERYWHERE, value_enum, value_name = "WHEN", default_value = "auto")]
    #[arg(overrides_with = "color")]
    pub(crate) color: ColorChoice,
    /// Print one JSON document instead of text
    #[arg(long, global = true, help_heading = EVERYWHERE, conflicts_with = "json_lines")]
    json: bool,
    /// Print each result as it comes, as a JSON document on a line of its own
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json_lines: bool,
    /// The time limit that the driver keeps for each request, such as 500ms or 5s, or `none`; when it has passed, the
    /// request ends with STATUS_IO_TIMEOUT [default: 5s]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "TIME", value_parser = words::limit)]
    #[arg(allow_negative_numbers = true)]
    timeout: Option<words::Limit>,
    /// Cancel each request of the command that has not ended after this time (CancelIoEx); it ends with
    /// STATUS_CANCELLED, unless it is done by then
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "TIME", value_parser = words::duration)]
    #[arg(allow_negative_numbers = true)]
    pub(crate) cancel_after: Option<Duration>,
}

impl Global {
    pub(crate) const fn form(&self) -> Form {
        match (self.json, self.json_lines) {
            (_, true) => Form::Lines,
            (true, false) => Form::Json,
            (false, false) => Form::Text,
        }
    }

    /// Has everything that is printed from here on with colours or without.
    pub(crate) fn choose_color(&self) {
        let choice = match self.color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
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
    #[command(name = PEND_COMMAND, hide = true)]
    Pend {
        handles: usize,
        /// How many of each kind on each handle
        requests: usize,
        /// Such as receive, drain, transport-change
        #[arg(required = true, value_name = "KIND", value_parser = Kind::named)]
        kinds: Vec<&'static Kind>,
    },
    /// Do many things at once for some time, and see that nothing is left of them
    #[command(after_help = stress::AFTER_HELP)]
    Stress(stress::Arguments),
    /// Measure what requests cost, beside the system's own calls
    #[command(after_help = bench::AFTER_HELP)]
    Bench(bench::Arguments),
    /// Gather all that a report of a run needs into one JSON file: system, verifiers, driver, suite
    #[command(after_help = evidence::AFTER_HELP)]
    Evidence(evidence::Arguments),
    /// Show the driver's version, WSK's versions, and what the driver has counted
    #[command(after_help = help::INFO)]
    Info,
    /// Ask the kernel what Microsoft's pages leave open, and show which reading of each question it follows
    #[command(after_help = help::PROBE)]
    Probe(probe::Arguments),
    /// List what Microsoft's pages leave open, and which reading of each question the hosted kernel follows
    #[command(after_help = help::READINGS)]
    Readings(reading_list::Arguments),
    /// List the socket options and IOCTLs by name, with what each takes and when
    #[command(after_help = help::OPTIONS)]
    Options,
    #[command(flatten)]
    Socket(verb::Verb<Socket>),
    /// Install, start, stop and remove the driver as a Windows service
    Driver(DriverCommand),
    /// Turn Driver Verifier and the framework's verifier on or off for the driver
    Verifier(VerifierCommand),
    /// Go through the list of steps for a test machine: certificate, service, verifiers, tests, and back
    Trial(TrialCommand),
    /// Carry out the steps of a script
    #[command(after_help = help::script())]
    Script {
        /// The script; - is standard input
        file: PathBuf,
        /// A variable of the script, such as PORT=7777 for $PORT; as often as there are variables
        #[arg(long, value_name = "NAME=VALUE")]
        define: Vec<String>,
    },
    /// Print the completions of a shell, for it to read
    #[command(after_help = help::COMPLETIONS)]
    Completions(CompletionsArguments),
    /// Print a manual page
    #[command(after_help = help::MAN)]
    Man(ManArguments),
}

/// The socket that a command makes for itself.
#[derive(Debug, Args)]
struct Socket {
    /// The socket's address family, v4 or v6 [default: that of the address given, or v4]
    #[arg(long, value_parser = words::family)]
    family: Option<Family>,
    /// The local address to bind the socket to; port 0 lets the system choose [default: any address and port 0, if it
    /// must be bound]
    #[arg(long, value_name = "ADDR", value_parser = rows::address)]
    bind: Option<SocketAddr>,
    /// A socket option to set first, such as SO_BROADCAST=on; as often as there are options
    #[arg(long, value_name = "NAME=VALUE", value_parser = verb::setting)]
    set: Vec<Step>,
}

impl Socket {
    /// The steps with this socket around them: of the family that is asked for, or implied by an address, or that of the
    /// request. If they are at odds, the driver is asked, and refuses.
    fn around(self, steps: Steps, request: Option<Family>) -> Steps {
        let asked = self.family.or(self.bind.as_ref().map(Family::of));
        steps.around(asked.or(request).unwrap_or(Family::V4), self.bind, self.set)
    }
}

/// A command, ready to be carried out.
#[derive(Debug)]
pub(crate) enum Command {
    Demo,
    Conformance(conformance::Arguments),
    Pend(Plan),
    Stress(stress::Arguments),
    Bench(bench::Arguments),
    Evidence(evidence::Arguments),
    Info,
    Probe(probe::Arguments),
    Readings(reading_list::Arguments),
    Options,
    Steps(Steps),
    Script(PathBuf, Variables),
    Completions(CompletionsArguments),
    Man(ManArguments),
    Driver(DriverCommand),
    Verifier(VerifierCommand),
    Trial(TrialCommand),
}

/// Reads the command line: the first word is the program's name.
///
/// # Errors
///
/// What is wrong, with the usage of the command in question; or the help that was asked for.
pub(crate) fn parse(words: &[OsString]) -> Result<(Global, Command), clap::Error> {
    let mut program = grammar().color(color(words));
    let matches = program.try_get_matches_from_mut(words).map_err(|error| match error.kind() {
        // Its own words list the commands that are not for people, too.
        ErrorKind::MissingSubcommand => grammar()
            .color(color(words))
            .error(error.kind(), "there is no command: `wskctl --help` lists them"),
        ErrorKind::InvalidSubcommand => match error.get(ContextKind::InvalidSubcommand) {
            Some(ContextValue::String(word)) if script::is_step(word) => {
                let what = format!("`{word}` is a step of a script: `wskctl script --help` lists them");
                grammar().color(color(words)).error(error.kind(), what)
            }
            _ => error,
        },
        _ => error,
    })?;
    let CommandLine { global, verb } =
        CommandLine::from_arg_matches(&matches).map_err(|error| error.format(&mut program))?;
    let command = command(verb).map_err(|what| verb::misuse(&mut program, &matches, what))?;
    Ok((global, command))
}

/// The grammar of the command line.
pub(crate) fn grammar() -> clap::Command {
    CommandLine::command()
}

/// Whether the errors of a command line that is not right are to have colours.
fn color(words: &[OsString]) -> ColorChoice {
    let mut options = words.iter().skip(1).take_while(|word| *word != "--").filter_map(|word| word.to_str());
    let mut choice = ColorChoice::Auto;
    while let Some(option) = options.next() {
        let value = match option.strip_prefix("--color") {
            Some("") => options.next(),
            Some(value) => value.strip_prefix('='),
            None => None,
        };
        choice = value.and_then(|value| value.parse().ok()).unwrap_or(choice);
    }
    choice
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
    Ok(match verb {
        Verb::Demo => Command::Demo,
        Verb::Conformance(arguments) => Command::Conformance(arguments),
        Verb::Pend { handles, requests, kinds } => Command::Pend(Plan { handles, requests, kinds }),
        Verb::Stress(arguments) => Command::Stress(arguments),
        Verb::Bench(arguments) => Command::Bench(arguments),
        Verb::Evidence(arguments) => Command::Evidence(arguments),
        Verb::Info => Command::Info,
        Verb::Probe(arguments) => Command::Probe(arguments),
        Verb::Readings(arguments) => Command::Readings(arguments),
        Verb::Options => Command::Options,
        Verb::Script { file, define } => {
            let mut variables = Variables::default();
            define.iter().try_for_each(|definition| variables.define(definition))?;
            Command::Script(file, variables)
        }
        Verb::Completions(arguments) => Command::Completions(arguments),
        Verb::Man(arguments) => Command::Man(arguments),
        Verb::Driver(driver) => Command::Driver(driver),
        Verb::Verifier(verifier) => Command::Verifier(verifier),
        Verb::Trial(trial) => Command::Trial(trial),
        Verb::Socket(verb) => {
            let verb::Read { mut steps, family, socket } = verb.read(&mut payload::standard_input())?;
            // A socket that is gone afterwards has to be looked at now.
            if matches!(steps.first[..], [Step::Security(Some(_))]) {
                steps.first.push(Step::Security(None));
            }
            Command::Steps(match socket {
                Some(socket) => socket.around(steps, family),
                None => steps,
            })
        }
    })
}

fn completion(text: &str) -> Result<Completion, String> {
    let seeded = match text.split_once(':').unwrap_or((text, "0")) {
        ("inline", _) if text == "inline" => return Ok(Completion::Inline),
        ("deferred", _) if text == "deferred" => return Ok(Completion::Deferred),
        ("delayed", seed) => seed.parse().map(Completion::Delayed),
        ("mixed", seed) => seed.parse().map(Completion::Mixed),
        _ => return Err("write inline, deferred, delayed, delayed:SEED, mixed or mixed:SEED".to_owned()),
    };
    seeded.map_err(|_digits| {
        format!("\"{text}\" has no number as its seed: write for example delayed:7 or mixed:7")
    })
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
