//! What is done inside Wine, as one batch file: Wine's services end with the last program of its user.
//!
//! Each step prints a line before and a line after itself, so that its output and its exit code are told apart.

/// What a step must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// It exits with 0.
    Success,
    /// It exits with another number.
    Failure,
    /// The service is in this state, as `sc query` names it.
    State(&'static str),
    /// Whatever it exits with: its results are judged elsewhere.
    Anything,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// What reports call it.
    pub(crate) name: &'static str,
    /// For Wine's `cmd`.
    pub(crate) command: String,
    pub(crate) expect: Expect,
}

impl Step {
    pub(crate) fn new(name: &'static str, command: impl Into<String>, expect: Expect) -> Step {
        Step { name, command: command.into(), expect }
    }
}

/// The line before a step.
const BEGIN: &str = "@@begin ";
/// The line after it, with the exit code.
const END: &str = "@@end ";

/// What Wine's `cmd` comes to if it does not find a program. It was seen once in some 2,500 starts, of a program that is there.
const NOT_FOUND: u32 = 9009;

/// The batch file of some steps, one after another whatever they come to. What was not found is started once more.
pub(crate) fn text(steps: &[Step]) -> String {
    let mut text = String::from("@echo off\r\n");
    for (index, Step { command, .. }) in steps.iter().enumerate() {
        let lines = [
            format!("echo {BEGIN}{index}"),
            command.clone(),
            format!("if %errorlevel%=={NOT_FOUND} {command}"),
            format!("echo {END}{index} %errorlevel%"),
        ];
        text.extend(lines.iter().flat_map(|line| [line, "\r\n"]));
    }
    text
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) output: String,
    /// None if it did not come to its end.
    pub(crate) exit: Option<i32>,
}

/// Takes the output of a batch apart: one result for each step that began.
pub(crate) fn parse(output: &str) -> Vec<Ran> {
    let mut results: Vec<Ran> = Vec::new();
    let mut open = false;
    for line in output.lines() {
        let line = line.trim_end_matches('\r');
        if line.starts_with(BEGIN) {
            results.push(Ran { output: String::new(), exit: None });
            open = true;
        } else if let Some((before, end)) = line.split_once(END).filter(|_| open) {
            open = false;
            if let Some(last) = results.last_mut() {
                // A program that did not end its last line.
                if !before.is_empty() {
                    last.output.push_str(before);
                    last.output.push('\n');
                }
                last.exit = end.split_whitespace().nth(1).and_then(|code| code.parse().ok());
            }
        } else if let Some(last) = results.last_mut().filter(|_| open) {
            last.output.push_str(line);
            last.output.push('\n');
        }
    }
    results
}

/// What is wrong with a step's result, if anything is.
pub(crate) fn judge(step: &Step, ran: Option<&Ran>) -> Option<String> {
    let Some(ran) = ran else { return Some(String::from("was not reached")) };
    let Some(exit) = ran.exit else { return Some(String::from("did not end")) };
    match step.expect {
        Expect::Anything => None,
        Expect::Success if exit == 0 => None,
        Expect::Success => Some(format!("exited with {exit}")),
        Expect::Failure if exit != 0 => None,
        Expect::Failure => Some(String::from("succeeded, and should not")),
        Expect::State(wanted) => match service_state(&ran.output) {
            Some(state) if state == wanted => None,
            Some(state) => Some(format!("found the service {state}, not {wanted}")),
            None => Some(String::from("found no such service")),
        },
    }
}

/// The state of the service in the output of `sc query`, as in `STATE : 4  RUNNING`.
fn service_state(output: &str) -> Option<&str> {
    let line = output.lines().find_map(|line| line.trim().strip_prefix("STATE"))?;
    line.trim_start().strip_prefix(':')?.split_whitespace().nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &str = "SERVICE_NAME: wskdrv\n        TYPE               : 1  \n        STATE              : 4  \
                         RUNNING\n        WIN32_EXIT_CODE    : 0  (0x0)\n";

    fn step(expect: Expect) -> Step {
        Step::new("a step", "program", expect)
    }

    fn ran(output: &str, exit: i32) -> Ran {
        Ran { output: output.to_owned(), exit: Some(exit) }
    }

    #[test]
    fn states_are_read() {
        assert_eq!(service_state(QUERY), Some("RUNNING"));
        assert_eq!(service_state(&QUERY.replace("4  RUNNING", "1  STOPPED")), Some("STOPPED"));
        assert_eq!(service_state("[SC] OpenService failed 1060:\n"), None);
        assert_eq!(service_state("STATE"), None);
    }

    #[test]
    fn a_batch_says_what_it_does() {
        let text = text(&[step(Expect::Success), Step::new("other", "sc query x", Expect::Failure)]);
        assert_eq!(
            text,
            "@echo off\r\necho @@begin 0\r\nprogram\r\nif %errorlevel%==9009 program\r\necho @@end 0 %errorlevel%\r\n\
             echo @@begin 1\r\nsc query x\r\nif %errorlevel%==9009 sc query x\r\necho @@end 1 %errorlevel%\r\n"
        );
    }

    #[test]
    fn output_is_taken_apart() {
        let output = "noise\r\n@@begin 0\r\none\r\ntwo\r\n@@end 0 0\r\n@@begin 1\r\nno line end@@end 1 \
                      7\r\n@@begin 2\r\nstuck\r\n";
        assert_eq!(
            parse(output),
            [ran("one\ntwo\n", 0), ran("no line end\n", 7), Ran { output: "stuck\n".to_owned(), exit: None }]
        );
        assert!(parse("").is_empty());
    }

    #[test]
    fn results_are_judged() {
        let judge = |expect, ran| judge(&step(expect), Some(&ran));
        assert_eq!(judge(Expect::Success, ran("", 0)), None);
        assert_eq!(judge(Expect::Success, ran("", 3)).unwrap(), "exited with 3");
        assert_eq!(judge(Expect::Failure, ran("", 3)), None);
        assert!(judge(Expect::Failure, ran("", 0)).is_some());
        assert_eq!(judge(Expect::Anything, ran("", 1)), None);
        assert_eq!(judge(Expect::State("RUNNING"), ran(QUERY, 0)), None);
        assert!(judge(Expect::State("STOPPED"), ran(QUERY, 0)).unwrap().contains("RUNNING"));
        assert!(judge(Expect::State("STOPPED"), ran("", 0)).is_some());
        let stuck = Ran { output: String::new(), exit: None };
        assert!(judge(Expect::Anything, stuck).is_some());
        assert!(super::judge(&step(Expect::Anything), None).is_some());
    }
}
