//! Scripts: several steps, one a line, on one handle or on several with names.
//!
//! ```text
//! # Words are split as a shell splits them; a number sign begins a comment.
//! create v4
//! set SO_EXCLUSIVEADDRUSE on
//! bind 127.0.0.1:0
//! expect STATUS_INVALID_DEVICE_STATE set SO_REUSEADDR on
//! ioctl SIO_WSK_SET_REMOTE_ADDRESS self
//! send - "to the fixed address"
//! recv "to the fixed address"
//! let FAMILY v4
//! on other create $FAMILY
//! on other bind 127.0.0.1:0
//! ioctl SIO_WSK_SET_REMOTE_ADDRESS self:other
//! ```
//!
//! The grammar is that of the command line ([`Verb`]), with a few verbs that make sense with others only; [`usage`] lists all
//! of them. The steps are done one after the other, and the first that fails ends the script: what comes after it is not
//! done.
#![expect(
    clippy::doc_markdown,
    reason = "some of these comments are the help that people read in a terminal"
)]

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use wsk_sys::{NTSTATUS, NamedStatus};

mod text;
mod variables;

pub use text::decode;
pub use variables::Variables;
pub(crate) use variables::name;

use crate::family::Family;
use crate::rows;
use crate::step::{QUEUE_DEFAULT, Step};
use crate::verb::{self, Disable, Misuse, OneForAll, Payload, Verb, words};

/// A step and where it stands.
#[derive(Clone, Debug)]
pub struct Line {
    /// From 1.
    pub number: usize,
    /// As it was written.
    pub text: String,
    /// What it says.
    pub step: Step,
}

/// A line that says nothing sensible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub what: Misuse,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ScriptError {}

/// The words of a line. The first is the verb: there is no name of a program before it.
#[derive(Debug, Parser)]
#[command(multicall = true, disable_help_flag = true, disable_help_subcommand = true)]
struct Words {
    #[command(subcommand)]
    line: Said,
}

/// What a line says.
#[derive(Debug, Subcommand)]
enum Said {
    /// Create the socket; the first step of nearly every script
    Create {
        /// v4 or v6
        #[arg(value_parser = words::family)]
        family: Family,
    },
    /// Bind it; port 0 lets the system choose
    Bind {
        /// Such as 127.0.0.1:7777 or [::1]:7777
        #[arg(value_parser = rows::address)]
        address: SocketAddr,
    },
    /// Show its local address
    Local,
    #[command(flatten)]
    Verb(Verb<OneForAll>),
    /// Have WSK's callback fill a queue, of 65536 bytes by default
    Enable {
        /// Any number: that the driver refuses a wrong one can be expected
        #[arg(default_value_t = QUEUE_DEFAULT, value_parser = words::any_size, allow_negative_numbers = true)]
        bytes: u32,
    },
    /// Take all out of the queue, and tell how many it dropped
    Drain {
        /// What must come
        #[arg(allow_negative_numbers = true, value_parser = Payload::parse)]
        data: Vec<Payload>,
    },
    /// End that, and wait for running calls, or not: soon
    Disable {
        /// How
        #[arg(value_enum, default_value = "wait")]
        form: Disable,
    },
    /// Do nothing for so long, such as 200ms
    Sleep {
        /// How long
        #[arg(value_parser = words::duration, allow_negative_numbers = true)]
        time: Duration,
    },
    /// Do a step with this time limit instead of --timeout
    Within {
        /// Such as 500ms, or none
        #[arg(value_parser = words::limit, allow_negative_numbers = true)]
        limit: words::Limit,
        /// The step
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        step: Vec<String>,
    },
    /// Do a step, and cancel it if it is not done by then
    Cancel {
        /// When
        #[arg(value_parser = words::duration, allow_negative_numbers = true)]
        time: Duration,
        /// The step
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        step: Vec<String>,
    },
    /// Do a step on the socket of this name, one of its own
    On {
        /// Any name
        #[arg(value_parser = name)]
        name: String,
        /// The step
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        step: Vec<String>,
    },
    /// From here on $NAME is this word
    Let {
        /// Letters, digits and underscores
        #[arg(value_parser = name)]
        name: String,
        /// The word
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Do a step that must end with this status
    Expect {
        /// Such as STATUS_IO_TIMEOUT
        #[arg(value_parser = words::status)]
        status: NTSTATUS,
        /// The step
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        step: Vec<String>,
    },
}

/// Reads a script. Nothing is done yet; a script with an error in its last line does nothing at all.
///
/// # Errors
///
/// The first line that is wrong.
pub fn parse(text: &str) -> Result<Vec<Line>, ScriptError> {
    parse_with(text, Variables::default())
}

/// As [`parse`], with variables that have values already.
///
/// # Errors
///
/// The first line that is wrong.
pub fn parse_with(text: &str, mut variables: Variables) -> Result<Vec<Line>, ScriptError> {
    let mut lines = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        let wrong = |what| ScriptError { line: number, what };
        let words = shlex::split(text).ok_or_else(|| wrong("a quotation mark is not closed".into()))?;
        let words: Result<Vec<String>, String> = words.iter().map(|word| variables.expand(word)).collect();
        let words = words.map_err(|what| wrong(what.into()))?;
        if !words.is_empty() {
            let said = match say(&words).map_err(wrong)? {
                (_, Said::Let { name, value }) => {
                    variables.set(name, value);
                    continue;
                }
                said => said,
            };
            for step in steps(said, 0).map_err(wrong)? {
                lines.push(Line { number, text: text.trim().to_owned(), step });
            }
        }
    }
    Ok(lines)
}

/// How many of [`OUTER`] may stand before a step; each of them once says all there is to say.
const DEEPEST: usize = 8;
/// What stands before steps.
const OUTER: &str = "`within`, `cancel`, `on` and `expect`";
/// How many steps a line may come to.
const LONGEST: usize = 10_000;

/// What one line says; and how it was read.
fn say(words: &[String]) -> Result<(Grammar, Said), Misuse> {
    let mut grammar = Words::command();
    let matches = grammar.try_get_matches_from_mut(words).map_err(|error| {
        let kind = error.kind();
        let option = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(option)) if kind == ErrorKind::UnknownArgument => of_the_socket(option),
            _ => None,
        };
        let mut misuse = Misuse::from(error);
        if kind == ErrorKind::InvalidSubcommand {
            misuse.advice.get_or_insert_with(|| "`wskctl script --help` lists the steps".to_owned());
        } else if let Some(step) = option {
            // Instead of clap's, which is how to send it as data.
            misuse.advice = Some(format!("in a script that is a step of its own, before this one: `{step}`"));
        }
        misuse
    })?;
    let Words { line } = Words::from_arg_matches(&matches).map_err(|error| error.format(&mut grammar))?;
    Ok(((grammar, matches), line))
}

/// A grammar, and what it has found.
type Grammar = (clap::Command, clap::ArgMatches);

/// The steps of one line: one, but for `send` and `recv` with several datagrams. Before it stand `depth` steps that contain
/// it.
fn steps(((mut grammar, matches), line): (Grammar, Said), depth: usize) -> Result<Vec<Step>, Misuse> {
    let inner = |words: &[String]| {
        if depth == DEEPEST {
            return Err(Misuse::from(format!("before a step stand at most {DEEPEST} of {OUTER}")));
        }
        steps(say(words)?, depth + 1)
    };
    let each = |steps: Vec<Step>, outer: &dyn Fn(Box<Step>) -> Step| {
        steps.into_iter().map(|step| outer(Box::new(step))).collect()
    };
    Ok(match line {
        Said::Create { family } => vec![Step::Create(family)],
        Said::Bind { address } => vec![Step::Bind(address)],
        Said::Local => vec![Step::Local],
        Said::Verb(verb) => list(verb).map_err(|what| verb::misuse(&mut grammar, &matches, what))?,
        Said::Enable { bytes } => vec![Step::Enable(bytes)],
        Said::Drain { data } => vec![Step::Drain(Payload::all(data, &mut no_input)?)],
        Said::Let { .. } => return Err("`let` is a line of its own".to_owned().into()),
        Said::On { name, step } => each(inner(&step)?, &|step| Step::On(name.clone(), step)),
        Said::Disable { form } => vec![form.step()],
        Said::Sleep { time } => vec![Step::Sleep(time)],
        Said::Within { limit, step } => each(inner(&step)?, &|step| Step::Within(limit.0, step)),
        Said::Cancel { time, step } => each(inner(&step)?, &|step| Step::Cancel(time, step)),
        Said::Expect { status, step } => {
            let mut steps = inner(&step)?;
            let last = steps.pop().ok_or_else(|| "there is no step to expect something of".to_owned())?;
            steps.push(Step::Expect(NamedStatus(status), Box::new(last)));
            steps
        }
    })
}

/// The step that stands for an option of the command line which says what socket to make.
fn of_the_socket(option: &str) -> Option<&'static str> {
    match option {
        "--family" => Some("create FAMILY"),
        "--bind" => Some("bind ADDRESS"),
        "--set" => Some("set NAME VALUE"),
        _ => None,
    }
}

/// A script may come by standard input itself.
fn no_input() -> Result<Vec<u8>, String> {
    Err("in a script no payload is standard input: write @FILE".to_owned())
}

/// The steps of a verb, which end.
fn list(verb: Verb<OneForAll>) -> Result<Vec<Step>, String> {
    let steps = verb.read(&mut no_input)?.steps;
    if steps.is_endless() {
        return Err("--follow has no end: it is for the command line, not for a script".to_owned());
    }
    let list: Vec<Step> = steps.iter().take(LONGEST + 1).cloned().collect();
    if list.len() > LONGEST {
        return Err(format!("a line comes to at most {LONGEST} steps"));
    }
    Ok(list)
}

/// Whether a line can begin with this word.
#[must_use]
pub fn is_step(word: &str) -> bool {
    Words::command().find_subcommand(word).is_some()
}

/// How each step is written, and what it does.
#[must_use]
pub fn usage() -> String {
    let mut grammar = Words::command();
    grammar.build();
    let rows: Vec<(String, String)> = grammar
        .get_subcommands_mut()
        .map(|verb| {
            let usage = verb.render_usage().to_string();
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            (usage.trim_start_matches("Usage:").trim().to_owned(), about)
        })
        .collect();
    let width = rows.iter().map(|row| row.0.len()).max().unwrap_or(0);
    rows.iter().map(|(usage, about)| format!("  {usage:width$}  {about}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
