//! The rules of the hosted modules: each has a driver that breaks it, and the page of them, `docs/rules.md`, is right.
//!
//! A test of the hosted crates names the rule that must stop its driver by a reference to the rule's static,
//! `&rules::IRQL`, which it hands to what compares the report. These references are what is looked for here.
//! `UPDATE_EXPECT=1` writes the page anew.

mod microsoft;
mod unnoticed;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use expect_test::expect_file;
use ntos::Rule;

const HEAD: &str = "\
# The rules, and what has checked them

Breaking one of these is a bug check that names it. The tables follow from the rules' own declarations and from the tests
(`tests/rules.rs`); `source` is the Microsoft page that states the rule.

- **Hosted**: the hosted kernel enforces it. The file has a driver that breaks it and is stopped by this rule.
- **Wine**: the rule is in force when the driver runs under Wine (`cargo xtask wine`). `yes`: by the same code, in
  `wdfldr.sys` and `netio.sys`; `stand-in`: by what stands there for a function of Wine's kernel; `no`: not checked,
  because Wine's kernel does not, or has nothing to check it with ([fidelity.md](fidelity.md)).
- **Windows**: nothing yet. No Windows has run the driver.
";

/// Rules of the kernel that are checked by what stands in for Wine's functions.
const STAND_IN: [&str; 6] =
    ["PoolBadAddress", "PoolDoubleFree", "PoolWrongTag", "PoolLeak", "FreeIrpInUse", "IoAllocateFree"];

/// Rules of framework and WSK that need what Wine has not: IRQLs, a list of all IRPs, a look at `DriverEntry`.
const NOT_UNDER_WINE: [&str; 13] = [
    "IrqlReturn",
    "KmdfIrql",
    "WdfSpinlock",
    "RequestChildNeedsPassive",
    "DriverCreate",
    "CtlDeviceFinishInitDrEntry",
    "WskIrql",
    "WskEventIrql",
    "WskNotAnIrp",
    "WskCallUnderSpinLock",
    "WskPagedMemory",
    "WskRegistrationFreed",
    "WskCaptureInDriverEntry",
];

/// What the rules are of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    Kernel,
    Framework,
    Wsk,
}

impl Layer {
    const ALL: [Layer; 3] = [Layer::Kernel, Layer::Framework, Layer::Wsk];

    fn title(self) -> &'static str {
        match self {
            Layer::Kernel => "The kernel (`ntos`)",
            Layer::Framework => "The framework (`kmdf`)",
            Layer::Wsk => "WSK (`netio`)",
        }
    }

    /// Where its wrong drivers are.
    fn tests(self) -> &'static str {
        match self {
            Layer::Kernel => "crates/hosted/ntos/tests",
            Layer::Framework => "crates/hosted/kmdf/tests",
            Layer::Wsk => "crates/hosted/netio/tests",
        }
    }

    /// The modules that declare rules: what the tests call the module, its rules, what it calls them.
    fn modules(self) -> Vec<(&'static str, &'static [&'static Rule], &'static [&'static str])> {
        match self {
            Layer::Kernel => vec![
                ("rule", ntos::rule::RULES, ntos::rule::CONSTANTS),
                ("rules", ntos::io_rules::RULES, ntos::io_rules::CONSTANTS),
            ],
            Layer::Framework => vec![("rules", kmdf::rules::RULES, kmdf::rules::CONSTANTS)],
            Layer::Wsk => vec![("rules", netio::rules::RULES, netio::rules::CONSTANTS)],
        }
    }

    /// Its rules, each with the path in the source.
    fn rules(self) -> Vec<(&'static Rule, String)> {
        let rows = self.modules().into_iter().flat_map(|(module, rules, constants)| {
            assert_eq!(rules.len(), constants.len());
            rules.iter().zip(constants).map(move |(rule, constant)| (*rule, format!("{module}::{constant}")))
        });
        rows.collect()
    }
}

/// A file of tests, without its comments.
struct Source {
    path: String,
    code: String,
}

impl Source {
    fn new(path: String, text: &str) -> Source {
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        Source { path, code: code.collect::<Vec<_>>().join("\n") }
    }

    /// Whether it expects a rule.
    fn expects(&self, rule: &str) -> bool {
        let reference = format!("&{rule}");
        let in_identifier = |after: &str| after.starts_with(|c: char| c == '_' || c.is_alphanumeric());
        self.code.match_indices(&reference).any(|(at, _)| !in_identifier(&self.code[at + reference.len()..]))
    }
}

/// Whether a file, or a folder, has drivers that come close to breaking a rule, and do not.
fn is_of_right_drivers(path: &str) -> bool {
    matches!(path.rsplit('/').next(), Some("right" | "right.rs"))
}

/// The files of a folder of the project with drivers that break rules, in the order of their paths.
fn sources(folder: &str) -> Vec<Source> {
    all_sources(folder, &|path| !is_of_right_drivers(path))
}

/// The files with drivers that come close to breaking a rule. Of a file that has wrong ones, too, only the lines that
/// begin a right one, by `right(&RULE`.
fn right_sources(folder: &str) -> Vec<Source> {
    let mut sources = all_sources(folder, &|_| true);
    for source in &mut sources {
        if !source.path.split('/').any(is_of_right_drivers) {
            let begins = source.code.lines().filter(|line| line.contains(" right(&"));
            source.code = begins.collect::<Vec<_>>().join("\n");
        }
    }
    sources
}

/// The files of a folder of the project, in the order of their paths, but for those which are not `wanted`.
fn all_sources(folder: &str, wanted: &dyn Fn(&str) -> bool) -> Vec<Source> {
    let mut sources = Vec::new();
    let entries =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("a folder of tests");
    for entry in entries {
        let entry = entry.expect("an entry of the folder");
        let path = format!("{folder}/{}", entry.file_name().to_str().expect("a name in UTF-8"));
        if !wanted(&path) {
            continue;
        }
        if entry.file_type().expect("its type").is_dir() {
            sources.extend(all_sources(&path, wanted));
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(entry.path()).expect("a file of tests");
            sources.push(Source::new(path, &text));
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

/// The path of a file with a driver that breaks the rule.
fn evidence<'a>(sources: &'a [Source], rule: &str) -> Option<&'a str> {
    sources.iter().find(|source| source.expects(rule)).map(|source| source.path.as_str())
}

fn table(page: &mut String, layer: Layer) {
    let title = layer.title();
    let _ =
        write!(page, "\n## {title}\n\n| rule | source | hosted | Wine | Windows |\n|---|---|---|---|---|\n");
    let sources = sources(layer.tests());
    for (rule, constant) in layer.rules() {
        let hosted = evidence(&sources, &constant).map_or("no test".to_owned(), |path| {
            let name = path.strip_prefix(layer.tests()).unwrap_or(path).trim_start_matches('/');
            format!("[{name}](../{path})")
        });
        let wine = match layer {
            Layer::Kernel if STAND_IN.contains(&rule.name) => "stand-in",
            Layer::Framework | Layer::Wsk if !NOT_UNDER_WINE.contains(&rule.name) => "yes",
            _ => "no",
        };
        let _ = writeln!(page, "| `{}` | {} | {hosted} | {wine} | |", rule.name, rule.source);
    }
}

#[test]
fn every_rule_has_a_driver_that_breaks_it() {
    let mut missing = Vec::new();
    for layer in Layer::ALL {
        let sources = sources(layer.tests());
        let rules = layer.rules().into_iter();
        missing.extend(
            rules
                .filter(|(_, constant)| evidence(&sources, constant).is_none())
                .map(|(rule, constant)| format!("{}: no test expects `&{constant}`, {rule}", layer.tests())),
        );
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Where Windows itself reports several rules by one code and parameter.
const SHARED_ON_WINDOWS: [(u32, usize); 3] = [(0xC4, 0x62), (0x10D, 0x5), (0x10D, 0xB)];

#[test]
fn code_and_first_parameter_tell_rules_apart() {
    let mut of_code: BTreeMap<(u32, usize), Vec<String>> = BTreeMap::new();
    for (rule, constant) in Layer::ALL.into_iter().flat_map(Layer::rules) {
        of_code.entry((rule.code, rule.parameter)).or_default().push(format!("{constant}, {rule}"));
    }
    let shared = of_code.iter().filter(|(_, rules)| rules.len() > 1);
    let wrong = shared.filter(|(number, _)| !SHARED_ON_WINDOWS.contains(number));
    let wrong: Vec<_> =
        wrong.map(|((code, first), rules)| format!("{code:#X}, {first:#X}: {}", rules.join("; "))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for number in SHARED_ON_WINDOWS {
        assert!(of_code.get(&number).is_some_and(|rules| rules.len() > 1), "{number:#X?} is not shared");
    }
}

#[test]
fn page_lists_every_rule() {
    let mut page = String::from(HEAD);
    for layer in Layer::ALL {
        table(&mut page, layer);
    }
    microsoft::write(&mut page);
    unnoticed::write(&mut page);
    expect_file!["../docs/rules.md"].assert_eq(&page);
}

#[test]
fn a_mention_is_no_expectation() {
    let source = |text: &str| Source::new(String::new(), text);
    assert!(source("caught(&rules::IRQL, \"x\", || ())").expects("rules::IRQL"));
    for other in [
        "&rules::IRQL_RETURN",
        "rules::IRQL",
        "&other::rules::IRQL",
        "&io_rules::IRQL",
        "&rules::IRQ",
        "// &rules::IRQL",
    ] {
        assert!(!source(other).expects("rules::IRQL"), "{other}");
    }
}

#[test]
fn a_right_driver_is_no_evidence() {
    for right in ["tests/rules/right.rs", "tests/right"] {
        assert!(is_of_right_drivers(right), "{right}");
    }
    assert!(!is_of_right_drivers("tests/right/main.rs"), "its folder is not looked into");
    assert!(!is_of_right_drivers("tests/bright.rs"));
    for source in Layer::ALL.into_iter().flat_map(|layer| sources(layer.tests())) {
        assert!(!source.path.contains("/right"), "{}", source.path);
    }
}

#[test]
fn exceptions_are_rules() {
    let all: Vec<_> = Layer::ALL.into_iter().flat_map(Layer::rules).collect();
    for name in STAND_IN.iter().chain(&NOT_UNDER_WINE) {
        assert!(all.iter().any(|(rule, _)| rule.name == *name), "{name}");
    }
}
