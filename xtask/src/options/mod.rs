//! `cargo xtask options`: writes `docs/options.md` from the rows of `wsk_requests`; `--check` compares instead.

mod page;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::generated;

/// Where the page is, from the workspace's root.
const PAGE: &str = "docs/options.md";

#[derive(Args)]
pub(super) struct Options {
    /// Change nothing: fail if the page is not what would be written, or a named test is not in the suite.
    #[arg(long)]
    check: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    if options.check {
        missing_tests(&suite()?)?;
    }
    generated::write(PAGE, "options", options.check, |_| Ok(page::page()))
}

/// The names of the conformance suite's tests.
fn suite() -> Result<Vec<String>> {
    let output = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--package", "wskctl", "--", "conformance", "--list", "--format", "text"])
        .current_dir(super::root()?)
        .output()
        .context("cargo does not start")?;
    if !output.status.success() {
        bail!("the conformance suite cannot be listed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(names(&String::from_utf8_lossy(&output.stdout)))
}

/// The names in a list of tests: what looks like `theme::name` at the beginning of a line.
fn names(list: &str) -> Vec<String> {
    list.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| word.contains("::"))
        .map(str::to_owned)
        .collect()
}

/// Fails if a row names a test that is not in the suite.
fn missing_tests(suite: &[String]) -> Result<()> {
    for row in wsk_requests::ROWS {
        if !suite.iter().any(|name| name == row.about().test) {
            bail!("{} names the test {}, which the conformance suite has not", row.name, row.about().test);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_is_found() {
        let all: Vec<_> = wsk_requests::ROWS.iter().map(|row| row.about().test.to_owned()).collect();
        missing_tests(&all).unwrap();
        let error = missing_tests(&all[1..]).unwrap_err();
        assert!(error.to_string().contains(all[0].as_str()), "{error}");
    }

    #[test]
    fn names_are_the_first_words_of_lines() {
        let list = "options::ip_ttl  IP_TTL: Sets\n\n  pending::a  needs\n2 tests in themes::all\n";
        assert_eq!(names(list), ["options::ip_ttl", "pending::a"]);
    }

    #[test]
    fn the_page_has_every_request() {
        let page = page::page();
        for row in wsk_requests::ROWS {
            let line = page.lines().find(|line| line.starts_with(&format!("| `{}` |", row.name)));
            let line = line.unwrap_or_else(|| panic!("{}", row.name));
            assert!(
                line.contains(row.about().test) && line.contains(row.about().summary.trim_end_matches('.')),
                "{line}"
            );
        }
        for excluded in wsk_requests::EXCLUDED {
            assert!(page.contains(&format!("| `{}` |", excluded.name)), "{}", excluded.name);
        }
    }
}
