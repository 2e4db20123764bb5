//! The text of an INF, as sections of entries.
//!
//! The parser is our own. `rust-ini` and `configparser` read another language: they know neither a value without a key
//! nor a list of values, nor `%strings%`, nor a backslash that continues a line. `inf-rs` reads INFs, but needs a
//! nightly compiler, keeps the last of two sections of the same name instead of both, keeps no order, no line numbers
//! and no separate values, and reads only files. What follows is Microsoft's page "General Syntax Rules for INF Files".

use anyhow::{Context, Result, bail};

/// An INF. Sections stand in the order of their first lines; those of the same name are one, as they are to Windows.
#[derive(Debug, Default)]
pub(super) struct Inf {
    pub(super) sections: Vec<Section>,
    /// What is not in the language, by its line.
    pub(super) errors: Vec<(usize, String)>,
}

#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
    /// Counted from 1, like every line here.
    pub(super) line: usize,
    pub(super) entries: Vec<Entry>,
}

/// A line `key = value, value`, or one without a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) key: Option<String>,
    /// Without the quotation marks, with the `%strings%` as they stand.
    pub(super) values: Vec<String>,
}

/// The text of a file: ASCII, or UTF-16 with its byte order mark.
///
/// # Errors
/// It is neither, so what Windows reads depends on the code page of the machine.
pub(super) fn decode(bytes: &[u8]) -> Result<String> {
    if let Some(rest) = bytes.strip_prefix(&[0xFF, 0xFE]) {
        let (units, odd) = rest.as_chunks::<2>();
        if !odd.is_empty() {
            bail!("the file begins as UTF-16 and ends in the middle of a character");
        }
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        return String::from_utf16(&units).context("the file begins as UTF-16 and is not");
    }
    match bytes.iter().position(|byte| !byte.is_ascii()) {
        None => Ok(bytes.iter().copied().map(char::from).collect()),
        Some(at) => {
            let line = bytes[..at].split(|byte| *byte == b'\n').count();
            bail!(
                "line {line}: a byte that is not ASCII: write plain ASCII, or the whole file as UTF-16 with its mark"
            )
        }
    }
}

impl Inf {
    pub(super) fn parse(text: &str) -> Inf {
        let mut inf = Inf::default();
        let mut current = None;
        let mut lines = text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            let line_number = index + 1;
            let mut fields = Fields::default();
            fields.read(line);
            while fields.continues {
                fields.continues = false;
                match lines.next() {
                    Some((_, next)) => fields.read(next),
                    None => inf
                        .errors
                        .push((line_number, "a backslash continues the last line: remove it".into())),
                }
            }
            let Some(error) = fields.error else {
                inf.take(line_number, fields.finish(), &mut current);
                continue;
            };
            inf.errors.push((line_number, error.into()));
        }
        inf
    }

    /// Puts a line where it belongs.
    fn take(&mut self, line: usize, fields: Line, current: &mut Option<usize>) {
        match fields {
            Line::Empty => {}
            Line::Section(name) => {
                let same = |section: &Section| section.name.eq_ignore_ascii_case(&name);
                *current = self.sections.iter().position(same).or_else(|| {
                    self.sections.push(Section { name, line, entries: Vec::new() });
                    Some(self.sections.len() - 1)
                });
            }
            Line::Entry { key, values } => match *current {
                Some(section) => self.sections[section].entries.push(Entry { line, key, values }),
                None => self.errors.push((line, "an entry before the first section: put it into one".into())),
            },
            Line::Broken(what) => self.errors.push((line, what.into())),
        }
    }

    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name.eq_ignore_ascii_case(name))
    }
}

impl Section {
    /// The entries with a key.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.has_key(key))
    }

    /// The first entry with a key.
    pub(super) fn get<'a>(&'a self, key: &'a str) -> Option<&'a Entry> {
        self.all(key).next()
    }

    /// The first value of the first entry with a key.
    pub(super) fn value<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        self.get(key)?.value(0)
    }
}

impl Entry {
    pub(super) fn has_key(&self, key: &str) -> bool {
        self.key.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(key))
    }

    /// A value that is there and not empty.
    pub(super) fn value(&self, index: usize) -> Option<&str> {
        self.values.get(index).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// What a line is, after its continuations.
enum Line {
    Empty,
    Section(String),
    Entry { key: Option<String>, values: Vec<String> },
    Broken(&'static str),
}

/// The fields of a line, as they are read.
#[derive(Default)]
struct Fields {
    key: Option<String>,
    done: Vec<String>,
    field: String,
    /// The length of `field` up to the last character that counts at its end: not a space outside quotation marks.
    kept: usize,
    /// Something other than a space was seen.
    any: bool,
    section: bool,
    continues: bool,
    error: Option<&'static str>,
}

impl Fields {
    /// Reads a line, up to its comment.
    fn read(&mut self, line: &str) {
        let (mut quoted, mut token) = (false, false);
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '"' if quoted && characters.peek() == Some(&'"') => {
                    characters.next();
                    self.keep('"');
                }
                '"' => {
                    quoted = !quoted;
                    self.any = true;
                    self.kept = self.field.len();
                }
                _ if quoted => self.keep(character),
                ';' if !token => break,
                '[' if !self.any => (self.any, self.section) = (true, true),
                '=' if !token && !self.section && self.key.is_none() && self.done.is_empty() => {
                    self.key = Some(self.end_field());
                }
                ',' if !self.section => {
                    let field = self.end_field();
                    self.done.push(field);
                }
                '\\' if rest_is_comment(characters.clone()) => {
                    self.continues = true;
                    break;
                }
                _ if character.is_whitespace() => {
                    if !self.field.is_empty() {
                        self.field.push(' ');
                    }
                }
                _ => {
                    if character == '%' {
                        token = !token;
                    }
                    self.keep(character);
                }
            }
        }
        if quoted {
            self.error = Some("a quotation mark without its other half: add it");
        } else if token {
            self.error = Some("a per cent sign without its other half: add it, or double it to mean itself");
        }
    }

    fn keep(&mut self, character: char) {
        self.any = true;
        self.field.push(character);
        self.kept = self.field.len();
    }

    fn end_field(&mut self) -> String {
        self.field.truncate(self.kept);
        self.kept = 0;
        self.any = true;
        std::mem::take(&mut self.field)
    }

    fn finish(mut self) -> Line {
        if !self.any {
            return Line::Empty;
        }
        let last = self.end_field();
        if self.section {
            return match last.strip_suffix(']') {
                Some(name) if !name.trim().is_empty() && !name.contains([']', '[']) => {
                    Line::Section(name.trim().to_owned())
                }
                _ => Line::Broken("the name of a section that is none: write [Name]"),
            };
        }
        if self.key.as_deref() == Some("") {
            return Line::Broken("a value without the name before its equals sign: write it");
        }
        self.done.push(last);
        Line::Entry { key: self.key, values: self.done }
    }
}

/// Whether nothing follows but spaces and a comment.
fn rest_is_comment(rest: impl Iterator<Item = char>) -> bool {
    let mut rest = rest.skip_while(|character| character.is_whitespace());
    matches!(rest.next(), None | Some(';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The entries of a text's only section.
    fn entries(text: &str) -> Vec<(Option<String>, Vec<String>)> {
        let mut inf = Inf::parse(&format!("[S]\n{text}"));
        assert_eq!(inf.errors, []);
        inf.sections.remove(0).entries.into_iter().map(|entry| (entry.key, entry.values)).collect()
    }

    fn one(text: &str) -> (Option<String>, Vec<String>) {
        entries(text).remove(0)
    }

    #[test]
    fn keys_values_comments() {
        assert_eq!(one("a=b"), (Some("a".into()), vec!["b".into()]));
        assert_eq!(one("  a  =  b c , d  ; and so on"), (Some("a".into()), vec!["b c".into(), "d".into()]));
        assert_eq!(one("file.sys"), (None, vec!["file.sys".into()]));
        assert_eq!(one("HKR,,Name,,a=b").1, ["HKR", "", "Name", "", "a=b"]);
        assert_eq!(one("a ="), (Some("a".into()), vec![String::new()]));
        assert_eq!(one("a,"), (None, vec!["a".into(), String::new()]));
        assert!(entries("; nothing\n\n   \n\t;\n").is_empty());
    }

    #[test]
    fn quotation_marks_keep_what_they_hold() {
        assert_eq!(one(r#"a = "x; y, z = "" \" "#).1, [r#"x; y, z = " \"#]);
        assert_eq!(one(r#"a = " x " "#).1, [" x "]);
        assert_eq!(one(r#"a = "",b"#).1, ["", "b"]);
        assert_eq!(one("a = %one;two%, %%three").1, ["%one;two%", "%%three"]);
    }

    #[test]
    fn backslash_continues_a_line() {
        assert_eq!(one("a = \"dir\\\"\\ ; comment\n ,file").1, ["dir\\", "file"]);
        assert_eq!(one("a = b,\\\n  c,\\\n  d").1, ["b", "c", "d"]);
        assert_eq!(one("a = %13%\\x.sys").1, ["%13%\\x.sys"]);
    }

    #[test]
    fn sections_of_one_name_are_one() {
        let inf = Inf::parse("[A] ; first\nx\n[B]\ny\n[a]\nz\n");
        assert_eq!(inf.sections.len(), 2);
        let section = inf.section("a").unwrap();
        assert_eq!(section.line, 1);
        assert_eq!(section.entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [2, 6]);
    }

    #[test]
    fn what_is_not_the_language_is_told_with_its_line() {
        for (text, line) in [
            ("x = y\n[A]\n", 1),
            ("[A]\nx = \"y\n", 2),
            ("[A]\n\nx = %y\n", 3),
            ("[A\n", 1),
            ("[]\n", 1),
            ("[A]\n= y\n", 2),
            ("[A]\nx = y \\", 2),
        ] {
            let errors = Inf::parse(text).errors;
            assert_eq!(errors.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [line], "{text:?}");
        }
    }

    #[test]
    fn encodings() {
        assert_eq!(decode(b"[A]").unwrap(), "[A]");
        assert_eq!(decode(b"\xFF\xFEA\0\xE9\0").unwrap(), "A\u{e9}");
        assert!(decode(b"\xFF\xFEA").is_err());
        assert!(decode(b"\xFF\xFE\x00\xD8").is_err());
        assert!(decode("\u{feff}[A]".as_bytes()).is_err());
        assert!(decode("a\n\u{e9}".as_bytes()).unwrap_err().to_string().starts_with("line 2:"));
    }
}
