//! `wskctl readings`.

use std::io::{self, Write};

use clap::Args;
use readings::{About, Readings};
use serde_json::{Map, Value, json};

use crate::args::Global;
use crate::print::{ASIDE, Printer, TITLE};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What is shown, as --readings has it: strict, windows or seed:N, and single ones by ,QUESTION=READING [default: that of
    /// --readings]
    #[arg(id = "shown", value_name = "READINGS")]
    shown: Option<Readings>,
    /// Show the questions, too, that the hosted kernel answers in one way only
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(global: &Global, arguments: &Arguments, printer: &mut Printer) -> io::Result<()> {
    let shown = arguments.shown.clone().or_else(|| global.readings.clone()).unwrap_or_default();
    let questions = readings::all().filter(|about| arguments.all || about.followed.len() > 1);
    if printer.json() {
        let questions: Map<_, _> =
            questions.map(|about| (about.id.to_owned(), document(about, &shown))).collect();
        return printer
            .document(&json!({ "readings": shown.to_string(), "questions": Value::Object(questions) }));
    }
    let mut other = 0;
    let mut count = 0;
    for about in questions {
        let number = shown.number(about);
        let style = if number == about.strict { ASIDE } else { TITLE };
        let name = about.followed[number].name;
        let others: Vec<_> =
            about.followed.iter().map(|reading| reading.name).filter(|one| *one != name).collect();
        let others = if others.is_empty() { String::new() } else { format!("; or {}", others.join(", ")) };
        writeln!(printer, "{:<24} {style}{name}{style:#}{ASIDE}{others}{ASIDE:#}", about.id)?;
        writeln!(printer, "  {ASIDE}{}{ASIDE:#}", about.question)?;
        count += 1;
        other += usize::from(number != about.strict);
    }
    writeln!(printer)?;
    writeln!(
        printer,
        "{TITLE}{count}{TITLE:#} questions under {shown}; {other} readings are not the strict ones"
    )
}

/// A question, its readings, and which of them is shown.
fn document(about: &About, shown: &Readings) -> Value {
    let texts = |readings: &[readings::Reading]| {
        let texts = readings.iter().map(|reading| (reading.name.to_owned(), json!(reading.text)));
        Value::Object(texts.collect())
    };
    let name = |number: usize| about.followed[number].name;
    json!({
        "question": about.question,
        "reading": name(shown.number(about)),
        "strict": name(about.strict),
        "windows": name(about.windows),
        "followed": texts(about.followed),
        "not_followed": texts(about.others),
    })
}
