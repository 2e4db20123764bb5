//! What Windows was seen to do, and whether the profile `windows` does it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use super::run::Run;

/// A reading that Windows was seen to follow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Observed {
    /// The question's id.
    pub(crate) question: String,
    /// The reading's name.
    pub(crate) reading: String,
    /// The build that followed it.
    pub(crate) build: String,
}

/// What the runs answer, each once. Builds that follow different readings are kept apart.
pub(crate) fn observed(runs: &[Run]) -> Vec<Observed> {
    let mut seen = BTreeSet::new();
    for run in runs {
        seen.extend(run.answers().filter_map(|(question, reading)| {
            let reading = reading?.to_owned();
            Some(Observed { question: question.to_owned(), reading, build: run.build() })
        }));
    }
    seen.into_iter().collect()
}

/// Holds the profile `windows` to the runs: it follows a reading that some build was seen to follow, of each question that
/// was answered.
pub(super) fn held(runs: &[Run]) -> Result<()> {
    let mut questions: BTreeMap<String, Vec<Observed>> = BTreeMap::new();
    for one in observed(runs) {
        questions.entry(one.question.clone()).or_default().push(one);
    }
    let faults: Vec<String> = questions.iter().filter_map(|(question, seen)| fault(question, seen)).collect();
    if !faults.is_empty() {
        bail!("hosted is not as Windows:\n    {}", faults.join("\n    "));
    }
    Ok(())
}

fn fault(question: &str, seen: &[Observed]) -> Option<String> {
    let Some(about) = readings::find(question) else {
        return Some(format!(
            "`{question}` is no question of crates/hosted/readings: put its new id into the runs, or take it out of them"
        ));
    };
    if let Some(one) = seen.iter().find(|one| about.readings().all(|reading| reading.name != one.reading)) {
        return Some(format!(
            "`{question}`: build {} follows `{}`, which is no reading of it: add it to crates/hosted/readings",
            one.build, one.reading
        ));
    }
    let follows = about.followed[about.windows].name;
    if seen.iter().any(|one| one.reading == follows) {
        return None;
    }
    let builds: Vec<String> =
        seen.iter().map(|one| format!("build {} follows `{}`", one.build, one.reading)).collect();
    Some(format!(
        "`{question}`: {}, the profile `windows` `{follows}`: change what it follows in crates/hosted/readings",
        builds.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SAMPLE: &str = include_str!("fixtures/10.0.20348.5499-x86_64-verifier.json");

    /// The run of a build that answers `receive-truncated` with this reading.
    fn run(build: u32, reading: Option<&str>) -> Run {
        answering(build, &json!({ "receive-truncated": { "reading": reading, "note": "" } }))
    }

    fn answering(build: u32, readings: &Value) -> Run {
        let mut document: Value = serde_json::from_str(SAMPLE).unwrap();
        document["system"]["data"]["build"] = build.into();
        document["probe"] = json!({ "data": { "readings": readings } });
        Run::parse(document.to_string().as_bytes()).unwrap()
    }

    fn message(runs: &[Run]) -> String {
        held(runs).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn each_answer_is_there_once_and_contradictions_are_apart() {
        let runs = [
            run(20348, Some("success")),
            run(20348, Some("success")),
            run(26100, Some("overflow")),
            run(26200, None),
        ];
        let seen = observed(&runs);
        let seen: Vec<_> = seen.iter().map(|one| (&*one.question, &*one.reading, &*one.build)).collect();
        assert_eq!(
            seen,
            [
                ("receive-truncated", "overflow", "10.0.26100.5499"),
                ("receive-truncated", "success", "10.0.20348.5499"),
            ]
        );
    }

    #[test]
    fn a_difference_names_the_question_the_build_and_both_readings() {
        let about = readings::find("receive-truncated").unwrap();
        let follows = about.followed[about.windows].name;
        let other = about.followed.iter().find(|reading| reading.name != follows).unwrap().name;
        assert_eq!(message(&[run(20348, Some(follows))]), "");
        let told = message(&[run(20348, Some(other))]);
        for part in ["`receive-truncated`", "10.0.20348.5499", follows, other, "crates/hosted/readings"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        // One that hosted cannot follow is a difference, too.
        assert!(message(&[run(20348, Some(about.others[0].name))]).contains(about.others[0].name));
        // Two builds cannot both be followed.
        assert_eq!(message(&[run(20348, Some(follows)), run(26100, Some(other))]), "");
    }

    #[test]
    fn what_readings_does_not_know_is_named() {
        assert!(message(&[run(20348, Some("magic"))]).contains("`magic`, which is no reading of it"));
        let unknown = answering(20348, &json!({ "no-such": { "reading": "x", "note": "" } }));
        assert!(message(&[unknown]).contains("`no-such` is no question"));
    }
}
