//! Runs the C compiler, and reads its complaints and its assembly.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::source::LABEL;
use super::view::View;

pub(super) struct Compiler {
    program: String,
}

/// What a set of headers says of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The headers do not declare it.
    Absent,
    /// Its value.
    Value(i128),
    /// The prototype fits.
    Agrees,
    /// The compiler's complaint about the prototype.
    Disagrees(String),
}

pub(super) enum Outcome {
    /// The values, by index.
    Values(BTreeMap<usize, i128>),
    /// Some items did not compile.
    Refused(BTreeMap<usize, Answer>),
}

impl Compiler {
    pub(super) fn new(program: &str) -> Compiler {
        Compiler { program: program.to_owned() }
    }

    pub(super) fn works(&self) -> bool {
        let version = Command::new(&self.program).arg("--version").stdout(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    }

    pub(super) fn compile(&self, view: &View, file: &Path) -> Result<Outcome> {
        let mut command = Command::new(&self.program);
        command.env("LC_ALL", "C").args([
            "-std=gnu11",
            "-O0",
            "-S",
            "-fmax-errors=0",
            "-fno-diagnostics-show-caret",
            "-Werror=incompatible-pointer-types",
            "-Werror=int-conversion",
            "-o",
            "-",
        ]);
        if let Some(include) = &view.include {
            command.arg("-isystem").arg(include);
        }
        let output = command.arg(file).output().with_context(|| format!("running {}", self.program))?;
        if output.status.success() {
            return Ok(Outcome::Values(values(&String::from_utf8_lossy(&output.stdout))));
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let complaints = complaints(&text);
        if complaints.is_empty() {
            bail!("{} does not compile:\n{text}", file.display());
        }
        Ok(Outcome::Refused(complaints))
    }
}

/// The first complaint about each item.
fn complaints(stderr: &str) -> BTreeMap<usize, Answer> {
    let mut found = BTreeMap::new();
    for line in stderr.lines() {
        let Some(rest) = line.strip_prefix(LABEL).and_then(|rest| rest.strip_prefix(':')) else {
            continue;
        };
        let Some((place, message)) = rest.split_once(" error: ") else {
            continue;
        };
        let Some(line) = place.split(':').next().and_then(|line| line.parse::<usize>().ok()) else {
            continue;
        };
        let index = line - 1;
        // All other complaints mean that a name is not known, in one way or another.
        let answer = if message.contains("incompatible") {
            Answer::Disagrees(message.to_owned())
        } else {
            Answer::Absent
        };
        found.entry(index).or_insert(answer);
    }
    found
}

/// The values of the variables `item_INDEX` in an assembly file.
fn values(assembly: &str) -> BTreeMap<usize, i128> {
    let mut values = BTreeMap::new();
    let mut lines = assembly.lines();
    while let Some(line) = lines.next() {
        let Some(index) = line.strip_prefix("item_").and_then(|rest| rest.strip_suffix(':')) else {
            continue;
        };
        let (Ok(index), Some(data)) = (index.parse(), lines.next()) else {
            continue;
        };
        let value = match data.trim().split_once(char::is_whitespace) {
            Some((".quad", number)) => number.trim().parse().ok(),
            Some((".space", _)) => Some(0),
            _ => None,
        };
        if let Some(value) = value {
            values.insert(index, value);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undeclared_name_is_absent_and_a_wrong_prototype_is_not() {
        let stderr = "item:4:1: error: 'SO_WSK_SECURITY' undeclared here (not in a function)\n\
                      item:5:9: error: initialization of 'A' from incompatible pointer type 'B'\n\
                      item:5:9: error: second complaint\n\
                      item:6:1: warning: no complaint\n";
        let found = complaints(stderr);
        assert_eq!(found.get(&3), Some(&Answer::Absent));
        assert!(matches!(found.get(&4), Some(Answer::Disagrees(text)) if text.starts_with("initialization")));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn values_are_read_from_assembly() {
        let assembly = "\t.globl item_7\nitem_7:\n\t.quad\t-5\nitem_8:\n\t.space 8\nother:\n\t.quad\t1\n";
        assert_eq!(values(assembly), BTreeMap::from([(7, -5), (8, 0)]));
    }
}
