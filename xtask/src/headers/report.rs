//! Judges the answers: every item somewhere, no difference without a reason, no reason without a difference.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::compiler::Answer;
use super::item::{Expected, Item};
use super::known::{ABSENT, DIFFERENCES, Known, There};
use super::view::View;

pub(super) struct Report<'a> {
    items: &'a [Item],
    /// The indexes of the items that some headers declare.
    found: BTreeSet<usize>,
    /// The known differences that were met.
    met: BTreeSet<(&'static str, &'static str)>,
    errors: Vec<String>,
}

/// A number as a header would write it.
fn show(value: i128) -> String {
    if (i128::from(i32::MIN)..0).contains(&value) {
        format!("{:#x}", value & 0xFFFF_FFFF)
    } else {
        format!("{value:#x}")
    }
}

impl<'a> Report<'a> {
    pub(super) fn new(items: &'a [Item]) -> Self {
        Self { items, found: BTreeSet::new(), met: BTreeSet::new(), errors: Vec::new() }
    }

    /// Takes the answers of one set of headers, in the order of the items.
    pub(super) fn add(&mut self, view: &View, answers: &[Answer]) {
        let (mut agree, mut explained, mut differ, mut absent) = (0, 0, 0, 0);
        let items = self.items;
        for (index, (item, answer)) in items.iter().zip(answers).enumerate() {
            if *answer == Answer::Absent {
                absent += 1;
                continue;
            }
            self.found.insert(index);
            let Some(difference) = difference(item, answer) else {
                agree += 1;
                continue;
            };
            let known = DIFFERENCES.iter().find(|known| known.view == view.name && known.item == item.name);
            match known {
                Some(known) if explains(known, answer) => {
                    self.met.insert((known.view, known.item));
                    explained += 1;
                }
                _ => {
                    differ += 1;
                    self.errors
                        .push(format!("{} ({}): {difference}, says {}", item.name, item.module, view.title));
                }
            }
        }
        println!(
            "{:<34} {agree:>4} agree, {explained:>2} differ for a listed reason, {differ} differ, {absent:>4} not declared",
            view.title
        );
    }

    pub(super) fn finish(mut self) -> Result<()> {
        for known in DIFFERENCES {
            if !self.met.contains(&(known.view, known.item)) {
                let Known { view, item, reason, .. } = known;
                self.errors.push(format!("{item}: the difference listed for `{view}` is gone: {reason}"));
            }
        }
        let mut listed = BTreeSet::new();
        for (reason, names) in ABSENT {
            for &name in *names {
                let rows = || self.items.iter().enumerate().filter(|(_, item)| covers(name, item));
                if rows().next().is_none() {
                    self.errors.push(format!(
                        "{name}: listed as in no header, but neither nt-sys nor wsk-sys has it"
                    ));
                } else if rows().any(|(index, _)| self.found.contains(&index)) {
                    self.errors.push(format!("{name}: listed as in no header ({reason}), but one has it"));
                }
                listed.extend(rows().map(|(index, _)| index));
            }
        }
        for (index, item) in self.items.iter().enumerate() {
            if !self.found.contains(&index) && !listed.contains(&index) {
                self.errors.push(format!("{} ({}): no header declares it", item.name, item.module));
            }
        }
        println!("{:<34} {:>4} of {}, listed", "in no header", listed.len(), self.items.len());
        if self.errors.is_empty() {
            return Ok(());
        }
        for error in &self.errors {
            eprintln!("error: {error}");
        }
        bail!("{} of {} comparisons failed", self.errors.len(), self.items.len());
    }
}

/// Whether two numbers are equal, or are the same 32 bits once taken with and once without a sign: that is a
/// matter of a constant's C type.
fn same(here: i128, there: i128) -> bool {
    let fits = |value: i128| i32::try_from(value).is_ok() || u32::try_from(value).is_ok();
    here == there || (fits(here) && fits(there) && here & 0xFFFF_FFFF == there & 0xFFFF_FFFF)
}

/// How the headers differ from the item, if they do.
fn difference(item: &Item, answer: &Answer) -> Option<String> {
    match (&item.expected, answer) {
        (Expected::Value(here), Answer::Value(there)) => {
            (!same(*here, *there)).then(|| format!("{} here, {} there", show(*here), show(*there)))
        }
        (_, Answer::Disagrees(message)) => Some(message.clone()),
        _ => None,
    }
}

/// Whether an entry of [`ABSENT`] means this item.
fn covers(name: &str, item: &Item) -> bool {
    item.declaration == name || item.name == name
}

fn explains(known: &Known, answer: &Answer) -> bool {
    match (&known.there, answer) {
        (There::Value(listed), Answer::Value(there)) => listed == there,
        (There::Prototype, Answer::Disagrees(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_32_bit_constants_do_not_matter_and_other_bits_do() {
        assert!(same(0xFFFF_FFFB, -5));
        assert!(same(0x103, 0x103));
        assert!(!same(0xC000_020D, 0xC000_020B_u32.cast_signed().into()));
        assert!(!same(0x1_0000_0000, 0));
    }
}
