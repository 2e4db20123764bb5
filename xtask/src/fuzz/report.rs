//! What a program of libFuzzer says at its end.

use std::fmt;

/// The numbers of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    executions: u64,
    /// The inputs that reach something.
    inputs: u64,
    /// Edges of the code that are reached.
    coverage: u64,
}

impl Report {
    /// The numbers in what the program has written, if they are there.
    pub(super) fn read(log: &str) -> Option<Report> {
        let after = |line: &str, word: &str| {
            let rest = line.split_once(word)?.1.trim_start();
            rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
        };
        let executions = log.lines().find_map(|line| after(line, "stat::number_of_executed_units:"))?;
        let last = log.lines().rfind(|line| line.contains(" cov: "))?;
        Some(Report { executions, inputs: after(last, " corp: ")?, coverage: after(last, " cov: ")? })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { executions, inputs, coverage } = self;
        write!(f, "{executions} executions, {coverage} edges reached by {inputs} inputs")
    }
}

/// What a program has written of what it found: the panic, or else its last lines.
pub(super) fn finding(log: &str) -> String {
    const LINES: usize = 40;
    let lines: Vec<&str> = log.lines().collect();
    match lines.iter().position(|line| line.contains(" panicked at ")) {
        Some(panic) => lines[panic..].iter().take_while(|line| !line.starts_with("==")).copied().collect(),
        None => lines[lines.len().saturating_sub(LINES)..].to_vec(),
    }
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
#2\tINITED cov: 90 ft: 91 corp: 1/1b exec/s: 0 rss: 41Mb
#1024\tNEW    cov: 120 ft: 300 corp: 41/2203b lim: 4096 exec/s: 512 rss: 41Mb
#8671\tDONE   cov: 123 ft: 301 corp: 42/2204b lim: 4096 exec/s: 4335 rss: 62Mb
Done 8671 runs in 2 second(s)
stat::number_of_executed_units: 8671
stat::average_exec_per_sec:     4335
";

    #[test]
    fn the_numbers_are_the_last_ones() {
        let report = Report::read(LOG).expect("numbers");
        assert_eq!(report, Report { executions: 8671, inputs: 42, coverage: 123 });
        assert_eq!(report.to_string(), "8671 executions, 123 edges reached by 42 inputs");
    }

    #[test]
    fn what_did_not_end_has_no_numbers() {
        assert_eq!(Report::read("#2\tINITED cov: 90 ft: 91 corp: 1/1b"), None);
        assert_eq!(Report::read(""), None);
    }

    #[test]
    fn a_finding_is_its_panic_or_the_end() {
        let panic = "thread '<unnamed>' panicked at src/sddl.rs:24:5:\nit is so\nnote: run";
        assert_eq!(finding(&format!("INFO: Seed: 1\n\n{panic}\n==1== ERROR: libFuzzer\n#1")), panic);
        let long: Vec<String> = (0..100).map(|line| line.to_string()).collect();
        assert_eq!(finding(&long.join("\n")), long[60..].join("\n"));
    }
}
