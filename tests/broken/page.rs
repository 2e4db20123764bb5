//! `docs/broken-drivers.md`, from the files of the lessons and what the hosted kernel said.

use std::fmt::Write as _;

use ntos::BugCheck;

use super::Lesson;

const HEAD: &str = "\
# Broken drivers

Each of these drivers makes one mistake that WSK clients make, and that may work for months on Windows before it stops the machine, or
somebody else's driver. The hosted kernel stops at the mistake, says which rule it broke, and of which page. The right driver, beside it,
does the same without the mistake.

What you see is the dispatch routine of a request, `IRP_MJ_DEVICE_CONTROL`, by which a process asks the driver to do something.
What all of the drivers have in common is in [`client.rs`](../tests/broken/client.rs): `DriverEntry`, which registers with WSK and opens
a datagram socket, and `DriverUnload`, which closes it. From there are also `prepare`, which makes the driver's own IRP ready for the next
request, `wait`, which waits until that is completed, and `complete`, which completes the IRP of a process.

The drivers are written as they would be in C: that is what the mistakes are made in. With [`wsk`](../crates/wsk) most of them do not
compile, and the others cannot be written.

To try one: change its file in `tests/broken`, and run `cargo test --test wskdrv broken`. This page is made of the same files
by the same test (`UPDATE_EXPECT=1` writes it), so what it says the kernel says is what it said. Addresses and the numbers of
objects are left out.
";

/// The page.
pub(super) fn page(lessons: &[Lesson], reports: &[BugCheck]) -> String {
    let mut page = String::from(HEAD);
    for (number, lesson) in lessons.iter().enumerate() {
        let title = Parts::of(lesson).title;
        let _ = write!(page, "\n{}. [{title}](#{})", number + 1, anchor(number + 1, title));
    }
    page.push('\n');
    for (number, (lesson, report)) in lessons.iter().zip(reports).enumerate() {
        let Parts { title, problem, instead, shared, wrong, right } = Parts::of(lesson);
        let shared = if shared.is_empty() { String::new() } else { format!("{shared}\n\n") };
        let _ = write!(
            page,
            "\n## {}. {title}\n\n{problem}\n\n```rust\n{shared}{wrong}\n```\n\nThe hosted kernel:\n\n```text\n{}\n```\n\n\
             **Instead:** {instead}\n\n```rust\n{right}\n```\n\n[The whole file](../tests/broken/{}.rs)\n",
            number + 1,
            plain(&report.to_string()),
            lesson.file,
        );
    }
    page
}

/// The parts of a lesson's file.
struct Parts<'a> {
    title: &'a str,
    problem: String,
    instead: String,
    /// What both drivers use.
    shared: &'a str,
    wrong: &'a str,
    right: &'a str,
}

impl Parts<'_> {
    fn of(lesson: &Lesson) -> Parts<'_> {
        let (prose, code) = lesson.text.split_once("\nuse ").expect("imports");
        let prose: Vec<&str> = prose.lines().map(|line| line.trim_start_matches("//!").trim()).collect();
        let (title, prose) = prose.split_first().expect("a title");
        let title = title.trim_end_matches('.');
        let text = |lines: &[&str]| lines.join("\n").trim().to_owned();
        let heading = prose.iter().position(|line| *line == "# Instead").expect("`# Instead`");
        let (code, right) = code.split_once("\n// right\n").expect("`// right`");
        let (shared, wrong) = code.split_once("\n// wrong\n").expect("`// wrong`");
        // Without what is left of the imports.
        let shared = shared.rsplit_once("use wsk_sys::*;").expect("the last import").1.trim();
        let (problem, instead) = (text(&prose[..heading]), text(&prose[heading + 1..]));
        Parts { title, problem, instead, shared, wrong: wrong.trim_end(), right: right.trim_end() }
    }
}

/// What a heading is called in links.
fn anchor(number: usize, title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    let name: String = kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect();
    format!("{number}-{name}")
}

/// A report without what differs from run to run: addresses, the numbers of objects, where something was allocated.
fn plain(report: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in report.lines() {
        let end = [" (RUST_BACKTRACE", ", allocated by ", " (the program has no debug"].iter();
        let line = end.filter_map(|text| line.find(text)).min().map_or(line, |end| &line[..end]);
        lines.push(without_numbers(line));
    }
    lines.join("\n")
}

/// Replaces addresses, which have more than eight hexadecimal digits, and what follows a `#`.
fn without_numbers(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['#', 'x']) {
        let (before, number) = rest.split_at(at + 1);
        plain.push_str(before);
        let address = number.len() - number.trim_start_matches(|c: char| c.is_ascii_hexdigit()).len();
        let decimal = number.len() - number.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let length = match before.as_bytes() {
            [.., b'#'] => decimal,
            [.., b'0', b'x'] if address > 8 => address,
            _ => 0,
        };
        if length != 0 {
            plain.push('N');
        }
        rest = &number[length..];
    }
    plain + rest
}

#[test]
fn what_differs_from_run_to_run_is_left_out() {
    let line = "IRP #12 at 0x7f00deadbee0, exact x, 0x000000C4 and #a";
    assert_eq!(without_numbers(line), "IRP #N at 0xN, exact x, 0x000000C4 and #a");
}
