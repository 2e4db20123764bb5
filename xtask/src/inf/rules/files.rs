//! Where files come from and go to: "INF `CopyFiles` Directive", "Run From Driver Store".

use super::install::installs;
use super::{Faults, Subject};
use crate::inf::parse::{Entry, Inf, Section};

/// The directory of the package in the driver store.
pub(super) const DRIVER_STORE: &str = "13";

/// A file that is copied.
pub(super) struct Copied<'a> {
    line: usize,
    pub(super) name: &'a str,
    /// The name at the source, where the list gives another.
    source: Option<&'a str>,
}

/// The lists of files that install sections copy.
fn lists(inf: &Inf) -> impl Iterator<Item = &Section> {
    let entries = installs(inf).flat_map(|(section, _)| section.all("CopyFiles"));
    entries.flat_map(|entry| &entry.values).filter_map(|name| inf.section(name))
}

/// Every file that an install section copies.
pub(super) fn copied(inf: &Inf) -> Vec<Copied<'_>> {
    let listed = lists(inf)
        .flat_map(|section| &section.entries)
        .filter_map(|entry| Some(Copied { line: entry.line, name: entry.value(0)?, source: entry.value(1) }));
    let direct = installs(inf).flat_map(|(section, _)| section.all("CopyFiles")).flat_map(|entry| {
        let files = entry.values.iter().filter_map(|value| value.strip_prefix('@'));
        files.map(|name| Copied { line: entry.line, name, source: None })
    });
    listed.chain(direct).collect()
}

pub(super) fn destinations(subject: &Subject<'_>, faults: &mut Faults) {
    let directories = subject.inf.section("DestinationDirs");
    let default = directories.is_some_and(|section| section.get("DefaultDestDir").is_some());
    if default {
        return;
    }
    for list in lists(subject.inf) {
        if directories.and_then(|section| section.get(&list.name)).is_none() {
            let what = format!("[{0}] has no directory: add {0} = 13 to [DestinationDirs]", list.name);
            faults.push((list.line, what));
        }
    }
    for (section, _) in installs(subject.inf) {
        for entry in
            section.all("CopyFiles").filter(|entry| entry.values.iter().any(|value| value.starts_with('@')))
        {
            faults.push((
                entry.line,
                "a file by its name goes to DefaultDestDir, which [DestinationDirs] lacks".into(),
            ));
        }
    }
}

pub(super) fn driver_store(subject: &Subject<'_>, faults: &mut Faults) {
    for entry in subject.inf.section("DestinationDirs").into_iter().flat_map(|section| &section.entries) {
        if entry.value(0) != Some(DRIVER_STORE) {
            let directory = entry.value(0).unwrap_or("none");
            let what =
                format!("the directory is {directory}: write 13, the package's own in the driver store");
            faults.push((entry.line, what));
        }
        let name = entry.key.as_deref().unwrap_or_default();
        let list = subject.inf.section(name).into_iter().flat_map(|section| &section.entries);
        for file in list.filter_map(|file| file.value(0)) {
            let source = source(subject.inf, file).and_then(|source| source.value(1)).unwrap_or_default();
            let target = entry.value(1).unwrap_or_default();
            if !source.trim_matches('\\').eq_ignore_ascii_case(target.trim_matches('\\')) {
                let what = format!(
                    "{file} lies in \"{source}\" and would go to \"{target}\": make the two the same"
                );
                faults.push((entry.line, what));
            }
        }
    }
    for file in copied(subject.inf) {
        if let Some(source) = file.source.filter(|source| !source.eq_ignore_ascii_case(file.name)) {
            let what =
                format!("{source} would become {}: a file in the driver store keeps its name", file.name);
            faults.push((file.line, what));
        }
    }
}

/// Sections of this name, with and without a processor added.
fn sections<'a>(inf: &'a Inf, name: &'a str) -> impl Iterator<Item = &'a Section> {
    inf.sections.iter().filter(move |section| {
        section.name.split('.').next().is_some_and(|first| first.eq_ignore_ascii_case(name))
    })
}

/// The entry of a file in `[SourceDisksFiles]`.
fn source<'a>(inf: &'a Inf, file: &'a str) -> Option<&'a Entry> {
    sections(inf, "SourceDisksFiles").find_map(|section| section.get(file))
}

pub(super) fn source_disks(subject: &Subject<'_>, faults: &mut Faults) {
    let inf = subject.inf;
    let copied = copied(inf);
    for file in &copied {
        let name = file.source.unwrap_or(file.name);
        if source(inf, name).is_none() {
            faults.push((file.line, format!("{name} has no disk: add {name} = 1 to [SourceDisksFiles]")));
        }
    }
    for entry in sections(inf, "SourceDisksFiles").flat_map(|section| &section.entries) {
        let name = entry.key.as_deref().unwrap_or_default();
        let disk = entry.value(0).unwrap_or_default();
        if !sections(inf, "SourceDisksNames").any(|section| section.get(disk).is_some()) {
            let what =
                format!("{name} lies on the disk {disk}, which [SourceDisksNames] lacks: add it there");
            faults.push((entry.line, what));
        }
        if !copied.iter().any(|file| file.source.unwrap_or(file.name).eq_ignore_ascii_case(name)) {
            faults.push((
                entry.line,
                format!("nothing copies {name}: remove it, or add it to a list of CopyFiles"),
            ));
        }
    }
}
