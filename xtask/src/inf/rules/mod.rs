//! The rules, and the table of them.

mod files;
mod graph;
mod install;
mod legacy;
mod service;
mod strings;
#[cfg(test)]
mod tests;
mod version;

use super::parse::{Inf, decode};

/// What the INF has to agree with.
#[derive(Debug)]
pub(super) struct Project {
    /// The name by which the harness and its documentation know the service.
    pub(super) service: String,
    pub(super) package: String,
    pub(super) description: String,
    pub(super) version: String,
}

/// A breach of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) rule: &'static str,
    /// Counted from 1.
    pub(super) line: usize,
    /// What is wrong and what to do.
    pub(super) what: String,
}

/// Whether Windows' own tool has a rule, as far as its documentation tells: the page "INF Validation Errors and
/// Warnings" and those of `InfVerif`'s modes.
#[derive(Debug, Clone, Copy)]
pub(super) enum InfVerif {
    /// By this number, or these.
    As(&'static str),
    /// Documented, without a number of its own.
    Yes,
    /// Not in this form: what of it.
    Partly(&'static str),
    No,
}

/// A rule.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// What has to hold.
    about: &'static str,
    infverif: InfVerif,
    check: fn(&Subject<'_>, &mut Faults),
}

/// An INF under examination.
struct Subject<'a> {
    inf: &'a Inf,
    text: &'a str,
    project: &'a Project,
}

/// The breaches of one rule: their lines, and what to do.
type Faults = Vec<(usize, String)>;

/// Every rule; the first two end the examination when they are broken.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "encoding",
        about: "the file is ASCII, or UTF-16 with its mark",
        infverif: InfVerif::Partly("it reads the file in the machine's code page"),
        check: |_, _| {},
    },
    Rule {
        name: "syntax",
        about: "every line is a section's name, an entry or a comment",
        infverif: InfVerif::As("1000 to 1099"),
        check: |subject, faults| faults.extend(subject.inf.errors.iter().cloned()),
    },
    Rule {
        name: "stamped",
        about: "no variable of an INX is left",
        infverif: InfVerif::Partly("as a section that is not found, or a bad version"),
        check: version::stamped,
    },
    Rule {
        name: "version-complete",
        about: "[Version] has all that a signed package needs, PnpLockdown=1 among it",
        infverif: InfVerif::As("1204 and 1233 of it"),
        check: version::complete,
    },
    Rule {
        name: "class",
        about: "Class and ClassGuid are a pair that Windows defines, without a section that defines it anew",
        infverif: InfVerif::As("1285 of it"),
        check: version::class,
    },
    Rule {
        name: "version-agrees",
        about: "DriverVer has the version of the package",
        infverif: InfVerif::No,
        check: version::agrees,
    },
    Rule {
        name: "section-found",
        about: "every section that is referred to exists",
        infverif: InfVerif::As("1203"),
        check: graph::found,
    },
    Rule {
        name: "section-used",
        about: "every section is reached from one that Windows looks for",
        infverif: InfVerif::As("2083"),
        check: graph::used,
    },
    Rule {
        name: "section-shared",
        about: "no section is referred to by directives of two kinds",
        infverif: InfVerif::As("1205"),
        check: graph::shared,
    },
    Rule {
        name: "primitive",
        about: "there is a DefaultInstall, and no Manufacturer",
        infverif: InfVerif::As("1212 and 1297"),
        check: install::primitive,
    },
    Rule {
        name: "decorated",
        about: "each DefaultInstall and DefaultUninstall names its processor",
        infverif: InfVerif::Yes,
        check: install::decorated,
    },
    Rule {
        name: "install-services",
        about: "each DefaultInstall has its .Services, which adds the service",
        infverif: InfVerif::As("1296, for devices"),
        check: install::services,
    },
    Rule {
        name: "uninstall",
        about: "each DefaultInstall has its DefaultUninstall with LegacyUninstall=1, which deletes the service",
        infverif: InfVerif::Partly("that LegacyUninstall=1 is there"),
        check: install::uninstall,
    },
    Rule {
        name: "destination-dirs",
        about: "every list of files has its directory in [DestinationDirs]",
        infverif: InfVerif::Yes,
        check: files::destinations,
    },
    Rule {
        name: "driver-store",
        about: "files stay where the package lies, under their own names: directory 13",
        infverif: InfVerif::As("1100 and 1306 of it; the directory in its mode /w"),
        check: files::driver_store,
    },
    Rule {
        name: "source-disks",
        about: "every file that is copied has its disk, and no other is listed",
        infverif: InfVerif::As("1230 of it"),
        check: files::source_disks,
    },
    Rule {
        name: "strings-defined",
        about: "every %string% is defined",
        infverif: InfVerif::As("1235"),
        check: strings::defined,
    },
    Rule {
        name: "strings-used",
        about: "every string is used",
        infverif: InfVerif::No,
        check: strings::used,
    },
    Rule {
        name: "strings-unique",
        about: "no string is defined twice",
        infverif: InfVerif::Yes,
        check: strings::unique,
    },
    Rule {
        name: "names",
        about: "service, file, catalogue and texts bear the names of the crate and of its contract",
        infverif: InfVerif::No,
        check: service::names,
    },
    Rule {
        name: "service-values",
        about: "a kernel driver, started on demand, whose failure does not stop the system's start",
        infverif: InfVerif::Partly("that the values are there and valid"),
        check: service::values,
    },
    Rule {
        name: "service-binary",
        about: "the service runs a file that the package copies, from directory 13",
        infverif: InfVerif::Partly("the directory, in its mode /w"),
        check: service::binary,
    },
    Rule {
        name: "legacy",
        about: "no section or directive that Windows Drivers may not have, co-installers above all",
        infverif: InfVerif::As("1300 to 1303 and 2222"),
        check: legacy::directives,
    },
    Rule {
        name: "registry",
        about: "registry values only under HKR, none appended",
        infverif: InfVerif::As("1221, 1304 and 1305"),
        check: legacy::registry,
    },
];

/// Everything that is wrong with an INF.
pub(super) fn faults(bytes: &[u8], project: &Project) -> Vec<Fault> {
    let text = match decode(bytes) {
        Ok(text) => text,
        Err(error) => return vec![Fault { rule: RULES[0].name, line: 1, what: format!("{error:#}") }],
    };
    let inf = Inf::parse(&text);
    let subject = Subject { inf: &inf, text: &text, project };
    let mut faults = Vec::new();
    for rule in RULES {
        let mut found = Faults::new();
        (rule.check)(&subject, &mut found);
        faults.extend(found.into_iter().map(|(line, what)| Fault { rule: rule.name, line, what }));
        // What was not understood would be missed by every other rule.
        if !inf.errors.is_empty() && rule.name == "syntax" {
            break;
        }
    }
    faults
}

/// Prints the rules, each with what `InfVerif` has of it.
pub(super) fn list() {
    for rule in RULES {
        let infverif = match rule.infverif {
            InfVerif::As(numbers) => format!("InfVerif too: {numbers}"),
            InfVerif::Yes => "InfVerif too".to_owned(),
            InfVerif::Partly(what) => format!("InfVerif only partly: {what}"),
            InfVerif::No => "not InfVerif".to_owned(),
        };
        println!("{:<17} {}\n{:<17}     {infverif}", rule.name, rule.about, "");
    }
}
