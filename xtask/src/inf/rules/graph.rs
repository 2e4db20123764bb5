//! Which section refers to which.

use std::collections::BTreeMap;

use super::install::part;
use super::{Faults, Subject};
use crate::inf::parse::{Entry, Inf, Section};

/// Directives whose values are sections.
const LISTS: [&str; 12] = [
    "CopyFiles",
    "DelFiles",
    "RenFiles",
    "AddReg",
    "DelReg",
    "BitReg",
    "UpdateInis",
    "UpdateIniFields",
    "Ini2Reg",
    "RegisterDlls",
    "UnregisterDlls",
    "LogConfig",
];

/// Directives that name a section by its place among their values.
const PLACED: [(&str, &[usize]); 4] =
    [("AddService", &[2, 3]), ("AddEventProvider", &[1]), ("KmdfService", &[1]), ("AddComponent", &[2])];

/// Sections that Windows looks for by their names.
const KNOWN: [&str; 5] = ["Version", "Strings", "SourceDisksNames", "SourceDisksFiles", "DestinationDirs"];

/// A section's name where another refers to it.
struct Reference<'a> {
    line: usize,
    directive: &'a str,
    name: &'a str,
}

/// What an entry refers to.
fn references(entry: &Entry) -> Vec<Reference<'_>> {
    let Some(directive) = entry.key.as_deref() else { return Vec::new() };
    let values: Vec<&str> = if LISTS.iter().any(|list| entry.has_key(list)) {
        let values = entry.values.iter().map(String::as_str);
        values.filter(|value| !value.is_empty() && !value.starts_with('@')).collect()
    } else if let Some((_, places)) = PLACED.iter().find(|(placed, _)| entry.has_key(placed)) {
        places.iter().filter_map(|place| entry.value(*place)).collect()
    } else {
        Vec::new()
    };
    values.into_iter().map(|name| Reference { line: entry.line, directive, name }).collect()
}

/// Every reference from a section that can have one.
fn all(inf: &Inf) -> impl Iterator<Item = Reference<'_>> {
    inf.sections
        .iter()
        .filter(|section| !known(section))
        .flat_map(|section| &section.entries)
        .flat_map(references)
}

/// Whether Windows looks for a section by its name, which may have a processor or a language added.
fn known(section: &Section) -> bool {
    let first = section.name.split('.').next().unwrap_or_default();
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(first))
}

pub(super) fn found(subject: &Subject<'_>, faults: &mut Faults) {
    for reference in all(subject.inf).filter(|reference| subject.inf.section(reference.name).is_none()) {
        let (directive, name) = (reference.directive, reference.name);
        let hint =
            if directive.eq_ignore_ascii_case("CopyFiles") { "; a file's name begins with @" } else { "" };
        faults.push((
            reference.line,
            format!("{directive} refers to [{name}], which is not there: add it{hint}"),
        ));
    }
    let Some(destinations) = subject.inf.section("DestinationDirs") else { return };
    for entry in destinations.entries.iter().filter(|entry| !entry.has_key("DefaultDestDir")) {
        let name = entry.key.as_deref().unwrap_or_default();
        if subject.inf.section(name).is_none() {
            let what =
                format!("[DestinationDirs] has a directory for [{name}], which is not there: remove it");
            faults.push((entry.line, what));
        }
    }
}

pub(super) fn used(subject: &Subject<'_>, faults: &mut Faults) {
    let sections = &subject.inf.sections;
    // What the other rules refuse is reached all the same, so that each fault has one name.
    let refused = |section: &Section| {
        ["Manufacturer", "ClassInstall32"].iter().any(|name| section.name.eq_ignore_ascii_case(name))
    };
    let mut reached: Vec<bool> = sections
        .iter()
        .map(|section| known(section) || part(&section.name).is_some() || refused(section))
        .collect();
    let mut waiting: Vec<usize> = (0..sections.len()).filter(|index| reached[*index]).collect();
    while let Some(index) = waiting.pop() {
        for reference in sections[index].entries.iter().flat_map(references) {
            let next = sections.iter().position(|section| section.name.eq_ignore_ascii_case(reference.name));
            if let Some(next) = next.filter(|next| !reached[*next]) {
                reached[next] = true;
                waiting.push(next);
            }
        }
    }
    for (section, _) in sections.iter().zip(reached).filter(|(_, reached)| !reached) {
        faults
            .push((section.line, format!("nothing refers to [{}]: remove it, or refer to it", section.name)));
    }
}

pub(super) fn shared(subject: &Subject<'_>, faults: &mut Faults) {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for Reference { line, directive, name } in all(subject.inf) {
        let directive = directive.to_ascii_lowercase();
        let before = first.entry(name.to_ascii_lowercase()).or_insert_with(|| directive.clone());
        if *before != directive {
            faults.push((
                line,
                format!("both {before} and {directive} refer to [{name}]: make a section for each"),
            ));
        }
    }
}
