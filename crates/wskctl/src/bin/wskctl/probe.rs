//! `wskctl probe`.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use readings::About;
use serde_json::json;
use wskctl::probe::{self, Answer, Asked};
use wskctl::{Device, Session};

use crate::args::Global;
use crate::command::Stop;
use crate::conformance::{self, NetworkName};
use crate::print::{ASIDE, BAD, GOOD, Printer, TITLE};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The questions, by their id in docs/fidelity.md [default: all]
    #[arg(value_name = "QUESTION", value_parser = question)]
    questions: Vec<&'static About>,
    /// Show the questions, too, that cannot be asked
    #[arg(long)]
    all: bool,
    /// Where the hosted WSK sends its datagrams: host, or memory for a network inside the program
    #[arg(long, value_name = "NETWORK")]
    network: Option<NetworkName>,
}

fn question(id: &str) -> Result<&'static About, String> {
    readings::find(id).ok_or_else(|| format!("there is no question `{id}`: docs/fidelity.md has them all"))
}

pub(crate) fn run(global: &Global, arguments: &Arguments, printer: &mut Printer) -> Result<(), Stop> {
    let (device, _) = conformance::runner(global, arguments.network, Duration::MAX)?;
    let session = Session::new(device.open()?).within(global.limit());
    let questions: Vec<_> = match &arguments.questions[..] {
        [] => readings::all().collect(),
        chosen => chosen.to_vec(),
    };
    let mut answers = Vec::new();
    for about in questions {
        let asked = probe::ask(&session, about)?;
        let wanted = arguments.all || !arguments.questions.is_empty();
        if !printer.json() && (wanted || !matches!(asked.answer, Answer::NotAsked(_))) {
            show(printer, &device, &asked)?;
        }
        answers.push(asked);
    }
    let failed = answers.iter().filter(|asked| matches!(asked.answer, Answer::Failed(_))).count();
    if printer.json() {
        printer.document(&json!({ "device": device.describe(), "readings": probe::document(&answers) }))?;
    } else {
        let told = answers.iter().filter(|asked| asked.reading().is_some()).count();
        let not_asked = answers.iter().filter(|asked| matches!(asked.answer, Answer::NotAsked(_))).count();
        let unknown = answers.len() - told - not_asked - failed;
        writeln!(printer)?;
        writeln!(
            printer,
            "{TITLE}{told}{TITLE:#} answered, {unknown} with none of the known readings, {failed} could not be asked; \
             {not_asked} are not asked"
        )?;
    }
    if failed == 0 { Ok(()) } else { Err(Stop::TestsFailed) }
}

fn show(printer: &mut Printer, device: &Device, asked: &Asked) -> std::io::Result<()> {
    let about = asked.about;
    // A hosted kernel says itself which reading it follows.
    let set = device.readings().map(|readings| about.followed[readings.number(about)].name);
    let other = set.filter(|set| asked.reading().is_some_and(|reading| reading != *set));
    let other =
        other.map(|set| format!("; {set} was asked for, which this network or this system cannot do"));
    let style = if asked.reading().is_some() { GOOD } else { BAD };
    let reading = asked.reading().unwrap_or("?");
    writeln!(
        printer,
        "{:<32} {style}{reading}{style:#}  {ASIDE}{}{}{ASIDE:#}",
        about.id,
        asked.note(),
        other.unwrap_or_default()
    )
}
