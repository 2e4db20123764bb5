//! The table of a part of the page, and the counts of all.

use std::fmt::Write as _;

use readings::{About, Evidence, Probe, Reading, Strength};

use crate::runs::Observed;

/// A row for each question, with what Windows was seen to do.
pub(super) fn of(part: &[&About], seen: &[Observed]) -> String {
    let mut table = String::from(
        "| question | readings | Windows | why the strict one | probe |\n|---|---|---|---|---|\n",
    );
    for about in part {
        let cells =
            [question(about), readings(about), windows(about, seen), about.why.to_owned(), probe(about)];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        writeln!(table, "| {} |", cells.join(" | ")).expect("a String takes all");
    }
    table
}

/// How many questions there are, and what is known of them.
pub(super) fn summary(parts: &[&[&About]]) -> String {
    let all: Vec<_> = parts.iter().copied().flatten().collect();
    let count = |is: fn(&About) -> bool| all.iter().filter(|about| is(about)).count();
    format!(
        "| questions | followed in more than one way | where `windows` is not the strict one | with evidence, of user mode \
         only | with evidence of the kernel | asked by `wskctl probe` |\n|---|---|---|---|---|---|\n| {} | {} | {} | {} | {} | {} |\n",
        all.len(),
        count(|about| about.followed.len() > 1),
        count(|about| about.windows != about.strict),
        count(|about| supported(about).is_some_and(|strength| strength == Strength::UserMode)),
        count(|about| supported(about).is_some_and(|strength| strength != Strength::UserMode)),
        count(|about| about.probe == Probe::Asked),
    )
}

/// How much the strongest evidence counts that supports a reading.
fn supported(about: &About) -> Option<Strength> {
    about
        .evidence
        .iter()
        .filter(|evidence| evidence.supports.is_some())
        .map(|evidence| evidence.strength)
        .min()
}

fn question(about: &About) -> String {
    format!("{}<br>`{}`", about.question, about.id)
}

/// The readings: those that are followed, and by which profile; then the others.
fn readings(about: &About) -> String {
    let mut lines = Vec::new();
    for (number, Reading { name, text }) in about.followed.iter().enumerate() {
        let by = match (number == about.strict, number == about.windows) {
            (true, true) => " (strict, windows)",
            (true, false) => " (strict)",
            (false, true) => " (windows)",
            (false, false) => "",
        };
        // One reading, and no other that is possible: its name says nothing.
        let alone = about.readings().count() == 1;
        lines.push(if alone { (*text).to_owned() } else { format!("`{name}`{by}: {text}") });
    }
    lines
        .extend(about.others.iter().map(|Reading { name, text }| format!("`{name}` (not followed): {text}")));
    lines.extend(about.unfollowed.map(|reason| format!("Not followed, as {reason}")));
    lines.join("<br>")
}

/// What is known of Windows: first what was seen, build by build.
fn windows(about: &About, seen: &[Observed]) -> String {
    let seen = seen.iter().filter(|one| one.question == about.id);
    let seen: Vec<_> = seen
        .map(|Observed { reading, build, .. }| format!("`{reading}`, observed on build {build}"))
        .collect();
    if about.evidence.is_empty() && seen.is_empty() {
        return "nothing known".to_owned();
    }
    let line = |Evidence { supports, strength, source }: &Evidence| {
        let strength = match strength {
            Strength::Documented => "documented",
            Strength::Tested => "tested",
            Strength::Shipping => "a driver that ships",
            Strength::Reported => "reported",
            Strength::UserMode => "user mode",
        };
        match supports {
            Some(name) if about.readings().count() > 1 => format!("`{name}`, {strength}: {source}"),
            _ => format!("{strength}: {source}"),
        }
    };
    seen.into_iter().chain(about.evidence.iter().map(line)).collect::<Vec<_>>().join("<br>")
}

fn probe(about: &About) -> String {
    match about.probe {
        Probe::Asked => "asked".to_owned(),
        Probe::NotAsked(reason) => format!("no: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use readings::{Part, Question, ReceiveTruncated};

    use super::*;

    #[test]
    fn a_row_has_the_readings_and_who_follows_them() {
        let on = |question: &str, reading: &str, build: &str| Observed {
            question: question.to_owned(),
            reading: reading.to_owned(),
            build: build.to_owned(),
        };
        let seen = [
            on("receive-truncated", "overflow", "10.0.26100.1"),
            on("receive-truncated", "success", "10.0.20348.1"),
            on("another", "refused", "10.0.20348.1"),
        ];
        let table = of(&[&ReceiveTruncated::ABOUT], &seen);
        let row = table.lines().nth(2).unwrap();
        assert!(row.contains("<br>`receive-truncated` | `success` (strict"), "{row}");
        assert!(
            row.contains("`overflow` (windows): ") && row.contains("`refused` (not followed): "),
            "{row}"
        );
        assert!(row.contains("`overflow`, user mode: "), "{row}");
        let observed = "| `overflow`, observed on build 10.0.26100.1<br>`success`, observed on build 10.0.20348.1<br>`overflow`, user";
        assert!(row.contains(observed) && !row.contains("`refused`, observed"), "{row}");
    }

    #[test]
    fn a_bar_within_a_cell_ends_none() {
        let about = About {
            id: "x",
            part: Part::Kernel,
            question: "a | b",
            followed: &[Reading { name: "y", text: "z" }],
            others: &[],
            unfollowed: None,
            strict: 0,
            windows: 0,
            why: "w",
            evidence: &[],
            probe: Probe::NotAsked("r"),
        };
        assert_eq!(
            of(&[&about], &[]).lines().nth(2),
            Some("| a \\| b<br>`x` | z | nothing known | w | no: r |")
        );
        assert!(summary(&[&[&about]]).ends_with("| 1 | 0 | 0 | 0 | 0 | 0 |\n"));
    }
}
