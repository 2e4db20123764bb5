//! How far the guest is: what it says over its second serial port, line by line.
//!
//! `scripts/windows/vm.ps1` says it. A line with the mark is for this program, all else is output of the step that runs. What
//! comes before the script begins is the firmware's.

/// The mark of a line that is for this program.
pub(super) const MARK: &str = "@@vm ";

/// Where the guest is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has said nothing since it started.
    #[default]
    Boot,
    /// It works through the list of steps.
    Steps,
    /// All has been done, with this exit code; it shuts down.
    Done(i32),
}

/// What it has said.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) phase: Phase,
    /// The steps that began, with what came of each: nothing yet, or its exit code.
    pub(super) steps: Vec<(String, Option<i32>)>,
    /// It restarts, and has said so.
    pub(super) restarts: bool,
    /// It has failed, with what is known of it.
    pub(super) crash: Option<String>,
    /// It has failed just now, and may be writing a dump.
    pub(super) dumps: bool,
    /// The part of a line that has come.
    part: Vec<u8>,
}

impl Progress {
    /// Takes what has come over the port; gives the script's lines that are complete, without what a terminal would obey.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        self.part.extend_from_slice(bytes);
        let mut lines = Vec::new();
        while let Some(end) = self.part.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.part.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).replace(char::is_control, "");
            self.line(&line);
            if self.phase != Phase::Boot {
                lines.push(line);
            }
        }
        lines
    }

    fn line(&mut self, line: &str) {
        let Some((_, said)) = line.split_once(MARK) else { return };
        let (word, rest) = said.split_once(' ').unwrap_or((said, ""));
        match word {
            "begin" => {
                self.phase = Phase::Steps;
                self.restarts = false;
            }
            "step" => {
                self.phase = Phase::Steps;
                self.steps.push((rest.to_owned(), None));
            }
            "ended" => {
                if let Some((_, code @ None)) = self.steps.last_mut() {
                    *code = Some(rest.parse().unwrap_or(-1));
                }
            }
            "restart" => self.restarts = true,
            "crashed" => self.found(rest),
            "end" => self.phase = Phase::Done(rest.parse().unwrap_or(-1)),
            _ => {}
        }
    }

    /// The guest was reset: as it has said it would, or by a failure.
    pub(super) fn reset(&mut self) {
        if self.phase == Phase::Steps && !self.restarts && !self.dumps {
            self.found("the guest restarted by itself, as after a bug check");
        }
        self.dumps = false;
        self.phase = Phase::Boot;
    }

    /// The guest's system has failed.
    pub(super) fn panicked(&mut self, what: &str) {
        self.found(what);
        self.dumps = true;
    }

    /// Something has become known of a failure.
    fn found(&mut self, what: &str) {
        let known = self.crash.take().map(|known| known + "; ").unwrap_or_default();
        self.crash = Some(known + what);
    }

    /// Where it stands, for people.
    pub(super) fn stands(&self) -> String {
        match (&self.phase, self.steps.last()) {
            (Phase::Done(_), _) => "after the last step, at the shutdown".into(),
            (_, Some((name, None))) => format!("in the step \"{name}\""),
            (Phase::Boot, Some((name, _))) => format!("at the restart after the step \"{name}\""),
            (Phase::Boot, None) => "at the boot, before the first step".into(),
            (Phase::Steps, Some((name, Some(_)))) => format!("after the step \"{name}\""),
            (Phase::Steps, None) => "before the first step".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_may_come_in_pieces() {
        let mut progress = Progress::default();
        assert!(progress.take(b"\x1B[2Jthe firmware\r\n").is_empty());
        assert!(progress.take(b"@@vm beg").is_empty());
        assert_eq!(
            progress.take(b"in\r\n@@vm step a b\nsome \xFF \x1B[2Joutput\n")[2],
            "some \u{FFFD} [2Joutput"
        );
        assert_eq!(progress.phase, Phase::Steps);
        assert_eq!(progress.stands(), "in the step \"a b\"");
        progress.take(b"@@vm ended 0\n@@vm end 3\n");
        assert_eq!(progress.steps, [("a b".to_owned(), Some(0))]);
        assert_eq!(progress.phase, Phase::Done(3));
    }

    #[test]
    fn a_restart_is_a_failure_unless_it_was_said() {
        let mut progress = Progress::default();
        // The firmware and Windows' own setup may restart the machine.
        progress.reset();
        assert_eq!(progress.crash, None);
        progress.take(b"@@vm begin\n@@vm step test mode\n@@vm ended 0\n@@vm restart\n");
        progress.reset();
        assert_eq!(progress.crash, None);
        assert_eq!(progress.stands(), "at the restart after the step \"test mode\"");
        progress.take(b"@@vm begin\n@@vm step start\n");
        progress.reset();
        assert!(progress.crash.as_deref().is_some_and(|crash| crash.contains("bug check")));
        progress.take(b"@@vm begin\n@@vm crashed bug check 0xd1\n@@vm end 1\n");
        assert!(progress.crash.unwrap().ends_with("; bug check 0xd1"));
    }

    #[test]
    fn a_failure_that_was_told_of_is_one_with_its_restart() {
        let mut progress = Progress::default();
        progress.take(b"@@vm begin\n@@vm step start\n");
        progress.panicked("bug check 0xd1");
        assert!(progress.dumps);
        progress.reset();
        assert_eq!((progress.crash.as_deref(), progress.dumps), (Some("bug check 0xd1"), false));
    }

    /// The script for Windows, and what plays its part in the self test.
    #[test]
    fn both_scripts_say_what_is_understood() {
        let windows = include_str!("../../../scripts/windows/vm.ps1");
        let linux = include_str!("self_test/init.sh");
        for word in ["begin", "step ", "ended ", "restart", "crashed ", "end "] {
            assert!(
                windows.contains(&format!("{MARK}{word}")) && linux.contains(&format!("say {word}")),
                "{word}"
            );
        }
    }

    #[test]
    fn nonsense_changes_nothing() {
        let mut progress = Progress::default();
        progress.take(b"@@vm\n@@vm ended 5\n@@vm what\n\n@@v m begin\n");
        assert_eq!((&progress.phase, progress.steps.len()), (&Phase::Boot, 0));
        progress.take(b"@@vm end what\n");
        assert_eq!(progress.phase, Phase::Done(-1));
    }
}
