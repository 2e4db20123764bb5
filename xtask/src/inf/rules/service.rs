//! The service: "INF `AddService` Directive".

use super::files::{DRIVER_STORE, copied};
use super::install::{installs, number};
use super::{Faults, Subject};
use crate::inf::parse::{Entry, Inf, Section};

/// What the values of a demand-started kernel driver's service are, and what they mean.
const VALUES: [(&str, u32, &str); 3] = [
    ("ServiceType", 1, "a kernel driver"),
    ("StartType", 3, "started on demand"),
    ("ErrorControl", 1, "a failure is logged and the system starts"),
];

/// Each `AddService` of an install section, with the section that describes the service if it is there.
fn added(inf: &Inf) -> impl Iterator<Item = (&Entry, Option<&Section>)> {
    let sections =
        installs(inf).filter_map(|(section, _)| inf.section(&format!("{}.Services", section.name)));
    let entries =
        sections.flat_map(|section| section.entries.iter()).filter(|entry| entry.has_key("AddService"));
    entries.map(|entry| (entry, entry.value(2).and_then(|name| inf.section(name))))
}

pub(super) fn names(subject: &Subject<'_>, faults: &mut Faults) {
    let project = subject.project;
    let mut same = |line: usize, what: &str, found: &str, expected: &str| {
        if found != expected {
            faults.push((line, format!("{what} is \"{found}\": write \"{expected}\", as the crate has it")));
        }
    };
    if let Some(entry) = subject.inf.section("Version").and_then(|section| section.get("CatalogFile")) {
        let found = entry.value(0).unwrap_or_default();
        // A name of another kind is the business of the rule on [Version].
        if found.to_ascii_lowercase().ends_with(".cat") && !found.contains(['\\', '/']) {
            same(entry.line, "the catalogue", found, &format!("{}.cat", project.package));
        }
    }
    for (entry, section) in added(subject.inf) {
        same(entry.line, "the service", entry.value(0).unwrap_or_default(), &project.service);
        let Some(section) = section else { continue };
        let mut value = |key: &str, what: &str, expected: &str| {
            let line = section.get(key).map_or(section.line, |entry| entry.line);
            let found = subject.expand(section.value(key).unwrap_or_default());
            let found = if key == "ServiceBinary" { file_name(&found).to_owned() } else { found };
            // A string that is not defined is the business of the rule on strings.
            if !found.contains('%') {
                same(line, what, &found, expected);
            }
        };
        value("DisplayName", "the service's display name", &project.service);
        value("Description", "the service's description", &project.description);
        if section.get("ServiceBinary").is_some() {
            value("ServiceBinary", "the service's file", &format!("{}.sys", project.package));
        }
    }
}

/// What follows the last backslash of a path.
fn file_name(path: &str) -> &str {
    path.rsplit('\\').next().unwrap_or_default()
}

pub(super) fn values(subject: &Subject<'_>, faults: &mut Faults) {
    for section in added(subject.inf).filter_map(|(_, section)| section) {
        for (key, expected, meaning) in VALUES {
            let entry = section.get(key);
            let found = entry.and_then(|entry| number(&subject.expand(entry.value(0)?)));
            if found != Some(expected) {
                let line = entry.map_or(section.line, |entry| entry.line);
                faults
                    .push((line, format!("{key} has to be {expected}, {meaning}: write {key} = {expected}")));
            }
        }
    }
}

pub(super) fn binary(subject: &Subject<'_>, faults: &mut Faults) {
    for section in added(subject.inf).filter_map(|(_, section)| section) {
        let Some(entry) = section.get("ServiceBinary") else {
            faults.push((section.line, "the service has no file: add ServiceBinary = %13%\\name.sys".into()));
            continue;
        };
        let path = entry.value(0).unwrap_or_default();
        if !path.starts_with(&format!("%{DRIVER_STORE}%\\")) {
            let what = format!("the service runs {path}: write %13%\\name.sys, the file in the driver store");
            faults.push((entry.line, what));
        }
        let name = file_name(path);
        if !copied(subject.inf).iter().any(|file| file.name.eq_ignore_ascii_case(name)) {
            faults.push((
                entry.line,
                format!("the service runs {name}, which no CopyFiles brings: add it to a list"),
            ));
        }
    }
}
