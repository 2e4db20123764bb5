//! `wskctl probe` against the driver in Wine and in the hosted kernel, side by side.
//!
//! The driver is one that was built for it, with the feature `probe`: the shipped one does not know the request.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use readings::{About, Part};
use serde::Deserialize;

use super::batch::{Expect, Step};
use super::mode::Mode;
use super::prefix::Prefix;
use super::{CREATE, carry_out, hosted_output};

/// The driver's file, beside the shipped one.
pub(crate) const IMAGE: &str = "wskdrv.probe.sys";
/// Where the answers go.
const ANSWERS: &str = "probe.json";

/// What `wskctl probe --json` prints.
#[derive(Deserialize)]
struct Answers {
    readings: BTreeMap<String, Answer>,
}

#[derive(Deserialize)]
struct Answer {
    reading: Option<String>,
    note: String,
}

/// Asks in each mode.
///
/// # Errors
/// The driver did not start or stop; the answers could not be had, or differ although WSK is the same.
pub(crate) fn run(prefix: &Prefix, root: &Path, modes: &[Mode], limit: Duration) -> Result<()> {
    let mut faults = Vec::new();
    for mode in modes {
        prefix.set_variables(&mode.variables())?;
        println!("completion {mode}: wskctl probe");
        faults.extend(ask(prefix, root, mode, limit)?);
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    ensure!(faults.is_empty(), "{} questions of WSK are answered otherwise in Wine", faults.len());
    Ok(())
}

/// Asks in one mode, and gives what differs although WSK is the same.
fn ask(prefix: &Prefix, root: &Path, mode: &Mode, limit: Duration) -> Result<Vec<String>> {
    let file = prefix.on_drive(ANSWERS);
    if file.exists() {
        fs::remove_file(&file)?;
    }
    let steps = [
        Step::new("sc create", CREATE, Expect::Success),
        Step::new("sc start", "sc start wskdrv", Expect::Success),
        // It fails if a question could not be asked; what it answers is compared below.
        Step::new("wskctl probe", format!(r"C:\wskctl.exe --json probe > C:\{ANSWERS}"), Expect::Anything),
        Step::new("sc stop", "sc stop wskdrv", Expect::Success),
        Step::new("sc query after the stop", "sc query wskdrv", Expect::State("STOPPED")),
        Step::new("sc delete", "sc delete wskdrv", Expect::Success),
    ];
    carry_out(prefix, &steps, limit)?;
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let wine = parse(&text)?;
    let output = hosted_output(root, mode, &["--json".to_owned(), "probe".to_owned()])?;
    let hosted = parse(&String::from_utf8_lossy(&output.stdout))
        .with_context(|| format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))?;
    let asked = readings::all().filter(|about| wine.asks(about) || hosted.asks(about));
    let (mut same, mut faults) = (0, Vec::new());
    for about in asked {
        match difference(about, &hosted, &wine) {
            None => same += 1,
            Some(line) if is_wsk(about) => faults.push(format!("{line} ({mode})")),
            // Wine's kernel is another one.
            Some(line) => println!("    {line}"),
        }
    }
    println!("    {same} questions are answered as in the hosted kernel");
    Ok(faults)
}

impl Answers {
    fn asks(&self, about: &About) -> bool {
        self.readings.get(about.id).is_some_and(|answer| answer.reading.is_some())
    }

    fn of(&self, about: &About) -> String {
        self.readings.get(about.id).map_or("no answer".to_owned(), |answer| {
            answer.reading.clone().unwrap_or_else(|| format!("no reading ({})", answer.note))
        })
    }
}

fn parse(text: &str) -> Result<Answers> {
    serde_json::from_str(text).context("reading the answers of wskctl probe")
}

/// Whether the answer is that of `netio`, which is the same code in both.
fn is_wsk(about: &About) -> bool {
    !matches!(about.part, Part::Kernel | Part::Framework)
}

fn difference(about: &About, hosted: &Answers, wine: &Answers) -> Option<String> {
    let (one, other) = (hosted.of(about), wine.of(about));
    (one != other).then(|| format!("{}: hosted {one}, Wine {other}", about.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compared_by_their_readings() {
        let about = readings::all().find(|about| is_wsk(about)).unwrap();
        let answers = |reading: &str| {
            let id = about.id;
            parse(&format!(
                r#"{{"device": "x", "readings": {{"{id}": {{"reading": {reading}, "note": "y"}}}}}}"#
            ))
            .unwrap()
        };
        let (one, other, none) = (answers("\"one\""), answers("\"other\""), answers("null"));
        assert_eq!(difference(about, &one, &one), None);
        assert_eq!(difference(about, &one, &other).unwrap(), format!("{}: hosted one, Wine other", about.id));
        assert!(difference(about, &one, &none).unwrap().ends_with("Wine no reading (y)"));
        assert!(one.asks(about) && !none.asks(about));
        let nothing = Answers { readings: BTreeMap::new() };
        assert!(difference(about, &one, &nothing).unwrap().ends_with("Wine no answer"));
    }
}
