//! What a run came to, for people.

use std::fmt::Write;
use std::path::Path;

use super::watch::{Ending, Watched};

/// How many of the guest's last lines a failure shows.
const SHOWN: usize = 40;

/// What a run came to.
pub(super) struct Report {
    pub(super) watched: Watched,
    /// The files that the guest has written.
    pub(super) evidence: Vec<String>,
}

impl Report {
    /// Whether all went well.
    pub(super) fn passed(&self) -> bool {
        self.watched.ending == Ending::Done(0) && self.watched.progress.crash.is_none()
    }

    /// What was not as it should be, where the guest stood, and what to do.
    pub(super) fn text(&self, folder: &Path) -> String {
        let mut text = String::new();
        let progress = &self.watched.progress;
        for (name, code) in &progress.steps {
            let came = match code {
                Some(0) => "passed".to_owned(),
                Some(code) => format!("FAILED with {code}"),
                None => "did not end".to_owned(),
            };
            line(&mut text, &format!("    {name}: {came}"));
        }
        let stands = progress.stands();
        if let Some(crash) = &progress.crash {
            let last = progress.steps.last().map_or("before the first step", |(name, _)| name.as_str());
            line(&mut text, &format!("the guest's system failed ({last}): {crash}"));
            line(
                &mut text,
                "a small dump, if Windows wrote one, is among the evidence; the whole one is C:\\Windows\\MEMORY.DMP",
            );
            let overlay = folder.join("system.qcow2");
            line(
                &mut text,
                &format!(
                    "in {}: boot that with --image, or mount it (guestmount --ro -i -a ...)",
                    overlay.display()
                ),
            );
        }
        match &self.watched.ending {
            Ending::Done(0) => {}
            Ending::Done(code) => line(&mut text, &format!("the script ended with {code}")),
            Ending::Off => line(&mut text, &format!("the guest was shut down {stands}")),
            Ending::Limit(what) => {
                line(&mut text, &format!("the limit for {what} was exceeded; the guest was {stands}"));
            }
            Ending::Gone => line(&mut text, &format!("QEMU ended by itself {stands}: see qemu.log")),
        }
        if !self.passed() {
            let lines = &self.watched.lines;
            for said in lines.iter().skip(lines.len().saturating_sub(SHOWN)) {
                line(&mut text, &format!("    | {said}"));
            }
            for screenshot in &self.watched.screenshots {
                line(&mut text, &format!("the guest's screen: {}", screenshot.display()));
            }
        }
        if self.evidence.is_empty() {
            line(&mut text, "the guest has left no evidence");
        } else {
            line(&mut text, &format!("evidence, in {}:", folder.join("evidence").display()));
            for name in &self.evidence {
                line(&mut text, &format!("    {name}"));
            }
        }
        text
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::progress::Progress;
    use super::*;

    fn report(said: &str, ending: Ending) -> Report {
        let mut progress = Progress::default();
        let lines = progress.take(said.as_bytes());
        let watched = Watched { ending, progress, lines, screenshots: Vec::new() };
        Report { watched, evidence: Vec::new() }
    }

    #[test]
    fn a_limit_says_where_the_guest_stood() {
        let report = report("@@vm begin\n@@vm step start\nwaits\n", Ending::Limit("a step"));
        let text = report.text(Path::new("run"));
        assert!(!report.passed());
        assert!(
            text.contains("limit for a step was exceeded; the guest was in the step \"start\""),
            "{text}"
        );
        assert!(text.contains("start: did not end") && text.contains("| waits"), "{text}");
    }

    #[test]
    fn a_crash_is_a_failure_even_if_the_script_ends_well() {
        let mut report = report("@@vm begin\n@@vm step start\n", Ending::Done(0));
        assert!(report.passed());
        report.watched.progress.panicked("bug check 0xd1");
        assert!(!report.passed());
        let text = report.text(Path::new("run"));
        assert!(text.contains("failed (start): bug check 0xd1") && text.contains("system.qcow2"), "{text}");
    }
}
