//! Scripts: several steps on one handle, one a line.
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

pub use text::decode;

use crate::family::Family;
use crate::rows;
use crate::step::{QUEUE_DEFAULT, Step};
use crate::verb::{self, Disable, Misuse, OneForAll, Verb, words};

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
        #[arg(allow_negative_numbers = true)]
        data: Vec<String>,
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
    let mut lines = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        let wrong = |what| ScriptError { line: number, what };
        let words = shlex::split(text).ok_or_else(|| wrong("a quotation mark is not closed".into()))?;
        if !words.is_empty() {
            for step in steps(&words, 0).map_err(wrong)? {
                lines.push(Line { number, text: text.trim().to_owned(), step });
            }
        }
    }
    Ok(lines)
}

/// How many of `within`, `cancel` and `expect` may stand before a step; each of them once says all there is to say.
const DEEPEST: usize = 8;
/// How many steps a line may come to.
const LONGEST: usize = 10_000;

/// The steps of one line: one, but for `send` and `recv` with several datagrams. Before it stand `depth` steps that contain
/// it.
fn steps(words: &[String], depth: usize) -> Result<Vec<Step>, Misuse> {
    if depth > DEEPEST {
        return Err(
            format!("before a step stand at most {DEEPEST} of `within`, `cancel` and `expect`").into()
        );
    }
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
    let inner = |words: &[String]| steps(words, depth + 1);
    let each = |steps: Vec<Step>, outer: &dyn Fn(Box<Step>) -> Step| {
        steps.into_iter().map(|step| outer(Box::new(step))).collect()
    };
    Ok(match line {
        Said::Create { family } => vec![Step::Create(family)],
        Said::Bind { address } => vec![Step::Bind(address)],
        Said::Local => vec![Step::Local],
        Said::Verb(verb) => list(verb).map_err(|what| verb::misuse(&mut grammar, &matches, what))?,
        Said::Enable { bytes } => vec![Step::Enable(bytes)],
        Said::Drain { data } => vec![Step::Drain(data.into_iter().map(String::into_bytes).collect())],
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

/// The steps of a verb, which end.
fn list(verb: Verb<OneForAll>) -> Result<Vec<Step>, String> {
    let steps = verb.read()?.steps;
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
mod tests {
    use super::*;
    use crate::rows::Value;
    use crate::step::{Changing, Sending, Target};

    fn only(text: &str) -> Step {
        let mut lines = parse(text).unwrap();
        assert_eq!(lines.len(), 1, "{text}");
        lines.remove(0).step
    }

    fn error(text: &str) -> String {
        let error = parse(text).unwrap_err();
        format!("{error}; {:?}; {:?}", error.what.usage, error.what.advice)
    }

    #[test]
    fn each_step_is_read() {
        assert!(matches!(only("create v6"), Step::Create(Family::V6)));
        assert!(matches!(only("send - a b --together"), Step::SendMany(Target::Fixed, with, all)
            if with == Sending::default() && all.len() == 2));
        assert!(matches!(only("send self ttl=4 --with ttl=3"), Step::SendMany(Target::Itself, with, all)
            if with != Sending::default() && all == [b"ttl=4"]));
        assert!(matches!(only("recv --many x y"), Step::ReceiveMany(all) if all.len() == 2));
        assert!(matches!(only("bind [::1]:0"), Step::Bind(address) if address.is_ipv6()));
        assert!(matches!(only("local"), Step::Local));
        assert!(matches!(only("get so_broadcast"), Step::Get(row) if row.name == "SO_BROADCAST"));
        assert!(matches!(only("set SO_RCVBUF 0x100"), Step::Set(_, Value::U32(256))));
        assert!(matches!(only("ioctl SIO_WSK_SET_REMOTE_ADDRESS clear"), Step::Ioctl(_, None)));
        let fixed = only("ioctl SIO_WSK_SET_SENDTO_ADDRESS self");
        assert!(matches!(fixed, Step::Ioctl(_, Some(Target::Itself))));
        assert!(matches!(only("recv"), Step::Receive(None)));
        assert!(matches!(only("recv -5"), Step::Receive(Some(data)) if data == b"-5"));
        assert!(matches!(only("send - -- -x"), Step::Send(Target::Fixed, data) if data == b"-x"));
        assert!(matches!(only("within 1s recv --many -- --x"), Step::Within(_, step)
            if matches!(&*step, Step::ReceiveMany(all) if *all == [b"--x"])));
        assert!(matches!(only("enable"), Step::Enable(65536)));
        assert!(matches!(only("enable 1024"), Step::Enable(1024)));
        assert!(matches!(only("disable"), Step::Disable { wait: true }));
        assert!(matches!(only("disable soon"), Step::Disable { wait: false }));
        assert!(matches!(only("drain"), Step::Drain(data) if data.is_empty()));
        assert!(matches!(only("drain a 'b c'"), Step::Drain(data) if data == [&b"a"[..], b"b c"]));
        assert!(matches!(only("enable 0x401"), Step::Enable(1025)));
        assert!(matches!(only("within 20ms recv"), Step::Within(Some(time), step)
            if time.as_millis() == 20 && matches!(*step, Step::Receive(None))));
        assert!(matches!(only("within none drain"), Step::Within(None, _)));
        assert!(matches!(only("cancel 1s wait transports"), Step::Cancel(time, step)
            if time.as_secs() == 1 && matches!(*step, Step::Wait(Changing::Transports))));
        assert!(matches!(only("expect STATUS_CANCELLED cancel 1s recv"), Step::Expect(_, step)
            if matches!(*step, Step::Cancel(..))));
        assert!(matches!(only("transports"), Step::Transports));
        assert!(matches!(only("wait addresses"), Step::Wait(Changing::Addresses)));
        assert!(matches!(only("sort [::1]:0 [::2]:0"), Step::Sort(all) if all.len() == 2));
        assert!(matches!(only("security"), Step::Security(None)));
        assert!(matches!(only("security 'D:P(A;;GA;;;BA)'"), Step::Security(Some(_))));
        assert!(matches!(only("sleep 20ms"), Step::Sleep(time) if time.as_millis() == 20));
        let refused = only("expect access_denied bind 127.0.0.1:1");
        assert!(
            matches!(refused, Step::Expect(NamedStatus(wsk_sys::STATUS_ACCESS_DENIED), step) if matches!(*step, Step::Bind(_)))
        );
    }

    #[test]
    fn words_are_split_as_in_a_shell() {
        let Step::Send(Target::Fixed, data) = only("send - 'two words' # and a comment") else {
            panic!("not a send");
        };
        assert_eq!(data, b"two words");
        let lines = parse("\n# nothing\nsend self one two\n").unwrap();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [3, 3]);
    }

    #[test]
    fn expect_is_about_the_last_datagram_of_a_send() {
        let lines = parse("expect 0xC000000D send - a b").unwrap();
        assert!(matches!(lines[0].step, Step::Send(..)));
        assert!(matches!(lines[1].step, Step::Expect(NamedStatus(wsk_sys::STATUS_INVALID_PARAMETER), _)));
    }

    #[test]
    fn a_line_may_come_to_several_steps() {
        let shape = |text: &str| {
            let lines = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            lines.iter().map(|line| line.step.doing()).collect::<Vec<_>>()
        };
        assert_eq!(shape("recv one two").len(), 2);
        assert_eq!(shape("recv --count 3 --many").len(), 3);
        let queue = shape("recv --queue --gather 2s --disable soon");
        assert_eq!(
            queue,
            ["enabling the queue", "waiting for 2s", "waiting for datagrams", "disabling the queue"]
        );
        for text in ["recv --follow", "recv --count 10001", "recv --count 18446744073709551615"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn errors_are_those_of_the_command_line_and_say_where_and_what_would_be_right() {
        for (text, words) in [
            ("create v4\nbind", "line 2: the following required arguments were not provided: <ADDRESS>"),
            ("create v4\nbind", "bind <ADDRESS>"),
            ("wait friends", "of the addresses or of the transports"),
            ("security open", "write it as D:P"),
            ("enable much", "a multiple of 8 from 1024 to 1048576"),
            ("disable later", "wait, soon"),
            ("within soon recv", "500ms, 5s or none"),
            ("cancel none recv", "such as 200ms"),
            ("cancel 20ms", "cancel <TIME> <STEP>..."),
            ("create v5", "line 1: invalid value 'v5' for '<FAMILY>': a family is v4 or v6, not v5"),
            ("recv 'open", "line 1: a quotation mark is not closed"),
            ("shout", "line 1: unrecognized subcommand 'shout'"),
            ("xyzzy", "`wskctl script --help` lists the steps"),
            ("recieve", "a similar subcommand exists: 'recv'"),
            ("get SO_REUSEADDRESS", "no socket option is called SO_REUSEADDRESS; did you mean SO_REUSEADDR?"),
            (
                "expect STATUS_ACCESS_DENYED local",
                "STATUS_ACCESS_DENYED is no known status; did you mean STATUS_ACCESS_DENIED?",
            ),
            ("expect SUCCESS", "expect <STATUS> <STEP>..."),
            ("set SO_BROADCAST maybe", "on or off (1 or 0), not maybe; Some(\"set <NAME> <VALUE>\")"),
            ("ioctl SIO_WSK_SET_REMOTE_ADDRESS -", "self or clear"),
            ("ioctl SIO_WSK_SET_REMOTE_ADDRESS", "takes an address, self or clear"),
            ("ioctl SIO_ADDRESS_LIST_QUERY self", "takes no address"),
            // The socket is there already, and help is for the command line.
            ("get SO_RCVBUF --family v6", "unexpected argument '--family'"),
            ("get SO_RCVBUF --family v6", "a step of its own, before this one: `create FAMILY`"),
            ("send self x --bind 127.0.0.1:0", "a step of its own, before this one: `bind ADDRESS`"),
            ("recv --set SO_RCVBUF=1", "a step of its own, before this one: `set NAME VALUE`"),
            ("send self x --other", "a similar argument exists: '--together'"),
            ("get --help", "unexpected argument '--help'"),
            ("recv --queue --many", "cannot be used with"),
        ] {
            assert!(error(text).contains(words), "{text}: {}", error(text));
        }
        assert!(matches!(only("ioctl SIO_ADDRESS_LIST_QUERY"), Step::Ioctl(_, None)));
    }

    #[test]
    fn steps_within_steps_have_a_bound() {
        for prefix in ["expect 0 ", "within 1s ", "cancel 1s "] {
            assert!(parse(&format!("{}local", prefix.repeat(DEEPEST))).is_ok(), "{prefix}");
            let deep = format!("create v4\n{}local", prefix.repeat(20_000));
            assert!(error(&deep).starts_with("line 2: before a step stand at most 8"), "{prefix}");
        }
    }

    #[test]
    fn the_grammar_is_well_formed_and_its_list_fits_a_terminal() {
        Words::command().debug_assert();
        let usage = usage();
        assert_eq!(usage.lines().count(), Words::command().get_subcommands().count());
        for line in usage.lines() {
            assert!(line.len() <= 100, "{line}");
        }
        for verb in ["create <FAMILY>", "recv [OPTIONS] [DATA]...", "within <LIMIT> <STEP>..."] {
            assert!(usage.contains(verb), "{usage}");
        }
    }
}
