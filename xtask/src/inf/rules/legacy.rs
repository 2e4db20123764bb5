//! What Windows Drivers may not have any more: "DCH Design Principles and Best Practices".

use super::install::{number, part};
use super::{Faults, Subject};

/// Directives that `InfVerif` calls legacy, or that act on what is not the package's own.
const DIRECTIVES: [&str; 16] = [
    "BitReg",
    "CopyINF",
    "DelFiles",
    "DelProperty",
    "DelReg",
    "DelService",
    "Ini2Reg",
    "LayoutFile",
    "LogConfig",
    "ProfileItems",
    "RegisterDlls",
    "RenFiles",
    "Reboot",
    "UnregisterDlls",
    "UpdateIniFields",
    "UpdateInis",
];

/// Flags of a registry value: "INF `AddReg` Directive".
const APPEND: u32 = 0x0000_0008;
const MULTI_SZ: u32 = 0x0001_0000;

pub(super) fn directives(subject: &Subject<'_>, faults: &mut Faults) {
    for section in &subject.inf.sections {
        let last = section.name.rsplit('.').next().unwrap_or_default();
        if ["CoInstallers", "LogConfigOverride"].iter().any(|legacy| legacy.eq_ignore_ascii_case(last)) {
            let what = format!("[{}] is no longer allowed: remove it with what it refers to", section.name);
            faults.push((section.line, what));
        }
        // What undoes an installation undoes what only older systems would have done.
        let uninstalls = section.name.to_ascii_lowercase().starts_with("defaultuninstall");
        if uninstalls && part(&section.name).is_some() {
            continue;
        }
        for entry in &section.entries {
            if let Some(legacy) = DIRECTIVES.iter().find(|legacy| entry.has_key(legacy)) {
                faults.push((
                    entry.line,
                    format!("{legacy} is no longer allowed in a driver package: remove it"),
                ));
            }
        }
    }
}

pub(super) fn registry(subject: &Subject<'_>, faults: &mut Faults) {
    let inf = subject.inf;
    let adds = inf.sections.iter().flat_map(|section| section.all("AddReg")).flat_map(|entry| &entry.values);
    for entry in adds.filter_map(|name| inf.section(name)).flat_map(|section| &section.entries) {
        let root = entry.value(0).unwrap_or_default();
        let name = entry.value(2).unwrap_or_default();
        let flags = entry.value(3).and_then(number).unwrap_or_default();
        if !root.eq_ignore_ascii_case("HKR") {
            let what = format!("a value under {root} is not the package's own: write it under HKR");
            faults.push((entry.line, what));
        } else if flags & MULTI_SZ != 0 && flags & APPEND != 0 {
            faults.push((entry.line, format!("{name} is appended to: write the whole value instead")));
        } else if name.eq_ignore_ascii_case("CoInstallers32") {
            faults.push((entry.line, "co-installers are no longer allowed: remove the value".into()));
        }
    }
}
