//! The `%strings%`: "INF Strings Section".

use super::{Faults, Subject};
use crate::inf::parse::{Inf, Section};

/// The sections of strings, of which one may be for each language.
fn sections(inf: &Inf) -> impl Iterator<Item = &Section> {
    inf.sections.iter().filter(|section| is_strings(section))
}

fn is_strings(section: &Section) -> bool {
    section.name.split('.').next().is_some_and(|first| first.eq_ignore_ascii_case("Strings"))
}

/// The strings that a text refers to: neither `%%`, which is a per cent sign, nor `%13%`, which is a directory.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    // Every second piece stands between two signs; nothing between them is `%%`.
    let named = text.split('%').skip(1).step_by(2);
    named.filter(|name| !name.is_empty() && !name.chars().all(|digit| digit.is_ascii_digit() || digit == '-'))
}

/// Each token with its line: in entries, and in the names of sections.
fn all(inf: &Inf) -> impl Iterator<Item = (usize, &str)> {
    let entries =
        inf.sections.iter().filter(|section| !is_strings(section)).flat_map(|section| &section.entries);
    let in_entries = entries.flat_map(|entry| {
        let texts = entry.key.iter().chain(&entry.values);
        texts.flat_map(|text| tokens(text)).map(|token| (entry.line, token))
    });
    let in_names =
        inf.sections.iter().flat_map(|section| tokens(&section.name).map(|token| (section.line, token)));
    in_entries.chain(in_names)
}

impl Subject<'_> {
    /// A text with its strings put in; what is not defined stays as it is.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        for (index, piece) in text.split('%').enumerate() {
            let defined = || self.inf.section("Strings").and_then(|section| section.value(piece));
            match (index % 2, piece) {
                (0, _) => expanded.push_str(piece),
                (_, "") => expanded.push('%'),
                _ => match defined() {
                    Some(value) => expanded.push_str(value),
                    None => expanded.extend(["%", piece, "%"]),
                },
            }
        }
        expanded
    }
}

pub(super) fn defined(subject: &Subject<'_>, faults: &mut Faults) {
    for (line, token) in all(subject.inf) {
        if !sections(subject.inf).any(|section| section.get(token).is_some()) {
            let what =
                format!("%{token}% is not in [Strings]: add it, or write %%{token}%% if you mean the text");
            faults.push((line, what));
        }
    }
}

pub(super) fn used(subject: &Subject<'_>, faults: &mut Faults) {
    for entry in sections(subject.inf).flat_map(|section| &section.entries) {
        let key = entry.key.as_deref().unwrap_or_default();
        if !all(subject.inf).any(|(_, token)| token.eq_ignore_ascii_case(key)) {
            faults.push((entry.line, format!("nothing uses %{key}%: remove it from [Strings]")));
        }
    }
}

pub(super) fn unique(subject: &Subject<'_>, faults: &mut Faults) {
    for section in sections(subject.inf) {
        for (index, entry) in section.entries.iter().enumerate() {
            let Some(key) = entry.key.as_deref() else { continue };
            if section.entries[..index].iter().any(|before| before.has_key(key)) {
                faults.push((entry.line, format!("%{key}% is defined a second time: remove one of the two")));
            }
        }
    }
}
