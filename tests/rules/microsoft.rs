//! The rules of Microsoft's verifiers, one by one: which of ours enforces each, or why none does.
//!
//! The names are those of Microsoft's pages. A row refers to our rules by their statics; the drivers that break them, and
//! those that come close, are found where the tests are.

mod framework;
mod verifier;
mod wdm;

use std::collections::BTreeSet;
use std::fmt::Write;

use ntos::Rule;

use super::{Layer, Source, evidence, right_sources, sources};

const HEAD: &str = "
# Microsoft's verifiers, rule by rule

What Static Driver Verifier, Driver Verifier and the framework's verifier look for, by the names on their pages, and the rule
here that is it. **Wrong** is a driver that breaks it and is stopped; **right** one that comes close and passes. `partly`
says what is not seen, `no` why there is no such rule. Rules that none of Microsoft's verifiers has are in the tables above
only.
";

/// Whether we have a rule of Microsoft's.
pub(super) enum Answer {
    /// These rules of ours are it.
    By(Vec<&'static Rule>),
    /// These are, but for something.
    Partly(Vec<&'static Rule>, &'static str),
    /// None is, and why.
    No(&'static str),
}

impl Answer {
    fn rules(&self) -> &[&'static Rule] {
        match self {
            Answer::By(rules) | Answer::Partly(rules, _) => rules,
            Answer::No(_) => &[],
        }
    }
}

/// The rules of one page of Microsoft's.
pub(super) struct Section {
    title: &'static str,
    /// The page's title.
    source: &'static str,
    rows: Vec<(&'static str, Answer)>,
}

/// The parts of the list, each with what it is about.
fn parts() -> [(&'static str, Vec<Section>); 3] {
    [
        ("DDI compliance, WDM", wdm::sections()),
        ("DDI compliance, KMDF", framework::sections()),
        ("Run time", verifier::sections()),
    ]
}

/// Our rules, with what the tests call them, and the tests.
struct Ours {
    rules: Vec<(&'static Rule, String, Layer)>,
    wrong: Vec<(Layer, Vec<Source>)>,
    right: Vec<(Layer, Vec<Source>)>,
}

impl Ours {
    fn new() -> Ours {
        let of_layer = |layer: Layer| layer.rules().into_iter().map(move |(rule, name)| (rule, name, layer));
        Ours {
            rules: Layer::ALL.into_iter().flat_map(of_layer).collect(),
            wrong: Layer::ALL.into_iter().map(|layer| (layer, sources(layer.tests()))).collect(),
            right: Layer::ALL.into_iter().map(|layer| (layer, right_sources(layer.tests()))).collect(),
        }
    }

    /// The files that expect these rules, as links.
    fn links(&self, rules: &[&'static Rule], files: &[(Layer, Vec<Source>)]) -> String {
        let mut paths = Vec::new();
        for rule in rules {
            let (_, name, layer) =
                self.rules.iter().find(|(own, ..)| std::ptr::eq(*own, *rule)).expect("a rule of the lists");
            let of_layer = files.iter().find(|(of, _)| of == layer).map(|(_, sources)| sources);
            let path = of_layer.and_then(|sources| evidence(sources, name));
            let path = path.unwrap_or_else(|| panic!("no test for {rule}"));
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        let link = |path: &&str| {
            let name = path.split_once("/tests/").map_or(*path, |(_, name)| name);
            format!("[{name}](../{path})")
        };
        paths.iter().map(link).collect::<Vec<_>>().join(", ")
    }

    fn row(&self, name: &str, answer: &Answer) -> String {
        let note = match answer {
            Answer::No(why) => return format!("| {name} | no: {why} | | |"),
            Answer::Partly(_, why) => format!("; partly: {why}"),
            Answer::By(_) => String::new(),
        };
        let rules = answer.rules();
        let names: BTreeSet<_> = rules.iter().map(|rule| format!("`{}`", rule.name)).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let (wrong, right) = (self.links(rules, &self.wrong), self.links(rules, &self.right));
        format!("| {name} | {names}{note} | {wrong} | {right} |")
    }
}

/// Appends the list to the page.
pub(super) fn write(page: &mut String) {
    page.push_str(HEAD);
    let ours = Ours::new();
    for (part, sections) in parts() {
        let _ = write!(page, "\n## {part}\n");
        for Section { title, source, rows } in sections {
            let _ = write!(
                page,
                "\n### {title}\n\n{source}.\n\n| rule | here | wrong | right |\n|---|---|---|---|\n"
            );
            for (name, answer) in rows {
                let _ = writeln!(page, "{}", ours.row(name, &answer));
            }
        }
    }
}

#[test]
fn rows_are_of_different_rules() {
    for (part, sections) in parts() {
        let mut seen = BTreeSet::new();
        for section in sections {
            for (name, answer) in section.rows {
                // The codes of different bug checks may be the same.
                assert!(seen.insert((section.source, name)), "{part}: {name} twice");
                assert!(matches!(answer, Answer::No(_)) || !answer.rules().is_empty(), "{name}: by no rule");
            }
        }
    }
}

/// A rule of ours that cites a rule page is a row's, by that name.
#[test]
fn cited_rules_are_listed() {
    let parts = parts();
    let listed = |part: usize, name: &str, rule: &Rule| {
        let rows = parts[part].1.iter().flat_map(|section| &section.rows);
        rows.into_iter()
            .any(|(row, answer)| *row == name && answer.rules().iter().any(|own| std::ptr::eq(*own, rule)))
    };
    for (rule, constant) in Layer::ALL.into_iter().flat_map(Layer::rules) {
        for (part, suffix) in [" rule (wdm)", " rule (kmdf)"].into_iter().enumerate() {
            if let Some(name) = rule.source.strip_suffix(suffix) {
                assert!(listed(part, name, rule), "{constant} cites {name}, whose row does not have it");
            }
        }
    }
}
