//! An INF for each rule that breaks exactly it.

use super::*;
use crate::inf::stamped;
use crate::root;

fn project() -> Project {
    crate::inf::project(&root().unwrap()).unwrap()
}

/// The project's own INF.
fn good() -> String {
    stamped(&root().unwrap(), Some("2026-01-31")).unwrap()
}

/// A change to the project's INF: what stands there, and what to put in its place.
type Change = (&'static str, &'static str);

/// For each rule, changes each of which breaks it and no other.
const BREAKS: &[(&str, &[Change])] = &[
    ("encoding", &[("; The driver package", "; \u{dc}ber the driver package")]),
    (
        "syntax",
        &[
            ("[Strings]", "[Strings"),
            ("\"The wskdrv authors\"", "\"The wskdrv authors"),
            ("[Version]", "x = y\r\n[Version]"),
            ("= %Provider%", "= %Provider"),
        ],
    ),
    (
        "stamped",
        &[
            ("[Driver.Service]", "[Driver.Service]\r\nLoadOrderGroup = $KMDFVERSION$"),
            ("= System", "= System, $ARCH$"),
        ],
    ),
    (
        "version-complete",
        &[
            ("\"$WINDOWS NT$\"", "\"$CHICAGO$\""),
            ("Class       = System", ""),
            ("{4d36e97d-e325-11ce-bfc1-08002be10318}", "4d36e97d-e325-11ce-bfc1-08002be10318"),
            ("Provider    = %Provider%", ";%Provider%\r\nX = %Provider%"),
            ("\"The wskdrv authors\"", "\"Microsoft\""),
            ("CatalogFile = wskdrv.cat", ""),
            ("CatalogFile = wskdrv.cat", "CatalogFile = wskdrv.inf"),
            ("PnpLockdown = 1", ""),
            ("PnpLockdown = 1", "PnpLockdown = 0"),
            ("01/31/2026,", "2026-01-31,"),
            ("01/31/2026,0.1.0.0", "01/31/2026"),
            ("DriverVer   = 01/31/2026,0.1.0.0", "DriverVer ="),
        ],
    ),
    (
        "class",
        &[
            ("Class       = System", "Class = NetService"),
            ("{4d36e97d-", "{4d36e974-"),
            ("[SourceDisksNames]", "[ClassInstall32]\r\n[SourceDisksNames]"),
        ],
    ),
    ("version-agrees", &[("01/31/2026,0.1.0.0", "01/31/2026,9.9.9.9")]),
    (
        "section-found",
        &[
            ("ServiceType   =", "AddReg = Driver.Registry\r\nServiceType   ="),
            ("CopyFiles = Driver.Files", "CopyFiles = Driver.Files, wskdrv.sys"),
            ("Driver.Files = 13", "Driver.Files = 13\r\nDriver.More = 13"),
        ],
    ),
    ("section-used", &[("[Driver.Files]", "[Driver.More]\r\nx\r\n[Driver.Files]")]),
    ("section-shared", &[("LegacyUninstall = 1\r", "LegacyUninstall = 1\r\nDelFiles = Driver.Files\r")]),
    ("primitive", &[("[SourceDisksNames]", "[Manufacturer]\r\n[SourceDisksNames]")]),
    ("decorated", &[("[Driver.Files]", "[DefaultUninstall]\r\nLegacyUninstall = 1\r\n[Driver.Files]")]),
    (
        "install-services",
        &[
            ("AddService = wskdrv,,Driver.Service", "AddService = wskdrv,2,Driver.Service"),
            ("AddService = wskdrv,,Driver.Service", "AddService = wskdrv,0x802,Driver.Service"),
        ],
    ),
    (
        "uninstall",
        &[
            ("LegacyUninstall = 1\r", "\r"),
            ("LegacyUninstall = 1\r", "LegacyUninstall = 0\r"),
            ("DelService = wskdrv,0x200", ""),
            ("DelService = wskdrv,0x200", "DelService = wskdrv"),
            ("DelService = wskdrv,0x200", "DelService = wskdrv,0x1"),
            ("[DefaultUninstall.NTamd64.Services]\r\nDelService", "X"),
        ],
    ),
    ("destination-dirs", &[("Driver.Files = 13", "")]),
    (
        "driver-store",
        &[
            ("Driver.Files = 13", "Driver.Files = 12"),
            ("Driver.Files = 13", "Driver.Files = 13, x64"),
            ("wskdrv.sys = 1", "wskdrv.sys = 1, x64"),
            ("[Driver.Files]\r\nwskdrv.sys\r", "[Driver.Files]\r\nwskdrv.sys\r\nb.sys, wskdrv.sys\r"),
        ],
    ),
    (
        "source-disks",
        &[
            ("wskdrv.sys = 1", ""),
            ("wskdrv.sys = 1", "wskdrv.sys = 2"),
            ("wskdrv.sys = 1", "wskdrv.sys = 1\r\nother.sys = 1"),
        ],
    ),
    (
        "strings-defined",
        &[
            ("Disk        = \"wskdrv installation disk\"", ""),
            ("Service     = \"wskdrv\"", ""),
            ("ServiceType   =", "LoadOrderGroup = %SystemRoot%\r\nServiceType   ="),
        ],
    ),
    ("strings-used", &[("[Strings]", "[Strings]\r\nOther = \"x\""), ("= %Disk%,,,", "= Disk,,,")]),
    ("strings-unique", &[("[Strings]", "[Strings]\r\ndisk = \"x\"")]),
    (
        "names",
        &[
            ("Service     = \"wskdrv\"", "Service = \"WSK driver\""),
            ("Description = \"A Windows", "Description = \"Another Windows"),
            ("DisplayName   = %Service%", "Dependencies = %Service%"),
            ("CatalogFile = wskdrv.cat", "CatalogFile = other.cat"),
        ],
    ),
    (
        "service-values",
        &[
            ("ServiceType   = 1 ", "ServiceType   = 2 "),
            ("StartType     = 3 ", "StartType     = 0 "),
            ("StartType     = 3 ", ";"),
            ("ErrorControl  = 1 ", "ErrorControl  = 3 "),
            ("ErrorControl  = 1 ", "ErrorControl  = normal "),
        ],
    ),
    (
        "service-binary",
        &[("= %13%\\wskdrv.sys", "= %12%\\wskdrv.sys"), ("ServiceBinary = %13%\\wskdrv.sys", "")],
    ),
    (
        "legacy",
        &[
            ("[Driver.Files]", "[DefaultInstall.NTamd64.CoInstallers]\r\n[Driver.Files]"),
            ("CopyFiles = Driver.Files", "CopyFiles = Driver.Files\r\nRegisterDlls = @x"),
            ("CopyFiles = Driver.Files", "CopyFiles = Driver.Files\r\nDelFiles = @wskdrv.sys"),
            (
                "AddService = wskdrv,,Driver.Service",
                "AddService = wskdrv,,Driver.Service\r\nDelService = other",
            ),
        ],
    ),
    (
        "registry",
        &[
            (
                "ServiceType   =",
                "AddReg = Values\r\n[Values]\r\nHKLM,SYSTEM\\CurrentControlSet\\Services\\wskdrv,X,,1\r\n[Driver.Service]\r\nServiceType   =",
            ),
            (
                "ServiceType   =",
                "AddReg = Values\r\n[Values]\r\nHKR,,X,0x10008,1\r\n[Driver.Service]\r\nServiceType   =",
            ),
            (
                "ServiceType   =",
                "AddReg = Values\r\n[Values]\r\nHKR,,CoInstallers32,0x10000,x\r\n[Driver.Service]\r\nServiceType   =",
            ),
        ],
    ),
];

#[test]
fn own_inf_is_good() {
    assert_eq!(faults(good().as_bytes(), &project()), []);
}

#[test]
fn each_break_is_seen_by_its_rule_alone() {
    let (good, project) = (good(), project());
    for (rule, changes) in BREAKS {
        for (from, to) in *changes {
            assert_eq!(good.matches(from).count(), 1, "{rule}: {from:?} stands once");
            let faults = faults(good.replace(from, to).as_bytes(), &project);
            assert!(!faults.is_empty(), "{rule}: {from:?} -> {to:?} is not seen");
            assert!(
                faults.iter().all(|fault| fault.rule == *rule),
                "{rule}: {from:?} -> {to:?}: {faults:#?}"
            );
        }
    }
}

#[test]
fn every_rule_is_broken_once() {
    let broken: Vec<&str> = BREAKS.iter().map(|(rule, _)| *rule).collect();
    let rules: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(broken, rules);
}

/// Breaks that cannot but break a second rule as well.
#[test]
fn breaks_that_have_consequences() {
    let (good, project) = (good(), project());
    let rules = |inf: String| -> Vec<&str> {
        let mut rules: Vec<&str> = faults(inf.as_bytes(), &project).iter().map(|fault| fault.rule).collect();
        rules.dedup();
        rules
    };
    // Another name for the service, everywhere.
    assert_eq!(rules(good.replace("wskdrv,", "other,")), ["names"]);
    // Another name for the file, everywhere.
    assert_eq!(rules(good.replace("wskdrv.sys", "other.sys")), ["names"]);
    assert_eq!(rules(good.replace(".NTamd64", "")), ["decorated"]);
    assert_eq!(rules(good.replace(".NTamd64", ".amd64")), ["decorated"]);
    assert_eq!(rules(good.replace("DefaultInstall.", "Install.")).first(), Some(&"section-used"));
    assert!(rules(good.replace("[DefaultInstall.NTamd64.Services]", "")).contains(&"install-services"));
    assert!(rules(good.replace("AddService", "AddServices")).contains(&"install-services"));
    let all = rules("; nothing\r\n".into());
    assert_eq!(all, ["version-complete", "primitive"]);
}

#[test]
fn both_processors_in_one_file_are_good() {
    let good = good();
    let from = good.find("[DefaultInstall.NTamd64]").unwrap();
    let to = good.find("[Driver.Files]").unwrap();
    let arm = good[from..to].replace("amd64", "arm64");
    let both = format!("{}{arm}{}", &good[..to], &good[to..]);
    assert_eq!(faults(both.as_bytes(), &project()), []);
}

#[test]
fn utf_16_is_read_too() {
    let units = std::iter::once(0xFEFF).chain(good().encode_utf16().collect::<Vec<_>>());
    let bytes: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
    assert_eq!(faults(&bytes, &project()), []);
}

#[test]
fn lines_are_those_of_the_file() {
    let good = good();
    let line = good.lines().position(|line| line.starts_with("PnpLockdown")).unwrap() + 1;
    let faults = faults(good.replace("PnpLockdown = 1", "PnpLockdown = 0").as_bytes(), &project());
    assert_eq!(faults[0].line, line);
}
