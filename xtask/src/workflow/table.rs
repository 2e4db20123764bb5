//! The table of the phases, for `docs/windows.md`.

use std::fmt::Write as _;

use super::Phase;

/// The table, and below it the commands.
pub(super) fn table(phases: &[Phase]) -> String {
    let mut text = "| phase | what it does |\n|---|---|\n".to_owned();
    for Phase { name, about, .. } in phases {
        let _ = writeln!(text, "| `{name}` | {about} |");
    }
    text.push_str("\nTheir commands:\n\n```text\n");
    for Phase { name, lines, after_failure, .. } in phases {
        let _ = writeln!(text, "{name}");
        for line in lines {
            let _ = writeln!(text, "    {}", plain(line));
        }
        for line in after_failure {
            let _ = writeln!(text, "    if it has failed: {}", plain(line));
        }
    }
    text.push_str("```\n");
    text
}

/// The line as one would type it: the device is the default, and what stands in angle brackets has no quotes.
fn plain(line: &str) -> String {
    let line = line.replace(r#" --device "<device>""#, "");
    let words =
        line.split(' ').map(|word| match word.strip_prefix("\"<").and_then(|rest| rest.strip_suffix('"')) {
            Some(rest) => format!("<{rest}"),
            None => word.to_owned(),
        });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_one_would_type_it() {
        assert_eq!(plain(r#"wskctl --device "<device>" demo"#), "wskctl demo");
        assert_eq!(plain(r#"certutil -dump "<certificate>""#), "certutil -dump <certificate>");
        assert_eq!(
            plain(r#"powershell -Command "a '<folder>' | b""#),
            r#"powershell -Command "a '<folder>' | b""#
        );
    }
}
