//! The rules for a workflow that loads a driver: nothing that can hang is without a limit, what is known leaves the machine
//! before the next command may stop it, and one lost machine takes no other along.

use saphyr::YamlOwned;

use super::{ACTION, File, LOAD, Phase};

/// How a step of the workflow carries out a phase.
const PHASE: &str = "./.github/actions/phase";

/// What is wrong with the workflows.
pub(super) fn faults(workflows: &[File], phases: &[Phase]) -> Vec<String> {
    let mut faults: Vec<String> = workflows.iter().flat_map(general).collect();
    match workflows.iter().find(|file| file.name == LOAD) {
        None => faults.push(format!("there is no {LOAD}")),
        Some(file) => {
            let mut found = jobs(&file.yaml);
            match (found.next(), found.next()) {
                (Some((_, job)), None) => faults.extend(load(job, phases)),
                _ => faults.push(format!("{LOAD} has not one job")),
            }
        }
    }
    faults
}

/// The rules for every workflow.
fn general(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    let permissions = file.yaml.as_mapping_get("permissions").and_then(YamlOwned::as_mapping);
    let contents = file.yaml.as_mapping_get("permissions").and_then(|yaml| text(yaml, "contents"));
    if permissions.map(|mapping| mapping.iter().count()) != Some(1) || contents != Some("read") {
        faults.push(format!("{}: permissions are not `contents: read` alone", file.name));
    }
    for (name, job) in jobs(&file.yaml) {
        if job.as_mapping_get("uses").is_none() && minutes(job).is_none() {
            faults.push(format!("{}: the job {name} has no timeout-minutes", file.name));
        }
    }
    faults
}

/// The rules for the job that loads the driver.
fn load(job: &YamlOwned, phases: &[Phase]) -> Vec<String> {
    let mut faults = Vec::new();
    let flag = |yaml: Option<&YamlOwned>, key| yaml?.as_mapping_get(key)?.as_bool();
    if flag(job.as_mapping_get("strategy"), "fail-fast") != Some(false) {
        faults.push(format!(
            "{LOAD}: one machine that is lost takes the others along without `fail-fast: false`"
        ));
    }
    if flag(Some(job), "continue-on-error") != Some(true) {
        faults.push(format!("{LOAD}: nothing may depend on it yet: `continue-on-error: true`"));
    }
    let mut named = Vec::new();
    for (index, step) in steps(job).enumerate() {
        let name = text(step, "uses")
            .filter(|uses| *uses == PHASE)
            .and_then(|_| text(step.as_mapping_get("with")?, "phase"));
        let Some(limit) = minutes(step) else {
            faults.push(format!("{LOAD}: step {} has no timeout-minutes", index + 1));
            continue;
        };
        let Some(name) = name else { continue };
        named.push(name);
        let Some(phase) = phases.iter().find(|phase| phase.name == name) else { continue };
        // The phase ends its own commands, and says so; the step's limit is for what cannot be ended.
        if limit * 60 <= phase.seconds {
            faults.push(format!(
                "{LOAD}: {name} can take {} s, and is ended after {limit} minutes",
                phase.seconds
            ));
        }
    }
    let list: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
    if named != list {
        faults.push(format!("{LOAD} has the phases {}; the list is {}", named.join(" "), list.join(" ")));
    }
    faults
}

/// The rules for the action that carries out a phase.
pub(super) fn action(file: &File) -> Vec<String> {
    let found: Vec<_> = file.yaml.as_mapping_get("runs").into_iter().flat_map(steps).collect();
    let fits = match found[..] {
        [run, upload] => {
            text(run, "run").is_some_and(|run| !run.trim().contains('\n'))
                && text(upload, "uses").is_some_and(|uses| uses.starts_with("actions/upload-artifact@"))
                && text(upload, "if") == Some("always()")
        }
        _ => false,
    };
    let what = "it is one command, whose exit code decides, and then an upload with `if: always()`";
    if fits { Vec::new() } else { vec![format!("{ACTION}: {what}")] }
}

/// The jobs of a workflow, by name.
pub(super) fn jobs(workflow: &YamlOwned) -> impl Iterator<Item = (&str, &YamlOwned)> {
    let jobs = workflow.as_mapping_get("jobs").and_then(YamlOwned::as_mapping);
    jobs.into_iter().flatten().map(|(name, job)| (name.as_str().unwrap_or_default(), job))
}

/// The steps of a job, or of an action.
pub(super) fn steps(job: &YamlOwned) -> impl Iterator<Item = &YamlOwned> {
    job.as_mapping_get("steps").and_then(YamlOwned::as_sequence).into_iter().flatten()
}

/// A text of a mapping.
pub(super) fn text<'y>(yaml: &'y YamlOwned, key: &str) -> Option<&'y str> {
    yaml.as_mapping_get(key)?.as_str()
}

fn minutes(yaml: &YamlOwned) -> Option<u64> {
    yaml.as_mapping_get("timeout-minutes")?.as_integer()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::parse;

    const GOOD: &str = "\
permissions:
  contents: read
jobs:
  trial:
    timeout-minutes: 60
    continue-on-error: true
    strategy:
      fail-fast: false
    steps:
      - run: dir
        timeout-minutes: 1
      - uses: ./.github/actions/phase
        timeout-minutes: 2
        with: { phase: look }
      - uses: ./.github/actions/phase
        timeout-minutes: 2
        with: { phase: start }
";

    fn found(text: &str) -> Vec<String> {
        let phase = |name: &str| Phase {
            name: name.to_owned(),
            about: String::new(),
            seconds: 90,
            lines: Vec::new(),
            after_failure: Vec::new(),
        };
        faults(&[parse(LOAD.to_owned(), text).unwrap()], &[phase("look"), phase("start")])
    }

    #[test]
    fn each_rule_is_missed() {
        assert_eq!(found(GOOD), Vec::<String>::new());
        for (part, other, what) in [
            ("contents: read", "contents: write", "permissions"),
            ("contents: read", "contents: read\n  actions: write", "permissions"),
            ("    timeout-minutes: 60\n", "", "the job trial has no"),
            ("continue-on-error: true", "continue-on-error: false", "depend on it"),
            ("fail-fast: false", "max-parallel: 1", "takes the others along"),
            ("        timeout-minutes: 1\n", "", "step 1 has no"),
            ("phase: start", "phase: stop", "look stop; the list is look start"),
            ("phase: look", "phase: start", "start start; the list is look start"),
            (
                "timeout-minutes: 2\n        with: { phase: look",
                "timeout-minutes: 1\n        with: { phase: look",
                "90 s",
            ),
            ("  trial:", "  other:\n    uses: x\n  trial:", "not one job"),
        ] {
            assert!(GOOD.contains(part), "{part}");
            let faults = found(&GOOD.replacen(part, other, 1));
            assert!(faults.iter().any(|fault| fault.contains(what)), "{what}: {faults:?}");
        }
    }

    #[test]
    fn a_phase_is_one_command_and_an_upload() {
        let good =
            "runs:\n  steps:\n    - run: a\n    - uses: actions/upload-artifact@v6\n      if: always()\n";
        let faults = |text: &str| action(&parse("action.yml".to_owned(), text).unwrap());
        assert!(faults(good).is_empty());
        for (part, other) in [
            ("always()", "success()"),
            ("run: a", "run: |\n        a\n        b"),
            ("upload-artifact", "download-artifact"),
            ("    - run: a\n", ""),
        ] {
            assert_eq!(faults(&good.replacen(part, other, 1)).len(), 1, "{part}");
        }
    }
}
