//! Whose instructions a request is: the driver's, those of the crates that it is made of, the framework's, the kernel's, WSK's.
//! callgrind counts them, in `wskctl bench` with everything in one program.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::performance;

/// What was counted, from the workspace's root.
pub(super) const COUNTED: &str = "docs/performance-shares.tsv";

/// The requests, by the functions of the harness that make them; and the group of `wskctl bench` that does.
const REQUESTS: [(&str, &str, &str); 4] = [
    ("version, without WSK", "wskctl::session::Session::version", "ioctl"),
    ("local address", "wskctl::session::Session::local_address", "ioctl"),
    ("sends of 1 to 64 datagrams", "wskctl::session::datagrams::*::send_many*", "datagrams"),
    ("receives of 1 to 16 datagrams", "wskctl::session::datagrams::*::receive_many*", "datagrams"),
];

/// Whose code is counted together, in the order of the table, by the names of crates.
pub(super) const PARTS: [(&str, &[&str]); 6] = [
    ("driver", &["wskdrv", "wskdrv_abi"]),
    (
        "`wsk`, `nt`, `wdf`",
        &["wsk", "wsk_sys", "wsk_cmsg", "wsk_sockaddr", "wsk_requests", "nt", "nt_sys", "wdf"],
    ),
    ("`kmdf`", &["kmdf"]),
    ("`ntos`", &["ntos"]),
    ("`netio`", &["netio"]),
    ("harness", &["wskctl"]),
];

/// The instructions of each part, by request.
pub(super) type Shares = Vec<(String, [f64; PARTS.len()])>;

/// What was counted last.
pub(super) fn counted(root: &Path) -> Result<Shares> {
    parse(&fs::read_to_string(root.join(COUNTED)).with_context(|| format!("{COUNTED} cannot be read"))?)
}

fn parse(text: &str) -> Result<Shares> {
    let line = |line: &str| {
        let (request, counts) = line.split_once('\t')?;
        let counts: Option<Vec<f64>> = counts.split('\t').map(|count| count.parse().ok()).collect();
        Some((request.to_owned(), counts?.try_into().ok()?))
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|text| line(text).with_context(|| format!("not a request and its counts: {text}"))).collect()
}

/// Counts anew, and writes the file.
pub(super) fn count(root: &Path) -> Result<()> {
    let program = performance::build(root)?;
    let scratch = tempfile::tempdir().context("making a directory for callgrind")?;
    let file = scratch.path().join("counts");
    let mut text = String::from("# instructions, by callgrind; of each request those of:");
    for (part, _) in PARTS {
        write!(text, " {part};")?;
    }
    for (request, function, group) in REQUESTS {
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--tool=callgrind"]).arg(format!("--toggle-collect={function}"));
        command.arg(format!("--callgrind-out-file={}", file.display())).arg(&program);
        command.args([
            "--device",
            "hosted",
            "--completion",
            "inline",
            "bench",
            "--rounds",
            "2",
            "--calls",
            "20",
        ]);
        command.arg(group).env("RUST_LIB_BACKTRACE", "0").stdout(Stdio::null());
        let status = command.status().context("running valgrind, a package of that name")?;
        ensure!(status.success(), "{command:?}: {status}");
        let profile = fs::read_to_string(&file).context("reading what callgrind has written")?;
        let shares = Profile::parse(&profile).shares();
        ensure!(shares.iter().sum::<f64>() > 0.0, "{function} was not called, or is no function of its own");
        write!(text, "\n{request}")?;
        for count in shares {
            write!(text, "\t{count:.0}")?;
        }
    }
    text.push('\n');
    fs::write(root.join(COUNTED), text).with_context(|| format!("{COUNTED} cannot be written"))
}

/// A file of callgrind's: the instructions of each function itself, and of each that it calls.
#[derive(Debug, Default)]
struct Profile {
    names: Vec<String>,
    own: Vec<f64>,
    calls: Vec<HashMap<usize, f64>>,
}

impl Profile {
    fn parse(text: &str) -> Profile {
        let (mut profile, mut known) = (Profile::default(), HashMap::new());
        let (mut from, mut to, mut is_call) = (0, 0, false);
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                from = profile.function(&mut known, name);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                to = profile.function(&mut known, name);
            } else if line.starts_with("calls=") {
                is_call = true;
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
                && let Some(count) = line.split(' ').next_back().and_then(|count| count.parse::<f64>().ok())
                && let (Some(own), Some(calls)) = (profile.own.get_mut(from), profile.calls.get_mut(from))
            {
                if std::mem::take(&mut is_call) {
                    *calls.entry(to).or_default() += count;
                } else {
                    *own += count;
                }
            }
        }
        profile
    }

    /// The place of a function: "(7) its name", and later "(7)".
    fn function(&mut self, known: &mut HashMap<String, usize>, text: &str) -> usize {
        let (number, name) = text.split_once(' ').unwrap_or((text, ""));
        *known.entry(number.to_owned()).or_insert_with(|| {
            self.names.push(name.to_owned());
            self.own.push(0.0);
            self.calls.push(HashMap::new());
            self.names.len() - 1
        })
    }

    /// The instructions of each part. What is of no part, as the standard library, is of who calls it.
    fn shares(&self) -> [f64; PARTS.len()] {
        let parts: Vec<Option<usize>> = self.names.iter().map(|name| part_of(name)).collect();
        let all = |at: usize| self.own[at] + self.calls[at].values().sum::<f64>();
        // How much of what a function comes to is of no other part: its own, and that of those it calls which are of none.
        // As many rounds as such calls are deep.
        let mut mine = self.own.clone();
        for _ in 0..DEPTH {
            mine = (0..self.names.len())
                .map(|at| {
                    let below = self.calls[at].iter().filter(|(to, _)| parts[**to].is_none());
                    self.own[at]
                        + below
                            .map(|(to, count)| count * (mine[*to] / all(*to).max(1.0)).min(1.0))
                            .sum::<f64>()
                })
                .collect();
        }
        let mut shares = [0.0; PARTS.len()];
        for (part, mine) in parts.iter().zip(mine) {
            if let Some(part) = part {
                shares[*part] += mine;
            }
        }
        shares
    }
}

/// How deep calls within the standard library are, at most.
const DEPTH: usize = 40;

/// What the names of the kernel's exports begin with.
const EXPORTS: [&str; 11] = ["Ke", "Kf", "Io", "Ex", "Mm", "Ob", "Ps", "Zw", "Rtl", "Dbg", "Se"];

/// The part of a function: by the first crate that its name has, or as one of the kernel's or the framework's exports.
fn part_of(function: &str) -> Option<usize> {
    let of_crate = |name: &str| PARTS.iter().position(|(_, crates)| crates.contains(&name));
    let mut paths = function.split("::").map(|piece| {
        piece.rsplit(|other: char| !other.is_alphanumeric() && other != '_').next().unwrap_or_default()
    });
    // The last piece is a function's name.
    let last = function.matches("::").count();
    if let Some(part) = paths.by_ref().take(last).find_map(of_crate) {
        return Some(part);
    }
    let is_export = |prefix: &str| {
        let rest = function.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_uppercase() || next == 'f'))
    };
    if function.contains("::") {
        None
    } else if function.starts_with("Wdf") {
        of_crate("kmdf")
    } else {
        EXPORTS.into_iter().any(is_export).then(|| of_crate("ntos")).flatten()
    }
}

/// The table: what a request comes to, and how much of it is whose.
pub(super) fn table(shares: &Shares) -> String {
    let head: Vec<&str> = ["request"].into_iter().chain(PARTS.iter().map(|(part, _)| *part)).collect();
    let rows = shares.iter().map(|(request, counts)| {
        let all: f64 = counts.iter().sum();
        let share = |count: &f64| format!("{:.1} %", 100.0 * count / all.max(1.0));
        [request.clone()].into_iter().chain(counts.iter().map(share)).collect()
    });
    super::table::table(&head, rows)
}

/// How much of a request is the driver's, with the crates that it is made of: from 0 to 1.
pub(super) fn of_driver(shares: &Shares) -> BTreeMap<&str, f64> {
    let share = |counts: &[f64; PARTS.len()]| (counts[0] + counts[1]) / counts.iter().sum::<f64>().max(1.0);
    shares.iter().map(|(request, counts)| (request.as_str(), share(counts))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(function: &str) -> Option<&'static str> {
        part_of(function).map(|part| PARTS[part].0)
    }

    #[test]
    fn a_function_is_of_the_first_crate_that_it_names() {
        for (function, expected) in [
            ("wskdrv::request::serve", Some("driver")),
            ("wsk::op::Op<wskdrv::operation::Buffers>::submit_to", Some("`wsk`, `nt`, `wdf`")),
            ("<wskctl::device::hosted::OpenFile as wskctl::device::File>::begin", Some("harness")),
            ("core::ptr::drop_in_place<kmdf::request::Request>", Some("`kmdf`")),
            ("KeAcquireSpinLockRaiseToDpc", Some("`ntos`")),
            ("IofCompleteRequest", Some("`ntos`")),
            ("WdfRequestComplete", Some("`kmdf`")),
            ("<std::time::Instant>::now", None),
            ("malloc", None),
            ("Keen", None),
        ] {
            assert_eq!(part(function), expected, "{function}");
        }
    }

    #[test]
    fn what_is_of_no_crate_is_of_its_caller() {
        let text = "fn=(1) wskdrv::serve\n1 10\ncfn=(2) malloc\ncalls=1 0\n2 6\ncfn=(3) core::call_once\ncalls=1 0\n3 104\n\
                    fn=(2)\n4 6\nfn=(3)\n5 4\ncfn=(4) netio::submit\ncalls=2 0\n+6 100\nfn=(4)\n* 100\n";
        let shares = Profile::parse(text).shares().map(|count| format!("{count:.1}"));
        assert_eq!(shares, ["20.0", "0.0", "0.0", "0.0", "100.0", "0.0"]);
    }

    #[test]
    fn a_line_without_its_counts_is_refused() {
        assert!(parse("version\t1\t2\n").is_err());
        let shares = parse("# of each\nversion\t1\t2\t3\t4\t5\t85\n").unwrap();
        assert_eq!(format!("{:.3}", of_driver(&shares)["version"]), "0.030");
    }
}
