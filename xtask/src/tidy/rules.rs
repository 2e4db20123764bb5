//! The rules for text, line by line.

/// A breach of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) what: String,
}

/// The longest source file: one idea each.
const MAX_LINES: usize = 500;

/// Beginnings of paths of a machine that somebody worked on. Split, so that this file keeps its own rule.
const MACHINE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Marks of unfinished work.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];

/// Reasons that are none, after the mark of an unsafe block's comment.
const EMPTY_REASONS: [&str; 3] = ["ffi call", "valid pointer", "as required"];

/// What comments do not say: that a fact stands elsewhere, and words that only this project would understand.
const NOT_SAID: [&str; 3] = ["as above", "of use alone", "what becomes of"];
const NOT_USED: [&str; 7] = ["door", "doors", "flew", "flown", "kin", "landed", "lands"];

/// Words that may well stand twice.
const MAY_REPEAT: [&str; 2] = ["had", "that"];

/// The breaches in a file, by the last part of its name.
pub(super) fn faults(kind: &str, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        let mut fault = |what: String| faults.push(Fault { line: index + 1, what });
        if kind == "md" && line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        for path in MACHINE_PATHS.iter().filter(|path| line.contains(**path)) {
            fault(format!("a machine's path: {path}"));
        }
        for mark in UNFINISHED.iter().filter(|mark| line.contains(**mark)) {
            fault(format!("unfinished: {mark}"));
        }
        if line.ends_with([' ', '\t']) {
            fault("space at the end of the line".into());
        }
        let comment = if kind == "rs" { comment(line) } else { Some(line) };
        if let Some(reason) = comment.and_then(|comment| comment.split_once(concat!("SAFE", "TY:"))) {
            let reason = reason.1.trim().trim_end_matches('.').to_lowercase();
            if EMPTY_REASONS.contains(&reason.as_str()) {
                fault(format!("a safety comment without a fact: {reason}"));
            }
        }
        if let Some(prose) = comment.filter(|_| matches!(kind, "rs" | "md") && !fenced) {
            if let Some(word) = doubled(prose) {
                fault(format!("a word twice: {word} {word}"));
            }
            if let Some(said) = private(prose).filter(|_| kind == "rs") {
                fault(format!("say it in the words of the field, or name the fact: {said}"));
            }
        }
    }
    let lines = text.lines().count();
    if kind == "rs" && lines > MAX_LINES {
        faults.push(Fault { line: lines, what: format!("more than {MAX_LINES} lines: split the file") });
    }
    if !text.is_empty() && !text.ends_with('\n') {
        faults.push(Fault { line: lines, what: "no newline at the end".into() });
    }
    faults
}

/// The text of a line that is all comment.
fn comment(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!']))
}

/// The first of what comments do not say.
fn private(prose: &str) -> Option<&'static str> {
    let prose = prose.to_lowercase();
    let mut words = prose.split(|character: char| !character.is_alphanumeric());
    let word = words.find_map(|word| NOT_USED.iter().find(|unused| **unused == word));
    word.or_else(|| NOT_SAID.iter().find(|unsaid| prose.contains(**unsaid))).copied()
}

/// The first word that stands twice in a row, with only spaces between.
fn doubled(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(2).find_map(|pair| {
        let [first, second] = pair else { return None };
        // What follows the second word may be punctuation; what follows the first may not.
        let second = second.trim_end_matches(|character: char| !character.is_alphanumeric());
        let word = first.chars().all(char::is_alphabetic) && first.eq_ignore_ascii_case(second);
        (word && !MAY_REPEAT.contains(&first.to_lowercase().as_str())).then_some(*first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: &str, text: &str) -> Vec<String> {
        faults(kind, text).into_iter().map(|fault| fault.what).collect()
    }

    #[test]
    fn every_rule_finds_its_breach() {
        assert_eq!(found("sh", &format!("cd {}me\n", MACHINE_PATHS[2])).len(), 1);
        assert_eq!(
            found("toml", &format!("# {}\n", UNFINISHED[0])),
            [format!("unfinished: {}", UNFINISHED[0])]
        );
        assert_eq!(found("md", "two  \n"), ["space at the end of the line"]);
        let empty = format!("    // {} Valid pointer.\n", concat!("SAFE", "TY:"));
        assert_eq!(found("rs", &empty), ["a safety comment without a fact: valid pointer"]);
        assert_eq!(found("rs", "// it is is here\n"), ["a word twice: is is"]);
        assert_eq!(found("md", "at the the.\n"), ["a word twice: the the"]);
        assert_eq!(found("rs", "// SAFETY: as above.\n").len(), 1);
        assert_eq!(found("rs", "/// The two Doors.\n").len(), 1);
        assert_eq!(found("md", "no end"), ["no newline at the end"]);
        assert_eq!(found("rs", &"\n".repeat(MAX_LINES + 1)).len(), 1);
    }

    #[test]
    fn code_and_fenced_text_may_repeat_words() {
        assert!(found("rs", "let x = is is;\n").is_empty());
        assert!(found("md", "```\nstop stop\n```\nand and1\n").is_empty());
        assert!(found("md", "| 0 | 0 |\n").is_empty());
        assert!(found("rs", "let door = kin; // An island.\n").is_empty());
        assert!(found("rs", &"\n".repeat(MAX_LINES)).is_empty());
    }
}
