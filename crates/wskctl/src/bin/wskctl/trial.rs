//! `wskctl trial`: the list of steps for a test machine.

use std::env;
use std::io::{self, Write};
use std::path::{self, PathBuf};

use clap::Args;
use serde_json::json;
use wskctl::trial::{Local, PHASES, Phase, Setting, Step, Trial, Verifier};
use wskctl::verifier::line;

use crate::args::Global;
use crate::command::Stop;
use crate::print::{ASIDE, Printer, TITLE};

const EXAMPLES: &str = "The list goes from the certificate to the removed service, each command with a time limit; \
    after a phase that failed those that take something back are still done. Logs are written through to the disk as \
    they grow. A mistake of the driver stops Windows: use a test machine, in test mode, and an elevated prompt.\n\n\
    Examples:\n  \
    wskctl trial --list                         # the phases, and the commands of each\n  \
    wskctl trial                                # all of them\n  \
    wskctl trial --verifier driver              # and under Driver Verifier, without a restart\n  \
    wskctl trial look trust install start       # only these\n  \
    wskctl --device hosted trial ask demo       # what needs no Windows, on the hosted kernel\n\n\
    Exit codes: 0 all done; 1 a phase has failed; 2 usage or environment.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TrialCommand {
    /// The phases to go through, in the order given [default: all, in the list's order]
    #[arg(value_name = "PHASE", value_parser = phase)]
    phases: Vec<&'static Phase>,
    /// Which verifiers watch the driver: framework, driver (Driver Verifier too) or low-resources
    #[arg(long, value_name = "VERIFIER", default_value = "framework", value_parser = verifier)]
    verifier: Verifier,
    /// The folder with wskdrv.sys, its certificate and perhaps its INF and catalogue [default: that of this program]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Where the logs and the evidence go [default: `out` in that folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// List the phases instead
    #[arg(long)]
    list: bool,
}

fn phase(name: &str) -> Result<&'static Phase, String> {
    Phase::named(name).ok_or_else(|| {
        let names: Vec<&str> = PHASES.iter().map(|phase| phase.name).collect();
        format!("there are {}", names.join(", "))
    })
}

fn verifier(name: &str) -> Result<Verifier, String> {
    let known = Verifier::NAMES.iter().find(|(known, _)| *known == name);
    known.map(|(_, verifier)| *verifier).ok_or_else(|| "write framework, driver or low-resources".to_owned())
}

/// Carries out the command.
pub(crate) fn run(global: &Global, command: &TrialCommand, printer: &mut Printer) -> Result<(), Stop> {
    let all = || PHASES.iter().collect();
    let phases: Vec<&Phase> = if command.phases.is_empty() { all() } else { command.phases.clone() };
    if command.list {
        return Ok(list(printer, &phases, command.verifier)?);
    }
    let environment = |error| Stop::File("the trial's folder".to_owned(), error);
    let setting = setting(global, command).map_err(environment)?;
    let mut show = io::stderr();
    let mut machine = Local::new(&setting.out, &mut show).map_err(environment)?;
    let failed = Trial::new(setting, &mut machine).run_all(&phases).map_err(environment)?;
    if printer.json() {
        let rows = failed.iter().map(|(phase, fault)| json!({ "phase": phase, "fault": fault }));
        printer.document(&json!({ "failed": rows.collect::<Vec<_>>() }))?;
    }
    if failed.is_empty() { Ok(()) } else { Err(Stop::TrialFailed(failed)) }
}

fn setting(global: &Global, command: &TrialCommand) -> io::Result<Setting> {
    let folder = match &command.folder {
        Some(folder) => path::absolute(folder)?,
        None => env::current_exe()?.parent().map(PathBuf::from).unwrap_or_default(),
    };
    let out = command.out.as_ref().map_or_else(|| Ok(folder.join("out")), path::absolute)?;
    Setting::of(&folder, &out, &global.device, command.verifier)
}

fn list(printer: &mut Printer, phases: &[&Phase], verifier: Verifier) -> io::Result<()> {
    let lines = |steps: &[Step]| -> Vec<String> {
        steps.iter().filter(|step| step.with.contains(&verifier)).map(|step| words(step.words)).collect()
    };
    if printer.json() {
        let rows = phases.iter().map(|phase| {
            json!({
                "phase": phase.name,
                "about": phase.about,
                "seconds": phase.limit().as_secs(),
                "lines": lines(phase.steps),
                "after_failure": lines(phase.after_failure),
            })
        });
        return printer.document(&json!(rows.collect::<Vec<_>>()));
    }
    for phase in phases {
        writeln!(printer, "{TITLE}{}{TITLE:#}  {ASIDE}{}{ASIDE:#}", phase.name, phase.about)?;
        for line in lines(phase.steps) {
            writeln!(printer, "    {line}")?;
        }
    }
    Ok(())
}

fn words(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    line(&words[0], &words[1..])
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::args::{Command, parse};

    #[test]
    fn every_line_of_the_list_is_one_of_wskctl() {
        let steps = || PHASES.iter().flat_map(|phase| phase.steps.iter().chain(phase.after_failure));
        let lines = steps().map(|step| step.words).chain(steps().filter_map(|step| step.otherwise));
        let mut count = 0;
        for line in lines.filter(|line| line[0] == "wskctl") {
            let words: Vec<OsString> = line.iter().map(OsString::from).collect();
            if let Err(error) = parse(&words) {
                panic!("{line:?}: {error}");
            }
            count += 1;
        }
        assert!(count > 20, "{count}");
    }

    #[test]
    fn phases_and_verifiers_are_named() {
        let parsed = |line: &str| parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        let Ok((_, Command::Trial(trial))) = parsed("wskctl trial start stop --verifier low-resources")
        else {
            panic!("no trial");
        };
        assert_eq!(trial.phases.iter().map(|phase| phase.name).collect::<Vec<_>>(), ["start", "stop"]);
        assert_eq!(trial.verifier, Verifier::LowResources);
        for (line, what) in
            [("wskctl trial begin", "look, trust"), ("wskctl trial --verifier none", "low-resources")]
        {
            assert!(parsed(line).unwrap_err().to_string().contains(what), "{line}");
        }
    }
}
