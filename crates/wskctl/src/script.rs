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
//! [`USAGE`] has all steps, with what each does. They are done one after the other, and the first that fails ends the
//! script: what comes after it is not done.
//!
//! `self` is the socket's own local address.

use std::fmt;
use std::time::Duration;

use wsk_requests::ValueKind;
use wsk_sys::{NTSTATUS, NamedStatus, STATUSES};

mod text;
mod usage;

pub use text::decode;
pub use usage::{USAGE, Usage};

use crate::family::Family;
use crate::rows::{self, Request, Value};
use crate::step::{Changing, QUEUE, QUEUE_DEFAULT, Security, Sending, Step, Target};

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
    pub what: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ScriptError {}

/// Reads a script. Nothing is done yet; a script with an error in its last line does nothing at all.
///
/// # Errors
///
/// The first line that is wrong.
pub fn parse(text: &str) -> Result<Vec<Line>, ScriptError> {
    let mut lines = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        let wrong = |what| ScriptError { line: number, what };
        let words = shlex::split(text).ok_or_else(|| wrong("a quotation mark is not closed".to_owned()))?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
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

/// The steps of one line: one, but for `send` with several datagrams. Before it stand `depth` steps that contain it.
fn steps(words: &[&str], depth: usize) -> Result<Vec<Step>, String> {
    if depth > DEEPEST {
        return Err(format!("before a step stand at most {DEEPEST} of `within`, `cancel` and `expect`"));
    }
    let inner = |words| steps(words, depth + 1);
    let one = |step| Ok(vec![step]);
    match *words {
        ["create", family] => one(Step::Create(parse_family(family)?)),
        ["bind", address] => one(Step::Bind(rows::address(address)?)),
        ["local"] => one(Step::Local),
        ["get", name] => one(get(rows::option(name)?)?),
        ["set", name, value] => one(set(rows::option(name)?, value)?),
        ["ioctl", name] => one(ioctl(rows::ioctl(name)?, None)?),
        ["ioctl", name, address] => one(ioctl(rows::ioctl(name)?, Some(address))?),
        ["send", to, ref data @ ..] if !data.is_empty() => {
            let to = target(to)?;
            Ok(data.iter().map(|data| Step::Send(to, data.as_bytes().to_vec())).collect())
        }
        ["recv"] => one(Step::Receive(None)),
        ["recv", data] => one(Step::Receive(Some(data.as_bytes().to_vec()))),
        ["sendmany", with, to, ref data @ ..] if with.contains('=') && !data.is_empty() => {
            one(Step::SendMany(target(to)?, Sending::parse(with)?, payloads(data)))
        }
        ["sendmany", to, ref data @ ..] if !to.contains('=') && !data.is_empty() => {
            one(Step::SendMany(target(to)?, Sending::default(), payloads(data)))
        }
        ["recvmany", ref data @ ..] => one(Step::ReceiveMany(payloads(data))),
        ["enable"] => one(Step::Enable(QUEUE_DEFAULT)),
        // Any number: that the driver refuses a wrong one can be expected.
        ["enable", bytes] => one(Step::Enable(
            rows::number(bytes).ok_or_else(|| format!("{bytes} is no size of a queue; write {QUEUE}"))?,
        )),
        ["disable"] => one(Step::Disable { wait: true }),
        ["disable", "soon"] => one(Step::Disable { wait: false }),
        ["drain", ref data @ ..] => one(Step::Drain(payloads(data))),
        ["transports"] => one(Step::Transports),
        ["wait", what] => one(Step::Wait(Changing::parse(what)?)),
        ["sort", ref addresses @ ..] if !addresses.is_empty() => {
            let addresses =
                addresses.iter().map(|address| rows::address(address)).collect::<Result<_, _>>()?;
            one(Step::Sort(addresses))
        }
        ["security"] => one(Step::Security(None)),
        ["security", sddl] => one(Step::Security(Some(Security::parse(sddl)?))),
        ["sleep", time] => one(Step::Sleep(duration(time)?)),
        ["within", limit, ref rest @ ..] if !rest.is_empty() => {
            let limit = time_limit(limit)?;
            Ok(inner(rest)?.into_iter().map(|step| Step::Within(limit, Box::new(step))).collect())
        }
        ["cancel", time, ref rest @ ..] if !rest.is_empty() => {
            let time = duration(time)?;
            Ok(inner(rest)?.into_iter().map(|step| Step::Cancel(time, Box::new(step))).collect())
        }
        ["expect", name, ref rest @ ..] if !rest.is_empty() => {
            let expected = status(name)?;
            let mut steps = inner(rest)?;
            let last = steps.pop().ok_or("there is no step to expect something of")?;
            steps.push(Step::Expect(NamedStatus(expected), Box::new(last)));
            Ok(steps)
        }
        [verb, ..] => Err(match usage::of(verb) {
            Some(usage) => format!("the step is written `{usage}`"),
            None => format!("there is no step called {verb}; the steps are {}", usage::verbs()),
        }),
        [] => Ok(Vec::new()),
    }
}

/// A span of time.
///
/// # Errors
///
/// A sentence with an example.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{text} is no span of time, such as 200ms or 5s: {error}"))
}

/// A time limit, or `none`.
///
/// # Errors
///
/// A sentence with examples.
pub fn time_limit(text: &str) -> Result<Option<Duration>, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    humantime::parse_duration(text)
        .map(Some)
        .map_err(|error| format!("write it as 500ms, 5s or none: {error}"))
}

fn payloads(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// A family, as people write it.
///
/// # Errors
///
/// A sentence that names the two.
pub fn parse_family(text: &str) -> Result<Family, String> {
    match text.to_ascii_lowercase().as_str() {
        "v4" | "ipv4" => Ok(Family::V4),
        "v6" | "ipv6" => Ok(Family::V6),
        _ => Err(format!("a family is v4 or v6, not {text}")),
    }
}

/// The step that reads an option.
///
/// # Errors
///
/// That it can only be set.
pub fn get(row: Request) -> Result<Step, String> {
    if row.get { Ok(Step::Get(row)) } else { Err(format!("{} can only be set", row.name)) }
}

/// The step that sets an option.
///
/// # Errors
///
/// That it can only be read, or that it has no such value.
pub fn set(row: Request, value: &str) -> Result<Step, String> {
    if row.set {
        Value::parse(&row, value).map(|value| Step::Set(row, value))
    } else {
        Err(format!("{} can only be read", row.name))
    }
}

/// The step that carries out an IOCTL: with an address, `self` or `clear`, or with nothing, if it takes nothing.
///
/// # Errors
///
/// A sentence with an example of each family.
pub fn ioctl(row: Request, address: Option<&str>) -> Result<Step, String> {
    match address {
        None if row.value == ValueKind::Nothing => Ok(Step::Ioctl(row, None)),
        None | Some("-") => Err(format!("{} takes an address, self or clear", row.name)),
        Some(address) if address.eq_ignore_ascii_case("clear") => Ok(Step::Ioctl(row, None)),
        Some(_) if row.value == ValueKind::Nothing => Err(format!("{} takes no address", row.name)),
        Some(address) => Ok(Step::Ioctl(row, Some(target(address)?))),
    }
}

/// A destination: an address, `self`, or `-` for the fixed address.
///
/// # Errors
///
/// A sentence with an example of each family.
pub fn target(text: &str) -> Result<Target, String> {
    match text {
        "-" => Ok(Target::Fixed),
        "self" => Ok(Target::Itself),
        _ => rows::address(text).map(Target::Address),
    }
}

/// A status, by its C name with or without `STATUS_`, or by its number.
///
/// # Errors
///
/// A sentence that names the nearest status there is.
pub fn status(text: &str) -> Result<NTSTATUS, String> {
    let upper = text.to_ascii_uppercase();
    let bare = upper.strip_prefix("STATUS_").unwrap_or(&upper);
    let found = STATUSES.iter().find(|row| row.1.strip_prefix("STATUS_") == Some(bare));
    if let Some(status) = found.map(|row| row.0).or_else(|| rows::number(text).map(u32::cast_signed)) {
        return Ok(status);
    }
    let whole = format!("STATUS_{bare}");
    let nearest = STATUSES
        .iter()
        .map(|row| (strsim::jaro(&whole, row.1), row.1))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .filter(|(likeness, _)| *likeness > 0.85);
    Err(match nearest {
        Some((_, name)) => format!("{text} is no known status; did you mean {name}?"),
        None => format!("{text} is no known status; write its number, such as 0xC0000022"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Step {
        let mut lines = parse(text).unwrap();
        assert_eq!(lines.len(), 1, "{text}");
        lines.remove(0).step
    }

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn each_step_is_read() {
        assert!(matches!(only("create v6"), Step::Create(Family::V6)));
        assert!(matches!(only("sendmany - a b"), Step::SendMany(Target::Fixed, with, all)
            if with == Sending::default() && all.len() == 2));
        assert!(matches!(only("sendmany ttl=3 self ttl=4"), Step::SendMany(Target::Itself, with, all)
            if with != Sending::default() && all == [b"ttl=4"]));
        assert!(matches!(only("recvmany x y"), Step::ReceiveMany(all) if all.len() == 2));
        assert!(matches!(only("bind [::1]:0"), Step::Bind(address) if address.is_ipv6()));
        assert!(matches!(only("local"), Step::Local));
        assert!(matches!(only("get so_broadcast"), Step::Get(row) if row.name == "SO_BROADCAST"));
        assert!(matches!(only("set SO_RCVBUF 0x100"), Step::Set(_, Value::U32(256))));
        assert!(matches!(only("ioctl SIO_WSK_SET_REMOTE_ADDRESS clear"), Step::Ioctl(_, None)));
        let fixed = only("ioctl SIO_WSK_SET_SENDTO_ADDRESS self");
        assert!(matches!(fixed, Step::Ioctl(_, Some(Target::Itself))));
        assert!(matches!(only("recv"), Step::Receive(None)));
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
    fn errors_say_where_and_what_would_be_right() {
        assert_eq!(error("create v4\nbind"), "line 2: the step is written `bind ADDR`");
        assert!(error("wait friends").contains("of the addresses or of the transports"));
        assert!(error("security open").contains("write it as D:P"));
        assert!(error("enable much").contains("a multiple of 8 from 1024 to 1048576"));
        assert!(error("within soon recv").contains("500ms, 5s or none"));
        assert!(error("cancel none recv").contains("such as 200ms"));
        assert!(error("cancel 20ms").contains("`cancel TIME STEP`"));
        assert_eq!(error("create v5"), "line 1: a family is v4 or v6, not v5");
        assert_eq!(error("recv 'open"), "line 1: a quotation mark is not closed");
        assert!(
            error("shout").starts_with("line 1: there is no step called shout; the steps are create, bind,")
        );
        assert_eq!(
            error("get SO_REUSEADDRESS"),
            "line 1: no socket option is called SO_REUSEADDRESS; did you mean SO_REUSEADDR?"
        );
        assert_eq!(
            error("expect STATUS_ACCESS_DENYED local"),
            "line 1: STATUS_ACCESS_DENYED is no known status; did you mean STATUS_ACCESS_DENIED?"
        );
        assert!(error("ioctl SIO_WSK_SET_REMOTE_ADDRESS -").contains("self or clear"));
        assert!(error("ioctl SIO_WSK_SET_REMOTE_ADDRESS").contains("takes an address, self or clear"));
        assert!(error("ioctl SIO_ADDRESS_LIST_QUERY self").contains("takes no address"));
        assert!(matches!(only("ioctl SIO_ADDRESS_LIST_QUERY"), Step::Ioctl(_, None)));
        assert!(error("expect SUCCESS").contains("expect STATUS STEP"));
    }

    #[test]
    fn steps_within_steps_have_a_bound() {
        for prefix in ["expect 0 ", "within 1s ", "cancel 1s "] {
            assert!(parse(&format!("{}local", prefix.repeat(DEEPEST))).is_ok(), "{prefix}");
            let deep = format!("create v4\n{}local", prefix.repeat(200_000));
            assert!(error(&deep).starts_with("line 2: before a step stand at most 8"), "{prefix}");
        }
    }

    #[test]
    fn every_verb_of_the_usage_is_known() {
        for usage in USAGE {
            // Both columns fit a terminal of 100.
            assert!((1..=58).contains(&usage.does.len()), "{usage:?}: {}", usage.does.len());
            let text = error_or_ok(usage.verb());
            assert!(!text.contains("no step called"), "{text}");
        }
    }

    fn error_or_ok(text: &str) -> String {
        parse(text).map_or_else(|error| error.to_string(), |_| String::new())
    }
}
