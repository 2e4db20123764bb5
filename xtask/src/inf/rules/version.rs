//! The section `[Version]`: "INF Version Section", "INF `DriverVer` Directive".

use super::{Faults, Subject};
use crate::inf::parse::Section;

/// Classes of Windows' own for drivers without a device, with their GUIDs: "System-Defined Device Setup Classes".
const CLASSES: [(&str, &str); 1] = [("System", "{4d36e97d-e325-11ce-bfc1-08002be10318}")];

/// What an INX leaves to stampinf: "Using INX Files to Create INF Files".
const VARIABLES: [&str; 5] =
    ["$ARCH$", "$KMDFVERSION$", "$KMDFCOINSTALLERVERSION$", "$UMDFVERSION$", "$UMDFCOINSTALLERVERSION$"];

pub(super) fn stamped(subject: &Subject<'_>, faults: &mut Faults) {
    for (index, line) in subject.text.lines().enumerate() {
        let code = line.split(';').next().unwrap_or_default().to_ascii_uppercase();
        for variable in VARIABLES.iter().filter(|variable| code.contains(**variable)) {
            let what =
                format!("{variable} is left: stamp the file with stampinf or `cargo xtask inf --out DIR`");
            faults.push((index + 1, what));
        }
    }
}

pub(super) fn complete(subject: &Subject<'_>, faults: &mut Faults) {
    let Some(version) = subject.inf.section("Version") else {
        faults.push((1, "there is no [Version]: add it".into()));
        return;
    };
    let mut require = |key: &str, example: &str, good: &dyn Fn(&str) -> bool| {
        let value = version.value(key).map(|value| subject.expand(value));
        match value {
            None => faults.push((version.line, format!("[Version] has no {key}: add {example}"))),
            Some(value) if !good(&value) => {
                let line = version.get(key).map_or(version.line, |entry| entry.line);
                faults.push((line, format!("{key} is {value}: write {example}")));
            }
            Some(_) => {}
        }
    };
    require("Signature", "Signature = \"$WINDOWS NT$\"", &|value| value.eq_ignore_ascii_case("$WINDOWS NT$"));
    require("Class", "Class = System", &|_| true);
    require("ClassGuid", "the GUID of the class, in braces", &is_guid);
    require("Provider", "Provider = %Provider%, who is not Microsoft", &|value| {
        !value.to_ascii_lowercase().contains("microsoft")
    });
    require("CatalogFile", "the name of the catalogue, ending in .cat", &|value| {
        value.to_ascii_lowercase().ends_with(".cat") && !value.contains(['\\', '/'])
    });
    require("PnpLockdown", "PnpLockdown = 1, so that only Windows changes the files", &|value| value == "1");
    require("DriverVer", "DriverVer = month/day/year,w.x.y.z", &|value| is_date(value));
    if version.value("DriverVer").is_some() && driver_version(version).is_none() {
        let line = version.get("DriverVer").map_or(version.line, |entry| entry.line);
        faults.push((line, "DriverVer has no version: write DriverVer = month/day/year,w.x.y.z".into()));
    }
}

pub(super) fn class(subject: &Subject<'_>, faults: &mut Faults) {
    if let Some(section) = subject
        .inf
        .sections
        .iter()
        .find(|section| section.name.to_ascii_lowercase().starts_with("classinstall32"))
    {
        faults.push((
            section.line,
            "a class of Windows' own must not be defined anew: remove the section".into(),
        ));
    }
    let Some(version) = subject.inf.section("Version") else { return };
    let (Some(class), Some(guid)) = (version.get("Class"), version.value("ClassGuid")) else { return };
    let name = class.value(0).unwrap_or_default();
    match CLASSES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((_, known)) if known.eq_ignore_ascii_case(guid) || !is_guid(guid) => {}
        Some((_, known)) => {
            faults.push((class.line, format!("the GUID of the class {name} is {known}: write it")));
        }
        None => {
            faults
                .push((class.line, format!("{name} is no class for a driver without a device: use System")));
        }
    }
}

pub(super) fn agrees(subject: &Subject<'_>, faults: &mut Faults) {
    let Some(version) = subject.inf.section("Version") else { return };
    let Some(stated) = driver_version(version) else { return };
    let expected = format!("{}.0", subject.project.version);
    if stated != expected {
        let line = version.get("DriverVer").map_or(version.line, |entry| entry.line);
        faults.push((
            line,
            format!("DriverVer says {stated} and the package is {expected}: stamp the INF again"),
        ));
    }
}

/// The version in `DriverVer`, if there is one.
fn driver_version(version: &Section) -> Option<&str> {
    let stated = version.get("DriverVer")?.value(1)?;
    let numbers = stated.split('.').filter(|part| part.parse::<u16>().is_ok()).count();
    (numbers == 4 && stated.split('.').count() == 4).then_some(stated)
}

/// Month, day and year.
fn is_date(text: &str) -> bool {
    let parts: Vec<u16> = text.split('/').map_while(|part| part.parse().ok()).collect();
    text.split('/').count() == 3 && matches!(parts[..], [1..=12, 1..=31, 1980..=9999])
}

fn is_guid(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else { return false };
    let groups: Vec<&str> = digits.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && digits.chars().all(|digit| digit.is_ascii_hexdigit() || digit == '-')
}
