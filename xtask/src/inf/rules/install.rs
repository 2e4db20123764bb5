//! The sections that install and uninstall: "Creating a primitive driver".

use super::{Faults, Subject};
use crate::inf::parse::{Inf, Section};

/// Processors, as the names of sections have them.
const PROCESSORS: [&str; 3] = ["NTamd64", "NTarm64", "NTx86"];

/// What may follow the processor in the name of a section that belongs to an install section.
const SUFFIXES: [&str; 5] = ["Services", "Wdf", "Components", "Software", "Events"];

/// `SPSVCINST_STOPSERVICE`, which stops a service before it is deleted.
const STOP_SERVICE: u32 = 0x200;

/// Which section this is of those that Windows begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    uninstall: bool,
    /// `NTamd64`, with a version of Windows after it where there is one.
    decoration: &'a str,
    /// `Services` and others; empty for the section itself.
    suffix: &'a str,
}

/// Takes the name of a section apart.
pub(super) fn part(name: &str) -> Option<Part<'_>> {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    let uninstall = first.eq_ignore_ascii_case("DefaultUninstall");
    if !uninstall && !first.eq_ignore_ascii_case("DefaultInstall") {
        return None;
    }
    let is_suffix = |end: &str| {
        SUFFIXES
            .iter()
            .chain(["CoInstallers", "LogConfigOverride"].iter())
            .any(|suffix| suffix.eq_ignore_ascii_case(end))
    };
    let (decoration, suffix) = match rest.rsplit_once('.') {
        Some((decoration, end)) if is_suffix(end) => (decoration, end),
        None if is_suffix(rest) => ("", rest),
        _ => (rest, ""),
    };
    Some(Part { uninstall, decoration, suffix })
}

/// The install sections themselves, with their decorations.
pub(super) fn installs(inf: &Inf) -> impl Iterator<Item = (&Section, &str)> {
    inf.sections.iter().filter_map(|section| {
        let part = part(&section.name)?;
        (!part.uninstall && part.suffix.is_empty()).then_some((section, part.decoration))
    })
}

pub(super) fn primitive(subject: &Subject<'_>, faults: &mut Faults) {
    if let Some(section) = subject.inf.section("Manufacturer") {
        let what = "[Manufacturer] is for drivers of devices, and excludes DefaultInstall: remove it";
        faults.push((section.line, what.into()));
    }
    if installs(subject.inf).next().is_none() {
        faults.push((1, "there is nothing to install: add [DefaultInstall.NTamd64]".into()));
    }
}

pub(super) fn decorated(subject: &Subject<'_>, faults: &mut Faults) {
    for section in &subject.inf.sections {
        let Some(part) = part(&section.name) else { continue };
        let (processor, version) = part.decoration.split_once('.').unwrap_or((part.decoration, ""));
        let known = PROCESSORS.iter().any(|known| known.eq_ignore_ascii_case(processor));
        if !known || !version.chars().all(|character| character.is_ascii_digit() || character == '.') {
            let name = &section.name;
            faults.push((
                section.line,
                format!("[{name}] names no processor: add .NTamd64 after its first word"),
            ));
        }
    }
}

pub(super) fn services(subject: &Subject<'_>, faults: &mut Faults) {
    for (section, _) in installs(subject.inf) {
        let name = format!("{}.Services", section.name);
        match subject.inf.section(&name) {
            None => faults.push((section.line, format!("[{}] has no [{name}]: add it", section.name))),
            Some(services) if services.get("AddService").is_none() => {
                faults.push((
                    services.line,
                    format!("[{name}] adds no service: add AddService = name,,section"),
                ));
            }
            Some(services) => {
                for entry in services.all("AddService").filter(|entry| entry.value(1).is_some_and(associates))
                {
                    let what =
                        "the flag 2 associates the service with a device, and there is none: remove it";
                    faults.push((entry.line, what.into()));
                }
            }
        }
    }
}

/// Whether the flags of an `AddService` have `SPSVCINST_ASSOCSERVICE`.
fn associates(flags: &str) -> bool {
    number(flags).is_none_or(|flags| flags & 2 != 0)
}

pub(super) fn uninstall(subject: &Subject<'_>, faults: &mut Faults) {
    let inf = subject.inf;
    for (install, decoration) in installs(inf) {
        let end = if decoration.is_empty() { String::new() } else { format!(".{decoration}") };
        let name = format!("DefaultUninstall{end}");
        let Some(section) = inf.section(&name) else {
            faults.push((install.line, format!("[{}] has no [{name}]: add it", install.name)));
            continue;
        };
        if section.value("LegacyUninstall") != Some("1") {
            let what = format!(
                "[{name}] has no LegacyUninstall = 1, without which Windows refuses the section: add it"
            );
            faults.push((section.line, what));
        }
        let services = inf.section(&format!("{name}.Services"));
        let added = inf.section(&format!("{}.Services", install.name)).into_iter();
        for service in added.flat_map(|section| section.all("AddService")).filter_map(|entry| entry.value(0))
        {
            let mut deletions = services.into_iter().flat_map(|section| section.all("DelService"));
            let deletion = deletions.find(|entry| entry.value(0) == Some(service));
            match deletion.map(|entry| (entry.line, entry.value(1).and_then(number))) {
                None => {
                    let what = format!(
                        "[{name}.Services] does not delete {service}: add DelService = {service},0x200"
                    );
                    faults.push((services.unwrap_or(section).line, what));
                }
                Some((_, Some(flags))) if flags & STOP_SERVICE != 0 => {}
                Some((line, _)) => {
                    let what =
                        format!("{service} is deleted while it may run: write DelService = {service},0x200");
                    faults.push((line, what));
                }
            }
        }
    }
}

/// A number as INFs write it.
pub(super) fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
