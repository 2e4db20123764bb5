//! Takes out of a document who and where: names of people and of the computer, addresses that lead to one.

use std::env;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

/// What stands in the place of what was taken out.
const USER: &str = "<user>";
const COMPUTER: &str = "<computer>";
const ADDRESS: &str = "<address>";
const SID: &str = "<sid>";

/// The folders that have one for each user.
const PROFILES: [&str; 2] = ["users", "home"];
/// What the SIDs of a machine's or a domain's accounts begin with; all others are the same on every Windows.
const ACCOUNT: &str = "S-1-5-21-";
/// The variables that have names of the user, and of the computer or its domain.
const USERS: [&str; 3] = ["USERNAME", "USER", "LOGNAME"];
const COMPUTERS: [&str; 3] = ["COMPUTERNAME", "HOSTNAME", "USERDOMAIN"];
/// A name that is shorter would be found everywhere, and tells nothing.
const SHORTEST: usize = 3;

/// The names to take out, each with what stands in its place.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<(String, &'static str)>);

impl Names {
    /// The names of the user, and those of the computer.
    pub fn new(
        users: impl IntoIterator<Item = String>,
        computers: impl IntoIterator<Item = String>,
    ) -> Names {
        let users = users.into_iter().map(|name| (name, USER));
        let names = users.chain(computers.into_iter().map(|name| (name, COMPUTER)));
        let names = names.map(|(name, mark)| (name.trim().to_owned(), mark));
        Names(names.filter(|(name, _)| name.chars().count() >= SHORTEST).collect())
    }

    /// Those of whoever runs this program, and where.
    #[must_use]
    pub fn here() -> Names {
        let variables = |names: [&'static str; 3]| names.into_iter().filter_map(|name| env::var(name).ok());
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        Self::new(variables(USERS), variables(COMPUTERS).chain(host))
    }
}

/// Takes them out of every text in the document.
pub(super) fn scrub(document: &mut Value, names: &Names) {
    match document {
        Value::String(text) => *text = scrubbed(text, names),
        Value::Array(values) => values.iter_mut().for_each(|value| scrub(value, names)),
        Value::Object(members) => {
            for (member, value) in members {
                // Four small numbers with dots are a version there, and no address.
                let version = member == "version" || member == "driver";
                if !(version && value.as_str().is_some_and(is_dotted)) {
                    scrub(value, names);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_dotted(text: &str) -> bool {
    text.chars().all(|character| character.is_ascii_digit() || character == '.')
}

fn scrubbed(text: &str, names: &Names) -> String {
    let text = sids(&profiles(text));
    let text = replaced(&text, |character| character.is_ascii_hexdigit() || ":.".contains(character), v6);
    let text = replaced(&text, |character| character.is_ascii_digit() || character == '.', v4);
    // A single word is one of this program's own: it is no sentence and no path that a name could stand in.
    if !text.contains([' ', '\\', '/']) {
        return text;
    }
    names.0.iter().fold(text, |text, (name, mark)| without(&text, name, mark))
}

/// The text without the names of folders that are one for each user.
fn profiles(text: &str) -> String {
    let mut out = String::new();
    let mut below = false;
    for (index, part) in text.split_inclusive(['\\', '/']).enumerate() {
        let name = part.trim_end_matches(['\\', '/']);
        if name.is_empty() {
            // A separator that is written twice, or the first one.
            out.push_str(part);
            continue;
        }
        let end = if below { name.find(['"', '\'', '`', '\n']).unwrap_or(name.len()) } else { 0 };
        out.push_str(if below { USER } else { "" });
        out.push_str(&part[end..]);
        below = !below && index > 0 && PROFILES.iter().any(|folder| folder.eq_ignore_ascii_case(name));
    }
    out
}

fn sids(text: &str) -> String {
    let mut parts = text.split(ACCOUNT);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(SID);
        out.push_str(
            part.trim_start_matches(|character: char| character.is_ascii_digit() || character == '-'),
        );
    }
    out
}

/// The text, where each longest run of such characters has become what `instead` makes of it and of what stands before
/// and after it.
fn replaced(
    text: &str,
    member: impl Fn(char) -> bool,
    instead: impl Fn(&str, &str, &str) -> Option<String>,
) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(start) = rest.find(&member) {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(from.find(|character| !member(character)).unwrap_or(from.len()));
        out.push_str(before);
        out.push_str(instead(run, before, after).as_deref().unwrap_or(run));
        rest = after;
    }
    out + rest
}

/// Without the address of IPv6 that a run of its characters is, as it may stand in a sentence.
fn v6(run: &str, before: &str, after: &str) -> Option<String> {
    // `::` within a name of Rust is no address: an address stands apart, or a single colon parts it from a word.
    let (from, to) = (before.ends_with(is_of_word), after.starts_with(is_of_word));
    let starts = [(!from).then_some(run), run.strip_prefix(':')];
    let mut cuts = starts.into_iter().flatten().flat_map(|start| {
        let end = start.strip_suffix(':');
        [(!to).then_some(start), end, start.strip_suffix('.')]
    });
    cuts.find_map(|cut| {
        let bare = cut?;
        let address: Ipv6Addr = bare.parse().ok()?;
        let kept =
            address.to_ipv4_mapped().map_or_else(|| is_kept(address.into()), |inner| is_kept(inner.into()));
        Some(if kept { run.to_owned() } else { run.replacen(bare, ADDRESS, 1) })
    })
}

/// Without the address of IPv4 that a run of its characters is.
fn v4(run: &str, _before: &str, _after: &str) -> Option<String> {
    let bare = run.trim_matches('.');
    let address: Ipv4Addr = bare.parse().ok()?;
    (!is_kept(address.into())).then(|| run.replacen(bare, ADDRESS, 1))
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric()
}

/// Whether an address is the same on every machine: the loopback's, or none.
const fn is_kept(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

/// The text without a name, where that is a word of its own, in any case.
fn without(text: &str, name: &str, mark: &str) -> String {
    let (lower, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let mut out = String::new();
    let mut done = 0;
    for (start, found) in lower.match_indices(&name) {
        let end = start + found.len();
        if start < done || lower[..start].ends_with(is_of_word) || lower[end..].starts_with(is_of_word) {
            continue;
        }
        out.push_str(&text[done..start]);
        out.push_str(mark);
        done = end;
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(text: &str) -> String {
        scrubbed(text, &Names::new(["alice".to_owned(), "al".to_owned()], ["PC-17\n".to_owned()]))
    }

    #[test]
    fn people_and_computers_are_not_named() {
        for (text, left) in [
            (r"C:\Users\bob\drivers\wskdrv.sys", r"C:\Users\<user>\drivers\wskdrv.sys"),
            (r"\??\c:\users\Bob Smith\wskdrv.sys", r"\??\c:\users\<user>\wskdrv.sys"),
            (r#"cannot read "C:\\Users\\bob""#, r#"cannot read "C:\\Users\\<user>""#),
            ("panicked at /Home/bob/wskdrv/src/lib.rs:3", "panicked at /Home/<user>/wskdrv/src/lib.rs:3"),
            ("/Users/bob", "/Users/<user>"),
            (
                r"C:\drivers\users.sys of users/administrators",
                r"C:\drivers\users.sys of users/administrators",
            ),
            ("Alice's own, on pc-17.example", "<user>'s own, on <computer>.example"),
            ("malice and alice2 al", "malice and alice2 al"),
            ("alice", "alice"),
            ("O:S-1-5-21-1004336348-1177238915-682003330-512G:BA", "O:<sid>G:BA"),
            ("S-1-5-32-544", "S-1-5-32-544"),
        ] {
            assert_eq!(told(text), left, "{text}");
        }
    }

    #[test]
    fn addresses_other_than_the_loopback_are_not_told() {
        for (text, left) in [
            ("from 10.1.2.3:5000, not 127.0.0.1:5000.", "from <address>:5000, not 127.0.0.1:5000."),
            ("peer:192.168.0.7. The next", "peer:<address>. The next"),
            ("0.0.0.0 and 255.255.255.255", "0.0.0.0 and <address>"),
            ("[fe80::1%3]:80 and [::1]:80, ::", "[<address>%3]:80 and [::1]:80, ::"),
            ("bound to 2001:db8::5.", "bound to <address>."),
            ("peer:fe80::1: refused", "peer:<address>: refused"),
            ("::ffff:10.0.0.1, ::ffff:127.0.0.1", "<address>, ::ffff:127.0.0.1"),
            (
                "cancelling::every_request, basics::the_driver",
                "cancelling::every_request, basics::the_driver",
            ),
            ("10.0.20348.5499 at 12:30:45", "10.0.20348.5499 at 12:30:45"),
            ("0xC0000120 in src/request/bind.rs:40", "0xC0000120 in src/request/bind.rs:40"),
        ] {
            assert_eq!(told(text), left, "{text}");
        }
    }

    #[test]
    fn the_whole_document_is_gone_through() {
        let mut document = json!({
            "driver": { "version": "1.2.3.4", "path": "/Home/bob/x" },
            "version": "1.2.3.4 of alice",
            "tests": [{ "detail": "10.0.0.1" }, 7, null, true],
        });
        scrub(&mut document, &Names::new(["alice".to_owned()], []));
        assert_eq!(
            document,
            json!({
                "driver": { "version": "1.2.3.4", "path": "/Home/<user>/x" },
                "version": "<address> of <user>",
                "tests": [{ "detail": "<address>" }, 7, null, true],
            })
        );
    }
}
