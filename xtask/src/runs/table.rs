//! README's table of the runs.

use std::fmt::Write as _;

use super::FOLDER;
use super::run::Run;

/// A row for each run, the newest build first.
pub(super) fn of(runs: &[Run]) -> String {
    if runs.is_empty() {
        return "None yet: nobody has sent a run of the driver on Windows.\n".to_owned();
    }
    let mut table = String::from(
        "| date | Windows | build | architecture | verifiers | memory integrity | tests | questions answered | driver |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for run in runs.iter().rev() {
        let answered = run.answers().filter(|(_, reading)| reading.is_some()).count();
        let cells = [
            run.day().to_owned(),
            run.windows(),
            run.build(),
            run.system().architecture.clone(),
            run.verifiers(),
            run.memory_integrity().to_owned(),
            run.tests(),
            answered.to_string(),
            format!("[`{}`]({FOLDER}/{})", run.driver().sha256.get(..12).unwrap_or_default(), run.name()),
        ];
        let cells = cells.map(|cell| plain(&cell));
        writeln!(table, "| {} |", cells.join(" | ")).expect("a String takes all");
    }
    table
}

/// Text as text in a cell, on one line.
fn plain(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("fixtures/10.0.20348.5499-x86_64-verifier.json");

    fn run(change: impl FnOnce(&mut serde_json::Value)) -> Run {
        let mut document = serde_json::from_str(SAMPLE).unwrap();
        change(&mut document);
        Run::parse(document.to_string().as_bytes()).unwrap()
    }

    fn row(run: Run) -> String {
        of(&[run]).lines().nth(2).unwrap().to_owned()
    }

    #[test]
    fn without_runs_it_says_so() {
        assert!(of(&[]).starts_with("None yet"));
    }

    #[test]
    fn a_row_has_what_the_file_says() {
        let row = row(run(|_| {}));
        assert!(
            row.starts_with(
                "| 2026-11-28 | Windows Server 2022 Datacenter 21H2 | 10.0.20348.5499 | x86_64 | Driver Verifier 0x9bb, KMDF | on | 6 \
                 passed, 0 failed, 0 not applicable | 1 | [`"
            ),
            "{row}"
        );
        assert!(row.ends_with("`](docs/windows-runs/10.0.20348.5499-x86_64-verifier.json) |"), "{row}");
    }

    #[test]
    fn what_is_not_known_is_not_made_up() {
        let row = row(run(|document| {
            let missing = serde_json::json!({ "error": { "message": "not ended: during a::b" } });
            for section in ["watched", "verifiers", "code_integrity", "conformance", "probe"] {
                document[section] = missing.clone();
            }
        }));
        assert!(row.contains("| none | not known | not ended: during a::b | 0 | [`"), "{row}");
        assert!(row.ends_with("/10.0.20348.5499-x86_64.json) |"), "{row}");
    }

    #[test]
    fn the_newest_build_comes_first() {
        let newer = run(|document| document["system"]["data"]["build"] = 26100.into());
        let mut runs = vec![newer, run(|_| {})];
        runs.sort_by_key(Run::order);
        let table = of(&runs);
        assert!(table.lines().nth(2).unwrap().contains("10.0.26100.5499"), "{table}");
    }
}
